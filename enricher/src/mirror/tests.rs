use std::fs;
use std::io::Cursor;

use ioc_extract::{Ioc, Kind};
use opencti_client::{BasedOn, Identity, Indicator, Marking, Observable, Threat};
use serde_json::json;

use super::*;
use crate::lookup::{Bundle, Lookup as _};

struct Fixture {
    _folder: tempfile::TempDir,
    store: Arc<Store>,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::create(folder.path()).unwrap());
        Self { _folder: folder, store }
    }

    fn edit(&self, change: impl FnOnce(&mut Edit<'_>)) {
        let mut edit = Edit::begin(&self.store).unwrap();
        change(&mut edit);
        edit.commit().unwrap();
    }

    fn mirror(&self) -> Mirror {
        Mirror::new(Arc::clone(&self.store))
    }

    /// Names of the indicators found for a value.
    async fn found(&self, kind: Kind, value: &str) -> Vec<String> {
        let findings = self.mirror().find(&[Ioc::parse(kind, value).unwrap()]).await.unwrap();
        findings.indicators.into_iter().map(|i| i.id).collect()
    }
}

fn indicator(id: &str, pattern: &str) -> Indicator {
    Indicator {
        id: id.to_owned(),
        entity_type: Some("Indicator".to_owned()),
        pattern: Some(pattern.to_owned()),
        pattern_type: Some("stix".to_owned()),
        ..Indicator::default()
    }
}

fn address(id: &str, value: &str) -> Observable {
    Observable {
        id: id.to_owned(),
        entity_type: Some("IPv4-Addr".to_owned()),
        value: Some(value.to_owned()),
        ..Observable::default()
    }
}

#[tokio::test]
async fn indicators_are_found_by_value_network_parent_and_everywhere() {
    let fixture = Fixture::new();
    fixture.edit(|edit| {
        for (id, pattern) in [
            ("address", "[ipv4-addr:value = '198.51.100.7']"),
            ("network", "[ipv4-addr:value = '198.51.100.0/24']"),
            ("parent", "[domain-name:value = 'bad.example']"),
            ("like", "[domain-name:value LIKE '%.dga.example']"),
            ("md5", "[file:hashes.'MD5' = '0CC175B9C0F1B6A831C399E269772661']"),
            ("broken", "[ipv4-addr:value = '198.51.100.7'"),
        ] {
            assert_eq!(edit.put_indicator(&indicator(id, pattern)).unwrap(), Put::Added);
        }
    });
    assert_eq!(fixture.found(Kind::Ipv4Addr, "198.51.100.7").await, ["address", "network"]);
    assert_eq!(fixture.found(Kind::Ipv4Addr, "198.51.100.8").await, ["network"]);
    assert_eq!(fixture.found(Kind::Ipv4Addr, "198.51.101.8").await, Vec::<String>::new());
    assert_eq!(fixture.found(Kind::DomainName, "x.bad.example").await, ["parent"]);
    assert_eq!(fixture.found(Kind::DomainName, "x.dga.example").await, ["like"]);
    assert_eq!(fixture.found(Kind::Md5, "0cc175b9c0f1b6a831c399e269772661").await, ["md5"]);
    let counts = fixture.mirror().counts().unwrap();
    assert_eq!((counts.indicators, counts.broken_patterns), (6, 1));
}

#[tokio::test]
async fn what_changes_is_found_as_it_is_now() {
    let fixture = Fixture::new();
    let old = indicator("1", "[ipv4-addr:value = '198.51.100.7']");
    let new = indicator("1", "[domain-name:value LIKE '%.dga.example' OR domain-name:value = 'bad.example']");
    fixture.edit(|edit| {
        assert_eq!(edit.put_indicator(&old).unwrap(), Put::Added);
        assert_eq!(edit.put_indicator(&old).unwrap(), Put::Same);
    });
    fixture.edit(|edit| assert_eq!(edit.put_indicator(&new).unwrap(), Put::Changed));
    assert!(fixture.found(Kind::Ipv4Addr, "198.51.100.7").await.is_empty());
    assert_eq!(fixture.found(Kind::DomainName, "bad.example").await, ["1"]);
    assert_eq!(fixture.found(Kind::DomainName, "x.dga.example").await, ["1"]);
    fixture.edit(|edit| {
        assert!(edit.remove("1").unwrap());
        assert!(!edit.remove("1").unwrap());
    });
    assert!(fixture.found(Kind::DomainName, "bad.example").await.is_empty());
    assert!(fixture.found(Kind::DomainName, "x.dga.example").await.is_empty());
    assert_eq!(fixture.mirror().counts().unwrap(), Counts::default());
}

