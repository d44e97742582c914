//! One bracket on the objects of an alert.

use smallvec::{SmallVec, smallvec};

use super::evaluate::{Objects, Truth};
use super::program::{Node, Term, Weight};

/// Choices tried to satisfy one bracket before that is given up.
const MAX_STEPS: usize = 10_000;

/// Whether one object of each type can be chosen so that the bracket is true of them, by something that is no negation;
/// `None` when the search was given up.
///
/// The standard has all comparisons of a bracket on one object. Feeds put several types into one bracket and mean that
/// each was seen, so each type has an object of its own here; what is said of one type has to hold of one object: the
/// name and the hash of one file.
pub(super) fn choose(node: &Node, terms: &[Term], truths: &[Truth]) -> Option<bool> {
    let mut choice = Choice { terms, truths, chosen: SmallVec::new(), positive: 0, steps: 0 };
    let outcome = choice.satisfy(&mut smallvec![node]);
    (outcome || choice.steps <= MAX_STEPS).then_some(outcome)
}

/// What is still to be satisfied, the next one last.
type Goals<'r> = SmallVec<[&'r Node; 8]>;

/// The search of [`choose`].
struct Choice<'r> {
    terms: &'r [Term],
    truths: &'r [Truth],
    /// For each type met, the objects that are still possible.
    chosen: SmallVec<[(u64, Objects); 4]>,
    /// How many comparisons were used that are no negations.
    positive: usize,
    steps: usize,
}

impl<'r> Choice<'r> {
    fn satisfy(&mut self, goals: &mut Goals<'r>) -> bool {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return false;
        }
        let Some(goal) = goals.pop() else {
            return self.positive > 0;
        };
        let outcome = match goal {
            Node::And(nodes) => {
                let len = goals.len();
                goals.extend(nodes.iter().rev());
                let outcome = self.satisfy(goals);
                goals.truncate(len);
                outcome
            }
            Node::Or(nodes) => nodes.iter().any(|node| {
                let before = goals.clone();
                goals.push(node);
                let outcome = self.satisfy(goals);
                *goals = before;
                outcome
            }),
            Node::Term(at) => self.satisfy_term(*at, goals),
        };
        goals.push(goal);
        outcome
    }

    fn satisfy_term(&mut self, at: usize, goals: &mut Goals<'r>) -> bool {
        let term = &self.terms[at];
        let objects = &self.truths[at].objects;
        let place = self.chosen.iter().position(|(type_key, _)| *type_key == term.group);
        let left: Objects = match place {
            None => objects.clone(),
            Some(place) => {
                let possible = &self.chosen[place].1;
                possible.iter().copied().filter(|object| objects.binary_search(object).is_ok()).collect()
            }
        };
        if left.is_empty() {
            return false;
        }
        let before = match place {
            None => {
                self.chosen.push((term.group, left));
                None
            }
            Some(place) => Some((place, std::mem::replace(&mut self.chosen[place].1, left))),
        };
        let counts = usize::from(!term.negative && term.weight != Weight::Structure);
        self.positive += counts;
        let outcome = self.satisfy(goals);
        self.positive -= counts;
        match before {
            None => drop(self.chosen.pop()),
            Some((place, objects)) => self.chosen[place].1 = objects,
        }
        outcome
    }
}
