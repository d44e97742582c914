//! URLs.

use std::{borrow::Cow, ops::Range};

use super::Scanner;
use crate::{
    error::Rejected,
    extractor::Decoding,
    ioc::Kind,
    kind::{domain, ip, url},
};

/// Schemes whose URLs are indicators.
const SCHEMES: &[&str] = &["https", "http", "ftps", "sftp", "ftp", "wss", "ws", "tcp", "udp", "smb", "ldaps", "ldap", "ssh", "rdp", "telnet", "ircs", "irc", "socks5", "socks4", "stratum+tcp", "rtsp", "sip", "git"];

/// The scheme that ends before `end`: where it begins and its canonical form.
fn scheme(bytes: &[u8], floor: usize, end: usize) -> Option<(usize, &'static str)> {
    SCHEMES.iter().find_map(|scheme| {
        let start = end.checked_sub(scheme.len()).filter(|s| *s >= floor)?;
        bytes[start..end].eq_ignore_ascii_case(scheme.as_bytes()).then_some((start, *scheme))
    })
}

impl<'t> Scanner<'t> {
    /// `word://…`; the colon is at `colon`.
    pub(super) fn url(&mut self, start: usize, colon: usize) -> Option<usize> {
        let (start, _) = scheme(self.bytes, start, colon)?;
        let quote = Some(self.before(start)).filter(|b| *b == b'\'');
        let end = url::end(self.bytes, colon + 3, quote);
        if end <= colon + 3 {
            return None;
        }
        let text = self.text(start..end);
        let parts = url::split(text.as_bytes()).ok()?;
        match url::canonical(text) {
            Ok(value) => {
                let host = start + parts.host.start..start + parts.host.end;
                if !self.is_report() && boilerplate(&value) {
                    self.left_out(Kind::Url, start..end, Rejected::Boilerplate);
                } else {
                    let other = self.is_report().then(|| other_scheme(&value)).flatten();
                    self.found(Kind::Url, start..end, value);
                    if let Some(url) = other {
                        self.found_via(Kind::Url, start..end, Cow::Owned(url), Self::plain_or(Some(Decoding::Defang)));
                    }
                    self.host(host);
                }
                Some(end)
            }
            Err(reason @ (Rejected::NoPublicSuffix | Rejected::PublicSuffix)) => {
                self.left_out(Kind::Url, start..end, reason);
                Some(start + parts.host.end)
            }
            Err(_) => None,
        }
    }

    /// The host of a URL or share as an indicator of its own.
    pub(crate) fn host(&mut self, span: Range<usize>) {
        let text = self.text(span.clone());
        if ip::v4(text.as_bytes()).is_some() {
            self.found(Kind::Ipv4Addr, span, Cow::Borrowed(text));
        } else if text.contains(':') {
            if let Some(address) = ip::v6(text.split('%').next().unwrap_or(text).as_bytes()) {
                let (kind, value) = ip::kinded(address);
                self.found(kind, span, Cow::Owned(value));
            }
        } else if let Some(address) = ip::v4_integer(text.as_bytes()) {
            let via = Self::plain_or(Some(Decoding::IntegerAddress));
            self.found_via(Kind::Ipv4Addr, span, Cow::Owned(address.to_string()), via);
        } else if let Ok(value) = domain::canonical(text) {
            self.found(Kind::DomainName, span, value);
        }
    }
}

/// Hosts of schemas and namespaces, and whether all of their URLs are such.
fn boilerplate(url: &str) -> bool {
    const NAMESPACES: &[&str] = &["schemas.microsoft.com", "schemas.xmlsoap.org", "schemas.openxmlformats.org", "www.w3.org", "go.microsoft.com", "schemas.android.com", "json-schema.org", "schema.org"];
    url::host_of(url).is_some_and(|host| NAMESPACES.contains(&host))
}

/// Reports put the scheme of another protocol (`tcp://`, `sftp://`) before what is really a web page, so that it is not
/// followed; this is that page.
fn other_scheme(url: &str) -> Option<String> {
    ["tcp://", "udp://", "sftp://", "ftps://"].iter().find_map(|scheme| url.strip_prefix(scheme)).map(|rest| format!("http://{rest}"))
}
