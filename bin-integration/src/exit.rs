//! How a run ends: a documented exit code, and one short last line on standard error.
//!
//! integratord writes the last line of a failed run, and only that one, to `ossec.log`. It writes its whole command
//! line there, token included, when a run exits with 127 or dies by a signal: neither happens here.

use std::error::Error;
use std::fmt;
use std::io::Write as _;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

use crate::text::one_line;

/// Longest last line, in characters: what a person still reads in `ossec.log`.
const LAST_LINE: usize = 400;

/// The exit codes, which are a promise to scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done; also when there was nothing to look up or nothing was found.
    Done = 0,
    /// Wrong use or wrong configuration.
    Usage = 2,
    /// The alert could not be read.
    Alert = 3,
    /// OpenCTI could not be asked.
    Unreachable = 4,
    /// The event could not be delivered.
    Delivery = 5,
    /// Finished, with a part missing.
    Partial = 6,
    /// A defect in this program (`EX_SOFTWARE` of sysexits.h): it panicked, which was caught.
    Defect = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A run that did not end with [`Exit::Done`]: the code, and the sentence that says why.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    sentence: String,
}

impl Failure {
    /// A failure in our own words: one short sentence.
    pub(crate) fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self { exit, sentence: sentence.into() }
    }

    /// A failure out of an error and its causes, joined to one sentence.
    pub(crate) fn from_error(exit: Exit, error: &dyn Error) -> Self {
        Self::new(exit, chain(error))
    }

    /// The same failure, with what became of the alert or the event.
    pub(crate) fn with(mut self, consequence: &str) -> Self {
        self.sentence.push_str(" (");
        self.sentence.push_str(consequence);
        self.sentence.push(')');
        self
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.sentence, LAST_LINE))
    }
}

/// Runs `run` and turns its end into an exit code, a failure's last line included. A panic ends with
/// [`Exit::Defect`] and one line that names the place, not the message: that may quote an alert.
pub(crate) fn guard(run: impl FnOnce() -> Result<Exit, Failure>) -> ExitCode {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        last_line(&format!("internal error{place}: please report it"));
    }));
    caught(run).into()
}

fn caught(run: impl FnOnce() -> Result<Exit, Failure>) -> Exit {
    // Nothing of what `run` touched is used afterwards.
    match panic::catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(exit)) => exit,
        Ok(Err(failure)) => {
            last_line(&failure.to_string());
            failure.exit()
        }
        // The hook has written the last line.
        Err(_) => Exit::Defect,
    }
}

/// Writes the last line. When nobody reads standard error there is nobody to tell.
fn last_line(sentence: &str) {
    let _ = writeln!(std::io::stderr(), "custom-opencti: {sentence}");
}

/// An error and its causes on one line, outermost first.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_documented_ones() {
        let all = [
            (Exit::Done, 0),
            (Exit::Usage, 2),
            (Exit::Alert, 3),
            (Exit::Unreachable, 4),
            (Exit::Delivery, 5),
            (Exit::Partial, 6),
            (Exit::Defect, 70),
        ];
        for (exit, code) in all {
            assert_eq!(exit as u8, code);
        }
    }

    #[test]
    fn the_last_line_is_one_short_line() {
        let failure = Failure::new(Exit::Alert, format!("bad\nalert \u{1b}[31m{}", "x".repeat(1000)));
        let line = failure.to_string();
        assert!(line.starts_with(r"bad\nalert \u{1b}[31mxxx"), "{line}");
        assert_eq!(line.chars().count(), LAST_LINE);
        assert!(line.ends_with('…'));
    }

    #[test]
    fn a_panic_is_an_exit_code_like_any_other() {
        assert_eq!(caught(|| panic!("boom")), Exit::Defect);
        assert_eq!(caught(|| Err(Failure::new(Exit::Alert, "x"))), Exit::Alert);
        assert_eq!(caught(|| Ok(Exit::Done)), Exit::Done);
    }

    #[test]
    fn causes_are_joined() {
        let cause = std::io::Error::other("disk full");
        let error = std::io::Error::other(cause);
        assert_eq!(chain(&error), "disk full");
    }
}
