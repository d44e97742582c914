//! Patterns and alerts on which the two evaluations have to agree, made of arbitrary bytes.
//!
//! Everything here is written in one way only, so that there is nothing for the evaluation on alerts to look past, and each
//! bracket names one type. Then [`Pattern::evaluate`] has to say what a slow evaluator makes of [`Pattern::matches`] on
//! single comparisons and single objects. The fuzz target `stix_evaluate` uses this file too.

use serde_json::{Map, Value, json};

use super::{
    Comparison, ComparisonExpression, Observation, ObservationExpression, Pattern, Qualifier, SeenBuilder,
    Test, Unsupported,
};

const AT: &str = "2026-04-02T08:00:00Z";
const TIMES: [&str; 4] = ["2026-04-02T07:59:59.999Z", AT, "2026-04-02T08:00:00.001Z", "2026-04-03T00:00:00Z"];
const EXPRESSIONS: [&str; 6] = ["a+", "^b", "c$", "[ab]c", "a.c", "^(a|b)+$"];
const NETWORKS: [&str; 5] =
    ["198.51.100.0/24", "198.51.100.0/31", "198.51.100.2/31", "198.51.100.1", "203.0.113.0/24"];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Number,
    Address,
}

const PROPERTIES: [(&str, &str, Kind); 7] = [
    ("file", "name", Kind::Text),
    ("file", "size", Kind::Number),
    ("file", "hashes.MD5", Kind::Text),
    ("process", "command_line", Kind::Text),
    ("process", "pid", Kind::Number),
    ("mutex", "name", Kind::Text),
    ("ipv4-addr", "value", Kind::Address),
];

/// Bytes that choose; zeros when they are used up.
struct Choices<'b>(&'b [u8]);

impl Choices<'_> {
    fn below(&mut self, limit: usize) -> usize {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        usize::from(*first) % limit
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn text(&mut self, alphabet: &[char]) -> String {
        (0..self.below(7)).map(|_| self.of(alphabet)).collect()
    }

    fn list(&mut self, depth: usize, joint: &str, mut one: impl FnMut(&mut Self, usize) -> String) -> String {
        let count = 2 + self.below(2);
        let operands: Vec<String> = (0..count).map(|_| one(self, depth - 1)).collect();
        format!("({})", operands.join(joint))
    }

    fn observations(&mut self, depth: usize) -> String {
        match if depth == 0 { 0 } else { self.below(8) } {
            0..=2 => {
                let object_type = self.of(&PROPERTIES).0;
                format!("[{}]", self.comparisons(object_type, 3))
            }
            3 | 4 => self.list(depth, " OR ", Self::observations),
            5 => {
                let joint = self.of(&[" AND ", " FOLLOWEDBY "]);
                self.list(depth, joint, Self::observations)
            }
            _ => {
                let inner = self.observations(depth - 1);
                let qualifier = match self.below(3) {
                    0 => "WITHIN 5 SECONDS".to_owned(),
                    1 => format!("REPEATS {} TIMES", 1 + self.below(2)),
                    _ => format!("START t'{}' STOP t'{}'", self.of(&TIMES), self.of(&TIMES)),
                };
                format!("({inner}) {qualifier}")
            }
        }
    }

    fn comparisons(&mut self, object_type: &str, depth: usize) -> String {
        match if depth == 0 { 0 } else { self.below(4) } {
            0 | 1 => self.comparison(object_type),
            2 => self.list(depth, " AND ", |choices, depth| choices.comparisons(object_type, depth)),
            _ => self.list(depth, " OR ", |choices, depth| choices.comparisons(object_type, depth)),
        }
    }

    fn comparison(&mut self, object_type: &str) -> String {
        let of_type: Vec<_> = PROPERTIES.iter().filter(|property| property.0 == object_type).collect();
        let (_, path, kind) = *self.of(&of_type);
        let not = self.of(&["", "", "NOT "]);
        let operator = self.below(8);
        let test = match operator {
            0 => return format!("{not}EXISTS {object_type}:{path}"),
            1 => format!("IN ({}, {})", self.literal(kind), self.literal(kind)),
            2 => format!("LIKE '{}'", self.text(&['a', 'b', '%', '_', '1', '.'])),
            3 => format!("MATCHES '{}'", self.of(&EXPRESSIONS)),
            4 => format!("{} '{}'", self.of(&["ISSUBSET", "ISSUPERSET"]), self.of(&NETWORKS)),
            // Addresses have no order that both evaluations know.
            5 if kind != Kind::Address => {
                format!("{} {}", self.of(&["<", "<=", ">", ">="]), self.literal(kind))
            }
            6 => format!("!= {}", self.literal(kind)),
            _ => format!("= {}", self.literal(kind)),
        };
        format!("{object_type}:{path} {not}{test}")
    }

    fn literal(&mut self, kind: Kind) -> String {
        match kind {
            Kind::Number => self.of(&["0", "1", "2", "3", "1.5", "-1"]).to_owned(),
            _ => format!("'{}'", self.value(kind).as_str().unwrap_or_default()),
        }
    }

    fn value(&mut self, kind: Kind) -> Value {
        match kind {
            Kind::Text => self.text(&['a', 'b', 'c', '.', 'ü', '%']).into(),
            Kind::Number => self.below(4).into(),
            Kind::Address => format!("198.51.100.{}", self.below(4)).into(),
        }
    }

    fn object(&mut self) -> Map<String, Value> {
        let object_type = self.of(&PROPERTIES).0;
        let mut object = Map::new();
        object.insert("type".to_owned(), object_type.into());
        for (_, path, kind) in PROPERTIES.iter().filter(|property| property.0 == object_type) {
            if self.below(4) > 0 {
                let value = self.value(*kind);
                match path.split_once('.') {
                    Some((outer, inner)) => object.insert(outer.to_owned(), json!({inner: value})),
                    None => object.insert((*path).to_owned(), value),
                };
            }
        }
        object
    }
}

