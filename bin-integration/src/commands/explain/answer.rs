//! What came back, and what became of each.

use std::collections::HashSet;

use enricher::select::Selection;
use enricher::stix::Seen;
use enricher::{Context, Findings, Match, Matches, Policy, Validity, live_score};
use jiff::Timestamp;
use opencti_client::{Endpoint, Identity, Indicator, Marking, Observable};

use super::facts::{CameBack, IndicatorFacts, ObservableFacts, Outcome, RelatedFacts};
use super::judge::judge;
use super::words;

/// What was asked, and what came back.
#[derive(Clone, Copy)]
pub(in crate::commands) struct Evidence<'a> {
    pub(in crate::commands) now: Timestamp,
    pub(in crate::commands) policy: &'a Policy,
    pub(in crate::commands) selection: &'a Selection,
    pub(in crate::commands) findings: &'a Findings,
    pub(in crate::commands) context: &'a Context,
    pub(in crate::commands) endpoint: Option<&'a Endpoint>,
}

/// Tells what came back. `matches` are those of the evidence.
pub(in crate::commands) fn tell(evidence: &Evidence<'_>, matches: &Matches<'_>) -> CameBack {
    let teller = Teller { evidence, matches, seen: evidence.selection.seen() };
    CameBack { indicators: teller.indicators(), observables: teller.observables() }
}

/// Tells of an indicator that did not come back by the question itself.
pub(in crate::commands) fn tell_of(evidence: &Evidence<'_>, indicator: &Indicator) -> IndicatorFacts {
    let matches = Matches::default();
    Teller { evidence, matches: &matches, seen: evidence.selection.seen() }.indicator(indicator)
}

struct Teller<'a> {
    evidence: &'a Evidence<'a>,
    matches: &'a Matches<'a>,
    seen: Seen,
}

