//! The tables of the store, typed, and the only code that reads and writes them.

use heed::types::{Bytes, Str, Unit};
use heed::{CommitOrAbort, Database, Env, IntegerComparator, PutFlags, RoTxn, RwTxn, WithoutTls};

use super::filter::{self, Filter};
use super::postings::{self, Postings};

type Numbered = Database<'static, Bytes, Bytes, IntegerComparator>;

/// Runs of pairs, each run with one key.
pub(crate) type Runs<'i, 'p> = &'i mut dyn Iterator<Item = &'p [(u64, u32)]>;

/// How many tables there are.
pub(super) const COUNT: u32 = 8;

/// Keys that came since the filter was built, beyond which it is built anew: so many and a part of all keys.
const FRESH_AT_LEAST: u64 = 4096;
const FRESH_PART: u64 = 16;

/// The tables.
#[derive(Clone, Copy)]
pub(super) struct Tables {
    /// Few short things by name.
    meta: Database<'static, Str, Bytes>,
    /// Records by their number.
    objects: Numbered,
    /// Numbers of objects by the hash of any of their ids.
    ids: Numbered,
    /// Numbers of objects by the hash of what they are found by: values, names, networks.
    keys: Numbered,
    /// Keys that the filter does not know yet.
    fresh: Database<'static, Bytes, Unit, IntegerComparator>,
    /// Patterns that no value leads to, by the number of their indicator.
    scanned: Numbered,
    /// Relations by the hash of an end's id.
    relations: Numbered,
    /// The filter.
    blobs: Database<'static, Str, Bytes>,
}

const FILTER: &str = "filter";

