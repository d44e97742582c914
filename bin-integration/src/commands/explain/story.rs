//! Putting the explanation together.

use enricher::select::{LeftOutReason, Role, Sighting};
use enricher::{Enriched, EventType, Policy, match_all};
use ioc_extract::{Ioc, Kind};
use jiff::Timestamp;
use opencti_client::Endpoint;
use wazuh_alert::Alert;

use super::answer::Evidence;
use super::facts::{AlertFacts, Asked, Found, LeftOut, Limits, NotLookedAt, Place, Story, Told};
use super::{Heard, answer, words};
use crate::commands::demo;

/// The longest text of a field that is quoted beside the value found in it, in bytes; of a longer one this much around
/// the value.
const EXCERPT: usize = 120;

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
impl Story {
    /// Puts it together. What the pipeline decided is derived again from what it was given, by its own functions.
    pub(super) fn of(case: &Case<'_>) -> Self {
        let selection = &case.enriched.selection;
        let matches =
            case.heard.findings.as_ref().map(|found| match_all(selection, found, case.policy, case.now));
        let (indicators, observables) =
            matches.as_ref().map_or((0, 0), |m| (m.indicators.len(), m.observables.len()));
        let came_back = case.heard.findings.as_ref().zip(matches.as_ref()).map(|(findings, matches)| {
            let (policy, context, endpoint) = (case.policy, &case.heard.context, case.endpoint);
            answer::tell(&Evidence { now: case.now, policy, selection, findings, context, endpoint }, matches)
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
            written: written(case.alert, sighting),
            via: sighting.via.clone(),
            role: match (sighting.role, sighting.ioc.kind()) {
                (Role::Seen, _) => None,
                (Role::Source, Kind::EmailAddr) => Some("sender"),
                (Role::Destination, Kind::EmailAddr) => Some("recipient"),
                (Role::Source, _) => Some("source"),
                (Role::Destination, _) => Some("destination"),
                (Role::Image, _) => Some("image"),
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

/// The text in which a value stands, when it is not just the value: the field's, or of a long one what is around it.
fn written(alert: &Alert, sighting: &Sighting) -> Option<String> {
    let mut texts = alert.texts(&sighting.path);
    let text = texts.next()?;
    // Of several at one path it is not known which one is meant.
    if text == sighting.ioc.value() || texts.next().is_some() {
        return None;
    }
    if text.len() <= EXCERPT {
        return Some(text.to_owned());
    }
    let span = sighting.span.as_ref()?;
    let (start, end) = (usize::try_from(span.start).ok()?, usize::try_from(span.end).ok()?);
    let around = EXCERPT.saturating_sub(end.saturating_sub(start)) / 2;
    let from = text.floor_char_boundary(start.saturating_sub(around));
    let to = text.ceil_char_boundary(end.min(start + EXCERPT).saturating_add(around));
    let before = if from > 0 { "…" } else { "" };
    let after = if to < text.len() { "…" } else { "" };
    Some(format!("{before}{}{after}", text.get(from..to)?))
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
