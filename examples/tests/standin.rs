//! The program against a stand-in for OpenCTI, which refuses what OpenCTI would refuse: the schema, the filters and
//! the errors are those of the real one.
//!
//! The stand-in is not part of this repository: `CONFORMANCE_DATA` says where it is. Without it these tests say so and
//! pass; with it, whatever is missing is a failure.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like tests")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::Duration;

use serde_json::{Value, json};
use support::case::Queue;
use support::home::{Call, Ended, Home};
use support::{TOKEN, show};

/// The running stand-in, ended when dropped.
struct StandIn {
    process: Child,
    address: String,
}

impl StandIn {
    /// `None` when there is none here.
    fn start() -> Option<Self> {
        let Some(data) = std::env::var_os("CONFORMANCE_DATA").map(PathBuf::from) else {
            static SAID: Once = Once::new();
            // The harness hides what a passing test prints by the macros.
            SAID.call_once(|| {
                let _ = writeln!(std::io::stderr(), "skipped: CONFORMANCE_DATA is not set");
            });
            return None;
        };
        let mut command = Command::new("python3");
        command.arg(data.join("standin/opencti.py")).args(["--port", "0", "--token", TOKEN]);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let port = port.trim();
        assert!(
            !port.is_empty(),
            "the stand-in did not start: has python3 graphql-core (pip install graphql-core)?"
        );
        Some(Self { process, address: format!("127.0.0.1:{port}") })
    }

    fn url(&self) -> String {
        format!("http://{}/graphql", self.address)
    }

    fn http(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
        serde_json::from_str(body).unwrap()
    }

    /// The next `times` requests fail so; all of them when it is 0.
    fn fault(&self, kind: &str, times: u32) {
        self.http("POST", "/_control/fault", &json!({"kind": kind, "times": times, "ms": 30_000}));
    }

