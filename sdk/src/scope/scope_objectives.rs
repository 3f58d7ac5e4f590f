//! What comes in: objectives for scopes, as a service declares them. What goes out: the same by scope, under their names
//! on the wire, if requests can be measured by them. Never two of one kind for a scope.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::counters::NamedObjective;
use mapwarden_contract::{Objective, Outcome, SliKind};

/// The reason why a scope does not take an objective.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeObjectiveError {
    /// An objective was given twice.
    #[error("objective `{name}` is given twice: an SLI of a scope has one objective")]
    Duplicate {
        /// The objective's name on the wire.
        name: String,
    },
    /// The objective can be measured for maps only.
    #[error(
        "objective `{name}` is about maps: accepted for requests are latency, and availability with its usual bad \
         outcomes"
    )]
    NotOfRequests {
        /// The objective's name on the wire.
        name: String,
    },
}

/// Objectives by scope, named `<scope>-<sli>`.
pub(crate) fn named(
    objectives: impl IntoIterator<Item = (String, Objective)>,
) -> Result<BTreeMap<String, Vec<NamedObjective>>, ScopeObjectiveError> {
    let mut by_scope: BTreeMap<String, Vec<NamedObjective>> = BTreeMap::new();
    for (scope, objective) in objectives {
        let name: Arc<str> = format!("{scope}-{}", objective.sli().name()).into();
        match objective.sli() {
            SliKind::Availability if objective.bad().contains(Outcome::Failed) => {}
            SliKind::Latency { .. } => {}
            SliKind::Availability | SliKind::HitRatio | SliKind::Freshness { .. } => {
                return Err(ScopeObjectiveError::NotOfRequests { name: name.to_string() });
            }
        }
        let of_scope = by_scope.entry(scope).or_default();
        if of_scope.iter().any(|known| known.name == name) {
            return Err(ScopeObjectiveError::Duplicate { name: name.to_string() });
        }
        of_scope.push(NamedObjective { name, objective });
    }
    Ok(by_scope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::registry;
    use crate::scope::Scope;
    use mapwarden_contract::Count;

    #[test]
    fn objectives_count_without_telemetry() {
        let availability = Objective::availability(0.999).unwrap();
        Scope::set_objectives("with-objectives", [availability]).unwrap();
        Scope::request("with-objectives").region("eu").start().ok();
        Scope::request("with-objectives").region("eu").start().fail("x");
        let scopes = registry().snapshot().scopes;
        let scope = scopes.iter().find(|scope| &*scope.name == "with-objectives").unwrap();
        let [objective] = &scope.objectives[..] else { panic!("{scope:?}") };
        assert_eq!(&*objective.name, "with-objectives-availability");
        assert_eq!(objective.events, [(Arc::from("eu"), Count::new(1), Count::new(1))]);

        let twice = Scope::set_objectives("with-objectives", [availability, availability]).unwrap_err();
        assert_eq!(twice, ScopeObjectiveError::Duplicate { name: "with-objectives-availability".to_owned() });
        let hits = Objective::hit_ratio(0.9).unwrap();
        let of_maps = Scope::set_objectives("with-objectives", [hits]).unwrap_err();
        assert_eq!(
            of_maps,
            ScopeObjectiveError::NotOfRequests { name: "with-objectives-hit_ratio".to_owned() }
        );
    }
}
