//! How one pattern judges what was seen, comparison by comparison.

use enricher::select::Selection;
use enricher::stix::{
    Comparison, ComparisonExpression, Hit, ObservationExpression, Pattern, Seen, Unsupported,
};
use jiff::Timestamp;
use opencti_client::Indicator;
use serde::Serialize;

use super::words;
use crate::exit::chain;

/// How many comparisons of one pattern are told that are not true of the alert.
const MAX_NOT_SEEN: usize = 64;

/// What a pattern says about the alert.
#[derive(Clone, Debug, Serialize)]
pub(in crate::commands) struct Judgement {
    pub(in crate::commands) verdict: Verdict,
    /// Why, in a sentence.
    pub(in crate::commands) meaning: String,
    /// Each comparison of the pattern by itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::commands) terms: Vec<Term>,
    /// How many more comparisons are not true of the alert.
    #[serde(skip_serializing_if = "is_zero")]
    pub(in crate::commands) more_not_seen: usize,
}

/// The verdict in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::commands) enum Verdict {
    Whole,
    Partial,
    NotTrue,
    /// True only of what is not looked up.
    KindOff,
    OnlyNegative,
    NotStix,
    DoesNotParse,
}

/// One comparison of a pattern.
#[derive(Clone, Debug, Serialize)]
pub(in crate::commands) struct Term {
    pub(in crate::commands) comparison: String,
    pub(in crate::commands) state: State,
    /// The value of the alert that it is true of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) value: Option<String>,
    /// The field of the alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) how: Option<&'static str>,
    /// `how` in words, or why nothing can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) meaning: Option<&'static str>,
}

/// What a comparison by itself says about the alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::commands) enum State {
    /// True of something that was seen.
    True,
    /// True only of something wider, such as a parent domain.
    Wider,
    /// Nothing that was seen makes it true.
    NotSeen,
    /// It says what must not be: a condition, and no evidence.
    Condition,
    /// It cannot be said.
    Unknown,
}

/// Judges an indicator's pattern.
pub(in crate::commands) fn judge(
    indicator: &Indicator,
    selection: &Selection,
    seen: &Seen,
    now: Timestamp,
) -> Judgement {
    let bare = |verdict, meaning: String| Judgement { verdict, meaning, terms: Vec::new(), more_not_seen: 0 };
    if let Some(kind) = indicator.pattern_type.as_deref().filter(|kind| !kind.eq_ignore_ascii_case("stix")) {
        return bare(
            Verdict::NotStix,
            format!("The pattern is of type {kind}, not stix, and is not evaluated."),
        );
    }
    let pattern = match Pattern::parse_lenient(indicator.pattern.as_deref().unwrap_or_default()) {
        Ok(pattern) => pattern,
        Err(error) => return bare(Verdict::DoesNotParse, chain(&error)),
    };
    let evaluation = pattern.evaluate(seen, Some(now));
    let mut terms: Vec<Term> =
        comparisons(pattern.expression()).into_iter().map(|c| term(c, selection, seen, now)).collect();
    let is_asked = |hit: &Hit| (hit.ioc as usize) < selection.sightings.len();
    let verdict = if !evaluation.hits.is_empty() && !evaluation.hits.iter().any(is_asked) {
        Verdict::KindOff
    } else if evaluation.whole {
        Verdict::Whole
    } else if evaluation.partial {
        Verdict::Partial
    } else if has_no_atom(&pattern) {
        Verdict::OnlyNegative
    } else {
        Verdict::NotTrue
    };
    let meaning = meaning(verdict, &terms, evaluation.unsupported);
    let mut not_seen = 0;
    terms.retain(|term| {
        not_seen += usize::from(term.state == State::NotSeen);
        term.state != State::NotSeen || not_seen <= MAX_NOT_SEEN
    });
    Judgement { verdict, meaning, terms, more_not_seen: not_seen.saturating_sub(MAX_NOT_SEEN) }
}

/// As the pipeline has it: nothing that could be seen makes any part of the pattern true.
fn has_no_atom(pattern: &Pattern) -> bool {
    let atoms = pattern.atoms();
    atoms.atoms.is_empty() && atoms.unindexed.is_empty()
}

fn meaning(verdict: Verdict, terms: &[Term], unsupported: Option<Unsupported>) -> String {
    let any = |state| terms.iter().any(|term| term.state == state);
    match verdict {
        Verdict::Whole => "The whole pattern is true of what was seen.".to_owned(),
        Verdict::Partial => {
            let why = match unsupported {
                Some(unsupported) => words::unsupported(unsupported.as_str()),
                None if any(State::NotSeen) && any(State::True) => {
                    "A part is true of what was seen, another part was not seen."
                }
                None if any(State::Wider) => "It is true only of something wider than what was seen.",
                None if any(State::Condition) => "What is asked for was seen, but so was what must not be.",
                None => {
                    "Each comparison is true by itself, but not together: of one object, or within the \
                     pattern's times."
                }
            };
            format!("Partly true. {why}")
        }
        Verdict::NotTrue => {
            let why = unsupported.map_or_else(String::new, |unsupported| {
                format!(" {}", words::unsupported(unsupported.as_str()))
            });
            format!("Nothing that the pattern asks for identifies something that was seen.{why}")
        }
        Verdict::KindOff => "It is true only of values that are not looked up.".to_owned(),
        Verdict::OnlyNegative => "The pattern only says what must not be seen.".to_owned(),
        Verdict::NotStix | Verdict::DoesNotParse => String::new(),
    }
}

