//! A question about a single value instead of an alert: the same way, without an alert around it.

use std::collections::HashSet;

use ioc_extract::{DomainName, Ioc, Kind, Url};
use ipnet::IpNet;

use crate::lookup::Findings;
use crate::matching::iocs_of;
use crate::policy::Policy;
use crate::select::{self, LeftOutReason, Selection, Sighting};
use crate::stix::{AtomKind, AtomValue, Pattern};
use crate::warning_lists::WarningLists;

impl Selection {
    /// A selection of just these IoCs, as if an alert had seen each of them plainly, in no field.
    ///
    /// It goes the same way as one [out of an alert](crate::select::select), so what comes of it is what an alert
    /// with these values would give. The policy is not asked: whoever names a value wants it looked up;
    /// [`left_out_of_alerts`] says what alerts would do.
    ///
    /// ```
    /// use enricher::{Bundle, Lookup, Policy, match_all, select::Selection};
    /// use ioc_extract::{Ioc, Kind};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let bundle = Bundle::from_slice(br#"{"type": "bundle", "objects": [{"type": "indicator", "id": "indicator--1",
    ///     "pattern": "[ipv4-addr:value = '9.9.9.0/24']", "pattern_type": "stix"}]}"#)?;
    /// let selection = Selection::of([Ioc::parse(Kind::Ipv4Addr, "9.9.9.9")?]);
    /// let findings = bundle.find(&selection.iocs()).await?;
    /// let matches = match_all(&selection, &findings, &Policy::default(), "2026-04-02T08:00:00Z".parse()?);
    /// assert_eq!(matches.indicators[0].how, "cidr");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn of(iocs: impl IntoIterator<Item = Ioc>) -> Self {
        let sighting = |(object, ioc)| Sighting {
            ioc,
            path: String::new(),
            span: None,
            via: String::new(),
            role: select::Role::Seen,
            object,
        };
        Self { sightings: (0..).zip(iocs).map(sighting).collect(), ..Self::default() }
    }
}

/// Why an alert that saw this IoC would not look it up; `None` when it would.
#[must_use]
pub fn left_out_of_alerts(ioc: &Ioc, policy: &Policy, lists: Option<&WarningLists>) -> Option<LeftOutReason> {
    select::reason_to_leave_out(ioc, policy)
        .or_else(|| lists?.lookup(ioc).map(|name| LeftOutReason::WarningList(name.to_owned())))
}

/// How an indicator is close to a value that its pattern is not true of. The order is that of closeness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Nearness {
    /// The pattern names another hash of the same file.
    SameFileOtherHash,
    /// The pattern names the same value as something else: an MD5 that is asked for as JA3, a name of a mutex.
    SameValueOtherKind,
    /// The pattern names a URL on the same host.
    UrlOnHost,
    /// The pattern names an e-mail address at the same domain.
    MailOfDomain,
    /// The pattern names another host below the same registrable domain.
    OtherHostOfDomain,
    /// The pattern names another address of the same network: /24 for IPv4, /64 for IPv6.
    OtherAddressOfNetwork,
}

impl Nearness {
    /// Every variant, the closest first.
    pub const ALL: &[Self] = &[
        Self::SameFileOtherHash,
        Self::SameValueOtherKind,
        Self::UrlOnHost,
        Self::MailOfDomain,
        Self::OtherHostOfDomain,
        Self::OtherAddressOfNetwork,
    ];

    /// A short fixed word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SameFileOtherHash => "same-file-other-hash",
            Self::SameValueOtherKind => "same-value-other-kind",
            Self::UrlOnHost => "url-on-host",
            Self::MailOfDomain => "mail-of-domain",
            Self::OtherHostOfDomain => "other-host-of-domain",
            Self::OtherAddressOfNetwork => "other-address-of-network",
        }
    }

    /// The word in a sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::SameFileOtherHash => "The pattern names another hash of the same file.",
            Self::SameValueOtherKind => "The pattern names the same value, but as something else.",
            Self::UrlOnHost => "The pattern names a URL on the same host.",
            Self::MailOfDomain => "The pattern names an e-mail address at the same domain.",
            Self::OtherHostOfDomain => "The pattern names another host below the same registrable domain.",
            Self::OtherAddressOfNetwork => {
                "The pattern names another address of the same network (/24, or /64 for IPv6)."
            }
        }
    }
}

