//! What stands around a word, and what it says about the word.
//!
//! Whether four numbers are an address or a version, and whether `a.b` is a host, a file or a member in a program, is
//! not in the word itself. These rules read the bytes next to it and the label before it, within fixed bounds.

use super::Scanner;
use crate::error::Rejected;

/// How far a label may be from its value.
const REACH: usize = 40;

impl<'t> Scanner<'t> {
    /// The text before `at` that may name the value there: at most 40 bytes, without the punctuation between.
    pub(super) fn label(&self, at: usize) -> &'t [u8] {
        let from = at.saturating_sub(REACH);
        let mut to = at;
        while to > from {
            match self.bytes[to - 1] {
                b' ' | b'\t' | b'\r' | b'\n' | b':' | b'=' | b'"' | b'\'' | b'-' | b'(' | b'[' | b'\\'
                | b'>' | b'|' => to -= 1,
                _ => break,
            }
        }
        &self.bytes[from..to]
    }

    /// Whether a label ends in one of these words, whatever the case. A word that begins with a blank must not be the
    /// end of a longer one.
    pub(super) fn label_is(label: &[u8], words: &[&str]) -> bool {
        let Some(last) = label.last().map(u8::to_ascii_lowercase) else { return false };
        words.iter().any(|word| {
            let word = word.as_bytes();
            if word[word.len() - 1] != last {
                return false;
            }
            let (whole, word) = word.strip_prefix(b" ").map_or((false, word), |word| (true, word));
            let Some(split) = label.len().checked_sub(word.len()) else { return false };
            label[split..].eq_ignore_ascii_case(word)
                && (!whole || split == 0 || !label[split - 1].is_ascii_alphanumeric())
        })
    }

    /// Why four numbers from `start` to `end` are no address.
    pub(super) fn is_version(&self, start: usize, end: usize) -> Option<Rejected> {
        // A port or prefix length, or what firewalls write in brackets, says that it is one.
        let after = (self.byte(end), self.byte(end + 1).is_ascii_digit());
        if matches!(after, (b':' | b'/', true) | (b'(', _)) {
            return None;
        }
        let product = self.before(start) == b'/' && Self::is_word(self.before(start - 1));
        let mask = product && self.before(start - 1).is_ascii_digit() && {
            let from = start.saturating_sub(16);
            let word = self.bytes[from..start - 1]
                .iter()
                .rev()
                .take_while(|b| b.is_ascii_digit() || **b == b'.')
                .count();
            crate::kind::ip::v4(&self.bytes[start - 1 - word..start - 1]).is_some()
        };
        if (product && !mask) || Self::label_is(self.label(start), VERSION) {
            return Some(Rejected::LooksLikeVersion);
        }
        None
    }

    /// Why the name from `start` to `end`, which lies below a public suffix, is none of a host.
    pub(super) fn is_no_host(&self, start: usize, end: usize) -> Option<Rejected> {
        if self.is_refanged() {
            // Nobody defangs a file name.
            return None;
        }
        let name = &self.bytes[start..end];
        let dot = name.iter().rposition(|b| *b == b'.').unwrap_or(0);
        let (rest, tld) = (&name[..dot], name.get(dot + 1..).unwrap_or_default());
        let (before, after) = (self.before(start), self.byte(end));
        let common = [&b"com"[..], b"net", b"org", b"gov", b"edu", b"mil", b"arpa"]
            .iter()
            .any(|t| t.eq_ignore_ascii_case(tld));
        let mut strong = false;
        match before {
            // `logs/host.com`, `/var/www/host.com/`: directories named after hosts.
            b'/' if self.before(start - 1) == b'/' => strong = true,
            b'/' if common && Self::is_word(self.before(start - 1)) && self.before(start - 1) != b'.' => {}
            b'/' => return Some(Rejected::PartOfPath),
            b'\\' if self.is_share(start) => strong = true,
            b'\\' => return Some(Rejected::PartOfPath),
            b'@' => strong = true,
            b'$' => return Some(Rejected::LooksLikeCode),
            _ => {}
        }
        match after {
            b'(' | b'[' if !self.byte(end + 1).is_ascii_digit() => return Some(Rejected::LooksLikeCode),
            b'=' => return Some(Rejected::LooksLikeCode),
            b':' if self.byte(end + 1).is_ascii_digit() => strong = true,
            b'/' if !is_file_extension(tld) => strong = true,
            _ => {}
        }
        if odd_case(rest, tld) && !common {
            return Some(Rejected::LooksLikeCode);
        }
        if tld.eq_ignore_ascii_case(b"net") && odd_case(rest, tld) {
            return Some(Rejected::LooksLikeCode);
        }
        if strong || common && !rest.eq_ignore_ascii_case(b"system") {
            return reverse_name(rest, tld).then_some(Rejected::LooksLikeCode);
        }
        let two_labels = !rest.contains(&b'.');
        let first = rest.split(|b| *b == b'.').next().unwrap_or(rest);
        let member = is_member(tld) && (is_code_word(first) || (two_labels && first.len() == 1));
        if member || (two_labels && is_code_word(first)) || reverse_name(rest, tld) {
            let named = Self::label_is(self.label(start), HOST);
            return (!named).then_some(Rejected::LooksLikeCode);
        }
        if two_labels
            && is_file_extension(tld)
            && !is_known_host(name)
            && !Self::label_is(self.label(start), HOST)
        {
            return Some(Rejected::LooksLikeFileName);
        }
        None
    }

    /// Whether the name at `start` is the host of a share: two backslashes before it (four in a string literal), and no
    /// path before those.
    fn is_share(&self, start: usize) -> bool {
        let slashes = self.bytes[..start].iter().rev().take(9).take_while(|b| **b == b'\\').count();
        let before = self.before(start - slashes);
        matches!(slashes, 2 | 4) && !Self::is_word(before) && !matches!(before, b':' | b'%' | b'$' | b'}')
    }
}

