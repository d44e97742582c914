//! Working off what earlier runs had to leave, in the time that a run has left.

use std::time::Instant;

use enricher::Event;
use jiff::Timestamp;
use wazuh_alert::Alert;

use crate::once::Run;
use crate::pending::{Entry, Kind};

/// Most entries of one run: integratord waits for it before it hands over the next alert.
const AT_MOST: usize = 50;

/// What came of one entry.
enum Outcome {
    /// Done, for good or ill.
    Done,
    /// It failed, perhaps through a fault of its own; it has few tries.
    Tried,
    /// It is no use to go on now.
    NotNow,
}

/// Works off lines, and alerts too when `alerts` says that OpenCTI answers.
pub(crate) async fn work_off(run: &Run, alerts: bool) {
    let Some(mut batch) = run.outbox.pending.claim() else { return };
    let mut done = 0;
    for _ in 0..AT_MOST {
        if Instant::now() >= run.outbox.deadline {
            break;
        }
        let Some(mut entry) = batch.next(|kind| alerts || kind == Kind::Line) else { break };
        match one(run, &mut entry).await {
            Outcome::Done => {
                entry.done();
                done += 1;
            }
            Outcome::Tried => {}
            Outcome::NotNow => {
                entry.postpone();
                break;
            }
        }
    }
    tracing::info!(done, left = batch.len(), "kept entries worked off");
}

async fn one(run: &Run, entry: &mut Entry) -> Outcome {
    let bytes = match entry.begin() {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            tracing::error!("kept entry given up: every try failed");
            return Outcome::Tried;
        }
        Err(error) => {
            tracing::error!(%error, "kept entry cannot be read");
            return Outcome::Tried;
        }
    };
    match entry.kind() {
        Kind::Line => send(run, &bytes),
        Kind::Alert => look_up(run, &bytes, entry.is_last_try()).await,
    }
}

fn send(run: &Run, line: &[u8]) -> Outcome {
    match run.outbox.send_kept(line) {
        Ok(()) => Outcome::Done,
        Err(error) => {
            tracing::warn!(%error, "kept event not delivered");
            if error.is_transient() { Outcome::NotNow } else { Outcome::Done }
        }
    }
}

async fn look_up(run: &Run, bytes: &[u8], last_try: bool) -> Outcome {
    let alert = match Alert::parse(bytes) {
        Ok(alert) => alert,
        Err(error) => {
            tracing::error!(%error, "kept alert cannot be read");
            return Outcome::Done;
        }
    };
    match run.enricher.enrich(&alert, Timestamp::now()).await {
        Ok(enriched) if enriched.events.is_empty() && !enriched.incomplete.is_empty() => {
            failed(run, &alert, last_try, &enriched.incomplete[0])
        }
        Ok(mut enriched) => {
            tracing::info!(alert_id = alert.id(), events = enriched.events.len(), "late alert done");
            for event in &mut enriched.events {
                event.set_late();
            }
            // What cannot be sent is kept as lines, so the alert itself is done.
            match run.outbox.deliver(enriched.events, &alert) {
                Ok(()) => Outcome::Done,
                Err(failure) => {
                    tracing::warn!(%failure, "late event not delivered");
                    Outcome::Done
                }
            }
        }
        Err(error) => {
            let sentence = crate::platform::sentence(&error);
            if crate::platform::is_passing(&error) {
                tracing::warn!(alert_id = alert.id(), error = sentence, "late alert not looked up");
                return Outcome::NotNow;
            }
            failed(run, &alert, last_try, &sentence)
        }
    }
}

/// A try that failed perhaps through a fault of the alert's own. The last one is told: an alert is not given up in
/// silence.
fn failed(run: &Run, alert: &Alert, last_try: bool, reason: &str) -> Outcome {
    tracing::warn!(alert_id = alert.id(), reason, last_try, "late alert not looked up");
    if !last_try {
        return Outcome::Tried;
    }
    let sentence = format!("an alert was given up after several tries to look it up: {reason}");
    let mut event = Event::error(&sentence, Some(alert));
    event.set_late();
    match run.outbox.deliver(vec![event], alert) {
        Ok(()) => {}
        Err(failure) => tracing::warn!(%failure, "late event not delivered"),
    }
    Outcome::Done
}
