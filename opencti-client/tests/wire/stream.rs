//! Streams against raw bytes.

use std::time::Duration;

use opencti_client::{
    CollectionId, Delivery, EventId, Follower, StreamBuilder, StreamError, StreamEvent, TimeoutPhase, Update,
};

use crate::server::{Act, CANARY, Raw, builder, http, read_request};

const CONNECTED: &str =
    "event: connected\ndata: {\"firstEventId\":\"1000-0\",\"lastEventId\":\"2000-0\"}\n\n";

fn collection() -> CollectionId {
    "f5fb97cf-8a74-43b4-bc2c-9ef2d0649840".parse().unwrap()
}

fn stream(url: &str) -> StreamBuilder {
    builder(url).build().unwrap().stream(&collection())
}

/// The head of an answer that ends with the connection, and some of its body.
fn events(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

fn create(id: &str, name: &str, referer: &str) -> String {
    format!(
        "id: {id}\nevent: create\ndata: {{\"data\":{{\"id\":\"indicator--{name}\",\"type\":\"indicator\"}},\"origin\":{{\"referer\":\"{referer}\"}}}}\n\n"
    )
}

/// As `server::shown`.
fn shown(error: &StreamError) -> String {
    let mut text = format!("{error} [{}] ({})", error.label(), error.hint());
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(" <- {cause}"));
        source = cause.source();
    }
    assert!(!text.contains(CANARY) && !format!("{error:?}").contains(CANARY), "the token shows in {error:?}");
    text
}

async fn refusal(answer: Vec<u8>) -> StreamError {
    let server = Raw::start(vec![Act::Send(answer)]).await;
    let error = stream(&server.url()).connect().await.unwrap_err();
    assert_eq!(server.count(), 1, "one attempt");
    error
}

#[tokio::test]
async fn what_is_asked_for() {
    let server = Raw::start(vec![Act::Send(events(CONNECTED))]).await;
    let stream = stream(&format!("{}/cti/graphql", server.url()));
    stream.connect().await.unwrap();
    stream
        .clone()
        .since(EventId::START)
        .recover("2026-01-01T00:00:00Z".parse().unwrap())
        .dependencies(true)
        .deletions(false)
        .connect()
        .await
        .unwrap();
    // Refused by OpenCTI without `since`.
    stream.recover(EventId::START).connect().await.unwrap();
    let heads = server.heads();
    let lines: Vec<_> = heads.iter().map(|head| head.lines().next().unwrap()).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    GET /cti/stream/f5fb97cf-8a74-43b4-bc2c-9ef2d0649840?no-dependencies=true&listen-delete=true HTTP/1.1
    GET /cti/stream/f5fb97cf-8a74-43b4-bc2c-9ef2d0649840?from=0-0&recover=1767225600000-0&no-dependencies=false&listen-delete=false HTTP/1.1
    GET /cti/stream/f5fb97cf-8a74-43b4-bc2c-9ef2d0649840?no-dependencies=true&listen-delete=true HTTP/1.1
    ");
    for head in &heads {
        let head = head.to_ascii_lowercase();
        assert!(head.contains(&format!("authorization: bearer {CANARY}\r\n")), "{head}");
        assert!(
            head.contains("accept: text/event-stream\r\n") && !head.contains("accept-encoding"),
            "{head}"
        );
    }
}

