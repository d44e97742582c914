//! URLs: their canonical form, and where they end in text.

use std::{borrow::Cow, fmt, ops::Range};

use super::{domain, ip};
use crate::error::Rejected;

/// The longest URL that is looked at.
pub(crate) const MAX_URL: usize = 8192;

/// A URL with an authority (`scheme://host…`).
///
/// Canonical form: scheme and host in lower case, the host in A-labels and without a trailing dot, an IPv6 host in the
/// form of RFC 5952, everything else as written: threat intelligence holds URLs as they were seen, so nothing else
/// (default ports, percent-encoding, a lone `/`) may change. For the same reason a URL without a scheme (`host/path`)
/// stays one.
///
/// ```
/// # #[cfg(feature = "idna")] {
/// use ioc_extract::Url;
/// let url = Url::parse("HTTP://München.DE:80/Path?Q=1")?;
/// assert_eq!(url.as_str(), "http://xn--mnchen-3ya.de:80/Path?Q=1");
/// assert_eq!(url.host(), "xn--mnchen-3ya.de");
/// # }
/// # Ok::<(), ioc_extract::Rejected>(())
/// ```
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct Url(Box<str>);

impl Url {
    /// Trims, makes canonical, validates.
    ///
    /// # Errors
    ///
    /// [`Rejected::Malformed`] where there is no host, or neither scheme nor path, [`Rejected::NoPublicSuffix`] where the host is a
    /// name outside the public DNS, [`Rejected::TooLong`] above 8,192 bytes.
    pub fn parse(text: &str) -> Result<Self, Rejected> {
        canonical(text.trim()).map(|url| Self(url.into()))
    }

    /// The canonical URL.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }

    /// The host: a name or an address, an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        host_of(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Where the parts of `scheme://userinfo@host:port/rest` lie.
pub(crate) struct Parts {
    /// Ends before `://`.
    pub(crate) scheme_end: usize,
    /// Without brackets.
    pub(crate) host: Range<usize>,
    /// Whether the host was in brackets.
    pub(crate) bracketed: bool,
    /// Where the path, query or fragment begins, or the end.
    pub(crate) rest: usize,
}

/// Splits a URL; only the form of the authority is checked.
pub(crate) fn split(url: &[u8]) -> Result<Parts, Rejected> {
    let scheme_end = url.iter().take(32).position(|b| *b == b':').ok_or(Rejected::Malformed)?;
    let scheme = &url[..scheme_end];
    let named = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if !named || !url[scheme_end..].starts_with(b"://") {
        return Err(Rejected::Malformed);
    }
    let authority = scheme_end + 3;
    let rest = url[authority..]
        .iter()
        .position(|b| matches!(b, b'/' | b'?' | b'#'))
        .map_or(url.len(), |i| authority + i);
    let mut start = authority;
    if let Some(at) = url[authority..rest].iter().rposition(|b| *b == b'@') {
        if url[authority..authority + at].contains(&b'@') {
            return Err(Rejected::Malformed);
        }
        start = authority + at + 1;
    }
    let (host, port, bracketed) = if url.get(start) == Some(&b'[') {
        let close = url[start..rest].iter().position(|b| *b == b']').ok_or(Rejected::Malformed)? + start;
        (start + 1..close, close + 1, true)
    } else {
        let colon = url[start..rest].iter().position(|b| *b == b':').map_or(rest, |i| start + i);
        (start..colon, colon, false)
    };
    let port_ok = match &url[port..rest] {
        [] | [b':'] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if host.is_empty() || !port_ok {
        return Err(Rejected::Malformed);
    }
    Ok(Parts { scheme_end, host, bracketed, rest })
}

/// The host of a canonical URL.
pub(crate) fn host_of(url: &str) -> Option<&str> {
    match split(url.as_bytes()) {
        Ok(parts) => url.get(parts.host),
        Err(_) => url.split(['/', ':']).next(),
    }
}

/// The canonical form of a URL without a scheme: `host/path`.
fn schemeless(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let slash = text.find('/').filter(|i| *i > 0 && i + 1 < text.len()).ok_or(Rejected::Malformed)?;
    let with = format!("http://{text}");
    let url = canonical(&with)?;
    let host = url.len() - "http://".len() - (text.len() - slash);
    let url = &url["http://".len()..];
    Ok(if url == text {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("{}{}", &url[..host], &text[slash..]))
    })
}

/// The canonical form of a whole URL.
pub(crate) fn canonical(text: &str) -> Result<Cow<'_, str>, Rejected> {
    if text.len() > MAX_URL {
        return Err(Rejected::TooLong);
    }
    let parts = match split(text.as_bytes()) {
        Ok(parts) => parts,
        Err(_) if !text.contains("://") => return schemeless(text),
        Err(reason) => return Err(reason),
    };
    let written = text.get(parts.host.clone()).ok_or(Rejected::Malformed)?;
    let host: Cow<'_, str> = if parts.bracketed {
        let address = written.split('%').next().unwrap_or(written);
        let ip = ip::v6(address.as_bytes()).ok_or(Rejected::Malformed)?;
        Cow::Owned(ip.to_string())
    } else if ip::v4(written.as_bytes()).is_some() {
        Cow::Borrowed(written)
    } else if let Some(ip) = ip::v4_integer(written.as_bytes()) {
        Cow::Owned(ip.to_string())
    } else {
        let name = domain::host(written.strip_suffix('.').unwrap_or(written))?;
        domain::public(name.as_bytes())?;
        name
    };
    if text.bytes().any(|b| b <= b' ' || b == 0x7f) {
        return Err(Rejected::Malformed);
    }
    let scheme = &text[..parts.scheme_end];
    if host == written && !scheme.bytes().any(|b| b.is_ascii_uppercase()) {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&scheme.to_ascii_lowercase());
    out.push_str(&text[parts.scheme_end..parts.host.start]);
    out.push_str(&host);
    out.push_str(&text[parts.host.end..]);
    Ok(Cow::Owned(out))
}

