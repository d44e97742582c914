//! How strong a match is, and why.
//!
//! The event's type says how an indicator matched. The strength also says what speaks against making much of it: that
//! the traffic was kept out, that somebody only knocked, that the intelligence has aged. It suppresses nothing: rules
//! build their levels on it.

use std::cmp::Reverse;

use jiff::Timestamp;
use wazuh_alert::Alert;

use crate::circumstances::{Action, Circumstances, Direction};
use crate::decay::live_score;
use crate::event::EventType;
use crate::matching::{Match, Matches};
use crate::select::{Role, Selection};
use crate::stix::How;
use crate::validity::Validity;

/// How strong a match is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// Two or more things speak against making much of it.
    Low,
    /// One thing does.
    Medium,
    /// Nothing does.
    #[default]
    High,
}

impl Strength {
    /// The word that stands in `opencti.strength`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// The strength that these reasons leave: each that [lowers](Reason::lowers) takes one step, down to low.
    #[must_use]
    pub fn of(reasons: &[Reason]) -> Self {
        match reasons.iter().filter(|reason| reason.lowers()).count() {
            0 => Self::High,
            1 => Self::Medium,
            _ => Self::Low,
        }
    }
}

/// What bears on the strength of a match, or else helps to judge it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Only a part of the pattern is true, or it is true of something wider than what was seen.
    Partial,
    /// What matched is a parent of the domain that was seen.
    ParentDomain,
    /// What matched is the beginning of the URL that was seen.
    ParentUrl,
    /// The indicator is not about what was seen, but about something related to it.
    Related,
    /// The device kept it out.
    Blocked,
    /// An address from outside that merely came in.
    InboundScan,
    /// One of ours went there, and the device let it.
    AllowedOutbound,
    /// The indicator is revoked.
    Revoked,
    /// The indicator's `valid_until` has passed.
    Expired,
    /// The indicator's `valid_from` has not come.
    NotYetValid,
    /// The indicator's `x_opencti_detection` is off.
    NotForDetection,
    /// Less than half of the stored score is left.
    ScoreDecayed,
    /// The indicator has reached its limit for this hour: this event is the last about it until then.
    Muted,
}

impl Reason {
    /// Every reason, in the order in which an event has them.
    pub const ALL: [Self; 13] = [
        Self::Partial,
        Self::ParentDomain,
        Self::ParentUrl,
        Self::Related,
        Self::Blocked,
        Self::InboundScan,
        Self::AllowedOutbound,
        Self::Revoked,
        Self::Expired,
        Self::NotYetValid,
        Self::NotForDetection,
        Self::ScoreDecayed,
        Self::Muted,
    ];

    /// The word that stands in `opencti.reasons`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Partial => "partial",
            Self::ParentDomain => "parent-domain",
            Self::ParentUrl => "parent-url",
            Self::Related => "related",
            Self::Blocked => "blocked",
            Self::InboundScan => "inbound-scan",
            Self::AllowedOutbound => "allowed-outbound",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::NotForDetection => "not-for-detection",
            Self::ScoreDecayed => "score-decayed",
            Self::Muted => "muted",
        }
    }

    /// Whether it takes a step off the strength. A parent is always a partial match too, which counts once;
    /// `not-for-detection` is what OpenCTI sets where nobody decides, and so says little.
    #[must_use]
    pub const fn lowers(self) -> bool {
        match self {
            Self::Partial
            | Self::Related
            | Self::Blocked
            | Self::InboundScan
            | Self::Revoked
            | Self::Expired
            | Self::NotYetValid
            | Self::ScoreDecayed => true,
            Self::ParentDomain
            | Self::ParentUrl
            | Self::AllowedOutbound
            | Self::NotForDetection
            | Self::Muted => false,
        }
    }
}

impl Matches<'_> {
    /// Judges each match by the circumstances of the alert in which it was seen, and puts the matches of one event type
    /// into the order of their strength; within one strength they keep the order of [`Ranked::rank`](crate::Ranked::rank).
    ///
    /// `selection` is what was found in `alert`, and `now` the time of the enrichment.
    pub fn weigh(&mut self, alert: &Alert, selection: &Selection, now: Timestamp) {
        if self.indicators.is_empty() && self.observables.is_empty() {
            return;
        }
        let circumstances = Circumstances::of(alert, selection);
        for matches in [&mut self.indicators, &mut self.observables] {
            for found in matches.iter_mut() {
                found.weigh(&circumstances, now);
            }
            matches.sort_by_key(|found| (found.event_type, Reverse(found.strength)));
        }
    }
}

