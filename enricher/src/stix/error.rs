//! What can go wrong with a pattern: reading it, checking it, evaluating it.

use thiserror::Error;

/// A text that is not a STIX pattern, or one beyond the limits of this module.
///
/// Positions are byte offsets into the text given to the parser.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatternError {
    /// The grammar has no place for what stands at `position`.
    #[error("cannot parse the STIX pattern at byte {position}: found {found}, expected {expected}")]
    Syntax {
        /// Where the offending token begins.
        position: usize,
        /// The offending token, quoted and shortened, or `the end`.
        found: Box<str>,
        /// What the grammar allows there.
        expected: &'static str,
    },
    /// A string that begins at `position` has no closing quote.
    #[error(
        "cannot parse the STIX pattern at byte {position}: the string that begins here is not closed; a quote inside it is written \\'"
    )]
    UnclosedString {
        /// Where the string begins.
        position: usize,
    },
    /// A backslash at `position` is followed by something other than `'` or `\`.
    #[error("cannot parse the STIX pattern at byte {position}: a backslash in a string is written \\\\")]
    BadEscape {
        /// Where the backslash stands.
        position: usize,
    },
    /// A block comment that begins at `position` has no end.
    #[error("cannot parse the STIX pattern at byte {position}: the comment that begins here is not closed")]
    UnclosedComment {
        /// Where the comment begins.
        position: usize,
    },
    /// A `t'…'`, `h'…'` or `b'…'` whose content is not of that form.
    #[error("cannot parse the STIX pattern at byte {position}: {found} is not {expected}")]
    BadLiteral {
        /// Where the literal begins.
        position: usize,
        /// The literal, quoted and shortened.
        found: Box<str>,
        /// The form it should have.
        expected: &'static str,
    },
    /// The text is longer than [`MAX_PATTERN_LEN`](super::MAX_PATTERN_LEN).
    #[error("cannot parse the STIX pattern: it has {len} bytes, at most {max} are read; split it")]
    TooLong {
        /// Bytes given.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Parentheses are nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    #[error("cannot parse the STIX pattern at byte {position}: parentheses are nested deeper than {max}")]
    TooDeep {
        /// The first parenthesis too many.
        position: usize,
        /// Depth allowed.
        max: usize,
    },
    /// More comparisons and set members than [`MAX_TERMS`](super::MAX_TERMS).
    #[error("cannot parse the STIX pattern at byte {position}: more than {max} terms; split it")]
    TooManyTerms {
        /// The first term too many.
        position: usize,
        /// Terms allowed.
        max: usize,
    },
}

impl PatternError {
    /// Where in the text the problem lies, in bytes; 0 when it concerns the whole.
    #[must_use]
    pub fn position(&self) -> usize {
        match self {
            Self::Syntax { position, .. }
            | Self::UnclosedString { position }
            | Self::BadEscape { position }
            | Self::UnclosedComment { position }
            | Self::BadLiteral { position, .. }
            | Self::TooDeep { position, .. }
            | Self::TooManyTerms { position, .. } => *position,
            Self::TooLong { .. } => 0,
        }
    }
}

/// A pattern that follows the grammar but breaks a rule beyond it.
///
/// See [`Pattern::check`](super::Pattern::check).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Violation {
    /// The same kind of qualifier is applied twice to one observation.
    #[error(
        "the qualifier {qualifier} is applied twice to the same observation; put parentheses between them"
    )]
    DuplicateQualifier {
        /// `WITHIN`, `REPEATS` or `START STOP`.
        qualifier: &'static str,
    },
    /// The value compared with a hash has not the form of that hash.
    #[error("`{value}` is not a valid {algorithm} hash")]
    HashValue {
        /// The algorithm as the pattern spells it.
        algorithm: Box<str>,
        /// The value.
        value: Box<str>,
    },
    /// Lists are counted from 0.
    #[error("the index {index} of `{path}` is negative; lists are counted from 0")]
    NegativeIndex {
        /// The object path.
        path: Box<str>,
        /// The index.
        index: i64,
    },
    /// Something other than a bracket comes first. The grammar allows a comment there, the OASIS validator does not.
    #[error("the pattern does not begin with a bracket; move the comment behind it")]
    CommentFirst,
}

