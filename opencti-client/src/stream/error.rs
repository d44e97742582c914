//! Why there is no stream, or none any more.

use std::fmt;
use std::time::Duration;

use crate::error::Error;

/// Why the stream could not be had, or ended.
///
/// No error is the end for good: the same request may succeed later, if only when somebody has corrected something
/// ([`needs_attention`](Self::needs_attention)).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// No connection, too slow an answer, or an answer that is no stream.
    #[error(transparent)]
    Request(#[from] Error),
    /// HTTP 401. OpenCTI answers so to a token it does not know, to one whose user lacks a right, and to an id that is
    /// no stream's.
    #[error("stream {collection}: OpenCTI grants no access (HTTP 401){}", Reason(reason))]
    Unauthorized {
        /// The collection.
        collection: String,
        /// The server's words.
        reason: String,
    },
    /// HTTP 403, which OpenCTI itself does not send.
    #[error("stream {collection}: access is forbidden (HTTP 403){}", Reason(reason))]
    Forbidden {
        /// The collection.
        collection: String,
        /// The server's words.
        reason: String,
    },
    /// HTTP 404.
    #[error("stream {collection}: not found (HTTP 404){}", Reason(reason))]
    NotFound {
        /// The collection.
        collection: String,
        /// The server's words.
        reason: String,
    },
    /// HTTP 410: the collection is there, but switched off.
    #[error("stream {collection}: it is stopped (HTTP 410){}", Reason(reason))]
    Stopped {
        /// The collection.
        collection: String,
        /// The server's words.
        reason: String,
    },
    /// HTTP 429.
    #[error("stream {collection}: too many requests (HTTP 429){}", Reason(reason))]
    RateLimited {
        /// The collection.
        collection: String,
        /// The server's words.
        reason: String,
        /// The pause the server asked for.
        retry_after: Option<Duration>,
    },
    /// HTTP 5xx.
    #[error("stream {collection}: the server failed (HTTP {status}){}", Reason(reason))]
    Unavailable {
        /// The collection.
        collection: String,
        /// The status.
        status: u16,
        /// The server's words.
        reason: String,
        /// The pause the server asked for.
        retry_after: Option<Duration>,
    },
    /// Any other HTTP status but 200 and redirections.
    #[error("stream {collection}: HTTP status {status}{}", Reason(reason))]
    Status {
        /// The collection.
        collection: String,
        /// The status.
        status: u16,
        /// The server's words.
        reason: String,
        /// The pause the server asked for.
        retry_after: Option<Duration>,
    },
    /// Not a byte came, though OpenCTI sends a heartbeat every five seconds.
    #[error("stream {collection}: not a byte came for {} s", after.as_secs_f64())]
    Silent {
        /// The collection.
        collection: String,
        /// For how long.
        after: Duration,
    },
    /// The connection broke.
    #[error("stream {collection}: the connection broke")]
    CutOff {
        /// The collection.
        collection: String,
        /// The error below.
        source: reqwest::Error,
    },
    /// The server ended the stream. OpenCTI does so when it stops, or when the collection is stopped.
    #[error("stream {collection}: the server ended it")]
    Ended {
        /// The collection.
        collection: String,
    },
}

impl StreamError {
    /// Whether it takes somebody to correct something: the token, a right, the id or state of the collection, an
    /// address, a certificate. All other errors may pass by themselves.
    #[must_use]
    pub fn needs_attention(&self) -> bool {
        match self {
            Self::Request(error) => !error.is_retryable(),
            Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::Stopped { .. } => true,
            Self::Status { status, .. } => *status != 408,
            _ => false,
        }
    }

    /// Whether token or rights are, or may be, to blame.
    #[must_use]
    pub fn is_auth(&self) -> bool {
        match self {
            Self::Request(error) => error.is_auth(),
            Self::Unauthorized { .. } | Self::Forbidden { .. } => true,
            _ => false,
        }
    }

    /// A short word from a fixed set, fit as the label of a metric.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Request(error) => error.label(),
            Self::Unauthorized { .. } => "unauthorized",
            Self::Forbidden { .. } => "forbidden",
            Self::NotFound { .. } => "not_found",
            Self::Stopped { .. } => "stopped",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable { .. } => "unavailable",
            Self::Status { .. } => "http_status",
            Self::Silent { .. } => "silent",
            Self::CutOff { .. } => "cut_off",
            Self::Ended { .. } => "ended",
        }
    }

    /// The pause the server asked for before the next request.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Request(error) => error.retry_after(),
            Self::RateLimited { retry_after, .. }
            | Self::Unavailable { retry_after, .. }
            | Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Request(error) => error.hint(),
            Self::Unauthorized { .. } => {
                "OpenCTI says the same in each of these cases, so check all: that the token is valid, that its user has \
                 the capability \"Access data sharing\" (TAXIIAPI) and is among those the collection is shared with, \
                 that the user may see a marking the collection asks for, and that the collection's id is right"
            }
            Self::Forbidden { .. } => "a proxy before OpenCTI refuses the request: check the proxy's rules",
            Self::NotFound { .. } => {
                "check the address: it should be the one of OpenCTI itself, with its base path, and proxies before it \
                 must pass /stream on"
            }
            Self::Stopped { .. } => "start the live stream in OpenCTI, under Data sharing",
            Self::RateLimited { .. } => "OpenCTI or a proxy limits the rate of requests: raise that limit",
            Self::Unavailable { .. } | Self::Status { .. } => {
                "look at OpenCTI's log, whether its services are up, and at the proxy before it"
            }
            Self::Silent { .. } => {
                "look at OpenCTI's load and at the network; a proxy before OpenCTI must not hold answers back \
                 (nginx: proxy_buffering off)"
            }
            Self::CutOff { .. } | Self::Ended { .. } => {
                "look at OpenCTI's log, and at the time after which proxies before it close a connection"
            }
        }
    }
}

/// `: reason`, or nothing.
struct Reason<'a>(&'a str);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}
