//! Answers, whole and partial, of one request and of many.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use opencti_client::{Error, ErrorCode, Terms};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::server::{Act, CANARY, Raw, SELF_CHECK, builder, http, json as json_answer, read_request, shown};

/// A server that answers each request by what `answer` makes of its body.
async fn answering(answer: impl Fn(&Value) -> Value + Send + Sync + 'static) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/graphql"))
        .respond_with(move |request: &wiremock::Request| {
            ResponseTemplate::new(200).set_body_json(answer(&serde_json::from_slice(&request.body).unwrap()))
        })
        .mount(&server)
        .await;
    server
}

fn two_sides() -> Terms {
    let mut terms = Terms::new();
    terms.value("192.0.2.7").pattern("[ipv4-addr:value = '192.0.2.7']");
    terms
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number:03}")).collect()
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = MockServer::start().await;
    Mock::given(path("/cti/graphql"))
        .and(method("POST"))
        .and(header("authorization", format!("Bearer {CANARY}")))
        .and(header("content-type", "application/json"))
        .and(header("user-agent", "custom-opencti/1"))
        .respond_with(ResponseTemplate::new(200).set_body_raw(SELF_CHECK, "application/json"))
        .mount(&server)
        .await;
    let client = builder(&format!("{}/cti/", server.uri())).user_agent("custom-opencti/1").build().unwrap();
    for _ in 0..3 {
        client.self_check().await.unwrap();
    }
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 3);
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(body["operationName"], "SelfCheck");
}

