//! Kinds of indicators, and one indicator in its canonical form.

use std::{borrow::Cow, fmt, net::IpAddr, str::FromStr};

use crate::{
    error::{Rejected, UnknownKind},
    kind,
    special::{reserved_name, special_purpose},
};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What an indicator is.
        ///
        /// The text form ([`Kind::as_str`], [`Display`](fmt::Display), [`FromStr`]) follows STIX object types, with
        /// `file:` before hashes of a file's content and `cert:` before those of a certificate.
        ///
        /// Each kind in a text, and the value that is found there:
        ///
        /// ```
        /// use ioc_extract::{Extractor, Kind, Profile};
        ///
        /// let examples = [
        ///     (Kind::Ipv4Addr, "refused 91.198.174.192:8080 twice", "91.198.174.192"),
        ///     (Kind::Ipv6Addr, "peer [2001:470:1:18::119]:443 is up", "2001:470:1:18::119"),
        ///     (Kind::Cidr, "route 91.198.174.0/24 withdrawn", "91.198.174.0/24"),
        ///     (Kind::DomainName, "query: Bad-Host.net IN A", "bad-host.net"),
        ///     (Kind::OnionService, "at 4kgzhlym4yhmse7lz6vktwavipbapzohlmohjdjwio2p2gcwj2gugqad.onion",
        ///         "4kgzhlym4yhmse7lz6vktwavipbapzohlmohjdjwio2p2gcwj2gugqad.onion"),
        ///     (Kind::Url, "GET https://bad-host.net/a?b=c", "https://bad-host.net/a?b=c"),
        ///     (Kind::EmailAddr, "from=<Someone@Bad-Host.net>", "someone@bad-host.net"),
        ///     (Kind::Xmpp, "write to someone@jabber.bad-host.net", "someone@jabber.bad-host.net"),
        ///     (Kind::PhoneNumber, "call +61 491 570 006 now", "+61491570006"),
        ///     (Kind::Md5, "is DF0936CF908AC69474B7B99B22551901", "df0936cf908ac69474b7b99b22551901"),
        ///     (Kind::Sha1, "is d7bf8f4471745e1ce5615566c8a8f0439101a689",
        ///         "d7bf8f4471745e1ce5615566c8a8f0439101a689"),
        ///     (Kind::Sha256, "is 52a696baaa7f75946ced9aec0d5a2f74d27764f498d1761ffce690887933ee32",
        ///         "52a696baaa7f75946ced9aec0d5a2f74d27764f498d1761ffce690887933ee32"),
        ///     (Kind::Sha3_256, "SHA3-256: 684b793bed415d44aba8100a0c1ac38c23e83c5bb0e4abde9e994be11d45db32",
        ///         "684b793bed415d44aba8100a0c1ac38c23e83c5bb0e4abde9e994be11d45db32"),
        ///     (Kind::Imphash, "IMPHASH=DF0936CF908AC69474B7B99B22551901", "df0936cf908ac69474b7b99b22551901"),
        ///     (Kind::Authentihash,
        ///         "authentihash 52a696baaa7f75946ced9aec0d5a2f74d27764f498d1761ffce690887933ee32",
        ///         "52a696baaa7f75946ced9aec0d5a2f74d27764f498d1761ffce690887933ee32"),
        ///     (Kind::Ssdeep, "ssdeep 3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C", "3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C"),
        ///     (Kind::Tlsh, "T1A22EDEEFBC51F0A0A97F66197E1303CA261970A4A4F9D1A16F13A1265723A67A312C65",
        ///         "T1A22EDEEFBC51F0A0A97F66197E1303CA261970A4A4F9D1A16F13A1265723A67A312C65"),
        ///     (Kind::FileName, "it drops invoice_7.exe", "invoice_7.exe"),
        ///     (Kind::FilePath, r"started C:\Users\Public\loader", r"C:\Users\Public\loader"),
        ///     (Kind::RegistryKey, r"set HKCU\Software\Bad\Run", r"HKEY_CURRENT_USER\Software\Bad\Run"),
        ///     (Kind::NamedPipe, r"opened \\.\pipe\badpipe7", r"\\.\pipe\badpipe7"),
        ///     (Kind::MacAddr, "from 00-1A-2B-3C-4D-5E on", "00:1a:2b:3c:4d:5e"),
        ///     (Kind::Asn, "announced by AS64500", "AS64500"),
        ///     (Kind::Cve, "exploits cve-2021-44228", "CVE-2021-44228"),
        ///     (Kind::AttackTechnique, "uses T1059.001", "T1059.001"),
        ///     (Kind::AttackTactic, "is TA0011 by", "TA0011"),
        ///     (Kind::AttackMitigation, "by M1042 only", "M1042"),
        ///     (Kind::Ja3, "ja3=df0936cf908ac69474b7b99b22551901", "df0936cf908ac69474b7b99b22551901"),
        ///     (Kind::Ja3s, "ja3s=df0936cf908ac69474b7b99b22551901", "df0936cf908ac69474b7b99b22551901"),
        ///     (Kind::Ja4, "t13d1516h2_8daaf6152771_b186095e22b6", "t13d1516h2_8daaf6152771_b186095e22b6"),
        ///     (Kind::CertSha1, "thumbprint: D7BF8F4471745E1CE5615566C8A8F0439101A689",
        ///         "d7bf8f4471745e1ce5615566c8a8f0439101a689"),
        ///     (Kind::Bitcoin, "pay bc1qu2xe8tcvuc8vjylte742nkq4g0pq0ew8602pdl",
        ///         "bc1qu2xe8tcvuc8vjylte742nkq4g0pq0ew8602pdl"),
        ///     (Kind::Litecoin, "pay LfsraW37ZXMXjdbxXV9X36ba3C1WJ1fi11", "LfsraW37ZXMXjdbxXV9X36ba3C1WJ1fi11"),
        ///     (Kind::Ethereum, "pay 0xE28d93aF0CE60eC913eBcfaaA9D81543C207E5C7",
        ///         "0xe28d93af0ce60ec913ebcfaaa9d81543c207e5c7"),
        ///     (Kind::Arn, "by arn:aws:iam::123456789012:role/Admin", "arn:aws:iam::123456789012:role/Admin"),
        ///     (Kind::AnalyticsId, "with UA-12345678-9", "UA-12345678-9"),
        ///     (Kind::AdsenseId, "with pub-1234567890123456", "pub-1234567890123456"),
        ///     (Kind::TlpMarking, "This is TLP:AMBER.", "TLP:AMBER"),
        /// ];
        /// let extractor = Extractor::builder().profile(Profile::Report).build();
        /// for (kind, text, value) in examples {
        ///     assert!(extractor.scan(text).any(|found| found.kind == kind && found.value == value), "{text}");
        /// }
        /// // Mutexes, user agents, accounts, command lines and serial numbers look like any text: fields that hold
        /// // them are read with `Ioc::parse`.
        /// let fields = [
        ///     (Kind::Mutex, r"Global\BadMutex7", r"Global\BadMutex7"),
        ///     (Kind::UserAgent, "Mozilla/5.0 (Bad)", "Mozilla/5.0 (Bad)"),
        ///     (Kind::Account, r"CORP\bob", r"CORP\bob"),
        ///     (Kind::AccountId, "s-1-5-21-1-2-3-1104", "S-1-5-21-1-2-3-1104"),
        ///     (Kind::CommandLine, " whoami /all ", "whoami /all"),
        ///     (Kind::CertSerial, "00:9A:1D:3F:5B", "9a1d3f5b"),
        /// ];
        /// for (kind, text, value) in fields {
        ///     assert_eq!(ioc_extract::Ioc::parse(kind, text)?.value(), value);
        /// }
        /// # Ok::<(), ioc_extract::Rejected>(())
        /// ```
        #[non_exhaustive]
        #[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
        #[repr(u8)]
        pub enum Kind { $($(#[$doc])* $name),+ }

        impl Kind {
            const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The kind's name, such as `ipv4-addr` or `file:sha256`; stable between versions.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

kinds! {
    /// An IPv4 address, as a dotted quad without leading zeros.
    Ipv4Addr = "ipv4-addr",
    /// An IPv6 address in the form of RFC 5952, with neither brackets nor zone.
    Ipv6Addr = "ipv6-addr",
    /// A network: address, `/`, prefix length. The address is kept as written, host bits included.
    Cidr = "cidr",
    /// A name below a public suffix: lower case, A-labels (`xn--`), no trailing dot.
    DomainName = "domain-name",
    /// An onion service: its 56 (or 16) letters followed by `.onion`.
    OnionService = "onion",
    /// A URL with scheme and host in lower case, the rest as written.
    Url = "url",
    /// An e-mail address in lower case.
    EmailAddr = "email-addr",
    /// An address at a Jabber (XMPP) host in lower case; found only in reports.
    Xmpp = "xmpp",
    /// A telephone number: `+` and digits, or the digits alone where no country code was written; found only in reports.
    PhoneNumber = "phone",
    /// MD5 of a file's content, lower-case hex; likewise the other hashes.
    Md5 = "file:md5",
    /// SHA-1 of a file's content.
    Sha1 = "file:sha1",
    /// SHA-224 of a file's content.
    Sha224 = "file:sha224",
    /// SHA-256 of a file's content.
    Sha256 = "file:sha256",
    /// SHA-384 of a file's content.
    Sha384 = "file:sha384",
    /// SHA-512 of a file's content.
    Sha512 = "file:sha512",
    /// SHA3-256 of a file's content; found only where a label says so.
    Sha3_256 = "file:sha3-256",
    /// SHA3-512 of a file's content; found only where a label says so.
    Sha3_512 = "file:sha3-512",
    /// MD5 over a PE file's imports; found only where a label says so.
    Imphash = "file:imphash",
    /// SHA-256 over a PE file as Authenticode signs it; found only where a label says so.
    Authentihash = "file:authentihash",
    /// An ssdeep (context triggered piecewise) hash; its case matters.
    Ssdeep = "file:ssdeep",
    /// A TLSH digest: `T1` and 70 upper-case hex digits (72 where written with its own version).
    Tlsh = "file:tlsh",
    /// The base name of a file.
    FileName = "file-name",
    /// A path: of Windows with a drive or a share, or absolute of POSIX.
    FilePath = "file-path",
    /// A registry key below its hive's long name (`HKEY_LOCAL_MACHINE\…`).
    RegistryKey = "windows-registry-key",
    /// The name of a mutex; never searched for in text.
    Mutex = "mutex",
    /// A named pipe (`\\.\pipe\NAME`).
    NamedPipe = "named-pipe",
    /// A MAC address: six pairs of lower-case hex digits joined by colons.
    MacAddr = "mac-addr",
    /// An autonomous system: `AS` and its number.
    Asn = "autonomous-system",
    /// A user agent as a client sent it.
    UserAgent = "user-agent",
    /// The name with which a user logs in, as written, with its domain where one stands before it (`CORP\bob`); never
    /// searched for in text. Accounts of machines (`WIN-1$`) and of the system itself are none.
    Account = "user-account",
    /// The security identifier (SID) of an account that somebody created; never searched for in text.
    AccountId = "user-id",
    /// The command line of a process, as written; never searched for in text.
    CommandLine = "command-line",
    /// A vulnerability: `CVE-YYYY-N`.
    Cve = "cve",
    /// A technique of MITRE ATT&CK: `T1059` or `T1059.001`.
    AttackTechnique = "attack",
    /// A tactic of MITRE ATT&CK: `TA0001`.
    AttackTactic = "attack_tactic",
    /// A mitigation of MITRE ATT&CK: `M1013`; found only in reports.
    AttackMitigation = "attack_mitigation",
    /// The JA3 fingerprint of a TLS client; found only where a label says so.
    Ja3 = "ja3",
    /// The JA3S fingerprint of a TLS server; found only where a label says so.
    Ja3s = "ja3s",
    /// The JA4 fingerprint of a TLS client.
    Ja4 = "ja4",
    /// SHA-1 fingerprint of a certificate; found only where a label says so.
    CertSha1 = "cert:sha1",
    /// SHA-256 fingerprint of a certificate; found only where a label says so.
    CertSha256 = "cert:sha256",
    /// Serial number of a certificate: lower-case hex without leading zeros; never searched for in text.
    CertSerial = "cert:serial",
    /// A Bitcoin address with a valid checksum.
    Bitcoin = "btc",
    /// A Bitcoin Cash address with a valid checksum, without `bitcoincash:`.
    BitcoinCash = "bch",
    /// A Litecoin address with a valid checksum.
    Litecoin = "ltc",
    /// A Dogecoin address with a valid checksum.
    Dogecoin = "doge",
    /// A Dash address with a valid checksum.
    Dash = "dash",
    /// An Ethereum address; where it is in mixed case the checksum of ERC-55 is valid.
    Ethereum = "eth",
    /// A Monero address with a valid checksum.
    Monero = "xmr",
    /// A TRON address with a valid checksum.
    Tron = "trx",
    /// An XRP Ledger address with a valid checksum.
    Ripple = "xrp",
    /// A Tezos address with a valid checksum.
    Tezos = "xtz",
    /// A Cardano address with a valid checksum.
    Cardano = "ada",
    /// A Solana address (32 bytes in base58, which has no checksum); found only in reports.
    Solana = "sol",
    /// An Amazon resource name (`arn:aws:…`).
    Arn = "arn",
    /// A Google Analytics property (`UA-…`).
    AnalyticsId = "ga_tracker",
    /// A Google AdSense publisher (`pub-` and 16 digits).
    AdsenseId = "ga_pub",
    /// How far a report may be passed on, by the Traffic Light Protocol: `TLP:AMBER`; found only in reports.
    TlpMarking = "tlp",
}

impl Kind {
    /// All kinds.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + Clone {
        Self::ALL.iter().copied()
    }

    /// Whether this is a hash of a file's content (or of a part of it).
    #[must_use]
    pub const fn is_file_hash(self) -> bool {
        matches!(
            self,
            Self::Md5
                | Self::Sha1
                | Self::Sha224
                | Self::Sha256
                | Self::Sha384
                | Self::Sha512
                | Self::Sha3_256
                | Self::Sha3_512
                | Self::Imphash
                | Self::Authentihash
                | Self::Ssdeep
                | Self::Tlsh
        )
    }

    const fn bit(self) -> u128 {
        1 << self as u8
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::all().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// A set of kinds.
///
/// ```
/// use ioc_extract::{Kind, KindSet};
/// let addresses: KindSet = [Kind::Ipv4Addr, Kind::Ipv6Addr].into_iter().collect();
/// assert!(addresses.contains(Kind::Ipv6Addr) && !addresses.contains(Kind::Url));
/// ```
#[derive(Copy, Clone, Eq, PartialEq, Hash)]
pub struct KindSet(u128);

impl KindSet {
    /// No kind.
    pub const EMPTY: Self = Self(0);
    /// Every kind.
    pub const ALL: Self = Self((1 << Kind::ALL.len()) - 1);

    /// Whether the kind is in the set.
    #[must_use]
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// The set with one more kind.
    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | kind.bit())
    }

    /// The set without a kind.
    #[must_use]
    pub const fn without(self, kind: Kind) -> Self {
        Self(self.0 & !kind.bit())
    }

    /// The kinds in the set, in the order of [`Kind::all`].
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::all().filter(move |kind| self.contains(*kind))
    }
}

impl FromIterator<Kind> for KindSet {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Debug for KindSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// One indicator: a kind and a value in that kind's canonical form.
///
/// Two spellings of the same thing are equal, so that an `Ioc` can be a key:
///
/// ```
/// use ioc_extract::{Ioc, Kind};
/// let a = Ioc::parse(Kind::Ipv6Addr, "2001:0DB8:0:0::1")?;
/// let b = Ioc::parse(Kind::Ipv6Addr, "[2001:db8::1]")?;
/// assert_eq!(a, b);
/// assert_eq!(a.value(), "2001:db8::1");
/// # Ok::<(), ioc_extract::Rejected>(())
/// ```
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct Ioc {
    kind: Kind,
    value: Box<str>,
}

impl Ioc {
    /// Reads a field whose kind is known: trims it, makes it canonical, validates it.
    ///
    /// An IPv4-mapped IPv6 address becomes an IPv4 address, so [`Ioc::kind`] may differ from the kind asked for; the
    /// same holds for an address given as a [`Kind::Cidr`] without a prefix length. Nothing is refanged or decoded
    /// here; that is what [`Extractor`](crate::Extractor) does.
    ///
    /// Names and hashes that are well formed but can say nothing, such as `example.com` or the MD5 of the empty
    /// file, are accepted; [`Ioc::reserved`] tells them.
    ///
    /// # Errors
    ///
    /// Why the text is no indicator of this kind.
    ///
    /// ```
    /// use ioc_extract::{Ioc, Kind, Rejected};
    /// assert_eq!(Ioc::parse(Kind::DomainName, " Evil-C2.COM. ")?.value(), "evil-c2.com");
    /// assert_eq!(Ioc::parse(Kind::DomainName, "srv01.lan"), Err(Rejected::NoPublicSuffix));
    /// assert_eq!(Ioc::parse(Kind::Ipv6Addr, "::ffff:45.77.12.9")?.kind(), Kind::Ipv4Addr);
    /// # Ok::<(), Rejected>(())
    /// ```
    pub fn parse(kind: Kind, text: &str) -> Result<Self, Rejected> {
        let (kind, value) = kind::canonical(kind, text)?;
        Ok(Self { kind, value: value.into() })
    }

    /// `value` must be in the canonical form of `kind`.
    pub(crate) fn from_canonical(kind: Kind, value: Cow<'_, str>) -> Self {
        Self { kind, value: value.into() }
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The canonical value.
    #[must_use]
    pub const fn value(&self) -> &str {
        &self.value
    }

    /// The address, for an IPv4 or IPv6 address and for a network (its address part).
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self.kind {
            Kind::Ipv4Addr | Kind::Ipv6Addr => self.value.parse().ok(),
            Kind::Cidr => self.value.split('/').next()?.parse().ok(),
            _ => None,
        }
    }

    /// Whether an address or network is globally routable by IANA's special-purpose registries; `None` for other
    /// kinds. [`special_purpose`] names the block.
    #[must_use]
    pub fn is_global(&self) -> Option<bool> {
        self.ip().map(|ip| special_purpose(ip).is_none())
    }

    /// Why a well-formed value can say nothing: [`Rejected::ReservedName`], [`Rejected::EmptyFileHash`] or
    /// [`Rejected::PlaceholderHash`]. `None` for the others.
    ///
    /// For a URL or an e-mail address its host is judged.
    #[must_use]
    pub fn reserved(&self) -> Option<Rejected> {
        reserved(self.kind, &self.value)
    }
}

/// As [`Ioc::reserved`], for a canonical value.
pub(crate) fn reserved(kind: Kind, value: &str) -> Option<Rejected> {
    match kind {
        Kind::DomainName => reserved_name(value).then_some(Rejected::ReservedName),
        Kind::EmailAddr => value
            .rsplit_once('@')
            .is_some_and(|(_, host)| reserved_name(host))
            .then_some(Rejected::ReservedName),
        Kind::Url => kind::url::host_of(value).is_some_and(reserved_name).then_some(Rejected::ReservedName),
        kind if kind.is_file_hash() => kind::hash::reserved(value),
        _ => None,
    }
}

impl fmt::Display for Ioc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_kinds_round_trip_and_fit_the_set() {
        assert!(Kind::all().len() < 128);
        for kind in Kind::all() {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert!(KindSet::ALL.contains(kind));
            assert!(!KindSet::ALL.without(kind).contains(kind));
        }
        assert_eq!(KindSet::ALL.iter().count(), Kind::all().len());
        insta::assert_snapshot!("ip".parse::<Kind>().unwrap_err(), @"`ip` is no kind of indicator; kinds are written as in `ipv4-addr` or `file:sha256`");
    }
}
