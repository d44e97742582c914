//! Precision and recall of the selection on real alerts that people labelled.
//!
//! Run with `CONFORMANCE_DATA` set to the folder of the conformance data; every difference is printed.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, in its helpers, too")]
#![expect(clippy::print_stderr, reason = "a test that did not run says so, and figures are there to be read")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use enricher::Policy;
use enricher::select::select;
use ioc_extract::{Ioc, Kind};
use serde::Deserialize;
use wazuh_alert::Alert;

/// The kinds whose precision and recall must be reached.
const MAIN: &[Kind] = &[
    Kind::Ipv4Addr,
    Kind::Ipv6Addr,
    Kind::DomainName,
    Kind::Url,
    Kind::EmailAddr,
    Kind::Md5,
    Kind::Sha1,
    Kind::Sha256,
    Kind::Sha512,
    Kind::RegistryKey,
    Kind::Cve,
];

/// The kinds that are reported beside them.
const OTHER: &[Kind] = &[Kind::FileName, Kind::UserAgent, Kind::Imphash];

#[derive(Deserialize)]
struct Labelled {
    _id: String,
    iocs: Vec<Label>,
    traps: Vec<Trap>,
    note: Option<String>,
}

#[derive(Deserialize)]
struct Label {
    kind: String,
    value: String,
    #[serde(default)]
    reserved: bool,
}

#[derive(Deserialize)]
struct Trap {
    value: String,
}

#[derive(Deserialize)]
struct Id {
    _id: String,
}

/// What was found, missed and found wrongly of one kind.
#[derive(Clone, Copy, Default)]
struct Count {
    right: usize,
    wrong: usize,
    missed: usize,
}

impl Count {
    fn precision(self) -> f64 {
        share(self.right, self.wrong)
    }

    fn recall(self) -> f64 {
        share(self.right, self.missed)
    }

    fn add(self, other: Self) -> Self {
        Self {
            right: self.right + other.right,
            wrong: self.wrong + other.wrong,
            missed: self.missed + other.missed,
        }
    }
}

/// The share of `part` in `part` and `rest`; all of nothing.
fn share(part: usize, rest: usize) -> f64 {
    if part + rest == 0 { 1.0 } else { part as f64 / (part + rest) as f64 }
}

fn data() -> Option<PathBuf> {
    let Some(root) = std::env::var_os("CONFORMANCE_DATA") else {
        eprintln!("skipped: CONFORMANCE_DATA is not set");
        return None;
    };
    Some(Path::new(&root).join("alerts"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn policy() -> Policy {
    let kinds: Vec<&str> = MAIN.iter().chain(OTHER).map(|kind| kind.as_str()).collect();
    serde_json::from_value(serde_json::json!({ "kinds": kinds })).unwrap()
}

#[test]
fn real_alerts_give_what_people_labelled() {
    let Some(folder) = data() else { return };
    let alerts = read(&folder.join("real.jsonl"));
    let alerts: HashMap<String, &str> =
        alerts.lines().map(|line| (serde_json::from_str::<Id>(line).unwrap()._id, line)).collect();
    let extractor = enricher::extractor();
    let policy = policy();

    let mut counts: BTreeMap<Kind, Count> = BTreeMap::new();
    let mut sprung = Vec::new();
    let labelled = read(&folder.join("gold.jsonl"));
    for line in labelled.lines() {
        let gold: Labelled = serde_json::from_str(line).unwrap();
        let alert = Alert::parse(alerts[&gold._id].as_bytes()).unwrap();
        let found: BTreeSet<(Kind, String)> = select(&alert, &extractor, &policy)
            .iocs()
            .into_iter()
            .filter(|ioc| ioc.reserved().is_none())
            .map(|ioc| (ioc.kind(), ioc.value().to_owned()))
            .collect();
        let wanted: BTreeSet<(Kind, String)> = gold
            .iocs
            .iter()
            .filter_map(|label| {
                let kind: Kind = label.kind.parse().ok()?;
                // Labels give registry keys as written, so both sides are compared in canonical form.
                let ioc = Ioc::parse(kind, &label.value).ok();
                let reserved = label.reserved || ioc.as_ref().is_some_and(|ioc| ioc.reserved().is_some());
                let value = ioc.map_or_else(|| label.value.clone(), |ioc| ioc.value().to_owned());
                (!reserved).then_some((kind, value))
            })
            .collect();
        for trap in &gold.traps {
            if found
                .iter()
                .any(|(kind, value)| MAIN.contains(kind) && value.eq_ignore_ascii_case(&trap.value))
            {
                sprung.push(format!("{} {}", gold._id, trap.value));
            }
        }
        if gold.note.is_some() {
            continue;
        }
        for (kind, value) in found.union(&wanted) {
            let count = counts.entry(*kind).or_default();
            let item = (*kind, value.clone());
            match (found.contains(&item), wanted.contains(&item)) {
                (true, true) => count.right += 1,
                (true, false) => {
                    count.wrong += 1;
                    eprintln!("wrong  {} {kind} {value}", gold._id);
                }
                _ => {
                    count.missed += 1;
                    eprintln!("missed {} {kind} {value}", gold._id);
                }
            }
        }
    }

    let main =
        MAIN.iter().filter_map(|kind| counts.get(kind)).fold(Count::default(), |sum, count| sum.add(*count));
    eprintln!("{:22} {:>9} {:>6}   right wrong missed", "kind", "precision", "recall");
    let line = |name: &str, count: Count| {
        eprintln!(
            "{name:22} {:9.4} {:6.4} {:7} {:5} {:6}",
            count.precision(),
            count.recall(),
            count.right,
            count.wrong,
            count.missed
        );
    };
    line("all main kinds", main);
    for kind in MAIN.iter().chain(OTHER) {
        if let Some(count) = counts.get(kind) {
            line(kind.as_str(), *count);
        }
    }

    assert!(sprung.is_empty(), "traps came out: {sprung:#?}");
    assert!(main.precision() >= 0.99, "precision over all main kinds is {:.4}", main.precision());
    assert!(main.recall() >= 0.99, "recall over all main kinds is {:.4}", main.recall());
    for kind in MAIN {
        let count = counts.get(kind).copied().unwrap_or_default();
        assert!(count.precision() >= 0.95, "precision of {kind} is {:.4}", count.precision());
        assert!(count.recall() >= 0.95, "recall of {kind} is {:.4}", count.recall());
    }
}

#[test]
fn every_sighting_stands_in_the_event() {
    let Some(folder) = data() else { return };
    let kinds: Vec<&str> = Kind::all().map(Kind::as_str).collect();
    let policy: Policy =
        serde_json::from_value(serde_json::json!({ "kinds": kinds, "lookup_private_addresses": true }))
            .unwrap();
    let extractor = enricher::extractor();
    for line in read(&folder.join("real.jsonl")).lines() {
        let alert = Alert::parse(line.as_bytes()).unwrap();
        let selection = select(&alert, &extractor, &policy);
        let paths = selection.sightings.iter().map(|seen| seen.path.as_str());
        for path in paths.chain(selection.left_out.iter().map(|left_out| left_out.path.as_str())) {
            assert!(
                path.starts_with("data.") || path.starts_with("syscheck.") || path == "full_log",
                "alert {}: `{path}` is not part of the event",
                alert.id()
            );
            assert!(alert.texts(path).next().is_some(), "alert {}: there is no `{path}`", alert.id());
        }
    }
}
