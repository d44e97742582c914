//! A STIX 2.1 bundle in memory: intelligence without a server.

use std::collections::HashMap;

use async_trait::async_trait;
use ioc_extract::Ioc;
use opencti_client::{BasedOn, Indicates, Indicator, Observable, Related, Report};
use serde::Deserialize;
use serde_json::Value;

use super::{Context, Findings, Intel, Lookup, LookupError};
use crate::question::Near;
use crate::stix::Pattern;
use index::Index;
use object::{Names, Object, entity_type};

mod index;
pub(crate) mod object;

/// A STIX 2.1 bundle, indexed for look-ups.
///
/// ```
/// # use enricher::{Bundle, Lookup};
/// let bundle = Bundle::from_slice(br#"{"type": "bundle", "id": "bundle--5a1f7bd3-2a5b-4c0e-8d5e-3f8f5c3f3a10", "objects": [
///     {"type": "indicator", "id": "indicator--b1f1c6de-9f0e-4c7c-8f8e-5f0f6f7a8b9c", "spec_version": "2.1",
///      "name": "C2", "pattern": "[ipv4-addr:value = '203.0.113.7']", "pattern_type": "stix",
///      "valid_from": "2026-01-01T00:00:00Z"}
/// ]}"#)?;
/// assert_eq!(bundle.indicators().len(), 1);
/// # Ok::<(), enricher::BundleError>(())
/// ```
#[derive(Debug, Default)]
pub struct Bundle {
    indicators: Vec<Indicator>,
    observables: Vec<Observable>,
    /// Indicator and observable, by their places in the lists above.
    based_on: Vec<(usize, usize)>,
    /// Two observables and how they are related.
    related: Vec<(usize, usize, String)>,
    indicates: Vec<Indicates>,
    reports: Vec<Report>,
    skipped: Vec<Skipped>,
    index: Index,
}

/// An object of a bundle that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its STIX id, or its place in the bundle when it has none.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// A file that is no STIX bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Not JSON.
    #[error("the STIX bundle is not valid JSON")]
    Json(#[from] serde_json::Error),
    /// JSON, but no bundle.
    #[error(
        "no STIX bundle: its `type` is {found}, not `bundle`; export it from OpenCTI as a STIX 2.1 bundle"
    )]
    NotABundle {
        /// What stands there.
        found: String,
    },
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default, rename = "type")]
    kind: Option<Value>,
    #[serde(default)]
    objects: Vec<Value>,
}

