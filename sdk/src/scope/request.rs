//! A request that the service answers. What comes in: its start, its identity and its end. What goes out: counts, verdicts
//! and a span. Never keeps a raw id.

use std::sync::Arc;
use std::time::Instant;

use opentelemetry::trace::{FutureExt as _, SpanContext, SpanKind};
use opentelemetry::{Context, KeyValue};

use super::context::{current_context, has_context};
use super::counters::{RegionCounters, ScopeCounters};
use super::current::Entered;
use super::dependency::DependencyCall;
use super::directory::scopes;
use super::installation::{Installation, installed};
use super::limits::SpanReason;
use super::scope_objectives::{ScopeObjectiveError, named};
use super::scope_outcome::{ScopeOutcome, error_type_of_drop};
use super::span_description::SpanDescription;
use super::spans::Identity;
use super::subscriber::SubscriberSpan;
use super::users::SketchGroup;
use crate::record::{Exemplar, UsersAbout, UsersKind};
use mapwarden_contract::names::{attribute, wire};
use mapwarden_contract::{Nanos, Objective, SliKind, UnixNanos, UserHash};

/// A running request. It ends by [`ok`](Self::ok), [`fail`](Self::fail) or [`cancel`](Self::cancel); dropped without
/// an end it counts as failed, with the error type `dropped`, or `panic` while its thread unwinds.
///
/// Every request is counted and timed, exactly, from the first one of the process on and whether or not telemetry
/// is installed; objectives count from when it is.
///
/// Without telemetry a request costs two clock readings, two lock-free look-ups by name and half a dozen atomic additions.
/// Telemetry adds three uncontended locks and one small allocation, entering the scope one lock more, a user or a tenant a
/// keyed hash, another uncontended lock and an insertion.
///
/// ```
/// use mapwarden::Scope;
///
/// # async fn answer() -> Result<(), &'static str> { Ok(()) }
/// # async fn handle() {
/// let scope = Scope::request("checkout").user("user-17").tenant("acme").region("eu-west-1").start();
/// match scope.run(answer()).await {
///     Ok(()) => scope.ok(),
///     Err(kind) => scope.fail(kind),
/// }
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a scope that is dropped at once counts as failed"]
pub struct Scope {
    counters: Arc<RegionCounters>,
    started: Instant,
    user: Option<UserHash>,
    tenant: Option<UserHash>,
    telemetry: Option<(Arc<Installation>, Arc<Identity>)>,
    ended: bool,
}

/// A request about to start; see [`Scope::request`].
#[derive(Debug)]
#[must_use = "the request is not counted before `start`"]
pub struct ScopeBuilder<'a> {
    name: &'a str,
    region: &'a str,
    user: Option<UserHash>,
    tenant: Option<UserHash>,
    parent: Option<Context>,
    installation: Option<Arc<Installation>>,
}

