//! From events to lines on Wazuh's queue, and what has to wait.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use enricher::{Event, INTEGRATION};
use wazuh_alert::{Alert, MAX_LINE_BYTES, Sender, location_overhead, queue_line};

use crate::exit::{Exit, Failure, chain};
use crate::pending::{Kind, Pending};
use crate::sink::wazuh_queue::{QueueError, WazuhQueue};

/// Wazuh's queue, how events are written for it, and where they wait when it takes none.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// The socket; opened when there is something to send.
    pub(crate) queue: PathBuf,
    /// Whether events about an address get the top-level `srcip` that active response acts on.
    pub(crate) active_response_srcip: bool,
    /// What has to wait.
    pub(crate) pending: Pending,
    /// When everything must be over.
    pub(crate) deadline: Instant,
}

impl Outbox {
    /// Sends an alert's events. What cannot be sent is kept for a later run.
    pub(crate) fn deliver(&self, events: Vec<Event>, alert: &Alert) -> Result<(), Failure> {
        let sender = Sender::of(alert);
        let room = MAX_LINE_BYTES.saturating_sub(location_overhead(sender, INTEGRATION));
        let mut lines = Vec::with_capacity(events.len());
        let mut unwritten = None;
        for mut event in events {
            if self.active_response_srcip
                && let Some(ip) = matched_address(&event)
            {
                event.set_srcip(ip);
            }
            match queue_line(sender, INTEGRATION, &event.to_json_within(room)) {
                Ok(line) => lines.push(line),
                Err(error) => unwritten = Some(Failure::from_error(Exit::Delivery, &error)),
            }
        }
        if let Err((error, unsent)) = self.send_all(&lines) {
            let mut kept = String::new();
            for line in unsent {
                kept = self.keep(Kind::Line, line.as_bytes());
            }
            return Err(Failure::from_error(Exit::Delivery, &error).with(&kept));
        }
        unwritten.map_or(Ok(()), Err)
    }

    /// Tells Wazuh that OpenCTI could not be asked, unless this outage has been told.
    pub(crate) fn report(&self, sentence: &str, alert: &Alert) {
        // Where that cannot be noted, an event too many is better than none.
        if self.pending.begin_outage().unwrap_or(true)
            && let Err(failure) = self.deliver(vec![Event::error(sentence, Some(alert))], alert)
        {
            tracing::error!(%failure, "error event not delivered");
        }
    }

    /// Keeps something for a later run, and says in a few words what came of it.
    pub(crate) fn keep(&self, kind: Kind, bytes: &[u8]) -> String {
        let what = match kind {
            Kind::Alert => "the alert",
            Kind::Line => "the event",
        };
        match self.pending.keep(kind, bytes, SystemTime::now()) {
            Ok(0) => format!("{what} is kept for a later run"),
            Ok(gone) => {
                tracing::error!(gone, "too much is kept: the oldest entries were dropped");
                format!("{what} is kept for a later run, and {gone} older ones were dropped for it")
            }
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(error, "nothing can be kept for a later run");
                format!("{what} is lost, since {error}")
            }
        }
    }

    /// Sends a line that was kept.
    pub(crate) fn send_kept(&self, line: &[u8]) -> Result<(), QueueError> {
        WazuhQueue::connect(&self.queue)?.send(line, self.deadline)
    }

    /// Sends lines in order. On an error, that and the lines that were not sent.
    fn send_all<'a>(&self, lines: &'a [String]) -> Result<(), (QueueError, &'a [String])> {
        if lines.is_empty() {
            return Ok(());
        }
        let queue = WazuhQueue::connect(&self.queue).map_err(|error| (error, lines))?;
        for (sent, line) in lines.iter().enumerate() {
            queue.send(line.as_bytes(), self.deadline).map_err(|error| (error, &lines[sent..]))?;
        }
        Ok(())
    }
}

fn matched_address(event: &Event) -> Option<IpAddr> {
    let kind = event.text("opencti.match.kind")?;
    if matches!(kind, "ipv4-addr" | "ipv6-addr") {
        event.text("opencti.match.value")?.parse().ok()
    } else {
        None
    }
}
