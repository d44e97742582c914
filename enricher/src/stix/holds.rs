//! One comparison on one value of an alert.

use super::ast::{Literal, Test};
use super::evaluate::Run;
use super::evaluation::How;
use super::normal::{Kind, Normal, is_in_capitals, is_standard_hash_name, misnamed_hash, same_but_for_case};
use super::program::{Operand, Operator, Term, comparison, keys};
use super::regexes;
use super::seen::{Data, Property, Value};
use super::value::{self, is_subset};

impl Run<'_> {
    /// Whether a comparison, taken without its negation, is true of a property: by which member of a set, and how.
    pub(super) fn holds(&self, at: usize, term: &Term, property: &Property) -> Option<(u16, How)> {
        if property.container {
            return matches!(term.operator, Operator::Exists).then_some((0, How::Exists));
        }
        let value = self.value(property);
        let (member, how) = match &term.operator {
            Operator::Equal(operand) => (0, self.equal(at, term, operand, 0, property)?),
            Operator::In(operands) => operands
                .iter()
                .zip(0_u16..)
                .find_map(|(operand, i)| Some((i, self.equal(at, term, operand, i, property)?)))?,
            // The rest says something about the text, and that of IPv4 is not that of IPv6.
            Operator::Like(_) | Operator::Matches(_) | Operator::Order(..) | Operator::Exists
                if !self.is_of_version(term, property) =>
            {
                return None;
            }
            Operator::Like(like) => {
                let (text, normal) = value.data.folded()?;
                let is_like = like.is_match(text) || normal.is_some_and(|normal| like.is_match(normal));
                is_like.then_some((0, How::Like))?
            }
            Operator::Matches(lazy) => {
                let (expression, (text, normal)) = (lazy.matches()?, value.data.composed()?);
                let is_found = |text| regexes::is_found(expression, text);
                (is_found(text) || normal.is_some_and(is_found)).then_some((0, How::Matches))?
            }
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
        Some((member, value.wider.unwrap_or(how)))
    }

    fn equal(
        &self,
        at: usize,
        term: &Term,
        operand: &Operand,
        member: u16,
        property: &Property,
    ) -> Option<How> {
        let value = self.value(property);
        match (operand, &value.data) {
            (Operand::Text(wanted), Data::Text { raw, text, kind, .. }) => {
                let network = match (&wanted.normal, &text.normal) {
                    (Normal::Text(a), Normal::Text(b)) if a == b => false,
                    (Normal::Address(a), Normal::Address(b)) if a == b => false,
                    (Normal::Network(a), Normal::Network(b)) if a == b => false,
                    (Normal::Network(network), Normal::Address(address)) if network.contains(address) => true,
                    (Normal::Network(a), Normal::Network(b)) if a.contains(b) => true,
                    _ => return None,
                };
                let literal = match &comparison(self.expression, at)?.test {
                    Test::Equal(literal) | Test::NotEqual(literal) => literal,
                    Test::In(members) => members.get(usize::from(member))?,
                    _ => return None,
                };
                let Literal::String(written) = literal else { return Some(How::HashBytes) };
                let is_same = match kind {
                    Kind::Url => wanted.cased == text.cased || is_in_capitals(written),
                    Kind::CaseText => written == raw || is_in_capitals(written),
                    _ => true,
                };
                let how =
                    || if network { How::Cidr } else { self.how(at, term, *kind, written, raw, property) };
                is_same.then(how)
            }
            (Operand::Integer(a), Data::Integer(b)) => (a == b).then_some(How::Exact),
            (Operand::Boolean(a), Data::Boolean(b)) => (a == b).then_some(How::Exact),
            (Operand::Integer(a), Data::Text { raw, .. }) => {
                (number_in(raw)? == *a).then_some(How::NumberAsText)
            }
            (Operand::Text(text), Data::Integer(b)) => {
                (number_in(text.plain()?)? == *b).then_some(How::NumberAsText)
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
        let is_direct = path.is_some_and(|path| keys(path).count() == 1);
        if kind == Kind::Domain && is_hostname(named) != is_hostname(seen_type) && is_direct {
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
        let is_idn = match kind {
            Kind::Domain | Kind::Email => literal.is_ascii() != seen.is_ascii(),
            Kind::Url => authority(literal).is_ascii() != authority(seen).is_ascii(),
            _ => false,
        };
        if is_idn {
            return How::Idn;
        }
        let is_folded = same_but_for_case(literal, seen);
        match kind {
            Kind::Address => How::AddressSpelling,
            Kind::Url if is_folded && is_in_capitals(literal) => How::CaseFolded,
            Kind::Url => How::UrlHostCase,
            _ if is_folded => How::CaseFolded,
            Kind::Domain => How::TrailingDot,
            Kind::RegistryKey => How::RegistryHive,
            Kind::AsNumber => How::NumberAsText,
            // Blanks around it.
            Kind::Email | Kind::Hash | Kind::Text | Kind::CaseText => How::CaseFolded,
        }
    }
}

/// The part of a URL that has its host.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// A whole number written as text, `AS64500` included.
fn number_in(text: &str) -> Option<i64> {
    let text = text.trim();
    text.strip_prefix("AS").or_else(|| text.strip_prefix("as")).unwrap_or(text).parse().ok()
}

fn network_of(value: &Value) -> Option<ipnet::IpNet> {
    match &value.data {
        Data::Text { text, .. } => match text.normal {
            Normal::Address(address) => Some(address.into()),
            Normal::Network(network) => Some(network),
            Normal::Text(_) => None,
        },
        Data::Integer(_) | Data::Boolean(_) => None,
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
