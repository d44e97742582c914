//! What to ask OpenCTI for, and in which requests.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::error::NotAPhrase;
use crate::filter::{Filter, FilterGroup, Mode};

/// Comparisons asked for in one request, at most. Elasticsearch refuses a search from 1,024 on.
pub(crate) const MAX_LEAVES: usize = 500;
/// Those that a request needs besides the terms: a type for each kind of group, and the pattern type.
const CONSTANT_LEAVES: usize = 4;
/// Bytes of all values of one request, at most, so that the body stays below 1 MB.
const MAX_VALUE_BYTES: usize = 900_000;
/// Longest text that OpenCTI indexes whole, in UTF-16 units: longer ones are not found by their value.
const MAX_INDEXED: usize = 512;
/// The name space of OpenCTI's deterministic STIX ids.
const NAMESPACE: Uuid = Uuid::from_u128(0x00abedb4_aa42_466c_9c01_fed23315a9b7);

/// A hash algorithm that OpenCTI can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names are those of the algorithms")]
pub enum HashAlgorithm {
    Md5,
    Sha1,
    Sha256,
    Sha512,
    Sha3_256,
    Sha3_512,
    Ssdeep,
    Tlsh,
}

impl HashAlgorithm {
    /// The name in STIX and OpenCTI, such as `SHA-256`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.filter_key().trim_start_matches("hashes.")
    }

    fn filter_key(self) -> &'static str {
        match self {
            Self::Md5 => "hashes.MD5",
            Self::Sha1 => "hashes.SHA-1",
            Self::Sha256 => "hashes.SHA-256",
            Self::Sha512 => "hashes.SHA-512",
            Self::Sha3_256 => "hashes.SHA3-256",
            Self::Sha3_512 => "hashes.SHA3-512",
            Self::Ssdeep => "hashes.SSDEEP",
            Self::Tlsh => "hashes.TLSH",
        }
    }
}

/// A property of observables, besides their value, hashes and file names, that OpenCTI can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ObservableKey {
    /// Login name of a user account.
    AccountLogin,
    /// Id of a user account, such as a SID.
    UserId,
    /// Command line of a process.
    CommandLine,
    /// Path of a directory.
    DirectoryPath,
    /// Name of a mutex.
    MutexName,
    /// Name of a piece of software.
    SoftwareName,
    /// Subject of an X.509 certificate.
    CertificateSubject,
    /// Issuer of an X.509 certificate.
    CertificateIssuer,
    /// Serial number of an X.509 certificate.
    CertificateSerialNumber,
    /// URL of an artifact.
    ArtifactUrl,
}

impl ObservableKey {
    fn filter_key(self) -> &'static str {
        match self {
            Self::AccountLogin => "account_login",
            Self::UserId => "user_id",
            Self::CommandLine => "command_line",
            Self::DirectoryPath => "path",
            Self::MutexName | Self::SoftwareName => "name",
            Self::CertificateSubject => "subject",
            Self::CertificateIssuer => "issuer",
            Self::CertificateSerialNumber => "serial_number",
            Self::ArtifactUrl => "url",
        }
    }

    /// The type to ask for, where the key alone means too much.
    fn entity_type(self) -> Option<&'static str> {
        match self {
            Self::MutexName => Some("Mutex"),
            Self::SoftwareName => Some("Software"),
            _ => None,
        }
    }
}

/// Where a term is looked for. The order is that of the filters in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Value,
    ObservableId,
    Hash(HashAlgorithm),
    FileName,
    RegistryKey,
    AutonomousSystem,
    Key(ObservableKey),
    // From here on: indicators.
    Pattern,
    IndicatorId,
    Phrase,
}

impl Slot {
    fn is_indicator(self) -> bool {
        self >= Self::Pattern
    }

    /// Comparisons that one value costs.
    fn leaves(self) -> usize {
        match self {
            Self::FileName => 2,
            // OpenCTI compares with the internal id, the standard id and the other STIX ids.
            Self::ObservableId | Self::IndicatorId => 3,
            _ => 1,
        }
    }
}

