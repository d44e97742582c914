//! E-mail addresses.

use std::{borrow::Cow, fmt};

use super::{domain, ip, lower};
use crate::error::Rejected;

/// An e-mail address.
///
/// Canonical form: lower case, the domain as in [`DomainName`](crate::DomainName). The local part is one without
/// quotes, of at most 64 bytes. An address is accepted in the place of the domain (`bob@[45.77.12.9]`, `bob@45.77.12.9`).
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
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    if local.is_empty() || dots || !local.bytes().all(is_atext) {
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
