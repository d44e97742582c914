//! Regions with marks of defanging.

use std::borrow::Cow;

use super::{
    Scanner, Word,
    class::{DOT, HIGH},
};
use crate::{ioc::Kind, refang, rewrite::Rewritten};

impl Scanner<'_> {
    /// A word that may be the start of a defanged indicator. Returns where to read on if it was.
    pub(super) fn defanged(&mut self, word: Word) -> Option<usize> {
        if self.refanged {
            return None;
        }
        let Word { start, end, mask } = word;
        let report = self.is_report();
        let next = self.byte(end);
        if !report && mask & HIGH == 0 && !self.may_be_defanged(word) {
            return None;
        }
        if next == b',' {
            return self.commas(word);
        }
        let closing =
            mask & DOT != 0 && matches!(next, b']' | b')' | b'}' | b'>' | b'\\') && self.before(end) == b'.';
        let from = if closing { end - 1 } else { end };
        let marked = refang::mark(self.bytes, from, report).is_some();
        // The scheme may be written with marks, or in brackets.
        let open = matches!(self.before(start), b'[' | b'(' | b'{');
        let from = if open && matches!(next, b']' | b')' | b'}') { start - 1 } else { start };
        let plain = !report
            && next == b':'
            && matches!(&self.bytes[start..end], b"http" | b"https")
            && self.bytes[end..].starts_with(b"://")
            && (Self::is_word(self.byte(end + 3)) || self.byte(end + 3) == b'[');
        let scheme = match next {
            _ if plain => Some((end + 3 - from, "http", None)),
            b':' | b'[' | b'(' | b'{' | b'\\' | b'/' | b'*' | b'!' | b'@' | b'&' | b']' | b')' | b'}'
            | b' '
                if end - start <= 6 =>
            {
                refang::scheme(self.bytes, from, report).filter(|(len, ..)| from + len > end)
            }
            _ => None,
        };
        let glued = report
            && mask & super::class::UNDERSCORE != 0
            && self.bytes[start..end].windows(2).take(6).any(|w| w == b"__");
        let scheme = if glued { refang::scheme(self.bytes, start, true) } else { scheme };
        let hidden = mask & HIGH != 0 && self.hidden(start, end);
        let url = match scheme {
            Some((_, _, Some(_))) => true,
            Some((len, _, None)) if from + len >= self.marks_end => self.authority_marked(from + len),
            Some((_, _, None)) => false,
            None => false,
        };
        // `bob@evil[.]com`: the mark stands after the host.
        let host = if next == b'@' { self.word_at(end + 1).end } else { end };
        let marked = marked || (host > end + 1 && refang::mark(self.bytes, host, report).is_some());
        if !(url || hidden || marked && scheme.is_none()) {
            return None;
        }
        let mut start = if scheme.is_some() { from } else { self.name_start(start, end, mask) };
        // What stands before an `@` belongs to an address.
        while scheme.is_none() && start > self.floor() && end - start < 64 && self.bytes[start - 1] == b'+' {
            let word = self.bytes[self.floor()..start - 1]
                .iter()
                .rev()
                .take(64)
                .take_while(|b| Self::is_word(**b))
                .count();
            start -= word + 1;
        }
        // `2001:470[:]1…`
        if self.before(start) == b':' && scheme.is_none() {
            let from = self.floor().max(start.saturating_sub(40)).min(start);
            let run = self.bytes[from..start]
                .iter()
                .rev()
                .take_while(|b| b.is_ascii_hexdigit() || **b == b':')
                .count();
            let free = start == from + run || !Self::is_word(self.before(start - run));
            if free && self.bytes[start..end].iter().all(u8::is_ascii_hexdigit) {
                start -= run;
            }
        }
        let region = refang::refang(self.bytes, start, report);
        if !region.changed() || region.end <= end && !hidden && !region.is_url {
            return None;
        }
        self.region(&region);
        Some(region.end.max(word.end))
    }

    /// `45,77,12,9`: an address with commas for dots, in a report.
    fn commas(&mut self, word: Word) -> Option<usize> {
        if !self.is_report()
            || word.end - word.start > 3
            || matches!(self.before(word.start), b',' | b'.' | b'$')
        {
            return None;
        }
        let run = self.bytes[word.start..]
            .iter()
            .take(17)
            .take_while(|b| b.is_ascii_digit() || **b == b',')
            .count();
        let end = word.start + run;
        let text = self.text(word.start..end).replace(',', ".");
        crate::kind::ip::v4(text.as_bytes())?;
        if Self::is_word(self.byte(end)) {
            return None;
        }
        let via = Self::plain_or(Some(crate::extractor::Decoding::Defang));
        self.found_via(Kind::Ipv4Addr, word.start..end, Cow::Owned(text), via);
        Some(end)
    }

    /// Where the name at the end of a word begins: past leading dots, and past what can be in no name.
    fn name_start(&self, start: usize, end: usize, mask: u8) -> usize {
        let mut from = start;
        if mask & HIGH != 0 {
            let text = self.text(start..end);
            let other = |c: char| !c.is_ascii() && !refang::is_name_char(c);
            if let Some((i, c)) = text
                .char_indices()
                .rev()
                .find(|(_, c)| other(*c) && !matches!(c, '。' | '．' | '｡') && !invisible(*c))
            {
                from = start + i + c.len_utf8();
            }
        }
        while from < end && matches!(self.bytes[from], b'.' | b'-') {
            from += 1;
        }
        from
    }

    /// Whether a word has characters in it that hide or replace those of a name.
    fn hidden(&self, start: usize, end: usize) -> bool {
        (start..end).any(|i| {
            self.bytes[i] >= 0x80
                && (refang::invisible(self.bytes, i).is_some()
                    || (i > start
                        && matches!(self.bytes[i], 0xe3 | 0xef)
                        && refang::mark(self.bytes, i, false).is_some()))
        })
    }

    /// Whether the authority that begins at `from` has a mark in it or after it.
    fn authority_marked(&mut self, from: usize) -> bool {
        let report = self.is_report();
        let bytes = self.bytes;
        let rest = &bytes[from.min(bytes.len())..];
        for (i, b) in rest.iter().take(512).enumerate() {
            self.marks_end = from + i;
            match b {
                b'/' | b'?' | b'#' => {
                    // In the path only what is in square brackets counts.
                    let path = &rest[i..rest.len().min(i + 1024)];
                    let end = path.iter().position(|b| *b <= b' ' || *b == b'"').unwrap_or(path.len());
                    self.marks_end = from + i + end;
                    return memchr::memmem::find(&path[..end], b"[.]").is_some()
                        || memchr::memmem::find(&path[..end], b"[/]").is_some()
                        || memchr::memmem::find(&path[..end], b"[dot]").is_some();
                }
                b' ' if report
                    && rest.get(i + 1) == Some(&b'/')
                    && rest.get(i + 2).is_some_and(u8::is_ascii_alphanumeric) =>
                {
                    return i > 0;
                }
                b'\\' if rest.get(i + 1) == Some(&b'/') && i > 0 => return true,
                b if i > 0 && !b.is_ascii_alphanumeric() && refang::mark(rest, i, report).is_some() => {
                    return true;
                }
                0xc2.. if refang::invisible(rest, i).is_some() => return true,
                0..=b' ' | b'"' | b'\'' | b'<' | b'>' => return false,
                _ => {}
            }
        }
        false
    }

    /// Scans a refanged region.
    fn region(&mut self, region: &Rewritten) {
        let mut config = self.config;
        config.limits.depth = 0;
        let mut inner = Scanner::within(&region.text, config, 0, self.budget);
        inner.refanged = true;
        let (hits, _) = inner.run();
        let report = self.is_report();
        for hit in hits {
            let (start, end) = (hit.span.start, hit.span.end);
            let via = region.via(start, end);
            let span = region.span(start, end);
            let square = self.bytes[span.clone()].windows(3).any(|w| w == b"[.]");
            if report
                && square
                && start == 0
                && !region.is_url
                && hit.reason.is_none()
                && matches!(hit.kind, Kind::DomainName)
            {
                // Reports name the page by host and path; the feeds they become have a URL there.
                let end = crate::kind::url::end(&region.text, 0, None);
                if let Ok(text) = std::str::from_utf8(&region.text[..end])
                    && let Ok(url) = crate::kind::url::canonical(&format!("http://{text}"))
                {
                    self.found_via(Kind::Url, region.span(0, end), Cow::Owned(url.into_owned()), via);
                }
            }
            self.adopt(hit, span, via);
        }
        self.consumed(region.end);
    }
}

fn invisible(c: char) -> bool {
    refang::invisible(c.encode_utf8(&mut [0; 4]).as_bytes(), 0).is_some()
}
