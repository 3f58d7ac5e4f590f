//! What comes in: the same counts and the same facts about single events that the shipper sends. What goes out: calls of
//! the telemetry crates that a service uses already. Never counts anything by itself, and never needs the sidecar.
//!
//! | feature | module | tells | to |
//! |---|---|---|---|
//! | `metrics` | [`metrics`](mod@metrics) | every count | the recorder of the `metrics` facade, such as a Prometheus exporter |
//! | `opentelemetry-metrics` | [`opentelemetry`](mod@opentelemetry) | every count | a meter of the service's own OpenTelemetry SDK |
//! | `tracing` | [`tracing`](mod@tracing) | requests, calls, map operations that were slow or failed | the `tracing` subscriber |
//!
//! Bridges go beside the shipper or instead of it: without the default feature `otlp` a service compiles neither OTLP nor
//! an HTTP client. Counts are kept from the first event of the process on, whatever is installed, and objectives of maps
//! with them; objectives of request scopes from when [`Telemetry`](crate::Telemetry) is, or from
//! [`Scope::set_objectives`](crate::Scope::set_objectives) on. What is told of the time since the snapshot before, as the longest that a
//! pin of a map was held, is told to whoever takes the next one: beside the shipper, to one of both.

#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "opentelemetry-metrics")]
pub mod opentelemetry;
#[cfg(feature = "tracing")]
pub mod tracing;
