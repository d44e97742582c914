//! What a SOC wants to hear about: thresholds, exclusions and limits.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use ioc_extract::{Ioc, Kind};
use ipnet::IpNet;
use jiff::Timestamp;
use opencti_client::{Indicator, Marking};
use serde::{Deserialize, Serialize};
use wazuh_alert::Alert;

use crate::decay::live_score;
use crate::validity::Validity;

/// Decides which indicators are reported, and how many.
///
/// Every field has a default, so a configuration names only what it changes. Field names are those of the
/// `[policy]` section of the configuration file.
///
/// ```
/// use enricher::Policy;
///
/// let policy: Policy = serde_json::from_str(r#"{"min_score": 50, "exclude": ["corp.test", "198.18.0.0/15"]}"#)?;
/// assert_eq!(policy.min_score, 50);
/// assert_eq!(policy.max_indicator_alerts, 3);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// How many events one alert may give for indicators whose pattern matched. The rest is counted in
    /// `opencti.omitted`. Default 3.
    pub max_indicator_alerts: usize,
    /// How many events one alert may give for observables that have an indicator. Default 3.
    pub max_observable_alerts: usize,
    /// Indicators with a lower score (0–100) are set aside; one without a score counts as 0. Default 0: every
    /// indicator.
    pub min_score: i64,
    /// Which score `min_score` and the order of events go by. Default: the one that OpenCTI stores.
    pub score: Score,
    /// Indicators with a lower `confidence` (0–100) are set aside; one without counts as 0. Default 0.
    pub min_confidence: i64,
    /// Report only indicators whose `x_opencti_detection` is on. Default false: OpenCTI's own default is off.
    pub require_detection: bool,
    /// Set revoked indicators aside. Default true.
    pub ignore_revoked: bool,
    /// Set indicators aside whose validity has ended, or has not begun. Default true.
    pub ignore_expired: bool,
    /// Set indicators aside that are marked with a stricter TLP than this, since an event is read by everyone who
    /// may see Wazuh's alerts. Default none: every marking that the token may see.
    pub max_tlp: Option<Tlp>,
    /// Set indicators aside that bear one of these labels (compared without case). Default none.
    pub ignore_labels: Vec<String>,
    /// Look up addresses that are not globally routable too. Default false.
    pub lookup_private_addresses: bool,
    /// Set indicators aside where all that is true of what was seen names too much: a network of /8 or wider (/16 for
    /// IPv6), a whole private or special-purpose range, or a public suffix such as `co.uk`. Default true.
    pub ignore_broad: bool,
    /// How often one indicator is reported in an hour of the clock; 0 for no limit. The event that reaches the number
    /// says that the indicator is muted until the hour is over. Default 1000.
    pub max_hits_per_hour: u32,
    /// What is never looked up: see [`Exclusion`]. Default none.
    pub exclude: Vec<Exclusion>,
    /// A folder of lists of what is never looked up. It is a setting only: whoever embeds the enricher reads it by
    /// [`WarningLists::load`](crate::WarningLists::load) and hands it to
    /// [`Enricher::with_warning_lists`](crate::Enricher::with_warning_lists). Default none.
    pub warning_lists: Option<PathBuf>,
    /// The kinds of IoC that are looked up, by their names (`ipv4-addr`, `file:sha256`, …). Default: every kind
    /// in [`Policy::DEFAULT_KINDS`].
    pub kinds: Vec<KindName>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_indicator_alerts: 3,
            max_observable_alerts: 3,
            min_score: 0,
            score: Score::Stored,
            min_confidence: 0,
            require_detection: false,
            ignore_revoked: true,
            ignore_expired: true,
            max_tlp: None,
            ignore_labels: Vec::new(),
            lookup_private_addresses: false,
            ignore_broad: true,
            max_hits_per_hour: 1000,
            exclude: Vec::new(),
            warning_lists: None,
            kinds: Self::DEFAULT_KINDS.iter().copied().map(KindName).collect(),
        }
    }
}

