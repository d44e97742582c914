//! STIX 2.1 patterns: read, written, evaluated.
//!
//! A [`Pattern`] is read once ([`Pattern::parse`] by the grammar, [`Pattern::parse_lenient`] as feeds write) and used in
//! two ways:
//!
//! * [`Pattern::matches`] evaluates it on [`Observation`]s exactly as the OASIS reference matcher does, for conformance
//!   and for whoever has observed data. Values compare code point by code point.
//! * [`Pattern::evaluate`] says what it means for one alert, whose values are put into [`Seen`]. Values compare as feeds
//!   mean them, and each [`Hit`] says [`How`]. This is the way of the product.
//!
//! [`Pattern::atoms`] lists the values to find a pattern by, so that not every pattern is evaluated on every alert.
//!
//! # What the evaluation on an alert looks past
//!
//! | written | seen | how |
//! |---|---|---|
//! | `[domain-name:value = 'ROGUE.EXAMPLE']` | `rogue.example` | `case_folded`; not in the path of a URL, nor in a wallet, unless the whole value is in capitals |
//! | `[ipv4-addr:value = '198.51.100.0/24']` | `198.51.100.7` | `cidr` |
//! | `[ipv6-addr:value = '2001:0db8::0053']` | `2001:db8::53` | `address_spelling`; IPv4 inside IPv6 is IPv4 |
//! | `[domain-name:value = 'rogue.example.']` | `rogue.example` | `trailing_dot` |
//! | `[url:value = 'http://Rogue.example:80']` | `http://rogue.example/` | `url_host_case` |
//! | `[domain-name:value = 'münze.example']` | `xn--mnze-0ra.example` | `idn`; so the host of a URL or an e-mail address |
//! | `[file:hashes.MD5 = h'…']` | the same as text | `hash_bytes` |
//! | `[file:hashes.SHA256 = '…']` | `hashes.'SHA-256'` | `hash_name`; also where the length shows that another hash is meant |
//! | `[hostname:value = 'rogue.example']` | a domain name | `hostname_as_domain` |
//! | `[windows-registry-key:key = 'HKLM\\Run']` | `HKEY_LOCAL_MACHINE\Run` | `registry_hive` |
//! | `[autonomous-system:number = '64511']` | 64511 | `number_as_text` |
//!
//! # What is whole, what is partial
//!
//! An alert is one observation. `[a] AND [b]`, `FOLLOWEDBY` and `REPEATS 2 TIMES` need several, so they are never whole;
//! they are partial when something in them is true. `WITHIN` holds of one observation, `START … STOP …` is held against
//! the alert's time.
//!
//! Negations (`!=`, `NOT`) are conditions and never evidence: they can keep a pattern from being whole, and make nothing
//! whole or partial by themselves. As in the standard, `!=` is not true of a property that was not seen. The existence, the
//! order, the type and such properties as ports and sizes count for the whole, but alone they make no partial.
//!
//! In one bracket, comparisons of one type hold of one object: the name and the hash of one file. Comparisons of several
//! types, which the standard does not foresee and feeds write, hold of one object for each type.
//!
//! # Bounds
//!
//! Text is read in linear time, up to [`MAX_PATTERN_LEN`], [`MAX_DEPTH`] and [`MAX_TERMS`]. Regular expressions run in
//! linear time; those that need backtracking are refused. Searches among observations and alternatives count their steps
//! and give up with [`EvalError::TooManyBindings`] or [`Unsupported::TooComplex`].

mod ast;
mod atoms;
mod check;
mod choice;
#[cfg(test)]
mod differential;
mod error;
mod evaluate;
mod evaluation;
mod holds;
mod lexer;
mod like;
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
pub use evaluation::{Evaluation, Hit, Hits, How, Unsupported};
pub use observation::Observation;
pub use parser::Note;
pub use seen::{ObjectId, Seen, SeenBuilder, SeenValue};

/// The longest pattern that is read, in bytes.
pub const MAX_PATTERN_LEN: usize = 64 * 1024;
/// How deep parentheses may be nested.
pub const MAX_DEPTH: usize = 64;
/// How many comparisons and set members a pattern may have.
pub const MAX_TERMS: usize = 4096;

