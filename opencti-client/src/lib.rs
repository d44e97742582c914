//! A typed client for the questions a SOC asks of OpenCTI: is this value known, what indicator is it, and what stands
//! behind it? It sends GraphQL to OpenCTI 6.0 and later, and never takes "could not ask" for "not there".
//!
//! - [`Terms`] collect what to look up: values, hashes, patterns.
//! - [`Client`] asks: [`look_up`](Client::look_up) finds [`Observable`]s and [`Indicator`]s,
//!   [`observable_context`](Client::observable_context) and [`threat_context`](Client::threat_context) what surrounds
//!   them. It is set up by a [`ClientBuilder`] from an [`Endpoint`] and a [`Token`].
//! - [`Answer`] holds what was found, and the [`Problem`]s OpenCTI had with other parts of the same request.
//! - [`Error`] says why there is no answer, whether it [passes by itself](Error::is_retryable) and
//!   [what to do](Error::hint).
//! - [`Client::export_indicators`] and its like read all there is in [`Pages`], and [`Client::stream`] what changes: a
//!   [`Follower`] gives one [`StreamEvent`] after another, through every connection that breaks. Together they keep a
//!   copy.
//! - [`Request`] is one request and how to read its answer, for those who bring their own network.
//!
//! ```
//! use opencti_client::{Request, Terms, pattern};
//!
//! let mut terms = Terms::new();
//! terms.value("192.0.2.7").pattern(&pattern::comparison("ipv4-addr:value", "192.0.2.7"));
//!
//! // What Client::look_up sends, and what it makes of an answer.
//! let requests = Request::look_up(&terms)?;
//! let answer = requests[0].decode(
//!     br#"{"data": {
//!         "stixCyberObservables": {"edges": []},
//!         "indicators": {"edges": [{"node": {"id": "42", "name": "192.0.2.7", "revoked": false}}]}
//!     }}"#,
//! )?;
//! assert_eq!(answer.value.indicators[0].revoked, Some(false));
//! assert!(answer.problems.is_empty());
//! # Ok::<(), opencti_client::Error>(())
//! ```
//!
//! The token is sent to the platform and shown nowhere: not in errors, not in `Debug`, not in logs. What this crate logs
//! are [`tracing`] events at debug level, one for each attempt, without bodies. It is made for Unix.

mod answer;
mod client;
mod decode;
mod endpoint;
mod error;
mod export;
mod filter;
mod model;
mod operations;
pub mod pattern;
mod request;
mod retry;
mod send;
pub mod sse;
mod stream;
mod terms;
mod text;
mod tls;
mod token;

pub use answer::{Answer, ErrorCode, Problem};
pub use client::{Client, ClientBuilder};
pub use endpoint::Endpoint;
pub use error::{ConfigError, ConnectReason, Error, NotAPhrase, TimeoutPhase, TlsReason};
pub use export::{ObjectId, Page, Pages, Relation, ReportObject, StreamCollection};
pub use filter::{Filter, FilterGroup, Mode};
pub use model::{
    BasedOn, DecayRule, ExternalReference, Hash, Identity, Indicates, Indicator, KillChainPhase, Lookup,
    Marking, Observable, ObservableContext, Related, Report, SelfCheck, Threat, ThreatContext, User,
};
pub use request::Request;
pub use stream::{
    CollectionId, Connected, Delivery, EventId, EventStream, Follower, NotAnEventId, StixObject,
    StreamBuilder, StreamError, StreamEvent, Update,
};
pub use terms::{HashAlgorithm, ObservableKey, Terms};
pub use token::Token;
