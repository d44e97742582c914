//! What only the log line holds.

use wazuh_alert::Alert;

use super::auditd;
use super::walk::{Reading, Walker};

const PATH: &str = "full_log";

/// Decoders whose log lines are made of compliance texts, with links and examples, or repeat `syscheck`.
const WITHOUT_IOCS: &[&str] = &["oscap", "sca", "ciscat", "syscheck_", "vulnerability-detector"];

/// Decoders of antivirus products: a path in their lines is that of the file found.
const ANTIVIRUS: &[&str] =
    &["symantec-av", "trend-osce", "mcafee", "sophos", "kaspersky", "eset", "clamd", "f-secure", "vipre", "mse"];

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
pub(super) fn read(walker: &mut Walker<'_>, log: &str) {
    if walker.source.is_decoder("auditd") {
        for command in auditd::commands(log) {
            walker.text(PATH, &command.plain, &Reading::default());
            walker.text(PATH, &command.decoded, &Reading { via: "hex", ..Reading::default() });
        }
        return;
    }
    let names_files = ANTIVIRUS.iter().any(|name| walker.source.is_decoder(name));
    let reading = Reading { names_files, ..Reading::default() };
    if walker.source.is_decoder("web-accesslog")
        && let Some((start, agent)) = user_agent(log)
    {
        walker.text(PATH, log.get(..start).unwrap_or_default(), &reading);
        let object = walker.next_object();
        walker.user_agent(PATH, agent, object);
        return;
    }
    walker.text(PATH, log, &reading);
}

/// The user agent of the combined log format, the last string in quotes, and where it begins.
fn user_agent(log: &str) -> Option<(usize, &str)> {
    // "request" status bytes "referer" "agent", perhaps with more strings behind it.
    let mut quotes = log.match_indices('"').map(|(at, _)| at).filter(|&at| at == 0 || log.as_bytes().get(at - 1) != Some(&b'\\'));
    let mut strings = Vec::new();
    while let Some(open) = quotes.next() {
        let Some(close) = quotes.next() else { break };
        strings.push(open + 1..close);
        if strings.len() == 3 {
            break;
        }
    }
    let span = strings.get(2)?.clone();
    let agent = log.get(span.clone())?;
    Some((span.start, agent))
}
