//! What comes in: a [`Snapshot`](crate::record::Snapshot) each interval, and spans. What goes out: OTLP over HTTP
//! to the sidecar. Never blocks the service's threads, never grows without bound, and never fails the service:
//! with a dead receiver everything goes on but the telling.
//!
//! | what | how it survives a lost batch |
//! |---|---|
//! | counts, histograms | cumulative: the next batch carries them |
//! | users | a slot is sent until a batch made after its end was confirmed, two minutes at most |
//! | spans | wait in a bounded queue |

mod backoff;
mod builder;
mod encode;
mod post;
mod resource;
mod shipper;
mod span_queue;
mod telemetry;

pub use builder::{InstallError, TelemetryBuilder};
pub use shipper::FlushError;
pub use telemetry::Telemetry;

#[cfg(test)]
pub(crate) use span_queue::SpanQueue;
