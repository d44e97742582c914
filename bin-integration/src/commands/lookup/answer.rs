//! What is known about one value, as facts that can be written as JSON or as a table.

use enricher::select::{LeftOutReason, Selection};
use enricher::{
    Context, Findings, Lookup, Matches, Policy, WarningLists, incomplete, left_out_of_alerts, limit,
    match_all,
};
use ioc_extract::Ioc;
use jiff::Timestamp;
use opencti_client::Threat;
use serde::Serialize;

use super::why::{self, NearMiss};
use crate::commands::explain::answer::{Evidence, tell};
use crate::commands::explain::facts::{CameBack, IndicatorFacts, ObservableFacts, Outcome};
use crate::commands::explain::judge::Verdict as Judged;
use crate::commands::explain::words::{self, Word};
use crate::platform;

/// Of how many indicators the threats are asked for.
const MAX_CONTEXT: usize = 50;

/// What all values are asked with.
pub(super) struct Asking {
    pub(super) lookup: Box<dyn Lookup>,
    pub(super) source: String,
    pub(super) policy: Policy,
    pub(super) lists: Option<WarningLists>,
    /// The time at which indicators must be valid; `None` for that of each question.
    pub(super) at: Option<Timestamp>,
    pub(super) why: bool,
}

/// The answer about one value. As JSON it is a line of `lookup --format json`.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    pub(super) value: String,
    pub(super) asked: Vec<Asked>,
    pub(super) verdict: Verdict,
    /// The verdict in a sentence.
    pub(super) meaning: String,
    pub(super) known: Vec<Known>,
    pub(super) incomplete: Vec<String>,
    pub(super) source: String,
    pub(super) at: String,
    pub(super) requests: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<Why>,
}

/// What was asked about.
#[derive(Debug, Serialize)]
pub(super) struct Asked {
    pub(super) kind: &'static str,
    pub(super) value: String,
}

/// The verdict in a word: the type of the event that an alert with the value would give, or why there would be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// An event of this type.
    Event(enricher::EventType),
    /// Something is known, and kept out.
    NotReported,
    /// The source answered, and knows nothing.
    NothingKnown,
    /// A part of the answer is missing, and what came holds no event.
    Incomplete,
    /// There is no answer.
    NotAsked,
    /// It is no IoC, or none that can be asked about.
    Unusable,
}

impl Verdict {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Event(event_type) => event_type.as_str(),
            Self::NotReported => "not_reported",
            Self::NothingKnown => "nothing_known",
            Self::Incomplete => "incomplete",
            Self::NotAsked => "could_not_be_asked",
            Self::Unusable => "unusable",
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// An indicator or an observable that is known: a row of the table.
#[derive(Debug, Serialize)]
pub(super) struct Known {
    /// `Indicator`, or the type of the observable.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// The indicator's name, the observable's value.
    pub(super) name: Option<String>,
    /// The type of the event; `None` when it gives none.
    pub(super) verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) how: Option<&'static str>,
    /// The word for why it gives no event of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
    /// What became of it, in a sentence.
    pub(super) meaning: String,
    pub(super) score: Option<i64>,
    /// The score at the time of the question, by the rule after which it decays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) score_live: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) confidence: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detection: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) validity: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) valid_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) valid_until: Option<String>,
    pub(super) labels: Vec<String>,
    pub(super) markings: Vec<String>,
    /// The threats that it indicates.
    pub(super) context: Vec<Behind>,
    /// The reports in which it stands.
    pub(super) reports: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) author: Option<String>,
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pattern: Option<String>,
}

/// A threat.
#[derive(Debug, Serialize)]
pub(super) struct Behind {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) name: String,
}

/// What `--why` adds.
#[derive(Debug, Serialize)]
pub(super) struct Why {
    /// What alerts would leave out, though it was asked about here.
    pub(super) left_out: Vec<LeftOut>,
    pub(super) near: Vec<NearMiss>,
}

/// A value that alerts would leave out.
#[derive(Debug, Serialize)]
pub(super) struct LeftOut {
    pub(super) kind: &'static str,
    pub(super) value: String,
    #[serde(flatten)]
    pub(super) reason: Word,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
}

