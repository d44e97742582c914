//! What objects are found by.

use ioc_extract::{Ioc, Kind};
use ipnet::IpNet;
use opencti_client::Observable;
use serde::{Deserialize, Serialize};

use crate::matching::{iocs_of, parents, stix_property};
use crate::stix::{Atom, AtomKind, AtomValue, Atoms, Pattern};

/// The texts under which an object is filed. What is looked up is filed under the same texts.
#[derive(Debug, Default)]
pub(super) struct Filed {
    pub(super) keys: Vec<String>,
    /// Networks among the keys.
    pub(super) networks: Vec<IpNet>,
    /// What must be looked at whatever is looked up, when no key can be.
    pub(super) scan: Vec<Needle>,
    /// The pattern should be STIX and does not parse.
    pub(super) is_broken: bool,
}

/// A comparison that no value leads to: what must at least stand in a value for it to be true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Needle {
    /// Text in lower case that stands in every value of which it is true; empty when there is none.
    pub(super) literal: String,
}

/// How an indicator is filed. One whose pattern is not STIX, or does not parse, is found by its observables only.
pub(super) fn of_pattern(pattern_type: Option<&str>, pattern: Option<&str>) -> Filed {
    if pattern_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("stix")) {
        return Filed::default();
    }
    match Pattern::parse_lenient(pattern.unwrap_or_default()) {
        Ok(pattern) => of_atoms(&pattern.atoms()),
        Err(_) => Filed { is_broken: true, ..Filed::default() },
    }
}

fn of_atoms(atoms: &Atoms) -> Filed {
    let mut filed = Filed::default();
    for atom in &atoms.atoms {
        if let AtomValue::Network(network) = &atom.value
            && network.prefix_len() < network.max_prefix_len()
        {
            filed.networks.push(*network);
        }
        filed.keys.push(atom.to_string());
    }
    filed.scan = atoms
        .unindexed
        .iter()
        .map(|comparison| Needle {
            literal: match (comparison.operator, comparison.operand.as_deref()) {
                ("LIKE", Some(operand)) => longest_literal(operand),
                _ => String::new(),
            },
        })
        .collect();
    filed
}

/// The longest piece of a `LIKE` operand without wildcards.
fn longest_literal(operand: &str) -> String {
    // Only ASCII, since other letters have several spellings that compare equal.
    let pieces = operand.split(|c: char| matches!(c, '%' | '_' | '\\') || !c.is_ascii());
    pieces.max_by_key(|piece| piece.len()).unwrap_or_default().to_ascii_lowercase()
}

/// How an observable is filed.
pub(super) fn of_observable(observable: &Observable) -> Filed {
    Filed { keys: iocs_of(observable).iter().map(of_value).collect(), ..Filed::default() }
}

/// The key of one value.
fn of_value(ioc: &Ioc) -> String {
    match stix_property(ioc.kind()) {
        Some((object_type, path)) => Atom::new(object_type, path, ioc.value()).to_string(),
        None => format!("{}:{}", ioc.kind().as_str(), ioc.value()),
    }
}

/// Every key under which something about this value may be filed. `lengths` are the lengths of networks that there are.
pub(super) fn to_look_up(ioc: &Ioc, lengths: &Lengths) -> Vec<String> {
    let mut keys = vec![of_value(ioc)];
    if let Some(ip) = ioc.ip() {
        let network = |length| IpNet::new(ip, length).ok().map(|network| network.trunc());
        keys.extend(
            lengths.of(ip.is_ipv4()).filter_map(network).map(|network| {
                Atom { kind: AtomKind::Address, value: AtomValue::Network(network) }.to_string()
            }),
        );
    }
    if ioc.kind() == Kind::DomainName {
        keys.extend(parents(ioc.value()).map(|parent| {
            Atom { kind: AtomKind::Domain, value: AtomValue::Text(parent.into()) }.to_string()
        }));
    }
    keys
}

/// Which lengths of networks there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lengths {
    v4: u64,
    v6: u128,
}

impl Lengths {
    pub(super) fn add(&mut self, network: IpNet) {
        match network {
            IpNet::V4(network) => self.v4 |= 1 << network.prefix_len().min(32),
            IpNet::V6(network) => self.v6 |= 1 << network.prefix_len().min(127),
        }
    }

    fn of(self, is_v4: bool) -> impl Iterator<Item = u8> {
        let set = if is_v4 { u128::from(self.v4) } else { self.v6 };
        (0..128u8).filter(move |length| set >> length & 1 == 1)
    }

    pub(super) fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.v4.to_le_bytes());
        bytes[8..].copy_from_slice(&self.v6.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let Some((v4, v6)) = bytes.split_first_chunk::<8>() else { return Self::default() };
        let v6 = v6.try_into().map(u128::from_le_bytes).unwrap_or_default();
        Self { v4: u64::from_le_bytes(*v4), v6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filed(pattern: &str) -> Filed {
        of_pattern(Some("stix"), Some(pattern))
    }

    #[test]
    fn patterns_are_filed_under_what_is_looked_up() {
        let mut lengths = Lengths::default();
        filed("[ipv4-addr:value = '198.51.100.0/24']").networks.into_iter().for_each(|n| lengths.add(n));
        let found = |kind, value: &str, pattern: &str| {
            let keys = to_look_up(&Ioc::parse(kind, value).unwrap(), &lengths);
            filed(pattern).keys.iter().any(|key| keys.contains(key))
        };
        assert!(found(Kind::Ipv4Addr, "198.51.100.7", "[ipv4-addr:value = '198.51.100.0/24']"));
        assert!(!found(Kind::Ipv4Addr, "198.51.101.7", "[ipv4-addr:value = '198.51.100.0/24']"));
        assert!(found(Kind::DomainName, "a.b.bad.example", "[domain-name:value = 'BAD.example.']"));
        assert!(found(
            Kind::Md5,
            "0cc175b9c0f1b6a831c399e269772661",
            "[file:name = 'a' AND file:hashes.'MD5' = '0CC175B9C0F1B6A831C399E269772661']"
        ));
        assert!(found(Kind::Url, "http://a.example/X", "[url:value = 'HTTP://A.example/X']"));
        assert!(!found(Kind::DomainName, "good.example", "[domain-name:value != 'bad.example']"));
    }

    #[test]
    fn what_no_value_leads_to_is_scanned_for() {
        let filed = filed("[domain-name:value LIKE '%.Dga.exa_ple']");
        assert!(filed.keys.is_empty());
        assert_eq!(filed.scan, [Needle { literal: ".dga.exa".into() }]);
    }

    #[test]
    fn lengths_survive_being_stored() {
        let mut lengths = Lengths::default();
        for network in ["10.0.0.0/8", "192.0.2.0/31", "2001:db8::/32", "2001:db8::/127", "0.0.0.0/0"] {
            lengths.add(network.parse().unwrap());
        }
        let again = Lengths::from_bytes(&lengths.to_bytes());
        assert_eq!(again, lengths);
        assert_eq!(again.of(true).collect::<Vec<_>>(), [0, 8, 31]);
        assert_eq!(again.of(false).collect::<Vec<_>>(), [32, 127]);
        assert_eq!(Lengths::from_bytes(&[1, 2]), Lengths::default());
    }
}
