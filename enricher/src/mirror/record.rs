//! How objects are written into the store: small, and without loss.
//!
//! Ids that are UUIDs take sixteen bytes, times eight, authors and markings are named by the hash of their id. What does
//! not have the usual form is kept as text.

use jiff::Timestamp;
use opencti_client::{
    DecayRule, Hash, Identity, Indicator, KillChainPhase, Marking, Observable, Report, Threat,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::lookup::bundle::object::stix_type;

/// An object of the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Record {
    Indicator(Box<StoredIndicator>),
    Observable(Box<StoredObservable>),
    /// What others are named by: authors, markings, threats.
    Name(Box<StoredName>),
    Report(Box<Report>),
}

impl Record {
    pub(super) fn encode(&self) -> Vec<u8> {
        // Writing into memory cannot fail, and none of the types refuses to be written.
        postcard::to_stdvec(self).unwrap_or_default()
    }

    /// The record in these bytes; `None` when they are none.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }

    /// The object's internal id.
    pub(super) fn id(&self) -> String {
        match self {
            Self::Indicator(stored) => stored.id.to_text(),
            Self::Observable(stored) => stored.id.to_text(),
            Self::Name(stored) => stored.id.clone(),
            Self::Report(stored) => stored.id.clone(),
        }
    }

    /// Every id by which others refer to the object.
    pub(super) fn ids(&self) -> Vec<String> {
        let standard_id = match self {
            Self::Indicator(stored) => stored.standard_id.to_text("indicator"),
            Self::Observable(stored) => stored.standard_id.to_text(stored.stix_type()),
            Self::Name(stored) => stored.standard_id.clone(),
            Self::Report(stored) => stored.standard_id.clone(),
        };
        let id = self.id();
        let standard_id = standard_id.filter(|standard_id| *standard_id != id);
        std::iter::once(id).chain(standard_id).collect()
    }
}

/// An author or a marking by the hash of its id.
pub(super) type Reference = u64;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredIndicator {
    pub(super) id: Id,
    standard_id: StandardId,
    name: Name,
    description: Option<String>,
    pub(super) pattern: Option<String>,
    pub(super) pattern_type: Option<String>,
    valid_from: Option<Time>,
    valid_until: Option<Time>,
    revoked: Option<bool>,
    confidence: Option<i64>,
    score: Option<i64>,
    decay: Option<(Option<i64>, Option<Time>, Option<DecayRule>)>,
    detection: Option<bool>,
    main_observable_type: Option<String>,
    platforms: Vec<String>,
    indicator_types: Vec<String>,
    created_at: Option<Time>,
    updated_at: Option<Time>,
    pub(super) author: Option<Reference>,
    pub(super) markings: Vec<Reference>,
    labels: Vec<String>,
    kill_chain_phases: Vec<(Option<String>, Option<String>)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredObservable {
    pub(super) id: Id,
    standard_id: StandardId,
    pub(super) entity_type: Option<String>,
    value: Option<String>,
    name: Option<String>,
    additional_names: Vec<String>,
    hashes: Vec<(String, String)>,
    score: Option<i64>,
    description: Option<String>,
    created_at: Option<Time>,
    updated_at: Option<Time>,
    pub(super) author: Option<Reference>,
    pub(super) markings: Vec<Reference>,
    labels: Vec<String>,
}

/// An author, a marking or a threat.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredName {
    pub(super) id: String,
    pub(super) standard_id: Option<String>,
    /// For a threat.
    pub(super) entity_type: Option<String>,
    /// A marking's definition, else the name.
    pub(super) name: Option<String>,
    pub(super) identity_class: Option<String>,
    pub(super) definition_type: Option<String>,
    pub(super) order: Option<i64>,
    pub(super) aliases: Vec<String>,
    pub(super) mitre_id: Option<String>,
}

impl StoredIndicator {
    pub(super) fn new(indicator: &Indicator, author: Option<Reference>, markings: Vec<Reference>) -> Self {
        Self {
            id: Id::new(&indicator.id),
            standard_id: StandardId::new(indicator.standard_id.as_deref(), "indicator"),
            name: Name::new(indicator.name.as_deref(), indicator.pattern.as_deref()),
            description: indicator.description.clone(),
            pattern: indicator.pattern.clone(),
            pattern_type: indicator.pattern_type.clone(),
            valid_from: Time::new(indicator.valid_from.as_deref()),
            valid_until: Time::new(indicator.valid_until.as_deref()),
            revoked: indicator.revoked,
            confidence: indicator.confidence,
            score: indicator.x_opencti_score,
            decay: decay_of(indicator),
            detection: indicator.x_opencti_detection,
            main_observable_type: indicator.x_opencti_main_observable_type.clone(),
            platforms: indicator.x_mitre_platforms.clone(),
            indicator_types: indicator.indicator_types.clone(),
            created_at: Time::new(indicator.created_at.as_deref()),
            updated_at: Time::new(indicator.updated_at.as_deref()),
            author,
            markings,
            labels: indicator.labels.clone(),
            kill_chain_phases: indicator
                .kill_chain_phases
                .iter()
                .map(|phase| (phase.kill_chain_name.clone(), phase.phase_name.clone()))
                .collect(),
        }
    }

