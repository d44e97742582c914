//! What is explained: the way of one alert, as facts that can be written as JSON or as text.

use std::collections::HashSet;

use enricher::select::{LeftOutReason, Role};
use enricher::stix::Seen;
use enricher::{Enriched, EventType, Findings, Match, Matches, Policy, Validity, match_all};
use ioc_extract::Ioc;
use jiff::Timestamp;
use opencti_client::{Endpoint, Indicator, Marking, Observable};
use serde::Serialize;
use serde_json::Value;
use wazuh_alert::Alert;

use super::Heard;
use super::judge::{Judgement, judge};
use super::words::{self, Word};
use crate::commands::demo;

/// Everything that an explanation is written from.
pub(super) struct Case<'a> {
    pub(super) alert: &'a Alert,
    pub(super) now: Timestamp,
    pub(super) policy: &'a Policy,
    pub(super) enriched: &'a Enriched,
    pub(super) heard: &'a Heard,
    /// Why the source could not be asked.
    pub(super) problem: Option<&'a str>,
    /// The source in words.
    pub(super) source: &'a str,
    pub(super) endpoint: Option<&'a Endpoint>,
}

/// The explanation. As JSON it is what `explain --format json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Story {
    /// All of it in one sentence.
    pub(super) result: String,
    pub(super) alert: AlertFacts,
    /// The time at which indicators had to be valid.
    pub(super) at: String,
    /// Why the whole alert was not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_looked_at: Option<NotLookedAt>,
    pub(super) found: Vec<Found>,
    pub(super) left_out: Vec<LeftOut>,
    /// Absent when there was nothing to ask about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) asked: Option<Asked>,
    /// Absent when nothing was asked or no answer came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) came_back: Option<CameBack>,
    /// What is missing from the answer.
    pub(super) incomplete: Vec<String>,
    pub(super) limits: Limits,
    pub(super) events: Vec<Told>,
}

/// Why a whole alert was not looked at.
#[derive(Debug, Serialize)]
pub(super) struct NotLookedAt {
    #[serde(flatten)]
    pub(super) reason: Word,
    /// The entry of `exclude`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
}

/// The alert.
#[derive(Debug, Serialize)]
pub(super) struct AlertFacts {
    pub(super) id: String,
    pub(super) timestamp: String,
    pub(super) rule_id: String,
    pub(super) rule_level: u32,
    pub(super) rule_description: String,
    pub(super) rule_groups: Vec<String>,
    pub(super) agent_id: Option<String>,
    pub(super) agent_name: Option<String>,
    pub(super) agent_ip: Option<String>,
    pub(super) decoder: String,
    pub(super) location: String,
}

/// A value that was found and is looked up.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    pub(super) kind: &'static str,
    /// In the form in which it is looked up.
    pub(super) value: String,
    pub(super) places: Vec<Place>,
}

/// Where a value stands.
#[derive(Debug, Serialize)]
pub(super) struct Place {
    pub(super) path: String,
    /// The field's text, when it is not just the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) written: Option<String>,
    /// The decodings that led to the value.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) via: String,
    /// `source` or `destination`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<&'static str>,
}

/// A value that was found and is not looked up.
#[derive(Debug, Serialize)]
pub(super) struct LeftOut {
    pub(super) kind: &'static str,
    pub(super) value: String,
    pub(super) path: String,
    #[serde(flatten)]
    pub(super) reason: Word,
    /// The entry or the list that covers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
}

/// What was asked.
#[derive(Debug, Serialize)]
pub(super) struct Asked {
    pub(super) source: String,
    /// The values; a source is also asked for the networks around addresses and the parents of names.
    pub(super) values: Vec<String>,
    /// Why it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// What came back.
#[derive(Debug, Serialize)]
pub(super) struct CameBack {
    pub(super) indicators: Vec<IndicatorFacts>,
    pub(super) observables: Vec<ObservableFacts>,
}

/// An indicator that came back, and what became of it.
#[derive(Debug, Serialize)]
pub(super) struct IndicatorFacts {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) pattern: Option<String>,
    pub(super) score: Option<i64>,
    pub(super) confidence: Option<i64>,
    pub(super) detection: Option<bool>,
    pub(super) valid_from: Option<String>,
    pub(super) valid_until: Option<String>,
    pub(super) validity: &'static str,
    pub(super) labels: Vec<String>,
    pub(super) markings: Vec<String>,
    /// The threats that it indicates; asked for what is reported only.
    pub(super) indicates: Vec<String>,
    /// The reports in which it stands; asked for what is reported only.
    pub(super) reports: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<String>,
    /// The observables that led to it; none when its pattern was searched for.
    pub(super) based_on: Vec<String>,
    pub(super) pattern_says: Judgement,
    /// What the policy has against it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) policy: Option<Word>,
    pub(super) outcome: Outcome,
}

