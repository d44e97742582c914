//! The store on disk: objects, what they are found by, how they are related, in one LMDB file.
//!
//! Several processes may have it open at once: any number that read, and one that writes at a time. A reader sees the
//! store as it was when it began. What is written in one [`Writer`] is there after [`Writer::commit`], or not at all,
//! whenever the process is killed.
//!
//! This layer knows numbers, keys and bytes; what they mean is the [mirror](crate::mirror)'s matter.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use heed::{Env, RoTxn, RwTxn, WithoutTls};

mod error;
mod filter;
mod open;
mod postings;
mod tables;

pub use error::StoreError;
pub(crate) use postings::Postings;
use tables::Tables;
pub(crate) use tables::{Keys, Runs};

/// The layout of the tables and records. Another one is not read: the store is built anew.
pub(crate) const LAYOUT: u32 = 1;

/// How far a file may be shorter than its head says. The last pages of a sound file need not all have been written.
const SLACK_PAGES: u64 = 256;

const LAYOUT_NAME: &str = "layout";
const SEED_NAME: &str = "seed";

/// The store.
pub struct Store {
    env: Env<WithoutTls>,
    tables: Tables,
    folder: PathBuf,
    seed: u64,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in `folder` for reading.
    ///
    /// # Errors
    ///
    /// When there is none, or it cannot be opened, is damaged, or has another layout.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        if !folder.join("data.mdb").exists() {
            return Err(StoreError::Missing { folder: folder.to_owned() });
        }
        let env = open_env(folder)?;
        let error = |error| store_error("read", folder, error);
        let Some(tables) = Tables::open(&env).map_err(error)? else {
            return Err(StoreError::Missing { folder: folder.to_owned() });
        };
        let txn = env.read_txn().map_err(error)?;
        let found = read_number(tables.meta(&txn, LAYOUT_NAME).map_err(error)?);
        let seed = read_number(tables.meta(&txn, SEED_NAME).map_err(error)?);
        drop(txn);
        let found = found.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        if found != LAYOUT {
            return Err(StoreError::Layout { folder: folder.to_owned(), found, expected: LAYOUT });
        }
        let Some(seed) = seed else {
            let detail = "it has no seed".to_owned();
            return Err(StoreError::Damaged { folder: folder.to_owned(), detail });
        };
        Ok(Self { env, tables, folder: folder.to_owned(), seed })
    }

    /// Opens the store in `folder` for writing, and makes it when there is none. One of another layout is emptied.
    ///
    /// # Errors
    ///
    /// When it cannot be opened or made, or is damaged.
    pub fn create(folder: &Path) -> Result<Self, StoreError> {
        let is_new = !folder.join("data.mdb").exists();
        fs::create_dir_all(folder)
            .map_err(|source| StoreError::Open { folder: folder.to_owned(), source })?;
        let env = open_env(folder)?;
        if is_new {
            share(folder);
        }
        let error = |error| store_error("write", folder, error);
        // A reader that was killed holds on to old pages until somebody says that it is gone.
        env.clear_stale_readers().map_err(error)?;
        let tables = Tables::create(&env).map_err(error)?;
        let mut txn = env.write_txn().map_err(error)?;
        let found = read_number(tables.meta(&txn, LAYOUT_NAME).map_err(error)?);
        let seed = match read_number(tables.meta(&txn, SEED_NAME).map_err(error)?) {
            Some(seed) if found == Some(u64::from(LAYOUT)) => seed,
            _ => {
                let seed = new_seed();
                tables.clear(&mut txn, &[]).map_err(error)?;
                tables.set_meta(&mut txn, LAYOUT_NAME, &u64::from(LAYOUT).to_le_bytes()).map_err(error)?;
                tables.set_meta(&mut txn, SEED_NAME, &seed.to_le_bytes()).map_err(error)?;
                seed
            }
        };
        txn.commit().map_err(error)?;
        Ok(Self { env, tables, folder: folder.to_owned(), seed })
    }

    /// Removes the store in `folder`: nothing in it is kept.
    ///
    /// Processes that have it open go on with what they see, and find the new one when they open it again.
    ///
    /// # Errors
    ///
    /// When its files cannot be removed.
    pub fn remove(folder: &Path) -> Result<(), StoreError> {
        for name in ["data.mdb", "lock.mdb"] {
            match fs::remove_file(folder.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::Io { doing: "remove", folder: folder.to_owned(), source: error });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes that its file takes.
    ///
    /// # Errors
    ///
    /// When the file cannot be asked.
    pub fn file_size(&self) -> Result<u64, StoreError> {
        self.env.real_disk_size().map_err(|error| store_error("read", &self.folder, error))
    }

    /// Whether the file that was opened is still the one in the folder. It is not once somebody removed it.
    #[must_use]
    pub fn is_current(&self) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let opened = self.env.try_clone_inner_file().and_then(|file| Ok(file.metadata()?));
        let there = fs::metadata(self.folder.join("data.mdb"));
        match (opened, there) {
            (Ok(opened), Ok(there)) => (opened.dev(), opened.ino()) == (there.dev(), there.ino()),
            _ => false,
        }
    }

    pub(crate) fn read(&self) -> Result<Reader<'_>, StoreError> {
        let txn = self.env.read_txn().map_err(|error| store_error("read", &self.folder, error))?;
        Ok(Reader { store: self, txn })
    }

    pub(crate) fn write(&self) -> Result<Writer<'_>, StoreError> {
        let error = |error| store_error("write", &self.folder, error);
        let txn = self.env.write_txn().map_err(error)?;
        let next = self.tables.last_object(&txn).map_err(error)?.map_or(0, |last| last.saturating_add(1));
        Ok(Writer { store: self, txn, next })
    }

    /// The hash under which a text is kept. It differs from store to store, so that nobody can choose texts that
    /// collide.
    pub(crate) fn hash(&self, text: &[u8]) -> u64 {
        xxhash_rust::xxh3::xxh3_64_with_seed(text, self.seed)
    }
}

