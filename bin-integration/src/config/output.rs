//! `[output]`: where events go.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::keys::{Key, Kind, Section};

/// See [`SECTION`] for the meaning of each field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Output {
    pub(crate) queue: PathBuf,
    pub(crate) active_response_srcip: bool,
}

impl Default for Output {
    fn default() -> Self {
        Self { queue: "queue/sockets/queue".into(), active_response_srcip: false }
    }
}

pub(crate) const SECTION: Section = Section {
    name: "output",
    about: "Where events go.",
    keys: &[
        Key {
            name: "queue",
            kind: Kind::Path,
            meaning: "The datagram socket of wazuh-analysisd.",
            example: r#""queue/sockets/queue""#,
        },
        Key {
            name: "active_response_srcip",
            kind: Kind::Flag,
            meaning: "Add a top-level `srcip` to events about an IP address, so that active response can block it.",
            example: "true",
        },
    ],
};
