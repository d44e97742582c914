//! Normal forms: what a pattern's literal and a value from an alert both become before they are compared.
//!
//! The standard compares code points. Feeds write upper-case domains, networks as equalities and three names for one
//! hash, so the comparison on alerts is by kind of property, and says afterwards what it had to look past.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;

use ipnet::IpNet;
use unicode_normalization::UnicodeNormalization as _;

use super::regexes::nfc;
use super::value::parse_network;

/// Longer text is no domain, in bytes.
const MAX_DOMAIN: usize = 1024;

/// What kind of text a property holds, and with that what does not count when two are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An IP address or network.
    Address,
    /// A domain or host name.
    Domain,
    Url,
    Email,
    Hash,
    RegistryKey,
    /// The number of an autonomous system, with or without `AS`.
    AsNumber,
    /// Text in which case does not count, such as a file name.
    Text,
    /// Text in which case counts, unless a feed wrote it all in capitals.
    CaseText,
}

/// A text in normal form.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Normal {
    Address(IpAddr),
    /// More than one address, host bits cleared.
    Network(IpNet),
    /// In lower case whatever the kind; where case counts, the evaluation compares that too.
    Text(Box<str>),
}

/// The object type that stands for all those that feeds use for the same thing.
pub(super) fn canonical_type(object_type: &str) -> &str {
    match object_type {
        "ipv4-addr" | "ipv6-addr" => "ip-addr",
        "hostname" | "x-opencti-hostname" => "domain-name",
        "email-address" => "email-addr",
        "artifact" => "file",
        "win-registry-key" => "windows-registry-key",
        other => other.strip_prefix("x-opencti-").unwrap_or(other),
    }
}

/// The version of IP addresses that an object type stands for.
pub(super) fn ip_version(object_type: &str) -> Option<u8> {
    match object_type {
        "ipv4-addr" => Some(4),
        "ipv6-addr" => Some(6),
        _ => None,
    }
}

/// The kind of a property. `keys` are the names on the way to it, without indices.
pub(super) fn kind_of(
    canonical_type: &str,
    mut keys: impl DoubleEndedIterator<Item = impl AsRef<str>>,
    text: &str,
) -> Kind {
    let last = keys.next_back();
    let last = last.as_ref().map_or("", AsRef::as_ref);
    let before = keys.next_back();
    match before.as_ref().map_or("", AsRef::as_ref) {
        "hashes" => return if last.eq_ignore_ascii_case("ssdeep") { Kind::CaseText } else { Kind::Hash },
        "" => {}
        reference if last == "value" && (reference.ends_with("_ref") || reference.ends_with("_refs")) => {
            return kind_of_text(text);
        }
        _ => {}
    }
    match (canonical_type, last) {
        (_, "hashes") => Kind::Hash,
        ("ip-addr", "value") => Kind::Address,
        ("domain-name", "value") => Kind::Domain,
        ("url", "value") => Kind::Url,
        ("email-addr", "value") => Kind::Email,
        ("windows-registry-key", "key") => Kind::RegistryKey,
        ("autonomous-system", "number") => Kind::AsNumber,
        ("cryptocurrency-wallet", "value") => Kind::CaseText,
        _ => Kind::Text,
    }
}

/// The kind of a referred object's value, of which the pattern does not say what type it is.
fn kind_of_text(text: &str) -> Kind {
    match text {
        _ if text.contains("://") => Kind::Url,
        _ if text.contains('@') => Kind::Email,
        _ if parse_address(text).is_some() => Kind::Address,
        _ => Kind::Domain,
    }
}

pub(super) fn normalise(kind: Kind, text: &str) -> Normal {
    let folded = match kind {
        Kind::Address => match parse_address(text) {
            Some(address) => return address,
            None => fold(text),
        },
        Kind::Domain => to_ascii_domain(fold(text.trim().trim_end_matches('.'))),
        Kind::Url => return url(text).0,
        Kind::Email => {
            let folded = fold(text.trim());
            match folded.rsplit_once('@') {
                Some((name, host)) if !host.is_ascii() => {
                    Cow::Owned(format!("{name}@{}", to_ascii_domain(host.into())))
                }
                _ => folded,
            }
        }
        Kind::Hash => fold(text.trim()),
        Kind::RegistryKey => return Normal::Text(normal_registry_key(text).into()),
        Kind::AsNumber => {
            let folded = fold(text.trim());
            return Normal::Text(folded.strip_prefix("as").unwrap_or(&folded).into());
        }
        Kind::Text | Kind::CaseText => fold(text),
    };
    Normal::Text(folded.into())
}

