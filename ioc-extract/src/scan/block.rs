//! Where in the next 64 bytes something may begin.
//!
//! All that is done here for each byte of the text is a handful of operations on bit sets. A word that is interesting
//! has a dot, a byte from 0x80 on, a byte behind it that continues indicators, the shape of an identifier (`CVE-2`, `T1`,
//! `AS6`), or 16 bytes. A block ends before a word that goes on behind it, so that each word lies in one block whole;
//! only a word that fills a block is read byte by byte.

use super::{Word, class};
use crate::simd::{self, BLOCK, Bits};

/// A part of the text, classified.
#[derive(Debug)]
pub(super) struct Block {
    /// Where it begins in the text.
    base: usize,
    /// How many bytes of the text it covers.
    len: usize,
    bits: Bits,
    /// Bytes of words.
    words: u64,
    /// Bytes of words that may be something, and bytes outside of words that may begin something.
    interest: u64,
}

/// What a block holds next.
pub(super) enum Next {
    /// Nothing; the block ends here.
    None(usize),
    /// A byte outside of words that may begin something.
    Mark(usize),
    /// A word that may be something.
    Word(Word),
    /// As `Word`; it begins here and goes on behind the block.
    LongWord(usize),
}

impl Block {
    /// No part of a text.
    pub(super) const NONE: Self = Self {
        base: 0,
        len: 0,
        bits: Bits {
            hex_letter: 0,
            middle: 0,
            late: 0,
            digit: 0,
            dot: 0,
            hyphen: 0,
            underscore: 0,
            high: 0,
            colon: 0,
            quote: 0,
            backslash: 0,
            slash: 0,
            escape: 0,
            round: 0,
            square: 0,
            other: 0,
            caret: 0,
            less: 0,
        },
        words: 0,
        interest: 0,
    };

    /// Classifies the text from `base` on, which lies within it.
    pub(super) fn read(&mut self, text: &[u8], base: usize, report: bool) {
        let rest = &text[base..];
        self.base = base;
        self.len = rest.len().min(BLOCK);
        match rest.first_chunk() {
            Some(block) => simd::classify(block, &mut self.bits),
            None => {
                let mut block = [b' '; BLOCK];
                block[..rest.len()].copy_from_slice(rest);
                simd::classify(&block, &mut self.bits);
            }
        }
        let bits = &self.bits;
        let words = words(bits);
        let unfinished = words.leading_ones() as usize;
        if unfinished < BLOCK && rest.len() > BLOCK {
            self.len -= unfinished;
        }
        let interest = if report { words | marks(bits, words, true) } else { interest(bits, words) };
        self.words = words;
        self.interest = interest & u64::MAX >> (BLOCK - self.len);
    }

    /// Whether the place lies within the block.
    pub(super) const fn holds(&self, at: usize) -> bool {
        at.wrapping_sub(self.base) < self.len
    }

    /// What comes next from `at` on, which lies within the block. Words that began before it are cut there.
    #[inline]
    pub(super) fn next(&self, at: usize) -> Next {
        let ahead = u64::MAX << (at - self.base);
        let interest = self.interest & ahead;
        if interest == 0 {
            return Next::None(self.base + self.len);
        }
        let i = interest.trailing_zeros();
        let words = self.words & ahead;
        if words >> i & 1 == 0 {
            return Next::Mark(self.base + i as usize);
        }
        // The last byte before it that is in no word, or none of this one.
        let before = !words & ((1 << i) - 1);
        let start = u64::BITS - before.leading_zeros();
        let end = i + (words >> i).trailing_ones();
        if end == u64::BITS {
            return Next::LongWord(self.base + start as usize);
        }
        let range = (1u64 << end) - (1 << start);
        let class = |set: u64, class: u8| if set & range != 0 { class } else { 0 };
        let mask = class(self.bits.hex_letter, class::HEX_LETTER)
            | class(self.bits.middle | self.bits.late, class::LETTER)
            | class(self.bits.digit, class::DIGIT)
            | class(self.bits.dot, class::DOT)
            | class(self.bits.hyphen, class::HYPHEN)
            | class(self.bits.underscore, class::UNDERSCORE)
            | class(self.bits.high, class::HIGH);
        Next::Word(Word { start: self.base + start as usize, end: self.base + end as usize, mask })
    }
}

#[inline]
const fn words(bits: &Bits) -> u64 {
    bits.hex_letter
        | bits.middle
        | bits.late
        | bits.digit
        | bits.dot
        | bits.hyphen
        | bits.underscore
        | bits.high
}

/// The bytes whose next byte is in the set; that of the last is not known, so it counts as if it were.
const fn before(set: u64) -> u64 {
    set >> 1 | 1 << 63
}

/// Bytes outside of words that may begin something, and a few more.
#[inline]
const fn marks(bits: &Bits, words: u64, report: bool) -> u64 {
    let signs = bits.round | bits.escape;
    // `' + '`: at most four blanks before the operator.
    let joint = signs >> 1 | signs >> 2 | signs >> 3 | signs >> 4 | signs >> 5 | 0b11111 << 59;
    let letter = bits.middle | bits.late;
    let paths = if report { bits.slash & before(bits.hex_letter | letter) } else { 0 };
    (bits.colon & (before(bits.colon) | bits.slash << 1 | 1))
        | bits.round & before(bits.digit)
        | bits.escape
        | bits.quote & joint
        | bits.less & before(bits.middle)
        | bits.caret & before(words)
        | bits.other
        | bits.backslash & before(bits.backslash | bits.digit | bits.slash | bits.late)
        | paths
}

/// Where words and marks are of interest in a log.
#[inline]
const fn interest(bits: &Bits, words: u64) -> u64 {
    let letter = bits.middle | bits.late;
    let alpha = bits.hex_letter | letter;
    let first = words & !(words << 1);
    // A sum runs through a word from its first byte and ends behind it: where words end that begin like `HK`.
    let hive = (first & bits.middle & bits.middle >> 1).wrapping_add(words) & !words;
    let backslash = bits.backslash & (hive | before(bits.backslash | bits.dot));
    // What follows a word and may continue an indicator; after `key:` not just anything.
    let continues = bits.square | bits.round | backslash | bits.other | bits.caret | bits.less;
    let value =
        bits.slash | bits.backslash | bits.square | bits.round | bits.colon | bits.underscore | bits.less;
    let colon = bits.colon & (before(value) | (words & !letter) << 1 | first << 3);
    let open = continues | colon;
    // Sixteen bytes of a word in a row.
    let mut long = words & words << 1;
    long &= long << 2;
    long &= long << 4;
    long &= long << 8;
    // `T1`, `AS1`, `ASN1`, `UA-1`, `CVE-1`
    let identifier = first
        & alpha
        & (bits.digit >> 1
            | alpha >> 1 & (bits.digit >> 2 | alpha >> 2 & bits.digit >> 3)
            | bits.hyphen >> 2 & bits.digit >> 3
            | bits.hyphen >> 3 & bits.digit >> 4);
    words & (bits.dot | bits.high | before(open) | long | identifier) | marks(bits, words, false) & !words
}
