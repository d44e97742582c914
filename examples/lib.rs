//! Examples of the crates, and the end-to-end cases in `cases/`.
//!
//! Run one with `cargo run --example extract_text`; the cases are run by `cargo test --package examples`.
