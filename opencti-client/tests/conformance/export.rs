//! Exports: recordings of OpenCTI, and the stand-in page by page.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use opencti_client::{EventId, Pages};
use serde_json::{Value, json};

use crate::{StandIn, client, data, files, node_ids, read_json};

async fn all<T>(mut pages: Pages<T>) -> Vec<T> {
    let mut items = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        assert_eq!(page.problems, []);
        items.extend(page.items);
    }
    items
}

#[test]
fn recorded_pages_are_read_in_full() {
    let Some(data) = data() else { return };
    let client = client("http://192.0.2.1", "token");
    let (mut pages, mut seen) = (0, BTreeSet::new());
    for file in files(&data.join("opencti/recordings/lookups"), "json") {
        let recording = read_json(&file);
        let name = file.display();
        let text = recording["response"]["body"].as_str().unwrap();
        match recording["request"]["document"].as_str() {
            Some("export_indicators") => {
                let request = client.export_indicators(None).request().unwrap();
                let raw: Value = serde_json::from_str(text).unwrap();
                let raw = &raw["data"]["indicators"];
                let page = request.decode(text.as_bytes()).unwrap().value;
                let ids: Vec<_> = page.items.iter().map(|indicator| indicator.id.as_str()).collect();
                assert_eq!(ids, node_ids(raw, |node| &node["id"]), "{name}");
                let info = &raw["pageInfo"];
                let next = if info["hasNextPage"] == true { info["endCursor"].clone() } else { Value::Null };
                assert_eq!(json!(page.next), next, "{name}");
                seen.extend(page.items.into_iter().map(|indicator| indicator.id));
                pages += 1;
            }
            Some("streams") => {
                let request = opencti_client::Request::stream_collections().unwrap();
                let collections = request.decode(text.as_bytes()).unwrap().value;
                assert!(!collections.is_empty(), "{name}");
                for collection in collections {
                    assert!(opencti_client::CollectionId::parse(&collection.id).is_ok(), "{collection:?}");
                    assert!(collection.is_live.is_some() && collection.filters.is_some(), "{collection:?}");
                }
                pages += 100;
            }
            _ => {}
        }
    }
    assert_eq!((pages, seen.len()), (104, 80));
}

#[tokio::test]
async fn the_stand_in_is_exported() {
    let Some(data) = data() else { return };
    let Some(server) = StandIn::start(&data) else { return };
    let client = server.client();
    let platform = read_json(&data.join("standin/data.json"));
    let ids = |table: &str, wanted: &dyn Fn(&Value) -> bool| -> BTreeSet<String> {
        let objects = platform[table].as_array().unwrap().iter();
        objects
            .filter(|object| wanted(object))
            .map(|object| object["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let every = |_: &Value| true;

    let indicators = all(client.export_indicators(None).page_size(7)).await;
    assert!(indicators.is_sorted_by_key(|indicator| &indicator.updated_at));
    assert_eq!(
        indicators.iter().map(|found| found.id.clone()).collect::<BTreeSet<_>>(),
        ids("indicators", &every)
    );
    // As a look-up gives it.
    let known = indicators.iter().find(|found| found.pattern_type.as_deref() == Some("stix")).unwrap();
    let mut terms = opencti_client::Terms::new();
    terms.pattern(known.pattern.as_deref().unwrap());
    assert!(client.look_up(&terms).await.unwrap().value.indicators.contains(known));

    let observables = all(client.export_observables(None).page_size(50)).await;
    let expected = ids("observables", &every);
    assert_eq!(observables.iter().map(|found| found.id.clone()).collect::<BTreeSet<_>>(), expected);
    let known = observables.iter().find(|found| found.entity_type.as_deref() == Some("IPv4-Addr")).unwrap();
    let mut terms = opencti_client::Terms::new();
    terms.value(known.value.as_deref().unwrap());
    assert!(client.look_up(&terms).await.unwrap().value.observables.contains(known));

    let relations = all(client.export_relations(None)).await;
    let kinds = ["based-on", "indicates", "resolves-to", "related-to", "communicates-with", "belongs-to"];
    let wanted = |relation: &Value| kinds.iter().any(|kind| relation["relationship_type"] == *kind);
    assert_eq!(
        relations.iter().map(|found| found.id.clone()).collect::<BTreeSet<_>>(),
        ids("relationships", &wanted)
    );
    assert!(
        relations
            .iter()
            .filter(|found| found.relationship_type == "indicates")
            .all(|found| found.target.as_ref().is_some_and(|target| target.id == found.to_id))
    );
    let reports = all(client.export_reports(None)).await;
    assert_eq!(reports.into_iter().map(|found| found.id).collect::<BTreeSet<_>>(), ids("reports", &every));

    // Ids, for what is gone.
    let swept: BTreeSet<_> =
        all(client.export_indicator_ids()).await.into_iter().map(|found| found.id).collect();
    assert_eq!(swept, ids("indicators", &every));
    let swept: BTreeSet<_> =
        all(client.export_observable_ids()).await.into_iter().map(|found| found.id).collect();
    assert_eq!(swept, expected);
    let swept: BTreeSet<_> =
        all(client.export_relation_ids()).await.into_iter().map(|found| found.id).collect();
    assert_eq!(swept, relations.into_iter().map(|found| found.id).collect());

    // What changed since.
    let times: BTreeSet<_> = indicators.iter().map(|found| found.updated_at.clone().unwrap()).collect();
    let middle = times.iter().nth(times.len() / 2).unwrap();
    let since =
        SystemTime::UNIX_EPOCH + Duration::from_millis(middle.parse::<EventId>().unwrap().milliseconds());
    let later = all(client.export_indicators(Some(since))).await;
    assert!(later.len() < indicators.len() && !later.is_empty());
    assert!(later.iter().all(|found| found.updated_at.as_ref().is_some_and(|time| time >= middle)));

    // A cursor that is none.
    assert_eq!(all(client.export_indicators(None).after("none")).await.len(), indicators.len());
    let streams = client.stream_collections().await.unwrap().value;
    assert_eq!(streams[0].is_live, Some(true));
}
