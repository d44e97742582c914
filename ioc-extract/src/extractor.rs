//! The extractor: what to look for, and the iterators over what was found.

use std::{borrow::Cow, fmt, ops::Range};

use crate::{
    error::Rejected,
    ioc::{Ioc, Kind, KindSet, reserved},
    scan::{Config, Scanner},
};

/// What kind of text is read, and so how much may be guessed.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Default)]
pub enum Profile {
    /// Machine-written text: logs, command lines, fields of alerts. Only unmistakable forms of defanging are undone,
    /// and a name needs a sign that it is one.
    #[default]
    Log,
    /// Text by people about threats: reports, tickets, chat. Every known habit of defanging is undone (`evil .com`,
    /// `bob at evil dot com`), URLs without a scheme and file names count as well.
    Report,
}

/// Bounds of the work spent on decoding within one scan. Without the feature `decode` nothing is decoded whatever they
/// say.
///
/// ```
/// # #[cfg(feature = "decode")] {
/// use ioc_extract::{DecodeLimits, Extractor};
/// let extractor = Extractor::builder().decode(DecodeLimits { depth: 2, ..DecodeLimits::default() }).build();
/// assert_eq!(extractor.scan("aHR0cDovL2V2aWwtYzIuY29tL2EucHMx").count(), 2); // the URL and its host
/// let extractor = Extractor::builder().decode(DecodeLimits::NONE).build();
/// assert_eq!(extractor.scan("aHR0cDovL2V2aWwtYzIuY29tL2EucHMx").count(), 0);
/// # }
/// ```
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct DecodeLimits {
    /// How many decodings may lie within each other. Default 4; 0 turns decoding off.
    pub depth: u8,
    /// How many texts may be decoded. Default 64, and one more for each 4 KiB of input.
    pub nodes: u32,
    /// How many bytes all decoded texts may have together, as a multiple of the input's length (at least 4 KiB are
    /// granted). Default 4.
    pub growth: u32,
}

impl DecodeLimits {
    /// No decoding at all.
    pub const NONE: Self = Self { depth: 0, nodes: 0, growth: 0 };
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { depth: 4, nodes: 64, growth: 4 }
    }
}

/// How an IPv4 address is given that is written as an IPv4-mapped IPv6 address, such as `::ffff:45.77.12.9`.
///
/// [`Ioc::parse`] always makes the IPv4 address of it.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug, Default)]
pub enum MappedAddresses {
    /// As the IPv4 address in it and as the IPv6 address that stands there, in this order: feeds hold either.
    #[default]
    Both,
    /// As the IPv4 address, which is whoever sent the packet that a log shows like this.
    Ipv4,
    /// As the IPv6 address that stands there.
    AsWritten,
}

/// One way in which a value can be hidden.
#[non_exhaustive]
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub enum Decoding {
    /// Written so that nobody follows it by accident: `hxxp`, `[.]`, `(at)`.
    Defang,
    /// Percent-encoding of URLs.
    Percent,
    /// Entities of HTML and XML.
    Entities,
    /// Base64, also with its URL-safe alphabet.
    Base64,
    /// UTF-16, of either byte order.
    Utf16,
    /// A gzip, zlib or raw deflate stream.
    Gzip,
    /// Hex digits.
    Hex,
    /// Escape characters of cmd (`^`) and PowerShell (`` ` ``).
    Caret,
    /// A string glued together from pieces: `'a'+'b'`, `"a" & "b"`.
    Concat,
    /// `.Replace('zz','tt')` applied to a string literal.
    Replace,
    /// Numbers of characters: `[char[]](104,116,…)`.
    CharCodes,
    /// An IPv4 address as one integer or with octal or hex parts.
    IntegerAddress,
    /// Escapes of string literals: `\x68`, `\u0068`, `\150`, `\/`.
    Escape,
    /// Invisible characters within: zero-width space, soft hyphen.
    Invisible,
    /// A string read backwards.
    Reverse,
}

impl Decoding {
    /// A short, stable, lower-case label, such as `base64`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Defang => "defang",
            Self::Percent => "percent",
            Self::Entities => "entities",
            Self::Base64 => "base64",
            Self::Utf16 => "utf-16",
            Self::Gzip => "gzip",
            Self::Hex => "hex",
            Self::Caret => "caret",
            Self::Concat => "concat",
            Self::Replace => "replace",
            Self::CharCodes => "char-codes",
            Self::IntegerAddress => "integer-address",
            Self::Escape => "escape",
            Self::Invisible => "invisible",
            Self::Reverse => "reverse",
        }
    }
}

