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
    builder.seen.build()
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
    /// The file that an object number of the selection stands for.
    files: HashMap<u32, ObjectId>,
    traffic: Option<ObjectId>,
}

impl Builder {
    fn add(&mut self, sighting: &Sighting, number: u32) {
        let Some((object_type, path)) = stix_property(sighting.ioc.kind()) else { return };
        match object_type {
            "ipv4-addr" | "ipv6-addr" => self.address(object_type, sighting, number),
            "domain-name" => self.domain(sighting, number),
            "file" => self.file(sighting, path, number),
            _ => {
                let object = self.seen.object(object_type);
                self.seen.set(object, path, sighting.ioc.value(), number);
            }
        }
    }

    fn address(&mut self, object_type: &str, sighting: &Sighting, number: u32) {
        let object = self.seen.object(object_type);
        self.seen.set(object, "value", sighting.ioc.value(), number);
        self.end_of_traffic(sighting.role, object);
    }

    fn end_of_traffic(&mut self, role: Role, object: ObjectId) {
        let name = match role {
            Role::Source => "src_ref",
            Role::Destination => "dst_ref",
            Role::Seen => return,
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

    fn file(&mut self, sighting: &Sighting, path: &str, number: u32) {
        let file = *self.files.entry(sighting.object).or_insert_with(|| self.seen.object("file"));
        self.seen.set(file, path, sighting.ioc.value(), number);
    }
}

/// The STIX object type and property that hold values of a kind; `None` for kinds that patterns do not speak of.
pub(crate) const fn stix_property(kind: Kind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        Kind::Ipv4Addr => ("ipv4-addr", "value"),
        Kind::Ipv6Addr => ("ipv6-addr", "value"),
        Kind::DomainName => ("domain-name", "value"),
        Kind::Url => ("url", "value"),
        Kind::EmailAddr => ("email-addr", "value"),
        Kind::MacAddr => ("mac-addr", "value"),
        Kind::RegistryKey => ("windows-registry-key", "key"),
        Kind::UserAgent => ("user-agent", "value"),
        Kind::Md5 => ("file", "hashes.MD5"),
        Kind::Sha1 => ("file", "hashes.'SHA-1'"),
        Kind::Sha256 => ("file", "hashes.'SHA-256'"),
        Kind::Sha512 => ("file", "hashes.'SHA-512'"),
        Kind::FileName => ("file", "name"),
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
}