impl Policy {
    /// The kinds that are looked up unless `kinds` says otherwise: those that name one thing in the world. File
    /// names, user agents and the like are left to those who ask for them, since intel on them is mostly noise.
    pub const DEFAULT_KINDS: &[Kind] = &[
        Kind::Ipv4Addr,
        Kind::Ipv6Addr,
        Kind::DomainName,
        Kind::Url,
        Kind::EmailAddr,
        Kind::Md5,
        Kind::Sha1,
        Kind::Sha256,
        Kind::Sha512,
        Kind::RegistryKey,
        Kind::Cve,
    ];

    /// Whether IoCs of this kind are looked up.
    #[must_use]
    pub fn asks_for(&self, kind: Kind) -> bool {
        self.kinds.iter().any(|k| k.0 == kind)
    }

    /// The exclusion that keeps this IoC from being looked up, if there is one.
    #[must_use]
    pub fn excludes(&self, ioc: &Ioc) -> Option<&Exclusion> {
        self.exclude.iter().find(|exclusion| exclusion.covers(ioc))
    }

    /// The exclusion that keeps this whole alert out, if there is one.
    #[must_use]
    pub fn excludes_alert(&self, alert: &Alert) -> Option<&Exclusion> {
        self.exclude.iter().find(|exclusion| match exclusion {
            Exclusion::Rule(id) => alert.rule_id() == id,
            Exclusion::Group(group) => alert.rule_groups().any(|g| g == group),
            _ => false,
        })
    }

    /// The score that thresholds and the order of events go by; 0 when there is none.
    #[must_use]
    pub fn score_of(&self, indicator: &Indicator, now: Timestamp) -> i64 {
        let live = match self.score {
            Score::Live => live_score(indicator, now),
            Score::Stored => None,
        };
        live.or(indicator.x_opencti_score).unwrap_or(0)
    }

    /// Why an indicator is not reported, or `None` when it may be.
    ///
    /// `now` is the time of the alert's enrichment: the indicator must be valid then, and have its score.
    #[must_use]
    pub fn sets_aside(&self, indicator: &Indicator, now: Timestamp) -> Option<SetAside> {
        match Validity::at(indicator, now) {
            Validity::Revoked if self.ignore_revoked => return Some(SetAside::Revoked),
            Validity::Expired if self.ignore_expired => return Some(SetAside::Expired),
            Validity::NotYetValid if self.ignore_expired => return Some(SetAside::NotYetValid),
            _ => {}
        }
        if self.require_detection && indicator.x_opencti_detection != Some(true) {
            return Some(SetAside::DetectionOff);
        }
        if self.score_of(indicator, now) < self.min_score {
            return Some(SetAside::BelowScore);
        }
        if indicator.confidence.unwrap_or(0) < self.min_confidence {
            return Some(SetAside::BelowConfidence);
        }
        if let Some(max) = self.max_tlp
            && indicator.markings.iter().filter_map(Tlp::of).any(|tlp| tlp > max)
        {
            return Some(SetAside::AboveTlp);
        }
        if indicator.labels.iter().any(|l| self.ignore_labels.iter().any(|i| i.eq_ignore_ascii_case(l))) {
            return Some(SetAside::IgnoredLabel);
        }
        None
    }
}

/// Which of an indicator's scores counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Score {
    /// The score that OpenCTI stores, which sinks with age only at the steps of the decay rule.
    #[default]
    Stored,
    /// The score at this moment, reckoned by the decay rule; the stored one where there is no rule.
    Live,
}

/// Why an indicator that OpenCTI returned is not reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SetAside {
    /// `revoked` is true (`ignore_revoked`).
    Revoked,
    /// `valid_until` has passed (`ignore_expired`).
    Expired,
    /// `valid_from` has not come (`ignore_expired`).
    NotYetValid,
    /// `x_opencti_detection` is off (`require_detection`).
    DetectionOff,
    /// The score is below `min_score`.
    BelowScore,
    /// The confidence is below `min_confidence`.
    BelowConfidence,
    /// A marking is stricter than `max_tlp`.
    AboveTlp,
    /// A label is in `ignore_labels`.
    IgnoredLabel,
    /// The pattern is not a STIX pattern.
    NotStix,
    /// The pattern does not parse.
    BadPattern,
    /// No positive term of the pattern is true of what the alert saw.
    NotTrue,
    /// The pattern only says what must not be seen.
    OnlyNegative,
    /// What the pattern is true of was seen, but is not looked up (`kinds`, `lookup_private_addresses`).
    KindOff,
    /// What is true of the pattern names too much to be a reason to alert (`ignore_broad`).
    TooBroad,
    /// It has been reported as often as it may be in this hour (`max_hits_per_hour`).
    Muted,
}

