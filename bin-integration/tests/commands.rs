//! The subcommands, as a person or a script runs them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers, too"
)]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use common::{Home, OpenCti, TOKEN, alert, closed_port, code, last_line, stdout};

const BUNDLE: &str = r#"{"type":"bundle","id":"bundle--5a1f7bd3-2a5b-4c0e-8d5e-3f8f5c3f3a10","objects":[
  {"type":"indicator","id":"indicator--b1f1c6de-9f0e-4c7c-8f8e-5f0f6f7a8b9c","spec_version":"2.1",
   "created":"2020-01-01T00:00:00Z","modified":"2020-01-01T00:00:00Z","name":"Crane C2",
   "pattern":"[ipv4-addr:value = '45.77.12.9']","pattern_type":"stix",
   "valid_from":"2020-01-01T00:00:00Z","valid_until":"2020-06-01T00:00:00Z"}]}"#;

fn run(home: &Home, arguments: &[&str], input: &[u8]) -> std::process::Output {
    let mut command = home.command();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that does not read its input closes it.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn json_lines(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn demo_needs_nothing() {
    let home = Home::new();
    let output = run(&home, &["demo"], b"");
    assert_eq!(code(&output), 0);
    let events = json_lines(&stdout(&output));
    assert!(!events.is_empty());
    assert!(events.iter().all(|event| event["integration"] == "opencti"));
    insta::assert_snapshot!("demo-summary", String::from_utf8(output.stderr).unwrap());
    assert!(home.lines().is_empty());
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new();
    let mut child = home.command().arg("demo").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn enrich_with_a_bundle() {
    let home = Home::new();
    let bundle = home.write("bundle.json", BUNDLE);
    let bundle = bundle.to_str().unwrap();
    let at =
        |time: &str, input: &str| run(&home, &["enrich", "--intel", bundle, "--at", time], input.as_bytes());
    let output = at("2020-03-01T00:00:00Z", &format!("{}\n{}\n", alert("1.1"), alert("1.2")));
    assert_eq!((code(&output), &*last_line(&output)), (0, ""));
    let ids: Vec<_> = json_lines(&stdout(&output))
        .iter()
        .map(|event| event["opencti"]["source"]["alert_id"].clone())
        .collect();
    assert_eq!(ids, ["1.1", "1.2"]);
    // By then it had expired.
    assert_eq!(stdout(&at("2020-07-01T00:00:00Z", &alert("1.1"))), "");
}

#[test]
fn a_bad_line_is_named_and_the_next_goes_on() {
    let home = Home::new();
    home.write("bundle.json", BUNDLE);
    home.write("alerts.json", format!("{}\nnot an alert\n{}\n", alert("1.1"), alert("1.2")));
    let arguments =
        ["enrich", "--intel", "bundle.json", "--at", "2020-03-01T00:00:00Z", "alerts.json", "none.json"];
    let output = run(&home, &arguments, b"");
    assert_eq!(code(&output), 3);
    assert_eq!(json_lines(&stdout(&output)).len(), 2);
    insta::assert_snapshot!(String::from_utf8(output.stderr).unwrap(), @"
     WARN alerts.json:2: cannot read the alert: the input is not JSON, it begins with `not an alert` (line 1, column 1)
     WARN none.json: cannot be opened: No such file or directory (os error 2)
    custom-opencti: 2 inputs could not be read, 2 alerts were
    ");
}

#[test]
fn enrich_asks_opencti() {
    let home = Home::new();
    let platform = OpenCti::knowing();
    home.write(
        "etc/custom-opencti.toml",
        format!("[opencti]\nurl = \"{}\"\ntoken_file = \"etc/t\"\n", platform.url),
    );
    let token = home.write("etc/t", TOKEN);
    std::fs::set_permissions(token, std::fs::Permissions::from_mode(0o640)).unwrap();
    let input = (0..30).map(|n| alert(&format!("1.{n}")) + "\n").collect::<String>();
    let output = run(&home, &["enrich"], input.as_bytes());
    assert_eq!((code(&output), &*last_line(&output)), (0, ""));
    let ids: Vec<_> = json_lines(&stdout(&output))
        .iter()
        .map(|event| event["opencti"]["source"]["alert_id"].clone())
        .collect();
    let expected: Vec<_> = (0..30).map(|n| format!("1.{n}")).collect();
    assert_eq!(ids, expected, "in the order of the alerts");
}

#[test]
fn an_event_does_not_wait_for_the_next_alert() {
    let home = Home::new();
    let platform = OpenCti::knowing();
    let mut command = home.command();
    command.env("OPENCTI_TOKEN", TOKEN).env("CUSTOM_OPENCTI_OPENCTI__URL", &platform.url).arg("enrich");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for id in ["1.1", "1.2"] {
        writeln!(input, "{}", alert(id)).unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert!(line.contains(id), "{line}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn enrich_gives_up_when_opencti_cannot_be_asked() {
    let home = Home::new();
    home.write("etc/custom-opencti.toml", format!("[opencti]\nurl = \"{}\"\nretries = 0\n", closed_port()));
    let input = (0..50).map(|n| alert(&format!("1.{n}")) + "\n").collect::<String>();
    let mut command = home.command();
    command.env("OPENCTI_TOKEN", TOKEN).arg("enrich").arg(home.write("alerts.json", input));
    let output = command.output().unwrap();
    assert_eq!(code(&output), 4);
    assert_eq!(stdout(&output), "");
    assert!(last_line(&output).contains("the rest was not tried"), "{}", last_line(&output));
}

#[test]
fn extract_says_what_would_be_looked_up() {
    let home = Home::new();
    let output = run(
        &home,
        &["extract"],
        (alert("1.1") + "\n" + &alert("1.2").replace("45.77.12.9", "::1")).as_bytes(),
    );
    assert_eq!(code(&output), 0);
    insta::assert_snapshot!(stdout(&output), @r#"
    {"alert_id":"1.1","iocs":[{"kind":"ipv4-addr","value":"45.77.12.9","path":"data.srcip","global":true}]}
    {"alert_id":"1.2","iocs":[]}
    "#);
    let private = [("CUSTOM_OPENCTI_POLICY__LOOKUP_PRIVATE_ADDRESSES", "true")];
    let mut command = home.command();
    command
        .envs(private)
        .arg("extract")
        .arg(home.write("a.json", alert("1.3").replace("45.77.12.9", "10.1.2.3")));
    assert!(stdout(&command.output().unwrap()).contains("\"global\":false"));
    // A kind that is not looked up is told as such.
    let mut command = home.command();
    command
        .env("CUSTOM_OPENCTI_POLICY__KINDS", "[\"url\"]")
        .arg("extract")
        .arg(home.write("b.json", alert("1.4")));
    assert!(
        stdout(&command.output().unwrap())
            .contains("\"value\":\"45.77.12.9\",\"path\":\"data.srcip\",\"global\":true,\"asked\":false")
    );
}

#[test]
fn extract_reads_free_text() {
    let home = Home::new();
    let text = "seen at hxxps://evil-c2[.]com/a and evil-c2[.]com\n\nnothing here\n45.77.12.9 45.77.12.9";
    let output = run(&home, &["extract", "--text", "-"], text.as_bytes());
    assert_eq!(code(&output), 0);
    insta::assert_snapshot!(stdout(&output), @r#"
    {"line":1,"iocs":[{"kind":"url","value":"https://evil-c2.com/a","via":"defang"},{"kind":"domain-name","value":"evil-c2.com","via":"defang"},{"kind":"url","value":"http://evil-c2.com","via":"defang"}]}
    {"line":2,"iocs":[]}
    {"line":3,"iocs":[]}
    {"line":4,"iocs":[{"kind":"ipv4-addr","value":"45.77.12.9","global":true}]}
    "#);
}

#[test]
fn setup_prints_the_shipped_files() {
    let home = Home::new();
    assert_eq!(stdout(&run(&home, &["setup", "rules"], b"")), include_str!("../wazuh/opencti_rules.xml"));
    assert_eq!(stdout(&run(&home, &["setup", "block"], b"")), include_str!("../wazuh/ossec.integration.xml"));
    for part in [&["setup"][..], &["setup", "config"]] {
        assert_eq!(code(&run(&home, part, b"")), 0);
    }
}

#[test]
fn completions_for_every_shell() {
    let home = Home::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(&home, &["completions", shell], b"");
        assert_eq!(code(&output), 0);
        assert!(stdout(&output).contains("custom-opencti"), "{shell}");
    }
}

#[test]
fn wrong_use_ends_with_a_clear_line() {
    let home = Home::new();
    let mut said = Vec::new();
    for arguments in
        [&[][..], &["enrch"], &["enrich", "--intell", "x"], &["/tmp/a.alert", "token"], &["setup", "all"]]
    {
        let output = run(&home, arguments, b"");
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert_eq!(stdout(&output), "");
        said.push(last_line(&output));
    }
    insta::assert_snapshot!(said.join("\n"), @"
    custom-opencti: wrong use: see custom-opencti --help
    custom-opencti: wrong use: unrecognized subcommand 'enrch'; a similar subcommand exists: 'enrich'
    custom-opencti: wrong use: unexpected argument '--intell' found; a similar argument exists: '--intel'
    custom-opencti: wrong use: unrecognized subcommand '/tmp/a.alert'
    custom-opencti: wrong use: invalid value 'all' for '[PART]'
    ");
}

#[test]
fn help_and_version_go_to_standard_output() {
    let home = Home::new();
    assert_eq!(
        stdout(&run(&home, &["--version"], b"")),
        concat!("custom-opencti ", env!("CARGO_PKG_VERSION"), "\n")
    );
    for arguments in [&["--help"][..], &["help", "enrich"], &["extract", "-h"]] {
        let output = run(&home, arguments, b"");
        assert_eq!(code(&output), 0);
        assert!(stdout(&output).contains("Usage: custom-opencti"));
        assert!(output.stderr.is_empty());
    }
}

#[test]
fn gzip_is_read_from_files_and_pipes() {
    let home = Home::new();
    let mut packer =
        flate2::read::GzEncoder::new(alert("1.1").into_bytes().leak() as &[u8], flate2::Compression::fast());
    let mut packed = Vec::new();
    packer.read_to_end(&mut packed).unwrap();
    assert!(stdout(&run(&home, &["extract"], &packed)).contains("45.77.12.9"));
    home.write("alerts.log", &packed);
    assert!(stdout(&run(&home, &["extract", "alerts.log"], b"")).contains("45.77.12.9"));
}

#[test]
fn warning_lists_are_left_out_and_must_be_readable() {
    let home = Home::new();
    home.write("etc/custom-opencti.toml", "[policy]\nwarning_lists = 'etc/lists'\n");
    let extract = || run(&home, &["extract"], alert("1.1").as_bytes());
    let output = extract();
    assert_eq!(code(&output), 2);
    let said = last_line(&output).replace(&*home.path("").to_string_lossy(), "HOME/");
    insta::assert_snapshot!(said, @"
    custom-opencti: `warning_lists` in [policy] is wrong: the folder of warning lists HOME/etc/lists cannot be read: check the path, and that the user wazuh may read it: No such file or directory (os error 2)
    ");
    std::fs::create_dir(home.path("etc/lists")).unwrap();
    home.write("etc/lists/own.json", r#"{"type": "cidr", "list": ["45.77.0.0/16", "x"]}"#);
    let output = extract();
    assert_eq!(code(&output), 0);
    assert!(!stdout(&output).contains("45.77.12.9"), "{}", stdout(&output));
    let said = last_line(&output);
    assert!(said.contains("own.json: entry not used: `x` is no address and no network"), "{said}");
}

#[test]
fn spans_are_printed_when_asked_for() {
    let home = Home::new();
    let text = b"see http://evil-c2.com/a at 45.77.12.9\n";
    let spans = |arguments: &[&str], input: &[u8]| {
        let output = run(&home, arguments, input);
        assert_eq!(code(&output), 0);
        let line = &json_lines(&stdout(&output))[0];
        let iocs = line["iocs"].as_array().unwrap().clone();
        iocs.iter().map(|ioc| format!("{} {}", ioc["value"], ioc["span"])).collect::<Vec<_>>()
    };
    assert_eq!(spans(&["extract", "--text"], text)[0], "\"http://evil-c2.com/a\" null");
    let found = spans(&["extract", "--text", "--spans"], text);
    assert_eq!(found.first().unwrap(), "\"http://evil-c2.com/a\" [4,24]");
    assert_eq!(found.last().unwrap(), "\"45.77.12.9\" [28,38]");
    let found = spans(&["extract", "--spans"], alert("1.1").as_bytes());
    assert!(found.contains(&"\"45.77.12.9\" [0,10]".to_owned()), "{found:?}");
}