impl Scope {
    /// Returns a builder of a request to the endpoint or job of this name. A process has counters for 256 names, the rest
    /// counts as `other`: name scopes after code, never after data.
    pub fn request(name: &str) -> ScopeBuilder<'_> {
        ScopeBuilder { name, region: "", user: None, tenant: None, parent: None, installation: installed() }
    }

    /// Counts these objectives of the scope of this name from now on, in place of those that it had. For services without
    /// [`Telemetry`](crate::Telemetry); with it, its builder takes objectives. The counts are in the
    /// [`Snapshot`](crate::snapshot::Snapshot), and the bridges publish it.
    ///
    /// # Errors
    /// The reasons of [`ScopeObjectiveError`].
    pub fn set_objectives(
        name: &str,
        objectives: impl IntoIterator<Item = Objective>,
    ) -> Result<(), ScopeObjectiveError> {
        let objectives = objectives.into_iter().map(|objective| (name.to_owned(), objective));
        for (name, objectives) in named(objectives)? {
            scopes().requests.find_or_make(&name, ScopeCounters::new).set_objectives(objectives);
        }
        Ok(())
    }

    /// Starts a call to a dependency, on behalf of the scope that is current here, if there is one.
    pub fn dependency(name: &str) -> DependencyCall {
        DependencyCall::start(name)
    }

    /// Makes this the current scope whenever the future is polled, on whichever thread: slow and failed map
    /// operations and calls to dependencies within it become children of the request. The future may be spawned;
    /// a task that the future itself spawns is another future and needs a `run` of its own.
    pub fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        self.subscriber_span().run(future.with_context(self.context()))
    }

    /// Makes this the current scope on this thread until the guard is dropped, for code that does not await.
    pub fn enter(&self) -> Entered<'_> {
        Entered::new(self.context(), &self.subscriber_span())
    }

    /// Returns the trace and span of this request, for a propagator that writes them into the headers of outgoing calls;
    /// not valid while no telemetry is installed, or while spans go to a `tracing` subscriber.
    pub fn span_context(&self) -> SpanContext {
        self.telemetry.as_ref().map_or(SpanContext::NONE, |(_, identity)| identity.span_context().clone())
    }

    /// Ends the scope as successful.
    pub fn ok(mut self) {
        self.end(ScopeOutcome::Ok, None);
    }

    /// Ends the scope as failed. `kind` is a short, stable name such as `routing_miss`: the span's `error.type`.
    pub fn fail(mut self, kind: &str) {
        self.end(ScopeOutcome::Failed, Some(kind));
    }

    /// Ends the scope as cancelled: the client went away before the request ended, e.g. it closed its connection.
    ///
    /// The request is counted under the outcome `cancelled`. It is neither good nor bad for availability, and its time is
    /// in no histogram. It misses a latency objective if the threshold had passed already: a service that hangs until its
    /// clients leave is slow.
    pub fn cancel(mut self) {
        self.end(ScopeOutcome::Cancelled, None);
    }

    /// Returns the span of this request in the service's `tracing` subscriber; a disabled one while spans do not go there.
    #[cfg(feature = "tracing")]
    pub fn tracing_span(&self) -> tracing::Span {
        self.subscriber_span().span()
    }

    pub(super) fn subscriber_span(&self) -> SubscriberSpan {
        self.telemetry
            .as_ref()
            .map_or_else(SubscriberSpan::default, |(_, identity)| identity.subscriber_span())
    }

    pub(super) fn context(&self) -> Context {
        let around = current_context().unwrap_or_default();
        self.telemetry.as_ref().map_or_else(
            || around.clone(),
            |(installation, identity)| installation.tracing.within(identity, &around),
        )
    }

    fn end(&mut self, outcome: ScopeOutcome, error: Option<&str>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let duration = Nanos::from(self.started.elapsed());
        let Some((installation, identity)) = &self.telemetry else {
            return self.counters.record(duration, outcome, |_| {});
        };
        let now = UnixNanos::now();
        let mut slow = false;
        self.counters.record(duration, outcome, |missed| {
            slow |= matches!(missed.objective.sli(), SliKind::Latency { .. });
            self.saw(now, &UsersAbout::Objective(Arc::clone(&missed.name)));
        });
        self.saw(now, &UsersAbout::Scope(Arc::clone(&self.counters.scope)));
        let reason = match outcome {
            ScopeOutcome::Failed => Some(SpanReason::Failed),
            ScopeOutcome::Ok | ScopeOutcome::Cancelled => slow.then_some(SpanReason::Slow),
        };
        let ids = installation.tracing.finish(identity, reason, || self.facts(duration, outcome, error));
        // An exemplar is one of the times in the histogram.
        if let (Some(_), Some((trace, span)), ScopeOutcome::Ok | ScopeOutcome::Failed) =
            (reason, ids, outcome)
        {
            self.counters.keep(Exemplar { at: now, duration, trace, span });
        }
    }

    fn saw(&self, now: UnixNanos, about: &UsersAbout) {
        for (who, pseudonym) in [(UsersKind::User, self.user), (UsersKind::Tenant, self.tenant)] {
            if let Some(pseudonym) = pseudonym {
                let region = Arc::clone(&self.counters.region);
                scopes().users.insert(now, SketchGroup { who, about: about.clone(), region }, pseudonym);
            }
        }
    }

    fn facts(&self, duration: Nanos, outcome: ScopeOutcome, error: Option<&str>) -> SpanDescription {
        let scope = &self.counters.scope;
        let outcome = match outcome {
            ScopeOutcome::Ok => wire::OK,
            ScopeOutcome::Failed => wire::FAILED,
            ScopeOutcome::Cancelled => wire::CANCELLED,
        };
        let mut attributes = known_at_start(&self.counters, self.user, self.tenant);
        attributes.push(KeyValue::new(attribute::OUTCOME, outcome));
        attributes.extend(error.map(|error| KeyValue::new(attribute::ERROR_TYPE, error.to_owned())));
        let error = error.map(str::to_owned);
        SpanDescription { name: scope.to_string(), kind: SpanKind::Server, duration, attributes, error }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        self.end(ScopeOutcome::Failed, Some(error_type_of_drop()));
    }
}

