//! Writing an event from what was matched.

use jiff::Timestamp;
use opencti_client::{Endpoint, Identity, Indicator, Marking, Observable, Threat};
use serde_json::{Map, Value};
use uuid::Uuid;
use wazuh_alert::Alert;

use super::{Event, EventType, INTEGRATION, MAX_STRING_BYTES, cut, source};
use crate::circumstances::{Action, Direction};
use crate::lookup::{Context, Intel};
use crate::select::Sighting;
use crate::strength::{Reason, Strength};

/// Namespace of `match_id`: a random UUID, fixed for ever so that ids stay comparable between versions.
const MATCH_NAMESPACE: Uuid = Uuid::from_u128(0x6f1f_4ab4_52a1_4c5e_9d0e_2f6f_0a8c_7b31);

/// How many names stand in one list of the event.
const MAX_LIST: usize = 50;

/// How many leaves an event has at most. Wazuh's decoder takes more, but each is a column of every dashboard. What is
/// written last, the fields of `source`, is what does not find room.
const MAX_LEAVES: usize = 100;
/// Room for what is added when all else is written: `integration`, `truncated`, `late` and `srcip`.
const RESERVED_LEAVES: usize = 4;

/// Everything that an event is written from.
pub(crate) struct Story<'a> {
    pub(crate) event_type: EventType,
    pub(crate) alert: &'a Alert,
    /// What the alert saw that matched; the first is the one shown.
    pub(crate) sightings: &'a [&'a Sighting],
    pub(crate) how: &'a str,
    pub(crate) indicator: Option<&'a Indicator>,
    pub(crate) observable: Option<&'a Observable>,
    /// More than one valid indicator is based on the observable.
    pub(crate) multiple: Option<bool>,
    pub(crate) related: Option<RelatedStory<'a>>,
    pub(crate) direction: Option<Direction>,
    pub(crate) action: Option<Action>,
    pub(crate) strength: Strength,
    pub(crate) reasons: &'a [Reason],
    /// Until when nothing more is reported of the indicator that the event is about.
    pub(crate) muted_until: Option<Timestamp>,
    /// The score of this moment of the indicator that the event is about.
    pub(crate) score_live: Option<i64>,
    pub(crate) context: &'a Context,
    pub(crate) intel: Intel,
    pub(crate) endpoint: Option<&'a Endpoint>,
    pub(crate) omitted_indicators: usize,
    pub(crate) omitted_observables: usize,
    pub(crate) incomplete: &'a [String],
}

/// An observable related to the one that was seen, and its best indicator.
pub(crate) struct RelatedStory<'a> {
    pub(crate) observable: &'a Observable,
    pub(crate) relationship: &'a str,
    pub(crate) indicator: &'a Indicator,
    pub(crate) multiple: bool,
}

/// Writes the event.
pub(crate) fn write(story: &Story<'_>) -> Event {
    let mut body = Body::new(story.event_type);
    put_match(&mut body, story);
    body.put("strength", story.strength.as_str());
    body.put_list("reasons", story.reasons.iter().map(|reason| reason.as_str()));
    if let Some(until) = story.muted_until {
        body.put("muted_until", &until.to_string());
    }
    body.put_integer("score_live", story.score_live);
    if let Some(observable) = story.observable {
        put_observable(&mut body, observable);
    }
    if let Some(multiple) = story.multiple {
        body.put("multipleIndicators", multiple);
    }
    if let Some(indicator) = story.indicator {
        put_indicator(&mut body, indicator);
    }
    if let Some(related) = &story.related {
        put_related(&mut body, related, story.endpoint);
    }
    put_links(&mut body, story);
    put_labels(&mut body, story);
    put_context(&mut body, story);
    body.put("intel.from", story.intel.from);
    body.put_integer("intel.age_s", story.intel.age_s.map(i64::from));
    if story.omitted_indicators > 0 {
        body.put_integer("omitted.indicators", i64::try_from(story.omitted_indicators).ok());
    }
    if story.omitted_observables > 0 {
        body.put_integer("omitted.observables", i64::try_from(story.omitted_observables).ok());
    }
    body.put_list("incomplete", story.incomplete.iter().map(String::as_str));
    source::put(&mut body, story.alert);
    body.finish()
}

