//! Find indicators of compromise in text and give them one canonical form.
//!
//! [`Extractor`] reads text (logs, alerts, command lines, reports) once and yields each [`Found`] indicator with its
//! place, its canonical value and how it was hidden. [`Ioc::parse`] does the same for a field whose [`Kind`] is known.
//! An [`Ioc`] is a value to compare and to use as a key; behind it are types of their own for what has structure:
//! [`DomainName`], [`Url`], [`EmailAddr`], [`FileHash`], [`RegistryKey`]. [`Rejected`] says why something is none.
//!
//! There are two profiles. [`Profile::Log`] is for what machines write: only unmistakable defanging is undone, and a name
//! needs a sign that it is one. [`Profile::Report`] is for what people write about threats: it knows every habit of
//! defanging and more kinds. Both look behind encodings (base64, hex, percent, entities, escapes, shell tricks, nested in
//! each other) within [`DecodeLimits`]. Time is linear in the text and no regular expressions are involved; what stands
//! in the text in its canonical form is borrowed, and nothing is allocated for it.
//!
//! Features, both on by default:
//!
//! | Feature | What it is for | What it costs |
//! |---|---|---|
//! | `decode` | Looks behind encodings. Without it only defanging is undone. | `flate2`, 90 kB of code, a ninth of the throughput on log lines |
//! | `idna` | Internationalised names (`bücher.de`) become A-labels. Without it they are not found. | `idna`, 170 kB, most of it tables |
//!
//! ```
//! use ioc_extract::{Extractor, Ioc, Kind};
//!
//! let line = "Accepted password for root from 45.77.12.9 port 4455; fetched hxxps://Evil-C2[.]com/a.ps1";
//! let found: Vec<Ioc> = Extractor::new().scan(line).map(|found| found.ioc()).collect();
//! assert_eq!(found, [
//!     Ioc::parse(Kind::Ipv4Addr, "45.77.12.9")?,
//!     Ioc::parse(Kind::Url, "https://evil-c2.com/a.ps1")?,
//!     Ioc::parse(Kind::DomainName, "evil-c2.com")?,
//! ]);
//! # Ok::<(), ioc_extract::Rejected>(())
//! ```

mod decode;
mod error;
mod extractor;
mod ioc;
mod kind;
mod refang;
mod rewrite;
mod scan;
#[expect(unsafe_code, reason = "loads and calls of AVX2 need it; nothing else is in there")]
mod simd;
mod special;

pub use error::{Rejected, UnknownKind};
pub use extractor::{
    DecodeLimits, Decoding, Extractor, ExtractorBuilder, Found, Item, Items, LeftOut, MappedAddresses,
    Matches, Profile, Via,
};
pub use ioc::{Ioc, Kind, KindSet};
pub use kind::{
    domain::DomainName,
    email::EmailAddr,
    hash::{FileHash, HashAlgorithm},
    registry::RegistryKey,
    url::Url,
};
pub use special::special_purpose;
