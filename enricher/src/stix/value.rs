//! Values as the reference matcher compares them: by type first, then by content.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;

use base64::Engine as _;
use ipnet::IpNet;
use jiff::Timestamp;

use super::ast::Literal;

/// A value that a path selected in an observation.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Integer(i64),
    Float(f64),
    String(&'a str),
    Boolean(bool),
    /// The bytes of a property whose name ends in `_hex` or `_bin`.
    Bytes(Cow<'a, [u8]>),
    Timestamp(Timestamp),
    /// A list, an object or null: equal to nothing, in no order with anything.
    Other,
}

impl<'a> From<&'a serde_json::Value> for Value<'a> {
    fn from(json: &'a serde_json::Value) -> Self {
        match json {
            serde_json::Value::Bool(value) => Self::Boolean(*value),
            serde_json::Value::String(text) => Self::String(text),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Self::Integer(integer),
                (None, Some(float)) => Self::Float(float),
                (None, None) => Self::Other,
            },
            serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
                Self::Other
            }
        }
    }
}

impl<'a> Value<'a> {
    /// The literal as a value; `Err` carries a timestamp that names no instant.
    pub(super) fn from_literal(literal: &'a Literal) -> Result<Self, &'a str> {
        Ok(match literal {
            Literal::Integer(number) => Self::Integer(*number),
            Literal::Float(number) => Self::Float(*number),
            Literal::String(text) => Self::String(text),
            Literal::Boolean(value) => Self::Boolean(*value),
            Literal::Hex(bytes) | Literal::Binary(bytes) => Self::Bytes(Cow::Borrowed(bytes)),
            Literal::Timestamp(timestamp) => Self::Timestamp(timestamp.value.ok_or(&*timestamp.text)?),
        })
    }

    /// `=`: false when the types cannot be compared.
    pub(super) fn equals(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Self::Boolean(a), Value::Boolean(b)) => a == b,
            _ => self.order(other) == Some(Ordering::Equal),
        }
    }

    /// The order of two values; `None` when the types have none, or a text holds characters that no byte stands for.
    pub(super) fn order(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(a), Value::Integer(b)) => Some(a.cmp(b)),
            (Self::Float(a), Value::Float(b)) => a.partial_cmp(b),
            (Self::Integer(a), Value::Float(b)) => order_mixed(*a, *b),
            (Self::Float(a), Value::Integer(b)) => order_mixed(*b, *a).map(Ordering::reverse),
            (Self::String(a), Value::String(b)) => Some(a.cmp(b)),
            (Self::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
            (Self::Bytes(a), Value::String(b)) => order_bytes(a, b),
            (Self::String(a), Value::Bytes(b)) => order_bytes(b, a).map(Ordering::reverse),
            (Self::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// Membership in a set. Unlike `=`, text and bytes never meet, and booleans are the numbers 0 and 1: the reference
    /// matcher uses a set of its host language here.
    pub(super) fn is_member(&self, member: &Value<'_>) -> bool {
        match (self, member) {
            (Self::String(_), Value::Bytes(_)) | (Self::Bytes(_), Value::String(_)) => false,
            (Self::Boolean(a), Value::Integer(_) | Value::Float(_)) => {
                Value::Integer(i64::from(*a)).equals(member)
            }
            (Self::Integer(_) | Self::Float(_), Value::Boolean(b)) => {
                self.equals(&Value::Integer(i64::from(*b)))
            }
            _ => self.equals(member),
        }
    }
}

/// A whole number against a fraction without losing digits of the former.
fn order_mixed(integer: i64, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float >= 9_223_372_036_854_775_808.0 {
        return Some(Ordering::Less);
    }
    if float < -9_223_372_036_854_775_808.0 {
        return Some(Ordering::Greater);
    }
    // In range, so the cast drops the fraction and nothing else.
    let whole = float.trunc() as i64;
    Some(integer.cmp(&whole).then_with(|| 0.0.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal)))
}

/// Bytes and text in order, each character standing for the byte of its number; `None` when one is above U+00FF.
fn order_bytes(bytes: &[u8], text: &str) -> Option<Ordering> {
    let is_bytes = text.chars().all(|c| u32::from(c) < 256);
    is_bytes.then(|| bytes.iter().map(|byte| char::from(*byte)).cmp(text.chars()))
}

/// Whether a text has the form `2024-01-31T23:59:60.123Z` that the grammar asks of a timestamp.
pub(super) fn has_timestamp_form(text: &str) -> bool {
    let bytes = text.as_bytes();
    let number = |at: usize| {
        let digits = bytes.get(at..at + 2)?;
        digits.iter().all(u8::is_ascii_digit).then(|| (digits[0] - b'0') * 10 + digits[1] - b'0')
    };
    let within = |at, low, high| number(at).is_some_and(|n| (low..=high).contains(&n));
    let has = |at: usize, byte| bytes.get(at) == Some(&byte);
    let end = match bytes.get(19) {
        Some(b'.') => {
            let digits = bytes[20..].iter().take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            20 + digits
        }
        _ => 19,
    };
    number(0).is_some()
        && number(2).is_some()
        && has(4, b'-')
        && within(5, 1, 12)
        && has(7, b'-')
        && within(8, 1, 31)
        && has(10, b'T')
        && within(11, 0, 23)
        && has(13, b':')
        && within(14, 0, 59)
        && has(16, b':')
        && within(17, 0, 60)
        && has(end, b'Z')
        && bytes.len() == end + 1
}

/// The instant of a timestamp in that form, cut to microseconds; `None` for another form and for 30 February.
pub(super) fn parse_timestamp(text: &str) -> Option<Timestamp> {
    if !has_timestamp_form(text) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i16>().ok();
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i8>().ok();
    let fraction = text.get(20..text.len() - 1).unwrap_or_default();
    let microseconds = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    let microseconds = microseconds.fold(0_i32, |sum, digit| sum * 10 + i32::from(digit - b'0'));
    let year = number(0, 4).filter(|year| *year > 0)?;
    jiff::civil::DateTime::new(
        year,
        part(5, 7)?,
        part(8, 10)?,
        part(11, 13)?,
        part(14, 16)?,
        part(17, 19)?,
        microseconds * 1000,
    )
    .ok()?
    .to_zoned(jiff::tz::TimeZone::UTC)
    .ok()
    .map(|zoned| zoned.timestamp())
}

pub(super) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    // The grammar does not ask for zero bits behind the last byte.
    const ENGINE: base64::engine::GeneralPurpose = base64::engine::GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        base64::engine::GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
    );
    ENGINE.decode(text).ok()
}

/// An address or a network; an address is a network of one. IPv4 written as IPv6 stays what it is.
pub(super) fn parse_network(text: &str) -> Option<IpNet> {
    match text.split_once('/') {
        None => text.parse::<IpAddr>().ok().map(IpNet::from),
        Some((address, prefix)) => {
            let prefix = prefix.bytes().all(|b| b.is_ascii_digit()).then(|| prefix.parse().ok())??;
            IpNet::new(address.parse().ok()?, prefix).ok()
        }
    }
}

/// Whether `inner` lies in `outer`, both taken as networks.
pub(super) fn is_subset(inner: IpNet, outer: IpNet) -> bool {
    outer.trunc().contains(&inner.trunc())
}
