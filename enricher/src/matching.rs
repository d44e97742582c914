//! What matched: evaluating the patterns of the indicators that came back, and finding the observables that were seen.

use std::collections::{HashMap, HashSet};

use ioc_extract::{Ioc, Kind};
use jiff::Timestamp;
use opencti_client::{Indicator, Observable, Related};

use crate::circumstances::{Action, Direction};
use crate::event::EventType;
use crate::lookup::Findings;
use crate::policy::{Policy, SetAside};
use crate::select::{Selection, Sighting};
use crate::stix::{Hit, How, Pattern};
use crate::strength::{Reason, Strength};
use crate::validity::Validity;

mod broad;
mod seen;

pub(crate) use seen::{parents, serial_spellings, stix_property};

/// An indicator or an observable that matched what an alert saw.
#[derive(Clone, Debug)]
pub struct Match<'a> {
    /// What the event will say.
    pub event_type: EventType,
    /// What the alert saw; the first is the one shown.
    pub sightings: Vec<&'a Sighting>,
    /// How the first sighting matched.
    pub how: &'static str,
    /// The indicator that matched, or the best one that the observable has.
    pub indicator: Option<Ranked<'a>>,
    /// The observable that was seen.
    pub observable: Option<&'a Observable>,
    /// More than one valid indicator is based on the observable.
    pub multiple: Option<bool>,
    /// The observable's best related observable that has a valid indicator.
    pub related: Option<RelatedMatch<'a>>,
    /// Which way the traffic went of which the first sighting is one end; `None` until it is
    /// [weighed](Matches::weigh), and where nothing is known.
    pub direction: Option<Direction>,
    /// What the device did with it; `None` as for `direction`.
    pub action: Option<Action>,
    /// What bears on the strength, in a fixed order; empty until it is [weighed](Matches::weigh).
    pub reasons: Vec<Reason>,
    /// How strong the match is; high until it is [weighed](Matches::weigh).
    pub strength: Strength,
    /// Until when the indicator is muted, if this match is the last that is reported of it.
    pub muted_until: Option<Timestamp>,
}

impl<'a> Match<'a> {
    /// A match by `sightings`, not yet weighed.
    fn new(event_type: EventType, sightings: Vec<&'a Sighting>, how: &'static str) -> Self {
        Self {
            event_type,
            sightings,
            how,
            indicator: None,
            observable: None,
            multiple: None,
            related: None,
            direction: None,
            action: None,
            reasons: Vec::new(),
            strength: Strength::High,
            muted_until: None,
        }
    }

    /// The indicator that the match is about: the one that matched, else that of the related observable.
    #[must_use]
    pub fn main(&self) -> Option<&Ranked<'a>> {
        self.indicator.as_ref().or_else(|| self.related.as_ref().map(|related| &related.indicator))
    }
}

/// A related observable with its best indicator.
#[derive(Clone, Debug)]
pub struct RelatedMatch<'a> {
    /// The relation.
    pub relation: &'a Related,
    /// The best indicator based on it.
    pub indicator: Ranked<'a>,
    /// More than one valid indicator is based on it.
    pub multiple: bool,
}

/// An indicator with its validity at the time of the look-up.
#[derive(Clone, Copy, Debug)]
pub struct Ranked<'a> {
    /// The indicator.
    pub indicator: &'a Indicator,
    /// Its validity.
    pub validity: Validity,
    /// The score that counts: see [`Policy::score_of`].
    pub score: i64,
}

impl Ranked<'_> {
    /// The order in which indicators are preferred, best first: meant for detection, valid, higher score (the one that
    /// the policy goes by), higher confidence; a missing number counts as 0. The id makes the order total.
    ///
    /// Of one alert's matches the event type and the strength come before it: see [`Matches::weigh`].
    #[must_use]
    pub fn rank(&self) -> impl Ord + use<'_> {
        let i = self.indicator;
        (
            i.x_opencti_detection != Some(true),
            self.validity,
            std::cmp::Reverse(self.score),
            std::cmp::Reverse(i.confidence.unwrap_or(0)),
            i.id.as_str(),
        )
    }
}

/// An indicator that came back and is not reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAsideIndicator {
    /// Its internal id.
    pub id: String,
    /// Its name, when it has one.
    pub name: Option<String>,
    /// Why it is not reported.
    pub reason: SetAside,
}