fn known_at_start(
    counters: &RegionCounters,
    user: Option<UserHash>,
    tenant: Option<UserHash>,
) -> Vec<KeyValue> {
    let RegionCounters { scope, region, .. } = counters;
    let mut attributes = vec![
        KeyValue::new(attribute::SCOPE, scope.to_string()),
        KeyValue::new(attribute::REGION, region.to_string()),
    ];
    let pseudonym = |name, hash: UserHash| KeyValue::new(name, format!("{:016x}", hash.get()));
    attributes.extend(user.map(|user| pseudonym(attribute::USER_PSEUDONYM, user)));
    attributes.extend(tenant.map(|tenant| pseudonym(attribute::TENANT_PSEUDONYM, tenant)));
    attributes
}

impl ScopeBuilder<'_> {
    /// Sets the user of the request. The id is hashed here under the key of the telemetry, and not kept; without telemetry
    /// installed it is not even hashed.
    pub fn user(mut self, id: &str) -> Self {
        self.user = self.pseudonym(UsersKind::User, id);
        self
    }

    /// Sets the tenant of the request: the customer, of many users, of a service that serves organisations. Its id is
    /// hashed and not kept, as a user's is, under a key of its own.
    pub fn tenant(mut self, id: &str) -> Self {
        self.tenant = self.pseudonym(UsersKind::Tenant, id);
        self
    }

    fn pseudonym(&self, who: UsersKind, id: &str) -> Option<UserHash> {
        self.installation.as_ref().map(|installation| installation.key.pseudonym(who, id))
    }

    /// Starts the scope and its clock. It becomes a child of its parent, or of the span of the current context.
    pub fn start(self) -> Scope {
        let Self { name, region, user, tenant, parent, installation } = self;
        let counters = scopes().requests.find_or_make(name, ScopeCounters::new).region(region);
        // Without a context, as in the last destructors of a thread, requests only count.
        let telemetry = installation.filter(|_| has_context()).map(|installation| {
            let around = parent.unwrap_or_else(Context::current);
            let attributes = || known_at_start(&counters, user, tenant);
            let identity = installation.tracing.begin(&counters.scope, &around, attributes);
            (installation, Arc::new(identity))
        });
        Scope { counters, started: Instant::now(), user, tenant, telemetry, ended: false }
    }

    /// Sets the parent span in another process, as a propagator read it from the request's headers.
    pub fn parent(mut self, context: Context) -> Self {
        self.parent = Some(context);
        self
    }
}

impl<'a> ScopeBuilder<'a> {
    /// Sets the region that the request comes from. A scope has counters for 64 regions, the rest counts as `other`.
    pub fn region(mut self, region: &'a str) -> Self {
        self.region = region;
        self
    }
}
