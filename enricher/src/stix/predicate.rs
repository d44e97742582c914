//! One comparison on JSON objects, with the semantics of the reference matcher.

use std::borrow::Cow;
use std::cmp::Ordering;

use ipnet::IpNet;
use regex::Regex;
use serde_json::Value as Json;

use super::ast::{Comparison, Literal, PathStep, Test};
use super::error::EvalError;
use super::observation::Observation;
use super::regexes::{self, nfc};
use super::value::{Value, decode_base64, decode_hex, is_subset, parse_network, parse_timestamp};

/// Object types that are never observed; the reference matcher lets no pattern select them.
const DOMAIN_OBJECTS: [&str; 25] = [
    "attack-pattern",
    "bundle",
    "campaign",
    "course-of-action",
    "extension-definition",
    "grouping",
    "identity",
    "incident",
    "indicator",
    "infrastructure",
    "intrusion-set",
    "language-content",
    "location",
    "malware",
    "malware-analysis",
    "marking-definition",
    "note",
    "observed-data",
    "opinion",
    "relationship",
    "report",
    "sighting",
    "threat-actor",
    "tool",
    "vulnerability",
];

enum Operator<'a> {
    /// The orders in which the comparison holds; `equality` when values without an order are merely different.
    Order {
        operand: Value<'a>,
        holds: fn(Ordering) -> bool,
        equality: bool,
    },
    In(Vec<Value<'a>>),
    Like {
        expression: Regex,
        on_bytes: bool,
    },
    Matches {
        expression: Regex,
        on_bytes: Option<regex::bytes::Regex>,
    },
    IsSubset(IpNet),
    IsSuperset(IpNet),
    Exists,
}

/// A comparison with its operand made ready.
pub(super) struct Predicate<'a> {
    comparison: &'a Comparison,
    operator: Operator<'a>,
    /// Whether the outcome is turned round: `NOT`, or `!=`, but not both.
    inverted: bool,
}

