//! Settings from several places, laid over each other.
//!
//! Each layer is checked by itself, so that an error names the place where the mistake stands.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::opencti::TOKEN_SOURCES;
use super::{ConfigError, keys};

/// What every variable of ours begins with.
pub(crate) const PREFIX: &str = "CUSTOM_OPENCTI_";

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File(PathBuf),
    Variable(String),
    Options(PathBuf),
    Arguments,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::File(path) => path.display().fmt(f),
            Self::Variable(name) => write!(f, "the environment variable {name}"),
            Self::Options(_) => f.write_str("<options> of ossec.conf"),
            Self::Arguments => f.write_str("the arguments"),
        }
    }
}

/// Settings by section and key, each with its origin.
#[derive(Default)]
pub(crate) struct Layers {
    values: BTreeMap<(String, String), (Value, Origin)>,
}

impl Layers {
    /// The file's layer: TOML.
    pub(crate) fn add_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let tree: Value = toml::from_str(text).map_err(|error| ConfigError::Syntax {
            origin: Origin::File(path.into()),
            // The parser's own rendering quotes the line, which may hold a secret.
            at: error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count()),
            problem: error.message().lines().collect::<Vec<_>>().join(", "),
        })?;
        self.add_tree(tree, &Origin::File(path.into()))
    }

    /// The layer of `<options>`: JSON of the same shape.
    pub(crate) fn add_options(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        if text.trim().is_empty() {
            return Ok(());
        }
        let origin = Origin::Options(path.into());
        let tree = serde_json::from_str(text).map_err(|error| ConfigError::Syntax {
            origin: origin.clone(),
            at: None,
            problem: format!("not JSON: {error}"),
        })?;
        self.add_tree(tree, &origin)
    }

    /// The environment's layer: `CUSTOM_OPENCTI_SECTION__KEY`.
    ///
    /// A variable with our prefix and no `__` is someone else's (Kubernetes makes them from the names of services),
    /// unless it is one of ours but for that underscore.
    pub(crate) fn add_environment(
        &mut self,
        variables: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<(), ConfigError> {
        let mut layer = Vec::new();
        for (variable, text) in variables {
            let Some(variable) = variable.to_str() else { continue };
            let Some(name) = variable.strip_prefix(PREFIX) else { continue };
            let origin = Origin::Variable(variable.to_owned());
            let Some((section, name)) = name.split_once("__") else {
                let flat = |name: &str| name.replace("__", "_");
                let ours = keys::all().map(|(section, key)| keys::variable(section.name, key.name));
                if let Some(meant) = ours.into_iter().find(|known| flat(known) == variable) {
                    return Err(ConfigError::UnknownVariable {
                        written: variable.into(),
                        nearest: Some(meant),
                    });
                }
                continue;
            };
            let (section, name) = (section.to_ascii_lowercase(), name.to_ascii_lowercase());
            let Some(key) = keys::find(&section, &name) else {
                let known = keys::all().map(|(section, key)| keys::variable(section.name, key.name));
                let nearest = keys::nearest(variable, known);
                return Err(ConfigError::UnknownVariable { written: variable.into(), nearest });
            };
            let text = text.to_str().ok_or_else(|| ConfigError::Value {
                origin: origin.clone(),
                key: format!("{section}.{name}"),
                expected: "UTF-8 text".to_owned(),
            })?;
            layer.push((section, name, key.kind.read(text), origin));
        }
        // The order of the environment is arbitrary; errors must not depend on it.
        layer.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        self.lay(layer)
    }

    /// The layer of integratord's arguments and of a command's flags.
    pub(crate) fn add_arguments(&mut self, values: Vec<(&str, &str, Value)>) -> Result<(), ConfigError> {
        let layer = values.into_iter().map(|(s, k, v)| (s.to_owned(), k.to_owned(), v, Origin::Arguments));
        self.lay(layer.collect())
    }

    fn add_tree(&mut self, tree: Value, origin: &Origin) -> Result<(), ConfigError> {
        let shape = |key: String, expected: &str| ConfigError::Value {
            origin: origin.clone(),
            key,
            expected: expected.to_owned(),
        };
        let Value::Object(sections) = tree else {
            let problem = "expected an object such as {\"policy\": {\"min_score\": 50}}".to_owned();
            return Err(ConfigError::Syntax { origin: origin.clone(), at: None, problem });
        };
        let mut layer = Vec::new();
        for (section, body) in sections {
            if !keys::SECTIONS.iter().any(|known| known.name == section) {
                // A key outside its section is likelier meant than a section of that name.
                let known = keys::SECTIONS.iter().map(|s| s.name.to_owned());
                let inside = keys::all().find(|(_, key)| key.name == section);
                let nearest = inside
                    .map(|(section, key)| format!("{}.{}", section.name, key.name))
                    .or_else(|| keys::nearest(&section, known));
                return Err(ConfigError::Unknown { origin: origin.clone(), written: section, nearest });
            }
            let Value::Object(body) = body else {
                return Err(shape(section, "a section with keys"));
            };
            for (name, value) in body {
                layer.push((section.clone(), name, value, origin.clone()));
            }
        }
        self.lay(layer)
    }

    /// Checks one layer's values and lays them over what there is.
    fn lay(&mut self, layer: Vec<(String, String, Value, Origin)>) -> Result<(), ConfigError> {
        let mut token_source: Option<String> = None;
        for (section, name, value, origin) in layer {
            let written = format!("{section}.{name}");
            let Some(key) = keys::find(&section, &name) else {
                let known = keys::all().map(|(section, key)| format!("{}.{}", section.name, key.name));
                let nearest = keys::nearest(&written, known);
                return Err(ConfigError::Unknown { origin, written, nearest });
            };
            if !key.kind.accepts(&value) {
                return Err(ConfigError::Value { origin, key: written, expected: key.kind.to_string() });
            }
            super::check_alone(&section, &name, &value).map_err(|problem| ConfigError::Meaning {
                origin: origin.clone(),
                key: written.clone(),
                problem,
            })?;
            if section == "opencti" && TOKEN_SOURCES.contains(&&*name) {
                if let Some(first) = token_source.replace(name.clone()) {
                    return Err(ConfigError::TwoTokens { origin, first, second: name });
                }
                self.values.retain(|(s, k), _| s != "opencti" || !TOKEN_SOURCES.contains(&&**k));
            }
            self.values.insert((section, name), (value, origin));
        }
        Ok(())
    }

    /// Where a key was set last.
    pub(crate) fn origin(&self, section: &str, name: &str) -> Origin {
        let key = (section.to_owned(), name.to_owned());
        self.values.get(&key).map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    /// All settings as one tree.
    pub(crate) fn tree(&self) -> Value {
        let mut sections: Map<String, Value> = Map::new();
        for ((section, name), (value, _)) in &self.values {
            let body = sections.entry(section.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(body) = body {
                body.insert(name.clone(), value.clone());
            }
        }
        Value::Object(sections)
    }
}
