//! A pattern on what one alert saw.
//!
//! An alert is one observation. So `[a] AND [b]`, `[a] FOLLOWEDBY [b]` and `REPEATS 2 TIMES`, which need several, are
//! never wholly true of it, however much it saw; they are partly true when something in them is. `OR` and `WITHIN` need
//! one only, `START … STOP …` is held against the alert's time.

use jiff::Timestamp;

use super::ObservationExpression;
use super::ast::{Literal, Test};
use super::choice::choose;
use super::evaluation::{Evaluation, Hit, How, Unsupported};
use super::normal::{Kind, Normal, fold, ip_version, is_standard_hash_name, misnamed_hash, same_case};
use super::program::{Operand, Operator, Program, Root, Term, Weight, comparison, keys};
use super::regexes::{self, nfc};
use super::seen::{Data, Property, Seen, Value};
use super::value::{self, is_subset};

/// Hits reported of one evaluation.
const MAX_HITS: usize = 64;

/// What of the pattern can never be said of one alert, whatever the alert.
pub(super) fn unsupported(program: &Program) -> Option<Unsupported> {
    fn structure(root: &Root) -> Option<Unsupported> {
        match root {
            Root::Bracket(_) => None,
            Root::Or(roots) => roots.iter().find_map(structure),
            Root::Several => Some(Unsupported::SeveralObservations),
            Root::Repeats => Some(Unsupported::Repeats),
            Root::StartStop(_, None, _) | Root::StartStop(_, _, None) => Some(Unsupported::TimeUnknown),
            Root::StartStop(root, ..) => structure(root),
        }
    }
    structure(&program.root).or_else(|| program.terms.iter().find_map(operand_problem))
}

fn operand_problem(term: &Term) -> Option<Unsupported> {
    let compiles = match &term.operator {
        Operator::Subset(None) | Operator::Superset(None) => return Some(Unsupported::Address),
        Operator::Like(lazy) => lazy.like().is_some(),
        Operator::Matches(lazy) => lazy.matches().is_some(),
        _ => true,
    };
    (!compiles).then_some(Unsupported::Regex)
}

pub(super) fn evaluate(
    program: &Program,
    expression: &ObservationExpression,
    seen: &Seen,
    at: Option<Timestamp>,
) -> Evaluation {
    let run = Run { program, expression, seen, at };
    if !run.anything_true() {
        return Evaluation { unsupported: run.limits(&program.root), ..Evaluation::default() };
    }
    run.evaluate()
}

struct Run<'a> {
    program: &'a Program,
    expression: &'a ObservationExpression,
    seen: &'a Seen,
    at: Option<Timestamp>,
}

/// Where a term is true.
#[derive(Default)]
pub(super) struct Truth {
    /// Numbers of objects, ascending.
    pub(super) objects: Vec<u32>,
    /// Properties, with which operand of the set is meant.
    hits: Vec<(Property, usize, How)>,
}

impl<'a> Run<'a> {
    /// Whether any comparison that is no negation is true of anything: without one, nothing else needs to be known.
    fn anything_true(&self) -> bool {
        self.program.terms.iter().enumerate().any(|(at, term)| {
            !term.negative
                && term.weight != Weight::Structure
                && self
                    .seen
                    .with_key(term.key)
                    .iter()
                    .any(|property| self.holds(at, term, property).is_some())
        })
    }

    fn evaluate(&self) -> Evaluation {
        let truths: Vec<Truth> =
            self.program.terms.iter().enumerate().map(|(at, term)| self.truth(at, term)).collect();
        let mut given_up = false;
        let whole = self.whole(&self.program.root, &truths, &mut given_up);
        let is_strong = |property: &Property| self.value(property).wider.is_none();
        let partial = !whole
            && self.program.terms.iter().zip(&truths).any(|(term, truth)| {
                term.weight == Weight::Identifying && !term.negative && !truth.hits.is_empty()
            });
        let mut hits = Vec::new();
        if whole || partial {
            for (at, (term, truth)) in self.program.terms.iter().zip(&truths).enumerate() {
                if term.negative || term.weight == Weight::Structure {
                    continue;
                }
                for (property, operand, how) in &truth.hits {
                    if hits.len() < MAX_HITS && (partial || is_strong(property)) {
                        hits.extend(self.hit(at, *property, *operand, *how));
                    }
                }
            }
        }
        let unsupported = match whole {
            true => None,
            false if given_up => Some(Unsupported::TooComplex),
            false => self.limits(&self.program.root),
        };
        Evaluation { whole, partial, hits, unsupported }
    }