impl<'a> Predicate<'a> {
    pub(super) fn new(comparison: &'a Comparison) -> Result<Self, EvalError> {
        let path = || comparison.path.to_string().into_boxed_str();
        let value = |literal: &'a Literal| {
            Value::from_literal(literal).map_err(|text| EvalError::TimestampLiteral { literal: text.into() })
        };
        let order = |literal, holds| Ok(Operator::Order { operand: value(literal)?, holds, equality: false });
        let network = |text: &str| {
            parse_network(text).ok_or_else(|| EvalError::Address { path: path(), value: text.into() })
        };
        let operator = match &comparison.test {
            Test::Equal(literal) | Test::NotEqual(literal) => {
                Operator::Order { operand: value(literal)?, holds: Ordering::is_eq, equality: true }
            }
            Test::Less(literal) => order(literal, Ordering::is_lt)?,
            Test::LessOrEqual(literal) => order(literal, Ordering::is_le)?,
            Test::Greater(literal) => order(literal, Ordering::is_gt)?,
            Test::GreaterOrEqual(literal) => order(literal, Ordering::is_ge)?,
            Test::In(literals) => {
                let members = literals.iter().map(value).collect::<Result<Vec<_>, _>>()?;
                if !is_uniform(&members) {
                    return Err(EvalError::MixedSet { path: path() });
                }
                Operator::In(members)
            }
            Test::Like(pattern) => Operator::Like {
                expression: regexes::like(pattern)
                    .map_err(|source| EvalError::Regex { path: path(), source })?,
                on_bytes: nfc(pattern).chars().all(|c| u32::from(c) < 256),
            },
            Test::Matches(pattern) => {
                let wrong = |source| EvalError::Regex { path: path(), source };
                let on_bytes = regexes::matches_bytes(pattern).transpose().map_err(wrong)?;
                Operator::Matches { expression: regexes::matches(pattern).map_err(wrong)?, on_bytes }
            }
            Test::IsSubset(text) => Operator::IsSubset(network(text)?),
            Test::IsSuperset(text) => Operator::IsSuperset(network(text)?),
            Test::Exists => Operator::Exists,
        };
        Ok(Self { comparison, operator, inverted: comparison.is_negative() })
    }

    /// The objects of the observation, by their place in it, for which the comparison holds: one of the values that the
    /// path selects passes. An object without the property passes nothing but `NOT EXISTS`.
    pub(super) fn holders(&self, observation: &Observation) -> Result<Vec<bool>, EvalError> {
        let mut holders = vec![false; observation.objects.len()];
        let object_type = &*self.comparison.path.object_type;
        if DOMAIN_OBJECTS.contains(&object_type) {
            return Ok(holders);
        }
        for (holds, object) in holders.iter_mut().zip(&observation.objects) {
            if object.get("type").and_then(Json::as_str) != Some(object_type) {
                continue;
            }
            let selected = self.select(object, observation)?;
            *holds = match self.operator {
                Operator::Exists => selected.is_empty() == self.inverted,
                _ => {
                    let mut holds = false;
                    for value in &selected {
                        if self.passes(value)? {
                            holds = true;
                            break;
                        }
                    }
                    holds
                }
            };
        }
        Ok(holders)
    }

    fn path(&self) -> Box<str> {
        self.comparison.path.to_string().into()
    }

    /// Everything that the path leads to from one object.
    fn select<'o>(
        &self,
        object: &'o serde_json::Map<String, Json>,
        observation: &'o Observation,
    ) -> Result<Vec<Selected<'o>>, EvalError> {
        let mut here = vec![Selected::Object(object)];
        for step in &self.comparison.path.steps {
            let mut next = Vec::new();
            for at in here {
                match step {
                    PathStep::Key(key) => {
                        if let Some(value) = at.property(key) {
                            next.push(self.read_property(key, value, observation)?);
                        }
                    }
                    PathStep::Index(index) => {
                        next.extend(usize::try_from(*index).ok().and_then(|index| at.elements().nth(index)));
                    }
                    PathStep::Any => next.extend(at.elements()),
                }
            }
            here = next;
        }
        // An unresolved reference leads nowhere.
        here.retain(|selected| !matches!(selected, Selected::Nothing));
        Ok(here)
    }

    /// A property's value, with what its name says about it: binary data is decoded, references are followed.
    fn read_property<'o>(
        &self,
        key: &str,
        value: &'o Json,
        observation: &'o Observation,
    ) -> Result<Selected<'o>, EvalError> {
        let wrong = |expected| EvalError::Reference { path: self.path(), property: key.into(), expected };
        let decode = |decoder: fn(&str) -> Option<Vec<u8>>, expected| {
            let decoded = value.as_str().and_then(decoder);
            decoded.map(Selected::Bytes).ok_or_else(|| EvalError::BinaryValue { path: self.path(), expected })
        };
        if key.ends_with("_hex") {
            decode(decode_hex, "hexadecimal")
        } else if key.ends_with("_bin") {
            decode(decode_base64, "base64")
        } else if key.ends_with("_ref") {
            let id = value.as_str().ok_or_else(|| wrong("a string"))?;
            Ok(observation.object(id).map_or(Selected::Nothing, Selected::Object))
        } else if key.ends_with("_refs") {
            let mut referred = Vec::new();
            for id in value.as_array().ok_or_else(|| wrong("a list of strings"))? {
                referred.extend(observation.object(id.as_str().ok_or_else(|| wrong("a list of strings"))?));
            }
            Ok(if referred.is_empty() { Selected::Nothing } else { Selected::Objects(referred) })
        } else {
            Ok(Selected::Json(value))
        }
    }

    fn passes(&self, selected: &Selected<'_>) -> Result<bool, EvalError> {
        let value = match selected {
            Selected::Json(json) => Value::from(*json),
            Selected::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            Selected::Object(_) | Selected::Objects(_) | Selected::Nothing => Value::Other,
        };
        let holds = match &self.operator {
            Operator::Order { operand, holds, equality } => {
                let value = self.as_timestamp(value, operand)?;
                if *equality {
                    value.equals(operand)
                } else {
                    match value.order(operand) {
                        Some(order) => holds(order),
                        // Text that no bytes can stand for is in no order with bytes, and `NOT` holds of it; other
                        // types are not even compared.
                        None => {
                            let pair = (&value, operand);
                            return Ok(self.inverted
                                && matches!(
                                    pair,
                                    (Value::String(_), Value::Bytes(_)) | (Value::Bytes(_), Value::String(_))
                                ));
                        }
                    }
                }
            }
            Operator::In(members) => {
                let value = match members.first() {
                    Some(first) => self.as_timestamp(value, first)?,
                    None => value,
                };
                members.iter().any(|member| value.is_member(member))
            }
            Operator::Like { expression, on_bytes } => match value {
                Value::String(text) => expression.is_match(&nfc(text)),
                Value::Bytes(bytes) if *on_bytes => {
                    let text = std::str::from_utf8(&bytes);
                    let text = text.map_err(|_| EvalError::BinaryText { path: self.path() })?;
                    expression.is_match(&nfc(text))
                }
                _ => false,
            },
            Operator::Matches { expression, on_bytes } => match (value, on_bytes) {
                (Value::String(text), _) => regexes::is_found(expression, &nfc(text)),
                (Value::Bytes(bytes), Some(expression)) => expression.is_match(&bytes),
                _ => false,
            },
            Operator::IsSubset(network) => as_network(&value).is_some_and(|inner| is_subset(inner, *network)),
            Operator::IsSuperset(network) => {
                as_network(&value).is_some_and(|outer| is_subset(*network, outer))
            }
            Operator::Exists => true,
        };
        Ok(holds != self.inverted)
    }

    /// Text compared with a timestamp has to be one.
    fn as_timestamp<'v>(&self, value: Value<'v>, operand: &Value<'_>) -> Result<Value<'v>, EvalError> {
        match (value, operand) {
            (Value::String(text), Value::Timestamp(_)) => parse_timestamp(text)
                .map(Value::Timestamp)
                .ok_or_else(|| EvalError::TimestampValue { path: self.path(), value: text.into() }),
            (value, _) => Ok(value),
        }
    }
}

