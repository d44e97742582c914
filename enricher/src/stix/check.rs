//! The rules for patterns that the grammar does not express.

use super::ast::{Comparison, ComparisonExpression, Literal, ObservationExpression, PathStep, Test};
use super::error::Violation;
use super::parser::Remarks;

pub(super) fn check(expression: &ObservationExpression, remarks: &Remarks) -> Result<(), Violation> {
    if remarks.comment_first {
        return Err(Violation::CommentFirst);
    }
    if let Some(qualifier) = remarks.duplicate_qualifier {
        return Err(Violation::DuplicateQualifier { qualifier });
    }
    check_observations(expression)
}

fn check_observations(expression: &ObservationExpression) -> Result<(), Violation> {
    match expression {
        ObservationExpression::Observation(comparison) => check_comparisons(comparison),
        ObservationExpression::And(operands)
        | ObservationExpression::Or(operands)
        | ObservationExpression::FollowedBy(operands) => operands.iter().try_for_each(check_observations),
        ObservationExpression::Qualified { expression, .. } => check_observations(expression),
    }
}

fn check_comparisons(expression: &ComparisonExpression) -> Result<(), Violation> {
    match expression {
        ComparisonExpression::Comparison(comparison) => check_comparison(comparison),
        ComparisonExpression::And(operands) | ComparisonExpression::Or(operands) => {
            operands.iter().try_for_each(check_comparisons)
        }
    }
}

fn check_comparison(comparison: &Comparison) -> Result<(), Violation> {
    let steps = &comparison.path.steps;
    if let Some(index) = steps.iter().find_map(|step| match step {
        PathStep::Index(index) if *index < 0 => Some(*index),
        _ => None,
    }) {
        return Err(Violation::NegativeIndex { path: comparison.path.to_string().into(), index });
    }
    let Some(PathStep::Key(algorithm)) = steps.last() else {
        return Ok(());
    };
    if !steps.iter().any(|step| matches!(step, PathStep::Key(key) if **key == *"hashes")) {
        return Ok(());
    }
    match &comparison.test {
        Test::Equal(literal)
        | Test::NotEqual(literal)
        | Test::Less(literal)
        | Test::LessOrEqual(literal)
        | Test::Greater(literal)
        | Test::GreaterOrEqual(literal) => check_hash(algorithm, literal),
        Test::In(members) => members.iter().try_for_each(|member| check_hash(algorithm, member)),
        _ => Ok(()),
    }
}

fn check_hash(algorithm: &str, literal: &Literal) -> Result<(), Violation> {
    let value = match literal {
        Literal::String(text) => text.to_string(),
        other => other.to_string(),
    };
    let hexadecimal = |len: usize| value.len() == len && value.bytes().all(|b| b.is_ascii_hexdigit());
    let name: String = algorithm.chars().filter(|c| !matches!(c, '-' | '\'')).collect();
    let fits = match &*name.to_ascii_uppercase() {
        "MD5" => hexadecimal(32),
        "SHA1" | "RIPEMD160" => hexadecimal(40),
        "SHA224" | "SHA3224" => hexadecimal(56),
        "SHA256" | "SHA3256" => hexadecimal(64),
        "SHA384" | "SHA3384" => hexadecimal(96),
        "SHA512" | "SHA3512" | "WHIRLPOOL" => hexadecimal(128),
        "MD6" => [32, 40, 56, 64, 96, 128].into_iter().any(hexadecimal),
        "SSDEEP" => {
            (1..=128).contains(&value.len())
                && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'+' | b':' | b'.'))
        }
        _ => true,
    };
    if fits { Ok(()) } else { Err(Violation::HashValue { algorithm: algorithm.into(), value: value.into() }) }
}
