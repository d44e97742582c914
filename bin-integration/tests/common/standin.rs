//! A stand-in for OpenCTI that has the real schema and filter rules.
//!
//! It is not part of this repository: `CONFORMANCE_DATA` says where it is, and `python3` must have graphql-core.

#![allow(clippy::print_stderr, reason = "a test that did not run says so")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::TOKEN;

/// The running stand-in, ended when dropped.
pub(crate) struct StandIn {
    process: Child,
    port: u16,
}

impl StandIn {
    pub(crate) fn start() -> Option<Self> {
        let Some(data) = std::env::var_os("CONFORMANCE_DATA") else {
            eprintln!("skipped: CONFORMANCE_DATA is not set");
            return None;
        };
        let script = PathBuf::from(data).join("standin/opencti.py");
        let mut command = Command::new("python3");
        command.arg(&script).args(["--port", "0", "--token", TOKEN]).stdout(Stdio::piped());
        let mut process = command.spawn().expect("python3 is needed");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let digits: String = line.chars().filter(char::is_ascii_digit).collect();
        let port = digits.parse().unwrap_or_else(|_| panic!("{} did not start: {line:?}", script.display()));
        Some(Self { process, port })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/graphql", self.port)
    }

    /// The next `times` requests fail in this way.
    pub(crate) fn fail(&self, kind: &str, times: u32) {
        let body = format!(r#"{{"kind":"{kind}","times":{times},"ms":60000}}"#);
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = "POST /_control/fault HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
        write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 200 "), "{answer}");
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
