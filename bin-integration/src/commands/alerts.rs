//! Reading many alerts, where a bad one takes no other along.

use std::path::PathBuf;

use wazuh_alert::Alert;

use crate::exit::chain;
use crate::input::{Line, Lines, Source};

/// Alerts from several sources, one to a line.
pub(crate) struct Alerts {
    sources: std::vec::IntoIter<Source>,
    open: Option<(Source, Lines)>,
    bad: u64,
}

/// An alert, and where it stands.
pub(crate) struct Found {
    pub(crate) alert: Alert,
    /// `FILE:LINE`.
    pub(crate) place: String,
}

impl Alerts {
    /// What FILE arguments name; none at all is standard input.
    pub(crate) fn from_arguments(files: &[PathBuf]) -> Self {
        Self { sources: Source::from_arguments(files).into_iter(), open: None, bad: 0 }
    }

    /// How many lines and files could not be read so far; each has been reported.
    pub(crate) fn bad(&self) -> u64 {
        self.bad
    }

    fn report(&mut self, place: &str, problem: &str) {
        self.bad += 1;
        tracing::warn!("{place}: {problem}");
    }

    /// The next alert, or `None` at the end of the last source.
    pub(crate) fn next(&mut self) -> Option<Found> {
        loop {
            let Some((source, mut lines)) = self.open.take() else {
                let source = self.sources.next()?;
                match source.open() {
                    Ok(lines) => self.open = Some((source, lines)),
                    Err(error) => self.report(&source.to_string(), &format!("cannot be opened: {error}")),
                }
                continue;
            };
            let read = lines.next().map(|line| line.as_ref().map(parse));
            let place = format!("{source}:{}", lines.number());
            match read {
                Err(error) => {
                    // A cut or broken file: what came before stands, the other files go on.
                    self.report(&place, &format!("reading ended here: {error}"));
                    continue;
                }
                Ok(None) => continue,
                Ok(Some(parsed)) => {
                    self.open = Some((source, lines));
                    match parsed {
                        Some(Ok(alert)) => return Some(Found { alert, place }),
                        Some(Err(problem)) => self.report(&place, &problem),
                        None => {}
                    }
                }
            }
        }
    }
}

/// The alert of a line, `None` for a blank one.
fn parse(line: &Line<'_>) -> Option<Result<Alert, String>> {
    match line {
        Line::TooLong => {
            Some(Err(format!("line longer than {} bytes passed over", crate::input::LINE_LIMIT)))
        }
        Line::Text(text) if text.trim_ascii().is_empty() => None,
        Line::Text(text) => Some(Alert::parse(text).map_err(|error| chain(&error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_takes_no_other_along() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.json");
        std::fs::write(
            &path,
            "{\"id\":\"1\",\"rule\":{\"id\":\"5\"}}\n\nnot json\n{\"id\":\"2\",\"rule\":{\"id\":\"5\"}}",
        )
        .unwrap();
        let mut alerts =
            Alerts::from_arguments(&[folder.path().join("none"), path.clone(), folder.path().into()]);
        let mut found = Vec::new();
        while let Some(next) = alerts.next() {
            found.push((next.alert.id().to_owned(), next.place));
        }
        let place = |line| format!("{}:{line}", path.display());
        assert_eq!(found, [("1".to_owned(), place(1)), ("2".to_owned(), place(4))]);
        assert_eq!(alerts.bad(), 3);
    }
}
