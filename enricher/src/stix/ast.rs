//! The typed form of a pattern, and how it is written back.

use std::fmt;

use super::lexer::is_plain_key;

/// Observations joined by operators: the whole of a pattern.
///
/// Lists of operands have at least two members.
#[derive(Debug, Clone, PartialEq)]
pub enum ObservationExpression {
    /// `[ … ]`: one observation for which the comparison holds.
    Observation(ComparisonExpression),
    /// `a AND b`: every operand holds, each of observations of its own.
    And(Box<[Self]>),
    /// `a OR b`: one of the operands holds.
    Or(Box<[Self]>),
    /// `a FOLLOWEDBY b`: as `AND`, and each operand not before the one in front of it.
    FollowedBy(Box<[Self]>),
    /// An expression with qualifiers written behind it.
    Qualified {
        /// What is qualified.
        expression: Box<Self>,
        /// At least one, in the order written, the innermost first.
        qualifiers: Box<[Qualifier]>,
    },
}

/// A restriction on the observations that satisfy an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Qualifier {
    /// `WITHIN n SECONDS`: all of them inside a window of this length.
    Within(Seconds),
    /// `REPEATS n TIMES`: so many different sets of observations satisfy it. A count beyond 64 bits is cut to them.
    Repeats(u64),
    /// `START t STOP t`: all of them at or after the first and before the second.
    StartStop(TimestampLiteral, TimestampLiteral),
}

/// The duration of `WITHIN`: never negative, finite.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Seconds(pub(super) f64);

impl Seconds {
    /// The duration in seconds.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

/// Comparisons joined by operators: what stands between `[` and `]`.
///
/// Lists of operands have at least two members.
#[derive(Debug, Clone, PartialEq)]
pub enum ComparisonExpression {
    /// One comparison.
    Comparison(Comparison),
    /// `a AND b`: both hold of the same object.
    And(Box<[Self]>),
    /// `a OR b`: one holds.
    Or(Box<[Self]>),
}

/// One property compared with one operand.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The property.
    pub path: ObjectPath,
    /// Whether `NOT` stands before the operator.
    pub negated: bool,
    /// The operator and its operand.
    pub test: Test,
}

impl Comparison {
    /// Whether the comparison asks for something to be absent or different: `!=` or `NOT`, but not both.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.negated != matches!(self.test, Test::NotEqual(_))
    }
}

/// An operator with its operand.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// `=` or `==`.
    Equal(Literal),
    /// `!=` or `<>`.
    NotEqual(Literal),
    /// `<`. The operand is never a boolean, as for the other three of its kind.
    Less(Literal),
    /// `<=`.
    LessOrEqual(Literal),
    /// `>`.
    Greater(Literal),
    /// `>=`.
    GreaterOrEqual(Literal),
    /// `IN (…)`; the set may be empty.
    In(Box<[Literal]>),
    /// `LIKE`: `%` is any text, `_` any one character.
    Like(Box<str>),
    /// `MATCHES`: a regular expression found anywhere in the value.
    Matches(Box<str>),
    /// `ISSUBSET`: an address or network that lies in this network.
    IsSubset(Box<str>),
    /// `ISSUPERSET`: a network in which this address or network lies.
    IsSuperset(Box<str>),
    /// `EXISTS`.
    Exists,
}

/// A property of an object of one type: `file:hashes.'SHA-256'`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectPath {
    /// The object type before the colon.
    pub object_type: Box<str>,
    /// The way from the object to the property; the first is a [`PathStep::Key`].
    pub steps: Box<[PathStep]>,
}

/// One step of an [`ObjectPath`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PathStep {
    /// A property name, without quotes and escapes.
    Key(Box<str>),
    /// `[n]`. A negative index selects nothing; one beyond 64 bits is cut to them.
    Index(i64),
    /// `[*]`.
    Any,
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A whole number that fits 64 bits.
    Integer(i64),
    /// A fraction, or a whole number that does not fit 64 bits. Always finite.
    Float(f64),
    /// Text, without quotes and escapes.
    String(Box<str>),
    /// `true` or `false`.
    Boolean(bool),
    /// The bytes of `h'…'`.
    Hex(Box<[u8]>),
    /// The bytes of `b'…'`.
    Binary(Box<[u8]>),
    /// `t'…'`.
    Timestamp(TimestampLiteral),
}

/// A timestamp as written. It has the form of one but may name no instant (30 February, second 60).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampLiteral {
    pub(super) text: Box<str>,
    pub(super) value: Option<jiff::Timestamp>,
}

impl TimestampLiteral {
    /// The text between the quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The instant, cut to microseconds as the reference matcher does; `None` when there is none of that name.
    #[must_use]
    pub fn instant(&self) -> Option<jiff::Timestamp> {
        self.value
    }
}

/// Writes text as a string literal: quoted, with `\` and `'` escaped.
///
/// ```
/// # use enricher::stix::quote;
/// assert_eq!(quote(r"C:\it's").to_string(), r"'C:\\it\'s'");
/// ```
#[must_use]
pub fn quote(text: &str) -> impl fmt::Display + '_ {
    Quoted(text)
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("'")?;
        let mut rest = self.0;
        while let Some(at) = rest.find(['\\', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str("\\")?;
            f.write_str(&rest[at..=at])?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)?;
        f.write_str("'")
    }
}

