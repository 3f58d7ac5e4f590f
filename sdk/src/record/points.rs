//! The points of a snapshot. Comes in: a [`Snapshot`]. Goes out: one point after the other, under the names of the
//! wire, for the shipper and the bridges. Never emits users, which the shipper sends as sketches.

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

/// The value of a point.
#[derive(Clone, Copy, Debug)]
pub(crate) enum EmittedValue<'a> {
    /// A number of events or items, or of nanoseconds if that is the metric's unit.
    Whole(Count),
    /// A number of events since this time. All other numbers count from the start of the process.
    Since(UnixNanos, Count),
    /// A share.
    Share(Ratio),
    /// Times.
    Times(&'a Distribution),
}

/// The value of a point's attribute.
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

/// Receives a point: its metric on the wire, its attributes in the order of the metric's labels, its value.
pub(crate) type Emit<'t> = dyn FnMut(&'static Metric, &[Attribute<'_>], EmittedValue<'_>) + 't;

/// Emits everything that a snapshot holds, except users.
pub(crate) fn each(snapshot: &Snapshot, emit: &mut Emit<'_>) {
    let Snapshot { maps, scopes, dependencies, users: _ } = snapshot;
    maps.iter().for_each(|map| each_of_map(map, emit));
    scopes.iter().for_each(|scope| each_of_scope(scope, emit));
    for DependencySnapshot { name, ok, failed, duration } in dependencies {
        for (outcome, count) in [(wire::OK, ok), (wire::FAILED, failed)] {
            let of = [(DEPENDENCY, Text(name)), (OUTCOME, Text(outcome))];
            emit(&wire::DEPENDENCY_CALLS, &of, EmittedValue::Whole(*count));
        }
        emit(&wire::DEPENDENCY_DURATION, &[(DEPENDENCY, Text(name))], EmittedValue::Times(duration));
    }
    for reason in Dropped::ALL {
        emit(&wire::DROPPED, &[(REASON, Text(reason.name()))], EmittedValue::Whole(reason.count()));
    }
}

fn each_of_map(map: &MapSnapshot, emit: &mut Emit<'_>) {
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
        emit(&wire::MAP_OPERATIONS, &of, EmittedValue::Whole(*count));
    }
    for (op, times) in durations {
        emit(&wire::MAP_DURATION, &[named, (OP, Text(op.name()))], EmittedValue::Times(times));
    }
    emit(&wire::MAP_ENTRIES, &[named], EmittedValue::Whole(*entries));
    if let Some(bound) = max_entries {
        emit(&wire::MAP_MAX_ENTRIES, &[named], EmittedValue::Whole(*bound));
    }
    emit(&wire::MAP_RETRIES, &[named], EmittedValue::Whole(*retries));
    for (op, error, count) in failures {
        let of = [named, (OP, Text(op.name())), (ERROR_TYPE, Text(error))];
        emit(&wire::MAP_FAILURES, &of, EmittedValue::Whole(*count));
    }
    if let Some(at) = last_write {
        emit(&wire::MAP_LAST_WRITE, &[named], EmittedValue::Whole(Count::new(at.get())));
    }
    emit(&wire::MAP_GUARD_HELD, &[named], EmittedValue::Whole(Count::new(guard_held.get())));
    each_of_sampled(sampled, named, emit);
    for objective in objectives {
        each_of_objective(objective, named, emit);
        for (_, good, bad) in &objective.events {
            verdicts(&objective.name, None, [*good, *bad], emit);
        }
    }
}

fn each_of_sampled(sampled: &Sampled, named: Attribute<'_>, emit: &mut Emit<'_>) {
    let Sampled { operations, hot_keys, scopes } = sampled;
    emit(&wire::MAP_SAMPLED_OPERATIONS, &[named], EmittedValue::Whole(*operations));
    for HotKey { key, since, operations } in hot_keys {
        emit(
            &wire::MAP_HOT_KEY_OPERATIONS,
            &[named, (KEY, Text(key))],
            EmittedValue::Since(*since, *operations),
        );
    }
    for (scope, count) in scopes {
        emit(&wire::MAP_SCOPE_OPERATIONS, &[named, (SCOPE, Text(scope))], EmittedValue::Whole(*count));
    }
}

fn each_of_scope(scope: &ScopeSnapshot, emit: &mut Emit<'_>) {
    let ScopeSnapshot { name, regions, objectives } = scope;
    for RegionSnapshot { region, ok, failed, cancelled, duration } in regions {
        let attributes = [(SCOPE, Text(name)), (REGION, Text(region))];
        let [scope, region] = attributes;
        for (outcome, count) in [(wire::OK, ok), (wire::FAILED, failed), (wire::CANCELLED, cancelled)] {
            emit(&wire::REQUESTS, &[scope, region, (OUTCOME, Text(outcome))], EmittedValue::Whole(*count));
        }
        emit(&wire::REQUEST_DURATION, &attributes, EmittedValue::Times(duration));
    }
    for objective in objectives {
        each_of_objective(objective, (SCOPE, Text(name)), emit);
        for (region, good, bad) in &objective.events {
            verdicts(&objective.name, Some(region), [*good, *bad], emit);
        }
    }
}

fn each_of_objective(objective: &ObjectiveSnapshot, about: Attribute<'_>, emit: &mut Emit<'_>) {
    let ObjectiveSnapshot { name, objective, events: _ } = objective;
    let sli = objective.sli();
    let attributes = [(SLO, Text(name)), (SLI, Text(sli.name())), about];
    let target = EmittedValue::Share(objective.target());
    match sli {
        SliKind::Latency { threshold } | SliKind::Freshness { threshold } => {
            let [slo, sli, about] = attributes;
            let threshold = AttributeValue::Whole(Count::new(threshold.get()));
            emit(&wire::OBJECTIVE, &[slo, sli, about, (THRESHOLD, threshold)], target);
        }
        SliKind::Availability | SliKind::HitRatio => emit(&wire::OBJECTIVE, &attributes, target),
    }
}

fn verdicts(slo: &str, region: Option<&str>, counts: [Count; 2], emit: &mut Emit<'_>) {
    for (verdict, count) in Verdict::ALL.into_iter().zip(counts) {
        let (slo, verdict) = ((SLO, Text(slo)), (VERDICT, Text(verdict.name())));
        match region {
            Some(region) => {
                emit(&wire::SLI_EVENTS, &[slo, verdict, (REGION, Text(region))], EmittedValue::Whole(count));
            }
            None => emit(&wire::SLI_EVENTS, &[slo, verdict], EmittedValue::Whole(count)),
        }
    }
}