    fn value(&self, property: &Property) -> &'a Value {
        &self.seen.values[property.value as usize]
    }

    fn hit(&self, term: usize, property: Property, operand: usize, how: How) -> Option<Hit> {
        let comparison = comparison(self.expression, term)?;
        let literal = match &comparison.test {
            Test::Equal(literal)
            | Test::NotEqual(literal)
            | Test::Less(literal)
            | Test::LessOrEqual(literal)
            | Test::Greater(literal)
            | Test::GreaterOrEqual(literal) => plain(literal),
            Test::In(members) => members.get(operand).map(plain).unwrap_or_default(),
            Test::Like(text) | Test::Matches(text) | Test::IsSubset(text) | Test::IsSuperset(text) => {
                text.clone()
            }
            Test::Exists => Box::default(),
        };
        Some(Hit { ioc: self.value(&property).ioc?, how, path: comparison.path.to_string().into(), literal })
    }

    fn truth(&self, at: usize, term: &Term) -> Truth {
        let mut truth = Truth::default();
        if term.negative && matches!(term.operator, Operator::Exists) {
            let has =
                |object: u32| self.seen.with_key(term.key).iter().any(|property| property.object == object);
            let objects = self.seen.objects.iter().zip(0_u32..);
            let absent = objects.filter(|(object, number)| object.type_key == term.type_key && !has(*number));
            truth.objects = absent.map(|(_, number)| number).collect();
            return truth;
        }
        for property in self.seen.with_key(term.key) {
            let strong = self.value(property).wider.is_none();
            match self.holds(at, term, property) {
                Some((operand, how)) if !term.negative => {
                    truth.hits.push((*property, operand, how));
                    if strong {
                        truth.objects.push(property.object);
                    }
                }
                None if term.negative
                    && strong
                    && !property.container
                    && self.can_be_asked(term, property) =>
                {
                    truth.objects.push(property.object);
                }
                _ => {}
            }
        }
        truth.objects.sort_unstable();
        truth.objects.dedup();
        truth
    }

    /// Whether the comparison makes sense of the property, so that where it is not true its negation is.
    fn can_be_asked(&self, term: &Term, property: &Property) -> bool {
        operand_problem(term).is_none()
            && match term.operator {
                Operator::Equal(_) | Operator::In(_) | Operator::Subset(_) | Operator::Superset(_) => true,
                _ => self.is_of_version(term, property),
            }
    }

    /// Whether a comparison, taken without its negation, is true of a property: by which operand, and how.
    fn holds(&self, at: usize, term: &Term, property: &Property) -> Option<(usize, How)> {
        if property.container {
            return matches!(term.operator, Operator::Exists).then_some((0, How::Exists));
        }
        let value = self.value(property);
        let (operand, how) = match &term.operator {
            Operator::Equal(operand) => (0, self.equal(at, term, operand, 0, property)?),
            Operator::In(operands) => operands
                .iter()
                .enumerate()
                .find_map(|(i, operand)| Some((i, self.equal(at, term, operand, i, property)?)))?,
            // The rest says something about the text, and that of IPv4 is not that of IPv6.
            Operator::Like(_) | Operator::Matches(_) | Operator::Order(..) | Operator::Exists
                if !self.is_of_version(term, property) =>
            {
                return None;
            }
            Operator::Like(lazy) => is_like(lazy.like()?, value).then_some((0, How::Like))?,
            Operator::Matches(lazy) => is_like(lazy.matches()?, value).then_some((0, How::Matches))?,
            Operator::Subset(network) => {
                let (network, seen) = (network.as_ref()?, network_of(value)?);
                is_subset(seen, *network).then_some((0, How::Subset))?
            }
            Operator::Superset(network) => {
                let (network, seen) = (network.as_ref()?, network_of(value)?);
                is_subset(*network, seen).then_some((0, How::Superset))?
            }
            Operator::Order(literal, holds) => {
                is_in_order(literal, *holds, value).then_some((0, How::Order))?
            }
            Operator::Exists => (0, How::Exists),
        };
        Some((operand, value.wider.unwrap_or(how)))
    }

    /// Whether the comparison does not name the other version of IP addresses than the property's object has.
    fn is_of_version(&self, term: &Term, property: &Property) -> bool {
        let seen = ip_version(&self.seen.objects[property.object as usize].object_type);
        term.ip_version.is_none() || seen.is_none() || term.ip_version == seen
    }

    fn equal(
        &self,
        at: usize,
        term: &Term,
        operand: &Operand,
        member: usize,
        property: &Property,
    ) -> Option<How> {
        let value = self.value(property);
        let literal = || {
            Some(match &comparison(self.expression, at)?.test {
                Test::Equal(literal) | Test::NotEqual(literal) => literal,
                Test::In(members) => members.get(member)?,
                _ => return None,
            })
        };
        match (operand, &value.data) {
            (Operand::Text(wanted), Data::Text { raw, normal, kind }) => {
                let how = match (wanted, normal) {
                    (Normal::Text(a), Normal::Text(b)) if a == b => None,
                    (Normal::Address(a), Normal::Address(b)) if a == b => None,
                    (Normal::Network(a), Normal::Network(b)) if a == b => None,
                    (Normal::Network(network), Normal::Address(address)) if network.contains(address) => {
                        Some(How::Cidr)
                    }
                    (Normal::Network(a), Normal::Network(b)) if a.contains(b) => Some(How::Cidr),
                    _ => return None,
                };
                let Literal::String(text) = literal()? else { return None };
                if !same_case(*kind, text, raw) {
                    return None;
                }
                if let Some(how) = how {
                    return Some(how);
                }
                Some(self.how(at, term, *kind, text, raw, property))
            }
            (Operand::Integer(a), Data::Integer(b)) => (a == b).then_some(How::Exact),
            (Operand::Boolean(a), Data::Boolean(b)) => (a == b).then_some(How::Exact),
            (Operand::Integer(a), Data::Text { raw, .. }) => {
                (number_in(raw)? == *a).then_some(How::NumberAsText)
            }
            (Operand::Text(Normal::Text(text)), Data::Integer(b)) => {
                (number_in(text)? == *b).then_some(How::NumberAsText)
            }
            (Operand::Other(literal), data) => {
                let operand = value::Value::from_literal(literal).ok()?;
                as_value(data, &operand).equals(&operand).then_some(How::Exact)
            }
            _ => None,
        }
    }

    /// What had to be looked past for two texts to be the same.
    fn how(&self, at: usize, term: &Term, kind: Kind, literal: &str, seen: &str, property: &Property) -> How {
        let path = comparison(self.expression, at).map(|comparison| &comparison.path);
        let named = path.map_or("", |path| &*path.object_type);
        let seen_type = &*self.seen.objects[property.object as usize].object_type;
        let is_hostname = |object_type: &str| object_type.ends_with("hostname");
        if kind == Kind::Domain && is_hostname(named) != is_hostname(seen_type) && keys_len(path) == 1 {
            return How::HostnameAsDomain;
        }
        let odd_name = term.odd_hash_name
            && path
                .and_then(|path| keys(path).next_back())
                .is_some_and(|name| !is_standard_hash_name(name) || misnamed_hash(name, literal).is_some());
        if odd_name {
            return How::HashName;
        }
        if literal == seen {
            return How::Exact;
        }
        let folded = fold(literal) == fold(seen);
        match kind {
            Kind::Address => How::AddressSpelling,
            Kind::Url if folded && !literal.contains(char::is_lowercase) => How::CaseFolded,
            Kind::Url => How::UrlHostCase,
            _ if folded => How::CaseFolded,
            Kind::Domain => How::TrailingDot,
            Kind::RegistryKey => How::RegistryHive,
            Kind::AsNumber => How::NumberAsText,
            // Blanks around it.
            Kind::Email | Kind::Hash | Kind::Text | Kind::CaseText => How::CaseFolded,
        }
    }

    fn whole(&self, root: &Root, truths: &[Truth], given_up: &mut bool) -> bool {
        match root {
            Root::Bracket(node) => choose(node, &self.program.terms, truths).unwrap_or_else(|| {
                *given_up = true;
                false
            }),
            Root::Or(roots) => roots.iter().any(|root| self.whole(root, truths, given_up)),
            Root::Several | Root::Repeats => false,
            Root::StartStop(root, start, stop) => match (self.at, start, stop) {
                (Some(at), Some(start), Some(stop)) => {
                    (*start..*stop).contains(&at) && self.whole(root, truths, given_up)
                }
                _ => false,
            },
        }
    }

    /// What stands in the way of the whole, for this alert.
    fn limits(&self, root: &Root) -> Option<Unsupported> {
        match root {
            Root::Bracket(_) => self.program.terms.iter().find_map(|term| {
                // Compiling an expression that no value asks for would only cost time.
                let needed = !self.seen.with_key(term.key).is_empty();
                needed.then(|| operand_problem(term)).flatten()
            }),
            Root::Or(roots) => roots.iter().find_map(|root| self.limits(root)),
            Root::Several => Some(Unsupported::SeveralObservations),
            Root::Repeats => Some(Unsupported::Repeats),
            Root::StartStop(_, start, stop) if self.at.is_none() || start.is_none() || stop.is_none() => {
                Some(Unsupported::TimeUnknown)
            }
            Root::StartStop(root, ..) => self.limits(root),
        }
    }
}

