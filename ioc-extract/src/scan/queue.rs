//! What was found and waits to be handed over, in the order in which it begins.

use std::collections::VecDeque;

use super::Hit;

/// How many things wait without an allocation. A plain URL is found with its host, so two would nearly always do.
const INLINE: usize = 4;

/// A queue ordered by where hits begin; those that begin at the same place stay in the order in which they came.
#[derive(Debug)]
pub(super) struct Queue<'t> {
    /// Those before `first` were handed over.
    inline: [Option<Hit<'t>>; INLINE],
    first: usize,
    /// How many there are in `inline`.
    held: usize,
    /// What did not fit; nothing in it begins before anything inline.
    rest: VecDeque<Hit<'t>>,
}

impl<'t> Queue<'t> {
    pub(super) const fn new() -> Self {
        Self { inline: [const { None }; INLINE], first: 0, held: 0, rest: VecDeque::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.held + self.rest.len()
    }

    pub(super) fn push(&mut self, hit: Hit<'t>) {
        if self.held == 0 {
            self.first = 0;
        }
        let start = hit.span.start;
        let end = self.first + self.held;
        let later = |other: &Option<Hit<'t>>| other.as_ref().is_some_and(|other| other.span.start > start);
        let mut place = end;
        if end < INLINE && self.rest.is_empty() {
            self.inline[end] = Some(hit);
            self.held += 1;
        } else if end > self.first && later(&self.inline[end - 1]) {
            place = end - 1;
            if let Some(last) = self.inline[place].replace(hit) {
                self.rest.push_front(last);
            }
        } else {
            // Nearly always the end, since a text is read forwards.
            let place = self.rest.partition_point(|other| other.span.start <= start);
            self.rest.insert(place, hit);
            return;
        }
        while place > self.first && later(&self.inline[place - 1]) {
            self.inline.swap(place - 1, place);
            place -= 1;
        }
    }

    pub(super) fn pop(&mut self) -> Option<Hit<'t>> {
        let Some(held) = self.held.checked_sub(1) else { return self.rest.pop_front() };
        self.held = held;
        self.first += 1;
        self.inline[self.first - 1].take()
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;
    use crate::{extractor::Via, ioc::Kind};

    proptest! {
        #[test]
        fn hits_come_in_the_order_of_their_starts_and_of_their_coming(
            starts in prop::collection::vec(0usize..6, 0..20),
            popped in 0usize..6,
        ) {
            let hit = |start: usize, i: usize| Hit {
                kind: Kind::Url,
                span: start..start + i,
                value: Cow::Borrowed(""),
                via: Via::default(),
                reason: None,
            };
            let mut queue = Queue::new();
            let mut expected: Vec<(usize, usize)> = Vec::new();
            for (i, start) in starts.iter().enumerate() {
                if i == popped * 2 {
                    for _ in 0..popped.min(expected.len()) {
                        let (start, i) = expected.remove(0);
                        prop_assert_eq!(queue.pop().map(|hit| hit.span), Some(start..start + i));
                    }
                }
                queue.push(hit(*start, i));
                expected.push((*start, i));
                expected.sort_by_key(|(start, _)| *start);
                prop_assert_eq!(queue.len(), expected.len());
            }
            for (start, i) in expected {
                prop_assert_eq!(queue.pop().map(|hit| hit.span), Some(start..start + i));
            }
            prop_assert!(queue.is_empty() && queue.pop().is_none());
        }
    }
}
