//! Special-purpose addresses and reserved names.
//!
//! Source: the IANA IPv4 and IPv6 Special-Purpose Address Registries, the multicast address spaces, and the
//! Special-Use Domain Names registry.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block: first address, prefix length, name; `None` as a name marks an exception that is globally reachable.
type Block<T> = (T, u32, Option<&'static str>);

const fn v4(a: u8, b: u8, c: u8, d: u8) -> u32 {
    u32::from_be_bytes([a, b, c, d])
}

/// Sorted by address; where blocks nest, the narrower follows the wider and wins.
const IPV4: &[Block<u32>] = &[
    (v4(0, 0, 0, 0), 8, Some("this network")),
    (v4(10, 0, 0, 0), 8, Some("private use")),
    (v4(100, 64, 0, 0), 10, Some("shared address space")),
    (v4(127, 0, 0, 0), 8, Some("loopback")),
    (v4(169, 254, 0, 0), 16, Some("link local")),
    (v4(172, 16, 0, 0), 12, Some("private use")),
    (v4(192, 0, 0, 0), 24, Some("IETF protocol assignments")),
    (v4(192, 0, 0, 9), 32, None),
    (v4(192, 0, 0, 10), 32, None),
    (v4(192, 0, 2, 0), 24, Some("documentation")),
    (v4(192, 88, 99, 0), 24, Some("6to4 relay anycast (deprecated)")),
    (v4(192, 168, 0, 0), 16, Some("private use")),
    (v4(198, 18, 0, 0), 15, Some("benchmarking")),
    (v4(198, 51, 100, 0), 24, Some("documentation")),
    (v4(203, 0, 113, 0), 24, Some("documentation")),
    (v4(224, 0, 0, 0), 4, Some("multicast")),
    (v4(240, 0, 0, 0), 4, Some("reserved")),
    (v4(255, 255, 255, 255), 32, Some("limited broadcast")),
];

const fn v6(hi: u64, lo: u64) -> u128 {
    ((hi as u128) << 64) | lo as u128
}

/// As [`IPV4`]. Everything outside 2000::/3 that is not listed is unassigned and no global unicast address either.
const IPV6: &[Block<u128>] = &[
    (v6(0, 0), 3, Some("unassigned")),
    (v6(0, 0), 128, Some("unspecified")),
    (v6(0, 1), 128, Some("loopback")),
    (v6(0x0064_ff9b_0000_0000, 0), 96, None),
    (v6(0x0064_ff9b_0001_0000, 0), 48, Some("local-use IPv4/IPv6 translation")),
    (v6(0x0100_0000_0000_0000, 0), 64, Some("discard only")),
    (v6(0x0100_0000_0000_0001, 0), 64, Some("dummy prefix")),
    (v6(0x2001_0000_0000_0000, 0), 23, Some("IETF protocol assignments")),
    (v6(0x2001_0000_0000_0000, 0), 32, Some("Teredo")),
    (v6(0x2001_0001_0000_0000, 1), 128, None),
    (v6(0x2001_0001_0000_0000, 2), 128, None),
    (v6(0x2001_0001_0000_0000, 3), 128, None),
    (v6(0x2001_0002_0000_0000, 0), 48, Some("benchmarking")),
    (v6(0x2001_0003_0000_0000, 0), 32, None),
    (v6(0x2001_0004_0112_0000, 0), 48, None),
    (v6(0x2001_0020_0000_0000, 0), 28, None),
    (v6(0x2001_0030_0000_0000, 0), 28, None),
    (v6(0x2001_0db8_0000_0000, 0), 32, Some("documentation")),
    (v6(0x2002_0000_0000_0000, 0), 16, Some("6to4")),
    (v6(0x3fff_0000_0000_0000, 0), 20, Some("documentation")),
    (v6(0x4000_0000_0000_0000, 0), 2, Some("unassigned")),
    (v6(0x5f00_0000_0000_0000, 0), 16, Some("segment routing")),
    (v6(0x8000_0000_0000_0000, 0), 1, Some("unassigned")),
    (v6(0xfc00_0000_0000_0000, 0), 7, Some("unique local")),
    (v6(0xfe80_0000_0000_0000, 0), 10, Some("link local")),
    (v6(0xfec0_0000_0000_0000, 0), 10, Some("site local (deprecated)")),
    (v6(0xff00_0000_0000_0000, 0), 8, Some("multicast")),
];

/// The name of the special-purpose block that an address lies in; `None` for an address that is globally routable.
///
/// An IPv4-mapped IPv6 address (`::ffff:0:0/96`) is judged as the IPv4 address it carries.
///
/// ```
/// use ioc_extract::special_purpose;
/// assert_eq!(special_purpose("10.1.2.3".parse()?), Some("private use"));
/// assert_eq!(special_purpose("::ffff:127.0.0.1".parse()?), Some("loopback"));
/// assert_eq!(special_purpose("8.8.8.8".parse()?), None);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn special_purpose(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => special_v4(ip),
        IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or_else(|| special_v6(ip), special_v4),
    }
}

