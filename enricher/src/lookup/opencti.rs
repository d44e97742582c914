//! Asking OpenCTI's API.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

use async_trait::async_trait;
use ioc_extract::{Ioc, Kind};
use ipnet::IpNet;
use opencti_client::{Client, Endpoint, HashAlgorithm, ObservableKey, Terms, pattern};

use super::{Context, Findings, Intel, Lookup, LookupError};
use crate::matching::{parents, serial_spellings, stix_property};
use crate::pipeline::with_causes;
use crate::question::Near;

/// Asks OpenCTI live, over its GraphQL API.
///
/// A miss costs one request. For what was found, a second asks for the observables' indicators and relations, and a
/// third for the related observables' indicators, when there are any.
#[derive(Clone, Debug)]
pub struct OpenCti {
    client: Client,
}

impl OpenCti {
    /// Asks through `client`.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// The same, with everything it asks ended by `deadline`.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Self {
        Self { client: self.client.until(deadline) }
    }
}

#[async_trait]
impl Lookup for OpenCti {
    async fn find(&self, iocs: &[Ioc]) -> Result<Findings, LookupError> {
        let terms = terms(iocs);
        if terms.is_empty() {
            return Ok(Findings::default());
        }
        let answer = self.client.look_up(&terms).await?;
        let mut findings = Findings {
            indicators: answer.value.indicators,
            observables: answer.value.observables,
            truncated: answer.value.truncated,
            problems: answer.problems,
            requests: 1,
            ..Findings::default()
        };
        if !findings.observables.is_empty()
            && let Err(error) = self.follow(&mut findings).await
        {
            findings.failed = Some(format!("indicators of observables: {}", with_causes(&error)));
        }
        Ok(findings)
    }

    async fn context(&self, indicator_ids: &[String]) -> Result<Context, LookupError> {
        let answer = self.client.threat_context(indicator_ids).await?;
        Ok(Context {
            indicates: answer.value.indicates,
            reports: answer.value.reports,
            problems: answer.problems,
            failed: None,
            requests: 1,
        })
    }

    async fn near(&self, near: &Near) -> Result<Findings, LookupError> {
        let terms = near_terms(near);
        if terms.is_empty() {
            return Ok(Findings::default());
        }
        let answer = self.client.look_up(&terms).await?;
        Ok(Findings {
            indicators: answer.value.indicators,
            truncated: answer.value.truncated,
            problems: answer.problems,
            requests: 1,
            ..Findings::default()
        })
    }

    fn intel(&self) -> Intel {
        Intel { from: "api", age_s: None }
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        Some(self.client.endpoint())
    }
}

impl OpenCti {
    /// Asks for the indicators of the observables found, and for those of what they are related to.
    async fn follow(&self, findings: &mut Findings) -> Result<(), opencti_client::Error> {
        let ids: Vec<String> = findings.observables.iter().map(|o| o.id.clone()).collect();
        let answer = self.client.observable_context(&ids).await?;
        findings.requests += 1;
        findings.based_on = answer.value.based_on;
        findings.related = answer.value.related;
        findings.truncated |= answer.value.truncated;
        findings.problems.extend(answer.problems);
        let mut others: Vec<String> =
            findings.related.iter().map(|r| r.other.id.clone()).filter(|id| !ids.contains(id)).collect();
        others.sort_unstable();
        others.dedup();
        if !others.is_empty() {
            let answer = self.client.based_on(&others).await?;
            findings.requests += 1;
            findings.based_on.extend(answer.value);
            findings.problems.extend(answer.problems);
        }
        Ok(())
    }
}

