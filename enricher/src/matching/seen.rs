//! What an alert saw, as the STIX objects that patterns speak of.

use std::collections::HashMap;

use ioc_extract::{DomainName, Kind};

use crate::select::{Role, Selection, Sighting};
use crate::stix::{How, ObjectId, Seen, SeenBuilder};

/// Turns sightings into one observation. The number that comes back with a hit is that of [`Selection::sighting`].
pub(super) fn of(selection: &Selection) -> Seen {
    let mut builder = Builder::default();
    for (sighting, number) in selection.sightings.iter().chain(&selection.not_asked).zip(0..) {
        builder.add(sighting, number);
    }
    builder.build()
}

impl Selection {
    /// What the alert saw, as patterns are [evaluated](crate::stix::Pattern::evaluate) on it: what is looked up, and
    /// what is [not asked for](Self::not_asked). The number that comes back with a [hit](crate::stix::Hit) is that of
    /// [`sighting`](Self::sighting).
    ///
    /// ```
    /// use enricher::{Policy, select::select, stix::Pattern};
    /// use wazuh_alert::Alert;
    ///
    /// let alert = Alert::parse(br#"{"rule": {"id": "5710"}, "data": {"srcip": "9.9.9.9"}}"#)?;
    /// let selection = select(&alert, &ioc_extract::Extractor::new(), &Policy::default());
    /// let evaluation = Pattern::parse("[ipv4-addr:value = '9.9.9.0/24']")?.evaluate(&selection.seen(), None);
    /// assert!(evaluation.whole);
    /// let sighting = selection.sighting(evaluation.hits[0].ioc).map(|sighting| sighting.path.as_str());
    /// assert_eq!(sighting, Some("data.srcip"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn seen(&self) -> Seen {
        of(self)
    }
}

#[derive(Default)]
struct Builder {
    seen: SeenBuilder,
    /// The objects that sightings share, by their number in the selection.
    shared: HashMap<(u32, &'static str), ObjectId>,
    traffic: Option<ObjectId>,
    message: Option<ObjectId>,
}

impl Builder {
    fn add(&mut self, sighting: &Sighting, number: u32) {
        let value = sighting.ioc.value();
        match sighting.ioc.kind() {
            Kind::Ipv4Addr | Kind::Ipv6Addr | Kind::Cidr => self.address(sighting, number),
            Kind::DomainName => self.domain(sighting, number),
            Kind::EmailAddr => self.email(sighting, number),
            Kind::FilePath => self.folder(sighting, number),
            Kind::Asn => {
                let system = self.seen.object("autonomous-system");
                if let Ok(asn) = value.trim_start_matches("AS").parse::<i64>() {
                    self.seen.set(system, "number", asn, number);
                }
            }
            Kind::CertSerial => {
                let certificate = self.shared(sighting, "x509-certificate");
                for spelling in serial_spellings(value) {
                    self.seen.set(certificate, "serial_number", spelling, number);
                }
            }
            kind => {
                let Some((object_type, path)) = stix_property(kind) else { return };
                let object = match object_type {
                    "file" | "process" | "user-account" | "x509-certificate" => {
                        self.shared(sighting, object_type)
                    }
                    _ => self.seen.object(object_type),
                };
                self.seen.set(object, path, value, number);
                if kind == Kind::FileName && sighting.role == Role::Image {
                    let process = self.shared(sighting, "process");
                    // As version 2.0 of STIX had it.
                    self.seen.set(process, "name", value, number);
                }
            }
        }
    }

    /// The object of a type that sightings with the same number describe.
    fn shared(&mut self, sighting: &Sighting, object_type: &'static str) -> ObjectId {
        let key = (sighting.object, object_type);
        *self.shared.entry(key).or_insert_with(|| self.seen.object(object_type))
    }

    fn address(&mut self, sighting: &Sighting, number: u32) {
        let value = sighting.ioc.value();
        let object = self.seen.object(if value.contains(':') { "ipv6-addr" } else { "ipv4-addr" });
        self.seen.set(object, "value", value, number);
        self.end_of_traffic(sighting.role, object);
    }

