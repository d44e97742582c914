//! Sixty-four bytes at a time into bit sets, one for each class of bytes.
//!
//! Bit `i` of a set says whether byte `i` of the block is of the class. The classes are products of sets of upper and
//! lower halves of bytes, so that two table look-ups by half-byte classify 32 bytes at once where the processor has
//! AVX2. Everywhere else the same tables are read byte by byte; both give the same sets, which a test holds them to.
//! All unsafe code of the crate is in this file.

/// How many bytes are classified at once.
pub(crate) const BLOCK: usize = 64;

/// The classes of the bytes of a block.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Default)]
pub(crate) struct Bits {
    /// `a`-`f`, `A`-`F`.
    pub(crate) hex_letter: u64,
    /// `g`-`o`, `G`-`O`.
    pub(crate) middle: u64,
    /// `p`-`z`, `P`-`Z`.
    pub(crate) late: u64,
    /// `0`-`9`.
    pub(crate) digit: u64,
    /// `.`
    pub(crate) dot: u64,
    /// `-`
    pub(crate) hyphen: u64,
    /// `_`
    pub(crate) underscore: u64,
    /// From 0x80 on.
    pub(crate) high: u64,
    /// `:`
    pub(crate) colon: u64,
    /// `"` `'`
    pub(crate) quote: u64,
    /// `\`
    pub(crate) backslash: u64,
    /// `/`
    pub(crate) slash: u64,
    /// `%` `&`
    pub(crate) escape: u64,
    /// `(` `*` `+`
    pub(crate) round: u64,
    /// `[` `{`
    pub(crate) square: u64,
    /// `@` `` ` `` NUL
    pub(crate) other: u64,
    /// `^`
    pub(crate) caret: u64,
    /// `<`
    pub(crate) less: u64,
}

/// One table look-up: which bits a lower half allows, and which an upper half.
struct Table {
    low: [u8; 16],
    high: [u8; 16],
}

impl Table {
    /// Bit `i` is for bytes with an upper half in `classes[i].0` and a lower half in `classes[i].1` (as bit sets).
    const fn new(classes: [(u16, u16); 8]) -> Self {
        let mut table = Self { low: [0; 16], high: [0; 16] };
        let mut bit = 0;
        while bit < 8 {
            let mut half = 0;
            while half < 16 {
                if classes[bit].0 >> half & 1 == 1 {
                    table.high[half] |= 1 << bit;
                }
                if classes[bit].1 >> half & 1 == 1 {
                    table.low[half] |= 1 << bit;
                }
                half += 1;
            }
            bit += 1;
        }
        table
    }

    /// The table for whole bytes.
    const fn bytes(&self) -> [u8; 256] {
        let mut bytes = [0; 256];
        let mut b = 0;
        while b < 128 {
            bytes[b] = self.low[b & 15] & self.high[b >> 4];
            b += 1;
        }
        bytes
    }
}

static WORDS: Table = Table::new([
    (1 << 4 | 1 << 6, 0b0000_0000_0111_1110), // a-f
    (1 << 4 | 1 << 6, 0b1111_1111_1000_0000), // g-o
    (1 << 5 | 1 << 7, 0b0000_0111_1111_1111), // p-z
    (1 << 3, 0b0000_0011_1111_1111),          // 0-9
    (1 << 2, 1 << 0xe),                       // .
    (1 << 2, 1 << 0xd),                       // -
    (1 << 5, 1 << 0xf),                       // _
    (1 << 3, 1 << 0xa),                       // :
]);

static SIGNS: Table = Table::new([
    (1 << 2, 1 << 2 | 1 << 7),              // " '
    (1 << 5, 1 << 0xc),                     // \
    (1 << 2, 1 << 0xf),                     // /
    (1 << 2, 1 << 5 | 1 << 6),              // % &
    (1 << 2, 1 << 8 | 1 << 0xa | 1 << 0xb), // ( * +
    (1 << 5 | 1 << 7, 1 << 0xb),            // [ {
    (1 | 1 << 4 | 1 << 6, 1),               // NUL @ `
    (1 << 5, 1 << 0xe),                     // ^
]);

static WORD_BYTES: [u8; 256] = WORDS.bytes();
static SIGN_BYTES: [u8; 256] = SIGNS.bytes();

/// From the planes of the two tables, each a bit set.
#[inline]
const fn bits(words: [u64; 8], signs: [u64; 8], high: u64, less: u64) -> Bits {
    Bits {
        hex_letter: words[0],
        middle: words[1],
        late: words[2],
        digit: words[3],
        dot: words[4],
        hyphen: words[5],
        underscore: words[6],
        high,
        colon: words[7],
        quote: signs[0],
        backslash: signs[1],
        slash: signs[2],
        escape: signs[3],
        round: signs[4],
        square: signs[5],
        other: signs[6],
        caret: signs[7],
        less,
    }
}

/// Classifies a block.
#[inline]
pub(crate) fn classify(block: &[u8; BLOCK], into: &mut Bits) {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as was just asked.
        unsafe { avx2::classify(block, into) };
        return;
    }
    *into = portable(block);
}

