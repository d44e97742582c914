//! Relations as the store keeps them: under each end from which they are followed, a few bytes about the other.

use crate::store::{Reader, StoreError, Writer};

const KINDS: &str = "relation kinds";

/// A relation, seen from one of its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Relation {
    /// Its place among the kinds of the store.
    pub(super) kind: u8,
    /// This end is its target.
    pub(super) is_target: bool,
    /// The hash of the other end's id.
    pub(super) other: u64,
}

impl Relation {
    pub(super) const LENGTH: usize = 10;

    /// From an indicator to an observable.
    pub(super) const BASED_ON: &str = "based-on";
    /// From an indicator to a threat.
    pub(super) const INDICATES: &str = "indicates";
    /// From an object to a report that holds it. OpenCTI has no name for it that could be met here.
    pub(super) const REPORTED: &str = "(reported in)";

    /// Kinds whose place is fixed.
    const FIXED: [&str; 3] = [Self::BASED_ON, Self::INDICATES, Self::REPORTED];

    /// The ends under which it is entered, each with how it looks from there.
    ///
    /// Nobody asks for the observables of an indicator, nor for the indicators of a threat or a report.
    pub(super) fn entries(kind: u8, from: u64, to: u64) -> impl Iterator<Item = (u64, Self)> {
        let from_source = (from, Self { kind, is_target: false, other: to });
        let from_target = (to, Self { kind, is_target: true, other: from });
        let (first, second) = match kind {
            0 => (None, Some(from_target)),
            1 | 2 => (Some(from_source), None),
            _ => (Some(from_source), Some(from_target)),
        };
        first.into_iter().chain(second)
    }

    pub(super) fn to_bytes(self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[0] = self.kind;
        bytes[1] = u8::from(self.is_target);
        bytes[2..].copy_from_slice(&self.other.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&[kind, is_target], other) = bytes.split_first_chunk::<2>()?;
        Some(Self { kind, is_target: is_target == 1, other: u64::from_le_bytes(other.try_into().ok()?) })
    }

    /// The place of a kind, which gets one when it is new. When all 256 are taken, what comes is `related-to`.
    pub(super) fn kind(name: &str, writer: &mut Writer<'_>) -> Result<u8, StoreError> {
        let mut kinds = Kinds::of(writer.meta(KINDS)?);
        let place = |kinds: &Kinds, name: &str| kinds.0.iter().position(|kind| kind == name);
        if let Some(place) = place(&kinds, name).and_then(|place| u8::try_from(place).ok()) {
            return Ok(place);
        }
        let new = if kinds.0.len() < 255 { name } else { "related-to" };
        let place = place(&kinds, new).unwrap_or_else(|| {
            kinds.0.push(new.to_owned());
            kinds.0.len() - 1
        });
        writer.set_meta(KINDS, kinds.0.join("\n").as_bytes())?;
        Ok(u8::try_from(place).unwrap_or(u8::MAX))
    }
}

/// The kinds of relations of a store.
#[derive(Clone, Debug)]
pub(super) struct Kinds(Vec<String>);

impl Kinds {
    fn of(bytes: Option<&[u8]>) -> Self {
        match bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()) {
            Some(text) => Self(text.split('\n').map(str::to_owned).collect()),
            None => Self(Relation::FIXED.map(str::to_owned).to_vec()),
        }
    }

    pub(super) fn read(reader: &Reader<'_>) -> Result<Self, StoreError> {
        Ok(Self::of(reader.meta(KINDS)?))
    }

    pub(super) fn name(&self, kind: u8) -> &str {
        self.0.get(usize::from(kind)).map_or("related-to", String::as_str)
    }
}