    /// The indicator, with its author and markings as their names were found.
    pub(super) fn into_indicator(self, created_by: Option<Identity>, markings: Vec<Marking>) -> Indicator {
        let name = self.name.into_text(self.pattern.as_deref());
        let (decay_base_score, decay_base_score_date, decay_applied_rule) = self.decay.unwrap_or_default();
        Indicator {
            id: self.id.to_text(),
            standard_id: self.standard_id.to_text("indicator"),
            entity_type: Some("Indicator".to_owned()),
            name,
            description: self.description,
            pattern: self.pattern,
            pattern_type: self.pattern_type,
            valid_from: self.valid_from.map(Time::into_text),
            valid_until: self.valid_until.map(Time::into_text),
            revoked: self.revoked,
            confidence: self.confidence,
            x_opencti_score: self.score,
            decay_base_score,
            decay_base_score_date: decay_base_score_date.map(Time::into_text),
            decay_applied_rule,
            x_opencti_detection: self.detection,
            x_opencti_main_observable_type: self.main_observable_type,
            x_mitre_platforms: self.platforms,
            indicator_types: self.indicator_types,
            created_at: self.created_at.map(Time::into_text),
            updated_at: self.updated_at.map(Time::into_text),
            created_by,
            markings,
            labels: self.labels,
            kill_chain_phases: self
                .kill_chain_phases
                .into_iter()
                .map(|(kill_chain_name, phase_name)| KillChainPhase { kill_chain_name, phase_name })
                .collect(),
        }
    }
}

/// Base score, its date and the rule, where there is any of it.
fn decay_of(indicator: &Indicator) -> Option<(Option<i64>, Option<Time>, Option<DecayRule>)> {
    let date = Time::new(indicator.decay_base_score_date.as_deref());
    let rule = indicator.decay_applied_rule;
    let is_there = indicator.decay_base_score.is_some() || date.is_some() || rule.is_some();
    is_there.then_some((indicator.decay_base_score, date, rule))
}

impl StoredObservable {
    pub(super) fn new(observable: &Observable, author: Option<Reference>, markings: Vec<Reference>) -> Self {
        let stix_type = observable.entity_type.as_deref().and_then(stix_type).unwrap_or_default();
        Self {
            id: Id::new(&observable.id),
            standard_id: StandardId::new(observable.standard_id.as_deref(), stix_type),
            entity_type: observable.entity_type.clone(),
            value: observable.value.clone(),
            name: observable.name.clone(),
            additional_names: observable.additional_names.clone(),
            hashes: observable.hashes.iter().map(|h| (h.algorithm.clone(), h.hash.clone())).collect(),
            score: observable.x_opencti_score,
            description: observable.description.clone(),
            created_at: Time::new(observable.created_at.as_deref()),
            updated_at: Time::new(observable.updated_at.as_deref()),
            author,
            markings,
            labels: observable.labels.clone(),
        }
    }

    pub(super) fn into_observable(self, created_by: Option<Identity>, markings: Vec<Marking>) -> Observable {
        Observable {
            id: self.id.to_text(),
            standard_id: self.standard_id.to_text(self.stix_type()),
            entity_type: self.entity_type,
            value: self.value,
            name: self.name,
            additional_names: self.additional_names,
            hashes: self.hashes.into_iter().map(|(algorithm, hash)| Hash { algorithm, hash }).collect(),
            x_opencti_score: self.score,
            description: self.description,
            created_at: self.created_at.map(Time::into_text),
            updated_at: self.updated_at.map(Time::into_text),
            created_by,
            markings,
            labels: self.labels,
        }
    }

    /// What stands for it where it is only named as the other end of a relation.
    pub(super) fn into_end(self) -> Observable {
        Observable {
            id: self.id.to_text(),
            entity_type: self.entity_type,
            value: self.value,
            ..Observable::default()
        }
    }

    fn stix_type(&self) -> &'static str {
        self.entity_type.as_deref().and_then(stix_type).unwrap_or_default()
    }
}

