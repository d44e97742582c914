//! Whole runs of the program, as integratord starts them, against the bare start of a Python interpreter.
//!
//! `cargo bench -p bin-integration --bench one_shot` (RUNS=200 for more than the default of 100).
//!
//! For each kind of run the median wall time, CPU time (user and system) and largest resident size, by `wait4(2)`. Kinds
//! alternate, so that a busy machine hits all alike. The server is in this process, on the loopback interface, and
//! answers at once: its time is in the wall time only.
#![expect(clippy::print_stdout, reason = "a benchmark that prints its table")]

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use wait4::Wait4 as _;

const PROGRAM: &str = env!("CARGO_BIN_EXE_custom-opencti");
/// Known to the server. Not from a range for documentation, since those are not looked up.
const BAD: &str = "45.77.12.9";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A kind of run.
struct Kind {
    title: &'static str,
    command: Box<dyn Fn() -> Command>,
    runs: Vec<Run>,
}

/// Milliseconds of wall time and of CPU time, and MB resident.
#[derive(Clone, Copy)]
struct Run {
    wall: f64,
    cpu: f64,
    rss: f64,
}

fn main() -> Result<()> {
    let rounds: usize = std::env::var("RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(100);
    let home = tempfile::tempdir()?;
    for folder in ["queue/sockets", "logs", "var"] {
        std::fs::create_dir_all(home.path().join(folder))?;
    }
    let queue = UnixDatagram::bind(home.path().join("queue/sockets/queue"))?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/graphql", listener.local_addr()?);
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| drop(serve(&stream))));

    let mut kinds = vec![
        alert_kind("hit: 2 requests, 1 event", home.path(), &url, BAD)?,
        alert_kind("miss: 1 request", home.path(), &url, "45.77.12.10")?,
        alert_kind("skipped: nothing to look up", home.path(), &url, "10.1.1.1")?,
        Kind {
            title: "python3, import ssl, json, http.client",
            command: Box::new(|| {
                let mut command = Command::new("python3");
                command.args(["-c", "import ssl, json, http.client"]);
                command
            }),
            runs: Vec::new(),
        },
    ];
    // The first round warms the page cache.
    for round in 0..=rounds {
        for kind in &mut kinds {
            let run = run(&mut (kind.command)())?;
            if round > 0 {
                kind.runs.push(run);
            }
        }
        // Only a hit sends something; without this a full queue would hold the next one up.
        queue.recv(&mut [0; 65_535])?;
    }
    print(rounds, &kinds);
    Ok(())
}

fn print(rounds: usize, kinds: &[Kind]) {
    println!("{rounds} runs of each kind, medians");
    println!("{:<40}{:>9}{:>9}{:>9}{:>18}", "", "wall ms", "CPU ms", "RSS MB", "CPU, Python's ÷");
    let python = kinds.last().map_or(0.0, |kind| median(kind, |run| run.cpu));
    for kind in kinds {
        let cpu = median(kind, |run| run.cpu);
        let (wall, rss) = (median(kind, |run| run.wall), median(kind, |run| run.rss));
        println!("{:<40}{wall:>9.2}{cpu:>9.2}{rss:>9.1}{:>18.1}", kind.title, python / cpu);
    }
}

fn median(kind: &Kind, of: impl Fn(&Run) -> f64) -> f64 {
    let mut values: Vec<f64> = kind.runs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The run that integratord makes for an alert about an address.
fn alert_kind(title: &'static str, home: &Path, url: &str, address: &str) -> Result<Kind> {
    let alert = json!({
        "timestamp": "2026-04-02T08:01:10.123+0000", "id": "1775117001.10137", "location": "EventChannel",
        "rule": {"level": 5, "id": "92101", "description": "Sysmon - network connection", "groups": ["sysmon"]},
        "agent": {"id": "011", "name": "ws-finance-3", "ip": "10.20.4.31"}, "manager": {"name": "wazuh"},
        "decoder": {"name": "windows_eventchannel"},
        "data": {"win": {
            "system": {"providerName": "Microsoft-Windows-Sysmon", "eventID": "3", "computer": "ws-finance-3"},
            "eventdata": {"image": "C:\\\\Temp\\\\crane.exe", "sourceIp": "10.20.4.31", "destinationIp": address},
        }},
    });
    let file = home.join(format!("{address}.alert"));
    std::fs::write(&file, format!("{alert}\n"))?;
    let (home, url) = (home.to_owned(), url.to_owned());
    let command = move || {
        let mut command = Command::new(PROGRAM);
        command.arg(&file).args(["token", &url, "", "", "10", "3", "> /dev/null 2>&1"]);
        command.env_clear().env("WAZUH_HOME", &home);
        command
    };
    Ok(Kind { title, command: Box::new(command), runs: Vec::new() })
}

fn run(command: &mut Command) -> Result<Run> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let used = command.spawn()?.wait4()?;
    let wall = begun.elapsed();
    if !used.status.success() {
        return Err(format!("{command:?}: {}", used.status).into());
    }
    let milliseconds = |duration: std::time::Duration| duration.as_secs_f64() * 1e3;
    let cpu = used.rusage.utime + used.rusage.stime;
    Ok(Run { wall: milliseconds(wall), cpu: milliseconds(cpu), rss: used.rusage.maxrss as f64 / 1e6 })
}

/// Answers the requests of one connection.
fn serve(stream: &TcpStream) -> Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse()?;
                }
                Some(_) => {}
                None if line.trim_end().is_empty() => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let request: Value = serde_json::from_slice(&body)?;
        let body = json!({"data": answer(&request)}).to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = stream;
        stream.write_all([head, body].concat().as_bytes())?;
    }
}

fn answer(request: &Value) -> Value {
    let page = json!({"endCursor": "", "hasNextPage": false, "globalCount": 0});
    let nothing = json!({"edges": [], "pageInfo": page});
    if request["operationName"] == "ThreatContext" {
        return json!({"stixCoreRelationships": nothing, "reports": nothing});
    }
    let indicator = json!({
        "__typename": "Indicator", "id": "8c5b1f0e-2f5d-4d0e-9d0a-1f0b3c5d7e9f", "entity_type": "Indicator",
        "standard_id": "indicator--1b2c3d4e-5f60-5a7b-8c9d-0e1f2a3b4c5d", "name": "PaperCrane command server",
        "pattern": format!("[ipv4-addr:value = '{BAD}']"), "pattern_type": "stix", "revoked": false,
        "valid_from": "2026-01-01T00:00:00.000Z", "valid_until": "2137-01-01T00:00:00.000Z", "confidence": 80,
        "x_opencti_score": 90, "x_opencti_detection": true, "indicator_types": ["malicious-activity"],
        "x_mitre_platforms": [], "objectMarking": [], "objectLabel": [], "killChainPhases": [], "createdBy": null,
    });
    let asked = request["variables"].to_string().contains(&format!("'{BAD}'"));
    let found = json!({"edges": [{"cursor": "", "node": indicator}], "pageInfo": page});
    json!({"stixCyberObservables": nothing, "indicators": if asked { found } else { nothing }})
}
