//! Where something is encoded, and the scan of what it decodes to.

use std::ops::Range;

use super::{Hit, Scanner, Word, class};
use crate::{
    decode,
    extractor::{Decoding, Via},
    rewrite::Rewritten,
};

/// The shortest run of base64 or hex that is decoded; shorter ones hold no indicator.
const MIN_RUN: usize = 16;
/// The longest region in which escapes are undone at once.
const MAX_REGION: usize = 16 * 1024;

impl<'t> Scanner<'t> {
    /// Whether another layer may lie below this one. Constant without the feature `decode`, so that nothing of this file
    /// but its first lines is compiled then.
    #[inline]
    const fn may_decode(&self) -> bool {
        cfg!(feature = "decode") && self.depth > 0
    }

    /// Takes the cost of decoding `bytes` bytes from the budget.
    fn spend(&mut self, bytes: usize) -> bool {
        if !self.may_decode() || self.budget.nodes == 0 || self.budget.bytes < bytes {
            return false;
        }
        self.budget.nodes -= 1;
        self.budget.bytes -= bytes;
        true
    }

    /// Scans a decoded text; everything in it stands at `span` here. Returns whether anything was found.
    fn decoded(&mut self, text: &[u8], span: Range<usize>, via: Via) -> bool {
        if !self.spend(text.len()) {
            return false;
        }
        let (hits, budget) = Scanner::within(text, self.config, self.depth - 1, self.budget).run();
        self.budget = budget;
        let any = hits.iter().any(|hit| hit.reason.is_none());
        for hit in hits {
            self.adopt(hit, span.clone(), via);
        }
        if any {
            self.consumed(span.end);
        }
        any
    }

    /// Scans a rewritten region. Returns whether anything was found that had been hidden.
    pub(super) fn rewritten(&mut self, region: &Rewritten) -> bool {
        if !region.changed() || !self.spend(region.text.len()) {
            return false;
        }
        let (hits, budget) = Scanner::within(&region.text, self.config, self.depth - 1, self.budget).run();
        self.budget = budget;
        let changed = |hit: &Hit<'_>| !region.via(hit.span.start, hit.span.end).is_empty();
        let any = hits.iter().any(|hit| hit.reason.is_none() && changed(hit));
        if any {
            for hit in hits {
                let span = region.span(hit.span.start, hit.span.end);
                let via = region.via(hit.span.start, hit.span.end);
                // What did not change was found without this up to here, and is not looked for again after it.
                if !via.is_empty() || span.start >= self.floor() {
                    self.adopt(hit, span, via);
                }
            }
            self.consumed(region.end);
        }
        any
    }

    /// Bytes that turned out not to be text themselves: UTF-16 or compressed.
    fn unwrap(&self, bytes: Vec<u8>, raw: bool, via: Via) -> Option<(Vec<u8>, Via)> {
        if let Some(text) = decode::utf16(&bytes) {
            return Some((text, via.then(Decoding::Utf16)));
        }
        if decode::is_text(&bytes) {
            return Some((bytes, via));
        }
        let text = decode::inflate(&bytes, raw, self.budget.bytes)?;
        let via = via.then(Decoding::Gzip);
        match decode::utf16(&text) {
            Some(text) => Some((text, via.then(Decoding::Utf16))),
            None => decode::is_text(&text).then_some((text, via)),
        }
    }