/// An observable that came back, and what became of it.
#[derive(Debug, Serialize)]
pub(super) struct ObservableFacts {
    pub(super) id: String,
    pub(super) kind: Option<String>,
    pub(super) value: Option<String>,
    /// The hashes of a file, with their algorithms.
    pub(super) hashes: Vec<String>,
    pub(super) score: Option<i64>,
    pub(super) labels: Vec<String>,
    pub(super) markings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<String>,
    /// Names of the indicators that are based on it.
    pub(super) indicators: Vec<String>,
    pub(super) related: Vec<RelatedFacts>,
    pub(super) outcome: Outcome,
}

/// An observable related to one that came back.
#[derive(Debug, Serialize)]
pub(super) struct RelatedFacts {
    pub(super) relationship: String,
    pub(super) kind: Option<String>,
    pub(super) value: Option<String>,
    pub(super) indicators: Vec<String>,
}

/// What became of something that came back.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    /// The number of the event that reports it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<usize>,
    /// The same in a sentence, with what to change.
    pub(super) meaning: String,
}

/// The limits, and what they left out.
#[derive(Debug, Serialize)]
pub(super) struct Limits {
    pub(super) max_indicator_alerts: usize,
    pub(super) max_observable_alerts: usize,
    pub(super) omitted_indicators: usize,
    pub(super) omitted_observables: usize,
}

/// An event.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    pub(super) event_type: &'static str,
    pub(super) meaning: String,
    /// The event as Wazuh gets it.
    pub(super) event: Value,
}

impl Story {
    /// Puts it together. What the pipeline decided is derived again from what it was given, by its own functions.
    pub(super) fn of(case: &Case<'_>) -> Self {
        let selection = &case.enriched.selection;
        let matches =
            case.heard.findings.as_ref().map(|found| match_all(selection, found, case.policy, case.now));
        let (indicators, observables) =
            matches.as_ref().map_or((0, 0), |m| (m.indicators.len(), m.observables.len()));
        let came_back = case.heard.findings.as_ref().zip(matches.as_ref()).map(|(findings, matches)| {
            let teller = Teller { case, findings, matches, seen: selection.seen() };
            CameBack { indicators: teller.indicators(), observables: teller.observables() }
        });
        let mut story = Self {
            result: String::new(),
            alert: AlertFacts::of(case.alert),
            at: case.now.to_string(),
            not_looked_at: not_looked_at(case),
            found: found(case),
            left_out: left_out(case),
            asked: (!selection.sightings.is_empty()).then(|| Asked {
                source: case.source.to_owned(),
                values: case.heard.asked.iter().map(|ioc| ioc.value().to_owned()).collect(),
                error: case.problem.map(str::to_owned),
            }),
            came_back,
            incomplete: case.enriched.incomplete.iter().chain(&case.enriched.too_many).cloned().collect(),
            limits: Limits {
                max_indicator_alerts: case.policy.max_indicator_alerts,
                max_observable_alerts: case.policy.max_observable_alerts,
                omitted_indicators: indicators.saturating_sub(case.policy.max_indicator_alerts),
                omitted_observables: observables.saturating_sub(case.policy.max_observable_alerts),
            },
            events: case.enriched.events.iter().map(told).collect(),
        };
        story.result = story.in_short(case);
        story
    }

    fn in_short(&self, case: &Case<'_>) -> String {
        let mut text = self.outcome_in_short(case);
        if !self.incomplete.is_empty() {
            text.push_str(" The answer is incomplete, so this is not all that can be said.");
        }
        text
    }

