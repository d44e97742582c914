//! Counting how often an indicator hits, so that one that is wrong does not drown everything else.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::matching::{Match, Matches, SetAsideIndicator};
use crate::policy::{Policy, SetAside};
use crate::strength::Reason;

/// Counts the hits of each indicator in each hour.
///
/// [`HourlyHits`] counts in memory; a program that runs once for each alert needs one whose counts outlive it.
pub trait HitCounter: Send + Sync {
    /// Counts one more hit of an indicator, and gives how many there were in the hour of `now`, this one included.
    ///
    /// Where it cannot be counted it gives 1: nothing is muted for want of a count.
    fn count(&self, indicator_id: &str, now: Timestamp) -> u32;
}

const SECONDS_OF_AN_HOUR: i64 = 3600;

/// The number of the hour in which `now` lies, counted from 1970 in UTC.
#[must_use]
pub fn hour_of(now: Timestamp) -> i64 {
    now.as_second().div_euclid(SECONDS_OF_AN_HOUR)
}

/// When the hour ends in which `now` lies; `now` itself in the last hour of time.
#[must_use]
pub(crate) fn end_of_hour(now: Timestamp) -> Timestamp {
    let end = hour_of(now).saturating_add(1).saturating_mul(SECONDS_OF_AN_HOUR);
    Timestamp::from_second(end).unwrap_or(now)
}

/// How many indicators of one hour are told apart. More have no count of their own and are not muted.
const MAX_INDICATORS: usize = 65_536;

/// Counts in memory, for one process. Only the latest hour is kept, and at most 65,536 indicators.
///
/// ```
/// use enricher::{HitCounter, HourlyHits};
///
/// let hits = HourlyHits::default();
/// assert_eq!(hits.count("a", "2026-06-01T12:00:00Z".parse()?), 1);
/// assert_eq!(hits.count("a", "2026-06-01T12:59:59Z".parse()?), 2);
/// assert_eq!(hits.count("a", "2026-06-01T13:00:00Z".parse()?), 1);
/// # Ok::<(), jiff::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct HourlyHits {
    counted: Mutex<Hour>,
}

#[derive(Debug, Default)]
struct Hour {
    number: i64,
    counts: HashMap<Box<str>, u32>,
}

impl HitCounter for HourlyHits {
    fn count(&self, indicator_id: &str, now: Timestamp) -> u32 {
        // A count that a panic interrupted is still a count.
        let mut hour = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let number = hour_of(now);
        if hour.number != number {
            *hour = Hour { number, counts: HashMap::new() };
        }
        if let Some(count) = hour.counts.get_mut(indicator_id) {
            *count = count.saturating_add(1);
            return *count;
        }
        if hour.counts.len() < MAX_INDICATORS {
            hour.counts.insert(indicator_id.into(), 1);
        }
        1
    }
}

impl Matches<'_> {
    /// Counts a hit of every indicator that is going to be reported, and sets aside those that have had more than
    /// `max_hits_per_hour` in the hour of `now`. The match with which an indicator reaches the number is still reported,
    /// and [says so](Match::muted_until).
    ///
    /// What the limits of one alert leave out is not counted, so that it cannot mute what was never told; and it moves up
    /// for what is muted.
    pub fn mute(&mut self, policy: &Policy, hits: &dyn HitCounter, now: Timestamp) {
        let max = policy.max_hits_per_hour;
        if max == 0 {
            return;
        }
        let aside = &mut self.set_aside;
        let lists = [
            (&mut self.indicators, policy.max_indicator_alerts),
            (&mut self.observables, policy.max_observable_alerts),
        ];
        for (matches, limit) in lists {
            let mut reported = 0;
            matches.retain_mut(|found: &mut Match<'_>| {
                let Some(main) = found.main().copied().filter(|_| reported < limit) else { return true };
                let count = hits.count(&main.indicator.id, now);
                if count > max {
                    aside.push(SetAsideIndicator {
                        id: main.indicator.id.clone(),
                        name: main.indicator.name.clone(),
                        reason: SetAside::Muted,
                    });
                    return false;
                }
                reported += 1;
                if count == max {
                    found.muted_until = Some(end_of_hour(now));
                    // The last of all reasons, so the order stays.
                    found.reasons.push(Reason::Muted);
                }
                true
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_known_ones_still_count() {
        let hits = HourlyHits::default();
        let now = "2026-06-01T12:00:00Z".parse().unwrap();
        for number in 0..MAX_INDICATORS {
            assert_eq!(hits.count(&number.to_string(), now), 1);
        }
        assert_eq!(hits.count("one more", now), 1);
        assert_eq!(hits.count("one more", now), 1);
        assert_eq!(hits.count("0", now), 2);
        assert_eq!(hits.counted.lock().unwrap().counts.len(), MAX_INDICATORS);
        assert_eq!(hits.count("one more", "2026-06-01T13:00:00Z".parse().unwrap()), 1);
        assert_eq!(hits.counted.lock().unwrap().counts.len(), 1);
    }

    #[test]
    fn hours_end_on_the_hour_whenever() {
        let end = |now: &str| end_of_hour(now.parse().unwrap()).to_string();
        assert_eq!(end("2026-06-01T12:00:00Z"), "2026-06-01T13:00:00Z");
        assert_eq!(end("2026-06-01T12:59:59.999Z"), "2026-06-01T13:00:00Z");
        assert_eq!(end("1969-12-31T23:30:00Z"), "1970-01-01T00:00:00Z");
        assert_eq!(end_of_hour(Timestamp::MAX), Timestamp::MAX);
    }
}
