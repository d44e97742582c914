//! Streams: recordings of OpenCTI, and the stand-in live.

use std::collections::BTreeMap;
use std::fs;

use opencti_client::sse::{Frame, MAX_FRAME, Parser};
use opencti_client::{CollectionId, Delivery, EventId, StreamError, StreamEvent, Update};
use serde_json::{Value, json};

use crate::{StandIn, client, data, files, post, read_json};

/// What a recorded event should become.
fn expected_kind(event: &Value) -> (&'static str, Option<Delivery>) {
    match event["event"].as_str().unwrap() {
        "connected" => ("connected", None),
        "heartbeat" => ("heartbeat", None),
        "delete" => ("delete", None),
        "create" | "update" => {
            let delivery = match event["data_json"]["origin"]["referer"].as_str() {
                Some("init-dependencies") => Delivery::Dependency,
                Some("init-create") => Delivery::Recovery,
                None => Delivery::Live,
                Some(other) => panic!("unknown origin {other}"),
            };
            ("upsert", Some(delivery))
        }
        other => panic!("unknown event {other}"),
    }
}

#[test]
fn recorded_streams_are_read_in_full() {
    let Some(data) = data() else { return };
    let mut kinds = BTreeMap::<&str, usize>::new();
    for file in files(&data.join("opencti/recordings/sse"), "sse") {
        let name = file.display();
        let bytes = fs::read(&file).unwrap();
        let recording = read_json(&file.with_extension("json"));
        let recorded = recording["events"].as_array().unwrap();
        // As it may come over the network, and in as few and as many pieces as there can be.
        let sizes = [1, 2, 3, 1460, 16_384, bytes.len().max(1)];
        let mut readings: Vec<Vec<Frame>> = sizes
            .iter()
            .map(|size| {
                let mut parser = Parser::with_limit(MAX_FRAME);
                bytes.chunks(*size).flat_map(|piece| parser.push(piece)).collect()
            })
            .collect();
        let frames = readings.pop().unwrap();
        assert!(readings.iter().all(|reading| *reading == frames), "{name}");
        assert_eq!(frames.len(), recorded.len(), "{name}");

        let mut last = None;
        for (frame, recorded) in frames.into_iter().zip(recorded) {
            let Frame::Event { id, name: event_name, data } = &frame else { panic!("{name}: {frame:?}") };
            assert_eq!(event_name, recorded["event"].as_str().unwrap(), "{name}");
            assert_eq!(data, recorded["data"].as_str().unwrap(), "{name}");
            assert_eq!(id, recorded["id"].as_str().unwrap_or_default(), "{name}");
            let event = StreamEvent::from_frame(frame.clone());
            let (label, delivery) = expected_kind(recorded);
            assert_eq!(event.label(), label, "{name}: {event:?}");
            *kinds.entry(label).or_default() += 1;
            let raw = &recorded["data_json"];
            match &event {
                StreamEvent::Connected(connected) => {
                    assert_eq!(json!(connected.first_event_id), raw["firstEventId"], "{name}");
                    assert_eq!(json!(connected.last_event_id), raw["lastEventId"], "{name}");
                    assert_eq!(json!(connected.stream_size), raw["streamSize"], "{name}");
                    assert_eq!(
                        connected.first_event_id.unwrap().date(),
                        raw["firstEventDate"].as_str().unwrap(),
                        "{name}"
                    );
                    continue;
                }
                StreamEvent::Upsert { object, delivery: told, .. } => {
                    assert_eq!(Some(*told), delivery, "{name}");
                    assert_eq!(object.read::<Value>().unwrap(), raw["data"], "{name}");
                }
                StreamEvent::Delete { object, .. } => {
                    assert_eq!(object.read::<Value>().unwrap(), raw["data"], "{name}");
                }
                _ => {}
            }
            if let StreamEvent::Upsert { object, .. } | StreamEvent::Delete { object, .. } = &event {
                let extension = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba";
                assert_eq!(json!(object.id()), raw["data"]["id"], "{name}");
                assert_eq!(json!(object.stix_type()), raw["data"]["type"], "{name}");
                assert_eq!(json!(object.internal_id()), raw["data"]["extensions"][extension]["id"], "{name}");
                assert!(object.internal_id().is_some(), "{name}");
            }
            // Only a recovery is out of order.
            assert!(
                delivery == Some(Delivery::Recovery)
                    || event.id() >= last
                    || name.to_string().contains("recover")
            );
            last = event.id();
        }
    }
    assert_eq!(kinds.keys().copied().collect::<Vec<_>>(), ["connected", "delete", "heartbeat", "upsert"]);
    assert!(kinds["upsert"] >= 200 && kinds["delete"] >= 10 && kinds["connected"] == 9, "{kinds:?}");
}