impl Asking {
    /// Asks about a value. What it could be is in `iocs`.
    pub(super) async fn about(&self, value: String, iocs: Vec<Ioc>) -> Answer {
        let now = self.at.unwrap_or_else(Timestamp::now);
        let mut answer = self.blank(value, Verdict::NotAsked, String::new());
        answer.at = now.to_string();
        answer.asked = iocs
            .iter()
            .map(|ioc| Asked { kind: ioc.kind().as_str(), value: ioc.value().to_owned() })
            .collect();
        let left_out = self.left_out(&iocs);
        let selection = Selection::of(iocs);
        let findings = match self.lookup.find(&selection.iocs()).await {
            Ok(findings) => findings,
            Err(error) => {
                answer.meaning = platform::sentence(&error);
                answer.why = self.why.then(|| Why { left_out, near: Vec::new() });
                return answer;
            }
        };
        let matches = match_all(&selection, &findings, &self.policy, now);
        let context = self.context(&matches).await;
        let evidence = Evidence {
            now,
            policy: &self.policy,
            selection: &selection,
            findings: &findings,
            context: &context,
            endpoint: self.lookup.endpoint(),
        };
        let came_back = tell(&evidence, &matches);
        answer.incomplete = incomplete(&findings, &context);
        answer.requests = findings.requests + context.requests;
        answer.known = known(&came_back, &context);
        let outside = match left_out.first() {
            Some(first) if left_out.len() == answer.asked.len() => {
                format!(" But alerts leave it out: {}.", first.reason.reason)
            }
            _ => String::new(),
        };
        if self.why {
            let near = why::near(self, &evidence, &came_back, &mut answer).await;
            answer.why = Some(Why { left_out, near });
        }
        (answer.verdict, answer.meaning) = self.verdict(&matches, &answer);
        answer.meaning.push_str(&outside);
        answer
    }

    /// The answer about a value that cannot be asked about.
    pub(super) fn unusable(&self, value: String, problem: String) -> Answer {
        self.blank(value, Verdict::Unusable, problem)
    }

    fn blank(&self, value: String, verdict: Verdict, meaning: String) -> Answer {
        Answer {
            value,
            asked: Vec::new(),
            verdict,
            meaning,
            known: Vec::new(),
            incomplete: Vec::new(),
            source: self.source.clone(),
            at: self.at.unwrap_or_else(Timestamp::now).to_string(),
            requests: 0,
            why: None,
        }
    }

    /// The threats behind what matched and what the policy keeps out.
    async fn context(&self, matches: &Matches<'_>) -> Context {
        let own = matches.indicators.iter().chain(&matches.observables).flat_map(|m| {
            let related = m.related.as_ref().map(|related| related.indicator);
            m.indicator.into_iter().chain(related).map(|ranked| ranked.indicator.id.clone())
        });
        let kept_out = matches
            .set_aside
            .iter()
            .filter(|aside| words::set_aside(aside.reason.as_str()).setting.is_some())
            .map(|aside| aside.id.clone());
        let mut ids: Vec<String> = Vec::new();
        for id in own.chain(kept_out) {
            if ids.len() < MAX_CONTEXT && !ids.contains(&id) {
                ids.push(id);
            }
        }
        if ids.is_empty() {
            return Context::default();
        }
        match self.lookup.context(&ids).await {
            Ok(context) => context,
            Err(error) => Context { failed: Some(platform::sentence(&error)), ..Context::default() },
        }
    }

    fn left_out(&self, iocs: &[Ioc]) -> Vec<LeftOut> {
        let of = |ioc: &Ioc| {
            let reason = left_out_of_alerts(ioc, &self.policy, self.lists.as_ref())?;
            let by = match &reason {
                LeftOutReason::Excluded(by) | LeftOutReason::WarningList(by) => Some(by.clone()),
                _ => None,
            };
            let (kind, value) = (ioc.kind().as_str(), ioc.value().to_owned());
            Some(LeftOut { kind, value, reason: words::reason(reason.as_str()), by })
        };
        iocs.iter().filter_map(of).collect()
    }

