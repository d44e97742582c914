//! Lists read page by page.

use std::time::{Duration, SystemTime};

use opencti_client::{Error, ErrorCode, Pages};
use serde_json::{Value, json};
use wiremock::matchers::{body_partial_json, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::server::{builder, shown};

/// A page of indicators.
fn page(ids: &[&str], next: Option<&str>) -> Value {
    let edges: Vec<_> = ids.iter().map(|id| json!({"node": {"id": id, "name": format!("n{id}")}})).collect();
    json!({"data": {"indicators": {
        "edges": edges,
        "pageInfo": {"hasNextPage": next.is_some(), "endCursor": next.unwrap_or_default()}
    }}})
}

/// Answers one after another; the last again and again.
async fn server(answers: Vec<ResponseTemplate>) -> MockServer {
    let server = MockServer::start().await;
    let last = answers.len() - 1;
    for (number, answer) in answers.into_iter().enumerate() {
        let mock = Mock::given(method("POST")).respond_with(answer);
        if number == last { mock } else { mock.up_to_n_times(1) }.mount(&server).await;
    }
    server
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn failed(code: &str) -> ResponseTemplate {
    ok(
        json!({"errors": [{"message": "no", "path": ["indicators"], "extensions": {"code": code}}], "data": {"indicators": null}}),
    )
}

/// The variables of the requests that a server has got.
async fn asked(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(|request| request.body_json::<Value>().unwrap()["variables"].clone()).collect()
}

async fn ids(pages: &mut Pages<opencti_client::Indicator>) -> Vec<String> {
    let mut ids = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        ids.extend(page.items.into_iter().map(|indicator| indicator.id));
    }
    ids
}

#[tokio::test]
async fn pages_follow_one_another_to_the_end() {
    // A page that is just full claims another, which is empty.
    let server = server(vec![
        ok(page(&["1", "2"], Some("a"))),
        ok(page(&["3", "4"], Some("b"))),
        ok(page(&[], None)),
        ok(page(&["never"], None)),
    ])
    .await;
    let client = builder(&server.uri()).build().unwrap();
    let since = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_225_600_250);
    let mut pages = client.export_indicators(Some(since)).page_size(2);
    assert_eq!(pages.cursor(), None);
    assert_eq!(ids(&mut pages).await, ["1", "2", "3", "4"]);
    assert_eq!(pages.cursor(), Some("b"));
    assert!(pages.next().await.unwrap().is_none());
    let asked = asked(&server).await;
    let cursors: Vec<_> = asked.iter().map(|variables| variables["after"].as_str()).collect();
    assert_eq!(cursors, [None, Some("a"), Some("b")]);
    insta::assert_json_snapshot!(asked[1]);
}

#[tokio::test]
async fn everything_is_asked_for_without_a_time_and_ids_in_the_largest_pages() {
    let server = server(vec![ok(page(&["1"], None))]).await;
    let client = builder(&server.uri()).build().unwrap();
    assert_eq!(ids(&mut client.export_indicators(None)).await, ["1"]);
    let page = client.export_indicator_ids().next().await.unwrap().unwrap();
    assert_eq!(page.items[0].id, "1");
    client.export_indicator_ids().page_size(99_999).next().await.unwrap();
    let asked = asked(&server).await;
    assert_eq!(asked[0], json!({"filters": null, "first": 1000, "after": null}));
    assert_eq!(asked[1], json!({"first": 5000, "after": null}));
    assert_eq!(asked[2]["first"], 5000);
}

#[tokio::test]
async fn a_failure_is_told_and_the_same_page_tried_again() {
    let server = server(vec![
        ok(page(&["1"], Some("a"))),
        failed("DATABASE_ERROR"),
        failed("AUTH_REQUIRED"),
        ok(page(&["2"], None)),
    ])
    .await;
    let client = builder(&server.uri()).build().unwrap();
    let mut pages = client.export_indicators(None);
    assert_eq!(pages.next().await.unwrap().unwrap().items.len(), 1);
    // The first kind passes by itself.
    let error = pages.next().await.unwrap_err();
    assert!(matches!(error, Error::GraphQl { code: ErrorCode::AuthRequired, .. }), "{error:?}");
    assert_eq!(ids(&mut pages).await, ["2"]);
    let cursors: Vec<_> = asked(&server).await.iter().map(|variables| variables["after"].clone()).collect();
    assert_eq!(cursors, [json!(null), json!("a"), json!("a"), json!("a")]);
}

#[tokio::test]
async fn a_cursor_that_is_none_any_more_starts_over() {
    let server = MockServer::start().await;
    Mock::given(body_partial_json(json!({"variables": {"after": "old"}})))
        .respond_with(failed("INTERNAL_SERVER_ERROR"))
        .mount(&server)
        .await;
    Mock::given(body_partial_json(json!({"variables": {"after": null}})))
        .respond_with(ok(page(&["1"], Some("old"))))
        .mount(&server)
        .await;
    let client = builder(&server.uri()).retries(0).build().unwrap();
    let mut pages = client.export_indicators(None).after("old");
    assert_eq!(pages.next().await.unwrap().unwrap().items.len(), 1);
    // One that OpenCTI itself has given is not to blame.
    let error = pages.next().await.unwrap_err();
    assert!(matches!(error, Error::GraphQl { code: ErrorCode::Internal, .. }), "{error:?}");
    assert_eq!(pages.cursor(), Some("old"));
}

