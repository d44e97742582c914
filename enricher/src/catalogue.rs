//! Which field of which decoder or provider holds what.
//!
//! [`FAMILIES`] is the table, and `docs/fields.md` the same for people to read. It is searched by path, exactly first,
//! then by what is above, then by the last key.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::LazyLock;

use ioc_extract::Kind;
use wazuh_alert::Leaf;

use crate::select::Role;

mod fields;

pub use fields::FAMILIES;

/// The fields of one source of events.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name, as in the names of the sample alerts: `sysmon`, `web-access`.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// Its fields. Of several entries with the same path the first whose condition is true counts.
    pub fields: &'static [Field],
}

/// What one field holds.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The path below `data`, or from `syscheck` on. `a.*` is everything below `a` that has no entry of its own;
    /// `*.a` is every field named `a` that has neither. The case of letters does not matter.
    pub path: &'static str,
    /// Where the path means this.
    pub when: When,
    /// What stands there.
    pub holds: Holds,
    /// Fields of an alert with the same name here describe one object; without a name it is one by itself.
    pub object: &'static str,
    /// What a value looks like.
    pub example: &'static str,
}

/// The condition under which a path has a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Everywhere.
    Always,
    /// The decoder's name, or that of its parent, begins with one of these.
    Decoder(&'static [&'static str]),
    /// A Windows event of this provider and with one of these ids; any id if there are none.
    Event(&'static str, &'static [u16]),
    /// A FIM alert about the registry, not about a file.
    Registry,
    /// A FIM alert about a file that was deleted.
    Deleted,
}

/// What a field holds, and so how it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Addresses or host names, with or without ports.
    Host(Role),
    /// A name that was looked up in the DNS.
    Domain,
    /// The answers of a DNS look-up.
    Answers,
    /// A URL, a host and path without a scheme, or a request's path.
    Url,
    /// E-mail addresses of those who sent, of those who were to receive, or of anybody.
    Email(Role),
    /// An account: an e-mail address, or the name of a login.
    Account,
    /// The name of a login, which is no e-mail address even if it looks like one.
    Login,
    /// The security identifier of an account.
    Sid,
    /// Hashes with their algorithms: `SHA1=…,MD5=…,IMPHASH=…`.
    Hashes,
    /// A file's hash, whose length tells the algorithm.
    Hash,
    /// A digest of one kind.
    Digest(Kind),
    /// A hash of what a file used to hold.
    Superseded,
    /// A hash of something that is no file.
    NotAFile,
    /// The path or name of the file that the event is about.
    Path,
    /// The path or name of the file that a process ran.
    Image,
    /// Another path, of which only the host of a share counts.
    Folder,
    /// What Microsoft Defender writes for paths: `file:_C:\a.exe; webfile:_C:\a|https://host/a|pid:1`.
    Resources,
    /// The command line of a process.
    CommandLine,
    /// A command, a script, or what else a machine runs.
    Command,
    /// A whole HTTP request.
    Request,
    /// A registry key.
    RegistryKey,
    /// The name of a named pipe.
    Pipe,
    /// A MAC address.
    Mac,
    /// A user agent as the client sent it.
    UserAgent,
    /// Names of signatures and threats, in which only a CVE counts.
    Signature,
    /// Any text.
    Text,
    /// Never an IoC: what the event's source says about itself, ids, versions, links to documentation.
    Nothing,
}

impl Holds {
    /// Whether what is found in such a field is no IoC where a log line repeats it either.
    pub(crate) const fn is_refused_in_text(self) -> bool {
        matches!(
            self,
            Self::Nothing
                | Self::Account
                | Self::Login
                | Self::Sid
                | Self::Signature
                | Self::Folder
                | Self::Superseded
                | Self::NotAFile
        )
    }

