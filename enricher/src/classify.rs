//! From matches to events: how many are reported, and what each says.

use jiff::Timestamp;
use wazuh_alert::Alert;

use crate::decay::live_score;
use crate::event::{self, Event, RelatedStory, Story};
use crate::lookup::{Context, Lookup};
use crate::matching::{Match, Matches};
use crate::policy::Policy;

/// The matches that are reported, in the order of their events, and how many the limits left out.
#[derive(Debug)]
pub struct Reported<'a> {
    matches: Vec<&'a Match<'a>>,
    omitted_indicators: usize,
    omitted_observables: usize,
}

impl Reported<'_> {
    /// The ids of the indicators that the events show.
    #[must_use]
    pub fn indicator_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        for m in &self.matches {
            let own = m.indicator.iter().map(|r| &r.indicator.id);
            let related = m.related.iter().map(|r| &r.indicator.indicator.id);
            for id in own.chain(related) {
                if !ids.contains(id) {
                    ids.push(id.clone());
                }
            }
        }
        ids
    }
}

/// Applies the policy's limits to matches that are already in order.
#[must_use]
pub fn limit<'a>(matches: &'a Matches<'a>, policy: &Policy) -> Reported<'a> {
    let indicators = matches.indicators.iter().take(policy.max_indicator_alerts);
    let observables = matches.observables.iter().take(policy.max_observable_alerts);
    Reported {
        matches: indicators.chain(observables).collect(),
        omitted_indicators: matches.indicators.len().saturating_sub(policy.max_indicator_alerts),
        omitted_observables: matches.observables.len().saturating_sub(policy.max_observable_alerts),
    }
}

/// Writes the events. `now` is the time of the enrichment.
#[must_use]
pub fn events(
    reported: &Reported<'_>,
    alert: &Alert,
    context: &Context,
    lookup: &dyn Lookup,
    incomplete: &[String],
    now: Timestamp,
) -> Vec<Event> {
    let write = |m: &&Match<'_>| {
        event::write(&Story {
            event_type: m.event_type,
            alert,
            sightings: &m.sightings,
            how: m.how,
            indicator: m.indicator.map(|r| r.indicator),
            observable: m.observable,
            multiple: m.multiple,
            related: m.related.as_ref().map(|r| RelatedStory {
                observable: &r.relation.other,
                relationship: &r.relation.relationship_type,
                indicator: r.indicator.indicator,
                multiple: r.multiple,
            }),
            direction: m.direction,
            action: m.action,
            strength: m.strength,
            reasons: &m.reasons,
            muted_until: m.muted_until,
            score_live: m.main().and_then(|ranked| live_score(ranked.indicator, now)),
            context,
            intel: lookup.intel(),
            endpoint: lookup.endpoint(),
            omitted_indicators: reported.omitted_indicators,
            omitted_observables: reported.omitted_observables,
            incomplete,
        })
    };
    reported.matches.iter().map(write).collect()
}
