//! `pattern check` and `pattern match`, as a script runs them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers, too"
)]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use common::{Home, code, last_line, stdout};
use serde_json::Value;

fn run(home: &Home, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = home.command();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // Written beside reading: the answers are longer than a pipe.
    let writer = std::thread::spawn(move || _ = stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn check_answers_each_line_in_order() {
    let home = Home::new();
    let input = r#"{"pattern": "[ipv4-addr:value = '203.0.113.7']"}
{"pattern": "[ipv4-addr:value = '203.0.113.7'", "valid": true, "source": "other keys are ignored"}
{"pattern": "[file:hashes.MD5 = 'abc']"}
{"pattern": "[file:hashes.SHA-256 = 'x']"}
"#;
    let output = run(&home, &["pattern", "check"], input.as_bytes());
    assert_eq!((code(&output), &*last_line(&output)), (0, ""));
    insta::assert_snapshot!(stdout(&output), @r#"
    {"valid":true}
    {"valid":false,"error":"cannot parse the STIX pattern at byte 32: found the end, expected AND, OR or `]`"}
    {"valid":false,"error":"`abc` is not a valid MD5 hash"}
    {"valid":false,"error":"cannot parse the STIX pattern at byte 13: found `SHA-256`, expected a property name; one with hyphens is written in quotes"}
    "#);
}

#[test]
fn match_answers_each_line_in_order() {
    let home = Home::new();
    let observed = |time: &str| {
        format!(
            r#"{{"type":"bundle","objects":[{{"type":"observed-data","id":"observed-data--1","number_observed":1,"object_refs":["ipv4-addr--1"],"first_observed":"{time}","last_observed":"{time}"}},{{"type":"ipv4-addr","id":"ipv4-addr--1","value":"203.0.113.7"}}]}}"#
        )
    };
    let seen = observed("2026-04-02T08:00:00Z");
    let case =
        |pattern: &str, observed: &str| format!("{{\"pattern\":\"{pattern}\",\"observed\":[{observed}]}}\n");
    let input = [
        case("[ipv4-addr:value ISSUBSET '203.0.113.0/24']", &seen),
        case("[ipv4-addr:value = '203.0.113.8']", &seen),
        case("[ipv4-addr:value = '203.0.113.7'", &seen),
        case("[ipv4-addr:value MATCHES '(?=x)']", &seen),
        case("[ipv4-addr:value = '203.0.113.7']", &observed("yesterday")),
        case("[ipv4-addr:value = '203.0.113.7']", "{}"),
    ]
    .concat();
    let output = run(&home, &["pattern", "match", "-"], input.as_bytes());
    assert_eq!((code(&output), &*last_line(&output)), (0, ""));
    insta::assert_snapshot!(stdout(&output), @r#"
    {"match":true}
    {"match":false}
    {"match":null,"error":"cannot parse the STIX pattern at byte 32: found the end, expected AND, OR or `]`"}
    {"match":null,"error":"cannot evaluate `ipv4-addr:value`: the regular expression is invalid or needs backtracking (look-around, back-references): regex parse error: (?=x) ^^^ error: look-around, including look-ahead and look-behind, is not supported"}
    {"match":null,"error":"cannot read the observations: observed-data--1 has no usable `first_observed`"}
    {"match":null,"error":"cannot read the observations: an element is neither a STIX bundle nor observed-data"}
    "#);
}

#[test]
fn what_is_no_input_has_its_line_too() {
    let home = Home::new();
    let mut input = b"{\"pattern\": \"[a:b = 1]\"}\n\nnot json\n{\"patern\": \"x\"}\n[\"[a:b = 1]\"]\n{\"pattern\": 1}\n{\"pattern\": \"\xff\"}\n"
        .to_vec();
    input.extend_from_slice(b"{\"pattern\": \"\x7f\xc2\x9b2J\"}\n{\"pattern\": \"[a:b = 1]\"}");
    let output = run(&home, &["pattern", "check"], &input);
    assert_eq!(code(&output), 3);
    let said = stdout(&output) + &String::from_utf8(output.stderr).unwrap();
    assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
    insta::assert_snapshot!(said, @r#"
    {"valid":true}
    {"valid":false,"error":"the line is no JSON object with a `pattern`"}
    {"valid":false,"error":"the line is no JSON object with a `pattern`"}
    {"valid":false,"error":"the line cannot be read: missing field `pattern` at column 15"}
    {"valid":false,"error":"the line is no JSON object with a `pattern`"}
    {"valid":false,"error":"the line cannot be read: invalid type: integer `1`, expected a string at column 13"}
    {"valid":false,"error":"the line cannot be read: invalid unicode code point at column 14"}
    {"valid":false,"error":"cannot parse the STIX pattern at byte 0: found `\\u{7f}`, expected a token of the pattern language"}
    {"valid":true}
    custom-opencti: 6 inputs could not be read
    "#);
    let output = run(
        &home,
        &["pattern", "match"],
        b"{\"pattern\": \"[a:b = 1]\"}\n{\"pattern\": \"[a:b = 1]\", \"observed\": {}}\n",
    );
    assert_eq!(code(&output), 3);
    insta::assert_snapshot!(stdout(&output), @r#"
    {"match":null,"error":"the line cannot be read: missing field `observed` at column 24"}
    {"match":null,"error":"the line cannot be read: invalid type: map, expected a sequence at column 37"}
    "#);
}

#[test]
fn files_are_read_one_after_another() {
    let home = Home::new();
    let line = b"{\"pattern\": \"[a:b = 1]\"}\n";
    home.write("a", line);
    let mut packed = Vec::new();
    flate2::read::GzEncoder::new(line as &[u8], flate2::Compression::fast())
        .read_to_end(&mut packed)
        .unwrap();
    home.write("b.gz", packed);
    let output = run(&home, &["pattern", "check", "a", "none", "b.gz", "-"], b"{\"pattern\": \"\"}\n");
    assert_eq!(code(&output), 3);
    assert_eq!(
        json_lines(&stdout(&output)).iter().map(|line| &line["valid"]).collect::<Vec<_>>(),
        [true, true, false]
    );
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"
     WARN none: cannot be opened: No such file or directory (os error 2)
    custom-opencti: 1 inputs could not be read
    ");
}

#[test]
fn a_line_that_is_too_long_has_its_line_too() {
    let home = Home::new();
    let mut input = vec![b'x'; (16 << 20) + 1];
    input.extend_from_slice(b"\n{\"pattern\": \"[a:b = 1]\"}\n");
    let output = run(&home, &["pattern", "check"], &input);
    assert_eq!(code(&output), 3);
    insta::assert_snapshot!(stdout(&output), @r#"
    {"valid":false,"error":"the line cannot be read: longer than 16777216 bytes: passed over"}
    {"valid":true}
    "#);
}

#[test]
fn an_answer_does_not_wait_for_the_next_line() {
    let home = Home::new();
    let mut command = home.command();
    let mut child =
        command.args(["pattern", "check"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..2 {
        writeln!(input, "{{\"pattern\": \"[a:b = 1]\"}}").unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "{\"valid\":true}\n");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new();
    let lines = "{\"pattern\": \"\"}\n".repeat(100_000);
    for arguments in [["pattern", "check"], ["pattern", "match"]] {
        let mut command = home.command();
        let file = home.write("lines", &lines);
        command.args(arguments).arg(file).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((code(&output), &*last_line(&output)), (0, ""));
    }
}

/// The folder with the OASIS cases.
fn cases() -> Option<PathBuf> {
    let Some(root) = std::env::var_os("CONFORMANCE_DATA") else {
        std::io::stderr().write_all(b"skipped: CONFORMANCE_DATA is not set\n").unwrap();
        return None;
    };
    Some(Path::new(&root).join("stix-cases"))
}

/// Runs a command over a file of cases; gives each case with its answer.
fn answered(command: &str, file: &Path) -> Vec<(Value, Value)> {
    let home = Home::new();
    let output = run(&home, &["pattern", command, file.to_str().unwrap()], b"");
    assert_eq!(code(&output), 0, "{}", last_line(&output));
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let (cases, answers) = (json_lines(&text), json_lines(&stdout(&output)));
    assert!(!cases.is_empty());
    assert_eq!(cases.len(), answers.len());
    cases.into_iter().zip(answers).collect()
}

#[test]
fn check_agrees_with_the_oasis_cases() {
    let Some(folder) = cases() else { return };
    for file in ["validator-v21.jsonl", "matcher-patterns-validity-v21.jsonl", "feed-and-edge-v21.jsonl"] {
        for (case, answer) in answered("check", &folder.join(file)) {
            // Where the OASIS validator crashes, the pattern is not valid here: it is empty, or an index is negative.
            let expected = case["valid"].as_bool().unwrap_or(false);
            assert_eq!(answer["valid"], expected, "{}: {answer}", case["pattern"]);
            assert_eq!(answer["error"].is_string(), !expected, "{answer}");
        }
    }
}

#[test]
fn match_agrees_with_the_oasis_cases() {
    let Some(folder) = cases() else { return };
    for (case, answer) in answered("match", &folder.join("matcher-v21.jsonl")) {
        assert_eq!(answer["match"], case["match"], "{}: {answer}", case["pattern"]);
        assert_eq!(answer["error"].is_string(), case["match"].is_null(), "{answer}");
    }
}
