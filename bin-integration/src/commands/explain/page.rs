//! The explanation as a page for a person.

use super::facts::{IndicatorFacts, LeftOut, ObservableFacts, Outcome, Place, Story};
use super::judge::{Judgement, State, Verdict};
use super::story::values;
use super::words::Word;
use crate::commands::paper::{Page, Style, WIDTH, count};

/// How many comparisons that are not true are shown of one pattern.
const MAX_NOT_SEEN: usize = 8;

/// Writes the page.
pub(super) fn write(story: &Story, colours: bool) -> String {
    let mut page = Page::new(colours, WIDTH);
    page.alert(story);
    page.heading("Result");
    page.prose(1, if story.events.is_empty() { Style::Doubtful } else { Style::Good }, &story.result);
    if let Some(not) = &story.not_looked_at {
        page.change(1, &not.reason);
        return page.text;
    }
    page.found(story);
    page.left_out(story);
    page.asked(story);
    if let Some(known) = &story.came_back {
        page.heading(&format!(
            "4. What came back: {}, {}",
            count(known.indicators.len(), "indicator"),
            count(known.observables.len(), "observable")
        ));
        if known.indicators.is_empty() && known.observables.is_empty() {
            page.prose(1, Style::Plain, "Nothing: the source answered, and knows none of the values.");
        }
        for indicator in page.some(&known.indicators, 1) {
            page.indicator(indicator);
        }
        for observable in page.some(&known.observables, 1) {
            page.observable(observable);
        }
    }
    if !story.incomplete.is_empty() {
        page.heading("Missing from the answer");
        for problem in &story.incomplete {
            page.prose(1, Style::Bad, problem);
        }
    }
    if story.came_back.is_some() {
        page.limits(story);
        page.events(story);
    }
    page.text
}