/// Everything that matched, not yet ranked or limited.
#[derive(Debug, Default)]
pub struct Matches<'a> {
    /// By indicator: the pattern holds, wholly or in part.
    pub indicators: Vec<Match<'a>>,
    /// By observable: it was seen, and it or a related one has a valid indicator.
    pub observables: Vec<Match<'a>>,
    /// What came back and is not reported.
    pub set_aside: Vec<SetAsideIndicator>,
}

/// Matches `findings` against what an alert saw.
///
/// An indicator appears once, however many ways it was found: by its pattern before by an observable, by the
/// observable itself before by a related one.
#[must_use]
pub fn match_all<'a>(
    selection: &'a Selection,
    findings: &'a Findings,
    policy: &Policy,
    now: Timestamp,
) -> Matches<'a> {
    let mut matches = Matches::default();
    let mut reported: HashSet<&str> = HashSet::new();
    let mut judged: HashMap<&str, Option<Ranked<'a>>> = HashMap::new();

    let seen = seen::of(selection);
    for indicator in &findings.indicators {
        if judged.contains_key(indicator.id.as_str()) {
            continue;
        }
        let verdict = judge(indicator, policy, now).and_then(|ranked| {
            evaluate(indicator, &seen, selection, policy, now).map(|(event_type, sightings, how)| Match {
                indicator: Some(ranked),
                ..Match::new(event_type, sightings, how)
            })
        });
        match verdict {
            Ok(found) => {
                reported.insert(&indicator.id);
                judged.insert(&indicator.id, found.indicator);
                matches.indicators.push(found);
            }
            Err(reason) => {
                // Not true of what was seen as a whole, yet an observable may still lead to it.
                let open = matches!(reason, SetAside::NotTrue | SetAside::KindOff);
                if !open {
                    judged.insert(&indicator.id, None);
                }
                matches.set_aside.push(SetAsideIndicator {
                    id: indicator.id.clone(),
                    name: indicator.name.clone(),
                    reason,
                });
            }
        }
    }

    for based_on in &findings.based_on {
        let indicator = &based_on.indicator;
        if judged.contains_key(indicator.id.as_str()) {
            continue;
        }
        let verdict = judge(indicator, policy, now).and_then(|ranked| match only_negative(indicator) {
            true => Err(SetAside::OnlyNegative),
            false => Ok(ranked),
        });
        judged.insert(&indicator.id, verdict.as_ref().ok().copied());
        if let Err(reason) = verdict {
            let id = indicator.id.clone();
            matches.set_aside.push(SetAsideIndicator { id, name: indicator.name.clone(), reason });
        }
    }

    let mut found: Vec<Match<'a>> = seen_observables(selection, findings)
        .filter_map(|(observable, sightings)| {
            let own = best_of(findings, &judged, &reported, &observable.id);
            let related = findings
                .related
                .iter()
                .filter(|r| near_end(r) == observable.id)
                .filter_map(|relation| {
                    let (indicator, multiple) = best_of(findings, &judged, &reported, &relation.other.id)?;
                    Some(RelatedMatch { relation, indicator, multiple })
                })
                .min_by(|a, b| a.indicator.rank().cmp(&b.indicator.rank()));
            let event_type = match (&own, &related) {
                (Some(_), _) => EventType::ObservableWithIndicator,
                (None, Some(_)) => EventType::ObservableWithRelatedIndicator,
                (None, None) => return None,
            };
            Some(Match {
                indicator: own.map(|(ranked, _)| ranked),
                observable: Some(observable),
                multiple: Some(own.is_some_and(|(_, multiple)| multiple)),
                related,
                ..Match::new(event_type, sightings, How::Exact.as_str())
            })
        })
        .collect();

    // One event for each indicator: where two observables lead to the same one, the stronger way stays.
    found.sort_by(|a, b| order(a).cmp(&order(b)));
    let mut told: HashSet<&str> = HashSet::new();
    found.retain_mut(|m| {
        if let Some(own) = m.indicator {
            if m.related.as_ref().is_some_and(|r| told.contains(r.indicator.indicator.id.as_str())) {
                m.related = None;
            }
            return told.insert(&own.indicator.id);
        }
        m.related.as_ref().is_some_and(|r| told.insert(&r.indicator.indicator.id))
    });
    // What was not true as a whole may have been found by an observable after all.
    matches.set_aside.retain(|s| !told.contains(s.id.as_str()));
    matches.observables = found;
    matches.indicators.sort_by(|a, b| order(a).cmp(&order(b)));
    matches
}

