//! `explain`: every step for one alert, in words.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use enricher::{Context, Enricher, Findings, Intel, Lookup, LookupError, Near};
use ioc_extract::Ioc;
use jiff::Timestamp;
use opencti_client::Endpoint;
use wazuh_alert::Alert;

use super::source::Source;
use super::{paper, print};
use crate::cli::{Explain, Format};
use crate::config::{Config, Places};
use crate::exit::{Exit, Failure, chain};
use crate::files::ALERT_LIMIT;
use crate::input::Inputs;
use crate::platform;
use crate::text;
use crate::warning_lists;
use facts::Story;
use story::Case;

pub(super) mod answer;
pub(super) mod facts;
pub(super) mod judge;
mod page;
mod story;
pub(super) mod words;

pub(crate) fn run(arguments: &Explain, file: Option<&Path>) -> Result<(), Failure> {
    let home = crate::home::locate();
    let usage = |error: &dyn std::error::Error| Failure::from_error(Exit::Usage, error);
    let places = Places { file, environment: std::env::vars_os().collect(), ..Places::of(&home) };
    let config = Config::load(places).map_err(|error| usage(&error))?;
    let Source { lookup, name: source } = Source::of(arguments.intel.as_deref(), &config, &home)?;
    let alert = read(&arguments.alert)?;
    let endpoint = lookup.endpoint().cloned();
    let heard = Arc::new(Mutex::new(Heard::default()));
    let lists = warning_lists::folder(&config.policy, &home);
    let enricher =
        Enricher::new(Recorder { inner: lookup, heard: Arc::clone(&heard) }, config.policy.clone());
    let enricher = warning_lists::with_lists(enricher, lists)?;
    let now = arguments.at.unwrap_or_else(Timestamp::now);

    let outcome = crate::runtime::block_on(enricher.enrich(&alert, now))
        .map_err(|error| Failure::from_error(Exit::Defect, &error))?;
    let heard = std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner));
    let (enriched, problem) = match outcome {
        Ok(enriched) => (enriched, None),
        Err(error) => {
            let selection = enricher.select(&alert);
            (enricher::Enriched { selection, ..Default::default() }, Some(platform::sentence(&error)))
        }
    };
    let is_partial = !enriched.incomplete.is_empty() || enriched.too_many.is_some();
    let story = Story::of(&Case {
        alert: &alert,
        now,
        policy: &config.policy,
        enriched: &enriched,
        heard: &heard,
        problem: problem.as_deref(),
        source: &source,
        endpoint: endpoint.as_ref(),
    });
    match arguments.format {
        Format::Text => print(&page::write(&story, paper::colours()))?,
        Format::Json => {
            let json = serde_json::to_string_pretty(&story)
                .map_err(|error| Failure::from_error(Exit::Defect, &error))?;
            print(&text::json(json))?;
        }
    }
    match problem {
        Some(problem) => Err(Failure::new(Exit::Unreachable, problem)),
        None if is_partial => Err(Failure::new(Exit::Partial, "the alert was answered only in part")),
        None => Ok(()),
    }
}

/// Reads the one alert of a file.
fn read(path: &PathBuf) -> Result<Alert, Failure> {
    let unread = |problem: String| Failure::new(Exit::Alert, problem);
    let mut bytes: Vec<u8> = Vec::new();
    let mut lines = 0_usize;
    let mut first = None;
    for input in Inputs::from_arguments(std::slice::from_ref(path)) {
        let input = input.map_err(|problem| unread(problem.to_string()))?;
        if input.text.trim_ascii().is_empty() {
            continue;
        }
        lines += 1;
        bytes.extend_from_slice(&input.text);
        bytes.push(b'\n');
        first.get_or_insert(bytes.len());
        if bytes.len() as u64 > ALERT_LIMIT {
            return Err(unread(format!("{} is larger than an alert can be: give one alert", path.display())));
        }
    }
    Alert::parse(&bytes).map_err(|error| {
        let first = first.and_then(|end| bytes.get(..end)).unwrap_or_default();
        if lines > 1 && Alert::parse(first).is_ok() {
            return unread(format!(
                "{0} has more than one alert: give one, as in grep ALERT_ID {0} | custom-opencti explain -",
                path.display()
            ));
        }
        unread(format!("{}: {}", path.display(), chain(&error)))
    })
}

/// What a source was asked, and what it answered.
#[derive(Default)]
struct Heard {
    asked: Vec<Ioc>,
    findings: Option<Findings>,
    context: Context,
}

/// A look-up that notes what passes through it.
struct Recorder {
    inner: Box<dyn Lookup>,
    heard: Arc<Mutex<Heard>>,
}

impl Recorder {
    fn note(&self, note: impl FnOnce(&mut Heard)) {
        note(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[async_trait]
impl Lookup for Recorder {
    async fn find(&self, iocs: &[Ioc]) -> Result<Findings, LookupError> {
        self.note(|heard| heard.asked = iocs.to_vec());
        let findings = self.inner.find(iocs).await?;
        self.note(|heard| heard.findings = Some(findings.clone()));
        Ok(findings)
    }

    async fn context(&self, indicator_ids: &[String]) -> Result<Context, LookupError> {
        let context = self.inner.context(indicator_ids).await?;
        self.note(|heard| heard.context = context.clone());
        Ok(context)
    }

    async fn near(&self, near: &Near) -> Result<Findings, LookupError> {
        self.inner.near(near).await
    }

    fn intel(&self) -> Intel {
        self.inner.intel()
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        self.inner.endpoint()
    }
}
