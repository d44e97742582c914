//! From what a person writes to what is asked about.

use enricher::Policy;
use ioc_extract::{Extractor, Ioc, Item, Kind, MappedAddresses, Profile, Rejected};

use crate::text::one_line;

/// How much of a value is quoted in a sentence, in characters.
const QUOTED: usize = 80;

/// Kinds whose form alone tells them. What could be anything, such as a user agent or the name of a mutex, is only one
/// when `--kind` says so.
const TOLD_BY_FORM: &[Kind] = &[
    Kind::Ipv4Addr,
    Kind::Ipv6Addr,
    Kind::Url,
    Kind::EmailAddr,
    Kind::DomainName,
    Kind::OnionService,
    Kind::Md5,
    Kind::Sha1,
    Kind::Sha224,
    Kind::Sha256,
    Kind::Sha384,
    Kind::Sha512,
    Kind::Sha3_256,
    Kind::Sha3_512,
    Kind::Imphash,
    Kind::Authentihash,
    Kind::Ssdeep,
    Kind::Tlsh,
    Kind::RegistryKey,
    Kind::NamedPipe,
    Kind::MacAddr,
    Kind::Asn,
    Kind::Cve,
    Kind::AttackTechnique,
    Kind::AttackTactic,
    Kind::Ja3,
    Kind::Ja3s,
    Kind::Ja4,
    Kind::CertSha1,
    Kind::CertSha256,
    Kind::Bitcoin,
    Kind::BitcoinCash,
    Kind::Litecoin,
    Kind::Dogecoin,
    Kind::Dash,
    Kind::Ethereum,
    Kind::Monero,
    Kind::Tron,
    Kind::Ripple,
    Kind::Tezos,
    Kind::Cardano,
    Kind::Arn,
];

/// Reads a value. The first of what comes back is the value itself; with it comes what an alert sees with it: the host
/// of a URL, the name of a file.
///
/// # Errors
///
/// Why it cannot be asked about, in a sentence.
pub(super) fn read(text: &str, kind: Option<Kind>, policy: &Policy) -> Result<Vec<Ioc>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("an empty value is no IoC".to_owned());
    }
    let shown = || format!("\"{}\"", one_line(text, QUOTED));
    // As alerts have it, an IPv4 address in an IPv6 one is the IPv4 address.
    let report =
        Extractor::builder().profile(Profile::Report).mapped_addresses(MappedAddresses::Ipv4).build();
    let items: Vec<Item<'_>> = report.scan_all(text.as_bytes()).collect();
    // Reports are read as meaning a URL where a name is defanged; a name by itself is a name.
    let may_be_url = text.contains('/');
    let whole: Vec<Ioc> = items
        .iter()
        .filter_map(|item| match item {
            Item::Found(found) if is_all(text, found.span.start, found.span.end) => Some(found.ioc()),
            _ => None,
        })
        .filter(|ioc| may_be_url || ioc.kind() != Kind::Url)
        .collect();
    if let Some(kind) = kind {
        let said = whole.into_iter().find(|ioc| ioc.kind() == kind);
        let ioc = said
            .map_or_else(|| Ioc::parse(kind, text), Ok)
            .map_err(|rejected| format!("{} is no {kind}: {rejected}", shown()))?;
        return match ioc.kind() {
            Kind::Cidr => Err(network(&ioc)),
            _ => Ok(with_parts(vec![ioc], policy)),
        };
    }
    if let Some(ioc) = whole.iter().find(|ioc| ioc.kind() == Kind::Cidr) {
        return Err(network(ioc));
    }
    let mut readings = whole;
    for kind in TOLD_BY_FORM {
        if let Ok(ioc) = Ioc::parse(*kind, text)
            && !readings.contains(&ioc)
        {
            readings.push(ioc);
        }
    }
    if readings.is_empty() {
        return Err(format!("{} is no IoC: {}", shown(), why_none(text, &items)));
    }
    let asked: Vec<Ioc> = readings.iter().filter(|ioc| policy.asks_for(ioc.kind())).cloned().collect();
    Ok(with_parts(if asked.is_empty() { readings } else { asked }, policy))
}

fn network(ioc: &Ioc) -> String {
    format!(
        "{} is a network, and what lies in it cannot be asked: give single addresses, which are held against the \
         networks around them",
        ioc.value()
    )
}

/// Whether a part of the text is all of it, but for a port, brackets, quotes and the like around it.
fn is_all(text: &str, start: usize, end: usize) -> bool {
    let (Some(before), Some(after)) = (text.get(..start), text.get(end..)) else { return false };
    let is_wrapping =
        |c: char| matches!(c, '[' | ']' | '(' | ')' | '<' | '>' | '"' | '\'' | '`' | '.' | ',' | ';');
    let after = after.trim_start_matches(is_wrapping);
    let after = match after.strip_prefix(':') {
        Some(port) if !port.is_empty() => port.trim_start_matches(|c: char| c.is_ascii_digit()),
        _ => after,
    };
    before.chars().all(is_wrapping) && after.chars().all(is_wrapping)
}

