use std::fmt::Write as _;
use std::fs;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::policy::Policy;
use crate::select::LeftOutReason;
use crate::{Bundle, Enricher};

/// Loads files with these names and contents.
fn load(files: &[(&str, String)]) -> WarningLists {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    WarningLists::load(folder.path()).unwrap()
}

fn list(name: &str, kind: &str, attributes: &[&str], entries: &[&str]) -> String {
    json!({"name": name, "version": 1, "type": kind, "matching_attributes": attributes, "list": entries})
        .to_string()
}

/// One list for every kind of value.
fn of_type(kind: &str, entries: &[&str]) -> WarningLists {
    let lists = load(&[("list.json", list("L", kind, &[], entries))]);
    assert_eq!(lists.problems(), []);
    assert_eq!(lists.len(), entries.len());
    lists
}

fn has(lists: &WarningLists, kind: Kind, value: &str) -> bool {
    lists.lookup(&Ioc::parse(kind, value).unwrap()).is_some()
}

fn said(lists: &WarningLists) -> String {
    lists.problems().iter().fold(String::new(), |mut text, problem| {
        writeln!(text, "{problem}").unwrap();
        text
    })
}

#[test]
fn strings_are_whole_values_without_case() {
    let md5 = "0B1F6A8A5B9D5B8E1A8B6F9A3C0D7E21";
    let entries = [
        "Evil-C2.com",
        "2001:0db8:0::7",
        "http://Evil-C2.com/Path",
        md5,
        "203.0.113.9",
        "Bücher.example.com",
    ];
    let lists = of_type("string", &entries);
    assert!(has(&lists, Kind::DomainName, "evil-c2.com"));
    assert!(!has(&lists, Kind::DomainName, "www.evil-c2.com"));
    assert!(has(&lists, Kind::Ipv6Addr, "2001:db8::7"));
    assert!(has(&lists, Kind::Ipv4Addr, "203.0.113.9"));
    assert!(has(&lists, Kind::Url, "HTTP://evil-c2.com/Path"));
    assert!(!has(&lists, Kind::Url, "http://evil-c2.com/"));
    assert!(has(&lists, Kind::Md5, md5));
    assert!(has(&lists, Kind::DomainName, "xn--bcher-kva.example.com"));
}

#[test]
fn hostnames_have_all_below_them() {
    let lists = of_type("hostname", &["cdn.com", ".corp.net", "*.Wild.org.", "198.51.100.1"]);
    for name in ["cdn.com", "a.b.cdn.com", "corp.net", "x.corp.net", "a.wild.org"] {
        assert!(has(&lists, Kind::DomainName, name), "{name}");
        assert!(has(&lists, Kind::Url, &format!("https://u@{name}:8443/a")), "{name}");
        assert!(has(&lists, Kind::EmailAddr, &format!("a@{name}")), "{name}");
    }
    assert!(has(&lists, Kind::Ipv4Addr, "198.51.100.1"));
    for name in ["notcdn.com", "cdn.com.evil.org", "org.com"] {
        assert!(!has(&lists, Kind::DomainName, name), "{name}");
    }
}

#[test]
fn networks_have_their_addresses() {
    let lists = of_type("cidr", &["203.0.113.128/25", "198.51.100.7", "2001:db8:7::/48", "10.1.2.3/8"]);
    for value in ["203.0.113.200", "198.51.100.7", "10.200.0.1"] {
        assert!(has(&lists, Kind::Ipv4Addr, value), "{value}");
        assert!(has(&lists, Kind::Url, &format!("http://{value}:80/x")), "{value}");
    }
    assert!(has(&lists, Kind::Ipv6Addr, "2001:db8:7::1"));
    assert!(has(&lists, Kind::Url, "http://[2001:db8:7::1]/x"));
    assert!(has(&lists, Kind::Cidr, "203.0.113.192/26"));
    assert!(!has(&lists, Kind::Cidr, "203.0.113.0/24"), "only a part of it is listed");
    assert!(!has(&lists, Kind::Ipv4Addr, "203.0.113.1"));
    assert!(!has(&lists, Kind::Ipv6Addr, "2001:db8:8::1"));
    let everything = of_type("cidr", &["::/0", "203.0.113.9/32"]);
    assert!(has(&everything, Kind::Ipv6Addr, "2001:db8::1"));
    assert!(has(&everything, Kind::Ipv4Addr, "203.0.113.9"));
    assert!(!has(&everything, Kind::Ipv4Addr, "203.0.113.8"));
}

