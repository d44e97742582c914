//! `lookup`, as an analyst runs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers, too"
)]

mod common;

use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

use common::standin::StandIn;
use common::{Home, OpenCti, TOKEN, closed_port, code, last_line, stdout};
use serde_json::Value;

const DEMO_INTEL: &str = include_str!("../../examples/demo/intel.json");
const NOW: &str = "2026-04-02T09:00:00Z";

fn fed(command: &mut Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that does not read its input closes it.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// Looks values up in the intelligence of the demonstration.
fn in_demo(arguments: &[&str]) -> Output {
    in_bundle(DEMO_INTEL, arguments, &[])
}

fn in_bundle(bundle: &str, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let home = Home::new();
    home.write("intel.json", bundle);
    let mut command = home.command();
    command
        .args(["lookup", "--intel", "intel.json", "--at", NOW])
        .args(arguments)
        .envs(settings.iter().copied());
    fed(&mut command, b"")
}

/// Asks an OpenCTI.
fn asking(url: &str, arguments: &[&str]) -> Output {
    let home = Home::new();
    let mut command = home.command();
    command.env("OPENCTI_TOKEN", TOKEN).env("CUSTOM_OPENCTI_OPENCTI__URL", url);
    command.env("CUSTOM_OPENCTI_OPENCTI__RETRIES", "0").env("CUSTOM_OPENCTI_OPENCTI__TIMEOUT_MS", "1000");
    let output = fed(command.arg("lookup").args(arguments), b"");
    let said = stdout(&output) + &String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains(TOKEN), "{said}");
    output
}

fn text(output: &Output) -> String {
    assert_eq!((code(output), &*last_line(output)), (0, ""));
    stdout(output)
}

