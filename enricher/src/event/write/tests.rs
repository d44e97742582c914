use ioc_extract::{Ioc, Kind};
use opencti_client::{Hash, Indicates, KillChainPhase, Report};

use super::*;
use crate::event::FIELDS;
use crate::select::Role;

const ALERT: &str = r#"{
    "id": "1775117001.10137", "timestamp": "2026-04-02T08:01:10.123+0000",
    "rule": {"id": "86601", "level": 3, "description": "Suricata: Alert", "groups": ["ids"]},
    "agent": {"id": "013", "name": "sensor-1"}, "manager": {"name": "wazuh-manager"},
    "syscheck": {"path": "/tmp/x", "md5_after": "m", "sha1_after": "s", "sha256_after": "t"},
    "data": {
        "in_iface": "eth1", "srcintf": "a", "dstintf": "b", "src_ip": "10.0.0.1", "srcip": "10.0.0.1",
        "src_port": "1", "srcport": "1", "src_mac": "m", "srcmac": "m", "dest_ip": "203.0.113.66",
        "dstip": "203.0.113.66", "dest_port": "2", "dstport": "2", "dst_mac": "m", "dstmac": "m", "proto": "TCP",
        "app_proto": "http", "action": "allowed", "srcuser": "u", "dstuser": "v", "url": "/x",
        "alert": {"signature": "s", "signature_id": "1", "category": "c", "action": "allowed", "severity": "1"},
        "win": {"eventdata": {"queryName": "q", "queryResults": "r", "image": "i", "commandLine": "c"}},
        "audit": {"success": "yes", "key": "k", "uid": "0", "gid": "0", "euid": "0", "egid": "0", "exe": "/bin/x",
                  "exit": "0", "pid": "7", "execve": {"a0": "x", "a1": "y"}}
    }
}"#;

fn full_indicator() -> Indicator {
    let some = |text: &str| Some(text.to_owned());
    Indicator {
        id: "76a8ca85-4ca6-481a-86c5-64b84f10d79e".into(),
        standard_id: some("indicator--6502cf09-9fcb-5f35-b298-8c1e58a1a154"),
        entity_type: some("Indicator"),
        name: some("C2"),
        description: some("d"),
        pattern: some("[ipv4-addr:value = '203.0.113.66']"),
        pattern_type: some("stix"),
        valid_from: some("2026-01-01T00:00:00Z"),
        valid_until: some("2027-01-01T00:00:00Z"),
        revoked: Some(false),
        confidence: Some(85),
        x_opencti_score: Some(90),
        x_opencti_detection: Some(true),
        x_opencti_main_observable_type: some("IPv4-Addr"),
        x_mitre_platforms: vec!["linux".into()],
        indicator_types: vec!["malicious-activity".into()],
        created_at: some("2026-01-01T00:00:00Z"),
        updated_at: some("2026-01-02T00:00:00Z"),
        created_by: Some(author()),
        markings: vec![Marking { definition: some("TLP:GREEN"), ..Marking::default() }],
        labels: vec!["c2".into()],
        kill_chain_phases: vec![KillChainPhase {
            kill_chain_name: some("mitre-attack"),
            phase_name: some("execution"),
        }],
        ..Indicator::default()
    }
}

fn author() -> Identity {
    let some = |text: &str| Some(text.to_owned());
    Identity {
        id: "a".into(),
        standard_id: some("identity--a"),
        identity_class: some("organization"),
        name: some("CERT"),
    }
}

fn full_observable() -> Observable {
    let some = |text: &str| Some(text.to_owned());
    Observable {
        id: "98ab86c1-511d-41a9-a1f9-36ece582a042".into(),
        standard_id: some("ipv4-addr--570130c0-7daf-5d1e-992f-58b53b447312"),
        entity_type: some("IPv4-Addr"),
        value: some("203.0.113.66"),
        x_opencti_score: Some(70),
        description: some("d"),
        created_at: some("2026-01-01T00:00:00Z"),
        updated_at: some("2026-01-02T00:00:00Z"),
        created_by: Some(author()),
        markings: vec![Marking { definition: some("TLP:AMBER"), ..Marking::default() }],
        labels: vec!["seen".into()],
        hashes: vec![Hash { algorithm: "MD5".into(), hash: "m".into() }],
        ..Observable::default()
    }
}

fn full_context() -> Context {
    let target = |entity_type: &str, name: &str| Indicates {
        indicator_id: full_indicator().id,
        target: Threat { entity_type: entity_type.into(), name: Some(name.into()), ..Threat::default() },
        ..Indicates::default()
    };
    Context {
        indicates: vec![
            target("Malware", "PaperCrane"),
            target("Intrusion-Set", "Heron"),
            target("Threat-Actor-Group", "Group"),
            target("Threat-Actor-Individual", "Person"),
            target("Campaign", "Spring"),
            target("Attack-Pattern", "Web Protocols"),
            target("Tool", "nc"),
            target("Infrastructure", "Panel"),
        ],
        reports: vec![Report {
            name: Some("Report".into()),
            object_ids: vec![full_indicator().id],
            ..Report::default()
        }],
        ..Context::default()
    }
}