/// The store as it was at one moment.
pub(crate) struct Reader<'s> {
    store: &'s Store,
    txn: RoTxn<'s, WithoutTls>,
}

impl Reader<'_> {
    pub(crate) fn meta(&self, name: &str) -> Result<Option<&[u8]>, StoreError> {
        self.store.tables.meta(&self.txn, name).map_err(|error| self.error(error))
    }

    pub(crate) fn object(&self, number: u32) -> Result<Option<&[u8]>, StoreError> {
        self.store.tables.object(&self.txn, number).map_err(|error| self.error(error))
    }

    /// Every record with its number, ascending.
    pub(crate) fn objects(
        &self,
        from: u32,
    ) -> Result<impl Iterator<Item = Result<(u32, &[u8]), StoreError>>, StoreError> {
        let objects = self.store.tables.objects(&self.txn, from).map_err(|error| self.error(error))?;
        Ok(objects.map(|entry| entry.map_err(|error| self.error(error))))
    }

    /// Objects that have an id with this hash.
    pub(crate) fn of_id(&self, id: u64) -> Result<Postings<'_>, StoreError> {
        self.store.tables.of_id(&self.txn, id).map_err(|error| self.error(error))
    }

    pub(crate) fn keys(&self) -> Result<Keys<'_>, StoreError> {
        self.store.tables.keys(&self.txn).map_err(|error| self.error(error))
    }

    /// Objects that are found by this key.
    pub(crate) fn of_key<'r>(&'r self, keys: &Keys<'r>, key: u64) -> Result<Postings<'r>, StoreError> {
        keys.get(&self.txn, key).map_err(|error| self.error(error))
    }

    pub(crate) fn scanned(
        &self,
    ) -> Result<impl Iterator<Item = Result<(u32, &[u8]), StoreError>>, StoreError> {
        let entries = self.store.tables.scanned(&self.txn).map_err(|error| self.error(error))?;
        Ok(entries.map(|entry| entry.map_err(|error| self.error(error))))
    }

    /// What is related to the end with this hash.
    pub(crate) fn relations(
        &self,
        end: u64,
    ) -> Result<impl Iterator<Item = Result<&[u8], StoreError>>, StoreError> {
        let entries = self.store.tables.relations(&self.txn, end).map_err(|error| self.error(error))?;
        Ok(entries.map(|entry| entry.map_err(|error| self.error(error))))
    }

    /// Name, entries and bytes of each table.
    pub(crate) fn sizes(&self) -> Result<Vec<(&'static str, u64, u64)>, StoreError> {
        self.store.tables.sizes(&self.txn).map_err(|error| self.error(error))
    }

    fn error(&self, error: heed::Error) -> StoreError {
        store_error("read", &self.store.folder, error)
    }
}

