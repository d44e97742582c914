//! A stream without an end.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::connection::{EventStream, StreamBuilder};
use super::error::StreamError;
use super::event::{Connected, StreamEvent};
use super::event_id::EventId;
use crate::retry;

/// How far back a connection starts, for clocks that differ: the ids of heartbeats and of events are by the clocks of
/// different hosts.
const REWIND: Duration = Duration::from_secs(60);
/// Longest pause that a `Retry-After` is granted.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// A connection that held this long was a good one: the next failure is the first again.
const STABLE: Duration = Duration::from_secs(10);

/// Follows a stream through all its connections; made by [`StreamBuilder::follow`].
///
/// It makes a new connection whenever one ends, after a pause that is drawn between nothing and a ceiling, which
/// doubles from 1 s to 60 s with each failure in a row. When somebody has to correct something first
/// ([`StreamError::needs_attention`]: HTTP 401, 403, 404, 410, a redirection, a page instead of a stream, a
/// certificate), the ceiling is 60 s at once, and the pause at least half of it. A longer `Retry-After` is granted, up
/// to an hour. No error ends it for good: it is for the caller to stop asking.
///
/// # The cursor
///
/// With each event comes the cursor that is safe to save once that event has been applied. It is older than the event:
/// an object and the ones it refers to share an id and come one by one, so an id is done with only when a newer one
/// has come. The next connection, in this process or a later one, starts 60 s before the cursor. Events are therefore
/// seen again; applying them again does no harm.
///
/// # Recovery
///
/// OpenCTI keeps only the latest events. Without a cursor, and when the first events after it are gone
/// ([`Update::Gap`]), the objects come out of the database ([`Delivery::Recovery`](crate::Delivery::Recovery)), up to
/// the newest event there was, and then the stream goes on from there, with 60 s told twice, which makes up for clocks
/// that differ. [`Update::Recovered`] says when that is done. During a recovery the cursor stays where it was, for
/// OpenCTI sends the objects in no order that could be relied on: one that breaks off starts over. A platform that is
/// too large for that can be exported first ([`Client::export_indicators`](crate::Client::export_indicators) and its
/// like), and then followed from a cursor of the time when the export began ([`EventId::at`]).
///
/// A recovery cannot tell what was deleted in the meantime. After `Recovered` that followed a `Gap`, ask for all ids
/// and take out the rest.
///
/// ```no_run
/// # async fn example(client: opencti_client::Client, saved: Option<opencti_client::EventId>) -> Result<(), opencti_client::ConfigError> {
/// use opencti_client::{CollectionId, StreamEvent, Update};
///
/// let collection: CollectionId = "f5fb97cf-8a74-43b4-bc2c-9ef2d0649840".parse()?;
/// let mut follower = client.stream(&collection).follow(saved);
/// loop {
///     match follower.next().await {
///         Update::Event { event: StreamEvent::Upsert { object, .. }, cursor } => {
///             println!("keep {}, then save {cursor:?}", object.json());
///         }
///         Update::Event { event: StreamEvent::Delete { object, .. }, .. } => println!("drop {}", object.id()),
///         Update::Disconnected { error, retry_in } => eprintln!("{error}; again in {retry_in:?}"),
///         _ => {}
///     }
/// }
/// # }
/// ```
pub struct Follower {
    builder: StreamBuilder,
    plan: Plan,
    state: State,
    /// Everything up to here has been given out.
    cursor: Option<EventId>,
    /// The newest id seen on this connection.
    newest: Option<EventId>,
    /// The first event of this connection is still to come.
    is_fresh: bool,
    /// A recovery has just been done, so a stream without any event hides none.
    is_recovered: bool,
    /// Failures in a row.
    failures: u32,
    connected_at: Option<Instant>,
    first_pause: Duration,
    max_pause: Duration,
    clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
    random: Box<dyn Fn() -> f64 + Send + Sync>,
}

/// What to ask for.
#[derive(Clone, Copy, Debug)]
enum Plan {
    /// How far the stream reaches, before the first recovery.
    Probe,
    /// The objects changed from `since` to `until`, and then the stream.
    Recover { since: EventId, until: EventId },
    /// The stream from the cursor on.
    Resume { cursor: EventId },
}

