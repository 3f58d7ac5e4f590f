//! What comes in: request scopes, calls to dependencies, and map operations that were slow or failed. What goes out:
//! spans and events of the `tracing` subscriber that the service has. Never makes an OTLP span beside them.
//!
//! With telemetry that ships its counts, call `tracing` of the builder:
//!
//! ```
//! use mapwarden::{Scope, Telemetry};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The service's own subscriber.
//! tracing_subscriber::fmt().init();
//! let telemetry = Telemetry::builder()
//!     .service("orders")
//!     .version("v2.4.0")
//!     .environment("production")
//!     .team("checkout")
//! #   .endpoint("http://127.0.0.1:9")
//!     .tracing()
//!     .install()?;
//!
//! let scope = Scope::request("checkout").region("eu-west-1").start();
//! let entered = scope.enter();
//! tracing::info!("within the request's span");
//! drop(entered);
//! scope.ok();
//! # drop(telemetry);
//! # Ok(())
//! # }
//! ```
//!
//! A service that ships nothing calls [`install`] instead.
//!
//! # Spans and events
//! | what | as | level |
//! |---|---|---|
//! | a request scope | the span `request`, from its start to its end | `INFO` |
//! | a call to a dependency | the span `dependency`, within the span that was current | `INFO` |
//! | a failed request or call, a request that missed its latency objective | an event within its span, 50 a second of each kind | `WARN` |
//! | a map operation that was slow, rejected or failed | an event within the current span, 50 a second | `WARN` |
//!
//! All have the target `mapwarden`, so that `mapwarden=warn` keeps the events and leaves the spans out. Their fields are
//! the attributes of the spans that the shipper sends: `mapwarden.scope`, `mapwarden.outcome`, `error.type` and so on.
//! `otel.name`, `otel.kind` and `otel.status_code` are for `tracing-opentelemetry`.
//!
//! # Who decides
//! The subscriber: a span is offered to it when a request begins, and there is no sampling of ours. What that costs, it
//! says; a filter that turns the spans off makes them a check of a flag.
//!
//! # Parents
//! [`Scope::run`](crate::Scope::run) and [`Scope::enter`](crate::Scope::enter) make the span current, so that what the
//! spans and events of the service are within it, and a scope within another span is its child. What
//! [`ScopeBuilder::parent`](crate::ScopeBuilder::parent) says is for OpenTelemetry; give it to `tracing-opentelemetry` by
//! `set_parent` of [`Scope::tracing_span`](crate::Scope::tracing_span).

use std::time::Instant;

use crate::scope::{self, Installation, Limits, PseudonymKey, SpanTarget, Subscriber, Tracing};
use mapwarden_contract::Ratio;

/// The error of an installation beside another one: telemetry or a bridge is installed already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "telemetry is installed in this process already: call `.tracing()` of its builder, or keep one bridge and drop it at \
     the end"
)]
pub struct InUse;

/// A handle: spans and events go to the subscriber while it lives.
#[derive(Debug)]
#[must_use = "dropping the bridge ends it"]
pub struct TracingBridge {
    _private: (),
}

/// Sends scopes, calls and map operations to the service's subscriber from now on, and ships nothing. Pseudonyms of users
/// and tenants are random, for this process alone.
///
/// # Errors
/// [`InUse`] where telemetry or a bridge is installed.
pub fn install() -> Result<TracingBridge, InUse> {
    let tracing = Tracing {
        target: SpanTarget::Subscriber(Subscriber),
        ratio: Ratio::ZERO,
        limits: Limits::new(Instant::now()),
    };
    scope::install(Installation { key: PseudonymKey::new(None), tracing })
        .map(|()| TracingBridge { _private: () })
        .map_err(|scope::AlreadyInstalled| InUse)
}

impl Drop for TracingBridge {
    fn drop(&mut self) {
        scope::uninstall();
    }
}