/// The normal form of a URL, and the same with the case that counts where that is another.
pub(super) fn url(text: &str) -> (Normal, Option<Box<str>>) {
    let cased = normal_url(text);
    let folded: Box<str> = fold(&cased).into();
    let cased = (*folded != *cased).then(|| cased.into());
    (Normal::Text(folded), cased)
}

/// Whether a feed put the text in capitals, so that it says nothing about case.
pub(super) fn is_in_capitals(text: &str) -> bool {
    !text.contains(char::is_lowercase)
}

/// An internationalised name, folded, in ASCII (`xn--…`), in which alerts have it. What is no such name stays as it is.
pub(super) fn to_ascii_domain(folded: Cow<'_, str>) -> Cow<'_, str> {
    if folded.is_ascii() || folded.len() > MAX_DOMAIN {
        return folded;
    }
    match idna::domain_to_ascii(&folded) {
        Ok(ascii) if !ascii.is_empty() => Cow::Owned(ascii),
        _ => folded,
    }
}

/// Whether two texts are equal when case does not count, as [`fold`] has it but with nothing allocated.
pub(super) fn same_but_for_case(a: &str, b: &str) -> bool {
    fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
        let lower = text.nfc().flat_map(char::to_lowercase).nfc();
        // Which sigma stands at a word's end is not told by the character alone.
        lower.map(|c| if c == 'ς' { 'σ' } else { c })
    }
    if a.is_ascii() && b.is_ascii() { a.eq_ignore_ascii_case(b) } else { folded(a).eq(folded(b)) }
}

/// An address or network, in any spelling. IPv4 inside IPv6 becomes IPv4, and a network of one becomes an address.
fn parse_address(text: &str) -> Option<Normal> {
    let text = text.trim();
    let text = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if !text.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':') {
        return None;
    }
    let without_zone = match text.split_once('%') {
        Some((address, _)) if address.contains(':') => address,
        _ => text,
    };
    if let Ok(address) = without_zone.parse::<IpAddr>() {
        return Some(Normal::Address(address.to_canonical()));
    }
    let network = parse_network(text)?;
    Some(match network {
        IpNet::V6(inner) => match inner.addr().to_ipv4_mapped() {
            Some(address) if inner.prefix_len() >= 96 => {
                normal_network(IpNet::new(address.into(), inner.prefix_len() - 96).ok()?)
            }
            _ => normal_network(network),
        },
        IpNet::V4(_) => normal_network(network),
    })
}

fn normal_network(network: IpNet) -> Normal {
    if network.prefix_len() == network.max_prefix_len() {
        Normal::Address(network.addr())
    } else {
        Normal::Network(network.trunc())
    }
}

/// The network that a text names, an address being a network of one.
pub(super) fn network(text: &str) -> Option<IpNet> {
    match parse_address(text)? {
        Normal::Address(address) => Some(address.into()),
        Normal::Network(network) => Some(network),
        Normal::Text(_) => None,
    }
}

/// Lower case, composed.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        }
    } else {
        Cow::Owned(nfc(&nfc(text).to_lowercase()).into_owned())
    }
}

/// The URL with scheme and host in lower case, without default port, trailing dot of the host and needless percent
/// encoding, and with a path. Case is kept where it counts.
fn normal_url(text: &str) -> Cow<'_, str> {
    let text = nfc(text.trim());
    let Some((scheme, rest)) = text.split_once("://") else {
        return text;
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (user, host_port) = authority.rsplit_once('@').map_or(("", authority), |(user, host)| (user, host));
    let default_port = match () {
        () if scheme.eq_ignore_ascii_case("http") => ":80",
        () if scheme.eq_ignore_ascii_case("https") => ":443",
        () if scheme.eq_ignore_ascii_case("ftp") => ":21",
        () => ":",
    };
    let host_port =
        host_port.strip_suffix(default_port).or_else(|| host_port.strip_suffix(':')).unwrap_or(host_port);
    let (host, port) = match host_port.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, port),
        _ => (host_port, ""),
    };
    let mut url = String::with_capacity(text.len() + 1);
    url.push_str(&fold(scheme));
    url.push_str("://");
    if !user.is_empty() {
        url.push_str(user);
        url.push('@');
    }
    url.push_str(&to_ascii_domain(fold(host.trim_end_matches('.'))));
    if !port.is_empty() {
        url.push(':');
        url.push_str(port);
    }
    if !tail.starts_with('/') {
        url.push('/');
    }
    push_percent_normal(&mut url, tail);
    Cow::Owned(url)
}

