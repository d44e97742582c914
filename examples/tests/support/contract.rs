//! What every event promises its readers, whatever stands in it.

use enricher::{EventType, FIELDS, FieldDoc, MAX_STRING_BYTES};
use serde_json::Value;

/// Most bytes that analysisd takes of one datagram.
const MAX_DATAGRAM: usize = 65_535;

/// Most values of one event.
const MAX_LEAVES: usize = 100;

/// Fails when a line of Wazuh's queue breaks a promise.
pub(crate) fn check(line: &str) {
    assert!(line.len() <= MAX_DATAGRAM, "{} bytes", line.len());
    assert!(!line.contains(char::is_control), "a control character in {line}");
    let (location, event) = super::show::parts(line);
    assert!(location.starts_with("1:") && location.ends_with("opencti:"), "{location}");

    let root = event.as_object().unwrap();
    let keys: Vec<&str> = root.keys().map(String::as_str).collect();
    assert_eq!(keys, ["integration", "opencti"]);
    assert_eq!(root["integration"], "opencti");
    let kind = root["opencti"]["event_type"].as_str().unwrap();
    assert!(EventType::ALL.iter().any(|known| known.as_str() == kind), "{kind}");
    let leaves = walk("", &root["opencti"]);
    assert!(leaves < MAX_LEAVES, "{leaves} leaves");
}

/// Checks every value below `path` and counts them.
fn walk(path: &str, value: &Value) -> usize {
    let Value::Object(map) = value else {
        let field = FIELDS.iter().find(|field| field.path == path);
        leaf(field.unwrap_or_else(|| panic!("{path} is not documented")), value);
        return 1;
    };
    assert!(!map.is_empty(), "{path} is empty");
    map.iter().map(|(key, value)| walk(format!("{path}.{key}").trim_start_matches('.'), value)).sum()
}

fn leaf(field: &FieldDoc, value: &Value) {
    let path = field.path;
    match (field.kind, value) {
        ("string", Value::String(text)) => text_is_fit(path, text),
        ("integer", Value::Number(number)) => {
            assert!(number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()), "{path}: {number}");
        }
        ("boolean", Value::Bool(_)) => {}
        ("strings", Value::Array(list)) => {
            assert!(!list.is_empty(), "{path} is empty");
            list.iter().for_each(|item| text_is_fit(path, item.as_str().unwrap()));
        }
        (kind, value) => panic!("{path} should be {kind}, not {value}"),
    }
}

fn text_is_fit(path: &str, text: &str) {
    assert!(!text.is_empty() && text.len() <= MAX_STRING_BYTES, "{path}: {} bytes", text.len());
}
