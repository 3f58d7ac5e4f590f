//! Why a map or set is not built: an objective that would be lost. Comes in: a refused objective. Goes out: an error
//! with the objective's name and, of a contradiction, both values.

use std::sync::Arc;
use std::time::Duration;

use crate::record::{DeclareError, MAX_OBJECTIVES};
use mapwarden_contract::{Objective, Outcome, SliKind, USUAL_BAD};

/// An objective that conflicts with the other objectives of a map. Names are those in the telemetry, see
/// [`objective`](super::HashMapBuilder::objective).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A builder has two objectives that judge events alike.
    #[error(
        "objective `{objective}` is given twice: accepted is one for each threshold and for each set of bad outcomes"
    )]
    DuplicateObjective {
        /// The name of the objective.
        objective: String,
    },
    /// A map or set of the same name has another objective of this name.
    #[error(
        "objective `{objective}` is declared already with {}, not with {}: accepted is the same objective or another \
         name for the map",
        values(declared),
        values(given)
    )]
    ConflictingObjective {
        /// The name of the objective.
        objective: String,
        /// What was declared, and stays so.
        declared: Objective,
        /// What the builder was given.
        given: Objective,
    },
    /// The maps and sets of this name have too many objectives.
    #[error(
        "objective `{objective}` is one too many: accepted are {MAX_OBJECTIVES} for the maps of one name"
    )]
    TooManyObjectives {
        /// The name of the objective.
        objective: String,
    },
}

impl BuildError {
    pub(super) fn refused(name: &str, given: Objective, error: DeclareError) -> Self {
        let objective = name.to_owned();
        match error {
            DeclareError::Conflict(declared) => Self::ConflictingObjective { objective, declared, given },
            DeclareError::Limit => Self::TooManyObjectives { objective },
        }
    }
}

/// Checks that no name occurs twice.
pub(super) fn check_unique(names: &[Arc<str>]) -> Result<(), BuildError> {
    let earlier = |place| names.iter().take(place);
    let twice = names.iter().enumerate().find(|(place, name)| earlier(*place).any(|known| known == *name));
    match twice {
        Some((_, name)) => Err(BuildError::DuplicateObjective { objective: name.to_string() }),
        None => Ok(()),
    }
}

fn values(objective: &Objective) -> String {
    let target = objective.target().get();
    match objective.sli() {
        SliKind::Latency { threshold } => {
            format!("target {target} within {:?}", Duration::from_nanos(threshold.get()))
        }
        SliKind::Freshness { threshold } => {
            format!("target {target} with a write each {:?}", Duration::from_nanos(threshold.get()))
        }
        SliKind::Availability if objective.bad() != USUAL_BAD => {
            let bad: Vec<_> = objective.bad().iter().map(Outcome::name).collect();
            format!("target {target} with the bad outcomes {}", bad.join(", "))
        }
        SliKind::Availability | SliKind::HitRatio => format!("target {target}"),
    }
}