/// [`classify`] for every processor.
fn portable(block: &[u8; BLOCK]) -> Bits {
    /// The lowest bits of eight bytes, gathered into one.
    const fn gather(x: u64) -> u64 {
        (x & 0x0101_0101_0101_0101).wrapping_mul(0x0102_0408_1020_4080) >> 56
    }
    let (mut words, mut signs) = ([0u64; 8], [0u64; 8]);
    let (mut high, mut less) = (0, 0);
    for (i, eight) in block.as_chunks::<8>().0.iter().enumerate() {
        let shift = 8 * i;
        let word = u64::from_le_bytes(eight.map(|b| WORD_BYTES[usize::from(b)]));
        let sign = u64::from_le_bytes(eight.map(|b| SIGN_BYTES[usize::from(b)]));
        for bit in 0..8 {
            words[bit] |= gather(word >> bit) << shift;
            signs[bit] |= gather(sign >> bit) << shift;
        }
        high |= gather(u64::from_le_bytes(*eight) >> 7) << shift;
        less |= gather(u64::from_le_bytes(eight.map(|b| u8::from(b == b'<')))) << shift;
    }
    bits(words, signs, high, less)
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8,
        _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_set1_epi8, _mm256_shuffle_epi8, _mm256_slli_epi16,
        _mm256_srli_epi16,
    };

    use super::{BLOCK, Bits, SIGNS, Table, WORDS, bits};

    /// The look-up tables of 16 bytes, in both halves of a register.
    #[target_feature(enable = "avx2")]
    fn spread(table: &[u8; 16]) -> __m256i {
        // SAFETY: 16 bytes are read from a table of 16 bytes; no alignment is needed.
        let table = unsafe { _mm_loadu_si128(table.as_ptr().cast()) };
        _mm256_broadcastsi128_si256(table)
    }

    /// The sign bits of 64 bytes.
    #[target_feature(enable = "avx2")]
    fn signs_of(first: __m256i, second: __m256i) -> u64 {
        let (first, second) = (_mm256_movemask_epi8(first) as u32, _mm256_movemask_epi8(second) as u32);
        u64::from(first) | u64::from(second) << 32
    }

    /// The classes of 64 bytes by one table: a bit set for each of its bits.
    #[target_feature(enable = "avx2")]
    fn look_up(table: &Table, first: __m256i, second: __m256i) -> [u64; 8] {
        let (low, high) = (spread(&table.low), spread(&table.high));
        let half = _mm256_set1_epi8(0x0f);
        // Bytes from 0x80 on are looked up as 0 by the instruction itself.
        let class = |x: __m256i| {
            let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(x), half);
            _mm256_and_si256(_mm256_shuffle_epi8(low, x), _mm256_shuffle_epi8(high, upper))
        };
        let (first, second) = (class(first), class(second));
        // A shift by words moves bits between bytes, but the sign bit of each comes from the byte itself.
        macro_rules! plane {
            ($shift:literal) => {
                signs_of(_mm256_slli_epi16::<$shift>(first), _mm256_slli_epi16::<$shift>(second))
            };
        }
        [plane!(7), plane!(6), plane!(5), plane!(4), plane!(3), plane!(2), plane!(1), plane!(0)]
    }

    /// [`super::classify`] with AVX2.
    #[target_feature(enable = "avx2")]
    pub(super) fn classify(block: &[u8; BLOCK], into: &mut Bits) {
        let from = block.as_ptr();
        // SAFETY: the block has 64 bytes, of which these are the first and the last 32; no alignment is needed.
        let (first, second) =
            unsafe { (_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(32).cast())) };
        let less = _mm256_set1_epi8(b'<' as i8);
        let less = signs_of(_mm256_cmpeq_epi8(first, less), _mm256_cmpeq_epi8(second, less));
        let (words, signs) = (look_up(&WORDS, first, second), look_up(&SIGNS, first, second));
        *into = bits(words, signs, signs_of(first, second), less);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, byte by byte.
    fn plainly(block: &[u8; BLOCK]) -> Bits {
        let set = |class: fn(u8) -> bool| {
            block.iter().enumerate().fold(0, |bits, (i, b)| bits | u64::from(class(*b)) << i)
        };
        Bits {
            hex_letter: set(|b| b.is_ascii_alphabetic() && b.is_ascii_hexdigit()),
            middle: set(|b| matches!(b.to_ascii_lowercase(), b'g'..=b'o')),
            late: set(|b| matches!(b.to_ascii_lowercase(), b'p'..=b'z')),
            digit: set(|b| b.is_ascii_digit()),
            dot: set(|b| b == b'.'),
            hyphen: set(|b| b == b'-'),
            underscore: set(|b| b == b'_'),
            high: set(|b| b >= 0x80),
            colon: set(|b| b == b':'),
            quote: set(|b| matches!(b, b'"' | b'\'')),
            backslash: set(|b| b == b'\\'),
            slash: set(|b| b == b'/'),
            escape: set(|b| matches!(b, b'%' | b'&')),
            round: set(|b| matches!(b, b'(' | b'*' | b'+')),
            square: set(|b| matches!(b, b'[' | b'{')),
            other: set(|b| matches!(b, b'@' | b'`' | 0)),
            caret: set(|b| b == b'^'),
            less: set(|b| b == b'<'),
        }
    }

    fn same(block: &[u8; BLOCK]) {
        let expected = plainly(block);
        assert_eq!(portable(block), expected);
        let mut bits = Bits::default();
        classify(block, &mut bits);
        assert_eq!(bits, expected);
    }

    #[test]
    fn every_byte_is_classified_at_every_place() {
        for b in 0..=255 {
            for at in 0..BLOCK {
                let mut block = [b' '; BLOCK];
                block[at] = b;
                same(&block);
            }
        }
    }

    proptest! {
        #[test]
        fn all_ways_to_classify_agree(block in prop::array::uniform32(any::<[u8; 2]>())) {
            let mut bytes = [0; BLOCK];
            bytes.copy_from_slice(block.as_flattened());
            same(&bytes);
        }
    }
}
