//! How the values of fields are read.

use std::ops::Range;

use ioc_extract::{Ioc, Kind, Rejected, Url};

use super::noise;

/// The kinds that name a host.
pub(super) const HOSTS: &[Kind] =
    &[Kind::Ipv4Addr, Kind::Ipv6Addr, Kind::Cidr, Kind::DomainName, Kind::OnionService];

/// Whether a field is there in name only.
pub(super) fn is_blank(text: &str) -> bool {
    let text = text.trim();
    // Nearly every value is longer than the longest of these.
    text.len() <= 7
        && matches!(text, "" | "-" | "N/A" | "n/a" | "null" | "(null)" | "none" | "None" | "unknown" | "any")
}

/// Whether a text may have an IoC in it. The shortest are addresses such as `::1` and names such as `t.co`.
pub(super) fn has_a_chance(text: &str) -> bool {
    text.len() >= 4
        && (text.len() >= 16
            || text
                .bytes()
                .any(|byte| matches!(byte, b'.' | b':' | b'@' | b'\\' | b'/' | b'-' | b'%' | b'[')))
}

/// What a field that names a host holds.
pub(super) enum HostText {
    /// A host.
    Is(Ioc),
    /// It has the form of one and is none.
    No(Kind, Rejected),
    /// Something else, in which hosts may stand.
    Other,
}

/// Reads an address with or without a port, brackets and zone, or a name with or without a port.
pub(super) fn host(text: &str) -> HostText {
    if text.as_bytes().first().is_some_and(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'[' | b':'))
        && let Ok(ioc) = Ioc::parse(Kind::Ipv6Addr, text)
    {
        return HostText::Is(ioc);
    }
    let name = match text.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => text,
    };
    if noise::is_masked(name) {
        return HostText::No(Kind::Ipv4Addr, Rejected::Malformed);
    }
    if !name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'*') || byte > 0x7f)
    {
        return HostText::Other;
    }
    match Ioc::parse(Kind::DomainName, name) {
        Ok(ioc) => HostText::Is(ioc),
        // Numbers: an address that is cut off, an object identifier.
        Err(_) if name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => HostText::Other,
        Err(reason) if name.contains('.') => HostText::No(Kind::DomainName, reason),
        Err(_) => HostText::Other,
    }
}

/// Whether a name is that of an address' reverse look-up.
pub(super) fn is_reverse_name(name: &str) -> bool {
    name.len() > 5 && name.get(name.len() - 5..).is_some_and(|tail| tail.eq_ignore_ascii_case(".arpa"))
}

/// The answers of sysmon's `queryResults`: `type:  5 name;::ffff:192.0.2.1;`.
pub(super) fn answers(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|answer| !answer.is_empty()).map(|answer| {
        let typed = answer.strip_prefix("type:").map(str::trim_start);
        typed.and_then(|typed| typed.split_once(' ')).map_or(answer, |(_, value)| value.trim())
    })
}

/// The host of a URL that was written without its scheme: `evil.example/a`, `evil.example:443`. A name alone is none:
/// it may be that of a script.
pub(super) fn authority(text: &str) -> Option<&str> {
    if text.contains("://") || text.starts_with(['/', '?']) || text.contains(char::is_whitespace) {
        return None;
    }
    let end = text.find(['/', '?', '#']).unwrap_or(text.len());
    let (authority, rest) = text.split_at(end);
    let is_one = authority.contains(':') || authority.contains('.') && rest.starts_with('/');
    (is_one && !authority.contains('@')).then_some(authority)
}

/// A field that is one URL from its first character to its last.
pub(super) fn whole_url(text: &str) -> Option<Ioc> {
    let (scheme, _) = text.split_once("://")?;
    let is_asked = ["http", "https", "ftp", "ftps", "sftp", "ws", "wss", "tftp", "ldap", "ldaps"]
        .iter()
        .any(|asked| scheme.eq_ignore_ascii_case(asked));
    if is_asked { Ioc::parse(Kind::Url, text).ok() } else { None }
}