    /// Whether the field is read as text.
    pub(crate) const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Command | Self::CommandLine | Self::Request)
    }

    /// The STIX path that the value has in a pattern; empty where that depends on what is found.
    #[must_use]
    pub const fn stix(self) -> &'static str {
        match self {
            Self::Host(Role::Source) => "network-traffic:src_ref.value",
            Self::Host(Role::Destination) => "network-traffic:dst_ref.value",
            Self::Host(Role::Seen | Role::Image) => "ipv4-addr:value, ipv6-addr:value, domain-name:value",
            Self::Domain => "domain-name:value",
            Self::Answers => "domain-name:resolves_to_refs[*].value",
            Self::Url => "url:value",
            Self::Email(Role::Source) => "email-message:from_ref.value",
            Self::Email(Role::Destination) => "email-message:to_refs[*].value",
            Self::Email(Role::Seen | Role::Image) => "email-addr:value",
            Self::Account => "email-addr:value, user-account:account_login",
            Self::Login => "user-account:account_login",
            Self::Sid => "user-account:user_id",
            Self::Hashes | Self::Hash => "file:hashes",
            Self::Digest(Kind::CertSha1) => "x509-certificate:hashes.'SHA-1'",
            Self::Digest(Kind::CertSerial) => "x509-certificate:serial_number",
            Self::Digest(Kind::CertSha256) => "x509-certificate:hashes.'SHA-256'",
            Self::Digest(kind) if kind.is_file_hash() => "file:hashes",
            Self::Path | Self::Resources => "file:name",
            Self::Image => "process:image_ref.name",
            Self::CommandLine => "process:command_line",
            Self::RegistryKey => "windows-registry-key:key",
            Self::Pipe => "file:name",
            Self::Mac => "mac-addr:value",
            Self::UserAgent => "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'",
            Self::Signature => "vulnerability:name",
            Self::Digest(_)
            | Self::Superseded
            | Self::NotAFile
            | Self::Folder
            | Self::Command
            | Self::Request
            | Self::Text
            | Self::Nothing => "",
        }
    }

    /// What it is, in the words of `docs/fields.md`.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Host(Role::Source) => "source host",
            Self::Host(Role::Destination) => "destination host",
            Self::Host(Role::Seen | Role::Image) => "host",
            Self::Domain => "DNS name",
            Self::Answers => "DNS answers",
            Self::Url => "URL",
            Self::Email(Role::Source) => "e-mail addresses of senders",
            Self::Email(Role::Destination) => "e-mail addresses of recipients",
            Self::Email(Role::Seen | Role::Image) => "e-mail addresses",
            Self::Account => "account or e-mail address",
            Self::Login => "account",
            Self::Sid => "security identifier",
            Self::Hashes => "hashes with algorithms",
            Self::Hash => "file hash",
            Self::Digest(kind) => kind.as_str(),
            Self::Superseded => "hash of earlier content; left out",
            Self::NotAFile => "hash of what is no file; left out",
            Self::Path => "file",
            Self::Folder => "other path; host of a share only",
            Self::Resources => "Defender resources",
            Self::Image => "file that a process ran",
            Self::CommandLine => "command line",
            Self::Command => "command or script",
            Self::Request => "HTTP request",
            Self::RegistryKey => "registry key",
            Self::Pipe => "named pipe",
            Self::Mac => "MAC address",
            Self::UserAgent => "user agent",
            Self::Signature => "signature; CVE only",
            Self::Text => "text",
            Self::Nothing => "never an IoC",
        }
    }
}

/// A field with this meaning everywhere.
const fn field(path: &'static str, holds: Holds, example: &'static str) -> Field {
    Field { path, when: When::Always, holds, object: "", example }
}

impl Field {
    /// Only below one of these decoders.
    const fn decoder(mut self, names: &'static [&'static str]) -> Self {
        self.when = When::Decoder(names);
        self
    }

    /// Only in events of this provider with one of these ids.
    const fn event(mut self, provider: &'static str, ids: &'static [u16]) -> Self {
        self.when = When::Event(provider, ids);
        self
    }

    /// Only in events of sysmon with one of these ids.
    const fn sysmon(self, ids: &'static [u16]) -> Self {
        self.event(SYSMON, ids)
    }

    const fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }

    /// It describes the object of this name.
    const fn of(mut self, object: &'static str) -> Self {
        self.object = object;
        self
    }

    /// The path as an alert has it.
    #[must_use]
    pub fn alert_path(&self) -> String {
        match self.path {
            path if path.starts_with("syscheck.") || path.starts_with("*.") => path.to_owned(),
            path => format!("data.{path}"),
        }
    }
}

