//! Finds indicators of compromise in text with `ioc-extract` alone.
//!
//! ```text
//! cargo run --example extract_text                     # a sample
//! cargo run --example extract_text -- report.txt      # a file
//! ```
#![expect(clippy::print_stdout, reason = "an example that prints")]

use ioc_extract::{Extractor, Profile};

const SAMPLE: &str = "The loader calls hxxps://panel[.]bad-cdn[.]net/gate.php on 45.77.12[.]9, \
    drops 44d88612fea8a8f36de82e1278abb02f and mails to ops(at)bad-cdn.net.";

fn main() -> std::io::Result<()> {
    let text = match std::env::args().nth(1) {
        Some(path) => std::fs::read_to_string(path)?,
        None => SAMPLE.to_owned(),
    };
    // Reports defang what they name; logs do not. Each has its profile.
    let extractor = Extractor::builder().profile(Profile::Report).build();
    for found in extractor.scan(&text) {
        println!("{:<14} {:<45} {}", found.kind.as_str(), found.value, found.via);
    }
    Ok(())
}
