//! Looking up in the mirror.

use std::collections::BTreeSet;

use async_trait::async_trait;
use ioc_extract::Ioc;
use opencti_client::{
    BasedOn, Endpoint, Identity, Indicates, Indicator, Marking, Observable, Related, Report,
};

use super::Mirror;
use super::edit::LENGTHS;
use super::keys::{self, Lengths, Needle};
use super::record::{Record, Reference, StoredName};
use super::relation::{Kinds, Relation};
use crate::lookup::{Context, Findings, Intel, Lookup, LookupError};
use crate::question::Near;
use crate::stix::Pattern;
use crate::store::{Reader, StoreError};

/// Relations that are followed from one observable, at most. One that has more says that there is more.
const MAX_RELATIONS: usize = 1_000;

/// Indicators that stand close to a value, at most.
const MAX_NEAR: usize = 100;

#[async_trait]
impl Lookup for Mirror {
    async fn find(&self, iocs: &[Ioc]) -> Result<Findings, LookupError> {
        Ok(self.find_now(iocs)?)
    }

    async fn context(&self, indicator_ids: &[String]) -> Result<Context, LookupError> {
        Ok(self.context_now(indicator_ids)?)
    }

    async fn near(&self, near: &Near) -> Result<Findings, LookupError> {
        Ok(self.near_now(near)?)
    }

    fn intel(&self) -> Intel {
        Intel { from: "mirror", age_s: self.age_s() }
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref()
    }
}

impl Mirror {
    fn find_now(&self, iocs: &[Ioc]) -> Result<Findings, StoreError> {
        let view = View::of(self)?;
        let mut findings = Findings::default();
        for number in view.candidates(iocs)? {
            match view.record(number)? {
                Some(Record::Indicator(stored)) => {
                    findings.indicators.push(view.indicator(*stored)?);
                }
                Some(Record::Observable(stored)) => {
                    let (author, markings) = (view.author(stored.author)?, view.markings(&stored.markings)?);
                    findings.observables.push(stored.into_observable(author, markings));
                }
                _ => {}
            }
        }
        let found = std::mem::take(&mut findings.observables);
        for observable in &found {
            view.follow(observable, &mut findings)?;
        }
        findings.observables = found;
        Ok(findings)
    }

