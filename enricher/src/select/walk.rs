//! Goes through an alert's fields and finds every IoC in it.

use std::collections::HashSet;
use std::ops::Range;

use ioc_extract::{Extractor, Found, Ioc, Item, Kind, Rejected};
use wazuh_alert::{Alert, Leaf, ScalarKind};

use super::objects::Objects;
use super::own::Own;
use super::{LeftOut, LeftOutReason, Role, Sighting, full_log, noise, read};
use crate::catalogue::{Catalogue, Field, Holds, Source};

/// What looked like an IoC is shown up to this many characters.
const MAX_SHOWN: usize = 128;

/// How many sightings are kept, and how many values left out: more than the 64 KiB of an alert of analysisd's can hold.
/// What is larger was put together by somebody else, and must not cost any amount of memory.
const MAX_KEPT: usize = 16_384;

/// Everything found in an alert, before policy.
pub(super) struct Walked {
    pub(super) sightings: Vec<Sighting>,
    pub(super) left_out: Vec<LeftOut>,
}

/// Finds what `alert` saw: first in fields whose meaning is known, then in the text of the others, then what only
/// the log line holds. What Wazuh adds about itself is not looked at.
pub(super) fn walk(alert: &Alert, extractor: &Extractor) -> Walked {
    // They are gone through several times, and taking them apart costs more than keeping them.
    let leaves: Vec<Leaf<'_>> = alert.leaves().collect();
    let mut walker = Walker::new(&leaves, extractor);
    let catalogue = Catalogue::get();
    let mut texts = Vec::with_capacity(leaves.len());
    let mut message = None;
    let mut log = None;
    for leaf in leaves {
        if leaf.text.is_empty() {
            continue;
        }
        if !is_of_the_event(leaf.path) {
            if leaf.path == full_log::PATH {
                log = Some(leaf.text);
            }
            continue;
        }
        let field = catalogue.find(leaf.path, &walker.source);
        let holds = field.map_or(Holds::Text, |field| field.holds);
        if holds.is_refused_in_text() {
            walker.refused.push((leaf.text, holds));
        }
        if leaf.path == "data.win.system.message" {
            message = Some(leaf);
        } else if holds.is_text() {
            if leaf.kind == ScalarKind::String {
                texts.push((leaf, field));
            }
        } else if let Some(field) = field
            && holds != Holds::Nothing
        {
            walker.whole = leaf.text;
            walker.field(leaf, field);
        }
    }
    for (leaf, field) in texts {
        let is_request = field.is_some_and(|field| field.holds == Holds::Request);
        walker.whole = leaf.text;
        if let Some(field) = field.filter(|field| field.holds == Holds::CommandLine) {
            let object = walker.objects.of_field(field.object, leaf.path);
            walker.command_line(leaf.path, leaf.text.trim(), object, "");
        }
        walker.text(leaf.path, leaf.text, &Reading { is_request, ..Reading::default() });
    }
    // What stands in the fields does not count again where these repeat it.
    walker.only_new = true;
    if let Some(message) = message.filter(|_| !walker.source.message_is_redundant()) {
        walker.whole = message.text;
        walker.message(message.path, message.text);
    }
    if let Some(log) = log.filter(|log| !full_log::is_redundant(alert, log)) {
        walker.whole = log;
        full_log::read_log(&mut walker, log);
    }
    Walked { sightings: walker.sightings, left_out: walker.left_out }
}

/// Whether a field is part of the event, not of what Wazuh says about it.
fn is_of_the_event(path: &str) -> bool {
    path.starts_with("data.") || path.starts_with("syscheck.")
}

fn last_key(path: &str) -> &str {
    let dot = path.bytes().rposition(|byte| byte == b'.');
    dot.and_then(|dot| path.get(dot + 1..)).unwrap_or(path)
}

/// How a text is read.
#[derive(Clone, Copy, Default)]
pub(super) struct Reading<'v> {
    /// The part that what is found plays.
    pub(super) role: Role,
    /// Whether paths in it name the file that the event is about.
    pub(super) names_files: bool,
    /// Whether it is an HTTP request, whose user agent counts.
    pub(super) is_request: bool,
    /// Only these kinds, if not all.
    pub(super) only: Option<&'static [Kind]>,
    /// A decoding that was undone before.
    pub(super) via: &'v str,
}

