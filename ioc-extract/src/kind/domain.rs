//! Domain names.

use std::{borrow::Cow, fmt};

use psl::{Psl as _, Type};

use super::lower;
use crate::{
    error::Rejected,
    special::{is_reserved, reserved_name},
};

/// The longest name in its text form, without the trailing dot.
pub(crate) const MAX_NAME: usize = 253;
/// A name of the most characters that can still become [`MAX_NAME`] bytes; bounds the work of IDNA.
const MAX_UNICODE_NAME: usize = 1024;

/// A name below a public suffix.
///
/// Canonical form: lower case, A-labels (`xn--…`), no trailing dot, no leading `*.`. Labels may begin with or contain
/// an underscore (`_dmarc.evil-c2.com`), since DNS logs hold such names. The last label must be a top-level domain of
/// the public DNS by the ICANN section of the public suffix list, or reserved for documentation (`.example`,
/// `.invalid`, `.test`).
///
/// ```
/// # #[cfg(feature = "idna")] {
/// use ioc_extract::DomainName;
/// let name = DomainName::parse("*.WWW.Пример.рф.")?;
/// assert_eq!(name.as_str(), "www.xn--e1afmkfd.xn--p1ai");
/// assert_eq!(name.registrable(), Some("xn--e1afmkfd.xn--p1ai"));
/// # }
/// # Ok::<(), ioc_extract::Rejected>(())
/// ```
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct DomainName(Box<str>);

impl DomainName {
    /// Trims, makes canonical, validates.
    ///
    /// # Errors
    ///
    /// [`Rejected::NoPublicSuffix`], [`Rejected::PublicSuffix`], [`Rejected::TooLong`] or [`Rejected::Malformed`].
    pub fn parse(text: &str) -> Result<Self, Rejected> {
        canonical(text.trim()).map(|name| Self(name.into()))
    }

    /// The canonical name.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }

    /// The part that somebody registered: the public suffix (private section included) and one label. `None` for a
    /// name that is such a suffix, and for reserved top-level domains.
    #[must_use]
    pub fn registrable(&self) -> Option<&str> {
        let domain = psl::List.domain(self.0.as_bytes()).filter(|d| d.suffix().is_known())?;
        std::str::from_utf8(domain.as_bytes()).ok()
    }

    /// Whether the name is reserved for documentation or tests, as `example.com` is.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        reserved_name(&self.0)
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The canonical form of a whole name.
pub(crate) fn canonical(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let text = text.strip_suffix(['.', '。', '．']).unwrap_or(text);
    let text = text.strip_prefix("*.").unwrap_or(text);
    let name = host(text)?;
    public(name.as_bytes())?;
    Ok(name)
}

/// Any DNS name in lower case and A-labels, whatever its top-level domain.
pub(crate) fn host(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let name = if text.is_ascii() {
        lower(text)
    } else {
        if text.len() > MAX_UNICODE_NAME {
            return Err(Rejected::TooLong);
        }
        Cow::Owned(to_ascii(text)?)
    };
    labels(name.as_bytes())?;
    Ok(name)
}

/// The A-labels of an internationalised name.
#[cfg(feature = "idna")]
fn to_ascii(text: &str) -> Result<String, Rejected> {
    use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

    Uts46::new()
        .to_ascii(text.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore)
        .map(Cow::into_owned)
        .map_err(|_| Rejected::Malformed)
}

/// Without the feature `idna` a name outside ASCII is none.
#[cfg(not(feature = "idna"))]
const fn to_ascii(_: &str) -> Result<String, Rejected> {
    Err(Rejected::Malformed)
}

/// The form of an ASCII name: labels of 1 to 63 letters, digits, hyphens and underscores, none of which begins or ends
/// with a hyphen; 253 bytes in all.
pub(crate) fn labels(name: &[u8]) -> Result<(), Rejected> {
    if name.len() > MAX_NAME {
        return Err(Rejected::TooLong);
    }
    let mut start = 0;
    for (i, b) in name.iter().chain(b".").enumerate() {
        match b {
            b'.' => {
                let label = &name[start..i];
                if label.len() > 63 {
                    return Err(Rejected::TooLong);
                }
                if label.is_empty() || label[0] == b'-' || label[label.len() - 1] == b'-' {
                    return Err(Rejected::Malformed);
                }
                start = i + 1;
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => {}
            _ => return Err(Rejected::Malformed),
        }
    }
    Ok(())
}

/// Whether an ASCII name in lower case lies below a public top-level domain.
pub(crate) fn public(name: &[u8]) -> Result<(), Rejected> {
    let tld = name.rsplit(|b| *b == b'.').next().unwrap_or(name);
    // No top-level domain has fewer than two characters or begins with anything but a letter.
    if tld.len() == name.len() || tld.len() < 2 || !tld[0].is_ascii_lowercase() {
        return Err(Rejected::NoPublicSuffix);
    }
    let Some(suffix) = psl::List.suffix(name).filter(|suffix| suffix.is_known()) else {
        return if is_reserved(tld) { Ok(()) } else { Err(Rejected::NoPublicSuffix) };
    };
    // The private section (`github.io`) names what somebody owns.
    let suffix = if suffix.typ() == Some(Type::Icann) { suffix.as_bytes().len() } else { tld.len() };
    let Some(rest) = name.len().checked_sub(suffix + 1) else { return Err(Rejected::PublicSuffix) };
    // Registries take letters, digits and hyphens only; underscores are for the labels below.
    let label = name[..rest].rsplit(|b| *b == b'.').next().unwrap_or_default();
    if label.contains(&b'_') { Err(Rejected::Malformed) } else { Ok(()) }
}

/// Whether a lower-case label is a top-level domain of the public DNS.
pub(crate) fn is_tld(label: &[u8]) -> bool {
    psl::List.suffix(label).is_some_and(|suffix| suffix.is_known() && suffix.typ() == Some(Type::Icann))
}
