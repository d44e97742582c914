//! `LIKE` as feeds mean it: `%` is any text, `_` any one character, and case does not count.

use super::normal::{Kind, fold, to_ascii_domain};

/// The operand of `LIKE`, in the form in which [`like_fold`] puts the texts that it is compared with.
#[derive(Debug, Clone)]
pub(super) struct Like {
    pattern: Box<str>,
    /// The same with the labels of an internationalised name in ASCII, where there are any.
    ascii: Option<Box<str>>,
    /// Whether there is a `_`.
    has_single: bool,
}

/// Lower case, composed, with one form of the small sigma: which of the two stands in a word depends on what follows,
/// and behind a wildcard nobody knows.
pub(super) fn like_fold(text: &str) -> std::borrow::Cow<'_, str> {
    let folded = fold(text);
    if folded.is_ascii() || !folded.contains('ς') { folded } else { folded.replace('ς', "σ").into() }
}

impl Like {
    pub(super) fn new(pattern: &str, kind: Kind) -> Self {
        let folded = like_fold(pattern);
        let ascii = (kind == Kind::Domain && !folded.is_ascii()).then(|| {
            let labels = folded.split('.').map(|label| match label.contains(['%', '_']) {
                true => label.into(),
                false => to_ascii_domain(label.into()),
            });
            labels.collect::<Vec<_>>().join(".").into()
        });
        Self { has_single: folded.contains('_'), pattern: folded.into(), ascii }
    }

    /// Whether the text, folded, is like the pattern from beginning to end. Takes time in proportion to the product of
    /// both lengths at most, and to their sum when there is no `_`.
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.fits(&self.pattern, text) || self.ascii.as_deref().is_some_and(|ascii| self.fits(ascii, text))
    }

    /// Everything between two `%` is taken where it comes first, so nothing is tried again further left.
    fn fits(&self, pattern: &str, text: &str) -> bool {
        let mut parts = pattern.split('%');
        let Some(mut rest) = parts.next().and_then(|first| self.strip(first, text)) else { return false };
        let Some(mut part) = parts.next() else { return rest.is_empty() };
        for next in parts {
            let Some(after) = self.find(part, rest) else { return false };
            (rest, part) = (after, next);
        }
        self.ends(part, rest)
    }

    /// What follows a part that stands at the beginning of the text.
    fn strip<'t>(&self, part: &str, text: &'t str) -> Option<&'t str> {
        if !self.has_single {
            return text.strip_prefix(part);
        }
        let mut rest = text.chars();
        part.chars()
            .all(|wanted| rest.next().is_some_and(|c| wanted == '_' || wanted == c))
            .then_some(rest.as_str())
    }

    /// What follows the first place of a part in the text.
    fn find<'t>(&self, part: &str, text: &'t str) -> Option<&'t str> {
        if !self.has_single {
            return text.find(part).map(|at| &text[at + part.len()..]);
        }
        // Only where the text in front of the first `_` stands can the part stand.
        let literal = part.split('_').next().unwrap_or_default();
        let mut rest = text;
        loop {
            rest = &rest[rest.find(literal)?..];
            if let Some(after) = self.strip(part, rest) {
                return Some(after);
            }
            let mut chars = rest.chars();
            chars.next()?;
            rest = chars.as_str();
        }
    }

    fn ends(&self, part: &str, text: &str) -> bool {
        if !self.has_single {
            return text.ends_with(part);
        }
        let mut rest = text.chars();
        part.chars().rev().all(|wanted| rest.next_back().is_some_and(|c| wanted == '_' || wanted == c))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_like(pattern: &str, text: &str) -> bool {
        Like::new(pattern, Kind::Text).is_match(&like_fold(text))
    }

    #[test]
    fn parts_do_not_overlap() {
        assert!(is_like("a%a", "aa") && !is_like("a%a", "a"));
        assert!(is_like("%ab%ab%", "xababx") && !is_like("%ab%ab%", "xabx"));
        assert!(is_like("%_a", "ba") && !is_like("%_a", "a") && is_like("_%_", "ab") && !is_like("_%_", "a"));
        assert!(is_like("%", "") && is_like("", "") && !is_like("", "a") && is_like("%%", "\n"));
        assert!(is_like("%ab_", "xabab1") && is_like("%ab_%", "xabab1") && !is_like("%ab_c", "xabab1"));
    }

    #[test]
    fn a_character_is_more_than_a_byte() {
        assert!(is_like("m_nze", "MÜNZE") && is_like("mu\u{308}n%", "münze") && is_like("%ς", "ΟΔΟΣ"));
        assert!(!is_like("m__nze", "münze"));
    }

    #[test]
    fn labels_without_wildcards_are_found_in_ascii() {
        let like = Like::new("%.MÜNZE.example", Kind::Domain);
        assert!(like.is_match("www.xn--mnze-0ra.example"));
        assert!(like.is_match("www.münze.example") && !like.is_match("www.munze.example"));
    }

    proptest! {
        /// The regular expression that the reference matcher makes of it says the same.
        #[test]
        fn it_agrees_with_a_regular_expression(pattern in "[ab_%ü]{0,10}", text in "[abü\n]{0,14}") {
            let expression: String = pattern
                .chars()
                .map(|c| match c {
                    '%' => ".*".to_owned(),
                    '_' => ".".to_owned(),
                    c => regex::escape(&c.to_string()),
                })
                .collect();
            let expression = regex::Regex::new(&format!(r"(?s)\A{expression}\z"));
            let expression = expression.map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(is_like(&pattern, &text), expression.is_match(&text));
        }
    }
}
