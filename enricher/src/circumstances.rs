//! What became of the traffic that an alert is about: who began it, and whether it was let through.
//!
//! Both are read from what the device wrote, in the words of its vendor; where it wrote nothing, or something that is not
//! understood, nothing is said.

use std::net::IpAddr;

use ioc_extract::{Kind, special_purpose};
use wazuh_alert::Alert;

use crate::select::{Role, Selection, Sighting};

/// Which way the traffic went, seen from what is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// What matched came to us.
    Inbound,
    /// One of ours went to what matched.
    Outbound,
}

impl Direction {
    /// The word that stands in `opencti.match.direction`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// What the device did with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It was let through, or only watched.
    Allowed,
    /// It was kept out: denied, dropped, reset, quarantined.
    Blocked,
}

impl Action {
    /// The word that stands in `opencti.match.action`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Blocked => "blocked",
        }
    }
}

/// What an alert says about the traffic that it is about.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    action: Option<Action>,
    /// Source and destination are those of a packet that answers, not those of the connection.
    is_answer: bool,
    /// Somebody logged in: more than a touch.
    is_login: bool,
    /// Addresses of the other side, which are not ours.
    foreign_sources: bool,
    foreign_destinations: bool,
}

/// The alert's fields that hold what a device did, the most telling first.
const ACTIONS: &[&str] = &[
    "data.action",
    "data.alert.action",
    "data.aws.action",
    "data.aws.service.action.networkConnectionAction.blocked",
    "data.fw_action",
    "data.rule_action",
    "data.sophos_fw_status_msg",
    "data.utmaction",
    "data.actiontaken",
    "data.WAFAction",
    "data.SecurityAction",
    "data.disposition",
    "data.defender.action",
    "data.win.eventdata.action Name",
    "data.gcp.jsonPayload.disposition",
    "data.gcp.jsonPayload.rule_details.action",
    "data.office365.DeliveryAction",
    "data.office365.Verdict",
    "data.cylance_threats.file_status",
    "data.netfilter.action",
];

/// Ports of both ends, in the same order.
const SOURCE_PORTS: &[&str] = &[
    "data.srcport",
    "data.src_port",
    "data.aws.srcport",
    "data.source.port",
    "data.win.eventdata.sourcePort",
    "data.gcp.jsonPayload.connection.src_port",
];
const DESTINATION_PORTS: &[&str] = &[
    "data.dstport",
    "data.dest_port",
    "data.aws.dstport",
    "data.destination.port",
    "data.win.eventdata.destinationPort",
    "data.gcp.jsonPayload.connection.dest_port",
];

/// Below these are the ports of services, which only a service sends from.
const FIRST_CLIENT_PORT: u16 = 1024;

impl Circumstances {
    /// Reads them from an alert, and from what was found in it.
    #[must_use]
    pub fn of(alert: &Alert, selection: &Selection) -> Self {
        let port = |paths: &[&str]| paths.iter().find_map(|path| alert.text(path)?.parse::<u16>().ok());
        let is_from_service = matches!(
            (port(SOURCE_PORTS), port(DESTINATION_PORTS)),
            (Some(from), Some(to)) if from < FIRST_CLIENT_PORT && to >= FIRST_CLIENT_PORT
        );
        // Suricata gives the ends of the packet that raised the alert, and says so.
        let is_to_client = match alert.text("data.direction") {
            Some(direction) => direction.eq_ignore_ascii_case("to_client"),
            None => is_from_service,
        };
        let own = alert.agent_ip().and_then(|ip| ip.parse::<IpAddr>().ok());
        let foreign = |role: Role| {
            selection.sightings.iter().filter(|sighting| sighting.role == role).any(|sighting| {
                sighting.ioc.ip().is_some_and(|ip| special_purpose(ip).is_none() && Some(ip) != own)
            })
        };
        Self {
            action: action(alert),
            is_answer: is_to_client,
            is_login: alert.rule_groups().any(|group| group == "authentication_success"),
            foreign_sources: foreign(Role::Source),
            foreign_destinations: foreign(Role::Destination),
        }
    }

