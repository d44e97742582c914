//! Hashes of files and certificates, fingerprints of TLS peers.

use std::{borrow::Cow, fmt};

use super::{lower, upper};
use crate::{error::Rejected, ioc::Kind};

/// The kind that a bare hex string of this length is taken for.
pub(crate) const fn kind_of_length(len: usize) -> Option<Kind> {
    match len {
        32 => Some(Kind::Md5),
        40 => Some(Kind::Sha1),
        56 => Some(Kind::Sha224),
        64 => Some(Kind::Sha256),
        96 => Some(Kind::Sha384),
        128 => Some(Kind::Sha512),
        _ => None,
    }
}

/// MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512, SHA3-256 and SHA3-512 of no bytes at all.
const EMPTY_FILE: &[&str] = &[
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
    "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
    "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
    "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a615b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26",
    "3::",
];

/// Why a canonical hash says nothing about a file.
pub(crate) fn reserved(hash: &str) -> Option<Rejected> {
    if EMPTY_FILE.contains(&hash) {
        return Some(Rejected::EmptyFileHash);
    }
    let first = hash.as_bytes().first()?;
    hash.bytes().all(|b| b == *first).then_some(Rejected::PlaceholderHash)
}

pub(crate) fn canonical_hex(text: &str, len: usize) -> Result<Cow<'_, str>, Rejected> {
    let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    if text.len() != len || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Rejected::Malformed);
    }
    Ok(lower(text))
}

/// As [`canonical_hex`], and the pairs may be parted by colons or blanks, as certificate tools write them.
pub(crate) fn canonical_fingerprint(text: &str, len: usize) -> Result<Cow<'_, str>, Rejected> {
    if text.len() == len {
        return canonical_hex(text, len);
    }
    let parted = text.len() == len / 2 * 3 - 1
        && text
            .bytes()
            .enumerate()
            .all(|(i, b)| if i % 3 == 2 { b == b':' || b == b' ' } else { b.is_ascii_hexdigit() });
    if !parted {
        return Err(Rejected::Malformed);
    }
    Ok(Cow::Owned(text.chars().filter(char::is_ascii_hexdigit).map(|c| c.to_ascii_lowercase()).collect()))
}

/// The serial number of a certificate, at most 20 bytes by RFC 5280 and a zero in front of them: hex, also with `0x`
/// before it, or in pairs parted by colons or blanks.
pub(crate) fn serial(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let is_parted = digits.len() > 2 && digits.contains([':', ' ']);
    let well_formed = if is_parted {
        digits.len() % 3 == 2
            && digits
                .bytes()
                .enumerate()
                .all(|(i, b)| if i % 3 == 2 { b == b':' || b == b' ' } else { b.is_ascii_hexdigit() })
    } else {
        digits.bytes().all(|b| b.is_ascii_hexdigit())
    };
    if !well_formed {
        return Err(Rejected::Malformed);
    }
    let start = digits.trim_start_matches(['0', ':', ' ']);
    match start.bytes().filter(u8::is_ascii_hexdigit).count() {
        0 => Err(Rejected::Malformed),
        1..=40 if is_parted => Ok(Cow::Owned(
            start.chars().filter(char::is_ascii_hexdigit).map(|c| c.to_ascii_lowercase()).collect(),
        )),
        1..=40 => Ok(lower(start)),
        _ => Err(Rejected::TooLong),
    }
}

/// `BLOCKSIZE:HASH:HASH`, the block size being 3·2ⁿ.
pub(crate) fn ssdeep(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let mut parts = text.split(':');
    let (Some(size), Some(a), Some(b), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Rejected::Malformed);
    };
    let base64 = |s: &str| s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/');
    let size: u64 = size.parse().map_err(|_| Rejected::Malformed)?;
    let power = size / 3;
    if !size.is_multiple_of(3)
        || !power.is_power_of_two()
        || a.len() > 64
        || b.len() > 64
        || !base64(a)
        || !base64(b)
    {
        return Err(Rejected::Malformed);
    }
    Ok(Cow::Borrowed(text))
}