/// `Microsoft.NET`, `CharSet.Auto`, `freepbx.INFO`: the case of the last label differs from that of the others in a way
/// that hosts are not written in.
fn odd_case(rest: &[u8], tld: &[u8]) -> bool {
    let upper = tld.iter().any(u8::is_ascii_uppercase);
    let lower = tld.iter().any(u8::is_ascii_lowercase);
    upper && (lower || rest.iter().any(u8::is_ascii_lowercase))
}

/// `com.apple.news`, `org.apache.commons.io`, `java.util.zip`: packages are named after a domain, backwards.
fn reverse_name(rest: &[u8], tld: &[u8]) -> bool {
    let mut labels = rest.split(|b| *b == b'.');
    let first = labels.next().unwrap_or_default();
    let more = labels.next().is_some();
    let root = [
        &b"com"[..],
        b"org",
        b"net",
        b"io",
        b"java",
        b"javax",
        b"sun",
        b"android",
        b"jdk",
        b"kotlin",
        b"scala",
    ]
    .iter()
    .any(|root| first.eq_ignore_ascii_case(root));
    root && more && !matches!(tld, b"com" | b"net" | b"org")
}

/// Top-level domains that are better known as extensions of file names.
fn is_file_extension(tld: &[u8]) -> bool {
    const EXTENSIONS: &[&[u8]] = &[
        b"ai", b"app", b"bz", b"cab", b"cc", b"gz", b"md", b"mk", b"mm", b"mov", b"pl", b"pm", b"ps", b"pub",
        b"py", b"rs", b"sc", b"sh", b"so", b"vi", b"zip", b"pf", b"as", b"java", b"ms", b"ml",
    ];
    EXTENSIONS.iter().any(|e| e.eq_ignore_ascii_case(tld))
}

/// Services below such a top-level domain that occur in command lines and logs of attacks.
fn is_known_host(name: &[u8]) -> bool {
    const HOSTS: &[&str] = &[
        "transfer.sh",
        "temp.sh",
        "pastebin.pl",
        "bashupload.sh",
        "bun.sh",
        "rustup.rs",
        "docs.rs",
        "keybase.pub",
    ];
    HOSTS.iter().any(|host| host.as_bytes().eq_ignore_ascii_case(name))
}

/// Top-level domains that are common names of members and fields.
fn is_member(tld: &[u8]) -> bool {
    const MEMBERS: &[&[u8]] = &[
        b"auto",
        b"call",
        b"cat",
        b"cfd",
        b"channel",
        b"click",
        b"coupon",
        b"data",
        b"date",
        b"day",
        b"email",
        b"events",
        b"exchange",
        b"express",
        b"fail",
        b"fast",
        b"final",
        b"free",
        b"group",
        b"health",
        b"help",
        b"host",
        b"how",
        b"id",
        b"info",
        b"is",
        b"link",
        b"live",
        b"map",
        b"media",
        b"menu",
        b"name",
        b"network",
        b"new",
        b"next",
        b"now",
        b"open",
        b"page",
        b"parts",
        b"phone",
        b"play",
        b"post",
        b"prime",
        b"pub",
        b"read",
        b"rest",
        b"run",
        b"safe",
        b"save",
        b"search",
        b"secure",
        b"security",
        b"select",
        b"services",
        b"show",
        b"site",
        b"style",
        b"support",
        b"target",
        b"to",
        b"total",
        b"video",
        b"watch",
        b"win",
        b"work",
        b"zone",
        b"zero",
    ];
    MEMBERS.iter().any(|m| m.eq_ignore_ascii_case(tld))
}

