//! A pattern made ready for alerts: its comparisons in a row, with literals in normal form, under a tree that joins them.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::sync::OnceLock;

use ipnet::IpNet;
use regex::Regex;

use super::ast::{
    Comparison, ComparisonExpression, Literal, ObjectPath, ObservationExpression, PathStep, Qualifier, Test,
};
use super::like::Like;
use super::normal::{self, Key, Kind, Normal, Step, canonical_type, kind_of, misnamed_hash, normalise};
use super::regexes;
use jiff::Timestamp;

/// What a pattern says, for one alert at a time.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) terms: Vec<Term>,
    pub(super) root: Root,
    /// Any single comparison makes the pattern true: there is one, or `OR` joins them all.
    pub(super) any_is_enough: bool,
    /// An operand may turn out to be unusable.
    pub(super) may_fail: bool,
}

/// Observations joined.
#[derive(Debug, Clone)]
pub(super) enum Root {
    Bracket(Node),
    Or(Box<[Self]>),
    /// `AND` or `FOLLOWEDBY`: more observations than one alert is.
    Several,
    /// `REPEATS` more than once.
    Repeats,
    StartStop(Box<Self>, Option<Timestamp>, Option<Timestamp>),
}

/// Comparisons joined; the numbers are those of [`Program::terms`].
#[derive(Debug, Clone)]
pub(super) enum Node {
    Term(usize),
    And(Box<[Self]>),
    Or(Box<[Self]>),
}

/// How much it means that a comparison holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// Something that identifies: an address, a name, a hash.
    Identifying,
    /// True of many harmless things: a port, a size, that a property exists. Counts for the whole pattern, never alone
    /// for a part of it.
    Context,
    /// Says what kind of object is meant, and nothing about what was seen.
    Structure,
}

/// One comparison.
#[derive(Debug, Clone)]
pub(super) struct Term {
    pub(super) key: u64,
    /// The canonical type.
    pub(super) type_key: u64,
    /// The type as written: comparisons of one type in one bracket hold of one object.
    pub(super) group: u64,
    /// 4 or 6 when the type as written is an IP address of that version.
    pub(super) ip_version: Option<u8>,
    pub(super) negative: bool,
    pub(super) weight: Weight,
    /// A hash spelled otherwise than in the standard, or named otherwise than its length says.
    pub(super) odd_hash_name: bool,
    pub(super) operator: Operator,
}

#[derive(Debug, Clone)]
pub(super) enum Operator {
    Equal(Operand),
    In(Box<[Operand]>),
    Like(Like),
    Matches(Lazy),
    Subset(Option<IpNet>),
    Superset(Option<IpNet>),
    /// The operand, and the orders in which the comparison holds.
    Order(Literal, fn(Ordering) -> bool),
    Exists,
}

/// A literal in normal form.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Text(Text),
    Integer(i64),
    Boolean(bool),
    /// A fraction, a timestamp, bytes: compared as the reference matcher does.
    Other(Literal),
}

/// A text in normal form.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    pub(super) normal: Normal,
    /// The normal form of a URL with the case that counts, where that is another.
    pub(super) cased: Option<Box<str>>,
}

impl Text {
    pub(super) fn new(kind: Kind, text: &str) -> Self {
        let (normal, cased) = match kind {
            Kind::Url => normal::url(text),
            kind => (normalise(kind, text), None),
        };
        Self { normal, cased }
    }

    /// The normal form, when it is text.
    pub(super) fn plain(&self) -> Option<&str> {
        match &self.normal {
            Normal::Text(text) => Some(text),
            Normal::Address(_) | Normal::Network(_) => None,
        }
    }

    /// The normal form, when it is text, and else the text given.
    pub(super) fn or<'t>(&'t self, written: &'t str) -> &'t str {
        self.plain().unwrap_or(written)
    }
}

/// A regular expression compiled when it is first needed.
#[derive(Debug, Clone)]
pub(super) struct Lazy {
    pattern: Box<str>,
    expression: OnceLock<Option<Regex>>,
}

impl Lazy {
    fn new(pattern: &str) -> Self {
        Self { pattern: pattern.into(), expression: OnceLock::new() }
    }

    /// The expression for `MATCHES`; `None` when it cannot be compiled.
    pub(super) fn matches(&self) -> Option<&Regex> {
        self.expression.get_or_init(|| regexes::matches(&format!("(?s){}", self.pattern)).ok()).as_ref()
    }
}

