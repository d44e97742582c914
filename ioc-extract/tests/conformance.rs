//! Other extractors' tests, own challenges and hand-labelled logs, scored.
//!
//! The cases lie outside the project, in `$CONFORMANCE_DATA/ioc-cases/*.jsonl`: `text`, `expected` and `absent` lists of
//! `{kind, value}`, `exhaustive` kinds (whose list is complete). A value counts as found whatever its spelling. The host
//! of an expected URL, e-mail address or network is neither required nor punished; cases marked `debatable` or with
//! `options` are left out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::use_debug,
    reason = "a test may stop at the first surprise and say so"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};

use ioc_extract::{Extractor, Profile};
use serde_json::Value;

type Key = (String, String);

/// What is counted for a group of cases.
#[derive(Default, Debug)]
struct Score {
    hit: usize,
    missed: usize,
    false_alarms: usize,
    cases: usize,
    whole: usize,
}

impl Score {
    fn precision(&self) -> f64 {
        self.hit as f64 / (self.hit + self.false_alarms).max(1) as f64
    }

    fn recall(&self) -> f64 {
        self.hit as f64 / (self.hit + self.missed).max(1) as f64
    }
}

fn kind(name: &str) -> String {
    let name = name.strip_prefix("file:").unwrap_or(name);
    match name {
        "ipv4-addr" => "ipv4",
        "ipv6-addr" => "ipv6",
        "domain-name" | "hostname" => "domain",
        "email-addr" | "email_complete" => "email",
        "url_complete" => "url",
        "windows-registry-key" => "registry_key",
        "mac-addr" => "mac",
        "autonomous-system" => "asn",
        "user-agent" => "user_agent",
        "file-name" => "file_name",
        "file-path" => "file_path",
        other => other,
    }
    .to_owned()
}

fn ipv4(text: &str) -> Option<String> {
    let parts: Vec<u8> = text
        .split('.')
        .map(|part| part.parse::<u16>().ok().and_then(|n| u8::try_from(n).ok()))
        .collect::<Option<_>>()?;
    let octets: [u8; 4] = parts.try_into().ok()?;
    Some(Ipv4Addr::from(octets).to_string())
}

fn ipv6(text: &str) -> Option<String> {
    let text = text.split('%').next()?.trim_matches(['[', ']']);
    text.parse::<Ipv6Addr>().ok().map(|ip| ip.to_string())
}

fn host(text: &str) -> String {
    let lower = text.to_lowercase();
    let hidden = lower.contains(['\u{200b}', '\u{ad}', '。', '．']);
    if lower.is_ascii() || hidden { lower } else { idna::domain_to_ascii(&lower).unwrap_or(lower) }
}