#[test]
fn substrings_and_expressions() {
    let lists = of_type("substring", &["/UpdateFeed/", "telemetry."]);
    assert!(has(&lists, Kind::Url, "http://evil-c2.com/updatefeed/1"));
    assert!(has(&lists, Kind::DomainName, "telemetry.evil-c2.com"));
    assert!(!has(&lists, Kind::DomainName, "telemetr.com"));
    let lists = of_type("regex", &[r"/^[a-z]+\.CORP\.(com|net)$/i", r"^http:\/\/ok\."]);
    assert!(has(&lists, Kind::DomainName, "mail.corp.net"));
    assert!(has(&lists, Kind::Url, "http://ok.evil-c2.com/"));
    assert!(!has(&lists, Kind::DomainName, "mail7.corp.net"));
}

#[test]
fn attributes_say_which_kinds_a_list_is_for() {
    let lists = load(&[
        ("a/list.json", list("names", "hostname", &["hostname", "domain|ip"], &["cdn.com"])),
        ("b/list.json", list("hashes", "string", &["filename|md5"], &["0b1f6a8a5b9d5b8e1a8b6f9a3c0d7e21"])),
        ("c/list.json", list("networks", "cidr", &["ip-src", "ip-dst|port"], &["203.0.113.0/24"])),
        ("d/list.json", list("numbers", "regex", &["phone-number"], &["."])),
        ("e/list.json", list("all", "string", &["ALL"], &["a@cdn.com"])),
    ]);
    assert_eq!(lists.problems(), []);
    let name = |kind, value: &str| lists.lookup(&Ioc::parse(kind, value).unwrap());
    assert_eq!(name(Kind::DomainName, "a.cdn.com"), Some("names"));
    assert_eq!(name(Kind::Url, "http://a.cdn.com/"), None, "the list is not for URLs");
    assert_eq!(name(Kind::Md5, "0b1f6a8a5b9d5b8e1a8b6f9a3c0d7e21"), Some("hashes"));
    assert_eq!(name(Kind::Imphash, "0b1f6a8a5b9d5b8e1a8b6f9a3c0d7e21"), None);
    assert_eq!(name(Kind::Ipv4Addr, "203.0.113.9"), Some("networks"));
    assert_eq!(name(Kind::Url, "http://203.0.113.9/"), None);
    assert_eq!(name(Kind::EmailAddr, "a@cdn.com"), Some("all"));
}