    fn outcome_in_short(&self, case: &Case<'_>) -> String {
        if let Some(not) = &self.not_looked_at {
            let by = not.by.as_ref().map_or_else(String::new, |by| format!(" The entry is {by}."));
            return format!("Not looked at. {}{by}", not.reason.meaning);
        }
        if let Some(first) = self.events.first() {
            let more = match self.events.len() {
                1 => "1 event".to_owned(),
                n => format!("{n} events, the first"),
            };
            return format!("{more}: {}.", first.meaning);
        }
        let Some(asked) = &self.asked else {
            return match self.left_out.len() {
                0 => "No event: nothing in the alert can be looked up.".to_owned(),
                _ => "No event: everything that was found in the alert is left out.".to_owned(),
            };
        };
        if asked.error.is_some() {
            return "Not known: the look-up failed, so the alert may match or not.".to_owned();
        }
        let known = self.came_back.as_ref();
        let indicators = known.map_or(0, |known| known.indicators.len());
        let observables = known.map_or(0, |known| known.observables.len());
        match (indicators, observables) {
            (0, 0) => format!("No event: nothing is known about {}.", values(asked.values.len())),
            (0, _) => "No event: an observable is known, but no indicator says that it is bad.".to_owned(),
            _ if self.limits.omitted_indicators + self.limits.omitted_observables > 0 => {
                "No event: what matched is over the limits of the policy.".to_owned()
            }
            _ => {
                let mut reasons: Vec<&str> =
                    case.enriched.set_aside.iter().map(|aside| aside.reason.as_str()).collect();
                reasons.sort_unstable();
                reasons.dedup();
                reasons.retain(|reason| *reason != "pattern-not-true");
                match reasons.is_empty() {
                    true => "No event: what came back is not true of this alert.".to_owned(),
                    false => format!("No event: what came back is set aside ({}).", reasons.join(", ")),
                }
            }
        }
    }
}

/// "1 value", "2 values".
pub(super) fn values(number: usize) -> String {
    if number == 1 { "1 value".to_owned() } else { format!("{number} values") }
}

impl AlertFacts {
    fn of(alert: &Alert) -> Self {
        Self {
            id: alert.id().to_owned(),
            timestamp: alert.timestamp().to_owned(),
            rule_id: alert.rule_id().to_owned(),
            rule_level: alert.rule_level(),
            rule_description: alert.rule_description().to_owned(),
            rule_groups: alert.rule_groups().map(str::to_owned).collect(),
            agent_id: alert.agent_id().map(str::to_owned),
            agent_name: alert.agent_name().map(str::to_owned),
            agent_ip: alert.agent_ip().map(str::to_owned),
            decoder: alert.decoder_name().to_owned(),
            location: alert.location().to_owned(),
        }
    }
}

fn not_looked_at(case: &Case<'_>) -> Option<NotLookedAt> {
    if case.alert.is_from(enricher::INTEGRATION) {
        return Some(NotLookedAt { reason: words::reason("own-event"), by: None });
    }
    let by = case.policy.excludes_alert(case.alert)?.to_string();
    Some(NotLookedAt { reason: words::reason("excluded-alert"), by: Some(by) })
}

fn found(case: &Case<'_>) -> Vec<Found> {
    let mut list: Vec<(&Ioc, Vec<Place>)> = Vec::new();
    for sighting in &case.enriched.selection.sightings {
        let place = Place {
            path: sighting.path.clone(),
            written: written(case.alert, &sighting.path, sighting.ioc.value()),
            via: sighting.via.clone(),
            role: match sighting.role {
                Role::Seen => None,
                Role::Source => Some("source"),
                Role::Destination => Some("destination"),
            },
        };
        match list.iter_mut().find(|(ioc, _)| **ioc == sighting.ioc) {
            Some((_, places)) => places.push(place),
            None => list.push((&sighting.ioc, vec![place])),
        }
    }
    list.into_iter()
        .map(|(ioc, places)| Found { kind: ioc.kind().as_str(), value: ioc.value().to_owned(), places })
        .collect()
}

/// The text of a field, when it is one and not just the value.
fn written(alert: &Alert, path: &str, value: &str) -> Option<String> {
    let mut texts = alert.texts(path);
    let first = texts.next()?;
    (first != value && texts.next().is_none()).then(|| first.to_owned())
}