    fn end_of_traffic(&mut self, role: Role, object: ObjectId) {
        let name = match role {
            Role::Source => "src_ref",
            Role::Destination => "dst_ref",
            Role::Seen | Role::Image => return,
        };
        let traffic = *self.traffic.get_or_insert_with(|| self.seen.object("network-traffic"));
        self.seen.refer(traffic, name, object);
    }

    /// A name, and its parents: intelligence about a parent says something about the name, though less.
    fn domain(&mut self, sighting: &Sighting, number: u32) {
        let object = self.seen.object("domain-name");
        self.seen.set(object, "value", sighting.ioc.value(), number);
        self.end_of_traffic(sighting.role, object);
        for parent in parents(sighting.ioc.value()) {
            let object = self.seen.object("domain-name");
            self.seen.set_wider(object, "value", parent, number, How::ParentDomain);
        }
    }

    fn email(&mut self, sighting: &Sighting, number: u32) {
        let address = self.seen.object("email-addr");
        self.seen.set(address, "value", sighting.ioc.value(), number);
        let names: &[&str] = match sighting.role {
            Role::Source => &["from_ref", "sender_ref"],
            Role::Destination => &["to_refs"],
            Role::Seen | Role::Image => return,
        };
        let message = *self.message.get_or_insert_with(|| self.seen.object("email-message"));
        for name in names {
            self.seen.refer(message, name, address);
        }
    }

    /// The folder of a file.
    fn folder(&mut self, sighting: &Sighting, number: u32) {
        let Some((folder, _)) = sighting.ioc.value().rsplit_once(['\\', '/']) else { return };
        if folder.is_empty() {
            return;
        }
        let file = self.shared(sighting, "file");
        let directory = self.seen.object("directory");
        self.seen.set(directory, "path", folder, number);
        self.seen.refer(file, "parent_directory_ref", directory);
    }

    /// Joins what belongs to one process: the file that it ran, and who ran it.
    fn build(mut self) -> Seen {
        let mut processes: Vec<(u32, ObjectId)> = Vec::new();
        processes.extend(
            self.shared.iter().filter(|((_, kind), _)| *kind == "process").map(|((n, _), id)| (*n, *id)),
        );
        processes.sort_unstable_by_key(|(number, _)| *number);
        for (number, process) in processes {
            for (object_type, name) in [("file", "image_ref"), ("user-account", "creator_user_ref")] {
                if let Some(object) = self.shared.get(&(number, object_type)) {
                    self.seen.refer(process, name, *object);
                }
            }
        }
        self.seen.build()
    }
}

/// How feeds write the serial number of a certificate: the digits alone, and in pairs parted by colons.
pub(crate) fn serial_spellings(hex: &str) -> [String; 2] {
    let even = if hex.len().is_multiple_of(2) { hex.to_owned() } else { format!("0{hex}") };
    let (pairs, _) = even.as_bytes().as_chunks::<2>();
    let pairs: Vec<String> =
        pairs.iter().map(|pair| pair.iter().copied().map(char::from).collect()).collect();
    [hex.to_owned(), pairs.join(":")]
}

/// The STIX object type and property that hold values of a kind; `None` for kinds that patterns do not speak of.
pub(crate) const fn stix_property(kind: Kind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        Kind::Ipv4Addr => ("ipv4-addr", "value"),
        Kind::Ipv6Addr => ("ipv6-addr", "value"),
        Kind::DomainName | Kind::OnionService => ("domain-name", "value"),
        Kind::Url => ("url", "value"),
        Kind::EmailAddr => ("email-addr", "value"),
        Kind::MacAddr => ("mac-addr", "value"),
        Kind::RegistryKey => ("windows-registry-key", "key"),
        Kind::UserAgent => ("user-agent", "value"),
        Kind::Md5 => ("file", "hashes.MD5"),
        Kind::Sha1 => ("file", "hashes.'SHA-1'"),
        Kind::Sha224 => ("file", "hashes.'SHA-224'"),
        Kind::Sha256 => ("file", "hashes.'SHA-256'"),
        Kind::Sha384 => ("file", "hashes.'SHA-384'"),
        Kind::Sha512 => ("file", "hashes.'SHA-512'"),
        Kind::Sha3_256 => ("file", "hashes.'SHA3-256'"),
        Kind::Sha3_512 => ("file", "hashes.'SHA3-512'"),
        Kind::Imphash => ("file", "hashes.IMPHASH"),
        Kind::Authentihash => ("file", "hashes.AUTHENTIHASH"),
        Kind::Ssdeep => ("file", "hashes.SSDEEP"),
        Kind::Tlsh => ("file", "hashes.TLSH"),
        Kind::FileName | Kind::NamedPipe => ("file", "name"),
        Kind::CommandLine => ("process", "command_line"),
        Kind::Account => ("user-account", "account_login"),
        Kind::AccountId => ("user-account", "user_id"),
        Kind::Mutex => ("mutex", "name"),
        Kind::Asn => ("autonomous-system", "number"),
        Kind::CertSha1 => ("x509-certificate", "hashes.'SHA-1'"),
        Kind::CertSha256 => ("x509-certificate", "hashes.'SHA-256'"),
        Kind::CertSerial => ("x509-certificate", "serial_number"),
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
        | Kind::Solana => ("cryptocurrency-wallet", "value"),
        Kind::Cve => ("vulnerability", "name"),
        _ => return None,
    })
}