enum State {
    Idle,
    /// In a box, to go on after the caller has stopped waiting.
    Connecting(Pin<Box<dyn Future<Output = Result<EventStream, StreamError>> + Send>>),
    Connected(Box<EventStream>),
    Pausing(Instant),
}

/// What a [`Follower`] has to tell.
#[derive(Debug)]
#[non_exhaustive]
pub enum Update {
    /// There is a connection.
    Connected {
        /// What OpenCTI says of its stream.
        connected: Connected,
        /// The event it starts after.
        since: EventId,
        /// The end of the recovery it starts with, if it does.
        recover: Option<EventId>,
    },
    /// An event, whatever it is; the caller counts what cannot be read.
    Event {
        /// The event.
        event: StreamEvent,
        /// What may be saved once the event has been applied. `None` before the first recovery is done.
        cursor: Option<EventId>,
    },
    /// OpenCTI no longer has the events after this one. A recovery follows.
    Gap {
        /// The last event known to be applied.
        after: EventId,
        /// The oldest that OpenCTI has; `None` when it has none at all.
        first: Option<EventId>,
    },
    /// A recovery is done: all objects have been given out as they are.
    Recovered {
        /// What may be saved now.
        cursor: EventId,
    },
    /// The connection ended, or there was none. [`Follower::next`] waits and makes another.
    Disconnected {
        /// Why.
        error: StreamError,
        /// The pause before the next.
        retry_in: Duration,
    },
}

impl Follower {
    pub(super) fn new(builder: StreamBuilder, saved: Option<EventId>) -> Self {
        Self {
            builder,
            plan: saved.map_or(Plan::Probe, |cursor| Plan::Resume { cursor }),
            state: State::Idle,
            cursor: saved,
            newest: None,
            is_fresh: true,
            is_recovered: false,
            failures: 0,
            connected_at: None,
            first_pause: Duration::from_secs(1),
            max_pause: Duration::from_secs(60),
            clock: Box::new(SystemTime::now),
            random: Box::new(retry::random),
        }
    }

    /// The ceiling of the first pause, and that of all pauses. 1 s and 60 s unless set.
    #[must_use]
    pub fn backoff(self, first: Duration, max: Duration) -> Self {
        Self { first_pause: first, max_pause: max, ..self }
    }