fn canonical(kind: &str, value: &str) -> String {
    let v = value.trim();
    match kind {
        "md5" | "sha1" | "sha224" | "sha256" | "sha384" | "sha512" | "imphash" | "authentihash" | "eth" => {
            v.to_lowercase()
        }
        "ipv4" => ipv4(v).unwrap_or_else(|| v.to_owned()),
        "ipv6" => ipv6(v).unwrap_or_else(|| v.to_lowercase()),
        "cidr" => v.split_once('/').map_or_else(
            || v.to_lowercase(),
            |(address, len)| {
                format!(
                    "{}/{len}",
                    ipv4(address).or_else(|| ipv6(address)).unwrap_or_else(|| address.to_lowercase())
                )
            },
        ),
        "domain" => host(v.trim_end_matches('.')),
        "email" | "xmpp" => v.rsplit_once('@').map_or_else(
            || v.to_lowercase(),
            |(local, domain)| format!("{}@{}", local.to_lowercase(), host(domain)),
        ),
        "url" => {
            let (scheme, rest) = v
                .split_once("://")
                .map_or((String::new(), v), |(s, r)| (format!("{}://", s.to_lowercase()), r));
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let tail = if &rest[end..] == "/" { "" } else { &rest[end..] };
            format!("{scheme}{}{tail}", host(&rest[..end]))
        }
        "asn" => format!("AS{}", v.trim_start_matches(|c: char| !c.is_ascii_digit())),
        "cve" => {
            v.to_uppercase().split([' ', '-']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
        }
        "mac" => v.to_lowercase().chars().filter(char::is_ascii_hexdigit).collect(),
        "registry_key" => {
            let v = v.replace(['<', '>'], "").replace("\\\\", "\\");
            let v = v.trim_end_matches('\\').trim_start_matches(':');
            let (hive, rest) = v.split_once('\\').unwrap_or((v, ""));
            let hive = hive.trim_end_matches(':').to_uppercase();
            let long = match &*hive {
                "HKLM" => "HKEY_LOCAL_MACHINE",
                "HKCU" => "HKEY_CURRENT_USER",
                "HKCR" => "HKEY_CLASSES_ROOT",
                "HKU" => "HKEY_USERS",
                "HKCC" => "HKEY_CURRENT_CONFIG",
                other => other,
            };
            format!("{long}\\{rest}").to_lowercase()
        }
        "attack" | "attack_tactic" | "attack_mitigation" | "ga_tracker" | "ga_pub" => v.to_uppercase(),
        "tlp" => v.to_uppercase().replace([' ', '-'], ":"),
        "btc" if v.to_lowercase().starts_with("bc1") => v.to_lowercase(),
        "bch" | "ltc" | "ada" => v.rsplit(':').next().unwrap_or(v).to_owned(),
        "onion" => v.to_lowercase().trim_end_matches(".onion").to_owned(),
        "phone" => v.chars().filter(char::is_ascii_digit).collect(),
        _ => v.to_owned(),
    }
}

fn key(kind: &str, value: &str) -> Key {
    (kind.to_owned(), canonical(kind, value))
}

/// What may be reported besides, since it stands inside (kind, value).
fn derived((kind, value): &Key) -> BTreeSet<Key> {
    let mut inside = BTreeSet::new();
    let mut add_host = |text: &str| {
        let text = text.rsplit('@').next().unwrap_or(text);
        if let Some(address) = text.strip_prefix('[') {
            inside.insert(key("ipv6", address.split(']').next().unwrap_or(address)));
            return;
        }
        let name = text
            .rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
            .map_or(text, |(name, _)| name);
        inside.insert(ipv4(name).map_or_else(|| key("domain", name), |ip| ("ipv4".to_owned(), ip)));
    };
    match &**kind {
        "url" => {
            let rest = value.split_once("://").map_or(&**value, |(_, rest)| rest);
            let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
            add_host(authority);
            inside.insert(("url".to_owned(), rest.to_owned()));
            if authority.contains('@') {
                inside.insert(key("email", authority));
            }
        }
        "email" | "xmpp" => {
            add_host(value);
            inside.extend(["email", "xmpp", "url"].map(|kind| (kind.to_owned(), value.clone())));
        }
        "cidr" => {
            let address = value.split('/').next().unwrap_or(value);
            inside.insert(key(if address.contains(':') { "ipv6" } else { "ipv4" }, address));
        }
        "file_path" => {
            let name = value.rsplit(['\\', '/']).next().unwrap_or(value);
            inside.insert(key("file_name", name));
            inside.insert(key("domain", name));
        }
        "imphash" => _ = inside.insert(("md5".to_owned(), value.clone())),
        "authentihash" => _ = inside.insert(("sha256".to_owned(), value.clone())),
        "attack" => {
            _ = inside.insert(("attack".to_owned(), value.split('.').next().unwrap_or(value).to_owned()));
        }
        "onion" => _ = inside.insert(("domain".to_owned(), format!("{value}.onion"))),
        _ => {}
    }
    inside
}

fn keys(list: &Value) -> BTreeSet<Key> {
    let entries = list.as_array().into_iter().flatten();
    entries.map(|e| key(&kind(e["kind"].as_str().unwrap()), e["value"].as_str().unwrap())).collect()
}

fn same_url(a: &Key, b: &Key) -> bool {
    a.0 == "url" && b.0 == "url" && a.1.trim_end_matches('/') == b.1.trim_end_matches('/')
}

fn judge(case: &Value, got: &BTreeSet<Key>, logs: bool, score: &mut Score) {
    let expected = keys(&case["expected"]);
    let inside: BTreeSet<Key> = expected.iter().flat_map(derived).collect();
    let hosts: BTreeSet<Key> = got.iter().flat_map(derived).collect();
    let soft = ["domain", "ipv4", "ipv6", "email", "md5", "sha256", "url"];
    let (mut missed, mut wrong) = (0, 0);
    for item in &expected {
        let within_another = expected.iter().any(|other| other != item && derived(other).contains(item));
        if within_another && soft.contains(&&*item.0) {
            continue;
        }
        let found =
            got.contains(item) || (logs && hosts.contains(item)) || got.iter().any(|g| same_url(g, item));
        score.hit += usize::from(found);
        missed += usize::from(!found);
    }
    let absent = keys(&case["absent"]);
    let exhaustive: BTreeSet<String> =
        case["exhaustive"].as_array().unwrap().iter().map(|k| kind(k.as_str().unwrap())).collect();
    for item in got {
        let listed = absent.contains(item) || absent.contains(&("any".to_owned(), item.1.clone()));
        let expected_elsewhere =
            expected.contains(item) || inside.contains(item) || expected.iter().any(|e| same_url(e, item));
        wrong += usize::from(listed || (!logs && exhaustive.contains(&item.0) && !expected_elsewhere));
    }
    score.missed += missed;
    score.false_alarms += wrong;
    score.cases += 1;
    score.whole += usize::from(missed + wrong == 0);
}

fn scores(folder: &PathBuf, name: &str, extractor: Extractor) -> BTreeMap<String, Score> {
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    let mut files = 0;
    for entry in fs::read_dir(folder).expect("the folder of the cases is readable") {
        let path = entry.expect("the folder of the cases is readable").path();
        if path.extension().is_none_or(|e| e != "jsonl") {
            continue;
        }
        files += 1;
        for line in fs::read_to_string(&path).expect("cases are readable").lines() {
            let case: Value = serde_json::from_str(line).expect("a case is JSON");
            let set = |name: &str| {
                !matches!(&case[name], Value::Null | Value::Bool(false))
                    && case[name] != serde_json::json!({})
            };
            if set("debatable") || set("options") {
                continue;
            }
            let group = match case["source"].as_str().unwrap() {
                "iocextract" => "generated",
                "wazuh-log-pooled" => "logs",
                "own-challenge" => "own",
                _ => "peers",
            };
            let text = case["text"].as_str().unwrap();
            let got: BTreeSet<Key> =
                extractor.scan(text).map(|f| key(&kind(f.kind.as_str()), &f.value)).collect();
            judge(&case, &got, group == "logs", scores.entry(group.to_owned()).or_default());
            if group == "logs" {
                for name in ["ipv4", "ipv6", "domain"] {
                    let only = |list: &Value| -> Value {
                        list.as_array()
                            .unwrap()
                            .iter()
                            .filter(|e| kind(e["kind"].as_str().unwrap()) == name)
                            .cloned()
                            .collect()
                    };
                    let mut part = case.clone();
                    part["expected"] = only(&case["expected"]);
                    part["absent"] = only(&case["absent"]);
                    judge(&part, &got, true, scores.entry(format!("logs {name}")).or_default());
                }
            }
        }
    }
    assert!(files > 0, "no cases in {}", folder.display());
    for (group, score) in &scores {
        eprintln!(
            "{name} {group:11} precision {:.4} recall {:.4} whole {} of {} ({} missed, {} false)",
            score.precision(),
            score.recall(),
            score.whole,
            score.cases,
            score.missed,
            score.false_alarms
        );
    }
    scores
}

#[test]
fn scores_hold() {
    let Some(data) = std::env::var_os("CONFORMANCE_DATA") else {
        eprintln!("skipped: CONFORMANCE_DATA is not set");
        return;
    };
    let folder = PathBuf::from(data).join("ioc-cases");
    let report = Extractor::builder().profile(Profile::Report).build();
    let log = Extractor::new();
    // Precision and recall that must be reached, for each group.
    let floors = [
        (
            "report",
            report,
            &[
                ("peers", 0.985, 0.99),
                ("generated", 0.99, 0.99),
                ("own", 1.0, 1.0),
                ("logs domain", 0.995, 0.988),
                ("logs ipv4", 0.995, 0.995),
                ("logs ipv6", 1.0, 1.0),
            ][..],
        ),
        (
            "log",
            log,
            &[
                ("peers", 0.985, 0.91),
                ("own", 1.0, 0.9),
                ("logs domain", 0.995, 0.988),
                ("logs ipv4", 0.995, 0.995),
                ("logs ipv6", 1.0, 1.0),
            ],
        ),
    ];
    for (name, extractor, floors) in floors {
        let scores = scores(&folder, name, extractor);
        for (group, precision, recall) in floors {
            let score = &scores[*group];
            assert!(
                score.precision() >= *precision,
                "{name}, {group}: precision {:.4} < {precision}",
                score.precision()
            );
            assert!(score.recall() >= *recall, "{name}, {group}: recall {:.4} < {recall}", score.recall());
        }
        // No trap of the own challenges comes out, whatever the settings.
        assert_eq!(scores["own"].false_alarms, 0, "{name}");
    }
}