impl Bundle {
    /// Reads a bundle.
    ///
    /// Objects that cannot be used are [skipped](Self::skipped); they do not take the others with them.
    ///
    /// # Errors
    ///
    /// When the bytes are not JSON, or not a bundle.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, BundleError> {
        let raw: Raw = serde_json::from_slice(bytes)?;
        match raw.kind {
            Some(Value::String(kind)) if kind == "bundle" => Ok(Self::from_objects(&raw.objects)),
            Some(other) => Err(BundleError::NotABundle { found: format!("`{other}`") }),
            None => Err(BundleError::NotABundle { found: "missing".to_owned() }),
        }
    }

    /// Its indicators, those included whose pattern cannot be used.
    #[must_use]
    pub fn indicators(&self) -> &[Indicator] {
        &self.indicators
    }

    /// Its observables.
    #[must_use]
    pub fn observables(&self) -> &[Observable] {
        &self.observables
    }

    /// What could not be used.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    fn from_objects(objects: &[Value]) -> Self {
        let names = Names::of(objects);
        let mut bundle = Self::default();
        // Relations come after what they relate, wherever they stand in the bundle.
        let mut places: HashMap<&str, Place> = HashMap::new();
        let mut relations: Vec<Object<'_>> = Vec::new();
        let mut reports: Vec<Object<'_>> = Vec::new();
        for (number, value) in objects.iter().enumerate() {
            let Some(object) = Object::of(value) else {
                bundle.skip(format!("object {number}"), "it has no `type` or no `id`");
                continue;
            };
            match object.kind {
                "indicator" => {
                    places.insert(object.id, Place::Indicator(bundle.indicators.len()));
                    bundle.add_indicator(object.indicator(&names));
                }
                "relationship" => relations.push(object),
                "report" => reports.push(object),
                kind if entity_type(kind).is_some() => {
                    places.insert(object.id, Place::Observable(bundle.observables.len()));
                    bundle.add_observable(object.observable(&names));
                }
                _ => {}
            }
        }
        for relation in &relations {
            bundle.add_relation(relation, &places, &names);
        }
        for report in &reports {
            let internal_id = |id: &str| match places.get(id)? {
                Place::Indicator(i) => Some(bundle.indicators[*i].id.clone()),
                Place::Observable(o) => Some(bundle.observables[*o].id.clone()),
            };
            let report = report.report(internal_id);
            bundle.reports.push(report);
        }
        bundle
    }

    fn skip(&mut self, id: String, reason: &str) {
        self.skipped.push(Skipped { id, reason: reason.to_owned() });
    }

    fn add_indicator(&mut self, indicator: Indicator) {
        if let Err(reason) = self.index.add_indicator(self.indicators.len(), &indicator) {
            self.skip(indicator.standard_id.clone().unwrap_or_default(), &reason);
        }
        self.indicators.push(indicator);
    }

    fn add_observable(&mut self, observable: Observable) {
        for ioc in crate::matching::iocs_of(&observable) {
            self.index.add_observable(self.observables.len(), ioc);
        }
        self.observables.push(observable);
    }

    fn add_relation(&mut self, relation: &Object<'_>, places: &HashMap<&str, Place>, names: &Names<'_>) {
        let (Some(from), Some(to)) = (relation.text("source_ref"), relation.text("target_ref")) else {
            self.skip(relation.id.to_owned(), "a relationship without both ends");
            return;
        };
        let kind = relation.text("relationship_type").unwrap_or_default();
        match (kind, places.get(from), places.get(to)) {
            ("based-on", Some(Place::Indicator(i)), Some(Place::Observable(o))) => {
                self.based_on.push((*i, *o));
            }
            ("indicates", Some(Place::Indicator(i)), None) => {
                if let Some(target) = names.threats.get(to) {
                    self.indicates.push(Indicates {
                        indicator_id: self.indicators[*i].id.clone(),
                        target: target.clone(),
                        ..Indicates::default()
                    });
                }
            }
            (kind, Some(Place::Observable(a)), Some(Place::Observable(b))) => {
                self.related.push((*a, *b, kind.to_owned()));
            }
            _ => {}
        }
    }

    /// The indicators based on an observable, as the API gives them.
    fn based_on(&self, observable: usize) -> impl Iterator<Item = BasedOn> {
        self.based_on.iter().filter(move |(_, o)| *o == observable).map(|(i, o)| BasedOn {
            indicator: self.indicators[*i].clone(),
            observable_id: self.observables[*o].id.clone(),
        })
    }
}

#[async_trait]
impl Lookup for Bundle {
    async fn find(&self, iocs: &[Ioc]) -> Result<Findings, LookupError> {
        let found = self.index.find(iocs);
        let mut findings = Findings {
            indicators: found.indicators.iter().map(|i| self.indicators[*i].clone()).collect(),
            observables: found.observables.iter().map(|o| self.observables[*o].clone()).collect(),
            ..Findings::default()
        };
        for near in &found.observables {
            findings.based_on.extend(self.based_on(*near));
            for (a, b, relationship_type) in &self.related {
                let far = match (a == near, b == near) {
                    (true, false) => *b,
                    (false, true) => *a,
                    _ => continue,
                };
                findings.based_on.extend(self.based_on(far));
                findings.related.push(Related {
                    from_id: self.observables[*a].id.clone(),
                    to_id: self.observables[*b].id.clone(),
                    relationship_type: relationship_type.clone(),
                    other: self.observables[far].clone(),
                });
            }
        }
        Ok(findings)
    }

    async fn context(&self, indicator_ids: &[String]) -> Result<Context, LookupError> {
        let indicates =
            self.indicates.iter().filter(|i| indicator_ids.contains(&i.indicator_id)).cloned().collect();
        let about = |r: &&Report| r.object_ids.iter().any(|id| indicator_ids.contains(id));
        let reports = self.reports.iter().filter(about).cloned().collect();
        Ok(Context { indicates, reports, ..Context::default() })
    }

    async fn near(&self, near: &Near) -> Result<Findings, LookupError> {
        let is_near = |indicator: &&Indicator| {
            let text = indicator.pattern.as_deref().unwrap_or_default();
            Pattern::parse_lenient(text).is_ok_and(|pattern| near.nearness(&pattern).is_some())
        };
        let indicators = self.indicators.iter().filter(is_near).cloned().collect();
        Ok(Findings { indicators, ..Findings::default() })
    }

    fn intel(&self) -> Intel {
        Intel { from: "bundle", age_s: None }
    }
}

/// Where an object that can be looked up stands.
#[derive(Clone, Copy)]
enum Place {
    Indicator(usize),
    Observable(usize),
}

#[cfg(test)]
mod tests;
