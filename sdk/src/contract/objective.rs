//! What a service promises about a map or a request scope.

use std::time::Duration;

use super::{Nanos, Ratio};

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
}

impl Sli {
    /// The value of the attribute `mapwarden.sli`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::Latency { .. } => "latency",
            Self::HitRatio => "hit_ratio",
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
}

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
    /// The latency threshold is zero.
    #[error("objective `latency`: threshold 0 can be kept by no event: accepted is 1 ns or more")]
    ZeroThreshold,
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
        if threshold.is_zero() {
            return Err(ObjectiveError::ZeroThreshold);
        }
        Self::new(Sli::Latency { threshold: threshold.into() }, target)
    }

    /// Promises that this share of lookups finds its key.
    ///
    /// # Errors
    /// A target that is not strictly between 0 and 1.
    pub fn hit_ratio(target: f64) -> Result<Self, ObjectiveError> {
        Self::new(Sli::HitRatio, target)
    }

    fn new(sli: Sli, target: f64) -> Result<Self, ObjectiveError> {
        match Ratio::new(target) {
            Ok(ratio) if target > 0.0 && target < 1.0 => Ok(Self { sli, target: ratio }),
            Ok(_) | Err(_) => Err(ObjectiveError::Target { sli: sli.name(), target }),
        }
    }

    /// What is measured.
    pub const fn sli(&self) -> Sli {
        self.sli
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
    }
}
