//! Answers for people: a heading and a table for each value, as wide as the terminal.

use super::answer::{Answer, Known, Verdict, Why};
use super::why::NearMiss;
use crate::commands::paper::{Page, Style, WIDTH, count};
use crate::text::one_line;

/// How much of one cell is shown, in characters: far more than any value or link needs.
const LONGEST_CELL: usize = 4000;

/// Below this a column is not made narrower; instead each row becomes a list.
const NARROWEST: usize = 10;

/// Between columns.
const GAP: usize = 2;

/// Before each row.
const INDENT: usize = 1;

const HEADINGS: [&str; 13] = [
    "TYPE", "NAME", "VERDICT", "HOW", "SCORE", "CONF", "DETECT", "VALIDITY", "LABELS", "MARKING", "CONTEXT",
    "AUTHOR", "LINK",
];
const LINK: usize = 12;

/// Writes an answer. `width` is that of the terminal; `None` when it is none, and nothing is broken or left out.
pub(super) fn write(answer: &Answer, colours: bool, width: Option<usize>) -> String {
    let mut page = Page::new(colours, width.unwrap_or(WIDTH).min(WIDTH));
    page.answer(answer, width);
    page.text
}

/// The verdict as a person reads it.
fn words(verdict: Verdict) -> String {
    match verdict {
        Verdict::Event(event_type) => event_type.as_str().to_owned(),
        other => other.as_str().replace('_', " "),
    }
}

impl Page {
    fn answer(&mut self, answer: &Answer, width: Option<usize>) {
        let style = match answer.verdict {
            Verdict::Event(_) | Verdict::NotAsked | Verdict::Unusable => Style::Bad,
            Verdict::NotReported | Verdict::Incomplete => Style::Doubtful,
            Verdict::NothingKnown => Style::Good,
        };
        let value = if answer.value.is_empty() { "(empty)" } else { &answer.value };
        self.line(0, &[(Style::Strong, value), (Style::Plain, ": "), (style, &words(answer.verdict))]);
        let plain = answer.asked.len() == 1 && answer.asked.iter().all(|asked| asked.value == answer.value);
        if !plain && !answer.asked.is_empty() {
            let asked: Vec<String> = answer.asked.iter().map(|a| format!("{} {}", a.kind, a.value)).collect();
            self.prose(1, Style::Faint, &format!("asked about {}", asked.join(", ")));
        }
        self.prose(1, Style::Plain, &answer.meaning);
        for problem in &answer.incomplete {
            self.prose(1, Style::Bad, &format!("missing: {problem}"));
        }
        if !answer.known.is_empty() {
            self.table(&answer.known, width);
        }
        if let Some(why) = &answer.why {
            self.why(why, answer);
        }
    }

    fn table(&mut self, known: &[Known], width: Option<usize>) {
        let rows: Vec<[String; 13]> = known.iter().map(cells).collect();
        let mut columns: Vec<usize> =
            (0..HEADINGS.len()).filter(|c| rows.iter().any(|row| !row[*c].is_empty())).collect();
        let has_link = columns.last() == Some(&LINK);
        let mut widths = natural(&rows, &columns);
        // A link is worth nothing in pieces: where the line is too short for it, it has one of its own.
        let own_line = has_link && width.is_some_and(|width| total(&widths) > width);
        if own_line {
            columns.pop();
            widths.pop();
        }
        if let Some(width) = width
            && !narrow(&mut widths, &columns, width)
        {
            return self.list(&rows, &columns, own_line);
        }
        let headings: Vec<&str> = columns.iter().map(|c| HEADINGS[*c]).collect();
        self.row(&headings, &widths, Style::Faint);
        for (row, known) in rows.iter().zip(known) {
            let texts: Vec<&str> = columns.iter().map(|c| row[*c].as_str()).collect();
            let style = if known.verdict.is_some() { Style::Plain } else { Style::Doubtful };
            self.row(&texts, &widths, style);
            if own_line && !row[LINK].is_empty() {
                self.indent(INDENT + 1);
                self.put_safe(Style::Faint, &row[LINK]);
                self.text.push('\n');
            }
        }
    }

