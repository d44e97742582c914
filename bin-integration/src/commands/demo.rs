//! `demo`: the whole way on alerts and intelligence that come with the program.

use std::fmt::Write as _;
use std::io::Write as _;

use enricher::{Bundle, Enriched, Enricher, Event, EventType, Policy};
use jiff::Timestamp;
use wazuh_alert::Alert;

use super::go_on;
use crate::exit::{Exit, Failure};
use crate::sink::stdout::Stdout;
use crate::text::one_line;

const ALERTS: &str = include_str!("../../../examples/demo/alerts.jsonl");
/// The day of the alerts, so that the demonstration is the same for ever.
const NOW: &str = "2026-04-02T09:00:00Z";
const INTEL: &str = include_str!("../../../examples/demo/intel.json");

pub(crate) fn run() -> Result<(), Failure> {
    let bundle =
        Bundle::from_slice(INTEL.as_bytes()).map_err(|error| Failure::from_error(Exit::Defect, &error))?;
    let known =
        format!("{} indicators and {} observables", bundle.indicators().len(), bundle.observables().len());
    // The addresses and names in it are those reserved for documentation, which are not looked up otherwise.
    let policy = Policy { lookup_private_addresses: true, ..Policy::default() };
    let enricher = Enricher::new(bundle, policy);
    let now = NOW.parse::<Timestamp>().map_err(|error| Failure::from_error(Exit::Defect, &error))?;
    let mut out = Stdout::new();
    let mut summary = Summary::default();
    for line in ALERTS.lines() {
        let alert =
            Alert::parse(line.as_bytes()).map_err(|error| Failure::from_error(Exit::Defect, &error))?;
        let enriched = crate::runtime::block_on(enricher.enrich(&alert, now))
            .map_err(|error| Failure::from_error(Exit::Defect, &error))?
            .map_err(|error| Failure::from_error(Exit::Unreachable, &error))?;
        for event in &enriched.events {
            if !go_on(out.line(&event.to_json()))? {
                return Ok(());
            }
        }
        summary.add(&alert, &enriched);
    }
    go_on(out.flush())?;
    // When nobody reads standard error there is nobody to tell.
    let _ = std::io::stderr().write_all(summary.end(&known).as_bytes());
    Ok(())
}

/// What a person reads.
#[derive(Default)]
struct Summary {
    text: String,
    alerts: usize,
    iocs: usize,
    events: usize,
}

impl Summary {
    fn add(&mut self, alert: &Alert, enriched: &Enriched) {
        self.alerts += 1;
        self.iocs += enriched.selection.first_sightings().count();
        self.events += enriched.events.len();
        let agent = alert.agent_name().unwrap_or("the manager");
        let line = format!("{}  {agent}: {}", alert.id(), alert.rule_description());
        let _ = writeln!(self.text, "\n{}", one_line(&line, 118));
        for event in &enriched.events {
            let place = event.text("opencti.match.path").unwrap_or("?");
            let _ = writeln!(self.text, "  -> {}", one_line(&sentence(event), 113));
            let _ = writeln!(self.text, "     {} in {}", event.event_type().as_str(), one_line(place, 60));
        }
        if enriched.events.is_empty() {
            let reason = match (enriched.selection.sightings.len(), enriched.set_aside.first()) {
                (0, _) => "nothing to look up".to_owned(),
                (_, Some(aside)) => {
                    format!("an indicator came back and is not reported: {}", aside.reason.as_str())
                }
                _ => "looked up, and nothing is known".to_owned(),
            };
            let _ = writeln!(self.text, "  -- {reason}");
        }
    }

    fn end(self, known: &str) -> String {
        let Self { text, alerts, iocs, events } = self;
        format!(
            "{text}\n{alerts} alerts, {iocs} IoCs looked up among {known}, {events} events.\n\
             Standard output has the events as Wazuh gets them. Next: custom-opencti setup, or your own alerts:\n\
             custom-opencti enrich --intel BUNDLE.json ALERTS.json\n"
        )
    }
}

/// An event in words.
pub(super) fn sentence(event: &Event) -> String {
    let text = |path| event.text(path).unwrap_or("?");
    let value = text("opencti.match.value");
    let name = text("opencti.indicator.name");
    match event.event_type() {
        EventType::IndicatorPatternMatch => format!("{value} is indicator \"{name}\""),
        EventType::IndicatorPartialPatternMatch => format!("{value} is part of indicator \"{name}\""),
        EventType::ObservableWithIndicator => format!("{value} is an observable of indicator \"{name}\""),
        EventType::ObservableWithRelatedIndicator => {
            let (related, name) = (text("opencti.related.value"), text("opencti.related.indicator.name"));
            format!("{value} is related to {related} of indicator \"{name}\"")
        }
        _ => text("opencti.error").to_owned(),
    }
}
