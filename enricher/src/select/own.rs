//! The names and addresses of the machines that report.

use std::borrow::Cow;

use ioc_extract::{Ioc, Kind};
use wazuh_alert::Leaf;

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
    "location",
];

/// The lengths of the paths in [`OWN`], as bits: most paths of an alert have another one.
const OWN_LENGTHS: u64 = {
    let mut lengths = 0;
    let mut rest: &[&str] = OWN;
    while let [path, tail @ ..] = rest {
        lengths |= 1 << path.len();
        rest = tail;
    }
    lengths
};

fn is_own_field(path: &str) -> bool {
    path.len() < 64 && OWN_LENGTHS >> path.len() & 1 == 1 && OWN.contains(&path)
}

/// The keys of CEF that name the device that reported.
const CEF_DEVICE: &[&str] = &[" dvchost=", " dvc="];

/// The most names that are kept: an array in the alert could have any number.
const MAX_NAMES: usize = 32;

/// Names of machines that only say what they are for: others have them, too.
const GENERIC: &[&str] = &["localhost", "mail", "proxy", "server", "smtp", "vpn", "www"];

const MONTHS: &[&str] = &["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What the machines that report are called.
pub(super) struct Own<'a> {
    names: Vec<Cow<'a, str>>,
    /// Names without a domain.
    short: Vec<&'a str>,
}

impl<'a> Own<'a> {
    pub(super) fn of(leaves: impl Iterator<Item = Leaf<'a>>) -> Self {
        let mut own = Self { names: Vec::new(), short: Vec::new() };
        let mut log = None;
        for leaf in leaves {
            if is_own_field(leaf.path) {
                own.add(leaf.text);
            } else if leaf.path == "full_log" {
                log = Some(leaf.text);
            }
        }
        if let Some(log) = log {
            let is_cef = log.as_bytes().windows(4).take(128).any(|bytes| bytes == b"CEF:");
            let device = CEF_DEVICE.iter().filter(|_| is_cef).filter_map(|key| {
                let (_, value) = log.split_once(key)?;
                value.split_ascii_whitespace().next()
            });
            sender(log).into_iter().chain(device).for_each(|name| own.add(name));
        }
        own
    }

    fn add(&mut self, name: &'a str) {
        if self.names.len() + self.short.len() >= MAX_NAMES {
            return;
        }
        if name.bytes().any(|byte| byte == b':') {
            let address = Ioc::parse(Kind::Ipv6Addr, name).ok();
            self.names.extend(address.map(|address| Cow::Owned(address.value().to_owned())));
        } else if name.bytes().any(|byte| byte == b'.') {
            self.names.push(Cow::Borrowed(name.trim_end_matches('.')));
        } else {
            let word = name.trim_end_matches(|char: char| char.is_ascii_digit());
            if name.len() >= 4 && !GENERIC.iter().any(|generic| generic.eq_ignore_ascii_case(word)) {
                self.short.push(name);
            }
        }
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

    /// Whether a name in a log line is that of a machine that reports, with its domain: `web-01.corp.example` of
    /// `web-01`.
    ///
    /// Not to be asked of names that were looked up in the DNS: malware puts the name of its victim there.
    pub(super) fn is_own_with_domain(&self, ioc: &Ioc) -> bool {
        ioc.value().split_once('.').is_some_and(|(label, domain)| {
            domain.contains('.') && self.short.iter().any(|own| own.eq_ignore_ascii_case(label))
        })
    }
}

/// The host in the header of a syslog line, which the pre-decoder does not take from every one:
/// `<134>Sep 19 13:35:00 HOST …`, `2024-05-01T10:34:33-03:00 HOST …`, `<34>1 2024-05-01T10:34:33Z HOST …`,
/// `2024-05-01 10:34:33,805 HOST …`.
fn sender(log: &str) -> Option<&str> {
    let head = match log.strip_prefix('<') {
        Some(rest) => {
            let (priority, head) = rest.split_once('>')?;
            if priority.len() > 3 || !priority.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            head
        }
        None => log,
    };
    let mut words = head.strip_prefix("1 ").unwrap_or(head).split_ascii_whitespace();
    let first = words.next()?;
    let bytes = first.as_bytes();
    if bytes.len() >= 10 && bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-') {
        if bytes.get(10) == Some(&b'T') {
            return words.next();
        }
        // Without a fraction it is a log of IIS or the like, whose third field is another one.
        let is_log = |time: &&str| bytes.len() == 10 && is_time(time) && time.contains(',');
        return words.next().filter(is_log).and_then(|_| words.next());
    }
    if !MONTHS.contains(&first) {
        return None;
    }
    words.next().filter(|day| day.bytes().all(|byte| byte.is_ascii_digit()))?;
    let mut time = words.next()?;
    if time.len() == 4 && time.bytes().all(|byte| byte.is_ascii_digit()) {
        time = words.next()?;
    }
    if is_time(time) { words.next() } else { None }
}

/// `10:34:33`, perhaps with a fraction.
fn is_time(text: &str) -> bool {
    text.len() >= 8 && text.as_bytes().get(2) == Some(&b':') && text.as_bytes().get(5) == Some(&b':')
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
        let own = Own::of(alert.leaves());
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
    fn short_names_are_own_with_any_domain() {
        let alert = Alert::parse(
            br#"{"rule":{},"agent":{"name":"DESKTOP-7"},"predecoder":{"hostname":"mail2"},"manager":{"name":"vm"}}"#,
        )
        .unwrap();
        let own = Own::of(alert.leaves());
        let is_own = |text| own.is_own_with_domain(&Ioc::parse(Kind::DomainName, text).unwrap());
        assert!(is_own("desktop-7.corp.example"));
        assert!(!is_own("desktop-7.example"), "a domain may have that name");
        assert!(!is_own("mail2.evil.example"), "so many are called mail");
        assert!(!is_own("vm.evil.example"), "too short to be told from others");
    }

    #[test]
    fn senders_of_syslog_lines() {
        for line in [
            "<134>Sep 19 13:35:00 fw1.corp.example ASM: x",
            "Sep  9 13:35:00 fw1.corp.example sshd[1]: x",
            "Sep  9 2024 13:35:00 fw1.corp.example sshd[1]: x",
            "2024-05-01T10:34:33.5-03:00 fw1.corp.example x",
            "<34>1 2024-05-01T10:34:33Z fw1.corp.example su - x",
            "2024-05-01 10:34:33,805 fw1.corp.example proftpd[1] x",
        ] {
            assert_eq!(sender(line), Some("fw1.corp.example"), "{line}");
        }
        assert_eq!(sender("evil.example was here"), None);
        assert_eq!(sender("<a>Sep"), None);
        assert_eq!(sender("Sep 19 evil.example"), None);
    }
}