    /// A row, over as many lines as its longest cell takes.
    fn row(&mut self, texts: &[&str], widths: &[usize], style: Style) {
        let cells: Vec<Vec<String>> =
            texts.iter().zip(widths).map(|(text, width)| broken(text, *width)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or_default();
        for line in 0..height {
            let mut text = String::new();
            for (cell, width) in cells.iter().zip(widths) {
                let piece = cell.get(line).map_or("", String::as_str);
                text.push_str(piece);
                text.extend(std::iter::repeat_n(' ', (width + GAP).saturating_sub(piece.chars().count())));
            }
            self.indent(INDENT);
            self.put_safe(style, text.trim_end());
            self.text.push('\n');
        }
    }

    /// Rows as lists, for a terminal that is too narrow for a table.
    fn list(&mut self, rows: &[[String; 13]], columns: &[usize], own_line: bool) {
        for row in rows {
            for (place, column) in columns.iter().chain(own_line.then_some(&LINK)).enumerate() {
                if row[*column].is_empty() {
                    continue;
                }
                self.indent(INDENT + usize::from(place > 0));
                self.put_safe(Style::Faint, &format!("{:<9}", HEADINGS[*column].to_lowercase()));
                self.put_safe(Style::Plain, &row[*column]);
                self.text.push('\n');
            }
        }
    }

    fn why(&mut self, why: &Why, answer: &Answer) {
        for left in &why.left_out {
            let by = left.by.as_ref().map_or_else(String::new, |by| format!(" (by {by})"));
            self.line(
                1,
                &[
                    (Style::Doubtful, "alerts leave it out: "),
                    (Style::Plain, left.kind),
                    (Style::Plain, " "),
                    (Style::Plain, &left.value),
                    (Style::Doubtful, &format!(" {}", left.reason.reason)),
                    (Style::Plain, &by),
                ],
            );
            self.prose(2, Style::Plain, left.reason.meaning);
            self.change(2, &left.reason);
        }
        if answer.verdict == Verdict::NotAsked {
            return;
        }
        let requests = match answer.requests {
            0 => String::new(),
            n => format!(" ({} in all)", count(usize::try_from(n).unwrap_or(usize::MAX), "request")),
        };
        self.line(
            1,
            &[
                (Style::Strong, &format!("Came close: {}", count(why.near.len(), "indicator"))),
                (Style::Faint, &requests),
            ],
        );
        for near in self.some(&why.near, 2) {
            self.near(near);
        }
    }

    fn near(&mut self, near: &NearMiss) {
        let name = near.name.as_deref().unwrap_or("(without a name)");
        self.line(
            2,
            &[(Style::Doubtful, near.reason), (Style::Plain, "  Indicator "), (Style::Strong, name)],
        );
        self.prose(3, Style::Plain, &near.meaning);
        if let Some(change) = near.change {
            self.prose(3, Style::Faint, &format!("In [policy]: {change}"));
        }
        self.fact(3, "pattern", near.pattern.as_deref().unwrap_or_default());
        self.fact(3, "validity", near.validity);
        self.fact(3, "score", &near.score.map_or_else(String::new, |score| score.to_string()));
        self.fact(3, "link", near.link.as_deref().unwrap_or_default());
        self.judgement(3, &near.pattern_says);
    }
}

/// The cells of a row, safe to be shown.
fn cells(known: &Known) -> [String; 13] {
    let number = |number: Option<i64>| number.map_or_else(String::new, |number| number.to_string());
    let verdict = match (known.verdict, known.reason) {
        (Some(event_type), _) => event_type.to_owned(),
        (None, Some("by-indicator")) => "by its indicators".to_owned(),
        (None, Some(reason)) => format!("not reported: {reason}"),
        (None, None) => "not reported".to_owned(),
    };
    let context = known.context.iter().map(|behind| match behind.kind.is_empty() {
        true => behind.name.clone(),
        false => format!("{} ({})", behind.name, behind.kind),
    });
    let detection = known.detection.map(|detection| if detection { "on" } else { "off" });
    [
        known.kind.clone(),
        known.name.clone().unwrap_or_default(),
        verdict,
        known.how.unwrap_or_default().to_owned(),
        number(known.score) + &known.score_live.map_or_else(String::new, |live| format!(" (now {live})")),
        number(known.confidence),
        detection.unwrap_or_default().to_owned(),
        validity(known),
        known.labels.join(", "),
        known.markings.join(", "),
        context.collect::<Vec<_>>().join(", "),
        known.author.clone().unwrap_or_default(),
        known.link.clone().unwrap_or_default(),
    ]
    .map(|cell| one_line(&cell, LONGEST_CELL))
}

/// The validity with the day that matters.
fn validity(known: &Known) -> String {
    let day = |date: &Option<String>| date.as_deref().and_then(|date| date.get(..10)).map(str::to_owned);
    let with = |word: &str, day: Option<String>| day.map_or_else(String::new, |day| format!(" {word} {day}"));
    match known.validity {
        Some("valid") => format!("valid{}", with("until", day(&known.valid_until))),
        Some("expired") => format!("expired{}", with("since", day(&known.valid_until))),
        Some("not yet valid") => format!("not yet valid{}", with("before", day(&known.valid_from))),
        Some(other) => other.to_owned(),
        None => String::new(),
    }
}

/// The widths at which no cell is broken.
fn natural(rows: &[[String; 13]], columns: &[usize]) -> Vec<usize> {
    let widest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    columns.iter().map(|column| widest(*column).max(HEADINGS[*column].len())).collect()
}

fn total(widths: &[usize]) -> usize {
    2 * INDENT + widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

/// Makes the widest columns narrower until the row fits; `false` when it cannot.
fn narrow(widths: &mut [usize], columns: &[usize], width: usize) -> bool {
    let floor = |at: usize, now: usize| now.min(NARROWEST).max(HEADINGS[columns[at]].len());
    while total(widths) > width {
        let widest =
            (0..widths.len()).filter(|at| widths[*at] > floor(*at, widths[*at])).max_by_key(|at| widths[*at]);
        match widest {
            Some(at) => widths[at] -= 1,
            None => return false,
        }
    }
    true
}

/// A text in lines of a width, broken between words; one that is too long is broken where it joins parts, and at last
/// anywhere.
fn broken(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for (number, word) in text.split(' ').enumerate() {
        let is_long = word.chars().count() > width;
        let parts: Vec<&str> = match is_long {
            true => word.split_inclusive(['_', '-', '.', '/', '+']).collect(),
            false => vec![word],
        };
        for (place, part) in parts.into_iter().enumerate() {
            let space = usize::from(place == 0 && number > 0 && length > 0);
            let part_length = part.chars().count();
            if length > 0 && length + space + part_length > width {
                lines.push(std::mem::take(&mut line));
                length = 0;
            } else if space > 0 {
                line.push(' ');
                length += 1;
            }
            for c in part.chars() {
                if length == width {
                    lines.push(std::mem::take(&mut line));
                    length = 0;
                }
                line.push(c);
                length += 1;
            }
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::super::answer::{Asked, Behind};
    use super::*;

    fn known(name: &str) -> Known {
        Known {
            kind: "Indicator".to_owned(),
            name: Some(name.to_owned()),
            verdict: Some("indicator_pattern_match"),
            how: Some("exact"),
            reason: None,
            meaning: String::new(),
            score: Some(95),
            score_live: Some(62),
            confidence: Some(90),
            detection: Some(true),
            validity: Some("valid"),
            valid_from: Some("2026-03-01T00:00:00.000Z".to_owned()),
            valid_until: Some("2027-01-01T00:00:00.000Z".to_owned()),
            labels: vec!["c2".to_owned(), "papercrane".to_owned(), "bulletproof-hosting".to_owned()],
            markings: vec!["TLP:AMBER+STRICT".to_owned()],
            context: vec![Behind { kind: "Malware".to_owned(), name: "PaperCrane".to_owned() }],
            reports: Vec::new(),
            author: Some("Example CERT".to_owned()),
            id: "indicator--1".to_owned(),
            link: Some("https://opencti.example/dashboard/observations/indicators/1".to_owned()),
            pattern: None,
        }
    }

    fn answer() -> Answer {
        let unlike = Known {
            verdict: None,
            reason: Some("expired"),
            validity: Some("expired"),
            how: None,
            link: None,
            ..known("a name that is longer than the others, and verylongwithoutanyplacetobreak\u{1b}[31m")
        };
        Answer {
            value: "198.51.100.7".to_owned(),
            asked: vec![Asked { kind: "ipv4-addr", value: "198.51.100.7".to_owned() }],
            verdict: Verdict::Event(enricher::EventType::IndicatorPatternMatch),
            meaning: "An alert with it gives an event.".to_owned(),
            known: vec![known("Crane C2"), unlike],
            incomplete: vec!["search is down".to_owned()],
            source: "x".to_owned(),
            at: "x".to_owned(),
            requests: 2,
            why: None,
        }
    }

    #[test]
    fn a_table_is_fitted_to_the_terminal() {
        let mut all = String::new();
        for width in [None, Some(300), Some(180), Some(150), Some(80), Some(40)] {
            let page = write(&answer(), false, width);
            if let Some(width) = width.filter(|width| *width >= 150) {
                assert!(page.lines().all(|line| line.chars().count() <= width), "{width}:\n{page}");
            }
            assert!(page.contains("https://opencti.example/dashboard/observations/indicators/1"), "{page}");
            all.push_str(&format!("-- {width:?}\n{page}"));
        }
        insta::assert_snapshot!(all);
    }

    #[test]
    fn colours_are_the_only_control_codes() {
        let plain = write(&answer(), false, Some(150));
        assert!(!plain.contains(|c: char| crate::text::is_unsafe(c) && c != '\n'), "{plain:?}");
        let mut coloured = write(&answer(), true, Some(150));
        assert_ne!(coloured, plain);
        for code in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"] {
            coloured = coloured.replace(code, "");
        }
        assert_eq!(coloured, plain);
    }

    #[test]
    fn validity_names_the_day_that_matters() {
        let of = |validity, from: Option<&str>, until: Option<&str>| {
            let (valid_from, valid_until) = (from.map(str::to_owned), until.map(str::to_owned));
            super::validity(&Known { validity: Some(validity), valid_from, valid_until, ..known("x") })
        };
        let (early, late) = (Some("2026-01-02T03:04:05Z"), Some("2027-01-02T03:04:05Z"));
        assert_eq!(of("valid", early, late), "valid until 2027-01-02");
        assert_eq!(of("valid", early, None), "valid");
        assert_eq!(of("expired", early, late), "expired since 2027-01-02");
        assert_eq!(of("not yet valid", early, late), "not yet valid before 2026-01-02");
        assert_eq!(of("revoked", early, late), "revoked");
        assert_eq!(of("expired", early, Some("ä")), "expired");
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost_in_breaking(text in "\\PC{0,80}", width in 0_usize..30) {
            let lines = broken(&text, width);
            proptest::prop_assert!(lines.iter().all(|line| line.chars().count() <= width.max(1)));
            let without = |text: &str| text.replace(' ', "");
            proptest::prop_assert_eq!(without(&lines.concat()), without(&text));
        }
    }
}
