//! A pattern on what one alert saw.
//!
//! An alert is one observation. So `[a] AND [b]`, `[a] FOLLOWEDBY [b]` and `REPEATS 2 TIMES`, which need several, are
//! never wholly true of it, however much it saw; they are partly true when something in them is. `OR` and `WITHIN` need
//! one only, `START … STOP …` is held against the alert's time.

use jiff::Timestamp;
use smallvec::SmallVec;

use super::ObservationExpression;
use super::choice::choose;
use super::evaluation::{Evaluation, Hit, Hits, How, Unsupported};
use super::normal::ip_version;
use super::program::{Operator, Program, Root, Term, Weight};
use super::seen::{Property, Seen, Value};

/// What of the pattern can never be said of one alert, whatever the alert.
pub(super) fn unsupported(program: &Program) -> Option<Unsupported> {
    fn structure(root: &Root) -> Option<Unsupported> {
        match root {
            Root::Bracket(_) => None,
            Root::Or(roots) => roots.iter().find_map(structure),
            Root::Several => Some(Unsupported::SeveralObservations),
            Root::Repeats => Some(Unsupported::Repeats),
            Root::StartStop(_, None, _) | Root::StartStop(_, _, None) => Some(Unsupported::TimeUnknown),
            Root::StartStop(root, ..) => structure(root),
        }
    }
    structure(&program.root).or_else(|| program.terms.iter().find_map(operand_problem))
}

fn operand_problem(term: &Term) -> Option<Unsupported> {
    let compiles = match &term.operator {
        Operator::Subset(None) | Operator::Superset(None) => return Some(Unsupported::Address),
        Operator::Matches(lazy) => lazy.matches().is_some(),
        _ => true,
    };
    (!compiles).then_some(Unsupported::Regex)
}

pub(super) fn evaluate(
    program: &Program,
    expression: &ObservationExpression,
    seen: &Seen,
    at: Option<Timestamp>,
) -> Evaluation {
    let run = Run { program, expression, seen, at };
    if program.any_is_enough {
        return run.alternatives();
    }
    if !run.anything_true() {
        return Evaluation { unsupported: run.limits(&program.root), ..Evaluation::default() };
    }
    run.evaluate()
}

pub(super) struct Run<'a> {
    program: &'a Program,
    pub(super) expression: &'a ObservationExpression,
    pub(super) seen: &'a Seen,
    at: Option<Timestamp>,
}

/// Numbers of objects, ascending.
pub(super) type Objects = SmallVec<[u32; 4]>;

/// Where a term is true.
#[derive(Default)]
pub(super) struct Truth {
    pub(super) objects: Objects,
    found: SmallVec<[Found; 4]>,
}

/// A value that a term is true of.
struct Found {
    value: u32,
    member: u16,
    how: How,
}

impl<'a> Run<'a> {
    /// A pattern of which any comparison makes the whole true: what nearly all are.
    fn alternatives(&self) -> Evaluation {
        let (mut whole, mut identified) = (false, false);
        let mut hits = Hits::default();
        let mut with_key = (0, [].as_slice());
        for (at, term) in self.program.terms.iter().enumerate() {
            if term.negative || term.weight == Weight::Structure {
                continue;
            }
            // Alternatives mostly ask for one property.
            if with_key.0 != term.key {
                with_key = (term.key, self.seen.with_key(term.key));
            }
            for property in with_key.1 {
                let Some((member, how)) = self.holds(at, term, property) else { continue };
                let is_strong = self.value(property).wider.is_none();
                if is_strong && !whole {
                    // What is wider is of no account now.
                    hits.clear();
                    whole = true;
                }
                identified |= term.weight == Weight::Identifying;
                if is_strong || !whole {
                    self.push_hit(&mut hits, at, property.value, member, how);
                }
            }
        }
        let partial = !whole && identified;
        if !whole && !partial {
            hits.clear();
        }
        let unsupported = if whole { None } else { self.limits(&self.program.root) };
        Evaluation { whole, partial, hits, unsupported }
    }

    /// Whether any comparison that is no negation is true of anything: without one, nothing else needs to be known.
    fn anything_true(&self) -> bool {
        self.program.terms.iter().enumerate().any(|(at, term)| {
            !term.negative
                && term.weight != Weight::Structure
                && self
                    .seen
                    .with_key(term.key)
                    .iter()
                    .any(|property| self.holds(at, term, property).is_some())
        })
    }