impl SetAside {
    /// Every reason.
    pub const ALL: [Self; 15] = [
        Self::Revoked,
        Self::Expired,
        Self::NotYetValid,
        Self::DetectionOff,
        Self::BelowScore,
        Self::BelowConfidence,
        Self::AboveTlp,
        Self::IgnoredLabel,
        Self::NotStix,
        Self::BadPattern,
        Self::NotTrue,
        Self::OnlyNegative,
        Self::KindOff,
        Self::TooBroad,
        Self::Muted,
    ];

    /// A short fixed word for logs, metrics and `explain`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::DetectionOff => "detection-off",
            Self::BelowScore => "below-min-score",
            Self::BelowConfidence => "below-min-confidence",
            Self::AboveTlp => "above-max-tlp",
            Self::IgnoredLabel => "ignored-label",
            Self::NotStix => "not-a-stix-pattern",
            Self::BadPattern => "pattern-does-not-parse",
            Self::NotTrue => "pattern-not-true",
            Self::OnlyNegative => "pattern-only-negative",
            Self::KindOff => "kind-off",
            Self::TooBroad => "too-broad",
            Self::Muted => "muted",
        }
    }
}

/// The levels of the Traffic Light Protocol, from open to strict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Tlp {
    /// `TLP:CLEAR`, and the older `TLP:WHITE`.
    Clear,
    /// `TLP:GREEN`.
    Green,
    /// `TLP:AMBER`.
    Amber,
    /// `TLP:AMBER+STRICT`.
    AmberStrict,
    /// `TLP:RED`.
    Red,
}

impl Tlp {
    /// The level that a marking stands for; `None` for markings that are not TLP.
    #[must_use]
    pub fn of(marking: &Marking) -> Option<Self> {
        marking.definition.as_deref()?.parse().ok()
    }
}

impl FromStr for Tlp {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let level = text.trim().to_ascii_uppercase();
        Ok(match level.strip_prefix("TLP:").unwrap_or(&level) {
            "CLEAR" | "WHITE" => Self::Clear,
            "GREEN" => Self::Green,
            "AMBER" => Self::Amber,
            "AMBER+STRICT" => Self::AmberStrict,
            "RED" => Self::Red,
            _ => return Err(PolicyError::Tlp(text.to_owned())),
        })
    }
}

impl TryFrom<String> for Tlp {
    type Error = PolicyError;

    fn try_from(text: String) -> Result<Self, PolicyError> {
        text.parse()
    }
}

impl From<Tlp> for String {
    fn from(tlp: Tlp) -> Self {
        match tlp {
            Tlp::Clear => "TLP:CLEAR",
            Tlp::Green => "TLP:GREEN",
            Tlp::Amber => "TLP:AMBER",
            Tlp::AmberStrict => "TLP:AMBER+STRICT",
            Tlp::Red => "TLP:RED",
        }
        .to_owned()
    }
}

/// Something that is never looked up.
///
/// Written as text: an address or CIDR (`10.0.0.0/8`), a domain with its children (`corp.example`), a hash,
/// `rule:5710` for every alert of a rule, `group:sca` for every alert of a rule group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Exclusion {
    /// Addresses in this network.
    Network(IpNet),
    /// This domain and every name below it, also as host of a URL or of an e-mail address.
    Domain(String),
    /// A file hash, in lower-case hex.
    Hash(String),
    /// Alerts of the rule with this id.
    Rule(String),
    /// Alerts of a rule with this group.
    Group(String),
}

