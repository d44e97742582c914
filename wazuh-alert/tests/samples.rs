//! What comes out of each alert in `tests/samples`: one snapshot per file. Adding a case is adding a file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers, too")]
#![expect(clippy::use_debug, reason = "snapshots show where strings end and what is escaped in them")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use wazuh_alert::{Alert, Sender, queue_line};

fn samples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    paths
}

/// All that can be asked of an alert, one thing per line.
fn describe(alert: &Alert) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &dyn std::fmt::Debug| writeln!(text, "{name}: {value:?}").unwrap();
    line("id", &alert.id());
    line("timestamp", &alert.timestamp());
    line("location", &alert.location());
    line("rule", &(alert.rule_id(), alert.rule_level(), alert.rule_description()));
    line("groups", &alert.rule_groups().collect::<Vec<_>>());
    line("agent", &(alert.agent_id(), alert.agent_name(), alert.agent_ip()));
    line("manager", &alert.manager_name());
    line("decoder", &(alert.decoder_name(), alert.decoder_parent()));
    line("predecoder.hostname", &alert.predecoder_hostname());
    line("full_log", &alert.full_log());
    line("is_from", &["opencti", "office365", "agentless"].map(|name| alert.is_from(name)));
    line("queue", &queue_line(Sender::of(alert), "opencti", r#"{"a":1}"#).unwrap());
    text.push_str("leaves:\n");
    for leaf in alert.leaves() {
        writeln!(text, "  {} = {:?} ({:?})", leaf.path, leaf.text, leaf.kind).unwrap();
    }
    text
}

#[test]
fn samples_read_as_recorded() {
    let samples = samples();
    assert!(samples.len() >= 22, "only {} samples were found", samples.len());
    for path in samples {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let alert = Alert::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, describe(&alert));
        });

        let again = Alert::parse(alert.raw().as_bytes()).unwrap();
        assert_eq!(describe(&again), describe(&alert), "{name}: raw() does not give the same alert");
    }
}

#[test]
fn an_alert_cut_anywhere_is_an_error_that_says_so() {
    for path in samples() {
        let bytes = std::fs::read(&path).unwrap();
        let start = bytes.iter().position(|&byte| byte == b'{').unwrap();
        let end = bytes.iter().rposition(|&byte| byte == b'}').unwrap();
        for cut in start + 1..=end {
            let error = Alert::parse(&bytes[..cut]).map(|alert| alert.raw().to_owned()).unwrap_err();
            assert_eq!(error.label(), "truncated", "{}, cut at {cut}: {error}", path.display());
        }
    }
}