fn put_match(body: &mut Body, story: &Story<'_>) {
    let shown = story.related.as_ref().map(|r| r.indicator).or(story.indicator);
    if let Some(first) = story.sightings.first() {
        body.put("match.value", first.ioc.value());
        body.put("match.kind", first.ioc.kind().as_str());
        body.put("match.how", story.how);
        body.put("match.path", first.path.as_str());
        body.put("match.via", first.via.as_str());
        if let Some(direction) = story.direction {
            body.put("match.direction", direction.as_str());
        }
        if let Some(action) = story.action {
            body.put("match.action", action.as_str());
        }
        body.put("query_key", crate::lookup::filter_key(first.ioc.kind()));
        let id = format!(
            "{}\n{}\n{}\n{}",
            story.alert.manager_name().unwrap_or_default(),
            story.alert.id(),
            shown.map_or("", |i| i.id.as_str()),
            first.ioc.value(),
        );
        body.put("match_id", &Uuid::new_v5(&MATCH_NAMESPACE, id.as_bytes()).to_string());
    }
    let mut values: Vec<&str> = Vec::new();
    for sighting in story.sightings {
        if !values.contains(&sighting.ioc.value()) {
            values.push(sighting.ioc.value());
        }
    }
    body.put("query_values", &values.join(";"));
}

fn put_indicator(body: &mut Body, i: &Indicator) {
    body.put("indicator.id", i.id.as_str());
    body.put_text("indicator.standard_id", &i.standard_id);
    body.put("indicator.type", "Indicator");
    body.put_text("indicator.name", &i.name);
    body.put_text("indicator.description", &i.description);
    body.put_text("indicator.pattern", &i.pattern);
    body.put_text("indicator.pattern_type", &i.pattern_type);
    body.put_text("indicator.valid_from", &i.valid_from);
    body.put_text("indicator.valid_until", &i.valid_until);
    body.put_flag("indicator.revoked", i.revoked);
    body.put_integer("indicator.confidence", i.confidence);
    body.put_integer("indicator.x_opencti_score", i.x_opencti_score);
    body.put_flag("indicator.x_opencti_detection", i.x_opencti_detection);
    body.put_text("indicator.x_opencti_main_observable_type", &i.x_opencti_main_observable_type);
    body.put_list("indicator.x_mitre_platforms", i.x_mitre_platforms.iter().map(String::as_str));
    body.put_list("indicator.indicator_types", i.indicator_types.iter().map(String::as_str));
    body.put_list("indicator.labels", i.labels.iter().map(String::as_str));
    body.put_list("indicator.markings", names(&i.markings));
    let phases: Vec<String> = i
        .kill_chain_phases
        .iter()
        .map(|p| {
            [&p.kill_chain_name, &p.phase_name]
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(":")
        })
        .collect();
    body.put_list("indicator.killChainPhases", phases.iter().map(String::as_str));
    body.put_text("indicator.created_at", &i.created_at);
    body.put_text("indicator.updated_at", &i.updated_at);
    put_author(body, "indicator.createdBy", i.created_by.as_ref());
}

fn put_author(body: &mut Body, path: &str, author: Option<&Identity>) {
    let Some(author) = author else { return };
    body.put(&format!("{path}.id"), author.id.as_str());
    body.put_text(&format!("{path}.standard_id"), &author.standard_id);
    body.put_text(&format!("{path}.identity_class"), &author.identity_class);
    body.put_text(&format!("{path}.name"), &author.name);
}

fn put_observable(body: &mut Body, o: &Observable) {
    body.put("id", o.id.as_str());
    body.put_text("standard_id", &o.standard_id);
    body.put_text("type", &o.entity_type);
    body.put_text("entity_type", &o.entity_type);
    body.put_text("observable_value", &o.value);
    body.put_integer("x_opencti_score", o.x_opencti_score);
    body.put_text("x_opencti_description", &o.description);
    body.put_text("created_at", &o.created_at);
    body.put_text("updated_at", &o.updated_at);
    put_author(body, "createdBy", o.created_by.as_ref());
}

