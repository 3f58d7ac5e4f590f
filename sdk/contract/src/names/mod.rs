//! Every metric, span, event and attribute name of the SDK, once, with its kind, unit, help and labels.
//!
//! [`attribute`] holds the names of attributes, [`wire`] what travels from the SDK to the sidecar as OTLP, and
//! [`published`] the one table of all metrics with their names for OTLP, for the `metrics` facade and for an
//! OpenTelemetry meter. The names that the sidecar serves at `/metrics` belong to the sidecar. A test of the repository
//! rejects a dashboard, an alert rule or a document that uses a name which is declared in neither place.

pub mod attribute;
mod metric;
pub mod published;
pub mod wire;

pub use metric::{Metric, MetricKind};