/// Names of objects and fields that programs and structured logs are full of.
fn is_code_word(label: &[u8]) -> bool {
    const WORDS: &[&[u8]] = &[
        b"account",
        b"action",
        b"activity",
        b"actor",
        b"agent",
        b"alert",
        b"alerts",
        b"app",
        b"args",
        b"array",
        b"audit",
        b"auth",
        b"axios",
        b"base",
        b"body",
        b"button",
        b"cache",
        b"card",
        b"cell",
        b"class",
        b"client",
        b"cloud",
        b"cluster",
        b"code",
        b"column",
        b"command",
        b"component",
        b"config",
        b"connection",
        b"console",
        b"container",
        b"content",
        b"context",
        b"cookie",
        b"core",
        b"ctx",
        b"data",
        b"database",
        b"datetime",
        b"db",
        b"default",
        b"device",
        b"document",
        b"ecs",
        b"element",
        b"entity",
        b"entry",
        b"env",
        b"error",
        b"event",
        b"ex",
        b"exception",
        b"feature",
        b"field",
        b"file",
        b"files",
        b"flow",
        b"form",
        b"frame",
        b"function",
        b"geo",
        b"global",
        b"group",
        b"handler",
        b"hash",
        b"header",
        b"headers",
        b"history",
        b"host",
        b"image",
        b"index",
        b"info",
        b"input",
        b"instance",
        b"int",
        b"issue",
        b"item",
        b"items",
        b"job",
        b"json",
        b"key",
        b"kubernetes",
        b"label",
        b"list",
        b"location",
        b"log",
        b"logger",
        b"logs",
        b"math",
        b"member",
        b"message",
        b"meta",
        b"method",
        b"milestone",
        b"model",
        b"module",
        b"msg",
        b"navigator",
        b"network",
        b"node",
        b"np",
        b"number",
        b"obj",
        b"object",
        b"observer",
        b"opts",
        b"options",
        b"org",
        b"organization",
        b"os",
        b"out",
        b"output",
        b"owner",
        b"package",
        b"page",
        b"param",
        b"params",
        b"parent",
        b"path",
        b"pd",
        b"pod",
        b"policy",
        b"port",
        b"process",
        b"product",
        b"profile",
        b"project",
        b"props",
        b"protocol",
        b"public",
        b"query",
        b"queue",
        b"re",
        b"record",
        b"region",
        b"registry",
        b"repo",
        b"request",
        b"resource",
        b"resp",
        b"response",
        b"result",
        b"results",
        b"role",
        b"root",
        b"row",
        b"rule",
        b"rules",
        b"run",
        b"schema",
        b"screen",
        b"script",
        b"self",
        b"server",
        b"service",
        b"session",
        b"settings",
        b"signature",
        b"socket",
        b"source",
        b"src",
        b"state",
        b"stats",
        b"status",
        b"step",
        b"str",
        b"stream",
        b"string",
        b"subject",
        b"super",
        b"symbol",
        b"sys",
        b"syscheck",
        b"system",
        b"table",
        b"tag",
        b"target",
        b"task",
        b"team",
        b"template",
        b"test",
        b"text",
        b"this",
        b"thread",
        b"threat",
        b"time",
        b"timestamp",
        b"token",
        b"torch",
        b"type",
        b"url",
        b"user",
        b"users",
        b"util",
        b"utils",
        b"val",
        b"value",
        b"values",
        b"var",
        b"view",
        b"vm",
        b"vulnerability",
        b"window",
        b"workflow",
        b"x509",
        b"zeek",
    ];
    label.len() <= 13 && WORDS.iter().any(|w| w.eq_ignore_ascii_case(label))
}

/// Labels after which four numbers are a version or an object identifier.
const VERSION: &[&str] = &[
    "version",
    " ver",
    " v",
    "build",
    "release",
    "firmware",
    " rev",
    "revision",
    "oid",
    "productver",
    "filever",
    "version_number",
    "versionnumber",
    "kernel",
    "sdk",
    "update",
];

/// Labels and commands before hosts.
const HOST: &[&str] = &[
    "host",
    "hostname",
    "domain",
    "domainname",
    "domain_name",
    "fqdn",
    "query",
    "queryname",
    "query_name",
    "question",
    "qname",
    "rrname",
    "server_name",
    "servername",
    " sni",
    " dns",
    "destination",
    "dhost",
    "shost",
    "site",
    "referer",
    "referrer",
    "nslookup",
    " dig",
    " ping",
    " curl",
    " wget",
    "resolve",
    "resolved",
    "resolving",
    "connect to",
    "connection to",
    "connected to",
    "url",
    "urls",
    "helo",
    "ehlo",
    "relay",
    "zone",
    "authority",
    " cname",
    " ns",
    " mx",
    "dst",
    "remote_host",
    "http_host",
    "c2",
];
