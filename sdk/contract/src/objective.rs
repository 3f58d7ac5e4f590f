//! What a service promises about a map or a request scope.

use std::time::Duration;

use super::{Nanos, Outcome, OutcomeSet, Ratio};

/// What an objective measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sli {
    /// Events that did not fail, of all events.
    Availability,
    /// Events at or below the threshold, of all events that were timed.
    Latency {
        /// The slowest event that is still good.
        threshold: Nanos,
    },
    /// Lookups that found their key, of all lookups.
    HitRatio,
    /// Seconds at whose end the map's last successful write was at most so long ago, of all seconds.
    Freshness {
        /// The oldest last write that is still good.
        threshold: Nanos,
    },
}

impl Sli {
    /// The value of the attribute `mapwarden.sli`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::Latency { .. } => "latency",
            Self::HitRatio => "hit_ratio",
            Self::Freshness { .. } => "freshness",
        }
    }
}

/// A share of good events that a service promises, for one map or request scope.
///
/// Objectives travel with the telemetry: the sidecar makes a budget, notices, alerts and dashboards of each
/// without any file.
///
/// ```
/// use std::time::Duration;
/// use mapwarden::contract::Objective;
///
/// let objective = Objective::latency(Duration::from_millis(250), 0.99)?;
/// assert_eq!(objective.target().get(), 0.99);
/// assert_eq!(
///     Objective::availability(1.0).unwrap_err().to_string(),
///     "objective `availability`: target 1 is not in (0, 1): a target of 1 leaves no error budget",
/// );
/// # Ok::<(), mapwarden::contract::ObjectiveError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    sli: Sli,
    target: Ratio,
    /// The outcomes that spend an availability budget; empty for the other kinds.
    bad: OutcomeSet,
}

/// What spends an availability budget unless the objective says otherwise.
pub const USUAL_BAD: OutcomeSet = OutcomeSet::new(&[Outcome::Rejected, Outcome::Failed]);

/// An objective that nothing could keep or nothing could miss.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ObjectiveError {
    /// The target is not strictly between 0 and 1.
    #[error("objective `{sli}`: target {target} is not in (0, 1): a target of 1 leaves no error budget")]
    Target {
        /// What the objective measures.
        sli: &'static str,
        /// What was asked for.
        target: f64,
    },
    /// A threshold is too small to be kept or measured.
    #[error(
        "objective `{sli}`: threshold {threshold:?} can be kept by no event: accepted is {least:?} or more"
    )]
    Threshold {
        /// What the objective measures.
        sli: &'static str,
        /// What was asked for.
        threshold: Duration,
        /// The smallest that is accepted.
        least: Duration,
    },
    /// An availability objective without a bad outcome, which nothing could miss.
    #[error(
        "objective `availability`: no outcome is bad, so that nothing could miss it: accepted is at least one"
    )]
    NoBadOutcome,
    /// Bad outcomes were given to an objective that judges events otherwise.
    #[error("objective `{sli}`: bad outcomes are chosen for `availability` only")]
    NotByOutcome {
        /// What the objective measures.
        sli: &'static str,
    },
}

impl Objective {
    /// Promises that this share of events does not fail, e.g. 0.999.
    ///
    /// # Errors
    /// A target that is not strictly between 0 and 1.
    pub fn availability(target: f64) -> Result<Self, ObjectiveError> {
        Self::new(Sli::Availability, target)
    }

    /// Promises that this share of events takes at most `threshold`.
    ///
    /// # Errors
    /// A target that is not strictly between 0 and 1, or a threshold of zero.
    pub fn latency(threshold: Duration, target: f64) -> Result<Self, ObjectiveError> {
        Self::with_threshold(
            |threshold| Sli::Latency { threshold },
            threshold,
            Duration::from_nanos(1),
            target,
        )
    }

    /// Promises that in this share of seconds a map's last successful write (an entry inserted, replaced or
    /// updated) is at most `threshold` ago; before the first write the map's creation counts as one. For tables that
    /// something refreshes: routes, configuration, prices.
    ///
    /// # Errors
    /// A target that is not strictly between 0 and 1, or a threshold below one second, which is how finely it is
    /// measured.
    pub fn freshness(threshold: Duration, target: f64) -> Result<Self, ObjectiveError> {
        Self::with_threshold(
            |threshold| Sli::Freshness { threshold },
            threshold,
            Duration::from_secs(1),
            target,
        )
    }

