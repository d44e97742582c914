//! `LIKE` and `MATCHES` on a regular expression engine that runs in linear time.

use std::borrow::Cow;
use std::fmt::Write as _;

use regex::{Regex, RegexBuilder};
use unicode_normalization::{UnicodeNormalization as _, is_nfc_quick};

/// Memory for one compiled expression; far above what a sensible one needs.
const SIZE_LIMIT: usize = 4 << 20;

/// The text in normal form C, in which `LIKE` and `MATCHES` compare.
pub(super) fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == unicode_normalization::IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

/// An expression that matches the texts like `pattern`, from beginning to end, as the reference matcher has it: case counts,
/// `%` and `_` stop at a line's end. On alerts, `LIKE` is [`Like`](super::like::Like).
pub(super) fn like(pattern: &str) -> Result<Regex, regex::Error> {
    let mut expression = String::from(r"\A");
    for c in nfc(pattern).chars() {
        match c {
            '%' => expression.push_str(".*"),
            '_' => expression.push('.'),
            _ => expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    expression.push_str(r"\n?\z");
    RegexBuilder::new(&expression).size_limit(SIZE_LIMIT).build()
}

/// An expression for `MATCHES`, written as the Perl-compatible ones of feeds are.
pub(super) fn matches(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&translate(&nfc(pattern))).size_limit(SIZE_LIMIT).build()
}

/// The expression over bytes, each character standing for the byte of its number; `None` when one is above U+00FF.
pub(super) fn matches_bytes(pattern: &str) -> Option<Result<regex::bytes::Regex, regex::Error>> {
    let mut expression = String::with_capacity(pattern.len());
    for c in nfc(pattern).chars() {
        match u32::from(c) {
            0..=0x7f => expression.push(c),
            // Writing to a string cannot fail.
            number @ 0x80..=0xff => drop(write!(expression, r"\x{number:02x}")),
            _ => return None,
        }
    }
    let expression = translate(&expression);
    Some(regex::bytes::RegexBuilder::new(&expression).unicode(false).size_limit(SIZE_LIMIT).build())
}

/// Whether the expression is found in the text. `$` also matches before a line feed that ends the text, which this
/// engine leaves to its caller.
pub(super) fn is_found(expression: &Regex, text: &str) -> bool {
    expression.is_match(text) || text.strip_suffix('\n').is_some_and(|text| expression.is_match(text))
}

/// Rewrites what Perl-compatible expressions and this engine spell differently, and leaves the rest alone: brackets and
/// doubled operators inside classes, braces that are no repetition, `\Z`, `\<`, `\>`, comments.
fn translate(pattern: &str) -> String {
    let bytes = pattern.as_bytes();
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut at = 0;
    let mut in_class = false;
    while let Some(c) = pattern[at..].chars().next() {
        let rest = &pattern[at..];
        let mut len = c.len_utf8();
        match c {
            '\\' => {
                let escaped = rest[1..].chars().next();
                len += escaped.map_or(0, char::len_utf8);
                match escaped {
                    Some('Z') if !in_class => out.push_str(r"\z"),
                    Some(plain @ ('<' | '>')) => out.push(plain),
                    _ => out.push_str(&rest[..len]),
                }
            }
            '[' if !in_class => {
                in_class = true;
                // A bracket that comes first in a class is a member of it to both engines.
                let negated = usize::from(bytes.get(at + 1) == Some(&b'^'));
                let first = usize::from(bytes.get(at + 1 + negated) == Some(&b']'));
                len += negated + first;
                out.push_str(&rest[..1 + negated]);
                out.push_str(if first == 1 { r"\]" } else { "" });
            }
            '[' if rest.starts_with("[:") && rest.contains(":]") => {
                len = rest.find(":]").map_or(1, |end| end + 2);
                out.push_str(&rest[..len]);
            }
            '[' => out.push_str(r"\["),
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(c);
            }
            // `--` is a difference of classes here. There the hyphen in front begins a range where a class begins, and
            // the one behind ends a range anywhere else.
            '-' if in_class && rest.starts_with("--") => {
                let first = out.ends_with('[') || out.ends_with("[^");
                out.push_str(if first { r"\-" } else { r"-\-" });
                len += usize::from(!first);
            }
            '{' if !in_class => match repetition(rest) {
                Some((0, end)) => {
                    out.push_str(&rest[..end]);
                    len = end;
                }
                // Without a lower bound.
                Some((_, end)) => {
                    out.push_str("{0");
                    out.push_str(&rest[1..end]);
                    len = end;
                }
                None if out.ends_with(r"\x") || out.ends_with(r"\p") || out.ends_with(r"\P") => out.push('{'),
                None => out.push_str(r"\{"),
            },
            '(' if !in_class && rest.starts_with("(?#") => {
                len = rest.find(')').map_or(rest.len(), |end| end + 1);
            }
            _ => out.push(c),
        }
        at += len;
    }
    out
}