/// Why a text is no IoC of any kind that can be told by its form.
fn why_none(text: &str, items: &[Item<'_>]) -> String {
    const SAY_KIND: &str = "say with --kind what it is";
    let left_out = items.iter().find_map(|item| match item {
        Item::LeftOut(left) if is_all(text, left.span.start, left.span.end) => Some(left.reason),
        _ => None,
    });
    let as_name = || Ioc::parse(Kind::DomainName, text).err();
    match left_out.or_else(as_name) {
        Some(
            reason @ (Rejected::NoPublicSuffix
            | Rejected::PublicSuffix
            | Rejected::TooLong
            | Rejected::Checksum),
        ) => reason.to_string(),
        _ if items.iter().any(|item| matches!(item, Item::Found(_))) => {
            "it is a text with something in it that is one: give that alone, or use extract --text".to_owned()
        }
        Some(reason) if reason != Rejected::Malformed => format!("{reason}; {SAY_KIND}"),
        _ => format!("its form does not tell of which kind it is; {SAY_KIND}"),
    }
}

/// Adds what an alert sees with a value, as far as alerts look it up.
fn with_parts(mut iocs: Vec<Ioc>, policy: &Policy) -> Vec<Ioc> {
    let extractor = enricher::extractor();
    let found: Vec<Ioc> = iocs
        .iter()
        .filter(|ioc| matches!(ioc.kind(), Kind::Url | Kind::FilePath | Kind::NamedPipe))
        .flat_map(|ioc| extractor.scan(ioc.value()).map(|found| found.ioc()).collect::<Vec<_>>())
        .collect();
    for part in found {
        if policy.asks_for(part.kind()) && !iocs.contains(&part) {
            iocs.push(part);
        }
    }
    iocs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, kind: Option<&str>) -> String {
        let kind = kind.map(|kind| kind.parse().unwrap());
        match read(text, kind, &Policy::default()) {
            Ok(iocs) => {
                iocs.iter().map(|i| format!("{} {}", i.kind(), i.value())).collect::<Vec<_>>().join(", ")
            }
            Err(problem) => format!("! {problem}"),
        }
    }

    #[test]
    fn values_as_people_write_them() {
        let said = [
            "198.51.100.7",
            " 198[.]51[.]100[.]7 ",
            "198.51.100.7:8443",
            "[2001:DB8::1]:443",
            "fe80::1%eth0",
            "::ffff:45.77.12.9",
            "hxxp://evil[.]test/x",
            "hxxps://45[.]77[.]12[.]9/a",
            "evil.com/a/b",
            "Evil[.]Example",
            "evil(dot)com.",
            "<http://evil.com/a>",
            "\"evil.com\"",
            "perl.pl",
            "bad[@]evil[.]com",
            "44D88612FEA8A8F36DE82E1278ABB02F",
            "d41d8cd98f00b204e9800998ecf8427e",
            "d7bf8f4471745e1ce5615566c8a8f0439101a689",
            r"HKCU\Software\Bad\Run",
            "cve-2021-44228",
            "00-1A-2B-3C-4D-5E",
            "AS64500",
            "invoice_7.exe",
            r"C:\Users\Public\loader.exe",
            "bc1qu2xe8tcvuc8vjylte742nkq4g0pq0ew8602pdl",
            "T1059.001",
        ];
        let said: Vec<String> = said.iter().map(|text| format!("{text:?}: {}", told(text, None))).collect();
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn kinds_that_are_said() {
        let said = [
            ("44d88612fea8a8f36de82e1278abb02f", "ja3"),
            ("evil[.]com", "domain-name"),
            ("Mozilla/5.0 (X11)", "user-agent"),
            ("Global\\Bad", "mutex"),
            ("evil.com", "file:md5"),
            ("198.51.100.0/24", "cidr"),
            ("10.0.0.1", "ipv4-addr"),
        ];
        let said: Vec<String> =
            said.iter().map(|(text, kind)| format!("{text:?} {kind}: {}", told(text, Some(kind)))).collect();
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn what_cannot_be_asked_about() {
        let said = [
            "",
            "198.51.100.0/24",
            "198[.]51[.]100[.]0/24",
            "2001:db8::/32",
            "srv01.lan",
            "co.uk",
            "hello",
            "seen at 45.77.12.9 and 45.77.12.10",
            "300.1.1.1",
            "Mozilla/5.0 (X11)",
            "a\x1b[31mb",
            "-",
        ];
        let said: Vec<String> = said.iter().map(|text| format!("{text:?}: {}", told(text, None))).collect();
        insta::assert_snapshot!(said.join("\n"));
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,60}|[0-9a-f.:/\\[\\]]{0,40}") {
            let _ = read(&text, None, &Policy::default());
        }
    }
}