impl Tables {
    /// Opens them, and makes those that are missing.
    pub(super) fn create(env: &Env<WithoutTls>) -> heed::Result<Self> {
        let txn = env.write_txn()?;
        let tables = env.create_databases_and_commit(txn, |opener, txn| {
            let meta = opener.create_database::<Str, Bytes>(txn, Some("meta"))?;
            let blobs = opener.create_database::<Str, Bytes>(txn, Some("blobs"))?;
            let mut numbered = |name, flags| {
                let mut options =
                    opener.database_options().types::<Bytes, Bytes>().key_comparator::<IntegerComparator>();
                options.name(name).flags(flags);
                options.create(txn)
            };
            let none = heed::DatabaseFlags::empty();
            let objects = numbered("objects", none)?;
            let ids = numbered("ids", none)?;
            let keys = numbered("keys", none)?;
            let scanned = numbered("scanned", none)?;
            let several = heed::DatabaseFlags::DUP_SORT | heed::DatabaseFlags::DUP_FIXED;
            let relations = numbered("relations", several)?;
            let fresh = numbered("fresh", none)?.remap_data_type::<Unit>();
            Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit((
                meta, objects, ids, keys, fresh, scanned, relations, blobs,
            )))
        })?;
        let (meta, objects, ids, keys, fresh, scanned, relations, blobs) =
            tables.commit().ok_or_else(not_there)?;
        Ok(Self { meta, objects, ids, keys, fresh, scanned, relations, blobs })
    }

    /// Opens them without writing. `None` when one is missing.
    pub(super) fn open(env: &Env<WithoutTls>) -> heed::Result<Option<Self>> {
        let txn = env.read_txn()?;
        let tables = env.open_databases_and_commit(txn, |opener, txn| {
            let meta = opener.open_database::<Str, Bytes>(txn, Some("meta"))?;
            let blobs = opener.open_database::<Str, Bytes>(txn, Some("blobs"))?;
            let numbered = |name, flags| {
                let mut options =
                    opener.database_options().types::<Bytes, Bytes>().key_comparator::<IntegerComparator>();
                options.name(name).flags(flags);
                options.open(txn)
            };
            let none = heed::DatabaseFlags::empty();
            let objects = numbered("objects", none)?;
            let ids = numbered("ids", none)?;
            let keys = numbered("keys", none)?;
            let scanned = numbered("scanned", none)?;
            let several = heed::DatabaseFlags::DUP_SORT | heed::DatabaseFlags::DUP_FIXED;
            let relations = numbered("relations", several)?;
            let fresh = numbered("fresh", none)?.map(|table| table.remap_data_type::<Unit>());
            Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit((
                meta, objects, ids, keys, fresh, scanned, relations, blobs,
            )))
        })?;
        let Some((
            Some(meta),
            Some(objects),
            Some(ids),
            Some(keys),
            Some(fresh),
            Some(scanned),
            Some(relations),
            Some(blobs),
        )) = tables.commit()
        else {
            return Ok(None);
        };
        Ok(Some(Self { meta, objects, ids, keys, fresh, scanned, relations, blobs }))
    }

    pub(super) fn meta<'t>(&self, txn: &'t RoTxn<'_>, name: &str) -> heed::Result<Option<&'t [u8]>> {
        self.meta.get(txn, name)
    }

    pub(super) fn set_meta(&self, txn: &mut RwTxn<'_>, name: &str, value: &[u8]) -> heed::Result<()> {
        self.meta.put(txn, name, value)
    }

    pub(super) fn remove_meta(&self, txn: &mut RwTxn<'_>, name: &str) -> heed::Result<bool> {
        self.meta.delete(txn, name)
    }

    pub(super) fn object<'t>(&self, txn: &'t RoTxn<'_>, number: u32) -> heed::Result<Option<&'t [u8]>> {
        self.objects.get(txn, &number.to_ne_bytes())
    }

    /// Every record with its number, in order, from `from` on.
    pub(super) fn objects<'t>(
        &self,
        txn: &'t RoTxn<'_>,
        from: u32,
    ) -> heed::Result<impl Iterator<Item = heed::Result<(u32, &'t [u8])>> + use<'t>> {
        let from = from.to_ne_bytes();
        let range = (std::ops::Bound::Included(&from[..]), std::ops::Bound::Unbounded);
        Ok(self.objects.range(txn, &range)?.map(|entry| {
            let (key, record) = entry?;
            Ok((u32::from_ne_bytes(key.try_into().map_err(|_| damaged())?), record))
        }))
    }

    pub(super) fn last_object(&self, txn: &RoTxn<'_>) -> heed::Result<Option<u32>> {
        let Some((key, _)) = self.objects.last(txn)? else { return Ok(None) };
        Ok(Some(u32::from_ne_bytes(key.try_into().map_err(|_| damaged())?)))
    }

    /// Writes a record. `append` says that its number is beyond all there are.
    pub(super) fn put_object(
        &self,
        txn: &mut RwTxn<'_>,
        number: u32,
        record: &[u8],
        append: bool,
    ) -> heed::Result<()> {
        let flags = if append { PutFlags::APPEND } else { PutFlags::empty() };
        self.objects.put_with_flags(txn, flags, &number.to_ne_bytes(), record)
    }

    pub(super) fn delete_object(&self, txn: &mut RwTxn<'_>, number: u32) -> heed::Result<bool> {
        self.objects.delete(txn, &number.to_ne_bytes())
    }

    pub(super) fn of_id<'t>(&self, txn: &'t RoTxn<'_>, id: u64) -> heed::Result<Postings<'t>> {
        postings(&self.ids, txn, id)
    }

    pub(super) fn add_id(&self, txn: &mut RwTxn<'_>, id: u64, number: u32) -> heed::Result<()> {
        add(&self.ids, txn, id, number).map(|_| ())
    }

    pub(super) fn remove_id(&self, txn: &mut RwTxn<'_>, id: u64, number: u32) -> heed::Result<()> {
        remove(&self.ids, txn, id, number).map(|_| ())
    }

    /// The way to the objects that are found by keys, filter first.
    pub(super) fn keys<'t>(&self, txn: &'t RoTxn<'_>) -> heed::Result<Keys<'t>> {
        let filter = self.blobs.get(txn, FILTER)?.and_then(Filter::new);
        let has_fresh = filter.is_some() && !self.fresh.is_empty(txn)?;
        Ok(Keys { tables: *self, filter, has_fresh })
    }

    /// Enters an object under a key; tells whether the key is new.
    pub(super) fn add_key(&self, txn: &mut RwTxn<'_>, key: u64, number: u32) -> heed::Result<bool> {
        let is_new = add(&self.keys, txn, key, number)?;
        if is_new {
            let passes = self.blobs.get(txn, FILTER)?.and_then(Filter::new).is_none_or(|f| f.may_have(key));
            if !passes {
                self.fresh.put(txn, &key.to_ne_bytes(), &())?;
            }
        }
        Ok(is_new)
    }

    /// Enters objects under keys: runs of pairs with one key each, ascending.
    pub(super) fn add_keys(&self, txn: &mut RwTxn<'_>, runs: Runs<'_, '_>) -> heed::Result<()> {
        // There are too many for the list of fresh keys: the filter is built anew.
        self.blobs.delete(txn, FILTER)?;
        self.fresh.clear(txn)?;
        add_all(&self.keys, txn, runs)
    }

    /// Enters ids of objects: runs of pairs with one id each, ascending.
    pub(super) fn add_ids(&self, txn: &mut RwTxn<'_>, runs: Runs<'_, '_>) -> heed::Result<()> {
        add_all(&self.ids, txn, runs)
    }

    /// Takes an object from under a key; tells whether nothing is left there.
    pub(super) fn remove_key(&self, txn: &mut RwTxn<'_>, key: u64, number: u32) -> heed::Result<bool> {
        // The filter goes on letting the key pass, which costs a look into the tree.
        remove(&self.keys, txn, key, number)
    }

    /// Builds the filter when there is none, or when too many keys came since.
    pub(super) fn refresh_filter(&self, txn: &mut RwTxn<'_>) -> heed::Result<()> {
        let all = self.keys.len(txn)?;
        let is_there = self.blobs.get(txn, FILTER)?.is_some_and(|bytes| Filter::new(bytes).is_some());
        let fresh = self.fresh.len(txn)?;
        if all == 0 || (is_there && (fresh < FRESH_AT_LEAST || fresh < all / FRESH_PART)) {
            return Ok(());
        }
        let mut keys = Vec::with_capacity(usize::try_from(all).unwrap_or(0));
        for entry in self.keys.iter(txn)? {
            keys.push(u64::from_ne_bytes(entry?.0.try_into().map_err(|_| damaged())?));
        }
        match filter::build(&keys) {
            Some(bytes) => self.blobs.put(txn, FILTER, &bytes)?,
            // Without a filter every look-up goes to the tree, which is right and slower.
            None => drop(self.blobs.delete(txn, FILTER)?),
        }
        self.fresh.clear(txn)
    }

    pub(super) fn scanned<'t>(
        &self,
        txn: &'t RoTxn<'_>,
    ) -> heed::Result<impl Iterator<Item = heed::Result<(u32, &'t [u8])>> + use<'t>> {
        Ok(self.scanned.iter(txn)?.map(|entry| {
            let (key, value) = entry?;
            Ok((u32::from_ne_bytes(key.try_into().map_err(|_| damaged())?), value))
        }))
    }

    pub(super) fn set_scanned(&self, txn: &mut RwTxn<'_>, number: u32, value: &[u8]) -> heed::Result<()> {
        self.scanned.put(txn, &number.to_ne_bytes(), value)
    }

    pub(super) fn remove_scanned(&self, txn: &mut RwTxn<'_>, number: u32) -> heed::Result<bool> {
        self.scanned.delete(txn, &number.to_ne_bytes())
    }

    pub(super) fn relations<'t>(
        &self,
        txn: &'t RoTxn<'_>,
        end: u64,
    ) -> heed::Result<impl Iterator<Item = heed::Result<&'t [u8]>> + use<'t>> {
        let found = self.relations.get_duplicates(txn, &end.to_ne_bytes())?;
        Ok(found.into_iter().flatten().map(|entry| entry.map(|(_, value)| value)))
    }

    pub(super) fn add_relation(&self, txn: &mut RwTxn<'_>, end: u64, value: &[u8]) -> heed::Result<bool> {
        let flags = PutFlags::NO_DUP_DATA;
        match self.relations.put_with_flags(txn, flags, &end.to_ne_bytes(), value) {
            Ok(()) => Ok(true),
            Err(heed::Error::Mdb(heed::MdbError::KeyExist)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn remove_relation(&self, txn: &mut RwTxn<'_>, end: u64, value: &[u8]) -> heed::Result<bool> {
        self.relations.delete_one_duplicate(txn, &end.to_ne_bytes(), value)
    }

    /// Empties everything but the names that `keep` lists.
    pub(super) fn clear(&self, txn: &mut RwTxn<'_>, keep: &[&str]) -> heed::Result<()> {
        let mut kept = Vec::new();
        for name in keep {
            kept.push((*name, self.meta.get(txn, name)?.map(<[u8]>::to_vec)));
        }
        for table in [self.objects, self.ids, self.keys, self.scanned, self.relations] {
            table.clear(txn)?;
        }
        self.fresh.clear(txn)?;
        self.blobs.clear(txn)?;
        self.meta.clear(txn)?;
        for (name, value) in kept {
            if let Some(value) = value {
                self.meta.put(txn, name, &value)?;
            }
        }
        Ok(())
    }

    /// How many entries and bytes each table has.
    pub(super) fn sizes(&self, txn: &RoTxn<'_>) -> heed::Result<Vec<(&'static str, u64, u64)>> {
        let of = |name, stat: heed::DatabaseStat| {
            let pages = stat.branch_pages + stat.leaf_pages + stat.overflow_pages;
            (name, stat.entries as u64, pages as u64 * u64::from(stat.page_size))
        };
        Ok(vec![
            of("objects", self.objects.stat(txn)?),
            of("ids", self.ids.stat(txn)?),
            of("keys", self.keys.stat(txn)?),
            of("relations", self.relations.stat(txn)?),
            of("scanned", self.scanned.stat(txn)?),
            of("filter", self.blobs.stat(txn)?),
        ])
    }
}

/// The way to objects by their keys, for one transaction.
pub(crate) struct Keys<'t> {
    tables: Tables,
    filter: Option<Filter<'t>>,
    has_fresh: bool,
}

impl<'t> Keys<'t> {
    pub(super) fn get(&self, txn: &'t RoTxn<'_>, key: u64) -> heed::Result<Postings<'t>> {
        let is_absent = self.filter.as_ref().is_some_and(|filter| !filter.may_have(key))
            && !(self.has_fresh && self.tables.fresh.get(txn, &key.to_ne_bytes())?.is_some());
        if is_absent { Ok(Postings::default()) } else { postings(&self.tables.keys, txn, key) }
    }
}