impl Program {
    pub(super) fn new(expression: &ObservationExpression) -> Self {
        let mut terms = Vec::with_capacity(1);
        let root = root(expression, &mut terms);
        let may_fail = terms.iter().any(|term| {
            matches!(term.operator, Operator::Matches(_) | Operator::Subset(None) | Operator::Superset(None))
        });
        Self { any_is_enough: root.any_is_enough(), may_fail, terms, root }
    }
}

impl Root {
    fn any_is_enough(&self) -> bool {
        match self {
            Self::Bracket(node) => node.any_is_enough(),
            Self::Or(roots) => roots.iter().all(Self::any_is_enough),
            Self::Several | Self::Repeats | Self::StartStop(..) => false,
        }
    }
}

impl Node {
    fn any_is_enough(&self) -> bool {
        match self {
            Self::Term(_) => true,
            Self::Or(nodes) => nodes.iter().all(Self::any_is_enough),
            Self::And(_) => false,
        }
    }
}

fn root(expression: &ObservationExpression, terms: &mut Vec<Term>) -> Root {
    match expression {
        ObservationExpression::Observation(comparison) => Root::Bracket(node(comparison, terms)),
        ObservationExpression::Or(operands) => Root::Or(operands.iter().map(|o| root(o, terms)).collect()),
        ObservationExpression::And(operands) | ObservationExpression::FollowedBy(operands) => {
            // The operands' comparisons still count for a part of the pattern.
            operands.iter().for_each(|operand| drop(root(operand, terms)));
            Root::Several
        }
        ObservationExpression::Qualified { expression, qualifiers } => {
            let inner = root(expression, terms);
            qualifiers.iter().fold(inner, |inner, qualifier| match qualifier {
                // A single observation lies in every window.
                Qualifier::Within(_) | Qualifier::Repeats(0 | 1) => inner,
                Qualifier::Repeats(_) => Root::Repeats,
                Qualifier::StartStop(start, stop) => {
                    Root::StartStop(Box::new(inner), start.instant(), stop.instant())
                }
            })
        }
    }
}

fn node(expression: &ComparisonExpression, terms: &mut Vec<Term>) -> Node {
    match expression {
        ComparisonExpression::Comparison(comparison) => {
            terms.push(Term::new(comparison));
            Node::Term(terms.len() - 1)
        }
        ComparisonExpression::And(operands) => Node::And(operands.iter().map(|o| node(o, terms)).collect()),
        ComparisonExpression::Or(operands) => Node::Or(operands.iter().map(|o| node(o, terms)).collect()),
    }
}

impl Term {
    fn new(comparison: &Comparison) -> Self {
        let path = &comparison.path;
        let object_type = canonical_type(&path.object_type);
        let kind = |literal: &Literal| {
            let text = if let Literal::String(text) = literal { text } else { "" };
            kind_of(object_type, keys(path), text)
        };
        let operator = match &comparison.test {
            Test::Equal(literal) | Test::NotEqual(literal) => {
                Operator::Equal(operand(kind(literal), literal))
            }
            Test::In(members) => {
                // Members of one set may be of different kinds where the path leaves it open.
                Operator::In(members.iter().map(|literal| operand(kind(literal), literal)).collect())
            }
            Test::Like(text) => Operator::Like(Like::new(text, kind_of(object_type, keys(path), text))),
            Test::Matches(text) => Operator::Matches(Lazy::new(text)),
            Test::IsSubset(text) => Operator::Subset(normal::network(text)),
            Test::IsSuperset(text) => Operator::Superset(normal::network(text)),
            Test::Exists => Operator::Exists,
            Test::Less(literal) => Operator::Order(literal.clone(), Ordering::is_lt),
            Test::LessOrEqual(literal) => Operator::Order(literal.clone(), Ordering::is_le),
            Test::Greater(literal) => Operator::Order(literal.clone(), Ordering::is_gt),
            Test::GreaterOrEqual(literal) => Operator::Order(literal.clone(), Ordering::is_ge),
        };
        let type_key = Key::of_type(object_type);
        let (key, odd_hash_name) = property_key(type_key, path, &comparison.test);
        Self {
            key: key.value(),
            type_key: type_key.value(),
            group: Key::of_type(&path.object_type).value(),
            ip_version: normal::ip_version(&path.object_type),
            negative: comparison.is_negative(),
            weight: weight(path, &operator),
            odd_hash_name,
            operator,
        }
    }
}

