//! One pass over the text.
//!
//! The text is cut into words: runs of letters, digits, `.`, `-`, `_` and bytes from 0x80 on. [`block`] finds in bit sets
//! of 64 bytes where a word is that may be the core of an indicator; all others are never read. The classes of a word's
//! bytes, its length and the byte that follows then decide in constant time, and what is left goes to the finder for its
//! shape, which looks around the word within fixed bounds. The text is never copied; only what is encoded is, by
//! [`crate::decode`], and is then scanned in the same way.

mod address;
mod block;
mod context;
mod defanged;
mod encoded;
mod host;
mod path;
mod queue;
mod token;
mod url;
mod words;

use std::{borrow::Cow, ops::Range};

use crate::{
    error::Rejected,
    extractor::{DecodeLimits, Decoding, Found, Item, LeftOut, MappedAddresses, Profile, Via},
    ioc::{Kind, KindSet, reserved},
};
use block::{Block, Next};
use queue::Queue;

/// What an extractor was told.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Config {
    pub(crate) kinds: KindSet,
    pub(crate) profile: Profile,
    pub(crate) limits: DecodeLimits,
    pub(crate) reserved: bool,
    pub(crate) mapped: MappedAddresses,
}

/// Classes of bytes; a word's mask is the union of those of its bytes.
pub(crate) mod class {
    /// `a`-`f`, `A`-`F`.
    pub(crate) const HEX_LETTER: u8 = 1;
    /// The other letters.
    pub(crate) const LETTER: u8 = 1 << 1;
    /// `0`-`9`.
    pub(crate) const DIGIT: u8 = 1 << 2;
    /// `.`
    pub(crate) const DOT: u8 = 1 << 3;
    /// `-`
    pub(crate) const HYPHEN: u8 = 1 << 4;
    /// `_`
    pub(crate) const UNDERSCORE: u8 = 1 << 5;
    /// From 0x80 on.
    pub(crate) const HIGH: u8 = 1 << 6;

    /// Any ASCII letter.
    pub(crate) const ALPHA: u8 = HEX_LETTER | LETTER;
}

use class::{ALPHA, DIGIT, DOT, HEX_LETTER, HIGH, HYPHEN, LETTER, UNDERSCORE};

/// The class of each byte; 0 for those that are in no word.
static CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        table[i] = match b {
            b'a'..=b'f' | b'A'..=b'F' => HEX_LETTER,
            b'g'..=b'z' | b'G'..=b'Z' => LETTER,
            b'0'..=b'9' => DIGIT,
            b'.' => DOT,
            b'-' => HYPHEN,
            b'_' => UNDERSCORE,
            0x80..=0xff => HIGH,
            _ => 0,
        };
        i += 1;
    }
    table
};

/// Bytes after a word that call for a closer look in reports whatever the word is.
static AFTER: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b":@\\[({%&^`*<+ \t/!])},";
    let mut i = 0;
    while i < bytes.len() {
        table[bytes[i] as usize] = true;
        i += 1;
    }
    table
};

/// Bytes after an opening bracket that a mark of defanging may go on with: `[.]`, `(dot)`, `h[tt]p`, `[[.]]`.
static MARKED: [bool; 256] = {
    let mut table = [false; 256];
    let bytes = b".,dDpPaAeEtT:@/-_[({<\xe3";
    let mut i = 0;
    while i < bytes.len() {
        table[bytes[i] as usize] = true;
        i += 1;
    }
    table
};

/// For each mark, which bytes may follow it if it begins something, as groups of [`FOLLOWS`].
static NEEDS: [u16; 256] = {
    let mut table = [0; 256];
    let needs: [(u8, u16); 13] = [
        (b':', 1),
        (b'(', 2),
        (b'%', 4),
        (b'&', 8),
        (b'/', 8),
        (b'"', 16),
        (b'\'', 16),
        (b'<', 32),
        (b'^', 64),
        (b'`', 64),
        (b'\\', 128),
        (0, 256),
        (b'@', 64),
    ];
    let mut i = 0;
    while i < needs.len() {
        table[needs[i].0 as usize] = needs[i].1;
        i += 1;
    }
    table
};

/// The groups that a byte belongs to as the follower of a mark.
static FOLLOWS: [u16; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        let mut groups = 256;
        // `::`, and `:ptth` read backwards
        groups |= if matches!(b, b':' | b'p' | b's') { 1 } else { 0 };
        groups |= if b.is_ascii_digit() { 2 } else { 0 };
        groups |= if b.is_ascii_hexdigit() || b == b'u' { 4 } else { 0 };
        groups |= if b.is_ascii_alphabetic() || b == b'#' { 8 } else { 0 };
        groups |= if matches!(b, b' ' | b'+' | b'&' | b'\\' | b'\t') { 16 } else { 0 };
        groups |= if matches!(b, b'h' | b'H') { 32 } else { 0 };
        groups |= if CLASS[i] != 0 { 64 } else { 0 };
        groups |= if matches!(b, b'\\' | b'x' | b'X' | b'u' | b'U' | b'0' | b'1' | b'/' | b'r' | b'R') {
            128
        } else {
            0
        };
        table[i] = groups;
        i += 1;
    }
    table
};

