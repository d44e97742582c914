//! Finding the few bytes that matter in a text, eight at a time.

const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

/// Offset of the first of `needles` at or behind `start`, or the length of `bytes`.
///
/// Most strings of an alert are shorter than 16 bytes; on those this is ahead of vector instructions, whose
/// call has to be set up first.
#[inline]
pub(crate) fn find<const N: usize>(bytes: &[u8], start: usize, needles: [u8; N]) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let (chunks, tail) = rest.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        let mut hits = 0;
        for needle in needles {
            let differs = word ^ (LOW * u64::from(needle));
            // The lowest bit set here marks a byte of zero, that is, a needle; those above may be false.
            hits |= differs.wrapping_sub(LOW) & !differs & HIGH;
        }
        if hits != 0 {
            return start + index * 8 + (hits.trailing_zeros() / 8) as usize;
        }
    }
    let found = tail.iter().position(|byte| needles.contains(byte));
    start + rest.len() - tail.len() + found.unwrap_or(tail.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::find;

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(b'"'), Just(b'!'), Just(0x80)], 0..64),
            start in 0_usize..64,
        ) {
            let start = start.min(bytes.len());
            let plain = bytes[start..].iter().position(|&byte| matches!(byte, b'"' | b'\\' | 0));
            prop_assert_eq!(find(&bytes, start, [b'"', b'\\', 0]), start + plain.unwrap_or(bytes.len() - start));
        }
    }
}
