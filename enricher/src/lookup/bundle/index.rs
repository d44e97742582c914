//! Which objects of a bundle may concern an IoC.

use std::collections::{BTreeSet, HashMap};

use ioc_extract::{Ioc, Kind};
use ipnet::IpNet;
use opencti_client::Indicator;

use crate::matching::{parents, stix_property};
use crate::stix::{Atom, AtomKind, AtomValue, Pattern};

/// Finds candidates. An indicator is named by its place in the bundle's list, an observable likewise.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_atom: HashMap<Atom, Vec<usize>>,
    networks: Vec<(IpNet, usize)>,
    /// Patterns that can be true without any value that could be looked up, such as `LIKE`.
    everywhere: Vec<usize>,
    observables: HashMap<Ioc, Vec<usize>>,
}

/// Places in the bundle's lists, in order, each once.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) indicators: BTreeSet<usize>,
    pub(super) observables: BTreeSet<usize>,
}

impl Index {
    /// # Errors
    ///
    /// Why the indicator cannot be found by its pattern. It may still be found by an observable.
    pub(super) fn add_indicator(&mut self, place: usize, indicator: &Indicator) -> Result<(), String> {
        if indicator.pattern_type.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case("stix")) {
            return Ok(());
        }
        let text = indicator.pattern.as_deref().ok_or("an indicator without a pattern")?;
        let pattern = Pattern::parse_lenient(text).map_err(|error| error.to_string())?;
        let atoms = pattern.atoms();
        for atom in atoms.atoms {
            match atom.value {
                AtomValue::Network(network) if network.prefix_len() < network.max_prefix_len() => {
                    self.networks.push((network, place));
                }
                _ => self.by_atom.entry(atom).or_default().push(place),
            }
        }
        if !atoms.unindexed.is_empty() {
            self.everywhere.push(place);
        }
        Ok(())
    }

    pub(super) fn add_observable(&mut self, place: usize, ioc: Ioc) {
        self.observables.entry(ioc).or_default().push(place);
    }

    pub(super) fn find(&self, iocs: &[Ioc]) -> Candidates {
        let mut found = Candidates::default();
        found.indicators.extend(&self.everywhere);
        for ioc in iocs {
            found.observables.extend(self.observables.get(ioc).into_iter().flatten());
            if let Some((object_type, path)) = stix_property(ioc.kind()) {
                self.add_matches(&mut found, &Atom::new(object_type, path, ioc.value()));
            }
            if let Some(ip) = ioc.ip() {
                let around = self.networks.iter().filter(|(network, _)| network.contains(&ip));
                found.indicators.extend(around.map(|(_, place)| *place));
            }
            if ioc.kind() == Kind::DomainName {
                for parent in parents(ioc.value()) {
                    let atom = Atom { kind: AtomKind::Domain, value: AtomValue::Text(parent.into()) };
                    self.add_matches(&mut found, &atom);
                }
            }
        }
        found
    }

    fn add_matches(&self, found: &mut Candidates, atom: &Atom) {
        found.indicators.extend(self.by_atom.get(atom).into_iter().flatten());
    }
}