fn postings<'t>(table: &Numbered, txn: &'t RoTxn<'_>, key: u64) -> heed::Result<Postings<'t>> {
    Ok(table.get(txn, &key.to_ne_bytes())?.map_or_else(Postings::default, Postings::new))
}

fn add(table: &Numbered, txn: &mut RwTxn<'_>, key: u64, number: u32) -> heed::Result<bool> {
    let key = key.to_ne_bytes();
    let list = table.get(txn, &key)?;
    let is_new = list.is_none();
    if let Some(list) = postings::with(list.unwrap_or_default(), number) {
        table.put(txn, &key, &list)?;
    }
    Ok(is_new)
}

/// As [`add`] for each pair. Where all keys are beyond those that there are, the table grows at its end, full pages only.
fn add_all(table: &Numbered, txn: &mut RwTxn<'_>, runs: Runs<'_, '_>) -> heed::Result<()> {
    let last = match table.last(txn)? {
        Some((key, _)) => Some(u64::from_ne_bytes(key.try_into().map_err(|_| damaged())?)),
        None => None,
    };
    for run in runs {
        let Some((key, _)) = run.first() else { continue };
        if last.is_none_or(|last| last < *key) {
            let list: Vec<u8> = run.iter().flat_map(|(_, number)| number.to_le_bytes()).collect();
            table.put_with_flags(txn, PutFlags::APPEND, &key.to_ne_bytes(), &list)?;
        } else {
            for (key, number) in run {
                add(table, txn, *key, *number)?;
            }
        }
    }
    Ok(())
}

fn remove(table: &Numbered, txn: &mut RwTxn<'_>, key: u64, number: u32) -> heed::Result<bool> {
    let key = key.to_ne_bytes();
    match postings::without(table.get(txn, &key)?.unwrap_or_default(), number) {
        Some(left) if left.is_empty() => table.delete(txn, &key),
        Some(left) => table.put(txn, &key, &left).map(|()| false),
        None => Ok(false),
    }
}

/// A key that no code here wrote.
fn damaged() -> heed::Error {
    heed::Error::Mdb(heed::MdbError::Corrupted)
}

fn not_there() -> heed::Error {
    heed::Error::Mdb(heed::MdbError::NotFound)
}
