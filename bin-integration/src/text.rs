//! Text from outside on its way to a terminal or a log: one line, no control characters, bounded.

use std::fmt::Write as _;

/// Whether a character could move a terminal's cursor, forge a log line or hide text: control characters, line and
/// paragraph separators, and the marks that change the direction of writing.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` with unsafe characters written as escapes (`\n`, `\u{1b}`), cut at `max` characters with an ellipsis.
pub(crate) fn one_line(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    let mut length = 0;
    for c in text.chars() {
        let start = out.len();
        if is_unsafe(c) {
            // Writing to a String cannot fail.
            let _ = write!(out, "{}", c.escape_default());
        } else {
            out.push(c);
        }
        length += out[start..].chars().count();
        if length > max {
            while length >= max && out.pop().is_some() {
                length -= 1;
            }
            out.push('…');
            break;
        }
    }
    out
}

/// JSON in which a string holds nothing that could move a terminal's cursor. What JSON lets pass unescaped (DEL, C1
/// controls, marks of direction) is escaped; line ends between values stay.
pub(crate) fn json(json: String) -> String {
    let is_bad = |c: char| is_unsafe(c) && c != '\n';
    if !json.contains(is_bad) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 32);
    for c in json.chars() {
        if is_bad(c) {
            // All of them are in the first plane.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_harmless_stays() {
        assert_eq!(one_line("C:\\Users\\Jörg \"x\" 山", 100), "C:\\Users\\Jörg \"x\" 山");
    }

    #[test]
    fn what_moves_the_cursor_is_escaped() {
        assert_eq!(one_line("a\r\nb\u{1b}[2J\u{9b}\u{202e}\0", 100), r"a\r\nb\u{1b}[2J\u{9b}\u{202e}\u{0}");
    }

    proptest::proptest! {
        #[test]
        fn nothing_gets_through(text in "\\PC*|.*", max in 1_usize..50) {
            let line = one_line(&text, max);
            proptest::prop_assert!(!line.chars().any(is_unsafe));
            proptest::prop_assert!(line.chars().count() <= max);
        }
    }

    #[test]
    fn json_says_the_same_without_what_moves_the_cursor() {
        let value = serde_json::json!({"a": "\u{7f}\u{9b}2J\u{202e}\u{2066}\u{1b}\n山", "b": [1]});
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let safe = json(text);
            assert!(!safe.chars().any(|c| is_unsafe(c) && c != '\n'), "{safe:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
        }
    }

    #[test]
    fn it_is_cut_by_characters() {
        assert_eq!(one_line("äöüäöü", 6), "äöüäöü");
        assert_eq!(one_line("äöüäöüä", 6), "äöüäö…");
        assert_eq!(one_line("aaaa\u{1b}", 6), "aaaa\\…");
    }
}
