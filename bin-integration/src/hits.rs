//! Counting hits across runs, each of which is a process of its own.
//!
//! Below `var/custom-opencti/hits/` (or `logs/…`, as for what is kept) there is a folder for the hour, and in it a file
//! for each indicator that hit, whose length is the count: a hit appends one byte. That needs no lock, and there is
//! nothing to be parsed. The folder of an hour goes when that of another is made.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Once;

use enricher::{HitCounter, hour_of};
use jiff::Timestamp;
use rustix::fs::OFlags;

/// Where the folders of hours may be, below Wazuh's home, best first.
const FOLDERS: [&str; 2] = ["var/custom-opencti/hits", "logs/custom-opencti/hits"];

/// Counts in files, for all runs together.
#[derive(Debug)]
pub(crate) struct HitFiles {
    folders: Vec<PathBuf>,
    failed: Once,
}

impl HitFiles {
    /// The counts below a home. Nothing is touched yet.
    pub(crate) fn below(home: &Path) -> Self {
        Self { folders: FOLDERS.map(|folder| home.join(folder)).into(), failed: Once::new() }
    }
}

impl HitCounter for HitFiles {
    fn count(&self, indicator_id: &str, now: Timestamp) -> u32 {
        let hour = hour_of(now);
        let mut problem = None;
        for folder in &self.folders {
            match count_in(folder, hour, indicator_id) {
                Ok(count) => return count,
                Err(error) => problem = problem.or(Some((folder, error))),
            }
        }
        if let Some((folder, error)) = problem {
            self.failed.call_once(|| {
                tracing::debug!(folder = %folder.display(), %error, "hits cannot be counted: nothing is muted");
            });
        }
        1
    }
}

fn count_in(folder: &Path, hour: i64, indicator_id: &str) -> io::Result<u32> {
    let of_hour = folder.join(hour.to_string());
    if !of_hour.is_dir() {
        crate::pending::make(folder)?;
        crate::pending::make(&of_hour)?;
        remove_others(folder, hour);
    }
    let mut hasher = DefaultHasher::new();
    indicator_id.hash(&mut hasher);
    let path = of_hour.join(format!("{:016x}", hasher.finish()));
    let mut file = append_to(&path)?;
    file.write_all(b".")?;
    // After an append the position is where this very byte ends, whatever others append meanwhile.
    Ok(u32::try_from(file.stream_position()?).unwrap_or(u32::MAX))
}

fn append_to(path: &Path) -> io::Result<File> {
    let is_new = !path.exists();
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o660)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    if is_new {
        crate::home::adopt(path);
    }
    Ok(file)
}

/// Removes the folders of all hours but one. What cannot be removed is left for the next hour.
fn remove_others(folder: &Path, hour: i64) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let number = entry.file_name().to_str().and_then(|name| name.parse::<i64>().ok());
        if number.is_some_and(|number| number != hour) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("var")).unwrap();
        fs::create_dir(home.path().join("logs")).unwrap();
        home
    }

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    #[test]
    fn runs_count_together_and_each_number_once() {
        let home = home();
        let now = at("2026-06-01T12:00:00Z");
        let counted = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..8)
                .map(|_| {
                    let hits = HitFiles::below(home.path());
                    scope.spawn(move || (0..250).map(|_| hits.count("one", now)).collect::<Vec<_>>())
                })
                .collect();
            runs.into_iter().flat_map(|run| run.join().unwrap()).collect::<Vec<u32>>()
        });
        let mut sorted = counted;
        sorted.sort_unstable();
        assert_eq!(sorted, (1..=2000).collect::<Vec<u32>>());
        assert_eq!(HitFiles::below(home.path()).count("other", now), 1);
    }

    #[test]
    fn an_hour_begins_anew_and_takes_the_others_away() {
        let home = home();
        let hits = HitFiles::below(home.path());
        assert_eq!(hits.count("a", at("2026-06-01T12:00:00Z")), 1);
        assert_eq!(hits.count("a", at("2026-06-01T12:59:59Z")), 2);
        let folder = home.path().join(FOLDERS[0]);
        fs::create_dir(folder.join("not-an-hour")).unwrap();
        assert_eq!(hits.count("a", at("2026-06-01T13:00:00Z")), 1);
        let mut names: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        let hour = hour_of(at("2026-06-01T13:00:00Z")).to_string();
        assert_eq!(names, [hour.as_str(), "not-an-hour"]);
    }

    #[test]
    fn the_second_folder_is_used_where_the_first_cannot_be_made() {
        let home = home();
        fs::remove_dir(home.path().join("var")).unwrap();
        let hits = HitFiles::below(home.path());
        let now = at("2026-06-01T12:00:00Z");
        assert_eq!((hits.count("a", now), hits.count("a", now)), (1, 2));
        assert!(home.path().join(FOLDERS[1]).is_dir());
    }

    #[test]
    fn where_nothing_can_be_written_nothing_is_muted() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("var"), "").unwrap();
        fs::write(home.path().join("logs"), "").unwrap();
        let hits = HitFiles::below(home.path());
        let now = at("2026-06-01T12:00:00Z");
        assert_eq!((hits.count("a", now), hits.count("a", now)), (1, 1));
    }

    #[test]
    fn a_link_in_the_place_of_a_count_is_not_followed() {
        let home = home();
        let hits = HitFiles::below(home.path());
        let now = at("2026-06-01T12:00:00Z");
        hits.count("a", now);
        let of_hour = home.path().join(FOLDERS[0]).join(hour_of(now).to_string());
        let count = fs::read_dir(&of_hour).unwrap().next().unwrap().unwrap().path();
        assert_eq!(count.metadata().unwrap().permissions().mode() & 0o007, 0);
        let target = home.path().join("target");
        fs::write(&target, "").unwrap();
        fs::remove_file(&count).unwrap();
        std::os::unix::fs::symlink(&target, &count).unwrap();
        hits.count("a", now);
        assert_eq!(fs::read(&target).unwrap(), b"");
    }
}
