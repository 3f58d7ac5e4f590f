//! Objectives by unique names. Comes in: a snapshot whose maps and scopes name their objectives without knowing of
//! each other. Goes out: the same with every name once. Never renames an objective of a scope.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Snapshot;

/// Renames the objectives of maps whose names objectives of scopes have too: `<map>-<sli>` to `<map>-map-<sli>`.
/// Sketches of users and bad requests speak of the scope's by name, so that it is the map's that gives way.
pub(super) fn name_objectives_apart(snapshot: &mut Snapshot) {
    let of_scopes: BTreeSet<Arc<str>> = snapshot
        .scopes
        .iter()
        .flat_map(|scope| &scope.objectives)
        .map(|objective| Arc::clone(&objective.name))
        .collect();
    for map in &mut snapshot.maps {
        for objective in &mut map.objectives {
            if of_scopes.contains(&objective.name) {
                objective.name = format!("{}-map-{}", map.name, objective.objective.sli().name()).into();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::record::{MapSnapshot, ObjectiveSnapshot, Sampled, ScopeSnapshot};
    use mapwarden_contract::{Count, Nanos, Objective};

    fn objectives(of: &str) -> Vec<ObjectiveSnapshot> {
        let latency = Objective::latency(Duration::from_millis(1), 0.99).unwrap();
        [Objective::availability(0.999).unwrap(), latency]
            .map(|objective| ObjectiveSnapshot {
                name: format!("{of}-{}", objective.sli().name()).into(),
                objective,
                events: Vec::new(),
            })
            .into()
    }

    fn map(name: &str) -> MapSnapshot {
        MapSnapshot {
            name: name.into(),
            operations: Vec::new(),
            durations: Vec::new(),
            entries: Count::ZERO,
            max_entries: None,
            retries: Count::ZERO,
            failures: Vec::new(),
            last_write: None,
            guard_held: Nanos::ZERO,
            sampled: Sampled::default(),
            objectives: objectives(name),
        }
    }

    fn names(objectives: &[ObjectiveSnapshot]) -> Vec<&str> {
        objectives.iter().map(|objective| &*objective.name).collect()
    }

    #[test]
    fn a_map_gives_way_to_the_scope_of_its_name_and_to_nothing_else() {
        let [availability, _] = &objectives("checkout")[..] else { panic!("two") };
        let scope = ScopeSnapshot {
            name: "checkout".into(),
            regions: Vec::new(),
            objectives: vec![availability.clone()],
        };
        let maps = vec![map("checkout"), map("sessions")];
        let mut snapshot = Snapshot { maps, scopes: vec![scope], ..Snapshot::default() };
        name_objectives_apart(&mut snapshot);
        let [checkout, sessions] = &snapshot.maps[..] else { panic!("two") };
        assert_eq!(names(&checkout.objectives), ["checkout-map-availability", "checkout-latency"]);
        assert_eq!(names(&sessions.objectives), ["sessions-availability", "sessions-latency"]);
        assert_eq!(names(&snapshot.scopes[0].objectives), ["checkout-availability"]);
    }
}
