//! Throughput on generated log lines and on hostile input of growing size.
//!
//! `cargo bench -p ioc-extract` prints bytes per second; time on hostile input must grow with its size, not faster.
//! The environment variable `LOG_FILE` names a file of one's own to measure as well.

use divan::{Bencher, counter::BytesCount};
use ioc_extract::{DecodeLimits, Extractor, Profile};

mod corpus;

use corpus::{log_lines, names, text_of};

fn main() {
    divan::main();
}

fn scan_lines(bencher: Bencher<'_, '_>, extractor: Extractor, lines: &[String]) {
    let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
    bencher
        .counter(BytesCount::new(bytes))
        .bench(|| lines.iter().map(|line| extractor.scan(line).count()).sum::<usize>());
}

#[divan::bench]
fn log_line_by_line(bencher: Bencher<'_, '_>) {
    scan_lines(bencher, Extractor::new(), &log_lines(1 << 20));
}

#[divan::bench]
fn log_without_decoding(bencher: Bencher<'_, '_>) {
    scan_lines(bencher, Extractor::builder().decode(DecodeLimits::NONE).build(), &log_lines(1 << 20));
}

#[divan::bench]
fn log_as_report(bencher: Bencher<'_, '_>) {
    scan_lines(bencher, Extractor::builder().profile(Profile::Report).build(), &log_lines(1 << 20));
}

#[divan::bench]
fn own_file(bencher: Bencher<'_, '_>) {
    let lines: Vec<String> = std::env::var("LOG_FILE")
        .ok()
        .and_then(|path| std::fs::read_to_string(path).ok())
        .map(|text| text.lines().map(str::to_owned).collect())
        .unwrap_or_default();
    scan_lines(bencher, Extractor::new(), &lines);
}

#[divan::bench(args = names(), consts = [10_000, 100_000, 1_000_000])]
fn hostile<const SIZE: usize>(bencher: Bencher<'_, '_>, name: &str) {
    let text = text_of(name, SIZE);
    let extractor = Extractor::new();
    bencher.counter(BytesCount::new(text.len())).bench(|| extractor.scan(&text).count());
}

#[divan::bench(args = names(), consts = [1_000_000])]
fn hostile_report<const SIZE: usize>(bencher: Bencher<'_, '_>, name: &str) {
    let text = text_of(name, SIZE);
    let extractor = Extractor::builder().profile(Profile::Report).build();
    bencher.counter(BytesCount::new(text.len())).bench(|| extractor.scan(&text).count());
}
