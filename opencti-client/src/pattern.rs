//! Writing STIX patterns: one quoting for every value.
//!
//! Only as much as is needed to ask for an indicator by its exact pattern. Nothing is parsed or evaluated here.

/// A STIX string literal: `text` in single quotes, with `\` and `'` escaped.
///
/// Every text has exactly one such literal, and reading the literal gives the text back, so a value cannot end the
/// literal and go on as part of the pattern.
///
/// ```
/// use opencti_client::pattern::quote;
///
/// assert_eq!(quote(r"C:\Users\O'Brien"), r"'C:\\Users\\O\'Brien'");
/// ```
#[must_use]
pub fn quote(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for character in text.chars() {
        if matches!(character, '\\' | '\'') {
            literal.push('\\');
        }
        literal.push(character);
    }
    literal.push('\'');
    literal
}

/// A pattern of a single comparison, spaced the way OpenCTI stores it: `[path = 'value']`.
///
/// `path` is an object path such as `ipv4-addr:value` and is taken as it is.
///
/// ```
/// use opencti_client::pattern::comparison;
///
/// assert_eq!(comparison("file:hashes.'SHA-256'", "AB12"), "[file:hashes.'SHA-256' = 'AB12']");
/// ```
#[must_use]
pub fn comparison(path: &str, value: &str) -> String {
    format!("[{path} = {}]", quote(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a literal by the grammar: `'`, then any but `'` and `\`, or `\` and one of those two, then `'`.
    fn unquote(literal: &str) -> Option<(String, &str)> {
        let mut rest = literal.strip_prefix('\'')?.chars();
        let mut text = String::new();
        loop {
            match rest.next()? {
                '\'' => return Some((text, rest.as_str())),
                '\\' => match rest.next()? {
                    escaped @ ('\'' | '\\') => text.push(escaped),
                    _ => return None,
                },
                other => text.push(other),
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_parses_back(text in r"(?s)[\\'a-z\]\[ =]{0,20}|.{0,40}", after in r"(?s).{0,8}") {
            let pattern = format!("{}{after}", quote(&text));
            prop_assert_eq!(unquote(&pattern), Some((text, after.as_str())));
        }

        #[test]
        fn a_value_stays_inside_its_comparison(value in r"(?s).{0,40}") {
            let pattern = comparison("url:value", &value);
            let literal = pattern.strip_prefix("[url:value = ").unwrap();
            prop_assert_eq!(unquote(literal), Some((value, "]")));
        }
    }
}