fn put_related(body: &mut Body, related: &RelatedStory<'_>, endpoint: Option<&Endpoint>) {
    body.put("related.id", related.observable.id.as_str());
    body.put_text("related.type", &related.observable.entity_type);
    body.put("related.relationship", related.relationship);
    body.put_text("related.value", &related.observable.value);
    body.put("related.multipleIndicators", related.multiple);
    let i = related.indicator;
    body.put("related.indicator.id", i.id.as_str());
    body.put_text("related.indicator.name", &i.name);
    body.put_text("related.indicator.description", &i.description);
    body.put_text("related.indicator.pattern", &i.pattern);
    body.put_text("related.indicator.pattern_type", &i.pattern_type);
    body.put_text("related.indicator.valid_until", &i.valid_until);
    body.put_flag("related.indicator.revoked", i.revoked);
    body.put_integer("related.indicator.confidence", i.confidence);
    body.put_integer("related.indicator.x_opencti_score", i.x_opencti_score);
    body.put_flag("related.indicator.x_opencti_detection", i.x_opencti_detection);
    body.put_list("related.indicator.labels", i.labels.iter().map(String::as_str));
    if let Some(author) = &i.created_by {
        body.put_text("related.indicator.createdBy.name", &author.name);
    }
    if let Some(endpoint) = endpoint {
        body.put("related.indicator_link", &endpoint.indicator_link(&i.id));
    }
}

fn put_links(body: &mut Body, story: &Story<'_>) {
    let Some(endpoint) = story.endpoint else { return };
    if let Some(indicator) = story.indicator {
        body.put("indicator_link", &endpoint.indicator_link(&indicator.id));
    }
    if let Some(observable) = story.observable {
        body.put("observable_link", &endpoint.observable_link(&observable.id));
    }
}

fn put_labels(body: &mut Body, story: &Story<'_>) {
    let from_indicator = story.indicator.map(|i| (&i.labels, &i.markings));
    let from_observable = story.observable.map(|o| (&o.labels, &o.markings));
    let both = || from_indicator.iter().chain(&from_observable);
    body.put_list("labels", both().flat_map(|(labels, _)| labels.iter().map(String::as_str)));
    body.put_list("markings", both().flat_map(|(_, markings)| names(markings)));
}

fn names(markings: &[Marking]) -> impl Iterator<Item = &str> {
    markings.iter().filter_map(|m| m.definition.as_deref())
}

fn put_context(body: &mut Body, story: &Story<'_>) {
    let shown = story.related.as_ref().map(|r| r.indicator).or(story.indicator);
    let Some(indicator) = shown else { return };
    let mut lists: [(&str, Vec<String>); 7] = [
        ("malware", vec![]),
        ("intrusion_set", vec![]),
        ("threat_actor", vec![]),
        ("campaign", vec![]),
        ("attack_pattern", vec![]),
        ("tool", vec![]),
        ("other", vec![]),
    ];
    for indicates in story.context.indicates.iter().filter(|i| i.indicator_id == indicator.id) {
        let (list, name) = place(&indicates.target);
        if let Some((_, names)) = lists.iter_mut().find(|(key, _)| *key == list) {
            names.push(name);
        }
    }
    for (key, names) in &lists {
        body.put_list(&format!("threat.{key}"), names.iter().map(String::as_str));
    }
    let reports = story.context.reports.iter().filter(|r| r.object_ids.contains(&indicator.id));
    body.put_list("reports", reports.filter_map(|r| r.name.as_deref()));
}

/// The list below `threat` in which a threat stands, and the name it has there.
fn place(threat: &Threat) -> (&'static str, String) {
    let name = threat.name.clone().unwrap_or_else(|| threat.id.clone());
    match threat.entity_type.as_str() {
        "Malware" => ("malware", name),
        "Intrusion-Set" => ("intrusion_set", name),
        "Threat-Actor-Group" | "Threat-Actor-Individual" | "Threat-Actor" => ("threat_actor", name),
        "Campaign" => ("campaign", name),
        "Attack-Pattern" => (
            "attack_pattern",
            threat.mitre_id.as_ref().map_or_else(|| name.clone(), |id| format!("{id} {name}")),
        ),
        "Tool" => ("tool", name),
        other => ("other", format!("{other}: {name}")),
    }
}

/// The object below `opencti`, written leaf by leaf so that every rule about leaves is kept in one place.
pub(super) struct Body {
    event_type: EventType,
    map: Map<String, Value>,
    leaves: usize,
    truncated: Vec<String>,
}