/// The end of the URL whose authority begins at `from`, by the rules of running text.
///
/// A URL ends before white space, controls, `<`, `>`, `"`, `` ` ``, `|`, `^`, backslash, typographic quotes and an
/// unbalanced closing bracket; punctuation at its end is not part of it. `quote` is the bracket or quotation mark that
/// stands before the URL, if any: a quotation mark ends it as well.
pub(crate) fn end(bytes: &[u8], from: usize, quote: Option<u8>) -> usize {
    // Right after an opening bracket, the closing one ends the URL; else only where no word goes on behind it.
    let enclosed = matches!(quote, Some(b'(' | b'[' | b'{' | b'<' | b'\'' | b'"' | b'`'));
    let limit = bytes.len().min(from + MAX_URL);
    let mut at = from;
    let (mut round, mut square, mut curly, mut single) = (0u32, 0u32, 0u32, 0u32);
    while at < limit {
        match bytes[at] {
            0..=b' ' | 0x7f | b'<' | b'>' | b'"' | b'|' | b'^' | b'\\' => break,
            b'`' if enclosed
                || !bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric)
                || bytes[at + 1..limit].iter().take_while(|b| **b > b' ').any(|b| *b == b'`') =>
            {
                break;
            }
            b'\'' if quote == Some(b'\'') => break,
            b'(' => round += 1,
            b'[' => square += 1,
            b'{' => curly += 1,
            b')' | b']' | b'}' => {
                let open = match bytes[at] {
                    b')' => &mut round,
                    b']' => &mut square,
                    _ => &mut curly,
                };
                let goes_on = !enclosed && bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric);
                if *open == 0 && !goes_on {
                    break;
                }
                *open = open.saturating_sub(1);
            }
            b'\'' => single += 1,
            b'&' if ends_by_entity(&bytes[at..limit]) => break,
            0xc2 if matches!(bytes.get(at + 1), Some(0x80..=0xa0 | 0xab | 0xbb)) => break,
            0xe2 if is_general_punctuation(&bytes[at..limit]) => break,
            0xe3 if matches!(bytes.get(at + 1..at + 3), Some([0x80, 0x80..=0x91])) => break,
            0xef if matches!(bytes.get(at + 1..at + 3), Some([0xbc, 0x88 | 0x89 | 0x8c | 0x9c | 0x9e])) => {
                break;
            }
            _ => {}
        }
        at += 1;
    }
    while at > from {
        match bytes[at - 1] {
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b'*' | b'~' => {}
            b'(' | b'[' | b'{' => {}
            b'\'' if single % 2 == 1 => single -= 1,
            _ => break,
        }
        at -= 1;
    }
    at
}

/// `&quot;`, `&lt;`, `&gt;`, `&apos;` and their numbers: the delimiters of the mark-up around the URL.
fn ends_by_entity(at: &[u8]) -> bool {
    [
        &b"&quot;"[..],
        b"&lt;",
        b"&gt;",
        b"&apos;",
        b"&#34;",
        b"&#39;",
        b"&#x22;",
        b"&#x27;",
        b"&#60;",
        b"&#62;",
    ]
    .iter()
    .any(|entity| at.len() >= entity.len() && at[..entity.len()].eq_ignore_ascii_case(entity))
}

/// U+2010 to U+2027 and U+2030 to U+203A but the characters that domain names may hide behind: dashes, typographic
/// quotes, the ellipsis; also the separators U+2000 to U+200A, U+2028 and U+2029.
fn is_general_punctuation(at: &[u8]) -> bool {
    matches!(at.get(1..3), Some([0x80, 0x80..=0x8a | 0x93..=0xaa | 0xb0..=0xba]))
}