impl fmt::Display for ObservationExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Observation(comparison) => write!(f, "[{comparison}]"),
            Self::And(operands) => join(f, operands, " AND ", 3),
            Self::Or(operands) => join(f, operands, " OR ", 2),
            Self::FollowedBy(operands) => join(f, operands, " FOLLOWEDBY ", 1),
            Self::Qualified { expression, qualifiers } => {
                // A qualifier written twice behind a bare observation is an error to the OASIS validator,
                // behind a group it is not, and it means the same.
                let kind = |q: &Qualifier| std::mem::discriminant(q);
                let repeated = qualifiers
                    .iter()
                    .enumerate()
                    .any(|(i, q)| qualifiers[..i].iter().any(|p| kind(p) == kind(q)));
                if repeated {
                    write!(f, "({expression})")?;
                } else {
                    parenthesised(f, &**expression, 4)?;
                }
                qualifiers.iter().try_for_each(|qualifier| write!(f, " {qualifier}"))
            }
        }
    }
}

trait Binding {
    /// How tightly the expression's operator binds; operands that do not bind tighter than their parent need
    /// parentheses, so that grouping survives writing and reading.
    fn binding(&self) -> u8;
}

impl Binding for ObservationExpression {
    fn binding(&self) -> u8 {
        match self {
            Self::FollowedBy(_) => 1,
            Self::Or(_) => 2,
            Self::And(_) => 3,
            Self::Qualified { .. } => 4,
            Self::Observation(_) => 5,
        }
    }
}

impl Binding for ComparisonExpression {
    fn binding(&self) -> u8 {
        match self {
            Self::Or(_) => 2,
            Self::And(_) => 3,
            Self::Comparison(_) => 5,
        }
    }
}

fn parenthesised<T: Binding + fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    operand: &T,
    parent: u8,
) -> fmt::Result {
    if operand.binding() > parent { write!(f, "{operand}") } else { write!(f, "({operand})") }
}

fn join<T: Binding + fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    operands: &[T],
    operator: &str,
    binding: u8,
) -> fmt::Result {
    for (i, operand) in operands.iter().enumerate() {
        if i > 0 {
            f.write_str(operator)?;
        }
        parenthesised(f, operand, binding)?;
    }
    Ok(())
}

impl fmt::Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within(seconds) => write!(f, "WITHIN {} SECONDS", seconds.0),
            Self::Repeats(count) => write!(f, "REPEATS {count} TIMES"),
            Self::StartStop(start, stop) => write!(f, "START {start} STOP {stop}"),
        }
    }
}

impl fmt::Display for ComparisonExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Comparison(comparison) => write!(f, "{comparison}"),
            Self::And(operands) => join(f, operands, " AND ", 3),
            Self::Or(operands) => join(f, operands, " OR ", 2),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.negated { "NOT " } else { "" };
        let path = &self.path;
        match &self.test {
            Test::Exists => write!(f, "{not}EXISTS {path}"),
            Test::Equal(literal) => write!(f, "{path} {not}= {literal}"),
            Test::NotEqual(literal) => write!(f, "{path} {not}!= {literal}"),
            Test::Less(literal) => write!(f, "{path} {not}< {literal}"),
            Test::LessOrEqual(literal) => write!(f, "{path} {not}<= {literal}"),
            Test::Greater(literal) => write!(f, "{path} {not}> {literal}"),
            Test::GreaterOrEqual(literal) => write!(f, "{path} {not}>= {literal}"),
            Test::In(members) => {
                write!(f, "{path} {not}IN (")?;
                for (i, member) in members.iter().enumerate() {
                    write!(f, "{}{member}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            Test::Like(text) => write!(f, "{path} {not}LIKE {}", Quoted(text)),
            Test::Matches(text) => write!(f, "{path} {not}MATCHES {}", Quoted(text)),
            Test::IsSubset(text) => write!(f, "{path} {not}ISSUBSET {}", Quoted(text)),
            Test::IsSuperset(text) => write!(f, "{path} {not}ISSUPERSET {}", Quoted(text)),
        }
    }
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.object_type)?;
        for (i, step) in self.steps.iter().enumerate() {
            match step {
                PathStep::Key(key) => {
                    if i > 0 {
                        f.write_str(".")?;
                    }
                    if is_plain_key(key) { f.write_str(key)? } else { write!(f, "{}", Quoted(key))? }
                }
                PathStep::Index(index) => write!(f, "[{index}]")?,
                PathStep::Any => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => write!(f, "{number}"),
            // The grammar has no exponents, and a fraction needs a digit behind its point.
            Self::Float(number) if number.fract() == 0.0 => write!(f, "{number:.1}"),
            Self::Float(number) => write!(f, "{number}"),
            Self::String(text) => write!(f, "{}", Quoted(text)),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Hex(bytes) => {
                f.write_str("h'")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("'")
            }
            Self::Binary(bytes) => write!(
                f,
                "b'{}'",
                base64::display::Base64Display::new(bytes, &base64::engine::general_purpose::STANDARD)
            ),
            Self::Timestamp(timestamp) => write!(f, "{timestamp}"),
        }
    }
}

impl fmt::Display for TimestampLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t'{}'", self.text)
    }
}
