//! URLs.

use std::{borrow::Cow, ops::Range};

use super::{Scanner, words::Labels};
use crate::{
    decode,
    error::Rejected,
    extractor::{Decoding, Via},
    ioc::Kind,
    kind::{self, domain, ip, url},
};

/// Schemes whose URLs are indicators. Where one ends in another, it stands before it.
const SCHEMES: &[&str] = &[
    "https",
    "http",
    "ftps",
    "sftp",
    "ftp",
    "wss",
    "ws",
    "stratum+tcp",
    "tcp",
    "udp",
    "smb",
    "ldaps",
    "ldap",
    "ssh",
    "rdp",
    "telnet",
    "ircs",
    "irc",
    "socks5",
    "socks4",
    "rtsp",
    "git",
];

/// The scheme that ends at `end`: where it begins.
fn scheme(bytes: &[u8], from: usize, end: usize) -> Option<usize> {
    let word = bytes.get(from..end)?;
    if word == b"http" || word == b"https" {
        return Some(from);
    }
    let last = word.last()?.to_ascii_lowercase();
    SCHEMES.iter().find_map(|scheme| {
        if scheme.as_bytes()[scheme.len() - 1] != last {
            return None;
        }
        let start = end.checked_sub(scheme.len()).filter(|s| *s >= from)?;
        bytes[start..end].eq_ignore_ascii_case(scheme.as_bytes()).then_some(start)
    })
}