/// What surrounds some values: what is asked for to find [near misses](Nearness), and the test whether one is.
///
/// ```
/// use enricher::{Findings, Near, Nearness, stix::Pattern};
/// use ioc_extract::{Ioc, Kind};
///
/// let near = Near::around(&[Ioc::parse(Kind::DomainName, "www.evil-c2.com")?], &Findings::default());
/// let is = |pattern| Pattern::parse(pattern).map(|pattern| near.nearness(&pattern));
/// assert_eq!(is("[domain-name:value = 'cdn.evil-c2.com']")?, Some(Nearness::OtherHostOfDomain));
/// assert_eq!(is("[url:value = 'http://www.evil-c2.com/a']")?, Some(Nearness::UrlOnHost));
/// assert_eq!(is("[domain-name:value = 'good.com']")?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Near {
    /// The values themselves, in lower case.
    pub(crate) values: Vec<String>,
    /// Names and addresses, those in URLs included.
    pub(crate) hosts: Vec<String>,
    /// The registrable domains of the names.
    pub(crate) domains: Vec<String>,
    /// The networks around the addresses.
    pub(crate) networks: Vec<IpNet>,
    /// Hashes that observables name beside the ones asked about.
    pub(crate) hashes: Vec<String>,
}

impl Near {
    /// What surrounds these IoCs. `findings` is what is known about them: it tells other hashes of the same files.
    #[must_use]
    pub fn around(iocs: &[Ioc], findings: &Findings) -> Self {
        let mut near = Self::default();
        for ioc in iocs {
            let value = ioc.value();
            push(&mut near.values, value.to_lowercase());
            match ioc.kind() {
                Kind::Url => {
                    if let Ok(url) = Url::parse(value) {
                        near.host(url.host());
                    }
                }
                Kind::EmailAddr => {
                    if let Some((_, domain)) = value.rsplit_once('@') {
                        near.host(domain);
                    }
                }
                Kind::DomainName | Kind::Ipv4Addr | Kind::Ipv6Addr => near.host(value),
                _ => {}
            }
        }
        let asked: HashSet<&Ioc> = iocs.iter().collect();
        for observable in &findings.observables {
            let known = iocs_of(observable);
            let same = |ioc: &Ioc| ioc.kind().is_file_hash() && asked.contains(ioc);
            if known.iter().any(same) {
                let others = known.iter().filter(|ioc| ioc.kind().is_file_hash() && !asked.contains(ioc));
                others.for_each(|ioc| push(&mut near.hashes, ioc.value().to_owned()));
            }
        }
        near
    }

    fn host(&mut self, host: &str) {
        push(&mut self.hosts, host.to_owned());
        if let Ok(address) = host.parse::<std::net::IpAddr>() {
            let length = if address.is_ipv4() { 24 } else { 64 };
            if let Ok(network) = IpNet::new(address, length) {
                push(&mut self.networks, network.trunc());
            }
        } else if let Some(domain) =
            DomainName::parse(host).ok().and_then(|d| d.registrable().map(str::to_owned))
        {
            push(&mut self.domains, domain);
        } else {
            // A reserved top-level domain has no registry.
            push(&mut self.domains, crate::matching::parents(host).last().unwrap_or(host).to_owned());
        }
    }

    /// Whether there is nothing to ask about.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How close a pattern comes, by the closest of the values that it names; `None` when it does not.
    ///
    /// It says nothing of whether the pattern is true: that has to be known before.
    #[must_use]
    pub fn nearness(&self, pattern: &Pattern) -> Option<Nearness> {
        let atoms = pattern.atoms();
        atoms.atoms.iter().filter_map(|atom| self.nearness_of(&atom.kind, &atom.value)).min()
    }

    fn nearness_of(&self, kind: &AtomKind, value: &AtomValue) -> Option<Nearness> {
        let text = match value {
            AtomValue::Text(text) => &**text,
            AtomValue::Network(network) => {
                let is_near = self.networks.iter().any(|around| around.contains(network));
                return is_near.then_some(Nearness::OtherAddressOfNetwork);
            }
        };
        match kind {
            AtomKind::Hash if self.hashes.iter().any(|hash| hash == text) => {
                Some(Nearness::SameFileOtherHash)
            }
            _ if self.values.iter().any(|value| value == text) => Some(Nearness::SameValueOtherKind),
            AtomKind::Url => {
                let url = Url::parse(text).ok()?;
                if self.hosts.iter().any(|host| host == url.host()) {
                    Some(Nearness::UrlOnHost)
                } else {
                    self.is_below(url.host()).then_some(Nearness::OtherHostOfDomain)
                }
            }
            AtomKind::Email => {
                let (_, domain) = text.rsplit_once('@')?;
                self.is_below(domain).then_some(Nearness::MailOfDomain)
            }
            AtomKind::Domain => self.is_below(text).then_some(Nearness::OtherHostOfDomain),
            _ => None,
        }
    }