/// What to ask OpenCTI for: values of observables, and patterns of indicators.
///
/// Terms are kept once each. However many they are, [`Client::look_up`](crate::Client::look_up) puts them into as few
/// requests as the platform's limits allow.
///
/// ```
/// use opencti_client::{HashAlgorithm, Terms, pattern};
///
/// let mut terms = Terms::new();
/// terms
///     .value("evil.example.org")
///     .pattern(&pattern::comparison("domain-name:value", "evil.example.org"))
///     .hash(HashAlgorithm::Md5, "D41D8CD98F00B204E9800998ECF8427E")
///     .pattern_phrase("evil.example.org")?;
/// assert_eq!(terms.len(), 4);
/// # Ok::<(), opencti_client::NotAPhrase>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    clauses: BTreeSet<(Slot, String)>,
    skipped: usize,
}

impl Terms {
    /// Nothing to ask for yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An observable that is one value: an address, a domain, a host name, a URL, a mail address, a MAC address, a
    /// user agent, a wallet, a text. Compared whole, without regard to case and accents.
    ///
    /// One over 512 characters is asked for as a URL by its STIX id, which is exact.
    pub fn value(&mut self, value: &str) -> &mut Self {
        if is_indexed(value) {
            return self.add(Slot::Value, value);
        }
        self.add(Slot::ObservableId, &stix_id("url", "value", value))
    }

    /// A file, an artifact or a certificate with this hash.
    pub fn hash(&mut self, algorithm: HashAlgorithm, hash: &str) -> &mut Self {
        self.add(Slot::Hash(algorithm), hash)
    }

    /// A file with this name, or with this one among its further names.
    pub fn file_name(&mut self, name: &str) -> &mut Self {
        self.add(Slot::FileName, name)
    }

    /// A Windows registry key, whole, such as `HKEY_LOCAL_MACHINE\Software\Evil`.
    pub fn registry_key(&mut self, key: &str) -> &mut Self {
        self.add(Slot::RegistryKey, key)
    }

    /// An autonomous system by its number.
    pub fn autonomous_system(&mut self, number: u32) -> &mut Self {
        self.add(Slot::AutonomousSystem, &number.to_string())
    }

    /// An observable with this property.
    pub fn observable_key(&mut self, key: ObservableKey, value: &str) -> &mut Self {
        self.add(Slot::Key(key), value)
    }

    /// Indicators with exactly this STIX pattern. OpenCTI compares without regard to case and accents up to 512
    /// characters; a longer pattern is asked for by the STIX id that follows from it, which is exact.
    pub fn pattern(&mut self, pattern: &str) -> &mut Self {
        if is_indexed(pattern) {
            return self.add(Slot::Pattern, pattern);
        }
        self.add(Slot::IndicatorId, &stix_id("indicator", "pattern", pattern))
    }

    /// Indicators whose STIX pattern holds this phrase as whole words. What is found is a candidate: the pattern has
    /// to be evaluated to know whether it is about this value at all.
    ///
    /// # Errors
    ///
    /// When the phrase cannot be sought, see [`Filter::wildcard`].
    pub fn pattern_phrase(&mut self, phrase: &str) -> Result<&mut Self, NotAPhrase> {
        Filter::wildcard("pattern", phrase)?;
        Ok(self.add(Slot::Phrase, phrase))
    }

    /// How many different terms there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.clauses.len()
    }

    /// Whether there is nothing to ask for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }

    /// How many terms were left out because OpenCTI has no way to find them: over 512 characters, and not of a kind
    /// that can be asked for by id. That is not the same as not being there.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Adds the terms of another.
    pub fn extend(&mut self, other: &Self) -> &mut Self {
        self.clauses.extend(other.clauses.iter().cloned());
        self.skipped += other.skipped;
        self
    }

    fn add(&mut self, slot: Slot, value: &str) -> &mut Self {
        if is_indexed(value) {
            if !value.is_empty() {
                self.clauses.insert((slot, value.to_ascii_lowercase()));
            }
        } else {
            self.skipped += 1;
        }
        self
    }

    /// The requests to make, each within the limits.
    pub(crate) fn batches(&self) -> Vec<Batch> {
        let mut batches = Vec::new();
        let mut builder = BatchBuilder::default();
        for (slot, value) in &self.clauses {
            if builder.is_full(*slot, value) {
                batches.extend(std::mem::take(&mut builder).build());
            }
            builder.push(*slot, value);
        }
        batches.extend(builder.build());
        batches
    }
}

