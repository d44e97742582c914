use super::*;
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::sse::Frame;
use crate::stream::CollectionId;
use crate::token::Token;

fn follower(saved: Option<&str>) -> Follower {
    let endpoint = Endpoint::parse("http://192.0.2.1").unwrap();
    let client = Client::builder(endpoint, Token::new("token").unwrap()).build().unwrap();
    let mut follower = client
        .stream(&CollectionId::parse("c").unwrap())
        .follow(saved.map(id))
        .clock(|| SystemTime::UNIX_EPOCH + Duration::from_millis(900_000));
    connect(&mut follower);
    follower
}

/// As if a connection had just been made.
fn connect(follower: &mut Follower) {
    follower.is_fresh = true;
    follower.newest = None;
    follower.state = State::Pausing(Instant::now());
}

fn id(text: &str) -> EventId {
    text.parse().unwrap()
}

fn event(name: &str, id: &str) -> StreamEvent {
    let data = r#"{"data":{"id":"x--1","type":"x"}}"#.to_owned();
    let event = StreamEvent::from_frame(Frame::Event { id: id.to_owned(), name: name.to_owned(), data });
    assert_ne!(event.label(), "garbage");
    event
}

fn connected(first: &str, last: &str) -> StreamEvent {
    let data = format!(r#"{{"firstEventId":"{first}","lastEventId":"{last}"}}"#);
    StreamEvent::from_frame(Frame::Event { id: String::new(), name: "connected".to_owned(), data })
}

/// What is told of an event, in short, and then what will be asked for next if the connection is done with.
fn tell(follower: &mut Follower, event: StreamEvent) -> String {
    let told = match follower.receive(event) {
        None => "nothing".to_owned(),
        Some(Update::Event { event, cursor }) => {
            format!(
                "{} {}",
                event.label(),
                cursor.map_or_else(|| "-".to_owned(), |cursor| cursor.to_string())
            )
        }
        Some(Update::Connected { since, recover, .. }) => {
            format!("connected {since} {}", recover.map_or_else(|| "-".to_owned(), |until| until.to_string()))
        }
        Some(Update::Gap { after, first }) => {
            format!("gap {after} {}", first.map_or_else(|| "-".to_owned(), |first| first.to_string()))
        }
        Some(Update::Recovered { cursor }) => format!("recovered {cursor}"),
        Some(Update::Disconnected { .. }) => unreachable!(),
    };
    match (&follower.state, follower.plan) {
        (State::Idle, Plan::Recover { since, until }) => format!("{told}; recover {since} {until}"),
        (State::Idle, Plan::Resume { cursor }) => format!("{told}; resume {cursor}"),
        (State::Idle, Plan::Probe) => format!("{told}; probe"),
        _ => told,
    }
}

#[test]
fn the_first_run_recovers_up_to_the_newest_event_and_then_reads_on_from_a_little_before() {
    let mut follower = follower(None);
    assert_eq!(tell(&mut follower, connected("100000-0", "800000-3")), "nothing; recover 0-0 800000-3");
    connect(&mut follower);
    assert_eq!(tell(&mut follower, connected("100000-0", "800001-0")), "connected 0-0 800000-3");
    // In no order, and with heartbeats that repeat what came last.
    for (name, id) in
        [("create", "50-0"), ("create", "800000-0"), ("heartbeat", "800000-0"), ("create", "7-0")]
    {
        assert_eq!(tell(&mut follower, event(name, id)), format!("{} -", event(name, id).label()));
    }
    assert_eq!(follower.cursor(), None);
    assert_eq!(tell(&mut follower, event("heartbeat", "800001-0")), "recovered 800000-3; resume 800000-3");
    assert_eq!(follower.cursor(), Some(id("800000-3")));
    connect(&mut follower);
    assert_eq!(tell(&mut follower, connected("100000-0", "800001-0")), "connected 740000-0 -");
    // Told twice: the cursor does not go back.
    assert_eq!(tell(&mut follower, event("create", "750000-0")), "upsert 800000-3");
    assert_eq!(tell(&mut follower, event("create", "800001-0")), "upsert 800000-3");
    assert_eq!(tell(&mut follower, event("update", "800002-0")), "upsert 800001-0");
}

#[test]
fn an_id_is_done_with_when_a_newer_one_comes() {
    let mut follower = follower(Some("500000-0"));
    assert_eq!(tell(&mut follower, connected("100000-0", "600000-0")), "connected 440000-0 -");
    for (name, id, cursor) in [
        ("heartbeat", "440000-0", "500000-0"),
        ("create", "600000-0", "500000-0"),
        // What it depends on, a heartbeat in between, and the object itself.
        ("create", "600001-0", "600000-0"),
        ("heartbeat", "600001-0", "600000-0"),
        ("update", "600001-0", "600000-0"),
        ("delete", "600001-1", "600001-0"),
        ("news", "600002-0", "600001-1"),
        // A heartbeat by a clock that is ahead.
        ("heartbeat", "610000-0", "600002-0"),
        ("update", "605000-0", "600002-0"),
        ("heartbeat", "615000-0", "610000-0"),
    ] {
        let event = event(name, id);
        let label = event.label();
        assert_eq!(tell(&mut follower, event), format!("{label} {cursor}"), "{name} {id}");
    }
    // What has no place moves nothing.
    let garbage = StreamEvent::Garbage { id: None, reason: String::new() };
    assert_eq!(tell(&mut follower, garbage), "garbage 610000-0");
    assert_eq!(follower.cursor(), Some(id("610000-0")));
}

#[test]
fn a_gap_is_told_and_recovered_from() {
    let mut follower = follower(Some("500000-0"));
    assert_eq!(
        tell(&mut follower, connected("500000-1", "800000-0")),
        "gap 500000-0 500000-1; recover 440000-0 800000-0"
    );
    connect(&mut follower);
    assert_eq!(tell(&mut follower, connected("500000-1", "800005-0")), "connected 440000-0 800000-0");
    // The cursor stays, so that a restart finds the gap again.
    assert_eq!(tell(&mut follower, event("create", "700000-0")), "upsert 500000-0");
    assert_eq!(tell(&mut follower, event("delete", "800004-0")), "recovered 800000-0; resume 800000-0");
}

#[test]
fn a_recovery_that_took_too_long_is_done_again() {
    let mut follower = follower(Some("500000-0"));
    tell(&mut follower, connected("600000-0", "700000-0"));
    // It broke off, for so long that its end is gone.
    connect(&mut follower);
    assert_eq!(tell(&mut follower, connected("710000-0", "900000-0")), "gap 700000-0 710000-0");
    assert!(matches!(follower.state, State::Pausing(_)), "no hurry");
    assert!(matches!(follower.plan, Plan::Recover { until, .. } if until == id("900000-0")));
    // It went well, but in the meantime what followed is gone.
    connect(&mut follower);
    tell(&mut follower, connected("710000-0", "900000-0"));
    assert_eq!(tell(&mut follower, event("heartbeat", "990000-0")), "recovered 900000-0; resume 900000-0");
    connect(&mut follower);
    assert_eq!(
        tell(&mut follower, connected("950000-0", "990000-0")),
        "gap 900000-0 950000-0; recover 840000-0 990000-0"
    );
}

#[test]
fn a_stream_without_events_may_have_lost_some_but_only_once() {
    let mut follower = follower(Some("500000-0"));
    // 900000 is the time here.
    assert_eq!(tell(&mut follower, connected("0-0", "0-0")), "gap 500000-0 -; recover 440000-0 900000-0");
    connect(&mut follower);
    assert_eq!(tell(&mut follower, connected("0-0", "0-0")), "connected 440000-0 900000-0");
    assert_eq!(tell(&mut follower, event("heartbeat", "900001-0")), "recovered 900000-0; resume 900000-0");
    connect(&mut follower);
    assert_eq!(tell(&mut follower, connected("0-0", "0-0")), "connected 840000-0 -");
}

#[test]
fn a_server_that_does_not_begin_as_it_should_is_read_all_the_same() {
    let mut first = follower(None);
    assert_eq!(tell(&mut first, event("create", "800000-0")), "nothing; recover 0-0 900000-0");
    let mut later = follower(Some("500000-0"));
    assert_eq!(tell(&mut later, event("create", "800000-0")), "upsert 500000-0");
    // One that comes late is nothing new.
    assert_eq!(tell(&mut later, connected("600000-0", "800000-0")), "connected 500000-0");
}

#[test]
fn pauses_grow_with_failures_in_a_row() {
    let mut follower = follower(Some("1-0")).random(|| 0.5);
    let ended = || StreamError::Ended { collection: "c".to_owned() };
    let mut lose = |error: StreamError, held: Option<u64>| {
        follower.connected_at = held.map(|seconds| Instant::now() - Duration::from_secs(seconds));
        match follower.lose(error) {
            Update::Disconnected { retry_in, .. } => retry_in.as_millis(),
            other => panic!("{other:?}"),
        }
    };
    let pauses: Vec<_> = (0..8).map(|_| lose(ended(), Some(9))).collect();
    assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    // A connection that held.
    assert_eq!(lose(ended(), Some(10)), 500);
    assert_eq!(lose(ended(), None), 1000);
    // Somebody has to do something.
    let stopped = || StreamError::Stopped { collection: "c".to_owned(), reason: String::new() };
    assert_eq!(lose(stopped(), None), 45_000);
    let limited = |seconds| StreamError::RateLimited {
        collection: "c".to_owned(),
        reason: String::new(),
        retry_after: Some(Duration::from_secs(seconds)),
    };
    assert_eq!(lose(limited(90), None), 90_000);
    assert_eq!(lose(limited(1), None), 8000);
    assert_eq!(lose(limited(u64::MAX), None), 3_600_000);
    assert_eq!(lose(Error::Deadline { operation: "stream" }.into(), None), 45_000);
}

#[test]
fn the_drawn_pause_is_between_nothing_and_the_ceiling() {
    for (random, pause) in [(0.0, 0), (0.999, 999), (7.0, 1000)] {
        let mut follower = follower(None).random(move || random);
        follower.failures = 1;
        assert_eq!(follower.pause(false, None).as_millis(), pause);
    }
    let mut follower = follower(None).backoff(Duration::from_millis(1), Duration::from_millis(2));
    follower.failures = u32::MAX;
    assert!(follower.pause(true, None) <= Duration::from_millis(2));
}

#[test]
fn it_can_be_sent_to_another_thread() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&follower(None));
    let mut follower = follower(None);
    is_send(&follower.next());
}
