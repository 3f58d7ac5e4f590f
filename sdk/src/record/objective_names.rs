//! The names of objectives on the wire. Comes in: the objectives that a builder declares, and a snapshot in which maps
//! and scopes may have equal names. Goes out: names, each of one objective of the process. Never renames an
//! objective of a scope.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Snapshot;
use mapwarden_contract::{Nanos, Objective, Outcome, SliKind};

/// Returns the names of what one declaration gives a map or scope, in order: `<owner>-<sli>` for the first objective of
/// a kind, `<owner>-<sli>-<what it judges by>` for the others of that kind: `sessions-latency`, then
/// `sessions-latency-250ms`. They depend on the declaration alone, so that they are the same in every run. Two that
/// judge alike have one name, whatever their targets.
pub(crate) fn objective_names(owner: &str, objectives: &[Objective]) -> Vec<Arc<str>> {
    let judges_by = |objective: &Objective| (objective.sli(), objective.bad());
    let name = |objective: &Objective| {
        let kind = objective.sli().name();
        let first = objectives.iter().find(|other| other.sli().name() == kind).unwrap_or(objective);
        if judges_by(first) == judges_by(objective) {
            format!("{owner}-{kind}").into()
        } else {
            format!("{owner}-{kind}{}", suffix(objective)).into()
        }
    };
    objectives.iter().map(name).collect()
}

/// Returns what distinguishes an objective from others of its kind.
fn suffix(objective: &Objective) -> String {
    match objective.sli() {
        SliKind::Latency { threshold } | SliKind::Freshness { threshold } => format!("-{}", plain(threshold)),
        SliKind::Availability => {
            objective.bad().iter().map(|bad| format!("-{}", Outcome::name(bad))).collect()
        }
        SliKind::HitRatio => String::new(),
    }
}

/// A time as a whole number of the largest unit: `250ms`, `1500us`.
fn plain(time: Nanos) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")];
    let whole = units.into_iter().find(|(unit, _)| time.get().is_multiple_of(*unit));
    let (unit, name) = whole.unwrap_or((1, "ns"));
    format!("{}{name}", time.get() / unit)
}

/// Renames the objectives of maps if objectives of scopes have their names too: `<map>-<sli>` to `<map>-map-<sli>`.
/// Sketches of users and bad requests refer to the scope's by name, so that the map's has to change.
pub(super) fn name_objectives_apart(snapshot: &mut Snapshot) {
    let of_scopes: BTreeSet<Arc<str>> = snapshot
        .scopes
        .iter()
        .flat_map(|scope| &scope.objectives)
        .map(|objective| Arc::clone(&objective.name))
        .collect();
    for map in &mut snapshot.maps {
        for objective in &mut map.objectives {
            if of_scopes.contains(&objective.name)
                && let Some(rest) = objective.name.strip_prefix(&*map.name)
            {
                objective.name = format!("{}-map{rest}", map.name).into();
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
    fn the_first_of_a_kind_has_the_plain_name() {
        let latency = |time, target| Objective::latency(time, target).unwrap();
        let freshness = |seconds| Objective::freshness(Duration::from_secs(seconds), 0.9).unwrap();
        let availability = Objective::availability(0.999).unwrap();
        let found = availability.bad_outcomes(&[Outcome::Miss, Outcome::Failed]).unwrap();
        let hit_ratio = |target| Objective::hit_ratio(target).unwrap();
        let objectives = [
            latency(Duration::from_millis(1), 0.9),
            latency(Duration::from_millis(250), 0.99),
            latency(Duration::from_micros(1500), 0.99),
            latency(Duration::from_nanos(1), 0.99),
            latency(Duration::from_millis(1), 0.99),
            latency(Duration::from_millis(250), 0.999),
            availability,
            found,
            freshness(60),
            freshness(30),
            hit_ratio(0.9),
            hit_ratio(0.8),
        ];
        let expected = [
            "m-latency",
            "m-latency-250ms",
            "m-latency-1500us",
            "m-latency-1ns",
            "m-latency",
            "m-latency-250ms",
            "m-availability",
            "m-availability-miss-failed",
            "m-freshness",
            "m-freshness-30s",
            "m-hit_ratio",
            "m-hit_ratio",
        ]
        .map(Arc::<str>::from);
        assert_eq!(objective_names("m", &objectives), expected);
    }

    #[test]
    fn a_map_is_renamed_where_a_scope_has_its_name() {
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