/// What to ask OpenCTI so that everything that may match these IoCs comes back.
///
/// OpenCTI compares text: it knows no networks, no parent domains and no other spellings, so those are asked for by
/// name. What comes back too much is sorted out by evaluating the patterns.
fn terms(iocs: &[Ioc]) -> Terms {
    let mut terms = Terms::new();
    for ioc in iocs {
        let value = ioc.value();
        match ioc.kind() {
            Kind::Ipv4Addr | Kind::Ipv6Addr => address(&mut terms, ioc),
            Kind::DomainName => domain(&mut terms, value),
            Kind::Url => {
                for spelling in url_spellings(value) {
                    terms.value(&spelling).pattern(&pattern::comparison("url:value", &spelling));
                }
            }
            Kind::Md5 => hash(&mut terms, HashAlgorithm::Md5, value, &["MD5", "'MD5'"]),
            Kind::Sha1 => hash(&mut terms, HashAlgorithm::Sha1, value, &["'SHA-1'", "SHA1", "'SHA1'"]),
            Kind::Sha256 => {
                hash(&mut terms, HashAlgorithm::Sha256, value, &["'SHA-256'", "SHA256", "'SHA256'"]);
            }
            Kind::Sha512 => {
                hash(&mut terms, HashAlgorithm::Sha512, value, &["'SHA-512'", "SHA512", "'SHA512'"]);
            }
            Kind::FileName => {
                terms.file_name(value).pattern(&pattern::comparison("file:name", value));
                phrase(&mut terms, value);
            }
            Kind::RegistryKey => {
                terms.registry_key(value).pattern(&pattern::comparison("windows-registry-key:key", value));
            }
            Kind::EmailAddr => {
                terms.value(value).pattern(&pattern::comparison("email-addr:value", value));
            }
            Kind::UserAgent => {
                terms.value(value).pattern(&pattern::comparison("user-agent:value", value));
            }
            // Vulnerabilities are no observables: only a pattern can be about one.
            Kind::Cve => {
                terms.pattern(&pattern::comparison("vulnerability:name", value));
            }
            Kind::MacAddr => {
                terms.value(value).pattern(&pattern::comparison("mac-addr:value", value));
            }
            Kind::Sha3_256 => hash(&mut terms, HashAlgorithm::Sha3_256, value, &["'SHA3-256'", "SHA3256"]),
            Kind::Sha3_512 => hash(&mut terms, HashAlgorithm::Sha3_512, value, &["'SHA3-512'", "SHA3512"]),
            Kind::Ssdeep => hash(&mut terms, HashAlgorithm::Ssdeep, value, &["SSDEEP", "'SSDEEP'", "ssdeep"]),
            Kind::Tlsh => hash(&mut terms, HashAlgorithm::Tlsh, value, &["TLSH", "'TLSH'"]),
            // OpenCTI keeps no such hashes of files: only a pattern can be about one.
            Kind::Sha224 => patterns(&mut terms, value, &["file:hashes.'SHA-224'", "file:hashes.SHA224"]),
            Kind::Sha384 => patterns(&mut terms, value, &["file:hashes.'SHA-384'", "file:hashes.SHA384"]),
            Kind::Imphash => patterns(&mut terms, value, &["file:hashes.IMPHASH", "file:hashes.'IMPHASH'"]),
            Kind::CertSha1 => {
                terms.hash(HashAlgorithm::Sha1, value);
                patterns(
                    &mut terms,
                    value,
                    &["x509-certificate:hashes.'SHA-1'", "x509-certificate:hashes.SHA1"],
                );
            }
            Kind::CertSha256 => {
                terms.hash(HashAlgorithm::Sha256, value);
                patterns(
                    &mut terms,
                    value,
                    &["x509-certificate:hashes.'SHA-256'", "x509-certificate:hashes.SHA256"],
                );
            }
            Kind::CertSerial => {
                for spelling in serial_spellings(value) {
                    terms
                        .observable_key(ObservableKey::CertificateSerialNumber, &spelling)
                        .pattern(&pattern::comparison("x509-certificate:serial_number", &spelling));
                }
            }
            Kind::Account => {
                terms
                    .observable_key(ObservableKey::AccountLogin, value)
                    .pattern(&pattern::comparison("user-account:account_login", value));
            }
            Kind::AccountId => {
                terms
                    .observable_key(ObservableKey::UserId, value)
                    .pattern(&pattern::comparison("user-account:user_id", value));
            }
            Kind::CommandLine => {
                terms
                    .observable_key(ObservableKey::CommandLine, value)
                    .pattern(&pattern::comparison("process:command_line", value));
            }
            Kind::Mutex => {
                terms
                    .observable_key(ObservableKey::MutexName, value)
                    .pattern(&pattern::comparison("mutex:name", value));
            }
            Kind::Asn => {
                if let Ok(number) = value.trim_start_matches("AS").parse::<u32>() {
                    terms
                        .autonomous_system(number)
                        .pattern(&format!("[autonomous-system:number = {number}]"));
                }
            }
            kind => {
                terms.value(value);
                if let Some((object_type, path)) = stix_property(kind) {
                    terms.pattern(&pattern::comparison(&format!("{object_type}:{path}"), value));
                }
            }
        }
    }
    terms
}

/// What to ask OpenCTI to find what surrounds a value. Only patterns: an observable alone is no near miss.
///
/// Names below a domain are found where they stand in a URL or after a dash, and where the platform's search splits
/// names at dots; OpenCTI has no question for "every name below this one" that does not read its whole index.
fn near_terms(near: &Near) -> Terms {
    let mut terms = Terms::new();
    for text in near.values.iter().chain(&near.hosts).chain(&near.domains).chain(&near.hashes) {
        phrase(&mut terms, text);
    }
    for domain in &near.domains {
        terms.pattern(&pattern::comparison("domain-name:value", domain));
        terms.pattern(&pattern::comparison("domain-name:value", &format!("www.{domain}")));
    }
    for network in &near.networks {
        match network {
            // 256 addresses: with the rest no more than one request holds.
            IpNet::V4(network) => {
                for ip in network.hosts().chain([network.network(), network.broadcast()]) {
                    terms.pattern(&pattern::comparison("ipv4-addr:value", &ip.to_string()));
                }
            }
            IpNet::V6(network) => phrase(&mut terms, &network.network().to_string()),
        }
    }
    terms
}

/// Patterns that compare with the value alone, or hold it among other things.
fn patterns(terms: &mut Terms, value: &str, paths: &[&str]) {
    for path in paths {
        terms.pattern(&pattern::comparison(path, value));
    }
    phrase(terms, value);
}