/// A STIX pattern, read and made ready for evaluation. Its [`Display`](fmt::Display) writes a normal form that reads as
/// the same expression.
///
/// ```
/// # use enricher::stix::Pattern;
/// let pattern: Pattern = "[file:name=='a.exe'AND(file:size>5)]".parse()?;
/// assert_eq!(pattern.to_string(), "[file:name = 'a.exe' AND file:size > 5]");
///
/// let error = Pattern::parse("[file:hashes.SHA-256 = 'x']").unwrap_err();
/// assert_eq!(error.position(), 13);
/// # Ok::<_, enricher::stix::PatternError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pattern {
    expression: ObservationExpression,
    remarks: parser::Remarks,
    program: program::Program,
}

impl Pattern {
    /// Reads a pattern by the grammar. [`Pattern::check`] has the rules that the grammar does not express.
    ///
    /// # Errors
    ///
    /// When the text is not in the grammar of STIX 2.1, or beyond the limits of this module.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        parser::parse(text, false).map(Self::new)
    }

    /// Reads a pattern as feeds write them: by the grammar, or, where that has no reading, with the liberties that
    /// [`Note`] lists. Each liberty taken is in [`Pattern::notes`].
    ///
    /// ```
    /// # use enricher::stix::{Note, Pattern};
    /// let pattern = Pattern::parse_lenient("[file:hashes.SHA-256 = 'x']")?;
    /// assert_eq!(pattern.to_string(), "[file:hashes.'SHA-256' = 'x']");
    /// assert_eq!(pattern.notes(), [Note::UnquotedName]);
    /// # Ok::<_, enricher::stix::PatternError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When no liberty gives the text one meaning, or it is beyond the limits of this module.
    pub fn parse_lenient(text: &str) -> Result<Self, PatternError> {
        parser::parse(text, true).map(Self::new)
    }

    fn new((expression, remarks): (ObservationExpression, parser::Remarks)) -> Self {
        let program = program::Program::new(&expression);
        Self { expression, remarks, program }
    }

    /// The liberties taken in reading; empty after [`Pattern::parse`], and for a pattern that is in the grammar.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.remarks.notes
    }

    /// What the pattern says, as a tree.
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

    /// Whether observations satisfy the pattern, as the OASIS reference matcher has it. Where that knows IPv4 only,
    /// `ISSUBSET` and `ISSUPERSET` take IPv6 too, and an address as a network of one.
    ///
    /// # Errors
    ///
    /// When an operand or a value cannot be compared (the reference raises there too), or the search was given up. An
    /// error is not "no match".
    pub fn matches(&self, observations: &[Observation]) -> Result<bool, EvalError> {
        matches::matches(&self.expression, observations)
    }

    /// What the pattern says about one alert; see the [module](self) for how values compare. `at` is the alert's time,
    /// for `START … STOP …`; without it such a pattern is never whole.
    ///
    /// Nothing is allocated for a pattern of up to four comparisons of which up to four values are each true, nor for any
    /// number of alternatives with up to eight hits. The operand of `MATCHES` is the exception: it is compiled when a value
    /// first asks for it, and each thread that then runs it makes itself a cache, which grows while it meets new text.
    #[must_use]
    pub fn evaluate(&self, seen: &Seen, at: Option<Timestamp>) -> Evaluation {
        evaluate::evaluate(&self.program, &self.expression, seen, at)
    }

    /// The comparison of that number, in the order written and counted from 0: [`Hit::term`].
    ///
    /// ```
    /// # use enricher::stix::{Pattern, SeenBuilder};
    /// let pattern = Pattern::parse("[file:name = 'a.exe' OR file:name IN ('b.exe', 'c.exe')]")?;
    /// let mut seen = SeenBuilder::new();
    /// let file = seen.object("file");
    /// seen.set(file, "name", "c.exe", 0);
    /// let hit = pattern.evaluate(&seen.build(), None).hits[0];
    /// let comparison = pattern.comparison(hit.term).expect("a hit is of a comparison");
    /// assert_eq!(comparison.to_string(), "file:name IN ('b.exe', 'c.exe')");
    /// assert_eq!(hit.member, 1);
    /// # Ok::<_, enricher::stix::PatternError>(())
    /// ```
    #[must_use]
    pub fn comparison(&self, term: u16) -> Option<&Comparison> {
        program::comparison(&self.expression, term.into())
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
        evaluate::unsupported(&self.program)
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
