//! What holds for any input.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers, too")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value};
use wazuh_alert::{Alert, AlertError, MAX_LINE_BYTES, QueueError, Sender, location_overhead, queue_line};

/// Any JSON value, with keys that are easily confused and strings with what has to be escaped.
fn json() -> impl Strategy<Value = Value> {
    let string = prop_oneof!["[a-c.: ]{0,3}", any::<String>(), "[\"\\\\/\n\u{0}\u{7f}é😀&;]{0,6}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        string.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((string.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn walk(path: &str, value: &Value, out: &mut BTreeMap<String, Vec<String>>) {
    let mut put = |text: String| out.entry(path.to_owned()).or_default().push(text);
    match value {
        Value::Null => {}
        Value::Bool(bool) => put(bool.to_string()),
        Value::Number(number) => put(number.to_string()),
        Value::String(string) => put(string.clone()),
        Value::Array(values) => values.iter().for_each(|value| walk(path, value, out)),
        Value::Object(members) => {
            for (key, value) in members {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(&path, value, out);
            }
        }
    }
}

/// Reads a line of the queue the way analysisd does: `OS_CleanMSG` finds the first colon that is not escaped
/// and takes the escapes away, then agent, name, address and location are found by the first `]`, `)`, `-` and
/// `>`. Gives the location with its escapes undone, and the event.
fn clean_message(line: &str) -> (String, &str) {
    let message = line.get(2..).unwrap();
    let mut location = String::new();
    let mut chars = message.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            ':' => return (location, &message[at + 1..]),
            '|' => location.push(chars.next().unwrap().1),
            _ => location.push(char),
        }
    }
    panic!("no location in {line:?}");
}

/// Id, name, address and location of an agent's message.
fn agent_parts(location: &str) -> (&str, &str, &str, &str) {
    let (id, rest) = location.strip_prefix('[').unwrap().split_once(']').unwrap();
    let (name, rest) = rest.strip_prefix(" (").unwrap().split_once(')').unwrap();
    let (ip, _) = rest.strip_prefix(' ').unwrap().split_once('-').unwrap();
    (id, name, ip, location.split_once('>').unwrap().1)
}

