//! Whether an indicator holds now.

use jiff::Timestamp;
use opencti_client::Indicator;

/// What an indicator's `revoked`, `valid_from` and `valid_until` say at one moment.
///
/// OpenCTI's own managers revoke an expired indicator up to five minutes late, so the dates are compared here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Validity {
    /// It holds.
    Valid,
    /// `valid_from` lies in the future.
    NotYetValid,
    /// `valid_until` has passed.
    Expired,
    /// It was revoked.
    Revoked,
}

impl Validity {
    /// The validity of `indicator` at `now`. A date that is missing, or that is no RFC 3339 date, sets no bound.
    ///
    /// ```
    /// use enricher::Validity;
    /// use opencti_client::Indicator;
    ///
    /// let indicator = Indicator { valid_until: Some("2026-01-01T00:00:00.000Z".into()), ..Indicator::default() };
    /// assert_eq!(Validity::at(&indicator, "2025-12-31T23:59:59Z".parse()?), Validity::Valid);
    /// assert_eq!(Validity::at(&indicator, "2026-01-01T00:00:00Z".parse()?), Validity::Expired);
    /// # Ok::<(), jiff::Error>(())
    /// ```
    #[must_use]
    pub fn at(indicator: &Indicator, now: Timestamp) -> Self {
        let date = |text: &Option<String>| text.as_deref().and_then(|t| t.parse::<Timestamp>().ok());
        if indicator.revoked == Some(true) {
            Self::Revoked
        } else if date(&indicator.valid_until).is_some_and(|until| until <= now) {
            Self::Expired
        } else if date(&indicator.valid_from).is_some_and(|from| from > now) {
            Self::NotYetValid
        } else {
            Self::Valid
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_half_open_and_survive_nulls() {
        let now: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
        let at = |from: Option<&str>, until: Option<&str>, revoked| {
            let indicator = Indicator {
                valid_from: from.map(Into::into),
                valid_until: until.map(Into::into),
                revoked,
                ..Indicator::default()
            };
            Validity::at(&indicator, now)
        };
        assert_eq!(at(None, None, None), Validity::Valid);
        assert_eq!(at(Some("2026-06-01T12:00:00Z"), None, Some(false)), Validity::Valid);
        assert_eq!(at(Some("2026-06-01T12:00:01Z"), None, None), Validity::NotYetValid);
        assert_eq!(at(None, Some("2026-06-01T14:00:00+02:00"), None), Validity::Expired);
        assert_eq!(at(None, Some("2026-06-01T12:00:00.001Z"), None), Validity::Valid);
        assert_eq!(at(None, Some("2037-01-01T00:00:00Z"), Some(true)), Validity::Revoked);
        assert_eq!(at(Some("soon"), Some("never"), None), Validity::Valid);
    }
}
