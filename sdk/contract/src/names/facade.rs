//! Names under which a service itself publishes through the `metrics` facade, in base units as Prometheus asks. What the
//! sidecar serves too has the name that it has there, without the label `service`: the scraper knows the service.

use super::{Metric, counter, gauge, histogram, wire};

/// Map operations.
pub const MAP_OPERATIONS: Metric = counter(
    "mapwarden_map_operations_total",
    "{operation}",
    wire::MAP_OPERATIONS.help,
    &["map", "op", "outcome"],
);
/// Map latency.
pub const MAP_DURATION: Metric =
    histogram("mapwarden_map_operation_duration_seconds", "s", wire::MAP_DURATION.help, &["map", "op"]);
/// Map size.
pub const MAP_ENTRIES: Metric = gauge("mapwarden_map_entries", "{entry}", wire::MAP_ENTRIES.help, &["map"]);
/// Map contention.
pub const MAP_RETRIES: Metric =
    counter("mapwarden_map_retries_total", "{retry}", wire::MAP_RETRIES.help, &["map"]);
/// Map failures by kind.
pub const MAP_FAILURES: Metric = counter(
    "mapwarden_map_failures_total",
    "{operation}",
    wire::MAP_FAILURES.help,
    &["map", "op", "error_type"],
);
/// The bound of a map.
pub const MAP_MAX_ENTRIES: Metric =
    gauge("mapwarden_map_max_entries", "{entry}", wire::MAP_MAX_ENTRIES.help, &["map"]);
/// Map freshness.
pub const MAP_LAST_WRITE: Metric =
    gauge("mapwarden_map_last_write_timestamp_seconds", "s", wire::MAP_LAST_WRITE.help, &["map"]);
/// Guards held.
pub const MAP_GUARD_HELD: Metric =
    gauge("mapwarden_map_guard_held_seconds", "s", wire::MAP_GUARD_HELD.help, &["map"]);
/// Timed operations on single keys.
pub const MAP_SAMPLED_OPERATIONS: Metric = counter(
    "mapwarden_map_sampled_operations_total",
    "{operation}",
    wire::MAP_SAMPLED_OPERATIONS.help,
    &["map"],
);
/// Who uses a map.
pub const MAP_SCOPE_OPERATIONS: Metric = counter(
    "mapwarden_map_scope_operations_total",
    "{operation}",
    wire::MAP_SCOPE_OPERATIONS.help,
    &["map", "scope"],
);
/// Requests.
pub const REQUESTS: Metric =
    counter("mapwarden_requests_total", "{request}", wire::REQUESTS.help, &["scope", "region", "outcome"]);
/// Request latency.
pub const REQUEST_DURATION: Metric =
    histogram("mapwarden_request_duration_seconds", "s", wire::REQUEST_DURATION.help, &["scope", "region"]);
/// Dependency calls.
pub const DEPENDENCY_CALLS: Metric = counter(
    "mapwarden_dependency_calls_total",
    "{call}",
    wire::DEPENDENCY_CALLS.help,
    &["dependency", "outcome"],
);
/// Dependency latency.
pub const DEPENDENCY_DURATION: Metric =
    histogram("mapwarden_dependency_duration_seconds", "s", wire::DEPENDENCY_DURATION.help, &["dependency"]);
/// Objectives.
pub const OBJECTIVE: Metric =
    gauge("mapwarden_slo_objective_ratio", "1", "The promised share of good events.", &["slo", "sli"]);
/// SLI events.
pub const SLI_EVENTS: Metric =
    counter("mapwarden_sli_events_total", "{event}", wire::SLI_EVENTS.help, &["slo", "verdict", "region"]);
/// What was dropped.
pub const DROPPED: Metric =
    counter("mapwarden_dropped_total", "{item}", "Things that did not fit or were refused.", &["reason"]);

/// Every metric that is published, beside the one on the wire that says the same. Hot keys are missing: a facade
/// forgets no series, and keys come and go.
pub const ALL: [(Metric, Metric); 17] = [
    (wire::MAP_OPERATIONS, MAP_OPERATIONS),
    (wire::MAP_DURATION, MAP_DURATION),
    (wire::MAP_ENTRIES, MAP_ENTRIES),
    (wire::MAP_RETRIES, MAP_RETRIES),
    (wire::MAP_FAILURES, MAP_FAILURES),
    (wire::MAP_MAX_ENTRIES, MAP_MAX_ENTRIES),
    (wire::MAP_LAST_WRITE, MAP_LAST_WRITE),
    (wire::MAP_GUARD_HELD, MAP_GUARD_HELD),
    (wire::MAP_SAMPLED_OPERATIONS, MAP_SAMPLED_OPERATIONS),
    (wire::MAP_SCOPE_OPERATIONS, MAP_SCOPE_OPERATIONS),
    (wire::REQUESTS, REQUESTS),
    (wire::REQUEST_DURATION, REQUEST_DURATION),
    (wire::DEPENDENCY_CALLS, DEPENDENCY_CALLS),
    (wire::DEPENDENCY_DURATION, DEPENDENCY_DURATION),
    (wire::OBJECTIVE, OBJECTIVE),
    (wire::SLI_EVENTS, SLI_EVENTS),
    (wire::DROPPED, DROPPED),
];

/// The name in the facade of a metric of the wire, if it is published there.
pub fn of(metric: &Metric) -> Option<Metric> {
    ALL.into_iter().find_map(|(on_the_wire, published)| (on_the_wire == *metric).then_some(published))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{Kind, exposition};

    #[test]
    fn everything_on_the_wire_but_hot_keys_and_the_shipper_s_own_is_published() {
        let missing: Vec<_> =
            wire::ALL.iter().filter(|metric| of(metric).is_none()).map(|m| m.name).collect();
        assert_eq!(missing, [wire::MAP_HOT_KEY_OPERATIONS.name, wire::BATCHES.name, wire::UNCONFIRMED.name]);
    }

    #[test]
    fn kinds_agree_and_labels_are_the_attributes_of_the_wire_in_their_order() {
        for (on_the_wire, published) in ALL {
            assert_eq!(on_the_wire.kind, published.kind, "{}", published.name);
            assert_eq!(
                published.name.ends_with("_total"),
                published.kind == Kind::Counter,
                "{}",
                published.name
            );
            for (attribute, label) in on_the_wire.labels.iter().zip(published.labels) {
                assert_eq!(attribute.trim_start_matches("mapwarden.").replace('.', "_"), *label);
            }
            if let Some(served) = exposition::ALL.iter().find(|served| served.name == published.name) {
                assert_eq!(served.kind, published.kind, "{}", published.name);
            }
        }
    }
}
