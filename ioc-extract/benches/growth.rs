//! How the time of a scan grows with the size of hostile input.
//!
//! `cargo bench -p ioc-extract --bench growth` prints, for each piece that is repeated, the throughput at 10 kB, 100 kB and
//! 1 MB and how many times longer each size took than the one before: ten times, or a little more for a text that no
//! longer fits a cache, is linear. The argument `report` measures the profile for reports.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::{hint::black_box, time::Instant};

use ioc_extract::{Extractor, Profile};

#[allow(dead_code, reason = "the other benchmark uses the rest")]
mod corpus;

/// Bytes.
const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];

/// The shortest of several runs, in seconds; other work on the machine only ever makes them longer.
fn seconds(extractor: Extractor, text: &str) -> f64 {
    let runs = 5 + 2_000_000 / text.len().max(1);
    let run = || {
        let start = Instant::now();
        black_box(extractor.scan(black_box(text)).count());
        start.elapsed().as_secs_f64()
    };
    (0..runs).map(|_| run()).fold(f64::INFINITY, f64::min)
}

fn main() {
    let report = std::env::args().any(|argument| argument == "report");
    let profile = if report { Profile::Report } else { Profile::Log };
    let extractor = Extractor::builder().profile(profile).build();
    println!("{:14} {:>9} {:>9} {:>9}  {:>6} {:>6}", "MB/s", "10 kB", "100 kB", "1 MB", "ratio", "ratio");
    let (mut slowest, mut steepest) = (f64::INFINITY, 0.0f64);
    for name in corpus::names() {
        let texts = SIZES.map(|size| corpus::text_of(name, size));
        let time = texts.each_ref().map(|text| seconds(extractor, text));
        let rate = [0, 1, 2].map(|i| texts[i].len() as f64 / 1e6 / time[i]);
        let ratio = [time[1] / time[0], time[2] / time[1]];
        println!(
            "{name:14} {:9.1} {:9.1} {:9.1}  {:6.1} {:6.1}",
            rate[0], rate[1], rate[2], ratio[0], ratio[1]
        );
        slowest = slowest.min(rate[2]);
        steepest = steepest.max(ratio[0]).max(ratio[1]);
    }
    println!("slowest at 1 MB {slowest:.1} MB/s, steepest growth {steepest:.1} times for ten times the size");
}
