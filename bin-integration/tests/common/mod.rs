//! A Wazuh home in a temporary folder with a listening queue, and an OpenCTI that answers what a test tells it to.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

pub(crate) mod standin;

/// What must not be in any output.
pub(crate) const TOKEN: &str = "c4n4ry-7e0b-4c1d-9d1a-00t0k3n00000";

/// Wazuh's home.
pub(crate) struct Home {
    folder: tempfile::TempDir,
    queue: Option<UnixDatagram>,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["integrations", "etc", "logs", "var", "queue/sockets"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let mut home = Self { folder, queue: None };
        home.open_queue();
        home
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub(crate) fn write(&self, below: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(below);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn read(&self, below: &str) -> String {
        std::fs::read_to_string(self.path(below)).unwrap_or_default()
    }

    /// analysisd goes: its socket with it.
    pub(crate) fn close_queue(&mut self) {
        self.queue = None;
        std::fs::remove_file(self.path("queue/sockets/queue")).unwrap();
    }

    pub(crate) fn open_queue(&mut self) {
        let queue = UnixDatagram::bind(self.path("queue/sockets/queue")).unwrap();
        queue.set_nonblocking(true).unwrap();
        self.queue = Some(queue);
    }

    /// The lines that have come since the last call.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut buffer = vec![0; 1 << 17];
        while let Ok(length) = self.queue.as_ref().unwrap().recv(&mut buffer) {
            lines.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
        }
        lines
    }

    /// The program, with nothing in its environment but the home.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_custom-opencti"));
        command.env_clear().env("WAZUH_HOME", self.folder.path()).current_dir(self.folder.path());
        command
    }

    /// A run as integratord does it, with debug off.
    pub(crate) fn integration(&self, alert: &Path, api_key: &str, hook_url: &str) -> Output {
        let mut command = self.command();
        command.arg(alert).args([api_key, hook_url, "", "", "10", "0", "> /dev/null 2>&1"]);
        command.output().unwrap()
    }

    /// Every file below the home, the queue aside, as one text.
    pub(crate) fn everything(&self) -> String {
        fn walk(folder: &Path, text: &mut String) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, text);
                } else if path.is_file() {
                    text.push_str(&String::from_utf8_lossy(&std::fs::read(&path).unwrap()));
                }
            }
        }
        let mut text = String::new();
        walk(self.folder.path(), &mut text);
        text
    }

    /// Names of the kept alerts and lines.
    pub(crate) fn kept(&self) -> Vec<String> {
        let Ok(folder) = std::fs::read_dir(self.path("var/custom-opencti/pending")) else {
            return Vec::new();
        };
        let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> =
            names.filter(|n| n.ends_with(".alert") || n.ends_with(".line")).collect();
        names.sort();
        names
    }
}

/// An alert whose one IoC is the address 45.77.12.9.
pub(crate) fn alert(id: &str) -> String {
    format!(
        r#"{{"timestamp":"2026-04-02T08:00:00.000+0000","rule":{{"level":5,"id":"5710","description":"sshd: login","groups":["sshd"]}},"agent":{{"id":"001","name":"web-01","ip":"10.0.0.7"}},"id":"{id}","decoder":{{"name":"sshd"}},"data":{{"srcip":"45.77.12.9"}},"location":"/var/log/auth.log"}}"#
    )
}

/// What an [`OpenCti`] is asked, and what it answers: HTTP status and body.
type Answer = dyn Fn(&str) -> (u16, String) + Send + Sync;

/// An HTTP server on the loopback interface.
pub(crate) struct OpenCti {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl OpenCti {
    pub(crate) fn answering(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let answer: Arc<Answer> = Arc::new(answer);
        let log = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                // A connection that the program gave up is none of the test's business.
                std::thread::spawn(move || _ = serve(stream.unwrap(), &*answer, &log));
            }
        });
        Self { url, requests }
    }

    /// One that knows an indicator for 45.77.12.9, and nothing else.
    pub(crate) fn knowing() -> Self {
        Self::answering(|request| (200, known(request)))
    }

    /// One that knows nothing.
    pub(crate) fn empty() -> Self {
        Self::answering(|_| (200, NOTHING.to_owned()))
    }

    /// The head and body of every request so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// An answer that fits every operation: nothing is known.
pub(crate) const NOTHING: &str = r#"{"data":{"stixCyberObservables":{"edges":[],"pageInfo":{"hasNextPage":false,"globalCount":0}},"indicators":{"edges":[],"pageInfo":{"hasNextPage":false,"globalCount":0}},"stixCoreRelationships":{"edges":[],"pageInfo":{"hasNextPage":false,"globalCount":0}},"reports":{"edges":[],"pageInfo":{"hasNextPage":false,"globalCount":0}}}}"#;

/// The answer of one that knows an indicator for 45.77.12.9.
pub(crate) fn known(request: &str) -> String {
    if !request.contains("45.77.12.9") {
        return NOTHING.to_owned();
    }
    let indicator = r#"{"__typename":"Indicator","id":"5f6c9c7e-0000-4000-8000-000000000001","standard_id":"indicator--5f6c9c7e-0000-4000-8000-000000000001","entity_type":"Indicator","name":"Crane C2","pattern":"[ipv4-addr:value = '45.77.12.9']","pattern_type":"stix","valid_from":"2020-01-01T00:00:00.000Z","revoked":false,"confidence":80,"x_opencti_score":90,"x_opencti_detection":true}"#;
    NOTHING.replacen(
        r#""indicators":{"edges":[]"#,
        &format!(r#""indicators":{{"edges":[{{"node":{indicator}}}]"#),
        1,
    )
}

fn serve(mut stream: TcpStream, answer: &Answer, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        bytes.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let wanted: usize =
            head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        if body.len() >= wanted {
            break;
        }
    }
    let request = String::from_utf8_lossy(&bytes).into_owned();
    let (status, body) = answer(&request);
    log.lock().unwrap().push(request);
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

/// An address where nobody listens.
pub(crate) fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// The exit code; a death by a signal fails the test.
pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().expect("it must not die by a signal")
}

/// The last line of standard error, with ports taken out.
pub(crate) fn last_line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let line = text.lines().last().unwrap_or_default();
    match line.split_once("127.0.0.1:") {
        Some((before, after)) => {
            format!("{before}127.0.0.1:PORT{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => line.to_owned(),
    }
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}
