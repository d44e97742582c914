//! What can go wrong with the store, and the way back from it.

use std::io;
use std::path::PathBuf;

/// The store could not be used.
///
/// The store is a copy of what OpenCTI knows: it may be deleted at any time, and built again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is none yet.
    #[error("there is no store in {}: `mirror sync` or `mirror import` makes one", folder.display())]
    Missing {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// The folder or its files cannot be opened: their rights, their owner, the file system.
    #[error("cannot open the store in {}: the user of this process needs to read and write it", folder.display())]
    Open {
        /// Where.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not what was written: cut short, overwritten, from a broken disk.
    #[error("the store in {} is damaged ({detail}): `mirror sync --rebuild` makes a new one", folder.display())]
    Damaged {
        /// Where.
        folder: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The store was made by another version of this program. It is never read by guess.
    #[error(
        "the store in {} has layout {found}, and this program reads layout {expected}: `mirror sync` makes a new one",
        folder.display()
    )]
    Layout {
        /// Where.
        folder: PathBuf,
        /// The layout of the file.
        found: u32,
        /// The layout of this program.
        expected: u32,
    },
    /// There is no room left on the disk.
    #[error("no room is left for the store in {}: make room on that disk, nothing that was stored is lost", folder.display())]
    Full {
        /// Where.
        folder: PathBuf,
    },
    /// Anything else.
    #[error("cannot {doing} the store in {}", folder.display())]
    Io {
        /// `read` or `write`.
        doing: &'static str,
        /// Where.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl StoreError {
    /// Whether a new store mends it.
    #[must_use]
    pub const fn is_mended_by_rebuilding(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Damaged { .. } | Self::Layout { .. })
    }
}
