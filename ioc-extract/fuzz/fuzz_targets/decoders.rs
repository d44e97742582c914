//! Whatever the input says it is encoded in, decoding it neither panics nor goes beyond its budget.

#![no_main]

use ioc_extract::{DecodeLimits, Extractor};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (form, depth, bytes) = input;
    let each = |f: &dyn Fn(u8) -> String| bytes.iter().map(|b| f(*b)).collect::<String>();
    let text = match form % 7 {
        0 => each(&|b| format!("{b:02x}")),
        1 => each(&|b| format!("%{b:02X}")),
        2 => each(&|b| format!("\\x{b:02x}")),
        3 => each(&|b| format!("&#{b};")),
        4 => format!("({})", bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(",")),
        5 => each(&|b| format!("'{}'+", char::from(b))),
        _ => each(&|b| format!("{}\0", char::from(b))),
    };
    let extractor =
        Extractor::builder().decode(DecodeLimits { depth: depth % 8, ..DecodeLimits::default() }).build();
    for found in extractor.scan(&text) {
        assert!(found.span.end <= text.len());
    }
});