    /// What the device did; `None` where it does not say, or not in words that are known.
    #[must_use]
    pub const fn action(&self) -> Option<Action> {
        self.action
    }

    /// Which way the traffic went, of which `sighting` is one end.
    ///
    /// The other end must be ours: an address that is not globally routable, the agent's own, or none that the alert
    /// has, as in the log of a service about who asked it. Between two foreign addresses nothing is said.
    #[must_use]
    pub fn direction(&self, sighting: &Sighting) -> Option<Direction> {
        let (is_foreign, direction) = match sighting.role {
            Role::Seen | Role::Image => return None,
            Role::Source => (self.foreign_destinations, Direction::Inbound),
            Role::Destination => (self.foreign_sources, Direction::Outbound),
        };
        match (is_foreign, self.is_answer, direction) {
            (true, ..) => None,
            (false, true, Direction::Inbound) => Some(Direction::Outbound),
            (false, true, Direction::Outbound) => Some(Direction::Inbound),
            (false, false, direction) => Some(direction),
        }
    }

    /// Whether somebody from outside merely touched us: an address came in, and nothing says that it got further.
    #[must_use]
    pub fn is_scan(&self, sighting: &Sighting) -> bool {
        matches!(sighting.ioc.kind(), Kind::Ipv4Addr | Kind::Ipv6Addr)
            && self.direction(sighting) == Some(Direction::Inbound)
            && !self.is_login
    }
}

fn action(alert: &Alert) -> Option<Action> {
    let said = ACTIONS.iter().find_map(|path| {
        let text = alert.text(path)?;
        // GuardDuty says by true or false whether it was blocked.
        let is_flag = path.ends_with(".blocked");
        match text {
            "true" if is_flag => Some(Action::Blocked),
            "false" if is_flag => Some(Action::Allowed),
            _ => understand(text),
        }
    });
    said.or_else(|| windows(alert)).or_else(|| {
        let of_drops = |group: &str| matches!(group, "firewall_drop" | "firewall_block" | "firewall_deny");
        alert.rule_groups().any(of_drops).then_some(Action::Blocked)
    })
}

/// Events of Windows' filtering platform and of sysmon say by their number what was done.
fn windows(alert: &Alert) -> Option<Action> {
    let provider = alert.text("data.win.system.providerName")?;
    let id = alert.text("data.win.system.eventID")?;
    match (provider, id) {
        ("Microsoft-Windows-Security-Auditing", "5152" | "5153" | "5155" | "5157" | "5159") => {
            Some(Action::Blocked)
        }
        ("Microsoft-Windows-Security-Auditing", "5154" | "5156" | "5158") => Some(Action::Allowed),
        ("Microsoft-Windows-Sysmon", "3") => Some(Action::Allowed),
        ("Microsoft-Windows-Sysmon", "27" | "28") => Some(Action::Blocked),
        _ => None,
    }
}

/// The longest text that is read for an action; what is longer is a sentence.
const MAX_WORDS: usize = 64;

/// What a vendor's word, or one in a short phrase, says.
fn understand(text: &str) -> Option<Action> {
    if text.len() > MAX_WORDS {
        return None;
    }
    let text = text.trim().to_ascii_lowercase();
    // As a whole, since these words mean something else in a phrase.
    match text.as_str() {
        "alert" | "log" | "logged" | "count" | "close" | "closed" | "timeout" | "start" | "client-rst"
        | "server-rst" | "ip-conn" | "clean" | "delivered" | "ban" => {
            return Some(if text == "ban" { Action::Blocked } else { Action::Allowed });
        }
        _ => {}
    }
    let mut words =
        text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).peekable();
    // Squid's results: TCP_MISS, TCP_DENIED, …
    let is_squid = words.peek().is_some_and(|first| matches!(*first, "tcp" | "udp"));
    let mut found = None;
    for word in words {
        if matches!(word, "not" | "no" | "non") {
            return None;
        }
        if BLOCKED.contains(&word) {
            return Some(Action::Blocked);
        }
        if ALLOWED.contains(&word) || (is_squid && SQUID.contains(&word)) {
            found = Some(Action::Allowed);
        }
    }
    found
}

