//! The table of every key: what it takes and what it means.
//!
//! Each section keeps its own table beside its struct. Checks, environment names, `docs/configuration.md` and the
//! file that `setup config` prints all come from these tables; a test holds them against the structs.

use std::fmt;

use serde_json::Value;

/// A section of the configuration.
pub(crate) struct Section {
    /// Its name, as in `[opencti]`.
    pub(crate) name: &'static str,
    /// What it is about: one sentence.
    pub(crate) about: &'static str,
    /// Its keys, in the order of the documentation.
    pub(crate) keys: &'static [Key],
}

/// One key of a section.
pub(crate) struct Key {
    /// Its name within the section.
    pub(crate) name: &'static str,
    /// What it takes.
    pub(crate) kind: Kind,
    /// What it means; the unit is that of the kind.
    pub(crate) meaning: &'static str,
    /// A value as TOML.
    pub(crate) example: &'static str,
}

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// Relative ones are below Wazuh's home.
    Path,
    Flag,
    Number {
        min: i64,
        max: i64,
        /// What is counted: `ms`, `attempts`, …; empty for a plain number.
        unit: &'static str,
    },
    /// Texts; in the environment separated by commas, or a JSON array.
    List,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// Every section.
pub(crate) const SECTIONS: &[Section] =
    &[super::opencti::SECTION, super::output::SECTION, super::policy::SECTION, super::log::SECTION];

/// The key at `section`, `name`.
pub(crate) fn find(section: &str, name: &str) -> Option<&'static Key> {
    let section = SECTIONS.iter().find(|s| s.name == section)?;
    section.keys.iter().find(|key| key.name == name)
}

/// Every key with its section, in the order of the documentation.
pub(crate) fn all() -> impl Iterator<Item = (&'static Section, &'static Key)> {
    SECTIONS.iter().flat_map(|section| section.keys.iter().map(move |key| (section, key)))
}

/// `CUSTOM_OPENCTI_SECTION__KEY`.
pub(crate) fn variable(section: &str, name: &str) -> String {
    format!("{}{}__{}", super::layers::PREFIX, section.to_ascii_uppercase(), name.to_ascii_uppercase())
}

/// Of `known`, the one that is nearest to what was written.
pub(crate) fn nearest(written: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let written = written.to_ascii_lowercase();
    let distance = |name: &String| strsim::damerau_levenshtein(&written, &name.to_ascii_lowercase());
    // A key that is known under another section is one move away, however long the name of the section.
    let moved = |name: &String| written.rsplit('.').next() != name.rsplit('.').next();
    known.min_by_key(|name| (moved(name), distance(name)))
}

impl Kind {
    /// Whether a value is of this kind.
    pub(crate) fn accepts(self, value: &Value) -> bool {
        match self {
            Self::Text | Self::Path => value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::Number { min, max, .. } => value.as_i64().is_some_and(|n| (min..=max).contains(&n)),
            Self::List => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
            Self::Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        }
    }

    /// A value of this kind out of an environment variable's text; what does not fit comes back as text, for the
    /// check to refuse.
    pub(crate) fn read(self, text: &str) -> Value {
        let as_written = || Value::from(text);
        match self {
            Self::Text | Self::Path | Self::Word(_) => as_written(),
            Self::Flag => match text {
                "true" | "1" | "yes" | "on" => true.into(),
                "false" | "0" | "no" | "off" => false.into(),
                _ => as_written(),
            },
            Self::Number { .. } => text.trim().parse::<i64>().map_or_else(|_| as_written(), Value::from),
            Self::List if text.trim_start().starts_with('[') => {
                serde_json::from_str(text).unwrap_or_else(|_| as_written())
            }
            Self::List => text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::Path => f.write_str("a path"),
            Self::Flag => f.write_str("true or false"),
            Self::Number { min, max, unit: "" } => write!(f, "a whole number from {min} to {max}"),
            Self::Number { min, max, unit } => write!(f, "a whole number from {min} to {max} ({unit})"),
            Self::List => f.write_str("a list of texts"),
            Self::Word(words) => write!(f, "one of {}", words.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn environment_text_becomes_a_value_of_its_kind() {
        let number = Kind::Number { min: 0, max: 9, unit: "" };
        for (kind, text, value) in [
            (Kind::Text, "1", json!("1")),
            (Kind::Flag, "1", json!(true)),
            (Kind::Flag, "off", json!(false)),
            (Kind::Flag, "maybe", json!("maybe")),
            (number, " 7", json!(7)),
            (number, "x", json!("x")),
            (Kind::List, "a, b ,", json!(["a", "b"])),
            (Kind::List, "", json!([])),
            (Kind::List, r#"["a,b"]"#, json!(["a,b"])),
            (Kind::List, "[a", json!("[a")),
        ] {
            assert_eq!(kind.read(text), value, "{kind} {text:?}");
        }
    }

    #[test]
    fn values_are_held_to_their_kind() {
        let number = Kind::Number { min: 0, max: 9, unit: "" };
        for (kind, value, accepted) in [
            (number, json!(9), true),
            (number, json!(10), false),
            (number, json!(1.5), false),
            (number, json!("7"), false),
            (Kind::List, json!(["a"]), true),
            (Kind::List, json!(["a", 1]), false),
            (Kind::Flag, json!("true"), false),
            (Kind::Word(&["text", "json"]), json!("json"), true),
            (Kind::Word(&["text", "json"]), json!("xml"), false),
        ] {
            assert_eq!(kind.accepts(&value), accepted, "{kind} {value}");
        }
    }

    #[test]
    fn the_nearest_key_is_named() {
        let near = |written| nearest(written, all().map(|(s, k)| format!("{}.{}", s.name, k.name))).unwrap();
        assert_eq!(near("policy.min_scor"), "policy.min_score");
        assert_eq!(near("opencti.min_score"), "policy.min_score");
        assert_eq!(near("log.LEVEL"), "log.level");
    }
}