/// `T1` and 70 hex digits, or the 70 digits of the first version, which get their `T1`.
pub(crate) fn tlsh(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let digits = text.strip_prefix("T1").or_else(|| text.strip_prefix("t1"));
    let hex = |s: &str| s.len() == 70 && s.bytes().all(|b| b.is_ascii_hexdigit());
    match digits {
        Some(digits) if hex(digits) => Ok(upper(text)),
        None if hex(text) => Ok(Cow::Owned(format!("T1{}", upper(text)))),
        _ => Err(Rejected::Malformed),
    }
}

/// `t13d1516h2_8daaf6152771_b186095e22b6`: protocol, version, SNI, counts, ALPN; two truncated hashes.
pub(crate) fn ja4(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let b = text.as_bytes();
    let hex12 = |b: &[u8]| b.iter().all(|b| b.is_ascii_hexdigit());
    let valid = b.len() == 36
        && matches!(b[0], b't' | b'q' | b'd' | b'T' | b'Q' | b'D')
        && b[1].is_ascii_alphanumeric()
        && b[2].is_ascii_alphanumeric()
        && matches!(b[3], b'd' | b'i' | b'D' | b'I')
        && b[4..8].iter().all(u8::is_ascii_digit)
        && b[8].is_ascii_alphanumeric()
        && b[9].is_ascii_alphanumeric()
        && b[10] == b'_'
        && hex12(&b[11..23])
        && b[23] == b'_'
        && hex12(&b[24..36]);
    if valid { Ok(lower(text)) } else { Err(Rejected::Malformed) }
}

/// The algorithm of a [`FileHash`].
#[non_exhaustive]
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub enum HashAlgorithm {
    /// 32 hex digits.
    Md5,
    /// 40 hex digits.
    Sha1,
    /// 56 hex digits.
    Sha224,
    /// 64 hex digits.
    Sha256,
    /// 96 hex digits.
    Sha384,
    /// 128 hex digits.
    Sha512,
}

impl HashAlgorithm {
    /// The kind of indicator that a hash of this algorithm is.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Md5 => Kind::Md5,
            Self::Sha1 => Kind::Sha1,
            Self::Sha224 => Kind::Sha224,
            Self::Sha256 => Kind::Sha256,
            Self::Sha384 => Kind::Sha384,
            Self::Sha512 => Kind::Sha512,
        }
    }
}

/// A hash of a file's content whose algorithm is known by its length. Canonical form: lower-case hex.
///
/// ```
/// use ioc_extract::{FileHash, HashAlgorithm};
/// let hash = FileHash::parse("9E107D9D372BB6826BD81D3542A419D6")?;
/// assert_eq!(hash.algorithm(), HashAlgorithm::Md5);
/// assert_eq!(hash.as_str(), "9e107d9d372bb6826bd81d3542a419d6");
/// # Ok::<(), ioc_extract::Rejected>(())
/// ```
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct FileHash {
    algorithm: HashAlgorithm,
    hex: Box<str>,
}

impl FileHash {
    /// Reads a hex string of 32, 40, 56, 64, 96 or 128 digits, trimmed.
    ///
    /// # Errors
    ///
    /// [`Rejected::Malformed`] for anything else.
    pub fn parse(text: &str) -> Result<Self, Rejected> {
        let text = text.trim();
        let algorithm = match text.len() {
            32 => HashAlgorithm::Md5,
            40 => HashAlgorithm::Sha1,
            56 => HashAlgorithm::Sha224,
            64 => HashAlgorithm::Sha256,
            96 => HashAlgorithm::Sha384,
            128 => HashAlgorithm::Sha512,
            _ => return Err(Rejected::Malformed),
        };
        Ok(Self { algorithm, hex: canonical_hex(text, text.len())?.into() })
    }

    /// The algorithm that gives hashes of this length.
    #[must_use]
    pub const fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// The hash in lower-case hex.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.hex
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.hex)
    }
}
