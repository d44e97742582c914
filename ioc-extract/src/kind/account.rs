//! Who ran what: accounts, their identifiers, command lines.

use std::borrow::Cow;

use super::upper;
use crate::error::Rejected;

/// The longest name; a user principal name of Active Directory has up to 256 characters.
const MAX_LOGIN: usize = 256;

/// The longest command line that is looked at; Windows allows 32,767 characters.
const MAX_COMMAND_LINE: usize = 8192;

/// Domains of Windows whose accounts every machine has, in lower case.
const SYSTEM_DOMAINS: &[&str] = &[
    "autorite nt",
    "builtin",
    "font driver host",
    "iis apppool",
    "nt authority",
    "nt service",
    "nt virtual machine",
    "nt-autorit\u{e4}t",
    "window manager",
];

/// Accounts that every machine has, in lower case.
const SYSTEM_ACCOUNTS: &[&str] = &[
    "anonymous logon",
    "apache",
    "bin",
    "daemon",
    "iusr",
    "local service",
    "localservice",
    "localsystem",
    "network service",
    "networkservice",
    "nginx",
    "nobody",
    "root",
    "sshd",
    "sys",
    "system",
    "www-data",
];

/// A name to log in with, also behind its domain (`CORP\bob`).
pub(crate) fn login(text: &str) -> Result<Cow<'_, str>, Rejected> {
    if text.len() > MAX_LOGIN {
        return Err(Rejected::TooLong);
    }
    let (domain, name) = text.split_once('\\').unwrap_or(("", text));
    let forbidden = |char: char| char.is_control() || r#""\[]:;|=,*?<>()"#.contains(char);
    if !name.contains(char::is_alphanumeric) || name.contains(forbidden) || domain.contains(forbidden) {
        return Err(Rejected::Malformed);
    }
    if is_system(domain, name) {
        return Err(Rejected::SystemAccount);
    }
    Ok(Cow::Borrowed(text))
}

fn is_system(domain: &str, name: &str) -> bool {
    let is = |known: &&str, text: &str| known.eq_ignore_ascii_case(text) || **known == *text.to_lowercase();
    // `DWM-1` and `UMFD-0` are those of the window manager and of the font drivers.
    let session = name.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("DWM-"))
        || name.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("UMFD-"));
    name.ends_with('$')
        || SYSTEM_ACCOUNTS.iter().any(|known| known.eq_ignore_ascii_case(name))
        || !domain.is_empty() && SYSTEM_DOMAINS.iter().any(|known| is(known, domain))
        || session && name.ends_with(|char: char| char.is_ascii_digit())
}

/// The identifier of an account: `S-1-5-21-…` of a domain or a machine, `S-1-12-1-…` of Entra ID.
pub(crate) fn sid(text: &str) -> Result<Cow<'_, str>, Rejected> {
    let parts = text.get(..4).filter(|head| head.eq_ignore_ascii_case("S-1-")).and_then(|_| text.get(4..));
    let parts = parts.ok_or(Rejected::Malformed)?;
    let is_number =
        |part: &str| (1..=15).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    if text.len() > 184 || !parts.split('-').all(is_number) {
        return Err(Rejected::Malformed);
    }
    let count = parts.split('-').count();
    let is_own = count == 6 && (parts.starts_with("5-21-") || parts.starts_with("12-1-"));
    if is_own { Ok(upper(text)) } else { Err(Rejected::SystemAccount) }
}

/// A command line, line ends and tabs included.
pub(crate) fn command_line(text: &str) -> Result<Cow<'_, str>, Rejected> {
    if text.len() > MAX_COMMAND_LINE {
        return Err(Rejected::TooLong);
    }
    let forbidden = |char: char| char.is_control() && !matches!(char, '\t' | '\r' | '\n');
    if text.contains(forbidden) || !text.contains(char::is_alphanumeric) {
        return Err(Rejected::Malformed);
    }
    Ok(Cow::Borrowed(text))
}
