//! What came close, and what kept it out.

use enricher::stix::Pattern;
use enricher::{Near, Nearness};
use serde::Serialize;

use super::answer::{Answer, Asking, add_missing, is_about};
use crate::commands::explain::answer::{Evidence, tell_of};
use crate::commands::explain::facts::{CameBack, IndicatorFacts};
use crate::commands::explain::judge::{Judgement, Verdict};
use crate::commands::explain::words;
use crate::platform;

/// The most near misses that are told; the closest are.
const MAX_NEAR: usize = 100;

/// An indicator that came close and is not reported.
#[derive(Debug, Serialize)]
pub(super) struct NearMiss {
    /// Why it is not reported, in a fixed word.
    pub(super) reason: &'static str,
    /// The same in a sentence.
    pub(super) meaning: String,
    /// The key below `[policy]` that changes it; `None` when none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) setting: Option<&'static str>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) change: Option<&'static str>,
    pub(super) name: Option<String>,
    pub(super) pattern: Option<String>,
    pub(super) pattern_says: Judgement,
    pub(super) score: Option<i64>,
    pub(super) validity: &'static str,
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<String>,
    /// The place in the list: what is about the value first, then the closest.
    #[serde(skip)]
    rank: (bool, Option<Nearness>),
}

/// Everything that came close: what came back and is not reported, and what a wider question finds.
pub(super) async fn near(
    asking: &Asking,
    evidence: &Evidence<'_>,
    came_back: &CameBack,
    answer: &mut Answer,
) -> Vec<NearMiss> {
    let around = Near::around(&evidence.selection.iocs(), evidence.findings);
    let mut misses: Vec<NearMiss> = came_back
        .indicators
        .iter()
        .filter(|i| i.outcome.event.is_none())
        .map(|i| NearMiss::of(i, nearness(&around, i.pattern.as_deref()), true))
        .collect();
    match asking.lookup.near(&around).await {
        Ok(findings) => {
            add_missing(answer, &findings);
            for indicator in &findings.indicators {
                let came = came_back.indicators.iter().any(|i| i.internal_id == indicator.id);
                let Some(near) = nearness(&around, indicator.pattern.as_deref()).filter(|_| !came) else {
                    continue;
                };
                misses.push(NearMiss::of(&tell_of(evidence, indicator), Some(near), false));
            }
        }
        Err(error) => {
            answer.incomplete.push(format!("what came close: {}", platform::sentence(&error)));
        }
    }
    misses.sort_by(|a, b| {
        let place = |miss: &NearMiss| {
            let (is_about, nearness) = miss.rank;
            (!is_about, nearness.is_none(), nearness, std::cmp::Reverse(miss.score))
        };
        place(a).cmp(&place(b)).then_with(|| a.id.cmp(&b.id))
    });
    misses.truncate(MAX_NEAR);
    misses
}

fn nearness(around: &Near, pattern: Option<&str>) -> Option<Nearness> {
    around.nearness(&Pattern::parse_lenient(pattern?).ok()?)
}

impl NearMiss {
    /// `nearness` is how close its pattern comes where it is not true; `came_back` whether the question itself found it.
    fn of(i: &IndicatorFacts, nearness: Option<Nearness>, came_back: bool) -> Self {
        let about = came_back && is_about(i);
        let nearness = nearness.filter(|_| !about);
        let fixed = |reason, meaning: &str| (reason, meaning.to_owned(), None, None);
        let of_word = |word: &str| {
            let word = words::set_aside(word);
            let change = word.setting.map(|_| word.change);
            (word.reason, word.meaning.to_owned(), word.setting, change)
        };
        let (reason, meaning, setting, change) = match (nearness, i.outcome.reason) {
            (Some(nearness), _) => fixed(nearness.as_str(), nearness.meaning()),
            (None, Some(word @ ("over-limit" | "not-preferred"))) => fixed(word, &i.outcome.meaning),
            (None, Some(word)) if about || i.pattern_says.verdict != Verdict::NotTrue => of_word(word),
            (None, _) => of_word("pattern-not-true"),
        };
        Self {
            reason,
            meaning,
            setting,
            change,
            name: i.name.clone(),
            pattern: i.pattern.clone(),
            pattern_says: i.pattern_says.clone(),
            score: i.score,
            validity: i.validity,
            id: i.id.clone(),
            link: i.link.clone(),
            rank: (about, nearness),
        }
    }
}