    fn is_below(&self, name: &str) -> bool {
        self.domains.iter().any(|domain| {
            name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

fn push<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opencti_client::{Hash, Observable};

    fn near(iocs: &[(Kind, &str)], findings: &Findings) -> Near {
        let iocs: Vec<Ioc> = iocs.iter().map(|(kind, value)| Ioc::parse(*kind, value).unwrap()).collect();
        Near::around(&iocs, findings)
    }

    fn words(near: &Near, patterns: &[&str]) -> Vec<&'static str> {
        let word =
            |text: &&str| near.nearness(&Pattern::parse_lenient(text).unwrap()).map_or("-", Nearness::as_str);
        patterns.iter().map(word).collect()
    }

    #[test]
    fn what_surrounds_an_address() {
        let near = near(&[(Kind::Ipv4Addr, "9.9.9.9")], &Findings::default());
        let patterns = [
            "[ipv4-addr:value = '9.9.9.10']",
            "[ipv4-addr:value = '9.9.9.128/25']",
            "[ipv4-addr:value = '9.9.0.0/16']",
            "[ipv4-addr:value = '9.9.8.9']",
            "[url:value = 'http://9.9.9.9:80/x']",
            "[x-sensor:note = '9.9.9.9']",
        ];
        let expected = [
            "other-address-of-network",
            "other-address-of-network",
            "-",
            "-",
            "url-on-host",
            "same-value-other-kind",
        ];
        assert_eq!(words(&near, &patterns), expected);
    }

    #[test]
    fn what_surrounds_a_name_a_url_and_a_mail_address() {
        let patterns = [
            "[domain-name:value = 'cdn.evil-c2.com']",
            "[domain-name:value = 'notevil-c2.com']",
            "[domain-name:value = 'com']",
            "[url:value = 'https://www.evil-c2.com/b']",
            "[url:value = 'https://cdn.evil-c2.com/b']",
            "[email-addr:value = 'x@evil-c2.com']",
            "[file:name = 'www.evil-c2.com']",
        ];
        let name = near(&[(Kind::DomainName, "www.evil-c2.com")], &Findings::default());
        let expected = [
            "other-host-of-domain",
            "-",
            "-",
            "url-on-host",
            "other-host-of-domain",
            "mail-of-domain",
            "same-value-other-kind",
        ];
        assert_eq!(words(&name, &patterns), expected);
        let url = near(&[(Kind::Url, "http://www.evil-c2.com/a")], &Findings::default());
        assert_eq!(words(&url, &patterns)[..6], expected[..6]);
        let mail = near(&[(Kind::EmailAddr, "y@evil-c2.com")], &Findings::default());
        assert_eq!(words(&mail, &patterns[5..6]), ["mail-of-domain"]);
    }

    #[test]
    fn reserved_domains_have_neighbours_too() {
        let near = near(&[(Kind::DomainName, "a.b.evil.test")], &Findings::default());
        assert_eq!(words(&near, &["[domain-name:value = 'c.evil.test']"]), ["other-host-of-domain"]);
        let near = self::near(&[(Kind::EmailAddr, "a@evil.test")], &Findings::default());
        assert_eq!(words(&near, &["[email-addr:value = 'b@evil.test']"]), ["mail-of-domain"]);
    }

    #[test]
    fn other_hashes_are_those_of_the_same_file() {
        let md5 = "df0936cf908ac69474b7b99b22551901";
        let sha1 = "d7bf8f4471745e1ce5615566c8a8f0439101a689";
        let hash = |algorithm: &str, hash: &str| Hash { algorithm: algorithm.into(), hash: hash.into() };
        let file =
            |hashes| Observable { entity_type: Some("StixFile".into()), hashes, ..Observable::default() };
        let pattern = format!("[file:hashes.'SHA-1' = '{}']", sha1.to_uppercase());
        let with = |hashes| {
            let findings = Findings { observables: vec![file(hashes)], ..Findings::default() };
            words(&near(&[(Kind::Md5, md5)], &findings), &[&pattern])
        };
        assert_eq!(with(vec![hash("MD5", md5), hash("SHA-1", sha1)]), ["same-file-other-hash"]);
        assert_eq!(with(vec![hash("SHA-1", sha1)]), ["-"]);
    }

    #[test]
    fn words_are_one_each_and_in_order() {
        let words: HashSet<&str> = Nearness::ALL.iter().map(|nearness| nearness.as_str()).collect();
        assert_eq!(words.len(), Nearness::ALL.len());
        assert!(Nearness::ALL.is_sorted());
    }

    #[test]
    fn what_alerts_leave_out_is_told() {
        let reason = |kind, value: &str| {
            let ioc = Ioc::parse(kind, value).unwrap();
            left_out_of_alerts(&ioc, &Policy::default(), None).map(|reason| reason.as_str())
        };
        assert_eq!(reason(Kind::Ipv4Addr, "10.0.0.1"), Some("not-global"));
        assert_eq!(reason(Kind::FileName, "a.exe"), Some("kind-off"));
        assert_eq!(reason(Kind::DomainName, "evil.test"), Some("reserved-name"));
        assert_eq!(reason(Kind::Ipv4Addr, "9.9.9.9"), None);
    }
}
