//! Examples of the crates, and the end-to-end cases.
//!
//! - The programs beside this file embed one crate each: `cargo run --example extract_text`.
//! - `demo/` is what `custom-opencti demo` runs.
//! - Each folder of `cases/` is an alert, OpenCTI's raw answers, and what that shows. `cargo test --package examples`
//!   runs each with the crates (`tests/cases.rs`), through the program as integratord calls it (`tests/binary.rs`), and
//!   where something fails, until it works again (`tests/outage.rs`). Adding a case is adding a folder:
//!   `tests/support/case.rs` says what may stand in it.