#[tokio::test]
async fn events_come_one_by_one_and_the_end_is_told() {
    let body = format!(
        "{CONNECTED}{}id: 7-1\nevent: create\ndata: {{\"data\":{{\"id\":\n\nid: 7-2\nevent: heartbeat\ndata: \"x\"\n\n{}",
        create("7-0", "1", "init-create"),
        // Not ended by an empty line.
        create("8-0", "2", "").trim_end()
    );
    let server = Raw::start(vec![Act::Send(events(&body))]).await;
    let mut stream = stream(&server.url()).connect().await.unwrap();
    let Ok(StreamEvent::Connected(connected)) = stream.next().await else { panic!() };
    assert_eq!(connected.first_event_id, Some("1000-0".parse().unwrap()));
    let Ok(StreamEvent::Upsert { id, object, delivery }) = stream.next().await else { panic!() };
    assert_eq!((id.to_string().as_str(), object.id(), delivery), ("7-0", "indicator--1", Delivery::Recovery));
    assert_eq!(stream.next().await.unwrap().label(), "garbage");
    assert_eq!(stream.next().await.unwrap().label(), "heartbeat");
    for _ in 0..2 {
        let error = stream.next().await.unwrap_err();
        insta::allow_duplicates!(
            insta::assert_snapshot!(shown(&error), @"stream f5fb97cf-8a74-43b4-bc2c-9ef2d0649840: the server ended it [ended] (look at OpenCTI's log, and at the time after which proxies before it close a connection)")
        );
    }
}

#[tokio::test]
async fn an_event_too_large_is_passed_over() {
    let large = create("7-0", &"x".repeat(10_000), "");
    let body = format!("{CONNECTED}{large}{}", create("8-0", "2", ""));
    let server = Raw::start(vec![Act::Send(events(&body))]).await;
    let mut stream = stream(&server.url()).max_frame(1000).connect().await.unwrap();
    stream.next().await.unwrap();
    let expected = StreamEvent::Oversized {
        id: Some("7-0".parse().unwrap()),
        name: "create".to_owned(),
        size: (large.len() - 4) as u64,
    };
    assert_eq!(stream.next().await.unwrap(), expected);
    assert_eq!(stream.next().await.unwrap().id(), Some("8-0".parse().unwrap()));
}