const SYSMON: &str = "Microsoft-Windows-Sysmon";

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => Ok(()),
            Self::Decoder(names) => write!(f, "decoder {}", names.join(", ")),
            Self::Event(provider, []) => f.write_str(provider),
            Self::Event(provider, ids) => {
                write!(f, "{provider}")?;
                for (index, id) in ids.iter().enumerate() {
                    write!(f, "{}{id}", if index == 0 { " " } else { ", " })?;
                }
                Ok(())
            }
            Self::Registry => f.write_str("registry"),
            Self::Deleted => f.write_str("deleted file"),
        }
    }
}

/// What conditions are decided by, read from an alert once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Source<'a> {
    decoder: &'a str,
    parent: &'a str,
    provider: &'a str,
    event_id: u16,
    is_registry: bool,
    is_deleted: bool,
}

impl<'a> Source<'a> {
    pub(crate) fn of(leaves: impl Iterator<Item = Leaf<'a>>) -> Self {
        let mut source = Self::default();
        for leaf in leaves {
            match leaf.path {
                "decoder.name" => source.decoder = leaf.text,
                "decoder.parent" => source.parent = leaf.text,
                "data.win.system.providerName" => source.provider = leaf.text,
                // sysmon for Linux, whose fields are below `data.system` and `data.eventdata`.
                "data.system.providerName" => source.provider = leaf.text,
                "data.win.system.eventID" | "data.system.eventID" | "data.system.eventId" => {
                    source.event_id = leaf.text.parse().unwrap_or(0);
                }
                "syscheck.value_name" | "syscheck.value_type" | "syscheck.arch" => source.is_registry = true,
                "syscheck.path" if is_registry_path(leaf.text) => source.is_registry = true,
                "syscheck.event" => source.is_deleted = leaf.text == "deleted",
                _ => {}
            }
        }
        if source.provider == "Linux-Sysmon" {
            source.provider = SYSMON;
        }
        source
    }

    /// Whether a Windows event's message only repeats what its other fields hold.
    pub(crate) fn message_is_redundant(&self) -> bool {
        matches!(
            self.provider,
            SYSMON | "Microsoft-Windows-Security-Auditing" | "Microsoft-Windows-PowerShell"
        )
    }

    /// Whether the paths in a Windows event's message are those of the files that it is about.
    pub(crate) fn message_names_files(&self) -> bool {
        matches!(
            self.provider,
            "Microsoft-Windows-AppLocker"
                | "Microsoft-Windows-PrintService"
                | "Microsoft-Windows-CodeIntegrity"
        )
    }

    pub(crate) fn is_decoder(&self, prefix: &str) -> bool {
        self.decoder.starts_with(prefix) || self.parent.starts_with(prefix)
    }

    fn satisfies(&self, when: When) -> bool {
        match when {
            When::Always => true,
            When::Decoder(names) => names.iter().any(|name| self.is_decoder(name)),
            When::Event(provider, ids) => {
                self.provider == provider && (ids.is_empty() || ids.contains(&self.event_id))
            }
            When::Registry => self.is_registry,
            When::Deleted => self.is_deleted && !self.is_registry,
        }
    }
}

fn is_registry_path(path: &str) -> bool {
    path.get(..5).is_some_and(|head| head.eq_ignore_ascii_case("HKEY_"))
}

/// Longer than every path in the table. Only this much of a path is compared: alerts may nest a thousand levels deep.
const MAX_PATH_BYTES: usize = 160;

/// The table, ready to be searched.
pub(crate) struct Catalogue {
    /// The entries with a path of their own, each with the place of the next one with the same path.
    entries: Vec<(&'static Field, Option<u32>)>,
    /// The first entry of a path.
    exact: Map<u32>,
    /// By the path above, without `.*`.
    below: Map<&'static Field>,
    /// By the last key.
    named: Map<&'static Field>,
}

type Map<V> = HashMap<Key<'static>, V, BuildHasherDefault<PathHasher>>;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::new);

impl Catalogue {
    pub(crate) fn get() -> &'static Self {
        &CATALOGUE
    }