fn lines(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_known_as_a_table() {
    let values = [
        "203.0.113.66",
        "198.51.100.99",
        "hxxp://drop[.]example/x.sh",
        "192.0.2.45",
        "9.9.9.9",
        "login.phish.example",
        "x.bad-cdn.example",
        "cdn.files.example",
        "c7361b3d9aa377950236e415b309da9c",
    ];
    insta::assert_snapshot!("table", text(&in_demo(&values)));
}

#[test]
fn what_came_close() {
    let values =
        ["203.0.113.67", "192.0.2.45", "x.panel.example", "drop.example", "other@invoice.example", "9.9.9.9"];
    let arguments = [&["--why"][..], &values].concat();
    insta::assert_snapshot!("why", text(&in_demo(&arguments)));
}

#[test]
fn answers_as_json() {
    let output = in_demo(&["--format", "json", "--why", "203.0.113.66", "203.0.113.67"]);
    insta::assert_snapshot!("json", text(&output));
    let known = &lines(&output)[0]["known"][0];
    assert_eq!(known["context"][0]["name"], "PaperCrane");
}

/// What a value gives is what an alert with just this value gives.
#[test]
fn the_verdict_is_what_an_alert_gives() {
    let home = Home::new();
    home.write("intel.json", DEMO_INTEL);
    let run = |arguments: &[&str], input: &str| {
        let mut command = home.command();
        command.env("CUSTOM_OPENCTI_POLICY__LOOKUP_PRIVATE_ADDRESSES", "true").args(arguments);
        lines(&fed(&mut command, input.as_bytes()))
    };
    for (field, value) in [
        ("srcip", "203.0.113.66"),
        ("srcip", "203.0.113.67"),
        ("srcip", "198.51.100.99"),
        ("srcip", "198.51.100.200"),
        ("srcip", "192.0.2.45"),
        ("srcip", "2001:db8:5::77"),
        ("hostname", "x.bad-cdn.example"),
        ("hostname", "login.phish.example"),
        ("hostname", "cdn.files.example"),
        ("hostname", "updates.example"),
        ("url", "http://drop.example/x.sh"),
        ("url", "http://panel.example/gate"),
        ("url", "http://203.0.113.66:8080/a"),
        ("md5", "4c33bc15dbde94586484986d4811bc6e"),
        ("md5", "c7361b3d9aa377950236e415b309da9c"),
        ("srcuser", "billing@invoice.example"),
    ] {
        let alert =
            serde_json::json!({"id": "1.1", "rule": {"id": "5", "level": 3}, "data": {(field): value}});
        let alert = alert.to_string();
        let iocs = run(&["extract"], &alert).remove(0)["iocs"].clone();
        assert_eq!(iocs[0]["value"], value, "{iocs}");
        let events = run(&["enrich", "--intel", "intel.json", "--at", NOW], &alert);
        let given: Vec<&Value> = events.iter().map(|event| &event["opencti"]["event_type"]).collect();
        let arguments = ["lookup", "--format", "json", "--intel", "intel.json", "--at", NOW, value];
        let answer = run(&arguments, "").remove(0);
        match given.first() {
            Some(first) => assert_eq!(&&answer["verdict"], first, "{value}"),
            None => {
                let verdict = answer["verdict"].as_str().unwrap();
                assert!(["nothing_known", "not_reported"].contains(&verdict), "{value}: {verdict}");
            }
        }
        // Every event is in the rows.
        let known = answer["known"].as_array().unwrap();
        for event_type in given {
            assert!(known.iter().any(|row| row["verdict"] == *event_type), "{value}: {answer}");
        }
    }
}

const FILE: &str = r#"{"type": "bundle", "id": "bundle--1", "objects": [
  {"type": "indicator", "id": "indicator--1", "spec_version": "2.1", "name": "By SHA-1", "pattern_type": "stix",
   "pattern": "[file:hashes.'SHA-1' = 'd7bf8f4471745e1ce5615566c8a8f0439101a689']", "valid_from": "2026-01-01T00:00:00Z"},
  {"type": "indicator", "id": "indicator--2", "spec_version": "2.1", "name": "As JA3", "pattern_type": "stix",
   "pattern": "[x-tls:ja3 = 'df0936cf908ac69474b7b99b22551901']", "valid_from": "2026-01-01T00:00:00Z"},
  {"type": "indicator", "id": "indicator--3", "spec_version": "2.1", "name": "Expired", "pattern_type": "stix",
   "pattern": "[domain-name:value = 'old.evil-c2.com']", "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2026-03-01T00:00:00Z"},
  {"type": "indicator", "id": "indicator--4", "spec_version": "2.1", "name": "Sibling", "pattern_type": "stix",
   "pattern": "[domain-name:value = 'cdn.evil-c2.com' AND file:name = 'a.exe']", "valid_from": "2026-01-01T00:00:00Z"},
  {"type": "indicator", "id": "indicator--5", "spec_version": "2.1", "name": "Page", "pattern_type": "stix",
   "pattern": "[url:value = 'http://old.evil-c2.com/x']", "valid_from": "2026-01-01T00:00:00Z"},
  {"type": "indicator", "id": "indicator--6", "spec_version": "2.1", "name": "Low \u001b[31mscore", "pattern_type": "stix",
   "pattern": "[ipv4-addr:value = '45.77.12.9']", "valid_from": "2026-01-01T00:00:00Z",
   "extensions": {"extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba": {"score": 10, "detection": true}}},
  {"type": "file", "id": "file--1", "spec_version": "2.1", "name": "a.exe",
   "hashes": {"MD5": "df0936cf908ac69474b7b99b22551901", "SHA-1": "d7bf8f4471745e1ce5615566c8a8f0439101a689"}}
]}"#;

/// Each near miss of a value in a line.
fn near(value: &str, settings: &[(&str, &str)]) -> String {
    let output = in_bundle(FILE, &["--why", "--format", "json", value], settings);
    assert_eq!(code(&output), 0, "{}", last_line(&output));
    let answer = &lines(&output)[0];
    let mut text = format!("{value}: {}", answer["verdict"].as_str().unwrap());
    for near in answer["why"]["near"].as_array().unwrap() {
        let of = |key: &str| near[key].as_str().unwrap_or("-");
        text.push_str(&format!(
            "\n  {} ({}, {}): {}",
            of("reason"),
            of("setting"),
            of("validity"),
            of("name")
        ));
    }
    text
}

