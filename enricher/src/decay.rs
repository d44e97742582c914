//! The score that an indicator has now.
//!
//! With decay on, OpenCTI lets the score of an indicator sink with age, but stores the new one only at the steps of its
//! rule (80, 50, 20 for instance). Between two steps the stored score lags: by up to 30 points with the built-in rule for
//! addresses. The curve itself and what it starts from are in the answer, so the score of this moment can be reckoned.

use jiff::Timestamp;
use opencti_client::{DecayRule, Indicator};

/// The constant in OpenCTI's polynomial.
const FACTOR: f64 = 3.0;

const MILLISECONDS_OF_A_DAY: f64 = 86_400_000.0;

/// The score of `indicator` at `now`, as OpenCTI itself gives it in `decayLiveDetails.live_score`.
///
/// `None` where nothing sinks: no rule is applied to it, or the score or the date to reckon from is missing or 0.
///
/// ```
/// use enricher::live_score;
/// use opencti_client::{DecayRule, Indicator};
///
/// let indicator = Indicator {
///     x_opencti_score: Some(50),
///     decay_base_score: Some(75),
///     decay_base_score_date: Some("2026-03-01T00:00:00.000Z".to_owned()),
///     decay_applied_rule: Some(DecayRule { lifetime: 47, pound: 0.55 }),
///     ..Indicator::default()
/// };
/// assert_eq!(live_score(&indicator, "2026-03-29T00:00:00Z".parse()?), Some(20));
/// # Ok::<(), jiff::Error>(())
/// ```
#[must_use]
pub fn live_score(indicator: &Indicator, now: Timestamp) -> Option<i64> {
    let rule = indicator.decay_applied_rule.as_ref()?;
    let base = indicator.decay_base_score.filter(|score| *score > 0)?;
    let since: Timestamp = indicator.decay_base_score_date.as_deref()?.parse().ok()?;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of 20,000 years fit in 53 bits")]
    let milliseconds = now.as_millisecond().saturating_sub(since.as_millisecond()) as f64;
    Some(score_after(base, milliseconds / MILLISECONDS_OF_A_DAY, rule))
}