fn special_v4(ip: Ipv4Addr) -> Option<&'static str> {
    let bits = ip.to_bits();
    IPV4.iter().rev().find(|(first, len, _)| (bits ^ first).leading_zeros() >= *len).and_then(|b| b.2)
}

fn special_v6(ip: Ipv6Addr) -> Option<&'static str> {
    let bits = ip.to_bits();
    IPV6.iter().rev().find(|(first, len, _)| (bits ^ first).leading_zeros() >= *len).and_then(|b| b.2)
}

/// Second-level names that RFC 2606 sets aside.
const RESERVED_NAMES: &[&str] = &["example.com", "example.net", "example.org"];

/// Whether a canonical name is reserved for documentation or tests.
pub(crate) fn reserved_name(name: &str) -> bool {
    let below =
        |parent: &str| name.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    RESERVED_NAMES.iter().any(|p| below(p))
        || name.rsplit_once('.').is_some_and(|(_, tld)| is_reserved(tld.as_bytes()))
}

/// Whether a top-level domain in lower case is one that RFC 2606 and RFC 6761 set aside for documentation and tests.
pub(crate) const fn is_reserved(tld: &[u8]) -> bool {
    matches!(tld, b"example" | b"invalid" | b"test")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_sorted() {
        assert!(IPV4.windows(2).all(|w| (w[0].0, w[0].1) < (w[1].0, w[1].1)));
        assert!(IPV6.windows(2).all(|w| (w[0].0, w[0].1) < (w[1].0, w[1].1)));
    }

    #[test]
    fn edges_of_blocks() {
        let cases = [
            ("0.0.0.0", Some("this network")),
            ("1.0.0.0", None),
            ("9.255.255.255", None),
            ("10.0.0.0", Some("private use")),
            ("100.63.255.255", None),
            ("100.64.0.0", Some("shared address space")),
            ("100.127.255.255", Some("shared address space")),
            ("100.128.0.0", None),
            ("172.15.255.255", None),
            ("172.31.255.255", Some("private use")),
            ("172.32.0.0", None),
            ("192.0.0.8", Some("IETF protocol assignments")),
            ("192.0.0.9", None),
            ("192.0.2.1", Some("documentation")),
            ("198.17.255.255", None),
            ("198.19.255.255", Some("benchmarking")),
            ("223.255.255.255", None),
            ("224.0.0.1", Some("multicast")),
            ("240.0.0.1", Some("reserved")),
            ("255.255.255.255", Some("limited broadcast")),
            ("::", Some("unspecified")),
            ("::1", Some("loopback")),
            ("::2", Some("unassigned")),
            ("::ffff:8.8.8.8", None),
            ("::ffff:10.0.0.1", Some("private use")),
            ("64:ff9b::808:808", None),
            ("64:ff9b:1::1", Some("local-use IPv4/IPv6 translation")),
            ("100::1", Some("discard only")),
            ("100:0:0:1::1", Some("dummy prefix")),
            ("2001::1", Some("Teredo")),
            ("2001:db8::1", Some("documentation")),
            ("2001:470:1:18::119", None),
            ("2002:c000:204::1", Some("6to4")),
            ("2a00:1450:4005:80a::2003", None),
            ("3fff:fff::1", Some("documentation")),
            ("3fff:1000::1", None),
            ("5f00::1", Some("segment routing")),
            ("4000::1", Some("unassigned")),
            ("fc00::1", Some("unique local")),
            ("fe80::1", Some("link local")),
            ("ff02::1", Some("multicast")),
        ];
        for (ip, name) in cases {
            assert_eq!(special_purpose(ip.parse().unwrap()), name, "{ip}");
        }
    }

    #[test]
    fn reserved_names_and_their_neighbours() {
        for name in ["example.com", "a.example.org", "evil.test", "x.y.invalid"] {
            assert!(reserved_name(name), "{name}");
        }
        for name in ["myexample.com", "example.co", "test", "latest"] {
            assert!(!reserved_name(name), "{name}");
        }
    }
}
