//! A pattern on observations, with the semantics of the reference matcher.
//!
//! Every comparison is evaluated on every observation first. What remains is to find an observation for each bracket so
//! that no two share one, and qualifiers and FOLLOWEDBY hold. That search is exponential in the worst case, so it counts
//! its steps and gives up with an error.

use jiff::{SignedDuration, Timestamp};

use super::ast::{ComparisonExpression, ObservationExpression, Qualifier, TimestampLiteral};
use super::error::EvalError;
use super::observation::Observation;
use super::predicate::Predicate;

/// Observations tried before a search is given up.
const MAX_STEPS: u64 = 1_000_000;
/// Brackets that one search binds at once, repetitions counted; it bounds the depth of the recursion.
const MAX_SLOTS: u64 = 256;

pub(super) fn matches(
    expression: &ObservationExpression,
    observations: &[Observation],
) -> Result<bool, EvalError> {
    let plan = plan(expression, observations)?;
    Search::new(observations).satisfiable(&plan)
}

/// An expression with the observations that each of its brackets can take.
enum Plan {
    Leaf(Vec<usize>),
    And(Vec<Self>),
    Or(Vec<Self>),
    FollowedBy(Vec<Self>),
    Within(Box<Self>, SignedDuration),
    Repeats(Box<Self>, u64),
}

fn plan(expression: &ObservationExpression, observations: &[Observation]) -> Result<Plan, EvalError> {
    let plans = |operands: &[ObservationExpression]| {
        operands.iter().map(|operand| plan(operand, observations)).collect::<Result<Vec<_>, _>>()
    };
    Ok(match expression {
        ObservationExpression::Observation(comparison) => {
            let holders = holders(comparison, observations)?;
            let candidates = holders.iter().enumerate().filter(|(_, objects)| objects.contains(&true));
            Plan::Leaf(candidates.map(|(at, _)| at).collect())
        }
        ObservationExpression::And(operands) => Plan::And(plans(operands)?),
        ObservationExpression::Or(operands) => Plan::Or(plans(operands)?),
        ObservationExpression::FollowedBy(operands) => Plan::FollowedBy(plans(operands)?),
        ObservationExpression::Qualified { expression, qualifiers } => {
            let mut inner = plan(expression, observations)?;
            for qualifier in qualifiers {
                inner = match qualifier {
                    Qualifier::Within(seconds) if seconds.get() <= 0.0 => return Err(EvalError::WithinZero),
                    Qualifier::Within(seconds) => Plan::Within(Box::new(inner), duration(seconds.get())),
                    Qualifier::Repeats(0) => return Err(EvalError::RepeatsZero),
                    Qualifier::Repeats(1) => inner,
                    Qualifier::Repeats(count) => Plan::Repeats(Box::new(inner), *count),
                    Qualifier::StartStop(start, stop) => {
                        let (start, stop) = (instant(start)?, instant(stop)?);
                        restrict(&mut inner, &|at| overlaps(&observations[at], start, stop));
                        inner
                    }
                };
            }
            inner
        }
    })
}

/// For each observation, its objects for which the comparison holds. Nothing is skipped, since an operand that cannot be
/// compared is an error even where the outcome is settled.
fn holders(
    expression: &ComparisonExpression,
    observations: &[Observation],
) -> Result<Vec<Vec<bool>>, EvalError> {
    let joined = |operands: &[ComparisonExpression], join: fn(bool, bool) -> bool| {
        let mut sum: Option<Vec<Vec<bool>>> = None;
        for operand in operands {
            let next = holders(operand, observations)?;
            match &mut sum {
                None => sum = Some(next),
                Some(sum) => {
                    for (a, b) in sum.iter_mut().flatten().zip(next.into_iter().flatten()) {
                        *a = join(*a, b);
                    }
                }
            }
        }
        Ok(sum.unwrap_or_default())
    };
    match expression {
        ComparisonExpression::Comparison(comparison) => {
            let predicate = Predicate::new(comparison)?;
            observations.iter().map(|observation| predicate.holders(observation)).collect()
        }
        ComparisonExpression::And(operands) => joined(operands, |a, b| a && b),
        ComparisonExpression::Or(operands) => joined(operands, |a, b| a || b),
    }
}

fn instant(literal: &TimestampLiteral) -> Result<Timestamp, EvalError> {
    literal.instant().ok_or_else(|| EvalError::TimestampLiteral { literal: literal.as_str().into() })
}

/// The reference matcher counts in microseconds too.
fn duration(seconds: f64) -> SignedDuration {
    SignedDuration::try_from_secs_f64((seconds * 1e6).round() / 1e6).unwrap_or(SignedDuration::MAX)
}