/// Evaluates one comparison alone.
fn term(comparison: &Comparison, selection: &Selection, seen: &Seen, now: Timestamp) -> Term {
    let text = comparison.to_string();
    let mut term =
        Term { comparison: text, state: State::Condition, value: None, path: None, how: None, meaning: None };
    if comparison.is_negative() {
        return term;
    }
    // What is printed reads as the same expression; a comparison too long to be read again says nothing.
    let Ok(alone) = Pattern::parse(&format!("[{}]", term.comparison)) else {
        return Term { state: State::Unknown, ..term };
    };
    let evaluation = alone.evaluate(seen, Some(now));
    term.state = match (evaluation.whole, evaluation.partial, evaluation.unsupported) {
        (true, ..) => State::True,
        (false, true, _) => State::Wider,
        (false, false, Some(unsupported)) => {
            term.meaning = Some(words::unsupported(unsupported.as_str()));
            State::Unknown
        }
        (false, false, None) => State::NotSeen,
    };
    if let Some(Hit { ioc, how, .. }) = evaluation.hits.first() {
        let sighting = selection.sighting(*ioc);
        term.value = sighting.map(|sighting| sighting.ioc.value().to_owned());
        term.path = sighting.map(|sighting| sighting.path.clone()).filter(|path| !path.is_empty());
        term.how = Some(how.as_str());
        term.meaning = Some(words::how(how.as_str()));
    }
    term
}

