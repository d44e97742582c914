//! A rewritten region that knows where each of its characters came from.

use crate::extractor::{Decoding, Via};

/// A region of the text in which something was undone, character by character.
#[derive(Debug)]
pub(crate) struct Rewritten {
    pub(crate) text: Vec<u8>,
    /// For each byte of `text`, where it began in the source.
    from: Vec<u32>,
    /// What was undone, and at which places in `text`, in order.
    marks: Vec<(Decoding, Vec<u32>)>,
    /// The end of the region in the source.
    pub(crate) end: usize,
    /// Whether the region began with a scheme.
    pub(crate) is_url: bool,
}

impl Rewritten {
    /// A region that begins at `start`.
    pub(crate) fn new(start: usize) -> Self {
        Self { text: Vec::new(), from: Vec::new(), marks: Vec::new(), end: start, is_url: false }
    }

    /// Adds a byte that comes from `at`.
    pub(crate) fn push(&mut self, b: u8, at: usize) {
        self.text.push(b);
        self.from.push(u32::try_from(at).unwrap_or(u32::MAX));
    }

    /// Undoes a mark of defanging at `at`.
    pub(crate) fn replace(&mut self, replacement: &str, at: usize) {
        self.undo(Decoding::Defang);
        for b in replacement.bytes() {
            self.push(b, at);
        }
    }

    /// Notes that something was undone here.
    pub(crate) fn undo(&mut self, what: Decoding) {
        let at = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        match self.marks.iter_mut().find(|(kind, _)| *kind == what) {
            Some((_, places)) => places.push(at),
            None => self.marks.push((what, vec![at])),
        }
    }

    /// The place in the source of a range of `text`.
    pub(crate) fn span(&self, start: usize, end: usize) -> std::ops::Range<usize> {
        let from = self.from.get(start).map_or(self.end, |at| *at as usize);
        // Where something was undone right behind the range, it is none of it.
        let apart =
            self.marks.iter().any(|(_, places)| places.binary_search_by_key(&end, |at| *at as usize).is_ok());
        let to = match end.checked_sub(1).and_then(|last| self.from.get(last)) {
            Some(last) if apart => *last as usize + 1,
            _ => self.from.get(end).map_or(self.end, |at| *at as usize),
        };
        from..to.max(from)
    }

    /// What was undone within a range of `text`.
    pub(crate) fn via(&self, start: usize, end: usize) -> Via {
        let first = |places: &[u32]| {
            let first = places.partition_point(|at| (*at as usize) < start);
            places.get(first).copied().filter(|at| (*at as usize) < end)
        };
        let mut steps: Vec<(u32, Decoding)> =
            self.marks.iter().filter_map(|(what, places)| Some((first(places)?, *what))).collect();
        steps.sort_by_key(|(at, _)| *at);
        steps.into_iter().fold(Via::default(), |via, (_, what)| via.then(what))
    }

    /// Whether anything was undone.
    pub(crate) fn changed(&self) -> bool {
        !self.marks.is_empty()
    }
}
