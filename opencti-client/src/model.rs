//! What OpenCTI knows, as plain data.
//!
//! These types are free of how they were asked for: they can be built by hand, stored, and read back. Texts that
//! OpenCTI takes from open vocabularies (types, labels, marking definitions) stay text, and times stay the RFC 3339
//! text that came, so that a newer platform never makes an answer unreadable. An empty list and a list that OpenCTI
//! did not give are the same here.

use serde::{Deserialize, Serialize};

/// An indicator: a pattern that tells of something bad, with what is known about it.
///
/// ```
/// use opencti_client::Indicator;
///
/// let indicator = Indicator {
///     id: "1c9c7d3e-5d4c-4d1a-8f1b-3f1f8f7f3f11".to_owned(),
///     pattern: Some("[ipv4-addr:value = '192.0.2.7']".to_owned()),
///     ..Indicator::default()
/// };
/// assert_eq!(indicator.revoked, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Indicator {
    /// OpenCTI's internal id, the only one that is stable: `standard_id` changes with the pattern.
    pub id: String,
    /// STIX id, `indicator--…`, made from the pattern.
    pub standard_id: Option<String>,
    /// `Indicator`.
    pub entity_type: Option<String>,
    /// Name, often the value the pattern is about.
    pub name: Option<String>,
    /// Free text, Markdown.
    pub description: Option<String>,
    /// The pattern, in the language that `pattern_type` names.
    pub pattern: Option<String>,
    /// `stix`, `sigma`, `yara`, `snort`, …
    pub pattern_type: Option<String>,
    /// Start of validity, RFC 3339.
    pub valid_from: Option<String>,
    /// End of validity, RFC 3339. Up to five minutes may pass until OpenCTI sets `revoked` after this time.
    pub valid_until: Option<String>,
    /// Whether it has been withdrawn, or has expired and OpenCTI noticed.
    pub revoked: Option<bool>,
    /// How sure the source is, 0 to 100.
    pub confidence: Option<i64>,
    /// How bad it is, 0 to 100; sinks with age where decay is on, and only at the steps of its rule.
    pub x_opencti_score: Option<i64>,
    /// The score from which decay reckons, 0 to 100.
    pub decay_base_score: Option<i64>,
    /// When the score was `decay_base_score`, RFC 3339.
    pub decay_base_score_date: Option<String>,
    /// How the score sinks with age; `None` where decay is off, or off for this indicator.
    pub decay_applied_rule: Option<DecayRule>,
    /// Whether somebody marked it as fit for detection. `false` unless set.
    pub x_opencti_detection: Option<bool>,
    /// Type of observable the pattern is mainly about, such as `IPv4-Addr` or `StixFile`; may be `Unknown`.
    pub x_opencti_main_observable_type: Option<String>,
    /// Platforms it concerns, such as `windows`.
    pub x_mitre_platforms: Vec<String>,
    /// STIX indicator types, such as `malicious-activity` or `benign`.
    pub indicator_types: Vec<String>,
    /// When it was created on the platform, RFC 3339.
    pub created_at: Option<String>,
    /// When it last changed on the platform, RFC 3339.
    pub updated_at: Option<String>,
    /// Its author.
    pub created_by: Option<Identity>,
    /// Markings such as `TLP:AMBER`.
    pub markings: Vec<Marking>,
    /// Labels, as text.
    pub labels: Vec<String>,
    /// Phases of kill chains it belongs to.
    pub kill_chain_phases: Vec<KillChainPhase>,
}

/// How the score of an indicator sinks with age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DecayRule {
    /// Days until nothing is left of the score.
    pub lifetime: i64,
    /// How the score spreads over the lifetime: the smaller, the longer it stays high.
    pub pound: f64,
}

/// An observable: something that was seen somewhere, bad or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Observable {
    /// OpenCTI's internal id.
    pub id: String,
    /// STIX id, such as `ipv4-addr--…`.
    pub standard_id: Option<String>,
    /// Its type with OpenCTI's spelling: `IPv4-Addr`, `Domain-Name`, `StixFile`, …
    pub entity_type: Option<String>,
    /// What stands for it: the address or name; for a file its strongest hash, else its name.
    pub value: Option<String>,
    /// Name of a file.
    pub name: Option<String>,
    /// Further names of a file or an artifact.
    pub additional_names: Vec<String>,
    /// Hashes of a file, an artifact or a certificate.
    pub hashes: Vec<Hash>,
    /// How bad it is, 0 to 100.
    pub x_opencti_score: Option<i64>,
    /// Free text, Markdown.
    pub description: Option<String>,
    /// When it was created on the platform, RFC 3339.
    pub created_at: Option<String>,
    /// When it last changed on the platform, RFC 3339.
    pub updated_at: Option<String>,
    /// Its author.
    pub created_by: Option<Identity>,
    /// Markings such as `TLP:AMBER`.
    pub markings: Vec<Marking>,
    /// Labels, as text.
    pub labels: Vec<String>,
}

/// Who stands behind a piece of intelligence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    /// OpenCTI's internal id.
    pub id: String,
    /// STIX id, `identity--…`.
    pub standard_id: Option<String>,
    /// `organization`, `individual`, `system`, …
    pub identity_class: Option<String>,
    /// Its name.
    pub name: Option<String>,
}

