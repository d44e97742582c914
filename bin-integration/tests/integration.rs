//! The program as integratord runs it: one alert, one process.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers, too"
)]

mod common;

use std::time::{Duration, Instant};

use common::{Home, NOTHING, OpenCti, TOKEN, alert, closed_port, code, last_line};

/// The JSON of a queue line, and what stands before it.
fn parts(line: &str) -> (String, serde_json::Value) {
    let start = line.find('{').unwrap();
    (line[..start].to_owned(), serde_json::from_str(&line[start..]).unwrap())
}

#[test]
fn a_hit_becomes_an_event_on_the_queue() {
    let home = Home::new();
    let platform = OpenCti::knowing();
    let file = home.write("a.alert", alert("1.1"));
    let output = home.integration(&file, TOKEN, &platform.url);
    assert_eq!((code(&output), &*last_line(&output)), (0, ""));
    let lines = home.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let (location, event) = parts(&lines[0]);
    assert_eq!(location, "1:[001] (web-01) 10.0.0.7->opencti:");
    assert_eq!(event["integration"], "opencti");
    assert_eq!(event["opencti"]["event_type"], "indicator_pattern_match");
    assert_eq!(event["opencti"]["indicator"]["name"], "Crane C2");
    assert_eq!(event["opencti"]["match"]["value"], "45.77.12.9");
    assert_eq!(event["opencti"]["source"]["alert_id"], "1.1");
    assert!(event.get("srcip").is_none());
    assert!(platform.requests()[0].contains(&format!("Bearer {TOKEN}")));
    let log = home.read("logs/custom-opencti.log");
    assert!(log.contains("alert done alert_id=\"1.1\""), "{log}");
    assert!(home.kept().is_empty());
}

#[test]
fn an_address_is_for_active_response_only_when_asked_for() {
    let home = Home::new();
    home.write("etc/custom-opencti.toml", "[output]\nactive_response_srcip = true\n");
    let file = home.write("a.alert", alert("1.1"));
    assert_eq!(code(&home.integration(&file, TOKEN, &OpenCti::knowing().url)), 0);
    assert_eq!(parts(&home.lines()[0]).1["srcip"], "45.77.12.9");
}

#[test]
fn nothing_to_look_up_asks_nobody() {
    let home = Home::new();
    let file = home.write("a.alert", alert("1.1").replace("45.77.12.9", "10.1.2.3"));
    let output = home.integration(&file, TOKEN, &closed_port());
    assert_eq!((code(&output), &*last_line(&output)), (0, ""));
    assert!(home.lines().is_empty());
}

#[test]
fn more_values_than_are_looked_up_are_not_clean() {
    let home = Home::new();
    let many: Vec<String> = (0..300).map(|n| format!("45.77.{}.{}", n / 200, n % 200 + 1)).collect();
    let text = alert("1.1").replace("\"srcip\":\"45.77.12.9\"", &format!("\"list\":\"{}\"", many.join(" ")));
    let file = home.write("a.alert", text);
    let output = home.integration(&file, TOKEN, &OpenCti::empty().url);
    assert_eq!(code(&output), 6);
    let said = "44 values of this alert were not looked up: it has more than 256 IoCs";
    assert!(last_line(&output).contains(said), "{}", last_line(&output));
    let event = parts(&home.lines()[0]).1;
    assert_eq!(
        (&event["opencti"]["event_type"], &event["opencti"]["error"]),
        (&"error".into(), &said.into())
    );
    // Asking again would give the same.
    assert!(home.kept().is_empty());
}

#[test]
fn an_alert_that_is_never_answered_whole_is_given_up_aloud() {
    let home = Home::new();
    let half = r#"{"data":{"stixCyberObservables":null,"indicators":{"edges":[]}},"errors":[
        {"message":"not so","path":["stixCyberObservables"],"extensions":{"code":"FUNCTIONAL_ERROR"}}]}"#;
    let answer = |request: &str| match request.contains("45.77.12.9") {
        true => (200, half.to_owned()),
        false => (200, NOTHING.to_owned()),
    };
    let platform = OpenCti::answering(answer);
    let file = home.write("a.alert", alert("1.1"));
    assert_eq!(code(&home.integration(&file, TOKEN, &platform.url)), 6);
    assert_eq!((home.kept().len(), home.lines().len()), (1, 1));
    let other = home.write("b.alert", alert("1.2").replace("45.77.12.9", "45.77.12.10"));
    for tries in 1..=3 {
        assert_eq!(code(&home.integration(&other, TOKEN, &platform.url)), 0);
        assert_eq!(home.kept().len(), usize::from(tries < 3));
    }
    let lines = home.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let event = parts(&lines[0]).1;
    assert_eq!(event["opencti"]["source"]["alert_id"], "1.1");
    assert!(event["opencti"]["error"].as_str().unwrap().contains("given up"), "{event}");
}

