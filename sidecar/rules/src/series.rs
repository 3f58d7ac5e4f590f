//! The series of the sidecar that rules read. The sidecar serves them under these names.

use mapwarden_contract::names::Metric;

/// Good events.
pub const SLI_GOOD: Metric = Metric::counter(
    "mapwarden_sli_good_events_total",
    "{event}",
    "Events that kept an objective.",
    &["slo", "service"],
);
/// All events.
pub const SLI_EVENTS: Metric = Metric::counter(
    "mapwarden_sli_events_total",
    "{event}",
    "Events measured against an objective.",
    &["slo", "service"],
);
