//! Why something is no indicator.

use thiserror::Error;

/// Why a text is not an indicator of the kind asked for.
///
/// [`Rejected::as_str`] is a short label that does not change between versions, fit for metrics.
#[non_exhaustive]
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Error)]
pub enum Rejected {
    /// There is nothing but white space.
    #[error("the value is empty")]
    Empty,
    /// The text does not have the form of this kind.
    #[error("the value does not have the form of this kind")]
    Malformed,
    /// The value is longer than this kind can be.
    #[error("the value is longer than this kind allows")]
    TooLong,
    /// The name does not end in a top-level domain of the public DNS (`host.local`, `srv01.lan`, `a.b`).
    #[error("the name does not end in a public top-level domain")]
    NoPublicSuffix,
    /// The name is itself a public suffix, below which others register names (`co.uk`).
    #[error("the name is a public suffix and nobody's own")]
    PublicSuffix,
    /// The name is set aside for documentation or tests (`example.com`, `.test`; RFC 2606 and RFC 6761).
    #[error("the name is reserved for documentation or tests")]
    ReservedName,
    /// The hash of the empty file, which says nothing about any file.
    #[error("the value is the hash of an empty file")]
    EmptyFileHash,
    /// All digits of the hash are the same: a placeholder.
    #[error("the value is a placeholder, not a hash")]
    PlaceholderHash,
    /// The checksum inside the value does not hold.
    #[error("the checksum in the value does not hold")]
    Checksum,
    /// The last label is also a file name extension and nothing says that it is a host (`perl.pl`).
    #[error("the value looks like a file name")]
    LooksLikeFileName,
    /// The surroundings say that it is a version, an object identifier or another dotted number.
    #[error("the value looks like a version number")]
    LooksLikeVersion,
    /// The surroundings say that it is program code: a class, a package, a property.
    #[error("the value looks like a name in program code")]
    LooksLikeCode,
    /// The surroundings say that it is a component of a path or an account name.
    #[error("the value is a part of a path or an account name")]
    PartOfPath,
    /// The label before it says that it identifies a session or request, though it has the length of a hash.
    #[error("the value identifies a session or request")]
    SessionId,
    /// The account of a machine, or one that every system has (`SYSTEM`, `root`).
    #[error("the account is that of a machine or one that every system has")]
    SystemAccount,
    /// An XML namespace, a schema or the documentation link of a product.
    #[error("the value is a schema or documentation address")]
    Boilerplate,
}

impl Rejected {
    /// A short, stable, lower-case label, such as `no-public-suffix`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Malformed => "malformed",
            Self::TooLong => "too-long",
            Self::NoPublicSuffix => "no-public-suffix",
            Self::PublicSuffix => "public-suffix",
            Self::ReservedName => "reserved-name",
            Self::EmptyFileHash => "empty-file-hash",
            Self::PlaceholderHash => "placeholder-hash",
            Self::Checksum => "checksum",
            Self::LooksLikeFileName => "looks-like-file-name",
            Self::LooksLikeVersion => "looks-like-version",
            Self::LooksLikeCode => "looks-like-code",
            Self::PartOfPath => "part-of-path",
            Self::SessionId => "session-id",
            Self::SystemAccount => "system-account",
            Self::Boilerplate => "boilerplate",
        }
    }
}

/// A text names no [`Kind`](crate::Kind).
#[derive(Clone, Eq, PartialEq, Debug, Error)]
#[error("`{0}` is no kind of indicator; kinds are written as in `ipv4-addr` or `file:sha256`")]
pub struct UnknownKind(pub(crate) String);