/// Changes that take effect together.
pub(crate) struct Writer<'s> {
    store: &'s Store,
    txn: RwTxn<'s>,
    next: u32,
}

impl Writer<'_> {
    pub(crate) fn meta(&self, name: &str) -> Result<Option<&[u8]>, StoreError> {
        self.store.tables.meta(&self.txn, name).map_err(|error| self.error(error))
    }

    pub(crate) fn set_meta(&mut self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.store.tables.set_meta(&mut self.txn, name, value).map_err(|error| self.error(error))
    }

    pub(crate) fn remove_meta(&mut self, name: &str) -> Result<(), StoreError> {
        let removed = self.store.tables.remove_meta(&mut self.txn, name);
        removed.map(|_| ()).map_err(|error| self.error(error))
    }

    pub(crate) fn object(&self, number: u32) -> Result<Option<&[u8]>, StoreError> {
        self.store.tables.object(&self.txn, number).map_err(|error| self.error(error))
    }

    /// The number that the next record gets.
    pub(crate) const fn next_number(&self) -> u32 {
        self.next
    }

    /// Stores a new record and gives it a number.
    pub(crate) fn add_object(&mut self, record: &[u8]) -> Result<u32, StoreError> {
        let number = self.next;
        let stored = self.store.tables.put_object(&mut self.txn, number, record, true);
        stored.map_err(|error| self.error(error))?;
        self.next = number.saturating_add(1);
        Ok(number)
    }

    pub(crate) fn replace_object(&mut self, number: u32, record: &[u8]) -> Result<(), StoreError> {
        let stored = self.store.tables.put_object(&mut self.txn, number, record, false);
        stored.map_err(|error| self.error(error))
    }

    pub(crate) fn remove_object(&mut self, number: u32) -> Result<(), StoreError> {
        let removed = self.store.tables.delete_object(&mut self.txn, number);
        removed.map(|_| ()).map_err(|error| self.error(error))
    }

    pub(crate) fn of_id(&self, id: u64) -> Result<Postings<'_>, StoreError> {
        self.store.tables.of_id(&self.txn, id).map_err(|error| self.error(error))
    }

    pub(crate) fn add_id(&mut self, id: u64, number: u32) -> Result<(), StoreError> {
        self.store.tables.add_id(&mut self.txn, id, number).map_err(|error| self.error(error))
    }

    pub(crate) fn remove_id(&mut self, id: u64, number: u32) -> Result<(), StoreError> {
        self.store.tables.remove_id(&mut self.txn, id, number).map_err(|error| self.error(error))
    }

    /// Enters an object under a key; tells whether the key is new.
    pub(crate) fn add_key(&mut self, key: u64, number: u32) -> Result<bool, StoreError> {
        self.store.tables.add_key(&mut self.txn, key, number).map_err(|error| self.error(error))
    }

    /// Takes an object from under a key; tells whether nothing is left there.
    pub(crate) fn remove_key(&mut self, key: u64, number: u32) -> Result<bool, StoreError> {
        self.store.tables.remove_key(&mut self.txn, key, number).map_err(|error| self.error(error))
    }

    /// Enters objects under keys: runs of pairs with one key each, ascending.
    pub(crate) fn add_keys(&mut self, runs: Runs<'_, '_>) -> Result<(), StoreError> {
        self.store.tables.add_keys(&mut self.txn, runs).map_err(|error| self.error(error))
    }

    /// Enters ids of objects: runs of pairs with one id each, ascending.
    pub(crate) fn add_ids(&mut self, runs: Runs<'_, '_>) -> Result<(), StoreError> {
        self.store.tables.add_ids(&mut self.txn, runs).map_err(|error| self.error(error))
    }

    pub(crate) fn set_scanned(&mut self, number: u32, value: &[u8]) -> Result<(), StoreError> {
        self.store.tables.set_scanned(&mut self.txn, number, value).map_err(|error| self.error(error))
    }

    pub(crate) fn remove_scanned(&mut self, number: u32) -> Result<(), StoreError> {
        let removed = self.store.tables.remove_scanned(&mut self.txn, number);
        removed.map(|_| ()).map_err(|error| self.error(error))
    }

    /// Tells whether it is new.
    pub(crate) fn add_relation(&mut self, end: u64, value: &[u8]) -> Result<bool, StoreError> {
        self.store.tables.add_relation(&mut self.txn, end, value).map_err(|error| self.error(error))
    }

    /// Tells whether it was there.
    pub(crate) fn remove_relation(&mut self, end: u64, value: &[u8]) -> Result<bool, StoreError> {
        self.store.tables.remove_relation(&mut self.txn, end, value).map_err(|error| self.error(error))
    }

    /// Empties the store.
    pub(crate) fn clear(&mut self) -> Result<(), StoreError> {
        let cleared = self.store.tables.clear(&mut self.txn, &[LAYOUT_NAME, SEED_NAME]);
        self.next = 0;
        cleared.map_err(|error| self.error(error))
    }

    /// Builds the filter anew where too many keys came since it was built.
    pub(crate) fn refresh_filter(&mut self) -> Result<(), StoreError> {
        self.store.tables.refresh_filter(&mut self.txn).map_err(|error| self.error(error))
    }

    /// Makes the changes last.
    pub(crate) fn commit(self) -> Result<(), StoreError> {
        let folder = &self.store.folder;
        self.txn.commit().map_err(|error| store_error("write", folder, error))
    }

    fn error(&self, error: heed::Error) -> StoreError {
        store_error("write", &self.store.folder, error)
    }
}