/// The host of a URL in canonical form.
pub(super) fn host_of_url(url: &str) -> Option<Ioc> {
    let url = Url::parse(url).ok()?;
    match host(url.host()) {
        HostText::Is(ioc) => Some(ioc),
        HostText::No(..) | HostText::Other => None,
    }
}

/// The file that AppLocker or the like names at the start of its message: `C:\a.exe was prevented from running.`
pub(super) fn blocked_file(message: &str) -> Option<&str> {
    let (file, _) = message.trim_start_matches('"').split_once(" was ")?;
    let is_path = file.contains('\\') && !file.contains(['\n', '"']) && file.len() < 512;
    (is_path && (file.starts_with('%') || file.get(1..3) == Some(":\\"))).then_some(file)
}

/// The name of the file at the end of a path. `None` for folders, and for what is no file: `System`, `Registry`.
pub(super) fn base_name(path: &str) -> Option<&str> {
    match path.rsplit_once(['\\', '/', '|']) {
        Some((folder, name)) => {
            // `a.iso:Zone.Identifier`: an alternate stream of a file is a part of it.
            let is_windows = folder.contains('\\') || folder.ends_with(':');
            let name = if is_windows { name.split(':').next().unwrap_or(name) } else { name };
            Some(name.trim()).filter(|name| !name.is_empty() && *name != "." && *name != "..")
        }
        None => Some(path).filter(|name| name.contains('.')),
    }
}

