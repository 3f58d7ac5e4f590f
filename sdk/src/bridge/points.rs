//! What comes in: a [`Snapshot`]. What goes out: one value after the other, under the names of the wire. Never tells
//! users, which only the shipper sends, and hot keys, whose names come and go.

use crate::contract::names::attribute::{
    DEPENDENCY, ERROR_TYPE, MAP, OP, OUTCOME, REASON, REGION, SCOPE, SLI, SLO, THRESHOLD, VERDICT,
};
use crate::contract::names::{Metric, wire};
use crate::contract::{Count, Ratio, Sli, Verdict};
use crate::record::{
    DependencySnapshot, Distribution, Dropped, MapSnapshot, ObjectiveSnapshot, RegionSnapshot, Sampled,
    ScopeSnapshot, Snapshot,
};

/// What a point says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    /// A number of events or things, or of nanoseconds where the metric's unit says so.
    Whole(Count),
    /// A share.
    Share(Ratio),
    /// Times.
    Times(&'a Distribution),
}

/// Takes a point: its metric on the wire, its attributes in the order of the metric's labels, its value.
pub(super) type Tell<'t> = dyn FnMut(&'static Metric, &[(&'static str, &str)], Value<'_>) + 't;

/// Tells everything that a snapshot holds.
pub(super) fn each(snapshot: &Snapshot, tell: &mut Tell<'_>) {
    let Snapshot { maps, scopes, dependencies, users: _ } = snapshot;
    maps.iter().for_each(|map| each_of_map(map, tell));
    scopes.iter().for_each(|scope| each_of_scope(scope, tell));
    for DependencySnapshot { name, ok, failed, duration } in dependencies {
        for (outcome, count) in [(wire::OK, ok), (wire::FAILED, failed)] {
            let of = [(DEPENDENCY, &**name), (OUTCOME, outcome)];
            tell(&wire::DEPENDENCY_CALLS, &of, Value::Whole(*count));
        }
        tell(&wire::DEPENDENCY_DURATION, &[(DEPENDENCY, &**name)], Value::Times(duration));
    }
    for reason in Dropped::ALL {
        tell(&wire::DROPPED, &[(REASON, reason.name())], Value::Whole(reason.count()));
    }
}

fn each_of_map(map: &MapSnapshot, tell: &mut Tell<'_>) {
    let MapSnapshot {
        name,
        operations,
        durations,
        entries,
        max_entries,
        retries,
        failures,
        last_write,
        guard_held,
        sampled: Sampled { operations: sampled, hot_keys: _, scopes },
        objectives,
    } = map;
    let named = (MAP, &**name);
    for (op, outcome, count) in operations {
        let of = [named, (OP, op.name()), (OUTCOME, outcome.name())];
        tell(&wire::MAP_OPERATIONS, &of, Value::Whole(*count));
    }
    for (op, times) in durations {
        tell(&wire::MAP_DURATION, &[named, (OP, op.name())], Value::Times(times));
    }
    tell(&wire::MAP_ENTRIES, &[named], Value::Whole(*entries));
    if let Some(bound) = max_entries {
        tell(&wire::MAP_MAX_ENTRIES, &[named], Value::Whole(*bound));
    }
    tell(&wire::MAP_RETRIES, &[named], Value::Whole(*retries));
    for (op, error, count) in failures {
        tell(&wire::MAP_FAILURES, &[named, (OP, op.name()), (ERROR_TYPE, error)], Value::Whole(*count));
    }
    if let Some(at) = last_write {
        tell(&wire::MAP_LAST_WRITE, &[named], Value::Whole(Count::new(at.get())));
    }
    tell(&wire::MAP_GUARD_HELD, &[named], Value::Whole(Count::new(guard_held.get())));
    tell(&wire::MAP_SAMPLED_OPERATIONS, &[named], Value::Whole(*sampled));
    for (scope, count) in scopes {
        tell(&wire::MAP_SCOPE_OPERATIONS, &[named, (SCOPE, &**scope)], Value::Whole(*count));
    }
    for objective in objectives {
        each_of_objective(objective, named, tell);
        for (_, good, bad) in &objective.events {
            verdicts(&objective.name, None, [*good, *bad], tell);
        }
    }
}

fn each_of_scope(scope: &ScopeSnapshot, tell: &mut Tell<'_>) {
    let ScopeSnapshot { name, regions, objectives } = scope;
    for RegionSnapshot { region, ok, failed, cancelled, duration } in regions {
        let told = [(SCOPE, &**name), (REGION, &**region)];
        let [scope, region] = told;
        for (outcome, count) in [(wire::OK, ok), (wire::FAILED, failed), (wire::CANCELLED, cancelled)] {
            tell(&wire::REQUESTS, &[scope, region, (OUTCOME, outcome)], Value::Whole(*count));
        }
        tell(&wire::REQUEST_DURATION, &told, Value::Times(duration));
    }
    for objective in objectives {
        each_of_objective(objective, (SCOPE, &**name), tell);
        for (region, good, bad) in &objective.events {
            verdicts(&objective.name, Some(region), [*good, *bad], tell);
        }
    }
}

fn each_of_objective(objective: &ObjectiveSnapshot, about: (&'static str, &str), tell: &mut Tell<'_>) {
    let ObjectiveSnapshot { name, objective, events: _ } = objective;
    let sli = objective.sli();
    let told = [(SLO, &**name), (SLI, sli.name()), about];
    let target = Value::Share(objective.target());
    match sli {
        Sli::Latency { threshold } | Sli::Freshness { threshold } => {
            let [slo, sli, about] = told;
            let threshold = threshold.get().to_string();
            tell(&wire::OBJECTIVE, &[slo, sli, about, (THRESHOLD, &threshold)], target);
        }
        Sli::Availability | Sli::HitRatio => tell(&wire::OBJECTIVE, &told, target),
    }
}

fn verdicts(slo: &str, region: Option<&str>, counts: [Count; 2], tell: &mut Tell<'_>) {
    for (verdict, count) in Verdict::ALL.into_iter().zip(counts) {
        let (slo, verdict) = ((SLO, slo), (VERDICT, verdict.name()));
        match region {
            Some(region) => tell(&wire::SLI_EVENTS, &[slo, verdict, (REGION, region)], Value::Whole(count)),
            None => tell(&wire::SLI_EVENTS, &[slo, verdict], Value::Whole(count)),
        }
    }
}
