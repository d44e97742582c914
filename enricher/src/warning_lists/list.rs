//! One list: its entries sorted into the tables of the group for its kinds.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

use aho_corasick::AhoCorasick;
use ioc_extract::{Ioc, Kind, KindSet};
use ipnet::IpNet;
use regex::{Regex, RegexBuilder};

use super::{Group, ListId};
use crate::policy::Exclusion;

/// The most regular expressions, of all lists together. Each is tried on every value.
const MAX_REGEXES: usize = 1_000;

/// The most bytes that one compiled expression takes.
const MAX_REGEX_BYTES: usize = 256 << 10;

/// The most bytes of substrings, of all lists together: a byte costs some dozens once they are compiled.
const MAX_SUBSTRING_BYTES: usize = 4 << 20;

/// How the entries of a list are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    String,
    Hostname,
    Cidr,
    Substring,
    Regex,
    /// A line of plain text, whose form says what it is.
    Exclusion,
}

impl Type {
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            // Lists were without a type once.
            "string" | "" => Self::String,
            "hostname" => Self::Hostname,
            "cidr" => Self::Cidr,
            "substring" => Self::Substring,
            "regex" => Self::Regex,
            _ => return None,
        })
    }
}

/// The kinds that a list's `matching_attributes` are about.
pub(super) fn kinds<'a>(attributes: impl Iterator<Item = &'a str>) -> KindSet {
    attributes.flat_map(|attribute| attribute.split('|')).fold(KindSet::EMPTY, |kinds, attribute| {
        kinds_of(attribute.trim()).iter().fold(kinds, |kinds, kind| kinds.with(*kind))
    })
}

fn kinds_of(attribute: &str) -> &'static [Kind] {
    match attribute {
        "domain" | "hostname" | "host" => &[Kind::DomainName, Kind::OnionService],
        "url" | "uri" | "link" => &[Kind::Url],
        "md5" => &[Kind::Md5],
        "sha1" => &[Kind::Sha1],
        "sha224" => &[Kind::Sha224],
        "sha256" => &[Kind::Sha256],
        "sha384" => &[Kind::Sha384],
        "sha512" => &[Kind::Sha512],
        "sha3-256" => &[Kind::Sha3_256],
        "sha3-512" => &[Kind::Sha3_512],
        "ssdeep" => &[Kind::Ssdeep],
        "tlsh" => &[Kind::Tlsh],
        "imphash" => &[Kind::Imphash],
        "authentihash" => &[Kind::Authentihash],
        "filename" => &[Kind::FileName, Kind::FilePath],
        "regkey" => &[Kind::RegistryKey],
        "mutex" => &[Kind::Mutex],
        "named pipe" => &[Kind::NamedPipe],
        "user-agent" => &[Kind::UserAgent],
        "mac-address" => &[Kind::MacAddr],
        "AS" => &[Kind::Asn],
        "vulnerability" => &[Kind::Cve],
        "btc" => &[Kind::Bitcoin],
        "x509-fingerprint-sha1" => &[Kind::CertSha1],
        "x509-fingerprint-sha256" => &[Kind::CertSha256],
        _ if attribute.starts_with("ip-") || attribute == "ip" => {
            &[Kind::Ipv4Addr, Kind::Ipv6Addr, Kind::Cidr]
        }
        // `email`, `email-src`, `email-dst`, …; not what else stands in a message.
        "email"
        | "email-src"
        | "email-dst"
        | "email-reply-to"
        | "whois-registrant-email"
        | "target-email" => &[Kind::EmailAddr],
        _ => &[],
    }
}

/// Builds the groups.
#[derive(Default)]
pub(super) struct Builder {
    groups: Vec<Draft>,
    regexes: usize,
    substring_bytes: usize,
}

/// A group whose substrings are still to be compiled.
struct Draft {
    group: Group,
    substrings: Vec<Box<str>>,
    ids: Vec<ListId>,
}

impl Builder {
    /// Makes room for a list of `count` entries and gives back the place of the group for its kinds.
    pub(super) fn group(&mut self, kinds: KindSet, of: Type, count: usize) -> usize {
        let place = self.groups.iter().position(|draft| draft.group.kinds == kinds).unwrap_or_else(|| {
            self.groups.push(Draft { group: Group::new(kinds), substrings: Vec::new(), ids: Vec::new() });
            self.groups.len() - 1
        });
        if let Some(Draft { group, .. }) = self.groups.get_mut(place) {
            match of {
                Type::String => group.values.reserve(count),
                Type::Hostname => group.hosts.reserve(count),
                Type::Cidr => group.networks.reserve(count),
                Type::Substring | Type::Regex | Type::Exclusion => {}
            }
        }
        place
    }