#[tokio::test]
async fn authors_markings_relations_and_threats_come_with_what_is_found() {
    let fixture = Fixture::new();
    let based = Indicator {
        created_by: Some(Identity { id: "author".into(), name: Some("ACME".into()), ..Identity::default() }),
        markings: vec![Marking {
            definition_type: Some("TLP".into()),
            definition: Some("TLP:GREEN".into()),
            order: Some(2),
        }],
        ..indicator("based", "[url:value = 'http://a.example/']")
    };
    let other = indicator("other", "[url:value = 'http://b.example/']");
    fixture.edit(|edit| {
        // Relations may come before what they relate.
        edit.put_relation("based-on", "based", "near").unwrap();
        edit.put_relation("based-on", "other", "far").unwrap();
        edit.put_relation("resolves-to", "far", "near").unwrap();
        edit.put_relation("indicates", "based", "malware").unwrap();
        edit.put_indicator(&based).unwrap();
        edit.put_indicator(&other).unwrap();
        edit.put_observable(&address("near", "198.51.100.7")).unwrap();
        edit.put_observable(&address("far", "198.51.100.9")).unwrap();
        let threat = Threat {
            id: "malware".into(),
            entity_type: "Malware".into(),
            name: Some("PaperCrane".into()),
            ..Threat::default()
        };
        edit.put_threat(&threat).unwrap();
    });
    let mirror = fixture.mirror();
    let findings = mirror.find(&[Ioc::parse(Kind::Ipv4Addr, "198.51.100.7").unwrap()]).await.unwrap();
    assert_eq!(findings.observables, [address("near", "198.51.100.7")]);
    assert!(findings.based_on.contains(&BasedOn { indicator: based, observable_id: "near".into() }));
    assert!(findings.based_on.contains(&BasedOn { indicator: other, observable_id: "far".into() }));
    let related = &findings.related[0];
    assert_eq!((related.from_id.as_str(), related.to_id.as_str()), ("far", "near"));
    assert_eq!((related.relationship_type.as_str(), related.other.id.as_str()), ("resolves-to", "far"));
    let context = mirror.context(&["based".to_owned()]).await.unwrap();
    assert_eq!(context.indicates[0].target.name.as_deref(), Some("PaperCrane"));

    fixture.edit(|edit| edit.remove_relation("based-on", "based", "near").unwrap());
    let findings = mirror.find(&[Ioc::parse(Kind::Ipv4Addr, "198.51.100.7").unwrap()]).await.unwrap();
    assert!(findings.based_on.iter().all(|based_on| based_on.observable_id == "far"));
}

/// Many objects in one go, so that commits lie between them.
fn big_bundle(count: usize) -> String {
    let objects: Vec<_> = (0..count)
        .map(|i| {
            json!({"type": "indicator", "id": format!("indicator--{i}"), "pattern_type": "stix",
                "pattern": format!("[ipv4-addr:value = '10.{}.{}.{}']", i >> 16, i >> 8 & 255, i & 255)})
        })
        .collect();
    json!({"type": "bundle", "id": "bundle--1", "objects": objects}).to_string()
}

#[tokio::test]
async fn a_bulk_load_finds_all_and_again_changes_nothing() {
    let fixture = Fixture::new();
    let bundle = big_bundle(25_000);
    let imported = import(&fixture.store, Cursor::new(&bundle), |_| {}).unwrap();
    assert_eq!((imported.added, imported.objects()), (25_000, 25_000));
    for (value, id) in [("10.0.0.0", 0), ("10.0.39.16", 10_000), ("10.0.97.167", 24_999)] {
        assert_eq!(fixture.found(Kind::Ipv4Addr, value).await, [format!("indicator--{id}")]);
    }
    let again = import(&fixture.store, Cursor::new(&bundle), |_| {}).unwrap();
    assert_eq!((again.added, again.changed, again.same), (0, 0, 25_000));
    assert_eq!(fixture.mirror().counts().unwrap().indicators, 25_000);
    // A key that came after the filter was built is found, too.
    fixture.edit(|edit| {
        assert_eq!(
            edit.put_indicator(&indicator("late", "[ipv4-addr:value = '9.9.9.9']")).unwrap(),
            Put::Added
        );
    });
    assert_eq!(fixture.found(Kind::Ipv4Addr, "9.9.9.9").await, ["late"]);
}