/// A marking: who may see an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Marking {
    /// The family: `TLP`, `PAP`, `statement`, …
    pub definition_type: Option<String>,
    /// The marking itself, such as `TLP:AMBER+STRICT`.
    pub definition: Option<String>,
    /// Its rank within the family; the higher, the stricter.
    pub order: Option<i64>,
}

/// A phase of a kill chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KillChainPhase {
    /// The kill chain, such as `mitre-attack`.
    pub kill_chain_name: Option<String>,
    /// The phase, such as `command-and-control`.
    pub phase_name: Option<String>,
}

/// A hash with its algorithm as OpenCTI spells it (`MD5`, `SHA-1`, `SHA-256`, …).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hash {
    /// Algorithm.
    pub algorithm: String,
    /// Digest, as text.
    pub hash: String,
}

/// What a look-up found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lookup {
    /// Observables that have one of the values asked for, each once.
    pub observables: Vec<Observable>,
    /// Indicators whose pattern was asked for or holds one of the phrases, each once. Those found by a phrase are
    /// candidates: their pattern still has to be evaluated.
    pub indicators: Vec<Indicator>,
    /// Whether OpenCTI had more than it was asked to send. Indicators come with the highest score first.
    pub truncated: bool,
}

/// An indicator and the observable it is based on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BasedOn {
    /// The indicator.
    pub indicator: Indicator,
    /// Internal id of the observable.
    pub observable_id: String,
}

/// A relation between an observable that was asked for and another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Related {
    /// Internal id of the source of the relation.
    pub from_id: String,
    /// Internal id of its target.
    pub to_id: String,
    /// Its type, such as `resolves-to`.
    pub relationship_type: String,
    /// The end that was not asked for, with just `id`, `entity_type` and `value`. Where both were asked for, the
    /// target.
    pub other: Observable,
}

/// What surrounds observables.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObservableContext {
    /// Indicators based on them.
    pub based_on: Vec<BasedOn>,
    /// Observables related to them.
    pub related: Vec<Related>,
    /// Whether OpenCTI had more than it was asked to send.
    pub truncated: bool,
}

/// What an indicator tells of: malware, an intrusion set, a technique, …
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Threat {
    /// Its type with OpenCTI's spelling: `Malware`, `Intrusion-Set`, `Threat-Actor-Group`, `Threat-Actor-Individual`,
    /// `Campaign`, `Attack-Pattern`, `Tool`, `Infrastructure`, `Incident`, `Vulnerability`.
    pub entity_type: String,
    /// OpenCTI's internal id.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// Other names.
    pub aliases: Vec<String>,
    /// MITRE ATT&CK id of an attack pattern, such as `T1059.001`.
    pub mitre_id: Option<String>,
}

/// An indicator and one threat it indicates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Indicates {
    /// Internal id of the indicator.
    pub indicator_id: String,
    /// How sure the source is of this relation, 0 to 100.
    pub confidence: Option<i64>,
    /// The threat.
    pub target: Threat,
}

/// A pointer to something outside OpenCTI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExternalReference {
    /// Who published it.
    pub source_name: Option<String>,
    /// Where it is.
    pub url: Option<String>,
    /// Its id there.
    pub external_id: Option<String>,
}

/// A report that contains indicators that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// OpenCTI's internal id.
    pub id: String,
    /// STIX id, `report--…`.
    pub standard_id: Option<String>,
    /// Its title.
    pub name: Option<String>,
    /// Free text, Markdown.
    pub description: Option<String>,
    /// When it was published, RFC 3339.
    pub published: Option<String>,
    /// Its types, such as `threat-report`.
    pub report_types: Vec<String>,
    /// How sure the source is, 0 to 100.
    pub confidence: Option<i64>,
    /// Its author.
    pub created_by: Option<Identity>,
    /// Markings such as `TLP:AMBER`.
    pub markings: Vec<Marking>,
    /// Labels, as text.
    pub labels: Vec<String>,
    /// The first three references.
    pub external_references: Vec<ExternalReference>,
    /// Internal ids of those indicators asked for that it contains. Other contents are not asked for.
    pub object_ids: Vec<String>,
}

/// What stands behind indicators.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThreatContext {
    /// What they indicate.
    pub indicates: Vec<Indicates>,
    /// Reports that contain them, the latest first.
    pub reports: Vec<Report>,
    /// Whether OpenCTI had more than it was asked to send. Not set for reports: only the latest are asked for.
    pub truncated: bool,
}

/// What the platform says of itself and of the token's user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SelfCheck {
    /// Version of the platform, such as `6.7.11`.
    pub version: Option<String>,
    /// The token's user.
    pub user: Option<User>,
}

/// The user that a token belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    /// OpenCTI's internal id.
    pub id: String,
    /// Name.
    pub name: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// Capabilities, such as `KNOWLEDGE` or `TAXIIAPI`. `BYPASS` implies all others.
    pub capabilities: Vec<String>,
    /// Markings whose objects the user may see. Objects with others are invisible, not errors.
    pub allowed_markings: Vec<Marking>,
    /// The highest confidence the user may give, 0 to 100.
    pub max_confidence: Option<i64>,
}
