//! Proxies: only those that are asked for.

use std::process::Command;
use std::sync::{Arc, Mutex};

use opencti_client::{ConfigError, ConnectReason, Error};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::server::{Act, Raw, SELF_CHECK, builder, http, json, read_request, shown};

/// A proxy that answers by itself, and the first lines of the requests it got.
async fn proxy(answer: Vec<u8>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let head = read_request(&mut stream).await;
            seen.lock().unwrap().push(head.lines().next().unwrap_or_default().to_owned());
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
        }
    });
    (url, lines)
}

#[tokio::test]
async fn requests_go_through_the_proxy() {
    let (url, lines) = proxy(json(SELF_CHECK)).await;
    let client = builder("http://opencti.invalid/base").proxy(url).build().unwrap();
    client.self_check().await.unwrap();
    assert_eq!(*lines.lock().unwrap(), ["POST http://opencti.invalid/base/graphql HTTP/1.1"]);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named() {
    let (url, lines) = proxy(http("403 Forbidden", "", "")).await;
    let client = builder("https://opencti.invalid").proxy(url).retries(0).build().unwrap();
    let error = client.self_check().await.unwrap_err();
    assert!(matches!(error, Error::Connect { reason: ConnectReason::Proxy, .. }), "{}", shown(&error));
    assert_eq!(*lines.lock().unwrap(), ["CONNECT opencti.invalid:443 HTTP/1.1"]);
}

#[tokio::test]
async fn hosts_may_be_excepted_from_the_proxy() {
    let (url, lines) = proxy(http("403 Forbidden", "", "")).await;
    let server = Raw::start(vec![Act::Send(json(SELF_CHECK))]).await;
    for excepted in [vec!["127.0.0.1"], vec!["other.example", "127.0.0.0/8"], vec!["*"]] {
        let client = builder(&server.url()).proxy(url.as_str()).no_proxy(excepted.clone()).build().unwrap();
        assert!(client.self_check().await.is_ok(), "{excepted:?}");
    }
    assert!(lines.lock().unwrap().is_empty());
    let client = builder(&server.url()).proxy(url.as_str()).no_proxy(["192.0.2.0/24"]).build().unwrap();
    client.self_check().await.unwrap_err();
    assert_eq!(lines.lock().unwrap().len(), 1);
}

#[test]
fn a_proxy_without_an_address_is_refused() {
    let error = builder("http://localhost").proxy("http://").build().unwrap_err();
    assert!(matches!(error, Error::Config(ConfigError::Proxy(_))), "{}", shown(&error));
}

/// The environment is the process's, so this asks processes of their own.
#[tokio::test]
async fn the_environment_is_followed_only_when_asked_for() {
    let (proxy_url, lines) = proxy(json(SELF_CHECK)).await;
    let server = Raw::start(vec![Act::Send(json(SELF_CHECK))]).await;
    for (system_proxy, through_proxy) in [("no", 0), ("yes", 1)] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child
            .args(["--exact", "proxy::ask_in_this_environment", "--ignored"])
            .env("HTTP_PROXY", &proxy_url)
            .env("http_proxy", &proxy_url)
            .env_remove("REQUEST_METHOD")
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .env("TEST_URL", server.url())
            .env("TEST_SYSTEM_PROXY", system_proxy);
        let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(lines.lock().unwrap().len(), through_proxy, "system_proxy: {system_proxy}");
    }
    assert_eq!(server.count(), 1);
}

#[tokio::test]
#[ignore = "run by the_environment_is_followed_only_when_asked_for with its environment"]
async fn ask_in_this_environment() {
    let system_proxy = std::env::var("TEST_SYSTEM_PROXY").unwrap() == "yes";
    let client = builder(&std::env::var("TEST_URL").unwrap()).system_proxy(system_proxy).build().unwrap();
    client.self_check().await.unwrap();
}
