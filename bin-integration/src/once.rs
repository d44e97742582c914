//! One run for one alert, as integratord calls it.
//!
//! The order of things: configuration and log, the alert, OpenCTI, Wazuh's queue, and in the time that is left what
//! earlier runs had to leave.

use std::ffi::OsStr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use enricher::{Enriched, Enricher, Event, LookupError};
use jiff::Timestamp;
use serde_json::Value;
use wazuh_alert::Alert;

use crate::args::Integration;
use crate::config::{self, Config, Places};
use crate::exit::{Exit, Failure, chain};
use crate::files::{self, Role};
use crate::outbox::Outbox;
use crate::pending::{Kind, Pending};
use crate::platform::Platform;
use crate::{home, late, logging};

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
    pub(crate) pending: Pending,
    /// When the run must be over.
    pub(crate) deadline: Instant,
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
    let pending = Pending::below(home);
    // An alert that meets a wrong configuration is not lost either: it is looked up once that is mended.
    let keep = |failure: Failure| failure.with(&kept(&pending, Kind::Alert, &bytes));
    let usage = |error: &dyn std::error::Error| Failure::from_error(Exit::Usage, error);
    let config = config.map_err(|error| keep(usage(&error)))?;
    let (lookups, deadline) = deadlines(begun, call.timeout.unwrap_or(DEFAULT_TIMEOUT));
    let platform =
        Platform::new(&call.api_key, &config, home, Some(lookups)).map_err(|error| keep(usage(&error)))?;
    let run = Run {
        enricher: Enricher::new(platform, config.policy),
        outbox: Outbox::new(home.join(&config.output.queue), config.output.active_response_srcip),
        pending,
        deadline,
    };
    crate::runtime::block_on(run.one(&alert, &bytes, begun))
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

/// Keeps something for a later run, and says in a few words what came of it.
fn kept(pending: &Pending, kind: Kind, bytes: &[u8]) -> String {
    let what = match kind {
        Kind::Alert => "the alert is",
        Kind::Line => "the event is",
    };
    match pending.keep(kind, bytes, SystemTime::now()) {
        Ok(0) => format!("{what} kept for a later run"),
        Ok(gone) => {
            tracing::error!(gone, "too much is kept: the oldest entries were dropped");
            format!("{what} kept for a later run, and {gone} older ones were dropped for it")
        }
        Err(error) => {
            let error = chain(&error);
            tracing::warn!(%error, "nothing can be kept for a later run");
            format!("{what} lost, since {error}")
        }
    }
}

impl Run {
    async fn one(&self, alert: &Alert, bytes: &[u8], begun: Instant) -> Result<(), Failure> {
        let enriched = match self.enricher.enrich(alert, Timestamp::now()).await {
            Ok(enriched) => enriched,
            Err(error) => return Err(self.not_asked(&error, alert, bytes)),
        };
        let asked = !enriched.selection.sightings.is_empty();
        if asked && enriched.incomplete.is_empty() && self.pending.end_outage() {
            tracing::info!("OpenCTI answers again");
        }
        let delivered = self.deliver(enriched.events.clone(), alert);
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
        delivered?;
        if let Some(first) = enriched.incomplete.first() {
            return Err(self.in_part(&enriched, first, alert, bytes));
        }
        late::work_off(self, asked).await;
        Ok(())
    }

    /// OpenCTI could not be asked: the alert is kept, and Wazuh hears of it once per outage.
    fn not_asked(&self, error: &LookupError, alert: &Alert, bytes: &[u8]) -> Failure {
        let exit = if is_configuration(error) { Exit::Usage } else { Exit::Unreachable };
        let sentence = crate::platform::sentence(error);
        self.report(&sentence, alert);
        Failure::new(exit, sentence).with(&kept(&self.pending, Kind::Alert, bytes))
    }

    /// OpenCTI answered in part. Events that went out say so themselves; without one, silence would look like
    /// "clean", and asking again cannot send anything twice.
    fn in_part(&self, enriched: &Enriched, first: &str, alert: &Alert, bytes: &[u8]) -> Failure {
        let sentence = format!("OpenCTI answered only in part: {first}");
        if !enriched.events.is_empty() {
            return Failure::new(Exit::Partial, sentence);
        }
        self.report(&sentence, alert);
        Failure::new(Exit::Partial, sentence).with(&kept(&self.pending, Kind::Alert, bytes))
    }

    /// Sends the error event, unless this outage has had it.
    fn report(&self, sentence: &str, alert: &Alert) {
        // Where that cannot be noted, an event too many is better than none.
        if self.pending.begin_outage().unwrap_or(true)
            && let Err(failure) = self.deliver(vec![Event::error(sentence, Some(alert))], alert)
        {
            tracing::error!(%failure, "error event not delivered");
        }
    }

    /// Sends events; what cannot be sent is kept.
    pub(crate) fn deliver(&self, events: Vec<Event>, alert: &Alert) -> Result<(), Failure> {
        let lines = self.outbox.lines(events, alert);
        let Err((error, unsent)) = self.outbox.send(&lines, self.deadline) else { return Ok(()) };
        let failure = Failure::from_error(Exit::Delivery, &error);
        if !error.is_transient() {
            return Err(failure);
        }
        let mut said = String::new();
        for line in unsent {
            said = kept(&self.pending, Kind::Line, line.as_bytes());
        }
        Err(failure.with(&said))
    }
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