fn open_env(folder: &Path) -> Result<Env<WithoutTls>, StoreError> {
    let env = open::open(folder, tables::COUNT).map_err(|error| match error {
        heed::Error::Io(source) if source.kind() == io::ErrorKind::NotFound => {
            StoreError::Missing { folder: folder.to_owned() }
        }
        heed::Error::Io(source) => StoreError::Open { folder: folder.to_owned(), source },
        heed::Error::EnvAlreadyOpened => {
            StoreError::Open { folder: folder.to_owned(), source: io::Error::other(error) }
        }
        error => store_error("read", folder, error),
    })?;
    // LMDB maps the file and trusts its head. A page beyond the end would end the process.
    let page = u64::from(env.unnamed_database_stat().page_size);
    let needed = (env.info().last_page_number as u64 + 1).saturating_sub(SLACK_PAGES) * page;
    let size = env.real_disk_size().map_err(|error| store_error("read", folder, error))?;
    if size < needed {
        let detail = format!("its file has {size} bytes of at least {needed}");
        return Err(StoreError::Damaged { folder: folder.to_owned(), detail });
    }
    Ok(env)
}

/// Lets the group, and the owner of the folder when root makes the store for somebody else, use the new files.
///
/// What cannot be changed is left: the process that made the files can use them in any case.
fn share(folder: &Path) {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
    for name in ["data.mdb", "lock.mdb"] {
        let file = folder.join(name);
        if let Ok(owner) = fs::metadata(folder) {
            let _ = chown(&file, Some(owner.uid()), Some(owner.gid()));
        }
        let _ = fs::set_permissions(&file, fs::Permissions::from_mode(0o660));
    }
}

fn store_error(doing: &'static str, folder: &Path, error: heed::Error) -> StoreError {
    use heed::MdbError as Mdb;
    let folder = folder.to_owned();
    match error {
        heed::Error::Io(source)
            if matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
            ) =>
        {
            StoreError::Full { folder }
        }
        heed::Error::Io(source) => StoreError::Io { doing, folder, source },
        heed::Error::Mdb(Mdb::MapFull) => StoreError::Full { folder },
        heed::Error::Mdb(
            Mdb::Corrupted
            | Mdb::PageNotFound
            | Mdb::Invalid
            | Mdb::VersionMismatch
            | Mdb::Panic
            | Mdb::Incompatible
            | Mdb::BadValSize
            | Mdb::CursorFull
            | Mdb::PageFull
            | Mdb::Problem,
        )
        | heed::Error::Decoding(_) => StoreError::Damaged { folder, detail: error.to_string() },
        error => StoreError::Io { doing, folder, source: io::Error::other(error) },
    }
}

fn read_number(bytes: Option<&[u8]>) -> Option<u64> {
    Some(u64::from_le_bytes(bytes?.try_into().ok()?))
}

/// A number that nobody can guess, by way of the keys that the standard library draws for its hash maps.
fn new_seed() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests;