    /// Requests since the start.
    fn requests(&self) -> u64 {
        self.http("GET", "/_control/stats", &json!({}))["requests"].as_u64().unwrap()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An alert with this `data`.
fn alert(data: &Value) -> Vec<u8> {
    let alert = json!({
        "timestamp": "2026-06-01T12:00:00.000+0000", "id": "1780315200.4711", "location": "/var/log/app.json",
        "rule": {"level": 5, "id": "100500", "description": "Test", "groups": ["local"]},
        "agent": {"id": "007", "name": "host-7", "ip": "10.1.1.7"}, "manager": {"name": "wazuh-manager"},
        "decoder": {"name": "json"}, "data": data,
    });
    (alert.to_string() + "\n").into_bytes()
}

fn run_on(home: &Home, url: &str, alert: &[u8], timeout_s: u32, retries: u32) -> Ended {
    // The stand-in's names are those reserved for documentation.
    let options = json!({"policy": {"lookup_private_addresses": true}});
    let call = Call {
        alert: Some(alert),
        token_file: false,
        hook_url: url,
        options: Some(&options),
        timeout_s,
        retries,
        debug: false,
    };
    let ended = home.run(&call);
    assert!(ended.took < Duration::from_secs(timeout_s.into()), "took {:?}", ended.took);
    assert!(!ended.output.contains(TOKEN));
    home.check_no_token();
    ended
}

/// What an event says, in a line.
fn told(event: &Value) -> String {
    let body = &event["opencti"];
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or("-").to_owned();
    let name = match body.get("related") {
        Some(_) => format!(
            "{} {} {}",
            text("/related/relationship"),
            text("/related/value"),
            text("/related/indicator/name")
        ),
        None => text("/indicator/name"),
    };
    format!("{} {} {}: {name}", text("/event_type"), text("/match/how"), text("/match/value"))
}

/// The events of one run that ends well.
fn events(home: &Home, server: &StandIn, data: &Value) -> Vec<Value> {
    let ended = run_on(home, &server.url(), &alert(data), 10, 0);
    assert_eq!(ended.code, 0, "{data}: {}", ended.output);
    home.datagrams().iter().map(|line| show::parts(line).1).collect()
}

#[test]
fn what_is_known_is_found() {
    let Some(server) = StandIn::start() else { return };
    let home = Home::new(Queue::Open);
    let mut shown = String::new();
    for (what, data) in [
        ("address", json!({"srcip": "45.155.205.10"})),
        ("address without observable", json!({"srcip": "45.155.205.234"})),
        ("address in OR", json!({"srcip": "45.155.205.42"})),
        ("address in AND", json!({"srcip": "45.155.205.51"})),
        ("both of the AND", json!({"srcip": "45.155.205.51", "dns": {"rrname": "and.example.org"}})),
        ("address in a list", json!({"srcip": "45.155.205.32"})),
        ("address in networks", json!({"srcip": "185.220.101.9"})),
        ("address in one network of two", json!({"srcip": "185.220.101.200"})),
        ("address of a flow", json!({"src_ip": "10.1.1.7", "dest_ip": "45.155.205.65", "dest_port": "443"})),
        ("address with several indicators", json!({"srcip": "45.155.205.99"})),
        ("address that another's observable resolves to", json!({"srcip": "45.155.205.200"})),
        ("IPv6", json!({"srcip": "2a0e:b107::bad:1"})),
        ("IPv6, spelled out", json!({"srcip": "2A0E:B107:0:0:0:0:BAD:1"})),
        ("domain", json!({"dns": {"rrname": "evil.example.com"}})),
        ("domain in upper case", json!({"dns": {"rrname": "EVIL.example.COM"}})),
        ("domain stored in mixed case", json!({"dns": {"rrname": "mixed.example.net"}})),
        ("name below a domain", json!({"dns": {"rrname": "a.b.evil.example.com"}})),
        ("domain of a pattern of two kinds", json!({"dns": {"rrname": "multi.example.org"}})),
        ("related domain", json!({"dns": {"rrname": "related.example.com"}})),
        ("URL", json!({"url": "http://evil.example.com/path/a.php?id=1&x=%20y"})),
        ("URL with quote and backslash", json!({"url": "http://evil.example.com/o'brien\\x"})),
        ("e-mail address", json!({"office365": {"P1Sender": "bad@evil.example.com"}})),
        (
            "registry key",
            json!({"win": {"system": {"providerName": "Microsoft-Windows-Sysmon", "eventID": "13"},
            "eventdata": {"targetObject": "HKLM\\\\Software\\\\Evil"}}}),
        ),
        ("hash of the empty file", json!({"md5": "d41d8cd98f00b204e9800998ecf8427e"})),
        ("revoked", json!({"srcip": "45.155.205.80"})),
        ("expired", json!({"srcip": "45.155.205.71"})),
        ("not yet valid", json!({"srcip": "45.155.205.73"})),
        ("observable without indicator", json!({"srcip": "45.155.205.111"})),
        ("the other side of !=", json!({"dns": {"rrname": "some.example.com"}})),
    ] {
        let before = server.requests();
        let events = events(&home, &server, &data);
        let requests = server.requests() - before;
        assert!(requests <= 4, "{what}: {requests} requests");
        shown.push_str(&format!("{what} ({requests} requests)\n"));
        for event in &events {
            shown.push_str(&format!("  {}\n", told(event)));
        }
    }
    insta::assert_snapshot!("standin-hits", shown);
}

/// How feeds spell a file's hash in a pattern, and the hash.
const HASHES: [(&str, &str); 8] = [
    ("hashes.MD5", "5d41402abc4b2a76b9719d911017c592"),
    ("hashes.'MD5'", "7d793037a0760186574b0282f2f435e7"),
    ("hashes.'SHA-1'", "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"),
    ("hashes.SHA1", "7c211433f02071597741e6ff5a8ea34789abbf43"),
    ("hashes.'SHA-256'", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
    ("hashes.SHA256", "486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7"),
    ("hashes.'SHA256'", "C3AB8FF13720E8AD9047DD39466B3C8974E592C2FA383D4A3960714CAEF0C4F2"),
    (
        "hashes.'SHA-512'",
        "9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043",
    ),
];

#[test]
fn hashes_are_found_in_every_spelling() {
    let Some(server) = StandIn::start() else { return };
    let home = Home::new(Queue::Open);
    let mut shown = String::new();
    for (number, (path, hash)) in HASHES.iter().enumerate() {
        let id = format!("7a1b0000-0000-4000-8000-00000000000{number}");
        let indicator = json!({
            "__typename": "Indicator", "id": id, "standard_id": format!("indicator--{id}"), "entity_type": "Indicator",
            "name": path, "pattern": format!("[file:{path} = '{hash}']"), "pattern_type": "stix",
            "valid_from": "2024-01-01T00:00:00.000Z", "revoked": false, "x_opencti_score": 70,
            "x_opencti_detection": true, "created_at": "2024-01-01T00:00:00.000Z",
        });
        server.http("POST", "/_control/publish", &json!({"event": "create", "object": indicator}));
        // The alert spells it the other way round.
        let seen = if hash.starts_with('C') { hash.to_lowercase() } else { hash.to_uppercase() };
        let found = events(&home, &server, &json!({"file": {"hash": seen}}));
        shown.push_str(&format!("{path}\n"));
        found.iter().for_each(|event| shown.push_str(&format!("  {}\n", told(event))));
    }
    insta::assert_snapshot!("standin-hashes", shown);
}

/// The names to which something of the stand-in's data leads by `relationship`.
fn names(relationship: &str, from: &str) -> Vec<String> {
    let data = PathBuf::from(std::env::var_os("CONFORMANCE_DATA").unwrap()).join("standin/data.json");
    let data: Value = serde_json::from_slice(&std::fs::read(data).unwrap()).unwrap();
    let all = |table: &str| data[table].as_array().unwrap().clone();
    let ids: Vec<Value> = all("relationships")
        .into_iter()
        .filter(|relation| relation["relationship_type"] == relationship && relation["fromId"] == from)
        .map(|relation| relation["toId"].clone())
        .collect();
    let others = all("others").into_iter().filter(|other| ids.contains(&other["id"]));
    others.map(|other| other["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_stands_behind_it_is_told() {
    let Some(server) = StandIn::start() else { return };
    let home = Home::new(Queue::Open);
    let events = events(&home, &server, &json!({"srcip": "45.155.205.10"}));
    let body = &events[0]["opencti"];
    let expected = names("indicates", body["indicator"]["id"].as_str().unwrap());
    assert!(!expected.is_empty());
    let threats = body["threat"].to_string();
    for name in expected {
        // Techniques stand with their ATT&CK id before the name.
        assert!(threats.contains(&format!("{name}\"")), "{name} is not in {threats}");
    }
    assert_eq!(body["reports"].as_array().map(Vec::len), Some(1), "{body:#}");
}

#[test]
fn a_miss_is_one_request_and_an_alert_without_iocs_none() {
    let Some(server) = StandIn::start() else { return };
    let home = Home::new(Queue::Open);
    let before = server.requests();
    assert!(events(&home, &server, &json!({"title": "nothing to look up", "srcip": "-"})).is_empty());
    assert_eq!(server.requests(), before);
    let miss = json!({"srcip": "45.155.206.1", "dns": {"rrname": "unknown.example.com"}, "md5": "0".repeat(31) + "7"});
    assert!(events(&home, &server, &miss).is_empty());
    assert_eq!(server.requests(), before + 1, "all values in one request");
}

#[test]
fn every_fault_is_told_and_what_waited_is_looked_up() {
    let Some(server) = StandIn::start() else { return };
    let mut shown = String::new();
    let hit = alert(&json!({"srcip": "45.155.205.10"}));
    for kind in ["http500", "http502", "http429", "html", "hang", "close", "garbage", "errors", "partial"] {
        let home = Home::new(Queue::Open);
        server.fault(kind, 0);
        let ended = run_on(&home, &server.url(), &hit, 2, 1);
        server.fault("none", 0);
        let line = show::scrub(ended.last_line(), &server.url(), Some(home.path()));
        let sent: Vec<String> = home
            .datagrams()
            .iter()
            .map(|line| show::parts(line).1["opencti"]["event_type"].to_string())
            .collect();
        let kept = home.kept("alert");
        shown.push_str(&format!(
            "{kind}: exit {}, sent [{}], kept {kept}: {line}\n",
            ended.code,
            sent.join(", ")
        ));
        if kept > 0 {
            let next = run_on(&home, &server.url(), &alert(&json!({"srcip": "45.155.206.1"})), 10, 0);
            assert_eq!(next.code, 0, "{kind}: {}", next.output);
            let late: Vec<Value> = home.datagrams().iter().map(|line| show::parts(line).1).collect();
            assert_eq!(late.len(), 1, "{kind}: {late:#?}");
            assert_eq!(late[0]["opencti"]["late"], true, "{kind}");
            assert_eq!(late[0]["opencti"]["event_type"], "indicator_pattern_match", "{kind}");
        }
        assert_eq!(home.kept("alert"), 0, "{kind}");
    }
    insta::assert_snapshot!("standin-faults", shown);
}

#[test]
fn what_passes_by_itself_is_asked_again() {
    let Some(server) = StandIn::start() else { return };
    let home = Home::new(Queue::Open);
    let hit = alert(&json!({"srcip": "45.155.205.234"}));
    for kind in ["http500", "http502", "http429", "close", "errors"] {
        server.fault(kind, 1);
        let ended = run_on(&home, &server.url(), &hit, 10, 2);
        assert_eq!(ended.code, 0, "{kind}: {}", ended.output);
        assert_eq!(home.datagrams().len(), 1, "{kind}");
    }
    // Slow, but in time.
    server.http("POST", "/_control/fault", &json!({"kind": "slow", "times": 1, "ms": 300}));
    assert_eq!(run_on(&home, &server.url(), &hit, 10, 0).code, 0);
    assert_eq!(home.datagrams().len(), 1);
}