proptest! {
    #[test]
    fn any_bytes_give_an_alert_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = Alert::parse(&bytes);
    }

    #[test]
    fn bytes_that_look_like_json_give_an_alert_or_an_error(text in r#"\{"data":[\[\]{}",:a0-9.eE+\-\\ntrufals \x00é]{0,40}\}?"#) {
        match Alert::parse(text.as_bytes()) {
            Ok(alert) => {
                // What is accepted is JSON for everybody else, too, unless it is one of the leniences.
                if let Err(error) = serde_json::from_str::<Value>(&text) {
                    let known = ["control character", "surrogate", "number out of range"];
                    let message = error.to_string();
                    prop_assert!(known.iter().any(|known| message.contains(known)), "{}: {}", message, text);
                }
                prop_assert_eq!(alert.leaves().count(), Alert::parse(alert.raw().as_bytes()).unwrap().leaves().count());
            }
            Err(error) => {
                let accepted = serde_json::from_str::<Value>(&text).is_ok();
                prop_assert!(!accepted, "{}: {}", error, text);
                prop_assert!(error.to_string().chars().all(|char| !char.is_control()));
            }
        }
    }

    #[test]
    fn any_json_has_the_same_values_as_with_serde_json(value in json(), pretty in any::<bool>()) {
        let document = serde_json::json!({ "rule": {}, "data": value });
        let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
        let alert = Alert::parse(text.unwrap().as_bytes()).unwrap();
        let mut expected = BTreeMap::new();
        walk("", &document, &mut expected);
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for leaf in alert.leaves() {
            found.entry(leaf.path.to_owned()).or_default().push(leaf.text.to_owned());
        }
        for (path, texts) in &expected {
            prop_assert!(alert.texts(path).eq(texts));
            prop_assert!(alert.text(path).is_some());
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn windows_values_come_back_as_they_were(value in any::<String>(), tail in r#"[\\":&a-z<>;# \n]{0,12}"#) {
        // A value that is sure to be told from one escaped once: it has a doubled backslash.
        let value = format!("\\{value}{tail}");
        let xml = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let in_message = serde_json::to_string(&xml).unwrap();
        let cut_out = &in_message[1..in_message.len() - 1];
        let document = serde_json::json!({ "data": { "win": { "eventdata": { "image": cut_out } } } });
        let alert = Alert::parse(document.to_string().as_bytes()).unwrap();
        prop_assert_eq!(alert.text("data.win.eventdata.image"), Some(value.as_str()));
    }

    #[test]
    fn any_sender_gives_one_line_that_analysisd_reads_back(
        id in prop_oneof!["[0-9]{3,5}", any::<String>()],
        name in prop_oneof!["[A-Za-z0-9._|: -]{1,20}", any::<String>()],
        ip in prop_oneof![Just(None), "[0-9a-f.:]{1,20}".prop_map(Some), any::<String>().prop_map(Some)],
        value in json(),
        pretty in any::<bool>(),
    ) {
        let event = serde_json::json!({ "opencti": value });
        let event = if pretty { serde_json::to_string_pretty(&event) } else { serde_json::to_string(&event) }.unwrap();
        let sender = Sender { id: &id, name: &name, ip: ip.as_deref() };
        let line = queue_line(Some(sender), "opencti", &event).unwrap();

        prop_assert!(line.starts_with("1:"));
        prop_assert!(!line.contains(['\n', '\r', '\0']));
        prop_assert_eq!(line.len(), location_overhead(Some(sender), "opencti") + event.len());
        let (location, received) = clean_message(&line);
        prop_assert_eq!(serde_json::from_str::<Value>(received).unwrap(), serde_json::from_str::<Value>(&event).unwrap());

        if id.trim().bytes().all(|byte| byte == b'0') {
            prop_assert_eq!(location, "opencti");
        } else {
            let (read_id, read_name, read_ip, read_location) = agent_parts(&location);
            prop_assert_eq!(read_location, "opencti");
            if id.chars().all(|char| char.is_ascii_digit()) {
                prop_assert_eq!(read_id, &id);
            }
            if name.chars().all(|char| char.is_ascii_graphic() && !")>".contains(char)) && name.len() <= 128 {
                prop_assert_eq!(read_name, &name);
            }
            match &ip {
                Some(ip) if ip.parse::<std::net::IpAddr>().is_ok() => prop_assert_eq!(read_ip, ip),
                None => prop_assert_eq!(read_ip, "any"),
                Some(_) => {}
            }
        }
    }
}

#[test]
fn the_longest_line_fits_and_one_byte_more_does_not() {
    let sender = Some(Sender { id: "001", name: "web-01", ip: Some("2001:db8::7") });
    let room = MAX_LINE_BYTES - location_overhead(sender, "opencti");
    let event = |len: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(len - 8));
    assert_eq!(queue_line(sender, "opencti", &event(room)).unwrap().len(), MAX_LINE_BYTES);
    let error = queue_line(sender, "opencti", &event(room + 1)).unwrap_err();
    assert_eq!(error, QueueError::TooLong { bytes: MAX_LINE_BYTES + 1 });
}

#[test]
fn hostile_shapes_end_soon_and_with_a_clear_error() {
    let brackets = format!(r#"{{"data":{}"#, "[".repeat(200_000));
    assert_eq!(Alert::parse(brackets.as_bytes()).map(drop), Err(AlertError::TooDeep));
    let braces = r#"{"data":"#.repeat(200_000);
    assert_eq!(Alert::parse(braces.as_bytes()).map(drop), Err(AlertError::TooDeep));

    // One long key over many values: 1 MB of text, 100 GB of paths.
    let members = r#""a":1,"#.repeat(100_000);
    let long_path = format!(r#"{{"data":{{"{}":{{{members}"b":2}}}}}}"#, "k".repeat(1_000_000));
    assert_eq!(Alert::parse(long_path.as_bytes()).unwrap_err().label(), "long_paths");

    // Every value at one path, each time in its own array or as a duplicate: look-ups must not be quadratic.
    let duplicates = format!(r#"{{"data":{{{}"a":"last"}}}}"#, r#""a":["x"],"#.repeat(200_000));
    let alert = Alert::parse(duplicates.as_bytes()).unwrap();
    assert_eq!(alert.text("data.a"), Some("last"));
    let nested = format!(
        r#"{{"data":{{"a":{}{}{}}}}}"#,
        "[\"first\",".repeat(900),
        "1,".repeat(200_000) + "2",
        "]".repeat(900)
    );
    assert_eq!(Alert::parse(nested.as_bytes()).unwrap().text("data.a"), Some("first"));

    let large = vec![b' '; (16 << 20) + 1];
    assert_eq!(Alert::parse(&large).unwrap_err(), AlertError::TooLarge { bytes: large.len() });
}