    /// Adds an entry; says why if it cannot be used.
    pub(super) fn add(&mut self, place: usize, of: Type, entry: &str, id: ListId) -> Result<(), String> {
        let Some(draft) = self.groups.get_mut(place) else { return Ok(()) };
        match of {
            Type::String => keep(draft.group.values.entry(whole(entry).into()), id),
            Type::Hostname => {
                let name = host(entry).ok_or("is no name of a host")?;
                keep(draft.group.hosts.entry(name.into()), id);
            }
            Type::Cidr => draft.group.add_network(network(entry).ok_or("is no address and no network")?, id),
            Type::Substring => {
                self.substring_bytes = self.substring_bytes.saturating_add(entry.len());
                if self.substring_bytes > MAX_SUBSTRING_BYTES {
                    return Err(format!(
                        "is beyond the {MAX_SUBSTRING_BYTES} bytes of substrings that are read"
                    ));
                }
                draft.substrings.push(entry.to_lowercase().into());
                draft.ids.push(id);
            }
            Type::Regex => {
                if self.regexes == MAX_REGEXES {
                    return Err(format!("is beyond the {MAX_REGEXES} regular expressions that are read"));
                }
                draft.group.regexes.push((regex(entry)?, id));
                self.regexes += 1;
            }
            Type::Exclusion if entry.contains("://") => {
                let url = Ioc::parse(Kind::Url, entry).map_err(|_| "is no URL")?;
                keep(draft.group.values.entry(url.value().to_lowercase().into()), id);
            }
            Type::Exclusion => match entry.parse::<Exclusion>() {
                Ok(Exclusion::Network(network)) => draft.group.add_network(network, id),
                Ok(Exclusion::Domain(name)) => {
                    let name = host(&name).ok_or("is no name of a host")?;
                    keep(draft.group.hosts.entry(name.into()), id);
                }
                Ok(Exclusion::Hash(hash)) => keep(draft.group.values.entry(hash.into()), id),
                Ok(Exclusion::Rule(_) | Exclusion::Group(_)) => {
                    return Err("stands for alerts: write it in `exclude`".to_owned());
                }
                Err(_) => return Err("is no address, network, domain, hash or URL".to_owned()),
            },
        }
        Ok(())
    }

    /// The groups, and why substrings of some cannot be compiled.
    pub(super) fn build(self) -> (Vec<Group>, Option<aho_corasick::BuildError>) {
        let mut failed = None;
        let finish = |Draft { mut group, substrings, ids }: Draft| {
            if !substrings.is_empty() {
                match AhoCorasick::new(substrings.iter().map(|text| &**text)) {
                    Ok(compiled) => group.substrings = Some((compiled, ids)),
                    Err(error) => failed = Some(error),
                }
            }
            group
        };
        (self.groups.into_iter().map(finish).collect(), failed)
    }
}

impl Group {
    fn new(kinds: KindSet) -> Self {
        Self {
            kinds,
            values: HashMap::new(),
            hosts: HashMap::new(),
            networks: HashMap::new(),
            prefixes: (0, [0; 3]),
            substrings: None,
            regexes: Vec::new(),
        }
    }

    fn add_network(&mut self, network: IpNet, id: ListId) {
        let length = network.prefix_len();
        let bit = 1 << (length % 64);
        match network {
            IpNet::V4(_) => self.prefixes.0 |= bit,
            IpNet::V6(_) => {
                if let Some(bits) = self.prefixes.1.get_mut(usize::from(length / 64)) {
                    *bits |= bit;
                }
            }
        }
        keep(self.networks.entry(network), id);
    }
}

/// Of lists with the same entry the first counts.
fn keep<K>(entry: Entry<'_, K, ListId>, id: ListId) {
    entry.or_insert(id);
}

/// A whole value as IoCs have it: one spelling for an address or a URL, and lower case.
fn whole(entry: &str) -> String {
    if entry.contains(':') {
        if let Ok(IpAddr::V6(address)) = entry.parse::<IpAddr>() {
            return address.to_canonical().to_string();
        }
        if entry.contains("://")
            && let Ok(url) = Ioc::parse(Kind::Url, entry)
        {
            return url.value().to_lowercase();
        }
    } else if !entry.is_ascii()
        && let Ok(name) = Ioc::parse(Kind::DomainName, entry)
    {
        return name.value().to_owned();
    }
    entry.trim_end_matches('.').to_lowercase()
}

/// A host's name as IoCs have it. `None` for what would be every name, and for what is no name.
fn host(entry: &str) -> Option<String> {
    let name = entry.strip_prefix('*').unwrap_or(entry).trim_matches('.');
    if name.is_empty() || name.contains(['/', ':', '@', '*']) || name.contains(char::is_whitespace) {
        return None;
    }
    let international = if name.is_ascii() { None } else { Ioc::parse(Kind::DomainName, name).ok() };
    Some(international.map_or_else(|| name.to_lowercase(), |name| name.value().to_owned()))
}

fn network(entry: &str) -> Option<IpNet> {
    match entry.parse::<IpNet>() {
        Ok(network) => Some(network.trunc()),
        Err(_) => entry.parse::<IpAddr>().ok().map(IpNet::from),
    }
}

/// An expression, bare or between slashes with PHP's modifiers behind them. Values are compared in lower case, so case
/// never matters.
fn regex(entry: &str) -> Result<Regex, String> {
    let delimited = entry.strip_prefix('/').and_then(|rest| rest.rsplit_once('/'));
    let (pattern, modifiers) = match delimited {
        Some((pattern, modifiers)) if modifiers.chars().all(|char| "imsxuU".contains(char)) => {
            (pattern, modifiers)
        }
        _ => (entry, ""),
    };
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .multi_line(modifiers.contains('m'))
        .dot_matches_new_line(modifiers.contains('s'))
        .ignore_whitespace(modifiers.contains('x'))
        .swap_greed(modifiers.contains('U'))
        .size_limit(MAX_REGEX_BYTES)
        .dfa_size_limit(MAX_REGEX_BYTES)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                format!("is larger than {MAX_REGEX_BYTES} bytes when compiled")
            }
            // The message of the parser draws the expression with a mark below; its last line says what is wrong.
            error => {
                let message = error.to_string();
                let last = message.lines().last().unwrap_or_default().trim_start_matches("error: ");
                format!("is no expression that can be used: {last}")
            }
        })
}