fn left_out(case: &Case<'_>) -> Vec<LeftOut> {
    let of = |out: &enricher::select::LeftOut| LeftOut {
        kind: out.kind.as_str(),
        value: out.text.clone(),
        path: out.path.clone(),
        reason: words::reason(out.reason.as_str()),
        by: match &out.reason {
            LeftOutReason::Excluded(by) | LeftOutReason::WarningList(by) => Some(by.clone()),
            _ => None,
        },
    };
    case.enriched.selection.left_out.iter().map(of).collect()
}

fn told(event: &enricher::Event) -> Told {
    let text = |path| event.text(path).unwrap_or("?");
    let (value, name) = (text("opencti.match.value"), text("opencti.indicator.name"));
    let meaning = match (event.event_type(), text("opencti.match.how")) {
        (EventType::IndicatorPartialPatternMatch, "parent_domain" | "parent_url") => {
            format!("{value} lies below what indicator \"{name}\" is about, which makes a partial match")
        }
        (EventType::IndicatorPartialPatternMatch, _) => {
            format!("{value} is one part of what indicator \"{name}\" asks for, which makes a partial match")
        }
        _ => demo::sentence(event),
    };
    Told {
        event_type: event.event_type().as_str(),
        meaning,
        event: serde_json::from_str(&event.to_json()).unwrap_or_default(),
    }
}

/// Tells what came back.
struct Teller<'a> {
    case: &'a Case<'a>,
    findings: &'a Findings,
    matches: &'a Matches<'a>,
    seen: Seen,
}

