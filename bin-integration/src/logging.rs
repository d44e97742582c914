//! The program's own log.
//!
//! An integration run logs to a file, so that the only thing on standard error is the last line that integratord
//! copies. A command logs to standard error, and never to the file: run by root it would leave a file there that
//! the user wazuh cannot write.
//!
//! Only this project's crates are heard: what HTTP and TLS libraries log at debug may hold headers and bodies.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, OFlags};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::config::log::{Format, Level, Log};
use crate::text::is_unsafe;

/// Size in bytes from which on the next run begins a new file.
const ROTATE_AT: u64 = 10 << 20;

/// How many old files are kept.
const KEPT: usize = 3;

/// The crates that are heard.
const CRATES: [&str; 5] = ["bin_integration", "enricher", "ioc_extract", "opencti_client", "wazuh_alert"];

/// Starts the log of an integration run. A log file that cannot be opened does not end the run: the log then goes
/// to standard error, beginning with why.
pub(crate) fn start_run(log: &Log, home: &Path, debug: bool) {
    let level = if debug { log.level.max(Level::Debug) } else { log.level };
    if log.file.as_os_str().is_empty() {
        return install(Arc::new(io::stderr()), log.format, level.into());
    }
    let path = home.join(&log.file);
    match open(&path, ROTATE_AT) {
        Ok(file) => install(Arc::new(file), log.format, level.into()),
        Err(error) => {
            install(Arc::new(io::stderr()), log.format, LevelFilter::from(level).min(LevelFilter::WARN));
            tracing::warn!(path = %path.display(), %error, "log file cannot be opened: logging to standard error");
        }
    }
}

/// Starts the log of a command that a person runs: warnings, or everything with `verbose`.
pub(crate) fn start_command(verbose: bool) {
    let level = if verbose { LevelFilter::DEBUG } else { LevelFilter::WARN };
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .with_writer(Escaping(Arc::new(io::stderr())))
        .with_filter(heard(level));
    set(tracing_subscriber::registry().with(layer));
}

fn install<W>(to: Arc<W>, format: Format, level: LevelFilter)
where
    W: Send + Sync + 'static,
    for<'a> &'a W: Write,
{
    let layer =
        tracing_subscriber::fmt::layer().with_ansi(false).with_target(false).with_writer(Escaping(to));
    let registry = tracing_subscriber::registry();
    match format {
        Format::Text => set(registry.with(layer.with_filter(heard(level)))),
        Format::Json => set(registry.with(layer.json().flatten_event(true).with_filter(heard(level)))),
    }
}

fn heard(level: LevelFilter) -> Targets {
    Targets::new().with_targets(CRATES.map(|name| (name, level)))
}

fn set(subscriber: impl tracing::Subscriber + Send + Sync) {
    // A second start in one process keeps the first log.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Opens the file for appending, after moving it away when it has grown to `rotate_at` bytes.
fn open(path: &Path, rotate_at: u64) -> io::Result<File> {
    let file = open_append(path)?;
    if file.metadata()?.len() < rotate_at {
        return Ok(file);
    }
    // Runs of several `<integration>` blocks overlap: one of them rotates, the others go on with what they have.
    if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(file);
    }
    // Between opening and locking someone else may have rotated.
    if fs::metadata(path)?.ino() != file.metadata()?.ino() {
        return open_append(path);
    }
    for number in (1..KEPT).rev() {
        // The older ones need not be there.
        let _ = fs::rename(numbered(path, number), numbered(path, number + 1));
    }
    fs::rename(path, numbered(path, 1))?;
    open_append(path)
}

fn open_append(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if metadata.len() == 0 {
        crate::home::adopt(path);
    }
    Ok(file)
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// Writes log lines with control characters escaped: what an alert holds must neither forge a line nor move the
/// cursor of whoever reads the log. `\uXXXX` is right in text and in JSON.
struct Escaping<W>(Arc<W>);

impl<'a, W> MakeWriter<'a> for Escaping<W>
where
    W: 'a,
    &'a W: Write,
{
    type Writer = EscapingWriter<&'a W>;

    fn make_writer(&'a self) -> Self::Writer {
        EscapingWriter(&self.0)
    }
}

struct EscapingWriter<W>(W);

impl<W: Write> Write for EscapingWriter<W> {
    // The formatter hands over each line whole, with its line end.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let body = text.strip_suffix('\n').unwrap_or(&text);
        if body.chars().any(is_unsafe) {
            let mut escaped = String::with_capacity(text.len() + 32);
            for c in body.chars() {
                if is_unsafe(c) {
                    escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
                } else {
                    escaped.push(c);
                }
            }
            escaped.push_str(&text[body.len()..]);
            self.0.write_all(escaped.as_bytes())?;
        } else {
            self.0.write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_grown_file_is_moved_away_and_three_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        for round in 0..6 {
            let mut file = open(&path, 4).unwrap();
            write!(file, "run{round}").unwrap();
        }
        assert_eq!(names(folder.path()), ["x.log", "x.log.1", "x.log.2", "x.log.3"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "run5");
        assert_eq!(fs::read_to_string(folder.path().join("x.log.3")).unwrap(), "run2");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o137, 0, "{mode:o}");
    }

    #[test]
    fn a_file_that_someone_else_rotates_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        fs::write(&path, "12345").unwrap();
        let other = File::open(&path).unwrap();
        rustix::fs::flock(&other, FlockOperation::NonBlockingLockExclusive).unwrap();
        drop(open(&path, 4).unwrap());
        assert_eq!(names(folder.path()), ["x.log"]);
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(open(folder.path(), 4).is_err());
        assert!(open(Path::new("/dev/null"), 4).is_err());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        assert!(open(&link, 4).is_err());
    }

    /// What the log holds after one message with hostile content.
    fn logged(format: Format, level: LevelFilter) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let to = Escaping(Arc::new(open(&path, ROTATE_AT).unwrap()));
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .with_writer(to);
        let log = || {
            tracing::info!(value = %"a\nb\u{1b}[2J\u{9b}x", count = 3, "alert read");
            tracing::debug!("details");
            tracing::error!(target: "hyper", "Authorization: secret");
        };
        match format {
            Format::Text => {
                let layers = tracing_subscriber::registry().with(layer.with_filter(heard(level)));
                tracing::subscriber::with_default(layers, log);
            }
            Format::Json => {
                let layer = layer.json().flatten_event(true);
                tracing::subscriber::with_default(
                    tracing_subscriber::registry().with(layer.with_filter(heard(level))),
                    log,
                );
            }
        }
        fs::read_to_string(&path).unwrap()
    }

    #[test]
    fn lines_stay_lines() {
        insta::assert_snapshot!(logged(Format::Text, LevelFilter::INFO), @r" INFO alert read value=a\u000ab\u001b[2J\u009bx count=3");
        let json = logged(Format::Json, LevelFilter::INFO);
        let line: serde_json::Value = serde_json::from_str(json.trim_end()).unwrap();
        assert_eq!(line["value"], "a\nb\u{1b}[2J\u{9b}x");
        assert!(!json.trim_end().chars().any(is_unsafe), "{json:?}");
    }

    #[test]
    fn levels_are_kept_to() {
        assert_eq!(logged(Format::Text, LevelFilter::WARN), "");
        assert_eq!(logged(Format::Text, LevelFilter::DEBUG).lines().count(), 2);
    }
}
