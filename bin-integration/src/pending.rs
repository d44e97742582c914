//! What could not be done yet: alerts that OpenCTI could not be asked about, and events that Wazuh's queue did not
//! take. A later run works them off.
//!
//! They lie in `var/custom-opencti/pending/` below Wazuh's home, one file each. Where the user wazuh may not make
//! that folder (a plain installation, nothing prepared), they lie in `logs/custom-opencti/pending/`, which it may.
//!
//! File names sort by age and tell all that is needed without opening a file:
//! `MILLISECONDS-HASH-BYTES-TRIES.alert` or `.line`. Besides them there is `outage`, from the first alert that OpenCTI
//! could not be asked about until it answers again. The run that works entries off holds a lock on the folder.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::FlockOperation;

use crate::files::{self, FileError, Role};

/// Where the folder may be, below Wazuh's home, best first.
const FOLDERS: [&str; 2] = ["var/custom-opencti/pending", "logs/custom-opencti/pending"];

/// Most that is kept; beyond it the oldest go.
const LIMITS: Limits = Limits { files: 10_000, bytes: 256 << 20 };

/// How often an entry may end the run that works it off before it is given up. An outage does not count.
const MAX_TRIES: u32 = 3;

/// Age from which on a half-written file is what a killed run left.
const STALE: Duration = Duration::from_secs(3600);

#[derive(Clone, Copy, Debug)]
struct Limits {
    files: usize,
    bytes: u64,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An alert to be looked up.
    Alert,
    /// A line to be sent to Wazuh's queue.
    Line,
}

impl Kind {
    fn extension(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Line => "line",
        }
    }
}

/// What could not be done yet.
#[derive(Debug)]
pub(crate) struct Pending {
    folders: Vec<PathBuf>,
    limits: Limits,
}

/// Nothing could be kept: no folder can be written.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written: create it for the user wazuh (owner wazuh:wazuh, mode 0770)", folder.display())]
pub(crate) struct PendingError {
    folder: PathBuf,
    #[source]
    source: io::Error,
}

impl Pending {
    /// The folders below a home. Nothing is touched yet.
    pub(crate) fn below(home: &Path) -> Self {
        Self { folders: FOLDERS.map(|folder| home.join(folder)).into(), limits: LIMITS }
    }

    /// Keeps an alert or a line, and returns how many older ones had to go for it.
    pub(crate) fn keep(&self, kind: Kind, bytes: &[u8], now: SystemTime) -> Result<usize, PendingError> {
        let millis = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let hash = hasher.finish();
        let name = format!("{millis:013}-{hash:016x}-{}-0.{}", bytes.len(), kind.extension());
        self.in_folder(|folder| {
            let temporary = folder.join(format!(".{}-{hash:016x}.tmp", std::process::id()));
            let written = create(&temporary, bytes).and_then(|()| fs::rename(&temporary, folder.join(&name)));
            if written.is_err() {
                let _ = fs::remove_file(&temporary);
            }
            written?;
            self.trim(folder)
        })
    }

    /// Notes that OpenCTI cannot be asked. True for the first to note it in this outage.
    pub(crate) fn begin_outage(&self) -> Result<bool, PendingError> {
        self.in_folder(|folder| match create(&folder.join("outage"), b"") {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        })
    }

    /// Notes that OpenCTI answers. True when that ends an outage.
    pub(crate) fn end_outage(&self) -> bool {
        let ended = self.folders.iter().map(|folder| fs::remove_file(folder.join("outage")).is_ok());
        ended.fold(false, |any, one| any | one)
    }

    /// Takes what is kept, oldest first, unless another run is at it. `None` when there is nothing to do.
    pub(crate) fn claim(&self) -> Option<Batch> {
        let mut locks = Vec::new();
        let mut entries = Vec::new();
        for folder in &self.folders {
            let Ok(found) = list(folder) else { continue };
            if found.is_empty() {
                continue;
            }
            // The folder itself is what is locked: a lock file that root has made would keep the user wazuh out.
            let Ok(lock) = File::open(folder) else { continue };
            if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
                continue;
            }
            locks.push(lock);
            // Again, under the lock: what was there before may be done by now.
            entries.extend(list(folder).unwrap_or_default());
        }
        entries.sort_by(|a, b| b.name.cmp(&a.name));
        if entries.is_empty() { None } else { Some(Batch { entries, _locks: locks }) }
    }

    /// Does something in the first folder where it can be done, making the folder when needed.
    fn in_folder<T>(&self, mut action: impl FnMut(&Path) -> io::Result<T>) -> Result<T, PendingError> {
        let mut first = None;
        for folder in &self.folders {
            match make(folder).and_then(|()| action(folder)) {
                Ok(done) => return Ok(done),
                Err(source) => {
                    _ = first.get_or_insert_with(|| PendingError { folder: folder.clone(), source });
                }
            }
        }
        Err(first.unwrap_or_else(|| PendingError {
            folder: PathBuf::new(),
            source: io::Error::from(io::ErrorKind::NotFound),
        }))
    }

    fn trim(&self, folder: &Path) -> io::Result<usize> {
        let mut entries = list(folder)?;
        let mut bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
        if entries.len() <= self.limits.files && bytes <= self.limits.bytes {
            return Ok(0);
        }
        entries.sort_by(|a, b| b.name.cmp(&a.name));
        let mut gone = 0;
        // The newest stays even when it is larger than the limit: the oldest go for it, not it for them.
        while entries.len() > 1 && (entries.len() > self.limits.files || bytes > self.limits.bytes) {
            let Some(oldest) = entries.pop() else { break };
            bytes -= oldest.bytes;
            gone += usize::from(fs::remove_file(oldest.path()).is_ok());
        }
        Ok(gone)
    }
}

