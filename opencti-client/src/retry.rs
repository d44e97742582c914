//! When to ask again.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, SystemTime};

/// Longest pause, in answer to `Retry-After` too. Whoever has more time can ask again by themselves.
pub(crate) const MAX_PAUSE: Duration = Duration::from_secs(30);

/// The pause before the next attempt, or `None` when the server asks for a longer one than is worth waiting.
///
/// `failed` attempts have been made. The pause doubles each time, give or take half of it, so that many clients that
/// failed together do not come back together.
pub(crate) fn pause(first: Duration, failed: u32, retry_after: Option<Duration>) -> Option<Duration> {
    let doubled = first.saturating_mul(1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX));
    let jittered = doubled.min(MAX_PAUSE / 2).mul_f64(0.5 + random());
    let pause = retry_after.map_or(jittered, |asked| asked.max(jittered));
    (pause <= MAX_PAUSE).then_some(pause)
}

/// A number from 0 to below 1. The standard library's hash keys are random, which is enough to spread requests.
pub(crate) fn random() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 11;
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let number = bits as f64 / (1_u64 << 53) as f64;
    number
}

/// Reads `Retry-After`: seconds, or an HTTP date.
pub(crate) fn retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(header.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(header).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_spread() {
        let first = Duration::from_millis(150);
        for (failed, low, high) in [(1, 75, 225), (2, 150, 450), (3, 300, 900), (40, 7_500, 22_500)] {
            for _ in 0..50 {
                let pause = pause(first, failed, None).unwrap().as_millis();
                assert!((low..=high).contains(&pause), "{failed}: {pause}");
            }
        }
        let spread: std::collections::BTreeSet<_> = (0..20).map(|_| pause(first, 1, None)).collect();
        assert!(spread.len() > 10, "{spread:?}");
    }

    #[test]
    fn the_server_may_ask_for_more_but_not_for_too_much() {
        let first = Duration::from_millis(100);
        assert_eq!(pause(first, 1, Some(Duration::from_secs(5))), Some(Duration::from_secs(5)));
        assert!(pause(first, 1, Some(Duration::ZERO)).unwrap() >= first / 2);
        assert_eq!(pause(first, 1, Some(Duration::from_secs(31))), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (header, seconds) in [
            ("0", Some(0)),
            (" 7 ", Some(7)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(retry_after(header, now), seconds.map(Duration::from_secs), "{header}");
        }
    }
}
