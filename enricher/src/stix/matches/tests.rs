//! The reference semantics on observations made by hand.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::super::{Observation, Pattern};

/// An observation of one object, seen from `first` to `last` seconds past the minute, so many times.
fn observed(id: usize, first: u32, last: u32, times: u64, object: Value) -> Value {
    let mut object = object;
    object["id"] = json!(format!("x--{id}"));
    json!({"type": "bundle", "objects": [
        {"type": "observed-data", "id": format!("observed-data--{id}"), "number_observed": times,
         "first_observed": format!("2026-04-02T08:00:{first:02}Z"), "last_observed": format!("2026-04-02T08:00:{last:02}Z"),
         "object_refs": [format!("x--{id}")]},
        object,
    ]})
}

/// Colours seen, each with the seconds of its first and last sighting and how often.
fn colours(seen: &[(&str, u32, u32, u64)]) -> Vec<Observation> {
    let documents: Vec<Value> = seen
        .iter()
        .enumerate()
        .map(|(id, (name, first, last, times))| {
            observed(id, *first, *last, *times, json!({"type": "colour", "name": name}))
        })
        .collect();
    Observation::from_json(&documents).expect("observations")
}

fn holds(pattern: &str, observations: &[Observation]) -> bool {
    Pattern::parse(pattern).expect(pattern).matches(observations).expect(pattern)
}

fn error(pattern: &str, documents: &[Value]) -> String {
    let observations = Observation::from_json(documents).expect("observations");
    Pattern::parse(pattern).expect(pattern).matches(&observations).expect_err(pattern).to_string()
}

#[test]
fn observations_are_not_shared() {
    let one = colours(&[("red", 0, 0, 1)]);
    assert!(holds("[colour:name = 'red'] OR [colour:name = 'blue']", &one));
    assert!(!holds("[colour:name = 'red'] AND [colour:name = 'red']", &one));
    assert!(!holds("[colour:name = 'red'] FOLLOWEDBY [colour:name = 'red']", &one));
    let twice = colours(&[("red", 0, 0, 2)]);
    assert!(holds("[colour:name = 'red'] AND [colour:name = 'red']", &twice));
    assert!(!holds("([colour:name = 'red'] AND [colour:name = 'red']) AND [colour:name != 'blue']", &twice));
}

#[test]
fn a_choice_made_too_early_is_taken_back() {
    // Red has to leave the first observation to the second bracket.
    let seen = colours(&[("red", 0, 0, 1), ("red", 5, 5, 1)]);
    assert!(holds(
        "[colour:name = 'red'] AND ([colour:name = 'red'] START t'2026-04-02T08:00:00Z' STOP t'2026-04-02T08:00:01Z')",
        &seen
    ));
    assert!(holds("([colour:name = 'blue'] OR [colour:name = 'red']) AND [colour:name = 'red']", &seen));
}

#[test]
fn followedby_asks_for_the_order_of_time() {
    let seen = colours(&[("red", 5, 5, 1), ("blue", 3, 3, 1), ("green", 3, 8, 1)]);
    assert!(holds("[colour:name = 'blue'] FOLLOWEDBY [colour:name = 'red']", &seen));
    assert!(!holds("[colour:name = 'red'] FOLLOWEDBY [colour:name = 'blue']", &seen));
    assert!(
        holds("[colour:name = 'red'] FOLLOWEDBY [colour:name = 'green']", &seen),
        "green lasts beyond red"
    );
    assert!(holds("[colour:name = 'green'] FOLLOWEDBY [colour:name = 'red']", &seen), "and begins before it");
    assert!(!holds(
        "[colour:name = 'red'] FOLLOWEDBY ([colour:name = 'green'] AND [colour:name = 'blue'])",
        &seen
    ));
    assert!(holds(
        "([colour:name = 'red'] FOLLOWEDBY [colour:name = 'green']) AND [colour:name = 'blue']",
        &seen
    ));
    assert!(!holds(
        "[colour:name = 'blue'] FOLLOWEDBY [colour:name = 'red'] FOLLOWEDBY [colour:name = 'blue']",
        &seen
    ));
}

#[test]
fn within_takes_in_the_group_it_stands_behind() {
    let seen = colours(&[("red", 0, 0, 1), ("blue", 5, 6, 1), ("green", 30, 30, 1)]);
    assert!(holds("([colour:name = 'red'] AND [colour:name = 'blue']) WITHIN 5 SECONDS", &seen));
    assert!(!holds("([colour:name = 'red'] AND [colour:name = 'blue']) WITHIN 4.999 SECONDS", &seen));
    assert!(holds("[colour:name = 'red'] AND [colour:name = 'blue'] WITHIN 1 SECONDS", &seen));
    assert!(holds(
        "([colour:name = 'red'] AND [colour:name = 'blue']) WITHIN 5 SECONDS AND [colour:name = 'green']",
        &seen
    ));
    assert!(!holds(
        "([colour:name = 'red'] AND [colour:name = 'blue'] AND [colour:name = 'green']) WITHIN 5 SECONDS",
        &seen
    ));
}

