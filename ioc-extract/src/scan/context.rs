//! What stands around a word, and what it says about the word.
//!
//! Whether four numbers are an address or a version, and whether `a.b` is a host, a file or a member in a program, is
//! not in the word itself. These rules read the bytes next to it and the label before it, within fixed bounds.

use super::{
    Scanner,
    words::{HOST, Labels, PROFILE, VERSION, is_code_word, is_file_extension, is_known_host, is_member},
};
use crate::error::Rejected;

/// How far a label may be from its value.
const REACH: usize = 40;

impl<'t> Scanner<'t> {
    /// The text before `at` that may name the value there: at most 40 bytes, without the punctuation between.
    pub(super) fn label(&self, at: usize) -> &'t [u8] {
        let from = at.saturating_sub(REACH);
        let mut to = at;
        while to > from {
            match self.bytes[to - 1] {
                b' ' | b'\t' | b'\r' | b'\n' | b':' | b'=' | b'"' | b'\'' | b'-' | b'(' | b'[' | b'\\'
                | b'>' | b'|' => to -= 1,
                _ => break,
            }
        }
        &self.bytes[from..to]
    }

    /// Whether a label ends in one of these words, whatever the case. A word that begins with a blank must not be the
    /// end of a longer one.
    pub(super) fn label_is(label: &[u8], labels: &Labels) -> bool {
        let Some(last) = label.last().map(u8::to_ascii_lowercase) else { return false };
        labels.may_end_in(last)
            && labels.words.iter().any(|word| {
                let word = word.as_bytes();
                if word[word.len() - 1] != last {
                    return false;
                }
                let (whole, word) = word.strip_prefix(b" ").map_or((false, word), |word| (true, word));
                let Some(split) = label.len().checked_sub(word.len()) else { return false };
                label[split..].eq_ignore_ascii_case(word)
                    && (!whole || split == 0 || !label[split - 1].is_ascii_alphanumeric())
            })
    }

    /// Why four numbers from `start` to `end` are no address.
    pub(super) fn is_version(&self, start: usize, end: usize) -> Option<Rejected> {
        // A port or prefix length, or what firewalls write in brackets, says that it is one.
        let after = (self.byte(end), self.byte(end + 1).is_ascii_digit());
        if matches!(after, (b':' | b'/', true) | (b'(', _)) {
            return None;
        }
        let product = self.before(start) == b'/' && Self::is_word(self.before(start - 1));
        let mask = product && self.before(start - 1).is_ascii_digit() && {
            let from = start.saturating_sub(16);
            let word = self.bytes[from..start - 1]
                .iter()
                .rev()
                .take_while(|b| b.is_ascii_digit() || **b == b'.')
                .count();
            crate::kind::ip::v4(&self.bytes[start - 1 - word..start - 1]).is_some()
        };
        if (product && !mask) || Self::label_is(self.label(start), &VERSION) {
            return Some(Rejected::LooksLikeVersion);
        }
        None
    }

    /// Why the name from `start` to `end`, which lies below a public suffix, is none of a host.
    pub(super) fn is_no_host(&self, start: usize, end: usize) -> Option<Rejected> {
        if self.is_refanged() {
            // Nobody defangs a file name.
            return None;
        }
        let name = &self.bytes[start..end];
        let dot = name.iter().rposition(|b| *b == b'.').unwrap_or(0);
        let (rest, tld) = (&name[..dot], name.get(dot + 1..).unwrap_or_default());
        let (before, after) = (self.before(start), self.byte(end));
        let common = [&b"com"[..], b"net", b"org", b"gov", b"edu", b"mil", b"arpa"]
            .iter()
            .any(|t| t.eq_ignore_ascii_case(tld));
        let mut strong = false;
        match before {
            // `logs/host.com`, `/var/www/host.com/`: directories named after hosts.
            b'/' if self.before(start - 1) == b'/' => strong = true,
            b'/' if common && Self::is_word(self.before(start - 1)) && self.before(start - 1) != b'.' => {}
            b'/' => return Some(Rejected::PartOfPath),
            b'\\' if self.is_share(start) => strong = true,
            b'\\' => return Some(Rejected::PartOfPath),
            b'@' => strong = true,
            b'$' => return Some(Rejected::LooksLikeCode),
            _ => {}
        }
        match after {
            b'(' | b'[' if !self.byte(end + 1).is_ascii_digit() => return Some(Rejected::LooksLikeCode),
            b'=' => return Some(Rejected::LooksLikeCode),
            b':' if self.byte(end + 1).is_ascii_digit() => strong = true,
            b'/' if !is_file_extension(tld) => strong = true,
            _ => {}
        }
        if odd_case(rest, tld) && !common {
            return Some(Rejected::LooksLikeCode);
        }
        if tld.eq_ignore_ascii_case(b"net") && odd_case(rest, tld) {
            return Some(Rejected::LooksLikeCode);
        }
        if strong || common && !rest.eq_ignore_ascii_case(b"system") {
            return reverse_name(rest, tld).then_some(Rejected::LooksLikeCode);
        }
        if Self::label_is(self.label(start), &PROFILE) {
            return Some(Rejected::LooksLikeCode);
        }
        let two_labels = !rest.contains(&b'.');
        let first = rest.split(|b| *b == b'.').next().unwrap_or(rest);
        let member = is_member(tld) && (is_code_word(first) || (two_labels && first.len() == 1));
        if member || (two_labels && is_code_word(first)) || reverse_name(rest, tld) {
            let named = Self::label_is(self.label(start), &HOST);
            return (!named).then_some(Rejected::LooksLikeCode);
        }
        if two_labels
            && is_file_extension(tld)
            && !is_known_host(name)
            && !Self::label_is(self.label(start), &HOST)
        {
            return Some(Rejected::LooksLikeFileName);
        }
        None
    }

    /// Whether the name at `start` is the host of a share: two backslashes before it (four in a string literal), and no
    /// path before those.
    fn is_share(&self, start: usize) -> bool {
        let slashes = self.bytes[..start].iter().rev().take(9).take_while(|b| **b == b'\\').count();
        let before = self.before(start - slashes);
        matches!(slashes, 2 | 4) && !Self::is_word(before) && !matches!(before, b':' | b'%' | b'$' | b'}')
    }
}

/// `Microsoft.NET`, `CharSet.Auto`, `freepbx.INFO`: the case of the last label differs from that of the others in a way
/// that hosts are not written in.
fn odd_case(rest: &[u8], tld: &[u8]) -> bool {
    let upper = tld.iter().any(u8::is_ascii_uppercase);
    let lower = tld.iter().any(u8::is_ascii_lowercase);
    upper && (lower || rest.iter().any(u8::is_ascii_lowercase))
}

/// `com.apple.news`, `org.apache.commons.io`, `java.util.zip`: packages are named after a domain, backwards.
fn reverse_name(rest: &[u8], tld: &[u8]) -> bool {
    let mut labels = rest.split(|b| *b == b'.');
    let first = labels.next().unwrap_or_default();
    let more = labels.next().is_some();
    let root = [
        &b"com"[..],
        b"org",
        b"net",
        b"io",
        b"java",
        b"javax",
        b"sun",
        b"android",
        b"jdk",
        b"kotlin",
        b"scala",
    ]
    .iter()
    .any(|root| first.eq_ignore_ascii_case(root));
    root && more && !matches!(tld, b"com" | b"net" | b"org")
}
