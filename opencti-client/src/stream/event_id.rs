//! Places in the stream.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The id of an event: a time in milliseconds and a number among the events of that millisecond. Ids are ordered as
/// the events are.
///
/// ```
/// use std::time::Duration;
///
/// use opencti_client::EventId;
///
/// let id: EventId = "1767225600000-3".parse()?;
/// assert!(id > EventId::START && id > "1767225599999-7".parse()?);
/// assert_eq!(id.rewound(Duration::from_secs(60)).to_string(), "1767225540000-0");
/// assert_eq!(id.date(), "2026-01-01T00:00:00.000Z");
/// assert_eq!("2026-01-01T00:00:00Z".parse::<EventId>()?.to_string(), "1767225600000-0");
/// # Ok::<(), opencti_client::NotAnEventId>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct EventId {
    milliseconds: u64,
    sequence: u64,
}

/// A text that is no [`EventId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a place in the stream is MILLISECONDS-NUMBER, such as 1767225600000-0, an RFC 3339 time, or 0")]
pub struct NotAnEventId;

impl EventId {
    /// `0-0`: before every event.
    pub const START: Self = Self { milliseconds: 0, sequence: 0 };

    /// The place before the events of a millisecond since 1970.
    #[must_use]
    pub fn from_milliseconds(milliseconds: u64) -> Self {
        Self { milliseconds, sequence: 0 }
    }

    /// The place of a time, to the millisecond.
    #[must_use]
    pub fn at(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self::from_milliseconds(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn milliseconds(self) -> u64 {
        self.milliseconds
    }

    /// A place earlier by `time`, or the start.
    #[must_use]
    pub fn rewound(self, time: Duration) -> Self {
        let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self::from_milliseconds(self.milliseconds.saturating_sub(time))
    }

    /// Its time in RFC 3339, UTC, with three decimals as OpenCTI writes it. Times after the year 9999 are cut to its end.
    #[must_use]
    pub fn date(self) -> String {
        let milliseconds = i64::try_from(self.milliseconds).unwrap_or(i64::MAX);
        format!("{:.3}", Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.milliseconds, self.sequence)
    }
}

impl FromStr for EventId {
    type Err = NotAnEventId;

    fn from_str(text: &str) -> Result<Self, NotAnEventId> {
        // Numbers as `parse` takes them may have a sign.
        let number = |text: &str| {
            let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| text.parse().ok()).flatten().ok_or(NotAnEventId)
        };
        if text == "0" {
            return Ok(Self::START);
        }
        match text.split_once('-') {
            Some((milliseconds, sequence)) if !sequence.contains('-') => {
                Ok(Self { milliseconds: number(milliseconds)?, sequence: number(sequence)? })
            }
            _ => {
                let time: Timestamp = text.parse().map_err(|_| NotAnEventId)?;
                let milliseconds = u64::try_from(time.as_millisecond()).map_err(|_| NotAnEventId)?;
                Ok(Self::from_milliseconds(milliseconds))
            }
        }
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for EventId {
    type Error = NotAnEventId;

    fn try_from(text: String) -> Result<Self, NotAnEventId> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_opencti_writes_them() {
        for (text, id) in [
            ("0", Some("0-0")),
            ("0-0", Some("0-0")),
            ("1795487073223-0", Some("1795487073223-0")),
            ("18446744073709551615-18446744073709551615", Some("18446744073709551615-18446744073709551615")),
            ("2026-11-24T02:23:11.075Z", Some("1795486991075-0")),
            ("2026-11-24T03:23:11+01:00", Some("1795486991000-0")),
            // OpenCTI would take a bare number for "now".
            ("1795487073223", None),
            ("", None),
            ("-", None),
            ("1-", None),
            ("-1", None),
            ("+1-0", None),
            ("1-2-3", None),
            ("18446744073709551616-0", None),
            ("1969-12-31T23:59:59Z", None),
            ("2026-11-24", None),
            (" 1-0", None),
        ] {
            assert_eq!(text.parse::<EventId>().ok().map(|id| id.to_string()).as_deref(), id, "{text:?}");
        }
    }

    #[test]
    fn ids_are_in_the_order_of_time_and_number() {
        let ids: Vec<EventId> = ["0", "9-10", "10-0", "10-9", "10-10", "2026-01-01T00:00:00Z"]
            .map(|id| id.parse().unwrap())
            .into();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    }

    #[test]
    fn no_place_is_before_the_start() {
        let id = EventId::from_milliseconds(59_999);
        assert_eq!(id.rewound(Duration::from_secs(60)), EventId::START);
        assert_eq!(id.rewound(Duration::MAX), EventId::START);
        assert_eq!(EventId::at(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), EventId::START);
        assert_eq!(EventId::from_milliseconds(u64::MAX).date(), "9999-12-30T22:00:00.999Z");
    }

    #[test]
    fn ids_are_stored_as_text() {
        let id: EventId = serde_json::from_str("\"17-3\"").unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"17-3\"");
        assert!(serde_json::from_str::<EventId>("\"soon\"").is_err());
    }
}
