//! `explain`, as an analyst runs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers, too"
)]

mod common;

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use common::{Home, OpenCti, TOKEN, alert, closed_port, code, last_line, stdout};
use serde_json::Value;

const DEMO_ALERTS: &str = include_str!("../../examples/demo/alerts.jsonl");
const DEMO_INTEL: &str = include_str!("../../examples/demo/intel.json");
const NOW: &str = "2026-04-02T09:00:00Z";

fn fed(command: &mut Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that does not read its input closes it.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// Explains an alert by the intelligence of the demonstration.
fn by_demo(alert: &str, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let home = Home::new();
    home.write("intel.json", DEMO_INTEL);
    let mut command = home.command();
    command.env("CUSTOM_OPENCTI_POLICY__LOOKUP_PRIVATE_ADDRESSES", "true").envs(settings.iter().copied());
    command.args(["explain", "-", "--intel", "intel.json", "--at", NOW]).args(arguments);
    fed(&mut command, alert.as_bytes())
}

/// An alert of the demonstration by its id.
fn demo_alert(id: &str) -> &'static str {
    let id = format!("\"id\":\"{id}\"");
    DEMO_ALERTS.lines().find(|line| line.contains(&id)).unwrap()
}

fn text(output: &Output) -> String {
    assert_eq!((code(output), &*last_line(output)), (0, ""));
    stdout(output)
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap()
}

#[test]
fn an_alert_that_hits() {
    insta::assert_snapshot!("hit", text(&by_demo(demo_alert("1775117001.10137"), &[], &[])));
}

#[test]
fn an_alert_that_hits_in_part() {
    insta::assert_snapshot!("partial", text(&by_demo(demo_alert("1775117002.10274"), &[], &[])));
}

#[test]
fn an_alert_that_misses() {
    insta::assert_snapshot!("missed", text(&by_demo(demo_alert("1775117008.11096"), &[], &[])));
}

#[test]
fn an_alert_that_hits_by_a_related_observable() {
    insta::assert_snapshot!("related", text(&by_demo(demo_alert("1775117009.11233"), &[], &[])));
}

#[test]
fn an_alert_that_hits_by_an_observable() {
    insta::assert_snapshot!("observable", text(&by_demo(demo_alert("1775117004.10548"), &[], &[])));
}

#[test]
fn an_alert_with_nothing_to_look_up() {
    insta::assert_snapshot!("nothing", text(&by_demo(demo_alert("1775117014.11918"), &[], &[])));
}

/// The JSON has what the text has.
#[test]
fn a_hit_as_json() {
    let output = by_demo(demo_alert("1775117001.10137"), &["--format", "json"], &[]);
    assert_eq!((code(&output), &*last_line(&output)), (0, ""));
    insta::assert_snapshot!("hit-json", stdout(&output));
}

/// What `explain` says is what `enrich` does.
#[test]
fn the_events_are_those_of_enrich() {
    let home = Home::new();
    home.write("intel.json", DEMO_INTEL);
    for alert in DEMO_ALERTS.lines() {
        let mut command = home.command();
        command.env("CUSTOM_OPENCTI_POLICY__LOOKUP_PRIVATE_ADDRESSES", "true");
        command.args(["enrich", "--intel", "intel.json", "--at", NOW]);
        let events = stdout(&fed(&mut command, alert.as_bytes()));
        let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let story = json(&by_demo(alert, &["--format", "json"], &[]));
        let told: Vec<&Value> =
            story["events"].as_array().unwrap().iter().map(|told| &told["event"]).collect();
        assert_eq!(told, events.iter().collect::<Vec<_>>());
        // Each event is the outcome of something that came back.
        let known = |list: &str| story["came_back"][list].as_array().cloned().unwrap_or_default();
        for number in 1..=events.len() {
            let all = [known("indicators"), known("observables")].concat();
            assert!(all.iter().any(|one| one["outcome"]["event"] == number), "{number}: {story}");
        }
    }
}