impl Match<'_> {
    fn weigh(&mut self, circumstances: &Circumstances, now: Timestamp) {
        // The same value may stand in the text as well, where its part in the event is not known.
        let end = self.sightings.first().map(|shown| {
            let same = |sighting: &&&_| {
                let sighting: &crate::select::Sighting = sighting;
                sighting.ioc == shown.ioc && matches!(sighting.role, Role::Source | Role::Destination)
            };
            self.sightings.iter().find(same).copied().unwrap_or(shown)
        });
        self.action = circumstances.action();
        self.direction = end.and_then(|end| circumstances.direction(end));
        let is_scan = end.is_some_and(|end| circumstances.is_scan(end));
        self.reasons = Reason::ALL.into_iter().filter(|reason| self.has(*reason, is_scan, now)).collect();
        self.strength = Strength::of(&self.reasons);
    }

    fn has(&self, reason: Reason, is_scan: bool, now: Timestamp) -> bool {
        let validity = self.main().map(|main| main.validity);
        match reason {
            Reason::Partial => self.event_type == EventType::IndicatorPartialPatternMatch,
            Reason::ParentDomain => self.how == How::ParentDomain.as_str(),
            Reason::ParentUrl => self.how == How::ParentUrl.as_str(),
            Reason::Related => self.event_type == EventType::ObservableWithRelatedIndicator,
            Reason::Blocked => self.action == Some(Action::Blocked),
            Reason::InboundScan => is_scan,
            Reason::AllowedOutbound => {
                self.direction == Some(Direction::Outbound) && self.action == Some(Action::Allowed)
            }
            Reason::Revoked => validity == Some(Validity::Revoked),
            Reason::Expired => validity == Some(Validity::Expired),
            Reason::NotYetValid => validity == Some(Validity::NotYetValid),
            Reason::NotForDetection => {
                self.main().is_some_and(|main| main.indicator.x_opencti_detection != Some(true))
            }
            Reason::ScoreDecayed => self.main().is_some_and(|main| {
                let stored = main.indicator.x_opencti_score.unwrap_or(0);
                live_score(main.indicator, now).is_some_and(|live| live.saturating_mul(2) < stored)
            }),
            // Only the reported ones are counted, which is known later.
            Reason::Muted => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use ioc_extract::Extractor;
    use opencti_client::{BasedOn, DecayRule, Indicator, Observable, Related};

    use super::*;
    use crate::lookup::Findings;
    use crate::matching::match_all;
    use crate::policy::Policy;
    use crate::select::select;

    const NOW: &str = "2026-06-01T12:00:00Z";
    const HASH: &str = "0cc175b9c0f1b6a831c399e269772661";

    fn indicator(pattern: &str) -> Indicator {
        Indicator {
            id: pattern.to_owned(),
            pattern: Some(pattern.to_owned()),
            x_opencti_score: Some(80),
            x_opencti_detection: Some(true),
            ..Indicator::default()
        }
    }

    /// Strength and reasons of the first match of an alert with the given data.
    fn weighed(alert: &str, findings: &Findings) -> String {
        let alert = Alert::parse(alert.as_bytes()).unwrap();
        let policy = Policy { ignore_revoked: false, ignore_expired: false, ..Policy::default() };
        let selection = select(&alert, &Extractor::new(), &policy);
        let now = NOW.parse().unwrap();
        let mut matches = match_all(&selection, findings, &policy, now);
        matches.weigh(&alert, &selection, now);
        let first = matches.indicators.iter().chain(&matches.observables).next();
        let first = first.unwrap_or_else(|| panic!("nothing matched {}", alert.raw()));
        let reasons: Vec<&str> = first.reasons.iter().map(|reason| reason.as_str()).collect();
        format!("{} {}", first.strength.as_str(), reasons.join(" ")).trim_end().to_owned()
    }

    fn of(indicator: Indicator) -> Findings {
        Findings { indicators: vec![indicator], ..Findings::default() }
    }

    /// A firewall's alert, from one of ours to the address or the other way.
    fn flow(out: bool, action: &str) -> String {
        let (from, to) = if out { ("10.0.0.7", "45.77.12.9") } else { ("45.77.12.9", "10.0.0.7") };
        format!(r#"{{"rule":{{"id":"1"}},"data":{{"srcip":"{from}","dstip":"{to}","action":"{action}"}}}}"#)
    }

    #[test]
    fn action_by_direction_by_kind() {
        let address = "[ipv4-addr:value = '45.77.12.9']";
        let part = "[ipv4-addr:value = '45.77.12.9' AND url:value = 'http://a.evil-c2.com/x']";
        let url = "[url:value = 'http://a.evil-c2.com/x']";
        let name = "[domain-name:value = 'a.evil-c2.com']";
        let parent = "[domain-name:value = 'evil-c2.com']";
        let hash = format!("[file:hashes.MD5 = '{HASH}']");
        let proxy = |action: &str| {
            format!(
                r#"{{"rule":{{}},"data":{{"srcip":"10.0.0.7","url":"http://a.evil-c2.com/x","action":"{action}"}}}}"#
            )
        };
        let sni = |action: &str| {
            format!(
                r#"{{"rule":{{}},"data":{{"src_ip":"10.0.0.7","tls":{{"sni":"a.evil-c2.com"}},"alert":{{"action":"{action}"}}}}}}"#
            )
        };
        let file = |action: &str| format!(r#"{{"rule":{{}},"data":{{"md5":"{HASH}","action":"{action}"}}}}"#);
        let web = |url: &str| {
            format!(r#"{{"rule":{{}},"data":{{"srcip":"45.77.12.9","id":"200","url":"{url}"}}}}"#)
        };
        let cases = [
            (flow(true, "accept"), address, "high allowed-outbound"),
            (flow(true, "close"), address, "high allowed-outbound"),
            (flow(true, "deny"), address, "medium blocked"),
            (flow(true, "reset-both"), address, "medium blocked"),
            (flow(true, "?"), address, "high"),
            (flow(false, "accept"), address, "medium inbound-scan"),
            (flow(false, "pass"), address, "medium inbound-scan"),
            (flow(false, "DROP"), address, "low blocked inbound-scan"),
            (flow(false, "denied by ACL"), address, "low blocked inbound-scan"),
            (flow(false, "?"), address, "medium inbound-scan"),
            (flow(true, "accept"), part, "medium partial allowed-outbound"),
            (flow(true, "deny"), part, "low partial blocked"),
            (flow(false, "accept"), part, "low partial inbound-scan"),
            (flow(false, "drop"), part, "low partial blocked inbound-scan"),
            (proxy("TCP_MISS"), url, "high"),
            (proxy("TCP_DENIED"), url, "medium blocked"),
            (proxy("allow"), name, "high"),
            (proxy("blocked"), name, "medium blocked"),
            (proxy("blocked"), parent, "low partial parent-domain blocked"),
            (sni("allowed"), name, "high allowed-outbound"),
            (sni("blocked"), name, "medium blocked"),
            (sni("allowed"), parent, "medium partial parent-domain allowed-outbound"),
            (sni("?"), parent, "medium partial parent-domain"),
            (file("quarantined"), &hash, "medium blocked"),
            (file("detected"), &hash, "high"),
            (file("?"), &hash, "high"),
            // A request that carries an address for us to fetch is more than a touch.
            (web("/?u=http://a.evil-c2.com/x"), url, "high"),
            (web("/"), address, "medium inbound-scan"),
            (
                r#"{"rule":{"groups":["authentication_success"]},"data":{"srcip":"45.77.12.9"}}"#.to_owned(),
                address,
                "high",
            ),
            (
                r#"{"rule":{"groups":["authentication_failed"]},"data":{"srcip":"45.77.12.9"}}"#.to_owned(),
                address,
                "medium inbound-scan",
            ),
        ];
        for (alert, pattern, expected) in &cases {
            assert_eq!(weighed(alert, &of(indicator(pattern))), *expected, "{pattern} of {alert}");
        }
        assert_eq!(cases.len(), 30);
    }

    #[test]
    fn what_is_known_of_the_indicator() {
        let address = || indicator("[ipv4-addr:value = '45.77.12.9']");
        let out = flow(true, "accept");
        let aged = |days: i64| Indicator {
            decay_base_score: Some(100),
            decay_base_score_date: Some(
                (NOW.parse::<Timestamp>().unwrap() - jiff::SignedDuration::from_hours(24 * days)).to_string(),
            ),
            decay_applied_rule: Some(DecayRule { lifetime: 47, pound: 0.55 }),
            ..address()
        };
        let cases = [
            (Indicator { revoked: Some(true), ..address() }, "medium allowed-outbound revoked"),
            (
                Indicator { valid_until: Some("2026-01-01T00:00:00Z".into()), ..address() },
                "medium allowed-outbound expired",
            ),
            (
                Indicator { valid_from: Some("2026-07-01T00:00:00Z".into()), ..address() },
                "medium allowed-outbound not-yet-valid",
            ),
            (Indicator { x_opencti_detection: None, ..address() }, "high allowed-outbound not-for-detection"),
            // 100 has become 40 after 20 days, which is half of the 80 that is stored, and 39 after 21.
            (aged(20), "high allowed-outbound"),
            (aged(21), "medium allowed-outbound score-decayed"),
        ];
        for (indicator, expected) in cases {
            assert_eq!(weighed(&out, &of(indicator)), expected);
        }
    }

    #[test]
    fn what_an_observable_leads_to() {
        let observable = |id: &str, entity_type: &str, value: &str| Observable {
            id: id.into(),
            entity_type: Some(entity_type.into()),
            value: Some(value.into()),
            ..Observable::default()
        };
        let based_on =
            |id: &str| BasedOn { indicator: indicator("[file:name = 'x']"), observable_id: id.into() };
        let address = observable("address", "IPv4-Addr", "45.77.12.9");
        let own = Findings {
            observables: vec![address.clone()],
            based_on: vec![based_on("address")],
            ..Findings::default()
        };
        assert_eq!(weighed(&flow(true, "accept"), &own), "high allowed-outbound");
        let related = Findings {
            observables: vec![address],
            based_on: vec![based_on("name")],
            related: vec![Related {
                from_id: "name".into(),
                to_id: "address".into(),
                relationship_type: "resolves-to".into(),
                other: observable("name", "Domain-Name", "evil-c2.com"),
            }],
            ..Findings::default()
        };
        assert_eq!(weighed(&flow(true, "accept"), &related), "medium related allowed-outbound");
        assert_eq!(weighed(&flow(false, "accept"), &related), "low related inbound-scan");
    }

    #[test]
    fn the_stronger_comes_first_of_one_type() {
        let alert = Alert::parse(
            br#"{"rule":{},"data":{"srcip":"45.77.12.9","dstip":"10.0.0.7","url":"http://a.evil-c2.com/x"}}"#,
        )
        .unwrap();
        let selection = select(&alert, &Extractor::new(), &Policy::default());
        let scored = |pattern: &str, score| Indicator { x_opencti_score: Some(score), ..indicator(pattern) };
        let findings = Findings {
            indicators: vec![
                scored("[ipv4-addr:value = '45.77.12.9']", 90),
                scored("[ipv4-addr:value = '45.77.12.0/24']", 95),
                scored("[url:value = 'http://a.evil-c2.com/x']", 10),
                scored("[domain-name:value = 'evil-c2.com']", 100),
            ],
            ..Findings::default()
        };
        let now = NOW.parse().unwrap();
        let mut matches = match_all(&selection, &findings, &Policy::default(), now);
        matches.weigh(&alert, &selection, now);
        let order: Vec<_> = matches
            .indicators
            .iter()
            .map(|found| (found.main().unwrap().indicator.x_opencti_score.unwrap(), found.strength))
            .collect();
        use Strength::{High, Medium};
        assert_eq!(order, [(10, High), (95, Medium), (90, Medium), (100, Medium)]);
    }

    #[test]
    fn words_are_told_apart() {
        let words: HashSet<_> = Reason::ALL.into_iter().map(Reason::as_str).collect();
        assert_eq!(words.len(), Reason::ALL.len());
        assert!(Reason::ALL.is_sorted());
        assert_eq!(Reason::ALL.last(), Some(&Reason::Muted));
    }

    #[test]
    fn an_ioc_that_only_the_text_holds_has_no_direction() {
        let alert = r#"{"rule":{},"full_log":"peer 45.77.12.9 gone"}"#;
        assert_eq!(weighed(alert, &of(indicator("[ipv4-addr:value = '45.77.12.9']"))), "high");
    }
}
