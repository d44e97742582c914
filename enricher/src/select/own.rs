//! The names and addresses of the machines that report.

use ioc_extract::Ioc;
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

/// What the machines that report are called.
pub(super) struct Own<'a> {
    names: Vec<&'a str>,
}

impl<'a> Own<'a> {
    pub(super) fn of(alert: &'a Alert) -> Self {
        let mut names = Vec::new();
        for leaf in alert.leaves() {
            if OWN.contains(&leaf.path) || leaf.path == "location" {
                let name = leaf.text.trim_end_matches('.');
                // Single labels are no domain names, so nothing is ever equal to or below one.
                if name.contains(['.', ':']) {
                    names.push(name);
                }
            }
        }
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
