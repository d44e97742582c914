//! Why bytes are not an alert.

use thiserror::Error;

use crate::alert::MAX_INPUT_BYTES;
use crate::json::MAX_DEPTH;

/// Why the input could not be read as a Wazuh alert.
///
/// Each message says what was wrong, where, and what to do about it. At most [`EXCERPT_CHARS`] characters of
/// the input are quoted, with control characters escaped, so that a message is safe for a log or a terminal.
///
/// Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum AlertError {
    /// There are no bytes at all.
    #[error("cannot read the alert: the input is empty; is the disk full where integratord writes (/tmp)?")]
    Empty,

    /// There is nothing but blanks, line ends or a byte order mark.
    #[error("cannot read the alert: the input holds nothing but blanks")]
    Blank,

    /// The input is larger than any alert may be.
    #[error(
        "cannot read the alert: the input has {bytes} bytes, more than the {MAX_INPUT_BYTES} that are taken for \
         one alert; is it a whole alerts.json? Then pass its lines one by one"
    )]
    TooLarge {
        /// Size of the input in bytes.
        bytes: usize,
    },

    /// integratord's older format, which it writes unless told to write JSON.
    #[error(
        "cannot read the alert: it is in integratord's shell style (alertdate='…'), not JSON; add \
         <alert_format>json</alert_format> to the <integration> block in ossec.conf and restart the manager"
    )]
    ShellStyle,

    /// The input does not begin like JSON.
    #[error(
        "cannot read the alert: the input is not JSON, it begins with `{found}` (line {line}, column {column})"
    )]
    NotJson {
        /// Where the first character that is no blank stands.
        line: usize,
        /// Where the first character that is no blank stands.
        column: usize,
        /// What stands there, shortened and escaped.
        found: String,
    },

    /// The input is a JSON array.
    #[error("cannot read the alert: the input is a JSON array; pass the alerts in it one by one")]
    Array,

    /// The input is JSON, but neither an object nor an array.
    #[error("cannot read the alert: the input is {found}, not a JSON object")]
    NotAnObject {
        /// What it is: `a string`, `a number`, `true`, `false` or `null`.
        found: &'static str,
    },

    /// The JSON breaks off.
    #[error(
        "cannot read the alert: the JSON breaks off at line {line}, column {column}; was it read while being \
         written, or is the disk full?"
    )]
    Truncated {
        /// Where the input ends.
        line: usize,
        /// Where the input ends.
        column: usize,
    },

    /// The JSON has an error in it.
    #[error(
        "cannot read the alert: broken JSON at line {line}, column {column}: expected {expected}, found `{found}`"
    )]
    Syntax {
        /// Where the error is.
        line: usize,
        /// Where the error is.
        column: usize,
        /// What may stand there.
        expected: &'static str,
        /// What stands there, shortened and escaped.
        found: String,
    },

    /// Something follows the alert.
    #[error(
        "cannot read the alert: `{found}` follows the alert's JSON object at line {line}, column {column}; pass \
         one alert at a time"
    )]
    Trailing {
        /// Where it begins.
        line: usize,
        /// Where it begins.
        column: usize,
        /// What stands there, shortened and escaped.
        found: String,
    },

    /// Objects and arrays are nested deeper than analysisd's own JSON library reads.
    #[error(
        "cannot read the alert: its JSON is nested deeper than {MAX_DEPTH} levels, which no alert of Wazuh is"
    )]
    TooDeep,

    /// A NUL byte, in or outside of a string.
    #[error(
        "cannot read the alert: NUL byte at line {line}, column {column}; the file is damaged, or it is UTF-16 and \
         has to be saved as UTF-8"
    )]
    Nul {
        /// Where the first one stands.
        line: usize,
        /// Where the first one stands.
        column: usize,
    },

    /// Long keys over many values: the paths would take far more memory than the alert itself.
    #[error("cannot read the alert: its keys unfold to more than {limit} bytes of field paths")]
    LongPaths {
        /// The limit for this input in bytes.
        limit: usize,
    },

    /// A JSON object, but not one that Wazuh wrote.
    #[error(
        "cannot read the alert: the JSON object is no Wazuh alert, it has none of the keys rule, data, syscheck"
    )]
    NotAnAlert,
}

/// The most characters of the input that an error message quotes.
pub const EXCERPT_CHARS: usize = 24;

impl AlertError {
    /// A short constant name, for a metric's label.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Blank => "blank",
            Self::TooLarge { .. } => "too_large",
            Self::ShellStyle => "shell_style",
            Self::NotJson { .. } => "not_json",
            Self::Array => "array",
            Self::NotAnObject { .. } => "not_an_object",
            Self::Truncated { .. } => "truncated",
            Self::Syntax { .. } => "syntax",
            Self::Trailing { .. } => "trailing",
            Self::TooDeep => "too_deep",
            Self::Nul { .. } => "nul",
            Self::LongPaths { .. } => "long_paths",
            Self::NotAnAlert => "not_an_alert",
        }
    }
}

/// The line and column, from 1, of a byte offset.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// What stands at a byte offset: a few characters, on one line, control characters escaped.
pub(crate) fn excerpt(text: &str, offset: usize) -> String {
    let rest = text.get(offset..).unwrap_or_default();
    let mut excerpt = String::new();
    let mut chars = rest.chars();
    for char in chars.by_ref().take(EXCERPT_CHARS) {
        // `escape_debug` would also escape quotes, which make up most of JSON.
        if matches!(char, '"' | '\'' | '\\') {
            excerpt.push(char);
        } else {
            excerpt.extend(char.escape_debug());
        }
    }
    if chars.next().is_some() {
        excerpt.push('…');
    }
    excerpt
}
