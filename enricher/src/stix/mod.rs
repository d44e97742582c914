//! STIX 2.1 patterns: reading, writing, evaluating.

mod ast;
mod check;
mod error;
mod lexer;
mod matches;
mod observation;
mod parser;
mod predicate;
mod regexes;
mod value;

use std::fmt;
use std::str::FromStr;

pub use ast::{
    Comparison, ComparisonExpression, Literal, ObjectPath, ObservationExpression, PathStep, Qualifier, Seconds, Test,
    TimestampLiteral, quote,
};
pub use error::{EvalError, ObservationError, PatternError, Violation};
pub use observation::Observation;
pub use parser::Note;

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
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// When the text is not in the grammar of STIX 2.1, or beyond the limits of this module.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let (expression, remarks) = parser::parse(text, false)?;
        Ok(Self { expression, remarks })
    }

    /// Reads a pattern as feeds write them.
    ///
    /// # Errors
    ///
    /// As [`Pattern::parse`].
    pub fn parse_lenient(text: &str) -> Result<Self, PatternError> {
        let (expression, remarks) = parser::parse(text, true)?;
        Ok(Self { expression, remarks })
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