/// The host of `\\host\share\…`, also in its forms for WebDAV (`\\host@SSL@8443\…`) and with the `\\?\UNC\` prefix.
pub(super) fn share_host(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(r"\\?\UNC\").or_else(|| path.strip_prefix(r"\\"))?;
    let host = rest.split(['\\', '/']).next()?;
    let host = host.split('@').next().unwrap_or(host);
    (host.contains(['.', ':']) && host.len() > 3).then_some(host)
}

/// One of the things that Defender says it found something in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resource<'t> {
    File(&'t str),
    Url(&'t str),
    RegistryKey(&'t str),
    Command(&'t str),
}

/// Takes apart Defender's list of resources: `type:_value`, joined by `;`. In the old event log the first type may be
/// missing.
pub(super) fn resources(text: &str) -> Vec<Resource<'_>> {
    let mut resources = Vec::new();
    for entry in text.split(';').map(str::trim) {
        let (kind, value) = match entry.split_once(":_") {
            Some((kind, value)) if kind.bytes().all(|byte| byte.is_ascii_alphabetic()) => (kind, value),
            _ if entry.contains(['\\', '/']) => ("file", entry.strip_prefix('_').unwrap_or(entry)),
            _ => continue,
        };
        let value = value.trim();
        if value.is_empty() {
            continue;
        }
        match kind.to_ascii_lowercase().as_str() {
            "file" | "containerfile" | "driver" | "startup" | "taskscheduler" | "folder" | "amsi" => {
                resources.extend(files_of(value).map(Resource::File));
            }
            "webfile" => {
                for part in value.split('|').map(str::trim) {
                    if part.contains("://") {
                        resources.push(Resource::Url(part));
                    } else if part.contains(['\\', '/']) {
                        resources.extend(files_of(part).map(Resource::File));
                    }
                }
            }
            "regkey" | "runkey" | "regkeyvalue" | "runonce" => {
                // The name of a value follows behind a double backslash or an `@`; the key is what counts.
                resources.push(Resource::RegistryKey(value.split('@').next().unwrap_or(value)));
            }
            "cmdline" => resources.push(Resource::Command(value)),
            _ => {}
        }
    }
    resources
}

/// The archive and what is in it: `C:\a.zip->b.exe`.
fn files_of(value: &str) -> impl Iterator<Item = &str> {
    value.split("->").map(str::trim).filter(|file| !file.is_empty() && !file.starts_with('('))
}

/// The hashes of a list such as `SHA1=…,MD5=…,IMPHASH=…`, each with its kind; a bare one is told by its length.
pub(super) fn hashes(text: &str) -> impl Iterator<Item = (Kind, &str)> {
    text.split([',', ';', '|', ' ', '\n', '\t']).filter_map(|entry| {
        let (name, digest) = match entry.split_once(['=', ':']) {
            Some((name, digest)) => (name.trim(), digest.trim()),
            None => ("", entry.trim()),
        };
        if !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let kind = match name {
            name if name.eq_ignore_ascii_case("imphash") => Kind::Imphash,
            name if name.eq_ignore_ascii_case("authentihash") => Kind::Authentihash,
            _ => hash_kind(digest)?,
        };
        Some((kind, digest))
    })
}

/// The kind of a file's hash by its length.
pub(super) fn hash_kind(text: &str) -> Option<Kind> {
    let kind = match text.len() {
        32 => Kind::Md5,
        40 => Kind::Sha1,
        56 => Kind::Sha224,
        64 => Kind::Sha256,
        96 => Kind::Sha384,
        128 => Kind::Sha512,
        _ => return None,
    };
    text.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(kind)
}

/// The words before a hash that say that it is one of a file.
const HASH_NAMES: &[&str] = &[
    "md5",
    "sha1",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "hash",
    "filehash",
    "checksum",
    "filechecksum",
    "digest",
    "filedigest",
    "filemd5",
    "filesha1",
    "filesha256",
    "md5sum",
    "sha1sum",
    "sha256sum",
    "sha512sum",
    "md5hash",
    "sha1hash",
    "sha256hash",
    "hashmd5",
    "hashsha1",
    "hashsha256",
    "imphash",
    "ssdeep",
    "tlsh",
    "authentihash",
];

/// Whether a key or a label says that a hash of a file follows.
pub(super) fn names_a_hash(name: &str) -> bool {
    let mut plain = [0_u8; 16];
    let mut len = 0;
    for byte in name.bytes().filter(|byte| !matches!(byte, b'-' | b'_' | b' ')) {
        let Some(slot) = plain.get_mut(len) else { return false };
        *slot = byte.to_ascii_lowercase();
        len += 1;
    }
    let plain = plain.get(..len).unwrap_or_default();
    HASH_NAMES.iter().any(|known| known.as_bytes() == plain)
}

/// Whether the text around a hash says that it is one of a file: a label before it (`MD5=…`), or a file name behind
/// it as `sha256sum` writes it.
pub(super) fn is_labelled_hash(text: &str, span: &Range<usize>) -> bool {
    let before = text.get(..span.start).unwrap_or_default();
    let before =
        before.trim_end_matches([' ', ':', '=', '"', '\'', '(', '[', '<', '>', '\t', '\\', '{', '|']);
    let start = before.rfind(|char: char| !(char.is_ascii_alphanumeric() || matches!(char, '-' | '_')));
    let label = before.get(start.map_or(0, |start| start + 1)..).unwrap_or_default();
    if names_a_hash(label) {
        return true;
    }
    // `MD5 (a.exe) = …` of BSD and macOS, `sha256: a.exe …` are too rare to guess at.
    let after = text.get(span.end..).unwrap_or_default();
    let Some(name) = after.strip_prefix("  ").or_else(|| after.strip_prefix(" *")) else { return false };
    name.starts_with(['/', '.', '~'])
        || name.starts_with(|char: char| char.is_ascii_alphanumeric()) && name.contains('.')
}

/// The CVE ids in a text.
pub(super) fn cves(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(found) =
            bytes.get(at..)?.windows(4).position(|window| window.eq_ignore_ascii_case(b"CVE-"))
        {
            let start = at + found;
            let len = bytes
                .get(start + 4..)?
                .iter()
                .take_while(|byte| byte.is_ascii_digit() || **byte == b'-')
                .count();
            at = start + 4 + len;
            if let Some(cve) = text.get(start..at)
                && len >= 9
            {
                return Some(cve.trim_end_matches('-'));
            }
        }
        None
    })
}

/// The full name of a pipe that sysmon calls `\name`.
pub(super) fn pipe(text: &str) -> String {
    if text.starts_with(r"\\") {
        text.to_owned()
    } else {
        format!(r"\\.\pipe\{}", text.trim_start_matches('\\'))
    }
}

/// Whether a user agent is an attack: what a shell, a template or a logging library would evaluate.
pub(super) fn is_injection(text: &str) -> bool {
    ["${", "$(", "() {", "`", "<?", "'+", "';", "\" ", "<script"].iter().any(|mark| text.contains(mark))
}

/// The value of the header `User-Agent` in a request that a field holds as a whole. Line ends may be escaped.
pub(super) fn user_agent_header(text: &str) -> Option<&str> {
    const NAME: &str = "User-Agent: ";
    if text.len() < 32 {
        return None;
    }
    let at = text.find(NAME).or_else(|| text.find("user-agent: "))?;
    let value = text.get(at + NAME.len()..)?;
    let end = value.find(['\r', '\n', '"']).unwrap_or(value.len());
    let end = value.find("\\r").map_or(end, |escaped| escaped.min(end));
    value.get(..end).map(|value| value.trim_end_matches('\\').trim()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn host_of(text: &str) -> Option<String> {
        match host(text) {
            HostText::Is(ioc) => Some(format!("{} {ioc}", ioc.kind())),
            HostText::No(..) | HostText::Other => None,
        }
    }

    #[test]
    fn hosts_with_and_without_ports() {
        for (text, expected) in [
            ("203.0.113.9", "ipv4-addr 203.0.113.9"),
            ("203.0.113.9:4444", "ipv4-addr 203.0.113.9"),
            ("::ffff:203.0.113.9", "ipv4-addr 203.0.113.9"),
            ("[2001:db8::9]:50213", "ipv6-addr 2001:db8::9"),
            ("2001:0db8:0:0::9%eth0", "ipv6-addr 2001:db8::9"),
            ("C2.Evil.example.", "domain-name c2.evil.example"),
            ("c2.evil.example:443", "domain-name c2.evil.example"),
            ("*.evil.example", "domain-name evil.example"),
        ] {
            assert_eq!(host_of(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["KALI", "XXX.XXX.XXX.XXX", "srv01.lan", "https(203.0.113.9)", "a b"] {
            assert_eq!(host_of(text), None, "{text}");
        }
    }

    #[test]
    fn answers_of_sysmon() {
        let text = "type:  5 cdn.evil.example;::ffff:203.0.113.9; 2001:db8::9 ;";
        assert!(answers(text).eq(["cdn.evil.example", "::ffff:203.0.113.9", "2001:db8::9"]));
    }

    #[test]
    fn authorities_of_urls_without_scheme() {
        assert_eq!(authority("evil.example/a?b"), Some("evil.example"));
        assert_eq!(authority("evil.example:443"), Some("evil.example:443"));
        for text in
            ["/a", "http://evil.example/", "GET /", "index", "eve@evil.example", "test.sh?a=b", "test.sh"]
        {
            assert_eq!(authority(text), None, "{text}");
        }
    }

    #[test]
    fn names_of_files() {
        assert_eq!(base_name(r"C:\Users\bob\a.exe"), Some("a.exe"));
        assert_eq!(base_name(r"C:\a.iso:Zone.Identifier"), Some("a.iso"));
        assert_eq!(base_name("/tmp/a:b"), Some("a:b"));
        assert_eq!(base_name(r"PROGRAM_FILES|\a\b.exe"), Some("b.exe"));
        assert_eq!(base_name("a.exe"), Some("a.exe"));
        for path in [r"C:\Windows\", "System", "/", "/tmp/.."] {
            assert_eq!(base_name(path), None, "{path}");
        }
    }

    #[test]
    fn hosts_of_shares() {
        assert_eq!(share_host(r"\\files.evil.example\a\b"), Some("files.evil.example"));
        assert_eq!(share_host(r"\\evil.example@SSL@8443\DavWWWRoot\a"), Some("evil.example"));
        assert_eq!(share_host(r"\\?\UNC\203.0.113.9\a"), Some("203.0.113.9"));
        for path in [r"\\*\IPC$", r"\\SERVER\a", r"C:\a", r"\\.\pipe\a", r"\??\C:\a"] {
            assert_eq!(share_host(path), None, "{path}");
        }
    }

    #[test]
    fn resources_of_defender() {
        let text = r"file:_C:\a.zip->b.exe->(UTF-16); webfile:_C:\a.zip|https://evil.example/a|pid:1,x; regkey:_HKLM\Evil@v; process:_pid:4";
        assert_eq!(
            resources(text),
            [
                Resource::File(r"C:\a.zip"),
                Resource::File("b.exe"),
                Resource::File(r"C:\a.zip"),
                Resource::Url("https://evil.example/a"),
                Resource::RegistryKey(r"HKLM\Evil"),
            ]
        );
    }

    #[test]
    fn lists_of_hashes() {
        let (md5, sha1) = ("0".repeat(32), "a".repeat(40));
        let text = format!("SHA1={sha1},MD5={md5},IMPHASH={md5},Unknown,SHA256=");
        let expected = [(Kind::Sha1, &*sha1), (Kind::Md5, &*md5), (Kind::Imphash, &*md5)];
        assert!(hashes(&text).eq(expected));
        assert!(hashes(&sha1).eq([(Kind::Sha1, &*sha1)]));
        assert_eq!(hash_kind(&"g".repeat(32)), None);
    }

    #[test]
    fn hashes_in_text_need_a_label() {
        let md5 = "0b1f6a8a5b9d5b8e1a8b6f9a3c0d7e21";
        let labelled = |text: &str| {
            let start = text.find(md5).unwrap();
            is_labelled_hash(text, &(start..start + md5.len()))
        };
        for text in [
            "MD5={}",
            "md5: {}",
            "File hash = '{}'",
            "\"file_hash\":\"{}\"",
            "MD5 checksum: {}",
            "{}  a.exe",
            "{} */tmp/a",
        ] {
            assert!(labelled(&text.replace("{}", md5)), "{text}");
        }
        for text in ["session {}", "-hashes {}:x", "nthash={}", "{} done", "id={}", "{}  then"] {
            assert!(!labelled(&text.replace("{}", md5)), "{text}");
        }
    }

    #[test]
    fn cves_in_signatures() {
        assert!(cves("ET EXPLOIT (CVE-2021-44228, cve-2021-45046)").eq(["CVE-2021-44228", "cve-2021-45046"]));
        assert_eq!(cves("CVE- CVE-1 CVE").count(), 0);
    }

    #[test]
    fn headers_in_requests() {
        assert_eq!(
            user_agent_header("GET / HTTP/1.0\\r\\nUser-Agent: Wget/1.12\\r\\nHost: a"),
            Some("Wget/1.12")
        );
        assert_eq!(
            user_agent_header("GET / HTTP/1.0\r\nuser-agent: Wget/1.12 (x)\r\n"),
            Some("Wget/1.12 (x)")
        );
        assert_eq!(user_agent_header("GET / HTTP/1.0\r\nUser-Agent: \r\nHost: a.example"), None);
    }

    #[test]
    fn files_that_were_blocked() {
        assert_eq!(
            blocked_file("\"%OSDRIVE%\\A.EXE was prevented from running.\""),
            Some(r"%OSDRIVE%\A.EXE")
        );
        assert_eq!(blocked_file("A printer was added"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in r#"[ -~\n\\\\/:;|,="'%@\[\].a-fA-F0-9é]{0,200}"#) {
            let _ = host(&text);
            let _ = (answers(&text).count(), hashes(&text).count(), cves(&text).count());
            let _ = (authority(&text), whole_url(&text), base_name(&text), share_host(&text), resources(&text));
            let _ = (user_agent_header(&text), blocked_file(&text), hash_kind(&text), names_a_hash(&text));
            for (start, _) in text.char_indices() {
                let _ = is_labelled_hash(&text, &(start..text.len()));
            }
        }
    }
}
