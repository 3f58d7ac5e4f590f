//! Names under which a service publishes through an OpenTelemetry meter what has another shape there than on the wire:
//! a meter takes no histogram that was counted elsewhere.

use super::attribute::{DEPENDENCY, MAP, OP, PERCENTILE, REGION, SCOPE};
use super::{Metric, gauge, wire};

/// Map latency.
pub const MAP_LATENCY: Metric = gauge(
    "mapwarden.map.operation.latency",
    "ns",
    "Percentiles 50, 95 and 99 of the time in a map operation since the collection before, within 4.5 %.",
    &[MAP, OP, PERCENTILE],
);
/// Request latency.
pub const REQUEST_LATENCY: Metric = gauge(
    "mapwarden.request.latency",
    "ns",
    "Percentiles 50, 95 and 99 of the time in a request since the collection before, within 4.5 %.",
    &[SCOPE, REGION, PERCENTILE],
);
/// Dependency latency.
pub const DEPENDENCY_LATENCY: Metric = gauge(
    "mapwarden.dependency.latency",
    "ns",
    "Percentiles 50, 95 and 99 of the time in a call to a dependency since the collection before, within 4.5 %.",
    &[DEPENDENCY, PERCENTILE],
);

/// Every metric that is published, beside the one on the wire that says the same; the others go by their names on the
/// wire.
pub const ALL: [(Metric, Metric); 3] = [
    (wire::MAP_DURATION, MAP_LATENCY),
    (wire::REQUEST_DURATION, REQUEST_LATENCY),
    (wire::DEPENDENCY_DURATION, DEPENDENCY_LATENCY),
];

/// What no meter is given: hot keys, which come and go, and what only the shipper can say, of its own batches.
const OMITTED: [Metric; 3] = [wire::MAP_HOT_KEY_OPERATIONS, wire::BATCHES, wire::UNCONFIRMED];

/// What a meter is given for a metric of the wire: itself, or its percentiles if it is a histogram. None of hot keys,
/// which come and go, and of the shipper's own batches.
pub fn of(metric: &Metric) -> Option<Metric> {
    if OMITTED.contains(metric) {
        return None;
    }
    let percentiles = ALL.into_iter().find_map(|(wire, meter)| (wire == *metric).then_some(meter));
    Some(percentiles.unwrap_or(*metric))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{Kind, facade};

    #[test]
    fn a_meter_is_given_what_the_facade_is() {
        for metric in &wire::ALL {
            assert_eq!(of(metric).is_some(), facade::of(metric).is_some(), "{}", metric.name);
        }
    }

    #[test]
    fn no_histogram_is_left_and_percentiles_have_one_attribute_more() {
        for metric in wire::ALL.iter().filter_map(of) {
            assert_ne!(metric.kind, Kind::Histogram, "{}", metric.name);
        }
        for (histogram, percentiles) in ALL {
            assert_eq!(histogram.kind, Kind::Histogram);
            assert_eq!([histogram.labels, &[PERCENTILE]].concat(), percentiles.labels);
            assert_eq!(histogram.unit, percentiles.unit);
        }
    }
}