#[tokio::test]
async fn silence_is_an_error() {
    let server = Raw::start(vec![Act::SendAndHang(events(CONNECTED)), Act::Hang]).await;
    let stream = stream(&server.url()).silence(Duration::from_millis(80));
    let mut connection = stream.connect().await.unwrap();
    connection.next().await.unwrap();
    let error = connection.next().await.unwrap_err();
    insta::assert_snapshot!(shown(&error), @"stream f5fb97cf-8a74-43b4-bc2c-9ef2d0649840: not a byte came for 0.08 s [silent] (look at OpenCTI's load and at the network; a proxy before OpenCTI must not hold answers back (nginx: proxy_buffering off))");
    assert!(matches!(connection.next().await, Err(StreamError::Ended { .. })), "once is enough");
    // Not even the head of an answer.
    let error = stream.connect().await.unwrap_err();
    assert!(
        matches!(
            error,
            StreamError::Request(opencti_client::Error::Timeout { phase: TimeoutPhase::Answer, .. })
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn whoever_stops_waiting_now_and_then_still_notices_silence() {
    let server = Raw::start(vec![Act::SendAndHang(events(CONNECTED))]).await;
    let mut connection = stream(&server.url()).silence(Duration::from_millis(100)).connect().await.unwrap();
    connection.next().await.unwrap();
    let mut tries = 0;
    let error = loop {
        tries += 1;
        assert!(tries < 100, "never noticed");
        if let Ok(result) = tokio::time::timeout(Duration::from_millis(10), connection.next()).await {
            break result.unwrap_err();
        }
    };
    assert!(matches!(error, StreamError::Silent { .. }) && tries > 2, "{tries}: {error:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_is_told_from_one_that_ends() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nevent: connected";
    let server = Raw::start(vec![Act::Send(cut.into())]).await;
    let mut stream = stream(&server.url()).connect().await.unwrap();
    let error = stream.next().await.unwrap_err();
    assert!(matches!(error, StreamError::CutOff { .. }), "{error:?}");
    assert!(!error.needs_attention());
    insta::assert_snapshot!(shown(&error));
}

#[tokio::test]
async fn refusals_have_their_kinds() {
    let mut seen = String::new();
    for (status, headers, body) in [
        ("401 You are not authorized, please check your credentials", "", ""),
        ("401 Unauthorized", "", "{\"message\":\"no\"}"),
        ("403 Forbidden", "Content-Type: text/html\r\n", "<html><title>Blocked by WAF</title>"),
        ("404 Not Found", "", "<html><body>nginx</body></html>"),
        ("410 This live stream is stopped", "", ""),
        ("429 Too Many Requests", "Retry-After: 7\r\n", "slow down"),
        ("500 Error in stream x: Recovery mode is only possible with a start date.", "", ""),
        ("502 Bad Gateway", "Content-Type: text/html\r\n", "<html><title>502 Bad Gateway</title></html>"),
        ("503 Service Unavailable", "Retry-After: 30\r\n", ""),
        ("418 I'm a teapot", "", "short and stout"),
        ("401 caf\u{e9}\t\u{202e}x", "", ""),
    ] {
        let error = refusal(http(status, headers, body)).await;
        seen.push_str(&format!(
            "{}\n  attention: {}, auth: {}, retry after: {:?}\n",
            shown(&error),
            error.needs_attention(),
            error.is_auth(),
            error.retry_after()
        ));
    }
    insta::assert_snapshot!(seen);
    // Should the server repeat the token, it is not shown: `shown` checks.
    shown(&refusal(http(&format!("401 who is {CANARY}?"), "", "")).await);
    shown(&refusal(http("500 X", "", CANARY)).await);
}

#[tokio::test]
async fn other_answers_are_no_stream() {
    let mut seen = String::new();
    for (status, headers, body) in [
        ("302 Found", "Location: https://login.example.org/x?y\r\n", ""),
        ("307 Temporary Redirect", "Location: /elsewhere\r\n", ""),
        ("200 OK", "Content-Type: text/html\r\n", "<html><title>Sign in</title>"),
        ("200 OK", "Content-Type: application/json\r\n", "{\"status\":\"ok\"}"),
        ("200 OK", "", ""),
    ] {
        let error = refusal(http(status, headers, body)).await;
        assert!(error.needs_attention(), "{error:?}");
        // The port differs from run to run.
        let shown = shown(&error);
        let shown = shown.split("http://127.0.0.1:").next().unwrap();
        seen.push_str(&format!("{shown}\n"));
    }
    insta::assert_snapshot!(seen);
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let server = Raw::start(vec![Act::Hang]).await;
    let address = server.url();
    let port = server.address.port();
    drop(server);
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed_address = closed.local_addr().unwrap();
    drop(closed);
    let error = stream(&format!("http://{closed_address}")).connect().await.unwrap_err();
    assert_eq!((error.label(), error.needs_attention()), ("refused", false));
    assert!(address.ends_with(&port.to_string()));
}

#[tokio::test]
async fn nothing_is_read_before_it_is_asked_for() {
    use tokio::io::AsyncWriteExt as _;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sent, mut amount) = tokio::sync::watch::channel(0_u64);
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        read_request(&mut socket).await;
        socket.write_all(&events(CONNECTED)).await.unwrap();
        let event = create("7-0", &"x".repeat(60_000), "");
        loop {
            if socket.write_all(event.as_bytes()).await.is_err() {
                return;
            }
            sent.send_modify(|sent| *sent += event.len() as u64);
        }
    });
    let mut connection = stream(&format!("http://{address}")).connect().await.unwrap();
    connection.next().await.unwrap();
    // The server writes until every buffer on the way is full, and then no more.
    let mut before = 0;
    while tokio::time::timeout(Duration::from_millis(300), amount.changed()).await.is_ok() {
        before = *amount.borrow_and_update();
    }
    assert!(before < 64 << 20, "{before} bytes were taken unasked");
    // Once it is read, more comes.
    for _ in 0..2 * before / 60_000 + 8 {
        assert_eq!(connection.next().await.unwrap().label(), "upsert");
    }
    assert!(*amount.borrow() > before);
}

fn follow(url: &str, saved: Option<&str>) -> Follower {
    stream(url)
        .silence(Duration::from_secs(5))
        .follow(saved.map(|saved| saved.parse().unwrap()))
        .random(|| 0.0)
        .backoff(Duration::from_millis(1), Duration::from_millis(2))
}

/// What a follower tells, in short, up to the nth disconnection.
async fn told(follower: &mut Follower, disconnections: usize) -> String {
    let (mut told, mut lost) = (String::new(), 0);
    while lost < disconnections {
        let line = match follower.next().await {
            Update::Connected { since, recover, .. } => {
                format!("connected since {since}, recover {recover:?}")
            }
            Update::Event { event, cursor } => {
                format!("  {} {:?} cursor {:?}", event.label(), event.id(), cursor)
            }
            Update::Gap { after, first } => format!("gap after {after}, first {first:?}"),
            Update::Recovered { cursor } => format!("recovered {cursor}"),
            Update::Disconnected { error, .. } => {
                lost += 1;
                format!("lost: {}", error.label())
            }
            other => format!("{other:?}"),
        };
        let line =
            line.replace("EventId { milliseconds: ", "(").replace(", sequence: ", "-").replace(" })", "))");
        told.push_str(&line);
        told.push('\n');
    }
    told
}

/// The path and query of each request.
fn asked(server: &Raw) -> String {
    let heads = server.heads();
    let lines: Vec<_> = heads
        .iter()
        .map(|head| head.split(' ').nth(1).unwrap().split_once('?').unwrap().1)
        .map(|query| query.trim_end_matches("no-dependencies=true&listen-delete=true"))
        .collect();
    lines.join("\n")
}

#[tokio::test]
async fn a_follower_makes_its_way_from_the_first_run_through_failures() {
    let recovery = format!(
        "{CONNECTED}{}{}{}id: 2500-0\nevent: heartbeat\ndata: \"x\"\n\n",
        create("1500-0", "a", "init-dependencies"),
        create("1500-0", "b", "init-create"),
        create("900-0", "c", "init-create"),
    );
    let live = format!("{CONNECTED}{}{}", create("2100-0", "d", ""), create("2200-0", "e", ""));
    let server = Raw::start(vec![
        Act::Send(events(CONNECTED)),
        // A recovery that breaks off is done again.
        Act::Send(events(&recovery[..recovery.len() - 60])),
        Act::Send(http("502 Bad Gateway", "", "")),
        Act::SendAndHang(events(&recovery)),
        Act::Send(events(&live)),
        Act::Send(http("410 This live stream is stopped", "", "")),
        Act::Send(events(&live)),
    ])
    .await;
    let mut follower = follow(&server.url(), None);
    insta::assert_snapshot!(told(&mut follower, 5).await);
    insta::assert_snapshot!(asked(&server));
    assert_eq!(follower.cursor().unwrap().to_string(), "2100-0");
}

#[tokio::test]
async fn a_follower_tells_of_a_gap() {
    let late = "event: connected\ndata: {\"firstEventId\":\"700000-0\",\"lastEventId\":\"800000-0\"}\n\n";
    let server = Raw::start(vec![
        Act::SendAndHang(events(late)),
        Act::Send(events(&format!("{late}{}", create("650000-0", "a", "init-create")))),
    ])
    .await;
    let mut follower = follow(&server.url(), Some("600000-5"));
    insta::assert_snapshot!(told(&mut follower, 1).await);
    insta::assert_snapshot!(asked(&server));
    assert_eq!(follower.cursor().unwrap().to_string(), "600000-5");
}

#[tokio::test]
async fn a_follower_may_be_left_waiting_at_any_time() {
    let live = format!("{CONNECTED}{}", create("2100-0", "d", ""));
    let server = Raw::start(vec![Act::Send(http("503 X", "", "")), Act::SendAndHang(events(&live))]).await;
    let mut follower = follow(&server.url(), Some("1500-0"));
    let mut labels = Vec::new();
    while labels.last() != Some(&"upsert") {
        // One poll at a time.
        tokio::select! {
            biased;
            update = follower.next() => labels.push(match update {
                Update::Event { event, .. } => event.label(),
                Update::Connected { .. } => "connected",
                Update::Disconnected { .. } => "disconnected",
                other => panic!("{other:?}"),
            }),
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(labels, ["disconnected", "connected", "upsert"]);
    assert_eq!(server.count(), 2, "no connection was given up");
}
