//! `docs/events.md` is made from the table of fields; this holds the two together.
//!
//! `UPDATE_DOCS=1 cargo test -p enricher --test events_doc` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use enricher::{EventType, FIELDS, Reason};

fn meaning(event_type: EventType) -> &'static str {
    match event_type {
        EventType::IndicatorPatternMatch => "a valid indicator's whole pattern is true of what the alert saw",
        EventType::IndicatorPartialPatternMatch => {
            "one positive term is true but not the whole pattern, or it holds of something wider than what was seen, such as a parent domain"
        }
        EventType::ObservableWithIndicator => "the value is an observable that a valid indicator is based on",
        EventType::ObservableWithRelatedIndicator => {
            "the value's observable is related (`resolves-to`, `related-to`, …) to one that has a valid indicator"
        }
        EventType::Error => {
            "OpenCTI could not be asked, or answered with errors: one event per outage, not one per alert"
        }
        _ => "",
    }
}

fn document() -> String {
    let mut text = String::from(
        "# The event\n\n\
        <!-- Made from `enricher/src/event/fields.rs`: UPDATE_DOCS=1 cargo test -p enricher --test events_doc -->\n\n\
        One datagram, one line, at most 65,535 bytes: `1:opencti:{…}` for agent 000, else\n\
        `1:[ID] (NAME) IP->opencti:{…}`. Beside `integration` (always `opencti`) there is one object, `opencti`. Its values\n\
        are strings, integers that fit 32 bits, booleans, or lists of strings: no nulls, no empty values, no lists of\n\
        objects, no key that comes from data, no string over 32,000 bytes, at most 100 leaves. What does not fit is cut in\n\
        a fixed order, and `truncated` says what.\n\n\
        With `output.active_response_srcip` on, an event about an address has it as top-level `srcip` too, so that active\n\
        response can act on it.\n\n\
        ## Types\n\n| `event_type` | rule | means |\n|---|---|---|\n",
    );
    for event_type in EventType::ALL {
        let rule = match event_type {
            EventType::Error => 100_211,
            EventType::IndicatorPatternMatch => 100_212,
            EventType::ObservableWithIndicator => 100_213,
            EventType::ObservableWithRelatedIndicator => 100_214,
            _ => 100_215,
        };
        let _ = writeln!(text, "| `{}` | {rule} | {} |", event_type.as_str(), meaning(event_type));
    }
    text.push_str(
        "\n## Strength\n\n\
        `opencti.strength` is `high`, less one step for each of the event's reasons that takes one: `medium` with one, `low`\n\
        with two or more. It suppresses nothing and leaves `event_type` as it is; rules may build their levels on it. Of\n\
        several matches of one alert that are of the same type, the strongest come first, then the better indicators: meant\n\
        for detection, valid, higher score, higher confidence.\n\n\
        | in `opencti.reasons` | takes a step | means |\n|---|---|---|\n",
    );
    for reason in Reason::ALL {
        let step = if reason.lowers() { "yes" } else { "" };
        let _ = writeln!(text, "| `{}` | {step} | {} |", reason.as_str(), reason.explanation().meaning);
    }
    text.push_str("\n[Reasons](reasons.md) has the settings, and every other word that says why.\n");
    text.push_str("\n## Fields below `opencti`\n\n| field | type | meaning |\n|---|---|---|\n");
    for field in FIELDS {
        let _ = writeln!(text, "| `{}` | {} | {} |", field.path, field.kind, field.meaning);
    }
    text
}

#[test]
fn every_type_has_a_meaning() {
    assert!(EventType::ALL.into_iter().all(|event_type| !meaning(event_type).is_empty()));
}

#[test]
fn the_document_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/events.md");
    let made = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == made, "docs/events.md is not what the table says; run with UPDATE_DOCS=1");
}
