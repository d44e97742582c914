//! `opencti.source`: what an analyst wants to know of the alert without opening it.

use wazuh_alert::Alert;

use super::write::Body;

/// A field of `opencti.source` and where the alert may hold it, the first that is there wins.
///
/// The names are those that existing rules and dashboards use.
const FROM_ALERT: &[(&str, &[&str])] = &[
    ("file", &["syscheck.path", "data.osquery.columns.path", "data.osquery.columns.target_path"]),
    ("md5", &["syscheck.md5_after", "data.osquery.columns.md5"]),
    ("sha1", &["syscheck.sha1_after", "data.osquery.columns.sha1"]),
    ("sha256", &["syscheck.sha256_after", "data.osquery.columns.sha256"]),
    ("in_iface", &["data.in_iface"]),
    ("srcintf", &["data.srcintf"]),
    ("dstintf", &["data.dstintf"]),
    ("src_ip", &["data.src_ip"]),
    ("srcip", &["data.srcip"]),
    ("src_port", &["data.src_port"]),
    ("srcport", &["data.srcport"]),
    ("src_mac", &["data.src_mac"]),
    ("srcmac", &["data.srcmac"]),
    ("dest_ip", &["data.dest_ip"]),
    ("dstip", &["data.dstip"]),
    ("dest_port", &["data.dest_port"]),
    ("dstport", &["data.dstport"]),
    ("dst_mac", &["data.dst_mac"]),
    ("dstmac", &["data.dstmac"]),
    ("proto", &["data.proto", "data.protocol"]),
    ("app_proto", &["data.app_proto"]),
    ("action", &["data.action"]),
    ("srcuser", &["data.srcuser"]),
    ("dstuser", &["data.dstuser"]),
    ("url", &["data.url", "data.http.url"]),
    ("alert.signature", &["data.alert.signature"]),
    ("alert.signature_id", &["data.alert.signature_id"]),
    ("alert.category", &["data.alert.category"]),
    ("alert.action", &["data.alert.action"]),
    ("alert.severity", &["data.alert.severity"]),
    (
        "queryName",
        &[
            "data.win.eventdata.queryName",
            "data.dns.question.name",
            "data.dns.rrname",
            "data.dns.query.rrname",
        ],
    ),
    ("image", &["data.win.eventdata.image", "data.eventdata.image"]),
    ("commandLine", &["data.win.eventdata.commandLine", "data.eventdata.commandLine"]),
    ("success", &["data.audit.success"]),
    ("key", &["data.audit.key"]),
    ("uid", &["data.audit.uid"]),
    ("gid", &["data.audit.gid"]),
    ("euid", &["data.audit.euid"]),
    ("egid", &["data.audit.egid"]),
    ("exe", &["data.audit.exe"]),
    ("exit", &["data.audit.exit"]),
    ("pid", &["data.audit.pid"]),
];

/// Writes the whole of `opencti.source`.
pub(super) fn put(body: &mut Body, alert: &Alert) {
    body.put("source.alert_id", alert.id());
    body.put("source.rule_id", alert.rule_id());
    body.put("source.rule_description", alert.rule_description());
    for (key, paths) in FROM_ALERT {
        if let Some(text) = paths.iter().find_map(|path| alert.text(path)) {
            body.put(&format!("source.{key}"), text);
        }
    }
    body.put("source.queryResults", &query_results(alert));
    body.put("source.execve", &execve(alert));
}

/// The answers to a DNS query, joined by `;`.
fn query_results(alert: &Alert) -> String {
    if let Some(text) = alert.text("data.win.eventdata.queryResults") {
        return text.to_owned();
    }
    let answers = ["data.dns.answers.data", "data.dns.answers.rdata"];
    answers.iter().flat_map(|path| alert.texts(path)).collect::<Vec<_>>().join(";")
}

/// The arguments of an `execve`, in their order: `a2` stands before `a10`.
fn execve(alert: &Alert) -> String {
    let mut arguments: Vec<(u32, &str)> = alert
        .leaves()
        .filter_map(|leaf| {
            let number = leaf.path.strip_prefix("data.audit.execve.a")?.parse().ok()?;
            Some((number, leaf.text))
        })
        .collect();
    arguments.sort_by_key(|(number, _)| *number);
    arguments.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(data: &str) -> Alert {
        Alert::parse(format!(r#"{{"id":"1.2","rule":{{"id":"3"}},"data":{data}}}"#).as_bytes()).unwrap()
    }

    #[test]
    fn arguments_are_sorted_as_numbers() {
        let alert = alert(r#"{"audit":{"execve":{"a0":"curl","a1":"-o","a10":"last","a2":"x"}}}"#);
        assert_eq!(execve(&alert), "curl -o x last");
    }

    #[test]
    fn answers_are_joined() {
        let alert = alert(r#"{"dns":{"answers":[{"data":"198.51.100.1"},{"data":"198.51.100.2"}]}}"#);
        assert_eq!(query_results(&alert), "198.51.100.1;198.51.100.2");
    }

    #[test]
    fn every_source_field_is_documented() {
        for (key, _) in FROM_ALERT {
            let path = format!("source.{key}");
            assert!(super::super::FIELDS.iter().any(|f| f.path == path), "{path} is not in FIELDS");
        }
    }
}
