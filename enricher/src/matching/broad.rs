//! Comparisons that are true of so much that they are no reason to alert.

use std::net::IpAddr;

use ioc_extract::{DomainName, Rejected, special_purpose};
use ipnet::IpNet;

use crate::stix::{Comparison, Literal, ObjectPath, PathStep, Test};

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

/// Whether a comparison that is true names too much; `member` is the member of a set that it is true of.
pub(super) fn is_broad(comparison: &Comparison, member: u16) -> bool {
    let is_name = is_of_a_name(&comparison.path);
    let names_too_much = |text: &str| match text.parse::<IpNet>() {
        Ok(network) => is_broad_network(&network),
        Err(_) => is_name && is_suffix(text),
    };
    match &comparison.test {
        Test::Equal(Literal::String(text)) | Test::IsSubset(text) => names_too_much(text),
        Test::In(members) => match members.get(usize::from(member)) {
            Some(Literal::String(text)) => names_too_much(text),
            _ => false,
        },
        Test::Like(text) => {
            text.trim_matches(['%', '_', '.', '*', ' ']).is_empty()
                || (is_name && text.strip_prefix('%').is_some_and(is_suffix))
        }
        Test::Matches(text) => matches!(&**text, "" | "." | "^" | ".*" | ".+" | "^.*$" | "^.+$"),
        _ => false,
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
fn is_of_a_name(path: &ObjectPath) -> bool {
    let is_reference =
        path.steps.iter().any(|step| matches!(step, PathStep::Key(key) if key.ends_with("_ref")));
    is_reference || matches!(&*path.object_type, "domain-name" | "hostname" | "x-opencti-hostname")
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
    use crate::stix::Pattern;

    /// Whether the first comparison of a pattern names too much.
    fn is(pattern: &str) -> bool {
        is_broad(Pattern::parse_lenient(pattern).unwrap().comparison(0).unwrap(), 0)
    }

    #[test]
    fn networks() {
        let equal = |network| is(&format!("[ipv4-addr:value = '{network}']"));
        for broad in
            ["0.0.0.0/0", "45.0.0.0/8", "44.0.0.0/7", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
        {
            assert!(equal(broad), "{broad}");
            assert!(is(&format!("[ipv4-addr:value ISSUBSET '{broad}']")), "{broad}");
        }
        for broad in
            ["100.64.0.0/10", "169.254.0.0/16", "::/0", "2000::/3", "2a00::/12", "fc00::/7", "fd00::/8"]
        {
            assert!(equal(broad), "{broad}");
        }
        for narrow in
            ["45.0.0.0/9", "45.77.0.0/16", "192.168.5.0/24", "10.1.2.3", "192.0.0.0/9", "45.77.1.2/32"]
        {
            assert!(!equal(narrow), "{narrow}");
        }
        for narrow in ["2a00:1450::/32", "fd12:3456:789a::/48", "2a00::/19", "2001:db8::1"] {
            assert!(!equal(narrow), "{narrow}");
        }
        // What is compared with lies in what was seen.
        assert!(!is("[ipv4-addr:value ISSUPERSET '10.0.0.0/8']"));
    }

    #[test]
    fn of_a_set_the_member_that_is_true_counts() {
        let pattern = Pattern::parse("[ipv4-addr:value IN ('45.77.1.2', '45.0.0.0/8')]").unwrap();
        let comparison = pattern.comparison(0).unwrap();
        assert!(!is_broad(comparison, 0));
        assert!(is_broad(comparison, 1));
    }

    #[test]
    fn names() {
        let name = |test| is(&format!("[domain-name:value {test}]"));
        for broad in ["com", "co.uk", "CO.UK.", "рф", "com.au"] {
            assert!(name(format!("= '{broad}'")), "{broad}");
        }
        for narrow in
            ["evil.com", "evil.co.uk", "github.io", "duckdns.org", "a.b.c.evil.com", "kali", "10.1.2.3"]
        {
            assert!(!name(format!("= '{narrow}'")), "{narrow}");
        }
        for broad in ["%", "%.com", "%.co.uk", "%_%", "%.", "%com"] {
            assert!(name(format!("LIKE '{broad}'")), "{broad}");
        }
        for narrow in ["%.evil.com", "%evil%", "%.duckdns.org", "com.%.evil-c2.net", "kali%", "%-kali"] {
            assert!(!name(format!("LIKE '{narrow}'")), "{narrow}");
        }
        assert!(name("MATCHES '.*'".to_owned()));
        assert!(!name(r"MATCHES '^[a-z]{12}\\.top$'".to_owned()));
        assert!(is("[network-traffic:dst_ref.value = 'com']"));
        // A file that ends like a top-level domain.
        assert!(!is("[file:name LIKE '%.com']"));
        assert!(!is("[file:name = 'com']"));
        assert!(is("[file:name LIKE '%']"));
        assert!(!is("[file:size > 5]"));
    }
}
