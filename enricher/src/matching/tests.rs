use opencti_client::{BasedOn, Hash};

use super::*;
use crate::select::Role;

const NOW: &str = "2026-06-01T12:00:00Z";

fn selection(values: &[(Kind, &str)]) -> Selection {
    let sighting = |(number, (kind, value)): (usize, &(Kind, &str))| Sighting {
        ioc: Ioc::parse(*kind, value).unwrap(),
        path: format!("data.field{number}"),
        span: None,
        via: String::new(),
        role: Role::Seen,
        // The hashes of these tests are all of one file.
        object: 0,
    };
    Selection { sightings: values.iter().enumerate().map(sighting).collect(), ..Selection::default() }
}

fn indicator(id: &str, pattern: &str) -> Indicator {
    Indicator {
        id: id.into(),
        pattern: Some(pattern.into()),
        pattern_type: Some("stix".into()),
        ..Indicator::default()
    }
}

fn observable(id: &str, entity_type: &str, value: &str) -> Observable {
    Observable {
        id: id.into(),
        entity_type: Some(entity_type.into()),
        value: Some(value.into()),
        ..Observable::default()
    }
}

fn based_on(indicator: Indicator, observable_id: &str) -> BasedOn {
    BasedOn { indicator, observable_id: observable_id.into() }
}

/// One line for each match: event type, indicator, observable, related indicator, how, values.
fn told(selection: &Selection, findings: &Findings, policy: &Policy) -> Vec<String> {
    let matches = match_all(selection, findings, policy, NOW.parse().unwrap());
    let line = |m: &Match<'_>| {
        let values: Vec<&str> = m.sightings.iter().map(|s| s.ioc.value()).collect();
        format!(
            "{} indicator={} observable={} related={} how={} values={}",
            m.event_type.as_str(),
            m.indicator.map_or("-", |r| &r.indicator.id),
            m.observable.map_or("-", |o| &o.id),
            m.related.as_ref().map_or("-", |r| &r.indicator.indicator.id),
            m.how,
            values.join(","),
        )
    };
    let aside = |s: &SetAsideIndicator| format!("set aside {}: {}", s.id, s.reason.as_str());
    let found = matches.indicators.iter().chain(&matches.observables).map(line);
    found.chain(matches.set_aside.iter().map(aside)).collect()
}

