//! Making an event fit into one datagram.

use serde_json::{Map, Value};

use super::INTEGRATION;

/// What is cut, in this order, and to how many bytes of text (or, for lists, elements); 0 removes it.
///
/// From what an analyst misses least to what hurts: explanations, long evidence that the original alert still has,
/// lists, and last the pattern, which OpenCTI still shows.
const ORDER: &[(&str, usize)] = &[
    ("related.indicator.description", 0),
    ("related.indicator.pattern", 512),
    ("indicator.description", 256),
    ("x_opencti_description", 256),
    ("source.queryResults", 512),
    ("source.execve", 512),
    ("source.commandLine", 512),
    ("source.url", 512),
    ("reports", 3),
    ("indicator.labels", 10),
    ("labels", 10),
    ("threat.attack_pattern", 10),
    ("threat.malware", 10),
    ("query_values", 512),
    ("indicator.pattern", 2048),
    ("indicator.description", 0),
    ("x_opencti_description", 0),
    ("observable_value", 1024),
    ("match.value", 1024),
    ("source.file", 256),
    ("source.image", 256),
    ("source.queryName", 256),
    ("source.rule_description", 256),
    ("indicator.pattern", 256),
    ("indicator.name", 256),
    ("related", 0),
    ("source.queryResults", 0),
    ("source.execve", 0),
    ("source.commandLine", 0),
    ("source.url", 0),
    ("reports", 0),
    ("threat", 0),
    ("labels", 0),
    ("indicator.labels", 0),
    ("indicator.x_mitre_platforms", 0),
    ("indicator.indicator_types", 0),
    ("indicator.killChainPhases", 0),
    ("query_values", 0),
];

/// What stays when everything above was not enough: enough to know what matched and where to look.
const KEEP: &[&str] = &[
    "event_type",
    "error",
    "match_id",
    "match",
    "strength",
    "reasons",
    "muted_until",
    "indicator_link",
    "observable_link",
    "truncated",
];

/// Writes `root` in at most `max` bytes.
pub(super) fn fit(mut root: Map<String, Value>, max: usize) -> String {
    let mut text = as_line(&root);
    for (path, limit) in ORDER {
        if text.len() <= max {
            return text;
        }
        if shorten(&mut root, path, *limit) {
            note(&mut root, path);
            text = as_line(&root);
        }
    }
    if text.len() <= max {
        return text;
    }
    if let Some(body) = body_mut(&mut root) {
        body.retain(|key, _| KEEP.contains(&key.as_str()));
        if let Some(Value::String(error)) = body.get_mut("error") {
            cut_text(error, 512);
        }
    }
    for path in ["match.value", "match.path", "indicator_link", "observable_link"] {
        shorten(&mut root, path, 256);
    }
    if let Some(body) = body_mut(&mut root) {
        body.remove("truncated");
    }
    note(&mut root, "everything but the match");
    as_line(&root)
}

fn as_line(root: &Map<String, Value>) -> String {
    // `Value`'s Display writes compact JSON, in which every line break is escaped.
    Value::Object(root.clone()).to_string()
}

fn body_mut(root: &mut Map<String, Value>) -> Option<&mut Map<String, Value>> {
    root.get_mut(INTEGRATION)?.as_object_mut()
}

/// Adds a field to those that `truncated` names.
fn note(root: &mut Map<String, Value>, path: &str) {
    let Some(body) = body_mut(root) else { return };
    let truncated = body.entry("truncated").or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(paths) = truncated
        && !paths.iter().any(|known| known == path)
    {
        paths.push(Value::from(path));
    }
}

/// Shortens the value at `path`; tells whether that changed anything.
fn shorten(root: &mut Map<String, Value>, path: &str, limit: usize) -> bool {
    let Some(mut object) = body_mut(root) else { return false };
    let (parents, last) = path.rsplit_once('.').map_or(("", path), |(p, l)| (p, l));
    for key in parents.split('.').filter(|k| !k.is_empty()) {
        let Some(child) = object.get_mut(key).and_then(Value::as_object_mut) else { return false };
        object = child;
    }
    match object.get_mut(last) {
        None => false,
        Some(_) if limit == 0 => object.remove(last).is_some(),
        Some(Value::String(text)) => cut_text(text, limit),
        Some(Value::Array(list)) if list.len() > limit => {
            list.truncate(limit);
            true
        }
        Some(_) => false,
    }
}

/// Cuts `text` to at most `limit` bytes at a character's border, ending in `…`; tells whether it was longer.
pub(super) fn cut_text(text: &mut String, limit: usize) -> bool {
    const MARK: &str = "…";
    if text.len() <= limit {
        return false;
    }
    text.truncate(text.floor_char_boundary(limit.saturating_sub(MARK.len())));
    text.push_str(MARK);
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(pattern: usize, description: usize) -> Map<String, Value> {
        let value = json!({"integration": "opencti", "opencti": {
            "event_type": "indicator_pattern_match",
            "match_id": "m",
            "match": {"value": "v", "kind": "url"},
            "indicator": {"id": "i", "pattern": "p".repeat(pattern), "description": "é".repeat(description / 2)},
        }});
        let Value::Object(root) = value else { unreachable!() };
        root
    }

    #[test]
    fn what_fits_is_left_alone() {
        let text = fit(event(10, 10), 65_535);
        assert!(!text.contains("truncated"), "{text}");
    }

    #[test]
    fn cuts_come_in_order_and_are_named() {
        let text = fit(event(30_000, 30_000), 40_000);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(text.len() <= 40_000);
        assert_eq!(value["opencti"]["truncated"], json!(["indicator.description"]));
        assert_eq!(value["opencti"]["indicator"]["pattern"].as_str().unwrap().len(), 30_000);
        assert!(value["opencti"]["indicator"]["description"].as_str().unwrap().ends_with("é…"));

        let text = fit(event(30_000, 30_000), 1_000);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(text.len() <= 1_000, "{}", text.len());
        assert_eq!(value["opencti"]["match"]["value"], "v");
    }

    #[test]
    fn what_was_cut_before_stays_named() {
        let mut root = event(30_000, 10);
        body_mut(&mut root).unwrap().insert("truncated".into(), json!(["labels"]));
        let value: Value = serde_json::from_str(&fit(root, 10_000)).unwrap();
        assert_eq!(value["opencti"]["truncated"], json!(["labels", "indicator.pattern"]));
    }

    #[test]
    fn something_always_fits() {
        let mut root = event(10, 10);
        let body = body_mut(&mut root).unwrap();
        body.insert("unforeseen".into(), Value::String("x".repeat(100_000)));
        body.insert("indicator_link".into(), Value::String("x".repeat(100_000)));
        let text = fit(root, 2_000);
        assert!(text.len() <= 2_000);
        assert!(text.contains("indicator_pattern_match") && text.contains("match_id"));
    }
}
