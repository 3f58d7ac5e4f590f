//! Stands for the service's `tracing` subscriber without the feature `tracing`. Does nothing.

use opentelemetry::KeyValue;

use super::span_description::SpanDescription;

/// There is none.
#[derive(Debug)]
pub(crate) enum Subscriber {}

impl Subscriber {
    pub(super) fn request(&self, _: &[KeyValue]) -> SubscriberSpan {
        match *self {}
    }

    pub(super) fn call(&self, _: &[KeyValue]) -> SubscriberSpan {
        match *self {}
    }

    pub(super) fn report(&self, _: &SpanDescription) {
        match *self {}
    }
}

/// No span.
#[derive(Clone, Debug, Default)]
pub(crate) struct SubscriberSpan(());

impl SubscriberSpan {
    pub(super) fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        future
    }

    pub(super) fn enter(&self) -> SubscriberSpanGuard {
        SubscriberSpanGuard(())
    }

    pub(super) fn record_end(&self, _: impl FnOnce() -> SpanDescription) {}
}

/// Nothing is current.
#[derive(Debug)]
pub(crate) struct SubscriberSpanGuard(());
