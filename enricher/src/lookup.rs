//! Asking for intelligence: the [`Lookup`] trait and what it returns.

use async_trait::async_trait;
use ioc_extract::{Ioc, Kind};
use opencti_client::{BasedOn, Endpoint, Indicates, Indicator, Observable, Problem, Related, Report};

use crate::question::Near;

/// A source of threat intelligence that can be asked about IoCs: OpenCTI's API, a STIX bundle, a local copy.
///
/// "Nothing is known" is an empty [`Findings`]; "could not ask" is a [`LookupError`]. The two never share a return.
/// An answer that came only in part is given as [`Findings`] with [`problems`](Findings::problems).
#[async_trait]
pub trait Lookup: Send + Sync {
    /// Everything that is known about these IoCs and may match them. Candidates are enough: what is returned is
    /// still checked by evaluating its pattern.
    ///
    /// # Errors
    ///
    /// When the source could not be asked, or its answer could not be understood at all.
    async fn find(&self, iocs: &[Ioc]) -> Result<Findings, LookupError>;

    /// The threats and reports behind these indicators (internal ids), asked only for what is reported.
    ///
    /// # Errors
    ///
    /// As [`Lookup::find`].
    async fn context(&self, indicator_ids: &[String]) -> Result<Context, LookupError>;

    /// Indicators that stand close to a value without being about it: candidates for [`Near::nearness`]. Asked for when
    /// a person wants to know what came close; no alert asks for it. Only [`Findings::indicators`] and what is missing
    /// from them are filled.
    ///
    /// # Errors
    ///
    /// As [`Lookup::find`].
    async fn near(&self, near: &Near) -> Result<Findings, LookupError>;

    /// Where the answers come from.
    fn intel(&self) -> Intel;

    /// The platform whose dashboard events link to, if there is one.
    fn endpoint(&self) -> Option<&Endpoint> {
        None
    }
}

/// What a source knows about some IoCs.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Indicators whose pattern may hold of the IoCs.
    pub indicators: Vec<Indicator>,
    /// Observables that may be the IoCs.
    pub observables: Vec<Observable>,
    /// Which indicators are based on which observables, related ones included.
    pub based_on: Vec<BasedOn>,
    /// Observables related to those found.
    pub related: Vec<Related>,
    /// There was more than the source returns at once.
    pub truncated: bool,
    /// What could not be answered.
    pub problems: Vec<Problem>,
    /// A follow-up question that could not be asked at all, and why.
    pub failed: Option<String>,
    /// How many questions were answered over the network for it: 0 for a source in memory. One that had to be repeated, or
    /// split because it was too long, counts once.
    pub requests: u32,
}

/// The threats and reports behind indicators.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// What the indicators indicate.
    pub indicates: Vec<Indicates>,
    /// Reports in which they stand.
    pub reports: Vec<Report>,
    /// What could not be answered.
    pub problems: Vec<Problem>,
    /// Why it could not be asked at all.
    pub failed: Option<String>,
    /// As [`Findings::requests`].
    pub requests: u32,
}

/// Where an answer came from, as events say in `opencti.intel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intel {
    /// `api` or `bundle`.
    pub from: &'static str,
    /// How old the source's knowledge is, in seconds. `None` when it was asked live or says nothing about its age.
    pub age_s: Option<u32>,
}

/// A source could not be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// OpenCTI's API could not be asked, or refused.
    #[error("OpenCTI could not be asked")]
    OpenCti(#[from] opencti_client::Error),
    /// The local copy could not be read.
    #[error("the local copy of OpenCTI could not be asked")]
    Store(#[from] crate::StoreError),
}

/// OpenCTI's filter key for a kind, as events name it.
pub(crate) const fn filter_key(kind: Kind) -> &'static str {
    match kind {
        Kind::Md5 => "hashes.MD5",
        Kind::Sha1 => "hashes.SHA-1",
        Kind::Sha256 => "hashes.SHA-256",
        Kind::Sha512 => "hashes.SHA-512",
        Kind::Sha3_256 => "hashes.SHA3-256",
        Kind::Sha3_512 => "hashes.SHA3-512",
        Kind::Ssdeep => "hashes.SSDEEP",
        Kind::Tlsh => "hashes.TLSH",
        Kind::CertSha1 => "hashes.SHA-1",
        Kind::CertSha256 => "hashes.SHA-256",
        Kind::CertSerial => "serial_number",
        Kind::Account => "account_login",
        Kind::AccountId => "user_id",
        Kind::CommandLine => "command_line",
        Kind::Asn => "number",
        Kind::FileName | Kind::Mutex => "name",
        Kind::RegistryKey => "attribute_key",
        _ => "value",
    }
}

/// The kind that holds hashes of an algorithm, by any of the spellings that feeds use.
pub(crate) fn hash_kind(algorithm: &str) -> Option<Kind> {
    let plain: String = algorithm.chars().filter(char::is_ascii_alphanumeric).collect();
    Some(match plain.to_ascii_uppercase().as_str() {
        "MD5" => Kind::Md5,
        "SHA1" => Kind::Sha1,
        "SHA256" => Kind::Sha256,
        "SHA512" => Kind::Sha512,
        "SHA224" => Kind::Sha224,
        "SHA384" => Kind::Sha384,
        "SHA3256" => Kind::Sha3_256,
        "SHA3512" => Kind::Sha3_512,
        "IMPHASH" => Kind::Imphash,
        "AUTHENTIHASH" => Kind::Authentihash,
        "SSDEEP" => Kind::Ssdeep,
        "TLSH" => Kind::Tlsh,
        _ => return None,
    })
}

pub(crate) mod bundle;
mod opencti;

pub use bundle::{Bundle, BundleError, Skipped};
pub use opencti::OpenCti;
