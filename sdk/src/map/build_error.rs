//! Why a map or set is not made: a promise that would be lost, told with its name and both values.

use std::time::Duration;

use mapwarden_contract::{Objective, Outcome, SliKind, USUAL_BAD};

/// An objective that contradicts another one. Names are those in the telemetry, `<map>-<sli>`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BuildError {
    /// One builder was given two objectives of this kind.
    #[error("objective `{objective}` is given twice: accepted is one of each kind")]
    GivenTwice {
        /// The name of the objective.
        objective: String,
    },
    /// A map or set of the same name has promised something else.
    #[error(
        "objective `{objective}` is promised already with {}, not with {}: accepted is the same promise or another name",
        values(promised),
        values(given)
    )]
    PromisedDifferently {
        /// The name of the objective.
        objective: String,
        /// What was promised, and stays so.
        promised: Objective,
        /// What the builder was given.
        given: Objective,
    },
}

impl BuildError {
    pub(super) fn given_twice(map: &str, sli: SliKind) -> Self {
        Self::GivenTwice { objective: format!("{map}-{}", sli.name()) }
    }

    pub(super) fn promised_differently(map: &str, promised: Objective, given: Objective) -> Self {
        Self::PromisedDifferently { objective: format!("{map}-{}", given.sli().name()), promised, given }
    }
}

/// The kind of the first objective that is not the first of its kind.
pub(super) fn given_twice(objectives: &[Objective]) -> Option<SliKind> {
    let kinds = || objectives.iter().map(Objective::sli);
    kinds()
        .enumerate()
        .find(|(place, kind)| kinds().take(*place).any(|earlier| earlier.name() == kind.name()))
        .map(|(_, kind)| kind)
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
