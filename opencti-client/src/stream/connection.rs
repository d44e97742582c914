//! One connection to a stream.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::ext::ReasonPhrase;
use reqwest::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use tokio::time::Instant;
use url::Url;

use super::error::StreamError;
use super::event::StreamEvent;
use super::event_id::EventId;
use super::follow::Follower;
use crate::error::{ConfigError, Error, TimeoutPhase};
use crate::retry;
use crate::send::{self, MAX_ERROR_BODY, Sender};
use crate::sse::{self, Frame, Parser};
use crate::text;

/// How errors of the client name this request.
const OPERATION: &str = "stream";
/// Three heartbeats.
const SILENCE: Duration = Duration::from_secs(15);
/// Longest reason kept, in characters.
const MAX_REASON: usize = 200;

/// The id of a live stream of OpenCTI, a UUID; or `live`, the stream of everything, for which the token's user needs
/// the right to bypass all others.
///
/// ```
/// use opencti_client::CollectionId;
///
/// assert!("f5fb97cf-8a74-43b4-bc2c-9ef2d0649840".parse::<CollectionId>().is_ok());
/// assert!("https://opencti.example.org/stream".parse::<CollectionId>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CollectionId(String);

impl CollectionId {
    /// Reads an id.
    ///
    /// # Errors
    ///
    /// When it is not 1 to 64 ASCII letters, digits, `-` or `_`.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let text = text.trim();
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !plain || text.is_empty() || text.len() > 64 {
            return Err(ConfigError::Collection);
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CollectionId {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::parse(text)
    }
}

impl fmt::Display for CollectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CollectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CollectionId").field(&self.0).finish()
    }
}

/// Says how to read a stream; made by [`Client::stream`](crate::Client::stream).
///
/// [`connect`](Self::connect) makes one connection, [`follow`](Self::follow) as many as it takes.
///
/// ```no_run
/// # async fn example(client: opencti_client::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use opencti_client::{CollectionId, EventId};
///
/// let collection: CollectionId = "f5fb97cf-8a74-43b4-bc2c-9ef2d0649840".parse()?;
/// let mut stream = client.stream(&collection).since(EventId::START).connect().await?;
/// loop {
///     println!("{:?}", stream.next().await?);
/// }
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct StreamBuilder {
    sender: Arc<Sender>,
    collection: CollectionId,
    since: Option<EventId>,
    recover: Option<EventId>,
    dependencies: bool,
    deletions: bool,
    max_frame: usize,
    silence: Duration,
}

impl StreamBuilder {
    pub(crate) fn new(sender: Arc<Sender>, collection: CollectionId) -> Self {
        Self {
            sender,
            collection,
            since: None,
            recover: None,
            dependencies: false,
            deletions: true,
            max_frame: sse::MAX_FRAME,
            silence: SILENCE,
        }
    }

    /// Start after this event (`from`). Unless set, with what comes next. An event that OpenCTI no longer has is no
    /// error: the stream starts with the oldest there is.
    pub fn since(self, id: EventId) -> Self {
        Self { since: Some(id), ..self }
    }

    /// First send all objects that were changed from [`since`](Self::since) to this time, out of the database, and then
    /// what has happened since (`recover`). Not done unless set. Takes effect only together with `since`, and if it is
    /// later. The objects come in no order that could be relied on.
    pub fn recover(self, until: EventId) -> Self {
        Self { recover: Some(until), ..self }
    }

    /// Whether to send, before an object, all others it is related to (`no-dependencies` is the opposite). `false`
    /// unless set; the objects it cannot be without, such as author and markings, come even so.
    pub fn dependencies(self, dependencies: bool) -> Self {
        Self { dependencies, ..self }
    }

    /// Whether to tell of objects that are gone (`listen-delete`). `true` unless set.
    pub fn deletions(self, deletions: bool) -> Self {
        Self { deletions, ..self }
    }

