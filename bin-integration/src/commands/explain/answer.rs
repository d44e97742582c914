//! What came back, and what became of each.

use std::collections::HashSet;

use enricher::stix::Seen;
use enricher::{Findings, Match, Matches, Validity};
use opencti_client::{Indicator, Marking, Observable};

use super::facts::{CameBack, IndicatorFacts, ObservableFacts, Outcome, RelatedFacts};
use super::judge::judge;
use super::story::Case;
use super::words;

/// Tells what came back.
pub(super) fn tell(case: &Case<'_>, findings: &Findings, matches: &Matches<'_>) -> CameBack {
    let teller = Teller { case, findings, matches, seen: case.enriched.selection.seen() };
    CameBack { indicators: teller.indicators(), observables: teller.observables() }
}

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
        let policy = case.policy.sets_aside(i, case.now).map(|reason| words::set_aside(reason.as_str()));
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
                let word = words::set_aside(aside.reason.as_str());
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