    /// Made once in a process, which may be there for one alert only: so in one pass and with no map growing.
    fn new() -> Self {
        let count = FAMILIES.iter().map(|family| family.fields.len()).sum();
        let mut catalogue = Self {
            entries: Vec::with_capacity(count),
            exact: Map::with_capacity_and_hasher(count, BuildHasherDefault::default()),
            below: Map::with_capacity_and_hasher(64, BuildHasherDefault::default()),
            named: Map::with_capacity_and_hasher(64, BuildHasherDefault::default()),
        };
        // Backwards, so that the first entry of a path comes to stand at the head of its chain.
        for field in FAMILIES.iter().rev().flat_map(|family| family.fields.iter().rev()) {
            if let Some(above) = field.path.strip_suffix(".*") {
                catalogue.below.insert(Key(above), field);
            } else if let Some(name) = field.path.strip_prefix("*.") {
                catalogue.named.insert(Key(name), field);
            } else if let Ok(place) = u32::try_from(catalogue.entries.len()) {
                let next = catalogue.exact.insert(Key(field.path), place);
                catalogue.entries.push((field, next));
            }
        }
        catalogue
    }

    /// The entry for a path of an alert, if there is one.
    pub(crate) fn find(&self, path: &str, source: &Source<'_>) -> Option<&'static Field> {
        let path = path.strip_prefix("data.").unwrap_or(path);
        if path.len() <= MAX_PATH_BYTES {
            let mut place = self.exact.get(&Key(path)).copied();
            while let Some((field, next)) = place.and_then(|place| self.entries.get(place as usize)) {
                if source.satisfies(field.when) {
                    return Some(field);
                }
                place = *next;
            }
        }
        let end = (0..=path.len().min(MAX_PATH_BYTES)).rev().find(|&at| path.is_char_boundary(at));
        let mut above = path.get(..end.unwrap_or(0)).unwrap_or_default();
        while let Some((rest, _)) = last_dot(above) {
            if let Some(field) = self.below.get(&Key(rest)) {
                return Some(field);
            }
            above = rest;
        }
        let name = last_dot(path).map_or(path, |(_, name)| name);
        self.named.get(&Key(name)).copied()
    }
}

/// What stands before and behind the last dot. Keys are short, so a search made for long texts would take longer.
fn last_dot(path: &str) -> Option<(&str, &str)> {
    let at = path.bytes().rposition(|byte| byte == b'.')?;
    Some((path.get(..at)?, path.get(at + 1..)?))
}

/// A path in which the case of ASCII letters does not matter.
#[derive(Clone, Copy)]
struct Key<'a>(&'a str);

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.0.eq_ignore_ascii_case(other.0)
    }
}

impl Eq for Key<'_> {}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.as_bytes());
    }
}

/// A hash of eight bytes at a time, without the case of letters. The keys of the table are ours, so nobody can make
/// them collide.
#[derive(Default)]
struct PathHasher(u64);

impl PathHasher {
    fn add(&mut self, word: u64) {
        const LOWER: u64 = u64::from_ne_bytes([0x20; 8]);
        self.0 = (self.0.rotate_left(5) ^ (word | LOWER)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for PathHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        let rest = rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        self.add(rest);
    }

    fn finish(&self) -> u64 {
        // The table takes its index from the low bits and a tag from the high ones.
        self.0 ^ self.0 >> 29
    }
}

#[cfg(test)]
mod tests {
    use wazuh_alert::Alert;

    use super::*;

    fn source(json: &str) -> Alert {
        Alert::parse(json.as_bytes()).unwrap()
    }

    fn holds(json: &str, path: &str) -> Option<Holds> {
        let alert = source(json);
        Catalogue::get().find(path, &Source::of(alert.leaves())).map(|field| field.holds)
    }