/// A word: where it lies and what is in it.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Word {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) mask: u8,
}

/// A candidate before it becomes an [`Item`].
#[derive(Debug)]
pub(crate) struct Hit<'t> {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
    pub(crate) value: Cow<'t, str>,
    pub(crate) via: Via,
    pub(crate) reason: Option<Rejected>,
}

/// What is left to spend on decoding.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Budget {
    pub(crate) nodes: u64,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Scanner<'t> {
    pub(crate) bytes: &'t [u8],
    /// The same where it is UTF-8 throughout, so that no part of it need be validated.
    utf8: Option<&'t str>,
    pub(crate) config: Config,
    /// How many more layers may lie below this one.
    pub(crate) depth: u8,
    pub(crate) budget: Budget,
    at: usize,
    /// The end of the last thing found: no later thing reaches back before it.
    floor: usize,
    /// Up to here encodings were tried, so that no byte is decoded twice.
    tried: usize,
    /// Up to here no URL ends that begins after the last one that was none: it was looked for already.
    url_end: usize,
    /// Up to here authorities and paths were searched for marks.
    marks_end: usize,
    /// Whether this text is a refanged region: whoever defanged a name meant a host.
    refanged: bool,
    block: Block,
    hits: Queue<'t>,
}

impl<'t> Scanner<'t> {
    /// A scanner for `bytes`, which are the bytes of `utf8` if that is given.
    pub(crate) fn new(bytes: &'t [u8], utf8: Option<&'t str>, config: Config) -> Self {
        let limits = config.limits;
        let budget = if limits.depth == 0 {
            Budget { nodes: 0, bytes: 0 }
        } else {
            Budget {
                nodes: u64::from(limits.nodes) + bytes.len() as u64 / 4096,
                bytes: bytes.len().max(4096).saturating_mul(limits.growth as usize),
            }
        };
        Self::with(bytes, utf8, config, limits.depth, budget)
    }

    /// A scanner for a decoded text.
    pub(crate) fn within(bytes: &'t [u8], config: Config, depth: u8, budget: Budget) -> Self {
        Self::with(bytes, std::str::from_utf8(bytes).ok(), config, depth, budget)
    }

    fn with(bytes: &'t [u8], utf8: Option<&'t str>, config: Config, depth: u8, budget: Budget) -> Self {
        Self {
            bytes,
            utf8,
            config,
            depth,
            budget,
            at: 0,
            floor: 0,
            tried: 0,
            url_end: 0,
            marks_end: 0,
            refanged: false,
            block: Block::NONE,
            hits: Queue::new(),
        }
    }

    /// Whether this text is a refanged region.
    pub(crate) fn is_refanged(&self) -> bool {
        self.refanged
    }

    pub(crate) fn is_report(&self) -> bool {
        self.config.profile == Profile::Report
    }

    /// The byte at `i`; 0 outside the text.
    pub(crate) fn byte(&self, i: usize) -> u8 {
        self.bytes.get(i).copied().unwrap_or(0)
    }

    /// The byte before `i`; 0 at the start of the text.
    pub(crate) fn before(&self, i: usize) -> u8 {
        i.checked_sub(1).map_or(0, |i| self.byte(i))
    }

    pub(crate) fn is_word(b: u8) -> bool {
        CLASS[usize::from(b)] != 0
    }

    /// The end of the word that begins at `start`, and its mask.
    pub(crate) fn word_at(&self, start: usize) -> Word {
        let mut mask = 0;
        let rest = self.bytes.get(start..).unwrap_or_default();
        for (len, b) in rest.iter().enumerate() {
            let class = CLASS[usize::from(*b)];
            if class == 0 {
                return Word { start, end: start + len, mask };
            }
            mask |= class;
        }
        Word { start, end: start + rest.len(), mask }
    }

    /// Reads on until something turned up. `false` at the end of the text.
    pub(crate) fn step(&mut self) -> bool {
        let bytes = self.bytes;
        let report = self.is_report();
        let mut at = self.at;
        loop {
            if !self.block.holds(at) {
                if at >= bytes.len() {
                    self.at = at;
                    return false;
                }
                self.block.read(bytes, at, report);
            }
            at = match self.block.next(at) {
                Next::None(end) => {
                    at = end;
                    continue;
                }
                Next::Mark(at) => {
                    let needs = NEEDS[usize::from(bytes[at])];
                    if needs & FOLLOWS[usize::from(self.byte(at + 1))] != 0 { self.mark(at) } else { at + 1 }
                }
                Next::Word(word) => self.consider(word, report),
                Next::LongWord(start) => self.consider(self.word_at(start), report),
            };
            if !self.hits.is_empty() {
                self.at = at;
                return true;
            }
        }
    }