/// What one run has taken on; no other run does the same until it is dropped.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Newest first: the oldest is popped from the end.
    entries: Vec<Entry>,
    _locks: Vec<File>,
}

impl Batch {
    /// How many are left.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The oldest entry that `wanted` takes.
    pub(crate) fn next(&mut self, wanted: impl Fn(Kind) -> bool) -> Option<Entry> {
        let at = self.entries.iter().rposition(|entry| wanted(entry.kind))?;
        Some(self.entries.remove(at))
    }
}

/// One alert or line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    folder: PathBuf,
    name: String,
    kind: Kind,
    bytes: u64,
    tries: u32,
}

impl Entry {
    /// What it is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    fn parse(folder: &Path, name: &str) -> Option<Self> {
        let (stem, extension) = name.rsplit_once('.')?;
        let kind = [Kind::Alert, Kind::Line].into_iter().find(|kind| kind.extension() == extension)?;
        let mut parts = stem.rsplit('-');
        let tries = parts.next()?.parse().ok()?;
        let bytes = parts.next()?.parse().ok()?;
        Some(Self { folder: folder.into(), name: name.to_owned(), kind, bytes, tries })
    }

    /// Begins work on it: counts the try first, so that an entry that ends the process is not tried for ever.
    /// `Ok(None)` when it has been tried often enough: it is then removed.
    pub(crate) fn begin(&mut self) -> Result<Option<Vec<u8>>, FileError> {
        if self.tries >= MAX_TRIES {
            self.done();
            return Ok(None);
        }
        self.rename(self.tries + 1);
        files::read(Role::Pending, &self.path()).map(Some)
    }

    /// Whether the try that has begun is the last one.
    pub(crate) fn is_last_try(&self) -> bool {
        self.tries >= MAX_TRIES
    }

    /// Leaves it for later, through no fault of its own.
    pub(crate) fn postpone(mut self) {
        self.rename(self.tries.saturating_sub(1));
    }

    /// Removes it.
    pub(crate) fn done(&self) {
        if let Err(error) = fs::remove_file(self.path()) {
            tracing::warn!(path = %self.path().display(), %error, "kept entry cannot be removed, so it will be sent again");
        }
    }

    fn rename(&mut self, tries: u32) {
        let Some((stem, _)) = self.name.rsplit_once('-') else { return };
        let name = format!("{stem}-{tries}.{}", self.kind.extension());
        // A try that cannot be counted is made all the same.
        if fs::rename(self.path(), self.folder.join(&name)).is_ok() {
            self.name = name;
            self.tries = tries;
        }
    }
}

/// The entries of a folder in no order. Removes what killed runs left half-written.
fn list(folder: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for file in fs::read_dir(folder)? {
        let file = file?;
        let name = file.file_name();
        let Some(name) = name.to_str() else { continue };
        if let Some(entry) = Entry::parse(folder, name) {
            entries.push(entry);
        } else if name.ends_with(".tmp") {
            let age = file.metadata().ok().and_then(|m| m.modified().ok()).and_then(|t| t.elapsed().ok());
            if age.is_some_and(|age| age > STALE) {
                let _ = fs::remove_file(file.path());
            }
        }
    }
    Ok(entries)
}