#[test]
fn patterns_decide_and_not_their_text() {
    let seen = selection(&[
        (Kind::Ipv4Addr, "198.51.100.7"),
        (Kind::DomainName, "www.bad.example"),
        (Kind::Sha256, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"),
    ]);
    let findings = Findings {
        indicators: vec![
            indicator("a-single", "[ipv4-addr:value = '198.51.100.7']"),
            indicator("b-or", "[ipv4-addr:value = '203.0.113.1' OR ipv4-addr:value = '198.51.100.7']"),
            indicator(
                "c-and",
                "[ipv4-addr:value = '198.51.100.7' AND domain-name:value = 'www.bad.example']",
            ),
            indicator("d-half", "[ipv4-addr:value = '198.51.100.7' AND domain-name:value = 'other.example']"),
            indicator("e-network", "[ipv4-addr:value = '198.51.100.0/24']"),
            indicator(
                "f-upper",
                "[file:hashes.SHA256 = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB']",
            ),
            indicator("g-parent", "[domain-name:value = 'bad.example']"),
            indicator("h-not", "[ipv4-addr:value != '203.0.113.1']"),
            indicator("i-other", "[ipv4-addr:value = '198.51.100.77']"),
            indicator("j-broken", "[ipv4-addr:value = ]"),
            Indicator {
                pattern_type: Some("yara".into()),
                ..indicator("k-yara", "rule x { condition: true }")
            },
        ],
        ..Findings::default()
    };
    insta::assert_snapshot!(told(&seen, &findings, &Policy::default()).join("\n"));
}

#[test]
fn ranking_is_total_and_survives_nulls() {
    let pattern = "[ipv4-addr:value = '198.51.100.7']";
    let with = |id: &str, score, confidence, detection| Indicator {
        x_opencti_score: score,
        confidence,
        x_opencti_detection: detection,
        ..indicator(id, pattern)
    };
    let findings = Findings {
        indicators: vec![
            with("nulls-b", None, None, None),
            with("nulls-a", None, None, None),
            with("confident", Some(50), Some(90), Some(false)),
            with("scored", Some(80), None, None),
            with("detection", Some(1), None, Some(true)),
            Indicator {
                valid_until: Some("2026-01-01T00:00:00Z".into()),
                ..with("expired", Some(99), None, None)
            },
            indicator("half", "[ipv4-addr:value = '198.51.100.7' AND url:value = 'http://x.example/']"),
        ],
        ..Findings::default()
    };
    let seen = selection(&[(Kind::Ipv4Addr, "198.51.100.7")]);
    let order = |policy: &Policy| -> Vec<String> {
        let matches = match_all(&seen, &findings, policy, NOW.parse().unwrap());
        matches.indicators.iter().map(|m| m.indicator.unwrap().indicator.id.clone()).collect()
    };
    assert_eq!(order(&Policy::default()), ["detection", "scored", "confident", "nulls-a", "nulls-b", "half"]);
    // Expired ones come last of their kind when they are wanted.
    let policy = Policy { ignore_expired: false, ..Policy::default() };
    assert_eq!(order(&policy), ["detection", "scored", "confident", "nulls-a", "nulls-b", "expired", "half"]);
}

#[test]
fn observables_lead_to_their_indicators_and_those_of_related_ones() {
    let seen = selection(&[
        (Kind::Md5, "0cc175b9c0f1b6a831c399e269772661"),
        (Kind::DomainName, "cdn.files.example"),
        (Kind::Ipv4Addr, "198.51.100.8"),
    ]);
    let file = Observable {
        hashes: vec![Hash { algorithm: "MD5".into(), hash: "0CC175B9C0F1B6A831C399E269772661".into() }],
        ..observable("file", "StixFile", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
    };
    let by_sha256 = indicator(
        "by-sha256",
        "[file:hashes.'SHA-256' = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08']",
    );
    let revoked =
        Indicator { revoked: Some(true), ..indicator("revoked", "[ipv4-addr:value = '198.51.100.8']") };
    let findings = Findings {
        observables: vec![
            file,
            observable("name", "Domain-Name", "CDN.files.example"),
            observable("address", "IPv4-Addr", "198.51.100.8"),
            observable("not-seen", "IPv4-Addr", "198.51.100.99"),
        ],
        based_on: vec![
            based_on(by_sha256, "file"),
            based_on(indicator("second", "[file:name = 'x']"), "file"),
            based_on(indicator("of-related", "[ipv4-addr:value = '198.51.100.99']"), "not-seen"),
            based_on(revoked, "address"),
            based_on(indicator("negative", "[ipv4-addr:value != '198.51.100.8']"), "address"),
        ],
        related: vec![Related {
            from_id: "name".into(),
            to_id: "not-seen".into(),
            relationship_type: "resolves-to".into(),
            other: observable("not-seen", "IPv4-Addr", "198.51.100.99"),
        }],
        ..Findings::default()
    };
    insta::assert_snapshot!(told(&seen, &findings, &Policy::default()).join("\n"));
}

#[test]
fn an_indicator_is_told_once() {
    let pattern = "[ipv4-addr:value = '198.51.100.7' OR domain-name:value = 'bad.example']";
    let seen = selection(&[(Kind::Ipv4Addr, "198.51.100.7"), (Kind::DomainName, "bad.example")]);
    let findings = Findings {
        indicators: vec![indicator("one", pattern), indicator("one", pattern)],
        observables: vec![
            observable("address", "IPv4-Addr", "198.51.100.7"),
            observable("name", "Domain-Name", "bad.example"),
            observable("address", "IPv4-Addr", "198.51.100.7"),
        ],
        based_on: vec![
            based_on(indicator("one", pattern), "address"),
            based_on(indicator("one", pattern), "name"),
            based_on(indicator("two", "[url:value = 'http://a.example/']"), "address"),
            based_on(indicator("two", "[url:value = 'http://a.example/']"), "name"),
        ],
        ..Findings::default()
    };
    insta::assert_snapshot!(told(&seen, &findings, &Policy::default()).join("\n"));
}

#[test]
fn policy_keeps_out_with_its_reason() {
    let pattern = "[ipv4-addr:value = '198.51.100.7']";
    let findings = Findings {
        indicators: vec![
            Indicator { revoked: Some(true), ..indicator("revoked", pattern) },
            Indicator { valid_until: Some(NOW.into()), ..indicator("expired", pattern) },
            Indicator { valid_from: Some("2026-07-01T00:00:00Z".into()), ..indicator("early", pattern) },
            Indicator { labels: vec!["Hygiene".into()], ..indicator("label", pattern) },
            Indicator { x_opencti_score: Some(49), ..indicator("score", pattern) },
            Indicator { x_opencti_score: Some(50), ..indicator("good", pattern) },
        ],
        ..Findings::default()
    };
    let policy = Policy { min_score: 50, ignore_labels: vec!["hygiene".into()], ..Policy::default() };
    let findings = Findings {
        indicators: findings
            .indicators
            .into_iter()
            .map(|i| Indicator { x_opencti_score: i.x_opencti_score.or(Some(100)), ..i })
            .collect(),
        ..findings
    };
    let seen = selection(&[(Kind::Ipv4Addr, "198.51.100.7")]);
    insta::assert_snapshot!(told(&seen, &findings, &policy).join("\n"));
}

/// What is not asked for decides between whole and partial, and is no evidence by itself.
#[test]
fn what_is_not_asked_for_only_completes_a_pattern() {
    let mut seen =
        selection(&[(Kind::Md5, "0cc175b9c0f1b6a831c399e269772661"), (Kind::Ipv4Addr, "198.51.100.7")]);
    seen.not_asked = selection(&[(Kind::FileName, "a.exe"), (Kind::FileName, "b.exe")]).sightings;
    // Of another file.
    seen.not_asked[1].object = 1;
    let hash = "file:hashes.MD5 = '0cc175b9c0f1b6a831c399e269772661'";
    let findings = Findings {
        indicators: vec![
            indicator("a-both", &format!("[file:name = 'A.exe' AND {hash}]")),
            indicator("b-other-file", &format!("[{hash} AND file:name = 'b.exe']")),
            indicator("c-other-name", &format!("[{hash} AND file:name = 'c.exe']")),
            indicator("d-either", "[file:name = 'a.exe' OR ipv4-addr:value = '198.51.100.7']"),
            indicator("e-only-name", "[file:name = 'a.exe']"),
            indicator("f-only-name-in-part", "[file:name = 'a.exe' AND ipv4-addr:value = '203.0.113.1']"),
            indicator("g-not", &format!("[{hash} AND file:name != 'a.exe']")),
            indicator("h-led-to", "[file:name = 'b.exe']"),
        ],
        observables: vec![observable("address", "IPv4-Addr", "198.51.100.7")],
        based_on: vec![based_on(indicator("h-led-to", "[file:name = 'b.exe']"), "address")],
        ..Findings::default()
    };
    insta::assert_snapshot!(told(&seen, &findings, &Policy::default()).join("\n"), @"
    indicator_pattern_match indicator=a-both observable=- related=- how=exact values=0cc175b9c0f1b6a831c399e269772661,a.exe
    indicator_pattern_match indicator=d-either observable=- related=- how=exact values=198.51.100.7,a.exe
    indicator_partial_pattern_match indicator=b-other-file observable=- related=- how=exact values=0cc175b9c0f1b6a831c399e269772661,b.exe
    indicator_partial_pattern_match indicator=c-other-name observable=- related=- how=exact values=0cc175b9c0f1b6a831c399e269772661
    indicator_partial_pattern_match indicator=g-not observable=- related=- how=exact values=0cc175b9c0f1b6a831c399e269772661
    observable_with_indicator indicator=h-led-to observable=address related=- how=exact values=198.51.100.7
    set aside e-only-name: kind-off
    set aside f-only-name-in-part: kind-off
    ");
}

#[test]
fn observables_stand_for_iocs() {
    let sha1 = "5f0c1f7e9b2d4a6c8e0f1a3b5c7d9e2f4a6b8c0d";
    let hashed = |entity_type, value| Observable {
        hashes: vec![Hash { algorithm: "SHA-1".into(), hash: sha1.into() }],
        ..observable("x", entity_type, value)
    };
    let observables = [
        observable("x", "User-Account", r"CORP\bob"),
        observable("x", "User-Account", "S-1-5-21-1-2-3-1104"),
        observable("x", "User-Account", "SYSTEM"),
        observable("x", "Process", "1234"),
        observable("x", "Process", "a.exe -x"),
        observable("x", "Mutex", r"Global\a"),
        observable("x", "Autonomous-System", "13335"),
        observable("x", "Autonomous-System", "EXAMPLE-NET"),
        observable("x", "Cryptocurrency-Wallet", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"),
        observable("x", "X509-Certificate", "00:9A:1D"),
        hashed("X509-Certificate", sha1),
        hashed("StixFile", sha1),
    ];
    let told = observables.map(|observable| {
        let iocs = iocs_of(&observable);
        let iocs = iocs.iter().map(|ioc| format!("{} {ioc}", ioc.kind())).collect::<Vec<_>>().join(", ");
        format!("{} {}: {iocs}", observable.entity_type.unwrap(), observable.value.unwrap())
    });
    insta::assert_snapshot!(told.join("\n"));
}

/// What names too much is no reason by itself, and takes nothing from what is narrower beside it.
#[test]
fn what_is_too_broad_is_set_aside() {
    let seen = selection(&[(Kind::Ipv4Addr, "45.77.12.9"), (Kind::DomainName, "c2.evil-c2.com")]);
    let findings = Findings {
        indicators: vec![
            indicator("a-network", "[ipv4-addr:value = '45.0.0.0/8']"),
            indicator("b-everything", "[ipv4-addr:value ISSUBSET '0.0.0.0/0']"),
            indicator("c-suffix", "[domain-name:value LIKE '%.com']"),
            indicator(
                "d-narrower-too",
                "[ipv4-addr:value = '45.0.0.0/8' AND domain-name:value = 'c2.evil-c2.com']",
            ),
            indicator(
                "e-narrower-or",
                "[domain-name:value = 'c2.evil-c2.com' OR ipv4-addr:value = '45.0.0.0/8']",
            ),
            indicator(
                "f-narrower-not-true",
                "[ipv4-addr:value = '45.0.0.0/8' OR ipv4-addr:value = '203.0.113.1']",
            ),
            indicator("g-narrow", "[ipv4-addr:value = '45.77.0.0/16']"),
        ],
        observables: vec![observable("address", "IPv4-Addr", "45.77.12.9")],
        based_on: vec![based_on(indicator("a-network", "[ipv4-addr:value = '45.0.0.0/8']"), "address")],
        ..Findings::default()
    };
    insta::assert_snapshot!(told(&seen, &findings, &Policy::default()).join("\n"), @"
    indicator_pattern_match indicator=d-narrower-too observable=- related=- how=exact values=c2.evil-c2.com,45.77.12.9
    indicator_pattern_match indicator=e-narrower-or observable=- related=- how=exact values=c2.evil-c2.com,45.77.12.9
    indicator_pattern_match indicator=g-narrow observable=- related=- how=cidr values=45.77.12.9
    set aside a-network: too-broad
    set aside b-everything: too-broad
    set aside c-suffix: too-broad
    set aside f-narrower-not-true: too-broad
    ");
    let policy = Policy { ignore_broad: false, ..Policy::default() };
    assert_eq!(match_all(&seen, &findings, &policy, NOW.parse().unwrap()).set_aside, []);
}
