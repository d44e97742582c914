//! The parser against real alerts, which are not part of this repository: `CONFORMANCE_DATA` names the folder
//! that has them. Without it these tests say that they are skipped.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, in its helpers, too")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Once;
use std::time::{Duration, Instant};

use serde_json::Value;
use wazuh_alert::{Alert, Sender, queue_line};

static SKIPPED: Once = Once::new();

/// The lines of the real alerts, or `None` when there are none here.
fn real_alerts() -> Option<Vec<Vec<u8>>> {
    let Some(data) = std::env::var_os("CONFORMANCE_DATA") else {
        // Once, and not by `eprintln!`, whose output the test runner keeps back.
        SKIPPED.call_once(|| std::io::stderr().write_all(b"skipped: CONFORMANCE_DATA is not set\n").unwrap());
        return None;
    };
    let path = Path::new(&data).join("alerts/real.jsonl");
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines: Vec<_> = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
    assert!(lines.len() > 1000, "{} has only {} alerts", path.display(), lines.len());
    Some(lines.into_iter().map(<[u8]>::to_vec).collect())
}

/// Every scalar of a `serde_json` tree by its path.
fn walk(path: &str, value: &Value, out: &mut BTreeMap<String, Vec<String>>) {
    let mut put = |text: String| out.entry(path.to_owned()).or_default().push(text);
    match value {
        Value::Null => {}
        Value::Bool(bool) => put(bool.to_string()),
        Value::Number(number) => put(number.to_string()),
        Value::String(string) => put(string.clone()),
        Value::Array(values) => values.iter().for_each(|value| walk(path, value, out)),
        Value::Object(members) => {
            for (key, value) in members {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(&path, value, out);
            }
        }
    }
}

#[test]
fn every_real_alert_parses_and_has_all_its_fields() {
    for (number, line) in (1..).zip(real_alerts().unwrap_or_default()) {
        let started = Instant::now();
        let alert = Alert::parse(&line).unwrap_or_else(|error| panic!("line {number}: {error}"));
        // Microseconds in truth; a busy machine must not fail this.
        assert!(
            started.elapsed() < Duration::from_millis(200),
            "line {number} takes {:?}",
            started.elapsed()
        );

        assert!(!alert.id().is_empty(), "line {number} has no id");
        assert!(!alert.rule_id().is_empty(), "line {number} has no rule");
        assert!(alert.rule_level() > 0, "line {number}: analysisd writes no alert of level 0");
        assert!(alert.rule_groups().all(|group| group.trim() == group && !group.is_empty()), "line {number}");

        let mut expected = BTreeMap::new();
        let text = String::from_utf8_lossy(&line);
        walk("", &serde_json::from_str(&text).unwrap(), &mut expected);
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for leaf in alert.leaves() {
            found.entry(leaf.path.to_owned()).or_default().push(leaf.text.to_owned());
        }
        // These read differently on purpose; the test below is about them.
        expected.retain(|path, _| !path.starts_with("data.win."));
        found.retain(|path, _| !path.starts_with("data.win."));
        assert_eq!(found, expected, "line {number}");

        let sender = Sender::of(&alert);
        let framed = queue_line(sender, "opencti", r#"{"integration":"opencti"}"#).unwrap();
        let is_local = matches!(alert.agent_id(), None | Some("000"));
        assert_eq!(framed.starts_with("1:opencti:{"), is_local, "line {number}");
    }
}

/// Windows renders each event as a message, too, and Wazuh keeps that one escaped once: so a field whose
/// escapes were undone right stands in the message as it is.
#[test]
fn windows_values_read_as_in_the_rendered_message() {
    let Some(lines) = real_alerts() else { return };
    let mut checked = 0;
    let mut escaped = 0;
    let mut missing = Vec::new();
    for (number, line) in (1..).zip(lines) {
        let alert = Alert::parse(&line).unwrap();
        let Some(message) = alert.text("data.win.system.message") else { continue };
        if alert.text("data.win.system.providerName") != Some("Microsoft-Windows-Sysmon") {
            continue;
        }
        let raw: Value = serde_json::from_slice(&line).unwrap();
        for name in
            ["image", "commandLine", "currentDirectory", "parentImage", "targetFilename", "user", "details"]
        {
            let Some(value) = alert.text(&format!("data.win.eventdata.{name}")) else { continue };
            // Some published alerts had their entities escaped once more when they were turned into tests.
            if value.contains('&') {
                continue;
            }
            checked += 1;
            escaped += usize::from(raw["data"]["win"]["eventdata"][name].as_str() != Some(value));
            if !message.contains(value) {
                missing.push(format!("line {number}, {name}: {value}"));
            }
        }
    }
    assert!(checked > 100, "only {checked} values were checked");
    assert!(escaped > 100, "only {escaped} of {checked} values had escapes to undo");
    // In a few alerts somebody changed a field and not the message.
    assert!(
        missing.len() * 50 <= checked,
        "{} of {checked} are not there:\n{}",
        missing.len(),
        missing.join("\n")
    );
}