    /// Promises that this share of lookups finds its key.
    ///
    /// # Errors
    /// A target that is not strictly between 0 and 1.
    pub fn hit_ratio(target: f64) -> Result<Self, ObjectiveError> {
        Self::new(Sli::HitRatio, target)
    }

    /// Says which outcomes of a map's operations are bad, instead of `rejected` and `failed`.
    ///
    /// # Errors
    /// No outcome, or an objective that is not about availability.
    pub fn bad_outcomes(self, outcomes: &[Outcome]) -> Result<Self, ObjectiveError> {
        let bad = OutcomeSet::new(outcomes);
        match self.sli {
            Sli::Availability if bad.is_empty() => Err(ObjectiveError::NoBadOutcome),
            Sli::Availability => Ok(Self { bad, ..self }),
            Sli::Latency { .. } | Sli::HitRatio | Sli::Freshness { .. } => {
                Err(ObjectiveError::NotByOutcome { sli: self.sli.name() })
            }
        }
    }

    fn with_threshold(
        sli: impl FnOnce(Nanos) -> Sli,
        threshold: Duration,
        least: Duration,
        target: f64,
    ) -> Result<Self, ObjectiveError> {
        let sli = sli(threshold.into());
        if threshold < least {
            return Err(ObjectiveError::Threshold { sli: sli.name(), threshold, least });
        }
        Self::new(sli, target)
    }

    fn new(sli: Sli, target: f64) -> Result<Self, ObjectiveError> {
        let bad = match sli {
            Sli::Availability => USUAL_BAD,
            Sli::Latency { .. } | Sli::HitRatio | Sli::Freshness { .. } => OutcomeSet::default(),
        };
        match Ratio::new(target) {
            Ok(ratio) if target > 0.0 && target < 1.0 => Ok(Self { sli, target: ratio, bad }),
            Ok(_) | Err(_) => Err(ObjectiveError::Target { sli: sli.name(), target }),
        }
    }

    /// What is measured.
    pub const fn sli(&self) -> Sli {
        self.sli
    }

    /// The outcomes that spend its budget: of an availability objective, else none.
    pub const fn bad(&self) -> OutcomeSet {
        self.bad
    }

    /// The promised share of good events, in (0, 1).
    pub const fn target(&self) -> Ratio {
        self.target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_without_a_budget_are_refused() {
        for target in [0.0, 1.0, -0.5, 1.5, f64::NAN] {
            assert!(Objective::availability(target).is_err(), "{target}");
        }
        assert!(Objective::latency(Duration::ZERO, 0.9).is_err());
        assert!(Objective::hit_ratio(0.5).is_ok());
        assert!(Objective::freshness(Duration::from_secs(1), 0.9).is_ok());
    }

    #[test]
    fn what_could_be_kept_or_missed_by_nothing_is_refused_in_words() {
        let availability = Objective::availability(0.9).unwrap();
        let latency = Objective::latency(Duration::from_millis(1), 0.9).unwrap();
        let cases = [
            (
                Objective::freshness(Duration::from_millis(10), 0.9),
                "objective `freshness`: threshold 10ms can be kept by no event: accepted is 1s or more",
            ),
            (
                availability.bad_outcomes(&[]),
                "objective `availability`: no outcome is bad, so that nothing could miss it: accepted is at least one",
            ),
            (
                latency.bad_outcomes(&[Outcome::Miss]),
                "objective `latency`: bad outcomes are chosen for `availability` only",
            ),
        ];
        for (got, expected) in cases {
            assert_eq!(got.unwrap_err().to_string(), expected);
        }
        let misses = availability.bad_outcomes(&[Outcome::Miss, Outcome::Failed]).unwrap();
        assert_eq!(misses.bad().iter().collect::<Vec<_>>(), [Outcome::Miss, Outcome::Failed]);
        assert_eq!(availability.bad().iter().collect::<Vec<_>>(), [Outcome::Rejected, Outcome::Failed]);
    }
}
