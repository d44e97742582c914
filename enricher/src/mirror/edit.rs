//! Changing the mirror: objects come, change and go, and with them what they are found by.

use std::collections::{HashMap, HashSet};

use opencti_client::{Identity, Indicator, Marking, Observable, Report, Threat};
use serde::{Deserialize, Serialize};

use super::keys::{self, Filed, Lengths};
use super::record::{Record, Reference, StoredIndicator, StoredName, StoredObservable};
use super::relation::Relation;
use crate::store::{Store, StoreError, Writer};

pub(super) const COUNTS: &str = "counts";
pub(super) const LENGTHS: &str = "network lengths";
/// From which object on nothing is filed yet: set while a bulk load is under way.
const UNFILED: &str = "unfiled from";

/// New objects that are written before their keys are, when many come at once.
const BATCH: usize = 10_000;
/// Keys, ids or relations that are written in one go.
const RUN: usize = 500_000;

/// How many objects of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// Indicators, those included whose pattern cannot be used.
    pub indicators: u64,
    /// Indicators whose pattern is STIX and does not parse.
    pub broken_patterns: u64,
    /// Observables.
    pub observables: u64,
    /// Authors, markings and threats.
    pub names: u64,
    /// Reports.
    pub reports: u64,
}

/// What became of an object that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is new.
    Added,
    /// It was there and is different now.
    Changed,
    /// It was there just so.
    Same,
}

/// Changes to the mirror. They take effect together by [`commit`](Self::commit); a [bulk](Self::bulk) load takes effect
/// bit by bit.
pub struct Edit<'s> {
    store: &'s Store,
    writer: Option<Writer<'s>>,
    counts: Counts,
    lengths: Lengths,
    /// Names that this edit has put, so that an author of a thousand indicators is put once.
    names: HashSet<u64>,
    bulk: Option<Bulk>,
}

/// What a bulk load writes at its end, in order, which is many times faster.
#[derive(Default)]
struct Bulk {
    ids: HashMap<u64, u32>,
    keys: Vec<(u64, u32)>,
    relations: Vec<(u64, [u8; Relation::LENGTH])>,
    /// Objects written since the last commit.
    pending: usize,
    /// The store was empty before, so nothing that comes can be there already.
    from_nothing: bool,
}

impl<'s> Edit<'s> {
    /// Begins to change the mirror. It waits until no other process does.
    ///
    /// # Errors
    ///
    /// When the store cannot be read or written.
    pub fn begin(store: &'s Store) -> Result<Self, StoreError> {
        let writer = store.write()?;
        let counts = writer.meta(COUNTS)?.and_then(|bytes| postcard::from_bytes(bytes).ok());
        let lengths = writer.meta(LENGTHS)?.map(Lengths::from_bytes);
        let unfiled = writer.meta(UNFILED)?.and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
        let mut edit = Self {
            store,
            writer: Some(writer),
            counts: counts.unwrap_or_default(),
            lengths: lengths.unwrap_or_default(),
            names: HashSet::new(),
            bulk: None,
        };
        if let Some(first) = unfiled {
            edit.file_from(first)?;
        }
        Ok(edit)
    }

    /// Begins to load many objects: they are written bit by bit, and found when [`commit`](Self::commit) is done.
    ///
    /// When the process is killed before, the next edit finishes what is there.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin).
    pub fn bulk(store: &'s Store) -> Result<Self, StoreError> {
        let mut edit = Self::begin(store)?;
        let first = edit.writer()?.next_number();
        edit.writer()?.set_meta(UNFILED, &first.to_le_bytes())?;
        edit.bulk = Some(Bulk { from_nothing: first == 0, ..Bulk::default() });
        Ok(edit)
    }

    /// How many objects there are now.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Puts an indicator with its author and markings.
    ///
    /// # Errors
    ///
    /// When the store cannot be read or written.
    pub fn put_indicator(&mut self, indicator: &Indicator) -> Result<Put, StoreError> {
        let author = self.put_author(indicator.created_by.as_ref())?;
        let markings = self.put_markings(&indicator.markings)?;
        self.put_indicator_by(indicator, author, markings)
    }

    /// Puts an indicator whose author and markings are known by their ids.
    pub(super) fn put_indicator_by(
        &mut self,
        indicator: &Indicator,
        author: Option<Reference>,
        markings: Vec<Reference>,
    ) -> Result<Put, StoreError> {
        self.put(&Record::Indicator(Box::new(StoredIndicator::new(indicator, author, markings))))
    }