/// The filters of one request. At least one is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) observables: Option<FilterGroup>,
    pub(crate) indicators: Option<FilterGroup>,
}

#[derive(Default)]
struct BatchBuilder {
    /// One filter for each slot, in the order of slots.
    filters: Vec<(Slot, Filter)>,
    leaves: usize,
    bytes: usize,
}

impl BatchBuilder {
    fn is_full(&self, slot: Slot, value: &str) -> bool {
        self.leaves + slot.leaves() > MAX_LEAVES - CONSTANT_LEAVES
            || self.bytes + json_length(value) > MAX_VALUE_BYTES
    }

    fn push(&mut self, slot: Slot, value: &str) {
        self.leaves += slot.leaves();
        self.bytes += json_length(value);
        match self.filters.last_mut() {
            Some((last, filter)) if *last == slot => filter.push(value.to_owned()),
            _ => self.filters.push((slot, first_filter(slot, value))),
        }
    }

    fn build(self) -> Option<Batch> {
        let (indicators, observables): (Vec<_>, Vec<_>) =
            self.filters.into_iter().partition(|(slot, _)| slot.is_indicator());
        let observables = any(observables);
        // Sigma, YARA and Snort rules keep their own text in the same field.
        let indicators = any(indicators).map(|patterns| {
            FilterGroup::new(Mode::And, Filter::constant("pattern_type", "stix")).with_group(patterns)
        });
        (observables.is_some() || indicators.is_some()).then_some(Batch { observables, indicators })
    }
}

fn first_filter(slot: Slot, value: &str) -> Filter {
    let key = match slot {
        Slot::Value => "value",
        Slot::ObservableId | Slot::IndicatorId => "ids",
        Slot::Hash(algorithm) => algorithm.filter_key(),
        Slot::FileName => "name",
        Slot::RegistryKey => "attribute_key",
        Slot::AutonomousSystem => "number",
        Slot::Key(key) => key.filter_key(),
        Slot::Pattern | Slot::Phrase => "pattern",
    };
    match slot {
        Slot::Phrase => Filter::phrase(key, value),
        Slot::FileName => Filter::eq(key, value).or_key("x_opencti_additional_names"),
        _ => Filter::eq(key, value),
    }
}

/// Objects that meet one of the filters.
fn any(filters: Vec<(Slot, Filter)>) -> Option<FilterGroup> {
    filters.into_iter().fold(None, |group, (slot, filter)| {
        let entity_type = match slot {
            Slot::FileName => Some("StixFile"),
            Slot::Key(key) => key.entity_type(),
            _ => None,
        };
        Some(match (group, entity_type) {
            (None, None) => FilterGroup::new(Mode::Or, filter),
            (Some(group), None) => group.with(filter),
            (group, Some(entity_type)) => {
                let typed =
                    FilterGroup::new(Mode::And, Filter::constant("entity_type", entity_type)).with(filter);
                match group {
                    None => FilterGroup::around(Mode::Or, typed),
                    Some(group) => group.with_group(typed),
                }
            }
        })
    })
}

/// Whether a text is short enough for OpenCTI to index it whole.
fn is_indexed(text: &str) -> bool {
    text.len() <= MAX_INDEXED || text.encode_utf16().take(MAX_INDEXED + 1).count() <= MAX_INDEXED
}

/// The id that OpenCTI derives from the one property that identifies an object.
fn stix_id(stix_type: &str, property: &str, value: &str) -> String {
    let name = format!("{{\"{property}\":{}}}", serde_json::Value::from(value));
    format!("{stix_type}--{}", Uuid::new_v5(&NAMESPACE, name.as_bytes()))
}

/// Bytes that a text takes in a JSON array, at most.
fn json_length(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(escaped).sum::<usize>() + 3
}

#[cfg(test)]
mod tests;