/// Where a path has led so far.
enum Selected<'o> {
    Json(&'o Json),
    /// A referred object, or the one the path begins at.
    Object(&'o serde_json::Map<String, Json>),
    Objects(Vec<&'o serde_json::Map<String, Json>>),
    Bytes(Vec<u8>),
    Nothing,
}

impl<'o> Selected<'o> {
    fn property(&self, key: &str) -> Option<&'o Json> {
        match self {
            Self::Json(json) => json.as_object()?.get(key),
            Self::Object(object) => object.get(key),
            _ => None,
        }
    }

    fn elements(&self) -> impl Iterator<Item = Self> {
        let (values, objects) = match self {
            Self::Json(Json::Array(values)) => (values.as_slice(), [].as_slice()),
            Self::Objects(objects) => ([].as_slice(), objects.as_slice()),
            _ => ([].as_slice(), [].as_slice()),
        };
        values.iter().map(Self::Json).chain(objects.iter().copied().map(Self::Object))
    }
}

fn as_network(value: &Value<'_>) -> Option<IpNet> {
    match value {
        Value::String(text) => parse_network(text),
        _ => None,
    }
}

/// One type for all members; whole numbers and fractions count as one.
fn is_uniform(members: &[Value<'_>]) -> bool {
    let kind = |value: &Value<'_>| match value {
        Value::Integer(_) | Value::Float(_) => 0,
        Value::String(_) => 1,
        Value::Boolean(_) => 2,
        Value::Bytes(_) => 3,
        Value::Timestamp(_) => 4,
        Value::Other => 5,
    };
    members.windows(2).all(|pair| kind(&pair[0]) == kind(&pair[1]))
}
