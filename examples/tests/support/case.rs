//! The cases in `cases/`, one folder each:
//!
//! - `case.toml`: what it shows, and how server, queue and policy are; see [`Settings`].
//! - `alert.json`: the alert. Indented for the reader; integratord writes it on one line, and so does [`Case::alert`].
//! - `opencti/OPERATION.json`: the server's answer to each GraphQL operation.
//!
//! A new case is a new folder; `INSTA_UPDATE=always cargo test -p examples` writes its snapshots. With `CASE=NAME` in the
//! environment only that one is run.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use enricher::Policy;
use serde::Deserialize;

/// The cases' folder.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

/// `case.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// What the case shows, in one sentence.
    pub(crate) shows: String,
    /// Another case whose alert and answers are taken where this one has none.
    pub(crate) from: Option<String>,
    /// The exit code.
    #[serde(default)]
    pub(crate) exit: i32,
    /// integratord's `<timeout>`.
    #[serde(default = "ten")]
    pub(crate) timeout_s: u32,
    /// integratord's `<retries>`.
    #[serde(default)]
    pub(crate) retries: u32,
    /// How the server behaves.
    #[serde(default)]
    pub(crate) server: Server,
    /// How Wazuh's queue behaves.
    #[serde(default)]
    pub(crate) queue: Queue,
    /// What the server does before, or instead of, giving its answers.
    #[serde(default)]
    pub(crate) faults: Vec<Fault>,
    /// The policy, over the one that [`Case::policy`] begins with.
    #[serde(default)]
    policy: toml::Table,
}

fn ten() -> u32 {
    10
}

/// How the server behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Server {
    /// It answers.
    #[default]
    Answers,
    /// Nobody listens at its address.
    Absent,
    /// It takes connections and never answers.
    Hangs,
}

/// How Wazuh's queue behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Queue {
    /// It takes events.
    #[default]
    Open,
    /// It is not there.
    Missing,
    /// It has no room, and nobody reads from it.
    Full,
}

/// An answer that is given before those in `opencti/`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// Only to this operation; to every one when absent.
    pub(crate) operation: Option<String>,
    /// How often; always when absent.
    pub(crate) times: Option<u32>,
    #[serde(default = "ok")]
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default = "json")]
    pub(crate) content_type: String,
    pub(crate) body: String,
}

fn ok() -> u16 {
    200
}

fn json() -> String {
    "application/json; charset=utf-8".to_owned()
}

/// One case.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) settings: Settings,
}

impl Case {
    pub(crate) fn load(name: &str) -> Self {
        let path = folder().join(name).join("case.toml");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let settings = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { name: name.to_owned(), settings }
    }

    /// Its own folder, then the one it takes the rest from.
    fn folders(&self) -> Vec<PathBuf> {
        [Some(&self.name), self.settings.from.as_ref()]
            .into_iter()
            .flatten()
            .map(|name| folder().join(name))
            .collect()
    }

    /// The alert as integratord writes it: on one line. No string of JSON holds a line break, so only the indentation
    /// goes.
    pub(crate) fn alert(&self) -> Vec<u8> {
        let path =
            self.folders().into_iter().map(|folder| folder.join("alert.json")).find(|path| path.exists());
        let bytes = fs::read(path.unwrap_or_else(|| panic!("{}: no alert.json", self.name))).unwrap();
        let mut line: Vec<u8> =
            bytes.split(|&byte| byte == b'\n').flat_map(<[u8]>::trim_ascii_start).copied().collect();
        line.push(b'\n');
        line
    }

    /// The answers by operation.
    pub(crate) fn answers(&self) -> BTreeMap<String, String> {
        let mut answers = BTreeMap::new();
        for folder in self.folders() {
            let Ok(files) = fs::read_dir(folder.join("opencti")) else { continue };
            for path in files.map(|file| file.unwrap().path()) {
                let operation = path.file_stem().unwrap().to_str().unwrap().to_owned();
                answers.entry(operation).or_insert_with(|| fs::read_to_string(&path).unwrap());
            }
        }
        answers
    }

    /// The policy as `<options>` has it. The cases speak of addresses and names that are reserved for documentation,
    /// so these are looked up, and the company's own network is left out.
    pub(crate) fn options(&self) -> serde_json::Value {
        let mut policy = serde_json::json!({"lookup_private_addresses": true, "exclude": ["10.0.0.0/8"]});
        for (key, value) in &self.settings.policy {
            policy[key] = serde_json::to_value(value).unwrap();
        }
        serde_json::json!({ "policy": policy })
    }

    /// The same for the library.
    pub(crate) fn policy(&self) -> Policy {
        serde_json::from_value(self.options()["policy"].clone()).unwrap()
    }
}

/// Runs `test` on every case that `wanted` takes. A failing one does not keep the others from running.
pub(crate) fn each(wanted: impl Fn(&Case) -> bool, test: impl Fn(&Case)) {
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let only = std::env::var("CASE").ok();
    names.retain(|name| only.as_ref().is_none_or(|only| only == name));
    let cases: Vec<Case> = names.iter().map(|name| Case::load(name)).filter(wanted).collect();
    assert!(!cases.is_empty() || only.is_some(), "no case in {}", folder().display());
    let failed = |case: &&Case| catch_unwind(AssertUnwindSafe(|| test(case))).is_err();
    let failed: Vec<&str> = cases.iter().filter(failed).map(|case| case.name.as_str()).collect();
    assert!(failed.is_empty(), "cases that failed, each with its reason above: {failed:?}");
}
