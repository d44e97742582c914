//! `custom-opencti demo` on `demo/`, as a reader of the README runs it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like tests")]

mod support;

use std::collections::BTreeSet;

use enricher::EventType;
use serde_json::Value;
use support::case::Queue;
use support::home::Home;
use support::show;

fn demo() -> Vec<Value> {
    let home = Home::new(Queue::Open);
    let output = home.tool(&["demo"]);
    assert!(home.datagrams().is_empty(), "the demo sends nothing to Wazuh");
    output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_demo_prints_these_events() {
    let events = demo();
    let shown: Vec<String> = events.iter().map(|event| show::json(event.clone())).collect();
    insta::assert_snapshot!("demo", shown.join("\n"));
}

#[test]
fn the_demo_shows_every_kind_of_match() {
    let shown: BTreeSet<String> =
        demo().iter().map(|event| event["opencti"]["event_type"].as_str().unwrap().to_owned()).collect();
    let matches =
        EventType::ALL.iter().filter(|&&kind| kind != EventType::Error).map(|kind| kind.as_str().to_owned());
    assert_eq!(shown, matches.collect());
}
