//! What is explained, as facts that can be written as JSON or as text.

use serde::Serialize;
use serde_json::Value;
use wazuh_alert::Alert;

use super::judge::Judgement;
use super::words::Word;

/// The explanation. As JSON it is what `explain --format json` prints.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct Story {
    /// All of it in one sentence.
    pub(in crate::commands) result: String,
    pub(in crate::commands) alert: AlertFacts,
    /// The time at which indicators had to be valid.
    pub(in crate::commands) at: String,
    /// Why the whole alert was not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) not_looked_at: Option<NotLookedAt>,
    pub(in crate::commands) found: Vec<Found>,
    pub(in crate::commands) left_out: Vec<LeftOut>,
    /// Absent when there was nothing to ask about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) asked: Option<Asked>,
    /// Absent when nothing was asked or no answer came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) came_back: Option<CameBack>,
    /// What is missing from the answer.
    pub(in crate::commands) incomplete: Vec<String>,
    pub(in crate::commands) limits: Limits,
    pub(in crate::commands) events: Vec<Told>,
}

/// Why a whole alert was not looked at.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct NotLookedAt {
    #[serde(flatten)]
    pub(in crate::commands) reason: Word,
    /// The entry of `exclude`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) by: Option<String>,
}

/// The alert.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct AlertFacts {
    pub(in crate::commands) id: String,
    pub(in crate::commands) timestamp: String,
    pub(in crate::commands) rule_id: String,
    pub(in crate::commands) rule_level: u32,
    pub(in crate::commands) rule_description: String,
    pub(in crate::commands) rule_groups: Vec<String>,
    pub(in crate::commands) agent_id: Option<String>,
    pub(in crate::commands) agent_name: Option<String>,
    pub(in crate::commands) agent_ip: Option<String>,
    pub(in crate::commands) decoder: String,
    pub(in crate::commands) location: String,
}

/// A value that was found and is looked up.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct Found {
    pub(in crate::commands) kind: &'static str,
    /// In the form in which it is looked up.
    pub(in crate::commands) value: String,
    pub(in crate::commands) places: Vec<Place>,
}

/// Where a value stands.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct Place {
    pub(in crate::commands) path: String,
    /// The field's text, when it is not just the value; of a long one what is around the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) written: Option<String>,
    /// The decodings that led to the value.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(in crate::commands) via: String,
    /// `source` or `destination`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) role: Option<&'static str>,
}

/// A value that was found and is not looked up.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct LeftOut {
    pub(in crate::commands) kind: &'static str,
    pub(in crate::commands) value: String,
    pub(in crate::commands) path: String,
    #[serde(flatten)]
    pub(in crate::commands) reason: Word,
    /// The entry or the list that covers it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) by: Option<String>,
}

/// What was asked.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct Asked {
    pub(in crate::commands) source: String,
    /// The values; a source is also asked for the networks around addresses and the parents of names.
    pub(in crate::commands) values: Vec<String>,
    /// Why it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) error: Option<String>,
}

/// What came back.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct CameBack {
    pub(in crate::commands) indicators: Vec<IndicatorFacts>,
    pub(in crate::commands) observables: Vec<ObservableFacts>,
}

/// An indicator that came back, and what became of it.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct IndicatorFacts {
    pub(in crate::commands) id: String,
    /// The platform's own id, by which relations name it.
    #[serde(skip)]
    pub(in crate::commands) internal_id: String,
    pub(in crate::commands) name: Option<String>,
    pub(in crate::commands) pattern: Option<String>,
    pub(in crate::commands) score: Option<i64>,
    /// The score at the time of the question, by the rule after which it decays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) score_live: Option<i64>,
    pub(in crate::commands) confidence: Option<i64>,
    pub(in crate::commands) detection: Option<bool>,
    pub(in crate::commands) valid_from: Option<String>,
    pub(in crate::commands) valid_until: Option<String>,
    pub(in crate::commands) validity: &'static str,
    pub(in crate::commands) labels: Vec<String>,
    pub(in crate::commands) markings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) author: Option<String>,
    /// The threats that it indicates; asked for what is reported only.
    pub(in crate::commands) indicates: Vec<String>,
    /// The reports in which it stands; asked for what is reported only.
    pub(in crate::commands) reports: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) link: Option<String>,
    /// The observables that led to it; none when its pattern was searched for.
    pub(in crate::commands) based_on: Vec<String>,
    pub(in crate::commands) pattern_says: Judgement,
    /// What the policy has against it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) policy: Option<Word>,
    pub(in crate::commands) outcome: Outcome,
}

/// An observable that came back, and what became of it.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct ObservableFacts {
    pub(in crate::commands) id: String,
    pub(in crate::commands) kind: Option<String>,
    pub(in crate::commands) value: Option<String>,
    /// The hashes of a file, with their algorithms.
    pub(in crate::commands) hashes: Vec<String>,
    pub(in crate::commands) score: Option<i64>,
    pub(in crate::commands) labels: Vec<String>,
    pub(in crate::commands) markings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) author: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) link: Option<String>,
    /// Names of the indicators that are based on it.
    pub(in crate::commands) indicators: Vec<String>,
    pub(in crate::commands) related: Vec<RelatedFacts>,
    pub(in crate::commands) outcome: Outcome,
}

/// An observable related to one that came back.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct RelatedFacts {
    pub(in crate::commands) relationship: String,
    pub(in crate::commands) kind: Option<String>,
    pub(in crate::commands) value: Option<String>,
    pub(in crate::commands) indicators: Vec<String>,
}

/// What became of something that came back.
#[derive(Debug, Default, Serialize)]
pub(in crate::commands) struct Outcome {
    /// The type of the event that it gives, also of one that is over a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) event_type: Option<&'static str>,
    /// How what was seen and what is known are the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) how: Option<&'static str>,
    /// The word for why it gives no event of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) reason: Option<&'static str>,
    /// The number of the event that reports it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) event: Option<usize>,
    /// The same in a sentence, with what to change.
    pub(in crate::commands) meaning: String,
}

/// The limits, and what they left out.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct Limits {
    pub(in crate::commands) max_indicator_alerts: usize,
    pub(in crate::commands) max_observable_alerts: usize,
    pub(in crate::commands) omitted_indicators: usize,
    pub(in crate::commands) omitted_observables: usize,
}

/// An event.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct Told {
    pub(in crate::commands) event_type: &'static str,
    pub(in crate::commands) meaning: String,
    /// The event as Wazuh gets it.
    pub(in crate::commands) event: Value,
}

impl AlertFacts {
    pub(in crate::commands) fn of(alert: &Alert) -> Self {
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
