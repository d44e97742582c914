//! The cases, with the program as integratord runs it: its arguments, a Wazuh home, and a datagram socket for a queue.

#![allow(clippy::unwrap_used, clippy::panic, clippy::use_debug, reason = "helpers of tests fail like tests")]

mod support;

use std::fmt::Write as _;
use std::time::Duration;

use support::case::{Case, each};
use support::home::{Call, Ended, Home};
use support::platform::Platform;
use support::{TOKEN, contract, show};

fn run(home: &Home, case: &Case, platform: &Platform, debug: bool) -> Ended {
    let ended = home.run(&Call {
        alert: Some(&case.alert()),
        token_file: debug,
        hook_url: &platform.url(),
        options: Some(&case.options()),
        timeout_s: case.settings.timeout_s,
        retries: case.settings.retries,
        debug,
    });
    assert!(!ended.output.contains(TOKEN), "{}", ended.output);
    assert!(ended.took < Duration::from_secs(case.settings.timeout_s.into()), "took {:?}", ended.took);
    ended
}

#[test]
fn each_case_as_integratord_runs_it() {
    each(
        |_| true,
        |case| {
            let home = Home::new(case.settings.queue);
            let platform = Platform::of(case);
            let ended = run(&home, case, &platform, false);
            assert_eq!(ended.code, case.settings.exit, "{}", ended.output);

            let mut shown = format!("exit {}: {}\n", ended.code, ended.last_line());
            let lines = home.datagrams();
            for line in &lines {
                contract::check(line);
                let _ = writeln!(shown, "{}", show::datagram(line));
            }
            let _ = writeln!(shown, "kept: {} alerts, {} events", home.kept("alert"), home.kept("line"));
            let shown = show::scrub(&shown, &platform.url(), Some(home.path()));
            insta::with_settings!({description => case.settings.shows.as_str(), omit_expression => true}, {
                insta::assert_snapshot!(case.name.as_str(), shown);
            });
            platform.check();
            home.check_no_token();
            assert!(!lines.concat().contains(TOKEN));
            assert!(ended.code != 0 || ended.output.is_empty(), "{}", ended.output);
            // What an alert holds must not forge a line of the log.
            let log = home.log();
            assert!(
                log.lines().all(|line| line.starts_with("20") && !line.contains(char::is_control)),
                "{log}"
            );
        },
    );
}

#[test]
fn debug_and_a_token_file_do_not_show_the_token() {
    each(
        |_| true,
        |case| {
            let home = Home::new(case.settings.queue);
            let ended = run(&home, case, &Platform::of(case), true);
            assert_eq!(ended.code, case.settings.exit, "{}", ended.output);
            home.check_no_token();
        },
    );
}
