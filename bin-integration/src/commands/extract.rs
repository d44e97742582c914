//! `extract`: what would be looked up.

use std::collections::HashSet;
use std::path::Path;

use enricher::select::Sighting;
use enricher::{Bundle, Enricher, KindName, Policy};
use ioc_extract::{Extractor, Ioc, Kind, Profile};
use serde::Serialize;

use super::alerts::{Found, alerts};
use super::go_on;
use crate::cli::{Extract, TextKind};
use crate::config::{Config, Places};
use crate::exit::{Exit, Failure};
use crate::input::{Inputs, Unread};
use crate::sink::stdout::Stdout;
use crate::warning_lists;

/// What is printed for one alert.
#[derive(Serialize)]
struct OfAlert<'a> {
    alert_id: &'a str,
    iocs: Vec<Item<'a>>,
}

/// What is printed for one line of text.
#[derive(Serialize)]
struct OfLine<'a> {
    line: u64,
    iocs: Vec<Item<'a>>,
}

/// One IoC.
#[derive(Serialize)]
struct Item<'a> {
    kind: &'static str,
    value: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    path: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    via: &'a str,
    /// Start and end in the field or the line, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<[u32; 2]>,
    /// Whether an address is globally routable; nothing for other kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    global: Option<bool>,
    /// `false` when the policy does not look up this kind; nothing otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<bool>,
}

impl<'a> Item<'a> {
    fn new(ioc: &'a Ioc, path: &'a str, via: &'a str) -> Self {
        Self {
            kind: ioc.kind().as_str(),
            value: ioc.value(),
            path,
            via,
            span: None,
            global: ioc.is_global(),
            asked: None,
        }
    }

    fn of(sighting: &'a Sighting, policy: &Policy, spans: bool) -> Self {
        let asked = policy.asks_for(sighting.ioc.kind());
        let span = sighting.span.as_ref().filter(|_| spans).map(|span| [span.start, span.end]);
        Self {
            span,
            asked: (!asked).then_some(false),
            ..Self::new(&sighting.ioc, &sighting.path, &sighting.via)
        }
    }
}

pub(crate) fn run(arguments: &Extract, file: Option<&Path>) -> Result<(), Failure> {
    let unread = match arguments.text {
        Some(kind) => of_text(Inputs::from_arguments(&arguments.files), kind, arguments.spans)?,
        None => of_alerts(alerts(&arguments.files), file, arguments.spans)?,
    };
    if unread == 0 {
        Ok(())
    } else {
        Err(Failure::new(Exit::Alert, format!("{unread} inputs could not be read")))
    }
}

/// Prints a line for each alert; returns how many could not be read.
fn of_alerts(
    alerts: impl Iterator<Item = Result<Found, Unread>>,
    file: Option<&Path>,
    spans: bool,
) -> Result<u64, Failure> {
    let home = crate::home::locate();
    let places = Places { file, environment: std::env::vars_os().collect(), ..Places::of(&home) };
    let config = Config::load(places).map_err(|error| Failure::from_error(Exit::Usage, &error))?;
    let policy = &config.policy;
    let every_kind = Policy { kinds: Kind::all().map(KindName).collect(), ..policy.clone() };
    // Selecting asks nobody, so an empty bundle will do.
    let enricher = Enricher::new(Bundle::default(), every_kind);
    let enricher = warning_lists::with_lists(enricher, warning_lists::folder(policy, &home))?;
    each(alerts, |found| {
        let selection = enricher.select(&found.alert);
        json(&OfAlert {
            alert_id: found.alert.id(),
            iocs: selection.first_sightings().map(|sighting| Item::of(sighting, policy, spans)).collect(),
        })
    })
}

/// Prints a line for each line of text; returns how many files and lines could not be read.
fn of_text(inputs: Inputs, kind: TextKind, spans: bool) -> Result<u64, Failure> {
    let profile = match kind {
        TextKind::Report => Profile::Report,
        TextKind::Log => Profile::Log,
    };
    let extractor = Extractor::builder().profile(profile).build();
    each(inputs, |input| of_line(&extractor, &String::from_utf8_lossy(&input.text), input.number, spans))
}

/// Prints what `line` makes of each item; returns how many items could not be read.
fn each<T>(
    items: impl Iterator<Item = Result<T, Unread>>,
    line: impl Fn(T) -> Result<String, Failure>,
) -> Result<u64, Failure> {
    let mut out = Stdout::new();
    let mut unread = 0;
    for item in items {
        match item {
            Ok(item) => {
                if !go_on(out.line(&line(item)?))? {
                    return Ok(unread);
                }
            }
            Err(error) => {
                tracing::warn!("{error}");
                unread += 1;
            }
        }
    }
    go_on(out.flush())?;
    Ok(unread)
}

fn of_line(extractor: &Extractor, text: &str, line: u64, spans: bool) -> Result<String, Failure> {
    let found: Vec<(Ioc, String, Option<[u32; 2]>)> = extractor
        .scan(text)
        .map(|found| {
            let span = u32::try_from(found.span.start).ok().zip(u32::try_from(found.span.end).ok());
            (found.ioc(), found.via.to_string(), span.filter(|_| spans).map(<[u32; 2]>::from))
        })
        .collect();
    let mut seen = HashSet::new();
    let first = found.iter().filter(|(ioc, ..)| seen.insert(ioc));
    let iocs = first.map(|(ioc, via, span)| Item { span: *span, ..Item::new(ioc, "", via) }).collect();
    json(&OfLine { line, iocs })
}

fn json(line: &impl Serialize) -> Result<String, Failure> {
    // Strings and numbers: this is a defect if ever.
    serde_json::to_string(line).map_err(|error| Failure::from_error(Exit::Defect, &error))
}
