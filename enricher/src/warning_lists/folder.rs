//! The folder of the lists, and the files in it.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use ioc_extract::KindSet;
use serde::Deserialize;

use super::list::{Builder, Type, kinds};
use super::{ListId, ListProblem, WarningLists};

/// The most bytes of files that are read, of all lists together.
const MAX_BYTES: u64 = 256 << 20;

/// The most entries, of all lists together.
const MAX_ENTRIES: usize = 5_000_000;

/// The most files that are read.
const MAX_FILES: usize = 10_000;

/// How deep folders are gone into: `lists/NAME/list.json` is two below the repository.
const MAX_DEPTH: usize = 8;

/// How many entries of one list are named that cannot be used.
const MAX_NAMED: usize = 8;

/// How much of an entry an error shows, in characters.
const MAX_SHOWN: usize = 60;

pub(super) fn load(folder: &Path) -> io::Result<WarningLists> {
    let mut loader = Loader { bytes_left: MAX_BYTES, entries_left: MAX_ENTRIES, ..Loader::default() };
    let mut files = Vec::new();
    find(folder, Path::new(""), 0, &mut files, &mut loader.lists.problems)?;
    // The order of a folder is that of the file system; what a list says must not depend on it.
    files.sort();
    for (index, path) in files.iter().enumerate() {
        if index == MAX_FILES {
            loader.problem(path, format!("not read, nor are those after it: more than {MAX_FILES} files"));
            break;
        }
        if let Err(problem) = loader.file(folder, path) {
            loader.problem(path, problem);
        }
    }
    Ok(loader.finish())
}

/// Collects the files of a folder and of those below it that may be lists.
fn find(
    root: &Path,
    below: &Path,
    depth: usize,
    files: &mut Vec<PathBuf>,
    problems: &mut Vec<ListProblem>,
) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            if depth < MAX_DEPTH
                && let Err(error) = find(root, &path, depth + 1, files, problems)
            {
                problems.push(ListProblem { path, problem: format!("folder not read: {error}") });
            }
        } else if path.extension().is_some_and(|extension| extension == "json" || extension == "txt")
            // One more than are read, so that it is told that there are more.
            && files.len() <= MAX_FILES
        {
            files.push(path);
        }
    }
    Ok(())
}

/// A list as MISP writes it.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(default, borrow)]
    name: Option<Text<'a>>,
    #[serde(default, borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(default, borrow)]
    matching_attributes: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    list: Option<Vec<Text<'a>>>,
    #[serde(default, rename = "$schema")]
    schema: Option<serde::de::IgnoredAny>,
}

/// A string, borrowed from the file unless something in it is escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Default)]
struct Loader {
    lists: WarningLists,
    builder: Builder,
    bytes_left: u64,
    entries_left: usize,
}

impl Loader {
    fn problem(&mut self, path: &Path, problem: String) {
        self.lists.problems.push(ListProblem { path: path.to_path_buf(), problem });
    }

    /// Reads one file.
    fn file(&mut self, folder: &Path, path: &Path) -> Result<(), String> {
        let bytes = self.read(&folder.join(path))?;
        if path.extension().is_some_and(|extension| extension == "txt") {
            let text = String::from_utf8_lossy(&bytes);
            let lines = text.lines().map(without_comment);
            let name = path.display().to_string();
            return self.list(
                path,
                name,
                KindSet::ALL,
                Type::Exclusion,
                lines.filter(|line| !line.is_empty()),
            );
        }
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err("not used: it is no JSON object".to_owned());
        }
        let written: Written<'_> =
            serde_json::from_slice(bytes).map_err(|error| format!("not used: {error}"))?;
        let Some(list) = written.list else {
            // The repository has the schema of its lists beside them.
            return if written.schema.is_some() {
                Ok(())
            } else {
                Err("not used: it has no `list`".to_owned())
            };
        };
        let kind = written.kind.as_ref().map_or("", |kind| &kind.0);
        let Some(of) = Type::of(kind) else {
            return Err(format!(
                "not used: `{}` is no type of list: string, hostname, cidr, substring and regex are",
                shown(kind)
            ));
        };
        let attributes = written.matching_attributes.unwrap_or_default();
        let kinds = if attributes.is_empty() || attributes.iter().any(|attribute| attribute.0 == "ALL") {
            KindSet::ALL
        } else {
            kinds(attributes.iter().map(|attribute| &*attribute.0))
        };
        let name = written.name.map_or_else(|| path.display().to_string(), |name| name.0.into_owned());
        self.list(path, name, kinds, of, list.iter().map(|entry| &*entry.0))
    }

    /// Adds a list.
    fn list<'a>(
        &mut self,
        path: &Path,
        name: String,
        kinds: KindSet,
        of: Type,
        entries: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<(), String> {
        // A list about things that no alert is searched for, such as telephone numbers.
        if kinds == KindSet::EMPTY {
            return Ok(());
        }
        let entries = entries.map(str::trim).filter(|entry| !entry.is_empty());
        let count = entries.clone().count();
        if count > self.entries_left {
            return Err(format!("not used: there would be more than {MAX_ENTRIES} entries"));
        }
        self.entries_left -= count;
        let id = ListId::try_from(self.lists.names.len()).unwrap_or(ListId::MAX);
        self.lists.names.push(name);
        let group = self.builder.group(kinds, of, count);
        let mut unused = 0_usize;
        for entry in entries {
            match self.builder.add(group, of, entry, id) {
                Ok(()) => self.lists.entries += 1,
                Err(problem) => {
                    if unused < MAX_NAMED {
                        self.problem(path, format!("entry not used: `{}` {problem}", shown(entry)));
                    }
                    unused += 1;
                }
            }
        }
        if unused > MAX_NAMED {
            self.problem(path, format!("{} more of its {count} entries not used", unused - MAX_NAMED));
        }
        Ok(())
    }

    fn read(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        let failed = |error: io::Error| format!("not read: {error}");
        // Opening a FIFO would wait for a writer.
        let metadata = fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            return Err("not read: it is no regular file".to_owned());
        }
        let too_large = || format!("not read: the files are together larger than {} MiB", MAX_BYTES >> 20);
        if metadata.len() > self.bytes_left {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
        let file = File::open(path).map_err(failed)?;
        file.take(self.bytes_left + 1).read_to_end(&mut bytes).map_err(failed)?;
        self.bytes_left = self.bytes_left.checked_sub(bytes.len() as u64).ok_or_else(too_large)?;
        Ok(bytes)
    }

    fn finish(mut self) -> WarningLists {
        let (groups, failed) = self.builder.build();
        self.lists.groups = groups;
        if let Some(error) = failed {
            let problem = format!("lists of type `substring` not used: {error}");
            self.lists.problems.push(ListProblem { path: PathBuf::new(), problem });
        }
        self.lists
    }
}

/// A line up to its comment. Within a word `#` is a part of it, as in a URL.
fn without_comment(line: &str) -> &str {
    let is_comment = |at: &usize| {
        line.get(..*at).is_some_and(|before| before.is_empty() || before.ends_with(char::is_whitespace))
    };
    let comment = line.match_indices('#').map(|(at, _)| at).find(is_comment);
    line.get(..comment.unwrap_or(line.len())).unwrap_or_default().trim()
}

fn shown(text: &str) -> String {
    let plain = |char: char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char };
    let mut shown: String = text.chars().take(MAX_SHOWN).map(plain).collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
