//! The names and addresses of the machines that report.

use std::borrow::Cow;

use ioc_extract::{Ioc, Kind};
use wazuh_alert::Alert;

/// The fields that name the machine that an event came from, or the device that reported it.
const OWN: &[&str] = &[
    "predecoder.hostname",
    "agent.name",
    "agent.ip",
    "manager.name",
    "data.win.system.computer",
    "data.system.computer",
    "data.dvchost",
    "data.dvc",
    "data.devname",
    "data.device_name",
    "data.fw",
    "data.system_name",
    "data.host.name",
    "data.host.hostname",
    "data.agent.hostname",
    "data.observer.hostname",
    "data.osquery.hostIdentifier",
    "data.osquery.decorations.hostname",
    "data.ms-graph.evidence.deviceDnsName",
];

/// The keys of CEF that name the device that reported.
const CEF_DEVICE: &[&str] = &[" dvchost=", " dvc="];

/// The most names that are kept: an array in the alert could have any number.
const MAX_NAMES: usize = 32;

/// What the machines that report are called.
pub(super) struct Own<'a> {
    names: Vec<Cow<'a, str>>,
}

impl<'a> Own<'a> {
    pub(super) fn of(alert: &'a Alert) -> Self {
        let mut names = Vec::new();
        for leaf in alert.leaves() {
            if OWN.contains(&leaf.path) || leaf.path == "location" {
                names.extend(own_name(leaf.text));
            }
        }
        if let Some(log) = alert.full_log() {
            let is_cef = log.as_bytes().windows(4).take(128).any(|bytes| bytes == b"CEF:");
            let device = CEF_DEVICE.iter().filter(|_| is_cef).filter_map(|key| {
                let (_, value) = log.split_once(key)?;
                value.split_ascii_whitespace().next()
            });
            names.extend(sender(log).into_iter().chain(device).filter_map(own_name));
        }
        names.truncate(MAX_NAMES);
        Self { names }
    }

    /// Whether this is the name or the address of a machine that reports, or a name below it.
    pub(super) fn is_own(&self, ioc: &Ioc) -> bool {
        let value = ioc.value();
        self.names.iter().any(|own| {
            let Some(split) = value.len().checked_sub(own.len()) else { return false };
            let (head, tail) = value.as_bytes().split_at(split);
            tail.eq_ignore_ascii_case(own.as_bytes()) && (head.is_empty() || head.ends_with(b"."))
        })
    }
}

/// A name or address in the form in which sightings have it. `None` for a single label: nothing is ever equal to or
/// below one.
fn own_name(name: &str) -> Option<Cow<'_, str>> {
    if name.contains(':') {
        return Ioc::parse(Kind::Ipv6Addr, name).ok().map(|address| Cow::Owned(address.value().to_owned()));
    }
    let name = name.trim_end_matches('.');
    name.contains('.').then_some(Cow::Borrowed(name))
}

/// The host in the header of a syslog line, which the pre-decoder does not take from every one:
/// `<134>Sep 19 13:35:00 HOST …`, `2024-05-01T10:34:33-03:00 HOST …`, `<34>1 2024-05-01T10:34:33Z HOST …`.
fn sender(log: &str) -> Option<&str> {
    let head = log.get(..log.len().min(256)).unwrap_or(log);
    let head = match head.strip_prefix('<') {
        Some(rest) => {
            rest.split_once('>').filter(|(priority, _)| priority.bytes().all(|b| b.is_ascii_digit()))?.1
        }
        None => head,
    };
    let head = head.strip_prefix("1 ").unwrap_or(head);
    let mut words = head.split_ascii_whitespace();
    let first = words.next()?;
    if first.len() >= 19 && first.as_bytes().get(4) == Some(&b'-') && first.as_bytes().get(10) == Some(&b'T')
    {
        return words.next();
    }
    const MONTHS: &[&str] =
        &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    if !MONTHS.contains(&first) {
        return None;
    }
    words.next().filter(|day| day.bytes().all(|byte| byte.is_ascii_digit()))?;
    let mut time = words.next()?;
    if time.len() == 4 && time.bytes().all(|byte| byte.is_ascii_digit()) {
        time = words.next()?;
    }
    let is_time =
        time.len() >= 8 && time.as_bytes().get(2) == Some(&b':') && time.as_bytes().get(5) == Some(&b':');
    if is_time { words.next() } else { None }
}

#[cfg(test)]
mod tests {
    use ioc_extract::{Ioc, Kind};
    use wazuh_alert::Alert;

    use super::{Own, sender};

    #[test]
    fn names_and_addresses_of_the_sender_are_its_own() {
        let alert = Alert::parse(
            br#"{"rule":{},"agent":{"name":"PC7","ip":"2001:0DB8:0000:0000:0000:0000:0000:0007"},
                 "predecoder":{"hostname":"Web-01.corp.example"},"location":"198.51.100.1"}"#,
        )
        .unwrap();
        let own = Own::of(&alert);
        let is_own = |kind, text| own.is_own(&Ioc::parse(kind, text).unwrap());
        assert!(is_own(Kind::Ipv6Addr, "2001:db8::7"));
        assert!(is_own(Kind::Ipv4Addr, "198.51.100.1"));
        assert!(is_own(Kind::DomainName, "web-01.corp.example"));
        assert!(is_own(Kind::DomainName, "app.web-01.corp.example"));
        assert!(!is_own(Kind::DomainName, "corp.example"));
        assert!(!is_own(Kind::DomainName, "notweb-01.corp.example"));
        assert!(!is_own(Kind::Ipv4Addr, "198.51.100.11"));
    }

    #[test]
    fn senders_of_syslog_lines() {
        for line in [
            "<134>Sep 19 13:35:00 fw1.corp.example ASM: x",
            "Sep  9 13:35:00 fw1.corp.example sshd[1]: x",
            "Sep  9 2024 13:35:00 fw1.corp.example sshd[1]: x",
            "2024-05-01T10:34:33.5-03:00 fw1.corp.example x",
            "<34>1 2024-05-01T10:34:33Z fw1.corp.example su - x",
        ] {
            assert_eq!(sender(line), Some("fw1.corp.example"), "{line}");
        }
        assert_eq!(sender("evil.example was here"), None);
        assert_eq!(sender("<a>Sep"), None);
        assert_eq!(sender("Sep 19 evil.example"), None);
    }
}
