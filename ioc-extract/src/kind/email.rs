//! E-mail addresses.

use std::{borrow::Cow, fmt};

use super::{domain, ip, lower};
use crate::error::Rejected;

/// An e-mail address.
///
/// Canonical form: lower case, the domain as in [`DomainName`](crate::DomainName). The local part has at most 64 bytes;
/// one in quotes and comments in parentheses at its ends (RFC 5322) stay as they are. An address is accepted in the place of the domain (`bob@[45.77.12.9]`, `bob@45.77.12.9`).
///
/// ```
/// use ioc_extract::{EmailAddr, Rejected};
/// assert_eq!(EmailAddr::parse("Bob@Evil-C2.COM")?.as_str(), "bob@evil-c2.com");
/// assert_eq!(EmailAddr::parse("root@web01"), Err(Rejected::NoPublicSuffix));
/// # Ok::<(), Rejected>(())
/// ```
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct EmailAddr(Box<str>);

impl EmailAddr {
    /// Trims, makes canonical, validates.
    ///
    /// # Errors
    ///
    /// What is wrong with the address or with its domain.
    pub fn parse(text: &str) -> Result<Self, Rejected> {
        canonical(text.trim()).map(|address| Self(address.into()))
    }

    /// The canonical address.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Display for EmailAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

pub(crate) const MAX_LOCAL: usize = 64;

pub(crate) fn canonical(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let (local, host) = text.rsplit_once('@').ok_or(Rejected::Malformed)?;
    if local.len() > MAX_LOCAL {
        return Err(Rejected::TooLong);
    }
    if !is_local(local) {
        return Err(Rejected::Malformed);
    }
    let literal = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let host = match literal {
        Some(address) => {
            let address = address.strip_prefix("IPv6:").unwrap_or(address);
            if ip::v4(address.as_bytes()).is_none() && ip::v6(address.as_bytes()).is_none() {
                return Err(Rejected::Malformed);
            }
            lower(host)
        }
        None if ip::v4(host.as_bytes()).is_some() => lower(host),
        None => domain::canonical(host)?,
    };
    if host == text[local.len() + 1..] && !local.bytes().any(|b| b.is_ascii_uppercase()) {
        return Ok(Cow::Borrowed(text));
    }
    Ok(Cow::Owned(format!("{}@{host}", local.to_lowercase())))
}

fn is_local(local: &str) -> bool {
    let is_comment =
        |text: &str| text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'(' | b')' | b'@'));
    let local = match local.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((comment, rest)) if is_comment(comment) => rest,
        _ => local,
    };
    let local = match local.strip_suffix(')').and_then(|rest| rest.rsplit_once('(')) {
        Some((rest, comment)) if is_comment(comment) => rest,
        _ => local,
    };
    if let Some(quoted) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return !quoted.is_empty()
            && quoted.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'@'));
    }
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    !local.is_empty() && !dots && local.bytes().all(is_atext)
}

/// What a local part may hold: RFC 5322's `atext`, the dot, and UTF-8 (RFC 6532).
pub(crate) const fn is_atext(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || b >= 0x80
        || matches!(
            b,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'/'
                | b'='
                | b'?'
                | b'^'
                | b'_'
                | b'`'
                | b'{'
                | b'|'
                | b'}'
                | b'~'
                | b'.'
        )
}
