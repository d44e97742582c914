//! The evaluation on alerts says what a slow evaluator says, where there are no spellings to look past.
#![no_main]

use enricher::stix::{
    Comparison, ComparisonExpression, Observation, ObservationExpression, Pattern, Qualifier, SeenBuilder,
    Test, Unsupported,
};
use libfuzzer_sys::fuzz_target;

#[path = "../../src/stix/differential.rs"]
mod differential;

fuzz_target!(|bytes: &[u8]| differential::check(bytes));
