//! Matches Wazuh alerts against threat intelligence, and builds the enriched events that Wazuh's rules turn into
//! alerts.
//!
//! An [`Enricher`] takes a [`wazuh_alert::Alert`], [selects](select::select) every indicator of compromise that it
//! saw, asks a [`Lookup`] what is known about them, evaluates the STIX patterns of what comes back, and writes
//! [`Event`]s. A [`Policy`] says what is looked up and what is reported. Look-ups are implemented for OpenCTI's API
//! ([`OpenCti`]) and for a STIX 2.1 bundle in memory ([`Bundle`]); implement [`Lookup`] for anything else.
//! [`WarningLists`] hold what is known to be harmless.
//!
//! There is no clock and no network of its own in here: the time is an argument, and the look-up is yours.
//!
//! ```
//! use enricher::{Bundle, Enricher, EventType, Policy};
//! use wazuh_alert::Alert;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let bundle = Bundle::from_slice(br#"{"type": "bundle", "id": "bundle--5a1f7bd3-2a5b-4c0e-8d5e-3f8f5c3f3a10", "objects": [
//!     {"type": "indicator", "id": "indicator--b1f1c6de-9f0e-4c7c-8f8e-5f0f6f7a8b9c", "spec_version": "2.1",
//!      "name": "Loader", "pattern": "[file:hashes.MD5 = '0cc175b9c0f1b6a831c399e269772661']",
//!      "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z"}
//! ]}"#)?;
//! let enricher = Enricher::new(bundle, Policy::default());
//!
//! let alert = Alert::parse(br#"{"id": "1775117004.1", "rule": {"id": "554", "level": 5, "groups": ["syscheck"]},
//!     "syscheck": {"path": "/tmp/x", "event": "added", "md5_after": "0cc175b9c0f1b6a831c399e269772661"}}"#)?;
//! let enriched = enricher.enrich(&alert, "2026-04-02T08:00:00Z".parse()?).await?;
//!
//! assert_eq!(enriched.events[0].event_type(), EventType::IndicatorPatternMatch);
//! assert_eq!(enriched.events[0].text("opencti.indicator.name"), Some("Loader"));
//! # Ok(())
//! # }
//! ```

pub mod catalogue;
mod circumstances;
mod classify;
mod decay;
mod event;
mod hits;
mod lookup;
mod matching;
pub mod mirror;
mod pipeline;
mod policy;
mod question;
mod reasons;
pub mod select;
pub mod stix;
mod store;
mod strength;
mod validity;
mod warning_lists;

pub use circumstances::{Action, Circumstances, Direction};
pub use classify::{Reported, events, limit};
pub use decay::live_score;
pub use event::{Event, EventType, FIELDS, FieldDoc, INTEGRATION, MAX_STRING_BYTES};
pub use hits::{HitCounter, HourlyHits, hour_of};
pub use lookup::{Bundle, BundleError, Context, Findings, Intel, Lookup, LookupError, OpenCti, Skipped};
pub use matching::{Match, Matches, Ranked, RelatedMatch, SetAsideIndicator, match_all};
pub use mirror::Mirror;
pub use pipeline::{Enriched, Enricher, extractor, incomplete};
pub use policy::{Exclusion, KindName, Policy, PolicyError, Score, SetAside, Tlp};
pub use question::{Near, Nearness, left_out_of_alerts};
pub use reasons::Explanation;
pub use store::{Store, StoreError};
pub use strength::{Reason, Strength};
pub use validity::Validity;
pub use warning_lists::{ListProblem, WarningLists, WarningListsError};
