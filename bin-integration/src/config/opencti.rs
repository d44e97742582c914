//! `[opencti]`: the platform, and how it is reached.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::keys::{Key, Kind, Section};

/// See [`SECTION`] for the meaning, unit and range of each field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OpenCti {
    pub(crate) url: Option<String>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) token_env: Option<String>,
    pub(crate) token_credential: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) client_cert_file: Option<PathBuf>,
    pub(crate) client_key_file: Option<PathBuf>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) no_proxy: Vec<String>,
    pub(crate) max_connections: usize,
    pub(crate) connect_timeout_ms: u64,
    pub(crate) timeout_ms: u64,
    pub(crate) retries: u32,
}

impl Default for OpenCti {
    fn default() -> Self {
        Self {
            url: None,
            token_file: None,
            token_env: None,
            token_credential: None,
            ca_file: None,
            client_cert_file: None,
            client_key_file: None,
            proxy: None,
            no_proxy: Vec::new(),
            max_connections: 10,
            connect_timeout_ms: 2000,
            timeout_ms: 8000,
            retries: 2,
        }
    }
}

/// A proxy's URL, which may hold a password and so is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Proxy(pub(crate) String);

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxy(***)")
    }
}

/// The keys of which one layer sets at most one, and of which the latest layer's wins.
pub(crate) const TOKEN_SOURCES: [&str; 3] = ["token_file", "token_env", "token_credential"];

/// Most retries of one request, whoever asks for them.
pub(crate) const MAX_RETRIES: u32 = 10;

pub(crate) const SECTION: Section = Section {
    name: "opencti",
    about: "The platform, and how it is reached.",
    keys: &[
        Key {
            name: "url",
            kind: Kind::Text,
            meaning: "OpenCTI's address, with or without `/graphql`, with or without a base path. A `<hook_url>` in \
                      ossec.conf wins over it.",
            example: r#""https://opencti.example.org""#,
        },
        Key {
            name: "token_file",
            kind: Kind::Path,
            meaning: "File that holds the API token and nothing else. Of the three token keys one layer sets one. \
                      Without any, the environment variable `OPENCTI_TOKEN` is read. An `<api_key>` in ossec.conf \
                      wins over all of them.",
            example: r#""etc/opencti.token""#,
        },
        Key {
            name: "token_env",
            kind: Kind::Text,
            meaning: "Environment variable that holds the API token.",
            example: r#""OPENCTI_TOKEN""#,
        },
        Key {
            name: "token_credential",
            kind: Kind::Text,
            meaning: "Name of the systemd service credential that holds the API token (`LoadCredential=`).",
            example: r#""opencti-token""#,
        },
        Key {
            name: "ca_file",
            kind: Kind::Path,
            meaning: "PEM file of certificate authorities to trust in place of the system's.",
            example: r#""etc/opencti-ca.pem""#,
        },
        Key {
            name: "client_cert_file",
            kind: Kind::Path,
            meaning: "PEM file of the client certificate, for mutual TLS; with `client_key_file`.",
            example: r#""etc/opencti-client.pem""#,
        },
        Key {
            name: "client_key_file",
            kind: Kind::Path,
            meaning: "PEM file of the client certificate's private key.",
            example: r#""etc/opencti-client.key""#,
        },
        Key {
            name: "proxy",
            kind: Kind::Text,
            meaning: "HTTP proxy for OpenCTI. Proxy variables of the environment are not read: integratord passes \
                      none on.",
            example: r#""http://proxy.example.org:3128""#,
        },
        Key {
            name: "no_proxy",
            kind: Kind::List,
            meaning: "Hosts, domains and networks that are reached without the proxy.",
            example: r#"["opencti.example.org", "10.0.0.0/8"]"#,
        },
        Key {
            name: "max_connections",
            kind: Kind::Number { min: 1, max: 1000, unit: "connections" },
            meaning: "Most connections to OpenCTI at a time.",
            example: "10",
        },
        Key {
            name: "connect_timeout_ms",
            kind: Kind::Number { min: 1, max: 60_000, unit: "ms" },
            meaning: "Longest wait for a connection.",
            example: "2000",
        },
        Key {
            name: "timeout_ms",
            kind: Kind::Number { min: 1, max: 600_000, unit: "ms" },
            meaning: "Longest wait for an answer. integratord's `<timeout>`, less a margin, wins when lower.",
            example: "8000",
        },
        Key {
            name: "retries",
            kind: Kind::Number { min: 0, max: MAX_RETRIES as i64, unit: "attempts" },
            meaning: "How often a request that failed for a passing reason is sent again. integratord's `<retries>` \
                      wins over it.",
            example: "2",
        },
    ],
};