    /// Looks at a word if it may be something. Returns where to read on.
    #[inline]
    fn consider(&mut self, word: Word, report: bool) -> usize {
        let worth = word.mask & (DOT | HIGH) != 0
            || token::worth_a_look(self.bytes, word)
            || match self.byte(word.end) {
                b':' if word.mask & LETTER != 0 && word.end - word.start != 3 => {
                    // `key: value`
                    let value = self.byte(word.end + 1);
                    matches!(value, b'/' | b'\\' | b'[' | b'(' | b'{' | b':' | b'_' | b'<')
                }
                // A group in the middle of an address was read with its first one.
                b':' if self.before(word.start) == b':' && word.mask & LETTER == 0 => {
                    word.mask & !DIGIT == 0 || self.byte(word.end + 1) == b'\\'
                }
                b':' => true,
                b'@' if !report => {
                    let host = self.word_at(word.end + 1);
                    host.mask & (DOT | HIGH) != 0
                        || self.byte(host.end) == b'['
                        || (self.byte(host.end) != b'@' && self.may_be_defanged(host))
                }
                b'\\' if matches!(self.bytes[word.start], b'H' | b'h') => true,
                after if report => AFTER[usize::from(after)],
                _ => self.may_be_defanged(word),
            };
        if worth { self.word(word).max(word.end) } else { word.end }
    }