impl Scanner<'_> {
    /// `word://…`; the colon is at `colon`.
    pub(super) fn url(&mut self, start: usize, colon: usize) -> Option<usize> {
        let start = scheme(self.bytes, start, colon)?;
        let authority = self.bytes[colon + 3..]
            .iter()
            .take(1024)
            .take_while(|b| !matches!(b, b'/' | b'?' | b'#' | 0..=b' '));
        let mut host = authority.clone().skip_while(|b| b.is_ascii_alphanumeric());
        // A name without a dot is none of the public DNS; what else there can be has digits, brackets or escapes.
        if matches!(host.next(), None | Some(b':'))
            && !authority.clone().next().is_some_and(u8::is_ascii_digit)
            && !authority.clone().any(|b| *b == b'@')
        {
            let end = colon + 3 + authority.count();
            if end > colon + 3 {
                self.left_out(Kind::Url, start..end, Rejected::NoPublicSuffix);
            }
            return Some(colon + 3);
        }
        if let Some(end) = self.attribute(start) {
            return Some(end);
        }
        let quote = Some(self.before(start)).filter(|b| matches!(b, b'\'' | b'(' | b'[' | b'{' | b'`'));
        let mut end =
            if colon + 3 < self.url_end { self.url_end } else { url::end(self.bytes, colon + 3, quote) };
        self.url_end = end;
        // Lists of URLs.
        if let Some(next) = memchr::memchr_iter(b':', &self.bytes[colon + 3..end])
            .map(|i| colon + 3 + i)
            .find(|i| self.bytes[*i..end].starts_with(b"://"))
            && let Some(next) = scheme(self.bytes, colon + 4, next)
            && matches!(self.bytes[next - 1], b',' | b';' | b'|')
        {
            end = next - 1;
        }
        if self.text(start..end).is_empty() {
            // A URL ends where the text stops being UTF-8.
            let valid = self.bytes[start..end].utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
            end = start + valid;
        }
        if end <= colon + 3 {
            return None;
        }
        if self.is_report() && start == 0 && matches!(self.byte(end), b'"' | b'>') {
            self.alone(end);
        }
        match self.url_at(start, end) {
            Err(Rejected::NoPublicSuffix) => {
                // Certificates in DER have the tag of the next element right behind: `http://ocsp.verisign.com0`.
                let digits = self.bytes[start..end].iter().rev().take_while(|b| b.is_ascii_digit()).count();
                let path = self.bytes[colon + 3..end].contains(&b'/');
                if (1..=2).contains(&digits) && !path && self.url_at(start, end - digits).is_ok() {
                    return Some(end);
                }
                self.left_out(Kind::Url, start..end, Rejected::NoPublicSuffix);
                Some(colon + 3)
            }
            Err(reason @ Rejected::PublicSuffix) => {
                self.left_out(Kind::Url, start..end, reason);
                Some(colon + 3)
            }
            Err(_) => self.percent_host(start, colon, end),
            Ok(()) => Some(end),
        }
    }

    /// A URL from `start` to `end`, with its host and what its parameters carry.
    fn url_at(&mut self, start: usize, end: usize) -> Result<(), Rejected> {
        let text = self.text(start..end);
        let parts = url::split(text.as_bytes())?;
        if text[parts.host.clone()].contains('%') {
            return Err(Rejected::Malformed);
        }
        let value = url::canonical(text)?;
        let host = start + parts.host.start..start + parts.host.end;
        // What begins with a letter and is canonical within a canonical URL is a name.
        let name = matches!(value, Cow::Borrowed(_))
            && self.byte(host.start).is_ascii_lowercase()
            && !parts.bracketed
            && !text[parts.host.clone()].ends_with(".onion");
        if !self.is_report() && boilerplate(&text[parts.host.clone()]) {
            self.left_out(Kind::Url, start..end, Rejected::Boilerplate);
            return Ok(());
        }
        let plain = unescaped(&value);
        let mut via = Self::plain_or(plain.as_ref().map(|_| Decoding::Entities));
        if ip::v4_integer(text[parts.host].as_bytes()).is_some() {
            via = via.then(Decoding::IntegerAddress);
        }
        if self.is_report() {
            self.readings(start, end, &value);
        }
        self.found_via(Kind::Url, start..end, plain.map_or(value, Cow::Owned), via);
        if name {
            self.found(Kind::DomainName, host.clone(), Cow::Borrowed(self.text(host)));
        } else {
            self.host(host);
        }
        self.parameters(start + parts.rest, end);
        Ok(())
    }

    /// What else a URL in a report may mean.
    fn readings(&mut self, start: usize, end: usize, value: &str) {
        // The scheme of another protocol stands before what is really a web page, so that it is not followed.
        let other =
            ["tcp://", "udp://", "sftp://", "ftps://"].iter().find_map(|scheme| value.strip_prefix(scheme));
        if let Some(rest) = other {
            let via = Self::plain_or(Some(Decoding::Defang));
            self.found_via(Kind::Url, start..end, Cow::Owned(format!("http://{rest}")), via);
        }
        // A column of a table in CSV.
        let cut =
            value.find(',').filter(|i| value.as_bytes().get(i + 1).is_some_and(u8::is_ascii_alphabetic));
        if let Some(cut) = cut
            && let Ok(url) = url::canonical(&value[..cut])
        {
            self.found(Kind::Url, start..end, Cow::Owned(url.into_owned()));
        }
        // Pages about a host have its name in their path: `https://www.virustotal.com/gui/domain/evil.com`.
        let path = value.split(['?', '#']).next().unwrap_or(value);
        for segment in path.split('/').skip(3).filter(|segment| segment.len() <= domain::MAX_NAME) {
            let tld = segment.rsplit_once('.').map(|(_, tld)| tld);
            if matches!(tld, Some("com" | "net" | "org"))
                && let Ok(name) = domain::canonical(segment)
            {
                self.found(Kind::DomainName, start..end, Cow::Owned(name.into_owned()));
            }
        }
        // The pages of ATT&CK name what they describe.
        if let Some(page) = value.strip_prefix("https://attack.mitre.org/") {
            let id = page.split_once('/').map(|x| x.1).map(|id| id.trim_end_matches('/').replace('/', "."));
            for kind in [Kind::AttackTechnique, Kind::AttackTactic, Kind::AttackMitigation] {
                if let Some(Ok((kind, id))) = id.as_deref().map(|id| kind::canonical(kind, id)) {
                    self.found(kind, start..end, Cow::Owned(id.into_owned()));
                }
            }
        }
    }

    /// A text that is nothing but a URL, up to `end` by the rules of running text: then it goes to the end of the text.
    fn alone(&mut self, end: usize) {
        let len = self.bytes.len();
        let rest = &self.bytes[end..];
        if len <= url::MAX_URL
            && rest.iter().all(|b| *b > b' ')
            && rest.last().is_some_and(u8::is_ascii_alphanumeric)
            && memchr::memmem::find(rest, b"://").is_none()
            && let Ok(value) = url::canonical(self.text(0..len))
        {
            self.found(Kind::Url, 0..len, value);
        }
    }

    /// A URL in a quoted attribute of HTML (`href="…"`) goes to the closing quote; blanks in it are encoded, line breaks
    /// and tabs dropped, as browsers do. Returns its end if it is one that has such characters.
    fn attribute(&mut self, start: usize) -> Option<usize> {
        let mut open = start;
        while open > 0 && self.bytes[open - 1] == b' ' && start - open < 8 {
            open -= 1;
        }
        let quote = self.before(open);
        if !matches!(quote, b'"' | b'\'') {
            return None;
        }
        let label = &self.bytes[open.saturating_sub(24)..open - 1];
        let label = label.trim_ascii_end().strip_suffix(b"=")?.trim_ascii_end();
        if !Self::label_is(
            &label[label.len().saturating_sub(8)..],
            const { &Labels::new(&[" href", " src", " action", "\"href", "'href"]) },
        ) {
            return None;
        }
        let len = self.bytes[start..]
            .iter()
            .take(url::MAX_URL)
            .position(|b| *b == quote || *b == b'>' || *b == 0)?;
        let end = start + len;
        let text = self.text(start..end).trim_end();
        if self.byte(end) != quote || !text.bytes().any(|b| b <= b' ') {
            return None;
        }
        let clean: String = text.chars().filter(|c| !matches!(c, '\t' | '\r' | '\n')).collect();
        let clean = clean.replace(' ', "%20");
        self.decoded_url(&clean, start..end)
    }

    /// `https://%65vil.com/`: the host is percent-encoded.
    fn percent_host(&mut self, start: usize, colon: usize, end: usize) -> Option<usize> {
        let host = self.bytes[colon + 3..end].iter().position(|b| *b == b'/').map_or(end, |i| colon + 3 + i);
        if !self.bytes[colon + 3..host].contains(&b'%') {
            return None;
        }
        let decoded = decode::unescape(self.bytes, colon + 3, host, decode::percent, Decoding::Percent);
        let name = String::from_utf8(decoded.text).ok()?;
        let text = format!("{}{name}{}", self.text(start..colon + 3), self.text(host..end));
        self.decoded_url(&text, start..end)
    }

    fn decoded_url(&mut self, text: &str, span: Range<usize>) -> Option<usize> {
        let host = percent_host(text)?;
        let value = url::canonical(&host).ok()?.into_owned();
        let via = Self::plain_or(
            (host != text || self.bytes[span.clone()].contains(&b'%')).then_some(Decoding::Percent),
        );
        let name = url::host_of(&value)?.to_owned();
        let end = span.end;
        self.found_via(Kind::Url, span.clone(), Cow::Owned(value), via);
        let kind = if name.contains(':') {
            Kind::Ipv6Addr
        } else if ip::v4(name.as_bytes()).is_some() {
            Kind::Ipv4Addr
        } else {
            Kind::DomainName
        };
        if let Ok((kind, value)) = kind::canonical(kind, &name) {
            self.found_via(kind, span, Cow::Owned(value.into_owned()), via);
        }
        Some(end)
    }

    /// In reports, `host/path` is a URL as well; the host was found from `start` to `end`.
    pub(super) fn schemeless(&mut self, start: usize, end: usize) {
        if !self.is_report() || self.is_refanged() || self.byte(end) != b'/' {
            return;
        }
        let stop = url::end(
            self.bytes,
            end,
            Some(self.before(start)).filter(|b| matches!(b, b'\'' | b'(' | b'[' | b'{')),
        );
        if let Ok(value) = url::canonical(self.text(start..stop))
            && stop > end + 1
        {
            self.readings(start, stop, &value);
            self.found(Kind::Url, start..stop, value);
        }
    }

    /// The host of a URL or share as an indicator of its own.
    pub(super) fn host(&mut self, span: Range<usize>) {
        let text = self.text(span.clone());
        if let Some(address) = ip::v4(text.as_bytes()) {
            self.found(Kind::Ipv4Addr, span, ip::v4_text(address, text));
        } else if text.contains(':') {
            if let Some(address) = ip::v6(text.split('%').next().unwrap_or(text).as_bytes()) {
                self.v6(address, span);
            }
        } else if let Some(address) = ip::v4_integer(text.as_bytes()) {
            let via = Via::default().then(Decoding::IntegerAddress);
            self.found_via(Kind::Ipv4Addr, span, Cow::Owned(address.to_string()), via);
        } else if let Ok(value) = domain::canonical(text) {
            let onion = value.ends_with(".onion").then(|| kind::wallet::onion(text).ok()).flatten();
            if let Some(onion) = onion {
                self.found(Kind::OnionService, span.clone(), onion);
            }
            self.found(Kind::DomainName, span, value);
        }
    }
}

