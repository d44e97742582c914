//! STIX objects, as bundles and streams bring them, into the mirror.

use opencti_client::{Identity, Marking, Threat};
use serde_json::Value;

use super::edit::{Edit, Put};
use super::record::{Reference, StoredName};
use crate::lookup::bundle::object::{Names, Object, entity_type, tlp_marking};
use crate::store::StoreError;

/// What became of a STIX object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Applied {
    /// It is in the mirror.
    Put(Put),
    /// A relation that is in the mirror.
    Related,
    /// It was taken from the mirror.
    Removed,
    /// The mirror has no use for objects of its type.
    Ignored,
    /// It cannot be used, and why.
    Unusable(&'static str),
}

impl Edit<'_> {
    /// Puts a STIX 2.1 object, with OpenCTI's extensions when it has them.
    ///
    /// An author, a marking or the end of a relation may come before or after what refers to it.
    ///
    /// # Errors
    ///
    /// When the store cannot be read or written. An object that cannot be used is no error.
    pub fn put_stix(&mut self, object: &Value) -> Result<Applied, StoreError> {
        let Some(object) = Object::of(object) else {
            return Ok(Applied::Unusable("it has no `type` or no `id`"));
        };
        // Names are looked up when an indicator is read, so that their order does not matter.
        let nameless = Names::default();
        match object.kind {
            "indicator" => {
                let (author, markings) = (self.author_reference(&object), self.marking_references(&object)?);
                self.put_indicator_by(&object.indicator(&nameless), author, markings).map(Applied::Put)
            }
            "relationship" => self.put_stix_relation(&object),
            "report" => self.put_report(&object.report(|_| None)).map(Applied::Put),
            kind if entity_type(kind).is_some() => {
                let (author, markings) = (self.author_reference(&object), self.marking_references(&object)?);
                self.put_observable_by(&object.observable(&nameless), author, markings).map(Applied::Put)
            }
            _ => match name_of(&object) {
                Some(name) => self.put_name(name).map(|_| Applied::Put(Put::Same)),
                None => Ok(Applied::Ignored),
            },
        }
    }

    /// Takes out what a STIX object stands for.
    ///
    /// # Errors
    ///
    /// When the store cannot be read or written.
    pub fn remove_stix(&mut self, object: &Value) -> Result<Applied, StoreError> {
        let Some(object) = Object::of(object) else {
            return Ok(Applied::Unusable("it has no `type` or no `id`"));
        };
        if object.kind == "relationship" {
            let (Some(kind), Some((from, to))) = (object.text("relationship_type"), object.ends()) else {
                return Ok(Applied::Unusable("a relationship without type or ends"));
            };
            self.remove_relation(kind, from, to)?;
            return Ok(Applied::Removed);
        }
        let removed = self.remove(&object.internal_id())?;
        Ok(if removed { Applied::Removed } else { Applied::Ignored })
    }

    fn put_stix_relation(&mut self, object: &Object<'_>) -> Result<Applied, StoreError> {
        let (Some(kind), Some((from, to))) = (object.text("relationship_type"), object.ends()) else {
            return Ok(Applied::Unusable("a relationship without type or ends"));
        };
        self.put_relation(kind, from, to)?;
        Ok(Applied::Related)
    }

    fn author_reference(&self, object: &Object<'_>) -> Option<Reference> {
        object.author_ref().map(|id| self.reference(id))
    }

    fn marking_references(&mut self, object: &Object<'_>) -> Result<Vec<Reference>, StoreError> {
        let ids = object.marking_refs();
        let mut references = Vec::with_capacity(ids.len());
        for id in ids {
            // Bundles refer to the levels of TLP without defining them.
            if let Some(marking) = tlp_marking(&id) {
                self.put_name(StoredName { id: id.clone(), ..StoredName::of_marking(&marking) })?;
            }
            references.push(self.reference(&id));
        }
        Ok(references)
    }
}

/// What others are named by, if the object is that.
fn name_of(object: &Object<'_>) -> Option<StoredName> {
    let with_ids = |name: StoredName| StoredName {
        id: object.internal_id(),
        standard_id: Some(object.id.to_owned()),
        ..name
    };
    let marking = object.marking().as_ref().map(|m: &Marking| with_ids(StoredName::of_marking(m)));
    let author = || object.identity().as_ref().map(|a: &Identity| StoredName::of_author(a));
    let threat = || object.threat().as_ref().map(|t: &Threat| with_ids(StoredName::of_threat(t)));
    marking.or_else(author).or_else(threat)
}
