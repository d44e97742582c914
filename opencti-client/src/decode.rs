//! From the bytes of a body to an answer or an error.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::answer::{Answer, ErrorCode, Problem};
use crate::error::Error;
use crate::operations::Outcome;
use crate::text;

/// Longest message kept, in characters.
const MAX_MESSAGE: usize = 300;
/// Problems kept, at most. A list of a thousand nodes may fail a thousand times.
const MAX_PROBLEMS: usize = 20;

/// `data` is read later, so that its shape and what OpenCTI reports are told apart.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    errors: Option<Vec<GraphQlError>>,
}

#[derive(Deserialize)]
struct GraphQlError {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    path: Option<Vec<serde_json::Value>>,
    #[serde(default)]
    extensions: Option<Extensions>,
    /// OpenCTI repeats the code here.
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Extensions {
    #[serde(default)]
    code: Option<String>,
}

impl From<GraphQlError> for Problem {
    fn from(error: GraphQlError) -> Self {
        let code = error.extensions.and_then(|extensions| extensions.code).or(error.name).unwrap_or_default();
        let field = error.path.and_then(|path| match path.into_iter().next() {
            Some(serde_json::Value::String(field)) => Some(text::clean(&field, 60)),
            _ => None,
        });
        Self {
            code: ErrorCode::from_text(&code),
            message: text::clean(&error.message.unwrap_or_default(), MAX_MESSAGE),
            field,
        }
    }
}

/// Reads the body of an answer with status 200.
pub(crate) fn decode<R: DeserializeOwned, T>(
    operation: &'static str,
    body: &[u8],
    convert: impl Fn(R) -> Outcome<T>,
) -> Result<Answer<T>, Error> {
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(|source| {
        if source.is_data() { shape(operation, &source) } else { Error::NotJson { operation, source } }
    })?;
    let problems = problems(envelope.errors);
    // serde reads a `null` as `None`.
    let Some(data) = envelope.data else {
        return Err(failed(operation, problems, "data"));
    };
    let outcome = match serde_json::from_str(data.get()) {
        Ok(data) => convert(data),
        Err(_) if !problems.is_empty() => return Err(failed(operation, problems, "data")),
        Err(source) => return Err(shape(operation, &source)),
    };
    if let Some(field) = outcome.missing.first() {
        // A part without data needs a reason. Without one it would look like "nothing found".
        let explained = outcome.missing.iter().all(|field| {
            problems.iter().any(|problem| problem.field.as_deref().is_none_or(|named| named == *field))
        });
        if !outcome.any || !explained {
            return Err(failed(operation, problems, field));
        }
    }
    Ok(Answer { value: outcome.value, problems })
}

/// The error for data of another shape. What serde says may quote the answer, so it is cleaned.
fn shape(operation: &'static str, source: &serde_json::Error) -> Error {
    Error::Shape { operation, reason: text::clean(&source.to_string(), MAX_MESSAGE) }
}

/// Code and message of the first GraphQL error in the body of an HTTP error.
pub(crate) fn first_problem(body: &[u8]) -> Option<Problem> {
    let envelope: Envelope<'_> = serde_json::from_slice(body).ok()?;
    problems(envelope.errors).into_iter().next()
}

fn problems(errors: Option<Vec<GraphQlError>>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for problem in errors.into_iter().flatten().map(Problem::from) {
        if problems.len() < MAX_PROBLEMS && !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    problems
}

/// The error for an answer without usable data. `field` is what is missing.
pub(crate) fn failed(operation: &'static str, problems: Vec<Problem>, field: &'static str) -> Error {
    // `max_by_key` gives the last of equals, so from the end it is the first.
    let gravest = problems.iter().rev().max_by_key(|problem| problem.code.gravity());
    let Some(Problem { code, message, .. }) = gravest.cloned() else {
        return Error::NoData { operation, field };
    };
    Error::GraphQl { operation, code, message, problems }
}
