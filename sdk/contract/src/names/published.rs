//! The one table of the metrics that the SDK publishes, with the name of each in every form: sent as OTLP, given to the
//! `metrics` facade, given to an OpenTelemetry meter. Kind, unit and help are said once, in [`wire`].
//!
//! Names in the facade are in base units as Prometheus asks. A metric that the sidecar serves too has the same name
//! there, with the label `service` in addition: whatever scrapes a service knows which service it is.

use super::attribute::{DEPENDENCY, MAP, OP, PERCENTILE, REGION, SCOPE};
use super::{Metric, wire};

/// A metric of the SDK in every form in which a service publishes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// As the shipper sends it over OTLP.
    pub wire: Metric,
    /// As the bridge gives it to the `metrics` facade; labels are in the order of the wire's attributes.
    pub facade: Option<Metric>,
    /// As the bridge gives it to an OpenTelemetry meter. A meter takes no histogram that was counted elsewhere, so that
    /// it receives percentiles instead.
    pub meter: Option<Metric>,
}

impl Published {
    /// Finds the row of a metric of the wire.
    pub fn of(metric: &Metric) -> Option<&'static Self> {
        ALL.iter().find(|published| published.wire == *metric)
    }

    /// A metric that has one shape in every form.
    const fn everywhere(wire: Metric, name: &'static str, labels: &'static [&'static str]) -> Self {
        Self { wire, facade: Some(in_base_units(wire, name, labels)), meter: Some(wire) }
    }

    /// A histogram, of which a meter receives percentiles.
    const fn timed(
        wire: Metric,
        name: &'static str,
        labels: &'static [&'static str],
        percentiles: Metric,
    ) -> Self {
        Self { wire, facade: Some(in_base_units(wire, name, labels)), meter: Some(percentiles) }
    }

    /// A metric that only the shipper sends.
    const fn shipped(wire: Metric) -> Self {
        Self { wire, facade: None, meter: None }
    }
}

/// The metric under its name in the facade, with seconds for nanoseconds.
const fn in_base_units(wire: Metric, name: &'static str, labels: &'static [&'static str]) -> Metric {
    let unit = match wire.unit.as_bytes() {
        b"ns" => "s",
        _ => wire.unit,
    };
    Metric { name, kind: wire.kind, unit, help: wire.help, labels }
}

/// Percentiles of the time in a map operation.
const MAP_LATENCY: Metric = Metric::gauge(
    "mapwarden.map.operation.latency",
    "ns",
    "Percentiles 50, 95 and 99 of the time in a map operation since the collection before, within 4.5 %.",
    &[MAP, OP, PERCENTILE],
);
/// Percentiles of the time in a request.
const REQUEST_LATENCY: Metric = Metric::gauge(
    "mapwarden.request.latency",
    "ns",
    "Percentiles 50, 95 and 99 of the time in a request since the collection before, within 4.5 %.",
    &[SCOPE, REGION, PERCENTILE],
);
/// Percentiles of the time in a call to a dependency.
const DEPENDENCY_LATENCY: Metric = Metric::gauge(
    "mapwarden.dependency.latency",
    "ns",
    "Percentiles 50, 95 and 99 of the time in a call to a dependency since the collection before, within 4.5 %.",
    &[DEPENDENCY, PERCENTILE],
);

/// Every metric of the SDK, in the order in which the shipper sends them. Hot keys are only shipped, because facades and
/// meters forget no series, and keys come and go; so are the counts of the shipper's own batches.
pub const ALL: [Published; 20] = [
    Published::everywhere(wire::MAP_OPERATIONS, "mapwarden_map_operations_total", &["map", "op", "outcome"]),
    Published::timed(
        wire::MAP_DURATION,
        "mapwarden_map_operation_duration_seconds",
        &["map", "op"],
        MAP_LATENCY,
    ),
    Published::everywhere(wire::MAP_ENTRIES, "mapwarden_map_entries", &["map"]),
    Published::everywhere(wire::MAP_RETRIES, "mapwarden_map_retries_total", &["map"]),
    Published::everywhere(wire::MAP_FAILURES, "mapwarden_map_failures_total", &["map", "op", "error_type"]),
    Published::everywhere(wire::MAP_MAX_ENTRIES, "mapwarden_map_max_entries", &["map"]),
    Published::everywhere(wire::MAP_LAST_WRITE, "mapwarden_map_last_write_timestamp_seconds", &["map"]),
    Published::everywhere(wire::MAP_GUARD_HELD, "mapwarden_map_guard_held_seconds", &["map"]),
    Published::everywhere(wire::MAP_SAMPLED_OPERATIONS, "mapwarden_map_sampled_operations_total", &["map"]),
    Published::shipped(wire::MAP_HOT_KEY_OPERATIONS),
    Published::everywhere(
        wire::MAP_SCOPE_OPERATIONS,
        "mapwarden_map_scope_operations_total",
        &["map", "scope"],
    ),
    Published::everywhere(wire::REQUESTS, "mapwarden_requests_total", &["scope", "region", "outcome"]),
    Published::timed(
        wire::REQUEST_DURATION,
        "mapwarden_request_duration_seconds",
        &["scope", "region"],
        REQUEST_LATENCY,
    ),
    Published::everywhere(
        wire::DEPENDENCY_CALLS,
        "mapwarden_dependency_calls_total",
        &["dependency", "outcome"],
    ),
    Published::timed(
        wire::DEPENDENCY_DURATION,
        "mapwarden_dependency_duration_seconds",
        &["dependency"],
        DEPENDENCY_LATENCY,
    ),
    Published::everywhere(wire::OBJECTIVE, "mapwarden_slo_objective_ratio", &["slo", "sli"]),
    Published::everywhere(wire::SLI_EVENTS, "mapwarden_sli_events_total", &["slo", "verdict", "region"]),
    Published::shipped(wire::BATCHES),
    Published::shipped(wire::UNCONFIRMED),
    Published::everywhere(wire::DROPPED, "mapwarden_dropped_total", &["reason"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::MetricKind;

    #[test]
    fn only_hot_keys_and_batches_are_shipped_alone() {
        let shipped = ALL.iter().filter(|published| published.facade.is_none());
        let names: Vec<_> = shipped.map(|published| published.wire.name).collect();
        assert_eq!(
            names,
            [wire::MAP_HOT_KEY_OPERATIONS, wire::BATCHES, wire::UNCONFIRMED].map(|metric| metric.name)
        );
        for published in &ALL {
            assert_eq!(published.facade.is_some(), published.meter.is_some(), "{}", published.wire.name);
        }
    }

    #[test]
    fn labels_of_the_facade_are_the_attributes_in_order() {
        for Published { wire, facade, meter: _ } in &ALL {
            let Some(facade) = facade else { continue };
            let is_total = facade.name.ends_with("_total");
            assert_eq!(is_total, wire.kind == MetricKind::Counter, "{}", facade.name);
            for (attribute, label) in wire.labels.iter().zip(facade.labels) {
                assert_eq!(attribute.trim_start_matches("mapwarden.").replace('.', "_"), *label);
            }
        }
    }

    #[test]
    fn meters_receive_percentiles_for_histograms() {
        for Published { wire, facade: _, meter } in &ALL {
            let Some(meter) = meter else { continue };
            assert_ne!(meter.kind, MetricKind::Histogram, "{}", meter.name);
            if wire.kind == MetricKind::Histogram {
                assert_eq!([wire.labels, &[PERCENTILE]].concat(), meter.labels);
                assert_eq!(wire.unit, meter.unit);
            } else {
                assert_eq!(wire, meter);
            }
        }
    }
}
