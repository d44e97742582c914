//! From an alert to what is looked up: the IoCs that it saw, where each stands, and what was left out and why.

use std::collections::HashSet;
use std::mem::take;
use std::ops::Range;

use ioc_extract::{Extractor, Ioc, Kind, Rejected};
use wazuh_alert::Alert;

use crate::pipeline::LazyLists;
use crate::policy::Policy;

mod auditd;
mod full_log;
mod noise;
mod objects;
mod own;
mod read;
mod walk;

/// How many different IoCs of one alert are looked up; more is noise or an attack on the platform.
pub const MAX_IOCS: usize = 256;

/// An IoC that an alert saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// The indicator of compromise, in canonical form.
    pub ioc: Ioc,
    /// The alert's field in which it stands, keys joined by dots: `data.win.eventdata.queryName`.
    pub path: String,
    /// Where it stands in the field's text as [`Alert::leaves`] has it, in bytes; for a decoded value, where its
    /// encoded form stands. `None` where it has no one place: what was put together from several, such as the
    /// arguments of a command in the audit log.
    pub span: Option<Range<u32>>,
    /// The decodings that led to it, outermost first, joined by `>`; empty when it stands there plainly.
    pub via: String,
    /// Its part in the event.
    pub role: Role,
    /// Sightings with the same number describe one object, such as the hashes and the name of one file.
    pub object: u32,
}

/// The part that a value plays in the event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Nothing is known about its part.
    #[default]
    Seen,
    /// Where a connection came from, or who sent a message.
    Source,
    /// Where a connection went to, or who was to receive a message.
    Destination,
    /// The file that a process ran.
    Image,
}

/// A value that looked like an IoC and is not looked up.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    /// The alert's field in which it stands.
    pub path: String,
    /// The value as it stands there, shortened.
    pub text: String,
    /// The kind it looked like.
    pub kind: Kind,
    /// Why it is not looked up.
    pub reason: LeftOutReason,
}

/// Why a value is not looked up.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum LeftOutReason {
    /// It is no IoC: not well formed, reserved, a version, a file name, …
    NoIoc(Rejected),
    /// An address that is not globally routable (`lookup_private_addresses`).
    NotGlobal,
    /// It has the length of a hash, and nothing says that it is one of a file: an id of a session, a request, a bucket.
    Unlabelled,
    /// A hash of what a file held before it was modified.
    Superseded,
    /// A hash of something that is no file: a value in the registry, the clipboard.
    NotAFile,
    /// A registry key that a text mentions, in an event that is not about the registry.
    OnlyMentioned,
    /// The name or the address of the machine that reported.
    OwnHost,
    /// Its kind is not asked for (`kinds`).
    KindOff,
    /// An entry of `exclude` covers it.
    Excluded(String),
    /// The warning list of this name has it (`warning_lists`).
    WarningList(String),
    /// The alert has more than [`MAX_IOCS`].
    TooMany,
}

impl LeftOutReason {
    /// A short fixed word for logs, metrics and `explain`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NoIoc(rejected) => rejected.as_str(),
            Self::NotGlobal => "not-global",
            Self::Unlabelled => "unlabelled-hash",
            Self::Superseded => "superseded-hash",
            Self::NotAFile => "not-a-file",
            Self::OnlyMentioned => "only-mentioned",
            Self::OwnHost => "own-host",
            Self::KindOff => "kind-off",
            Self::Excluded(_) => "excluded",
            Self::WarningList(_) => "warning-list",
            Self::TooMany => "too-many",
        }
    }
}

/// What is looked up for one alert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// In the order in which they stand in the alert; structured fields before free text. The same IoC may have
    /// several sightings: the first is where it stands best.
    pub sightings: Vec<Sighting>,
    /// What was seen and is not looked up, though nothing is wrong with it: its kind is not asked for, or it is an
    /// address that is not globally routable. It helps to decide whether the pattern of an indicator that was found by
    /// one of `sightings` is true as a whole. At most [`MAX_IOCS`]; none where `sightings` is empty. Each stands in
    /// `left_out` as well.
    pub not_asked: Vec<Sighting>,
    /// What looked like an IoC and is not looked up.
    pub left_out: Vec<LeftOut>,
}

impl Selection {
    /// The sighting of a number that came back with a [hit](crate::stix::Hit) on what was [seen](Self::seen): first
    /// count those of `sightings`, from 0, then those of `not_asked`. `None` for a number beyond both.
    #[must_use]
    pub fn sighting(&self, number: u32) -> Option<&Sighting> {
        let number = usize::try_from(number).ok()?;
        match number.checked_sub(self.sightings.len()) {
            None => self.sightings.get(number),
            Some(number) => self.not_asked.get(number),
        }
    }