    /// A word that may be a part of a run of base64. Returns where to read on if it was.
    pub(super) fn base64(&mut self, word: Word) -> Option<usize> {
        if !self.may_decode() || word.start < self.tried {
            return None;
        }
        // Nearly all long words are done with here: runs of their own that decode to nothing readable.
        let alone = |b: u8| !decode::is_base64(b) && b != b'=' && !b.is_ascii_whitespace();
        if word.end - word.start < 64
            && alone(self.before(word.start))
            && (alone(self.byte(word.end)) || !self.is_report() && !decode::is_base64(self.byte(word.end)))
            && word.mask & (class::DOT | class::HIGH) == 0
            && !(decode::promises(&decode::head(&self.bytes[word.start..word.end]))
                && decode::promising(&self.bytes[word.start..word.end]))
        {
            return None;
        }
        let mut start = word.start;
        while start > self.floor() && start > self.tried && (decode::is_base64(self.bytes[start - 1])) {
            start -= 1;
        }
        let run =
            |from: usize| from + self.bytes[from..].iter().take_while(|b| decode::is_base64(**b)).count();
        let mut end = run(word.end);
        self.tried = end;
        if self.is_report() {
            // Mail and people break long lines.
            loop {
                let blanks =
                    self.bytes[end..].iter().take(64).take_while(|b| b.is_ascii_whitespace()).count();
                let next = run(end + blanks);
                let joins = blanks > 0 && next > end + blanks && !self.byte(next).is_ascii_punctuation()
                    || self.byte(next) == b'=';
                if blanks == 0 || next == end + blanks || !joins {
                    break;
                }
                end = next;
            }
        }
        let padding = self.bytes[end..].iter().take(2).take_while(|b| **b == b'=').count();
        let run = &self.bytes[start..end];
        if run.len() < MIN_RUN {
            return None;
        }
        let head = decode::head(run);
        let promising = decode::promises(&head) && decode::promising(run);
        // Nothing tells a raw deflate stream but a program nearby that inflates it.
        let raw = !promising && run.len() >= 64 && self.near(b"eflate", start);
        if !promising && !raw {
            return None;
        }
        let bytes = decode::base64(run, self.budget.bytes);
        let (text, via) = self.unwrap(bytes, raw, Via::default().then(Decoding::Base64))?;
        let end = end + padding;
        if self.decoded(&text, start..end, via) {
            return Some(end);
        }
        // Letters that do not fill a group of four may be glued on.
        let rest = run.len() % 4;
        let cut = text
            .get(..text.len().saturating_sub(rest.saturating_sub(1)))
            .filter(|_| padding == 0 && rest > 1)?;
        self.decoded(cut, start..end, via).then_some(end)
    }

    /// Whether a word stands within the 512 bytes before `at`.
    fn near(&self, word: &[u8], at: usize) -> bool {
        memchr::memmem::find(&self.bytes[at.saturating_sub(512)..at], word).is_some()
    }

    /// A word of hex digits, maybe after `0x`. Returns where to read on if it was text.
    pub(super) fn hex(&mut self, start: usize, end: usize) -> Option<usize> {
        let digits = match &self.bytes[start..end] {
            [b'0', b'x' | b'X', rest @ ..] => rest,
            all => all,
        };
        if !self.may_decode() || digits.len() < MIN_RUN {
            return None;
        }
        // A hash is hardly ever text in its first four bytes.
        let readable = |pair: &[u8; 2]| {
            let byte = decode::hex_byte(*pair);
            byte.is_some_and(|b| matches!(b, 0 | b'\t' | b'\r' | b'\n' | b' '..=b'~'))
        };
        if !digits[..8].as_chunks().0.iter().all(readable) {
            return None;
        }
        let mut bytes = decode::hex(digits)?;
        let via = Via::default().then(Decoding::Hex);
        let (text, via) = match decode::utf16(&bytes) {
            Some(text) => (text, via.then(Decoding::Utf16)),
            None => {
                // auditd parts the arguments of a process title by NUL.
                for b in &mut bytes {
                    if *b == 0 {
                        *b = b' ';
                    }
                }
                if !decode::is_text(&bytes) {
                    return None;
                }
                (bytes, via)
            }
        };
        self.decoded(&text, start..end, via).then_some(end)
    }

    /// The region of one token round `at`: between white space, quotes and angle brackets.
    fn token_region(&self, at: usize) -> Range<usize> {
        let stops = |b: &u8| *b <= b' ' || matches!(b, b'"' | b'\'' | b'<' | b'>' | b'`');
        let from = self.floor().max(self.tried).max(at.saturating_sub(256)).min(at);
        let start = self.bytes[from..at].iter().rposition(stops).map_or(from, |i| from + i + 1);
        let limit = self.bytes.len().min(at + MAX_REGION);
        let end = self.bytes[at..limit].iter().position(stops).map_or(limit, |i| at + i);
        start..end
    }

