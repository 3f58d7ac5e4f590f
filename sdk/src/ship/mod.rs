//! What comes in: a [`Snapshot`](crate::snapshot::Snapshot) each interval, and spans. What goes out: OTLP over HTTP
//! to the sidecar. Never blocks the service's threads, never grows without bound, and never fails the service, even with a
//! dead receiver.
//!
//! | what | how it survives a lost batch |
//! |---|---|
//! | counts, histograms | cumulative: the next batch carries them |
//! | users | a slot is sent until a batch made after its end was confirmed, two minutes at most |
//! | spans | wait in a bounded queue |
//!
//! | what a receiver does | what the shipper does |
//! |---|---|
//! | refuses the connection, resets it, keeps silent, drips, or answers something else than OTLP | gives up within 2 s, pauses for longer each time, up to 5 s with jitter |
//! | 429, 502, 503, 504 | pauses for `Retry-After`, up to 60 s, or as above |
//! | 413 | halves the request, down to single items, which then count as refused |
//! | another failure, e.g. 401 or 404 of a wrong endpoint | counts the items as refused and pauses as above |
//! | a partial success | counts what was rejected and goes on |
//!
//! What is larger than 2 MiB travels as several requests. Each signal pauses by itself. [`Telemetry::health`]
//! shows the state, and so do the self-metrics once a batch arrives; nothing is written to any log of the service.

mod backoff;
mod builder;
mod control;
mod delivery;
mod encode;
mod flush_error;
mod handle;
mod health;
mod install_error;
mod lane;
mod post;
mod resource;
mod settings;
mod shipper;
mod span_queue;
mod split;
mod telemetry;

pub use builder::TelemetryBuilder;
pub use flush_error::FlushError;
pub use handle::TelemetryHandle;
pub use health::Health;
pub use install_error::InstallError;
pub use telemetry::Telemetry;

#[cfg(test)]
pub(crate) use span_queue::SpanQueue;