#[tokio::test]
async fn a_page_lacks_no_object() {
    let problem =
        json!([{"message": "no", "path": ["indicators"], "extensions": {"code": "FORBIDDEN_ACCESS"}}]);
    let mut gap = page(&["1"], None);
    gap["data"]["indicators"]["edges"][0]["node"] = Value::Null;
    let mut told = gap.clone();
    told["errors"] = problem.clone();
    let mut part = page(&["1"], None);
    part["errors"] = problem;
    let server = server(vec![ok(gap), ok(told), ok(part)]).await;
    let client = builder(&server.uri()).build().unwrap();
    let mut pages = client.export_indicators(None);
    let error = pages.next().await.unwrap_err();
    insta::assert_snapshot!(shown(&error), @"ExportIndicators: the answer holds neither data nor an error for node [no_data] (this version of OpenCTI answers in an unknown way: check that it is 6.0 or later, and report it)");
    let error = pages.next().await.unwrap_err();
    assert!(matches!(error, Error::GraphQl { code: ErrorCode::ForbiddenAccess, .. }), "{error:?}");
    // Something within an object is not the object.
    let page = pages.next().await.unwrap().unwrap();
    assert_eq!((page.items.len(), page.problems.len(), page.next), (1, 1, None));
}

#[tokio::test]
async fn a_page_too_large_or_too_slow_is_halved() {
    let large = ResponseTemplate::new(200).set_body_raw(vec![b' '; (32 << 20) + 1], "application/json");
    let slow = ok(page(&["late"], None)).set_delay(Duration::from_secs(30));
    let server = server(vec![large, slow.clone(), ok(page(&["1"], None)), slow]).await;
    let client = builder(&server.uri()).timeout(Duration::from_secs(2)).retries(0).build().unwrap();
    assert_eq!(ids(&mut client.export_indicators(None)).await, ["1"]);
    let sizes: Vec<_> = asked(&server).await.iter().map(|variables| variables["first"].clone()).collect();
    assert_eq!(sizes, [1000, 500, 250]);
    // Not for ever.
    let client = builder(&server.uri()).timeout(Duration::from_millis(50)).retries(0).build().unwrap();
    let error = client.export_indicators(None).page_size(150).next().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    let sizes: Vec<_> = asked(&server).await.iter().map(|variables| variables["first"].clone()).collect();
    assert_eq!(sizes[3..], [150, 100]);
}

#[tokio::test]
async fn a_list_that_goes_round_in_circles_is_left() {
    let server = server(vec![ok(page(&["1"], Some("a")))]).await;
    let client = builder(&server.uri()).build().unwrap();
    let mut pages = client.export_indicators(None);
    pages.next().await.unwrap();
    let error = pages.next().await.unwrap_err();
    insta::assert_snapshot!(shown(&error), @"ExportIndicators: the answer has an unexpected shape: the cursor of the next page is that of this one [shape] (this version of OpenCTI answers in an unknown way: check that it is 6.0 or later, and report it)");
}

#[tokio::test]
async fn relations_reports_and_streams() {
    let relation = |to: Value| {
        json!({"node": {
            "id": "r", "relationship_type": "indicates", "confidence": 70, "updated_at": "2026-01-01T00:00:00Z",
            "fromId": "i", "fromType": "Indicator", "toId": "t", "toType": "Malware", "to": to
        }})
    };
    let malware =
        json!({"__typename": "Malware", "id": "t", "entity_type": "Malware", "name": "M", "aliases": ["N"]});
    let relations = json!({"data": {"stixCoreRelationships": {"edges": [
        relation(malware),
        // One that the user may not see, and one of a type that this client does not know.
        relation(Value::Null),
        relation(json!({"__typename": "SecurityCoverage"})),
    ]}}});
    let object =
        |report: Value| json!({"node": {"from": report, "to": {"__typename": "Indicator", "id": "i"}}});
    let objects = json!({"data": {"stixRefRelationships": {"edges": [
        object(json!({"__typename": "Report", "id": "p"})), object(Value::Null),
    ]}}});
    let reports = json!({"data": {"reports": {"edges": [{"node": {"id": "p", "name": "P", "objectLabel": [{"value": "l"}]}}]}}});
    let streams = json!({"data": {"streamCollections": {"edges": [{"node": {
        "id": "s", "name": "S", "description": null, "filters": "{}", "stream_live": true, "stream_public": false
    }}]}}});
    let server = server(vec![ok(relations), ok(objects), ok(reports), ok(streams)]).await;
    let client = builder(&server.uri()).build().unwrap();
    let relations = client.export_relations(None).next().await.unwrap().unwrap().items;
    let objects = client.export_report_objects().next().await.unwrap().unwrap().items;
    let reports = client.export_reports(None).next().await.unwrap().unwrap().items;
    let streams = client.stream_collections().await.unwrap().value;
    insta::assert_debug_snapshot!((&relations, &objects, &reports, &streams));
    insta::assert_json_snapshot!(asked(&server).await);
}