#[test]
fn an_alert_about_our_own_event_ends_the_run() {
    let home = Home::new();
    for own in [
        alert("1.1").replace("/var/log/auth.log", "opencti"),
        alert("1.2").replace("\"srcip\"", "\"integration\":\"opencti\",\"srcip\""),
    ] {
        let file = home.write("a.alert", own);
        assert_eq!(code(&home.integration(&file, TOKEN, &closed_port())), 0);
    }
    assert!(home.lines().is_empty() && home.kept().is_empty());
}

#[test]
fn an_outage_gives_one_event_and_loses_no_alert() {
    let home = Home::new();
    for id in ["1.1", "1.2"] {
        let file = home.write("a.alert", alert(id));
        let output = home.integration(&file, TOKEN, &closed_port());
        assert_eq!(code(&output), 4);
        insta::allow_duplicates! { insta::assert_snapshot!(last_line(&output), @"
        custom-opencti: OpenCTI could not be asked: cannot connect to OpenCTI at 127.0.0.1:PORT: connection refused; check address and port, and whether OpenCTI is up (the alert is kept for a later run)
        "); }
    }
    let lines = home.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let event = parts(&lines[0]).1;
    assert_eq!(event["opencti"]["event_type"], "error");
    assert_eq!(event["opencti"]["source"]["alert_id"], "1.1");
    assert_eq!(home.kept().len(), 2);

    // OpenCTI is back: what was kept is looked up with the next alert, and marked as late.
    let platform = OpenCti::knowing();
    let file = home.write("a.alert", alert("1.3"));
    assert_eq!(code(&home.integration(&file, TOKEN, &platform.url)), 0);
    let events: Vec<_> = home.lines().iter().map(|line| parts(line).1).collect();
    let told = |event: &serde_json::Value| {
        let body = &event["opencti"];
        (body["source"]["alert_id"].as_str().unwrap().to_owned(), body["late"].as_bool().unwrap_or(false))
    };
    let told: Vec<_> = events.iter().map(told).collect();
    assert_eq!(told, [("1.3".to_owned(), false), ("1.1".to_owned(), true), ("1.2".to_owned(), true)]);
    assert!(home.kept().is_empty());

    // The next outage has an event of its own.
    let file = home.write("a.alert", alert("1.4"));
    assert_eq!(code(&home.integration(&file, TOKEN, &closed_port())), 4);
    assert_eq!(home.lines().len(), 1);
}

#[test]
fn could_not_ask_is_never_clean() {
    let denied = r#"{"errors":[{"message":"You must be logged in to do this.","extensions":{"code":"AUTH_REQUIRED"}}],"data":null}"#;
    let broken = r#"{"errors":[{"message":"out of memory","path":["indicators"],"extensions":{"code":"UNKNOWN_ERROR"}}],"data":{"stixCyberObservables":{"edges":[],"pageInfo":{"hasNextPage":false,"globalCount":0}},"indicators":null}}"#;
    let mut said = Vec::new();
    for (status, body, exit) in [
        (200, denied, 4),
        (401, "{}", 4),
        (500, "oops", 4),
        (200, "<html>login</html>", 4),
        (200, r#"{"data":null}"#, 4),
        (200, broken, 6),
    ] {
        let home = Home::new();
        let platform = OpenCti::answering(move |_| (status, body.to_owned()));
        let file = home.write("a.alert", alert("1.1"));
        let output = home.integration(&file, TOKEN, &platform.url);
        assert_eq!(code(&output), exit, "{body}");
        assert_eq!(home.lines().len(), 1, "{body}");
        assert_eq!(home.kept().len(), 1, "{body}");
        said.push(last_line(&output));
    }
    insta::assert_snapshot!(said.join("\n"), @"
    custom-opencti: OpenCTI could not be asked: IocLookup: OpenCTI answers AUTH_REQUIRED: You must be logged in to do this.; check the API token: it is missing, wrong, expired or revoked (the alert is kept for a later run)
    custom-opencti: OpenCTI could not be asked: IocLookup: HTTP status 401: {}; a proxy before OpenCTI refuses the request: check token, address and the proxy's rules (the alert is kept for a later run)
    custom-opencti: OpenCTI could not be asked: IocLookup: HTTP status 500: oops; look at OpenCTI's log and whether its services are up (the alert is kept for a later run)
    custom-opencti: OpenCTI could not be asked: IocLookup: the answer is not valid JSON; check the address: it should be the one of OpenCTI itself, with its base path, and not that of a login page or another program before it (the alert is kept for a later run)
    custom-opencti: OpenCTI could not be asked: IocLookup: the answer holds neither data nor an error for data; this version of OpenCTI answers in an unknown way: check that it is 6.0 or later, and report it (the alert is kept for a later run)
    custom-opencti: OpenCTI answered only in part: indicators: out of memory (the alert is kept for a later run)
    ");
}

#[test]
fn an_event_that_nobody_takes_is_kept() {
    let mut home = Home::new();
    home.close_queue();
    let platform = OpenCti::knowing();
    let file = home.write("a.alert", alert("1.1"));
    let output = home.integration(&file, TOKEN, &platform.url);
    assert_eq!(code(&output), 5);
    let said = last_line(&output).replace(&*home.path("").to_string_lossy(), "HOME/");
    insta::assert_snapshot!(said, @"
    custom-opencti: Wazuh's queue HOME/queue/sockets/queue does not exist: check that wazuh-manager runs and [output] queue is right (the event is kept for a later run)
    ");
    assert_eq!(home.kept().len(), 1);

    home.open_queue();
    let file = home.write("b.alert", alert("1.2").replace("45.77.12.9", "10.1.2.3"));
    assert_eq!(code(&home.integration(&file, TOKEN, &platform.url)), 0);
    let lines = home.lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(parts(&lines[0]).1["opencti"]["source"]["alert_id"], "1.1");
    assert!(home.kept().is_empty());
}

#[test]
fn an_alert_that_cannot_be_read() {
    let home = Home::new();
    home.write("shell.alert", "alertdate='2026 Apr 02 08:00:00'\nalertid='1.1'\n");
    home.write("cut.alert", &alert("1.1")[..100]);
    std::os::unix::fs::symlink(home.path("shell.alert"), home.path("link.alert")).unwrap();
    let mut said = Vec::new();
    for name in ["", "none.alert", "link.alert", "etc", "shell.alert", "cut.alert"] {
        let file = if name.is_empty() { "".into() } else { home.path(name) };
        let output = home.integration(&file, TOKEN, &closed_port());
        assert_eq!(code(&output), 3, "{name}");
        said.push(last_line(&output).replace(&*home.path("").to_string_lossy(), "HOME/"));
    }
    insta::assert_snapshot!(said.join("\n"), @"
    custom-opencti: integratord could not write the alert file: is /tmp full or read-only?
    custom-opencti: alert file HOME/none.alert does not exist: check the path
    custom-opencti: alert file HOME/link.alert is a symbolic link, which is not followed: name the file itself
    custom-opencti: alert file HOME/etc is a folder, not a regular file: name a file
    custom-opencti: cannot read the alert: it is in integratord's shell style (alertdate='…'), not JSON; add <alert_format>json</alert_format> to the <integration> block in ossec.conf and restart the manager
    custom-opencti: cannot read the alert: the JSON breaks off at line 1, column 101; was it read while being written, or is the disk full?
    ");
    assert!(home.kept().is_empty());
}

#[test]
fn a_wrong_configuration_keeps_the_alert() {
    let home = Home::new();
    let file = home.write("a.alert", alert("1.1"));
    let mut said = Vec::new();
    home.write("etc/custom-opencti.toml", "[policy]\nmin_scor = 5\n");
    said.push(home.integration(&file, TOKEN, "http://127.0.0.1:1"));
    home.write("etc/custom-opencti.toml", "");
    said.push(home.integration(&file, "", "http://127.0.0.1:1"));
    said.push(home.integration(&file, TOKEN, ""));
    said.push(home.integration(&file, "file:etc/none", "http://127.0.0.1:1"));
    assert!(said.iter().all(|output| code(output) == 2));
    let said: Vec<_> =
        said.iter().map(|o| last_line(o).replace(&*home.path("").to_string_lossy(), "HOME/")).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    custom-opencti: unknown key `policy.min_scor` in HOME/etc/custom-opencti.toml: did you mean `policy.min_score`? (the alert is kept for a later run)
    custom-opencti: no API token: give <api_key> in ossec.conf (file:PATH keeps it out of sight), or token_file in [opencti] of etc/custom-opencti.toml (the alert is kept for a later run)
    custom-opencti: no address of OpenCTI: give <hook_url> in ossec.conf, or url in [opencti] of etc/custom-opencti.toml (the alert is kept for a later run)
    custom-opencti: <api_key> of ossec.conf or the token in [opencti] is wrong: cannot read the API token from HOME/etc/none: No such file or directory (os error 2) (the alert is kept for a later run)
    ");
    assert_eq!(home.kept().len(), 4);
    // Wazuh hears of it, once.
    let lines = home.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(parts(&lines[0]).1["opencti"]["event_type"], "error");
}

#[test]
fn a_blank_in_the_token_is_pointed_out() {
    let home = Home::new();
    let mut command = home.command();
    // integratord splits at blanks: `<api_key>c4n4ry two</api_key>`.
    command.arg(home.write("a.alert", alert("1.1"))).args(["c4n4ry", "two", "http://h", "", "", "10", "3"]);
    let output = command.output().unwrap();
    assert_eq!(code(&output), 2);
    let said = last_line(&output);
    assert!(said.contains("is there a blank in <api_key> or <hook_url>?") && !said.contains("two"), "{said}");
}

#[test]
fn the_token_is_nowhere() {
    for api_key in
        [TOKEN.to_owned(), "file:etc/t".to_owned(), "env:SECRET".to_owned(), format!("{TOKEN} two")]
    {
        let home = Home::new();
        let file = home.write("a.alert", alert("1.1"));
        home.write("etc/t", TOKEN);
        let urls = [OpenCti::knowing().url, OpenCti::answering(|r| (500, r.to_owned())).url, closed_port()];
        for url in urls {
            let mut command = home.command();
            command.env("SECRET", TOKEN).arg(&file);
            command.args([&*api_key, &*url, "debug", "", "10", "0"]);
            let output = command.output().unwrap();
            for text in [&output.stdout, &output.stderr] {
                assert!(!String::from_utf8_lossy(text).contains(TOKEN), "{api_key}");
            }
        }
        std::fs::remove_file(home.path("etc/t")).unwrap();
        assert!(!home.everything().contains(TOKEN), "{api_key}");
        assert!(!home.lines().concat().contains(TOKEN), "{api_key}");
        assert!(home.read("logs/custom-opencti.log").contains("DEBUG"));
    }
}

#[test]
fn the_run_ends_before_the_timeout() {
    let home = Home::new();
    // It takes the connection and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let file = home.write("a.alert", alert("1.1"));
    let begun = Instant::now();
    let mut command = home.command();
    command.arg(&file).args([TOKEN, &format!("http://{}", silent.local_addr().unwrap()), "", "", "1", "3"]);
    let output = command.output().unwrap();
    assert_eq!(code(&output), 4);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(home.kept().len(), 1);
}

/// For each of five runs, whether its event says that the indicator is muted; a run without event is not there.
fn storm_of_runs() -> Vec<bool> {
    let home = Home::new();
    home.write("etc/custom-opencti.toml", "[policy]\nmax_hits_per_hour = 3\n");
    let platform = OpenCti::knowing();
    for run in 0..5 {
        let file = home.write("a.alert", alert(&format!("1.{run}")));
        assert_eq!(code(&home.integration(&file, TOKEN, &platform.url)), 0);
    }
    home.lines().iter().map(|line| parts(line).1["opencti"]["muted_until"].is_string()).collect()
}

#[test]
fn runs_count_hits_together() {
    let hour = || std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() / 3600;
    loop {
        let begun = hour();
        let muted = storm_of_runs();
        // Runs on both sides of the hour are counted apart, and say nothing here.
        if hour() == begun {
            assert_eq!(muted, [false, false, true]);
            return;
        }
    }
}

#[test]
fn options_and_variables_count() {
    let home = Home::new();
    let platform = OpenCti::knowing();
    let file = home.write("a.alert", alert("1.1"));
    let options = home.write("a.options", "{\"policy\":{\"min_score\":95}}\n");
    let mut command = home.command();
    command.arg(&file).args([TOKEN, &platform.url, ""]).arg(&options).args(["10", "0"]);
    assert_eq!(code(&command.output().unwrap()), 0);
    assert!(home.lines().is_empty());
    let mut command = home.command();
    command.env("CUSTOM_OPENCTI_POLICY__EXCLUDE", "45.77.0.0/16").arg(&file).args([TOKEN, &closed_port()]);
    assert_eq!(code(&command.output().unwrap()), 0);
}

#[test]
fn the_home_is_found_from_where_the_program_lies() {
    let home = Home::new();
    let program = home.path("integrations/custom-opencti");
    std::fs::copy(env!("CARGO_BIN_EXE_custom-opencti"), &program).unwrap();
    let file = home.write("a.alert", alert("1.1"));
    let mut command = std::process::Command::new(&program);
    command.env_clear().arg(&file).args([TOKEN, &OpenCti::knowing().url]);
    assert_eq!(code(&command.output().unwrap()), 0);
    assert_eq!(home.lines().len(), 1);
}

#[test]
fn a_log_that_cannot_be_written_is_said_once() {
    let home = Home::new();
    std::fs::remove_dir(home.path("logs")).unwrap();
    home.write("logs", "a file where the folder should be");
    let file = home.write("a.alert", alert("1.1"));
    let output = home.integration(&file, TOKEN, &OpenCti::knowing().url);
    assert_eq!(code(&output), 0);
    assert_eq!(home.lines().len(), 1);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.matches("log file cannot be opened").count(), 1, "{said}");
}

#[test]
fn hostile_text_stays_on_its_line() {
    let home = Home::new();
    let hostile = alert(r"1.1\u001b[2J\nforged line").replace("sshd: login", r"x\u0000\u001b]0;x");
    let file = home.write("a.alert", hostile);
    assert_eq!(code(&home.integration(&file, TOKEN, &OpenCti::knowing().url)), 0);
    let lines = home.lines();
    assert_eq!(lines.len(), 1);
    assert!(!lines[0].chars().any(char::is_control), "{:?}", lines[0]);
    let log = home.read("logs/custom-opencti.log");
    assert!(log.lines().all(|line| line.starts_with("20")), "{log:?}");
    assert!(!log.contains('\u{1b}'));
}

#[test]
fn an_empty_platform_gives_no_event() {
    let home = Home::new();
    let file = home.write("a.alert", alert("1.1"));
    let platform = OpenCti::empty();
    assert_eq!(code(&home.integration(&file, TOKEN, &platform.url)), 0);
    assert!(home.lines().is_empty());
    assert_eq!(platform.requests().len(), 1, "{NOTHING}");
}

#[test]
fn what_is_on_a_warning_list_is_not_looked_up() {
    let home = Home::new();
    home.write("etc/custom-opencti.toml", "[policy]\nwarning_lists = 'etc/lists'\n[log]\nlevel = 'debug'\n");
    std::fs::create_dir(home.path("etc/lists")).unwrap();
    home.write("etc/lists/own.txt", "45.77.0.0/16\n");
    let file = home.write("a.alert", alert("1.1"));
    let output = home.integration(&file, TOKEN, &closed_port());
    assert_eq!((code(&output), &*last_line(&output)), (0, ""));
    let log = home.read("logs/custom-opencti.log");
    assert!(log.contains("warning lists read entries=1"), "{log}");
    assert!(log.contains("reason=\"warning-list\""), "{log}");
}

#[test]
fn without_its_warning_lists_an_alert_is_looked_up_all_the_same() {
    let home = Home::new();
    home.write("etc/custom-opencti.toml", "[policy]\nwarning_lists = 'etc/lists'\n");
    let file = home.write("a.alert", alert("1.1"));
    let output = home.integration(&file, TOKEN, &OpenCti::knowing().url);
    assert_eq!((code(&output), home.lines().len()), (0, 1));
    let log = home.read("logs/custom-opencti.log");
    assert!(log.contains("looked up without warning lists: the folder of warning lists"), "{log}");
}
