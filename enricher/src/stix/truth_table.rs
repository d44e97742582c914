//! What feeds write × what an alert saw: the table in `truth_table.txt`. Adding a case is adding a line.

use ioc_extract::{Ioc, Kind};
use jiff::Timestamp;
use opencti_client::Indicator;

use super::{Atoms, Evaluation, How, ObjectId, Pattern, SeenBuilder};
use crate::event::EventType;
use crate::lookup::Findings;
use crate::matching::{match_all, stix_property};
use crate::policy::{Policy, SetAside};
use crate::select::{Role, Selection, Sighting};

const HASHES: [(&str, &str); 4] = [
    ("md5", "0cc175b9c0f1b6a831c399e269772661"),
    ("sha1", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
    ("sha256", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
    (
        "sha512",
        "1f40fc92da241694750979ee6cf582f2d5d7d28e18335de05abc54d0560e0f5302860c652bf08d560252aa5e74210546f369fbbbce8c12cfc7957b2652fe9a75",
    ),
];

fn expand(text: &str) -> String {
    HASHES.iter().fold(text.trim().to_owned(), |text, (name, hash)| {
        text.replace(&format!("{{{name}}}"), hash)
            .replace(&format!("{{{}}}", name.to_uppercase()), &hash.to_uppercase())
    })
}

/// The alert of a row. Values are numbered in the order in which they stand.
fn seen(text: &str) -> SeenBuilder {
    let mut seen = SeenBuilder::new();
    let objects: Vec<(&str, &str)> =
        text.split(" ; ").map(|object| object.split_once(':').expect("an object has a type")).collect();
    let ids: Vec<ObjectId> = objects.iter().map(|(object_type, _)| seen.object(object_type.trim())).collect();
    let mut ioc = 0;
    for ((_, properties), id) in objects.iter().zip(&ids) {
        for property in properties.split(" & ") {
            let (path, value) = property.trim().split_once('=').expect("a property has a value");
            if let Some(target) = value.strip_prefix('>') {
                seen.refer(*id, path, ids[target.parse::<usize>().expect("an object's number")]);
                continue;
            }
            if let Some(wider) = value.strip_prefix('^') {
                let how = if wider.contains("://") { How::ParentUrl } else { How::ParentDomain };
                seen.set_wider(*id, path, wider, ioc, how);
            } else if let Some(number) = value.strip_prefix('#') {
                seen.set(*id, path, number.parse::<i64>().expect("a number"), ioc);
            } else {
                seen.set(*id, path, value, ioc);
            }
            ioc += 1;
        }
    }
    seen
}

fn outcome(evaluation: &Evaluation) -> String {
    let mut words = match (evaluation.whole, evaluation.partial) {
        (true, false) => vec!["whole".to_owned()],
        (false, true) => vec!["partial".to_owned()],
        (false, false) => vec!["none".to_owned()],
        (true, true) => panic!("both whole and partial"),
    };
    words.extend(evaluation.hits.iter().map(|hit| hit.how.as_str().to_owned()));
    words.extend(evaluation.unsupported.map(|reason| format!("!{}", reason.as_str())));
    words.join(" ")
}

fn rows() -> impl Iterator<Item = [String; 4]> {
    include_str!("truth_table.txt")
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| {
            let cells: Vec<String> = line.split(" | ").map(expand).collect();
            cells.try_into().unwrap_or_else(|cells| panic!("a row has four cells: {cells:?}"))
        })
}

#[test]
fn every_row_comes_out_as_written() {
    let at = "2026-04-02T08:00:00Z".parse().expect("a time");
    let mut wrong = Vec::new();
    let mut count = 0;
    for [pattern, alert, expected, _] in rows() {
        count += 1;
        let parsed = Pattern::parse_lenient(&pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let got = outcome(&parsed.evaluate(&seen(&alert).build(), Some(at)));
        if got != expected {
            wrong.push(format!("{pattern}\n    on {alert}\n    expected {expected}, got {got}"));
        }
    }
    assert!(count >= 200, "{count} rows");
    assert!(wrong.is_empty(), "{} of {count} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The same alert as the pipeline has it; `None` when something in it is no IoC.
fn selection(text: &str) -> Option<Selection> {
    let objects: Vec<(&str, &str)> = text.split(" ; ").filter_map(|object| object.split_once(':')).collect();
    let mut roles = vec![Role::Seen; objects.len()];
    let mut selection = Selection::default();
    for ((object_type, properties), object) in objects.iter().zip(0_u32..) {
        for property in properties.split(" & ") {
            let (path, value) = property.trim().split_once('=')?;
            if let Some(target) = value.strip_prefix('>') {
                let role = match (object_type.trim(), path) {
                    ("network-traffic", "src_ref") => Role::Source,
                    ("network-traffic", "dst_ref") => Role::Destination,
                    _ => return None,
                };
                roles[target.parse::<usize>().ok()?] = role;
                continue;
            }
            let kind = Kind::all().find(|kind| stix_property(*kind) == Some((object_type.trim(), path)))?;
            // The parents of a name are added to it by the pipeline; nothing is added to a URL.
            let value = match value.strip_prefix('^') {
                Some(parent) if kind == Kind::DomainName => format!("www.{parent}"),
                Some(_) => return None,
                None => value.to_owned(),
            };
            let ioc = Ioc::parse(kind, &value).ok()?;
            // The extractor gives the last name of a path.
            if kind == Kind::FileName && ioc.value() != value {
                return None;
            }
            selection.sightings.push(Sighting {
                ioc,
                path: "data.field".to_owned(),
                span: None,
                via: String::new(),
                role: Role::Seen,
                object,
            });
        }
    }
    for sighting in &mut selection.sightings {
        sighting.role = roles[sighting.object as usize];
    }
    Some(selection)
}

/// What becomes of an indicator with the pattern: the word of the event, or of the reason why there is none.
fn reported(pattern: &str, selection: &Selection, at: Timestamp) -> &'static str {
    let indicator = Indicator {
        id: "indicator".to_owned(),
        pattern: Some(pattern.to_owned()),
        pattern_type: Some("stix".to_owned()),
        ..Indicator::default()
    };
    let findings = Findings { indicators: vec![indicator], ..Findings::default() };
    // What a pattern is true of, however much that is.
    let policy = Policy { ignore_broad: false, ..Policy::default() };
    let matches = match_all(selection, &findings, &policy, at);
    match (matches.indicators.first(), matches.set_aside.first()) {
        (Some(found), _) => found.event_type.as_str(),
        (None, Some(aside)) => aside.reason.as_str(),
        (None, None) => "nothing",
    }
}

#[test]
fn every_row_becomes_its_event() {
    let at = "2026-04-02T08:00:00Z".parse().expect("a time");
    let mut wrong = Vec::new();
    let mut by_pipeline = 0;
    for [pattern, alert, outcome, event] in rows() {
        let got = match selection(&alert) {
            Some(selection) => {
                by_pipeline += 1;
                reported(&pattern, &selection, at)
            }
            // What is no IoC yet is judged as the pipeline would.
            None => {
                let parsed = Pattern::parse_lenient(&pattern).expect("a pattern");
                match outcome.split(' ').next() {
                    Some("whole") => EventType::IndicatorPatternMatch.as_str(),
                    Some("partial") => EventType::IndicatorPartialPatternMatch.as_str(),
                    _ if parsed.atoms() == Atoms::default() => SetAside::OnlyNegative.as_str(),
                    _ => SetAside::NotTrue.as_str(),
                }
            }
        };
        if got != event {
            wrong.push(format!("{pattern}\n    on {alert}\n    expected {event}, got {got}"));
        }
    }
    assert!(by_pipeline >= 200, "only {by_pipeline} rows went through the pipeline");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Whoever looks a pattern up by its atoms must not miss an alert of which it is true.
#[test]
fn atoms_find_every_row_that_hits() {
    use super::{Atom, AtomValue};
    let at = "2026-04-02T08:00:00Z".parse().expect("a time");
    for [pattern, alert, ..] in rows() {
        let parsed = Pattern::parse_lenient(&pattern).expect("a pattern");
        let evaluation = parsed.evaluate(&seen(&alert).build(), Some(at));
        let atoms = parsed.atoms();
        if evaluation.hits.is_empty() || !atoms.unindexed.is_empty() {
            continue;
        }
        let values = alert.split(" ; ").flat_map(|object| {
            let (object_type, properties) = object.split_once(':').expect("an object has a type");
            properties.split(" & ").filter_map(move |property| {
                let (path, value) = property.trim().split_once('=')?;
                (!value.starts_with('>'))
                    .then(|| Atom::new(object_type.trim(), path, value.trim_start_matches(['^', '#'])))
            })
        });
        let found = values.into_iter().any(|seen| {
            atoms.atoms.iter().any(|atom| match (&atom.value, &seen.value) {
                (AtomValue::Network(network), AtomValue::Network(seen)) => network.contains(seen),
                _ => *atom == seen,
            })
        });
        assert!(found, "{pattern}\n    on {alert}: {:?}", atoms.atoms);
    }
}
