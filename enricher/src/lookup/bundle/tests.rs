use super::*;

fn bundle(objects: &str) -> Bundle {
    Bundle::from_slice(
        format!(r#"{{"type": "bundle", "id": "bundle--1", "objects": [{objects}]}}"#).as_bytes(),
    )
    .unwrap()
}

fn indicator(id: &str, pattern: &str) -> String {
    let pattern = Value::from(pattern);
    format!(
        r#"{{"type": "indicator", "id": "indicator--{id}", "pattern": {pattern}, "pattern_type": "stix"}}"#
    )
}

async fn found(bundle: &Bundle, kind: ioc_extract::Kind, value: &str) -> Vec<String> {
    let findings = bundle.find(&[Ioc::parse(kind, value).unwrap()]).await.unwrap();
    findings.indicators.iter().map(|i| i.id.replace("indicator--", "")).collect()
}

#[tokio::test]
async fn candidates_are_found_by_value_network_parent_and_everywhere() {
    use ioc_extract::Kind;
    let bundle = bundle(
        &[
            indicator("address", "[ipv4-addr:value = '198.51.100.7']"),
            indicator("network", "[ipv4-addr:value = '198.51.100.0/24']"),
            indicator("parent", "[domain-name:value = 'bad.example']"),
            indicator("like", "[domain-name:value LIKE '%.dga.example']"),
            indicator("md5", "[file:hashes.'MD5' = '0CC175B9C0F1B6A831C399E269772661']"),
            indicator("url", "[url:value = 'HTTP://A.example/X']"),
        ]
        .join(","),
    );
    assert_eq!(found(&bundle, Kind::Ipv4Addr, "198.51.100.7").await, ["address", "network", "like"]);
    assert_eq!(found(&bundle, Kind::Ipv4Addr, "198.51.100.8").await, ["network", "like"]);
    assert_eq!(found(&bundle, Kind::DomainName, "x.bad.example").await, ["parent", "like"]);
    assert_eq!(found(&bundle, Kind::Md5, "0cc175b9c0f1b6a831c399e269772661").await, ["like", "md5"]);
    assert_eq!(found(&bundle, Kind::Url, "http://a.example/X").await, ["like", "url"]);
}

#[tokio::test]
async fn relations_may_stand_before_what_they_relate() {
    let bundle = bundle(
        r#"{"type": "relationship", "id": "relationship--1", "relationship_type": "based-on",
            "source_ref": "indicator--1", "target_ref": "ipv4-addr--1"},
           {"type": "relationship", "id": "relationship--2", "relationship_type": "indicates",
            "source_ref": "indicator--1", "target_ref": "malware--1"},
           {"type": "malware", "id": "malware--1", "name": "PaperCrane"},
           {"type": "ipv4-addr", "id": "ipv4-addr--1", "value": "198.51.100.7"},
           {"type": "report", "id": "report--1", "name": "R", "object_refs": ["indicator--1"]},
           {"type": "indicator", "id": "indicator--1", "pattern": "[url:value = 'http://a.example/']", "pattern_type": "stix",
            "object_marking_refs": ["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"],
            "extensions": {"extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba": {"id": "internal-1", "score": 70, "detection": true}}}"#,
    );
    let ioc = Ioc::parse(ioc_extract::Kind::Ipv4Addr, "198.51.100.7").unwrap();
    let findings = bundle.find(&[ioc]).await.unwrap();
    let indicator = &findings.based_on[0].indicator;
    assert_eq!((indicator.id.as_str(), indicator.x_opencti_score), ("internal-1", Some(70)));
    assert_eq!(indicator.markings[0].definition.as_deref(), Some("TLP:GREEN"));
    let context = bundle.context(&["internal-1".to_owned()]).await.unwrap();
    assert_eq!(context.indicates[0].target.name.as_deref(), Some("PaperCrane"));
    assert_eq!(context.reports[0].object_ids, ["internal-1"]);
}

#[test]
fn one_bad_object_does_not_take_the_others_with_it() {
    let bundle = bundle(
        &[
            r#"{"id": "no type"}"#.to_owned(),
            indicator("broken", "[ipv4-addr:value = ]"),
            r#"{"type": "relationship", "id": "relationship--9", "relationship_type": "based-on"}"#
                .to_owned(),
            indicator("good", "[ipv4-addr:value = '198.51.100.7']"),
        ]
        .join(","),
    );
    assert_eq!(bundle.indicators().len(), 2);
    let skipped: Vec<String> = bundle.skipped().iter().map(|s| format!("{}: {}", s.id, s.reason)).collect();
    insta::assert_snapshot!(skipped.join("\n"));
}

#[test]
fn what_is_no_bundle_is_refused() {
    let error = |text: &str| crate::pipeline::with_causes(&Bundle::from_slice(text.as_bytes()).unwrap_err());
    insta::assert_snapshot!(error("[]"));
    insta::assert_snapshot!(error(r#"{"type": "indicator"}"#));
    insta::assert_snapshot!(error("{}"));
    insta::assert_snapshot!(error("{"));
}
