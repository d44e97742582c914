//! One run for one alert, as integratord calls it.
//!
//! The order of things: configuration and log, the alert, OpenCTI, Wazuh's queue, and in the time that is left what
//! earlier runs had to leave.

use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant};

use enricher::{Enriched, Enricher, Event, LookupError};
use jiff::Timestamp;
use serde_json::Value;
use wazuh_alert::Alert;

use crate::args::Integration;
use crate::config::{self, Config, Output, Places};
use crate::exit::{Exit, Failure, chain};
use crate::files::{self, Role};
use crate::hits::HitFiles;
use crate::outbox::Outbox;
use crate::pending::{Kind, Pending};
use crate::platform::{self, Platform};
use crate::{home, late, logging, runtime, warning_lists};

/// integratord's own default for `<timeout>`.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// What is kept back from the timeout for starting and ending, at most half of it.
const MARGIN: Duration = Duration::from_secs(1);

/// What is kept back from the time for OpenCTI, so that an answer in the last moment can still be delivered; at
/// most a tenth of it.
const DELIVERY: Duration = Duration::from_millis(500);

/// What one run works with.
pub(crate) struct Run {
    pub(crate) enricher: Enricher,
    pub(crate) outbox: Outbox,
}

/// Does it.
pub(crate) fn run(call: &Integration) -> Result<(), Failure> {
    let begun = Instant::now();
    let home = home::locate();
    let config = load(call, &home);
    let debug = call.debug || std::env::var_os("DEBUG").is_some_and(|value| value == "1");
    match &config {
        Ok(config) => logging::start_run(&config.log, &home, debug),
        Err(_) => logging::start_run(&config::Log::default(), &home, debug),
    }
    let result = with_config(call, config, &home, begun);
    if let Err(failure) = &result {
        tracing::error!(code = failure.exit() as u8, "{failure}");
    }
    result
}

fn load(call: &Integration, home: &Path) -> Result<Config, config::ConfigError> {
    let mut arguments = Vec::new();
    if !call.hook_url.is_empty() {
        arguments.push(("opencti", "url", Value::from(call.hook_url.as_str())));
    }
    if let Some(retries) = call.retries {
        arguments.push(("opencti", "retries", retries.min(config::opencti::MAX_RETRIES).into()));
    }
    Config::load(Places {
        environment: std::env::vars_os().collect(),
        options: call.options_file.as_deref(),
        arguments,
        ..Places::of(home)
    })
}

fn with_config(
    call: &Integration,
    config: Result<Config, config::ConfigError>,
    home: &Path,
    begun: Instant,
) -> Result<(), Failure> {
    tracing::debug!(version = env!("CARGO_PKG_VERSION"), home = %home.display(), alert_file = %call.alert_file.display(), "run begun");
    if call.shifted {
        tracing::warn!("an argument stands in another's place: is there a blank in <api_key> or <hook_url>?");
    }
    let (bytes, alert) = read(call)?;
    if alert.is_from(enricher::INTEGRATION) {
        tracing::debug!(alert_id = alert.id(), "alert is about our own event: nothing to do");
        return Ok(());
    }
    let (lookups, deadline) = deadlines(begun, call.timeout.unwrap_or(DEFAULT_TIMEOUT));
    let output = config.as_ref().map_or_else(|_| Output::default(), |config| config.output.clone());
    let outbox = Outbox {
        queue: home.join(output.queue),
        active_response_srcip: output.active_response_srcip,
        pending: Pending::below(home),
        deadline,
    };
    // An alert that meets a wrong configuration is not lost either: it is looked up once that is mended.
    let unusable = |error: &dyn std::error::Error| {
        let failure = Failure::from_error(Exit::Usage, error);
        // Then the token may stand for the address, or the address for nothing.
        let failure =
            if call.shifted { failure.with("is there a blank in <api_key> or <hook_url>?") } else { failure };
        outbox.report(&failure.to_string(), &alert);
        failure.with(&outbox.keep(Kind::Alert, &bytes))
    };
    let config = config.map_err(|error| unusable(&error))?;
    let platform =
        Platform::new(&call.api_key, &config, home, Some(lookups)).map_err(|error| unusable(&error))?;
    let lists = warning_lists::folder(&config.policy, home);
    let enricher = Enricher::new(platform, config.policy).with_hits(HitFiles::below(home));
    let enricher = warning_lists::with_lists_when_needed(enricher, lists);
    let run = Run { enricher, outbox };
    runtime::block_on(run.one(&alert, &bytes, begun))
        .map_err(|error| Failure::from_error(Exit::Defect, &error))?
}

/// When OpenCTI must have answered, and when the run must be over.
fn deadlines(begun: Instant, timeout: Duration) -> (Instant, Instant) {
    let whole = timeout.saturating_sub(MARGIN).max(timeout / 2);
    (begun + (whole - DELIVERY.min(whole / 10)), begun + whole)
}

