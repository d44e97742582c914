//! A live copy of what OpenCTI knows, in a [`Store`] on this machine.
//!
//! A [`Mirror`] is a [`Lookup`](crate::Lookup): it answers from the copy, in microseconds and without a network, and says
//! how old the copy is. An [`Edit`] changes the copy, object by object, whether they come from a bundle, an export or a
//! stream. An indicator is filed under every value that can make its pattern true, so that what is looked up leads to all
//! patterns that have to be evaluated and to few others.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use opencti_client::Endpoint;

use crate::store::{Store, StoreError};

mod edit;
mod find;
mod import;
mod keys;
mod record;
mod relation;
mod stix;

pub use edit::{Counts, Edit, Put};
pub use import::{ImportError, Imported, import};
pub use stix::Applied;

/// When the mirror was last known to be what OpenCTI has.
const SYNCED_AT: &str = "synced at";

/// A copy of OpenCTI's indicators and observables, to look up in.
#[derive(Clone)]
pub struct Mirror {
    store: Arc<Store>,
    endpoint: Option<Endpoint>,
    clock: fn() -> Timestamp,
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mirror").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Mirror {
    /// Opens the mirror whose store is in `folder`.
    ///
    /// # Errors
    ///
    /// When there is none, or its store cannot be used.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Store::open(folder).map(|store| Self::new(Arc::new(store)))
    }

    /// The mirror in this store.
    #[must_use]
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, endpoint: None, clock: Timestamp::now }
    }

    /// The same, with links to this platform in events.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// The same, with another clock to tell its age by than the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Timestamp) -> Self {
        self.clock = clock;
        self
    }

    /// Its store.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// How many objects it has.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        let reader = self.store.read()?;
        Ok(reader.meta(edit::COUNTS)?.and_then(|bytes| postcard::from_bytes(bytes).ok()).unwrap_or_default())
    }

    /// Name, entries and bytes of each table of the store.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn table_sizes(&self) -> Result<Vec<(&'static str, u64, u64)>, StoreError> {
        self.store.read()?.sizes()
    }

    /// What [`Edit::set_note`] remembered.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        let reader = self.store.read()?;
        let bytes = reader.meta(&format!("note {name}"))?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
    }

    /// When it was last known to be what OpenCTI has; `None` when it never was.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn synced_at(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.note(SYNCED_AT)?.and_then(|text| text.parse().ok()))
    }

    /// How long ago that was, in seconds.
    #[must_use]
    pub fn age_s(&self) -> Option<u32> {
        let synced_at = self.synced_at().ok()??;
        let seconds = (self.clock)().duration_since(synced_at).as_secs();
        Some(u32::try_from(seconds.max(0)).unwrap_or(u32::MAX))
    }
}

impl Edit<'_> {
    /// Notes that the mirror is what OpenCTI had at this time.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub fn set_synced_at(&mut self, at: Timestamp) -> Result<(), StoreError> {
        self.set_note(SYNCED_AT, &at.to_string())
    }
}

#[cfg(test)]
mod tests;
