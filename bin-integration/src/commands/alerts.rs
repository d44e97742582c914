//! Reading many alerts, where a bad one takes no other along.

use std::path::PathBuf;

use wazuh_alert::Alert;

use crate::exit::chain;
use crate::input::{Input, Inputs, Unread};

/// An alert, and where it stands.
pub(crate) struct Found {
    pub(crate) alert: Alert,
    /// `FILE:LINE`.
    pub(crate) place: String,
}

/// The alerts in the files that arguments name, one to a line; blank lines do not count.
pub(crate) fn alerts(files: &[PathBuf]) -> impl Iterator<Item = Result<Found, Unread>> + Send + use<> {
    Inputs::from_arguments(files).filter_map(|input| match input {
        Ok(Input { text, .. }) if text.trim_ascii().is_empty() => None,
        Ok(Input { place, text, .. }) => Some(match Alert::parse(&text) {
            Ok(alert) => Ok(Found { alert, place }),
            Err(error) => Err(Unread { place, problem: chain(&error), is_line: true }),
        }),
        Err(unread) => Some(Err(unread)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_takes_no_other_along() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.json");
        let alert = |id: &str| format!(r#"{{"id":"{id}","rule":{{"id":"5"}}}}"#);
        std::fs::write(&path, format!("{}\n\nnot json\n{}", alert("1"), alert("2"))).unwrap();
        let found = alerts(std::slice::from_ref(&path))
            .map(|found| found.map(|f| (f.alert.id().to_owned(), f.place)));
        let found: Vec<_> = found.map(|found| found.map_err(|unread| unread.place)).collect();
        let place = |line| format!("{}:{line}", path.display());
        let expected = [Ok(("1".to_owned(), place(1))), Err(place(3)), Ok(("2".to_owned(), place(4)))];
        assert_eq!(found, expected);
    }
}
