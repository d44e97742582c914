//! What looks like an IoC in text and is none, by what stands around it in logs.

use std::ops::Range;

use ioc_extract::{Kind, Rejected};

use super::{LeftOutReason, read};

/// The facilities and levels of syslog, which some systems write as `daemon.info`.
const FACILITIES: &[&str] =
    &["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"];

/// Labels before the versions of Microsoft Defender's parts: `NIS: 116.88.0.0`.
const VERSION_LABELS: &[&str] = &["AV:", "AS:", "AM:", "NIS:"];

/// First labels of names such as `os.name`, which are the paths of fields.
const OBJECTS: &[&str] = &[
    "agent",
    "app",
    "client",
    "container",
    "device",
    "domain",
    "event",
    "file",
    "group",
    "host",
    "image",
    "log",
    "network",
    "node",
    "object",
    "os",
    "package",
    "pod",
    "process",
    "property",
    "resource",
    "role",
    "rule",
    "self",
    "server",
    "service",
    "source",
    "target",
    "task",
    "user",
    "vm",
];

/// Names of Microsoft's own machines, which stand in the distinguished names of its audit records.
const INFRASTRUCTURE: &[&str] = &["prod.outlook.com", "prod.exchangelabs.com"];

/// Why what was found at `span` of `text` is no IoC; `None` if nothing speaks against it.
pub(super) fn reason(
    kind: Kind,
    value: &str,
    text: &str,
    span: &Range<usize>,
    is_plain: bool,
) -> Option<LeftOutReason> {
    let reason = match kind {
        Kind::DomainName => {
            let written = text.get(span.clone()).filter(|_| is_plain).unwrap_or(value);
            let after = text.get(span.end..).unwrap_or_default();
            no_domain(value, written, if is_plain { after } else { "" })?
        }
        Kind::Ipv4Addr if is_plain => {
            let before = text.get(..span.start).unwrap_or_default().trim_end();
            VERSION_LABELS
                .iter()
                .any(|label| before.ends_with(label))
                .then_some(Rejected::LooksLikeVersion)?
        }
        // `bob@corp.example@192.0.2.7`: an account that logs in elsewhere.
        Kind::EmailAddr if is_plain && text.get(span.end..).is_some_and(|after| after.starts_with('@')) => {
            Rejected::PartOfPath
        }
        Kind::RegistryKey => return Some(LeftOutReason::OnlyMentioned),
        _ => return None,
    };
    Some(LeftOutReason::NoIoc(reason))
}

fn no_domain(name: &str, written: &str, after: &str) -> Option<Rejected> {
    if read::is_reverse_name(name) || is_below(name, INFRASTRUCTURE) {
        return Some(Rejected::Boilerplate);
    }
    if is_masked(name) {
        return Some(Rejected::Malformed);
    }
    let (rest, last) = written.rsplit_once('.')?;
    if rest.is_empty() {
        return None;
    }
    // `CharSet.Auto`, `TargetInstance.Name`: nobody writes the last label of a host like this.
    let mut letters = last.chars();
    if letters.next().is_some_and(char::is_uppercase) && last.len() > 2 && letters.all(char::is_lowercase) {
        return Some(Rejected::LooksLikeCode);
    }
    // `production.INFO: …` of PHP's loggers.
    if last == "INFO" && rest.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Some(Rejected::LooksLikeCode);
    }
    let (first, last) = name.split_once('.')?;
    let is_facility = FACILITIES.contains(&first)
        || first.strip_prefix("local").is_some_and(|number| matches!(number.as_bytes(), [b'0'..=b'7']));
    if last == "info" && is_facility || last == "name" && OBJECTS.contains(&first) {
        return Some(Rejected::LooksLikeCode);
    }
    // `corp.example/administrator@192.0.2.7`, `corp.example/bob:secret@192.0.2.7`: the realm of an account.
    let account = after.strip_prefix('/')?;
    let account = account.split_ascii_whitespace().next().filter(|account| account.contains('@'))?;
    let end =
        account.find(|char: char| !(char.is_alphanumeric() || matches!(char, '.' | '-' | '_' | '$')))?;
    let behind = account.get(end..)?;
    (end > 0 && behind.starts_with(['@', ':']) && behind.len() > 1).then_some(Rejected::PartOfPath)
}

/// Whether a name is one of these or below one.
fn is_below(name: &str, parents: &[&str]) -> bool {
    parents
        .iter()
        .any(|parent| name.strip_suffix(parent).is_some_and(|head| head.is_empty() || head.ends_with('.')))
}

/// An address that somebody made unrecognisable: `XXX.XXX.XXX.XXX`.
pub(super) fn is_masked(name: &str) -> bool {
    name.len() >= 7
        && name.bytes().filter(|byte| *byte == b'.').count() == 3
        && name.bytes().all(|byte| matches!(byte, b'x' | b'X' | b'y' | b'Y' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::reason;
    use ioc_extract::Kind;

    fn is_noise(text: &str, name: &str) -> bool {
        let start = text.find(name).unwrap();
        reason(Kind::DomainName, &name.to_lowercase(), text, &(start..start + name.len()), true).is_some()
    }

    #[test]
    fn names_in_code_and_logs_are_no_domains() {
        for (text, name) in [
            ("charset = CharSet.Auto;", "CharSet.Auto"),
            ("[ID 800047 daemon.info] refused", "daemon.info"),
            ("[ID 1 local2.info] refused", "local2.info"),
            ("[2024-05-01] production.INFO: started", "production.INFO"),
            ("fields: os.name", "os.name"),
            ("psexec corp.com/bob:secret@192.0.2.7", "corp.com"),
            ("psexec corp.com/bob@192.0.2.7", "corp.com"),
            ("nas XXX.XXX.XXX.XXX", "XXX.XXX.XXX.XXX"),
            ("PTR 9.113.0.203.in-addr.arpa", "9.113.0.203.in-addr.arpa"),
        ] {
            assert!(is_noise(text, name), "{text}");
        }
    }

    #[test]
    fn accounts_and_versions_are_told_by_what_stands_around() {
        let account = "bob@corp.example";
        let is_noise = |text: &str| {
            let start = text.find(account).unwrap();
            reason(Kind::EmailAddr, account, text, &(start..start + account.len()), true).is_some()
        };
        assert!(is_noise("scp a bob@corp.example@192.0.2.7:/tmp"));
        assert!(!is_noise("to bob@corp.example, ann"));
        let version = "AS: 1.239.892.0, NIS: 116.88.0.0";
        assert!(reason(Kind::Ipv4Addr, "116.88.0.0", version, &(22..32), true).is_some());
        assert!(reason(Kind::Ipv4Addr, "203.0.113.9", "from: 203.0.113.9", &(6..17), true).is_none());
    }

    #[test]
    fn names_of_hosts_stay() {
        for (text, name) in [
            ("query Evil-C2.COM", "Evil-C2.COM"),
            ("query evil-c2.info", "evil-c2.info"),
            ("query user.evil-c2.name", "user.evil-c2.name"),
            ("GET evil-c2.com/a", "evil-c2.com"),
            ("GET evil-c2.com/a@b", "evil-c2.com"),
            ("x.xxx", "x.xxx"),
        ] {
            let noise = is_noise(text, name);
            assert_eq!(noise, text.ends_with("a@b"), "{text}");
        }
    }
}
