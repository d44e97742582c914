//! The folder that `warning_lists` names.
//!
//! For a person a folder that cannot be read is a mistake to be mended. For a run it is not: an alert that is looked
//! up without the lists is better than one that is not.

use std::path::{Path, PathBuf};
use std::time::Instant;

use enricher::{Enricher, Policy, WarningLists};

use crate::exit::{Exit, Failure, chain};

/// The folder; relative ones are below Wazuh's home.
pub(crate) fn folder(policy: &Policy, home: &Path) -> Option<PathBuf> {
    policy.warning_lists.as_ref().map(|path| home.join(path))
}

/// For a subcommand: reads the lists at once and says what is wrong with them.
pub(crate) fn with_lists(enricher: Enricher, folder: Option<PathBuf>) -> Result<Enricher, Failure> {
    Ok(match read(folder)? {
        Some(lists) => enricher.with_warning_lists(move || lists),
        None => enricher,
    })
}

/// The lists of a folder, if there is one; what is wrong with single ones is said.
pub(crate) fn read(folder: Option<PathBuf>) -> Result<Option<WarningLists>, Failure> {
    let Some(folder) = folder else { return Ok(None) };
    let lists = WarningLists::load(&folder).map_err(|error| {
        Failure::new(Exit::Usage, format!("`warning_lists` in [policy] is wrong: {}", chain(&error)))
    })?;
    for problem in lists.problems() {
        tracing::warn!("{problem}");
    }
    Ok(Some(lists))
}

/// For an integration run: the lists are read when the alert has something to look up.
pub(crate) fn with_lists_when_needed(enricher: Enricher, folder: Option<PathBuf>) -> Enricher {
    match folder {
        Some(folder) => enricher.with_warning_lists(move || read_or_warn(&folder)),
        None => enricher,
    }
}

fn read_or_warn(folder: &Path) -> WarningLists {
    let begun = Instant::now();
    match WarningLists::load(folder) {
        Ok(lists) => {
            // Every run would say it, so it is left to the subcommands.
            for problem in lists.problems() {
                tracing::debug!("{problem}");
            }
            let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::debug!(entries = lists.len(), ms, "warning lists read");
            lists
        }
        Err(error) => {
            tracing::warn!("looked up without warning lists: {}", chain(&error));
            WarningLists::default()
        }
    }
}