impl Page {
    fn alert(&mut self, story: &Story) {
        let alert = &story.alert;
        self.line(0, &[(Style::Strong, "Alert "), (Style::Strong, &alert.id)]);
        self.fact(1, "time", &alert.timestamp);
        let rule = format!("{}, level {}: {}", alert.rule_id, alert.rule_level, alert.rule_description);
        self.fact(1, "rule", &rule);
        self.fact(1, "groups", &alert.rule_groups.join(", "));
        let agent = [&alert.agent_id, &alert.agent_name, &alert.agent_ip];
        self.fact(
            1,
            "agent",
            &agent.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", "),
        );
        self.fact(1, "decoder", &alert.decoder);
        self.fact(1, "location", &alert.location);
        self.fact(1, "as of", &story.at);
    }

    fn found(&mut self, story: &Story) {
        self.heading(&format!("1. Found in the alert and looked up: {}", values(story.found.len())));
        if story.found.is_empty() && story.left_out.is_empty() {
            let text = "No field of the alert holds an address, a domain name, a URL, an e-mail address, a file hash, a \
                        registry key or a CVE number.";
            self.prose(1, Style::Plain, text);
        }
        for found in self.some(&story.found, 1) {
            self.line(1, &[(Style::Faint, found.kind), (Style::Plain, " "), (Style::Strong, &found.value)]);
            for place in self.some(&found.places, 2) {
                self.place(place);
            }
        }
    }

    fn place(&mut self, place: &Place) {
        let role = place.role.map_or_else(String::new, |role| {
            let of = match role {
                "sender" | "recipient" => "message",
                "image" => "process",
                _ => "connection",
            };
            format!(", the {role} of the {of}")
        });
        let via = match place.via.is_empty() {
            true => String::new(),
            false => format!(", decoded: {}", place.via.replace('>', ", then ")),
        };
        self.line(
            2,
            &[
                (Style::Plain, "in "),
                (Style::Plain, &place.path),
                (Style::Plain, &role),
                (Style::Plain, &via),
            ],
        );
        if let Some(written) = &place.written {
            self.line(2, &[(Style::Faint, "written there: "), (Style::Faint, written)]);
        }
    }

    fn left_out(&mut self, story: &Story) {
        self.heading(&format!("2. Found and left out: {}", values(story.left_out.len())));
        let mut reasons: Vec<&Word> = Vec::new();
        for left in &story.left_out {
            if !reasons.contains(&&left.reason) {
                reasons.push(&left.reason);
            }
        }
        for word in reasons {
            self.line(1, &[(Style::Doubtful, word.reason)]);
            self.prose(2, Style::Plain, word.meaning);
            self.change(2, word);
            let left: Vec<&LeftOut> = story.left_out.iter().filter(|left| left.reason == *word).collect();
            for left in self.some(&left, 2) {
                let by = left.by.as_ref().map_or_else(String::new, |by| format!(" (by {by})"));
                self.line(
                    2,
                    &[
                        (Style::Faint, left.kind),
                        (Style::Plain, " "),
                        (Style::Plain, &left.value),
                        (Style::Plain, &by),
                        (Style::Faint, " in "),
                        (Style::Faint, &left.path),
                    ],
                );
            }
        }
    }

    /// What to do about a reason.
    pub(in crate::commands) fn change(&mut self, indent: usize, word: &Word) {
        self.prose(indent, Style::Faint, &word.remedy());
    }

    fn asked(&mut self, story: &Story) {
        self.heading("3. Asked");
        let Some(asked) = &story.asked else {
            self.prose(1, Style::Plain, "Nobody: there was nothing to ask about.");
            return;
        };
        let text = format!(
            "{} about the {} above, with the networks around addresses and the parents of names.",
            asked.source,
            values(asked.values.len())
        );
        self.prose(1, Style::Plain, &text);
        if let Some(error) = &asked.error {
            self.prose(1, Style::Bad, &format!("No answer: {error}"));
        }
    }

    fn indicator(&mut self, i: &IndicatorFacts) {
        let name = i.name.as_deref().unwrap_or("(without a name)");
        self.line(1, &[(Style::Plain, "Indicator "), (Style::Strong, name)]);
        self.fact(2, "pattern", i.pattern.as_deref().unwrap_or_default());
        let number = |name: &str, number: Option<i64>| match number {
            Some(number) => format!("{name} {number}"),
            None => format!("no {name}"),
        };
        let detection = match i.detection {
            Some(true) => "detection on",
            Some(false) => "detection off",
            None => "detection not said",
        };
        let live = i.score_live.map_or_else(String::new, |live| format!(" (now {live})"));
        let score = number("score", i.score) + &live;
        let weight = [score, number("confidence", i.confidence), detection.to_owned()];
        self.fact(2, "weight", &weight.join(", "));
        let from = i.valid_from.as_deref().unwrap_or("no date");
        let until = i.valid_until.as_deref().unwrap_or("no date");
        let validity = format!("{}, from {from} until {until}", i.validity);
        self.fact(2, "validity", &validity);
        self.fact(2, "labels", &i.labels.join(", "));
        self.fact(2, "markings", &i.markings.join(", "));
        self.fact(2, "author", i.author.as_deref().unwrap_or_default());
        self.fact(2, "indicates", &i.indicates.join(", "));
        self.fact(2, "reports", &i.reports.join(", "));
        self.fact(2, "id", &i.id);
        self.fact(2, "link", i.link.as_deref().unwrap_or_default());
        self.fact(2, "based on", &i.based_on.join(", "));
        self.judgement(2, &i.pattern_says);
        if let Some(word) = &i.policy {
            self.line(2, &[(Style::Faint, "policy     "), (Style::Doubtful, word.reason)]);
        }
        self.outcome(&i.outcome);
    }

    /// How a pattern judged what was seen, comparison by comparison.
    pub(in crate::commands) fn judgement(&mut self, indent: usize, judgement: &Judgement) {
        let (style, word) = match judgement.verdict {
            Verdict::Whole => (Style::Good, "whole"),
            Verdict::Partial => (Style::Doubtful, "partial"),
            Verdict::NotTrue => (Style::Bad, "not true"),
            Verdict::KindOff => (Style::Bad, "not asked for"),
            Verdict::OnlyNegative => (Style::Bad, "only negative"),
            Verdict::NotStix => (Style::Bad, "not STIX"),
            Verdict::DoesNotParse => (Style::Bad, "does not parse"),
        };
        self.line(indent, &[(Style::Faint, "judged     "), (style, word)]);
        self.prose(indent + 1, Style::Plain, &judgement.meaning);
        let mut not_seen = 0;
        for term in &judgement.terms {
            if term.state == State::NotSeen {
                not_seen += 1;
                if not_seen > MAX_NOT_SEEN {
                    continue;
                }
            }
            let (style, word) = match term.state {
                State::True => (Style::Good, "true       "),
                State::Wider => (Style::Doubtful, "wider      "),
                State::NotSeen => (Style::Bad, "not seen   "),
                State::Condition => (Style::Faint, "must not be"),
                State::Unknown => (Style::Faint, "unknown    "),
            };
            self.line(indent + 1, &[(style, word), (Style::Plain, "  "), (Style::Plain, &term.comparison)]);
            let (how, meaning) = (term.how.unwrap_or_default(), term.meaning.unwrap_or_default());
            match (&term.value, &term.path) {
                (Some(value), path) => {
                    let place = path.as_ref().map_or_else(String::new, |path| format!(" in {path}"));
                    self.line(
                        indent + 3,
                        &[
                            (Style::Plain, "of "),
                            (Style::Plain, value),
                            (Style::Plain, &place),
                            (Style::Faint, &format!(": {meaning} ({how})")),
                        ],
                    );
                }
                _ if !meaning.is_empty() => self.prose(indent + 3, Style::Faint, meaning),
                _ => {}
            }
        }
        let more = judgement.more_not_seen + not_seen.saturating_sub(MAX_NOT_SEEN);
        if more > 0 {
            let text = format!("and {} that nothing seen makes true", count(more, "more comparison"));
            self.line(indent + 1, &[(Style::Faint, &text)]);
        }
    }

    fn outcome(&mut self, outcome: &Outcome) {
        let style = if outcome.event.is_some() { Style::Good } else { Style::Doubtful };
        self.line(2, &[(Style::Faint, "outcome")]);
        self.prose(3, style, &outcome.meaning);
    }

    fn observable(&mut self, o: &ObservableFacts) {
        let kind = o.kind.as_deref().unwrap_or("of unknown type");
        let value = o.value.as_deref().unwrap_or("(without a value)");
        self.line(
            1,
            &[
                (Style::Plain, "Observable "),
                (Style::Plain, kind),
                (Style::Plain, " "),
                (Style::Strong, value),
            ],
        );
        self.fact(2, "score", &o.score.map_or_else(String::new, |score| score.to_string()));
        self.fact(2, "labels", &o.labels.join(", "));
        self.fact(2, "markings", &o.markings.join(", "));
        self.fact(2, "author", o.author.as_deref().unwrap_or_default());
        self.fact(2, "id", &o.id);
        self.fact(2, "link", o.link.as_deref().unwrap_or_default());
        self.fact(2, "hashes", &o.hashes.join(", "));
        self.fact(2, "indicators", &o.indicators.join(", "));
        for related in self.some(&o.related, 2) {
            let value = related.value.as_deref().unwrap_or("(without a value)");
            let indicators = match related.indicators.is_empty() {
                true => ", which has no indicator".to_owned(),
                false => format!(", with the indicators: {}", related.indicators.join(", ")),
            };
            let kind = related.kind.as_deref().unwrap_or_default();
            self.fact(2, "related", &format!("{} {kind} {value}{indicators}", related.relationship));
        }
        self.outcome(&o.outcome);
    }

    fn limits(&mut self, story: &Story) {
        self.heading("5. Limits");
        let limits = &story.limits;
        for (what, max, omitted, setting) in [
            ("indicators", limits.max_indicator_alerts, limits.omitted_indicators, "max_indicator_alerts"),
            (
                "observables",
                limits.max_observable_alerts,
                limits.omitted_observables,
                "max_observable_alerts",
            ),
        ] {
            let left = match omitted {
                0 => "nothing left out".to_owned(),
                1 => "1 match left out".to_owned(),
                omitted => format!("{omitted} matches left out"),
            };
            let style = if omitted == 0 { Style::Plain } else { Style::Doubtful };
            self.prose(
                1,
                style,
                &format!("Events for {what}: at most {max} (`{setting}` in [policy]), {left}."),
            );
        }
    }

    fn events(&mut self, story: &Story) {
        self.heading(&format!("6. Events: {}", story.events.len()));
        if story.events.is_empty() {
            self.prose(1, Style::Plain, "None: Wazuh gets nothing for this alert.");
        }
        for (number, told) in story.events.iter().enumerate() {
            self.line(1, &[(Style::Strong, &format!("{}. ", number + 1)), (Style::Strong, told.event_type)]);
            self.prose(2, Style::Plain, &told.meaning);
        }
    }
}
