//! STIX patterns: how fast they are read, and how fast one is evaluated on an alert.
//!
//! `cargo bench -p enricher --bench stix`. Times are for one pattern.

#![expect(clippy::expect_used, reason = "a benchmark without its input has to fail loudly")]

use std::fmt::Write as _;
use std::hint::black_box;

use divan::Bencher;
use enricher::stix::{Pattern, Seen, SeenBuilder};

const ADDRESS: &str = "[ipv4-addr:value = '198.51.100.7']";
const DOMAIN: &str = "[domain-name:value = 'update.rogue.example']";
const HASH: &str =
    "[file:hashes.'SHA-256' = 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb']";
const URL: &str = "[url:value = 'http://update.rogue.example/gate.php?id=1']";
const HASHES: &str = "[file:hashes.MD5 = '0cc175b9c0f1b6a831c399e269772661' OR \
    file:hashes.'SHA-1' = '86f7e437faa5a7fce15d1ddcb9eaeaea377667b8' OR \
    file:hashes.'SHA-256' = 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb']";
const NAME_AND_HASH: &str = "[file:name = 'a.exe' AND file:hashes.MD5 = '0cc175b9c0f1b6a831c399e269772661']";
const NETWORK: &str = "[ipv4-addr:value ISSUBSET '203.0.113.0/24']";
const LIKE: &str = "[domain-name:value LIKE '%.rogue.example']";
const LIKE_PATH: &str = r"[process:command_line LIKE '%\\rund__32.exe%-k%']";
const MATCHES: &str = "[url:value MATCHES '^https?://[a-z]+[.]rogue[.]example/']";
const MATCHES_DOMAIN: &str = "[domain-name:value MATCHES '^update[0-9]+[.]rogue[.]example$']";
const IN: &str = "[domain-name:value IN ('a.rogue.example', 'b.rogue.example', 'c.rogue.example')]";
const NETWORK_EQUAL: &str = "[ipv4-addr:value = '203.0.113.0/24']";
const REGISTRY: &str = r"[windows-registry-key:key = 'HKLM\\Software\\Rogue']";
const ANY_HASH: &str =
    "[file:hashes[*] = 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb']";
const TRAFFIC: &str = "[network-traffic:dst_ref.value = '198.51.100.7']";

/// One comparison each, of every form that feeds write.
const SINGLE: [&str; 14] = [
    ADDRESS,
    DOMAIN,
    HASH,
    URL,
    NETWORK,
    LIKE,
    LIKE_PATH,
    MATCHES,
    MATCHES_DOMAIN,
    IN,
    NETWORK_EQUAL,
    REGISTRY,
    ANY_HASH,
    TRAFFIC,
];
const SEVERAL: &str = "([file:hashes.MD5 = '0cc175b9c0f1b6a831c399e269772661'] FOLLOWEDBY \
    [domain-name:value = 'update.rogue.example']) WITHIN 300 SECONDS";

fn main() {
    divan::main();
}

fn five_hundred_alternatives() -> String {
    let mut pattern = String::from("[ipv4-addr:value = '198.51.100.0'");
    for i in 1..500 {
        write!(pattern, " OR ipv4-addr:value = '198.51.{}.{}'", 100 + i / 250, i % 250)
            .expect("a string takes it");
    }
    pattern.push(']');
    pattern
}