/// The outcome of the indicator for the first address of an alert, under a setting.
fn outcome(setting: (&str, &str)) -> String {
    let output = by_demo(demo_alert("1775117001.10137"), &["--format", "json"], &[setting]);
    assert_eq!(code(&output), 0, "{}", last_line(&output));
    let story = json(&output);
    let outcome = story["came_back"]["indicators"][0]["outcome"]["meaning"].as_str().unwrap();
    format!("{}\n  {outcome}", story["result"].as_str().unwrap())
}

#[test]
fn what_policy_sets_aside_is_told_with_the_setting() {
    let said = [
        ("CUSTOM_OPENCTI_POLICY__MIN_SCORE", "96"),
        ("CUSTOM_OPENCTI_POLICY__MIN_CONFIDENCE", "91"),
        ("CUSTOM_OPENCTI_POLICY__MAX_TLP", "TLP:CLEAR"),
        ("CUSTOM_OPENCTI_POLICY__IGNORE_LABELS", "[\"c2\"]"),
        ("CUSTOM_OPENCTI_POLICY__MAX_INDICATOR_ALERTS", "0"),
    ];
    insta::assert_snapshot!(said.map(outcome).join("\n"), @"
    No event: what came back is set aside (below-min-score).
      Set aside (below-min-score). The indicator's score is lower than the policy asks for; one without a score counts as 0. In [policy]: lower `min_score` to report it.
    No event: what came back is set aside (below-min-confidence).
      Set aside (below-min-confidence). The indicator's confidence is lower than the policy asks for; one without counts as 0. In [policy]: lower `min_confidence` to report it.
    No event: what came back is set aside (above-max-tlp).
      Set aside (above-max-tlp). The indicator has a stricter TLP marking than may be shown to everyone who reads Wazuh's alerts. In [policy]: raise `max_tlp` to report it.
    No event: what came back is set aside (ignored-label).
      Set aside (ignored-label). The indicator bears a label that the policy ignores. In [policy]: take the label out of `ignore_labels` to report it.
    No event: what matched is over the limits of the policy.
      It matches, but is not among the first 0, which is the limit. In [policy]: raise `max_indicator_alerts` to report it.
    ");
}

#[test]
fn what_is_left_out_is_told_with_what_covers_it() {
    let excluded = [("CUSTOM_OPENCTI_POLICY__EXCLUDE", "[\"203.0.113.0/24\"]")];
    let story = json(&by_demo(demo_alert("1775117001.10137"), &["--format", "json"], &excluded));
    assert_eq!(story["result"], "No event: everything that was found in the alert is left out.");
    let left =
        story["left_out"].as_array().unwrap().iter().find(|left| left["reason"] == "excluded").unwrap();
    assert_eq!((&left["value"], &left["by"]), (&"203.0.113.66".into(), &"203.0.113.0/24".into()));
    assert_eq!(left["setting"], "exclude");
    let excluded = [("CUSTOM_OPENCTI_POLICY__EXCLUDE", "[\"rule:100901\"]")];
    insta::assert_snapshot!(text(&by_demo(demo_alert("1775117001.10137"), &[], &excluded)), @"
    Alert 1775117001.10137
      time       2026-04-02T08:01:10.123+0000
      rule       100901, level 5: Sysmon - network connection
      groups     sysmon, sysmon_eid3_detections, windows
      agent      011, ws-finance-3, 10.20.4.31
      decoder    windows_eventchannel
      location   EventChannel
      as of      2026-04-02T09:00:00Z

    Result
      Not looked at. The policy excludes every alert of this rule or of one of its groups. The entry is
      rule:100901.
      In [policy]: take the entry out of `exclude` to have such alerts looked up.
    ");
}

#[test]
fn a_value_on_a_warning_list_is_told_with_the_list() {
    let home = Home::new();
    home.write("intel.json", DEMO_INTEL);
    std::fs::create_dir(home.path("lists")).unwrap();
    home.write("lists/ours.txt", "203.0.113.66\n");
    let mut command = home.command();
    command.env("CUSTOM_OPENCTI_POLICY__LOOKUP_PRIVATE_ADDRESSES", "true");
    command.env("CUSTOM_OPENCTI_POLICY__WARNING_LISTS", home.path("lists"));
    command.args(["explain", "-", "--intel", "intel.json", "--at", NOW]);
    let text = text(&fed(&mut command, demo_alert("1775117001.10137").as_bytes()));
    let told = text.split("\n  warning-list\n").nth(1).unwrap().lines().take(5).collect::<Vec<_>>();
    insta::assert_snapshot!(told.join("\n"), @"
        A warning list has it: it is known to be harmless or shared by too many.
        In [policy]: take the list out of the folder that `warning_lists` names to look it up.
        ipv4-addr 203.0.113.66 (by ours.txt) in data.win.eventdata.destinationIp

    3. Asked
    ");
}

#[test]
fn a_long_field_is_quoted_around_the_value() {
    let text = text(&by_demo(demo_alert("1775117003.10411"), &[], &[]));
    let quoted: Vec<&str> = text.lines().filter(|line| line.contains("written there")).collect();
    insta::assert_snapshot!(quoted.join("\n"), @"
    written there: SHA1=12E32D99DF1BA28C41AA359C87F7F466C2903B52,MD5=4C33BC15DBDE94586484986D4811BC6E,SH…
    written there: …2E32D99DF1BA28C41AA359C87F7F466C2903B52,MD5=4C33BC15DBDE94586484986D4811BC6E,SHA256=3E9E0A6261346E58926148EBCF4E74845B65…
    written there: …94586484986D4811BC6E,SHA256=3E9E0A6261346E58926148EBCF4E74845B65CF70EE9242F15631CDA11AD18382,IMPHASH=3DF977F521F16847A89…
    ");
}

#[test]
fn an_alert_about_our_own_event() {
    let own = r#"{"id":"1.1","rule":{"id":"100211","level":10},"decoder":{"name":"json"},"data":{"integration":"opencti"},"location":"opencti"}"#;
    let story = json(&by_demo(own, &["--format", "json"], &[]));
    assert_eq!(story["not_looked_at"]["reason"], "own-event");
}

#[test]
fn opencti_is_asked_and_linked_to() {
    let home = Home::new();
    let platform = OpenCti::knowing();
    let mut command = home.command();
    command.env("OPENCTI_TOKEN", TOKEN).env("CUSTOM_OPENCTI_OPENCTI__URL", &platform.url);
    command.args(["explain", "--at", NOW]).arg(home.write("alert.json", alert("1.1")));
    let text = text(&command.output().unwrap()).replace(&platform.url, "http://OPENCTI");
    assert!(!text.contains(TOKEN));
    insta::assert_snapshot!("api", text);
}

#[test]
fn a_failed_look_up_is_not_a_miss() {
    let home = Home::new();
    let mut command = home.command();
    command.env("OPENCTI_TOKEN", TOKEN).env("CUSTOM_OPENCTI_OPENCTI__URL", closed_port());
    command.env("CUSTOM_OPENCTI_OPENCTI__RETRIES", "0").args(["explain", "--format", "json"]);
    let output = command.arg(home.write("alert.json", alert("1.1"))).output().unwrap();
    assert_eq!(code(&output), 4);
    let story = json(&output);
    assert_eq!(story["result"], "Not known: the look-up failed, so the alert may match or not.");
    assert_eq!(story["found"][0]["value"], "45.77.12.9");
    assert!(story["asked"]["error"].as_str().unwrap().starts_with("OpenCTI could not be asked"));
    assert!(story.get("came_back").is_none());
}

#[test]
fn an_answer_in_part_is_said() {
    let home = Home::new();
    let platform = OpenCti::answering(|_| {
        let error = r#"{"message":"search is down","extensions":{"code":"INTERNAL_SERVER_ERROR"},"path":["indicators"]}"#;
        (200, common::NOTHING.replacen(r#"{"data":"#, &format!(r#"{{"errors":[{error}],"data":"#), 1))
    });
    let mut command = home.command();
    command.env("OPENCTI_TOKEN", TOKEN).env("CUSTOM_OPENCTI_OPENCTI__URL", &platform.url).arg("explain");
    let output = command
        .env("CUSTOM_OPENCTI_OPENCTI__RETRIES", "0")
        .arg(home.write("a", alert("1.1")))
        .output()
        .unwrap();
    assert_eq!(code(&output), 6, "{}", last_line(&output));
    let text = stdout(&output);
    assert!(text.contains("The answer is incomplete"), "{text}");
    assert!(text.contains("search is down"), "{text}");
}

#[test]
fn one_alert_is_wanted() {
    let home = Home::new();
    home.write("many", format!("{}\n{}\n", alert("1.1"), alert("1.2")));
    home.write("bad", "no alert\n");
    home.write("empty", "");
    home.write("intel.json", DEMO_INTEL);
    let mut said = Vec::new();
    for file in ["many", "bad", "empty", "none"] {
        let output = home.command().args(["explain", "--intel", "intel.json", file]).output().unwrap();
        assert_eq!((code(&output), &*stdout(&output)), (3, ""));
        said.push(last_line(&output));
    }
    for arguments in
        [&["explain"][..], &["explain", "many", "--format", "xml"], &["explain", "--intel", "none", "many"]]
    {
        let output = home.command().args(arguments).output().unwrap();
        assert_eq!((code(&output), &*stdout(&output)), (2, ""));
        said.push(last_line(&output));
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    custom-opencti: many has more than one alert: give one, as in grep ALERT_ID many | custom-opencti explain -
    custom-opencti: bad: cannot read the alert: the input is not JSON, it begins with `no alert\n` (line 1, column 1)
    custom-opencti: empty: cannot read the alert: the input is empty; is the disk full where integratord writes (/tmp)?
    custom-opencti: none: cannot be opened: No such file or directory (os error 2)
    custom-opencti: wrong use: the following required arguments were not provided: <ALERT_FILE>
    custom-opencti: wrong use: invalid value 'xml' for '--format <FORMAT>'
    custom-opencti: bundle none does not exist: check the path
    ");
}

#[test]
fn an_alert_may_stand_on_several_lines() {
    let alert: Value = serde_json::from_str(demo_alert("1775117001.10137")).unwrap();
    let pretty = serde_json::to_string_pretty(&alert).unwrap();
    assert_eq!(
        stdout(&by_demo(&pretty, &[], &[])),
        stdout(&by_demo(demo_alert("1775117001.10137"), &[], &[]))
    );
}

#[test]
fn control_characters_of_an_alert_do_not_reach_the_terminal() {
    let hostile = alert("1.1")
        .replace("sshd: login", r"\u001b]0;x\u0007\u001b[2J\u009b31m\u202e\u007f")
        .replace(
            "\"srcip\":\"45.77.12.9\"",
            r#""srcip":"45.77.12.9","note":"45.77.12.10 \u001b[1A\u009b2J\u2066""#,
        )
        .replace("web-01", r"web\u001b[31m\r\n");
    for format in ["text", "json"] {
        let output = by_demo(&hostile, &["--format", format], &[]);
        let said = stdout(&output) + &String::from_utf8(output.stderr).unwrap();
        let is_bad = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{2066}');
        assert!(!said.contains(is_bad), "{said:?}");
        assert!(said.contains("45.77.12.10"), "{said}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new();
    home.write("intel.json", DEMO_INTEL);
    let mut command = home.command();
    command.args(["explain", "--intel", "intel.json"]).arg(home.write("alert", alert("1.1")));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((code(&output), &*last_line(&output)), (0, ""));
}
