//! What comes in: requests, calls and map operations that ended, with the reason why each deserves a span. What
//! goes out: spans of an `opentelemetry` tracer. Never creates a span to throw it away: whether there will be one
//! is decided first, and a span of our own tracer is made whole, after the fact.
//!
//! A request has its trace id and span id from its start, so that what is told about its parts while it runs
//! names the right parent. A request whose part was told is told too.
//!
//! A service's own spans are left alone: our spans travel beside them, in a context value, unless the service
//! lent us its tracer. A span of ours that went to another backend than theirs would be a parent that nobody
//! finds there, and its sampling would decide about theirs.

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

use super::alive::is_alive;
use super::limits::{Limits, Why};
use super::subscriber::{Lent, Subscriber};
use crate::record::{Dropped, SpanIds, random};
use mapwarden_contract::{Nanos, Ratio};

/// Requests within requests that are told because a part of the innermost was. Raised, a deeper nest is told whole,
/// and a request may keep more of those around it alive.
const MAX_DEPTH: usize = 32;

/// Makes spans.
#[derive(Debug)]
pub(crate) struct Tracing {
    pub(crate) target: Target,
    /// The share of requests that are told whatever happens to them.
    pub(crate) ratio: Ratio,
    pub(crate) limits: Limits,
}

/// Stands where our own tracer would, which is never made without the shipper.
#[cfg(not(feature = "otlp"))]
type SdkTracer = BoxedTracer;

/// Whose tracer makes the spans.
#[derive(Debug)]
pub(crate) enum Target {
    /// Ours: spans are made when a request has ended and deserves one, under the ids it was given.
    Own(SdkTracer),
    /// The service's: spans are begun with the request, and the service's sampler decides.
    Host(BoxedTracer),
    /// The service's `tracing` subscriber instead of any tracer.
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "there is none without the feature"))]
    Subscriber(Subscriber),
}

/// A running request as its parts see it; travels in the `opentelemetry` context.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The name of its scope.
    scope: Arc<str>,
    context: SpanContext,
    parent: SpanContext,
    /// The running request within which this one runs; cut when this one ends, so that a job that schedules its
    /// successor leaves no chain behind.
    outer: Mutex<Option<Arc<Self>>>,
    /// How many requests this one runs within.
    depth: usize,
    ended: AtomicBool,
    /// Whether a part was told, so that the whole must be.
    wanted: AtomicBool,
    /// The span of a service's own tracer, taken when the request ends.
    host: Mutex<Option<BoxedSpan>>,
    /// The span of the service's subscriber, taken when the request ends.
    lent: Mutex<Lent>,
}

/// What a span says.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) duration: Nanos,
    pub(crate) attributes: Vec<KeyValue>,
    /// The kind of the error, which makes the span's status an error.
    pub(crate) error: Option<String>,
}

impl Identity {
    pub(crate) fn span_context(&self) -> &SpanContext {
        &self.context
    }

    pub(crate) fn scope(&self) -> &Arc<str> {
        &self.scope
    }

