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
    #[error(
        "cannot read the alert: the input is {found}, not a JSON object; pass a line of alerts.json or integratord's alert file"
    )]
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
    #[error(
        "cannot read the alert: its keys unfold to more than {limit} bytes of field paths, which no alert of Wazuh does"
    )]
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

#[cfg(test)]
mod tests {
    use crate::Alert;

    fn message(bytes: &[u8]) -> String {
        Alert::parse(bytes).unwrap_err().to_string()
    }

    #[test]
    fn messages_for_what_is_no_json_object() {
        insta::assert_snapshot!(message(b""), @"cannot read the alert: the input is empty; is the disk full where integratord writes (/tmp)?");
        insta::assert_snapshot!(message(b" \r\n\t"), @"cannot read the alert: the input holds nothing but blanks");
        insta::assert_snapshot!(message(b"\xEF\xBB\xBF\n"), @"cannot read the alert: the input holds nothing but blanks");
        insta::assert_snapshot!(message(&vec![b'{'; super::MAX_INPUT_BYTES + 1]), @"cannot read the alert: the input has 16777217 bytes, more than the 16777216 that are taken for one alert; is it a whole alerts.json? Then pass its lines one by one");
        insta::assert_snapshot!(message(b"alertdate='2024 May 01 10:01:33'\nalertlocation='x'\n"), @"cannot read the alert: it is in integratord's shell style (alertdate='…'), not JSON; add <alert_format>json</alert_format> to the <integration> block in ossec.conf and restart the manager");
        insta::assert_snapshot!(message(b"\n  <html>\x1b[31m<title>502 Bad Gateway</title>"), @r"cannot read the alert: the input is not JSON, it begins with `<html>\u{1b}[31m<title>502 Ba…` (line 2, column 3)");
        insta::assert_snapshot!(message(b"nothing"), @"cannot read the alert: the input is not JSON, it begins with `nothing` (line 1, column 1)");
        insta::assert_snapshot!(message(b"\xE9t\xE9"), @"cannot read the alert: the input is not JSON, it begins with `�t�` (line 1, column 1)");
        insta::assert_snapshot!(message(b"[{\"rule\":{}}]"), @"cannot read the alert: the input is a JSON array; pass the alerts in it one by one");
        insta::assert_snapshot!(message(b"\"text\""), @"cannot read the alert: the input is a string, not a JSON object; pass a line of alerts.json or integratord's alert file");
        insta::assert_snapshot!(message(b"-1.5e3"), @"cannot read the alert: the input is a number, not a JSON object; pass a line of alerts.json or integratord's alert file");
        insta::assert_snapshot!(message(b"null"), @"cannot read the alert: the input is null, not a JSON object; pass a line of alerts.json or integratord's alert file");
        insta::assert_snapshot!(message(b"\xFF\xFE{\0\"\0"), @"cannot read the alert: NUL byte at line 1, column 1; the file is damaged, or it is UTF-16 and has to be saved as UTF-8");
        insta::assert_snapshot!(message(b"\0\0\0\0"), @"cannot read the alert: NUL byte at line 1, column 1; the file is damaged, or it is UTF-16 and has to be saved as UTF-8");
    }

    #[test]
    fn messages_for_broken_json() {
        insta::assert_snapshot!(message(b"{\"rule\":{\"level\":3"), @"cannot read the alert: the JSON breaks off at line 1, column 19; was it read while being written, or is the disk full?");
        insta::assert_snapshot!(message(b"{\n\"rule\":\n  \"\xC3\xA9\\u00"), @"cannot read the alert: the JSON breaks off at line 3, column 9; was it read while being written, or is the disk full?");
        insta::assert_snapshot!(message(b"{\"rule\":{},\n\"data\" 1}"), @"cannot read the alert: broken JSON at line 2, column 8: expected `:`, found `1}`");
        insta::assert_snapshot!(message(b"{\"rule\":{}; \"data\":{}}"), @r#"cannot read the alert: broken JSON at line 1, column 11: expected `,` or `}`, found `; "data":{}}`"#);
        insta::assert_snapshot!(message(b"{\"rule\":[1 2]}"), @"cannot read the alert: broken JSON at line 1, column 12: expected `,` or `]`, found `2]}`");
        insta::assert_snapshot!(message(b"{\"rule\":{},}"), @"cannot read the alert: broken JSON at line 1, column 12: expected a key, found `}`");
        insta::assert_snapshot!(message(b"{'rule':{}}"), @"cannot read the alert: broken JSON at line 1, column 2: expected a key or `}`, found `'rule':{}}`");
        insta::assert_snapshot!(message(b"{\"rule\":[1,]}"), @"cannot read the alert: broken JSON at line 1, column 12: expected a value, found `]}`");
        insta::assert_snapshot!(message(b"{\"rule\":nil}"), @"cannot read the alert: broken JSON at line 1, column 9: expected a value, found `nil}`");
        insta::assert_snapshot!(message(b"{\"rule\":-x}"), @"cannot read the alert: broken JSON at line 1, column 10: expected a digit, found `x}`");
        insta::assert_snapshot!(message(b"{\"rule\":\"C:\\Windows\"}"), @r#"cannot read the alert: broken JSON at line 1, column 12: expected an escape such as `\n` or `\u00e9`, found `\Windows"}`"#);
        insta::assert_snapshot!(message(b"{\"rule\":\"a\0b\"}"), @"cannot read the alert: NUL byte at line 1, column 11; the file is damaged, or it is UTF-16 and has to be saved as UTF-8");
        insta::assert_snapshot!(message(b"{\"rule\":{}}\0"), @"cannot read the alert: NUL byte at line 1, column 12; the file is damaged, or it is UTF-16 and has to be saved as UTF-8");
        insta::assert_snapshot!(message(b"{\"rule\":{}}\n{\"rule\":{\"id\":\"5710\",\"description\":\"x\"}}"), @r#"cannot read the alert: `{"rule":{"id":"5710","de…` follows the alert's JSON object at line 2, column 1; pass one alert at a time"#);
        insta::assert_snapshot!(message("{\"a\":".repeat(1001).as_bytes()), @"cannot read the alert: its JSON is nested deeper than 1000 levels, which no alert of Wazuh is");
    }

    #[test]
    fn messages_for_what_is_no_alert() {
        insta::assert_snapshot!(message(b"{}"), @"cannot read the alert: the JSON object is no Wazuh alert, it has none of the keys rule, data, syscheck");
        insta::assert_snapshot!(message(b"{\"type\":\"bundle\",\"objects\":[{\"data\":{},\"rule\":{}}]}"), @"cannot read the alert: the JSON object is no Wazuh alert, it has none of the keys rule, data, syscheck");
        let long_key = format!("{{\"{}\":{{{}\"b\":2}}}}", "k".repeat(300_000), "\"a\":1,".repeat(100));
        insta::assert_snapshot!(message(long_key.as_bytes()), @"cannot read the alert: its keys unfold to more than 4809792 bytes of field paths, which no alert of Wazuh does");
    }

    #[test]
    fn labels_are_words_for_a_metric() {
        for bytes in
            [&b""[..], b" ", b"x", b"[]", b"1", b"{", b"{}", b"{\"rule\":1}x", b"{\"a\":\"\0\"}", b"{1}"]
        {
            let label = Alert::parse(bytes).unwrap_err().label();
            assert!(label.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{label}");
        }
    }
}
