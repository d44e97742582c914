//! `enrich`: alerts in, events out.

use std::collections::VecDeque;
use std::path::Path;

use enricher::{Bundle, Enriched, Enricher, LookupError};
use jiff::Timestamp;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;

use super::alerts::{Found, alerts};
use super::go_on;
use crate::cli::Enrich;
use crate::config::{Config, Places};
use crate::exit::{Exit, Failure, chain};
use crate::files::{self, Role};
use crate::input::Unread;
use crate::platform::{self, Platform};
use crate::sink::stdout::Stdout;
use crate::warning_lists;

/// After so many alerts in a row that OpenCTI could not be asked about, the rest is not tried.
const GIVE_UP_AFTER: u32 = 3;

pub(crate) fn run(arguments: &Enrich, file: Option<&Path>) -> Result<(), Failure> {
    let home = crate::home::locate();
    let usage = |error: &dyn std::error::Error| Failure::from_error(Exit::Usage, error);
    let places = Places { file, environment: std::env::vars_os().collect(), ..Places::of(&home) };
    let config = Config::load(places).map_err(|error| usage(&error))?;
    let lists = warning_lists::folder(&config.policy, &home);
    let (enricher, at_a_time) = match &arguments.intel {
        Some(path) => (Enricher::new(bundle(path)?, config.policy), 1),
        None => {
            let platform = Platform::new("", &config, &home, None).map_err(|error| usage(&error))?;
            (Enricher::new(platform, config.policy), config.opencti.max_connections)
        }
    };
    let enricher = warning_lists::with_lists(enricher, lists)?;
    let receiver = read(alerts(&arguments.files), at_a_time);
    crate::runtime::block_on(all(&enricher, at_a_time, arguments.at, receiver))
        .map_err(|error| Failure::from_error(Exit::Defect, &error))??
        .end()
}

/// Reads alerts on a thread of its own: waiting for input must not hold up what is being looked up.
fn read(
    alerts: impl Iterator<Item = Result<Found, Unread>> + Send + 'static,
    ahead: usize,
) -> Receiver<Result<Found, Unread>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(ahead);
    std::thread::spawn(move || {
        for alert in alerts {
            if sender.blocking_send(alert).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Reads a bundle from a file.
pub(super) fn bundle(path: &Path) -> Result<Bundle, Failure> {
    let bytes = files::read(Role::Bundle, path).map_err(|error| Failure::from_error(Exit::Usage, &error))?;
    let bundle = Bundle::from_slice(&bytes)
        .map_err(|error| Failure::new(Exit::Usage, format!("{}: {}", path.display(), chain(&error))))?;
    for skipped in bundle.skipped() {
        tracing::debug!(id = skipped.id, reason = skipped.reason, "object of the bundle not used");
    }
    if !bundle.skipped().is_empty() {
        tracing::warn!(
            "{}: {} objects cannot be used, --verbose names them",
            path.display(),
            bundle.skipped().len()
        );
    }
    Ok(bundle)
}

/// What came of the alerts.
#[derive(Debug, Default)]
struct Tally {
    alerts: u64,
    unread: u64,
    incomplete: u64,
    not_asked: u64,
    in_a_row: u32,
    gave_up: bool,
    last_problem: String,
}

type Task = (String, JoinHandle<Result<Enriched, LookupError>>);

/// Enriches every alert, several at a time, and writes their events in the order of the alerts.
async fn all(
    enricher: &Enricher,
    at_a_time: usize,
    now: Option<Timestamp>,
    mut alerts: Receiver<Result<Found, Unread>>,
) -> Result<Tally, Failure> {
    let mut out = Stdout::new();
    let mut tally = Tally::default();
    let mut tasks: VecDeque<Task> = VecDeque::new();
    loop {
        while tasks.len() < at_a_time && !tally.gave_up {
            // The input may be a pipe that stays open: it is waited for only when nothing else is to be done.
            let next = if tasks.is_empty() { alerts.recv().await } else { alerts.try_recv().ok() };
            match next {
                None => break,
                Some(Err(unread)) => tally.count_unread(&unread),
                Some(Ok(Found { alert, place })) => {
                    let enricher = enricher.clone();
                    let task =
                        async move { enricher.enrich(&alert, now.unwrap_or_else(Timestamp::now)).await };
                    tasks.push_back((place, tokio::spawn(task)));
                }
            }
        }
        let Some((place, task)) = tasks.pop_front() else { break };
        let result = task.await.map_err(|error| Failure::from_error(Exit::Defect, &error))?;
        for event in tally.count(&place, result) {
            if !go_on(out.line(&event))? {
                return Ok(tally);
            }
        }
        // With nothing more to wait for, what is there is shown.
        if tasks.is_empty() && !go_on(out.flush())? {
            return Ok(tally);
        }
    }
    Ok(tally)
}

impl Tally {
    fn count_unread(&mut self, unread: &Unread) {
        self.unread += 1;
        tracing::warn!("{unread}");
    }

    /// Counts one alert and returns its events as JSON.
    fn count(&mut self, place: &str, result: Result<Enriched, LookupError>) -> Vec<String> {
        self.alerts += 1;
        let enriched = match result {
            Ok(enriched) => enriched,
            Err(error) => {
                self.last_problem = platform::sentence(&error);
                tracing::warn!("{place}: {}", self.last_problem);
                self.not_asked += 1;
                self.in_a_row += 1;
                self.gave_up |= self.in_a_row >= GIVE_UP_AFTER;
                return Vec::new();
            }
        };
        self.in_a_row = 0;
        for problem in enriched.incomplete.iter().chain(&enriched.too_many) {
            tracing::warn!("{place}: answered only in part: {problem}");
        }
        self.incomplete += u64::from(!enriched.incomplete.is_empty() || enriched.too_many.is_some());
        enriched.events.iter().map(enricher::Event::to_json).collect()
    }

    /// The end of the command; the gravest wins.
    fn end(self) -> Result<(), Failure> {
        if self.not_asked > 0 {
            let rest = if self.gave_up { ", the rest was not tried" } else { "" };
            let sentence = format!("{} alerts not looked up{rest}: {}", self.not_asked, self.last_problem);
            Err(Failure::new(Exit::Unreachable, sentence))
        } else if self.unread > 0 {
            let sentence = format!("{} inputs could not be read, {} alerts were", self.unread, self.alerts);
            Err(Failure::new(Exit::Alert, sentence))
        } else if self.incomplete > 0 {
            let sentence =
                format!("{} of {} alerts were answered only in part", self.incomplete, self.alerts);
            Err(Failure::new(Exit::Partial, sentence))
        } else {
            Ok(())
        }
    }
}
