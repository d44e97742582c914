//! How long it takes to read an alert and find what it saw.
//!
//! `cargo bench -p enricher --bench select`

#![expect(clippy::panic, clippy::unwrap_used, reason = "a benchmark without its input has to fail loudly")]
#![expect(clippy::print_stderr, reason = "a benchmark that did not run says so")]

use std::path::Path;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use enricher::select::select;
use enricher::{Policy, WarningLists};
use wazuh_alert::Alert;

fn main() {
    divan::main();
}

/// Samples of common kinds, as analysisd writes them: on one line.
const SAMPLES: &[&str] = &[
    "sysmon-01-process",
    "sysmon-03-network",
    "windows-security-4625-logon",
    "fim-added",
    "suricata-http",
    "web-access",
    "sshd",
    "auditd-execve",
    "office365-threat",
];

fn sample(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name).with_extension("json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str::<serde_json::Value>(&text).unwrap().to_string()
}

#[divan::bench(args = SAMPLES)]
fn parse_and_select(bencher: Bencher<'_, '_>, name: &str) {
    let text = sample(name);
    let (extractor, policy) = (enricher::extractor(), Policy::default());
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        let alert = Alert::parse(black_box(text.as_bytes())).unwrap();
        select(&alert, &extractor, &policy)
    });
}

#[divan::bench(args = SAMPLES)]
fn select_only(bencher: Bencher<'_, '_>, name: &str) {
    let alert = Alert::parse(sample(name).as_bytes()).unwrap();
    let (extractor, policy) = (enricher::extractor(), Policy::default());
    bencher.bench(|| select(black_box(&alert), &extractor, &policy));
}

/// Every alert of a file, for figures on real ones: `ALERTS=alerts.json cargo bench -p enricher --bench select -- file`.
#[divan::bench]
fn alerts_of_a_file(bencher: Bencher<'_, '_>) {
    let Some(path) = std::env::var_os("ALERTS") else {
        eprintln!("skipped: ALERTS is not set");
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let alerts: Vec<&str> = text.lines().collect();
    let (extractor, policy) = (enricher::extractor(), Policy::default());
    bencher.counter(ItemsCount::new(alerts.len())).counter(BytesCount::of_str(&text)).bench(|| {
        for alert in &alerts {
            let alert = Alert::parse(black_box(alert.as_bytes())).unwrap();
            black_box(select(&alert, &extractor, &policy));
        }
    });
}

/// Reading a folder of 100,000 entries, as a run does that has something to look up.
#[divan::bench]
fn load_warning_lists(bencher: Bencher<'_, '_>) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, kind: &str, attributes: &[&str], entry: &dyn Fn(u32) -> String, count: u32| {
        let list: Vec<String> = (0..count).map(entry).collect();
        let list =
            serde_json::json!({"name": name, "type": kind, "matching_attributes": attributes, "list": list});
        let path = folder.path().join(name).with_extension("json");
        std::fs::write(path, serde_json::to_string_pretty(&list).unwrap()).unwrap();
    };
    let names = ["hostname", "domain", "url"];
    write(
        "sites",
        "hostname",
        &names,
        &|n| format!("site-{:x}.example", n.wrapping_mul(2_654_435_761)),
        50_000,
    );
    write("names", "string", &names, &|n| format!("www{:x}.example", n.wrapping_mul(2_246_822_519)), 20_000);
    write("clouds", "cidr", &["ip-src", "ip-dst"], &|n| format!("10.{}.{}.0/24", n / 256, n % 256), 20_000);
    write("servers", "string", &["ip-src", "ip-dst"], &|n| format!("11.1.{}.{}", n / 256, n % 256), 9_900);
    write("parts", "substring", &["url"], &|n| format!("/part-{n}/"), 80);
    write("forms", "regex", &["domain"], &|n| format!("/^host{n}-[0-9]+\\.example$/i"), 20);
    bencher
        .counter(ItemsCount::new(100_000_u32))
        .bench(|| WarningLists::load(black_box(folder.path())).unwrap());
}
