//! Servers that misbehave on purpose, and a client that gives up soon.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opencti_client::{Client, ClientBuilder, Endpoint, Error, Token};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Must appear nowhere but in the `Authorization` header.
pub(crate) const CANARY: &str = "c4n4ry-0ken-5ee-me-n0where";

/// A client for tests: pauses of a millisecond.
pub(crate) fn builder(address: &str) -> ClientBuilder {
    Client::builder(Endpoint::parse(address).unwrap(), Token::new(CANARY).unwrap())
        .backoff(Duration::from_millis(1))
        .timeout(Duration::from_secs(5))
}

/// What a raw server does with a request it has read.
#[derive(Clone)]
pub(crate) enum Act {
    /// Sends these bytes and closes.
    Send(Vec<u8>),
    /// Sends these bytes, keeps the connection open and stays silent.
    SendAndHang(Vec<u8>),
    /// Keeps the connection open and stays silent.
    Hang,
}

/// A server of raw bytes, and how many requests it got.
pub(crate) struct Raw {
    pub(crate) address: SocketAddr,
    count: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Raw {
    /// Answers the first request by the first act, and so on; the last act is repeated.
    pub(crate) async fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&count);
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let act = acts[counter.fetch_add(1, Ordering::SeqCst).min(acts.len() - 1)].clone();
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let head = read_request(&mut stream).await;
                    seen.lock().unwrap().push(head);
                    match act {
                        Act::Send(bytes) => {
                            // The client may hang up early.
                            let _ = stream.write_all(&bytes).await;
                            let _ = stream.shutdown().await;
                        }
                        Act::SendAndHang(bytes) => {
                            let _ = stream.write_all(&bytes).await;
                            std::future::pending::<()>().await;
                        }
                        Act::Hang => std::future::pending().await,
                    }
                });
            }
        });
        Self { address, count, heads }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The heads of the requests, in the order in which they were read.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

/// Reads head and body of a request; the head is given back.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return String::from_utf8(head).unwrap(),
        }
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    head
}

/// A whole HTTP answer.
pub(crate) fn http(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// A whole answer of JSON with status 200.
pub(crate) fn json(body: &str) -> Vec<u8> {
    http("200 OK", "Content-Type: application/json; charset=utf-8\r\n", body)
}

/// An answer to the self check.
pub(crate) const SELF_CHECK: &str = r#"{"data":{"about":{"version":"6.7.11"},"me":{"id":"u1","name":"wazuh","user_email":"w@example.org","capabilities":[{"name":"KNOWLEDGE"}],"allowed_marking":[],"effective_confidence_level":{"max_confidence":80}}}}"#;

/// Everything an error shows, its causes included; and never the token.
pub(crate) fn shown(error: &Error) -> String {
    let mut text = format!("{error} [{}] ({})", error.label(), error.hint());
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(" <- {cause}"));
        source = cause.source();
    }
    assert!(!text.contains(CANARY) && !format!("{error:?}").contains(CANARY), "the token shows in {error:?}");
    text
}