impl StoredName {
    pub(super) fn of_author(author: &Identity) -> Self {
        Self {
            id: author.id.clone(),
            standard_id: author.standard_id.clone(),
            name: author.name.clone(),
            identity_class: author.identity_class.clone(),
            ..Self::default()
        }
    }

    /// The API gives no ids of markings: their definition stands for it.
    pub(super) fn of_marking(marking: &Marking) -> Self {
        Self {
            id: marking_id(marking),
            name: marking.definition.clone(),
            definition_type: marking.definition_type.clone(),
            order: marking.order,
            ..Self::default()
        }
    }

    pub(super) fn of_threat(threat: &Threat) -> Self {
        Self {
            id: threat.id.clone(),
            entity_type: Some(threat.entity_type.clone()),
            name: threat.name.clone(),
            aliases: threat.aliases.clone(),
            mitre_id: threat.mitre_id.clone(),
            ..Self::default()
        }
    }

    pub(super) fn into_author(self) -> Identity {
        Identity {
            id: self.id,
            standard_id: self.standard_id,
            identity_class: self.identity_class,
            name: self.name,
        }
    }

    pub(super) fn into_marking(self) -> Marking {
        Marking { definition_type: self.definition_type, definition: self.name, order: self.order }
    }

    pub(super) fn into_threat(self) -> Option<Threat> {
        Some(Threat {
            entity_type: self.entity_type?,
            id: self.id,
            name: self.name,
            aliases: self.aliases,
            mitre_id: self.mitre_id,
        })
    }
}

/// What a marking is filed under when it came without an id.
pub(super) fn marking_id(marking: &Marking) -> String {
    format!("marking:{}", marking.definition.as_deref().unwrap_or_default())
}

/// An internal id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Id {
    Uuid([u8; 16]),
    Text(String),
}

impl Id {
    fn new(text: &str) -> Self {
        uuid(text).map_or_else(|| Self::Text(text.to_owned()), Self::Uuid)
    }

    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Uuid(bytes) => Uuid::from_bytes(*bytes).to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// A STIX id, `type--uuid`, of an object whose type is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum StandardId {
    None,
    Uuid([u8; 16]),
    Text(String),
}

impl StandardId {
    fn new(text: Option<&str>, stix_type: &str) -> Self {
        let Some(text) = text else { return Self::None };
        let usual = text.strip_prefix(stix_type).and_then(|rest| rest.strip_prefix("--")).and_then(uuid);
        match usual {
            Some(bytes) if !stix_type.is_empty() => Self::Uuid(bytes),
            _ => Self::Text(text.to_owned()),
        }
    }

    fn to_text(&self, stix_type: &str) -> Option<String> {
        match self {
            Self::None => None,
            Self::Uuid(bytes) => Some(format!("{stix_type}--{}", Uuid::from_bytes(*bytes))),
            Self::Text(text) => Some(text.clone()),
        }
    }
}

/// A UUID in the one form in which it comes out again as it went in.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let uuid = Uuid::try_parse(text).ok()?;
    (uuid.to_string() == text).then(|| uuid.into_bytes())
}

/// A time in RFC 3339.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Time {
    Millis(i64),
    Text(String),
}

impl Time {
    fn new(text: Option<&str>) -> Option<Self> {
        let text = text?;
        let usual = text.parse::<Timestamp>().ok().filter(|time| millis(*time) == text);
        Some(usual.map_or_else(|| Self::Text(text.to_owned()), |time| Self::Millis(time.as_millisecond())))
    }

    fn into_text(self) -> String {
        match self {
            Self::Millis(count) => Timestamp::from_millisecond(count).map(millis).unwrap_or_default(),
            Self::Text(text) => text,
        }
    }
}

/// As OpenCTI writes a time.
fn millis(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// An indicator's name, which often is the value that its pattern is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Name {
    None,
    Text(String),
    /// Start and length in the pattern, in bytes.
    InPattern(u32, u32),
}

impl Name {
    fn new(name: Option<&str>, pattern: Option<&str>) -> Self {
        let Some(name) = name else { return Self::None };
        let at = pattern.filter(|_| !name.is_empty()).and_then(|pattern| pattern.find(name));
        match (at.and_then(|at| u32::try_from(at).ok()), u32::try_from(name.len())) {
            (Some(start), Ok(length)) => Self::InPattern(start, length),
            _ => Self::Text(name.to_owned()),
        }
    }

