//! The cases of the OASIS validator's and matcher's suites, and the forms that feeds write.
//!
//! They are found through `CONFORMANCE_DATA`; without it the tests say so and pass.

#![expect(clippy::panic, clippy::expect_used, reason = "a test fails by panicking, in its helpers, too")]
#![expect(clippy::print_stderr, reason = "a test that did not run says so")]

use std::path::PathBuf;

use enricher::stix::{Observation, Pattern};
use serde_json::Value;

/// Patterns on which the OASIS validator crashes (`valid` is null), with the verdict given here and its reason.
const VALIDATOR_CRASHES: [(&str, bool, &str); 2] = [
    ("", false, "there is no pattern in it"),
    ("[file:x[-1] = 1]", false, "the grammar has negative indices, but lists are counted from 0"),
];

fn cases(file: &str) -> Option<Vec<Value>> {
    let Some(root) = std::env::var_os("CONFORMANCE_DATA") else {
        eprintln!("skipped: CONFORMANCE_DATA is not set");
        return None;
    };
    let path = PathBuf::from(root).join("stix-cases").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(text.lines().map(|line| serde_json::from_str(line).expect("a case is a line of JSON")).collect())
}

fn is_valid(pattern: &str) -> bool {
    Pattern::parse(pattern).is_ok_and(|pattern| pattern.check().is_ok())
}

fn validity(file: &str) {
    let Some(cases) = cases(file) else { return };
    assert!(!cases.is_empty(), "{file} has no cases");
    let mut wrong = Vec::new();
    for case in &cases {
        let pattern = case["pattern"].as_str().expect("a pattern");
        let expected = match case["valid"].as_bool() {
            Some(valid) => valid,
            None => match VALIDATOR_CRASHES.iter().find(|known| known.0 == pattern) {
                Some(known) => known.1,
                // The other paths with a negative index are decided as the listed one is.
                None => {
                    assert!(
                        pattern.contains("[-"),
                        "{pattern}: the validator crashes and nobody has decided"
                    );
                    false
                }
            },
        };
        if is_valid(pattern) != expected {
            wrong.push(format!(
                "{pattern}\n    expected {expected}, {:?}",
                Pattern::parse(pattern).map(|p| p.check())
            ));
        }
        if let Ok(parsed) = Pattern::parse(pattern) {
            let printed = parsed.to_string();
            let again = Pattern::parse(&printed).unwrap_or_else(|error| panic!("{printed}: {error}"));
            assert_eq!(again.expression(), parsed.expression(), "{pattern} printed as {printed}");
        }
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn validator_suite() {
    validity("validator-v21.jsonl");
}

#[test]
fn matcher_patterns() {
    validity("matcher-patterns-validity-v21.jsonl");
}

#[test]
fn feeds_and_edges() {
    validity("feed-and-edge-v21.jsonl");
}

#[test]
fn crashes_of_the_validator_are_decided() {
    for (pattern, valid, reason) in VALIDATOR_CRASHES {
        assert_eq!(is_valid(pattern), valid, "{pattern}: {reason}");
    }
}

/// The reference raises (`match` is null) for two reasons only, a pattern that does not parse and values that cannot be
/// compared; both are errors here too, never "no match".
#[test]
fn matcher_suite() {
    let Some(cases) = cases("matcher-v21.jsonl") else { return };
    assert!(!cases.is_empty(), "no cases");
    let mut wrong = Vec::new();
    for case in &cases {
        let pattern = case["pattern"].as_str().expect("a pattern");
        let observed = case["observed"].as_array().expect("observed data");
        let outcome = Pattern::parse(pattern).map_err(|error| error.to_string()).and_then(|pattern| {
            let observations = Observation::from_json(observed).map_err(|error| error.to_string())?;
            pattern.matches(&observations).map_err(|error| error.to_string())
        });
        if outcome.as_ref().ok().copied() != case["match"].as_bool() {
            wrong.push(format!("{pattern}\n    expected {}, got {outcome:?}", case["match"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