impl Teller<'_> {
    fn indicators(&self) -> Vec<IndicatorFacts> {
        let mut told = HashSet::new();
        let by_observable = self.findings.based_on.iter().map(|based_on| &based_on.indicator);
        let all = self.findings.indicators.iter().chain(by_observable);
        all.filter(|indicator| told.insert(indicator.id.as_str())).map(|i| self.indicator(i)).collect()
    }

    fn indicator(&self, i: &Indicator) -> IndicatorFacts {
        let case = self.case;
        let validity = Validity::at(i, case.now);
        let indicates =
            case.heard.context.indicates.iter().filter(|indicates| indicates.indicator_id == i.id);
        let reports = case.heard.context.reports.iter().filter(|report| report.object_ids.contains(&i.id));
        let based_on = self.findings.based_on.iter().filter(|based_on| based_on.indicator.id == i.id);
        let policy = case.policy.sets_aside(i, validity).map(|reason| words::reason(reason.as_str()));
        IndicatorFacts {
            id: i.standard_id.clone().unwrap_or_else(|| i.id.clone()),
            name: i.name.clone(),
            pattern: i.pattern.clone(),
            score: i.x_opencti_score,
            confidence: i.confidence,
            detection: i.x_opencti_detection,
            valid_from: i.valid_from.clone(),
            valid_until: i.valid_until.clone(),
            validity: match validity {
                Validity::Valid => "valid",
                Validity::NotYetValid => "not yet valid",
                Validity::Expired => "expired",
                Validity::Revoked => "revoked",
            },
            labels: i.labels.clone(),
            markings: names(&i.markings),
            indicates: indicates
                .map(|indicates| indicates.target.name.as_deref().unwrap_or(&indicates.target.id).to_owned())
                .collect(),
            reports: reports.filter_map(|report| report.name.clone()).collect(),
            link: case.endpoint.map(|endpoint| endpoint.indicator_link(&i.id)),
            based_on: based_on.filter_map(|based_on| self.value_of(&based_on.observable_id)).collect(),
            pattern_says: judge(i, &case.enriched.selection, &self.seen, case.now),
            policy,
            outcome: self.outcome_of(&i.id),
        }
    }

    /// What an observable is called, when it came back or is related to one that did.
    fn value_of(&self, id: &str) -> Option<String> {
        let related = self.findings.related.iter().map(|related| &related.other);
        let observable = self.findings.observables.iter().chain(related).find(|o| o.id == id)?;
        observable.value.clone().or_else(|| observable.name.clone())
    }

    fn observables(&self) -> Vec<ObservableFacts> {
        let mut told = HashSet::new();
        let all = self.findings.observables.iter().filter(|o| told.insert(o.id.as_str()));
        all.map(|o| self.observable(o)).collect()
    }

    fn observable(&self, o: &Observable) -> ObservableFacts {
        let related = self.findings.related.iter().filter(|r| r.from_id == o.id || r.to_id == o.id);
        let related: Vec<RelatedFacts> = related
            .filter(|r| r.other.id != o.id)
            .map(|r| RelatedFacts {
                relationship: r.relationship_type.clone(),
                kind: r.other.entity_type.clone(),
                value: r.other.value.clone(),
                indicators: self.indicators_of(&r.other.id),
            })
            .collect();
        let indicators = self.indicators_of(&o.id);
        let has_none = indicators.is_empty() && related.iter().all(|r| r.indicators.is_empty());
        let at =
            self.matches.observables.iter().position(|m| m.observable.is_some_and(|seen| seen.id == o.id));
        let outcome = match at {
            Some(at) => self.observable_event(at),
            None if has_none => Outcome {
                event: None,
                meaning: "Not reported: no indicator is based on it, nor on what it is related to."
                    .to_owned(),
            },
            None => Outcome {
                event: None,
                meaning:
                    "Not reported by itself: its indicators are set aside, or reported another way; see \
                          there."
                        .to_owned(),
            },
        };
        ObservableFacts {
            id: o.standard_id.clone().unwrap_or_else(|| o.id.clone()),
            kind: o.entity_type.clone(),
            value: o.value.clone().or_else(|| o.name.clone()),
            hashes: o.hashes.iter().map(|hash| format!("{} {}", hash.algorithm, hash.hash)).collect(),
            score: o.x_opencti_score,
            labels: o.labels.clone(),
            markings: names(&o.markings),
            link: self.case.endpoint.map(|endpoint| endpoint.observable_link(&o.id)),
            indicators,
            related,
            outcome,
        }
    }

    fn indicators_of(&self, observable_id: &str) -> Vec<String> {
        let based_on = self.findings.based_on.iter().filter(|b| b.observable_id == observable_id);
        let name = |i: &Indicator| i.name.clone().unwrap_or_else(|| i.id.clone());
        based_on.map(|based_on| name(&based_on.indicator)).collect()
    }

    fn outcome_of(&self, id: &str) -> Outcome {
        let own = |m: &Match<'_>| m.indicator.is_some_and(|ranked| ranked.indicator.id == id);
        let related = |m: &Match<'_>| m.related.as_ref().is_some_and(|r| r.indicator.indicator.id == id);
        let limit = self.case.policy.max_indicator_alerts;
        if let Some(at) = self.matches.indicators.iter().position(own) {
            return if at < limit { reported(at) } else { over("max_indicator_alerts", limit) };
        }
        if let Some((at, found)) =
            self.matches.observables.iter().enumerate().find(|(_, m)| own(m) || related(m))
        {
            let how = if own(found) { "was seen" } else { "is related to one that was seen" };
            let mut outcome = self.observable_event(at);
            if let Some(event) = outcome.event {
                outcome.meaning =
                    format!("Reported: event {event}, since an observable that it is based on {how}.");
            }
            return outcome;
        }
        let meaning = match self.matches.set_aside.iter().find(|aside| aside.id == id) {
            Some(aside) => {
                let word = words::reason(aside.reason.as_str());
                format!("Set aside ({}). {} {}", word.reason, word.meaning, word.remedy())
            }
            None => {
                "Not reported: another indicator of the same observable is preferred (detection on, then \
                     validity, score, confidence)."
                    .to_owned()
            }
        };
        Outcome { event: None, meaning }
    }

    /// The event for a match by observable. Those come after the ones by indicator.
    fn observable_event(&self, at: usize) -> Outcome {
        let limit = self.case.policy.max_observable_alerts;
        let before = self.matches.indicators.len().min(self.case.policy.max_indicator_alerts);
        if at < limit { reported(before + at) } else { over("max_observable_alerts", limit) }
    }
}

fn reported(at: usize) -> Outcome {
    Outcome { event: Some(at + 1), meaning: format!("Reported: event {}.", at + 1) }
}

fn over(setting: &str, limit: usize) -> Outcome {
    let meaning = format!(
        "It matches, but is not among the first {limit}, which is the limit. In [policy]: raise `{setting}` to report it."
    );
    Outcome { event: None, meaning }
}

fn names(markings: &[Marking]) -> Vec<String> {
    markings.iter().filter_map(|marking| marking.definition.clone()).collect()
}
