//! Comes in: the queries of an objective. Goes out: what is asked of the server for each step, and how an answer is read; or
//! why these queries cannot be counted. Never asks.

use mapwarden_contract::{Nanos, Verdict};

use crate::scan;
use mapwarden_objective::{Comparison, Expression, Queries};

/// What is asked for an objective.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// The samples of two counters, which are counted here.
    Samples {
        /// The selector of all events.
        total: String,
        /// The selector of those that `is` tells of.
        part: String,
        /// What the part's events are.
        is: Verdict,
    },
    /// Two amounts for each step.
    Events {
        /// All events.
        total: Amount,
        /// Those that `is` tells of.
        part: Amount,
        /// What the part's events are.
        is: Verdict,
    },
    /// One share for each step.
    Ratio {
        /// The query.
        share: String,
        /// What its events are.
        is: Verdict,
    },
    /// One value for each step.
    Threshold {
        /// The query.
        value: String,
        /// How a good value compares.
        good: Comparison,
        /// With what.
        threshold: f64,
    },
}

/// A query for a number of events.
#[derive(Clone, Debug, PartialEq)]
pub struct Amount {
    /// The query.
    pub query: String,
    /// By what its answer is multiplied to be the events of a step: a rate by the step's seconds.
    pub factor: f64,
}

impl Plan {
    /// Plans how queries are asked on steps of this length. `Expression`s that are plain sums of counters are counted from
    /// samples, if samples may be asked for.
    ///
    /// # Errors
    /// Queries that give no number of events for a step, in words.
    pub fn new(queries: &Queries, every: Nanos, may_sample: bool) -> Result<Self, String> {
        let window = format!("{}s", every.get() / 1_000_000_000);
        Ok(match queries {
            Queries::Events { total, part, is } => {
                let plain = || Some((scan::plain_counter(total.text())?, scan::plain_counter(part.text())?));
                match plain().filter(|_| may_sample) {
                    Some((total, part)) => Self::Samples { total, part, is: *is },
                    None => Self::Events {
                        total: amount(total, every, &window)?,
                        part: amount(part, every, &window)?,
                        is: *is,
                    },
                }
            }
            Queries::Ratio { share, is } => Self::Ratio { share: share.over(&window), is: *is },
            Queries::Threshold { value, good, threshold } => {
                Self::Threshold { value: value.over(&window), good: *good, threshold: *threshold }
            }
        })
    }

    /// Whether every event of the server's samples counts.
    pub const fn is_exact(&self) -> bool {
        matches!(self, Self::Samples { .. })
    }
}

fn amount(expression: &Expression, every: Nanos, window: &str) -> Result<Amount, String> {
    let text = expression.text();
    let calls = scan::calls(text);
    let calls_one_of = |names: &[&str]| calls.iter().any(|call| names.contains(&call.as_str()));
    let (is_rate, is_increase) = (calls_one_of(&["rate", "irate"]), calls_one_of(&["increase"]));
    match (is_rate, is_increase) {
        (true, true) => Err(format!(
            "`{text}` has rates and increases: accepted is one of them, or it is not known what it counts"
        )),
        (true, false) => Ok(Amount { query: expression.over(window), factor: every.as_secs_f64() }),
        (false, _) if scan::has_window(text) => Ok(Amount { query: expression.over(window), factor: 1.0 }),
        (false, _) => Err(format!(
            "`{text}` has no `{{{{.window}}}}` to count the events of a step by: accepted are rates and increases over \
             `[{{{{.window}}}}]`, and the plain sum of a counter that ends in _total, _count or _bucket"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(total: &str, part: &str) -> Queries {
        Queries::Events { total: Expression::new(total), part: Expression::new(part), is: Verdict::Bad }
    }

    fn plan(queries: &Queries) -> Result<Plan, String> {
        Plan::new(queries, Nanos::from_secs(60), true)
    }

    #[test]
    fn a_rate_is_multiplied_by_the_step_and_an_increase_is_not() {
        let queries = events(
            "sum(rate(a[{{.window}}])) + sum(rate(b[{{.window}}]))",
            "sum(increase(a[{{.window}}]) > 0)",
        );
        let Plan::Events { total, part, .. } = plan(&queries).unwrap() else { panic!() };
        assert_eq!((total.query.as_str(), total.factor), ("sum(rate(a[60s])) + sum(rate(b[60s]))", 60.0));
        assert_eq!((part.query.as_str(), part.factor), ("sum(increase(a[60s]) > 0)", 1.0));
    }

    #[test]
    fn plain_counters_are_counted_from_samples_only_if_both_are_and_it_is_allowed() {
        let both = events("sum(rate(a[{{.window}}]))", "sum(rate(a{code=\"500\"}[{{.window}}]))");
        assert!(plan(&both).unwrap().is_exact());
        assert!(!Plan::new(&both, Nanos::from_secs(60), false).unwrap().is_exact());
        let one =
            events("sum(rate(a[{{.window}}]))", "sum(rate(a[{{.window}}])) - sum(rate(b[{{.window}}]))");
        assert!(!plan(&one).unwrap().is_exact());
    }

    #[test]
    fn what_cannot_be_counted_is_refused_with_what_is_accepted() {
        let no_window = plan(&events("sum(increase(a[5m]))", "sum(increase(b[5m]))")).unwrap_err();
        assert!(no_window.contains("has no `{{.window}}`"), "{no_window}");
        let both = plan(&events("rate(a[{{.window}}]) + increase(a[{{.window}}])", "b")).unwrap_err();
        assert!(both.contains("has rates and increases"), "{both}");
    }
}