/// Every comparison of a pattern, in the order in which they stand.
fn comparisons(expression: &ObservationExpression) -> Vec<&Comparison> {
    fn inside<'a>(expression: &'a ComparisonExpression, found: &mut Vec<&'a Comparison>) {
        match expression {
            ComparisonExpression::Comparison(comparison) => found.push(comparison),
            ComparisonExpression::And(operands) | ComparisonExpression::Or(operands) => {
                operands.iter().for_each(|operand| inside(operand, found));
            }
        }
    }
    fn outside<'a>(expression: &'a ObservationExpression, found: &mut Vec<&'a Comparison>) {
        match expression {
            ObservationExpression::Observation(comparisons) => inside(comparisons, found),
            ObservationExpression::And(operands)
            | ObservationExpression::Or(operands)
            | ObservationExpression::FollowedBy(operands) => {
                operands.iter().for_each(|operand| outside(operand, found));
            }
            ObservationExpression::Qualified { expression, .. } => outside(expression, found),
        }
    }
    let mut found = Vec::new();
    outside(expression, &mut found);
    found
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use enricher::{Policy, select::select};
    use ioc_extract::Extractor;
    use wazuh_alert::Alert;

    /// The verdict in a line, and each comparison below it.
    fn judged(pattern: &str) -> String {
        let alert = r#"{"id":"1","rule":{"id":"5710","level":5},"decoder":{"name":"json"},
            "data":{"srcip":"45.77.12.9","dstip":"10.1.2.3","dns":{"question":{"name":"cdn.bad.evil-c2.com"}}}}"#;
        let alert = Alert::parse(alert.as_bytes()).unwrap();
        let selection = select(&alert, &Extractor::new(), &Policy::default());
        let indicator = Indicator { pattern: Some(pattern.to_owned()), ..Indicator::default() };
        let now = "2026-04-02T08:00:00Z".parse().unwrap();
        let judgement = judge(&indicator, &selection, &selection.seen(), now);
        let word = |value: serde_json::Value| value.as_str().unwrap().to_owned();
        let mut text =
            format!("{}: {}", word(serde_json::to_value(judgement.verdict).unwrap()), judgement.meaning);
        for term in &judgement.terms {
            let how = term
                .how
                .map_or_else(String::new, |how| format!(" ({how} {})", term.value.as_deref().unwrap()));
            let state = word(serde_json::to_value(term.state).unwrap());
            text.push_str(&format!("\n  {state}: {}{how}", term.comparison));
        }
        text
    }

    #[test]
    fn each_verdict_has_its_reason() {
        let said = [
            "[ipv4-addr:value = '45.77.12.0/24']",
            "[ipv4-addr:value = '45.77.12.9' AND network-traffic:dst_port = 443]",
            "[ipv4-addr:value = '45.77.12.9'] AND [domain-name:value = 'cdn.bad.evil-c2.com']",
            "[domain-name:value = 'evil-c2.com']",
            "[ipv4-addr:value = '45.77.12.9' AND domain-name:value != 'cdn.bad.evil-c2.com']",
            "[ipv4-addr:value = '45.77.12.9'] START t'2020-01-01T00:00:00Z' STOP t'2020-01-02T00:00:00Z'",
            "[file:name = 'a.exe' OR ipv4-addr:value = '45.77.12.9']",
            "[ipv4-addr:value = '9.9.9.9']",
            "[ipv4-addr:value = '45.77.12.9' AND network-traffic:dst_ref.value = '10.1.2.3']",
            "[ipv4-addr:value = '10.0.0.0/8']",
            "[ipv4-addr:value != '45.77.12.9']",
            "[domain-name:value MATCHES '(?=evil)']",
            "[ipv4-addr:value = ",
        ];
        insta::assert_snapshot!(said.map(judged).join("\n"), @"
        whole: The whole pattern is true of what was seen.
          true: ipv4-addr:value = '45.77.12.0/24' (cidr 45.77.12.9)
        partial: Partly true. A part is true of what was seen, another part was not seen.
          true: ipv4-addr:value = '45.77.12.9' (exact 45.77.12.9)
          not-seen: network-traffic:dst_port = 443
        partial: Partly true. It asks for several observations (AND or FOLLOWEDBY between brackets), and one alert is one observation.
          true: ipv4-addr:value = '45.77.12.9' (exact 45.77.12.9)
          true: domain-name:value = 'cdn.bad.evil-c2.com' (exact cdn.bad.evil-c2.com)
        partial: Partly true. It is true only of something wider than what was seen.
          wider: domain-name:value = 'evil-c2.com' (parent_domain cdn.bad.evil-c2.com)
        partial: Partly true. What is asked for was seen, but so was what must not be.
          true: ipv4-addr:value = '45.77.12.9' (exact 45.77.12.9)
          condition: domain-name:value != 'cdn.bad.evil-c2.com'
        partial: Partly true. Each comparison is true by itself, but not together: of one object, or within the pattern's times.
          true: ipv4-addr:value = '45.77.12.9' (exact 45.77.12.9)
        whole: The whole pattern is true of what was seen.
          not-seen: file:name = 'a.exe'
          true: ipv4-addr:value = '45.77.12.9' (exact 45.77.12.9)
        not-true: Nothing that the pattern asks for identifies something that was seen.
          not-seen: ipv4-addr:value = '9.9.9.9'
        whole: The whole pattern is true of what was seen.
          true: ipv4-addr:value = '45.77.12.9' (exact 45.77.12.9)
          true: network-traffic:dst_ref.value = '10.1.2.3' (exact 10.1.2.3)
        kind-off: It is true only of values that are not looked up.
          true: ipv4-addr:value = '10.0.0.0/8' (cidr 10.1.2.3)
        only-negative: The pattern only says what must not be seen.
          condition: ipv4-addr:value != '45.77.12.9'
        not-true: Nothing that the pattern asks for identifies something that was seen. Its regular expression is invalid or needs backtracking, which is not run.
          unknown: domain-name:value MATCHES '(?=evil)'
        does-not-parse: cannot parse the STIX pattern at byte 19: found the end, expected a literal: a string '…', a number, true, false, t'…', h'…' or b'…'
        ");
    }

    #[test]
    fn what_is_not_stix_is_not_read() {
        let alert = Alert::parse(br#"{"rule":{"id":"1"}}"#).unwrap();
        let selection = select(&alert, &Extractor::new(), &Policy::default());
        let indicator = Indicator {
            pattern: Some("rule x { condition: true }".to_owned()),
            pattern_type: Some("yara".to_owned()),
            ..Indicator::default()
        };
        let judgement = judge(&indicator, &selection, &selection.seen(), Timestamp::UNIX_EPOCH);
        assert_eq!(judgement.verdict, Verdict::NotStix);
        assert_eq!(judgement.meaning, "The pattern is of type yara, not stix, and is not evaluated.");
    }

    #[test]
    fn long_patterns_are_told_in_part() {
        let alert = Alert::parse(br#"{"rule":{"id":"1"},"data":{"srcip":"45.77.12.9"}}"#).unwrap();
        let selection = select(&alert, &Extractor::new(), &Policy::default());
        let terms: Vec<String> = (0..200).map(|n| format!("ipv4-addr:value = '9.9.9.{n}'")).collect();
        let pattern = format!("[{} OR ipv4-addr:value = '45.77.12.9']", terms.join(" OR "));
        let indicator = Indicator { pattern: Some(pattern), ..Indicator::default() };
        let judgement = judge(&indicator, &selection, &selection.seen(), Timestamp::UNIX_EPOCH);
        assert_eq!(judgement.verdict, Verdict::Whole);
        assert_eq!(judgement.terms.len(), MAX_NOT_SEEN + 1);
        assert_eq!(judgement.more_not_seen, 200 - MAX_NOT_SEEN);
    }
}