    /// Whether the sighting of this number was looked up.
    pub(crate) fn is_asked(&self, number: u32) -> bool {
        usize::try_from(number).is_ok_and(|number| number < self.sightings.len())
    }

    /// The different IoCs, in order.
    #[must_use]
    pub fn iocs(&self) -> Vec<Ioc> {
        let mut seen = HashSet::new();
        self.sightings.iter().map(|s| &s.ioc).filter(|ioc| seen.insert(*ioc)).cloned().collect()
    }

    /// The first sighting of each different IoC.
    pub fn first_sightings(&self) -> impl Iterator<Item = &Sighting> {
        let mut seen = HashSet::new();
        self.sightings.iter().filter(move |s| seen.insert(&s.ioc))
    }
}

/// Finds what `alert` saw and applies what `policy` says about what is looked up.
///
/// An alert of an excluded rule or group gives an empty selection. [`Enricher::select`](crate::Enricher::select) also
/// leaves out what is on its warning lists.
#[must_use]
pub fn select(alert: &Alert, extractor: &Extractor, policy: &Policy) -> Selection {
    select_with(alert, extractor, policy, None)
}

/// As [`select`], without what is on the lists.
pub(crate) fn select_with(
    alert: &Alert,
    extractor: &Extractor,
    policy: &Policy,
    lists: Option<&LazyLists>,
) -> Selection {
    if policy.excludes_alert(alert).is_some() {
        return Selection::default();
    }
    let found = walk::walk(alert, extractor);
    let mut selection = Selection { left_out: found.left_out, ..Selection::default() };
    // Nearly every alert has far fewer, so the different ones are only counted when there may be too many.
    let mut distinct: Option<HashSet<Ioc>> = (found.sightings.len() > MAX_IOCS).then(HashSet::new);
    for mut sighting in found.sightings {
        let is_too_many =
            distinct.as_ref().is_some_and(|seen| seen.len() == MAX_IOCS && !seen.contains(&sighting.ioc));
        let reason = if is_too_many {
            Some(LeftOutReason::TooMany)
        } else {
            // The lists come last: they are read when there is something that they could have.
            reason_to_leave_out(&sighting.ioc, policy).or_else(|| {
                lists?.lookup(&sighting.ioc).map(|name| LeftOutReason::WarningList(name.to_owned()))
            })
        };
        match reason {
            None => {
                if let Some(distinct) = &mut distinct {
                    distinct.insert(sighting.ioc.clone());
                }
                selection.sightings.push(sighting);
            }
            Some(reason) => {
                let text = sighting.ioc.value().to_owned();
                let kind = sighting.ioc.kind();
                let is_seen = matches!(reason, LeftOutReason::KindOff | LeftOutReason::NotGlobal)
                    && selection.not_asked.len() < MAX_IOCS
                    && sighting.ioc.reserved().is_none()
                    && policy.excludes(&sighting.ioc).is_none();
                let path = if is_seen { sighting.path.clone() } else { take(&mut sighting.path) };
                selection.left_out.push(LeftOut { path, text, kind, reason });
                if is_seen {
                    selection.not_asked.push(sighting);
                }
            }
        }
    }
    if selection.sightings.is_empty() {
        selection.not_asked.clear();
    } else if let Some(lists) = lists {
        selection.not_asked.retain(|sighting| lists.lookup(&sighting.ioc).is_none());
    }
    selection
}

