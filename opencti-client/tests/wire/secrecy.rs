//! The token, and what was asked and answered, are in no log and no `Debug`.

use std::fs;
use std::io::{self, Write};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opencti_client::{Client, Endpoint, Request, Terms, Token};
use tracing_subscriber::fmt::MakeWriter;

use crate::server::{Act, CANARY, Raw, SELF_CHECK, builder, http, json, shown};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn logs_tell_what_happened_but_no_secret_and_no_content() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let server = Raw::start(vec![
        Act::Send(http("502 Bad Gateway", "", CANARY)),
        Act::Send(json(SELF_CHECK)),
        Act::Send(json(
            r#"{"errors":[{"message":"an answer's words","extensions":{"code":"AUTH_REQUIRED"}}]}"#,
        )),
        Act::Hang,
    ])
    .await;
    let client = builder(&server.url()).timeout(Duration::from_millis(100)).retries(1).build().unwrap();
    client.self_check().await.unwrap();
    let mut terms = Terms::new();
    terms.value("a-value-asked-for");
    for _ in 0..2 {
        shown(&client.look_up(&terms).await.unwrap_err());
    }
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for line in [
        r#"request done operation="SelfCheck" attempt=1 status=502 "#,
        r#"request will be repeated operation="SelfCheck" attempt=1 "#,
        r#"request done operation="SelfCheck" attempt=2 status=200 "#,
        r#"error="auth_required""#,
        r#"error="timeout""#,
    ] {
        assert!(log.contains(line), "{line} is not in {log}");
    }
    for secret in [CANARY, "a-value-asked-for", "an answer's words", "w@example.org"] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}

#[test]
fn debug_shows_no_secret() {
    let builder =
        builder("https://opencti.example.org/base").proxy("http://user:proxy-pass@proxy.example.org:3128");
    let client = builder.clone().build().unwrap();
    let request = Request::self_check().unwrap();
    let shown = format!("{builder:?} {client:?} {:?} {request:?}", client.endpoint());
    assert!(!shown.contains(CANARY) && !shown.contains("proxy-pass"), "{shown}");
    assert!(shown.contains("https://opencti.example.org/base"));
}

/// The environment is the process's, so this asks a process of its own.
#[tokio::test]
async fn tokens_come_from_the_environment_and_from_credentials() {
    let server = wiremock::MockServer::start().await;
    wiremock::Mock::given(wiremock::matchers::header("authorization", format!("Bearer {CANARY}")))
        .respond_with(wiremock::ResponseTemplate::new(200).set_body_raw(SELF_CHECK, "application/json"))
        .mount(&server)
        .await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("opencti"), format!("{CANARY}\n")).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "secrecy::ask_with_the_tokens_of_this_environment", "--ignored"])
        .env("CREDENTIALS_DIRECTORY", folder.path())
        .env("OPENCTI_TOKEN", CANARY)
        .env("TEST_URL", server.uri());
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

#[tokio::test]
#[ignore = "run by tokens_come_from_the_environment_and_from_credentials with its environment"]
async fn ask_with_the_tokens_of_this_environment() {
    let endpoint: Endpoint = std::env::var("TEST_URL").unwrap().parse().unwrap();
    for token in [Token::from_env("OPENCTI_TOKEN").unwrap(), Token::from_credential("opencti").unwrap()] {
        Client::builder(endpoint.clone(), token).build().unwrap().self_check().await.unwrap();
    }
    assert!(Token::from_credential("missing").is_err());
}
