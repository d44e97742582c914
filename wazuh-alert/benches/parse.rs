//! How long parsing takes for alerts of different kinds: `cargo bench -p wazuh-alert`.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a benchmark without its input has to fail loudly")]

use std::path::Path;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use wazuh_alert::{Alert, Sender, queue_line};

fn main() {
    divan::main();
}

const SAMPLES: [&str; 5] = ["sysmon-1", "suricata", "fim-added", "sshd", "office365"];

fn sample(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name).with_extension("json");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Alerts as analysisd writes them.
#[divan::bench(args = SAMPLES)]
fn parse(bencher: Bencher<'_, '_>, name: &str) {
    let bytes = sample(name);
    bencher.counter(BytesCount::of_slice(&bytes)).bench(|| Alert::parse(black_box(&bytes)));
}

/// The same into the tree of `serde_json`, to compare.
#[divan::bench(args = SAMPLES)]
fn serde_json_value(bencher: Bencher<'_, '_>, name: &str) {
    let bytes = sample(name);
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench(|| serde_json::from_slice::<serde_json::Value>(black_box(&bytes)));
}

/// One look-up that finds nothing: twice through all fields.
#[divan::bench]
fn text_missing(bencher: Bencher<'_, '_>) {
    let alert = Alert::parse(&sample("sysmon-1")).unwrap();
    bencher.bench(|| alert.text(black_box("data.win.eventdata.queryName")).is_some());
}

/// The whole list of fields, as an extractor walks it.
#[divan::bench]
fn leaves(bencher: Bencher<'_, '_>) {
    let alert = Alert::parse(&sample("sysmon-1")).unwrap();
    bencher.bench(|| alert.leaves().map(|leaf| leaf.path.len() + leaf.text.len()).sum::<usize>());
}

/// An event of 4 kB in the name of an agent.
#[divan::bench]
fn line(bencher: Bencher<'_, '_>) {
    let event = format!(r#"{{"integration":"opencti","text":"{}"}}"#, "x".repeat(4000));
    let sender = Sender { id: "001", name: "web-01", ip: Some("2001:db8::7") };
    bencher.bench(|| queue_line(Some(black_box(sender)), "opencti", black_box(&event)));
}

/// Hostile shapes, 64 kB each: time must stay in proportion to the size.
#[divan::bench(args = ["brackets", "long-path", "escapes", "duplicates"])]
fn hostile(bencher: Bencher<'_, '_>, shape: &str) {
    let text = match shape {
        "brackets" => format!(r#"{{"data":{}"#, "[".repeat(65_536)),
        "long-path" => {
            format!(r#"{{"data":{{"{}":{{{}"a":1}}}}}}"#, "k".repeat(32_768), r#""a":1,"#.repeat(5_461))
        }
        "escapes" => format!(r#"{{"data":{{"win":{{"a":"{}"}}}}}}"#, r"\\\\".repeat(16_384)),
        _ => format!(r#"{{"rule":{{{}"id":1}}}}"#, r#""id":1,"#.repeat(9_362)),
    };
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| Alert::parse(black_box(text.as_bytes())).map(|alert| alert.text("rule.id").map(str::len)));
}
