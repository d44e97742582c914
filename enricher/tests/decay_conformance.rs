//! The decay curve against dates that OpenCTI reckoned.
//!
//! With decay on, OpenCTI sets an indicator's `valid_until` to the moment at which its score reaches the score of
//! revocation, which is 20 in every rule that it comes with. So the curve must be at 20 then.

use enricher::live_score;
use jiff::{SignedDuration, Timestamp};
use opencti_client::{DecayRule, Indicator};
use serde_json::Value;

/// The score at which OpenCTI's own rules revoke.
const REVOKE: i64 = 20;

/// OpenCTI's own rule for a type of observable.
fn rule(main_type: &str) -> DecayRule {
    let (lifetime, pound) = match main_type {
        "IPv4-Addr" | "IPv6-Addr" | "Url" => (47, 0.55),
        "Domain-Name" => (300, 0.7),
        "StixFile" => (460, 0.3),
        _ => (470, 0.35),
    };
    DecayRule { lifetime, pound }
}

#[test]
fn the_score_is_that_of_revocation_when_opencti_says_so() {
    let Some(data) = std::env::var_os("CONFORMANCE_DATA").map(std::path::PathBuf::from) else {
        eprintln!("skipped: CONFORMANCE_DATA is not set");
        return;
    };
    let path = data.join("opencti/recordings/state-all-indicators.json");
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let state: Value = serde_json::from_slice(&text).unwrap();
    let mut checked = 0;
    for edge in state["data"]["indicators"]["edges"].as_array().unwrap() {
        let node = &edge["node"];
        // Where the score began below that of revocation there is nothing to wait for.
        let Some(base) = node["decay_base_score"].as_i64().filter(|base| *base > REVOKE) else { continue };
        let indicator = Indicator {
            x_opencti_score: node["x_opencti_score"].as_i64(),
            decay_base_score: Some(base),
            decay_base_score_date: node["decay_base_score_date"].as_str().map(str::to_owned),
            decay_applied_rule: Some(rule(node["x_opencti_main_observable_type"].as_str().unwrap())),
            ..Indicator::default()
        };
        let until: Timestamp = node["valid_until"].as_str().unwrap().parse().unwrap();
        let name = &node["name"];
        assert_eq!(live_score(&indicator, until), Some(REVOKE), "{name}");
        // The curve is flat at its end: a month is what changes every rule's score by more than a point.
        let month = SignedDuration::from_hours(30 * 24);
        assert!(live_score(&indicator, until - month) > Some(REVOKE), "{name}");
        assert!(live_score(&indicator, until + month) < Some(REVOKE), "{name}");
        checked += 1;
    }
    assert!(checked >= 60, "only {checked} indicators");
}