/// One observation of these objects, at the alert's time.
fn observed(objects: &[Map<String, Value>]) -> Vec<Observation> {
    let objects: Map<String, Value> =
        objects.iter().enumerate().map(|(i, object)| (i.to_string(), object.clone().into())).collect();
    let data = json!({
        "type": "observed-data", "first_observed": AT, "last_observed": AT, "number_observed": 1, "objects": objects,
    });
    Observation::from_json(&[data]).expect("observed data")
}

/// The slow evaluator.
struct Naive<'o> {
    objects: &'o [Map<String, Value>],
}

impl Naive<'_> {
    fn holds(comparison: &Comparison, object: &Map<String, Value>) -> bool {
        let alone = Pattern::parse(&format!("[{comparison}]")).expect("what is printed is a pattern");
        alone.matches(&observed(std::slice::from_ref(object))).expect("everything can be compared")
    }

    /// Whether the expression holds of an object, and whether it can by something that is no negation.
    fn of_object(expression: &ComparisonExpression, object: &Map<String, Value>) -> (bool, bool) {
        match expression {
            ComparisonExpression::Comparison(comparison) => {
                let holds = Self::holds(comparison, object);
                (holds, holds && !comparison.is_negative())
            }
            ComparisonExpression::And(operands) => {
                operands.iter().map(|operand| Self::of_object(operand, object)).fold((true, false), |a, b| {
                    let holds = a.0 && b.0;
                    (holds, holds && (a.1 || b.1))
                })
            }
            ComparisonExpression::Or(operands) => operands
                .iter()
                .map(|operand| Self::of_object(operand, object))
                .fold((false, false), |a, b| (a.0 || b.0, a.1 || b.1)),
        }
    }

    fn whole(&self, expression: &ObservationExpression) -> bool {
        match expression {
            ObservationExpression::Observation(comparisons) => {
                self.objects.iter().any(|object| Self::of_object(comparisons, object).1)
            }
            ObservationExpression::Or(operands) => operands.iter().any(|operand| self.whole(operand)),
            ObservationExpression::And(_) | ObservationExpression::FollowedBy(_) => false,
            ObservationExpression::Qualified { expression, qualifiers } => {
                self.whole(expression)
                    && qualifiers.iter().all(|qualifier| match qualifier {
                        Qualifier::Within(_) => true,
                        Qualifier::Repeats(count) => *count < 2,
                        Qualifier::StartStop(start, stop) => {
                            let at = AT.parse().expect("a time");
                            (start.instant().expect("a time")..stop.instant().expect("a time")).contains(&at)
                        }
                    })
            }
        }
    }

    fn comparisons<'e>(expression: &'e ObservationExpression, found: &mut Vec<&'e Comparison>) {
        fn inside<'e>(expression: &'e ComparisonExpression, found: &mut Vec<&'e Comparison>) {
            match expression {
                ComparisonExpression::Comparison(comparison) => found.push(comparison),
                ComparisonExpression::And(operands) | ComparisonExpression::Or(operands) => {
                    operands.iter().for_each(|operand| inside(operand, found));
                }
            }
        }
        match expression {
            ObservationExpression::Observation(comparisons) => inside(comparisons, found),
            ObservationExpression::And(operands)
            | ObservationExpression::Or(operands)
            | ObservationExpression::FollowedBy(operands) => {
                operands.iter().for_each(|operand| Self::comparisons(operand, found));
            }
            ObservationExpression::Qualified { expression, .. } => Self::comparisons(expression, found),
        }
    }

    /// Whether a comparison that is true makes the pattern partly true.
    fn identifies(comparison: &Comparison) -> bool {
        let path = comparison.path.to_string();
        let is_context =
            matches!(comparison.test, Test::Exists | Test::Less(_) | Test::LessOrEqual(_) | Test::Greater(_))
                || matches!(comparison.test, Test::GreaterOrEqual(_))
                || path.ends_with(":size")
                || path.ends_with(":pid");
        !is_context && !comparison.is_negative()
    }
}