impl fmt::Display for Decoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The chain of decodings that led to a value, the outermost first; empty for a value that stands there plainly.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Default)]
pub struct Via {
    steps: [Option<Decoding>; Self::MAX],
}

impl Via {
    /// Longer chains keep their first steps.
    const MAX: usize = 12;

    /// Whether the value stood there plainly.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.steps[0].is_none()
    }

    /// The decodings, the outermost first.
    pub fn iter(&self) -> impl Iterator<Item = Decoding> + '_ {
        self.steps.iter().map_while(|step| *step)
    }

    /// This chain with one more decoding inside.
    pub(crate) fn then(mut self, decoding: Decoding) -> Self {
        if let Some(slot) = self.steps.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(decoding);
        }
        self
    }

    /// This chain with another inside.
    pub(crate) fn and(self, inner: Self) -> Self {
        inner.iter().fold(self, Self::then)
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(">")?;
            }
            f.write_str(step.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// An indicator found in a text.
#[non_exhaustive]
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct Found<'t> {
    /// What it is.
    pub kind: Kind,
    /// Where it stands, in bytes of the text given. For a decoded value, where its encoded form stands.
    pub span: Range<usize>,
    /// The canonical value, borrowed from the text where it stands there in this form.
    pub value: Cow<'t, str>,
    /// How it was hidden.
    pub via: Via,
}

impl Found<'_> {
    /// The indicator, detached from the text.
    #[must_use]
    pub fn ioc(&self) -> Ioc {
        Ioc::from_canonical(self.kind, Cow::Borrowed(&self.value))
    }

    /// As [`Ioc::reserved`].
    #[must_use]
    pub fn reserved(&self) -> Option<Rejected> {
        reserved(self.kind, &self.value)
    }
}

/// A candidate that has the form of an indicator and was not taken for one.
#[non_exhaustive]
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct LeftOut {
    /// What it would have been.
    pub kind: Kind,
    /// Where it stands, in bytes of the text given.
    pub span: Range<usize>,
    /// Why it was left out.
    pub reason: Rejected,
}

/// What [`Extractor::scan_all`] yields.
#[derive(Clone, Eq, PartialEq, Debug)]
pub enum Item<'t> {
    /// An indicator.
    Found(Found<'t>),
    /// A candidate that was left out.
    LeftOut(LeftOut),
}

/// Finds indicators in text.
///
/// Cheap to make and to copy; holds no state between scans. Time is linear in the length of the text and memory in the
/// number of things found, whatever the text.
///
/// ```
/// use ioc_extract::{Extractor, Kind};
/// let text = "conn from 45.77.12.9:8443 GET hxxp://evil-c2[.]com/a.ps1";
/// let found: Vec<_> = Extractor::new().scan(text).map(|f| (f.kind, f.value.into_owned())).collect();
/// assert_eq!(found, [
///     (Kind::Ipv4Addr, "45.77.12.9".to_owned()),
///     (Kind::Url, "http://evil-c2.com/a.ps1".to_owned()),
///     (Kind::DomainName, "evil-c2.com".to_owned()),
/// ]);
/// ```
#[derive(Copy, Clone, Debug)]
pub struct Extractor {
    config: Config,
}

impl Default for Extractor {
    fn default() -> Self {
        Self::new()
    }
}

impl Extractor {
    /// For logs, with the default limits: [`Profile::Log`].
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Settings other than those of [`Extractor::new`].
    pub fn builder() -> ExtractorBuilder {
        ExtractorBuilder {
            kinds: None,
            profile: Profile::Log,
            decode: DecodeLimits::default(),
            reserved: true,
            mapped: MappedAddresses::default(),
        }
    }

    /// The indicators in a text, in the order in which they begin.
    ///
    /// The host of a URL is found as well, as a domain or an address of its own, and so are the address of a network
    /// and the host of a share. The domain of an e-mail address is not.
    #[must_use]
    pub fn scan<'t>(&self, text: &'t str) -> Matches<'t> {
        let scanner = Scanner::new(text.as_bytes(), Some(text), self.config);
        Matches { items: Items { scanner, last: 0 } }
    }

    /// As [`Extractor::scan`], for bytes that need not be UTF-8 throughout.
    #[must_use]
    pub fn scan_bytes<'t>(&self, bytes: &'t [u8]) -> Matches<'t> {
        Matches { items: self.scan_all(bytes) }
    }

    /// As [`Extractor::scan_bytes`], and what was left out besides, with the reason.
    ///
    /// ```
    /// use ioc_extract::{Extractor, Item, Rejected};
    /// let items: Vec<_> = Extractor::new().scan_all(b"opened perl.pl").collect();
    /// assert!(matches!(&items[..], [Item::LeftOut(c)] if c.span == (7..14) && c.reason == Rejected::LooksLikeFileName));
    /// ```
    #[must_use]
    pub fn scan_all<'t>(&self, bytes: &'t [u8]) -> Items<'t> {
        let utf8 = std::str::from_utf8(bytes).ok();
        Items { scanner: Scanner::new(bytes, utf8, self.config), last: 0 }
    }
}

