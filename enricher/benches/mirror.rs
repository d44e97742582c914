//! The mirror at full size: loading a bundle, the file, opening, look-ups.
//!
//! `cargo bench -p enricher --bench mirror`; `INDICATORS=10000000` for more than a million. The bundle is made here,
//! the same each time: 60 % SHA-256, 15 % domains, 15 % addresses, 10 % URLs.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a benchmark prints, and fails loudly")]

use std::fs::File;
use std::hint::black_box;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use enricher::mirror::import;
use enricher::{Lookup as _, Mirror, Store};
use ioc_extract::{Ioc, Kind};

/// Look-ups that are timed.
const LOOKUPS: usize = 200_000;

fn main() {
    // `cargo test --benches` passes this and wants no more than to see it run.
    let is_test = std::env::args().any(|argument| argument == "--test");
    let count = std::env::var("INDICATORS").ok().and_then(|n| n.parse().ok());
    let count: u64 = count.unwrap_or(if is_test { 1_000 } else { 1_000_000 });
    let folder = tempfile::tempdir().expect("a folder");
    let (bundle, store) = (folder.path().join("bundle.json"), folder.path().join("store"));
    write_bundle(&bundle, count).expect("a bundle");
    let size = std::fs::metadata(&bundle).expect("a bundle").len();
    println!("bundle: {count} indicators, {} MB", size / 1_000_000);

    let begun = Instant::now();
    {
        let store = Store::create(&store).expect("a store");
        let file = BufReader::with_capacity(1 << 20, File::open(&bundle).expect("the bundle"));
        let imported = import(&store, file, |_| {}).expect("imported");
        assert_eq!(imported.added, count);
    }
    println!("load: {:.1} s, RSS at most {} MB", begun.elapsed().as_secs_f64(), peak_rss_mb());

    let begun = Instant::now();
    let mirror = Mirror::open(&store).expect("a mirror");
    println!("open: {:.3} ms", begun.elapsed().as_secs_f64() * 1e3);
    let file = mirror.store().file_size().expect("a size");
    println!("file: {} MB, {} bytes for an indicator", file / 1_000_000, file / count);
    for (table, entries, bytes) in mirror.table_sizes().expect("sizes") {
        println!(
            "  {table}: {entries} entries, {} MB, {} bytes for an indicator",
            bytes / 1_000_000,
            bytes / count
        );
    }

    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let lookups = LOOKUPS.min(usize::try_from(count).unwrap_or(LOOKUPS));
    for (name, offset) in [("hit", 0), ("miss", count)] {
        let iocs: Vec<Ioc> = (0..lookups as u64)
            .map(|i| {
                let number = mix(i) % count + offset;
                let (kind, value) = value(number);
                Ioc::parse(kind, &value).expect("an IoC")
            })
            .collect();
        for (kind, each) in [
            ("any", None),
            ("sha256", Some(Kind::Sha256)),
            ("domain", Some(Kind::DomainName)),
            ("address", Some(Kind::Ipv4Addr)),
        ] {
            let mut times = Vec::with_capacity(iocs.len());
            let mut found = 0;
            for ioc in iocs.iter().filter(|ioc| each.is_none_or(|kind| ioc.kind() == kind)) {
                let begun = Instant::now();
                let findings = runtime.block_on(mirror.find(std::slice::from_ref(ioc))).expect("findings");
                times.push(begun.elapsed());
                found += usize::from(!black_box(findings).indicators.is_empty());
            }
            times.sort_unstable();
            let at = |part: usize| {
                times.get(times.len() * part / 100).copied().unwrap_or(Duration::ZERO).as_nanos()
            };
            println!(
                "{name} {kind}: {found} of {} found, median {} ns, p99 {} ns",
                times.len(),
                at(50),
                at(99)
            );
        }
    }
}

/// The value of an indicator. The numbers from `count` on are of none.
fn value(number: u64) -> (Kind, String) {
    let random = mix(number ^ 0x5eed);
    match number % 20 {
        0..12 => {
            let hex: Vec<String> = (0..4).map(|i| format!("{:016x}", mix(random + i))).collect();
            (Kind::Sha256, hex.concat())
        }
        12..15 => {
            (Kind::DomainName, format!("{:x}.c{}.example-{}.com", random & 0xffff_ffff, number % 7, number))
        }
        // Every address is another one.
        15..18 => {
            let bits = u32::try_from(number.wrapping_mul(0x9e37_79b9) & 0xffff_ffff).unwrap_or(0);
            (Kind::Ipv4Addr, std::net::Ipv4Addr::from(bits).to_string())
        }
        _ => {
            (Kind::Url, format!("http://host{number}.example-{}.com/gate.php?id={:x}", number % 1000, random))
        }
    }
}

fn mix(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn write_bundle(path: &Path, count: u64) -> std::io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    file.write_all(br#"{"type":"bundle","id":"bundle--5eed","objects":["#)?;
    for number in 0..count {
        let (kind, value) = value(number);
        let (path, main) = match kind {
            Kind::Sha256 => ("file:hashes.'SHA-256'", "StixFile"),
            Kind::DomainName => ("domain-name:value", "Domain-Name"),
            Kind::Ipv4Addr => ("ipv4-addr:value", "IPv4-Addr"),
            _ => ("url:value", "Url"),
        };
        let (a, b) = (mix(number), mix(number ^ 0xffff));
        let id = format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            a >> 32,
            a >> 16 & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        );
        let comma = if number == 0 { "" } else { "," };
        write!(
            file,
            r#"{comma}{{"type":"indicator","spec_version":"2.1","id":"indicator--{id}","created":"2026-03-01T00:00:00.000Z","modified":"2026-03-02T00:00:00.000Z","name":"{value}","pattern":"[{path} = '{value}']","pattern_type":"stix","valid_from":"2026-03-01T00:00:00.000Z","valid_until":"2027-03-01T00:00:00.000Z","confidence":75,"revoked":false,"labels":["c2"],"object_marking_refs":["marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"],"extensions":{{"extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba":{{"id":"{id}","score":{},"detection":true,"main_observable_type":"{main}"}}}}}}"#,
            number % 101
        )?;
    }
    file.write_all(b"]}")?;
    file.flush()
}

/// The most memory that this process had so far.
fn peak_rss_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1_000
}