#[test]
fn repeats_counts_what_was_observed() {
    let seen = colours(&[("red", 0, 0, 2), ("red", 10, 10, 1), ("blue", 11, 11, 1)]);
    assert!(holds("[colour:name = 'red'] REPEATS 3 TIMES", &seen));
    assert!(!holds("[colour:name = 'red'] REPEATS 4 TIMES", &seen));
    assert!(holds("[colour:name = 'red'] REPEATS 2 TIMES WITHIN 1 SECONDS", &seen));
    assert!(!holds("[colour:name = 'red'] REPEATS 3 TIMES WITHIN 9 SECONDS", &seen));
    assert!(holds("[colour:name = 'red'] WITHIN 1 SECONDS REPEATS 3 TIMES", &seen), "each lies in a window");
    assert!(!holds("[colour:name != ''] REPEATS 2 TIMES REPEATS 3 TIMES", &seen), "six are needed");
    assert!(holds("[colour:name != ''] REPEATS 2 TIMES REPEATS 2 TIMES", &seen));
    assert!(holds("([colour:name != ''] REPEATS 2 TIMES WITHIN 1 SECONDS) REPEATS 2 TIMES", &seen));
    assert!(!holds("[colour:name = 'red'] REPEATS 18446744073709551615 TIMES", &seen));
    let often = colours(&[("red", 0, 0, 4_000_000_000)]);
    assert!(holds("[colour:name = 'red'] REPEATS 4000000000 TIMES WITHIN 1 SECONDS", &often));
}

#[test]
fn start_is_in_and_stop_is_out() {
    let seen = colours(&[("red", 5, 7, 1)]);
    let within = |start: u32, stop: u32| {
        let time = |second: u32| format!("t'2026-04-02T08:00:{second:02}Z'");
        holds(&format!("[colour:name = 'red'] START {} STOP {}", time(start), time(stop)), &seen)
    };
    assert!(within(7, 9));
    assert!(!within(8, 9));
    assert!(!within(3, 5));
    assert!(within(3, 6));
    assert!(!within(6, 6));
    assert!(!within(9, 3));
}

#[test]
fn existence_is_of_the_property() {
    let seen = colours(&[("red", 0, 0, 1)]);
    assert!(holds("[EXISTS colour:name]", &seen));
    assert!(!holds("[EXISTS colour:shade]", &seen));
    assert!(holds("[NOT EXISTS colour:shade]", &seen));
    assert!(!holds("[NOT EXISTS sound:name]", &seen), "there is no object that could lack it");
    assert!(!holds("[colour:shade != 'dark']", &seen), "what is not there is not different either");
}

#[test]
fn one_object_satisfies_a_bracket() {
    let documents = [json!({"type": "bundle", "objects": [
        {"type": "observed-data", "id": "observed-data--1", "number_observed": 1, "object_refs": ["file--1", "file--2"],
         "first_observed": "2026-04-02T08:00:00Z", "last_observed": "2026-04-02T08:00:00Z"},
        {"type": "file", "id": "file--1", "name": "a", "size": 1},
        {"type": "file", "id": "file--2", "name": "b", "size": 2},
        {"type": "file", "id": "file--3", "name": "c", "size": 3},
    ]})];
    let seen = Observation::from_json(&documents).expect("observations");
    assert!(holds("[file:name = 'a' AND file:size = 1]", &seen));
    assert!(!holds("[file:name = 'a' AND file:size = 2]", &seen));
    assert!(!holds("[file:name = 'c']", &seen), "nobody observed it");
    assert!(!holds("[observed-data:number_observed = 1]", &seen));
}

#[test]
fn objects_inside_observed_data_are_read() {
    let documents =
        [json!({"type": "observed-data", "number_observed": 1, "first_observed": "2026-04-02T08:00:00Z",
        "last_observed": "2026-04-02T08:00:00Z", "objects": {
            "0": {"type": "ipv4-addr", "value": "198.51.100.7"},
            "1": {"type": "network-traffic", "dst_ref": "0", "src_ref": "9"}}})];
    let seen = Observation::from_json(&documents).expect("observations");
    assert!(holds("[network-traffic:dst_ref.value ISSUBSET '198.51.100.0/24']", &seen));
    assert!(!holds("[network-traffic:src_ref.value LIKE '%']", &seen), "it leads nowhere");
    assert!(holds("[NOT EXISTS network-traffic:src_ref]", &seen));
}

#[test]
fn addresses_of_both_versions_form_sets() {
    let object = json!({"type": "x", "v4": "198.51.100.7", "v6": "2001:db8::7", "net": "198.51.100.0/25", "text": "hello"});
    let seen = Observation::from_json(&[observed(0, 0, 0, 1, object)]).expect("observations");
    assert!(holds("[x:v6 ISSUBSET '2001:db8::/32']", &seen));
    assert!(holds("[x:v4 ISSUBSET '0.0.0.0/0']", &seen));
    assert!(!holds("[x:v4 ISSUBSET '::/0']", &seen));
    assert!(holds("[x:net ISSUPERSET '198.51.100.7']", &seen));
    assert!(!holds("[x:net ISSUPERSET '198.51.100.0/24']", &seen));
    assert!(!holds("[x:text ISSUBSET '0.0.0.0/0']", &seen));
    assert!(holds("[x:text NOT ISSUBSET '0.0.0.0/0']", &seen));
}

