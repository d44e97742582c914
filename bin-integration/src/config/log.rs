//! `[log]`: the program's own log.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;

use super::keys::{Key, Kind, Section};

/// See [`SECTION`] for the meaning of each field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) level: Level,
    pub(crate) file: PathBuf,
    pub(crate) format: Format,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: Level::Info, file: "logs/custom-opencti.log".into(), format: Format::Text }
    }
}

/// From which weight on messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Off => Self::OFF,
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Text,
    Json,
}

pub(crate) const SECTION: Section = Section {
    name: "log",
    about: "The program's own log.",
    keys: &[
        Key {
            name: "level",
            kind: Kind::Word(&["off", "error", "warn", "info", "debug", "trace"]),
            meaning: "From which weight on messages are written. integratord's debug and `DEBUG=1` raise it to debug.",
            example: r#""info""#,
        },
        Key {
            name: "file",
            kind: Kind::Path,
            meaning: "The log file, rotated at 10 MiB with three old ones kept (`.1` to `.3`); `\"\"` for standard \
                      error only.",
            example: r#""logs/custom-opencti.log""#,
        },
        Key {
            name: "format",
            kind: Kind::Word(&["text", "json"]),
            meaning: "Lines for people, or a JSON object to a line.",
            example: r#""json""#,
        },
    ],
};
