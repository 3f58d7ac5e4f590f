//! Comes in: the queries of an objective. Goes out: the query for each step and how its answer is read, or why events
//! cannot be counted with these queries. Never contacts a server.

use mapwarden_contract::{Nanos, Verdict};
use mapwarden_objective::{Comparison, Expression, Queries};

use crate::scan;

/// The queries that are sent for an objective.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// The samples of two counters, of which the sidecar counts the increases.
    Samples {
        /// The selector of all events.
        total: String,
        /// The selector of the good or the bad events among them.
        part: String,
        /// The verdict on the events of `part`.
        is: Verdict,
    },
    /// Two amounts for each step.
    Events {
        /// All events.
        total: Amount,
        /// The good or the bad events among them.
        part: Amount,
        /// The verdict on the events of `part`.
        is: Verdict,
    },
    /// One share for each step.
    Ratio {
        /// The query.
        share: String,
        /// The verdict on the events of which `share` is the share.
        is: Verdict,
    },
    /// One value for each step.
    Threshold {
        /// The query.
        value: String,
        /// The comparison that a good value satisfies.
        good: Comparison,
        /// The number with which the value is compared.
        threshold: f64,
    },
}

/// A query for a number of events.
#[derive(Clone, Debug, PartialEq)]
pub struct Amount {
    /// The query.
    pub query: String,
    /// The factor by which the answer is multiplied to be the events of a step: for a rate, the seconds of the step.
    pub factor: f64,
}

impl Plan {
    /// Plans queries for steps of this length. Expressions that are plain sums of counters are counted from samples,
    /// where the source permits samples.
    ///
    /// # Errors
    /// The queries give no number of events for a step; the message says what is accepted.
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

    /// Whether events are counted from samples, so that none is extrapolated.
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
            "`{text}` has rates and increases: accepted is one of them, so that the unit is known"
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
    fn only_a_rate_is_multiplied_by_the_step() {
        let queries = events(
            "sum(rate(a[{{.window}}])) + sum(rate(b[{{.window}}]))",
            "sum(increase(a[{{.window}}]) > 0)",
        );
        let Plan::Events { total, part, .. } = plan(&queries).unwrap() else { panic!() };
        assert_eq!((total.query.as_str(), total.factor), ("sum(rate(a[60s])) + sum(rate(b[60s]))", 60.0));
        assert_eq!((part.query.as_str(), part.factor), ("sum(increase(a[60s]) > 0)", 1.0));
    }

    #[test]
    fn samples_are_counted_only_for_two_plain_counters() {
        let both = events("sum(rate(a[{{.window}}]))", "sum(rate(a{code=\"500\"}[{{.window}}]))");
        assert!(plan(&both).unwrap().is_exact());
        assert!(!Plan::new(&both, Nanos::from_secs(60), false).unwrap().is_exact());
        let one =
            events("sum(rate(a[{{.window}}]))", "sum(rate(a[{{.window}}])) - sum(rate(b[{{.window}}]))");
        assert!(!plan(&one).unwrap().is_exact());
    }

    #[test]
    fn uncountable_queries_are_refused() {
        let no_window = plan(&events("sum(increase(a[5m]))", "sum(increase(b[5m]))")).unwrap_err();
        assert!(no_window.contains("has no `{{.window}}`"), "{no_window}");
        let both = plan(&events("rate(a[{{.window}}]) + increase(a[{{.window}}])", "b")).unwrap_err();
        assert!(both.contains("has rates and increases"), "{both}");
    }
}