/// Makes a folder and the one above it. Alerts are nobody else's business, but root and the user wazuh share them.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    for folder in folder.parent().into_iter().chain([folder]) {
        match DirBuilder::new().mode(0o770).create(folder) {
            Ok(()) => {
                crate::home::adopt(folder);
                // The umask of a daemon takes the group's right to write away.
                fs::set_permissions(folder, Permissions::from_mode(0o770))?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o660).open(path)?;
    crate::home::adopt(path);
    file.write_all(bytes)?;
    if bytes.is_empty() { Ok(()) } else { file.sync_data() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
    }

    fn home() -> (tempfile::TempDir, Pending) {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("var")).unwrap();
        fs::create_dir(home.path().join("logs")).unwrap();
        let pending = Pending::below(home.path());
        (home, pending)
    }

    /// Works off everything that is there.
    fn drain(pending: &Pending) -> Vec<(Kind, String)> {
        let mut out = Vec::new();
        let Some(mut batch) = pending.claim() else { return out };
        while let Some(mut entry) = batch.next(|_| true) {
            let bytes = entry.begin().unwrap().unwrap();
            out.push((entry.kind(), String::from_utf8(bytes).unwrap()));
            entry.done();
        }
        out
    }

    #[test]
    fn oldest_first_and_gone_when_done() {
        let (_home, pending) = home();
        assert!(pending.claim().is_none());
        pending.keep(Kind::Line, b"second", at(2)).unwrap();
        pending.keep(Kind::Alert, b"first", at(1)).unwrap();
        assert_eq!(drain(&pending), [(Kind::Alert, "first".to_owned()), (Kind::Line, "second".to_owned())]);
        assert!(pending.claim().is_none());
    }

    #[test]
    fn two_runs_do_not_do_the_same() {
        let (_home, pending) = home();
        pending.keep(Kind::Line, b"x", at(1)).unwrap();
        let first = pending.claim().unwrap();
        assert!(pending.claim().is_none());
        drop(first);
        assert_eq!(pending.claim().unwrap().len(), 1);
    }

    #[test]
    fn only_what_is_wanted() {
        let (_home, pending) = home();
        pending.keep(Kind::Alert, b"a", at(1)).unwrap();
        pending.keep(Kind::Line, b"l", at(2)).unwrap();
        let mut batch = pending.claim().unwrap();
        assert_eq!(batch.next(|kind| kind == Kind::Line).unwrap().kind(), Kind::Line);
        assert!(batch.next(|kind| kind == Kind::Line).is_none());
        assert_eq!(batch.len(), 1);
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let (_home, mut pending) = home();
        pending.limits = Limits { files: 2, bytes: 1000 };
        assert_eq!(pending.keep(Kind::Line, b"1", at(1)).unwrap(), 0);
        assert_eq!(pending.keep(Kind::Line, b"2", at(2)).unwrap(), 0);
        assert_eq!(pending.keep(Kind::Line, b"3", at(3)).unwrap(), 1);
        pending.limits = Limits { files: 10, bytes: 5 };
        assert_eq!(pending.keep(Kind::Line, b"12345", at(4)).unwrap(), 2);
        assert_eq!(drain(&pending), [(Kind::Line, "12345".to_owned())]);
    }

    #[test]
    fn an_entry_that_ends_the_run_is_given_up() {
        let (_home, pending) = home();
        pending.keep(Kind::Alert, b"poison", at(1)).unwrap();
        for _ in 0..MAX_TRIES {
            // As if the process died after `begin`.
            assert!(pending.claim().unwrap().next(|_| true).unwrap().begin().unwrap().is_some());
        }
        assert!(pending.claim().unwrap().next(|_| true).unwrap().begin().unwrap().is_none());
        assert!(pending.claim().is_none());
    }

    #[test]
    fn an_outage_does_not_count_as_a_try() {
        let (_home, pending) = home();
        pending.keep(Kind::Alert, b"x", at(1)).unwrap();
        for _ in 0..2 * MAX_TRIES {
            let mut entry = pending.claim().unwrap().next(|_| true).unwrap();
            assert!(entry.begin().unwrap().is_some());
            entry.postpone();
        }
        assert_eq!(drain(&pending).len(), 1);
    }

    #[test]
    fn an_outage_is_noted_once() {
        let (_home, pending) = home();
        assert!(!pending.end_outage());
        assert!(pending.begin_outage().unwrap());
        assert!(!pending.begin_outage().unwrap());
        assert!(pending.end_outage());
        assert!(!pending.end_outage());
        assert!(pending.begin_outage().unwrap());
    }

    #[test]
    fn without_var_it_is_below_logs() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("logs")).unwrap();
        let pending = Pending::below(home.path());
        pending.keep(Kind::Line, b"x", at(1)).unwrap();
        assert!(home.path().join("logs/custom-opencti/pending").is_dir());
        // Once the better folder can be made, the other one is still worked off.
        fs::create_dir(home.path().join("var")).unwrap();
        pending.keep(Kind::Line, b"y", at(2)).unwrap();
        assert!(home.path().join("var/custom-opencti/pending").is_dir());
        assert_eq!(drain(&pending).len(), 2);
    }

    #[test]
    fn without_any_folder_it_says_so() {
        let home = tempfile::tempdir().unwrap();
        let error = Pending::below(home.path()).keep(Kind::Line, b"x", at(1)).unwrap_err();
        let said = error.to_string().replace(&*home.path().to_string_lossy(), "HOME");
        insta::assert_snapshot!(said, @"
        HOME/var/custom-opencti/pending cannot be written: create it for the user wazuh (owner wazuh:wazuh, mode 0770)
        ");
    }

    #[test]
    fn others_cannot_read_it() {
        let (home, pending) = home();
        pending.keep(Kind::Alert, b"x", at(1)).unwrap();
        let folder = home.path().join(FOLDERS[0]);
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o770);
        let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o007, 0);
    }
}