    #[test]
    fn every_entry_can_be_reached() {
        let mut seen: Vec<&Field> = Vec::new();
        for field in FAMILIES.iter().flat_map(|family| family.fields) {
            let hides = seen.iter().find(|earlier| {
                earlier.path.eq_ignore_ascii_case(field.path)
                    && (earlier.when == When::Always || earlier.when == field.when)
            });
            assert!(hides.is_none(), "`{}` ({}) is hidden by an earlier entry", field.path, field.when);
            if field.path.contains('*') {
                assert_eq!(field.when, When::Always, "`{}` has a condition", field.path);
            }
            assert!(field.path.len() < MAX_PATH_BYTES, "`{}` is too long", field.path);
            seen.push(field);
        }
    }

    #[test]
    fn the_meaning_of_url_depends_on_the_decoder() {
        let url = |decoder: &str| {
            holds(&format!(r#"{{"data":{{"url":"x"}},"decoder":{{"name":"{decoder}"}}}}"#), "data.url")
        };
        assert_eq!(url("squid-accesslog"), Some(Holds::Url));
        assert_eq!(url("named"), Some(Holds::Domain));
        assert_eq!(url("clamd"), Some(Holds::Path));
        assert_eq!(url("web-accesslog"), Some(Holds::Url));
        assert_eq!(url("somebody's"), Some(Holds::Url));
    }

    #[test]
    fn sysmon_is_told_by_provider_and_event() {
        let sysmon = |id: u16, path: &str| {
            let json = format!(
                r#"{{"data":{{"win":{{"system":{{"providerName":"Microsoft-Windows-Sysmon","eventID":"{id}"}}}}}}}}"#
            );
            let alert = source(&json);
            Catalogue::get().find(path, &Source::of(alert.leaves())).map(|field| (field.holds, field.object))
        };
        assert_eq!(sysmon(1, "data.win.eventdata.image"), Some((Holds::Image, "file")));
        assert_eq!(sysmon(11, "data.win.eventdata.image"), Some((Holds::Image, "process")));
        assert_eq!(sysmon(24, "data.win.eventdata.hashes"), Some((Holds::NotAFile, "")));
        assert_eq!(sysmon(26, "data.win.eventdata.hashes"), Some((Holds::Hashes, "file")));
    }

    #[test]
    fn paths_are_found_without_case_by_what_is_above_and_by_their_last_key() {
        let alert = r#"{"rule":{}}"#;
        assert_eq!(holds(alert, "data.SrcIP"), Some(Holds::Host(Role::Source)));
        assert_eq!(holds(alert, "data.virustotal.permalink"), Some(Holds::Nothing));
        assert_eq!(holds(alert, "data.virustotal.source.md5"), Some(Holds::Digest(Kind::Md5)));
        assert_eq!(holds(alert, "data.vuls.a.b.md5"), Some(Holds::Nothing));
        assert_eq!(holds(alert, "data.my.own.sha256"), Some(Holds::Digest(Kind::Sha256)));
        assert_eq!(holds(alert, "data.my.own.field"), None);
        let deep = format!("data.vuls.{}md5", "é.".repeat(500));
        assert_eq!(holds(alert, &deep), Some(Holds::Nothing));
        assert_eq!(holds(alert, &deep.replace("vuls", "a")), Some(Holds::Digest(Kind::Md5)));
    }

    #[test]
    fn registry_and_deletions_are_told_from_files() {
        let path = "syscheck.sha1_before";
        assert_eq!(holds(r#"{"syscheck":{"event":"modified"}}"#, path), Some(Holds::Superseded));
        assert_eq!(holds(r#"{"syscheck":{"event":"deleted"}}"#, path), Some(Holds::Digest(Kind::Sha1)));
        let registry = r#"{"syscheck":{"event":"deleted","path":"HKEY_LOCAL_MACHINE\\a"}}"#;
        assert_eq!(holds(registry, path), Some(Holds::NotAFile));
        assert_eq!(holds(registry, "syscheck.path"), Some(Holds::RegistryKey));
    }
}