impl Exclusion {
    fn covers(&self, ioc: &Ioc) -> bool {
        match self {
            Self::Network(network) => {
                ioc.ip().or_else(|| host_address(ioc)).is_some_and(|ip| network.contains(&ip))
            }
            Self::Domain(domain) => host_name(ioc).is_some_and(|host| is_or_below(host, domain)),
            Self::Hash(hash) => ioc.value() == hash,
            Self::Rule(_) | Self::Group(_) => false,
        }
    }
}

impl FromStr for Exclusion {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let text = text.trim();
        if let Some(id) = text.strip_prefix("rule:") {
            return Ok(Self::Rule(id.trim().to_owned()));
        }
        if let Some(group) = text.strip_prefix("group:") {
            return Ok(Self::Group(group.trim().to_owned()));
        }
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network.trunc()));
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self::Network(IpNet::from(ip)));
        }
        if matches!(text.len(), 32 | 40 | 64 | 128) && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(Self::Hash(text.to_ascii_lowercase()));
        }
        let domain = text.trim_start_matches("*.").trim_matches('.').to_lowercase();
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if domain.is_empty() || !domain.chars().all(is_name) {
            return Err(PolicyError::Exclusion(text.to_owned()));
        }
        Ok(Self::Domain(domain))
    }
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => write!(f, "{network}"),
            Self::Domain(domain) => f.write_str(domain),
            Self::Hash(hash) => f.write_str(hash),
            Self::Rule(id) => write!(f, "rule:{id}"),
            Self::Group(group) => write!(f, "group:{group}"),
        }
    }
}

impl TryFrom<String> for Exclusion {
    type Error = PolicyError;

    fn try_from(text: String) -> Result<Self, PolicyError> {
        text.parse()
    }
}

impl From<Exclusion> for String {
    fn from(exclusion: Exclusion) -> Self {
        exclusion.to_string()
    }
}

/// A kind of IoC by its name, as `kinds` lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KindName(pub Kind);

impl TryFrom<String> for KindName {
    type Error = PolicyError;

    fn try_from(text: String) -> Result<Self, PolicyError> {
        text.parse().map(Self).map_err(|_| PolicyError::Kind(text))
    }
}

impl From<KindName> for String {
    fn from(kind: KindName) -> Self {
        kind.0.as_str().to_owned()
    }
}

/// A value in the policy that cannot be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Not a level of the Traffic Light Protocol.
    #[error("`{0}` is no TLP level: write one of TLP:CLEAR, TLP:GREEN, TLP:AMBER, TLP:AMBER+STRICT, TLP:RED")]
    Tlp(String),
    /// Not an exclusion.
    #[error(
        "`{0}` cannot be excluded: write an address, a CIDR, a domain, a hash, `rule:ID` or `group:NAME`"
    )]
    Exclusion(String),
    /// Not a kind of IoC.
    #[error("`{0}` is no kind of IoC: write for example ipv4-addr, domain-name, url, file:sha256")]
    Kind(String),
}

/// The host name that an IoC names: a domain itself, or the host of a URL or an e-mail address.
pub(crate) fn host_name(ioc: &Ioc) -> Option<&str> {
    match ioc.kind() {
        Kind::DomainName => Some(ioc.value()),
        Kind::EmailAddr => ioc.value().rsplit_once('@').map(|(_, host)| host),
        Kind::Url => url_host(ioc.value()),
        _ => None,
    }
}

/// The address that a URL has for its host.
pub(crate) fn host_address(ioc: &Ioc) -> Option<IpAddr> {
    if ioc.kind() != Kind::Url {
        return None;
    }
    url_host(ioc.value())?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// The host part of a URL, brackets of an IPv6 address included.
pub(crate) fn url_host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.starts_with('[') {
        return host.find(']').map(|end| &host[..=end]);
    }
    Some(host.split_once(':').map_or(host, |(name, _)| name))
}

