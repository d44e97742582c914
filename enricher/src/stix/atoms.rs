//! What must have been seen for a pattern to be true: the keys by which a store finds patterns for values.

use std::fmt;

use ipnet::IpNet;

use super::ObservationExpression;
use super::ast::{Comparison, Literal, Test};
use super::normal::{Kind, Normal, canonical_type, kind_of, normalise};
use super::program::{Node, Operand, Operator, Program, Root, Term, Weight, comparison, keys};
use super::seen::names;

/// A value in normal form, with what kind of value it is.
///
/// Whenever `=` or `IN` call two values equal, their atoms are equal, or one is a network in which the other lies. The
/// reverse does not hold: an atom forgets the case of URLs, the algorithm of a hash and the type of the object. [`Display`](fmt::Display) writes `kind:value`, a stable key.
///
/// ```
/// # use enricher::stix::{Atom, Pattern};
/// let pattern = Pattern::parse("[file:hashes.SHA1 = 'DA39A3EE5E6B4B0D3255BFEF95601890AFD80709']")?;
/// let seen = Atom::new("file", "hashes.'SHA-1'", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
/// assert_eq!(pattern.atoms().atoms, [seen.clone()]);
/// assert_eq!(seen.to_string(), "hash:da39a3ee5e6b4b0d3255bfef95601890afd80709");
/// # Ok::<_, enricher::stix::PatternError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Atom {
    /// What kind of value.
    pub kind: AtomKind,
    /// The value.
    pub value: AtomValue,
}

/// What kind of value an [`Atom`] is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AtomKind {
    /// An IP address or network of either version.
    Address,
    /// A domain or host name.
    Domain,
    /// A URL, in lower case.
    Url,
    /// An e-mail address.
    Email,
    /// A hash of any algorithm, in lower case; its length tells.
    Hash,
    /// Any other property, by the last of its names: `name`. A path may lead to an object of any type by way of a
    /// reference, so the type is left out and the evaluation is left to tell a file's name from a mutex's.
    Property(Box<str>),
}

/// The value of an [`Atom`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AtomValue {
    /// Text in normal form.
    Text(Box<str>),
    /// A network; an address is a network of one.
    Network(IpNet),
}

/// What of a pattern must have been seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Atoms {
    /// Each once. When `unindexed` is empty, at least one of these was seen by every alert of which the pattern is wholly
    /// or partly true.
    pub atoms: Vec<Atom>,
    /// Comparisons that can make the pattern true and have no atom. When there are any, the pattern has to be evaluated
    /// on every alert that has such a property.
    pub unindexed: Vec<Unindexed>,
}

/// A comparison that no value can be looked up for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unindexed {
    /// The object path, in normal form.
    pub path: Box<str>,
    /// The operator as the pattern language writes it.
    pub operator: &'static str,
    /// The operand of `LIKE` and `MATCHES`, from which a caller may derive a prefilter.
    pub operand: Option<Box<str>>,
}

impl Atom {
    /// The atom of a value seen: what a pattern's `=` would have to name. `path` is written as for
    /// [`SeenBuilder::set`](super::SeenBuilder::set).
    #[must_use]
    pub fn new(object_type: &str, path: &str, value: &str) -> Self {
        let object_type = canonical_type(object_type);
        let names: Vec<&str> = names(path).collect();
        let kind = kind_of(object_type, names.iter(), value);
        Self::of_text(names.into_iter(), kind, normalise(kind, value))
    }

    fn of_text<'n>(names: impl Iterator<Item = &'n str>, kind: Kind, normal: Normal) -> Self {
        let text = match normal {
            Normal::Address(address) => {
                return Self { kind: AtomKind::Address, value: AtomValue::Network(address.into()) };
            }
            Normal::Network(network) => {
                return Self { kind: AtomKind::Address, value: AtomValue::Network(network) };
            }
            Normal::Text(text) => text,
        };
        let kind = match kind {
            Kind::Domain => AtomKind::Domain,
            Kind::Url => AtomKind::Url,
            Kind::Email => AtomKind::Email,
            Kind::Hash => AtomKind::Hash,
            // What should be an address and is none.
            Kind::Address | Kind::RegistryKey | Kind::AsNumber | Kind::Text | Kind::CaseText => {
                Self::property(names)
            }
        };
        Self { kind, value: AtomValue::Text(text) }
    }

    fn property<'n>(names: impl Iterator<Item = &'n str>) -> AtomKind {
        AtomKind::Property(names.last().unwrap_or_default().into())
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            AtomKind::Address => "address",
            AtomKind::Domain => "domain",
            AtomKind::Url => "url",
            AtomKind::Email => "email",
            AtomKind::Hash => "hash",
            AtomKind::Property(property) => property,
        };
        match &self.value {
            AtomValue::Text(text) => write!(f, "{kind}:{text}"),
            AtomValue::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                write!(f, "{kind}:{}", network.addr())
            }
            AtomValue::Network(network) => write!(f, "{kind}:{network}"),
        }
    }
}