    fn verdict(&self, matches: &Matches<'_>, answer: &Answer) -> (Verdict, String) {
        let first = matches.indicators.iter().take(self.policy.max_indicator_alerts);
        let first = first.chain(matches.observables.iter().take(self.policy.max_observable_alerts)).next();
        if let Some(first) = first {
            let ranked = first.indicator.or_else(|| first.related.as_ref().map(|related| related.indicator));
            let name = ranked.and_then(|ranked| ranked.indicator.name.as_deref()).unwrap_or("without a name");
            let reported = limit(matches, &self.policy).indicator_ids().len();
            let more = match reported {
                0 | 1 => String::new(),
                n => format!(", and {} more", n - 1),
            };
            return (
                Verdict::Event(first.event_type),
                format!("An alert with it gives an event for indicator \"{name}\"{more}."),
            );
        }
        if !answer.incomplete.is_empty() {
            return (
                Verdict::Incomplete,
                "A part of the answer is missing, so it cannot be said that nothing is known.".to_owned(),
            );
        }
        if answer.known.is_empty() {
            return (
                Verdict::NothingKnown,
                format!("{} answered, and knows nothing of it.", capital(&self.source)),
            );
        }
        let mut reasons: Vec<&str> = answer.known.iter().filter_map(|known| known.reason).collect();
        reasons.sort_unstable();
        reasons.dedup();
        reasons.retain(|reason| !matches!(*reason, "no-indicator" | "by-indicator"));
        let meaning = match reasons.is_empty() {
            true => "It is known, but no indicator says that it is bad.".to_owned(),
            false => format!("It is known, and an alert with it gives no event: {}.", reasons.join(", ")),
        };
        (Verdict::NotReported, meaning)
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The rows: the indicators whose pattern or observable is about the value, and the observables.
fn known(came_back: &CameBack, context: &Context) -> Vec<Known> {
    let indicators = came_back.indicators.iter().filter(|i| is_about(i)).map(|i| of_indicator(i, context));
    let mut rows: Vec<Known> = indicators.chain(came_back.observables.iter().map(of_observable)).collect();
    // In the order of their events; what gives none comes last.
    rows.sort_by_key(|row| order(row, came_back));
    rows
}

/// Whether an indicator is about what was asked, and did not just come back with it.
pub(super) fn is_about(i: &IndicatorFacts) -> bool {
    i.outcome.event_type.is_some()
        || !i.based_on.is_empty()
        || matches!(i.pattern_says.verdict, Judged::Whole | Judged::Partial)
}

fn order(row: &Known, came_back: &CameBack) -> (usize, bool) {
    let by_id = |id: &str, outcome: &Outcome| (id == row.id).then_some(outcome.event).flatten();
    let indicators = came_back.indicators.iter().filter_map(|i| by_id(&i.id, &i.outcome));
    let observables = came_back.observables.iter().filter_map(|o| by_id(&o.id, &o.outcome));
    (indicators.chain(observables).next().unwrap_or(usize::MAX), row.verdict.is_none())
}

fn of_indicator(i: &IndicatorFacts, context: &Context) -> Known {
    let behind = |threat: &Threat| Behind {
        kind: threat.entity_type.clone(),
        name: threat.name.clone().unwrap_or_else(|| threat.id.clone()),
    };
    let indicates = context.indicates.iter().filter(|indicates| indicates.indicator_id == i.internal_id);
    Known {
        kind: "Indicator".to_owned(),
        name: i.name.clone(),
        verdict: i.outcome.event_type,
        how: i.outcome.how,
        reason: i.outcome.reason,
        meaning: i.outcome.meaning.clone(),
        score: i.score,
        score_live: i.score_live,
        confidence: i.confidence,
        detection: i.detection,
        validity: Some(i.validity),
        valid_from: i.valid_from.clone(),
        valid_until: i.valid_until.clone(),
        labels: i.labels.clone(),
        markings: i.markings.clone(),
        context: indicates.map(|indicates| behind(&indicates.target)).collect(),
        reports: i.reports.clone(),
        author: i.author.clone(),
        id: i.id.clone(),
        link: i.link.clone(),
        pattern: i.pattern.clone(),
    }
}

fn of_observable(o: &ObservableFacts) -> Known {
    Known {
        kind: o.kind.clone().unwrap_or_else(|| "Observable".to_owned()),
        name: o.value.clone(),
        verdict: o.outcome.event_type,
        how: o.outcome.how,
        reason: o.outcome.reason,
        meaning: o.outcome.meaning.clone(),
        score: o.score,
        score_live: None,
        confidence: None,
        detection: None,
        validity: None,
        valid_from: None,
        valid_until: None,
        labels: o.labels.clone(),
        markings: o.markings.clone(),
        context: Vec::new(),
        reports: Vec::new(),
        author: o.author.clone(),
        id: o.id.clone(),
        link: o.link.clone(),
        pattern: None,
    }
}

/// Something that was asked and has an answer that is not used otherwise.
pub(super) fn add_missing(answer: &mut Answer, findings: &Findings) {
    answer.requests += findings.requests;
    answer.incomplete.extend(
        incomplete(findings, &Context::default())
            .into_iter()
            .map(|problem| format!("what came close: {problem}")),
    );
}
