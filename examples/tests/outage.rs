//! What could not be done is not lost: each case that fails is run until it works.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like tests")]

mod support;

use std::time::Duration;

use serde_json::Value;
use support::case::{Case, Queue, each};
use support::home::{Call, Ended, Home};
use support::platform::Platform;
use support::{TOKEN, show};

/// An alert of which nothing is known, with an IoC, so that OpenCTI is asked. Its run works off what is kept.
const NEXT: &[u8] = br#"{"timestamp":"2026-06-01T12:30:00.000+0000","rule":{"level":5,"id":"554","description":"File added","groups":["syscheck"]},"agent":{"id":"034","name":"web-2","ip":"10.31.8.5"},"id":"1780317000.1","decoder":{"name":"syscheck_new_entry"},"syscheck":{"path":"/tmp/next","event":"added","md5_after":"7f00aa11bb22cc33dd44ee55ff660718"},"location":"syscheck"}
"#;

fn run(home: &Home, case: &Case, platform: &Platform, alert: &[u8]) -> Ended {
    let ended = home.run(&Call {
        alert: Some(alert),
        token_file: false,
        hook_url: &platform.url(),
        options: Some(&case.options()),
        timeout_s: case.settings.timeout_s,
        retries: case.settings.retries,
        debug: false,
    });
    assert!(ended.took < Duration::from_secs(case.settings.timeout_s.into()), "took {:?}", ended.took);
    ended
}

/// The case's alert with another id.
fn alert(case: &Case, id: &str) -> Vec<u8> {
    let mut alert: Value = serde_json::from_slice(&case.alert()).unwrap();
    alert["id"] = id.into();
    alert.to_string().into_bytes()
}

/// The events of what was sent.
fn events(home: &Home) -> Vec<Value> {
    home.datagrams().iter().map(|line| show::parts(line).1["opencti"].clone()).collect()
}

/// Type, alert and lateness of events.
fn told(events: &[Value]) -> Vec<(String, String, bool)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = |event: &Value| {
        (
            text(&event["event_type"]),
            text(&event["source"]["alert_id"]),
            event["late"].as_bool() == Some(true),
        )
    };
    events.iter().map(told).collect()
}

/// Cases in which OpenCTI is to blame and no event says so.
fn is_an_outage(case: &Case) -> bool {
    let partial_without_event =
        ["opencti-half-answer", "opencti-follow-up-fails"].contains(&case.name.as_str());
    case.settings.exit == 4 || partial_without_event
}

#[test]
fn an_outage_is_told_once_and_its_alerts_are_looked_up_afterwards() {
    each(is_an_outage, |case| {
        let home = Home::new(Queue::Open);
        let failing = Platform::of(case);
        for id in ["1780316000.1", "1780316000.2"] {
            let ended = run(&home, case, &failing, &alert(case, id));
            assert_eq!(ended.code, case.settings.exit, "{}", ended.output);
            assert!(ended.last_line().contains("the alert is kept for a later run"), "{}", ended.last_line());
        }
        let error = ("error".to_owned(), "1780316000.1".to_owned(), false);
        assert_eq!(told(&events(&home)), [error], "one event for the outage, not one for each alert");
        assert_eq!((home.kept("alert"), home.kept("line")), (2, 0));

        let healthy = Platform::healthy(case);
        let ended = run(&home, case, &healthy, NEXT);
        assert_eq!(ended.code, 0, "{}", ended.output);
        let late = events(&home);
        let about: Vec<_> = told(&late).into_iter().map(|(_, id, late)| (id, late)).collect();
        assert_eq!(about, [("1780316000.1".to_owned(), true), ("1780316000.2".to_owned(), true)]);
        assert!(late.iter().all(|event| event["event_type"] != "error"), "{late:#?}");
        assert_eq!((home.kept("alert"), home.kept("line")), (0, 0));

        let ended = run(&home, case, &Platform::of(case), &alert(case, "1780316000.3"));
        assert_eq!(ended.code, case.settings.exit);
        let error = ("error".to_owned(), "1780316000.3".to_owned(), false);
        assert_eq!(told(&events(&home)), [error], "the next outage is told again");
        home.check_no_token();
    });
}

#[test]
fn events_that_the_queue_did_not_take_are_sent_later() {
    each(
        |case| case.settings.exit == 5,
        |case| {
            let mut home = Home::new(case.settings.queue);
            let platform = Platform::of(case);
            let ended = run(&home, case, &platform, &case.alert());
            assert_eq!(ended.code, 5, "{}", ended.output);
            assert!(ended.last_line().contains("the event is kept for a later run"), "{}", ended.last_line());
            assert_eq!((home.kept("alert"), home.kept("line")), (0, 1));

            // analysisd is back, or catches up.
            match case.settings.queue {
                Queue::Missing => home.open_queue(),
                _ => assert!(home.datagrams().is_empty()),
            }
            let ended = run(&home, case, &platform, NEXT);
            assert_eq!(ended.code, 0, "{}", ended.output);
            let sent = events(&home);
            assert_eq!(sent.len(), 1, "{sent:#?}");
            assert_eq!(sent[0]["event_type"], "indicator_pattern_match");
            assert_eq!((home.kept("alert"), home.kept("line")), (0, 0));
            home.check_no_token();
        },
    );
}