    fn evaluate(&self) -> Evaluation {
        let truths: SmallVec<[Truth; 4]> =
            self.program.terms.iter().enumerate().map(|(at, term)| self.truth(at, term)).collect();
        let mut given_up = false;
        let whole = self.whole(&self.program.root, &truths, &mut given_up);
        let partial = !whole
            && self.program.terms.iter().zip(&truths).any(|(term, truth)| {
                term.weight == Weight::Identifying && !term.negative && !truth.found.is_empty()
            });
        let mut hits = Hits::default();
        if whole || partial {
            for (at, (term, truth)) in self.program.terms.iter().zip(&truths).enumerate() {
                if term.negative || term.weight == Weight::Structure {
                    continue;
                }
                for found in &truth.found {
                    if partial || self.seen.values[found.value as usize].wider.is_none() {
                        self.push_hit(&mut hits, at, found.value, found.member, found.how);
                    }
                }
            }
        }
        let unsupported = match whole {
            true => None,
            false if given_up => Some(Unsupported::TooComplex),
            false => self.limits(&self.program.root),
        };
        Evaluation { whole, partial, hits, unsupported }
    }

    pub(super) fn value(&self, property: &Property) -> &'a Value {
        &self.seen.values[property.value as usize]
    }

    fn push_hit(&self, hits: &mut Hits, term: usize, value: u32, member: u16, how: How) {
        // A pattern has fewer terms than there are numbers of them.
        if let (Some(ioc), Ok(term)) = (self.seen.values[value as usize].ioc, u16::try_from(term)) {
            hits.push(Hit { ioc, term, member, how });
        }
    }

    fn truth(&self, at: usize, term: &Term) -> Truth {
        let mut truth = Truth::default();
        if term.negative && matches!(term.operator, Operator::Exists) {
            let has =
                |object: u32| self.seen.with_key(term.key).iter().any(|property| property.object == object);
            let objects = self.seen.objects.iter().zip(0_u32..);
            let absent = objects.filter(|(object, number)| object.type_key == term.type_key && !has(*number));
            truth.objects = absent.map(|(_, number)| number).collect();
            return truth;
        }
        for property in self.seen.with_key(term.key) {
            let strong = self.value(property).wider.is_none();
            match self.holds(at, term, property) {
                Some((member, how)) if !term.negative => {
                    truth.found.push(Found { value: property.value, member, how });
                    if strong {
                        truth.objects.push(property.object);
                    }
                }
                None if term.negative
                    && strong
                    && !property.container
                    && self.can_be_asked(term, property) =>
                {
                    truth.objects.push(property.object);
                }
                _ => {}
            }
        }
        truth.objects.sort_unstable();
        truth.objects.dedup();
        truth
    }

    /// Whether the comparison makes sense of the property, so that where it is not true its negation is.
    fn can_be_asked(&self, term: &Term, property: &Property) -> bool {
        operand_problem(term).is_none()
            && match term.operator {
                Operator::Equal(_) | Operator::In(_) | Operator::Subset(_) | Operator::Superset(_) => true,
                _ => self.is_of_version(term, property),
            }
    }

    /// Whether the comparison does not name the other version of IP addresses than the property's object has.
    pub(super) fn is_of_version(&self, term: &Term, property: &Property) -> bool {
        let seen = ip_version(&self.seen.objects[property.object as usize].object_type);
        term.ip_version.is_none() || seen.is_none() || term.ip_version == seen
    }

    fn whole(&self, root: &Root, truths: &[Truth], given_up: &mut bool) -> bool {
        match root {
            Root::Bracket(node) => choose(node, &self.program.terms, truths).unwrap_or_else(|| {
                *given_up = true;
                false
            }),
            Root::Or(roots) => roots.iter().any(|root| self.whole(root, truths, given_up)),
            Root::Several | Root::Repeats => false,
            Root::StartStop(root, start, stop) => match (self.at, start, stop) {
                (Some(at), Some(start), Some(stop)) => {
                    (*start..*stop).contains(&at) && self.whole(root, truths, given_up)
                }
                _ => false,
            },
        }
    }

    /// What stands in the way of the whole, for this alert.
    fn limits(&self, root: &Root) -> Option<Unsupported> {
        match root {
            Root::Bracket(_) if !self.program.may_fail => None,
            Root::Bracket(_) => self.program.terms.iter().find_map(|term| {
                // Compiling an expression that no value asks for would only cost time.
                let needed = !self.seen.with_key(term.key).is_empty();
                needed.then(|| operand_problem(term)).flatten()
            }),
            Root::Or(roots) => roots.iter().find_map(|root| self.limits(root)),
            Root::Several => Some(Unsupported::SeveralObservations),
            Root::Repeats => Some(Unsupported::Repeats),
            Root::StartStop(_, start, stop) if self.at.is_none() || start.is_none() || stop.is_none() => {
                Some(Unsupported::TimeUnknown)
            }
            Root::StartStop(root, ..) => self.limits(root),
        }
    }
}