    fn into_text(self, pattern: Option<&str>) -> Option<String> {
        match self {
            Self::None => None,
            Self::Text(text) => Some(text),
            Self::InPattern(start, length) => {
                let (start, length) = (start as usize, length as usize);
                pattern?.get(start..start.checked_add(length)?).map(str::to_owned)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn full() -> Indicator {
        Indicator {
            id: "e58c09b1-98f3-4dc4-af3e-8c29923842c3".into(),
            standard_id: Some("indicator--3ae0b0a2-7289-5fda-8a85-02d057ba0968".into()),
            entity_type: Some("Indicator".into()),
            name: Some("198.51.100.7".into()),
            description: Some("seen twice".into()),
            pattern: Some("[ipv4-addr:value = '198.51.100.7']".into()),
            pattern_type: Some("stix".into()),
            valid_from: Some("2026-11-24T02:24:33.078Z".into()),
            valid_until: Some("2027-01-10T02:24:33Z".into()),
            revoked: Some(false),
            confidence: Some(85),
            x_opencti_score: Some(80),
            decay_base_score: Some(90),
            decay_base_score_date: Some("2026-11-24T02:24:33.198Z".into()),
            decay_applied_rule: Some(DecayRule { lifetime: 47, pound: 0.55 }),
            x_opencti_detection: Some(true),
            x_opencti_main_observable_type: Some("IPv4-Addr".into()),
            x_mitre_platforms: vec!["linux".into()],
            indicator_types: vec!["malicious-activity".into()],
            created_at: Some("2026-11-24T02:24:33.198Z".into()),
            updated_at: Some("2026-11-24T02:24:33.198Z".into()),
            labels: vec!["c2".into()],
            kill_chain_phases: vec![KillChainPhase {
                kill_chain_name: Some("mitre-attack".into()),
                phase_name: Some("command-and-control".into()),
            }],
            ..Indicator::default()
        }
    }

    fn again(record: &Record) -> Record {
        Record::decode(&record.encode()).unwrap()
    }

    #[test]
    fn an_indicator_comes_back_whole_and_small() {
        let indicator = full();
        let stored = Record::Indicator(Box::new(StoredIndicator::new(&indicator, Some(7), vec![8])));
        assert!(stored.encode().len() < 260, "{}", stored.encode().len());
        assert_eq!(stored.ids(), [indicator.id.clone(), indicator.standard_id.clone().unwrap()]);
        let Record::Indicator(stored) = again(&stored) else { panic!("an indicator") };
        assert_eq!((stored.author, stored.markings.as_slice()), (Some(7), &[8][..]));
        assert_eq!(stored.into_indicator(None, Vec::new()), indicator);
    }

    #[test]
    fn cut_bytes_are_no_record() {
        let bytes = Record::Indicator(Box::new(StoredIndicator::new(&full(), None, Vec::new()))).encode();
        for length in 0..bytes.len() {
            assert_eq!(Record::decode(&bytes[..length]), None, "{length}");
        }
    }

    fn text() -> impl Strategy<Value = Option<String>> {
        prop_oneof![
            Just(None),
            ".{0,12}".prop_map(Some),
            Just(Some("indicator--3ae0b0a2-7289-5fda-8a85-02d057ba0968".into())),
            Just(Some("3AE0B0A2-7289-5FDA-8A85-02D057BA0968".into())),
            Just(Some("2026-11-24T02:24:33.078Z".into())),
            Just(Some("2026-11-24T02:24:33.078+00:00".into())),
        ]
    }

    proptest! {
        #[test]
        fn any_texts_come_back(id in text(), name in text(), pattern in text(), from in text(), kind in text()) {
            let indicator = Indicator {
                id: id.clone().unwrap_or_default(),
                standard_id: id.clone(),
                entity_type: Some("Indicator".into()),
                name: name.clone(),
                pattern,
                valid_from: from.clone(),
                ..Indicator::default()
            };
            let stored = Record::Indicator(Box::new(StoredIndicator::new(&indicator, None, Vec::new())));
            let Record::Indicator(stored) = again(&stored) else { panic!("an indicator") };
            prop_assert_eq!(stored.into_indicator(None, Vec::new()), indicator);

            let observable = Observable {
                id: id.clone().unwrap_or_default(),
                standard_id: id,
                entity_type: kind,
                value: name,
                created_at: from,
                hashes: vec![Hash { algorithm: "MD5".into(), hash: "x".into() }],
                ..Observable::default()
            };
            let stored = Record::Observable(Box::new(StoredObservable::new(&observable, None, Vec::new())));
            let Record::Observable(stored) = again(&stored) else { panic!("an observable") };
            prop_assert_eq!(stored.into_observable(None, Vec::new()), observable);
        }
    }
}