    /// Puts an observable with its author and markings.
    ///
    /// # Errors
    ///
    /// When the store cannot be read or written.
    pub fn put_observable(&mut self, observable: &Observable) -> Result<Put, StoreError> {
        let author = self.put_author(observable.created_by.as_ref())?;
        let markings = self.put_markings(&observable.markings)?;
        self.put_observable_by(observable, author, markings)
    }

    pub(super) fn put_observable_by(
        &mut self,
        observable: &Observable,
        author: Option<Reference>,
        markings: Vec<Reference>,
    ) -> Result<Put, StoreError> {
        self.put(&Record::Observable(Box::new(StoredObservable::new(observable, author, markings))))
    }

    /// Puts a threat: what indicators indicate.
    ///
    /// # Errors
    ///
    /// When the store cannot be read or written.
    pub fn put_threat(&mut self, threat: &Threat) -> Result<(), StoreError> {
        self.put_name(StoredName::of_threat(threat)).map(|_| ())
    }

    /// Puts a report.
    ///
    /// # Errors
    ///
    /// When the store cannot be read or written.
    pub fn put_report(&mut self, report: &Report) -> Result<Put, StoreError> {
        for id in &report.object_ids {
            self.put_relation(Relation::REPORTED, id, &report.id)?;
        }
        // Which objects it holds is kept as relations.
        let report = Report { object_ids: Vec::new(), ..report.clone() };
        self.put(&Record::Report(Box::new(report)))
    }

    /// Puts a relation between two objects, by any of their ids. They need not be there yet.
    ///
    /// # Errors
    ///
    /// When the store cannot be read or written.
    pub fn put_relation(&mut self, kind: &str, from: &str, to: &str) -> Result<(), StoreError> {
        let (from, to) = (self.store.hash(from.as_bytes()), self.store.hash(to.as_bytes()));
        let kind = self.relation_kind(kind)?;
        for (end, relation) in Relation::entries(kind, from, to) {
            match &mut self.bulk {
                Some(bulk) => bulk.relations.push((end, relation.to_bytes())),
                None => drop(self.writer()?.add_relation(end, &relation.to_bytes())?),
            }
        }
        Ok(())
    }

    /// Removes a relation.
    ///
    /// # Errors
    ///
    /// When the store cannot be read or written.
    pub fn remove_relation(&mut self, kind: &str, from: &str, to: &str) -> Result<(), StoreError> {
        let (from, to) = (self.store.hash(from.as_bytes()), self.store.hash(to.as_bytes()));
        let kind = self.relation_kind(kind)?;
        for (end, relation) in Relation::entries(kind, from, to) {
            self.writer()?.remove_relation(end, &relation.to_bytes())?;
        }
        Ok(())
    }

    /// Removes the object with this id; tells whether it was there.
    ///
    /// # Errors
    ///
    /// When the store cannot be read or written.
    pub fn remove(&mut self, id: &str) -> Result<bool, StoreError> {
        let Some((number, record)) = self.find(id)? else { return Ok(false) };
        let filed = self.filed(&record);
        self.unfile(number, &filed)?;
        for id in record.ids() {
            let hash = self.store.hash(id.as_bytes());
            self.writer()?.remove_id(hash, number)?;
        }
        self.writer()?.remove_object(number)?;
        self.count(&record, &filed, -1);
        Ok(true)
    }