/// What is left of `base` after so many days: `base · (1 − (days / lifetime) ^ (1 / (3 · pound)))`, rounded half up;
/// all of it before the first day, nothing after the lifetime.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "scores and lifetimes are 32-bit numbers in OpenCTI's schema, and the result lies between 0 and the base"
)]
fn score_after(base: i64, days: f64, rule: &DecayRule) -> i64 {
    if days <= 0.0 {
        return base;
    }
    let lifetime = rule.lifetime as f64;
    if days > lifetime {
        return 0;
    }
    let left = base as f64 * (1.0 - (days / lifetime).powf((FACTOR * rule.pound).recip()));
    // No rule that OpenCTI accepts leads outside, but what is read from outside may hold any number.
    ((left + 0.5).floor().clamp(0.0, base as f64) as i64).min(base)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rules that OpenCTI comes with: address and URL, domain, file, anything else.
    const ADDRESS: DecayRule = DecayRule { lifetime: 47, pound: 0.55 };
    const DOMAIN: DecayRule = DecayRule { lifetime: 300, pound: 0.7 };
    const FILE: DecayRule = DecayRule { lifetime: 460, pound: 0.3 };
    const OTHER: DecayRule = DecayRule { lifetime: 470, pound: 0.35 };

    fn indicator(base: i64, rule: DecayRule) -> Indicator {
        Indicator {
            x_opencti_score: Some(base),
            decay_base_score: Some(base),
            decay_base_score_date: Some("2026-01-01T00:00:00.000Z".into()),
            decay_applied_rule: Some(rule),
            ..Indicator::default()
        }
    }

    #[test]
    fn points_reckoned_by_hand() {
        // base, rule, days, score. (20/47)^(1/1.65) = 0.5959…, and so on.
        let points = [
            (100, ADDRESS, -3.0, 100),
            (100, ADDRESS, 0.0, 100),
            (100, ADDRESS, 1.0, 90),
            (100, ADDRESS, 20.0, 40),
            (100, ADDRESS, 47.0, 0),
            (100, ADDRESS, 47.1, 0),
            (75, ADDRESS, 7.7, 50),
            (75, ADDRESS, 28.2, 20),
            (80, DOMAIN, 30.0, 53),
            (80, DOMAIN, 150.0, 22),
            (60, FILE, 46.0, 55),
            (60, FILE, 230.0, 32),
            (50, OTHER, 100.0, 39),
            (50, OTHER, 469.9, 0),
        ];
        for (base, rule, days, score) in points {
            assert_eq!(score_after(base, days, &rule), score, "{base} after {days} days of {rule:?}");
        }
    }

    #[test]
    fn half_points_round_up_as_javascript_does() {
        // (1/4)^(1/(3·(1/3))) = 1/4, so half of 2 · 3/4 = 1.5.
        let rule = DecayRule { lifetime: 4, pound: 1.0 / 3.0 };
        assert_eq!(score_after(2, 1.0, &rule), 2);
        assert_eq!(score_after(2, 3.0, &rule), 1);
    }

    #[test]
    fn without_rule_base_or_date_there_is_none() {
        let now = "2026-02-01T00:00:00Z".parse().unwrap();
        let whole = indicator(80, ADDRESS);
        assert!(live_score(&whole, now).is_some());
        let without = [
            Indicator { decay_applied_rule: None, ..whole.clone() },
            Indicator { decay_base_score: None, ..whole.clone() },
            Indicator { decay_base_score: Some(0), ..whole.clone() },
            Indicator { decay_base_score_date: None, ..whole.clone() },
            Indicator { decay_base_score_date: Some("yesterday".into()), ..whole },
        ];
        for indicator in without {
            assert_eq!(live_score(&indicator, now), None, "{indicator:?}");
        }
    }

    #[test]
    fn parts_of_a_day_count() {
        let indicator = indicator(100, ADDRESS);
        let at = |time: &str| live_score(&indicator, time.parse().unwrap());
        assert_eq!(at("2026-01-01T06:00:00Z"), Some(96));
        assert_eq!(at("2026-01-01T18:00:00Z"), Some(92));
        assert_eq!(at("2025-12-31T23:59:59Z"), Some(100));
    }

    /// Any rule, the impossible ones included.
    fn any_rule() -> impl Strategy<Value = DecayRule> {
        (any::<i64>(), any::<f64>()).prop_map(|(lifetime, pound)| DecayRule { lifetime, pound })
    }

    proptest! {
        #[test]
        fn never_above_the_base_nor_below_zero(base in 0..=i64::from(i32::MAX), days in any::<f64>(), rule in any_rule()) {
            let score = score_after(base, days, &rule);
            prop_assert!((0..=base).contains(&score), "{}", score);
        }

        #[test]
        fn it_only_falls(
            base in 0_i64..=100,
            lifetime in 1_i64..4000,
            pound in 0.01_f64..10.0,
            days in 0.0_f64..4000.0,
            more in 0.0_f64..4000.0,
        ) {
            let rule = DecayRule { lifetime, pound };
            prop_assert!(score_after(base, days + more, &rule) <= score_after(base, days, &rule));
        }

        /// OpenCTI reckons the day of a score by the inverse of the curve: `lifetime · (1 − score / base) ^ (3 · pound)`.
        #[test]
        fn a_score_is_reached_on_the_day_that_opencti_reckons_for_it(
            base in 1_i64..=100,
            part in 0.0_f64..1.0,
            lifetime in 1_i64..4000,
            pound in 0.05_f64..3.0,
        ) {
            let score = (base as f64 * part).floor();
            let days = lifetime as f64 * (1.0 - score / base as f64).powf(FACTOR * pound);
            let found = score_after(base, days, &DecayRule { lifetime, pound }) as f64;
            // Tiny days lose digits, and the curve is steep there.
            prop_assert!(days < 1e-9 || (found - score).abs() <= 1.0, "{found} is not {score}");
        }
    }
}
