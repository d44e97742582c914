//! Where a command gets its intelligence from.

use std::path::Path;

use enricher::Lookup;

use super::enrich;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::platform::Platform;

/// A source of intelligence with its name.
pub(super) struct Source {
    pub(super) lookup: Box<dyn Lookup>,
    /// In words: `OpenCTI at …`, `the bundle …`.
    pub(super) name: String,
}

impl Source {
    /// The bundle when there is one, otherwise OpenCTI by the configuration.
    pub(super) fn of(intel: Option<&Path>, config: &Config, home: &Path) -> Result<Self, Failure> {
        if let Some(path) = intel {
            let lookup = Box::new(enrich::bundle(path)?);
            return Ok(Self { lookup, name: format!("the bundle {}", path.display()) });
        }
        let platform = Platform::new("", config, home, None)
            .map_err(|error| Failure::from_error(Exit::Usage, &error))?;
        let name = match platform.endpoint() {
            Some(endpoint) => format!("OpenCTI at {}", endpoint.base_url()),
            None => platform.intel().from.to_owned(),
        };
        Ok(Self { lookup: Box::new(platform), name })
    }
}