    /// Remembers a short text, such as a cursor.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub fn set_note(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        self.writer()?.set_meta(&format!("note {name}"), value.as_bytes())
    }

    /// Forgets what [`set_note`](Self::set_note) remembered.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub fn remove_note(&mut self, name: &str) -> Result<(), StoreError> {
        self.writer()?.remove_meta(&format!("note {name}"))
    }

    /// Empties the mirror.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub fn clear(&mut self) -> Result<(), StoreError> {
        self.counts = Counts::default();
        self.lengths = Lengths::default();
        self.names.clear();
        self.writer()?.clear()
    }

    /// Makes the changes last.
    ///
    /// # Errors
    ///
    /// When the store cannot be written. Then none of them is there, or those of a bulk load that the next edit can finish.
    pub fn commit(mut self) -> Result<(), StoreError> {
        if let Some(bulk) = self.bulk.take() {
            self.finish(bulk)?;
        }
        self.writer()?.refresh_filter()?;
        self.write_notes()?;
        self.writer.take().map_or(Ok(()), Writer::commit)
    }

    /// The writer; a bulk load has none for a moment between two commits.
    fn writer(&mut self) -> Result<&mut Writer<'s>, StoreError> {
        match &mut self.writer {
            Some(writer) => Ok(writer),
            none => Ok(none.insert(self.store.write()?)),
        }
    }

    fn write_notes(&mut self) -> Result<(), StoreError> {
        let counts = postcard::to_stdvec(&self.counts).unwrap_or_default();
        let lengths = self.lengths.to_bytes();
        let writer = self.writer()?;
        writer.set_meta(COUNTS, &counts)?;
        writer.set_meta(LENGTHS, &lengths)
    }

    /// Commits what was written so far, and goes on.
    fn commit_so_far(&mut self) -> Result<(), StoreError> {
        self.write_notes()?;
        self.writer.take().map_or(Ok(()), Writer::commit)
    }

    fn put(&mut self, record: &Record) -> Result<Put, StoreError> {
        let bytes = record.encode();
        let id = record.id();
        let Some((number, old)) = self.find(&id)? else {
            self.add(record, &bytes)?;
            return Ok(Put::Added);
        };
        if old == *record {
            return Ok(Put::Same);
        }
        let (before, after) = (self.filed(&old), self.filed(record));
        self.count(&old, &before, -1);
        self.count(record, &after, 1);
        if before.keys != after.keys || before.scan != after.scan {
            self.unfile(number, &before)?;
            self.file(number, &after)?;
        }
        let (before, after) = (old.ids(), record.ids());
        for id in before.iter().filter(|id| !after.contains(id)) {
            let hash = self.store.hash(id.as_bytes());
            self.writer()?.remove_id(hash, number)?;
        }
        for id in after.iter().filter(|id| !before.contains(id)) {
            let hash = self.store.hash(id.as_bytes());
            self.writer()?.add_id(hash, number)?;
        }
        self.writer()?.replace_object(number, &bytes)?;
        Ok(Put::Changed)
    }

    fn add(&mut self, record: &Record, bytes: &[u8]) -> Result<(), StoreError> {
        let number = self.writer()?.add_object(bytes)?;
        let filed = self.filed(record);
        self.count(record, &filed, 1);
        let ids: Vec<u64> = record.ids().iter().map(|id| self.store.hash(id.as_bytes())).collect();
        if self.bulk.is_some() {
            filed.networks.iter().for_each(|network| self.lengths.add(*network));
            let keys: Vec<u64> = filed.keys.iter().map(|key| self.store.hash(key.as_bytes())).collect();
            self.scan(number, &filed)?;
            if let Some(bulk) = &mut self.bulk {
                bulk.ids.extend(ids.into_iter().map(|id| (id, number)));
                bulk.keys.extend(keys.into_iter().map(|key| (key, number)));
                bulk.pending += 1;
                if bulk.pending == BATCH {
                    bulk.pending = 0;
                    self.commit_so_far()?;
                }
            }
            return Ok(());
        }
        for id in ids {
            self.writer()?.add_id(id, number)?;
        }
        self.file(number, &filed)
    }

    /// The object with this id.
    fn find(&mut self, id: &str) -> Result<Option<(u32, Record)>, StoreError> {
        let hash = self.store.hash(id.as_bytes());
        let candidates: Vec<u32> = match &self.bulk {
            Some(bulk) => {
                let new = bulk.ids.get(&hash).copied();
                if new.is_none() && bulk.from_nothing {
                    return Ok(None);
                }
                let old = self.writer()?.of_id(hash)?.iter().collect::<Vec<_>>();
                new.into_iter().chain(old).collect()
            }
            None => self.writer()?.of_id(hash)?.iter().collect(),
        };
        for number in candidates {
            let record = self.writer()?.object(number)?.and_then(Record::decode);
            // Two ids may have one hash.
            if let Some(record) = record
                && record.ids().iter().any(|own| own == id)
            {
                return Ok(Some((number, record)));
            }
        }
        Ok(None)
    }

    fn filed(&self, record: &Record) -> Filed {
        match record {
            Record::Indicator(stored) => {
                keys::of_pattern(stored.pattern_type.as_deref(), stored.pattern.as_deref())
            }
            Record::Observable(stored) => {
                keys::of_observable(&stored.as_ref().clone().into_observable(None, Vec::new()))
            }
            Record::Name(_) | Record::Report(_) => Filed::default(),
        }
    }

    fn file(&mut self, number: u32, filed: &Filed) -> Result<(), StoreError> {
        filed.networks.iter().for_each(|network| self.lengths.add(*network));
        for key in &filed.keys {
            let hash = self.store.hash(key.as_bytes());
            self.writer()?.add_key(hash, number)?;
        }
        self.scan(number, filed)
    }

    fn scan(&mut self, number: u32, filed: &Filed) -> Result<(), StoreError> {
        if filed.scan.is_empty() {
            return Ok(());
        }
        let needles = postcard::to_stdvec(&filed.scan).unwrap_or_default();
        self.writer()?.set_scanned(number, &needles)
    }

    fn unfile(&mut self, number: u32, filed: &Filed) -> Result<(), StoreError> {
        for key in &filed.keys {
            let hash = self.store.hash(key.as_bytes());
            self.writer()?.remove_key(hash, number)?;
        }
        if !filed.scan.is_empty() {
            self.writer()?.remove_scanned(number)?;
        }
        Ok(())
    }

    /// Finishes a bulk load that was cut off: files what was written and not filed.
    fn file_from(&mut self, first: u32) -> Result<(), StoreError> {
        let end = self.writer()?.next_number();
        for number in first..end {
            let Some(record) = self.writer()?.object(number)?.and_then(Record::decode) else { continue };
            let filed = self.filed(&record);
            self.file(number, &filed)?;
            for id in record.ids() {
                let hash = self.store.hash(id.as_bytes());
                self.writer()?.add_id(hash, number)?;
            }
        }
        self.writer()?.remove_meta(UNFILED)
    }

    fn finish(&mut self, mut bulk: Bulk) -> Result<(), StoreError> {
        bulk.keys.sort_unstable();
        bulk.keys.dedup();
        let mut runs = bulk.keys.chunk_by(|a, b| a.0 == b.0).peekable();
        while runs.peek().is_some() {
            self.writer()?.add_keys(&mut runs.by_ref().take(RUN))?;
            self.commit_so_far()?;
        }
        drop(std::mem::take(&mut bulk.keys));
        let mut ids: Vec<(u64, u32)> = std::mem::take(&mut bulk.ids).into_iter().collect();
        ids.sort_unstable();
        let mut runs = ids.chunk_by(|a, b| a.0 == b.0).peekable();
        while runs.peek().is_some() {
            self.writer()?.add_ids(&mut runs.by_ref().take(RUN))?;
            self.commit_so_far()?;
        }
        drop(ids);
        bulk.relations.sort_unstable();
        for run in bulk.relations.chunks(RUN) {
            for (end, relation) in run {
                self.writer()?.add_relation(*end, relation)?;
            }
            self.commit_so_far()?;
        }
        self.writer()?.remove_meta(UNFILED)
    }

    fn put_author(&mut self, author: Option<&Identity>) -> Result<Option<Reference>, StoreError> {
        author.map(|author| self.put_name(StoredName::of_author(author))).transpose()
    }

    fn put_markings(&mut self, markings: &[Marking]) -> Result<Vec<Reference>, StoreError> {
        markings.iter().map(|marking| self.put_name(StoredName::of_marking(marking))).collect()
    }

    /// Puts something by which others are named, and gives the reference to it.
    pub(super) fn put_name(&mut self, name: StoredName) -> Result<Reference, StoreError> {
        let reference = self.store.hash(name.id.as_bytes());
        let record = Record::Name(Box::new(name));
        // What an edit puts twice is put again only when it differs, which costs a hash to know.
        if self.names.insert(self.store.hash(&record.encode())) {
            self.put(&record)?;
        }
        Ok(reference)
    }

    /// The reference to an object by one of its ids, whether it is there or not.
    pub(super) fn reference(&self, id: &str) -> Reference {
        self.store.hash(id.as_bytes())
    }

    /// The number under which a kind of relation is kept.
    fn relation_kind(&mut self, kind: &str) -> Result<u8, StoreError> {
        Relation::kind(kind, self.writer()?)
    }

    fn count(&mut self, record: &Record, filed: &Filed, by: i64) {
        let add = |count: &mut u64| *count = count.saturating_add_signed(by);
        match record {
            Record::Indicator(_) => {
                add(&mut self.counts.indicators);
                if filed.is_broken {
                    add(&mut self.counts.broken_patterns);
                }
            }
            Record::Observable(_) => add(&mut self.counts.observables),
            Record::Name(_) => add(&mut self.counts.names),
            Record::Report(_) => add(&mut self.counts.reports),
        }
    }
}