/// Makes a pattern and an alert of the bytes and panics where the evaluations disagree.
pub(crate) fn check(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let objects: Vec<Map<String, Value>> = (0..1 + choices.below(4)).map(|_| choices.object()).collect();
    let text = choices.observations(3);
    let pattern = Pattern::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let printed = Pattern::parse(&pattern.to_string()).expect("what is printed is a pattern");
    assert_eq!(printed.expression(), pattern.expression(), "{text}");

    let mut seen = SeenBuilder::new();
    for (object, number) in objects.iter().zip(0_u32..) {
        let id = seen.object(object["type"].as_str().expect("a type"));
        for (name, value) in object.iter().filter(|(name, _)| *name != "type") {
            match value {
                Value::String(text) => seen.set(id, name, text.as_str(), number),
                Value::Object(hashes) => {
                    seen.set(id, "hashes.MD5", hashes["MD5"].as_str().expect("a text"), number);
                }
                number_of => seen.set(id, name, number_of.as_i64().expect("a number"), number),
            }
        }
    }
    let evaluation = pattern.evaluate(&seen.build(), Some(AT.parse().expect("a time")));
    let context = || format!("{text}\non {}\nsays {evaluation:?}", json!(objects));
    if evaluation.unsupported == Some(Unsupported::TooComplex) {
        return;
    }

    let mut comparisons = Vec::new();
    Naive::comparisons(pattern.expression(), &mut comparisons);
    let whole = Naive { objects: &objects }.whole(pattern.expression());
    let is_true = |comparison: &Comparison| objects.iter().any(|object| Naive::holds(comparison, object));
    let partial = !whole && comparisons.iter().any(|c| Naive::identifies(c) && is_true(c));
    assert_eq!((evaluation.whole, evaluation.partial), (whole, partial), "{}", context());
    assert_eq!(whole || partial, !evaluation.hits.is_empty(), "{}", context());
    for hit in &evaluation.hits {
        let comparison = pattern.comparison(hit.term).expect("a hit is of a comparison");
        assert_eq!(comparison, comparisons[usize::from(hit.term)], "{}", context());
        assert!(!comparison.is_negative(), "{}", context());
        assert!(Naive::holds(comparison, &objects[hit.ioc as usize]), "{hit:?} of {}", context());
    }
    // Without negations, a pattern is whole when it matches the one observation that an alert is.
    if !comparisons.iter().any(|comparison| comparison.is_negative()) {
        let matches = pattern.matches(&observed(&objects)).expect("everything can be compared");
        assert_eq!(evaluation.whole, matches, "{}", context());
    }
    // Whoever looks the pattern up by its atoms finds it for this alert.
    let atoms = pattern.atoms();
    assert!(
        evaluation.hits.is_empty() || !(atoms.atoms.is_empty() && atoms.unindexed.is_empty()),
        "{}",
        context()
    );
}
