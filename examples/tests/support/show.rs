//! How results are shown in snapshots.

use std::fmt::Write as _;

use enricher::select::Selection;
use enricher::{Enriched, LookupError};
use serde_json::Value;

use super::platform::Asked;

/// Longer strings are shown by their beginning and their length.
const LONG: usize = 400;

/// So are longer lists.
const MANY: usize = 12;

/// Lists are broken at this column.
const WIDTH: usize = 110;

/// `text` with what differs between runs taken out: the server's port, the home's path, a time.
pub(crate) fn scrub(text: &str, url: &str, home: Option<&std::path::Path>) -> String {
    let host = url.strip_prefix("http://").unwrap_or(url);
    let text = text.replace(host, "opencti.test");
    let text = match home {
        Some(home) => text.replace(&*home.to_string_lossy(), "HOME"),
        None => text,
    };
    // How long a full queue was waited for.
    match text.split_once("stayed full for ") {
        Some((before, after)) => {
            let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}stayed full for N{after}")
        }
        None => text,
    }
}

/// JSON, indented, with long strings and lists shortened.
pub(crate) fn json(mut value: Value) -> String {
    shorten(&mut value);
    serde_json::to_string_pretty(&value).unwrap()
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > LONG => {
            let beginning: String = text.chars().take(40).collect();
            *text = format!("{beginning}… ({} bytes)", text.len());
        }
        Value::Array(list) => {
            if list.len() > MANY {
                let more = Value::from(format!("… ({} in all)", list.len()));
                list.truncate(2);
                list.push(more);
            }
            list.iter_mut().for_each(shorten);
        }
        Value::Object(map) => map.values_mut().for_each(shorten),
        _ => {}
    }
}

/// A line of Wazuh's queue: what stands before the event, and the event.
pub(crate) fn datagram(line: &str) -> String {
    let (location, event) = parts(line);
    format!("{location}\n{}", json(event))
}

/// The two parts of a line of Wazuh's queue.
pub(crate) fn parts(line: &str) -> (&str, Value) {
    let start = line.find('{').unwrap_or_else(|| panic!("no event in {line}"));
    let event = serde_json::from_str(&line[start..]).unwrap_or_else(|error| panic!("{error} in {line}"));
    (&line[..start], event)
}

/// What was looked up, and what was left out and why.
pub(crate) fn selection(selection: &Selection) -> String {
    let mut text = String::new();
    for seen in &selection.sightings {
        let via = if seen.via.is_empty() { String::new() } else { format!(" via {}", seen.via) };
        let _ = writeln!(text, "looked up: {} {} in {}{via}", seen.ioc.kind(), seen.ioc.value(), seen.path);
    }
    for out in &selection.left_out {
        let _ =
            writeln!(text, "left out:  {} {} in {}: {}", out.kind, out.text, out.path, out.reason.as_str());
    }
    text
}

/// The requests, each with its variables.
pub(crate) fn requests(asked: &[Asked]) -> String {
    let mut text = String::new();
    let mut last = None;
    for request in asked {
        if last == Some(request) {
            let _ = writeln!(text, "asked again: {}", request.operation);
            continue;
        }
        let _ = writeln!(text, "asked: {}", request.operation);
        for (name, value) in request.variables.as_object().into_iter().flatten() {
            match value.get("filters") {
                Some(_) => {
                    let _ = writeln!(text, "  {name}:");
                    group(&mut text, value, 4);
                }
                None => wrap(&mut text, &format!("  {name}: "), &list(value), 4),
            }
        }
        last = Some(request);
    }
    text
}

/// A filter group, one filter to a paragraph.
fn group(text: &mut String, value: &Value, indent: usize) {
    let filters = value["filters"].as_array().into_iter().flatten();
    let groups = value["filterGroups"].as_array().into_iter().flatten();
    let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let _ = writeln!(text, "{:indent$}{} of", "", if value["mode"] == "and" { "all" } else { "any" });
    for filter in filters {
        let keys = list(&filter["key"]).join(", ");
        let head = format!(
            "{:1$}{keys} {2} {3} of ",
            "",
            indent + 2,
            word(&filter["operator"]),
            word(&filter["mode"])
        );
        wrap(text, &head, &list(&filter["values"]), indent + 4);
    }
    for inner in groups {
        group(text, inner, indent + 2);
    }
}

/// The elements of a list as text, or the one value.
fn list(value: &Value) -> Vec<String> {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    value.as_array().map_or_else(|| vec![plain(value)], |values| values.iter().map(plain).collect())
}

fn wrap(text: &mut String, head: &str, words: &[String], indent: usize) {
    let mut line = head.to_owned();
    for (number, word) in words.iter().enumerate() {
        if number > 0 {
            line.push_str(" | ");
        }
        if number > 0 && line.chars().count() + word.chars().count() > WIDTH {
            let _ = writeln!(text, "{}", line.trim_end());
            line = " ".repeat(indent);
        }
        line.push_str(word);
    }
    let _ = writeln!(text, "{}", line.trim_end());
}

/// What came of an alert: what was set aside, what is missing, and the events.
pub(crate) fn outcome(result: &Result<Enriched, LookupError>) -> String {
    let mut text = String::new();
    let enriched = match result {
        Ok(enriched) => enriched,
        Err(error) => {
            let mut causes = vec![error.to_string()];
            let mut cause = std::error::Error::source(error);
            // The causes below are those of the HTTP client, in its words.
            if let Some(ours) = cause.take() {
                causes.push(ours.to_string());
            }
            return format!("not asked: {}\n", causes.join(": "));
        }
    };
    for aside in &enriched.set_aside {
        let name = aside.name.as_deref().unwrap_or(&aside.id);
        let _ = writeln!(text, "set aside: {name}: {}", aside.reason.as_str());
    }
    for problem in &enriched.incomplete {
        let _ = writeln!(text, "missing:   {problem}");
    }
    if enriched.events.is_empty() {
        text.push_str("no event\n");
    }
    for event in &enriched.events {
        let _ = writeln!(text, "event:\n{}", json(serde_json::from_str(&event.to_json()).unwrap()));
    }
    text
}