/// A URL with the percent-encoding in its host undone.
fn percent_host(text: &str) -> Option<Cow<'_, str>> {
    let from = text.find("://")? + 3;
    let to = text[from..].find(['/', '?', '#']).map_or(text.len(), |i| from + i);
    if !text[from..to].contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let host = decode::unescape(text.as_bytes(), from, to, decode::percent, Decoding::Percent);
    let host = String::from_utf8(host.text).ok()?;
    Some(Cow::Owned(format!("{}{host}{}", &text[..from], &text[to..])))
}

/// A URL with the entities of the mark-up around it undone; `None` if there are none.
fn unescaped(url: &str) -> Option<String> {
    memchr::memchr_iter(b'&', url.as_bytes()).find(|i| decode::entity(&url.as_bytes()[*i..]).is_some())?;
    let plain = decode::unescape(url.as_bytes(), 0, url.len(), decode::entity, Decoding::Entities);
    plain.changed().then(|| String::from_utf8(plain.text).ok()).flatten()
}

/// Whether the URLs of a host name schemas, namespaces or a product's documentation.
fn boilerplate(host: &str) -> bool {
    const HOSTS: &[&str] = &[
        "schemas.microsoft.com",
        "schemas.xmlsoap.org",
        "schemas.openxmlformats.org",
        "schemas.android.com",
        "www.w3.org",
        "json-schema.org",
        "schema.org",
        "go.microsoft.com",
    ];
    HOSTS.iter().any(|name| name.eq_ignore_ascii_case(host))
}