    /// The parameters of a URL: what they carry percent-encoded or in base64.
    pub(super) fn parameters(&mut self, from: usize, end: usize) {
        if !self.may_decode() || end - from < MIN_RUN {
            return;
        }
        let mut start = from;
        while start < end {
            let len = self.bytes[start..end]
                .iter()
                .position(|b| matches!(b, b'&' | b'?' | b'=' | b'#' | b';' | b'/'))
                .unwrap_or(end - start);
            let value = start..start + len;
            start += len + 1;
            if len < 8 {
                continue;
            }
            if self.bytes[value.clone()].contains(&b'%') {
                let text =
                    decode::unescape(self.bytes, value.start, value.end, decode::percent, Decoding::Percent);
                if memchr::memmem::find(&text.text, b"://").is_some()
                    || text.text.contains(&b'%')
                    || text.text.contains(&b'@')
                {
                    self.rewritten(&text);
                }
            } else if len >= MIN_RUN && self.bytes[value.clone()].iter().all(|b| decode::is_base64(*b)) {
                let word = Word { start: value.start, end: value.end, mask: class::ALPHA };
                if value.start >= self.tried && decode::promising(&self.bytes[value.clone()]) {
                    self.base64(word);
                }
            } else if let Some(text) = decode::urldefense(&self.bytes[value.clone()]) {
                self.decoded(&text, value, Via::default().then(Decoding::Percent));
            }
        }
    }

    /// `%` before two hex digits: whole values that were percent-encoded.
    pub(super) fn percent(&mut self, at: usize) -> Option<usize> {
        if !self.may_decode() || at < self.tried {
            return None;
        }
        let rest = &self.bytes[at..];
        decode::percent(rest)?;
        // `http%3A`, `%3A%2F%2F`, or a run of at least three.
        let run = decode::percent(rest.get(3..)?).is_some()
            && decode::percent(rest.get(6..).unwrap_or_default()).is_some();
        let colon = rest.len() > 5 && rest[..3].eq_ignore_ascii_case(b"%3a")
            || rest[..rest.len().min(5)].eq_ignore_ascii_case(b"%253a");
        if !run && !colon {
            return None;
        }
        let mut region = self.token_region(at);
        // Parameters end where the encoded value of another begins.
        if let Some(i) = self.bytes[region.start..at].iter().rposition(|b| matches!(b, b'&' | b'=' | b'?')) {
            region.start += i + 1;
        }
        if let Some(i) = self.bytes[at..region.end].iter().position(|b| matches!(b, b'&' | b';')) {
            region.end = at + i;
        }
        self.tried = region.end;
        let text = decode::unescape(self.bytes, region.start, region.end, decode::percent, Decoding::Percent);
        self.rewritten(&text).then_some(region.end)
    }

    /// `&` before the rest of an entity: a token written in entities.
    pub(super) fn entities(&mut self, at: usize) -> Option<usize> {
        if !self.may_decode() || at < self.tried {
            return None;
        }
        let (len, _) = decode::entity(&self.bytes[at..])?;
        let numeric = self.byte(at + 1) == b'#';
        if !numeric
            && decode::entity(&self.bytes[at + len..]).is_none()
            && !matches!(&self.bytes[at + 1..at + len], b"colon;" | b"sol;" | b"period;")
        {
            return None;
        }
        let region = self.token_region(at);
        self.tried = region.end;
        let text = decode::unescape(self.bytes, region.start, region.end, decode::entity, Decoding::Entities);
        self.rewritten(&text).then_some(region.end)
    }

    /// A backslash before an escape: a token with escapes in it.
    pub(super) fn escapes(&mut self, at: usize) -> Option<usize> {
        if !self.may_decode() || at < self.tried {
            return None;
        }
        let (len, c) = decode::backslash(&self.bytes[at..])?;
        let again = decode::backslash(self.bytes.get(at + len..)?).is_some();
        if !(c.is_ascii_graphic() && again) {
            return None;
        }
        let region = self.token_region(at);
        self.tried = region.end;
        let text =
            decode::unescape(self.bytes, region.start, region.end, decode::backslash, Decoding::Escape);
        self.rewritten(&text).then_some(region.end)
    }