fn is_or_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ioc(kind: Kind, value: &str) -> Ioc {
        Ioc::parse(kind, value).unwrap()
    }

    #[test]
    fn exclusions_cover_addresses_hosts_and_hashes() {
        let policy: Policy = serde_json::from_str(
            r#"{"exclude": ["203.0.112.0/20", "Evil.com.", "D41D8CD98F00B204E9800998ECF8427F", "rule:5710"]}"#,
        )
        .unwrap();
        let covered = |kind, value| policy.excludes(&ioc(kind, value)).is_some();
        assert!(covered(Kind::Ipv4Addr, "203.0.113.9"));
        assert!(!covered(Kind::Ipv4Addr, "203.0.128.9"));
        assert!(covered(Kind::DomainName, "evil.com"));
        assert!(covered(Kind::DomainName, "a.b.evil.com"));
        assert!(!covered(Kind::DomainName, "notevil.com"));
        assert!(covered(Kind::Url, "http://u:p@www.evil.com:8080/x"));
        assert!(covered(Kind::Url, "http://203.0.113.9/x"));
        assert!(covered(Kind::EmailAddr, "bob@evil.com"));
        assert!(covered(Kind::Md5, "d41d8cd98f00b204e9800998ecf8427f"));
    }

    #[test]
    fn thresholds_set_aside_and_nulls_count_as_zero() {
        let policy =
            Policy { min_score: 50, min_confidence: 10, max_tlp: Some(Tlp::Green), ..Policy::default() };
        let marked = |definition: &str| Marking { definition: Some(definition.into()), ..Marking::default() };
        let good = Indicator {
            x_opencti_score: Some(50),
            confidence: Some(10),
            markings: vec![marked("TLP:GREEN"), marked("PAP:RED")],
            ..Indicator::default()
        };
        let now = "2026-06-01T12:00:00Z".parse().unwrap();
        assert_eq!(policy.sets_aside(&good, now), None);
        let expired = Indicator { valid_until: Some("2026-06-01T11:00:00Z".into()), ..good.clone() };
        assert_eq!(policy.sets_aside(&expired, now), Some(SetAside::Expired));
        let strict = Indicator { markings: vec![marked("TLP:AMBER+STRICT")], ..good.clone() };
        assert_eq!(policy.sets_aside(&strict, now), Some(SetAside::AboveTlp));
        let unknown = Indicator { x_opencti_score: None, ..good };
        assert_eq!(policy.sets_aside(&unknown, now), Some(SetAside::BelowScore));
    }

    #[test]
    fn the_live_score_counts_when_it_is_asked_for() {
        let now = "2026-03-29T00:00:00Z".parse().unwrap();
        let aged = Indicator {
            x_opencti_score: Some(50),
            decay_base_score: Some(75),
            decay_base_score_date: Some("2026-03-01T00:00:00Z".into()),
            decay_applied_rule: Some(opencti_client::DecayRule { lifetime: 47, pound: 0.55 }),
            ..Indicator::default()
        };
        let stored: Policy = serde_json::from_str(r#"{"min_score": 50}"#).unwrap();
        let live: Policy = serde_json::from_str(r#"{"min_score": 50, "score": "live"}"#).unwrap();
        assert_eq!((stored.score_of(&aged, now), live.score_of(&aged, now)), (50, 20));
        assert_eq!(stored.sets_aside(&aged, now), None);
        assert_eq!(live.sets_aside(&aged, now), Some(SetAside::BelowScore));
        // Without a rule the stored score is all there is.
        let ruleless = Indicator { decay_applied_rule: None, ..aged };
        assert_eq!(live.sets_aside(&ruleless, now), None);
    }

    #[test]
    fn wrong_values_say_what_to_write() {
        let error = |json: &str| serde_json::from_str::<Policy>(json).unwrap_err().to_string();
        insta::assert_snapshot!(error(r#"{"max_tlp": "purple"}"#));
        insta::assert_snapshot!(error(r#"{"exclude": ["a b"]}"#));
        insta::assert_snapshot!(error(r#"{"kinds": ["ip"]}"#));
        insta::assert_snapshot!(error(r#"{"min_scor": 1}"#));
    }

    #[test]
    fn hosts_are_found_in_urls() {
        assert_eq!(url_host("http://u:p@h.test:80/a@b"), Some("h.test"));
        assert_eq!(url_host("http://[2001:db8::1]:80/"), Some("[2001:db8::1]"));
        assert_eq!(url_host("https://h.test?x"), Some("h.test"));
        assert_eq!(url_host("no url"), None);
    }
}