#[test]
fn errors_are_errors_not_misses() {
    let object = json!({"type": "x", "name": "hello", "a_ref": 5, "b_refs": "no", "c_hex": "xyz", "d_bin": "%", "e_hex": "ff"});
    let documents = [observed(0, 0, 0, 1, object)];
    let of = |pattern: &str| error(pattern, &documents);
    assert_snapshot!(of("[x:name = t'2026-02-30T00:00:00Z']"), @"cannot evaluate the pattern: t'2026-02-30T00:00:00Z' is not a point in time");
    assert_snapshot!(of("[x:name > t'2026-02-03T00:00:00Z']"), @"cannot evaluate `x:name`: the observed value `hello` is not a timestamp");
    assert_snapshot!(of("[x:none = 1 AND x:name IN (1, 'a')]"), @"cannot evaluate `x:name`: the members of IN (…) are of different types");
    assert_snapshot!(of("[x:name MATCHES '(a']"), @"cannot evaluate `x:name`: the regular expression is invalid or needs backtracking (look-around, back-references)");
    assert_snapshot!(of("[x:name ISSUBSET 'junk']"), @"cannot evaluate `x:name`: `junk` is not an IP address or network");
    assert_snapshot!(of("[x:a_ref.name = 'a']"), @"cannot evaluate `x:a_ref.name`: `a_ref` does not hold a string");
    assert_snapshot!(of("[x:b_refs[*].name = 'a']"), @"cannot evaluate `x:b_refs[*].name`: `b_refs` does not hold a list of strings");
    assert_snapshot!(of("[x:c_hex = 'a']"), @"cannot evaluate `x:c_hex`: the observed value is not hexadecimal");
    assert_snapshot!(of("[x:d_bin = 'a']"), @"cannot evaluate `x:d_bin`: the observed value is not base64");
    assert_snapshot!(of("[x:e_hex LIKE 'a']"), @"cannot evaluate `x:e_hex`: the observed binary value is not UTF-8");
    assert_snapshot!(of("[x:name = 'a'] REPEATS 0 TIMES"), @"cannot evaluate the pattern: REPEATS needs a count of at least 1");
    assert_snapshot!(of("[x:name = 'a'] WITHIN 0 SECONDS"), @"cannot evaluate the pattern: WITHIN needs a duration above 0 seconds");
}

#[test]
fn what_is_not_observed_data_is_refused() {
    let of = |document: Value| Observation::from_json(&[document]).expect_err("no observations").to_string();
    assert_snapshot!(of(json!([])), @"cannot read the observations: an element is neither a STIX bundle nor observed-data");
    assert_snapshot!(of(json!({"type": "file"})), @"cannot read the observations: an element is neither a STIX bundle nor observed-data");
    assert_snapshot!(of(json!({"type": "bundle"})), @"cannot read the observations: a bundle has no list `objects` of JSON objects");
    assert_snapshot!(of(json!({"type": "bundle", "objects": [{"type": "file"}]})), @"cannot read the observations: file has no usable `id`");
    let mut data = json!({"type": "observed-data", "id": "observed-data--1", "object_refs": [], "number_observed": 1,
        "first_observed": "2026-04-02T08:00:00Z", "last_observed": "2026-04-02T08:00:00Z"});
    assert!(Observation::from_json(&[data.clone()]).is_ok());
    data["last_observed"] = json!("2026-04-02 08:00:00");
    assert_snapshot!(of(data.clone()), @"cannot read the observations: observed-data--1 has no usable `last_observed`");
    data["number_observed"] = json!(0);
    data["last_observed"] = json!("2026-04-02T08:00:00Z");
    assert_snapshot!(of(data), @"cannot read the observations: observed-data--1 has no usable `number_observed`");
}

/// Forty brackets that compete for thirty-nine observations have more assignments than anybody can try.
#[test]
fn a_hopeless_search_is_given_up() {
    let seen: Vec<(&str, u32, u32, u64)> =
        (0..39).map(|_| ("red", 0, 0, 1)).chain([("blue", 0, 0, 1)]).collect();
    let pattern = vec!["[colour:name = 'red']"; 40].join(" AND ");
    let outcome = Pattern::parse(&pattern).expect("a pattern").matches(&colours(&seen));
    assert_snapshot!(outcome.expect_err("too many").to_string(), @"cannot evaluate the pattern: more than 1000000 combinations of observations were tried");
    let pattern = vec!["[colour:name = 'red']"; 41].join(" AND ");
    assert!(!holds(&pattern, &colours(&seen)), "more brackets than observations need no search");
}
