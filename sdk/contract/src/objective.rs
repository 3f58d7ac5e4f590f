//! The objectives that a service declares for its maps and request scopes.

use std::time::Duration;

use super::{Nanos, Outcome, OutcomeSet, Ratio};

/// What an objective measures.
///
/// Exhaustive, so that both ends of the wire handle every kind; see [Compatibility](crate#compatibility).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum SliKind {
    /// Events that did not fail, of all events.
    Availability,
    /// Events at or below the threshold, of all events that were timed.
    Latency {
        /// The slowest event that is still good.
        threshold: Nanos,
    },
    /// Lookups that found their key, of all lookups.
    HitRatio,
    /// Seconds at the end of which the map's last successful write was recent enough, of all seconds.
    Freshness {
        /// The oldest last write that is still good.
        threshold: Nanos,
    },
}

impl SliKind {
    /// Returns the value of the attribute `mapwarden.sli`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::Latency { .. } => "latency",
            Self::HitRatio => "hit_ratio",
            Self::Freshness { .. } => "freshness",
        }
    }
}

/// The share of good events that a map or a request scope is to keep.
///
/// Objectives travel with the telemetry: the sidecar keeps a budget for each and makes its notices, alerts and dashboards
/// without any file.
///
/// ```
/// use std::time::Duration;
/// use mapwarden_contract::Objective;
///
/// let objective = Objective::latency(Duration::from_millis(250), 0.99)?;
/// assert_eq!(objective.target().get(), 0.99);
/// assert_eq!(
///     Objective::availability(1.0).unwrap_err().to_string(),
///     "objective `availability`: target 1 is not in (0, 1): a target of 1 leaves no error budget",
/// );
/// # Ok::<(), mapwarden_contract::ObjectiveError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    sli: SliKind,
    target: Ratio,
    /// The outcomes that spend an availability budget; empty for the other kinds of SLI.
    bad: OutcomeSet,
}

/// The outcomes that spend an availability budget unless the objective names others.
pub const USUAL_BAD: OutcomeSet = OutcomeSet::new(&[Outcome::Rejected, Outcome::Failed]);

/// The reason why an objective is refused: no event could keep it, or none could miss it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectiveError {
    /// The target is not strictly between 0 and 1.
    #[error("objective `{sli}`: target {target} is not in (0, 1): a target of 1 leaves no error budget")]
    Target {
        /// What the objective measures.
        sli: &'static str,
        /// The target that was given.
        target: f64,
    },
    /// The threshold is too small to be kept or measured.
    #[error(
        "objective `{sli}`: threshold {threshold:?} can be kept by no event: accepted is {least:?} or more"
    )]
    Threshold {
        /// What the objective measures.
        sli: &'static str,
        /// The threshold that was given.
        threshold: Duration,
        /// The smallest threshold that is accepted.
        least: Duration,
    },
    /// An availability objective without a bad outcome, which nothing could miss.
    #[error(
        "objective `availability`: no outcome is bad, so that nothing could miss it: accepted is at least one"
    )]
    NoBadOutcome,
    /// Bad outcomes were given to an objective that does not judge events by outcome.
    #[error("objective `{sli}`: bad outcomes are chosen for `availability` only")]
    NotByOutcome {
        /// What the objective measures.
        sli: &'static str,
    },
}

impl Objective {
    /// Sets the share of events that must not fail, e.g. 0.999.
    ///
    /// # Errors
    /// A target that is not strictly between 0 and 1.
    pub fn availability(target: f64) -> Result<Self, ObjectiveError> {
        Self::new(SliKind::Availability, target)
    }

    /// Sets the share of events that must take at most `threshold`.
    ///
    /// # Errors
    /// A target that is not strictly between 0 and 1, or a threshold of zero.
    pub fn latency(threshold: Duration, target: f64) -> Result<Self, ObjectiveError> {
        Self::with_threshold(
            |threshold| SliKind::Latency { threshold },
            threshold,
            Duration::from_nanos(1),
            target,
        )
    }

    /// Sets the share of seconds at the end of which a map's last successful write (an entry inserted, replaced or updated) must
    /// be at most `threshold` ago; before the first write the map's creation counts as one. For tables that something
    /// refreshes: routes, configuration, prices.
    ///
    /// # Errors
    /// A target that is not strictly between 0 and 1, or a threshold below one second, which is how finely it is
    /// measured.
    pub fn freshness(threshold: Duration, target: f64) -> Result<Self, ObjectiveError> {
        Self::with_threshold(
            |threshold| SliKind::Freshness { threshold },
            threshold,
            Duration::from_secs(1),
            target,
        )
    }

    /// Sets the share of lookups that must find their key.
    ///
    /// # Errors
    /// A target that is not strictly between 0 and 1.
    pub fn hit_ratio(target: f64) -> Result<Self, ObjectiveError> {
        Self::new(SliKind::HitRatio, target)
    }

    /// Sets the outcomes of a map's operations that are bad, instead of `rejected` and `failed`.
    ///
    /// # Errors
    /// No outcome, or an objective that is not about availability.
    pub fn bad_outcomes(self, outcomes: &[Outcome]) -> Result<Self, ObjectiveError> {
        let bad = OutcomeSet::new(outcomes);
        match self.sli {
            SliKind::Availability if bad.is_empty() => Err(ObjectiveError::NoBadOutcome),
            SliKind::Availability => Ok(Self { bad, ..self }),
            SliKind::Latency { .. } | SliKind::HitRatio | SliKind::Freshness { .. } => {
                Err(ObjectiveError::NotByOutcome { sli: self.sli.name() })
            }
        }
    }

    fn with_threshold(
        sli: impl FnOnce(Nanos) -> SliKind,
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

    fn new(sli: SliKind, target: f64) -> Result<Self, ObjectiveError> {
        let bad = match sli {
            SliKind::Availability => USUAL_BAD,
            SliKind::Latency { .. } | SliKind::HitRatio | SliKind::Freshness { .. } => OutcomeSet::default(),
        };
        match Ratio::new(target) {
            Ok(ratio) if target > 0.0 && target < 1.0 => Ok(Self { sli, target: ratio, bad }),
            Ok(_) | Err(_) => Err(ObjectiveError::Target { sli: sli.name(), target }),
        }
    }

    /// Returns what is measured.
    pub const fn sli(&self) -> SliKind {
        self.sli
    }

    /// Returns the outcomes that spend its budget; none unless it measures availability.
    pub const fn bad(&self) -> OutcomeSet {
        self.bad
    }

    /// Returns the share of good events to keep, in (0, 1).
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
    fn impossible_objectives_are_refused_with_a_reason() {
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
