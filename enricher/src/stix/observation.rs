//! Observed data as the reference matcher takes it: objects, when they were seen, and how often.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::error::ObservationError;
use super::value::parse_timestamp;

/// One observed-data object with the cyber observables it refers to.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The observed-data object itself is among them, as the reference matcher has it.
    pub(super) objects: Vec<Map<String, Value>>,
    index: HashMap<Box<str>, usize>,
    pub(super) first_observed: Timestamp,
    pub(super) last_observed: Timestamp,
    pub(super) number_observed: u64,
}

impl Observation {
    /// Takes bundles (STIX 2.1: observed-data objects refer to objects beside them) and bare observed-data objects
    /// (STIX 2.0: objects inside, or none). The objects of all bundles form one pool, in which a later object replaces an
    /// earlier one of the same id. Objects that no observed-data object refers to are not observed.
    ///
    /// ```
    /// # use enricher::stix::{Observation, Pattern};
    /// let bundle = serde_json::json!({"type": "bundle", "objects": [
    ///     {"type": "observed-data", "id": "observed-data--1", "number_observed": 1, "object_refs": ["ipv4-addr--1"],
    ///      "first_observed": "2024-05-01T00:00:00Z", "last_observed": "2024-05-01T00:00:00Z"},
    ///     {"type": "ipv4-addr", "id": "ipv4-addr--1", "value": "203.0.113.7"},
    /// ]});
    /// let observations = Observation::from_json(&[bundle])?;
    /// assert!(Pattern::parse("[ipv4-addr:value ISSUBSET '203.0.113.0/24']")?.matches(&observations)?);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When an element is neither, or an object lacks what matching needs (`id`, `type`, `object_refs`, times, counts).
    pub fn from_json(documents: &[Value]) -> Result<Vec<Self>, ObservationError> {
        let mut pool = HashMap::new();
        let mut observed = Vec::new();
        for document in documents {
            let document = document.as_object().ok_or(ObservationError::NotStix)?;
            match text(document, "type") {
                Some("observed-data") => observed.push(document),
                Some("bundle") => {
                    let objects = document.get("objects").and_then(Value::as_array);
                    for object in objects.ok_or(ObservationError::NoObjects)? {
                        let object = object.as_object().ok_or(ObservationError::NoObjects)?;
                        match text(object, "type").ok_or_else(|| missing(object, "type"))? {
                            "observed-data" => observed.push(object),
                            _ => {
                                let id = text(object, "id").ok_or_else(|| missing(object, "id"))?;
                                pool.insert(id, object);
                            }
                        }
                    }
                }
                _ => return Err(ObservationError::NotStix),
            }
        }
        observed.into_iter().map(|data| Self::new(data, &pool)).collect()
    }

    fn new(
        data: &Map<String, Value>,
        pool: &HashMap<&str, &Map<String, Value>>,
    ) -> Result<Self, ObservationError> {
        let time = |name: &'static str| {
            text(data, name).and_then(parse_timestamp).ok_or_else(|| missing(data, name))
        };
        let number_observed = data.get("number_observed").and_then(Value::as_u64).filter(|n| *n > 0);
        let mut observation = Self {
            objects: Vec::new(),
            index: HashMap::new(),
            first_observed: time("first_observed")?,
            last_observed: time("last_observed")?,
            number_observed: number_observed.ok_or_else(|| missing(data, "number_observed"))?,
        };
        if let Some(id) = text(data, "id") {
            observation.add(id, data);
        }
        // Version 2.1 may carry an empty, deprecated `objects` beside its references.
        if let Some(references) = data.get("object_refs") {
            let references = references.as_array().ok_or_else(|| missing(data, "object_refs"))?;
            for id in references.iter().filter_map(Value::as_str) {
                if let Some(object) = pool.get(id) {
                    observation.add(id, object);
                }
            }
        } else {
            let inside = data.get("objects").and_then(Value::as_object);
            for (id, object) in inside.ok_or_else(|| missing(data, "object_refs"))? {
                observation.add(id, object.as_object().ok_or(ObservationError::NoObjects)?);
            }
        }
        Ok(observation)
    }

    fn add(&mut self, id: &str, object: &Map<String, Value>) {
        if !self.index.contains_key(id) {
            self.index.insert(id.into(), self.objects.len());
            self.objects.push(object.clone());
        }
    }

    /// The object of this id, when the observation has one.
    pub(super) fn object(&self, id: &str) -> Option<&Map<String, Value>> {
        self.index.get(id).map(|at| &self.objects[*at])
    }
}

fn text<'a>(object: &'a Map<String, Value>, property: &str) -> Option<&'a str> {
    object.get(property).and_then(Value::as_str)
}

fn missing(object: &Map<String, Value>, property: &'static str) -> ObservationError {
    let name = text(object, "id").or_else(|| text(object, "type")).unwrap_or("an object");
    ObservationError::Property { object: name.into(), property }
}