    /// The span of the service's subscriber, if it gets any.
    pub(crate) fn lent(&self) -> Lent {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for the spans of this request and of those around it, because a part of it was told.
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

    /// Whether another request may still link to this one.
    fn is_open(&self) -> bool {
        // Relaxed: a link to a request that ends at this moment costs a request more that is remembered.
        !self.ended.load(Ordering::Relaxed) && self.depth < MAX_DEPTH
    }

    /// Ends it, and cuts it off the request around it.
    fn end(&self) -> Option<Arc<Self>> {
        self.ended.store(true, Ordering::Relaxed);
        self.outer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Tracing {
    /// Gives a request its ids, and decides whether it is one of the sampled share. A subscriber is told what is known
    /// already.
    pub(crate) fn begin(
        &self,
        scope: &Arc<str>,
        around: &Context,
        told: impl FnOnce() -> Vec<KeyValue>,
    ) -> Identity {
        let parent = self.parent(around);
        let mut lent = Lent::default();
        let outer = around.get::<Arc<Identity>>().filter(|outer| outer.is_open()).cloned();
        let (context, host) = match &self.target {
            Target::Own(_) => (self.own_context(&parent), None),
            Target::Host(tracer) => {
                let builder = SpanBuilder::from_name(scope.to_string()).with_kind(SpanKind::Server);
                let span = tracer.build_with_context(builder, around);
                (span.span_context().clone(), Some(span))
            }
            Target::Subscriber(subscriber) => {
                lent = subscriber.request(&told());
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
            lent: Mutex::new(lent),
        }
    }

    /// The context in which the request's work runs, within the one around it.
    pub(crate) fn within(&self, identity: &Arc<Identity>, around: &Context) -> Context {
        let within = around.with_value(Arc::clone(identity));
        match &self.target {
            Target::Own(_) | Target::Subscriber(_) => within,
            Target::Host(_) => within.with_remote_span_context(identity.context.clone()),
        }
    }

    /// The span under which something belongs that happens in this context.
    fn parent(&self, around: &Context) -> SpanContext {
        match (&self.target, around.get::<Arc<Identity>>()) {
            (Target::Own(_), Some(identity)) => identity.context.clone(),
            (Target::Own(_), None) | (Target::Host(_) | Target::Subscriber(_), _) => {
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
        let sampled = chosen && self.limits.allow(Why::Sampled, Instant::now());
        let flags = TraceFlags::default().with_sampled(sampled);
        SpanContext::new(trace, random_span_id(), flags, false, state)
    }

    /// Tells a request that ended, if it was chosen at its start, a part of it was told, or there is a reason
    /// now; says under which ids. The facts are put together only then.
    pub(crate) fn finish(
        &self,
        identity: &Identity,
        why: Option<Why>,
        facts: impl Fn() -> Facts,
    ) -> Option<SpanIds> {
        let outer = identity.end();
        if !is_alive() {
            Dropped::SpanLost.add(u64::from(why.is_some()));
            return None;
        }
        match &self.target {
            Target::Own(tracer) => {
                let told = identity.context.is_sampled() || identity.wanted.load(Ordering::Relaxed);
                if !told && !why.is_some_and(|why| self.limits.allow(why, Instant::now())) {
                    return None;
                }
                if let Some(outer) = outer {
                    outer.want();
                }
                PLANNED.set(Some((identity.context.trace_id(), identity.context.span_id())));
                let parent = under(&identity.parent);
                let ids = tell(&facts(), |builder| tracer.build_with_context(builder, &parent));
                PLANNED.set(None);
                ids
            }
            Target::Host(_) => {
                let span = identity.host.lock().unwrap_or_else(PoisonError::into_inner).take();
                let mut span = span.filter(BoxedSpan::is_recording)?;
                let facts = facts();
                span.set_attributes(facts.attributes);
                if let Some(error) = facts.error {
                    span.set_status(Status::error(error));
                }
                span.end();
                ids(span.span_context())
            }
            Target::Subscriber(subscriber) => {
                let lent = std::mem::take(&mut *identity.lent.lock().unwrap_or_else(PoisonError::into_inner));
                lent.record_end(&facts);
                if why.is_some_and(|why| self.limits.allow(why, Instant::now())) {
                    let _within = lent.enter();
                    subscriber.tell(&facts());
                }
                None
            }
        }
    }

    /// Tells a part of whatever runs in this context, as long as the limit allows, and says under which ids.
    pub(crate) fn part(&self, around: &Context, why: Why, facts: impl FnOnce() -> Facts) -> Option<SpanIds> {
        if !is_alive() || !self.limits.allow(why, Instant::now()) {
            return None;
        }
        if let Some(identity) = around.get::<Arc<Identity>>() {
            identity.want();
        }
        let parent = under(&self.parent(around));
        match &self.target {
            Target::Own(tracer) => tell(&facts(), |builder| tracer.build_with_context(builder, &parent)),
            Target::Host(tracer) => tell(&facts(), |builder| tracer.build_with_context(builder, &parent)),
            Target::Subscriber(subscriber) => {
                subscriber.tell(&facts());
                None
            }
        }
    }

    /// Begins the span of a call to a dependency where the service's subscriber is told.
    pub(crate) fn call(&self, told: impl FnOnce() -> Vec<KeyValue>) -> Lent {
        match &self.target {
            Target::Own(_) | Target::Host(_) => Lent::default(),
            Target::Subscriber(subscriber) => subscriber.call(&told()),
        }
    }

    /// Whether whatever runs in this context was chosen when it began.
    pub(crate) fn is_sampled(&self, around: &Context) -> bool {
        match &self.target {
            Target::Own(_) | Target::Host(_) => self.parent(around).is_sampled(),
            // It has a span of every call.
            Target::Subscriber(_) => false,
        }
    }
}

/// The context of something under this span, or of a root: samplers take even an invalid span for a parent, and
/// its flags for a decision.
fn under(parent: &SpanContext) -> Context {
    if parent.is_valid() { Context::new().with_remote_span_context(parent.clone()) } else { Context::new() }
}

/// Makes a whole span of something that ended just now; none that its sampler let go has ids.
fn tell<S: opentelemetry::trace::Span>(
    facts: &Facts,
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
    let is_told = context.is_valid() && context.is_sampled();
    is_told.then(|| (context.trace_id().to_bytes(), context.span_id().to_bytes()))
}

thread_local! {
    static PLANNED: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
}

/// Gives a span that is made after the fact the ids which its request had from the start.
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