    /// Largest event kept, in bytes; larger ones come as [`StreamEvent::Oversized`]. 16 MiB unless set.
    pub fn max_frame(self, max_frame: usize) -> Self {
        Self { max_frame, ..self }
    }

    /// How long to wait for a byte, be it the first of the answer or a later one. 15 s unless set, which is three
    /// heartbeats.
    pub fn silence(self, silence: Duration) -> Self {
        Self { silence, ..self }
    }

    /// Makes a connection. The client's number of connections, retries and deadline do not matter here, its time to
    /// connect does.
    ///
    /// # Errors
    ///
    /// When there is no connection, or the answer is not a stream.
    pub async fn connect(&self) -> Result<EventStream, StreamError> {
        let result = self.try_connect().await;
        tracing::debug!(
            collection = self.collection.as_str(),
            since = self.since.map(tracing::field::display),
            recover = self.recover.map(tracing::field::display),
            error = result.as_ref().err().map(StreamError::label),
            "stream requested"
        );
        result
    }

    /// Reads the stream on and on. `saved`: the cursor an earlier [`Follower`] gave; `None` for none, and then all
    /// objects of the collection come first. `since` and `recover` are the follower's own to set.
    #[must_use]
    pub fn follow(self, saved: Option<EventId>) -> Follower {
        Follower::new(self, saved)
    }

    pub(super) fn collection(&self) -> &CollectionId {
        &self.collection
    }

    /// As given, from another place on.
    pub(super) fn at(&self, since: Option<EventId>, recover: Option<EventId>) -> Self {
        Self { since, recover, ..self.clone() }
    }

    fn url(&self) -> Url {
        let mut url = self.sender.endpoint().stream_url(self.collection.as_str());
        let mut query = url.query_pairs_mut();
        if let Some(since) = self.since {
            query.append_pair("from", &since.to_string());
            // OpenCTI refuses one without the other.
            if let Some(recover) = self.recover {
                query.append_pair("recover", &recover.to_string());
            }
        }
        query.append_pair("no-dependencies", if self.dependencies { "false" } else { "true" });
        query.append_pair("listen-delete", if self.deletions { "true" } else { "false" });
        drop(query);
        url
    }

    async fn try_connect(&self) -> Result<EventStream, StreamError> {
        let late =
            |_| Error::Timeout { operation: OPERATION, phase: TimeoutPhase::Answer, after: self.silence };
        let request = self
            .sender
            .http
            .get(self.url())
            .header(AUTHORIZATION, self.sender.header.clone())
            .header(ACCEPT, HeaderValue::from_static("text/event-stream"))
            .header(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let sent = tokio::time::timeout(self.silence, request.send()).await.map_err(late)?;
        let response = sent.map_err(|error| self.sender.send_error(OPERATION, error.without_url()))?;
        let media_type = media_type(&response);
        if response.status() == StatusCode::OK && media_type == "text/event-stream" {
            return Ok(EventStream {
                collection: self.collection.0.clone(),
                response,
                parser: Parser::with_limit(self.max_frame),
                frames: VecDeque::new(),
                silence: self.silence,
                waited: Duration::ZERO,
                ended: false,
            });
        }
        Err(self.refusal(response, &media_type).await)
    }

    /// What an answer that is no stream means.
    async fn refusal(&self, mut response: Response, media_type: &str) -> StreamError {
        let status = response.status();
        if status.is_redirection() {
            let target = send::redirect_target(self.sender.endpoint().url(), response.headers());
            let target = self.sender.token.redact(&target);
            return Error::Redirect { operation: OPERATION, status: status.as_u16(), target }.into();
        }
        let retry_after = send::header(response.headers(), &RETRY_AFTER)
            .and_then(|value| retry::retry_after(value, SystemTime::now()));
        let phrase = response
            .extensions()
            .get::<ReasonPhrase>()
            .map(|phrase| text::clean(&String::from_utf8_lossy(phrase.as_bytes()), MAX_REASON));
        // The status tells enough: a body that does not come is done without.
        let body = tokio::time::timeout(self.silence, send::read_some(&mut response, MAX_ERROR_BODY));
        let body = body.await.unwrap_or_default();
        let excerpt = self.sender.token.redact(&text::excerpt(&body));
        let is_html = matches!(media_type, "text/html" | "application/xhtml+xml");
        if status == StatusCode::OK {
            return if is_html {
                Error::Html { operation: OPERATION, excerpt }.into()
            } else {
                let content_type = self.sender.token.redact(&text::clean(media_type, 60));
                Error::NotAStream { operation: OPERATION, content_type, excerpt }.into()
            };
        }
        // A proxy's page says nothing that its status does not; OpenCTI puts its words where the status has its name.
        let reason = match phrase {
            Some(phrase) if !phrase.is_empty() => self.sender.token.redact(&phrase),
            _ if is_html || excerpt.starts_with('<') => String::new(),
            _ => excerpt,
        };
        let collection = self.collection.0.clone();
        match status.as_u16() {
            401 => StreamError::Unauthorized { collection, reason },
            403 => StreamError::Forbidden { collection, reason },
            404 => StreamError::NotFound { collection, reason },
            410 => StreamError::Stopped { collection, reason },
            429 => StreamError::RateLimited { collection, reason, retry_after },
            status @ 500.. => StreamError::Unavailable { collection, status, reason, retry_after },
            status => StreamError::Status { collection, status, reason, retry_after },
        }
    }
}

impl fmt::Debug for StreamBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamBuilder")
            .field("endpoint", self.sender.endpoint())
            .field("collection", &self.collection)
            .field("since", &self.since)
            .field("recover", &self.recover)
            .finish_non_exhaustive()
    }
}