/// An event with every field that an event can have.
fn fullest() -> Event {
    let alert = Alert::parse(ALERT.as_bytes()).unwrap();
    let sighting = Sighting {
        ioc: Ioc::parse(Kind::Ipv4Addr, "203.0.113.66").unwrap(),
        path: "data.dest_ip".into(),
        span: None,
        via: "percent".into(),
        role: Role::Destination,
        object: 0,
    };
    let (indicator, observable, context) = (full_indicator(), full_observable(), full_context());
    let endpoint = Endpoint::parse("https://cti.test/graphql").unwrap();
    let mut event = write(&Story {
        event_type: EventType::ObservableWithIndicator,
        alert: &alert,
        sightings: &[&sighting],
        how: "exact",
        indicator: Some(&indicator),
        observable: Some(&observable),
        multiple: Some(true),
        related: Some(RelatedStory {
            observable: &observable,
            relationship: "resolves-to",
            indicator: &indicator,
            multiple: false,
        }),
        direction: Some(Direction::Outbound),
        action: Some(Action::Allowed),
        strength: Strength::High,
        reasons: &[Reason::AllowedOutbound, Reason::Muted],
        muted_until: Some("2026-04-02T09:00:00Z".parse().unwrap()),
        score_live: Some(62),
        context: &context,
        intel: Intel { from: "api", age_s: Some(7) },
        endpoint: Some(&endpoint),
        omitted_indicators: 2,
        omitted_observables: 1,
        incomplete: &["indicators: timed out".to_owned()],
    });
    event.set_late();
    event
}

fn leaves(value: &Value, path: &str, out: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                leaves(value, &path, out);
            }
        }
        leaf => out.push((path.to_owned(), leaf.clone())),
    }
}

#[test]
fn the_fullest_event() {
    let event = fullest();
    insta::assert_json_snapshot!(serde_json::from_str::<Value>(&event.to_json()).unwrap());
}

#[test]
fn every_leaf_is_documented_with_its_type() {
    let root: Value = serde_json::from_str(&fullest().to_json()).unwrap();
    assert_eq!(root.as_object().unwrap().keys().collect::<Vec<_>>(), ["integration", "opencti"]);
    let mut found = Vec::new();
    leaves(&root["opencti"], "", &mut found);
    for (path, value) in &found {
        let field =
            FIELDS.iter().find(|f| f.path == path).unwrap_or_else(|| panic!("{path} is not in FIELDS"));
        let kind = match value {
            Value::String(_) => "string",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::Array(list) if list.iter().all(Value::is_string) => "strings",
            other => panic!("{path} may not be {other}"),
        };
        assert_eq!(field.kind, kind, "{path}");
    }
}

#[test]
fn there_are_at_most_a_hundred_leaves_and_what_found_no_room_is_named() {
    let mut event = fullest();
    event.set_srcip("203.0.113.66".parse().unwrap());
    let root: Value = serde_json::from_str(&event.to_json()).unwrap();
    let mut found = Vec::new();
    leaves(&root, "", &mut found);
    assert_eq!(found.len(), MAX_LEAVES);
    let truncated: Vec<&str> =
        root["opencti"]["truncated"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(truncated.iter().all(|path| path.starts_with("source.")), "{truncated:?}");
}

#[test]
fn every_documented_field_can_be_written() {
    let root: Value = serde_json::from_str(&fullest().to_json()).unwrap();
    let mut found = Vec::new();
    leaves(&root["opencti"], "", &mut found);
    let mut written: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
    // What found no room was to be written too.
    written.extend(root["opencti"]["truncated"].as_array().unwrap().iter().filter_map(Value::as_str));
    let missing: Vec<_> = FIELDS.iter().map(|f| f.path).filter(|p| !written.contains(p)).collect();
    assert_eq!(missing, ["error"], "documented, but not in the fullest event");
}

#[test]
fn no_field_is_both_a_leaf_and_an_object() {
    for field in FIELDS {
        let inside = format!("{}.", field.path);
        assert!(
            FIELDS.iter().all(|f| !f.path.starts_with(&inside)),
            "{} is a leaf and an object",
            field.path
        );
    }
}

#[test]
fn text_is_made_harmless() {
    let mut body = Body::new(EventType::Error);
    body.put("error", "a\0b\nc");
    body.put("query_values", r#"["1", {"a": 2}]"#);
    body.put("match.value", "   ");
    body.put("observable_value", "x".repeat(40_000).as_str());
    let json = body.finish().to_json();
    assert!(!json.contains('\n') && !json.contains("\\u0000"), "{json}");
    let root: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(root["opencti"]["error"], "a\u{fffd}b\nc");
    assert_eq!(root["opencti"]["query_values"], r#" ["1", {"a": 2}]"#);
    assert!(root["opencti"].get("match").is_none());
    assert!(root["opencti"]["observable_value"].as_str().unwrap().len() <= MAX_STRING_BYTES);
    assert_eq!(root["opencti"]["truncated"], serde_json::json!(["observable_value"]));
}

#[test]
fn integers_fit_32_bits() {
    let mut body = Body::new(EventType::Error);
    body.put_integer("x_opencti_score", Some(i64::MAX));
    assert!(body.finish().to_json().contains("2147483647"));
}
