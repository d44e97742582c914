//! Loading STIX 2.1 bundles of any size: object by object, never as a whole.

use std::collections::BTreeMap;
use std::fmt;
use std::io::BufRead;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, de};
use serde_json::Value;

use super::edit::{Edit, Put};
use super::stix::Applied;
use crate::store::{Store, StoreError};

/// Objects that cannot be used, of which the reason is kept. All are counted.
const MAX_NAMED: usize = 20;

/// What became of the objects of a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// Objects that are new to the mirror.
    pub added: u64,
    /// Objects that were there and are different now.
    pub changed: u64,
    /// Objects that were there just so, and names.
    pub same: u64,
    /// Relations.
    pub relations: u64,
    /// Objects of types that the mirror has no use for, by type.
    pub ignored: BTreeMap<String, u64>,
    /// Objects that cannot be used.
    pub unusable: u64,
    /// The first of them: their id or place, and why.
    pub reasons: Vec<(String, &'static str)>,
}

impl Imported {
    /// Objects that were read.
    #[must_use]
    pub fn objects(&self) -> u64 {
        let ignored: u64 = self.ignored.values().sum();
        self.added + self.changed + self.same + self.relations + ignored + self.unusable
    }

    fn count(&mut self, object: &Value, applied: &Applied) {
        match applied {
            Applied::Put(Put::Added) => self.added += 1,
            Applied::Put(Put::Changed) => self.changed += 1,
            Applied::Put(Put::Same) => self.same += 1,
            Applied::Related => self.relations += 1,
            Applied::Removed => {}
            Applied::Ignored => {
                let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
                // Types come from the file: not more of them than a person would read.
                let kind = if self.ignored.len() < 100 { kind } else { "other" };
                *self.ignored.entry(kind.to_owned()).or_default() += 1;
            }
            Applied::Unusable(reason) => {
                self.unusable += 1;
                if self.reasons.len() < MAX_NAMED {
                    let id = object.get("id").and_then(Value::as_str).map(str::to_owned);
                    self.reasons.push((id.unwrap_or_else(|| format!("object {}", self.objects())), reason));
                }
            }
        }
    }
}

/// A bundle could not be loaded to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It is not JSON, or ends too early.
    #[error("the STIX bundle is broken after {objects} objects, which were loaded")]
    Json {
        /// How many objects came before.
        objects: u64,
        /// Where and why.
        source: serde_json::Error,
    },
    /// It is JSON and no bundle.
    #[error("no STIX bundle: it needs `\"type\": \"bundle\"` and a list of `objects`")]
    NotABundle,
    /// The store could not be written.
    #[error("cannot load the STIX bundle into the store")]
    Store(#[from] StoreError),
}

/// Loads a STIX 2.1 bundle into the store. `progress` hears how many objects were read, now and then.
///
/// # Errors
///
/// When the input is no bundle or breaks off, or the store cannot be written. What was read before stays loaded.
pub fn import(
    store: &Store,
    bundle: impl BufRead,
    mut progress: impl FnMut(u64),
) -> Result<Imported, ImportError> {
    let mut edit = Edit::bulk(store)?;
    let mut imported = Imported::default();
    let mut failed: Option<StoreError> = None;
    let result = {
        let mut each = |object: Value| match edit.put_stix(&object) {
            Ok(applied) => {
                imported.count(&object, &applied);
                let objects = imported.objects();
                if objects.is_multiple_of(1_000) {
                    progress(objects);
                }
                true
            }
            Err(error) => {
                failed = Some(error);
                false
            }
        };
        let mut json = serde_json::Deserializer::from_reader(bundle);
        let kind = json.deserialize_map(Bundle(&mut each));
        kind.and_then(|kind| json.end().map(|()| kind))
    };
    if let Some(error) = failed {
        return Err(error.into());
    }
    edit.commit()?;
    progress(imported.objects());
    match result {
        Ok(true) => Ok(imported),
        Ok(false) => Err(ImportError::NotABundle),
        Err(source) if source.is_data() && imported.objects() == 0 => Err(ImportError::NotABundle),
        Err(source) => Err(ImportError::Json { objects: imported.objects(), source }),
    }
}

/// The outer object: tells whether it is a bundle.
struct Bundle<'f, F>(&'f mut F);

impl<'de, F: FnMut(Value) -> bool> Visitor<'de> for Bundle<'_, F> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a STIX bundle")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut is_bundle = false;
        let mut has_objects = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "type" => is_bundle = map.next_value::<Value>()? == "bundle",
                "objects" => {
                    map.next_value_seed(Objects(&mut *self.0))?;
                    has_objects = true;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(is_bundle && has_objects)
    }
}

struct Objects<'f, F>(&'f mut F);

impl<'de, F: FnMut(Value) -> bool> DeserializeSeed<'de> for Objects<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(Value) -> bool> Visitor<'de> for Objects<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of STIX objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(object) = seq.next_element::<Value>()? {
            if !(self.0)(object) {
                return Err(<A::Error as de::Error>::custom("the store cannot be written"));
            }
        }
        Ok(())
    }
}
