//! The enriched event: what Wazuh receives, and how it is made to fit.
//!
//! The event is a contract with the rules and dashboards of its readers. [`FIELDS`] specifies it field by field;
//! `docs/events.md` is made from that table, and nothing is ever written that the table does not have.

use serde_json::{Map, Value};

mod cut;
mod fields;
mod source;
mod write;

pub use fields::{FIELDS, FieldDoc};
pub(crate) use write::{RelatedStory, Story, write};

/// The value of `integration`, and the name of the object below which everything else stands.
pub const INTEGRATION: &str = "opencti";

/// No string in an event is longer than this, in bytes: Wazuh's indexer drops documents with longer terms.
pub const MAX_STRING_BYTES: usize = 32_000;

/// What an event says. The shipped rules have one rule for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EventType {
    /// The whole pattern of a valid indicator is true of what the alert saw.
    IndicatorPatternMatch,
    /// One positive term of a valid indicator's pattern is true but not the whole, or it holds of something wider
    /// than what was seen, such as a parent domain.
    IndicatorPartialPatternMatch,
    /// The value is an observable that a valid indicator is based on.
    ObservableWithIndicator,
    /// The value's observable is related to one that has a valid indicator.
    ObservableWithRelatedIndicator,
    /// OpenCTI could not be asked, or answered with errors.
    Error,
}

impl EventType {
    /// Every type, from the strongest to the weakest.
    pub const ALL: [Self; 5] = [
        Self::IndicatorPatternMatch,
        Self::IndicatorPartialPatternMatch,
        Self::ObservableWithIndicator,
        Self::ObservableWithRelatedIndicator,
        Self::Error,
    ];

    /// The word that stands in `opencti.event_type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IndicatorPatternMatch => "indicator_pattern_match",
            Self::IndicatorPartialPatternMatch => "indicator_partial_pattern_match",
            Self::ObservableWithIndicator => "observable_with_indicator",
            Self::ObservableWithRelatedIndicator => "observable_with_related_indicator",
            Self::Error => "error",
        }
    }
}

/// An event, ready to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    event_type: EventType,
    root: Map<String, Value>,
}

impl Event {
    /// The event that says that OpenCTI could not be asked.
    ///
    /// `problem` is one sentence for a person. `alert` ids let an analyst find what was not looked up.
    ///
    /// ```
    /// use enricher::Event;
    ///
    /// let event = Event::error("OpenCTI at https://cti.test did not answer within 8 s", None);
    /// assert_eq!(
    ///     event.to_json(),
    ///     r#"{"integration":"opencti","opencti":{"error":"OpenCTI at https://cti.test did not answer within 8 s","event_type":"error"}}"#
    /// );
    /// ```
    #[must_use]
    pub fn error(problem: &str, alert: Option<&wazuh_alert::Alert>) -> Self {
        let mut body = write::Body::new(EventType::Error);
        body.put("error", problem);
        if let Some(alert) = alert {
            body.put("source.alert_id", alert.id());
            body.put("source.rule_id", alert.rule_id());
        }
        body.finish()
    }

    /// What it says.
    #[must_use]
    pub fn event_type(&self) -> EventType {
        self.event_type
    }

    /// The text at a path such as `opencti.indicator.id`, when there is a string.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        let mut keys = path.split('.');
        let mut value = self.root.get(keys.next()?)?;
        for key in keys {
            value = value.get(key)?;
        }
        value.as_str()
    }

    /// The event as one line of JSON, whatever its size.
    #[must_use]
    pub fn to_json(&self) -> String {
        Value::Object(self.root.clone()).to_string()
    }

    /// The event as one line of JSON of at most `max` bytes.
    ///
    /// What does not fit is cut in a fixed order, from what an analyst misses least; `opencti.truncated` names the
    /// fields that were cut. The type, the ids and the matched value always stay.
    #[must_use]
    pub fn to_json_within(&self, max: usize) -> String {
        cut::fit(self.root.clone(), max)
    }

    /// Adds the top-level `srcip` that Wazuh's active response acts on.
    pub fn set_srcip(&mut self, ip: std::net::IpAddr) {
        self.root.insert("srcip".to_owned(), Value::String(ip.to_string()));
    }

    /// Marks an event that comes late, because OpenCTI could not be asked when the alert was written.
    pub fn set_late(&mut self) {
        if let Some(Value::Object(body)) = self.root.get_mut(INTEGRATION) {
            body.insert("late".to_owned(), Value::Bool(true));
        }
    }
}