/// An alert about a process that wrote a file and talked to somebody: 20 values.
fn alert() -> Seen {
    let mut seen = SeenBuilder::new();
    for i in 0..3 {
        let file = seen.object("file");
        seen.set(file, "name", format!("tool{i}.exe"), i * 4);
        seen.set(file, "hashes.MD5", format!("{i:032x}"), i * 4 + 1);
        seen.set(file, "hashes.'SHA-1'", format!("{i:040x}"), i * 4 + 2);
        seen.set(file, "hashes.'SHA-256'", format!("{i:064x}"), i * 4 + 3);
    }
    let traffic = seen.object("network-traffic");
    for (i, name) in [(0, "src_ref"), (1, "dst_ref")] {
        let address = seen.object("ipv4-addr");
        seen.set(address, "value", format!("192.0.2.{i}"), 12 + i);
        seen.refer(traffic, name, address);
    }
    for i in 0..4 {
        let domain = seen.object("domain-name");
        seen.set(domain, "value", format!("host{i}.good.example"), 14 + i);
    }
    let url = seen.object("url");
    seen.set(url, "value", "http://host1.good.example/index.html", 18);
    let process = seen.object("process");
    seen.set(process, "command_line", r"C:\Windows\System32\svchost.exe -k netsvcs", 19);
    seen.build()
}

#[divan::bench(args = SINGLE)]
fn parse_single(pattern: &str) -> Pattern {
    Pattern::parse(black_box(pattern)).expect("a pattern")
}

#[divan::bench(args = [HASHES, NAME_AND_HASH, SEVERAL])]
fn parse(pattern: &str) -> Pattern {
    Pattern::parse(black_box(pattern)).expect("a pattern")
}

#[divan::bench]
fn parse_500_alternatives(bencher: Bencher) {
    let pattern = five_hundred_alternatives();
    bencher.bench(|| Pattern::parse(black_box(&pattern)).expect("a pattern"));
}

/// No pattern is true of the alert: what nearly every evaluation comes to.
#[divan::bench(args = SINGLE)]
fn evaluate_single_miss(bencher: Bencher, pattern: &str) {
    evaluate_miss(bencher, pattern);
}

#[divan::bench(args = [HASHES, NAME_AND_HASH, SEVERAL])]
fn evaluate_miss(bencher: Bencher, pattern: &str) {
    let (pattern, seen) = (Pattern::parse(pattern).expect("a pattern"), alert());
    assert!(pattern.evaluate(&seen, None).hits.is_empty(), "{pattern} is not true of the alert");
    bencher.bench(|| black_box(&pattern).evaluate(black_box(&seen), None));
}

#[divan::bench]
fn evaluate_miss_500_alternatives(bencher: Bencher) {
    let (pattern, seen) = (Pattern::parse(&five_hundred_alternatives()).expect("a pattern"), alert());
    bencher.bench(|| black_box(&pattern).evaluate(black_box(&seen), None));
}

#[divan::bench(args = [
    "[ipv4-addr:value = '192.0.2.0']",
    "[domain-name:value = 'HOST1.good.example']",
    "[file:hashes.'SHA-256' = '0000000000000000000000000000000000000000000000000000000000000001']",
    "[url:value = 'http://Host1.good.example:80/index.html']",
    "[ipv4-addr:value = '192.0.2.0/24']",
    "[ipv4-addr:value ISSUBSET '192.0.2.0/24']",
    "[ipv4-addr:value ISSUPERSET '192.0.2.1']",
    "[domain-name:value LIKE '%.good.example']",
    r"[process:command_line LIKE '%\\svch__t.exe%-k%']",
    "[url:value MATCHES '^https?://[a-z0-9]+[.]good[.]example/']",
    "[domain-name:value MATCHES '^host[0-9]+[.]good[.]example$']",
    "[domain-name:value IN ('a.rogue.example', 'b.rogue.example', 'host3.good.example')]",
    "[file:name = 'tool1.exe' AND file:hashes.MD5 = '00000000000000000000000000000001']",
])]
fn evaluate_hit(bencher: Bencher, pattern: &str) {
    let (pattern, seen) = (Pattern::parse(pattern).expect("a pattern"), alert());
    assert!(pattern.evaluate(&seen, None).whole, "{pattern} is true of the alert");
    bencher.bench(|| black_box(&pattern).evaluate(black_box(&seen), None));
}

#[divan::bench]
fn build_seen() -> Seen {
    alert()
}
