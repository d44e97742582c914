use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn json(group: &FilterGroup) -> Value {
    serde_json::to_value(group).unwrap()
}

/// All values of a group with their keys, and whether each filter and group is complete.
fn leaves(group: &Value, out: &mut Vec<(String, String)>) {
    let filters = group["filters"].as_array().unwrap();
    let groups = group["filterGroups"].as_array().unwrap();
    assert!(!filters.is_empty() || !groups.is_empty(), "an empty group matches everything");
    assert!(["and", "or"].contains(&group["mode"].as_str().unwrap()));
    for filter in filters {
        assert!(["and", "or"].contains(&filter["mode"].as_str().unwrap()));
        assert!(["eq", "wildcard"].contains(&filter["operator"].as_str().unwrap()));
        let (keys, values) = (filter["key"].as_array().unwrap(), filter["values"].as_array().unwrap());
        assert!(!keys.is_empty() && !values.is_empty());
        for key in keys {
            for value in values {
                out.push((key.as_str().unwrap().to_owned(), value.as_str().unwrap().to_owned()));
            }
        }
    }
    for group in groups {
        leaves(group, out);
    }
}

fn all_leaves(batch: &Batch) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for group in batch.observables.iter().chain(&batch.indicators) {
        leaves(&json(group), &mut out);
        assert!(group.leaves() <= MAX_LEAVES);
    }
    out
}

#[test]
fn nothing_to_ask_makes_no_request() {
    let mut terms = Terms::new();
    terms.value("").file_name("").pattern("").hash(HashAlgorithm::Md5, "");
    assert!(terms.is_empty());
    assert_eq!(terms.batches(), []);
    assert_eq!(terms.skipped(), 0);
}

#[test]
fn words_that_are_commands_lose_their_meaning() {
    let mut terms = Terms::new();
    terms.value("EXISTS").file_name("EXISTS").pattern("EXISTS").pattern_phrase("EXISTS").unwrap();
    for (key, value) in terms.batches().iter().flat_map(all_leaves) {
        assert!(value != "EXISTS", "{key}");
    }
    for refused in ["*", "", "a*", "a b", "\"a\"", "a\\", "...", "é", "a\n"] {
        assert_eq!(terms.pattern_phrase(refused), Err(NotAPhrase), "{refused:?}");
    }
}

#[test]
fn hash_keys_are_spelt_as_the_platform_wants_them() {
    use HashAlgorithm::{Md5, Sha1, Sha3_256, Sha3_512, Sha256, Sha512, Ssdeep, Tlsh};
    let names: Vec<_> =
        [Md5, Sha1, Sha256, Sha512, Sha3_256, Sha3_512, Ssdeep, Tlsh].map(HashAlgorithm::as_str).into();
    assert_eq!(names, ["MD5", "SHA-1", "SHA-256", "SHA-512", "SHA3-256", "SHA3-512", "SSDEEP", "TLSH"]);
}

#[test]
fn what_the_platform_does_not_index_is_asked_for_by_id_or_counted() {
    // 512 UTF-16 units are indexed; the emoji takes two.
    let fits = format!("{}\u{1f980}", "x".repeat(510));
    let long = format!("{}\u{1f980}", "x".repeat(511));
    let mut terms = Terms::new();
    terms.value(&fits).pattern(&fits).file_name(&fits);
    assert_eq!((terms.len(), terms.skipped()), (3, 0));

    let mut terms = Terms::new();
    terms.value(&long).pattern(&long);
    terms.file_name(&long).registry_key(&long).observable_key(ObservableKey::CommandLine, &long);
    assert_eq!((terms.len(), terms.skipped()), (2, 3));
    let asked: Vec<_> = terms.batches().iter().flat_map(all_leaves).filter(|(key, _)| key == "ids").collect();
    assert!(asked[0].1.starts_with("url--") && asked[1].1.starts_with("indicator--"), "{asked:?}");
}

#[test]
fn ids_are_those_the_platform_makes() {
    // Made with Python's uuid.uuid5(NAMESPACE, '{"value":…}').
    assert_eq!(stix_id("url", "value", "http://a.example/\"é"), "url--a5860dbc-7c69-5a8a-94b5-7145793d43ec");
    assert_eq!(
        stix_id("indicator", "pattern", "[url:value = 'x']"),
        "indicator--5e2eb8a2-81fa-545f-b4ce-bfc1097d71eb"
    );
}

#[test]
fn terms_are_kept_once() {
    let mut terms = Terms::new();
    terms.value("A.example").value("a.EXAMPLE").pattern("[x = 'A']").pattern("[x = 'a']");
    let mut more = Terms::new();
    more.value("a.example").value("b.example");
    terms.extend(&more);
    assert_eq!(terms.len(), 3);
    assert_eq!(terms.batches().len(), 1);
}

#[test]
fn no_request_is_larger_than_a_megabyte() {
    let mut terms = Terms::new();
    for number in 0..1000 {
        terms.value(&format!("{number}{}", "\u{1}".repeat(500)));
    }
    let batches = terms.batches();
    assert_eq!(batches.iter().map(|batch| all_leaves(batch).len()).sum::<usize>(), 1000);
    for batch in batches {
        assert!(serde_json::to_vec(&batch.observables).unwrap().len() < 1_000_000);
    }
}

fn term() -> impl Strategy<Value = (u8, String)> {
    (0..9_u8, prop_oneof!["[a-zA-Z0-9.:-]{1,12}", r#"(?s).{1,8}"#, "x{505,520}"])
}

proptest! {
    // Lists long enough to be split take their time.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_term_is_asked_for_once_within_the_limits(list in prop::collection::vec(term(), 0..1200)) {
        let mut terms = Terms::new();
        for (kind, text) in &list {
            match kind {
                0 | 1 => { terms.value(text); }
                2 => { terms.hash(HashAlgorithm::Sha256, text); }
                3 => { terms.file_name(text); }
                4 => { terms.registry_key(text); }
                5 => { terms.observable_key(ObservableKey::MutexName, text); }
                6 => { terms.autonomous_system(u32::from(*kind)); }
                7 => { terms.pattern(text); }
                _ => { let _ = terms.pattern_phrase(text); }
            }
        }
        let mut asked = Vec::new();
        for batch in terms.batches() {
            prop_assert!(batch.observables.is_some() || batch.indicators.is_some());
            let leaves = all_leaves(&batch);
            prop_assert!(leaves.len() <= MAX_LEAVES);
            asked.extend(leaves);
            if let Some(indicators) = &batch.indicators {
                let indicators = json(indicators);
                prop_assert_eq!(indicators["mode"].as_str(), Some("and"));
                prop_assert_eq!(&indicators["filters"][0]["key"][0], "pattern_type");
            }
        }
        // The constants, and the second key of file names, are no terms.
        asked.retain(|(key, _)| {
            !["entity_type", "pattern_type", "x_opencti_additional_names"].contains(&key.as_str())
        });
        prop_assert_eq!(asked.len(), terms.len());
    }
}