/// Why a pattern could not be evaluated on observations.
///
/// An error is not "no match": the reference matcher raises in these cases too.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum EvalError {
    /// A timestamp literal that has the form of one but names no instant, such as 30 February or second 60.
    #[error("cannot evaluate the pattern: t'{literal}' is not a point in time")]
    TimestampLiteral {
        /// The literal's text.
        literal: Box<str>,
    },
    /// A string of the observation is compared with a timestamp and is none.
    #[error("cannot evaluate `{path}`: the observed value `{value}` is not a timestamp")]
    TimestampValue {
        /// The object path compared.
        path: Box<str>,
        /// The observed value.
        value: Box<str>,
    },
    /// `IN (…)` mixes types; only whole numbers and fractions may be mixed.
    #[error("cannot evaluate `{path}`: the members of IN (…) are of different types")]
    MixedSet {
        /// The object path compared.
        path: Box<str>,
    },
    /// The operand of `MATCHES` is not a regular expression this engine can run in linear time.
    #[error(
        "cannot evaluate `{path}`: the regular expression is invalid or needs backtracking (look-around, back-references)"
    )]
    Regex {
        /// The object path compared.
        path: Box<str>,
        /// What the regular expression engine says.
        #[source]
        source: regex::Error,
    },
    /// An address or network that is none.
    #[error("cannot evaluate `{path}`: `{value}` is not an IP address or network")]
    Address {
        /// The object path compared.
        path: Box<str>,
        /// The text that should be an address or network.
        value: Box<str>,
    },
    /// A property whose name ends in `_hex` or `_bin` holds something else.
    #[error("cannot evaluate `{path}`: the observed value is not {expected}")]
    BinaryValue {
        /// The object path compared.
        path: Box<str>,
        /// `hexadecimal` or `base64`.
        expected: &'static str,
    },
    /// Binary data compared by `LIKE` is not text.
    #[error("cannot evaluate `{path}`: the observed binary value is not UTF-8")]
    BinaryText {
        /// The object path compared.
        path: Box<str>,
    },
    /// A `_ref` that is not a string, or a `_refs` that is not a list of strings.
    #[error("cannot evaluate `{path}`: `{property}` does not hold {expected}")]
    Reference {
        /// The object path compared.
        path: Box<str>,
        /// The reference property.
        property: Box<str>,
        /// What it should hold.
        expected: &'static str,
    },
    /// `REPEATS 0 TIMES`.
    #[error("cannot evaluate the pattern: REPEATS needs a count of at least 1")]
    RepeatsZero,
    /// `WITHIN 0 SECONDS`.
    #[error("cannot evaluate the pattern: WITHIN needs a duration above 0 seconds")]
    WithinZero,
    /// The search for observations that satisfy the pattern together was given up.
    #[error("cannot evaluate the pattern: more than {limit} combinations of observations were tried")]
    TooManyBindings {
        /// Steps after which the search ends.
        limit: u64,
    },
}

/// Why JSON could not be taken as observations.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ObservationError {
    /// Neither a bundle nor an observed-data object.
    #[error("cannot read the observations: an element is neither a STIX bundle nor observed-data")]
    NotStix,
    /// A bundle without the list `objects`, or an object that is no JSON object.
    #[error("cannot read the observations: a bundle has no list `objects` of JSON objects")]
    NoObjects,
    /// An object lacks a property that matching needs.
    #[error("cannot read the observations: {object} has no usable `{property}`")]
    Property {
        /// The object's id, or its type.
        object: Box<str>,
        /// The property missing or of the wrong type.
        property: &'static str,
    },
}