    /// The next thing found, in order; `last` is where the one before it began.
    pub(crate) fn pop(&mut self, last: &mut usize) -> Option<Item<'t>> {
        let mut hit = self.hits.pop()?;
        // Decoded regions may overlap what came before by their markers; the order of starts is a promise.
        hit.span.start = hit.span.start.max(*last);
        hit.span.end = hit.span.end.max(hit.span.start);
        *last = hit.span.start;
        Some(match hit.reason {
            Some(reason) => Item::LeftOut(LeftOut { kind: hit.kind, span: hit.span, reason }),
            None => Item::Found(Found { kind: hit.kind, span: hit.span, value: hit.value, via: hit.via }),
        })
    }

    /// Everything in the text, for a decoded layer; what is left of the budget comes back as well.
    pub(crate) fn run(mut self) -> (Vec<Hit<'t>>, Budget) {
        let mut all = Vec::new();
        while self.step() {
            while let Some(hit) = self.hits.pop() {
                all.push(hit);
            }
        }
        (all, self.budget)
    }

    pub(crate) fn wants(&self, kind: Kind) -> bool {
        self.config.kinds.contains(kind)
    }

    /// Records an indicator.
    pub(crate) fn found(&mut self, kind: Kind, span: Range<usize>, value: Cow<'t, str>) {
        self.found_via(kind, span, value, Via::default());
    }

    pub(crate) fn found_via(&mut self, kind: Kind, span: Range<usize>, value: Cow<'t, str>, via: Via) {
        if !self.wants(kind) {
            return;
        }
        self.floor = self.floor.max(span.end);
        let reason = if self.config.reserved { None } else { reserved(kind, &value) };
        self.hits.push(Hit { kind, span, value, via, reason });
    }

    /// Records a candidate that is none.
    pub(crate) fn left_out(&mut self, kind: Kind, span: Range<usize>, reason: Rejected) {
        if self.wants(kind) {
            self.hits.push(Hit {
                kind,
                span,
                value: Cow::Borrowed(""),
                via: Via::default(),
                reason: Some(reason),
            });
        }
    }

    /// A hit from a decoded layer; `span` is where its encoded form stands here.
    pub(crate) fn adopt(&mut self, hit: Hit<'_>, span: Range<usize>, via: Via) {
        self.hits.push(Hit {
            kind: hit.kind,
            span,
            value: Cow::Owned(hit.value.into_owned()),
            via: via.and(hit.via),
            reason: hit.reason,
        });
    }

    /// How many things are waiting to be handed over.
    pub(crate) fn hits(&self) -> usize {
        self.hits.len()
    }

    /// No later thing begins before `end`.
    pub(crate) fn consumed(&mut self, end: usize) {
        self.floor = self.floor.max(end);
    }

    pub(crate) fn floor(&self) -> usize {
        self.floor
    }

    /// A slice of the text, which is UTF-8 in all places where this is called; an empty text otherwise.
    pub(crate) fn text(&self, span: Range<usize>) -> &'t str {
        match self.utf8 {
            Some(text) => text.get(span),
            None => self.bytes.get(span).and_then(|b| std::str::from_utf8(b).ok()),
        }
        .unwrap_or_default()
    }

    /// A byte outside of words that may begin something. Returns where to read on.
    #[inline(never)]
    fn mark(&mut self, at: usize) -> usize {
        let next = match self.bytes[at] {
            b':' if self.byte(at + 1) == b':' => self.colons(Word { start: at, end: at, mask: 0 }),
            b':' if self.before(at) == b'/' => self.reversed(at),
            b'\\' => {
                let run = self.bytes[at..].iter().take_while(|b| **b == b'\\').count();
                let next = self.byte(at + run);
                let escape = run <= 4 && matches!(next, b'x' | b'X' | b'u' | b'U' | b'0' | b'1' | b'/');
                let path = run > 1 || matches!(next, b'R' | b'r');
                let found = if escape { self.escapes(at) } else { None };
                found.or_else(|| if path { self.backslash(at) } else { None }).or(Some(at + run))
            }
            b'%' => self.percent(at),
            b'&' => self.entities(at),
            b'^' | b'`' => self.carets(at),
            b'(' => self.char_codes(at),
            b'\'' | b'"' => self.concat(at),
            0 => self.nul(at),
            b'/' => self.slash(at),
            b'@' => self.quoted_mailbox(at),
            b'<' if matches!(self.byte(at + 1), b'H' | b'h') => self.hive(at),
            _ => None,
        };
        next.unwrap_or(at + 1)
    }

    /// Whether what stands after an ASCII word in a log may be a mark of defanging, or the word a scheme with one.
    pub(crate) fn may_be_defanged(&self, word: Word) -> bool {
        let Word { start, end, .. } = word;
        match self.byte(end) {
            b'[' | b'(' | b'{' | b'<' => MARKED[usize::from(self.byte(end + 1))],
            b'\\' => {
                let slashes = self.bytes[end..].iter().take(8).take_while(|b| **b == b'\\').count();
                self.byte(end + slashes) == b'.' || self.before(end) == b'.'
            }
            b'^' => self.byte(end + 1) == b'.',
            b']' | b')' | b'}' | b'>' => self.before(end) == b'.' || end - start <= 6,
            b':' | b'*' => end - start <= 6,
            b'@' => true,
            _ => false,
        }
    }

    /// A word that may be the core of something. Returns where to read on.
    #[inline(never)]
    fn word(&mut self, word: Word) -> usize {
        let Word { start, end, mask } = word;
        if self.byte(end) == b'\\'
            && let Some(next) = self.registry(start, end)
        {
            return next;
        }
        if let Some(next) = self.defanged(word) {
            return next;
        }
        let next = match self.byte(end) {
            b':' => self.colon(word),
            b'@' => self.email(word),
            b'(' if end - start == 8 && self.bytes[start..end].eq_ignore_ascii_case(b".replace") => {
                self.replace(Word { start: start + 1, end, mask })
            }
            _ => None,
        };
        if let Some(next) = next {
            return next;
        }
        if mask & HIGH != 0 {
            return self.unicode(word);
        }
        if mask & DOT != 0 {
            return self.dotted(word);
        }
        if self.is_report() || token::worth_a_look(self.bytes, word) { self.token(word) } else { end }
    }

    /// A word with a colon after it.
    fn colon(&mut self, word: Word) -> Option<usize> {
        let Word { start, end, mask } = word;
        match (self.byte(end + 1), self.byte(end + 2)) {
            (b'/', b'/') => self.url(start, end),
            (b'\\', _) if end - start == 1 && mask & ALPHA != 0 => self.windows_path(start),
            (b'\\', _) => self.registry(start, end),
            _ if mask & DOT != 0 && mask & !(HEX_LETTER | DIGIT | DOT) == 0 => {
                // An address right after an ellipsis.
                let dots = self.bytes[start..end].iter().take_while(|b| **b == b'.').count();
                let group = Word { start: start + dots, end, mask };
                if dots > 1 && end - group.start <= 4 { self.colons(group) } else { None }
            }
            // `\t::1`: the letter of an escape.
            _ if end - start == 1
                && matches!(self.bytes[start], b't' | b'n' | b'r')
                && self.before(start) == b'\\' =>
            {
                self.colons(Word { start: end, end, mask: 0 })
            }
            _ if mask & !(HEX_LETTER | DIGIT) == 0 => {
                if mask == DIGIT
                    && let Some(next) = self.ssdeep(start, end)
                {
                    return Some(next);
                }
                if end - start <= 4 { self.colons(word) } else { None }
            }
            _ if &self.bytes[start..end] == b"arn" => self.arn(start),
            _ => None,
        }
    }

    /// Records that `decoding` is how a value was written.
    pub(crate) fn plain_or(decoding: Option<Decoding>) -> Via {
        decoding.map_or_else(Via::default, |d| Via::default().then(d))
    }
}

#[cfg(test)]
mod tests;