/// Patterns that hold the value among other things. A value that cannot be searched for so is asked for by its exact
/// patterns only.
fn phrase(terms: &mut Terms, value: &str) {
    let _ = terms.pattern_phrase(value);
}

/// An address by itself, and the networks it lies in, since feeds write `[ipv4-addr:value = '192.0.2.0/24']`.
fn address(terms: &mut Terms, ioc: &Ioc) {
    let Some(ip) = ioc.ip() else { return };
    let (path, lengths): (_, &[u8]) = match ip {
        IpAddr::V4(_) => {
            ("ipv4-addr:value", &[8, 12, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32])
        }
        IpAddr::V6(_) => ("ipv6-addr:value", &[32, 36, 40, 44, 48, 52, 56, 60, 64, 128]),
    };
    let value = ioc.value();
    terms.value(value).pattern(&pattern::comparison(path, value));
    phrase(terms, value);
    if let IpAddr::V6(v6) = ip {
        let expanded = expanded(v6);
        terms.value(&expanded).pattern(&pattern::comparison(path, &expanded));
    }
    for length in lengths {
        let Ok(network) = IpNet::new(ip, *length) else { continue };
        let network = network.trunc();
        terms.pattern(&pattern::comparison(path, &network.to_string()));
        // A network also stands inside longer patterns (ISSUBSET, OR), where only its text can be searched for. The
        // first address of a very large one, such as 8.0.0.0, stands in too many patterns that mean something else.
        if *length >= 16 {
            phrase(terms, &network.addr().to_string());
        }
    }
}

/// An IPv6 address with every digit, as some feeds write it.
fn expanded(ip: Ipv6Addr) -> String {
    ip.segments().iter().map(|s| format!("{s:04x}")).collect::<Vec<_>>().join(":")
}

/// A name by the three object types under which feeds file it, and its parents down to the registrable domain.
fn domain(terms: &mut Terms, name: &str) {
    terms.value(name);
    for path in ["domain-name:value", "hostname:value", "x-opencti-hostname:value"] {
        terms.pattern(&pattern::comparison(path, name));
    }
    phrase(terms, name);
    for parent in parents(name) {
        terms.pattern(&pattern::comparison("domain-name:value", parent));
    }
}

/// A URL as written, and with or without the lone slash at its end.
fn url_spellings(url: &str) -> Vec<String> {
    let mut spellings = vec![url.to_owned()];
    let path = url.split_once("://").map_or(url, |(_, rest)| rest);
    match path.strip_suffix('/') {
        Some(host) if !host.contains('/') => spellings.push(url[..url.len() - 1].to_owned()),
        None if !path.contains(['/', '?', '#']) => spellings.push(format!("{url}/")),
        _ => {}
    }
    spellings
}

/// A file hash by its algorithm, and by the spellings of the algorithm in patterns.
fn hash(terms: &mut Terms, algorithm: HashAlgorithm, hex: &str, spellings: &[&str]) {
    terms.hash(algorithm, hex);
    phrase(terms, hex);
    for spelling in spellings {
        terms.pattern(&pattern::comparison(&format!("file:hashes.{spelling}"), hex));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_asked_with_and_without_the_lone_slash() {
        assert_eq!(url_spellings("http://a.test/"), ["http://a.test/", "http://a.test"]);
        assert_eq!(url_spellings("http://a.test"), ["http://a.test", "http://a.test/"]);
        assert_eq!(url_spellings("http://a.test/x/"), ["http://a.test/x/"]);
        assert_eq!(url_spellings("http://a.test?q"), ["http://a.test?q"]);
    }

    #[test]
    fn addresses_are_expanded() {
        assert_eq!(expanded("2001:db8::1".parse().unwrap()), "2001:0db8:0000:0000:0000:0000:0000:0001");
    }

    /// Every kind that patterns speak of is asked for by its pattern.
    #[test]
    fn each_kind_is_asked_for() {
        let values = [
            (Kind::Asn, "AS13335", 2),
            (Kind::Mutex, r"Global\a", 2),
            (Kind::Account, r"CORP\bob", 2),
            (Kind::AccountId, "S-1-5-21-1-2-3-1104", 2),
            (Kind::CommandLine, "a.exe -x", 2),
            // The digits, and the pairs: as property and as pattern.
            (Kind::CertSerial, "9a1d3f", 4),
            (Kind::CertSha1, "5f0c1f7e9b2d4a6c8e0f1a3b5c7d9e2f4a6b8c0d", 4),
            (Kind::Imphash, "0cc175b9c0f1b6a831c399e269772661", 3),
            (Kind::Ssdeep, "3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C", 4),
            (Kind::Ethereum, "0xe28d93af0ce60ec913ebcfaaa9d81543c207e5c7", 2),
            (Kind::Ja3, "0cc175b9c0f1b6a831c399e269772661", 1),
        ];
        for (kind, value, count) in values {
            let ioc = Ioc::parse(kind, value).unwrap();
            assert_eq!((kind, terms(&[ioc]).len()), (kind, count));
        }
    }
}