#[tokio::test]
async fn a_bulk_load_that_was_cut_off_is_finished_by_the_next_edit() {
    let fixture = Fixture::new();
    let mut edit = Edit::bulk(&fixture.store).unwrap();
    for i in 0..10_500 {
        let pattern = format!("[ipv4-addr:value = '10.0.{}.{}']", i >> 8, i & 255);
        edit.put_indicator(&indicator(&format!("i{i}"), &pattern)).unwrap();
    }
    // The process is killed here: what was committed so far stays, the rest does not.
    drop(edit);
    assert!(fixture.found(Kind::Ipv4Addr, "10.0.0.1").await.is_empty());
    fixture.edit(|_| {});
    assert_eq!(fixture.found(Kind::Ipv4Addr, "10.0.0.1").await, ["i1"]);
    assert_eq!(fixture.mirror().counts().unwrap().indicators, 10_000);
    fixture.edit(|edit| {
        assert_eq!(
            edit.put_indicator(&indicator("i1", "[ipv4-addr:value = '10.0.0.1']")).unwrap(),
            Put::Same
        );
    });
}

#[tokio::test]
async fn a_bundle_gives_the_same_in_memory_and_in_the_store() {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/demo/intel.json");
    let bytes = fs::read(demo).unwrap();
    let bundle = Bundle::from_slice(&bytes).unwrap();
    let fixture = Fixture::new();
    import(&fixture.store, Cursor::new(&bytes), |_| {}).unwrap();
    let mirror = fixture.mirror();
    let mut compared = 0;
    for observable in bundle.observables() {
        for ioc in crate::matching::iocs_of(observable) {
            let (a, b) = (
                bundle.find(std::slice::from_ref(&ioc)).await.unwrap(),
                mirror.find(std::slice::from_ref(&ioc)).await.unwrap(),
            );
            let sorted = |mut list: Vec<Indicator>| {
                list.sort_by(|a, b| a.id.cmp(&b.id));
                list
            };
            let of = |based_on: Vec<BasedOn>| sorted(based_on.into_iter().map(|b| b.indicator).collect());
            assert_eq!(a.observables, b.observables);
            assert_eq!(of(a.based_on), of(b.based_on));
            compared += 1;
        }
    }
    assert!(compared > 3);
    let ids: Vec<String> = bundle.indicators().iter().map(|i| i.id.clone()).collect();
    let (mut a, mut b) = (bundle.context(&ids).await.unwrap(), mirror.context(&ids).await.unwrap());
    for context in [&mut a, &mut b] {
        context
            .indicates
            .sort_by(|a, b| (&a.indicator_id, &a.target.id).cmp(&(&b.indicator_id, &b.target.id)));
        context.reports.iter_mut().for_each(|report| report.object_ids.retain(|id| ids.contains(id)));
        context.reports.iter_mut().for_each(|report| report.object_ids.sort());
        context.reports.sort_by(|a, b| a.id.cmp(&b.id));
    }
    assert_eq!(a.indicates, b.indicates);
    assert_eq!(a.reports, b.reports);
}

#[test]
fn what_is_no_bundle_is_refused_and_what_breaks_off_stays_loaded() {
    let fixture = Fixture::new();
    let error = |text: &str| {
        let error = import(&fixture.store, Cursor::new(text.to_owned()), |_| {}).unwrap_err();
        crate::pipeline::with_causes(&error)
    };
    let cut = big_bundle(3);
    let said = [error("[]"), error(r#"{"type": "indicator"}"#), error("{"), error(&cut[..cut.len() - 2])];
    insta::assert_snapshot!(said.join("\n"), @r#"
    no STIX bundle: it needs `"type": "bundle"` and a list of `objects`
    no STIX bundle: it needs `"type": "bundle"` and a list of `objects`
    the STIX bundle is broken after 0 objects, which were loaded: EOF while parsing an object at line 1 column 1
    the STIX bundle is broken after 3 objects, which were loaded: EOF while parsing a string at line 1 column 362
    "#);
    assert_eq!(fixture.mirror().counts().unwrap().indicators, 3);
}

#[test]
fn its_age_is_told_by_its_clock() {
    let fixture = Fixture::new();
    let mirror = fixture.mirror().with_clock(|| "2026-04-02T08:00:30Z".parse().unwrap());
    assert_eq!(mirror.age_s(), None);
    fixture.edit(|edit| edit.set_synced_at("2026-04-02T08:00:00Z".parse().unwrap()).unwrap());
    assert_eq!(mirror.age_s(), Some(30));
    assert_eq!(mirror.intel().age_s, Some(30));
}
