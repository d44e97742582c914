//! The way of an alert through the enricher, in one function.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use ioc_extract::{Extractor, MappedAddresses};
use jiff::Timestamp;
use opencti_client::Problem;
use wazuh_alert::Alert;

use crate::classify::{self, Reported};
use crate::event::Event;
use crate::hits::{HitCounter, HourlyHits};
use crate::lookup::{Context, Findings, Lookup, LookupError};
use crate::matching::{self, SetAsideIndicator};
use crate::policy::Policy;
use crate::select::{self, LeftOutReason, MAX_IOCS, Selection};
use crate::warning_lists::WarningLists;

/// Turns alerts into enriched events.
///
/// Cheap to clone. It has no clock, no files and no network of its own: the time is an argument, and what is known is asked of
/// a [`Lookup`].
#[derive(Clone)]
pub struct Enricher {
    lookup: Arc<dyn Lookup>,
    policy: Arc<Policy>,
    extractor: Arc<Extractor>,
    warning_lists: Option<Arc<LazyLists>>,
    hits: Arc<dyn HitCounter>,
}

/// Lists that are read when the first alert has something to look up.
pub(crate) type LazyLists = LazyLock<WarningLists, Box<dyn FnOnce() -> WarningLists + Send>>;

impl std::fmt::Debug for Enricher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enricher").field("intel", &self.lookup.intel()).field("policy", &self.policy).finish()
    }
}

/// The extractor that [`Enricher`] reads the texts of alerts with: the one for logs, but IPv4-mapped IPv6 addresses are
/// IPv4 addresses, as OpenCTI has them and as fields of alerts give them.
///
/// ```
/// let found = enricher::extractor().scan("from ::ffff:45.77.12.9").next();
/// assert_eq!(found.map(|found| found.value.into_owned()).as_deref(), Some("45.77.12.9"));
/// ```
#[must_use]
pub fn extractor() -> Extractor {
    Extractor::builder().mapped_addresses(MappedAddresses::Ipv4).build()
}

/// What became of one alert.
#[derive(Clone, Debug, Default)]
pub struct Enriched {
    /// The events for Wazuh, the most important first. None when nothing matched.
    pub events: Vec<Event>,
    /// What was looked up, and what was left out and why.
    pub selection: Selection,
    /// Indicators that came back and are not reported, and why.
    pub set_aside: Vec<SetAsideIndicator>,
    /// What could not be asked: the events may lack something, and no event does not mean "clean".
    pub incomplete: Vec<String>,
    /// Set when the alert has more IoCs than are looked up for one: says how many were left. Asking again will not
    /// help, but no event does not mean "clean" here either.
    pub too_many: Option<String>,
}

impl Enricher {
    /// An enricher that asks `lookup` and reports what `policy` says.
    #[must_use]
    pub fn new(lookup: impl Lookup + 'static, policy: Policy) -> Self {
        Self {
            lookup: Arc::new(lookup),
            policy: Arc::new(policy),
            extractor: Arc::new(extractor()),
            warning_lists: None,
            hits: Arc::new(HourlyHits::default()),
        }
    }

    /// Leaves out what is on these lists.
    ///
    /// `load` is called once, when the first alert has something to look up: reading the lists takes longer than
    /// anything else before the look-up. With lists that were read already it is `move || lists`.
    #[must_use]
    pub fn with_warning_lists(mut self, load: impl FnOnce() -> WarningLists + Send + 'static) -> Self {
        self.warning_lists = Some(Arc::new(LazyLock::new(Box::new(load))));
        self
    }

    /// Counts the hits of each indicator with `hits`, by which one that hits too often is muted. Without this they are
    /// counted in memory, together with those of every clone.
    #[must_use]
    pub fn with_hits(mut self, hits: impl HitCounter + 'static) -> Self {
        self.hits = Arc::new(hits);
        self
    }

    /// What would be looked up for an alert.
    #[must_use]
    pub fn select(&self, alert: &Alert) -> Selection {
        select::select_with(alert, &self.extractor, &self.policy, self.warning_lists.as_deref())
    }

    /// Finds the alert's IoCs, asks what is known about them, matches, ranks, and writes the events.
    ///
    /// `now` is the time at which indicators must be valid. An alert about our own events gives nothing.
    ///
    /// # Errors
    ///
    /// When the source of intelligence could not be asked at all. What was answered only in part is used, and what
    /// is missing stands in [`Enriched::incomplete`].
    pub async fn enrich(&self, alert: &Alert, now: Timestamp) -> Result<Enriched, LookupError> {
        if alert.is_from(crate::event::INTEGRATION) {
            return Ok(Enriched::default());
        }
        let selection = self.select(alert);
        if selection.sightings.is_empty() {
            return Ok(Enriched { selection, ..Enriched::default() });
        }
        let findings = self.lookup.find(&selection.iocs()).await?;
        let mut matches = matching::match_all(&selection, &findings, &self.policy, now);
        matches.weigh(alert, &selection, now);
        matches.mute(&self.policy, self.hits.as_ref(), now);
        let reported = classify::limit(&matches, &self.policy);
        let context = self.context_of(&reported).await;
        let incomplete = incomplete(&findings, &context);
        let too_many = too_many(&selection);
        let missing: Vec<String> = incomplete.iter().chain(&too_many).cloned().collect();
        let events = classify::events(&reported, alert, &context, self.lookup.as_ref(), &missing, now);
        let set_aside = matches.set_aside;
        Ok(Enriched { events, set_aside, incomplete, too_many, selection })
    }

