//! Filters that cannot be empty.
//!
//! OpenCTI answers an empty filter with everything it has, takes a missing operator or mode for one of its own, and
//! reads some values as commands. So a [`Filter`] has at least one key and one value and always states operator and
//! mode, and a [`FilterGroup`] has at least one filter or group that has one.

use serde::Serialize;

use crate::error::NotAPhrase;

/// How filters, or the values of one filter, are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// All must hold.
    And,
    /// One must hold.
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Operator {
    Eq,
    Gte,
    Wildcard,
}

/// A condition on one or several fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Filter {
    key: Vec<&'static str>,
    values: Vec<String>,
    operator: Operator,
    mode: Mode,
}

impl Filter {
    /// `key` has the value; OpenCTI compares the whole value without regard to case and accents.
    ///
    /// The value is sent with its ASCII letters in lower case, which loses nothing and keeps it from being read as
    /// the command `EXISTS`. OpenCTI does not index values over 512 characters, so those never match.
    #[must_use]
    pub fn eq(key: &'static str, value: &str) -> Self {
        Self {
            key: vec![key],
            values: vec![value.to_ascii_lowercase()],
            operator: Operator::Eq,
            mode: Mode::Or,
        }
    }

    /// `key` has a value that is a word of OpenCTI's own, such as an entity type, in its own spelling.
    #[must_use]
    pub fn constant(key: &'static str, value: &'static str) -> Self {
        Self { key: vec![key], values: vec![value.to_owned()], operator: Operator::Eq, mode: Mode::Or }
    }

    /// `key`, a time or a number, is `value` or more. The value is sent as it is: the search engine reads times in
    /// RFC 3339 only with capital letters.
    pub(crate) fn at_least(key: &'static str, value: String) -> Self {
        Self { key: vec![key], values: vec![value], operator: Operator::Gte, mode: Mode::Or }
    }

    /// `key` holds the phrase as whole words (operator `wildcard`, which is a phrase search in OpenCTI).
    ///
    /// # Errors
    ///
    /// When `phrase` has no letter or digit, or has characters other than `A-Z a-z 0-9 . _ : -`: OpenCTI 6.7 puts it
    /// into a query string without escaping it, and reads `*` as a command.
    pub fn wildcard(key: &'static str, phrase: &str) -> Result<Self, NotAPhrase> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
        if !phrase.bytes().all(plain) || !phrase.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
            return Err(NotAPhrase);
        }
        Ok(Self::phrase(key, phrase))
    }

    /// As [`wildcard`](Self::wildcard), for a phrase that has been checked.
    pub(crate) fn phrase(key: &'static str, phrase: &str) -> Self {
        Self { operator: Operator::Wildcard, ..Self::eq(key, phrase) }
    }

    /// The same condition on a further field: one of the fields must meet it.
    #[must_use]
    pub fn or_key(mut self, key: &'static str) -> Self {
        self.key.push(key);
        self
    }

    /// The same condition with a further value, already in the form that this kind of filter sends.
    pub(crate) fn push(&mut self, value: String) {
        self.values.push(value);
    }

    /// Comparisons the search engine makes for it: keys × values.
    #[must_use]
    pub fn leaves(&self) -> usize {
        self.key.len() * self.values.len()
    }
}

/// Filters joined by a [`Mode`]. Never empty.
///
/// ```
/// use opencti_client::{Filter, FilterGroup, Mode};
///
/// let group = FilterGroup::new(Mode::And, Filter::constant("entity_type", "StixFile"))
///     .with(Filter::eq("name", "EXISTS").or_key("x_opencti_additional_names"));
/// assert_eq!(
///     serde_json::to_value(&group)?,
///     serde_json::json!({
///         "mode": "and",
///         "filters": [
///             { "key": ["entity_type"], "values": ["StixFile"], "operator": "eq", "mode": "or" },
///             {
///                 "key": ["name", "x_opencti_additional_names"],
///                 "values": ["exists"],
///                 "operator": "eq",
///                 "mode": "or"
///             }
///         ],
///         "filterGroups": []
///     })
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FilterGroup {
    mode: Mode,
    filters: Vec<Filter>,
    filter_groups: Vec<Self>,
}

impl FilterGroup {
    /// A group of one filter.
    #[must_use]
    pub fn new(mode: Mode, first: Filter) -> Self {
        Self { mode, filters: vec![first], filter_groups: Vec::new() }
    }

    /// A group around one group.
    #[must_use]
    pub fn around(mode: Mode, first: Self) -> Self {
        Self { mode, filters: Vec::new(), filter_groups: vec![first] }
    }

    /// With a further filter.
    #[must_use]
    pub fn with(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// With a further group.
    #[must_use]
    pub fn with_group(mut self, group: Self) -> Self {
        self.filter_groups.push(group);
        self
    }

    /// A group that no object meets: nothing has the nil UUID.
    #[must_use]
    pub(crate) fn nothing() -> Self {
        Self::new(Mode::And, Filter::constant("ids", "00000000-0000-0000-0000-000000000000"))
    }

    /// A group of the objects with one of these ids; nothing for no id.
    pub(crate) fn any_of(key: &'static str, ids: &[String]) -> Self {
        let Some((first, rest)) = ids.split_first() else { return Self::nothing() };
        let mut filter = Filter::eq(key, first);
        filter.values.extend(rest.iter().map(|id| id.to_ascii_lowercase()));
        Self::new(Mode::And, filter)
    }

    /// Comparisons the search engine makes for it.
    #[must_use]
    pub fn leaves(&self) -> usize {
        self.filters.iter().map(Filter::leaves).sum::<usize>()
            + self.filter_groups.iter().map(Self::leaves).sum::<usize>()
    }
}
