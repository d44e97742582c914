//! What patterns are evaluated on, from the alert to the event: what is looked up, and what only completes it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers, too")]

use enricher::{Bundle, Enricher, Policy};
use serde_json::json;
use wazuh_alert::Alert;

/// What becomes of one indicator with this pattern, in a line: its event with the values shown, or why there is none.
fn outcome(pattern: &str, alert: &str, policy: &str) -> String {
    let bundle = json!({"type": "bundle", "id": "bundle--5a1f7bd3-2a5b-4c0e-8d5e-3f8f5c3f3a10", "objects": [
        {"type": "indicator", "id": "indicator--b1f1c6de-9f0e-4c7c-8f8e-5f0f6f7a8b9c", "name": "x",
         "pattern": pattern, "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z"}]});
    let bundle = Bundle::from_slice(bundle.to_string().as_bytes()).unwrap();
    assert_eq!(bundle.skipped(), [], "{pattern}");
    let enricher = Enricher::new(bundle, serde_json::from_str::<Policy>(policy).unwrap());
    let alert = Alert::parse(alert.as_bytes()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let enriched =
        runtime.block_on(enricher.enrich(&alert, "2026-06-01T12:00:00Z".parse().unwrap())).unwrap();
    match (enriched.events.first(), enriched.set_aside.first()) {
        (Some(event), _) => format!(
            "{}: {} of {}",
            event.event_type().as_str(),
            event.text("opencti.match.value").unwrap(),
            event.text("opencti.query_values").unwrap()
        ),
        (None, Some(aside)) => aside.reason.as_str().to_owned(),
        (None, None) => "nothing came back".to_owned(),
    }
}

const DOWNLOAD: &str = r#"{"id":"1775117004.1","rule":{"id":"554","level":5,"groups":["syscheck"]},
    "syscheck":{"path":"/tmp/a.exe","event":"added","md5_after":"0cc175b9c0f1b6a831c399e269772661"},
    "data":{"srcip":"10.1.2.3","dstip":"45.77.12.9"}}"#;
const HASH: &str = "file:hashes.MD5 = '0cc175b9c0f1b6a831c399e269772661'";

#[test]
fn what_is_not_looked_up_completes_a_pattern() {
    let cases = [
        (format!("[{HASH} AND file:name = 'a.exe']"), "{}"),
        (format!("[file:name = 'A.EXE' AND {HASH}]"), "{}"),
        (format!("[{HASH} AND file:name = 'b.exe']"), "{}"),
        (
            "[network-traffic:src_ref.value = '10.1.2.3' AND network-traffic:dst_ref.value = '45.77.12.9']"
                .to_owned(),
            "{}",
        ),
        // By itself it is no evidence, unless it is asked for.
        ("[file:name = 'a.exe' AND domain-name:value = 'evil-c2.com']".to_owned(), "{}"),
        ("[file:name LIKE 'a.%']".to_owned(), "{}"),
        ("[file:name = 'a.exe']".to_owned(), r#"{"kinds":["file-name"]}"#),
        ("[ipv4-addr:value = '10.1.2.0/24']".to_owned(), r#"{"lookup_private_addresses":true}"#),
        // What is excluded was not seen at all.
        (
            "[network-traffic:src_ref.value = '10.1.2.3' AND network-traffic:dst_ref.value = '45.77.12.9']"
                .to_owned(),
            r#"{"exclude":["10.0.0.0/8"]}"#,
        ),
    ];
    let told = cases.map(|(pattern, policy)| outcome(&pattern, DOWNLOAD, policy));
    insta::assert_snapshot!(told.join("\n"), @"
    indicator_pattern_match: 0cc175b9c0f1b6a831c399e269772661 of 0cc175b9c0f1b6a831c399e269772661;a.exe
    indicator_pattern_match: 0cc175b9c0f1b6a831c399e269772661 of 0cc175b9c0f1b6a831c399e269772661;a.exe
    indicator_partial_pattern_match: 0cc175b9c0f1b6a831c399e269772661 of 0cc175b9c0f1b6a831c399e269772661
    indicator_pattern_match: 45.77.12.9 of 45.77.12.9;10.1.2.3
    nothing came back
    kind-off
    indicator_pattern_match: a.exe of a.exe
    indicator_pattern_match: 10.1.2.3 of 10.1.2.3
    indicator_partial_pattern_match: 45.77.12.9 of 45.77.12.9
    ");
}

#[test]
fn what_a_warning_list_has_was_not_seen() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("names.json"),
        r#"{"name":"names","type":"string","matching_attributes":["filename"],"list":["a.exe"]}"#,
    )
    .unwrap();
    let lists = enricher::WarningLists::load(folder.path()).unwrap();
    let enricher = Enricher::new(Bundle::default(), Policy::default()).with_warning_lists(move || lists);
    let seen = enricher.select(&Alert::parse(DOWNLOAD.as_bytes()).unwrap());
    let not_asked: Vec<_> = seen.not_asked.iter().map(|seen| seen.ioc.value()).collect();
    assert_eq!(not_asked, ["/tmp/a.exe", "10.1.2.3"]);
}
