//! What comes in: requests and calls as they begin and end, and map operations that were slow or failed. What goes out:
//! spans and events of the service's `tracing` subscriber. Never lets a panic of the subscriber out where code runs in
//! destructors, and never decides what the subscriber keeps.

use std::panic::{AssertUnwindSafe, catch_unwind};

use opentelemetry::KeyValue;
use tracing::field::Empty;
use tracing::span::EnteredSpan;
use tracing::{Instrument as _, Level, Span};

use super::span_description::SpanDescription;
use crate::record::Dropped;
use mapwarden_contract::names::attribute;

/// The target of every span and event, for filters.
const TARGET: &str = "mapwarden";

/// The attributes that are recorded at the end of a span; the others are recorded at its start.
const AT_THE_END: [&str; 2] = [attribute::OUTCOME, attribute::ERROR_TYPE];

/// The service's subscriber: the one that is current at each call.
#[derive(Debug)]
pub(crate) struct Subscriber;

impl Subscriber {
    /// Begins the span of a request.
    pub(super) fn request(&self, attributes: &[KeyValue]) -> SubscriberSpan {
        let span = || {
            tracing::span!(
                target: TARGET,
                Level::INFO,
                "request",
                otel.name = Empty,
                otel.kind = "server",
                otel.status_code = Empty,
                mapwarden.scope = Empty,
                mapwarden.region = Empty,
                mapwarden.outcome = Empty,
                enduser.pseudo.id = Empty,
                mapwarden.tenant.pseudo.id = Empty,
                error.type = Empty,
            )
        };
        SubscriberSpan::begun(span, attribute::SCOPE, attributes)
    }

    /// Begins the span of a call to a dependency.
    pub(super) fn call(&self, attributes: &[KeyValue]) -> SubscriberSpan {
        let span = || {
            tracing::span!(
                target: TARGET,
                Level::INFO,
                "dependency",
                otel.name = Empty,
                otel.kind = "client",
                otel.status_code = Empty,
                mapwarden.dependency = Empty,
                peer.service = Empty,
                mapwarden.outcome = Empty,
                error.type = Empty,
            )
        };
        SubscriberSpan::begun(span, attribute::DEPENDENCY, attributes)
    }

    /// Emits an event about something slow or failed, within the current span.
    pub(super) fn report(&self, facts: &SpanDescription) {
        let text = |name| find(&facts.attributes, name).map(ToString::to_string);
        let what = if facts.error.is_some() { "failed" } else { "was slow" };
        guarded(|| {
            tracing::event!(
                target: TARGET,
                Level::WARN,
                mapwarden.map = text(attribute::MAP),
                mapwarden.op = text(attribute::OP),
                mapwarden.dependency = text(attribute::DEPENDENCY),
                mapwarden.outcome = text(attribute::OUTCOME),
                error.type = text(attribute::ERROR_TYPE),
                duration = ?facts.duration.to_duration(),
                "{} {what}",
                facts.name,
            );
        });
    }
}

/// A span of the service's subscriber, or none.
#[derive(Clone, Debug, Default)]
pub(crate) struct SubscriberSpan(Option<Span>);

impl SubscriberSpan {
    fn begun(make: impl FnOnce() -> Span, named: &str, attributes: &[KeyValue]) -> Self {
        let span = guarded(|| {
            let span = make();
            record(&span, attributes.iter().filter(|attribute| !attribute.value.as_str().is_empty()));
            if let Some(name) = find(attributes, named) {
                span.record("otel.name", &*name.as_str());
            }
            span
        });
        Self(span)
    }

    /// The span itself.
    pub(super) fn span(&self) -> Span {
        self.0.clone().unwrap_or_else(Span::none)
    }

    /// Makes it current whenever the future is polled.
    pub(super) fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        future.instrument(self.span())
    }

    /// Makes it current on this thread.
    pub(super) fn enter(&self) -> SubscriberSpanGuard {
        let span = self.0.clone();
        SubscriberSpanGuard(guarded(|| span.map(Span::entered)).flatten())
    }

    /// Records the end.
    pub(super) fn record_end(&self, describe: impl FnOnce() -> SpanDescription) {
        let Some(span) = self.0.as_ref().filter(|span| !span.is_disabled()) else { return };
        let description = describe();
        guarded(|| {
            let at_the_end =
                |attribute: &&KeyValue| AT_THE_END.iter().any(|name| attribute.key.as_str() == *name);
            record(span, description.attributes.iter().filter(at_the_end));
            if description.error.is_some() {
                span.record("otel.status_code", "ERROR");
            }
        });
    }
}

impl Drop for SubscriberSpan {
    fn drop(&mut self) {
        if let Some(span) = self.0.take() {
            guarded(|| drop(span));
        }
    }
}

/// While this lives, the span is current on its thread.
#[derive(Debug)]
pub(crate) struct SubscriberSpanGuard(Option<EnteredSpan>);

impl Drop for SubscriberSpanGuard {
    fn drop(&mut self) {
        if let Some(entered) = self.0.take() {
            guarded(|| drop(entered));
        }
    }
}

fn find<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a opentelemetry::Value> {
    attributes.iter().find(|attribute| attribute.key.as_str() == name).map(|attribute| &attribute.value)
}

fn record<'a>(span: &Span, attributes: impl Iterator<Item = &'a KeyValue>) {
    for attribute in attributes {
        span.record(attribute.key.as_str(), &*attribute.value.as_str());
    }
}

/// Calls the subscriber. A panic of it, e.g. because a thread-local is gone, is counted and goes no further.
fn guarded<T>(call: impl FnOnce() -> T) -> Option<T> {
    let called = catch_unwind(AssertUnwindSafe(call));
    if called.is_err() {
        Dropped::SpanLost.add(1);
    }
    called.ok()
}