    fn context_now(&self, indicator_ids: &[String]) -> Result<Context, StoreError> {
        let view = View::of(self)?;
        let mut context = Context::default();
        for id in indicator_ids {
            for relation in view.relations(id)? {
                let relation = relation?;
                match (view.kinds.name(relation.kind), view.named(relation.other)?) {
                    (Relation::INDICATES, Some(Record::Name(name))) => {
                        context.indicates.extend(name.into_threat().map(|target| Indicates {
                            indicator_id: id.clone(),
                            target,
                            ..Indicates::default()
                        }));
                    }
                    (Relation::REPORTED, Some(Record::Report(report))) => {
                        match context.reports.iter_mut().find(|known| known.id == report.id) {
                            Some(known) => known.object_ids.push(id.clone()),
                            None => {
                                context.reports.push(Report { object_ids: vec![id.clone()], ..*report });
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        // As the API gives them: the latest first.
        context.reports.sort_by(|a, b| b.published.cmp(&a.published));
        Ok(context)
    }
}

impl Mirror {
    /// Goes through every indicator: it is a person who asks.
    fn near_now(&self, near: &Near) -> Result<Findings, StoreError> {
        let view = View::of(self)?;
        let mut findings = Findings::default();
        for entry in view.reader.objects(0)? {
            let (_, record) = entry?;
            let Some(Record::Indicator(stored)) = Record::decode(record) else { continue };
            let text = stored.pattern.as_deref().unwrap_or_default();
            if Pattern::parse_lenient(text).is_ok_and(|pattern| near.nearness(&pattern).is_some()) {
                if findings.indicators.len() == MAX_NEAR {
                    findings.truncated = true;
                    break;
                }
                findings.indicators.push(view.indicator(*stored)?);
            }
        }
        Ok(findings)
    }
}

/// The mirror at one moment.
struct View<'m> {
    mirror: &'m Mirror,
    reader: Reader<'m>,
    kinds: Kinds,
}

impl<'m> View<'m> {
    fn of(mirror: &'m Mirror) -> Result<Self, StoreError> {
        let reader = mirror.store.read()?;
        let kinds = Kinds::read(&reader)?;
        Ok(Self { mirror, reader, kinds })
    }

    /// Numbers of the objects that may concern these values, each once, in the order in which they came to the store.
    fn candidates(&self, iocs: &[Ioc]) -> Result<BTreeSet<u32>, StoreError> {
        let lengths = self.reader.meta(LENGTHS)?.map(Lengths::from_bytes).unwrap_or_default();
        let table = self.reader.keys()?;
        let mut numbers = BTreeSet::new();
        for ioc in iocs {
            for key in keys::to_look_up(ioc, &lengths) {
                let hash = self.mirror.store.hash(key.as_bytes());
                numbers.extend(self.reader.of_key(&table, hash)?.iter());
            }
        }
        for entry in self.reader.scanned()? {
            let (number, needles) = entry?;
            let needles: Vec<Needle> = postcard::from_bytes(needles).unwrap_or_default();
            let may_be_true = |needle: &Needle| iocs.iter().any(|ioc| needle.may_be_in(ioc.value()));
            if needles.iter().any(may_be_true) {
                numbers.insert(number);
            }
        }
        Ok(numbers)
    }

    fn record(&self, number: u32) -> Result<Option<Record>, StoreError> {
        Ok(self.reader.object(number)?.and_then(Record::decode))
    }

    /// The object that is referred to by the hash of one of its ids.
    fn named(&self, reference: Reference) -> Result<Option<Record>, StoreError> {
        for number in self.reader.of_id(reference)?.iter() {
            if let Some(record) = self.record(number)?
                && record.ids().iter().any(|id| self.mirror.store.hash(id.as_bytes()) == reference)
            {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    fn name(&self, reference: Reference) -> Result<Option<StoredName>, StoreError> {
        Ok(match self.named(reference)? {
            Some(Record::Name(name)) => Some(*name),
            _ => None,
        })
    }

    fn author(&self, reference: Option<Reference>) -> Result<Option<Identity>, StoreError> {
        let Some(reference) = reference else { return Ok(None) };
        Ok(self.name(reference)?.map(StoredName::into_author))
    }

    fn markings(&self, references: &[Reference]) -> Result<Vec<Marking>, StoreError> {
        let mut markings = Vec::with_capacity(references.len());
        for reference in references {
            markings.extend(self.name(*reference)?.map(StoredName::into_marking));
        }
        Ok(markings)
    }

    fn relations(&self, id: &str) -> Result<impl Iterator<Item = Result<Relation, StoreError>>, StoreError> {
        let entries = self.reader.relations(self.mirror.store.hash(id.as_bytes()))?;
        Ok(entries.filter_map(|entry| entry.map(Relation::from_bytes).transpose()))
    }

    /// Adds the indicators based on an observable, and on what it is related to.
    fn follow(&self, observable: &Observable, findings: &mut Findings) -> Result<(), StoreError> {
        let ids = [Some(observable.id.as_str()), observable.standard_id.as_deref()];
        let mut count = 0;
        for id in ids.into_iter().flatten().take(if ids[1] == ids[0] { 1 } else { 2 }) {
            for relation in self.relations(id)? {
                let relation = relation?;
                count += 1;
                if count > MAX_RELATIONS {
                    findings.truncated = true;
                    return Ok(());
                }
                match (self.kinds.name(relation.kind), self.named(relation.other)?) {
                    (Relation::BASED_ON, Some(Record::Indicator(stored))) => {
                        let indicator = self.indicator(*stored)?;
                        findings.based_on.push(BasedOn { indicator, observable_id: observable.id.clone() });
                    }
                    (kind, Some(Record::Observable(other))) => {
                        let other = other.into_end();
                        self.add_based_on(&other, findings)?;
                        let (from, to) = if relation.is_target {
                            (&other.id, &observable.id)
                        } else {
                            (&observable.id, &other.id)
                        };
                        findings.related.push(Related {
                            from_id: from.clone(),
                            to_id: to.clone(),
                            relationship_type: kind.to_owned(),
                            other,
                        });
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn add_based_on(&self, observable: &Observable, findings: &mut Findings) -> Result<(), StoreError> {
        for relation in self.relations(&observable.id)?.take(MAX_RELATIONS) {
            let relation = relation?;
            if self.kinds.name(relation.kind) == Relation::BASED_ON
                && let Some(Record::Indicator(stored)) = self.named(relation.other)?
            {
                let indicator = self.indicator(*stored)?;
                findings.based_on.push(BasedOn { indicator, observable_id: observable.id.clone() });
            }
        }
        Ok(())
    }

    fn indicator(&self, stored: super::record::StoredIndicator) -> Result<Indicator, StoreError> {
        let (author, markings) = (self.author(stored.author)?, self.markings(&stored.markings)?);
        Ok(stored.into_indicator(author, markings))
    }
}

impl Needle {
    /// Whether the comparison may be true of this value.
    fn may_be_in(&self, value: &str) -> bool {
        let (value, literal) = (value.as_bytes(), self.literal.as_bytes());
        literal.is_empty() || value.windows(literal.len()).any(|window| window.eq_ignore_ascii_case(literal))
    }
}