const BLOCKED: &[&str] = &[
    "block",
    "blocked",
    "blocking",
    "deny",
    "denied",
    "denies",
    "drop",
    "dropped",
    "drops",
    "reject",
    "rejected",
    "refuse",
    "refused",
    "reset",
    "prevent",
    "prevented",
    "quarantine",
    "quarantined",
    "sinkhole",
    "sinkholed",
    "discard",
    "discarded",
    "banned",
    "shun",
    "shunned",
];

const ALLOWED: &[&str] = &[
    "allow",
    "allowed",
    "accept",
    "accepted",
    "pass",
    "passed",
    "passthrough",
    "permit",
    "permitted",
    "built",
    "monitor",
    "monitored",
    "detect",
    "detected",
    "bypass",
    "bypassed",
    "forward",
    "forwarded",
];

const SQUID: &[&str] = &["hit", "miss", "tunnel"];

#[cfg(test)]
mod tests {
    use ioc_extract::Extractor;

    use super::*;
    use crate::policy::Policy;

    /// Direction, action and whether it is a scan, of the first thing that is looked up.
    fn read(alert: &str) -> String {
        let alert = Alert::parse(alert.as_bytes()).unwrap();
        let selection = crate::select::select(&alert, &Extractor::new(), &Policy::default());
        let circumstances = Circumstances::of(&alert, &selection);
        let first = selection.sightings.first().unwrap_or_else(|| panic!("nothing in {}", alert.raw()));
        format!(
            "{} {}{}",
            circumstances.direction(first).map_or("-", Direction::as_str),
            circumstances.action().map_or("-", Action::as_str),
            if circumstances.is_scan(first) { " scan" } else { "" },
        )
    }

    fn flow(source: &str, destination: &str, more: &str) -> String {
        format!(
            r#"{{"rule":{{"id":"1"}},"agent":{{"ip":"9.8.7.6"}},"data":{{"srcip":"{source}","dstip":"{destination}"{more}}}}}"#
        )
    }