    /// `^` or a backtick between two characters of a word: a token with escape characters of a shell.
    pub(super) fn carets(&mut self, at: usize) -> Option<usize> {
        let escape = self.bytes[at];
        if !self.may_decode()
            || at < self.tried
            || !Self::is_word(self.before(at))
            || !Self::is_word(self.byte(at + 1))
        {
            return None;
        }
        let stops =
            |b: &u8| *b <= b' ' || matches!(b, b'"' | b'\'' | b'<' | b'>' | b'(' | b')' | b';' | b',' | b'|');
        let from = self.floor().max(self.tried).max(at.saturating_sub(256)).min(at);
        let start = self.bytes[from..at].iter().rposition(stops).map_or(from, |i| from + i + 1);
        let limit = self.bytes.len().min(at + MAX_REGION);
        let end = self.bytes[at..limit].iter().position(stops).map_or(limit, |i| at + i);
        self.tried = end;
        let mut out = Rewritten::new(start);
        for p in start..end {
            if self.bytes[p] == escape {
                out.undo(Decoding::Caret);
            } else {
                out.push(self.bytes[p], p);
            }
        }
        out.end = end;
        self.rewritten(&out).then_some(end)
    }

    /// The joint between two string literals at the closing quote `at`: where the next literal begins.
    fn joint(&self, at: usize) -> Option<usize> {
        let quote = self.bytes[at];
        let blanks = |from: usize| {
            from + self.bytes[from..].iter().take(4).take_while(|b| matches!(b, b' ' | b'\t' | b'\\')).count()
        };
        let operator = blanks(at + 1);
        if !matches!(self.byte(operator), b'+' | b'&') {
            return None;
        }
        let next = blanks(operator + 1);
        (self.byte(next) == quote).then_some(next + 1)
    }

    /// A quote after which another literal is glued on.
    pub(super) fn concat(&mut self, at: usize) -> Option<usize> {
        if !self.may_decode() || at < self.tried {
            return None;
        }
        self.joint(at)?;
        let quote = self.bytes[at];
        let from = self.floor().max(self.tried).max(at.saturating_sub(1024)).min(at);
        let start = self.bytes[from..at].iter().rposition(|b| *b == quote).map(|i| from + i + 1)?;
        let limit = self.bytes.len().min(at + MAX_REGION);
        let mut out = Rewritten::new(start);
        let mut p = start;
        while p < limit {
            if self.bytes[p] != quote {
                out.push(self.bytes[p], p);
                p += 1;
                continue;
            }
            let Some(next) = self.joint(p) else { break };
            if out.text.last() == Some(&b'\\') {
                out.text.pop();
            }
            out.undo(Decoding::Concat);
            p = next;
        }
        out.end = p;
        self.tried = p;
        self.rewritten(&out).then_some(p)
    }

    /// `'literal'.Replace('a','b')`, the word being `Replace`.
    pub(super) fn replace(&mut self, word: Word) -> Option<usize> {
        if !self.may_decode() {
            return None;
        }
        let rest = self.bytes.get(word.end..)?;
        let mut parts = [0..0, 0..0];
        let mut p = 1;
        for part in &mut parts {
            while matches!(rest.get(p), Some(b' ' | b',')) {
                p += 1;
            }
            let quote = *rest.get(p).filter(|b| matches!(b, b'\'' | b'"'))?;
            let len = rest[p + 1..].iter().take(64).position(|b| *b == quote)?;
            *part = p + 1..p + 1 + len;
            p += len + 2;
        }
        let [old, new] = parts.map(|part| &rest[part]);
        let close = word.start.checked_sub(2)?;
        let quote = self.bytes[close];
        if !matches!(quote, b'\'' | b'"') || old.is_empty() {
            return None;
        }
        let from = close.saturating_sub(1024);
        let start = self.bytes[from..close].iter().rposition(|b| *b == quote).map(|i| from + i + 1)?;
        let literal = &self.bytes[start..close];
        let mut text = Vec::with_capacity(literal.len());
        let mut at = 0;
        for hit in memchr::memmem::find_iter(literal, old) {
            text.extend_from_slice(&literal[at..hit]);
            text.extend_from_slice(new);
            at = hit + old.len();
        }
        text.extend_from_slice(&literal[at..]);
        let end = word.end + p;
        self.decoded(&text, start..end, Via::default().then(Decoding::Replace)).then_some(end)
    }