pub(crate) fn reason_to_leave_out(ioc: &Ioc, policy: &Policy) -> Option<LeftOutReason> {
    if !policy.asks_for(ioc.kind()) {
        return Some(LeftOutReason::KindOff);
    }
    match ioc.reserved() {
        // Documentation names are to names what documentation ranges are to addresses.
        Some(Rejected::ReservedName) if policy.lookup_private_addresses => {}
        Some(reason) => return Some(LeftOutReason::NoIoc(reason)),
        None => {}
    }
    if ioc.is_global() == Some(false) && !policy.lookup_private_addresses {
        return Some(LeftOutReason::NotGlobal);
    }
    policy.excludes(ioc).map(|exclusion| LeftOutReason::Excluded(exclusion.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(alert: &str, policy: &str) -> Selection {
        let policy: Policy = serde_json::from_str(policy).unwrap();
        select(&Alert::parse(alert.as_bytes()).unwrap(), &Extractor::new(), &policy)
    }

    fn values(selection: &Selection) -> Vec<&str> {
        selection.sightings.iter().map(|seen| seen.ioc.value()).collect()
    }

    fn reasons(selection: &Selection) -> Vec<&str> {
        selection.left_out.iter().map(|left_out| left_out.reason.as_str()).collect()
    }

    #[test]
    fn policy_decides_what_is_looked_up() {
        let alert = r#"{"rule":{"id":"5710","groups":["sshd"]},"data":{"srcip":"9.9.9.9","dstip":"10.0.0.1",
            "url":"http://c2.evil-c2.com/a","win":{"eventdata":{"image":"C:\\\\a.exe"}}}}"#;
        let selection = selected(alert, "{}");
        assert_eq!(values(&selection), ["9.9.9.9", "http://c2.evil-c2.com/a", "c2.evil-c2.com"]);
        assert_eq!(reasons(&selection), ["not-global", "kind-off", "kind-off"]);
        let not_asked: Vec<_> = selection.not_asked.iter().map(|seen| seen.ioc.value()).collect();
        assert_eq!(not_asked, ["10.0.0.1", "a.exe", r"C:\a.exe"]);
        assert_eq!(selection.sighting(2).map(|seen| seen.ioc.value()), Some("c2.evil-c2.com"));
        assert_eq!(selection.sighting(3).map(|seen| seen.ioc.value()), Some("10.0.0.1"));
        assert_eq!(selection.sighting(6), None);

        let selection = selected(alert, r#"{"lookup_private_addresses":true,"kinds":["ipv4-addr"]}"#);
        assert_eq!(values(&selection), ["9.9.9.9", "10.0.0.1"]);

        let selection = selected(alert, r#"{"exclude":["evil-c2.com"]}"#);
        assert_eq!(values(&selection), ["9.9.9.9"]);
        assert!(reasons(&selection).contains(&"excluded"));

        assert_eq!(selected(alert, r#"{"exclude":["rule:5710"]}"#), Selection::default());
    }

    #[test]
    fn what_is_excluded_is_not_seen_at_all() {
        let alert = r#"{"rule":{},"data":{"srcip":"9.9.9.9","dstip":"10.0.0.1","sha3":{"x":"-"},
            "smac":"02:00:5e:10:00:01","mac":"AA-F2-C9-A6-B3-4F"}}"#;
        let not_asked = |policy: &str| -> Vec<String> {
            let selection = selected(alert, policy);
            selection.not_asked.iter().map(|seen| seen.ioc.value().to_owned()).collect()
        };
        assert_eq!(not_asked(r#"{"exclude":["10.0.0.0/8"]}"#), not_asked("{}")[1..]);
        assert_eq!(not_asked("{}")[0], "10.0.0.1");
        // Nothing is evaluated where nothing is asked for.
        assert_eq!(not_asked(r#"{"exclude":["9.9.9.9"]}"#), [""; 0]);
    }

    #[test]
    fn no_more_than_the_most_are_looked_up() {
        let addresses: Vec<String> = (0..300).map(|i| format!("9.9.{}.{}", i / 250, i % 250 + 1)).collect();
        let alert = serde_json::json!({"rule": {}, "data": {"srcip": addresses, "dstip": addresses}});
        let selection = selected(&alert.to_string(), "{}");
        assert_eq!(selection.iocs().len(), MAX_IOCS);
        assert_eq!(selection.first_sightings().count(), MAX_IOCS);
        assert_eq!(reasons(&selection), vec!["too-many"; 2 * (300 - MAX_IOCS)]);
    }

    #[test]
    fn a_log_line_adds_only_what_the_fields_lack() {
        let alert = r#"{"rule":{},"decoder":{"name":"sshd"},"data":{"srcip":"9.9.9.9","srcuser":"anna.li"},
            "full_log":"Failed password for anna.li from 9.9.9.9 via relay.evil-c2.com"}"#;
        let selection = selected(alert, "{}");
        let seen: Vec<_> = selection
            .sightings
            .iter()
            .map(|seen| (seen.ioc.value(), seen.path.as_str(), seen.role))
            .collect();
        assert_eq!(
            seen,
            [("9.9.9.9", "data.srcip", Role::Source), ("relay.evil-c2.com", "full_log", Role::Seen)]
        );
    }

    #[test]
    fn the_name_of_an_account_does_not_hide_an_address() {
        let alert = r#"{"rule":{},"decoder":{"name":"x"},"data":{"srcuser":"9.9.9.9"},
            "full_log":"Failed password for 9.9.9.9 from 9.9.9.9"}"#;
        assert_eq!(values(&selected(alert, "{}")), ["9.9.9.9"]);
    }
}
