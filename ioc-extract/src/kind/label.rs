//! Identifiers that begin with a label: CVE, ATT&CK, autonomous systems, Amazon resource names, Google ids.

use std::borrow::Cow;

use super::{displayed, lower, upper};
use crate::error::Rejected;

/// Any text of at most `max` bytes without control characters, as written.
pub(crate) fn bounded(text: &str, max: usize) -> Result<Cow<'_, str>, Rejected> {
    if text.len() > max {
        return Err(Rejected::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(Rejected::Malformed);
    }
    Ok(Cow::Borrowed(text))
}

fn digits(text: &str, range: std::ops::RangeInclusive<usize>) -> bool {
    range.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// `text` without `prefix`, whatever its case.
fn strip<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// `CVE-YYYY-N…`, the year from 1999 (the first list) on.
pub(crate) fn cve(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let rest = strip(text, "CVE-").ok_or(Rejected::Malformed)?;
    match rest.split_once('-') {
        Some((year, number))
            if digits(year, 4..=4) && ("1999".."2100").contains(&year) && digits(number, 4..=7) =>
        {
            Ok(upper(text))
        }
        _ => Err(Rejected::Malformed),
    }
}

/// `T1059`, `T1059.001`
pub(crate) fn attack(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let rest = strip(text, "T").ok_or(Rejected::Malformed)?;
    let (technique, sub) = rest.split_once('.').map_or((rest, None), |(t, s)| (t, Some(s)));
    let known = digits(technique, 4..=4) && technique.starts_with(['0', '1']);
    if known && sub.is_none_or(|s| digits(s, 3..=3)) { Ok(upper(text)) } else { Err(Rejected::Malformed) }
}

/// `TA0001`
pub(crate) fn attack_tactic(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let known = strip(text, "TA").is_some_and(|rest| digits(rest, 4..=4) && rest.starts_with('0'));
    if known { Ok(upper(text)) } else { Err(Rejected::Malformed) }
}

/// `M1013`
pub(crate) fn attack_mitigation(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let known = strip(text, "M").is_some_and(|rest| digits(rest, 4..=4) && rest.starts_with('1'));
    if known { Ok(upper(text)) } else { Err(Rejected::Malformed) }
}

/// `TLP:AMBER`, also with a blank or hyphen for the colon.
pub(crate) fn tlp(text: &str) -> Result<Cow<'_, str>, Rejected> {
    const COLOURS: &[&str] = &["RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR", "WHITE"];
    let colour = strip(text, "TLP").and_then(|rest| rest.strip_prefix([':', ' ', '-'])).unwrap_or_default();
    let known = COLOURS.iter().find(|known| known.eq_ignore_ascii_case(colour)).ok_or(Rejected::Malformed)?;
    let value = format!("TLP:{known}");
    Ok(if value == text { Cow::Borrowed(text) } else { Cow::Owned(value) })
}

/// `AS13335`, `ASN 13335`, or the number alone.
pub(crate) fn asn(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let rest = strip(text, "ASN").or_else(|| strip(text, "AS")).unwrap_or(text).trim_start();
    let number: u32 = if digits(rest, 1..=10) { rest.parse().map_err(|_| Rejected::Malformed)? } else { 0 };
    if number == 0 {
        return Err(Rejected::Malformed);
    }
    Ok(displayed(format_args!("AS{number}"), text))
}

/// `arn:partition:service:region:account:resource`
pub(crate) fn arn(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().ok_or(Rejected::Malformed);
    let (arn, partition, service, region, account, resource) =
        (next()?, next()?, next()?, next()?, next()?, next()?);
    let name =
        |s: &str| s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'*');
    let valid = arn == "arn"
        && (partition == "aws" || partition.starts_with("aws-"))
        && name(partition)
        && !service.is_empty()
        && service.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && name(region)
        && (account.is_empty() || account == "*" || account == "aws" || digits(account, 12..=12))
        && !resource.is_empty();
    if !valid {
        return Err(Rejected::Malformed);
    }
    bounded(text, 2048)
}

/// `UA-1111111`, `UA-1111111-1`
pub(crate) fn analytics(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let rest = text.strip_prefix("UA-").ok_or(Rejected::Malformed)?;
    let (account, property) = rest.split_once('-').unwrap_or((rest, "1"));
    if digits(account, 4..=10) && digits(property, 1..=4) {
        Ok(Cow::Borrowed(text))
    } else {
        Err(Rejected::Malformed)
    }
}

/// `pub-1234567891234567`
pub(crate) fn adsense(text: &str) -> Result<Cow<'_, str>, Rejected> {
    if strip(text, "pub-").is_some_and(|rest| digits(rest, 16..=16)) {
        Ok(lower(text))
    } else {
        Err(Rejected::Malformed)
    }
}

/// `+61 491 570 006`, `(030) 1234-567`: 7 to 15 digits with the usual punctuation between.
pub(crate) fn phone(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let (plus, rest) = text.strip_prefix('+').map_or(("", text), |rest| ("+", rest));
    let number: String = rest.chars().filter(char::is_ascii_digit).collect();
    let plain =
        rest.bytes().all(|b| b.is_ascii_digit() || matches!(b, b' ' | b'-' | b'.' | b'(' | b')' | b'/'));
    if !plain || !(7..=15).contains(&number.len()) {
        return Err(Rejected::Malformed);
    }
    Ok(if number == text { Cow::Borrowed(text) } else { Cow::Owned(format!("{plus}{number}")) })
}
