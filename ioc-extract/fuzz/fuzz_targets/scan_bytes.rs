//! No bytes make a scan panic, and what it finds is canonical and in order.

#![no_main]

use ioc_extract::{Extractor, Ioc, Item, Kind, Profile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for profile in [Profile::Log, Profile::Report] {
        let extractor = Extractor::builder().profile(profile).build();
        let mut last = 0;
        for item in extractor.scan_all(bytes) {
            let span = match &item {
                Item::Found(found) => found.span.clone(),
                Item::LeftOut(left) => left.span.clone(),
            };
            assert!(last <= span.start && span.start <= span.end && span.end <= bytes.len());
            last = span.start;
            if let Item::Found(found) = item {
                let ioc = found.ioc();
                let mapped = found.kind == Kind::Ipv6Addr && found.value.starts_with("::ffff:");
                assert!(mapped || Ioc::parse(found.kind, &found.value).as_ref() == Ok(&ioc), "{found:?}");
            }
        }
    }
});
