use proptest::prelude::*;

use super::*;
use crate::sse::Parser;

const OBJECT: &str = r#"{"id":"indicator--1","type":"indicator","spec_version":"2.1","name":"née \"x\"",
    "extensions":{"extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba":{"id":"42","score":50}}}"#;

fn read(name: &str, data: &str) -> StreamEvent {
    StreamEvent::from_frame(Frame::Event {
        id: "7-0".to_owned(),
        name: name.to_owned(),
        data: data.to_owned(),
    })
}

fn envelope(rest: &str) -> String {
    format!(r#"{{"version":"4","message":"x","data":{OBJECT}{rest}}}"#)
}

const ID: EventId = EventId::START;

fn id(text: &str) -> EventId {
    text.parse().unwrap()
}

#[test]
fn the_name_of_the_frame_decides() {
    for (name, origin, expected) in [
        ("create", "", Some(Delivery::Live)),
        ("update", r#","type":"update","origin":{}"#, Some(Delivery::Live)),
        ("update", r#","origin":null"#, Some(Delivery::Live)),
        ("create", r#","origin":"elsewhere""#, Some(Delivery::Live)),
        ("create", r#","origin":{"referer":"init-create"}"#, Some(Delivery::Recovery)),
        ("create", r#","origin":{"referer":"init-dependencies"}"#, Some(Delivery::Dependency)),
        // It left the collection.
        ("delete", r#","type":"update""#, None),
        ("delete", r#","type":"delete","origin":{"referer":"init-create"}"#, None),
    ] {
        let object = match read(name, &envelope(origin)) {
            StreamEvent::Upsert { id, object, delivery } => {
                assert_eq!((id, Some(delivery)), (self::id("7-0"), expected), "{name} {origin}");
                object
            }
            StreamEvent::Delete { id, object } => {
                assert_eq!((id, None), (self::id("7-0"), expected), "{name} {origin}");
                object
            }
            other => panic!("{name} {origin}: {other:?}"),
        };
        assert_eq!((object.id(), object.stix_type()), ("indicator--1", "indicator"));
        assert_eq!((object.internal_id(), object.json()), (Some("42"), OBJECT));
        assert_eq!(object.read::<serde_json::Value>().unwrap()["name"], "née \"x\"");
    }
}

#[test]
fn a_merge_names_what_is_gone() {
    let sources = r#","context":{"patch":[],"sources":[{"id":"malware--2","type":"malware"},{"id":"malware--3","type":"malware"}]}"#;
    let StreamEvent::Merge { object, sources, .. } = read("merge", &envelope(sources)) else { panic!() };
    assert_eq!(object.id(), "indicator--1");
    let ids: Vec<_> = sources.iter().map(|source| (source.id(), source.internal_id())).collect();
    assert_eq!(ids, [("malware--2", None), ("malware--3", None)]);
}

#[test]
fn the_first_event_tells_how_far_the_stream_reaches() {
    let data = r#"{"lastEventId":"9-1","firstEventId":"5-0","firstEventDate":"x","lastEventDate":"y","streamSize":581,"connectionId":"c"}"#;
    let expected = Connected {
        first_event_id: Some(id("5-0")),
        last_event_id: Some(id("9-1")),
        stream_size: Some(581),
        connection_id: Some("c".to_owned()),
    };
    assert_eq!(read("connected", data), StreamEvent::Connected(expected));
    for data in ["{}", r#"{"lastEventId":null,"firstEventId":"soon"}"#] {
        assert_eq!(read("connected", data), StreamEvent::Connected(Connected::default()), "{data}");
    }
}

#[test]
fn heartbeats_and_unknown_events() {
    assert_eq!(read("heartbeat", "\"2026-01-01\""), StreamEvent::Heartbeat { id: Some(id("7-0")) });
    assert_eq!(
        read("consumer\u{1b}_metrics", "{}"),
        StreamEvent::Unknown { id: Some(id("7-0")), name: "consumer _metrics".to_owned() }
    );
    let frame = Frame::Oversized { id: "8-0".to_owned(), name: "create".to_owned(), size: 99 };
    let event = StreamEvent::from_frame(frame);
    assert_eq!((event.id(), event.label()), (Some(id("8-0")), "oversized"));
}

#[test]
fn what_cannot_be_read_is_told_and_ends_nothing() {
    let mut reasons = String::new();
    let half = envelope("");
    for (name, data) in [
        ("create", ""),
        ("create", "{"),
        ("create", &half[..half.len() / 2]),
        ("create", "[]"),
        ("create", "null"),
        ("update", "{}"),
        ("delete", r#"{"data":null}"#),
        ("delete", r#"{"data":[1,2]}"#),
        ("create", r#"{"data":{}}"#),
        ("create", r#"{"data":{"id":7,"type":"x"}}"#),
        ("create", r#"{"data":{"id":"x"}}"#),
        ("merge", &half),
        ("merge", &envelope(r#","context":{"sources":[7]}"#)),
        ("merge", &envelope(r#","context":{"sources":7}"#)),
        ("connected", "[]"),
        ("connected", "{"),
    ] {
        match read(name, data) {
            StreamEvent::Garbage { id, reason } => {
                assert_eq!(id, Some(self::id("7-0")));
                reasons.push_str(&reason);
                reasons.push('\n');
            }
            other => panic!("{name} {data}: {other:?}"),
        }
    }
    insta::assert_snapshot!(reasons);

    let frame = Frame::Event { id: "x".to_owned(), name: "create".to_owned(), data: envelope("") };
    let StreamEvent::Garbage { id: None, reason } = StreamEvent::from_frame(frame) else { panic!() };
    assert_eq!(reason, "create: it has no readable id");
}

#[test]
fn an_object_as_deep_as_you_like_is_no_danger() {
    let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
    let data = format!(r#"{{"data":{{"id":"x--1","type":"x","deep":{deep}}}}}"#);
    let StreamEvent::Upsert { object, .. } = read("create", &data) else { panic!() };
    // The caller's form may have its limit.
    assert!(object.read::<serde_json::Value>().is_err());
    assert!(id("1-0") > ID);
}

proptest! {
    /// Whatever comes, it is an event, and what it says is fit to be shown.
    #[test]
    fn any_frame_is_an_event(
        id in r"[0-9]{0,3}-?[0-9]{0,2}",
        name in "(create|update|delete|merge|connected|heartbeat|[\\PC\\x00-\\x1f]{0,6})",
        data in r#"\{?("data"|"origin"|"context")?:?(\{"id":"x","type":"y"\}|\{\}|null|"é|7|\[)?,?("context":\{"sources":\[\{"id":"x","type":"y"\}\]\})?\}?"#,
    ) {
        let event = StreamEvent::from_frame(Frame::Event { id, name, data });
        if let StreamEvent::Garbage { reason: text, .. } | StreamEvent::Unknown { name: text, .. } = &event {
            prop_assert!(!text.contains(char::is_control), "{event:?}");
        }
    }

    #[test]
    fn any_bytes_are_events(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for frame in Parser::with_limit(64).push(&bytes) {
            let _ = StreamEvent::from_frame(frame).label();
        }
    }
}