pub(super) fn atoms(program: &Program, expression: &ObservationExpression) -> Atoms {
    let mut found = Atoms::default();
    let every_way_is_identified = is_identified(&program.root, &program.terms);
    for (at, term) in program.terms.iter().enumerate() {
        let needed = match term.weight {
            Weight::Identifying => true,
            // Makes the pattern true only together with something that identifies, unless there is a way without.
            Weight::Context => !every_way_is_identified,
            Weight::Structure => false,
        };
        if let Some(comparison) = comparison(expression, at)
            && needed
            && !term.negative
        {
            add(&mut found, term, comparison);
        }
    }
    found.atoms.sort_unstable();
    found.atoms.dedup();
    found
}

fn add(found: &mut Atoms, term: &Term, comparison: &Comparison) {
    let path = &comparison.path;
    let object_type = canonical_type(&path.object_type);
    let mut add_operand = |operand: &Operand, literal: Option<&Literal>| match (operand, literal) {
        (Operand::Text(text), Some(literal)) => {
            let written = if let Literal::String(written) = literal { written } else { "" };
            let kind = kind_of(object_type, keys(path), written);
            found.atoms.push(Atom::of_text(keys(path), kind, text.normal.clone()));
            true
        }
        (Operand::Integer(number), _) => {
            let kind = Atom::property(keys(path));
            found.atoms.push(Atom { kind, value: AtomValue::Text(number.to_string().into()) });
            true
        }
        _ => false,
    };
    let (indexed, operator, operand) = match (&term.operator, &comparison.test) {
        (Operator::Equal(operand), Test::Equal(literal) | Test::NotEqual(literal)) => {
            (add_operand(operand, Some(literal)), "=", None)
        }
        (Operator::In(operands), Test::In(members)) => {
            let indexed =
                operands.iter().zip(members).map(|(operand, literal)| add_operand(operand, Some(literal)));
            (indexed.fold(true, |all, one| all & one), "IN", None)
        }
        (Operator::Subset(Some(network)), _) => {
            found.atoms.push(Atom { kind: AtomKind::Address, value: AtomValue::Network(*network) });
            (true, "ISSUBSET", None)
        }
        (_, Test::Like(text)) => (false, "LIKE", Some(text.clone())),
        (_, Test::Matches(text)) => (false, "MATCHES", Some(text.clone())),
        (_, Test::IsSuperset(_)) => (false, "ISSUPERSET", None),
        (_, Test::Exists) => (false, "EXISTS", None),
        (_, Test::Less(_)) => (false, "<", None),
        (_, Test::LessOrEqual(_)) => (false, "<=", None),
        (_, Test::Greater(_)) => (false, ">", None),
        (_, Test::GreaterOrEqual(_)) => (false, ">=", None),
        // An operand of ISSUBSET that is no network is true of nothing.
        _ => return,
    };
    if !indexed {
        found.unindexed.push(Unindexed { path: path.to_string().into(), operator, operand });
    }
}

/// Whether the pattern cannot be wholly true without a comparison that identifies something.
fn is_identified(root: &Root, terms: &[Term]) -> bool {
    fn node_is(node: &Node, terms: &[Term]) -> bool {
        match node {
            Node::Term(at) => terms[*at].weight == Weight::Identifying && !terms[*at].negative,
            Node::And(nodes) => nodes.iter().any(|node| node_is(node, terms)),
            Node::Or(nodes) => nodes.iter().all(|node| node_is(node, terms)),
        }
    }
    match root {
        Root::Bracket(node) => node_is(node, terms),
        Root::Or(roots) => roots.iter().all(|root| is_identified(root, terms)),
        // Never wholly true of one alert.
        Root::Several | Root::Repeats => true,
        Root::StartStop(root, ..) => is_identified(root, terms),
    }
}
