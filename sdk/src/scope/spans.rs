//! What comes in: requests, calls and map operations that ended, with the reason for which each gets a span. What goes
//! out: spans of an `opentelemetry` tracer. Never creates a span to throw it away: the decision comes first, and a span of
//! our own tracer is made as a whole, after the event.
//!
//! A request has its trace id and span id from its start, so that spans of its parts name the right parent while it runs.
//! A request gets a span if one of its parts got one.
//!
//! The service's own spans stay untouched: our spans travel beside them, in a context value, unless the service gave us
//! its tracer. A span of ours that goes to another backend than theirs would be a parent that does not exist there, and
//! its sampling decision would become theirs.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use fastrand::Rng;
use opentelemetry::global::{BoxedSpan, BoxedTracer};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId,
    TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
#[cfg(feature = "otlp")]
use opentelemetry_sdk::trace::{IdGenerator, SdkTracer};

use super::context::has_context;
use super::limits::{Limits, SpanReason};
use super::span_description::SpanDescription;
use super::subscriber::{Subscriber, SubscriberSpan};
use crate::record::{Dropped, SpanIds, random};
use mapwarden_contract::Ratio;

/// The depth of requests within requests that get spans because a part of the innermost got one. Raised, a deeper nest is
/// complete, and a request may keep more of its outer requests alive.
const MAX_DEPTH: usize = 32;

/// Makes spans.
#[derive(Debug)]
pub(crate) struct Tracing {
    pub(crate) target: SpanTarget,
    /// The share of requests that get a span whatever their outcome.
    pub(crate) ratio: Ratio,
    pub(crate) limits: Limits,
}

/// Stands for our own tracer, which does not exist without the shipper.
#[cfg(not(feature = "otlp"))]
type SdkTracer = BoxedTracer;

/// The receiver of spans.
#[derive(Debug)]
pub(crate) enum SpanTarget {
    /// Our tracer: a span is made when a request has ended, under the ids that it has from its start.
    Own(SdkTracer),
    /// The service's tracer: spans begin with the request, and the service's sampler decides.
    Host(BoxedTracer),
    /// The service's `tracing` subscriber instead of any tracer.
    #[cfg_attr(
        not(feature = "tracing"),
        expect(dead_code, reason = "there is no subscriber without the feature")
    )]
    Subscriber(Subscriber),
}

/// A running request as its parts see it. Travels in the `opentelemetry` context.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The name of its scope.
    scope: Arc<str>,
    context: SpanContext,
    parent: SpanContext,
    /// The running request within which this one runs; cut when this one ends, so that a job that schedules its
    /// successor leaves no chain behind.
    outer: Mutex<Option<Arc<Self>>>,
    /// The number of requests around this one.
    depth: usize,
    ended: AtomicBool,
    /// Whether a part got a span, so that this request must get one.
    wanted: AtomicBool,
    /// The span of a service's own tracer, taken when the request ends.
    host: Mutex<Option<BoxedSpan>>,
    /// The span of the service's subscriber, taken when the request ends.
    subscriber_span: Mutex<SubscriberSpan>,
}

impl Identity {
    pub(crate) fn span_context(&self) -> &SpanContext {
        &self.context
    }

    pub(crate) fn scope(&self) -> &Arc<str> {
        &self.scope
    }