impl Body {
    pub(super) fn new(event_type: EventType) -> Self {
        let mut body = Self { event_type, map: Map::new(), leaves: 0, truncated: Vec::new() };
        body.put("event_type", event_type.as_str());
        body
    }

    /// Puts a value at a dotted path. Empty text is left out.
    pub(super) fn put<'v>(&mut self, path: &str, value: impl Into<Leaf<'v>>) {
        let value = match value.into() {
            Leaf::Flag(flag) => Value::Bool(flag),
            Leaf::Text(text) => match self.clean(path, text) {
                Some(text) => Value::String(text),
                None => return,
            },
        };
        self.insert(path, value);
    }

    pub(super) fn put_text(&mut self, path: &str, text: &Option<String>) {
        if let Some(text) = text {
            self.put(path, text.as_str());
        }
    }

    pub(super) fn put_flag(&mut self, path: &str, flag: Option<bool>) {
        if let Some(flag) = flag {
            self.put(path, flag);
        }
    }

    /// Wazuh's decoder writes integers over 32 bits as floating point, so larger ones are brought into range.
    pub(super) fn put_integer(&mut self, path: &str, number: Option<i64>) {
        if let Some(number) = number {
            self.insert(path, Value::from(number.clamp(i64::from(i32::MIN), i64::from(i32::MAX))));
        }
    }

    /// Puts a list without its doubles; an empty one is left out, a very long one is cut.
    pub(super) fn put_list<'v>(&mut self, path: &str, items: impl Iterator<Item = &'v str>) {
        let mut list: Vec<String> = Vec::new();
        for item in items {
            if let Some(item) = self.clean(path, item)
                && !list.contains(&item)
            {
                if list.len() == MAX_LIST {
                    self.note(path);
                    break;
                }
                list.push(item);
            }
        }
        if !list.is_empty() {
            self.insert(path, Value::from(list));
        }
    }

    pub(super) fn finish(mut self) -> Event {
        if !self.truncated.is_empty() {
            let truncated = Value::from(std::mem::take(&mut self.truncated));
            self.map.insert("truncated".to_owned(), truncated);
        }
        let mut root = Map::new();
        root.insert("integration".to_owned(), Value::from(INTEGRATION));
        root.insert(INTEGRATION.to_owned(), Value::Object(self.map));
        Event { event_type: self.event_type, root }
    }

    fn note(&mut self, path: &str) {
        if !self.truncated.iter().any(|p| p == path) {
            self.truncated.push(path.to_owned());
        }
    }

    /// What may stand in an event: no NUL, which would end the message; no text that is itself a JSON list, which
    /// Wazuh would take apart; nothing longer than the indexer takes.
    fn clean(&mut self, path: &str, text: &str) -> Option<String> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let mut clean = text.replace('\0', "\u{fffd}");
        if clean.starts_with('[') && serde_json::from_str::<Vec<serde::de::IgnoredAny>>(&clean).is_ok() {
            clean.insert(0, ' ');
        }
        if cut::cut_text(&mut clean, MAX_STRING_BYTES) {
            self.note(path);
        }
        Some(clean)
    }

    fn insert(&mut self, path: &str, value: Value) {
        if self.leaves == MAX_LEAVES - RESERVED_LEAVES {
            self.note(path);
            return;
        }
        self.leaves += 1;
        let mut map = &mut self.map;
        let mut keys = path.split('.').peekable();
        while let Some(key) = keys.next() {
            if keys.peek().is_none() {
                map.insert(key.to_owned(), value);
                return;
            }
            let child = map.entry(key).or_insert_with(|| Value::Object(Map::new()));
            match child {
                Value::Object(object) => map = object,
                // A scalar and an object under one name would lose the document in the indexer; FIELDS has no such
                // pair, and a test holds it to that.
                _ => return,
            }
        }
    }
}

/// What [`Body::put`] takes.
pub(super) enum Leaf<'v> {
    Text(&'v str),
    Flag(bool),
}

impl<'v> From<&'v str> for Leaf<'v> {
    fn from(text: &'v str) -> Self {
        Self::Text(text)
    }
}

impl<'v> From<&'v String> for Leaf<'v> {
    fn from(text: &'v String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Leaf<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

#[cfg(test)]
mod tests;