fn keys_len(path: Option<&super::ObjectPath>) -> usize {
    path.map_or(0, |path| keys(path).count())
}

fn plain(literal: &Literal) -> Box<str> {
    match literal {
        Literal::String(text) => text.clone(),
        other => other.to_string().into(),
    }
}

/// A whole number written as text, `AS64500` included.
fn number_in(text: &str) -> Option<i64> {
    let text = text.trim();
    text.strip_prefix("AS").or_else(|| text.strip_prefix("as")).unwrap_or(text).parse().ok()
}

fn is_like(expression: &regex::Regex, value: &Value) -> bool {
    let Data::Text { raw, normal, .. } = &value.data else { return false };
    let in_normal_form = |normal: &Normal| match normal {
        Normal::Text(text) => regexes::is_found(expression, text),
        Normal::Address(_) | Normal::Network(_) => false,
    };
    regexes::is_found(expression, &nfc(raw)) || in_normal_form(normal)
}

fn network_of(value: &Value) -> Option<ipnet::IpNet> {
    match &value.data {
        Data::Text { normal: Normal::Address(address), .. } => Some((*address).into()),
        Data::Text { normal: Normal::Network(network), .. } => Some(*network),
        _ => None,
    }
}

fn is_in_order(literal: &Literal, holds: fn(std::cmp::Ordering) -> bool, value: &Value) -> bool {
    let Ok(operand) = value::Value::from_literal(literal) else { return false };
    as_value(&value.data, &operand).order(&operand).is_some_and(holds)
}

/// The value as one of the operand's type, where its text can be read as one.
fn as_value<'d>(data: &'d Data, operand: &value::Value<'_>) -> value::Value<'d> {
    match (data, operand) {
        (Data::Integer(number), _) => value::Value::Integer(*number),
        (Data::Boolean(value), _) => value::Value::Boolean(*value),
        (Data::Text { raw, .. }, value::Value::Timestamp(_)) => {
            raw.parse().map_or(value::Value::Other, value::Value::Timestamp)
        }
        (Data::Text { raw, .. }, value::Value::Integer(_) | value::Value::Float(_)) => {
            let float = || raw.trim().parse().ok().filter(|number: &f64| number.is_finite());
            match number_in(raw) {
                Some(number) => value::Value::Integer(number),
                None => float().map_or(value::Value::Other, value::Value::Float),
            }
        }
        (Data::Text { raw, .. }, _) => value::Value::String(raw),
    }
}