#[test]
fn each_near_miss_has_its_reason_and_its_setting() {
    let said = [
        near("df0936cf908ac69474b7b99b22551901", &[]),
        near("old.evil-c2.com", &[]),
        near("http://old.evil-c2.com/y", &[]),
        near("45.77.12.9", &[("CUSTOM_OPENCTI_POLICY__MIN_SCORE", "50")]),
        near("45.77.12.9", &[("CUSTOM_OPENCTI_POLICY__MAX_INDICATOR_ALERTS", "0")]),
        near("45.77.12.10", &[]),
        near("good.com", &[]),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn values_of_standard_input_are_answered_in_order() {
    let home = Home::new();
    home.write("intel.json", DEMO_INTEL);
    let mut command = home.command();
    command.args([
        "lookup",
        "--intel",
        "intel.json",
        "--at",
        NOW,
        "--format",
        "json",
        "203.0.113.66",
        "-",
        "9.9.9.9",
    ]);
    let output = fed(&mut command, b"8.8.8.8\n\n  192.0.2.45 \r\nno ioc\n");
    let said: Vec<String> = lines(&output)
        .iter()
        .map(|line| format!("{} {}", line["value"].as_str().unwrap(), line["verdict"].as_str().unwrap()))
        .collect();
    assert_eq!(
        said,
        [
            "203.0.113.66 indicator_pattern_match",
            "8.8.8.8 nothing_known",
            "192.0.2.45 not_reported",
            "no ioc unusable",
            "9.9.9.9 nothing_known"
        ]
    );
    assert_eq!(code(&output), 3);
    insta::assert_snapshot!(last_line(&output));
}

#[test]
fn wrong_use_is_told() {
    let mut said = Vec::new();
    for arguments in [
        &["lookup"][..],
        &["lookup", "--kind", "ja33", "x"],
        &["lookup", "--intel", "none", "9.9.9.9"],
        &["lookup", "9.9.9.9"],
        &["explain"],
    ] {
        let output = Home::new().command().args(arguments).output().unwrap();
        assert_eq!((code(&output), &*stdout(&output)), (2, ""), "{arguments:?}");
        said.push(last_line(&output));
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn what_cannot_be_asked_is_not_clean() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = format!("http://{}", hanging.local_addr().unwrap());
    let broken = OpenCti::answering(|_| (500, "down".to_owned()));
    let refusing = OpenCti::answering(|_| {
        let error = r#"{"errors":[{"message":"You must be logged in","extensions":{"code":"AUTH_REQUIRED"}}],"data":null}"#;
        (200, error.to_owned())
    });
    let no_json = OpenCti::answering(|_| (200, "<html>".to_owned()));
    let mut said = Vec::new();
    for url in [&closed_port(), &hanging, &broken.url, &refusing.url, &no_json.url] {
        let output = asking(url, &["--format", "json", "9.9.9.9"]);
        assert_eq!(code(&output), 4, "{}", last_line(&output));
        let answer = &lines(&output)[0];
        assert_eq!(answer["verdict"], "could_not_be_asked", "{answer}");
        assert_eq!(answer["known"], Value::Array(Vec::new()));
        said.push(last_line(&output));
        let output = asking(url, &["--why", "9.9.9.9"]);
        assert_eq!(code(&output), 4);
        let text = stdout(&output);
        assert!(
            text.starts_with("9.9.9.9: could not be asked\n") && !text.contains("nothing known"),
            "{text}"
        );
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn an_answer_in_part_is_not_clean() {
    let platform = OpenCti::answering(|_| {
        let error = r#"{"message":"search is down","extensions":{"code":"INTERNAL_SERVER_ERROR"},"path":["indicators"]}"#;
        (200, common::NOTHING.replacen(r#"{"data":"#, &format!(r#"{{"errors":[{error}],"data":"#), 1))
    });
    let output = asking(&platform.url, &["--format", "json", "9.9.9.9"]);
    assert_eq!(code(&output), 6, "{}", last_line(&output));
    assert_eq!(lines(&output)[0]["verdict"], "incomplete");
    insta::assert_snapshot!(last_line(&output));
}

/// The wider question fails, the question itself does not.
#[test]
fn what_came_close_may_be_missing() {
    let platform = OpenCti::answering(|request| match request.contains("9.9.9.10") {
        true => (500, String::new()),
        false => (200, common::NOTHING.to_owned()),
    });
    let output = asking(&platform.url, &["--why", "--format", "json", "9.9.9.9"]);
    assert_eq!(code(&output), 6, "{}", last_line(&output));
    let answer = &lines(&output)[0];
    assert!(answer["incomplete"][0].as_str().unwrap().starts_with("what came close: "), "{answer}");
}

#[test]
fn after_three_in_a_row_the_rest_is_not_tried() {
    let platform = OpenCti::answering(|_| (500, String::new()));
    let home = Home::new();
    let mut command = home.command();
    command.env("OPENCTI_TOKEN", TOKEN).env("CUSTOM_OPENCTI_OPENCTI__URL", &platform.url);
    command.env("CUSTOM_OPENCTI_OPENCTI__RETRIES", "0").env("CUSTOM_OPENCTI_OPENCTI__MAX_CONNECTIONS", "1");
    let values: String = (1..=20).map(|n| format!("9.9.9.{n}\n")).collect();
    let output = fed(command.args(["lookup", "--format", "json", "-"]), values.as_bytes());
    assert_eq!(code(&output), 4);
    assert_eq!(lines(&output).len(), 3);
    assert!(last_line(&output).contains("3 values could not be asked about, and the rest was not tried"));
}

#[test]
fn a_platform_is_asked_once_and_a_few_times_more_for_why() {
    let platform = OpenCti::knowing();
    let answer = lines(&asking(&platform.url, &["--format", "json", "45.77.12.9"])).remove(0);
    assert_eq!(answer["verdict"], "indicator_pattern_match");
    let link = answer["known"][0]["link"].as_str().unwrap();
    assert!(link.starts_with(&platform.url), "{link}");
    // The look-up, and the threats behind what it found.
    assert_eq!((answer["requests"].as_u64(), platform.requests().len()), (Some(2), 2));

    let platform = OpenCti::empty();
    let answer = lines(&asking(&platform.url, &["--why", "--format", "json", "45.77.12.9"])).remove(0);
    assert_eq!(answer["verdict"], "nothing_known");
    assert_eq!((answer["requests"].as_u64(), platform.requests().len()), (Some(2), 2));
    assert!(platform.requests()[1].contains("[ipv4-addr:value = '45.77.12.255']"));
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    for format in ["text", "json"] {
        let output =
            in_bundle(FILE, &["--why", "--format", format, "45.77.12.9", "a\u{1b}[2Jb\u{9b}\u{202e}"], &[]);
        let said = stdout(&output) + &String::from_utf8(output.stderr.clone()).unwrap();
        let is_bad = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{2066}');
        assert!(!said.contains(is_bad), "{said:?}");
        assert!(said.contains("45.77.12.9"), "{said}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new();
    home.write("intel.json", DEMO_INTEL);
    let mut command = home.command();
    command.args(["lookup", "--intel", "intel.json", "203.0.113.66"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), &*last_line(&output)), (0, ""));
}

/// An indicator of the stand-in's data is about this address and nothing else.
const KNOWN: &str = "45.155.205.76";

#[test]
fn a_stand_in_is_asked() {
    let Some(platform) = StandIn::start() else { return };
    let ask = |arguments: &[&str]| {
        let output = asking(&platform.url(), &[&["--format", "json"], arguments].concat());
        assert_eq!(code(&output), 0, "{}", last_line(&output));
        lines(&output)
    };
    let answers = ask(&[KNOWN, "45.77.12.9", "x.promoted.example.com"]);
    let verdicts: Vec<&str> = answers.iter().map(|answer| answer["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["indicator_pattern_match", "nothing_known", "indicator_partial_pattern_match"]);
    let link = answers[0]["known"][0]["link"].as_str().unwrap();
    assert!(link.contains("/dashboard/observations/indicators/"), "{link}");

    let reasons = |value| {
        let answer = ask(&["--why", value]).remove(0);
        assert!(answer["requests"].as_u64().unwrap() <= 5, "{answer}");
        let near = answer["why"]["near"].as_array().unwrap();
        near.iter().map(|near| near["reason"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // An address beside one that is known.
    assert!(reasons("45.155.205.200").contains(&"other-address-of-network".to_owned()));
    assert!(reasons("45.77.12.9").is_empty());
}

#[test]
fn no_fault_of_a_stand_in_looks_like_nothing_known() {
    let Some(platform) = StandIn::start() else { return };
    for (fault, exit, verdict) in [
        ("http500", 4, "could_not_be_asked"),
        ("http502", 4, "could_not_be_asked"),
        ("http429", 4, "could_not_be_asked"),
        ("html", 4, "could_not_be_asked"),
        ("garbage", 4, "could_not_be_asked"),
        ("close", 4, "could_not_be_asked"),
        ("hang", 4, "could_not_be_asked"),
        ("errors", 4, "could_not_be_asked"),
        ("partial", 6, "incomplete"),
    ] {
        platform.fail(fault, 1);
        // The stand-in does not know it: an answer would have been "nothing known".
        let output = asking(&platform.url(), &["--format", "json", "45.77.12.9"]);
        assert_eq!(code(&output), exit, "{fault}: {}", last_line(&output));
        assert_eq!(lines(&output)[0]["verdict"], verdict, "{fault}");
    }
    assert_eq!(
        lines(&asking(&platform.url(), &["--format", "json", "45.77.12.9"]))[0]["verdict"],
        "nothing_known"
    );
}
