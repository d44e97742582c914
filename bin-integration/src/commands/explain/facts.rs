//! What is explained, as facts that can be written as JSON or as text.

use serde::Serialize;
use serde_json::Value;
use wazuh_alert::Alert;

use super::judge::Judgement;
use super::words::Word;

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
    /// The field's text, when it is not just the value; of a long one what is around the value.
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

impl AlertFacts {
    pub(super) fn of(alert: &Alert) -> Self {
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
