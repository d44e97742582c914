//! What is known to be harmless: MISP's warning lists, and exclusions in plain text, out of a folder.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use aho_corasick::AhoCorasick;
use ioc_extract::{Ioc, Kind, KindSet};
use ipnet::IpNet;
use regex::Regex;

use crate::policy::{host_address, host_name};

mod folder;
mod list;
#[cfg(test)]
mod tests;

/// Lists of values that are not looked up, such as the names of large web sites or the networks of clouds.
///
/// They come from a folder in the layout of the repository [MISP/misp-warninglists], or any other arrangement of:
///
/// - `*.json`: one list with `name`, `type`, `matching_attributes` and `list`. Types are `string` (the whole value,
///   without case; also when there is no type), `hostname` (a name and all below it, also as host of a URL or of an
///   e-mail address), `cidr` (addresses in networks, also as host of a URL), `substring` and `regex`. The attributes
///   are taken coarsely: `ip-src|port` stands for every address, `filename|md5` for file names and MD5 hashes; a list
///   without attributes is for every kind. A JSON schema is no list.
/// - `*.txt`: one exclusion to a line, as [`Exclusion`](crate::Exclusion) reads it (without `rule:` and `group:`), or
///   a URL. `#` begins a comment. The list's name is that of the file.
///
/// Other files, and what begins with a dot, are not read. A list that cannot be used does not take the others with
/// it: [`problems`](Self::problems) names it.
///
/// ```no_run
/// use enricher::WarningLists;
/// use ioc_extract::{Ioc, Kind};
///
/// let lists = WarningLists::load("etc/warning-lists".as_ref())?;
/// for problem in lists.problems() {
///     println!("{problem}");
/// }
/// let name = Ioc::parse(Kind::DomainName, "www.example.com")?;
/// println!("{:?}", lists.lookup(&name));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [MISP/misp-warninglists]: https://github.com/MISP/misp-warninglists
#[derive(Default)]
pub struct WarningLists {
    /// The names of the lists.
    names: Vec<String>,
    groups: Vec<Group>,
    entries: usize,
    problems: Vec<ListProblem>,
}

/// The folder of the lists cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WarningListsError {
    /// There is no such folder, it is none, or it may not be read.
    #[error(
        "the folder of warning lists {} cannot be read: check the path, and that the user wazuh may read it", path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A list, or a part of one, that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListProblem {
    /// The file, below the folder.
    pub path: PathBuf,
    /// What is wrong with it, and what that means.
    pub problem: String,
}

impl fmt::Display for ListProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "warning list {}: {}", self.path.display(), self.problem)
    }
}

/// The place of a list's name.
type ListId = u32;

/// The entries of all lists that are for the same kinds, so that the number of lists does not matter to a look-up.
struct Group {
    kinds: KindSet,
    /// Whole values, in lower case.
    values: HashMap<Box<str>, ListId>,
    /// Names with all below them.
    hosts: HashMap<Box<str>, ListId>,
    networks: HashMap<IpNet, ListId>,
    /// Which prefix lengths occur among the networks, as bits: of IPv4 and of IPv6.
    prefixes: (u64, [u64; 3]),
    substrings: Option<(AhoCorasick, Vec<ListId>)>,
    regexes: Vec<(Regex, ListId)>,
}

impl WarningLists {
    /// Reads every list in `folder` and below it.
    ///
    /// At most 256 MiB of files and 5 million entries are read; symbolic links to folders are not followed, and what
    /// is no regular file is not opened. Regular expressions are those of the crate `regex`, whose time is linear in
    /// the text: an expression with a look-around or a back reference is skipped and named.
    ///
    /// # Errors
    ///
    /// When the folder itself cannot be read. What is wrong inside stands in [`WarningLists::problems`].
    pub fn load(folder: &Path) -> Result<Self, WarningListsError> {
        folder::load(folder)
            .map_err(|source| WarningListsError::Folder { path: folder.to_path_buf(), source })
    }

    /// The name of a list that has this IoC; `None` if no list has it.
    #[must_use]
    pub fn lookup(&self, ioc: &Ioc) -> Option<&str> {
        if self.groups.is_empty() {
            return None;
        }
        let subject = Subject::of(ioc);
        let id = self
            .groups
            .iter()
            .filter(|group| group.kinds.contains(ioc.kind()))
            .find_map(|group| group.find(&subject))?;
        self.names.get(id as usize).map(String::as_str)
    }

    /// How many entries there are in all lists together.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries
    }

    /// Whether there is no entry at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// What could not be used, in the order of the files.
    #[must_use]
    pub fn problems(&self) -> &[ListProblem] {
        &self.problems
    }
}

/// Says how much there is, not what.
impl fmt::Debug for WarningLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WarningLists")
            .field("lists", &self.names.len())
            .field("entries", &self.entries)
            .field("problems", &self.problems)
            .finish_non_exhaustive()
    }
}

/// What of an IoC is compared, worked out once for all groups.
struct Subject<'i> {
    /// The value, in lower case.
    value: Cow<'i, str>,
    /// The host that it names, in lower case.
    host: Option<&'i str>,
    /// The address or network that it names.
    network: Option<IpNet>,
}

impl<'i> Subject<'i> {
    fn of(ioc: &'i Ioc) -> Self {
        let value = ioc.value();
        let has_upper = value.chars().any(char::is_uppercase);
        let network = match ioc.kind() {
            Kind::Cidr => value.parse().ok(),
            _ => ioc.ip().or_else(|| host_address(ioc)).map(IpNet::from),
        };
        let host = match ioc.kind() {
            Kind::OnionService | Kind::Ipv4Addr | Kind::Ipv6Addr => Some(value),
            _ => host_name(ioc),
        };
        Self {
            value: if has_upper { Cow::Owned(value.to_lowercase()) } else { Cow::Borrowed(value) },
            host,
            network,
        }
    }
}

impl Group {
    fn find(&self, subject: &Subject<'_>) -> Option<ListId> {
        self.values
            .get(&*subject.value)
            .copied()
            .or_else(|| self.host(subject.host?))
            .or_else(|| self.network(subject.network?))
            .or_else(|| {
                let (substrings, ids) = self.substrings.as_ref()?;
                ids.get(substrings.find(&*subject.value)?.pattern().as_usize()).copied()
            })
            .or_else(|| {
                self.regexes.iter().find(|(regex, _)| regex.is_match(&subject.value)).map(|(_, id)| *id)
            })
    }

    /// Looks a name up, and every name above it.
    fn host(&self, name: &str) -> Option<ListId> {
        if self.hosts.is_empty() {
            return None;
        }
        let mut rest = name;
        loop {
            if let Some(id) = self.hosts.get(rest) {
                return Some(*id);
            }
            rest = rest.split_once('.')?.1;
        }
    }

    /// Looks up every network of a length that occurs and that holds the whole of `network`.
    fn network(&self, network: IpNet) -> Option<ListId> {
        let found = |length: u8| {
            let above = IpNet::new(network.addr(), length).ok()?.trunc();
            self.networks.get(&above).copied()
        };
        (0..=network.prefix_len())
            .rev()
            .filter(|length| self.has_prefix(network.addr(), *length))
            .find_map(found)
    }

    fn has_prefix(&self, family: IpAddr, length: u8) -> bool {
        let bit = 1 << (length % 64);
        match family {
            IpAddr::V4(_) => self.prefixes.0 & bit != 0,
            IpAddr::V6(_) => {
                self.prefixes.1.get(usize::from(length / 64)).is_some_and(|bits| bits & bit != 0)
            }
        }
    }
}
