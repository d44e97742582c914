//! STIX 2.1 patterns: reading, writing, evaluating.

mod ast;
mod atoms;
mod check;
mod choice;
mod error;
mod evaluate;
mod evaluation;
mod lexer;
mod matches;
mod normal;
mod observation;
mod parser;
mod predicate;
mod program;
mod regexes;
mod seen;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod truth_table;
mod value;

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

pub use ast::{
    Comparison, ComparisonExpression, Literal, ObjectPath, ObservationExpression, PathStep, Qualifier,
    Seconds, Test, TimestampLiteral, quote,
};
pub use atoms::{Atom, AtomKind, AtomValue, Atoms, Unindexed};
pub use error::{EvalError, ObservationError, PatternError, Violation};
pub use evaluation::{Evaluation, Hit, How, Unsupported};
pub use observation::Observation;
pub use parser::Note;
pub use seen::{ObjectId, Seen, SeenBuilder, SeenValue};

/// The longest pattern that is read, in bytes.
pub const MAX_PATTERN_LEN: usize = 64 * 1024;
/// How deep parentheses may be nested.
pub const MAX_DEPTH: usize = 64;
/// How many comparisons and set members a pattern may have.
pub const MAX_TERMS: usize = 4096;

/// A STIX pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    expression: ObservationExpression,
    remarks: parser::Remarks,
    program: program::Program,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// When the text is not in the grammar of STIX 2.1, or beyond the limits of this module.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        parser::parse(text, false).map(Self::new)
    }

    /// Reads a pattern as feeds write them.
    ///
    /// # Errors
    ///
    /// As [`Pattern::parse`].
    pub fn parse_lenient(text: &str) -> Result<Self, PatternError> {
        parser::parse(text, true).map(Self::new)
    }

    fn new((expression, remarks): (ObservationExpression, parser::Remarks)) -> Self {
        let program = program::Program::new(&expression);
        Self { expression, remarks, program }
    }

    /// The liberties taken.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.remarks.notes
    }

    /// The expression.
    #[must_use]
    pub fn expression(&self) -> &ObservationExpression {
        &self.expression
    }

    /// Checks the rules that the grammar does not express, as the OASIS validator does: no qualifier twice on one
    /// observation, hash values that have the form of their algorithm, no negative index, a bracket first.
    ///
    /// One deviation: the validator compares the text of a whole `IN (…)`, or of a `LIKE` or `MATCHES` operand, with the
    /// form of the hash and so refuses all of them. Here every member of a set is checked, and the others are let pass.
    ///
    /// # Errors
    ///
    /// The first rule broken.
    pub fn check(&self) -> Result<(), Violation> {
        check::check(&self.expression, &self.remarks)
    }

    /// Whether observations satisfy the pattern.
    ///
    /// # Errors
    ///
    /// See [`EvalError`].
    pub fn matches(&self, observations: &[Observation]) -> Result<bool, EvalError> {
        matches::matches(&self.expression, observations)
    }

    /// What the pattern says about one alert. `at` is the alert's time, for `START … STOP …`.
    #[must_use]
    pub fn evaluate(&self, seen: &Seen, at: Option<Timestamp>) -> Evaluation {
        evaluate::evaluate(&self.program, &self.expression, seen, at)
    }

    /// The values of which at least one must have been seen for the pattern to be wholly or partly true of an alert, and
    /// the comparisons that have none. Negations are never atoms. A parent domain is the caller's to look up.
    #[must_use]
    pub fn atoms(&self) -> Atoms {
        atoms::atoms(&self.program, &self.expression)
    }

    /// What of the pattern cannot be said of any single alert; `None` when all of it can.
    #[must_use]
    pub fn unsupported(&self) -> Option<Unsupported> {
        evaluate::unsupported(&self.program, &self.expression)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.fmt(f)
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Self::parse(text)
    }
}
