//! From events to lines on Wazuh's queue.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Instant;

use enricher::{Event, INTEGRATION};
use wazuh_alert::{Alert, MAX_LINE_BYTES, Sender, location_overhead, queue_line};

use crate::sink::wazuh_queue::{QueueError, WazuhQueue};

/// Wazuh's queue, and how events are written for it.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: PathBuf,
    active_response_srcip: bool,
}

impl Outbox {
    /// An outbox for the socket `queue`. It is opened when there is something to send.
    pub(crate) fn new(queue: PathBuf, active_response_srcip: bool) -> Self {
        Self { queue, active_response_srcip }
    }

    /// The lines for an alert's events. Each fits a datagram and speaks for the alert's agent.
    pub(crate) fn lines(&self, events: Vec<Event>, alert: &Alert) -> Vec<String> {
        let sender = Sender::of(alert);
        let room = MAX_LINE_BYTES - location_overhead(sender, INTEGRATION);
        let line = |mut event: Event| {
            if self.active_response_srcip
                && let Some(ip) = matched_address(&event)
            {
                event.set_srcip(ip);
            }
            let line = queue_line(sender, INTEGRATION, &event.to_json_within(room));
            // The event is JSON that fits, so this is a defect if ever.
            line.inspect_err(|error| tracing::error!(%error, "event has no queue line")).ok()
        };
        events.into_iter().filter_map(line).collect()
    }

    /// Sends lines in order. On an error, that and the lines that were not sent.
    pub(crate) fn send<'a>(
        &self,
        lines: &'a [String],
        deadline: Instant,
    ) -> Result<(), (QueueError, &'a [String])> {
        if lines.is_empty() {
            return Ok(());
        }
        let queue = WazuhQueue::connect(&self.queue).map_err(|error| (error, lines))?;
        for (sent, line) in lines.iter().enumerate() {
            queue.send(line.as_bytes(), deadline).map_err(|error| (error, &lines[sent..]))?;
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
