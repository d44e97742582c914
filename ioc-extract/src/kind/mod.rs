//! What each kind looks like: validation and canonical form, one file for each family.

pub(crate) mod account;
mod digest;
pub(crate) mod domain;
pub(crate) mod email;
pub(crate) mod hash;
pub(crate) mod ip;
pub(crate) mod label;
pub(crate) mod path;
pub(crate) mod registry;
pub(crate) mod url;
pub(crate) mod wallet;

use std::{borrow::Cow, fmt};

use crate::{error::Rejected, ioc::Kind};

/// The canonical form of a whole text that is said to be of `kind`.
///
/// The kind returned differs from `kind` where the value is really of a narrower one (an IPv4-mapped IPv6 address).
pub(crate) fn canonical(kind: Kind, text: &str) -> Result<(Kind, Cow<'_, str>), Rejected> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Rejected::Empty);
    }
    let value = match kind {
        Kind::Ipv4Addr | Kind::Ipv6Addr => return ip::canonical(kind, text),
        Kind::Cidr => return ip::canonical_cidr(text),
        Kind::DomainName => domain::canonical(text)?,
        Kind::OnionService => wallet::onion(text)?,
        Kind::Url => url::canonical(text)?,
        Kind::EmailAddr | Kind::Xmpp => email::canonical(text)?,
        Kind::PhoneNumber => label::phone(text)?,
        Kind::Md5 | Kind::Imphash | Kind::Ja3 | Kind::Ja3s => hash::canonical_hex(text, 32)?,
        Kind::Sha1 => hash::canonical_hex(text, 40)?,
        Kind::Sha224 => hash::canonical_hex(text, 56)?,
        Kind::Sha256 | Kind::Sha3_256 | Kind::Authentihash => hash::canonical_hex(text, 64)?,
        Kind::CertSha1 => hash::canonical_fingerprint(text, 40)?,
        Kind::CertSha256 => hash::canonical_fingerprint(text, 64)?,
        Kind::CertSerial => hash::serial(text)?,
        Kind::Sha384 => hash::canonical_hex(text, 96)?,
        Kind::Sha512 | Kind::Sha3_512 => hash::canonical_hex(text, 128)?,
        Kind::Ssdeep => hash::ssdeep(text)?,
        Kind::Tlsh => hash::tlsh(text)?,
        Kind::Ja4 => hash::ja4(text)?,
        Kind::FileName => path::file_name(text)?,
        Kind::FilePath => path::canonical(text)?,
        Kind::RegistryKey => registry::canonical(text)?,
        Kind::NamedPipe => path::named_pipe(text)?,
        Kind::Mutex => label::bounded(text, 1024)?,
        Kind::UserAgent => label::bounded(text, 4096)?,
        Kind::Account => account::login(text)?,
        Kind::AccountId => account::sid(text)?,
        Kind::CommandLine => account::command_line(text)?,
        Kind::MacAddr => ip::mac(text)?,
        Kind::Asn => label::asn(text)?,
        Kind::Cve => label::cve(text)?,
        Kind::AttackTechnique => label::attack(text)?,
        Kind::AttackTactic => label::attack_tactic(text)?,
        Kind::AttackMitigation => label::attack_mitigation(text)?,
        Kind::Arn => label::arn(text)?,
        Kind::TlpMarking => label::tlp(text)?,
        Kind::AnalyticsId => label::analytics(text)?,
        Kind::AdsenseId => label::adsense(text)?,
        Kind::Bitcoin
        | Kind::BitcoinCash
        | Kind::Litecoin
        | Kind::Dogecoin
        | Kind::Dash
        | Kind::Ethereum
        | Kind::Monero
        | Kind::Tron
        | Kind::Ripple
        | Kind::Tezos
        | Kind::Cardano
        | Kind::Solana => wallet::canonical(kind, text)?,
    };
    Ok((kind, value))
}

/// The text of a value, borrowed from how it was written where that is the same.
pub(crate) fn displayed(value: impl fmt::Display, written: &str) -> Cow<'_, str> {
    /// What of `written` has not been matched yet.
    struct Rest<'t>(&'t str);

    impl fmt::Write for Rest<'_> {
        fn write_str(&mut self, piece: &str) -> fmt::Result {
            self.0 = self.0.strip_prefix(piece).ok_or(fmt::Error)?;
            Ok(())
        }
    }

    let mut rest = Rest(written);
    match fmt::write(&mut rest, format_args!("{value}")) {
        Ok(()) if rest.0.is_empty() => Cow::Borrowed(written),
        _ => Cow::Owned(value.to_string()),
    }
}

/// ASCII lower case, borrowed where nothing changes.
pub(crate) fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// ASCII upper case, borrowed where nothing changes.
pub(crate) fn upper(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|b| b.is_ascii_lowercase()) {
        Cow::Owned(text.to_ascii_uppercase())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests;