#[test]
fn plain_text_is_a_list_of_exclusions() {
    let text = "# our own\ncorp.com   # with all below\n\n203.0.113.0/24\nhttps://evil-c2.com/#a\n\
                0B1F6A8A5B9D5B8E1A8B6F9A3C0D7E21\r\nrule:5710\na b\n";
    let lists =
        load(&[("own.txt", text.to_owned()), ("README.md", "no list".into()), (".git/a.txt", "a b".into())]);
    let own =
        |kind, value: &str| assert_eq!(lists.lookup(&Ioc::parse(kind, value).unwrap()), Some("own.txt"));
    own(Kind::DomainName, "www.corp.com");
    own(Kind::Ipv4Addr, "203.0.113.9");
    own(Kind::Url, "https://evil-c2.com/#a");
    own(Kind::Md5, "0b1f6a8a5b9d5b8e1a8b6f9a3c0d7e21");
    assert_eq!(lists.len(), 4);
    insta::assert_snapshot!(said(&lists), @"
    warning list own.txt: entry not used: `rule:5710` stands for alerts: write it in `exclude`
    warning list own.txt: entry not used: `a b` is no address, network, domain, hash or URL
    ");
}

#[test]
fn a_bad_list_is_named_and_the_others_stay() {
    let good = list("good", "string", &[], &["evil-c2.com"]);
    let lists = load(&[
        ("broken.json", "{\"list\": [".into()),
        ("expressions.json", list("x", "regex", &[], &["a(?=b)", "(", r"(a)\1", "fine", "(.{1000}){1000}"])),
        ("good.json", good),
        (
            "hosts.json",
            list(
                "x",
                "hostname",
                &[],
                &["*.", "a b", "ok.com", "", "/", "1 2", "3 4", "5 6", "7 8", "9 0", "a/b", "c/d", "e/f"],
            ),
        ),
        ("networks.json", list("x", "cidr", &[], &["203.0.113.0/33", "198.51.100.0/24"])),
        ("nothing.json", "{\"name\": \"x\"}".into()),
        ("numbers.json", "{\"list\": [1]}".into()),
        ("schema.json", "{\"$schema\": \"x\", \"type\": \"object\"}".into()),
        ("substrings.json", list("x", "substring", &[], &["", &"long".repeat(40)])),
        ("type.json", list("x", "glob", &[], &["*"])),
        ("whole.json", "[]".into()),
    ]);
    assert!(has(&lists, Kind::DomainName, "evil-c2.com"));
    assert!(has(&lists, Kind::DomainName, "fine.evil.com"));
    assert!(has(&lists, Kind::Ipv4Addr, "198.51.100.9"));
    insta::assert_snapshot!(said(&lists), @r"
    warning list broken.json: not used: EOF while parsing a list at line 1 column 10
    warning list expressions.json: entry not used: `a(?=b)` is no expression that can be used: look-around, including look-ahead and look-behind, is not supported
    warning list expressions.json: entry not used: `(` is no expression that can be used: unclosed group
    warning list expressions.json: entry not used: `(a)\1` is no expression that can be used: backreferences are not supported
    warning list expressions.json: entry not used: `(.{1000}){1000}` is larger than 262144 bytes when compiled
    warning list hosts.json: entry not used: `*.` is no name of a host
    warning list hosts.json: entry not used: `a b` is no name of a host
    warning list hosts.json: entry not used: `/` is no name of a host
    warning list hosts.json: entry not used: `1 2` is no name of a host
    warning list hosts.json: entry not used: `3 4` is no name of a host
    warning list hosts.json: entry not used: `5 6` is no name of a host
    warning list hosts.json: entry not used: `7 8` is no name of a host
    warning list hosts.json: entry not used: `9 0` is no name of a host
    warning list hosts.json: 3 more of its 12 entries not used
    warning list networks.json: entry not used: `203.0.113.0/33` is no address and no network
    warning list nothing.json: not used: it has no `list`
    warning list numbers.json: not used: invalid type: integer `1`, expected a string at line 1 column 11
    warning list type.json: not used: `glob` is no type of list: string, hostname, cidr, substring and regex are
    warning list whole.json: not used: it is no JSON object
    ");
}

#[test]
fn what_is_no_regular_file_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket.txt")).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("loop.json")).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
    fs::write(folder.path().join("own.txt"), "corp.com").unwrap();
    let lists = WarningLists::load(folder.path()).unwrap();
    assert_eq!(lists.len(), 1);
    insta::assert_snapshot!(said(&lists), @"
    warning list loop.json: not read: it is no regular file
    warning list socket.txt: not read: it is no regular file
    ");
    drop(socket);
}

#[test]
fn a_folder_that_cannot_be_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let said: Vec<String> = [folder.path().join("none"), file]
        .iter()
        .map(|path| {
            let error = WarningLists::load(path).unwrap_err();
            crate::pipeline::with_causes(&error).replace(&*folder.path().to_string_lossy(), "DIR")
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @"
    the folder of warning lists DIR/none cannot be read: check the path, and that the user wazuh may read it: No such file or directory (os error 2)
    the folder of warning lists DIR/file cannot be read: check the path, and that the user wazuh may read it: Not a directory (os error 20)
    ");
}

#[test]
fn lists_are_read_when_there_is_something_to_look_up() {
    let lists = of_type("hostname", &["cdn.com"]);
    let called = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let count = std::sync::Arc::clone(&called);
    let enricher = Enricher::new(Bundle::default(), Policy::default()).with_warning_lists(move || {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        lists
    });
    let select = |alert: &str| enricher.select(&wazuh_alert::Alert::parse(alert.as_bytes()).unwrap());
    let calls = || called.load(std::sync::atomic::Ordering::Relaxed);
    select(r#"{"rule":{},"data":{"srcip":"10.0.0.1","text":"nothing to see here"}}"#);
    assert_eq!(calls(), 0);
    for _ in 0..2 {
        let selection = select(r#"{"rule":{},"data":{"dns":{"query":"a.cdn.com"},"srcip":"9.9.9.9"}}"#);
        assert_eq!(selection.iocs(), [Ioc::parse(Kind::Ipv4Addr, "9.9.9.9").unwrap()]);
        let [out] = &*selection.left_out else { panic!("{:?}", selection.left_out) };
        assert_eq!((&*out.text, &out.reason), ("a.cdn.com", &LeftOutReason::WarningList("L".to_owned())));
    }
    assert_eq!(calls(), 1);
}

/// Any JSON, in which the keys of lists come up often.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let key = prop_oneof![
        Just("name".to_owned()),
        Just("type".to_owned()),
        Just("list".to_owned()),
        Just("matching_attributes".to_owned()),
        Just("$schema".to_owned()),
        ".{0,8}",
    ];
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        "string|hostname|cidr|substring|regex|ip-src|domain|ALL".prop_map(|value| json!(value)),
        r"[-a-z0-9.*/()\[\]{}|+?^$\\:@é# ]{0,24}".prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(4, 64, 12, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(|values| json!(values)),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// A list of any type with any entries.
fn any_list() -> impl Strategy<Value = serde_json::Value> {
    let kind = prop::sample::select(vec!["string", "hostname", "cidr", "substring", "regex"]);
    let entry =
        prop_oneof![r"[-a-z0-9.*/()\[\]{}|+?^$\\:@é# ]{0,24}", "[0-9]{1,3}(\\.[0-9]{1,3}){3}(/[0-9]{1,2})?"];
    (kind, prop::collection::vec(entry, 0..8))
        .prop_map(|(kind, entries)| json!({"type": kind, "list": entries}))
}

proptest! {
    #[test]
    fn any_file_is_read(value in prop_oneof![any_json(), any_list()], text in "(.{0,40}\n){0,5}", bytes: Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.json"), value.to_string()).unwrap();
        fs::write(folder.path().join("b.txt"), text).unwrap();
        fs::write(folder.path().join("c.json"), bytes).unwrap();
        let lists = WarningLists::load(folder.path()).unwrap();
        for (kind, value) in [
            (Kind::Ipv4Addr, "203.0.113.9"),
            (Kind::Ipv6Addr, "2001:db8::1"),
            (Kind::Cidr, "203.0.113.0/24"),
            (Kind::DomainName, "a.evil-c2.com"),
            (Kind::Url, "http://[2001:db8::1]:80/A"),
            (Kind::EmailAddr, "a@evil-c2.com"),
        ] {
            let _ = lists.lookup(&Ioc::parse(kind, value).unwrap());
        }
    }
}