    /// The span of the service's subscriber, if it gets any.
    pub(crate) fn subscriber_span(&self) -> SubscriberSpan {
        self.subscriber_span.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Requests a span of this request and of those around it, because a part of it got one.
    fn want(&self) {
        // Relaxed: read when the request ends, which its owner orders after its parts; a part that outlives its
        // request comes too late in any order.
        self.wanted.store(true, Ordering::Relaxed);
        let mut next = self.outer();
        while let Some(identity) = next {
            identity.wanted.store(true, Ordering::Relaxed);
            next = identity.outer();
        }
    }

    fn outer(&self) -> Option<Arc<Self>> {
        self.outer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns whether another request may still link to this one.
    fn is_open(&self) -> bool {
        // Relaxed: a link to a request that ends at this moment keeps one more request in memory.
        !self.ended.load(Ordering::Relaxed) && self.depth < MAX_DEPTH
    }

    /// Ends it, and cuts it off the request around it.
    fn end(&self) -> Option<Arc<Self>> {
        self.ended.store(true, Ordering::Relaxed);
        self.outer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Tracing {
    /// Gives a request its ids, and decides whether it is one of the sampled share. A subscriber receives the attributes
    /// that are known at the start.
    pub(crate) fn begin(
        &self,
        scope: &Arc<str>,
        around: &Context,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Identity {
        let parent = self.parent(around);
        let mut subscriber_span = SubscriberSpan::default();
        let outer = around.get::<Arc<Identity>>().filter(|outer| outer.is_open()).cloned();
        let (context, host) = match &self.target {
            SpanTarget::Own(_) => (self.own_context(&parent), None),
            SpanTarget::Host(tracer) => {
                let builder = SpanBuilder::from_name(scope.to_string()).with_kind(SpanKind::Server);
                let span = tracer.build_with_context(builder, around);
                (span.span_context().clone(), Some(span))
            }
            SpanTarget::Subscriber(subscriber) => {
                subscriber_span = subscriber.request(&attributes());
                (SpanContext::NONE, None)
            }
        };
        Identity {
            scope: Arc::clone(scope),
            context,
            parent,
            depth: outer.as_ref().map_or(0, |outer| outer.depth + 1),
            outer: Mutex::new(outer),
            ended: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            host: Mutex::new(host),
            subscriber_span: Mutex::new(subscriber_span),
        }
    }

    /// Returns the context in which the work of the request runs, within the one around it.
    pub(crate) fn within(&self, identity: &Arc<Identity>, around: &Context) -> Context {
        let within = around.with_value(Arc::clone(identity));
        match &self.target {
            SpanTarget::Own(_) | SpanTarget::Subscriber(_) => within,
            SpanTarget::Host(_) => within.with_remote_span_context(identity.context.clone()),
        }
    }

    /// Returns the span that is the parent of an event in this context.
    fn parent(&self, around: &Context) -> SpanContext {
        match (&self.target, around.get::<Arc<Identity>>()) {
            (SpanTarget::Own(_), Some(identity)) => identity.context.clone(),
            (SpanTarget::Own(_), None) | (SpanTarget::Host(_) | SpanTarget::Subscriber(_), _) => {
                around.span().span_context().clone()
            }
        }
    }

    fn own_context(&self, parent: &SpanContext) -> SpanContext {
        let (trace, chosen, state) = if parent.is_valid() {
            (parent.trace_id(), parent.is_sampled(), parent.trace_state().clone())
        } else {
            (random_trace_id(), random(Rng::f64) < self.ratio.get(), TraceState::NONE)
        };
        let sampled = chosen && self.limits.allow(SpanReason::Sampled, Instant::now());
        let flags = TraceFlags::default().with_sampled(sampled);
        SpanContext::new(trace, random_span_id(), flags, false, state)
    }

    /// Makes the span of a request that ended, if it was sampled at its start, a part of it got a span, or there is a reason
    /// now. Returns its ids. The description is only built in that case.
    pub(crate) fn finish(
        &self,
        identity: &Identity,
        reason: Option<SpanReason>,
        describe: impl Fn() -> SpanDescription,
    ) -> Option<SpanIds> {
        let outer = identity.end();
        if !has_context() {
            Dropped::SpanLost.add(u64::from(reason.is_some()));
            return None;
        }
        match &self.target {
            SpanTarget::Own(tracer) => {
                let is_wanted = identity.context.is_sampled() || identity.wanted.load(Ordering::Relaxed);
                if !is_wanted && !reason.is_some_and(|reason| self.limits.allow(reason, Instant::now())) {
                    return None;
                }
                if let Some(outer) = outer {
                    outer.want();
                }
                PLANNED.set(Some((identity.context.trace_id(), identity.context.span_id())));
                let parent = under(&identity.parent);
                let ids = make_span(&describe(), |builder| tracer.build_with_context(builder, &parent));
                PLANNED.set(None);
                ids
            }
            SpanTarget::Host(_) => {
                let span = identity.host.lock().unwrap_or_else(PoisonError::into_inner).take();
                let mut span = span.filter(BoxedSpan::is_recording)?;
                let facts = describe();
                span.set_attributes(facts.attributes);
                if let Some(error) = facts.error {
                    span.set_status(Status::error(error));
                }
                span.end();
                ids(span.span_context())
            }
            SpanTarget::Subscriber(subscriber) => {
                let subscriber_span = std::mem::take(
                    &mut *identity.subscriber_span.lock().unwrap_or_else(PoisonError::into_inner),
                );
                subscriber_span.record_end(&describe);
                if reason.is_some_and(|reason| self.limits.allow(reason, Instant::now())) {
                    let _within = subscriber_span.enter();
                    subscriber.report(&describe());
                }
                None
            }
        }
    }

    /// Makes the span of a part of the request in this context, as long as the limit allows. Returns its ids.
    pub(crate) fn record_part(
        &self,
        around: &Context,
        reason: SpanReason,
        describe: impl FnOnce() -> SpanDescription,
    ) -> Option<SpanIds> {
        if !has_context() || !self.limits.allow(reason, Instant::now()) {
            return None;
        }
        if let Some(identity) = around.get::<Arc<Identity>>() {
            identity.want();
        }
        let parent = under(&self.parent(around));
        match &self.target {
            SpanTarget::Own(tracer) => {
                make_span(&describe(), |builder| tracer.build_with_context(builder, &parent))
            }
            SpanTarget::Host(tracer) => {
                make_span(&describe(), |builder| tracer.build_with_context(builder, &parent))
            }
            SpanTarget::Subscriber(subscriber) => {
                subscriber.report(&describe());
                None
            }
        }
    }

    /// Begins the span of a call to a dependency, if the service's subscriber receives spans.
    pub(crate) fn call(&self, attributes: impl FnOnce() -> Vec<KeyValue>) -> SubscriberSpan {
        match &self.target {
            SpanTarget::Own(_) | SpanTarget::Host(_) => SubscriberSpan::default(),
            SpanTarget::Subscriber(subscriber) => subscriber.call(&attributes()),
        }
    }

    /// Returns whether the request in this context was sampled at its start.
    pub(crate) fn is_sampled(&self, around: &Context) -> bool {
        match &self.target {
            SpanTarget::Own(_) | SpanTarget::Host(_) => self.parent(around).is_sampled(),
            // The subscriber has a span of every call.
            SpanTarget::Subscriber(_) => false,
        }
    }
}

/// Returns a context under this span, or a root context: samplers take even an invalid span for a parent, and its flags
/// for a decision.
fn under(parent: &SpanContext) -> Context {
    if parent.is_valid() { Context::new().with_remote_span_context(parent.clone()) } else { Context::new() }
}

/// Makes the whole span of an event that ended just now. Returns no ids if its sampler dropped it.
fn make_span<S: opentelemetry::trace::Span>(
    facts: &SpanDescription,
    build: impl FnOnce(SpanBuilder) -> S,
) -> Option<SpanIds> {
    let end = SystemTime::now();
    let start = end.checked_sub(facts.duration.to_duration()).unwrap_or(end);
    let builder = SpanBuilder::from_name(facts.name.clone())
        .with_kind(facts.kind.clone())
        .with_start_time(start)
        .with_attributes(facts.attributes.iter().cloned());
    let mut span = build(builder);
    if let Some(error) = &facts.error {
        span.set_status(Status::error(error.clone()));
    }
    span.end_with_timestamp(end);
    ids(span.span_context())
}

fn ids(context: &SpanContext) -> Option<SpanIds> {
    let has_ids = context.is_valid() && context.is_sampled();
    has_ids.then(|| (context.trace_id().to_bytes(), context.span_id().to_bytes()))
}

thread_local! {
    static PLANNED: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
}

/// Gives a span that is made after the event the ids that its request had from the start.
#[derive(Debug)]
pub(crate) struct PlannedIds;

#[cfg(feature = "otlp")]
impl IdGenerator for PlannedIds {
    fn new_trace_id(&self) -> TraceId {
        PLANNED.get().map_or_else(random_trace_id, |(trace, _)| trace)
    }

    fn new_span_id(&self) -> SpanId {
        PLANNED.get().map_or_else(random_span_id, |(_, span)| span)
    }
}

/// Not zero, which OTLP reads as "no trace".
fn random_trace_id() -> TraceId {
    TraceId::from(random(|random| random.u128(1..)))
}

fn random_span_id() -> SpanId {
    SpanId::from(random(|random| random.u64(1..)))
}