#[tokio::test]
async fn nothing_to_ask_asks_nothing() {
    let server = Raw::start(vec![Act::Hang]).await;
    let client = builder(&server.url()).build().unwrap();
    assert_eq!(client.look_up(&Terms::new()).await.unwrap(), Default::default());
    assert_eq!(client.based_on(&[]).await.unwrap(), Default::default());
    assert_eq!(client.observable_context(&[]).await.unwrap(), Default::default());
    assert_eq!(client.threat_context(&[]).await.unwrap(), Default::default());
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn everything_known_of_a_hit_is_kept() {
    let author = json!({"__typename": "Organization", "id": "a1", "standard_id": "identity--1", "identity_class": "organization", "name": "ACME"});
    let marking = json!({"id": "m1", "standard_id": "marking-definition--1", "definition_type": "TLP", "definition": "TLP:AMBER", "x_opencti_order": 3});
    let data = json!({"data": {
        "stixCyberObservables": {
            "edges": [
                {"node": {
                    "__typename": "StixFile", "id": "o1", "standard_id": "file--1", "entity_type": "StixFile",
                    "observable_value": "ab12", "x_opencti_score": 80, "x_opencti_description": "dropper",
                    "created_at": "2025-01-01T00:00:00.000Z", "updated_at": "2025-01-02T00:00:00.000Z",
                    "createdBy": author, "objectMarking": [marking], "objectLabel": [{"value": "malware"}],
                    "name": "a.exe", "x_opencti_additional_names": ["b.exe", null],
                    "hashes": [{"algorithm": "MD5", "hash": "ab12"}, {"algorithm": "SHA-1", "hash": null}],
                }},
                {"node": {
                    "__typename": "SomethingNew", "id": "o2", "standard_id": "x--1", "entity_type": "Something-New",
                    "observable_value": "x", "x_opencti_score": null, "x_opencti_description": null,
                    "created_at": null, "updated_at": null, "createdBy": null, "objectMarking": [], "objectLabel": null,
                    "unheard_of": {"a": [1]},
                }},
            ],
            "pageInfo": {"hasNextPage": false, "globalCount": 2},
        },
        "indicators": {
            "edges": [{"node": {
                "id": "i1", "standard_id": "indicator--1", "entity_type": "Indicator", "name": "a.exe",
                "description": "first\nsecond", "pattern": "[file:name = 'a.exe']", "pattern_type": "stix",
                "valid_from": "2025-01-01T00:00:00.000Z", "valid_until": null, "revoked": false, "confidence": 75,
                "x_opencti_score": 90, "x_opencti_detection": true, "x_opencti_main_observable_type": "StixFile",
                "x_mitre_platforms": ["windows"], "indicator_types": ["malicious-activity"],
                "created_at": "2025-01-01T00:00:00.000Z", "updated_at": "2025-01-02T00:00:00.000Z",
                "createdBy": {"__typename": "SecurityPlatform", "id": "a2", "standard_id": "identity--2", "identity_class": "securityplatform", "name": "EDR"},
                "objectMarking": [marking], "objectLabel": [{"value": "c2"}, {"value": null}],
                "killChainPhases": [{"kill_chain_name": "mitre-attack", "phase_name": "execution"}],
            }}, null, {"node": null}],
            "pageInfo": {"hasNextPage": true, "globalCount": 9},
        },
    }});
    let server = answering(move |_| data.clone()).await;
    let client = builder(&server.uri()).build().unwrap();
    let answer = client.look_up(&two_sides()).await.unwrap();
    assert_eq!(answer.problems, []);
    insta::assert_json_snapshot!(answer.value);
}

#[tokio::test]
async fn a_full_page_is_cut_only_if_there_is_more() {
    for (next, count, truncated) in [(true, 1, false), (true, 2, true), (false, 2, false)] {
        let server = answering(move |_| json!({"data": {
            "stixCyberObservables": {"edges": [], "pageInfo": {"hasNextPage": false, "globalCount": 0}},
            "indicators": {"edges": [{"node": {"id": "i1"}}], "pageInfo": {"hasNextPage": next, "globalCount": count}},
        }}))
        .await;
        let answer = builder(&server.uri()).build().unwrap().look_up(&two_sides()).await.unwrap();
        assert_eq!(answer.value.truncated, truncated, "{next} {count}");
    }
}

#[tokio::test]
async fn a_side_that_was_not_asked_for_is_not_missed() {
    let server = answering(|body| {
        assert_eq!(body["variables"]["withObservables"], false);
        json!({"data": {"indicators": {"edges": [{"node": {"id": "i1"}}]}}})
    })
    .await;
    let mut terms = Terms::new();
    terms.pattern("[ipv4-addr:value = '192.0.2.7']");
    let answer = builder(&server.uri()).build().unwrap().look_up(&terms).await.unwrap();
    assert_eq!((answer.value.indicators.len(), answer.problems.len()), (1, 0));
}

#[tokio::test]
async fn a_partial_answer_is_used_and_says_what_is_missing() {
    let server = answering(|_| {
        json!({
            "data": {"stixCyberObservables": null, "indicators": {"edges": [{"node": {"id": "i1"}}]}},
            "errors": [{
                "message": "Schema definition named [hashes] is missing mapping for attribute [X]",
                "path": ["stixCyberObservables"], "extensions": {"code": "FUNCTIONAL_ERROR"},
            }],
        })
    })
    .await;
    let answer = builder(&server.uri()).build().unwrap().look_up(&two_sides()).await.unwrap();
    assert_eq!(answer.value.indicators.len(), 1);
    assert_eq!(answer.problems.len(), 1);
    assert_eq!(answer.problems[0].field.as_deref(), Some("stixCyberObservables"));
    assert_eq!(answer.problems[0].code, ErrorCode::Functional);
    assert_eq!(
        answer.problems[0].to_string(),
        "stixCyberObservables: FUNCTIONAL_ERROR: Schema definition named [hashes] is missing mapping for attribute [X]"
    );
    assert_eq!(server.received_requests().await.unwrap().len(), 1, "it would fail again");
}

#[tokio::test]
async fn what_is_missing_without_a_reason_is_an_error() {
    for errors in [
        json!([]),
        json!([{"message": "x", "path": ["indicators", "edges"], "extensions": {"code": "LOCK_ERROR"}}]),
    ] {
        let server = answering(move |_| {
            json!({"data": {"stixCyberObservables": null, "indicators": {"edges": []}}, "errors": errors})
        })
        .await;
        let error = builder(&server.uri()).build().unwrap().look_up(&two_sides()).await.unwrap_err();
        assert!(matches!(error, Error::NoData { .. } | Error::GraphQl { .. }), "{}", shown(&error));
    }
}

#[tokio::test]
async fn no_side_answered_is_an_error_of_the_gravest_code() {
    let server = answering(|_| json!({
        "data": {"stixCyberObservables": null, "indicators": null},
        "errors": [
            {"message": "down", "path": ["stixCyberObservables"], "extensions": {"code": "DATABASE_ERROR"}},
            {"message": "no", "path": ["indicators"], "extensions": {"code": "FORBIDDEN_ACCESS"}},
        ],
    }))
    .await;
    let error = builder(&server.uri()).build().unwrap().look_up(&two_sides()).await.unwrap_err();
    assert!(matches!(error, Error::GraphQl { code: ErrorCode::ForbiddenAccess, .. }), "{error:?}");
    assert!(error.is_auth() && !error.is_retryable());
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_part_that_may_come_later_is_asked_for_again() {
    let partial = r#"{"data":{"about":{"version":"6"},"me":null},"errors":[{"message":"x","path":["me"],"extensions":{"code":"DATABASE_ERROR"}}]}"#;
    let server = Raw::start(vec![Act::Send(json_answer(partial)), Act::Send(json_answer(SELF_CHECK))]).await;
    let answer = builder(&server.url()).build().unwrap().self_check().await.unwrap();
    assert!(answer.problems.is_empty() && answer.value.user.is_some());
    assert_eq!(server.count(), 2);

    // And if it does not come, what there was is better than nothing.
    let down = http("503 Service Unavailable", "", "");
    let server = Raw::start(vec![Act::Send(json_answer(partial)), Act::Send(down)]).await;
    let answer = builder(&server.url()).build().unwrap().self_check().await.unwrap();
    assert_eq!((answer.value.version.as_deref(), answer.problems.len()), (Some("6"), 1));
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn a_large_look_up_is_split_and_merged() {
    let server = answering(|body| {
        let variables = &body["variables"];
        let node =
            |value: &Value| json!({"node": {"__typename": "Text", "id": value, "observable_value": value}});
        // Every request finds its own values, and the same indicator.
        let observables: Vec<Value> = if variables["withObservables"] == true {
            variables["observables"]["filters"][0]["values"].as_array().unwrap().iter().map(node).collect()
        } else {
            Vec::new()
        };
        json!({"data": {
            "stixCyberObservables": {"edges": observables},
            "indicators": {"edges": [{"node": {"id": "same"}}]},
        }})
    })
    .await;
    let mut terms = Terms::new();
    for number in 0..1200 {
        terms.value(&format!("host-{number}.example")).pattern(&format!("[a:b = '{number}']"));
    }
    let answer = builder(&server.uri()).build().unwrap().look_up(&terms).await.unwrap();
    assert_eq!((answer.value.observables.len(), answer.value.indicators.len()), (1200, 1));
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 5);
    assert!(requests.iter().all(|request| request.body.len() < 1_000_000));
}

#[tokio::test]
async fn one_failed_part_fails_the_look_up() {
    let count = Arc::new(AtomicUsize::new(0));
    let server = answering(move |_| {
        if count.fetch_add(1, Ordering::SeqCst) == 1 {
            json!({"errors": [{"message": "no", "extensions": {"code": "COMPLEX_SEARCH_ERROR"}}]})
        } else {
            json!({"data": {"stixCyberObservables": {"edges": []}, "indicators": {"edges": []}}})
        }
    })
    .await;
    let mut terms = Terms::new();
    for number in 0..1200 {
        terms.value(&format!("host-{number}.example"));
    }
    let error = builder(&server.uri()).build().unwrap().look_up(&terms).await.unwrap_err();
    assert_eq!(error.label(), "complex_search");
}

#[tokio::test]
async fn no_more_requests_at_once_than_connections() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    tokio::spawn(async move {
        // Nobody is answered before a second request is there, so it is never fewer than two either.
        let pair = Arc::new(Barrier::new(2));
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (pair, under_way, seen) = (Arc::clone(&pair), Arc::clone(&under_way), Arc::clone(&seen));
            tokio::spawn(async move {
                read_request(&mut stream).await;
                seen.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                pair.wait().await;
                under_way.fetch_sub(1, Ordering::SeqCst);
                let answer = json_answer(r#"{"data":{"stixCoreRelationships":{"edges":[]}}}"#);
                stream.write_all(&answer).await.unwrap();
            });
        }
    });
    let client = builder(&url).max_connections(2).build().unwrap();
    client.based_on(&ids(600)).await.unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn relations_give_the_other_end() {
    let end = |typename: &str, id: &str| json!({"__typename": typename, "id": id, "entity_type": typename, "observable_value": id.to_uppercase()});
    let relation = |from: (&str, Value), to: (&str, Value)| json!({"node": {"relationship_type": "resolves-to", "fromId": from.0, "toId": to.0, "from": from.1, "to": to.1}});
    let data = json!({"data": {
        "basedOn": {"edges": [
            {"node": {"toId": "000", "from": {"__typename": "Indicator", "id": "i1", "name": "n"}}},
            {"node": {"toId": "000", "from": null}},
        ]},
        "related": {"edges": [
            relation(("000", end("DomainName", "000")), ("x", end("IPv4Addr", "x"))),
            relation(("y", end("Url", "y")), ("001", end("IPv4Addr", "001"))),
            relation(("000", end("DomainName", "000")), ("001", end("IPv4Addr", "001"))),
            relation(("000", end("DomainName", "000")), ("hidden", Value::Null)),
            relation(("000", end("DomainName", "000")), ("z", end("SSHKey", "z"))),
        ], "pageInfo": {"hasNextPage": true, "globalCount": 5000}},
    }});
    let server = answering(move |_| data.clone()).await;
    let answer = builder(&server.uri()).build().unwrap().observable_context(&ids(2)).await.unwrap();
    let context = answer.value;
    assert!(context.truncated);
    assert_eq!(context.based_on.len(), 1);
    assert_eq!(
        (context.based_on[0].indicator.id.as_str(), context.based_on[0].observable_id.as_str()),
        ("i1", "000")
    );
    let other: Vec<_> = context
        .related
        .iter()
        .map(|related| {
            (related.other.id.as_str(), related.other.entity_type.as_deref(), related.other.value.as_deref())
        })
        .collect();
    assert_eq!(
        other,
        [
            ("x", Some("IPv4Addr"), Some("X")),
            ("y", Some("Url"), Some("Y")),
            ("001", Some("IPv4Addr"), Some("001")),
        ]
    );
}

#[tokio::test]
async fn more_indicators_than_asked_for_are_a_problem() {
    let server = answering(|_| {
        json!({"data": {"stixCoreRelationships": {
            "edges": [{"node": {"toId": "000", "from": {"__typename": "Indicator", "id": "i1"}}}],
            "pageInfo": {"hasNextPage": true, "globalCount": 5000},
        }}})
    })
    .await;
    let answer = builder(&server.uri()).build().unwrap().based_on(&ids(1)).await.unwrap();
    assert_eq!(answer.value.len(), 1);
    assert_eq!(
        answer.problems[0].to_string(),
        "stixCoreRelationships: TRUNCATED: there are more indicators than were asked for"
    );
}

#[tokio::test]
async fn threats_and_reports_are_told_apart_and_merged() {
    let server = answering(|body| {
        let ids = body["variables"]["ids"].as_array().unwrap();
        let first = ids[0].clone();
        let to = |typename: &str, more: Value| {
            let mut to = json!({"__typename": typename, "id": typename, "entity_type": typename, "name": "n"});
            to.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"node": {"fromId": first, "toId": typename, "confidence": 50, "to": to}})
        };
        let objects: Vec<Value> = ids.iter().take(1).map(|id| json!({"node": {"__typename": "Indicator", "id": id}})).collect();
        let mut report = json!({"id": "r1", "name": "report", "published": "2025-02-01T00:00:00.000Z", "report_types": ["threat-report"],
            "externalReferences": {"edges": [{"node": {"source_name": "blog", "url": "https://x.example", "external_id": null}}]}});
        if body["variables"]["several"] == true {
            report["objects"] = json!({"edges": objects});
        }
        let older = json!({"id": format!("old-{}", first.as_str().unwrap()), "published": "2024-01-01T00:00:00.000Z"});
        json!({"data": {
            "stixCoreRelationships": {"edges": [
                to("Malware", json!({"aliases": ["m"]})),
                to("AttackPattern", json!({"aliases": null, "x_mitre_id": "T1059"})),
                to("Vulnerability", json!({})),
                to("Channel", json!({})),
                {"node": {"fromId": first, "toId": "hidden", "to": null}},
            ]},
            "reports": {"edges": [{"node": report}, {"node": older}]},
        }})
    })
    .await;
    let client = builder(&server.uri()).build().unwrap();
    insta::assert_json_snapshot!(
        "threat_context_of_one",
        client.threat_context(&ids(1)).await.unwrap().value
    );
    let many = client.threat_context(&ids(101)).await.unwrap().value;
    assert_eq!(many.indicates.len(), 6);
    let reports: Vec<_> =
        many.reports.iter().map(|report| (report.id.as_str(), report.object_ids.clone())).collect();
    assert_eq!(
        reports,
        [
            ("r1", vec!["000".to_owned(), "100".to_owned()]),
            ("old-000", vec![]),
            // Asked for alone, so it is clear what the report contains.
            ("old-100", vec!["100".to_owned()]),
        ]
    );
}