    /// `(104,116,116,112,…)`: at least six character codes.
    pub(super) fn char_codes(&mut self, at: usize) -> Option<usize> {
        if !self.may_decode() || !self.byte(at + 1).is_ascii_digit() {
            return None;
        }
        let digits = |b: &&u8| b.is_ascii_hexdigit() || matches!(b, b' ' | b'x' | b'X');
        let first = self.bytes[at + 1..].iter().take(6).take_while(digits).count();
        if self.byte(at + 1 + first) != b',' {
            return None;
        }
        let mut text = Vec::new();
        let mut p = at + 1;
        loop {
            while self.byte(p) == b' ' {
                p += 1;
            }
            let hex = self.byte(p) == b'0' && matches!(self.byte(p + 1), b'x' | b'X');
            p += if hex { 2 } else { 0 };
            let len = self.bytes[p..].iter().take(4).take_while(|b| b.is_ascii_hexdigit()).count();
            let code = u8::from_str_radix(self.text(p..p + len), if hex { 16 } else { 10 }).ok()?;
            if !matches!(code, b'\t' | b'\r' | b'\n' | b' '..=b'~') || text.len() > MAX_REGION {
                return None;
            }
            text.push(code);
            p += len;
            match self.byte(p) {
                b',' => p += 1,
                b')' => break,
                _ => return None,
            }
        }
        if text.len() < 6 {
            return None;
        }
        self.decoded(&text, at..p + 1, Via::default().then(Decoding::CharCodes)).then_some(p + 1)
    }

    /// A NUL after a character: UTF-16 within a text of bytes.
    pub(super) fn nul(&mut self, at: usize) -> Option<usize> {
        if !self.may_decode() || at == 0 || at < self.tried {
            return None;
        }
        let start = at - 1;
        let limit = self.bytes.len().min(at + MAX_REGION);
        let pairs = self.bytes[start..limit].chunks_exact(2).take_while(|p| p[1] == 0 && p[0] != 0).count();
        let end = start + 2 * pairs;
        if pairs < 6 {
            return None;
        }
        self.tried = end;
        let mut out = Rewritten::new(start);
        out.undo(Decoding::Utf16);
        for p in (start..end).step_by(2) {
            out.undo(Decoding::Utf16);
            out.push(self.bytes[p], p);
        }
        out.end = end;
        self.rewritten(&out).then_some(end)
    }

    /// `//:ptth`: a string read backwards; the colon is at `at`.
    pub(super) fn reversed(&mut self, at: usize) -> Option<usize> {
        let scheme =
            ["ptth", "sptth", "ptf"].iter().rev().find(|s| self.bytes[at + 1..].starts_with(s.as_bytes()))?;
        if !self.may_decode() || self.before(at) != b'/' {
            return None;
        }
        let region = self.token_region(at);
        let end = at + 1 + scheme.len() + usize::from(*scheme == "ptth" && self.byte(at + 5) == b's');
        let text: Vec<u8> = self.bytes[region.start..end].iter().rev().copied().collect();
        self.decoded(&text, region.start..end, Via::default().then(Decoding::Reverse)).then_some(end)
    }

    /// Whether a word without dots is long enough to be encoded, and not of one kind of character only.
    pub(super) fn may_be_base64(word: Word) -> bool {
        word.end - word.start >= MIN_RUN && word.mask & class::ALPHA != 0
    }
}
