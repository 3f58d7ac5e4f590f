//! A call to a dependency of the service: a database, another service. What comes in: its start and its end. What goes
//! out: counts and a span. Never makes the call.

use std::sync::Arc;
use std::time::Instant;

use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};

use super::context::current_context;
use super::directory::{DependencyCounters, scopes};
use super::installation::{Installation, installed};
use super::limits::SpanReason;
use super::scope_outcome::ScopeOutcome;
use super::span_description::SpanDescription;
use super::subscriber::SubscriberSpan;
use crate::record::Exemplar;
use mapwarden_contract::names::{attribute, wire};
use mapwarden_contract::{Nanos, UnixNanos};

/// A call to a dependency, from [`Scope::dependency`](super::Scope::dependency) to its end. Dropped without an
/// outcome it counts as failed, with the error type `dropped`, or `panic` while its thread unwinds.
///
/// Every call is counted and timed. A failed call, and every call of a sampled request, becomes a client span
/// under the request that was current when the call began.
#[derive(Debug)]
#[must_use = "a call that is dropped at once counts as failed"]
pub struct DependencyCall {
    counters: Arc<DependencyCounters>,
    started: Instant,
    telemetry: Option<(Arc<Installation>, Context)>,
    /// The span of the service's subscriber, dropped when the call ends.
    subscriber_span: SubscriberSpan,
    ended: bool,
}

impl DependencyCall {
    pub(super) fn start(name: &str) -> Self {
        let counters = scopes()
            .dependencies
            .find_or_make(name, |name| DependencyCounters { name, times: super::counters::Times::new() });
        let telemetry = installed().and_then(|installation| Some((installation, current_context()?)));
        let subscriber_span = telemetry.as_ref().map_or_else(SubscriberSpan::default, |(installation, _)| {
            installation.tracing.call(|| known_at_start(&counters))
        });
        Self { counters, started: Instant::now(), telemetry, subscriber_span, ended: false }
    }

    /// Ends the call as successful.
    pub fn ok(mut self) {
        self.end(None);
    }

    /// Ends the call as failed. `kind` is a short, stable name such as `timeout`: the span's `error.type`.
    pub fn fail(mut self, kind: &str) {
        self.end(Some(kind));
    }

    fn end(&mut self, error: Option<&str>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let duration = Nanos::from(self.started.elapsed());
        let outcome = if error.is_some() { ScopeOutcome::Failed } else { ScopeOutcome::Ok };
        self.counters.times.record(duration, outcome);
        let Some((installation, around)) = &self.telemetry else { return };
        let subscriber_span = std::mem::take(&mut self.subscriber_span);
        subscriber_span.record_end(|| self.facts(duration, error));
        let _within = subscriber_span.enter();
        if error.is_some() || installation.tracing.is_sampled(around) {
            let ids = installation
                .tracing
                .record_part(around, SpanReason::Dependency, || self.facts(duration, error));
            if let (Some(_), Some((trace, span))) = (error, ids) {
                self.counters.times.keep(Exemplar { at: UnixNanos::now(), duration, trace, span });
            }
        }
    }

    fn facts(&self, duration: Nanos, error: Option<&str>) -> SpanDescription {
        let name = self.counters.name.to_string();
        let outcome = if error.is_some() { wire::FAILED } else { wire::OK };
        let mut attributes = known_at_start(&self.counters);
        attributes.push(KeyValue::new(attribute::OUTCOME, outcome));
        attributes.extend(error.map(|error| KeyValue::new(attribute::ERROR_TYPE, error.to_owned())));
        SpanDescription {
            name,
            kind: SpanKind::Client,
            duration,
            attributes,
            error: error.map(str::to_owned),
        }
    }
}

fn known_at_start(counters: &DependencyCounters) -> Vec<KeyValue> {
    let name = counters.name.to_string();
    vec![KeyValue::new(attribute::DEPENDENCY, name.clone()), KeyValue::new(attribute::PEER_SERVICE, name)]
}

impl Drop for DependencyCall {
    fn drop(&mut self) {
        self.end(Some(super::scope_outcome::error_type_of_drop()));
    }
}
