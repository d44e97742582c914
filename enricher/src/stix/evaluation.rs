//! What an evaluation says.

use std::ops::Deref;

use smallvec::SmallVec;

/// Hits kept without an allocation; a pattern with more that are true of one alert is rare.
const INLINE_HITS: usize = 8;
/// Hits reported of one evaluation.
const MAX_HITS: usize = 64;

/// What a pattern says about one alert.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evaluation {
    /// The whole pattern is true, and something in it that is not a negation.
    pub whole: bool,
    /// Not the whole pattern is true, but a comparison in it that identifies something and is not a negation.
    ///
    /// That an object exists, has a type, a size or a port is true of too much to count alone.
    pub partial: bool,
    /// The comparisons that are true, without negations, each with the value that it is true of; empty when neither
    /// `whole` nor `partial`. At most 64.
    pub hits: Hits,
    /// What stood in the way of the whole pattern, when it is not whole and cannot be said of one alert at all.
    pub unsupported: Option<Unsupported>,
}

/// The hits of an evaluation, in the order of the pattern. Reads as a slice; up to 8 take no allocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hits(SmallVec<[Hit; INLINE_HITS]>);

impl Hits {
    pub(super) fn push(&mut self, hit: Hit) {
        if self.0.len() < MAX_HITS {
            self.0.push(hit);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Deref for Hits {
    type Target = [Hit];

    fn deref(&self) -> &[Hit] {
        &self.0
    }
}

impl<'a> IntoIterator for &'a Hits {
    type Item = &'a Hit;
    type IntoIter = std::slice::Iter<'a, Hit>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// One comparison that is true of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    /// The caller's number for the value, as given to [`SeenBuilder::set`](super::SeenBuilder::set).
    pub ioc: u32,
    /// Which comparison of the pattern, for [`Pattern::comparison`](super::Pattern::comparison).
    pub term: u16,
    /// Which member of the set, for `IN`; else 0.
    pub member: u16,
    /// What had to be looked past.
    pub how: How,
}

/// How a comparison became true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum How {
    /// Equal, character for character.
    Exact,
    /// Equal but for upper and lower case, where case does not count.
    CaseFolded,
    /// The same address written otherwise.
    AddressSpelling,
    /// The address lies in the network that the pattern compares with by `=`.
    Cidr,
    /// The same domain with a trailing dot.
    TrailingDot,
    /// The same URL: scheme or host in another case, default port, empty path, percent encoding.
    UrlHostCase,
    /// The same internationalised name, on one side in ASCII (`xn--…`), in a domain, a URL or an e-mail address.
    Idn,
    /// The same hash, its algorithm spelled or named otherwise.
    HashName,
    /// The same hash, written as bytes (`h'…'`, `b'…'`) instead of as text.
    HashBytes,
    /// A host name's pattern and a domain name seen, or the other way round.
    HostnameAsDomain,
    /// The same registry key, its hive or backslashes written otherwise.
    RegistryHive,
    /// A number that one side has as text.
    NumberAsText,
    /// `LIKE`.
    Like,
    /// `MATCHES`.
    Matches,
    /// `ISSUBSET`.
    Subset,
    /// `ISSUPERSET`.
    Superset,
    /// `<`, `<=`, `>`, `>=`.
    Order,
    /// `EXISTS`.
    Exists,
    /// A parent of the domain seen. Never the whole pattern.
    ParentDomain,
    /// The beginning of the URL seen. Never the whole pattern.
    ParentUrl,
}

impl How {
    /// A stable name for events, rules and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::CaseFolded => "case_folded",
            Self::AddressSpelling => "address_spelling",
            Self::Cidr => "cidr",
            Self::TrailingDot => "trailing_dot",
            Self::UrlHostCase => "url_host_case",
            Self::Idn => "idn",
            Self::HashName => "hash_name",
            Self::HashBytes => "hash_bytes",
            Self::HostnameAsDomain => "hostname_as_domain",
            Self::RegistryHive => "registry_hive",
            Self::NumberAsText => "number_as_text",
            Self::Like => "like",
            Self::Matches => "matches",
            Self::Subset => "subset",
            Self::Superset => "superset",
            Self::Order => "order",
            Self::Exists => "exists",
            Self::ParentDomain => "parent_domain",
            Self::ParentUrl => "parent_url",
        }
    }
}

/// What of a pattern cannot be said of one alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unsupported {
    /// `AND` or `FOLLOWEDBY` between observations: one alert is one observation.
    SeveralObservations,
    /// `REPEATS` more than once: one alert is one observation.
    Repeats,
    /// `START … STOP …`, and the alert has no time, or the pattern's times name no instant.
    TimeUnknown,
    /// The operand of `MATCHES` is no regular expression, or needs backtracking.
    Regex,
    /// The operand of `ISSUBSET` or `ISSUPERSET` is no network.
    Address,
    /// So many alternatives that the search among them was given up.
    TooComplex,
}

impl Unsupported {
    /// A stable name for reports and counters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SeveralObservations => "several_observations",
            Self::Repeats => "repeats",
            Self::TimeUnknown => "time_unknown",
            Self::Regex => "regex",
            Self::Address => "address",
            Self::TooComplex => "too_complex",
        }
    }
}