/// Whether an instant of the observation lies at or after the start and before the stop.
fn overlaps(observation: &Observation, start: Timestamp, stop: Timestamp) -> bool {
    start < stop && observation.first_observed < stop && observation.last_observed >= start
}

fn restrict(plan: &mut Plan, keep: &dyn Fn(usize) -> bool) {
    match plan {
        Plan::Leaf(candidates) => candidates.retain(|at| keep(*at)),
        Plan::And(plans) | Plan::Or(plans) | Plan::FollowedBy(plans) => {
            plans.iter_mut().for_each(|plan| restrict(plan, keep));
        }
        Plan::Within(plan, _) | Plan::Repeats(plan, _) => restrict(plan, keep),
    }
}

impl Plan {
    /// The fewest observations that can satisfy the plan.
    fn least(&self) -> u64 {
        match self {
            Self::Leaf(_) => 1,
            Self::And(plans) | Self::FollowedBy(plans) => {
                plans.iter().fold(0, |sum, plan| sum.saturating_add(plan.least()))
            }
            Self::Or(plans) => plans.iter().map(Self::least).min().unwrap_or_default(),
            Self::Within(plan, _) => plan.least(),
            Self::Repeats(plan, count) => plan.least().saturating_mul(*count),
        }
    }

    /// The most brackets that are bound at once.
    fn slots(&self) -> u64 {
        match self {
            Self::Leaf(_) => 1,
            Self::And(plans) | Self::FollowedBy(plans) => {
                plans.iter().fold(0, |sum, plan| sum.saturating_add(plan.slots()))
            }
            Self::Or(plans) => plans.iter().map(Self::slots).max().unwrap_or_default(),
            Self::Within(plan, _) => plan.slots(),
            Self::Repeats(plan, count) => plan.slots().saturating_mul(*count),
        }
    }