/// The order in which matches are reported: the stronger statement first, then the better indicator.
fn order<'m>(m: &'m Match<'_>) -> impl Ord + use<'m> {
    (m.event_type, m.main().map(Ranked::rank), m.observable.map(|o| o.id.as_str()))
}

/// Whether an indicator may be reported at all.
fn judge<'a>(indicator: &'a Indicator, policy: &Policy, now: Timestamp) -> Result<Ranked<'a>, SetAside> {
    match policy.sets_aside(indicator, now) {
        Some(reason) => Err(reason),
        None => Ok(Ranked {
            indicator,
            validity: Validity::at(indicator, now),
            score: policy.score_of(indicator, now),
        }),
    }
}

type Evaluated<'a> = (EventType, Vec<&'a Sighting>, &'static str);

fn evaluate<'a>(
    indicator: &Indicator,
    seen: &crate::stix::Seen,
    selection: &'a Selection,
    policy: &Policy,
    now: Timestamp,
) -> Result<Evaluated<'a>, SetAside> {
    if indicator.pattern_type.as_deref().is_some_and(|t| !t.eq_ignore_ascii_case("stix")) {
        return Err(SetAside::NotStix);
    }
    let text = indicator.pattern.as_deref().unwrap_or_default();
    let pattern = Pattern::parse_lenient(text).map_err(|_| SetAside::BadPattern)?;
    let evaluation = pattern.evaluate(seen, Some(now));
    let event_type = if evaluation.whole {
        EventType::IndicatorPatternMatch
    } else if evaluation.partial {
        EventType::IndicatorPartialPatternMatch
    } else if says_only_what_is_not(&pattern) {
        return Err(SetAside::OnlyNegative);
    } else {
        return Err(SetAside::NotTrue);
    };
    // What was not asked for is no evidence by itself: it only decides about the whole.
    let (asked, not_asked): (Vec<&Hit>, Vec<&Hit>) =
        evaluation.hits.iter().partition(|hit| selection.is_asked(hit.ioc));
    if asked.is_empty() && !not_asked.is_empty() {
        return Err(SetAside::KindOff);
    }
    // What names too much is none either, but beside something narrower it does no harm.
    let is_broad = |hit: &&Hit| {
        policy.ignore_broad
            && pattern.comparison(hit.term).is_some_and(|comparison| broad::is_broad(comparison, hit.member))
    };
    let (broad, asked): (Vec<&Hit>, Vec<&Hit>) = asked.into_iter().partition(is_broad);
    if asked.is_empty() && !broad.is_empty() {
        return Err(SetAside::TooBroad);
    }
    let how = asked.first().map_or(How::Exact, |hit| hit.how).as_str();
    let sightings = asked
        .into_iter()
        .chain(broad)
        .chain(not_asked)
        .filter_map(|hit| selection.sighting(hit.ioc))
        .collect();
    Ok((event_type, sightings, how))
}

/// Whether the indicator's pattern only says what must not be seen: then the observables it is based on are no reason
/// to alert.
fn only_negative(indicator: &Indicator) -> bool {
    let pattern = indicator.pattern.as_deref().and_then(|text| Pattern::parse_lenient(text).ok());
    pattern.is_some_and(|pattern| says_only_what_is_not(&pattern))
}

/// Whether nothing that could be seen makes any part of the pattern true.
fn says_only_what_is_not(pattern: &Pattern) -> bool {
    let atoms = pattern.atoms();
    atoms.atoms.is_empty() && atoms.unindexed.is_empty()
}

/// The observables that the alert saw, each with where it saw them.
fn seen_observables<'a>(
    selection: &'a Selection,
    findings: &'a Findings,
) -> impl Iterator<Item = (&'a Observable, Vec<&'a Sighting>)> {
    let mut by_ioc: HashMap<&Ioc, Vec<&Sighting>> = HashMap::new();
    for sighting in &selection.sightings {
        by_ioc.entry(&sighting.ioc).or_default().push(sighting);
    }
    let mut known = HashSet::new();
    findings.observables.iter().filter(move |o| known.insert(o.id.as_str())).filter_map(move |observable| {
        let mut sightings: Vec<&Sighting> = Vec::new();
        for ioc in iocs_of(observable) {
            sightings.extend(by_ioc.get(&ioc).into_iter().flatten());
        }
        (!sightings.is_empty()).then_some((observable, sightings))
    })
}

