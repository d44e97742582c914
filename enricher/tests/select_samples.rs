//! What is selected from hand-written alerts, one file for each kind of event: adding a case is adding a file to
//! `samples` and reading its snapshot.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, in its helpers, too")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use enricher::Policy;
use enricher::select::{Role, Selection, select};
use ioc_extract::{Ioc, Kind};
use wazuh_alert::Alert;

/// Every sample with its name, in the order of their names.
fn samples() -> Vec<(String, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut samples: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    samples.sort();
    samples
}

/// Looks up every kind, and what is set aside for documentation, since the samples have nothing else.
fn policy() -> Policy {
    let kinds: Vec<&str> = Kind::all().map(Kind::as_str).collect();
    serde_json::from_value(serde_json::json!({ "kinds": kinds, "lookup_private_addresses": true })).unwrap()
}

/// One line for each sighting: object, kind, value, path, role, decodings; then one for each value left out.
fn show(selection: &Selection) -> String {
    let mut out = String::new();
    for seen in &selection.sightings {
        let role = match seen.role {
            Role::Seen => "",
            Role::Source => " source",
            Role::Destination => " destination",
            Role::Image => " image",
        };
        let via = if seen.via.is_empty() { String::new() } else { format!(" via {}", seen.via) };
        writeln!(
            out,
            "{:>2} {:20} {}  @{}{role}{via}",
            seen.object,
            seen.ioc.kind().as_str(),
            seen.ioc,
            seen.path
        )
        .unwrap();
    }
    for left_out in &selection.left_out {
        let reason = left_out.reason.as_str();
        writeln!(out, " - {:20} {}  @{} ({reason})", left_out.kind.as_str(), left_out.text, left_out.path)
            .unwrap();
    }
    out
}

#[test]
fn samples_give_what_they_should() {
    let extractor = enricher::extractor();
    let policy = policy();
    for (name, path) in samples() {
        let bytes = std::fs::read(&path).unwrap();
        let alert = Alert::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let shown = show(&select(&alert, &extractor, &policy));
        insta::with_settings!({ snapshot_suffix => name.as_str(), omit_expression => true, description => name.as_str() }, {
            insta::assert_snapshot!("sample", shown);
        });
    }
}

#[test]
fn every_family_has_a_sample() {
    let samples: Vec<Alert> =
        samples().into_iter().map(|(_, path)| Alert::parse(&std::fs::read(path).unwrap()).unwrap()).collect();
    for family in enricher::catalogue::FAMILIES {
        let paths: Vec<String> =
            family.fields.iter().map(|field| field.alert_path().to_lowercase()).collect();
        let is_sampled =
            samples.iter().any(|alert| alert.leaves().any(|leaf| paths.contains(&leaf.path.to_lowercase())));
        assert!(is_sampled, "no file in tests/samples has a field of the family `{}`", family.name);
    }
}

#[test]
fn spans_are_where_the_values_stand() {
    let extractor = enricher::extractor();
    let policy = policy();
    let mut plain = 0;
    for (name, path) in samples() {
        let alert = Alert::parse(&std::fs::read(&path).unwrap()).unwrap();
        for seen in &select(&alert, &extractor, &policy).sightings {
            let Some(span) = &seen.span else {
                // Only what auditd writes piece by piece has no place of its own.
                assert_eq!(
                    (seen.path.as_str(), alert.decoder_name()),
                    ("full_log", "auditd"),
                    "{name}: {seen:?}"
                );
                continue;
            };
            let span = span.start as usize..span.end as usize;
            // Of a list, the span is in one of its elements.
            let parts: Vec<&str> =
                alert.texts(&seen.path).filter_map(|text| text.get(span.clone())).collect();
            assert!(!parts.is_empty(), "{name}: {seen:?}");
            if seen.via.is_empty() {
                let is_there = parts.iter().any(|part| holds(part, &seen.ioc));
                assert!(is_there, "{name}: {seen:?} in {parts:?}");
                plain += 1;
            }
        }
    }
    assert!(plain > 200, "{plain}");
}

/// Whether a part of a field holds a value: as it is, or in another spelling.
fn holds(part: &str, ioc: &Ioc) -> bool {
    let is_it = |text: &str| Ioc::parse(ioc.kind(), text).is_ok_and(|read| read == *ioc);
    // sysmon writes a pipe without what it is below.
    let is_pipe = ioc.kind() == Kind::NamedPipe && ioc.value().ends_with(part);
    // IIS writes `+` for a blank.
    let is_agent = ioc.kind() == Kind::UserAgent && part.replace('+', " ") == ioc.value();
    is_pipe
        || is_agent
        || part.to_lowercase().contains(&ioc.value().to_lowercase())
        || is_it(part)
        || is_it(part.trim_matches('"'))
}
