//! The shipped rules and the shipped block, held against the events and against what Wazuh 4.11 has.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers, too"
)]

use std::collections::{BTreeMap, BTreeSet};

use enricher::{EventType, FIELDS};
use quick_xml::Reader;
use quick_xml::events::Event;

const RULES: &str = include_str!("../wazuh/opencti_rules.xml");
const BLOCK: &str = include_str!("../wazuh/ossec.integration.xml");

#[derive(Debug, Default)]
struct Rule {
    level: u32,
    if_sid: Option<String>,
    fields: Vec<(String, String)>,
    description: String,
    options: Vec<String>,
    groups: Vec<String>,
}

fn rules() -> BTreeMap<String, Rule> {
    let mut reader = Reader::from_str(RULES);
    let mut rules: Vec<(String, Rule)> = Vec::new();
    let mut element = (String::new(), String::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => {
                let attribute = |name: &str| {
                    let value = tag.try_get_attribute(name).unwrap();
                    value.map(|value| value.value.into_owned()).unwrap_or_default()
                };
                let name = tag.name().as_ref().to_owned();
                if name == "rule" {
                    let rule = Rule { level: attribute("level").parse().unwrap(), ..Rule::default() };
                    rules.push((attribute("id"), rule));
                }
                element = (name, attribute("name"));
            }
            Event::Text(text) => {
                let text = text.trim().to_owned();
                let Some((_, rule)) = rules.last_mut() else { continue };
                let list = || text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect();
                match &*element.0 {
                    "if_sid" => rule.if_sid = Some(text),
                    "field" => rule.fields.push((element.1.clone(), text)),
                    "description" => rule.description = text,
                    "options" => rule.options = list(),
                    "group" => rule.groups = list(),
                    _ => {}
                }
            }
            Event::End(_) => element = Default::default(),
            Event::Eof => break,
            _ => {}
        }
    }
    let count = rules.len();
    let by_id: BTreeMap<String, Rule> = rules.into_iter().collect();
    assert_eq!(by_id.len(), count, "an id that occurs twice disables the file");
    by_id
}

#[test]
fn one_rule_for_each_event_type() {
    let rules = rules();
    let root = &rules["100210"];
    assert_eq!(root.fields, [("integration".to_owned(), format!("^{}$", enricher::INTEGRATION))]);
    let mut asked_for = BTreeSet::new();
    for (id, rule) in rules.iter().filter(|(id, _)| *id != "100210") {
        assert_eq!(rule.if_sid.as_deref(), Some("100210"), "{id}");
        let [(field, pattern)] = &rule.fields[..] else { panic!("{id} has {:?}", rule.fields) };
        assert_eq!(field, "opencti.event_type");
        let word = pattern.strip_prefix('^').and_then(|p| p.strip_suffix('$')).unwrap().to_owned();
        assert!(asked_for.insert(word), "{id} asks for what another rule asks for");
    }
    let types: BTreeSet<String> = EventType::ALL.iter().map(|kind| kind.as_str().to_owned()).collect();
    assert_eq!(asked_for, types);
}

#[test]
fn ids_and_levels_are_those_that_users_know() {
    let rules = rules();
    let shown: Vec<String> =
        rules.iter().map(|(id, rule)| format!("{id} level {} {}", rule.level, rule.fields[0].1)).collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    100210 level 10 ^opencti$
    100211 level 5 ^error$
    100212 level 12 ^indicator_pattern_match$
    100213 level 12 ^observable_with_indicator$
    100214 level 10 ^observable_with_related_indicator$
    100215 level 10 ^indicator_partial_pattern_match$
    ");
    for (id, rule) in &rules {
        assert!(rule.level > 0, "{id}: a rule of level 0 would be tried after all other rules for JSON");
        assert_eq!(rule.options, ["no_full_log"], "{id}");
        assert!(rule.groups.contains(&"opencti".to_owned()), "{id}");
    }
}

#[test]
fn descriptions_name_fields_that_events_have() {
    for (id, rule) in rules() {
        for part in rule.description.split("$(").skip(1) {
            let name = part.split(')').next().unwrap();
            let path = name.strip_prefix("opencti.").unwrap();
            assert!(FIELDS.iter().any(|field| field.path == path), "{id}: {name}");
        }
    }
}

/// The text of an element of the block.
fn block(element: &str) -> String {
    let (_, rest) = BLOCK.split_once("<integration>").unwrap();
    let (_, rest) = rest.split_once(&format!("<{element}>")).unwrap();
    rest.split_once(&format!("</{element}>")).unwrap().0.to_owned()
}

#[test]
fn the_block_is_one_that_integratord_takes() {
    // An element that it does not know ends integratord.
    let known = [
        "name",
        "api_key",
        "hook_url",
        "level",
        "rule_id",
        "group",
        "event_location",
        "alert_format",
        "options",
        "timeout",
        "retries",
        "max_log",
    ];
    let mut reader = Reader::from_str(BLOCK);
    let mut depth = 0;
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => {
                depth += 1;
                let name = tag.name().as_ref().to_owned();
                assert!(if depth == 1 { name == "integration" } else { known.contains(&&*name) }, "{name}");
            }
            Event::End(_) => depth -= 1,
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!((&*block("name"), &*block("alert_format")), ("custom-opencti", "json"));
    for element in ["api_key", "hook_url", "group"] {
        assert!(!block(element).contains(char::is_whitespace), "{element}: integratord splits at blanks");
    }
    assert!(!block("hook_url").contains('&'), "integratord decodes no entities");
}

#[test]
fn the_blocks_groups_are_ones_that_wazuh_gives() {
    let groups = block("group");
    let groups: Vec<&str> = groups.split(',').collect();
    let distinct: BTreeSet<&&str> = groups.iter().collect();
    assert_eq!(distinct.len(), groups.len());
    // No stock rule of 4.11 bears these, whatever older instructions say.
    for absent in ["sysmon_eid22_detections", "osquery_file", "sysmon_eid15_detections"] {
        assert!(!groups.contains(&absent), "{absent}");
    }
    let Some(data) = std::env::var_os("CONFORMANCE_DATA") else {
        eprintln!("skipped: CONFORMANCE_DATA is not set");
        return;
    };
    let alerts = std::fs::read(std::path::Path::new(&data).join("alerts/real.jsonl")).unwrap();
    let mut seen = BTreeSet::new();
    for line in String::from_utf8_lossy(&alerts).lines() {
        let alert: serde_json::Value = serde_json::from_str(line).unwrap();
        if alert["_src"] == "analysisd" {
            let groups = alert["rule"]["groups"].as_array().into_iter().flatten();
            seen.extend(groups.filter_map(|group| group.as_str().map(str::to_owned)));
        }
    }
    let unseen: Vec<&&str> = groups.iter().filter(|group| !seen.contains(**group)).collect();
    assert!(unseen.is_empty(), "no alert of the unmodified daemons bears {unseen:?}");
}