    /// Takes the time from elsewhere than the system. It is asked only when OpenCTI's stream is empty.
    #[must_use]
    pub fn clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { clock: Box::new(clock), ..self }
    }

    /// Takes the numbers from 0 to below 1 that spread the pauses from elsewhere.
    #[must_use]
    pub fn random(self, random: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self { random: Box::new(random), ..self }
    }

    /// What may be saved now, once all that has been given out has been applied. `None` before the first recovery is
    /// done.
    #[must_use]
    pub fn cursor(&self) -> Option<EventId> {
        self.cursor
    }

    /// What comes next: connects, waits and reads as it takes.
    ///
    /// May be dropped at any time, as in `select!`, without losing an event or an attempt to connect.
    pub async fn next(&mut self) -> Update {
        loop {
            match &mut self.state {
                State::Idle => {
                    let builder = match self.plan {
                        Plan::Probe => self.builder.at(None, None),
                        Plan::Recover { since, until } => self.builder.at(Some(since), Some(until)),
                        Plan::Resume { cursor } => self.builder.at(Some(cursor.rewound(REWIND)), None),
                    };
                    self.state = State::Connecting(Box::pin(async move { builder.connect().await }));
                }
                State::Connecting(connecting) => match connecting.await {
                    Ok(stream) => {
                        self.connected_at = Some(Instant::now());
                        self.is_fresh = true;
                        self.newest = None;
                        self.state = State::Connected(Box::new(stream));
                    }
                    Err(error) => return self.lose(error),
                },
                State::Connected(stream) => match stream.next().await {
                    Ok(event) => {
                        if let Some(update) = self.receive(event) {
                            return update;
                        }
                    }
                    Err(error) => return self.lose(error),
                },
                State::Pausing(until) => {
                    tokio::time::sleep_until(*until).await;
                    self.state = State::Idle;
                }
            }
        }
    }

    fn receive(&mut self, event: StreamEvent) -> Option<Update> {
        match event {
            StreamEvent::Connected(connected) if self.is_fresh => {
                self.is_fresh = false;
                return self.begin(connected, true);
            }
            _ if self.is_fresh => {
                // Every version sends it first. Without it there is nothing to compare the cursor with.
                self.is_fresh = false;
                if matches!(self.plan, Plan::Probe) {
                    return self.begin(Connected::default(), false);
                }
            }
            _ => {}
        }
        if let (Plan::Recover { until, .. }, Some(id)) = (self.plan, event.id())
            && id > until
        {
            // A recovery holds nothing newer, so it is done. What is newer comes again with the next connection, which
            // starts earlier: what other clocks took for later than `until` has been in neither part of this one.
            self.cursor = Some(until);
            self.plan = Plan::Resume { cursor: until };
            self.is_recovered = true;
            self.state = State::Idle;
            return Some(Update::Recovered { cursor: until });
        }
        if let (Plan::Resume { cursor }, Some(id)) = (&mut self.plan, event.id())
            && self.newest.is_none_or(|newest| id > newest)
        {
            if let Some(done) = self.newest.replace(id) {
                *cursor = done.max(*cursor);
            }
            self.cursor = Some(*cursor);
        }
        Some(Update::Event { event, cursor: self.cursor })
    }

    /// Takes the first event of a connection. `is_told`: whether there was one.
    fn begin(&mut self, connected: Connected, is_told: bool) -> Option<Update> {
        let some = |id: Option<EventId>| id.filter(|id| *id > EventId::START);
        let (first, last) = (some(connected.first_event_id), some(connected.last_event_id));
        // By the clock of the stream itself, if it has one.
        let until = last.max(first).unwrap_or_else(|| EventId::at((self.clock)()));
        match self.plan {
            Plan::Probe => {
                self.plan = Plan::Recover { since: EventId::START, until };
                self.state = State::Idle;
                None
            }
            Plan::Resume { cursor } => {
                // A stream without events may have had some.
                let is_gap = is_told && first.map_or(!self.is_recovered, |first| cursor < first);
                self.is_recovered = false;
                if !is_gap {
                    let since = cursor.rewound(REWIND);
                    return Some(Update::Connected { connected, since, recover: None });
                }
                self.plan = Plan::Recover { since: cursor.rewound(REWIND), until };
                self.state = State::Idle;
                Some(Update::Gap { after: cursor, first })
            }
            Plan::Recover { since, until: planned } => {
                // After recoveries that broke off, for so long that the stream begins after their end.
                if first.is_none_or(|first| planned >= first) {
                    return Some(Update::Connected { connected, since, recover: Some(planned) });
                }
                self.plan = Plan::Recover { since, until };
                self.failures += 1;
                self.state = State::Pausing(Instant::now() + self.pause(false, None));
                Some(Update::Gap { after: planned, first })
            }
        }
    }

    fn lose(&mut self, error: StreamError) -> Update {
        if self.connected_at.take().is_some_and(|since| since.elapsed() >= STABLE) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let retry_in = self.pause(error.needs_attention(), error.retry_after());
        tracing::debug!(
            collection = self.builder.collection().as_str(),
            error = error.label(),
            failures = self.failures,
            pause_ms = u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX),
            "stream lost"
        );
        self.state = State::Pausing(Instant::now() + retry_in);
        Update::Disconnected { error, retry_in }
    }

    fn pause(&self, is_slow: bool, retry_after: Option<Duration>) -> Duration {
        let random = (self.random)().clamp(0.0, 1.0);
        let doubled = 1_u32.checked_shl(self.failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let drawn = if is_slow {
            self.max_pause.mul_f64(0.5 + random / 2.0)
        } else {
            self.first_pause.saturating_mul(doubled).min(self.max_pause).mul_f64(random)
        };
        retry_after.map_or(drawn, |asked| drawn.max(asked.min(MAX_RETRY_AFTER)))
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower")
            .field("collection", self.builder.collection())
            .field("plan", &self.plan)
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
