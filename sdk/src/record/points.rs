//! What comes in: a [`Snapshot`]. What goes out: one point after the other, under the names of the wire, for everybody
//! who sends or publishes counts. Never tells users, which the shipper sends as sketches.

use std::fmt;

use self::AttributeValue::Text;
use super::{
    DependencySnapshot, Distribution, Dropped, HotKey, MapSnapshot, ObjectiveSnapshot, RegionSnapshot,
    Sampled, ScopeSnapshot, Snapshot,
};
use mapwarden_contract::names::attribute::{
    DEPENDENCY, ERROR_TYPE, KEY, MAP, OP, OUTCOME, REASON, REGION, SCOPE, SLI, SLO, THRESHOLD, VERDICT,
};
use mapwarden_contract::names::{Metric, wire};
use mapwarden_contract::{Count, Ratio, SliKind, UnixNanos, Verdict};

/// What a point says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// A number of events or things, or of nanoseconds where the metric's unit says so.
    Whole(Count),
    /// A number of events since this time, where all others count from the process's start on.
    Since(UnixNanos, Count),
    /// A share.
    Share(Ratio),
    /// Times.
    Times(&'a Distribution),
}

/// What an attribute of a point says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AttributeValue<'a> {
    /// A name.
    Text(&'a str),
    /// A number of nanoseconds.
    Whole(Count),
}

impl fmt::Display for AttributeValue<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => out.write_str(text),
            Self::Whole(number) => write!(out, "{}", number.get()),
        }
    }
}

/// The name and the value of an attribute.
pub(crate) type Attribute<'a> = (&'static str, AttributeValue<'a>);

/// Takes a point: its metric on the wire, its attributes in the order of the metric's labels, its value.
pub(crate) type Tell<'t> = dyn FnMut(&'static Metric, &[Attribute<'_>], Value<'_>) + 't;

/// Tells everything that a snapshot holds.
pub(crate) fn each(snapshot: &Snapshot, tell: &mut Tell<'_>) {
    let Snapshot { maps, scopes, dependencies, users: _ } = snapshot;
    maps.iter().for_each(|map| each_of_map(map, tell));
    scopes.iter().for_each(|scope| each_of_scope(scope, tell));
    for DependencySnapshot { name, ok, failed, duration } in dependencies {
        for (outcome, count) in [(wire::OK, ok), (wire::FAILED, failed)] {
            let of = [(DEPENDENCY, Text(name)), (OUTCOME, Text(outcome))];
            tell(&wire::DEPENDENCY_CALLS, &of, Value::Whole(*count));
        }
        tell(&wire::DEPENDENCY_DURATION, &[(DEPENDENCY, Text(name))], Value::Times(duration));
    }
    for reason in Dropped::ALL {
        tell(&wire::DROPPED, &[(REASON, Text(reason.name()))], Value::Whole(reason.count()));
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
        sampled,
        objectives,
    } = map;
    let named = (MAP, Text(name));
    for (op, outcome, count) in operations {
        let of = [named, (OP, Text(op.name())), (OUTCOME, Text(outcome.name()))];
        tell(&wire::MAP_OPERATIONS, &of, Value::Whole(*count));
    }
    for (op, times) in durations {
        tell(&wire::MAP_DURATION, &[named, (OP, Text(op.name()))], Value::Times(times));
    }
    tell(&wire::MAP_ENTRIES, &[named], Value::Whole(*entries));
    if let Some(bound) = max_entries {
        tell(&wire::MAP_MAX_ENTRIES, &[named], Value::Whole(*bound));
    }
    tell(&wire::MAP_RETRIES, &[named], Value::Whole(*retries));
    for (op, error, count) in failures {
        let of = [named, (OP, Text(op.name())), (ERROR_TYPE, Text(error))];
        tell(&wire::MAP_FAILURES, &of, Value::Whole(*count));
    }
    if let Some(at) = last_write {
        tell(&wire::MAP_LAST_WRITE, &[named], Value::Whole(Count::new(at.get())));
    }
    tell(&wire::MAP_GUARD_HELD, &[named], Value::Whole(Count::new(guard_held.get())));
    each_of_sampled(sampled, named, tell);
    for objective in objectives {
        each_of_objective(objective, named, tell);
        for (_, good, bad) in &objective.events {
            verdicts(&objective.name, None, [*good, *bad], tell);
        }
    }
}

fn each_of_sampled(sampled: &Sampled, named: Attribute<'_>, tell: &mut Tell<'_>) {
    let Sampled { operations, hot_keys, scopes } = sampled;
    tell(&wire::MAP_SAMPLED_OPERATIONS, &[named], Value::Whole(*operations));
    for HotKey { key, since, operations } in hot_keys {
        tell(&wire::MAP_HOT_KEY_OPERATIONS, &[named, (KEY, Text(key))], Value::Since(*since, *operations));
    }
    for (scope, count) in scopes {
        tell(&wire::MAP_SCOPE_OPERATIONS, &[named, (SCOPE, Text(scope))], Value::Whole(*count));
    }
}

fn each_of_scope(scope: &ScopeSnapshot, tell: &mut Tell<'_>) {
    let ScopeSnapshot { name, regions, objectives } = scope;
    for RegionSnapshot { region, ok, failed, cancelled, duration } in regions {
        let told = [(SCOPE, Text(name)), (REGION, Text(region))];
        let [scope, region] = told;
        for (outcome, count) in [(wire::OK, ok), (wire::FAILED, failed), (wire::CANCELLED, cancelled)] {
            tell(&wire::REQUESTS, &[scope, region, (OUTCOME, Text(outcome))], Value::Whole(*count));
        }
        tell(&wire::REQUEST_DURATION, &told, Value::Times(duration));
    }
    for objective in objectives {
        each_of_objective(objective, (SCOPE, Text(name)), tell);
        for (region, good, bad) in &objective.events {
            verdicts(&objective.name, Some(region), [*good, *bad], tell);
        }
    }
}

fn each_of_objective(objective: &ObjectiveSnapshot, about: Attribute<'_>, tell: &mut Tell<'_>) {
    let ObjectiveSnapshot { name, objective, events: _ } = objective;
    let sli = objective.sli();
    let told = [(SLO, Text(name)), (SLI, Text(sli.name())), about];
    let target = Value::Share(objective.target());
    match sli {
        SliKind::Latency { threshold } | SliKind::Freshness { threshold } => {
            let [slo, sli, about] = told;
            let threshold = AttributeValue::Whole(Count::new(threshold.get()));
            tell(&wire::OBJECTIVE, &[slo, sli, about, (THRESHOLD, threshold)], target);
        }
        SliKind::Availability | SliKind::HitRatio => tell(&wire::OBJECTIVE, &told, target),
    }
}

fn verdicts(slo: &str, region: Option<&str>, counts: [Count; 2], tell: &mut Tell<'_>) {
    for (verdict, count) in Verdict::ALL.into_iter().zip(counts) {
        let (slo, verdict) = ((SLO, Text(slo)), (VERDICT, Text(verdict.name())));
        match region {
            Some(region) => {
                tell(&wire::SLI_EVENTS, &[slo, verdict, (REGION, Text(region))], Value::Whole(count));
            }
            None => tell(&wire::SLI_EVENTS, &[slo, verdict], Value::Whole(count)),
        }
    }
}
