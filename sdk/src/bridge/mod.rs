//! Bridges to the telemetry that a service already has. What comes in: the counts and events that the shipper sends. What
//! goes out: calls of telemetry crates. Never counts by itself, and never needs the sidecar.
//!
//! | feature | module | sends | to |
//! |---|---|---|---|
//! | `metrics` | [`metrics`](mod@metrics) | every count | the recorder of the `metrics` facade, such as a Prometheus exporter |
//! | `opentelemetry-metrics` | [`opentelemetry`](mod@opentelemetry) | every count | a meter of the service's own OpenTelemetry SDK |
//! | `tracing` | [`tracing`](mod@tracing) | requests, calls, map operations that were slow or failed | the `tracing` subscriber |
//!
//! Bridges go beside the shipper or instead of it: without the default feature `otlp` a service compiles neither OTLP nor
//! an HTTP client. Counts are kept from the first event of the process on, whatever is installed, and objectives of maps
//! with them; objectives of request scopes from when [`Telemetry`](crate::Telemetry) is, or from
//! [`Scope::set_objectives`](crate::Scope::set_objectives) on. A value of the time since the last snapshot, such as the longest
//! time for which a guard of a map was held, goes to the reader of the next snapshot: either to the bridge or to the
//! shipper.

#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "opentelemetry-metrics")]
pub mod opentelemetry;
#[cfg(feature = "tracing")]
pub mod tracing;