fn read(call: &Integration) -> Result<(Vec<u8>, Alert), Failure> {
    if call.alert_file.as_os_str() == OsStr::new("") {
        return Err(Failure::new(
            Exit::Alert,
            "integratord could not write the alert file: is /tmp full or read-only?",
        ));
    }
    let unreadable = |error: &dyn std::error::Error| Failure::from_error(Exit::Alert, error);
    let bytes = files::read(Role::Alert, &call.alert_file).map_err(|error| unreadable(&error))?;
    let alert = Alert::parse(&bytes).map_err(|error| unreadable(&error))?;
    Ok((bytes, alert))
}

impl Run {
    async fn one(&self, alert: &Alert, bytes: &[u8], begun: Instant) -> Result<(), Failure> {
        let enriched = match self.enricher.enrich(alert, Timestamp::now()).await {
            Ok(enriched) => enriched,
            Err(error) => return Err(self.not_asked(&error, alert, bytes)),
        };
        let asked = !enriched.selection.sightings.is_empty();
        if asked && enriched.incomplete.is_empty() && self.outbox.pending.end_outage() {
            tracing::info!("OpenCTI answers again");
        }
        let delivered = self.outbox.deliver(enriched.events.clone(), alert);
        log(alert, &enriched, begun);
        delivered?;
        if let Some(first) = enriched.incomplete.first() {
            return Err(self.in_part(&enriched, first, alert, bytes));
        }
        late::work_off(self, asked).await;
        enriched.too_many.as_ref().map_or(Ok(()), |sentence| self.too_many(&enriched, sentence, alert))
    }

    /// The alert has more values than are looked up. Events that went out say so themselves; without one, silence
    /// would look like "clean". Asking again would not help, so the alert is not kept.
    fn too_many(&self, enriched: &Enriched, sentence: &str, alert: &Alert) -> Result<(), Failure> {
        if enriched.events.is_empty() {
            self.outbox.deliver(vec![Event::error(sentence, Some(alert))], alert)?;
        }
        Err(Failure::new(Exit::Partial, sentence.to_owned()))
    }

    /// OpenCTI could not be asked: the alert is kept, and Wazuh hears of it once per outage.
    fn not_asked(&self, error: &LookupError, alert: &Alert, bytes: &[u8]) -> Failure {
        tracing::debug!(error = chain(error), "every cause");
        let exit = if is_configuration(error) { Exit::Usage } else { Exit::Unreachable };
        let sentence = platform::sentence(error);
        self.outbox.report(&sentence, alert);
        Failure::new(exit, sentence).with(&self.outbox.keep(Kind::Alert, bytes))
    }

    /// OpenCTI answered in part. Events that went out say so themselves; without one, silence would look like
    /// "clean", and asking again cannot send anything twice.
    fn in_part(&self, enriched: &Enriched, first: &str, alert: &Alert, bytes: &[u8]) -> Failure {
        let sentence = format!("OpenCTI answered only in part: {first}");
        if !enriched.events.is_empty() {
            return Failure::new(Exit::Partial, sentence);
        }
        self.outbox.report(&sentence, alert);
        Failure::new(Exit::Partial, sentence).with(&self.outbox.keep(Kind::Alert, bytes))
    }
}

fn log(alert: &Alert, enriched: &Enriched, begun: Instant) {
    for out in &enriched.selection.left_out {
        tracing::debug!(path = out.path, value = out.text, reason = out.reason.as_str(), "not looked up");
    }
    for aside in &enriched.set_aside {
        tracing::debug!(
            indicator = aside.id,
            name = aside.name,
            reason = aside.reason.as_str(),
            "not reported"
        );
    }
    tracing::info!(
        alert_id = alert.id(),
        rule_id = alert.rule_id(),
        iocs = enriched.selection.first_sightings().count(),
        left_out = enriched.selection.left_out.len(),
        set_aside = enriched.set_aside.len(),
        events = enriched.events.len(),
        ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        "alert done"
    );
}

/// Whether the mend is in the configuration and not on OpenCTI's side.
fn is_configuration(error: &LookupError) -> bool {
    matches!(error, LookupError::OpenCti(opencti_client::Error::Config(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_ends_before_integratords_timeout() {
        let begun = Instant::now();
        let times = |seconds: u64| {
            let (lookups, end) = deadlines(begun, Duration::from_secs(seconds));
            ((lookups - begun).as_millis(), (end - begun).as_millis())
        };
        assert_eq!(times(10), (8_500, 9_000));
        assert_eq!(times(60), (58_500, 59_000));
        assert_eq!(times(1), (450, 500));
    }
}