/// The length of `{n}`, `{n,}`, `{n,m}` or `{,m}` at the beginning of the text, with 1 for the last form and else 0.
fn repetition(text: &str) -> Option<(u8, usize)> {
    let end = text.find('}')?;
    let inner = &text[1..end];
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    match inner.split_once(',') {
        None if !inner.is_empty() && digits(inner) => Some((0, end + 1)),
        Some((low, high)) if digits(low) && digits(high) && !(low.is_empty() && high.is_empty()) => {
            Some((u8::from(low.is_empty()), end + 1))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, text: &str) -> bool {
        is_found(&matches(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")), text)
    }

    #[test]
    fn perl_compatible_spellings_are_understood() {
        assert!(found(r"a\Z", "ba") && !found(r"a\Z", "ab"));
        assert!(found(r"a\\Z", r"a\Z") && !found(r"a\\Z", "a"), "an escaped backslash stands for itself");
        assert!(found("[]a]+$", "]a") && found("[^]]", "a") && !found("^[^]]$", "]"));
        assert!(found("^[a[b]$", "[") && found("^[[:digit:]]$", "7"));
        assert!(
            found("^[a&&b]$", "&")
                && found("^[a~~b]$", "~")
                && found("^[+--]$", ",")
                && found("^[--/]$", ".")
        );
        assert!(found("^x{,2}$", "xx") && !found("^x{,2}$", "xxx"));
        assert!(found("^x{1,}y{2}$", "xyy") && found("a{b}", "a{b}") && found("{", "{"));
        assert!(found(r"\x41\x{4f}\p{Lu}", "AOC"));
        assert!(found(r"\<a\>", "<a>"));
        assert!(found("(?i)abc(?#comment)d", "ABCD"));
        assert!(found("a$", "a\n") && !found("a$", "a\nb"), "the end is before a last line feed too");
        assert!(!found("^b", "a\nb"));
    }

    #[test]
    fn backtracking_is_refused() {
        for pattern in ["(?=a)", "(?<!a)b", r"(a)\1", "(?>a)"] {
            assert!(matches(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn an_expression_cannot_take_all_memory() {
        assert!(matches(r"(\w{1000}){1000}").is_err());
        assert!(like(&"%x".repeat(500)).is_ok());
        assert!(like(&"%x".repeat(20_000)).is_err());
    }

    #[test]
    fn like_is_anchored_and_literal() {
        let like = |pattern: &str, text: &str| like(pattern).is_ok_and(|e| e.is_match(text));
        assert!(like("a.c%", "a.cd") && !like("a.c%", "abcd"));
        assert!(!like("a", "ab") && !like("b", "ab"));
        assert!(!like("A_", "ab") && like("a_", "ab"));
        assert!(!like("a%b", "a\nb"));
        assert!(like("e\u{301}_", "\u{e9}x"), "both are composed first");
    }
}
