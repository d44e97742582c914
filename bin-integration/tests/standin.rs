//! The program against a stand-in for OpenCTI that has the real schema and filter rules.
//!
//! It is not part of this repository: `CONFORMANCE_DATA` says where it is, and `python3` must have graphql-core.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers, too"
)]

mod common;

use common::standin::StandIn;
use common::{Home, TOKEN, alert, code, last_line};

/// An indicator of the stand-in's data is about this address and nothing else.
const KNOWN: &str = "45.155.205.76";

fn event(line: &str) -> serde_json::Value {
    serde_json::from_str(&line[line.find('{').unwrap()..]).unwrap()
}

#[test]
fn a_known_address_is_found_and_an_unknown_one_is_not() {
    let Some(platform) = StandIn::start() else { return };
    let home = Home::new();
    let file = home.write("a.alert", alert("1.1").replace("45.77.12.9", KNOWN));
    let output = home.integration(&file, TOKEN, &platform.url());
    assert_eq!((code(&output), &*last_line(&output)), (0, ""));
    let lines = home.lines();
    assert!(!lines.is_empty());
    assert!(lines.iter().all(|line| event(line)["opencti"]["match"]["value"] == KNOWN), "{lines:?}");
    assert_eq!(event(&lines[0])["opencti"]["event_type"], "indicator_pattern_match");

    let file = home.write("b.alert", alert("1.2"));
    assert_eq!(code(&home.integration(&file, TOKEN, &platform.url())), 0);
    assert!(home.lines().is_empty());
}

#[test]
fn no_fault_looks_like_clean() {
    let Some(platform) = StandIn::start() else { return };
    for (fault, exit) in [
        ("http500", 4),
        ("http502", 4),
        ("http429", 4),
        ("html", 4),
        ("garbage", 4),
        ("close", 4),
        ("hang", 4),
        ("errors", 4),
        ("partial", 6),
    ] {
        let home = Home::new();
        // Its one IoC is unknown to the stand-in: an answer would have been "nothing".
        let file = home.write("a.alert", alert("1.1"));
        platform.fail(fault, 1);
        let mut command = home.command();
        command.arg(&file).args([TOKEN, &platform.url(), "", "", "2", "0"]);
        let output = command.output().unwrap();
        assert_eq!(code(&output), exit, "{fault}: {}", last_line(&output));
        let lines = home.lines();
        assert_eq!(lines.len(), 1, "{fault}");
        assert_eq!(event(&lines[0])["opencti"]["event_type"], "error", "{fault}");
        assert_eq!(home.kept().len(), 1, "{fault}");

        // The next alert takes the kept one along.
        let next = home.write("b.alert", alert("1.2"));
        assert_eq!(code(&home.integration(&next, TOKEN, &platform.url())), 0, "{fault}");
        assert!(home.kept().is_empty() && home.lines().is_empty(), "{fault}");
    }
}

#[test]
fn a_passing_fault_is_retried() {
    let Some(platform) = StandIn::start() else { return };
    let home = Home::new();
    platform.fail("http502", 2);
    let file = home.write("a.alert", alert("1.1").replace("45.77.12.9", KNOWN));
    let mut command = home.command();
    command.arg(&file).args([TOKEN, &platform.url(), "", "", "10", "3"]);
    assert_eq!(code(&command.output().unwrap()), 0);
    assert!(!home.lines().is_empty());
}

#[test]
fn a_wrong_token_is_not_clean() {
    let Some(platform) = StandIn::start() else { return };
    let home = Home::new();
    let file = home.write("a.alert", alert("1.1"));
    let output = home.integration(&file, "wrong", &platform.url());
    assert_eq!(code(&output), 4);
    assert!(last_line(&output).contains("token"), "{}", last_line(&output));
}