/// The kinds of addresses that a wallet of unknown currency may have.
const WALLETS: &[Kind] = &[
    Kind::Bitcoin,
    Kind::BitcoinCash,
    Kind::Litecoin,
    Kind::Dogecoin,
    Kind::Dash,
    Kind::Ethereum,
    Kind::Monero,
    Kind::Tron,
    Kind::Ripple,
    Kind::Tezos,
    Kind::Cardano,
    Kind::Solana,
];

/// The IoCs that an observable stands for, in the form in which the extractor gives them.
pub(crate) fn iocs_of(observable: &Observable) -> Vec<Ioc> {
    let entity_type = observable.entity_type.as_deref().unwrap_or_default();
    let kinds: &[Kind] = match entity_type {
        "IPv4-Addr" => &[Kind::Ipv4Addr],
        "IPv6-Addr" => &[Kind::Ipv6Addr],
        "Domain-Name" | "Hostname" => &[Kind::DomainName, Kind::OnionService],
        "Url" => &[Kind::Url],
        "Email-Addr" => &[Kind::EmailAddr],
        "Windows-Registry-Key" => &[Kind::RegistryKey],
        "Mac-Addr" => &[Kind::MacAddr],
        "User-Agent" => &[Kind::UserAgent],
        "StixFile" | "Artifact" => &[Kind::FileName],
        "Mutex" => &[Kind::Mutex],
        "Autonomous-System" => &[Kind::Asn],
        "Cryptocurrency-Wallet" => WALLETS,
        // What stands for these is one of several properties, which their forms tell apart.
        "User-Account" => &[Kind::AccountId, Kind::Account],
        "Process" => &[Kind::CommandLine],
        "X509-Certificate" => &[Kind::CertSerial],
        _ => &[],
    };
    let is_certificate = entity_type == "X509-Certificate";
    let text = match entity_type {
        "StixFile" | "Artifact" => observable.name.as_deref(),
        // A number is the id of the process.
        "Process" => observable.value.as_deref().filter(|text| text.contains(|c: char| !c.is_ascii_digit())),
        _ => observable.value.as_deref(),
    };
    // A certificate is told by one of its hashes, if it has one.
    let text = text.filter(|text| {
        !is_certificate || observable.hashes.iter().all(|hash| !hash.hash.eq_ignore_ascii_case(text))
    });
    let mut iocs: Vec<Ioc> = Vec::new();
    iocs.extend(text.and_then(|text| kinds.iter().find_map(|kind| Ioc::parse(*kind, text).ok())));
    for hash in &observable.hashes {
        let kind = match crate::lookup::hash_kind(&hash.algorithm) {
            Some(Kind::Sha1) if is_certificate => Some(Kind::CertSha1),
            Some(Kind::Sha256) if is_certificate => Some(Kind::CertSha256),
            Some(_) if is_certificate => None,
            kind => kind,
        };
        iocs.extend(kind.and_then(|kind| Ioc::parse(kind, &hash.hash).ok()));
    }
    iocs
}

/// The end of a relation that was found, as opposed to the other one that it leads to.
fn near_end(relation: &Related) -> &str {
    if relation.from_id == relation.other.id { &relation.to_id } else { &relation.from_id }
}

/// The best indicator based on an observable, and whether there are more.
fn best_of<'a>(
    findings: &'a Findings,
    judged: &HashMap<&str, Option<Ranked<'a>>>,
    reported: &HashSet<&str>,
    observable_id: &str,
) -> Option<(Ranked<'a>, bool)> {
    let mut ids = HashSet::new();
    let candidates: Vec<Ranked<'a>> = findings
        .based_on
        .iter()
        .filter(|b| b.observable_id == observable_id && !reported.contains(b.indicator.id.as_str()))
        .filter(|b| ids.insert(b.indicator.id.as_str()))
        .filter_map(|b| judged.get(b.indicator.id.as_str()).copied().flatten())
        .collect();
    let multiple = candidates.len() > 1;
    candidates.into_iter().min_by(|a, b| a.rank().cmp(&b.rank())).map(|best| (best, multiple))
}

#[cfg(test)]
mod tests;