/// Type and subtype of the answer's content, in lower case.
fn media_type(response: &Response) -> String {
    let content_type = send::header(response.headers(), &CONTENT_TYPE).unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// One connection to a stream. Nothing is read but when asked for: a reader that takes its time slows the server down.
pub struct EventStream {
    collection: String,
    response: Response,
    parser: Parser,
    /// Read, but not asked for yet.
    frames: VecDeque<Frame>,
    silence: Duration,
    /// For how long a byte has been waited for.
    waited: Duration,
    ended: bool,
}

impl EventStream {
    /// The next event. The first is [`StreamEvent::Connected`].
    ///
    /// May be dropped at any time, as in `select!`, without losing an event.
    ///
    /// # Errors
    ///
    /// When the connection ends, whoever ends it, or stays silent for too long. After an error there is nothing more.
    pub async fn next(&mut self) -> Result<StreamEvent, StreamError> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Ok(StreamEvent::from_frame(frame));
            }
            if self.ended {
                return Err(StreamError::Ended { collection: self.collection.clone() });
            }
            match self.chunk().await {
                Ok(Some(bytes)) => self.frames.extend(self.parser.push(&bytes)),
                Ok(None) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    return Err(error);
                }
            }
        }
    }

    /// The next bytes. Only time spent waiting here counts as silence, not what the caller takes for an event, and
    /// all of it counts, even if the caller gives up waiting now and then.
    async fn chunk(&mut self) -> Result<Option<Bytes>, StreamError> {
        let left = self.silence.saturating_sub(self.waited);
        let waiting = Waiting { since: Instant::now(), waited: &mut self.waited };
        let chunk = tokio::time::timeout(left, self.response.chunk()).await;
        drop(waiting);
        let Ok(chunk) = chunk else {
            return Err(StreamError::Silent { collection: self.collection.clone(), after: self.silence });
        };
        self.waited = Duration::ZERO;
        chunk.map_err(|source| StreamError::CutOff {
            collection: self.collection.clone(),
            source: source.without_url(),
        })
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("collection", &self.collection).finish_non_exhaustive()
    }
}

/// Adds the time until it is dropped.
struct Waiting<'a> {
    since: Instant,
    waited: &'a mut Duration,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        *self.waited += self.since.elapsed();
    }
}