/// Recorded refusals, played back over HTTP with their reasons.
#[tokio::test]
async fn recorded_refusals_are_errors_of_their_kind() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let Some(data) = data() else { return };
    let mut seen = BTreeMap::new();
    for file in files(&data.join("opencti/recordings/sse"), "json") {
        let recording = read_json(&file);
        let response = &recording["response"];
        let Some(status) = response["status"].as_u64().filter(|status| *status != 200) else { continue };
        let reason = response["reason"].as_str().unwrap().to_owned();
        let head = format!("HTTP/1.1 {status} {reason}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 4096]).await;
            socket.write_all(head.as_bytes()).await.unwrap();
        });
        let error =
            client(&url, "token").stream(&CollectionId::parse("x").unwrap()).connect().await.unwrap_err();
        let fits = match status {
            401 => matches!(error, StreamError::Unauthorized { .. }),
            410 => matches!(error, StreamError::Stopped { .. }),
            500 => matches!(error, StreamError::Unavailable { status: 500, .. }),
            _ => false,
        };
        assert!(fits && error.to_string().ends_with(&reason), "{}: {error}", file.display());
        *seen.entry(status).or_insert(0) += 1;
    }
    assert_eq!(seen, BTreeMap::from([(401, 4), (410, 1), (500, 1)]));
}

#[tokio::test]
async fn the_stand_in_is_followed() {
    let Some(data) = data() else { return };
    let Some(server) = StandIn::start(&data) else { return };
    let platform = read_json(&data.join("standin/data.json"));
    let count = |table: &str| platform[table].as_array().unwrap().len();
    let switch = post(&server.url);
    let collection = CollectionId::parse("d4000000-0000-4000-8000-000000000001").unwrap();

    let refused = client(&server.url, "wrong").stream(&collection).connect().await.unwrap_err();
    assert!(refused.is_auth() && refused.needs_attention(), "{refused}");

    // The first run: everything there is, and then what changes.
    let mut follower = server.client().stream(&collection).follow(None);
    let Update::Connected { since, recover, .. } = follower.next().await else { panic!() };
    assert!(since == EventId::START && recover.is_some());
    let mut ids = Vec::new();
    for _ in 0..count("indicators") + count("observables") {
        match follower.next().await {
            Update::Event {
                event: StreamEvent::Upsert { object, delivery: Delivery::Recovery, .. },
                cursor: None,
            } => ids.push(object.internal_id().unwrap().to_owned()),
            other => panic!("{other:?}"),
        }
    }
    assert!(ids.contains(&platform["indicators"][0]["id"].as_str().unwrap().to_owned()));
    assert!(ids.contains(&platform["observables"][0]["id"].as_str().unwrap().to_owned()));
    switch("/_control/publish", &json!({"event": "update", "object": platform["indicators"][0]})).await;
    let Update::Recovered { cursor } = follower.next().await else { panic!() };
    assert_eq!(Some(cursor), recover);
    let Update::Connected { recover: None, .. } = follower.next().await else { panic!() };

    // The stand-in does not send again what it has sent, so these are the next.
    let mut changed = platform["indicators"][1].clone();
    changed["name"] = json!("changed");
    switch("/_control/publish", &json!({"event": "update", "object": changed})).await;
    let Update::Event { event: StreamEvent::Upsert { object, delivery: Delivery::Live, .. }, cursor } =
        follower.next().await
    else {
        panic!()
    };
    assert_eq!(object.read::<Value>().unwrap()["name"], "changed");
    assert_eq!(cursor, recover);
    switch("/_control/publish", &json!({"event": "delete", "object": changed})).await;
    let Update::Event { event: StreamEvent::Delete { object, id }, cursor } = follower.next().await else {
        panic!()
    };
    assert_eq!(object.internal_id(), changed["id"].as_str());
    assert!(cursor.unwrap() < id && cursor > recover);

    // From a cursor that is too old.
    let mut follower =
        server.client().stream(&collection).follow(Some(EventId::from_milliseconds(1_700_000_000_000)));
    let Update::Gap { after, first } = follower.next().await else { panic!() };
    assert!(after < first.unwrap());
    let Update::Connected { recover: Some(_), .. } = follower.next().await else { panic!() };
    let Update::Event { event, .. } = follower.next().await else { panic!() };
    assert_eq!(event.label(), "upsert");
}
