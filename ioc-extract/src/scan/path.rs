//! Backslashes and slashes: registry keys, Windows paths, shares, pipes, POSIX paths.

use std::borrow::Cow;

use super::Scanner;
use crate::{
    ioc::Kind,
    kind::{path, registry},
};

/// Bytes that end a path, or may.
static PATH_SIGN: [bool; 256] = {
    let mut table = [false; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = matches!(
            i as u8,
            0..=b' ' | 0x7f | b'"' | b'|' | b'*' | b'?' | b';' | b',' | b'\'' | b'<' | b'>' | b':'
        );
        i += 1;
    }
    table
};

impl Scanner<'_> {
    /// The end of a path or key whose components may hold blanks. `keys`: registry keys, whose last component may.
    fn path_end(&self, from: usize, quote: u8, max: usize) -> usize {
        let limit = self.bytes.len().min(from + max);
        let mut at = from;
        while at < limit {
            let b = self.bytes[at];
            if !PATH_SIGN[usize::from(b)] {
                at += 1;
                continue;
            }
            match b {
                0..=0x1f | 0x7f | b'"' | b'|' | b'*' | b'?' | b';' | b',' => break,
                b'\'' if quote == b'\'' => break,
                b'<' => match self.placeholder(at) {
                    Some(end) => at = end,
                    None => break,
                },
                b'>' | b':' => break,
                b' ' if quote != b'"' && quote != b'\'' && !self.goes_on(at, limit) => break,
                _ => at += 1,
            }
        }
        at
    }

    /// The end of `<username>` and the like at `at`.
    fn placeholder(&self, at: usize) -> Option<usize> {
        let name = self.bytes[at + 1..]
            .iter()
            .take(24)
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'_' | b'-'))
            .count();
        let end = at + 1 + name;
        (name > 0 && self.byte(end) == b'>' && self.byte(end + 1) == b'\\').then_some(end + 1)
    }

    /// Whether a path goes on after the blank at `at`: another backslash follows before anything that ends a path.
    fn goes_on(&self, at: usize, limit: usize) -> bool {
        let rest = &self.bytes[at + 1..];
        if matches!(rest, [b' ' | b'-' | b'/', ..]) || registry::hive(rest).is_some() {
            return false;
        }
        for i in at + 1..limit.min(at + 48) {
            match self.bytes[i] {
                b'\\' => return !(self.bytes[i - 1] == b' ' && self.byte(i + 1) == b'\\'),
                b':'
                | b'"'
                | b'\''
                | b'<'
                | b'>'
                | b'|'
                | b'*'
                | b'?'
                | b','
                | b';'
                | b'/'
                | b'='
                | 0..=0x1f => return false,
                _ => {}
            }
        }
        false
    }

    /// The end of a key whose last component has a blank in it at `end`: it is one of those that every Windows has, or
    /// nothing else stands on the line.
    fn last_component(&self, from: usize, end: usize) -> usize {
        let component =
            self.bytes[from..end].iter().rposition(|b| *b == b'\\').map_or(from, |i| from + i + 1);
        let rest = &self.bytes[component..];
        let known: &[&str] = match rest.first().map(u8::to_ascii_lowercase) {
            Some(b'a') => &["Active Setup", "Authentication Packages"],
            Some(b'b') => &["Browser Helper Objects"],
            Some(b'c') => &["Control Panel"],
            Some(b'i') => &[
                "Image File Execution Options",
                "Installed Components",
                "Internet Explorer",
                "Internet Settings",
            ],
            Some(b'r') => &["Run Services"],
            Some(b's') => &["Security Packages", "Session Manager", "Shell Folders"],
            Some(b't') => &["Terminal Server Client", "Terminal Server"],
            Some(b'u') => &["User Shell Folders"],
            Some(b'w') => {
                &["Windows Defender", "Windows NT", "Windows Error Reporting", "Windows Script Host"]
            }
            _ => &[],
        };
        if let Some(name) = known.iter().find(|name| {
            rest.get(..name.len()).is_some_and(|s| s.eq_ignore_ascii_case(name.as_bytes()))
                && rest.get(name.len()).is_none_or(|b| !Self::is_word(*b))
        }) {
            return component + name.len();
        }
        // Up to four words with capitals, to the end of the line.
        let (mut words, mut last, mut before) = (0, component, b' ');
        for (i, b) in rest.iter().enumerate().take(64) {
            match b {
                b'\r' | b'\n' => return last,
                b' ' => {}
                _ if !b.is_ascii_alphanumeric()
                    || (before == b' ' && (words == 4 || b.is_ascii_lowercase())) =>
                {
                    return end;
                }
                _ => {
                    words += usize::from(before == b' ');
                    last = component + i + 1;
                }
            }
            before = *b;
        }
        if rest.len() <= 64 { last } else { end }
    }

    /// A word that may be a hive, with a backslash, `:` or `>` after it.
    pub(super) fn registry(&mut self, word: usize, end: usize) -> Option<usize> {
        if !matches!(self.byte(word), b'H' | b'h') || end - word > 40 {
            return None;
        }
        self.hive(word)
    }

    /// A registry key whose hive begins at `start`.
    pub(super) fn hive(&mut self, start: usize) -> Option<usize> {
        if !self.wants(Kind::RegistryKey) {
            return None;
        }
        let (name, len) = registry::hive(&self.bytes[start..])?;
        let mut end = self.path_end(start + len, self.before(start), registry::MAX_KEY);
        let another = matches!((self.byte(end + 1), self.byte(end + 2)), (b'H' | b'h', b'K' | b'k'));
        if self.byte(end) == b' ' && !another {
            end = self.last_component(start + len, end);
        }
        while end > start && matches!(self.bytes[end - 1], b'.' | b' ' | b')' | b'\\' | b']' | b'\'') {
            end -= 1;
        }
        let value = registry::below(self.text(start..end), name, len).ok()?;
        self.found(Kind::RegistryKey, start..end, value);
        Some(end)
    }

    /// `X:\…`, the drive being at `start`.
    pub(super) fn windows_path(&mut self, start: usize) -> Option<usize> {
        if start > 0 && Self::is_word(self.bytes[start - 1]) {
            return None;
        }
        self.file(start, start + 2)
    }

    fn file(&mut self, start: usize, from: usize) -> Option<usize> {
        let mut end = self.path_end(from, self.before(start), path::MAX_PATH);
        while end > start && matches!(self.bytes[end - 1], b'.' | b' ' | b')' | b'\\' | b']' | b'\'') {
            end -= 1;
        }
        let value = path::canonical(self.text(start..end)).ok()?;
        self.found(Kind::FilePath, start..end, value);
        self.base_name(start, end);
        Some(from)
    }

    /// A backslash outside of a word.
    pub(super) fn backslash(&mut self, at: usize) -> Option<usize> {
        let before = self.before(at);
        if before == b'\\' || Self::is_word(before) {
            return None;
        }
        if self.bytes[at..].len() > 9 && self.bytes[at + 1..at + 9].eq_ignore_ascii_case(b"REGISTRY") {
            return self.hive(at);
        }
        // `C:\\Temp`: a path within a string literal, which was found by its drive.
        let drive = before == b':'
            && self.before(at - 1).is_ascii_alphabetic()
            && !Self::is_word(self.before(at - 2));
        if self.byte(at + 1) == b'\\' && !drive {
            return self.share(at);
        }
        None
    }

    /// `\\host\share\…`, `\\.\pipe\…`
    fn share(&mut self, at: usize) -> Option<usize> {
        let lead = self.bytes[at..].iter().take(4).take_while(|b| **b == b'\\').count();
        let host = at + lead;
        let first = self.bytes[host..].iter().take(256).position(|b| *b == b'\\')?;
        if first == 0 {
            return None;
        }
        // `\\?\UNC\host\share`, `\\?\C:\…`
        let long = &self.bytes[host..host + first] == b"?";
        let inner = if long { host + first + 1 } else { host };
        if long && self.byte(inner + 1) == b':' {
            return None;
        }
        let mut end = self.path_end(inner, self.before(at), path::MAX_PATH);
        while end > host && matches!(self.bytes[end - 1], b'.' | b' ' | b')' | b'\\' | b']' | b'\'') {
            end -= 1;
        }
        if end <= host + first {
            return None;
        }
        let text = self.text(at..end);
        if &self.bytes[host..host + first] == b"." {
            let value = path::named_pipe(text).ok()?;
            self.found(Kind::NamedPipe, at..end, value);
            return Some(end);
        }
        let value = path::canonical(text).ok()?;
        self.found(Kind::FilePath, at..end, value);
        let authority = if long {
            inner + self.bytes[inner..end].iter().position(|b| *b == b'\\').map_or(0, |i| i + 1)
        } else {
            host
        };
        let len = self.bytes[authority..end].iter().position(|b| matches!(b, b'\\' | b'@')).unwrap_or(0);
        self.host(authority..authority + len);
        self.base_name(at, end);
        Some(end)
    }

    /// The file that a path from `start` to `end` names, if it has an extension.
    fn base_name(&mut self, start: usize, end: usize) {
        if !self.wants(Kind::FileName) {
            return;
        }
        let text = self.text(start..end);
        let name = text.rfind(['\\', '/']).map_or(text, |i| &text[i + 1..]);
        if name.contains('.') {
            self.found(Kind::FileName, end - name.len()..end, Cow::Borrowed(name));
        }
    }

    /// A slash outside of a word: a POSIX path, in reports.
    pub(super) fn slash(&mut self, at: usize) -> Option<usize> {
        if !self.is_report() || Self::is_word(self.before(at)) || matches!(self.before(at), b'/' | b':') {
            return None;
        }
        const ROOTS: &[&str] = &[
            "bin/",
            "boot/",
            "dev/",
            "etc/",
            "home/",
            "lib/",
            "mnt/",
            "opt/",
            "proc/",
            "root/",
            "run/",
            "sbin/",
            "srv/",
            "sys/",
            "tmp/",
            "usr/",
            "var/",
            "Users/",
            "Library/",
            "Applications/",
            "private/",
            "System/",
            "Volumes/",
        ];
        let rest = &self.bytes[at + 1..];
        let rooted = ROOTS.iter().any(|root| rest.starts_with(root.as_bytes()));
        let stop = |b: &u8| {
            *b < b' '
                || matches!(
                    b,
                    b'"' | b'\''
                        | b'<'
                        | b'>'
                        | b','
                        | b';'
                        | b':'
                        | b'|'
                        | b'('
                        | b')'
                        | b'`'
                        | b'*'
                        | b'?'
                        | b'='
                        | b'&'
                )
        };
        let limit = rest.len().min(path::MAX_PATH);
        let mut len = 0;
        while len < limit && !stop(&rest[len]) {
            if rest[len] == b' ' {
                // Components of macOS paths hold blanks; a slash must follow within the next words.
                let next = rest[len + 1..limit].iter().take(32).position(|b| *b == b'/' || stop(b));
                let joins = next.is_some_and(|i| rest[len + 1 + i] == b'/' && i > 0 && rest[len + i] != b' ');
                let upper = rest.get(len + 1).is_some_and(u8::is_ascii_uppercase);
                if !joins || !upper {
                    break;
                }
            }
            len += 1;
        }
        let mut end = at + 1 + len;
        while end > at && matches!(self.bytes[end - 1], b'.' | b'/') {
            end -= 1;
        }
        let text = self.text(at..end);
        // Elsewhere than below a known root, a path is one if it is all there is.
        let alone = at == 0
            && end == self.bytes.len()
            && text.get(1..).is_some_and(|rest| rest.contains('/'))
            && text.rsplit('/').next().is_some_and(|n| n.contains('.'));
        if !rooted && !alone {
            return None;
        }
        let value = path::canonical(text).ok()?;
        self.found(Kind::FilePath, at..end, value);
        self.base_name(at, end);
        // Directories may be named after hosts.
        None
    }
}