/// The names above `name`, down to the one that somebody registered.
///
/// Names above that belong to a registry or to everybody. Below a reserved top-level domain, which has no registry,
/// two labels take its place.
pub(crate) fn parents(name: &str) -> impl Iterator<Item = &str> {
    let registrable = DomainName::parse(name).ok().and_then(|domain| domain.registrable().map(str::len));
    let shortest = registrable.unwrap_or_else(|| {
        let mut dots = name.rmatch_indices('.').map(|(at, _)| name.len() - at - 1);
        dots.nth(1).unwrap_or(name.len())
    });
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, parent)| parent))
        .skip(1)
        .take_while(move |parent| parent.len() >= shortest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_end_at_what_somebody_registered() {
        let of = |name| parents(name).collect::<Vec<_>>();
        assert_eq!(of("a.b.evil-c2.co.uk"), ["b.evil-c2.co.uk", "evil-c2.co.uk"]);
        assert_eq!(of("evil-c2.co.uk"), Vec::<&str>::new());
        assert_eq!(of("me.github.io"), Vec::<&str>::new());
        assert_eq!(of("x.me.github.io"), ["me.github.io"]);
        assert_eq!(of("a.b.bad.example"), ["b.bad.example", "bad.example"]);
    }

    /// The sightings of an event of sysmon, as patterns find them.
    #[test]
    fn what_one_event_tells_is_one_graph() {
        let alert = r#"{"rule":{},"data":{"win":{"system":{"providerName":"Microsoft-Windows-Sysmon","eventID":"1"},
            "eventdata":{"image":"C:\\\\Users\\\\Public\\\\a.exe","commandLine":"a.exe -c 9.9.9.9","user":"CORP\\\\bob",
            "hashes":"MD5=0CC175B9C0F1B6A831C399E269772661"}},
            "mail_from":"eve@evil-c2.com","rcpt_to":"bob@evil-c2.net","tls":{"serial":"00:9A:1D:3F",
            "fingerprint":"5f:0c:1f:7e:9b:2d:4a:6c:8e:0f:1a:3b:5c:7d:9e:2f:4a:6b:8c:0d"}}}"#;
        let alert = wazuh_alert::Alert::parse(alert.as_bytes()).unwrap();
        let selection =
            crate::select::select(&alert, &ioc_extract::Extractor::new(), &crate::Policy::default());
        let seen = selection.seen();
        for pattern in [
            "process:command_line = 'a.exe -c 9.9.9.9' AND process:image_ref.name = 'A.exe'",
            "process:image_ref.hashes.MD5 = '0cc175b9c0f1b6a831c399e269772661' AND process:name = 'a.exe'",
            "process:creator_user_ref.account_login = 'bob' AND process:image_ref.name = 'a.exe'",
            r"user-account:account_login = 'CORP\\bob'",
            r"file:name = 'a.exe' AND file:parent_directory_ref.path = 'C:\\Users\\Public'",
            r"directory:path = 'C:\\Users\\Public'",
            "file:hashes.MD5 = '0cc175b9c0f1b6a831c399e269772661' AND file:name = 'a.exe'",
            "email-message:from_ref.value = 'eve@evil-c2.com' AND email-message:to_refs[*].value = 'bob@evil-c2.net'",
            "x509-certificate:serial_number = '9a1d3f'",
            "x509-certificate:serial_number = '9A:1D:3F' AND \
             x509-certificate:hashes.'SHA-1' = '5f0c1f7e9b2d4a6c8e0f1a3b5c7d9e2f4a6b8c0d'",
        ] {
            let evaluation =
                crate::stix::Pattern::parse(&format!("[{pattern}]")).unwrap().evaluate(&seen, None);
            assert!(evaluation.whole, "{pattern}: {evaluation:?}");
        }
        let other = "[process:image_ref.name = 'b.exe']";
        assert!(!crate::stix::Pattern::parse(other).unwrap().evaluate(&seen, None).whole);
    }

    /// Of each kind that patterns speak of, a value is found by the property that it is said to have.
    #[test]
    fn each_kind_is_seen_as_what_it_is() {
        let values = [
            (Kind::Ipv6Addr, "2001:470::1", "[ipv6-addr:value = '2001:470:0::1']"),
            (Kind::Cidr, "9.9.9.0/24", "[ipv4-addr:value = '9.9.9.0/24']"),
            (Kind::Asn, "AS13335", "[autonomous-system:number = 13335]"),
            (Kind::Mutex, r"Global\a", r"[mutex:name = 'Global\\a']"),
            (Kind::Sha224, &"ab".repeat(28), "[file:hashes.'SHA-224' LIKE 'abab%']"),
            (Kind::Sha384, &"ab".repeat(48), "[file:hashes.SHA384 LIKE 'abab%']"),
            (Kind::Sha3_256, &"ab".repeat(32), "[file:hashes.'SHA3-256' LIKE 'abab%']"),
            (Kind::Imphash, "0cc175b9c0f1b6a831c399e269772661", "[file:hashes.IMPHASH LIKE '0cc%']"),
            (Kind::Ssdeep, "3:AXGBicFlgVNhBGcL6wCrFQEv:AXGHsNhxLsr2C", "[file:hashes.ssdeep LIKE '3:AX%']"),
            (Kind::CertSha256, &"ab".repeat(32), "[x509-certificate:hashes.'SHA-256' LIKE 'abab%']"),
            (Kind::CertSerial, "9a1d3", "[x509-certificate:serial_number = '09:A1:D3']"),
            (Kind::AccountId, "S-1-5-21-1-2-3-1104", "[user-account:user_id = 'S-1-5-21-1-2-3-1104']"),
            (
                Kind::Ethereum,
                "0xe28d93af0ce60ec913ebcfaaa9d81543c207e5c7",
                "[cryptocurrency-wallet:value = '0xe28d93af0ce60ec913ebcfaaa9d81543c207e5c7']",
            ),
            (Kind::NamedPipe, r"\\.\pipe\evil", r"[file:name = '\\\\.\\pipe\\evil']"),
        ];
        for (kind, value, pattern) in values {
            let sighting = Sighting {
                ioc: ioc_extract::Ioc::parse(kind, value).unwrap(),
                path: String::new(),
                span: None,
                via: String::new(),
                role: Role::Seen,
                object: 1,
            };
            let selection = Selection { sightings: vec![sighting], ..Selection::default() };
            let evaluation = crate::stix::Pattern::parse(pattern).unwrap().evaluate(&selection.seen(), None);
            assert!(evaluation.whole, "{pattern}");
        }
    }
}