    /// The threats behind what is reported. They are an addition: without them the events still go out.
    async fn context_of(&self, reported: &Reported<'_>) -> Context {
        let ids = reported.indicator_ids();
        if ids.is_empty() {
            return Context::default();
        }
        match self.lookup.context(&ids).await {
            Ok(context) => context,
            Err(error) => Context { failed: Some(with_causes(&error)), ..Context::default() },
        }
    }
}

fn too_many(selection: &Selection) -> Option<String> {
    let left: HashSet<_> = selection
        .left_out
        .iter()
        .filter(|out| out.reason == LeftOutReason::TooMany)
        .map(|out| (out.kind, &out.text))
        .collect();
    let left = left.len();
    (left > 0)
        .then(|| format!("{left} values of this alert were not looked up: it has more than {MAX_IOCS} IoCs"))
}

/// What is missing from an answer, a sentence each; empty when nothing is.
///
/// When it is not empty, "nothing found" does not mean that nothing is known.
#[must_use]
pub fn incomplete(findings: &Findings, context: &Context) -> Vec<String> {
    let problem = |p: &Problem| match &p.field {
        Some(field) => format!("{field}: {}", p.message),
        None => p.message.clone(),
    };
    let mut list: Vec<String> = findings.problems.iter().map(problem).collect();
    list.extend(findings.failed.iter().cloned());
    list.extend(context.problems.iter().map(problem));
    list.extend(context.failed.iter().map(|cause| format!("threat context: {cause}")));
    if findings.truncated {
        list.push("there were more hits than OpenCTI returns at once".to_owned());
    }
    list
}

/// An error and its causes in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup::Bundle;

    const NOW: &str = "2026-06-01T12:10:00Z";

    fn bundle() -> Bundle {
        let indicator = |id: u32, name: &str, pattern: &str| {
            format!(
                r#"{{"type": "indicator", "spec_version": "2.1", "id": "indicator--b1f1c6de-9f0e-4c7c-8f8e-5f0f6f7a8b{id:02}",
                    "name": "{name}", "pattern": "{pattern}", "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z"}}"#
            )
        };
        let objects = [
            indicator(1, "bad", "[domain-name:value = 'updates.vendor-cdn.com']"),
            indicator(2, "good", "[domain-name:value = 'c2.evil-c2.com']"),
        ];
        let text = format!(r#"{{"type": "bundle", "id": "bundle--1", "objects": [{}]}}"#, objects.join(","));
        Bundle::from_slice(text.as_bytes()).unwrap()
    }

    fn alert(name: &str) -> Alert {
        let text = format!(r#"{{"rule":{{}},"data":{{"dns":{{"question":{{"name":"{name}"}}}}}}}}"#);
        Alert::parse(text.as_bytes()).unwrap()
    }

    /// How many events a storm of alerts about one name gives, and which of them says that it is the last.
    async fn storm(enricher: &Enricher, alerts: u32, now: &str) -> (u32, Vec<u32>) {
        let (mut events, mut last) = (0, Vec::new());
        for _ in 0..alerts {
            let enriched =
                enricher.enrich(&alert("updates.vendor-cdn.com"), now.parse().unwrap()).await.unwrap();
            for event in &enriched.events {
                events += 1;
                if let Some(until) = event.text("opencti.muted_until") {
                    assert_eq!(until, "2026-06-01T13:00:00Z");
                    assert!(event.to_json().contains(r#""reasons":["not-for-detection","muted"]"#));
                    last.push(events);
                }
            }
            let muted = enriched.set_aside.iter().filter(|aside| aside.reason == crate::SetAside::Muted);
            assert_eq!(enriched.events.len() + muted.count(), 1);
        }
        (events, last)
    }

    #[tokio::test]
    async fn a_storm_of_one_indicator_is_muted_and_says_so_once() {
        let enricher = Enricher::new(bundle(), Policy::default());
        assert_eq!(storm(&enricher, 5000, NOW).await, (1000, vec![1000]));
        // Other indicators go on, and so does this one in the next hour.
        let good = enricher.enrich(&alert("c2.evil-c2.com"), NOW.parse().unwrap()).await.unwrap();
        assert_eq!(good.events.len(), 1);
        assert_eq!(storm(&enricher, 10, "2026-06-01T13:00:00Z").await, (10, vec![]));
    }

    #[tokio::test]
    async fn the_number_is_the_policys_and_0_means_no_limit() {
        let with =
            |max_hits_per_hour| Enricher::new(bundle(), Policy { max_hits_per_hour, ..Policy::default() });
        assert_eq!(storm(&with(1), 5, NOW).await, (1, vec![1]));
        assert_eq!(storm(&with(3), 5, NOW).await, (3, vec![3]));
        assert_eq!(storm(&with(0), 5, NOW).await, (5, vec![]));
    }

    #[tokio::test]
    async fn what_the_limits_leave_out_is_not_counted_and_moves_up() {
        let policy = Policy { max_indicator_alerts: 1, max_hits_per_hour: 2, ..Policy::default() };
        let enricher = Enricher::new(bundle(), policy);
        let both = Alert::parse(
            br#"{"rule":{},"data":{"dns":{"question":{"name":"c2.evil-c2.com"}},
                "url":"http://updates.vendor-cdn.com/"}}"#,
        )
        .unwrap();
        let mut names = Vec::new();
        for _ in 0..5 {
            let enriched = enricher.enrich(&both, NOW.parse().unwrap()).await.unwrap();
            names.extend(
                enriched.events.iter().map(|e| e.text("opencti.indicator.name").unwrap_or("?").to_owned()),
            );
        }
        assert_eq!(names, ["bad", "bad", "good", "good"]);
    }
}