    /// One bracket repeated, perhaps within one window: candidates, repetitions, window.
    fn as_repeated_leaf(&self) -> Option<(&[usize], u64, Option<SignedDuration>)> {
        match self {
            Self::Leaf(candidates) => Some((candidates, 1, None)),
            Self::Within(plan, window) => {
                let (candidates, count, inner) = plan.as_repeated_leaf()?;
                Some((candidates, count, Some(inner.map_or(*window, |inner| inner.min(*window)))))
            }
            Self::Repeats(plan, times) => match plan.as_repeated_leaf()? {
                // A single observation lies in every window.
                (candidates, 1, _) => Some((candidates, *times, None)),
                (candidates, count, None) => Some((candidates, count.saturating_mul(*times), None)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What matters of the observations bound by a part of the pattern.
#[derive(Clone, Copy)]
struct Bounds {
    latest_first: Timestamp,
    earliest_last: Timestamp,
}

impl Bounds {
    const NONE: Self = Self { latest_first: Timestamp::MIN, earliest_last: Timestamp::MAX };

    fn and(self, other: Self) -> Self {
        Self {
            latest_first: self.latest_first.max(other.latest_first),
            earliest_last: self.earliest_last.min(other.earliest_last),
        }
    }

    /// Whether an instant can be chosen in each observation so that all lie within the window.
    fn fit(self, window: SignedDuration) -> bool {
        self.latest_first.duration_since(self.earliest_last) <= window
    }
}

type Outcome = Result<bool, EvalError>;
/// Called with what was bound; true ends the search.
type Continue<'c, 's> = &'c mut dyn FnMut(&mut Search<'s>, Bounds) -> Outcome;

struct Search<'s> {
    observations: &'s [Observation],
    used: Vec<u64>,
    /// The windows around the bracket at hand, each with what is bound in it.
    windows: Vec<(SignedDuration, Bounds)>,
    /// What FOLLOWEDBY puts in front of the bracket at hand begins here at the earliest.
    floor: Timestamp,
    steps: u64,
}

impl<'s> Search<'s> {
    fn new(observations: &'s [Observation]) -> Self {
        Self {
            observations,
            used: vec![0; observations.len()],
            windows: Vec::new(),
            floor: Timestamp::MIN,
            steps: 0,
        }
    }

    fn satisfiable(&mut self, plan: &Plan) -> Outcome {
        if let Plan::Or(plans) = plan {
            for plan in plans {
                if self.satisfiable(plan)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        if let Some((candidates, count, window)) = plan.as_repeated_leaf() {
            return Ok(self.enough(candidates, count, window));
        }
        let available = self.observations.iter().fold(0_u64, |sum, o| sum.saturating_add(o.number_observed));
        if plan.least() > available {
            return Ok(false);
        }
        if plan.slots() > MAX_SLOTS {
            return Err(EvalError::TooManyBindings { limit: MAX_STEPS });
        }
        self.solve(plan, &mut |_, _| Ok(true))
    }

    /// Whether the candidates were observed so many times, in some window when there is one.
    fn enough(&self, candidates: &[usize], count: u64, window: Option<SignedDuration>) -> bool {
        let total = |mut fits: Box<dyn FnMut(&Observation) -> bool + '_>| {
            let observations = candidates.iter().map(|at| &self.observations[*at]);
            observations.filter(|o| fits(o)).fold(0_u64, |sum, o| sum.saturating_add(o.number_observed))
                >= count
        };
        let Some(window) = window else {
            return total(Box::new(|_| true));
        };
        // A window that holds enough can be moved to the end of the observation that ends first.
        candidates.iter().any(|at| {
            let earliest_last = self.observations[*at].last_observed;
            total(Box::new(move |o| {
                let bounds = Bounds { latest_first: o.first_observed, earliest_last };
                o.last_observed >= earliest_last && bounds.fit(window)
            }))
        })
    }

    fn solve(&mut self, plan: &Plan, go_on: Continue<'_, 's>) -> Outcome {
        match plan {
            Plan::Leaf(candidates) => {
                for at in candidates {
                    if self.bind(*at, go_on)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Plan::Or(plans) => {
                for plan in plans {
                    if self.solve(plan, go_on)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Plan::And(plans) => self.solve_all(plans, Bounds::NONE, false, go_on),
            Plan::FollowedBy(plans) => self.solve_all(plans, Bounds::NONE, true, go_on),
            Plan::Within(plan, window) => {
                self.windows.push((*window, Bounds::NONE));
                let outcome = self.solve(plan, &mut |search, bounds| {
                    // What follows lies outside of this window.
                    let frame = search.windows.pop();
                    let outcome = go_on(search, bounds);
                    search.windows.extend(frame);
                    outcome
                });
                self.windows.pop();
                outcome
            }
            Plan::Repeats(plan, count) => match &**plan {
                Plan::Leaf(candidates) => self.solve_repeated_leaf(candidates, *count, Bounds::NONE, go_on),
                plan => self.solve_repeated(plan, *count, Bounds::NONE, go_on),
            },
        }
    }

    /// Takes one observation for a bracket, when it is free and fits, and goes on.
    fn bind(&mut self, at: usize, go_on: Continue<'_, 's>) -> Outcome {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(EvalError::TooManyBindings { limit: MAX_STEPS });
        }
        let observation = &self.observations[at];
        let bounds =
            Bounds { latest_first: observation.first_observed, earliest_last: observation.last_observed };
        if self.used[at] == observation.number_observed
            || observation.last_observed < self.floor
            || self.windows.iter().any(|(window, inside)| !inside.and(bounds).fit(*window))
        {
            return Ok(false);
        }
        let before: Vec<Bounds> = self.windows.iter().map(|(_, inside)| *inside).collect();
        self.windows.iter_mut().for_each(|(_, inside)| *inside = inside.and(bounds));
        self.used[at] += 1;
        let outcome = go_on(self, bounds);
        self.used[at] -= 1;
        for ((_, inside), before) in self.windows.iter_mut().zip(before) {
            *inside = before;
        }
        outcome
    }

    fn solve_all(
        &mut self,
        plans: &[Plan],
        bound: Bounds,
        ordered: bool,
        go_on: Continue<'_, 's>,
    ) -> Outcome {
        let Some((plan, rest)) = plans.split_first() else {
            return go_on(self, bound);
        };
        let floor = self.floor;
        if ordered {
            self.floor = floor.max(bound.latest_first);
        }
        let inner_floor = self.floor;
        let outcome = self.solve(plan, &mut |search, bounds| {
            search.floor = floor;
            let outcome = search.solve_all(rest, bound.and(bounds), ordered, go_on);
            search.floor = inner_floor;
            outcome
        });
        self.floor = floor;
        outcome
    }

    fn solve_repeated(&mut self, plan: &Plan, count: u64, bound: Bounds, go_on: Continue<'_, 's>) -> Outcome {
        if count == 0 {
            return go_on(self, bound);
        }
        self.solve(plan, &mut |search, bounds| {
            search.solve_repeated(plan, count - 1, bound.and(bounds), go_on)
        })
    }

    /// As [`Self::solve_repeated`], but takes candidates in their order only: which repetition has which is all one.
    fn solve_repeated_leaf(
        &mut self,
        candidates: &[usize],
        count: u64,
        bound: Bounds,
        go_on: Continue<'_, 's>,
    ) -> Outcome {
        if count == 0 {
            return go_on(self, bound);
        }
        for (i, at) in candidates.iter().enumerate() {
            let rest = &candidates[i..];
            let outcome = self.bind(*at, &mut |search, bounds| {
                search.solve_repeated_leaf(rest, count - 1, bound.and(bounds), go_on)
            })?;
            if outcome {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
