//! What only the log line holds.

use std::ops::Range;

use wazuh_alert::Alert;

use super::walk::{Reading, Walker};
use super::{Role, auditd, read};

pub(super) const PATH: &str = "full_log";

/// Decoders whose log lines are made of compliance texts, with links and examples, or repeat `syscheck`.
const WITHOUT_IOCS: &[&str] = &["oscap", "sca", "ciscat", "syscheck_", "vulnerability-detector"];

/// Decoders of antivirus products: a path in their lines is that of the file found.
const ANTIVIRUS: &[&str] = &[
    "symantec-av",
    "trend-osce",
    "mcafee",
    "sophos",
    "kaspersky",
    "eset",
    "clamd",
    "f-secure",
    "vipre",
    "mse",
];

/// Whether the decoded fields hold everything that the log line does.
pub(super) fn is_redundant(alert: &Alert, log: &str) -> bool {
    let is_json = log.trim_start().starts_with('{');
    let decoder = alert.decoder_name();
    if WITHOUT_IOCS.iter().any(|name| decoder.starts_with(name)) {
        return true;
    }
    is_json && alert.leaves().any(|leaf| leaf.path.starts_with("data."))
}

/// Reads the log line. What the fields have given does not count again.
pub(super) fn read_log(walker: &mut Walker<'_>, log: &str) {
    if walker.source.is_decoder("auditd") {
        for command in auditd::commands(log) {
            let (line, via) = match command.decoded.is_empty() {
                true => (&command.plain, ""),
                false => (&command.decoded, "hex"),
            };
            let object = walker.next_object();
            walker.command_line(PATH, line, object, via);
            walker.text(PATH, &command.plain, &Reading::default());
            walker.text(PATH, &command.decoded, &Reading { via: "hex", ..Reading::default() });
        }
        for (address, role, via) in auditd::addresses(log) {
            walker.text(
                PATH,
                &address,
                &Reading { role, via, only: Some(read::HOSTS), ..Reading::default() },
            );
        }
        return;
    }
    if walker.source.is_decoder("squid") {
        for host in log.split_ascii_whitespace().filter_map(squid_peer) {
            let object = walker.next_object();
            walker.hosts(PATH, host, Role::Destination, object);
        }
    }
    let names_files = ANTIVIRUS.iter().any(|name| walker.source.is_decoder(name));
    let reading = Reading { names_files, ..Reading::default() };
    if walker.source.is_decoder("web-accesslog")
        && let Some(agent) = user_agent(log)
    {
        walker.text(PATH, log.get(..agent.start).unwrap_or_default(), &reading);
        let object = walker.next_object();
        walker.user_agent(PATH, log.get(agent.clone()).unwrap_or_default(), object);
        walker.text(PATH, log.get(agent.end..).unwrap_or_default(), &reading);
        return;
    }
    walker.text(PATH, log, &reading);
}

/// The server that squid asked, of its field for that: `HIER_DIRECT/192.0.2.1`.
fn squid_peer(word: &str) -> Option<&str> {
    let (code, host) = word.split_once('/')?;
    ["DIRECT", "PARENT", "SIBLING_HIT", "CARP", "ORIGINAL_DST"]
        .iter()
        .any(|end| code.ends_with(end))
        .then_some(host)
}

/// Where the user agent of an access log stands.
///
/// The combined format has it as the third string in quotes, behind the request and the referer; that of IIS has
/// `+` for the blanks in it.
fn user_agent(log: &str) -> Option<Range<usize>> {
    let mut quotes = log
        .match_indices('"')
        .map(|(at, _)| at)
        .filter(|&at| at == 0 || log.as_bytes().get(at - 1) != Some(&b'\\'));
    let mut strings = [(0, 0); 3];
    for slot in &mut strings {
        let (Some(open), Some(close)) = (quotes.next(), quotes.next()) else { return iis_user_agent(log) };
        *slot = (open + 1, close);
    }
    let [(from, to), _, (start, end)] = strings;
    let request = log.get(from..to)?;
    let is_request = request == "-"
        || request.contains(" HTTP/")
        || request.starts_with(|char: char| char.is_ascii_uppercase());
    if is_request { Some(start..end) } else { iis_user_agent(log) }
}

fn iis_user_agent(log: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for word in log.split(' ') {
        let product = word.split('+').next().unwrap_or(word);
        let version = product.split_once('/').map(|(_, version)| version);
        if word.contains('+')
            && product.starts_with(|char: char| char.is_ascii_alphabetic())
            && version.is_some_and(|version| version.starts_with(|char: char| char.is_ascii_digit()))
        {
            return Some(start..start + word.len());
        }
        start += word.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::user_agent;

    fn agent(log: &str) -> Option<&str> {
        user_agent(log).map(|span| &log[span])
    }

    #[test]
    fn user_agents_of_access_logs() {
        let combined = r#"203.0.113.9 - - [01/May/2024:10:34:33 +0200] "GET /?q=\"a\" HTTP/1.1" 404 1 "-" "Evil/1.0 (X11)""#;
        assert_eq!(agent(combined), Some("Evil/1.0 (X11)"));
        let iis = "2024-05-01 10:34:33 GET / - 80 - 203.0.113.9 Mozilla/5.0+(X11) http://evil.example/ 200";
        assert_eq!(agent(iis), Some("Mozilla/5.0+(X11)"));
        assert_eq!(agent(r#"203.0.113.9 - - [01/May/2024:10:34:33 +0200] "GET / HTTP/1.1" 404 1"#), None);
        assert_eq!(agent(r#"x "a" "b" "c""#), None);
    }
}
