//! The configuration, from five places; the later wins:
//!
//! 1. the defaults;
//! 2. `etc/custom-opencti.toml` below Wazuh's home, or the file that `--config` or `CUSTOM_OPENCTI_CONFIG` names;
//! 3. the environment: `CUSTOM_OPENCTI_SECTION__KEY`;
//! 4. `<options>` of ossec.conf: JSON of the same shape;
//! 5. integratord's arguments, and flags.

use std::ffi::OsString;
use std::path::Path;

use enricher::Policy;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::files::{self, FileError, Role};

pub(crate) mod keys;
mod layers;
pub(crate) mod log;
pub(crate) mod opencti;
mod output;
mod policy;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use layers::Layers;
pub(crate) use layers::Origin;
pub(crate) use log::Log;
pub(crate) use opencti::OpenCti;
pub(crate) use output::Output;

/// Where the file is, below Wazuh's home, unless something else is said.
const FILE: &str = "etc/custom-opencti.toml";

/// Everything that can be set. `docs/configuration.md` describes each key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) opencti: OpenCti,
    pub(crate) output: Output,
    pub(crate) policy: Policy,
    pub(crate) log: Log,
}

/// Where the layers come from.
pub(crate) struct Places<'a> {
    /// Wazuh's home.
    pub(crate) home: &'a Path,
    /// `--config`; `None` for the variable or the usual place.
    pub(crate) file: Option<&'a Path>,
    /// The environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// The file with `<options>`.
    pub(crate) options: Option<&'a Path>,
    /// What arguments and flags set.
    pub(crate) arguments: Vec<(&'a str, &'a str, Value)>,
}

impl<'a> Places<'a> {
    /// Only the defaults and the file of a home.
    pub(crate) fn of(home: &'a Path) -> Self {
        Self { home, file: None, environment: Vec::new(), options: None, arguments: Vec::new() }
    }
}

/// A mistake in the configuration: what, where, and what to write.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConfigError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{origin}{}: {problem}", .at.map_or_else(String::new, |line| format!(", line {line}")))]
    Syntax { origin: Origin, at: Option<usize>, problem: String },
    #[error("unknown key `{written}` in {origin}{}", .nearest.as_ref().map_or_else(String::new, |n| format!(": did you mean `{n}`?")))]
    Unknown { origin: Origin, written: String, nearest: Option<String> },
    #[error("unknown environment variable {written}{}", .nearest.as_ref().map_or_else(String::new, |n| format!(": did you mean {n}?")))]
    UnknownVariable { written: String, nearest: Option<String> },
    #[error("`{key}` in {origin} must be {expected}")]
    Value { origin: Origin, key: String, expected: String },
    #[error("`{key}` in {origin}: {problem}")]
    Meaning { origin: Origin, key: String, problem: String },
    #[error("`opencti.{first}` and `opencti.{second}` are both set in {origin}: keep one")]
    TwoTokens { origin: Origin, first: String, second: String },
    #[error("`opencti.{present}` in {origin} needs `opencti.{missing}` too")]
    HalfAPair { origin: Origin, present: &'static str, missing: &'static str },
}

impl Config {
    /// Reads and lays over each other what is there.
    pub(crate) fn load(places: Places<'_>) -> Result<Self, ConfigError> {
        let mut layers = Layers::default();
        let variable = places
            .environment
            .iter()
            .find(|(name, value)| name == "CUSTOM_OPENCTI_CONFIG" && !value.is_empty());
        // A person's path is as the shell sees it; the others are below the home.
        let named =
            places.file.map(Path::to_path_buf).or_else(|| variable.map(|(_, path)| places.home.join(path)));
        let path = named.clone().unwrap_or_else(|| places.home.join(FILE));
        match files::read(Role::Configuration, &path) {
            Ok(bytes) => layers.add_file(&path, &utf8(bytes, &Origin::File(path.clone()))?)?,
            // Only the file that nobody named may be missing.
            Err(error) if named.is_none() && error.is_missing() => {}
            Err(error) => return Err(error.into()),
        }
        layers.add_environment(places.environment.into_iter())?;
        if let Some(path) = places.options {
            let bytes = files::read(Role::Options, path)?;
            layers.add_options(path, &utf8(bytes, &Origin::Options(path.into()))?)?;
        }
        layers.add_arguments(places.arguments)?;
        Self::from_layers(&layers)
    }

    fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let mut config: Self =
            serde_json::from_value(layers.tree()).map_err(|error| ConfigError::Syntax {
                // Each value was accepted alone, so this is a defect; it is worded all the same.
                origin: Origin::Default,
                at: None,
                problem: error.to_string(),
            })?;
        config.opencti.forget_empty();
        config.policy.warning_lists.take_if(|path| path.as_os_str().is_empty());
        let half = |present: &'static str, missing: &'static str| ConfigError::HalfAPair {
            origin: layers.origin("opencti", present),
            present,
            missing,
        };
        match (&config.opencti.client_cert_file, &config.opencti.client_key_file) {
            (Some(_), None) => Err(half("client_cert_file", "client_key_file")),
            (None, Some(_)) => Err(half("client_key_file", "client_cert_file")),
            _ => Ok(config),
        }
    }
}

impl OpenCti {
    /// An empty text unsets what an earlier layer set.
    fn forget_empty(&mut self) {
        let paths =
            [&mut self.token_file, &mut self.ca_file, &mut self.client_cert_file, &mut self.client_key_file];
        for path in paths {
            path.take_if(|path| path.as_os_str().is_empty());
        }
        for text in [&mut self.url, &mut self.token_env, &mut self.token_credential] {
            text.take_if(|text| text.is_empty());
        }
        self.proxy.take_if(|proxy| proxy.0.is_empty());
    }
}

/// Whether the struct takes this value for this key; if not, why. The table has checked the kind already: this
/// finds what only the types know, such as a word that is no TLP level.
fn check_alone(section: &str, name: &str, value: &Value) -> Result<(), String> {
    serde_json::from_value::<Config>(json!({ section: { name: value } }))
        .map(|_| ())
        .map_err(|error| error.to_string())
}

fn utf8(bytes: Vec<u8>, origin: &Origin) -> Result<String, ConfigError> {
    String::from_utf8(bytes).map_err(|error| ConfigError::Syntax {
        origin: origin.clone(),
        at: None,
        problem: format!("not UTF-8 at byte {}", error.utf8_error().valid_up_to()),
    })
}
