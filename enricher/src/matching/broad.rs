//! Comparisons that are true of so much that they are no reason to alert.

use std::net::IpAddr;

use ioc_extract::{DomainName, Rejected, special_purpose};
use ipnet::IpNet;

use crate::stix::{Hit, How};

/// IPv4 networks of this length or shorter name too much: a /8 is a 256th of all addresses, more than any one holder
/// that intelligence could mean.
const V4_TOO_BROAD: u8 = 8;
/// As [`V4_TOO_BROAD`]. Registries give providers a /32, the largest ones down to a /19, and get a /12 themselves.
const V6_TOO_BROAD: u8 = 16;

/// Networks of private or special-purpose addresses of this length or shorter are a whole range, such as 192.168.0.0/16,
/// that everybody uses. Longer ones are somebody's own, and whoever looks private addresses up may mean them.
const V4_RANGE: u8 = 16;
/// As [`V4_RANGE`]: a site has a /48 of the unique local addresses.
const V6_RANGE: u8 = 47;

/// Whether a comparison that is true names too much.
pub(super) fn is_broad(hit: &Hit) -> bool {
    match hit.how {
        How::Exists | How::Order => false,
        How::Like => {
            let ending = hit.literal.strip_prefix('%').filter(|_| is_of_a_name(&hit.path));
            hit.literal.trim_matches(['%', '_', '.', '*', ' ']).is_empty() || ending.is_some_and(is_suffix)
        }
        // What the pattern names lies in what was seen.
        How::Superset => false,
        How::Matches => matches!(&*hit.literal, "" | ".*" | ".+" | "^.*$" | "^.+$" | "." | "^"),
        _ => match hit.literal.parse::<IpNet>() {
            Ok(network) => is_broad_network(&network),
            Err(_) => is_of_a_name(&hit.path) && is_suffix(&hit.literal),
        },
    }
}

fn is_broad_network(network: &IpNet) -> bool {
    let (too_broad, range) = match network {
        IpNet::V4(_) => (V4_TOO_BROAD, V4_RANGE),
        IpNet::V6(_) => (V6_TOO_BROAD, V6_RANGE),
    };
    let length = network.prefix_len();
    length <= too_broad || (length <= range && is_special(network))
}

/// Whether a network lies in one private or special-purpose range.
fn is_special(network: &IpNet) -> bool {
    let name: fn(IpAddr) -> Option<&'static str> = special_purpose;
    let first = name(network.network());
    first.is_some() && first == name(network.broadcast())
}

/// Whether a path leads to a domain name.
fn is_of_a_name(path: &str) -> bool {
    ["domain-name:", "hostname:", "x-opencti-hostname:"].iter().any(|start| path.starts_with(start))
        || path.ends_with("_ref.value")
}

/// Whether a name is nobody's own. Only the ICANN section of the public suffix list counts: a suffix of its private
/// section, such as that of a provider of dynamic names, belongs to one provider, and feeds list some as a whole.
fn is_suffix(name: &str) -> bool {
    let name = name.trim_matches('.');
    match name.contains('.') {
        true => DomainName::parse(name) == Err(Rejected::PublicSuffix),
        // A name without a dot may be that of a host; a top-level domain has names below it.
        false => DomainName::parse(&format!("x.{name}")).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(path: &str, how: How, literal: &str) -> Hit {
        Hit { ioc: 0, how, path: path.into(), literal: literal.into() }
    }

    #[test]
    fn networks() {
        let is = |literal| is_broad(&hit("ipv4-addr:value", How::Cidr, literal));
        for broad in
            ["0.0.0.0/0", "45.0.0.0/8", "44.0.0.0/7", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
        {
            assert!(is(broad), "{broad}");
        }
        for broad in
            ["100.64.0.0/10", "169.254.0.0/16", "::/0", "2000::/3", "2a00::/12", "fc00::/7", "fd00::/8"]
        {
            assert!(is(broad), "{broad}");
        }
        for narrow in
            ["45.0.0.0/9", "45.77.0.0/16", "192.168.5.0/24", "10.1.2.3", "192.0.0.0/9", "45.77.1.2/32"]
        {
            assert!(!is(narrow), "{narrow}");
        }
        for narrow in ["2a00:1450::/32", "fd12:3456:789a::/48", "2a00::/19", "2001:db8::1"] {
            assert!(!is(narrow), "{narrow}");
        }
    }

    #[test]
    fn names() {
        let is = |how, literal| is_broad(&hit("domain-name:value", how, literal));
        for broad in ["com", "co.uk", "CO.UK.", "рф", "com.au"] {
            assert!(is(How::Exact, broad), "{broad}");
        }
        for narrow in
            ["evil.com", "evil.co.uk", "github.io", "duckdns.org", "a.b.c.evil.com", "kali", "10.1.2.3"]
        {
            assert!(!is(How::Exact, narrow), "{narrow}");
        }
        for broad in ["%", "%.com", "%.co.uk", "%_%", "%.", "%com"] {
            assert!(is(How::Like, broad), "{broad}");
        }
        for narrow in ["%.evil.com", "%evil%", "%.duckdns.org", "com.%.evil-c2.net", "kali%", "%-kali"] {
            assert!(!is(How::Like, narrow), "{narrow}");
        }
        assert!(is(How::Matches, ".*"));
        assert!(!is(How::Matches, r"^[a-z]{12}\.top$"));
        assert!(is_broad(&hit("network-traffic:dst_ref.value", How::Exact, "com")));
        // A file that ends like a top-level domain.
        assert!(!is_broad(&hit("file:name", How::Like, "%.com")));
        assert!(!is_broad(&hit("file:name", How::Exact, "com")));
        assert!(is_broad(&hit("file:name", How::Like, "%")));
    }
}