    #[test]
    fn direction_and_action_of_flows() {
        let (ours, theirs, other) = ("10.0.0.7", "185.220.101.4", "45.9.148.3");
        let cases = [
            // Direction: by the part of what matched, and by whose the other end is.
            (flow(ours, theirs, ""), "outbound -"),
            (flow(theirs, ours, ""), "inbound - scan"),
            (flow("9.8.7.6", theirs, r#","action":"accept""#), "outbound allowed"),
            (flow(theirs, "9.8.7.6", ""), "inbound - scan"),
            (flow(theirs, other, ""), "- -"),
            // An answer has its ends the other way round.
            (flow(theirs, ours, r#","srcport":"443","dstport":"50211""#), "outbound -"),
            (flow(theirs, ours, r#","srcport":"50211","dstport":"443""#), "inbound - scan"),
            (flow(theirs, ours, r#","srcport":"53","dstport":"53""#), "inbound - scan"),
            (flow(theirs, ours, r#","direction":"to_client""#), "outbound -"),
            (
                flow(theirs, ours, r#","direction":"to_server","srcport":"80","dstport":"5000""#),
                "inbound - scan",
            ),
            // The words of vendors.
            (flow(ours, theirs, r#","action":"allow""#), "outbound allowed"),
            (flow(ours, theirs, r#","action":"close""#), "outbound allowed"),
            (flow(ours, theirs, r#","action":"client-rst""#), "outbound allowed"),
            (flow(ours, theirs, r#","action":"Built""#), "outbound allowed"),
            (flow(ours, theirs, r#","action":"TCP_MISS""#), "outbound allowed"),
            (flow(ours, theirs, r#","action":"TCP_TUNNEL""#), "outbound allowed"),
            (flow(ours, theirs, r#","action":"TCP_DENIED""#), "outbound blocked"),
            (flow(ours, theirs, r#","action":"deny""#), "outbound blocked"),
            (flow(ours, theirs, r#","action":"reset-both""#), "outbound blocked"),
            (flow(ours, theirs, r#","action":"Web site access denied""#), "outbound blocked"),
            (flow(ours, theirs, r#","action":"denied by ACL""#), "outbound blocked"),
            (flow(ours, theirs, r#","fw_action":"Prevent""#), "outbound blocked"),
            (flow(ours, theirs, r#","fw_action":"Bypass""#), "outbound allowed"),
            (flow(ours, theirs, r#","alert":{"action":"allowed"}"#), "outbound allowed"),
            (flow(ours, theirs, r#","alert":{"action":"blocked"}"#), "outbound blocked"),
            (flow(theirs, ours, r#","action":"DROP""#), "inbound blocked scan"),
            (flow(theirs, ours, r#","action":"sinkhole""#), "inbound blocked scan"),
            (flow(theirs, ours, r#","actiontaken":"Ban""#), "inbound blocked scan"),
            (flow(theirs, ours, r#","actiontaken":"Unban""#), "inbound - scan"),
            (flow(theirs, ours, r#","sophos_fw_status_msg":"Deny""#), "inbound blocked scan"),
            // What is no word of this is not taken for one.
            (flow(theirs, ours, r#","action":"IPSec VPN Decryption Failed""#), "inbound - scan"),
            (flow(theirs, ours, r#","action":"not blocked""#), "inbound - scan"),
            (flow(theirs, ours, r#","action":"GET""#), "inbound - scan"),
            (flow(theirs, ours, r#","action":"show","alert":{"action":"blocked"}"#), "inbound blocked scan"),
        ];
        for (alert, expected) in cases {
            assert_eq!(read(&alert), expected, "{alert}");
        }
    }

    #[test]
    fn direction_and_action_of_other_sources() {
        let cases = [
            // The log of a service about who asked it.
            (
                r#"{"rule":{"groups":["sshd","authentication_failed"]},"data":{"srcip":"185.220.101.4"}}"#,
                "inbound - scan",
            ),
            (
                r#"{"rule":{"groups":["sshd","authentication_success"]},"data":{"srcip":"185.220.101.4"}}"#,
                "inbound -",
            ),
            // A name was looked up; that is no connection yet.
            (r#"{"rule":{},"data":{"dns":{"question":{"name":"c2.evil-c2.com"}}}}"#, "- -"),
            // A hash goes nowhere, but its file may have been kept out.
            (
                r#"{"rule":{},"data":{"action":"quarantined","md5":"0cc175b9c0f1b6a831c399e269772661"}}"#,
                "- blocked",
            ),
            (
                r#"{"rule":{"groups":["firewall","firewall_drop"]},"data":{"srcip":"185.220.101.4","dstip":"10.0.0.1"}}"#,
                "inbound blocked scan",
            ),
            (
                r#"{"rule":{},"data":{"win":{"system":{"providerName":"Microsoft-Windows-Security-Auditing",
                    "eventID":"5157"},"eventdata":{"sourceAddress":"10.0.0.1","destAddress":"185.220.101.4"}}}}"#,
                "outbound blocked",
            ),
            (
                r#"{"rule":{},"data":{"win":{"system":{"providerName":"Microsoft-Windows-Sysmon","eventID":"3"},
                    "eventdata":{"sourceIp":"10.0.0.1","sourcePort":"50211","destinationIp":"185.220.101.4",
                    "destinationPort":"8443"}}}}"#,
                "outbound allowed",
            ),
            (
                r#"{"rule":{},"data":{"aws":{"action":"REJECT","srcaddr":"185.220.101.4","dstaddr":"10.0.0.1",
                    "srcport":"50211","dstport":"22"}}}"#,
                "inbound blocked scan",
            ),
        ];
        for (alert, expected) in cases {
            assert_eq!(read(alert), expected, "{alert}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_may_stand_for_an_action(text in "(?s).{0,80}") {
            let _ = understand(&text);
        }
    }
}
