//! A binary fuse filter over the keys of a table: it answers nearly every miss without touching the tree.
//!
//! It lies in the store as it was built and is used where it lies. One in 256 misses passes it.

use xorf::{BinaryFuse8, BinaryFuse8Ref, DmaSerializable as _, Filter as _, FilterRef as _};

/// Bytes of the description before the fingerprints.
const DESCRIPTOR: usize = BinaryFuse8::DESCRIPTOR_LEN;

/// A filter that lies in the store.
pub(super) struct Filter<'a>(BinaryFuse8Ref<'a>);

impl<'a> Filter<'a> {
    /// The filter in these bytes; `None` when they are none, which is checked since they may be damaged.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let (descriptor, fingerprints) = bytes.split_at_checked(DESCRIPTOR)?;
        let number = |at: usize| {
            let bytes = descriptor.get(at..at + 4)?.try_into().ok()?;
            usize::try_from(u32::from_le_bytes(bytes)).ok()
        };
        let (length, mask, all) = (number(8)?, number(12)?, number(16)?);
        let is_sound = length.is_power_of_two()
            && mask == length - 1
            && all.checked_add(length.checked_mul(2)?)? == fingerprints.len();
        is_sound.then(|| Self(BinaryFuse8Ref::from_dma(descriptor, fingerprints)))
    }

    /// Whether the key may be there. `false` is certain.
    pub(super) fn may_have(&self, key: u64) -> bool {
        self.0.contains(&key)
    }
}

/// The filter over these keys, each once, as bytes; `None` when none can be built.
pub(super) fn build(keys: &[u64]) -> Option<Vec<u8>> {
    let filter = BinaryFuse8::try_from(keys).ok()?;
    let mut bytes = vec![0; DESCRIPTOR];
    filter.dma_copy_descriptor_to(&mut bytes);
    bytes.extend_from_slice(filter.dma_fingerprints());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys as hashes are.
    fn keys(count: u64) -> Vec<u64> {
        (0..count).map(|i| xxhash_rust::xxh3::xxh3_64(&i.to_le_bytes())).collect()
    }

    #[test]
    fn no_key_is_missed_and_few_others_pass() {
        for count in [1, 2, 3, 10, 1_000, 50_000] {
            let all = keys(2 * count);
            let (inside, outside) = all.split_at(all.len() / 2);
            let bytes = build(inside).unwrap();
            let filter = Filter::new(&bytes).unwrap();
            assert!(inside.iter().all(|key| filter.may_have(*key)));
            let passed = outside.iter().filter(|key| filter.may_have(**key)).count();
            assert!(passed <= outside.len() / 100 + 2, "{passed} of {}", outside.len());
        }
    }

    #[test]
    fn damaged_bytes_are_no_filter() {
        let bytes = build(&keys(100)).unwrap();
        assert!(Filter::new(&bytes[..bytes.len() - 1]).is_none());
        assert!(Filter::new(&bytes[..10]).is_none());
        assert!(Filter::new(&[]).is_none());
        for at in 8..DESCRIPTOR {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x15;
            if let Some(filter) = Filter::new(&damaged) {
                keys(200).iter().for_each(|key| {
                    filter.may_have(*key);
                });
            }
        }
    }
}