/// Percent encoding as RFC 3986 normalises it, and what a browser would encode in it encoded. A bare quote becomes `%27`,
/// since feeds write either.
fn push_percent_normal(url: &mut String, mut tail: &str) {
    let is_special = |c: char| matches!(c, '%' | '\'' | '"' | '<' | '>' | '`') || !c.is_ascii_graphic();
    while let Some(at) = tail.find(is_special) {
        url.push_str(&tail[..at]);
        let rest = &tail[at..];
        let digits = rest.get(1..3).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let taken = match code {
            _ if !rest.starts_with('%') => {
                let len = rest.chars().next().map_or(1, char::len_utf8);
                for byte in rest[..len].bytes() {
                    // Writing to a string cannot fail.
                    let _ = write!(url, "%{byte:02X}");
                }
                len
            }
            Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') => {
                url.push(char::from(byte));
                3
            }
            Some(_) => {
                url.push_str(&rest[..3].to_ascii_uppercase());
                3
            }
            None => {
                url.push('%');
                1
            }
        };
        tail = &rest[taken..];
    }
    url.push_str(tail);
}

/// The key in lower case, its hive by the long name, single backslashes, none at the end.
fn normal_registry_key(text: &str) -> String {
    let mut key = String::with_capacity(text.len() + 16);
    for part in fold(text.trim()).split('\\').filter(|part| !part.is_empty()) {
        if !key.is_empty() {
            key.push('\\');
        }
        key.push_str(part);
    }
    let key = key.strip_prefix("computer\\").unwrap_or(&key);
    let (hive, rest) = key.split_at(key.find('\\').unwrap_or(key.len()));
    let long = match hive.strip_suffix(':').unwrap_or(hive) {
        "hklm" => "hkey_local_machine",
        "hkcu" => "hkey_current_user",
        "hkcr" => "hkey_classes_root",
        "hku" => "hkey_users",
        "hkcc" => "hkey_current_config",
        // The kernel's names, as audit records have them.
        "registry" => {
            return match rest.strip_prefix("\\machine") {
                Some(rest) => format!("hkey_local_machine{rest}"),
                None => rest
                    .strip_prefix("\\user")
                    .map_or_else(|| key.to_owned(), |rest| format!("hkey_users{rest}")),
            };
        }
        other => other,
    };
    format!("{long}{rest}")
}

/// A name for the hash that the algorithm's spellings share: `SHA-256`, `SHA256` and `sha256` are one.
pub(super) fn hash_name(algorithm: &str) -> impl Iterator<Item = u8> + '_ {
    algorithm.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_lowercase())
}

/// Whether a hash is spelled as the standard's vocabulary has it.
pub(super) fn is_standard_hash_name(algorithm: &str) -> bool {
    matches!(
        algorithm,
        "MD5"
            | "SHA-1"
            | "SHA-224"
            | "SHA-256"
            | "SHA-384"
            | "SHA-512"
            | "SHA3-224"
            | "SHA3-256"
            | "SHA3-384"
            | "SHA3-512"
            | "SSDEEP"
            | "TLSH"
            | "MD6"
            | "RIPEMD-160"
            | "WHIRLPOOL"
    )
}

/// The algorithm by which feeds mean a hash whose length does not fit the name they gave it; `None` when it does fit, or
/// the length says nothing.
pub(super) fn misnamed_hash(algorithm: &str, value: &str) -> Option<&'static str> {
    let by_length = match value.len() {
        32 => "MD5",
        40 => "SHA-1",
        64 => "SHA-256",
        128 => "SHA-512",
        _ => return None,
    };
    let known = ["MD5", "SHA-1", "SHA-256", "SHA-512"];
    let named = known.into_iter().find(|name| hash_name(name).eq(hash_name(algorithm)))?;
    (named != by_length && value.bytes().all(|b| b.is_ascii_hexdigit())).then_some(by_length)
}

/// Identifies a property of a type. Built step by step, so that nothing is allocated for it.
///
/// Two properties could share a key only if somebody searched for them, and would gain nothing that a plain `LIKE '%'`
/// does not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key(u64);

/// One name on the way to a property, by its hash: keys can be joined to it from anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step(u64);

impl Step {
    pub(super) fn name(name: &str) -> Self {
        Self(fnv(name.bytes()))
    }

    /// The name of a hash, all spellings alike.
    pub(super) fn hash(algorithm: &str) -> Self {
        Self(fnv(hash_name(algorithm)))
    }

    /// Any hash of the object, whatever its algorithm: `hashes[*]`.
    pub(super) const ANY_HASH: Self = Self(0x9e37_79b9_7f4a_7c15);
}

impl Key {
    pub(super) fn of_type(canonical_type: &str) -> Self {
        Self(fnv(canonical_type.bytes()))
    }

    /// The property reached by one more name.
    pub(super) fn step(self, step: Step) -> Self {
        Self((self.0.rotate_left(23) ^ step.0).wrapping_mul(0x2545_f491_4f6c_dd1d))
    }

    pub(super) fn value(self) -> u64 {
        self.0
    }
}

/// FNV-1a.
fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
