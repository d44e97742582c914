#!/usr/bin/env python3
"""Measures whole runs of custom-opencti, as integratord starts them, against a Python interpreter's bare start.

    cargo build --release --locked
    python3 bin-integration/benches/one_shot.py target/release/custom-opencti [RUNS]

For each kind of run: wall time, CPU time (user and system) and the largest resident size, each as the median of RUNS
processes (default 100), measured by wait4(2). The runs of all kinds alternate, so that a busy machine hits all alike.
The server is in this process, on the loopback interface, and answers at once; its time is in the wall time only.
"""
import http.server, json, os, pathlib, socket, statistics, sys, tempfile, threading, time

INDICATOR = {
    "__typename": "Indicator", "id": "8c5b1f0e-2f5d-4d0e-9d0a-1f0b3c5d7e9f", "entity_type": "Indicator",
    "standard_id": "indicator--1b2c3d4e-5f60-5a7b-8c9d-0e1f2a3b4c5d", "name": "PaperCrane command server",
    "pattern": "[ipv4-addr:value = '45.77.12.9']", "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00.000Z",
    "valid_until": "2037-01-01T00:00:00.000Z", "revoked": False, "confidence": 80, "x_opencti_score": 90,
    "x_opencti_detection": True, "indicator_types": ["malicious-activity"], "x_mitre_platforms": [],
    "objectMarking": [], "objectLabel": [], "killChainPhases": [], "createdBy": None,
}
PAGE = {"endCursor": "", "hasNextPage": False, "globalCount": 0}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Header and body would otherwise leave in two packets, the second waiting for an acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        hit = "45.77.12.9" in json.dumps(request["variables"])
        nothing = {"edges": [], "pageInfo": PAGE}
        found = {"edges": [{"node": INDICATOR}], "pageInfo": PAGE} if hit else nothing
        data = {
            "IocLookup": {"stixCyberObservables": nothing, "indicators": found},
            "ThreatContext": {"stixCoreRelationships": nothing, "reports": nothing},
        }[request["operationName"]]
        body = json.dumps({"data": data}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass


def alert(address):
    return {
        "timestamp": "2026-04-02T08:01:10.123+0000", "id": "1775117001.10137", "location": "EventChannel",
        "rule": {"level": 5, "id": "92101", "description": "Sysmon - network connection", "groups": ["sysmon"]},
        "agent": {"id": "011", "name": "ws-finance-3", "ip": "10.20.4.31"}, "manager": {"name": "wazuh"},
        "decoder": {"name": "windows_eventchannel"},
        "data": {"win": {
            "system": {"providerName": "Microsoft-Windows-Sysmon", "eventID": "3", "computer": "ws-finance-3"},
            "eventdata": {"image": "C:\\\\Temp\\\\crane.exe", "sourceIp": "10.20.4.31", "destinationIp": address},
        }},
    }


def run(argv, environment):
    """One process: seconds of wall time, milliseconds of CPU, MB resident, exit status."""
    begun = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, environment, file_actions=[
        (os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)])
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - begun
    return wall * 1e3, (used.ru_utime + used.ru_stime) * 1e3, used.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/graphql"
    with tempfile.TemporaryDirectory() as home:
        for folder in ("queue/sockets", "logs", "var"):
            os.makedirs(f"{home}/{folder}")
        queue = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        queue.bind(f"{home}/queue/sockets/queue")
        events = []
        threading.Thread(target=lambda: [events.append(queue.recv(65535)) for _ in iter(int, 1)], daemon=True).start()
        kinds = {}
        for name, address in (("hit", "45.77.12.9"), ("miss", "45.77.12.10"), ("skipped", "10.1.1.1")):
            path = f"{home}/{name}.alert"
            pathlib.Path(path).write_text(json.dumps(alert(address)) + "\n")
            argv = [program, path, "token", url, "", "", "10", "3", "> /dev/null 2>&1"]
            kinds[name] = (argv, {"WAZUH_HOME": home})
        python = [sys.executable, "-c", "import ssl, json, http.client"]
        kinds["python"] = (python, {"PATH": os.environ["PATH"]})
        results = {name: [] for name in kinds}
        for _ in range(runs + 1):
            for name, (argv, environment) in kinds.items():
                results[name].append(run(argv, environment))
        # The first round warms the page cache.
        results = {name: rows[1:] for name, rows in results.items()}
        for name, rows in results.items():
            assert all(row[3] == 0 for row in rows), f"{name}: exit codes {sorted({row[3] for row in rows})}"
        assert len(events) == runs + 1, f"{len(events)} events for {runs + 1} hits"
    median = {name: [statistics.median(column) for column in list(zip(*rows))[:3]] for name, rows in results.items()}
    print(f"{runs} runs of each kind, medians")
    print(f"{'':34}{'wall ms':>9}{'CPU ms':>9}{'RSS MB':>9}{'CPU, Python ÷ this':>21}")
    titles = {"hit": "hit: 2 requests, 1 event", "miss": "miss: 1 request", "skipped": "skipped: nothing to look up",
              "python": "python3 -c 'import ssl, json, …'"}
    for name, (wall, cpu, rss) in median.items():
        ratio = "" if name == "python" else f"{median['python'][1] / cpu:.1f}"
        print(f"{titles[name]:34}{wall:9.2f}{cpu:9.2f}{rss:9.1f}{ratio:>21}")


if __name__ == "__main__":
    main()
