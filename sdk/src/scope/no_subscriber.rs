//! What stands for the service's `tracing` subscriber without the feature `tracing`: nothing, and nothing is done.

use opentelemetry::KeyValue;

use super::spans::Facts;

/// There is none.
#[derive(Debug)]
pub(crate) enum Subscriber {}

impl Subscriber {
    pub(super) fn request(&self, _: &[KeyValue]) -> Lent {
        match *self {}
    }

    pub(super) fn call(&self, _: &[KeyValue]) -> Lent {
        match *self {}
    }

    pub(super) fn tell(&self, _: &Facts) {
        match *self {}
    }
}

/// No span.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lent(());

impl Lent {
    pub(super) fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        future
    }

    pub(super) fn enter(&self) -> LentEntered {
        LentEntered(())
    }

    pub(super) fn record_end(&self, _: impl FnOnce() -> Facts) {}
}

/// Nothing is current.
#[derive(Debug)]
pub(crate) struct LentEntered(());
