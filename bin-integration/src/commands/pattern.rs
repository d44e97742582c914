//! `pattern check` and `pattern match`: STIX patterns in, one line of JSON for each out.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use enricher::stix::{Observation, Pattern};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::go_on;
use crate::exit::{Exit, Failure, chain};
use crate::input::{Inputs, Unread};
use crate::sink::stdout::Stdout;
use crate::text;

/// How many lines are read ahead.
const AHEAD: usize = 64;

/// A line of `pattern check`.
#[derive(Deserialize)]
struct ToCheck {
    pattern: String,
}

/// What is printed for it.
#[derive(Serialize)]
struct Checked {
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// A line of `pattern match`.
#[derive(Deserialize)]
struct ToMatch {
    pattern: String,
    observed: Vec<Value>,
}

/// What is printed for it.
#[derive(Serialize)]
struct Matched {
    /// `None`: it cannot be said.
    #[serde(rename = "match")]
    matches: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Says which patterns are valid.
pub(crate) fn check(files: &[PathBuf]) -> Result<(), Failure> {
    each(files, |line: Result<ToCheck, String>| {
        let error = line.and_then(|line| {
            let pattern = Pattern::parse(&line.pattern).map_err(|error| said(&error))?;
            pattern.check().map_err(|error| said(&error))
        });
        Checked { valid: error.is_ok(), error: error.err() }
    })
}

/// Says which patterns are true of the observed data beside them.
pub(crate) fn matches(files: &[PathBuf]) -> Result<(), Failure> {
    each(files, |line: Result<ToMatch, String>| {
        let outcome = line.and_then(|line| {
            let pattern = Pattern::parse(&line.pattern).map_err(|error| said(&error))?;
            let observed = Observation::from_json(&line.observed).map_err(|error| said(&error))?;
            pattern.matches(&observed).map_err(|error| said(&error))
        });
        Matched { matches: outcome.as_ref().ok().copied(), error: outcome.err() }
    })
}

/// An error with its causes on one line; that of a regular expression has several.
fn said(error: &dyn std::error::Error) -> String {
    chain(error).lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Prints an answer for every line of the input, in the same order.
fn each<T, A>(files: &[PathBuf], answer: impl Fn(Result<T, String>) -> A) -> Result<(), Failure>
where
    T: for<'de> Deserialize<'de>,
    A: Serialize,
{
    let lines = read(files);
    let mut out = Stdout::new();
    let mut unread = 0_u64;
    loop {
        let line = match lines.try_recv() {
            Ok(line) => line,
            // Whoever sends one pattern and waits for its answer gets it.
            Err(TryRecvError::Empty) => {
                if !go_on(out.flush())? {
                    return Ok(());
                }
                match lines.recv() {
                    Ok(line) => line,
                    Err(_) => break,
                }
            }
            Err(TryRecvError::Disconnected) => break,
        };
        let item = match line {
            Ok(text) => parse(&text),
            Err(problem) if problem.is_line => Err(format!("the line cannot be read: {}", problem.problem)),
            // There is no line here that would want an answer.
            Err(problem) => {
                tracing::warn!("{problem}");
                unread += 1;
                continue;
            }
        };
        unread += u64::from(item.is_err());
        let line = serde_json::to_string(&answer(item))
            .map_err(|error| Failure::from_error(Exit::Defect, &error))?;
        if !go_on(out.line(&text::json(line)))? {
            return Ok(());
        }
    }
    go_on(out.flush())?;
    match unread {
        0 => Ok(()),
        _ => Err(Failure::new(Exit::Alert, format!("{unread} inputs could not be read"))),
    }
}

/// Reads a line as a JSON object.
fn parse<T: for<'de> Deserialize<'de>>(line: &[u8]) -> Result<T, String> {
    // A list of its values would be taken for an object as well.
    if line.trim_ascii_start().first() != Some(&b'{') {
        return Err("the line is no JSON object with a `pattern`".to_owned());
    }
    serde_json::from_slice(line).map_err(|error| {
        let problem = error.to_string().replace(" at line 1 column ", " at column ");
        format!("the line cannot be read: {problem}")
    })
}

/// Reads lines on a thread of its own, so that waiting for input does not keep back answers.
fn read(files: &[PathBuf]) -> Receiver<Result<Vec<u8>, Unread>> {
    let (sender, receiver) = sync_channel(AHEAD);
    let inputs = Inputs::from_arguments(files);
    std::thread::spawn(move || {
        for input in inputs {
            if sender.send(input.map(|input| input.text)).is_err() {
                break;
            }
        }
    });
    receiver
}