/// The state of one walk.
pub(super) struct Walker<'a> {
    extractor: &'a Extractor,
    pub(super) source: Source<'a>,
    own: Own<'a>,
    /// The text of the field in hand.
    whole: &'a str,
    objects: Objects<'a>,
    sightings: Vec<Sighting>,
    left_out: Vec<LeftOut>,
    /// The fields whose text is no IoC where a log line repeats it either.
    refused: Vec<(&'a str, Holds)>,
    /// Whether only what was not found before counts.
    only_new: bool,
    /// What was found before and what is refused, built when it is needed: mostly a log line has nothing new.
    known: Option<HashSet<(Kind, Box<str>)>>,
}

impl<'a> Walker<'a> {
    fn new(leaves: &[Leaf<'a>], extractor: &'a Extractor) -> Self {
        Self {
            extractor,
            source: Source::of(leaves.iter().copied()),
            own: Own::of(leaves.iter().copied()),
            whole: "",
            objects: Objects::default(),
            sightings: Vec::new(),
            left_out: Vec::new(),
            refused: Vec::new(),
            only_new: false,
            known: None,
        }
    }

    /// Whether a value was found before or is refused, if only what is new counts. Then it is known from here on.
    fn is_known(&mut self, kind: Kind, value: &str) -> bool {
        if !self.only_new {
            return false;
        }
        if self.known.is_none() {
            let is_found = self.sightings.len() + self.left_out.len() <= 64
                && (self.sightings.iter().any(|seen| seen.ioc.kind() == kind && seen.ioc.value() == value)
                    || self.left_out.iter().any(|seen| seen.kind == kind && seen.text == value));
            if is_found {
                return true;
            }
        }
        let known = self.known.get_or_insert_with(|| {
            let mut known = HashSet::new();
            known.extend(self.sightings.iter().map(|seen| (seen.ioc.kind(), seen.ioc.value().into())));
            known.extend(self.left_out.iter().map(|seen| (seen.kind, seen.text.as_str().into())));
            for (text, holds) in self.refused.iter().filter(|(text, _)| read::has_a_chance(text)) {
                // Whoever attacks may choose an account's name, which must not hide where the attack came from.
                let is_refused =
                    |kind| *holds == Holds::Nothing || !matches!(kind, Kind::Ipv4Addr | Kind::Ipv6Addr);
                let found = self.extractor.scan(text).filter(|found| is_refused(found.kind));
                known.extend(found.map(|found| (found.kind, found.value.into())));
            }
            known
        });
        !known.insert((kind, value.into()))
    }

    /// The message of a Windows event.
    fn message(&mut self, path: &str, text: &str) {
        if let Some(file) = read::blocked_file(text) {
            let object = self.objects.next();
            self.file(path, file, Role::Seen, object);
        }
        let names_files = self.source.message_names_files();
        self.text(path, text, &Reading { names_files, ..Reading::default() });
    }

    /// Reads a field by what it holds.
    fn field(&mut self, leaf: Leaf<'a>, field: &'static Field) {
        let path = leaf.path;
        let text = leaf.text.trim();
        if read::is_blank(text) {
            return;
        }
        let object = self.objects.of_field(field.object, path);
        match field.holds {
            Holds::Host(role) => self.hosts(path, text, role, object),
            Holds::Domain => self.name(path, text, object),
            Holds::Answers => {
                for answer in read::answers(text) {
                    let object = self.objects.next();
                    self.hosts(path, answer, Role::Seen, object);
                }
            }
            Holds::Url => self.url(path, text, object),
            Holds::Email(role) => self.emails(path, text, role, object),
            Holds::Account => {
                // `#EXT#` marks the name that a tenant gives to its guests.
                if text.contains('@')
                    && !text.contains('#')
                    && let Ok(ioc) = Ioc::parse(Kind::EmailAddr, text)
                {
                    self.see(path, text, ioc, Role::Seen, object, "");
                } else {
                    self.login(path, text, object);
                }
            }
            Holds::Login => self.login(path, text, object),
            // Most are of the system itself, which is not worth a word.
            Holds::Sid => {
                if let Ok(ioc) = Ioc::parse(Kind::AccountId, text) {
                    self.see(path, text, ioc, Role::Seen, object, "");
                }
            }
            Holds::Hashes => {
                for (kind, digest) in read::hashes(text) {
                    self.parse(path, kind, digest, object);
                }
            }
            Holds::Hash => match read::hash_kind(text) {
                Some(kind) => self.parse(path, kind, text, object),
                None => {
                    for (kind, digest) in read::hashes(text) {
                        self.parse(path, kind, digest, object);
                    }
                }
            },
            Holds::Digest(Kind::Cve) | Holds::Signature => {
                for cve in read::cves(text) {
                    self.parse(path, Kind::Cve, cve, object);
                }
            }
            Holds::Digest(kind) => self.parse(path, kind, text, object),
            Holds::Superseded => self.no_hash(path, text, &LeftOutReason::Superseded),
            Holds::NotAFile => self.no_hash(path, text, &LeftOutReason::NotAFile),
            Holds::Path => self.file(path, text, Role::Seen, object),
            Holds::Image => self.file(path, text, Role::Image, object),
            Holds::Folder => self.share(path, text),
            Holds::Resources => self.resources(path, text, object),
            Holds::RegistryKey => self.parse(path, Kind::RegistryKey, text, object),
            Holds::Pipe => self.parse_as(path, text, Kind::NamedPipe, &read::pipe(text), object),
            Holds::Mac => {
                if let Ok(ioc) = Ioc::parse(Kind::MacAddr, text) {
                    self.see(path, text, ioc, Role::Seen, object, "");
                }
            }
            Holds::UserAgent => self.user_agent(path, text, object),
            Holds::Text | Holds::Command | Holds::CommandLine | Holds::Request | Holds::Nothing => {}
        }
    }

    /// Addresses and names of hosts, one or several.
    pub(super) fn hosts(&mut self, path: &str, text: &str, role: Role, object: u32) {
        match read::host(text) {
            read::HostText::Is(ioc) => self.see(path, text, ioc, role, object, ""),
            read::HostText::No(kind, reason) => {
                self.leave_out(path, text, kind, LeftOutReason::NoIoc(reason));
            }
            read::HostText::Other => {
                self.text(path, text, &Reading { role, only: Some(read::HOSTS), ..Reading::default() });
            }
        }
    }

    /// A name looked up in the DNS.
    fn name(&mut self, path: &str, text: &str, object: u32) {
        let name = text.trim_end_matches('.');
        if read::is_reverse_name(name) {
            self.leave_out(path, text, Kind::DomainName, LeftOutReason::NoIoc(Rejected::ReservedName));
        } else {
            self.hosts(path, name, Role::Seen, object);
        }
    }

    /// A URL with or without its scheme, or the path of a request, in which others may hide.
    fn url(&mut self, path: &str, text: &str, object: u32) {
        if let Some(authority) = read::authority(text)
            && let read::HostText::Is(ioc) = read::host(authority)
        {
            self.see(path, authority, ioc, Role::Destination, object, "");
            return;
        }
        let Some(whole) = read::whole_url(text) else {
            self.text(path, text, &Reading::default());
            return;
        };
        let host = read::host_of_url(whole.value());
        self.see(path, text, whole, Role::Seen, object, "");
        let object = self.objects.next();
        if let Some(host) = host {
            self.see(path, text, host, Role::Seen, object, "");
        }
        // What hides in its path and query: `?to=http%3A%2F%2F…`.
        let rest = text.find("://").and_then(|at| text.get(at + 3..)).unwrap_or_default();
        let rest = rest.find(['/', '?', '#']).and_then(|at| rest.get(at..)).unwrap_or_default();
        if rest.contains(['%', '=', ':']) {
            self.text(path, rest, &Reading::default());
        }
    }

    fn emails(&mut self, path: &str, text: &str, role: Role, object: u32) {
        match Ioc::parse(Kind::EmailAddr, text.trim_matches(['<', '>'])) {
            Ok(ioc) => self.see(path, text, ioc, role, object, ""),
            Err(_) => {
                self.text(
                    path,
                    text,
                    &Reading { role, only: Some(&[Kind::EmailAddr]), ..Reading::default() },
                );
            }
        }
    }

    /// The name of an account, and that without its domain.
    fn login(&mut self, path: &str, text: &str, object: u32) {
        let Ok(ioc) = Ioc::parse(Kind::Account, text) else { return };
        self.see(path, text, ioc, Role::Seen, object, "");
        if let Some((_, name)) = text.split_once('\\')
            && let Ok(ioc) = Ioc::parse(Kind::Account, name)
        {
            self.see(path, name, ioc, Role::Seen, object, "");
        }
    }

    /// The command line of a process.
    pub(super) fn command_line(&mut self, path: &str, text: &str, object: u32, via: &str) {
        if !read::is_blank(text)
            && let Ok(ioc) = Ioc::parse(Kind::CommandLine, text)
        {
            self.see(path, text, ioc, Role::Seen, object, via);
        }
    }

    /// A file's path or name.
    fn file(&mut self, path: &str, text: &str, role: Role, object: u32) {
        if text.contains("://") {
            self.url(path, text, object);
            return;
        }
        let Some(name) = read::base_name(text) else { return };
        if let Ok(ioc) = Ioc::parse(Kind::FileName, name) {
            self.see(path, name, ioc, role, object, "");
        }
        if name.len() < text.len()
            && let Ok(ioc) = Ioc::parse(Kind::FilePath, text)
        {
            self.see(path, text, ioc, role, object, "");
        }
        self.share(path, text);
    }

    /// The host of `\\host\share\…`.
    fn share(&mut self, path: &str, text: &str) {
        if let Some(host) = read::share_host(text)
            && let read::HostText::Is(ioc) = read::host(host)
        {
            let object = self.objects.next();
            self.see(path, host, ioc, Role::Destination, object, "");
        }
    }

    /// What Microsoft Defender names: files, where they were downloaded from, registry keys, command lines.
    fn resources(&mut self, path: &str, text: &str, object: u32) {
        for resource in read::resources(text) {
            match resource {
                read::Resource::File(file) => self.file(path, file, Role::Seen, object),
                read::Resource::Url(url) => {
                    let object = self.objects.next();
                    self.url(path, url, object);
                }
                read::Resource::RegistryKey(key) => {
                    let object = self.objects.next();
                    self.parse(path, Kind::RegistryKey, key, object);
                }
                read::Resource::Command(command) => self.text(path, command, &Reading::default()),
            }
        }
    }

    /// A user agent; what an attacker wrote in its place is read as text.
    pub(super) fn user_agent(&mut self, path: &str, text: &str, object: u32) {
        let text = text.trim_matches(['"', '\\', ' ']);
        if read::is_blank(text) || Ioc::parse(Kind::DomainName, text).is_ok() {
            return;
        }
        let spaced =
            if self.source.is_decoder("web-accesslog-iis") { text.replace('+', " ") } else { String::new() };
        let part = text;
        let text = if spaced.is_empty() { text } else { &spaced };
        self.parse_as(path, part, Kind::UserAgent, text, object);
        if read::is_injection(text) {
            self.text(path, text, &Reading::default());
        }
    }

    /// Any text.
    pub(super) fn text(&mut self, path: &str, text: &str, reading: &Reading<'_>) {
        if !read::has_a_chance(text) {
            return;
        }
        if text.starts_with("Mozilla/") {
            let object = self.objects.next();
            self.user_agent(path, text, object);
            return;
        }
        if reading.is_request
            && let Some(agent) = read::user_agent_header(text)
        {
            let object = self.objects.next();
            self.user_agent(path, agent, object);
        }
        let is_wanted = |kind| reading.only.is_none_or(|only| only.contains(&kind));
        let mut host_of_url: Option<(Range<usize>, Ioc)> = None;
        for item in self.extractor.scan_all(text.as_bytes()) {
            match item {
                Item::Found(found) if is_wanted(found.kind) => {
                    // It came with its URL.
                    if let Some((span, host)) = &host_of_url
                        && found.span.start >= span.start
                        && found.span.end <= span.end
                        && host.kind() == found.kind
                        && host.value() == found.value
                    {
                        continue;
                    }
                    if let Some(host) = self.found(path, text, &found, reading) {
                        host_of_url = Some((found.span, host));
                    }
                }
                Item::LeftOut(candidate) if is_wanted(candidate.kind) => {
                    let shown = text.get(candidate.span.clone()).unwrap_or_default();
                    self.leave_out(path, shown, candidate.kind, LeftOutReason::NoIoc(candidate.reason));
                }
                _ => {}
            }
        }
    }

    /// Something found in a text. Gives back the host of a URL, which counts as well.
    fn found(&mut self, path: &str, text: &str, found: &Found<'_>, reading: &Reading<'_>) -> Option<Ioc> {
        let is_plain = found.via.is_empty();
        let part = text.get(found.span.clone()).unwrap_or_default();
        let reason = if found.kind.is_file_hash()
            && !read::names_a_hash(last_key(path))
            && !(is_plain && read::is_labelled_hash(text, &found.span))
        {
            Some(LeftOutReason::Unlabelled)
        } else {
            noise::reason(found.kind, &found.value, text, &found.span, is_plain)
        };
        if let Some(reason) = reason {
            self.leave_out(path, &found.value, found.kind, reason);
            return None;
        }
        let mut via = reading.via.to_owned();
        if !is_plain {
            if !via.is_empty() {
                via.push('>');
            }
            via.push_str(&found.via.to_string());
        }
        let object = self.objects.next();
        if reading.names_files
            && found.kind == Kind::FilePath
            && let Some(name) = read::base_name(&found.value)
            && let Ok(ioc) = Ioc::parse(Kind::FileName, name)
        {
            self.see(path, part, ioc, reading.role, object, &via);
        }
        let ioc = found.ioc();
        let host = if ioc.kind() == Kind::Url { read::host_of_url(ioc.value()) } else { None };
        self.see(path, part, ioc, reading.role, object, &via);
        if let Some(host) = host.clone() {
            let object = self.objects.next();
            self.see(path, part, host, reading.role, object, &via);
        }
        host
    }

    /// A value whose kind the field says.
    fn parse(&mut self, path: &str, kind: Kind, text: &str, object: u32) {
        self.parse_as(path, text, kind, text, object);
    }

    /// As `parse`, for a value that stands in the field as `part`.
    fn parse_as(&mut self, path: &str, part: &str, kind: Kind, text: &str, object: u32) {
        match Ioc::parse(kind, text) {
            Ok(ioc) => self.see(path, part, ioc, Role::Seen, object, ""),
            Err(reason) => self.leave_out(path, text, kind, LeftOutReason::NoIoc(reason)),
        }
    }

    /// A hash that says nothing about a file's content now.
    fn no_hash(&mut self, path: &str, text: &str, reason: &LeftOutReason) {
        for (kind, digest) in read::hashes(text) {
            self.leave_out(path, digest, kind, reason.clone());
        }
    }

    /// Keeps an IoC that stands in the field as `part`, unless something speaks against it.
    fn see(&mut self, path: &str, part: &str, ioc: Ioc, role: Role, object: u32, via: &str) {
        let reason = match ioc.kind() {
            Kind::DomainName | Kind::Ipv4Addr | Kind::Ipv6Addr if self.own.is_own(&ioc) => {
                Some(LeftOutReason::OwnHost)
            }
            Kind::DomainName if self.only_new && self.own.is_own_with_domain(&ioc) => {
                Some(LeftOutReason::OwnHost)
            }
            kind if kind.is_file_hash() => ioc.reserved().map(LeftOutReason::NoIoc),
            _ => None,
        };
        if let Some(reason) = reason {
            self.leave_out(path, ioc.value(), ioc.kind(), reason);
            return;
        }
        if self.is_known(ioc.kind(), ioc.value()) {
            return;
        }
        if self.sightings.len() == MAX_KEPT {
            return;
        }
        // A list often names one thing several times.
        let is_repeated = self
            .sightings
            .iter()
            .rev()
            .take(8)
            .any(|seen| seen.ioc == ioc && seen.path == path && seen.via == via);
        if is_repeated {
            return;
        }
        let span = self.span_of(part);
        self.sightings.push(Sighting { ioc, path: path.to_owned(), span, via: via.to_owned(), role, object });
    }

    /// Where a part of the field's text stands in it. `None` for a text of its own.
    fn span_of(&self, part: &str) -> Option<Range<u32>> {
        let start = part.as_ptr().addr().checked_sub(self.whole.as_ptr().addr())?;
        let end = start.checked_add(part.len()).filter(|end| *end <= self.whole.len())?;
        Some(u32::try_from(start).ok()?..u32::try_from(end).ok()?)
    }

    fn leave_out(&mut self, path: &str, text: &str, kind: Kind, reason: LeftOutReason) {
        if self.left_out.len() == MAX_KEPT {
            return;
        }
        let cut = if text.len() > MAX_SHOWN { text.char_indices().nth(MAX_SHOWN) } else { None };
        let text = cut.and_then(|(end, _)| text.get(..end)).unwrap_or(text);
        if self.is_known(kind, text) {
            return;
        }
        self.left_out.push(LeftOut { path: path.to_owned(), text: text.to_owned(), kind, reason });
    }

    /// A number for an object of its own.
    pub(super) fn next_object(&mut self) -> u32 {
        self.objects.next()
    }
}