/// Kinds that logs hold too many look-alikes of.
const REPORT_ONLY: &[Kind] =
    &[Kind::FileName, Kind::Solana, Kind::AttackMitigation, Kind::Xmpp, Kind::PhoneNumber, Kind::TlpMarking];

/// Builds an [`Extractor`].
#[must_use]
#[derive(Clone, Debug)]
pub struct ExtractorBuilder {
    kinds: Option<KindSet>,
    profile: Profile,
    decode: DecodeLimits,
    reserved: bool,
    mapped: MappedAddresses,
}

impl ExtractorBuilder {
    /// Which kinds to look for. Default: all, but those that are only found in reports when the profile is
    /// [`Profile::Log`].
    pub const fn kinds(mut self, kinds: KindSet) -> Self {
        self.kinds = Some(kinds);
        self
    }

    /// What kind of text is read. Default: [`Profile::Log`].
    pub const fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Bounds of the decoding. Default: [`DecodeLimits::default`].
    pub const fn decode(mut self, limits: DecodeLimits) -> Self {
        self.decode = limits;
        self
    }

    /// Whether to find values that can say nothing ([`Found::reserved`]), such as `example.com` and the MD5 of the empty
    /// file. Default: `true`. Otherwise they are left out, with that reason.
    pub const fn reserved(mut self, reserved: bool) -> Self {
        self.reserved = reserved;
        self
    }

    /// How IPv4-mapped IPv6 addresses are given. Default: [`MappedAddresses::Both`].
    ///
    /// ```
    /// use ioc_extract::{Extractor, MappedAddresses};
    /// let values = |mapped| -> Vec<_> {
    ///     let extractor = Extractor::builder().mapped_addresses(mapped).build();
    ///     extractor.scan("from ::ffff:45.77.12.9").map(|found| found.value).collect()
    /// };
    /// assert_eq!(values(MappedAddresses::Both), ["45.77.12.9", "::ffff:45.77.12.9"]);
    /// assert_eq!(values(MappedAddresses::Ipv4), ["45.77.12.9"]);
    /// assert_eq!(values(MappedAddresses::AsWritten), ["::ffff:45.77.12.9"]);
    /// ```
    pub const fn mapped_addresses(mut self, mapped: MappedAddresses) -> Self {
        self.mapped = mapped;
        self
    }

    /// The extractor.
    #[must_use]
    pub fn build(self) -> Extractor {
        let usual = match self.profile {
            Profile::Log => REPORT_ONLY.iter().fold(KindSet::ALL, |kinds, kind| kinds.without(*kind)),
            Profile::Report => KindSet::ALL,
        };
        let kinds = self.kinds.unwrap_or(usual);
        Extractor {
            config: Config {
                kinds,
                profile: self.profile,
                limits: self.decode,
                reserved: self.reserved,
                mapped: self.mapped,
            },
        }
    }
}

/// Iterator over the indicators in a text; see [`Extractor::scan`].
#[derive(Debug)]
pub struct Matches<'t> {
    items: Items<'t>,
}

impl<'t> Iterator for Matches<'t> {
    type Item = Found<'t>;

    fn next(&mut self) -> Option<Found<'t>> {
        self.items.by_ref().find_map(|item| match item {
            Item::Found(found) => Some(found),
            Item::LeftOut(_) => None,
        })
    }
}

/// Iterator over the indicators in a text and the candidates left out; see [`Extractor::scan_all`].
#[derive(Debug)]
pub struct Items<'t> {
    scanner: Scanner<'t>,
    last: usize,
}

impl<'t> Iterator for Items<'t> {
    type Item = Item<'t>;

    fn next(&mut self) -> Option<Item<'t>> {
        loop {
            if let Some(item) = self.scanner.pop(&mut self.last) {
                return Some(item);
            }
            if !self.scanner.step() {
                return None;
            }
        }
    }
}
