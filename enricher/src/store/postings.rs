//! Lists of object numbers as the store keeps them: four bytes each, ascending, each once.

/// A list of object numbers that lies in the store. What is no whole number at its end is not read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Postings<'a>(&'a [u8]);

impl<'a> Postings<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The numbers, ascending.
    pub(crate) fn iter(self) -> impl Iterator<Item = u32> + use<'a> {
        self.0.as_chunks::<4>().0.iter().map(|number| u32::from_le_bytes(*number))
    }
}

/// The list with `number` in it; `None` when it has it already.
pub(super) fn with(list: &[u8], number: u32) -> Option<Vec<u8>> {
    let mut numbers: Vec<u32> = Postings(list).iter().collect();
    let at = numbers.binary_search(&number).err()?;
    numbers.insert(at, number);
    Some(bytes(&numbers))
}

/// The list without `number`; `None` when it does not have it.
pub(super) fn without(list: &[u8], number: u32) -> Option<Vec<u8>> {
    let mut numbers: Vec<u32> = Postings(list).iter().collect();
    let at = numbers.binary_search(&number).ok()?;
    numbers.remove(at);
    Some(bytes(&numbers))
}

fn bytes(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_list_is_a_set(numbers: Vec<u32>, removed: Vec<u32>) {
            let mut list = Vec::new();
            let mut set = std::collections::BTreeSet::new();
            for number in numbers {
                let added = with(&list, number);
                prop_assert_eq!(added.is_some(), set.insert(number));
                list = added.unwrap_or(list);
            }
            for number in removed.into_iter().chain(set.first().copied()) {
                let left = without(&list, number);
                prop_assert_eq!(left.is_some(), set.remove(&number));
                list = left.unwrap_or(list);
            }
            prop_assert!(Postings::new(&list).iter().eq(set.iter().copied()));
        }
    }

    #[test]
    fn half_a_number_is_not_read() {
        assert_eq!(Postings::new(&[1, 0, 0, 0, 9, 9]).iter().collect::<Vec<_>>(), [1]);
    }
}