#[test]
fn an_outage_while_the_queue_is_gone_loses_neither_alert_nor_event() {
    let case = Case::load("opencti-absent");
    let mut home = Home::new(Queue::Missing);
    let ended = run(&home, &case, &Platform::of(&case), &alert(&case, "1780316000.1"));
    assert_eq!(ended.code, 4, "{}", ended.output);
    assert_eq!((home.kept("alert"), home.kept("line")), (1, 1));

    home.open_queue();
    assert_eq!(run(&home, &case, &Platform::healthy(&case), NEXT).code, 0);
    let mut told = told(&events(&home));
    told.sort();
    let id = "1780316000.1".to_owned();
    assert_eq!(
        told,
        [("error".to_owned(), id.clone(), false), ("indicator_pattern_match".to_owned(), id, true)]
    );
    assert_eq!((home.kept("alert"), home.kept("line")), (0, 0));
}

/// Several `<integration>` blocks, or several managers on one home, run at the same time.
#[test]
fn runs_side_by_side_lose_nothing_and_tell_nothing_twice() {
    const RUNS: usize = 8;
    let case = Case::load("opencti-absent");
    let home = Home::new(Queue::Open);
    let ids: Vec<String> = (0..RUNS).map(|number| format!("1780316000.{number}")).collect();
    let absent = Platform::of(&case);
    let ended = side_by_side(&ids, |id| run(&home, &case, &absent, &alert(&case, id)));
    assert!(ended.iter().all(|ended| ended.code == 4));
    assert_eq!(events(&home).len(), 1, "one event for the outage");
    assert_eq!(home.kept("alert"), RUNS);

    let healthy = Platform::healthy(&case);
    let ended = side_by_side(&ids, |_| run(&home, &case, &healthy, NEXT));
    assert!(ended.iter().all(|ended| ended.code == 0));
    // A run that finds another one at work leaves it the rest.
    run(&home, &case, &healthy, NEXT);
    let mut told: Vec<String> = told(&events(&home)).into_iter().map(|(_, id, _)| id).collect();
    told.sort();
    assert_eq!(told, ids, "each alert once");
    assert_eq!((home.kept("alert"), home.kept("line")), (0, 0));
}

fn side_by_side(ids: &[String], run: impl Fn(&str) -> Ended + Sync) -> Vec<Ended> {
    let run = &run;
    std::thread::scope(|scope| {
        let threads: Vec<_> = ids.iter().map(|id| scope.spawn(move || run(id))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn a_file_that_is_no_alert_is_refused_by_name_and_place() {
    let brackets = vec![b'['; 200_000];
    let nested =
        [br#"{"id":"1780316000.1","rule":{"id":"5710","level":5},"data":"#.as_slice(), &brackets].concat();
    let half: &[u8] = br#"{"id":"1780316000.1","rule":{"id":"5710","level":5},"data":{"srcip":"203.0.11"#;
    let text = b"alertdate='2026 Jun 01 11:21:33'\nalertlocation='/var/log/auth.log'\nruleid='5710'\n";
    let files: [(&str, Option<&[u8]>); 9] = [
        ("no file", None),
        ("empty", Some(b"")),
        ("half", Some(half)),
        ("array", Some(br#"[{"id":"1780316000.1"}]"#)),
        ("text format", Some(text)),
        ("brackets", Some(&brackets)),
        ("brackets in an alert", Some(&nested)),
        ("NULs", Some(&[0; 512])),
        ("NUL in an alert", Some(b"{\"id\":\"1780316000.1\",\"da\0ta\":{\"srcip\":\"203.0.113.92\"}}")),
    ];
    let case = Case::load("sshd");
    let mut said = String::new();
    for (name, alert) in files {
        let home = Home::new(Queue::Open);
        let platform = Platform::of(&case);
        let ended = home.run(&Call {
            alert,
            token_file: false,
            hook_url: &platform.url(),
            options: Some(&case.options()),
            timeout_s: 10,
            retries: 3,
            debug: false,
        });
        let line = show::scrub(ended.last_line(), &platform.url(), Some(home.path()));
        said.push_str(&format!("{name}: exit {}: {line}\n", ended.code));
        assert!(platform.asked().is_empty() && home.datagrams().is_empty(), "{name}");
        assert!(ended.took < Duration::from_secs(5), "{name} took {:?}", ended.took);
        assert!(home.log().contains("ERROR"), "{name}: {}", home.log());
        assert!(!ended.output.contains(TOKEN));
        home.check_no_token();
    }
    insta::assert_snapshot!(said, @r"
    no file: exit 3: custom-opencti: integratord could not write the alert file: is /tmp full or read-only?
    empty: exit 3: custom-opencti: cannot read the alert: the input is empty; is the disk full where integratord writes (/tmp)?
    half: exit 3: custom-opencti: cannot read the alert: the JSON breaks off at line 1, column 78; was it read while being written, or is the disk full?
    array: exit 3: custom-opencti: cannot read the alert: the input is a JSON array; pass the alerts in it one by one
    text format: exit 3: custom-opencti: cannot read the alert: it is in integratord's shell style (alertdate='…'), not JSON; add <alert_format>json</alert_format> to the <integration> block in ossec.conf and restart the manager
    brackets: exit 3: custom-opencti: cannot read the alert: the input is a JSON array; pass the alerts in it one by one
    brackets in an alert: exit 3: custom-opencti: cannot read the alert: its JSON is nested deeper than 1000 levels, which no alert of Wazuh is
    NULs: exit 3: custom-opencti: cannot read the alert: NUL byte at line 1, column 1; the file is damaged, or it is UTF-16 and has to be saved as UTF-8
    NUL in an alert: exit 3: custom-opencti: cannot read the alert: NUL byte at line 1, column 25; the file is damaged, or it is UTF-16 and has to be saved as UTF-8
    ");
}
