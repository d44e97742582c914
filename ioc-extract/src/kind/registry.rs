//! Windows registry keys.

use std::{borrow::Cow, fmt};

use crate::error::Rejected;

/// The longest path of a key that is looked at: the registry allows 512 levels, but no tool writes so many.
pub(crate) const MAX_KEY: usize = 2048;

/// Spelling of a hive, and its long name. Prefixes of others come after them.
const HIVES: &[(&str, &str)] = &[
    ("HKEY_LOCAL_MACHINE", "HKEY_LOCAL_MACHINE"),
    ("HKEY_CURRENT_USER_LOCAL_SETTINGS", "HKEY_CURRENT_USER_LOCAL_SETTINGS"),
    ("HKEY_CURRENT_USER", "HKEY_CURRENT_USER"),
    ("HKEY_CLASSES_ROOT", "HKEY_CLASSES_ROOT"),
    ("HKEY_CURRENT_CONFIG", "HKEY_CURRENT_CONFIG"),
    ("HKEY_PERFORMANCE_DATA", "HKEY_PERFORMANCE_DATA"),
    ("HKEY_USERS", "HKEY_USERS"),
    ("HKEY_USER", "HKEY_USERS"),
    ("HKLM", "HKEY_LOCAL_MACHINE"),
    ("HKCU", "HKEY_CURRENT_USER"),
    ("HKCR", "HKEY_CLASSES_ROOT"),
    ("HKCC", "HKEY_CURRENT_CONFIG"),
    ("HKU", "HKEY_USERS"),
];

/// The hives as the kernel names them.
const NATIVE: &[(&str, &str)] =
    &[("\\REGISTRY\\MACHINE", "HKEY_LOCAL_MACHINE"), ("\\REGISTRY\\USER", "HKEY_USERS")];

/// A key below a hive.
///
/// Canonical form: the hive's long name in upper case, single backslashes, none at the end; the rest as written
/// (the registry ignores case, so compare keys without it).
///
/// ```
/// use ioc_extract::RegistryKey;
/// let key = RegistryKey::parse(r"HKLM\Software\Evil\")?;
/// assert_eq!(key.as_str(), r"HKEY_LOCAL_MACHINE\Software\Evil");
/// assert_eq!(RegistryKey::parse(r"\REGISTRY\MACHINE\Software\Evil")?, key);
/// # Ok::<(), ioc_extract::Rejected>(())
/// ```
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct RegistryKey(Box<str>);

impl RegistryKey {
    /// Trims, makes canonical, validates.
    ///
    /// # Errors
    ///
    /// [`Rejected::Malformed`] where no known hive begins the text or no key follows it.
    pub fn parse(text: &str) -> Result<Self, Rejected> {
        canonical(text.trim()).map(|key| Self(key.into()))
    }

    /// The canonical key.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RegistryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The long name of the hive that `text` begins with, and how many bytes spell it, the punctuation around it
/// (`<HKLM>`, `HKLM:`) included. The next byte is then a backslash.
pub(crate) fn hive(text: &[u8]) -> Option<(&'static str, usize)> {
    let (inner, open) = match text {
        [b'<', rest @ ..] => (rest, 1),
        _ => (text, 0),
    };
    if !matches!(inner, [b'H' | b'h', b'K' | b'k', ..] | [b'\\', b'R' | b'r', ..]) {
        return None;
    }
    // What logs are full of is told by four bytes.
    if let [_, _, a, b, b'\\', ..] = inner
        && open == 0
    {
        let name = match (a.to_ascii_lowercase(), b.to_ascii_lowercase()) {
            (b'l', b'm') => Some("HKEY_LOCAL_MACHINE"),
            (b'c', b'u') => Some("HKEY_CURRENT_USER"),
            (b'c', b'r') => Some("HKEY_CLASSES_ROOT"),
            (b'c', b'c') => Some("HKEY_CURRENT_CONFIG"),
            _ => None,
        };
        if let Some(name) = name.filter(|_| inner[0] != b'\\') {
            return Some((name, 4));
        }
    }
    let native = inner.first() == Some(&b'\\');
    let table = if native { NATIVE } else { HIVES };
    // The length of the name rules out nearly all spellings.
    let ends = |b: &u8| matches!(b, b'\\' | b':' | b'>');
    let inner = &inner[..inner.len().min(34)];
    let len = if native {
        inner.iter().enumerate().filter(|(_, b)| ends(b)).nth(2)?.0
    } else {
        inner.iter().position(ends)?
    };
    let (_, name) = table.iter().find(|(spelling, _)| {
        spelling.len() == len && inner[..len].eq_ignore_ascii_case(spelling.as_bytes())
    })?;
    let mut len = open + len;
    if (text[len] == b'>' && open == 1) || text[len] == b':' {
        len += 1;
    }
    (text.get(len) == Some(&b'\\')).then_some((*name, len))
}

/// The canonical form of a whole key.
pub(crate) fn canonical(text: &str) -> Result<Cow<'_, str>, Rejected> {
    if text.len() > MAX_KEY {
        return Err(Rejected::TooLong);
    }
    let (name, len) = hive(text.as_bytes()).ok_or(Rejected::Malformed)?;
    below(text, name, len)
}

/// The canonical form of the whole key `text`, the first `len` bytes of which spell the hive `name`.
pub(crate) fn below<'t>(text: &'t str, name: &str, len: usize) -> Result<Cow<'t, str>, Rejected> {
    let path = text.get(len..).ok_or(Rejected::Malformed)?.as_bytes();
    let end = path.iter().rposition(|b| *b != b'\\').ok_or(Rejected::Malformed)? + 1;
    if path.iter().fold(false, |any, b| any | (*b < b' ')) {
        return Err(Rejected::Malformed);
    }
    let mut pairs = path[..end].iter().zip(&path[1..]);
    let doubled = pairs.any(|(a, b)| *a == b'\\' && *b == b'\\');
    if !doubled && end == path.len() && text.starts_with(name) && len == name.len() {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(name.len() + end);
    out.push_str(name);
    if doubled {
        for component in text[len..len + end].split('\\').filter(|c| !c.is_empty()) {
            out.push('\\');
            out.push_str(component);
        }
    } else {
        out.push_str(&text[len..len + end]);
    }
    Ok(Cow::Owned(out))
}