impl Teller<'_> {
    fn indicators(&self) -> Vec<IndicatorFacts> {
        let mut told = HashSet::new();
        let by_observable = self.evidence.findings.based_on.iter().map(|based_on| &based_on.indicator);
        let all = self.evidence.findings.indicators.iter().chain(by_observable);
        all.filter(|indicator| told.insert(indicator.id.as_str())).map(|i| self.indicator(i)).collect()
    }

    fn indicator(&self, i: &Indicator) -> IndicatorFacts {
        let evidence = self.evidence;
        let validity = Validity::at(i, evidence.now);
        let indicates = evidence.context.indicates.iter().filter(|indicates| indicates.indicator_id == i.id);
        let reports = evidence.context.reports.iter().filter(|report| report.object_ids.contains(&i.id));
        let based_on =
            self.evidence.findings.based_on.iter().filter(|based_on| based_on.indicator.id == i.id);
        let policy =
            evidence.policy.sets_aside(i, evidence.now).map(|reason| words::set_aside(reason.as_str()));
        IndicatorFacts {
            id: i.standard_id.clone().unwrap_or_else(|| i.id.clone()),
            internal_id: i.id.clone(),
            name: i.name.clone(),
            pattern: i.pattern.clone(),
            score: i.x_opencti_score,
            score_live: live_score(i, evidence.now),
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
            author: name_of(i.created_by.as_ref()),
            indicates: indicates
                .map(|indicates| indicates.target.name.as_deref().unwrap_or(&indicates.target.id).to_owned())
                .collect(),
            reports: reports.filter_map(|report| report.name.clone()).collect(),
            link: evidence.endpoint.map(|endpoint| endpoint.indicator_link(&i.id)),
            based_on: based_on.filter_map(|based_on| self.value_of(&based_on.observable_id)).collect(),
            pattern_says: judge(i, evidence.selection, &self.seen, evidence.now),
            policy,
            outcome: self.outcome_of(&i.id),
        }
    }

    /// What an observable is called, when it came back or is related to one that did.
    fn value_of(&self, id: &str) -> Option<String> {
        let related = self.evidence.findings.related.iter().map(|related| &related.other);
        let observable = self.evidence.findings.observables.iter().chain(related).find(|o| o.id == id)?;
        observable.value.clone().or_else(|| observable.name.clone())
    }

    fn observables(&self) -> Vec<ObservableFacts> {
        let mut told = HashSet::new();
        let all = self.evidence.findings.observables.iter().filter(|o| told.insert(o.id.as_str()));
        all.map(|o| self.observable(o)).collect()
    }

    fn observable(&self, o: &Observable) -> ObservableFacts {
        let related = self.evidence.findings.related.iter().filter(|r| r.from_id == o.id || r.to_id == o.id);
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
        let found = self
            .matches
            .observables
            .iter()
            .enumerate()
            .find(|(_, m)| m.observable.is_some_and(|seen| seen.id == o.id));
        let outcome = match found {
            Some((at, found)) => self.observable_event(at, found),
            None if has_none => unreported(
                "no-indicator",
                "Not reported: no indicator is based on it, nor on what it is related to.",
            ),
            None => unreported(
                "by-indicator",
                "Not reported by itself: its indicators are set aside, or reported another way; see there.",
            ),
        };
        ObservableFacts {
            id: o.standard_id.clone().unwrap_or_else(|| o.id.clone()),
            kind: o.entity_type.clone(),
            value: o.value.clone().or_else(|| o.name.clone()),
            hashes: o.hashes.iter().map(|hash| format!("{} {}", hash.algorithm, hash.hash)).collect(),
            score: o.x_opencti_score,
            labels: o.labels.clone(),
            markings: names(&o.markings),
            author: name_of(o.created_by.as_ref()),
            link: self.evidence.endpoint.map(|endpoint| endpoint.observable_link(&o.id)),
            indicators,
            related,
            outcome,
        }
    }

    fn indicators_of(&self, observable_id: &str) -> Vec<String> {
        let based_on = self.evidence.findings.based_on.iter().filter(|b| b.observable_id == observable_id);
        let name = |i: &Indicator| i.name.clone().unwrap_or_else(|| i.id.clone());
        based_on.map(|based_on| name(&based_on.indicator)).collect()
    }

    fn outcome_of(&self, id: &str) -> Outcome {
        let own = |m: &Match<'_>| m.indicator.is_some_and(|ranked| ranked.indicator.id == id);
        let related = |m: &Match<'_>| m.related.as_ref().is_some_and(|r| r.indicator.indicator.id == id);
        let limit = self.evidence.policy.max_indicator_alerts;
        let found = self.matches.indicators.iter().enumerate().find(|(_, m)| own(m));
        if let Some((at, found)) = found {
            return match at < limit {
                true => reported(found, at),
                false => over(found, "max_indicator_alerts", limit),
            };
        }
        if let Some((at, found)) =
            self.matches.observables.iter().enumerate().find(|(_, m)| own(m) || related(m))
        {
            let how = if own(found) { "was seen" } else { "is related to one that was seen" };
            let mut outcome = self.observable_event(at, found);
            if let Some(event) = outcome.event {
                outcome.meaning =
                    format!("Reported: event {event}, since an observable that it is based on {how}.");
            }
            return outcome;
        }
        match self.matches.set_aside.iter().find(|aside| aside.id == id) {
            Some(aside) => {
                let word = words::set_aside(aside.reason.as_str());
                let meaning = format!("Set aside ({}). {} {}", word.reason, word.meaning, word.remedy());
                Outcome { reason: Some(word.reason), meaning, ..Outcome::default() }
            }
            None => unreported(
                "not-preferred",
                "Not reported: another indicator of the same observable is preferred (detection on, then \
                 validity, score, confidence).",
            ),
        }
    }

    /// The event for a match by observable. Those come after the ones by indicator.
    fn observable_event(&self, at: usize, found: &Match<'_>) -> Outcome {
        let limit = self.evidence.policy.max_observable_alerts;
        let before = self.matches.indicators.len().min(self.evidence.policy.max_indicator_alerts);
        match at < limit {
            true => reported(found, before + at),
            false => over(found, "max_observable_alerts", limit),
        }
    }
}

fn unreported(reason: &'static str, meaning: &str) -> Outcome {
    Outcome { reason: Some(reason), meaning: meaning.to_owned(), ..Outcome::default() }
}

fn given(found: &Match<'_>, event: Option<usize>, meaning: String) -> Outcome {
    Outcome {
        event_type: Some(found.event_type.as_str()),
        how: Some(found.how),
        reason: event.is_none().then_some("over-limit"),
        event,
        meaning,
    }
}

fn reported(found: &Match<'_>, at: usize) -> Outcome {
    given(found, Some(at + 1), format!("Reported: event {}.", at + 1))
}

fn over(found: &Match<'_>, setting: &str, limit: usize) -> Outcome {
    let meaning = format!(
        "It matches, but is not among the first {limit}, which is the limit. In [policy]: raise `{setting}` to report it."
    );
    given(found, None, meaning)
}

fn names(markings: &[Marking]) -> Vec<String> {
    markings.iter().filter_map(|marking| marking.definition.clone()).collect()
}

fn name_of(author: Option<&Identity>) -> Option<String> {
    author?.name.clone()
}
