//! The cases, with the crates as a program of one's own uses them: a client, a look-up, an enricher, a fixed clock.

#![allow(clippy::unwrap_used, clippy::panic, clippy::use_debug, reason = "helpers of tests fail like tests")]

mod support;

use std::time::{Duration, Instant};

use enricher::{Enriched, Enricher, LookupError, OpenCti};
use opencti_client::{Client, Endpoint, Token};
use support::case::{Case, each};
use support::platform::Platform;
use support::{TOKEN, block_on, show};
use wazuh_alert::Alert;

/// The time at which indicators must be valid.
const NOW: &str = "2026-06-01T12:00:00Z";

fn enrich(case: &Case, platform: &Platform) -> Result<Enriched, LookupError> {
    let client = Client::builder(Endpoint::parse(&platform.url()).unwrap(), Token::new(TOKEN).unwrap())
        .retries(case.settings.retries)
        .backoff(Duration::from_millis(1))
        .build()
        .unwrap();
    // What integratord's timeout is for the program; a server that hangs is left soon.
    let deadline = Instant::now() + Duration::from_secs(u64::from(case.settings.timeout_s) / 2);
    let enricher = Enricher::new(OpenCti::new(client.until(deadline)), case.policy());
    let alert = Alert::parse(&case.alert()).unwrap();
    block_on(enricher.enrich(&alert, NOW.parse().unwrap()))
}

#[test]
fn each_case_as_a_library() {
    each(
        |_| true,
        |case| {
            let platform = Platform::of(case);
            let result = enrich(case, &platform);
            let selected =
                result.as_ref().map(|enriched| show::selection(&enriched.selection)).unwrap_or_default();
            let shown = [selected, show::requests(&platform.asked()), show::outcome(&result)].concat();
            let shown = show::scrub(&shown, &platform.url(), None);
            insta::with_settings!({description => case.settings.shows.as_str(), omit_expression => true}, {
                insta::assert_snapshot!(case.name.as_str(), shown);
            });
            match case.settings.exit {
                0 => platform.check_all_used(),
                _ => platform.check(),
            }
            assert!(!shown.contains(TOKEN) && !format!("{result:?}").contains(TOKEN));
        },
    );
}