/// The names of a path.
pub(super) fn keys(path: &ObjectPath) -> impl DoubleEndedIterator<Item = &str> {
    path.steps.iter().filter_map(|step| match step {
        PathStep::Key(key) => Some(&**key),
        PathStep::Index(_) | PathStep::Any => None,
    })
}

fn property_key(type_key: Key, path: &ObjectPath, test: &Test) -> (Key, bool) {
    let mut key = type_key;
    let mut after_hashes = false;
    let mut odd = false;
    for step in &path.steps {
        match step {
            PathStep::Key(name) if after_hashes => {
                let value = match test {
                    Test::Equal(Literal::String(text)) => Some(text),
                    Test::In(members) => members.iter().find_map(|member| match member {
                        Literal::String(text) => Some(text),
                        _ => None,
                    }),
                    _ => None,
                };
                let meant = value.and_then(|value| misnamed_hash(name, value));
                odd = meant.is_some() || !normal::is_standard_hash_name(name);
                key = key.step(Step::hash(meant.unwrap_or(name)));
                after_hashes = false;
            }
            PathStep::Key(name) => {
                key = key.step(Step::name(name));
                after_hashes = **name == *"hashes";
            }
            PathStep::Index(_) | PathStep::Any if after_hashes => {
                key = key.step(Step::ANY_HASH);
                after_hashes = false;
            }
            // What an alert saw has no order, so an index is any element.
            PathStep::Index(_) | PathStep::Any => {}
        }
    }
    (key, odd)
}

fn operand(kind: Kind, literal: &Literal) -> Operand {
    match literal {
        Literal::String(text) => Operand::Text(Text::new(kind, text)),
        // Alerts have hashes as text.
        Literal::Hex(bytes) | Literal::Binary(bytes) if kind == Kind::Hash => {
            let mut text = String::with_capacity(bytes.len() * 2);
            for byte in bytes {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            Operand::Text(Text { normal: Normal::Text(text.into()), cased: None })
        }
        Literal::Integer(number) => Operand::Integer(*number),
        Literal::Boolean(value) => Operand::Boolean(*value),
        Literal::Float(_) | Literal::Hex(_) | Literal::Binary(_) | Literal::Timestamp(_) => {
            Operand::Other(literal.clone())
        }
    }
}

fn weight(path: &ObjectPath, operator: &Operator) -> Weight {
    let last = keys(path).next_back().unwrap_or_default();
    if last == "type" {
        return Weight::Structure;
    }
    // The number of an autonomous system is the one number that identifies.
    let number = |operand: &Operand| {
        matches!(operand, Operand::Integer(_) | Operand::Boolean(_))
            && *path.object_type != *"autonomous-system"
    };
    let context = match operator {
        Operator::Exists | Operator::Order(..) => true,
        Operator::Equal(operand) => number(operand),
        Operator::In(operands) => operands.iter().any(number),
        Operator::Like(_) | Operator::Matches(_) | Operator::Subset(_) | Operator::Superset(_) => false,
    };
    let context_property = matches!(
        last,
        "protocols"
            | "src_port"
            | "dst_port"
            | "mime_type"
            | "size"
            | "account_type"
            | "start"
            | "end"
            | "created"
            | "modified"
            | "data_type"
            | "pid"
            | "version"
            | "language"
            | "languages"
    );
    if context || context_property { Weight::Context } else { Weight::Identifying }
}

/// The comparison that a term was made of.
pub(super) fn comparison(expression: &ObservationExpression, term: usize) -> Option<&Comparison> {
    fn in_observations<'a>(
        expression: &'a ObservationExpression,
        left: &mut usize,
    ) -> Option<&'a Comparison> {
        match expression {
            ObservationExpression::Observation(comparison) => in_comparisons(comparison, left),
            ObservationExpression::And(operands)
            | ObservationExpression::Or(operands)
            | ObservationExpression::FollowedBy(operands) => {
                operands.iter().find_map(|operand| in_observations(operand, left))
            }
            ObservationExpression::Qualified { expression, .. } => in_observations(expression, left),
        }
    }
    fn in_comparisons<'a>(expression: &'a ComparisonExpression, left: &mut usize) -> Option<&'a Comparison> {
        match expression {
            ComparisonExpression::Comparison(comparison) if *left == 0 => Some(comparison),
            ComparisonExpression::Comparison(_) => {
                *left -= 1;
                None
            }
            ComparisonExpression::And(operands) | ComparisonExpression::Or(operands) => {
                operands.iter().find_map(|operand| in_comparisons(operand, left))
            }
        }
    }
    in_observations(expression, &mut { term })
}
