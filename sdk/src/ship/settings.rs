//! A checked description of the service and of how telemetry ships.

use std::collections::BTreeMap;
use std::time::Duration;

use mapwarden_contract::Ratio;

use super::resource::ResourceAttributes;
use crate::scope::{Limits, NamedObjective, PseudonymKey, SpanTarget};

/// What [`TelemetryBuilder`](super::TelemetryBuilder) describes, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) attributes: ResourceAttributes,
    /// Without a slash at its end.
    pub(crate) endpoint: String,
    pub(crate) interval: Duration,
    pub(crate) trace_ratio: Ratio,
    pub(crate) limits: Limits,
    /// By scope.
    pub(crate) objectives: BTreeMap<String, Vec<NamedObjective>>,
    pub(crate) pseudonym_key: PseudonymKey,
    /// The receiver of spans, if it is not the receiver of the rest.
    pub(crate) target: Option<SpanTarget>,
}
