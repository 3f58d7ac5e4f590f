//! What comes in: the key of pseudonyms and the tracer, while telemetry is installed. What goes out: both, to scopes that
//! begin, and spans of map operations. Never counts: scopes count without telemetry too.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};

use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};
use uuid::Uuid;

use super::context::{current_context, has_context};
use super::limits::SpanReason;
use super::span_description::SpanDescription;
use super::spans::{Identity, Tracing};
use crate::record::Dropped;
use crate::record::{SpanFacts, SpanIds, UsersKind, set_key_secret, set_scope_hook, set_span_hook};
use mapwarden_contract::names::attribute;
use mapwarden_contract::{Outcome, UserHash};

/// What telemetry adds to scopes.
#[derive(Debug)]
pub(crate) struct Installation {
    pub(crate) key: PseudonymKey,
    pub(crate) tracing: Tracing,
}

/// The keys under which ids of users and of tenants are hashed. They allow ids to be found by trying, so that they are
/// never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PseudonymKey {
    users: [u8; 16],
    tenants: [u8; 16],
}

impl PseudonymKey {
    /// Derives the keys from a secret, see [`UserHash::key`]; without a secret they are random.
    pub(crate) fn new(secret: Option<&str>) -> Self {
        let users = secret.map_or_else(|| Uuid::new_v4().into_bytes(), UserHash::key);
        Self { users, tenants: UserHash::tenant_key(&users) }
    }

    pub(crate) fn pseudonym(&self, who: UsersKind, id: &str) -> UserHash {
        let key = match who {
            UsersKind::User => &self.users,
            UsersKind::Tenant => &self.tenants,
        };
        UserHash::keyed(key, id)
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PseudonymKey(..)")
    }
}

/// The error of an installation beside another one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AlreadyInstalled;

static INSTALLED: RwLock<Option<Arc<Installation>>> = RwLock::new(None);

/// Makes scopes use this installation from now on.
pub(crate) fn install(installation: Installation) -> Result<(), AlreadyInstalled> {
    let mut installed = INSTALLED.write().unwrap_or_else(PoisonError::into_inner);
    if installed.is_some() {
        return Err(AlreadyInstalled);
    }
    set_key_secret(Some(installation.key.users));
    *installed = Some(Arc::new(installation));
    set_span_hook(report_map_operation);
    set_scope_hook(current_scope);
    Ok(())
}

/// Makes scopes only count from now on. Running requests keep the installation that they began with.
pub(crate) fn uninstall() {
    set_key_secret(None);
    *INSTALLED.write().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Like [`uninstall`], for a forked child: waits for no lock, because a thread that does not exist here may hold it, and
/// does not drop a tracer of the service, because its destructor may wait for such a thread too.
pub(crate) fn abandon() {
    if let Ok(mut installed) = INSTALLED.try_write() {
        std::mem::forget(installed.take());
    }
}

/// Returns what is installed: one read lock, which only an installation contends.
pub(crate) fn installed() -> Option<Arc<Installation>> {
    INSTALLED.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Makes the span of a slow or failed map operation under the current span. Runs where maps are used, in destructors and
/// during panics too, where another panic would end the process: none leaves this function.
fn report_map_operation(operation: &SpanFacts<'_>) -> Option<SpanIds> {
    let ids = catch_unwind(AssertUnwindSafe(|| {
        let installation = installed()?;
        let Some(around) = current_context() else {
            Dropped::SpanLost.add(1);
            return None;
        };
        installation.tracing.record_part(&around, SpanReason::MapOp, || map_operation(operation))
    }));
    ids.unwrap_or_else(|_| {
        Dropped::SpanLost.add(1);
        None
    })
}

/// Returns the name of the current scope. Runs where maps are used, as [`report_map_operation`] does.
fn current_scope() -> Option<Arc<str>> {
    let name =
        |context: &Context| context.get::<Arc<Identity>>().map(|identity| Arc::clone(identity.scope()));
    catch_unwind(|| if has_context() { Context::map_current(name) } else { None }).unwrap_or_default()
}

fn map_operation(operation: &SpanFacts<'_>) -> SpanDescription {
    let SpanFacts { map, op, outcome, duration, error } = *operation;
    let usual = match outcome {
        Outcome::Rejected | Outcome::Failed => Some(outcome.name()),
        Outcome::Hit
        | Outcome::Miss
        | Outcome::Inserted
        | Outcome::Replaced
        | Outcome::Updated
        | Outcome::Removed
        | Outcome::Unchanged
        | Outcome::Conflict => None,
    };
    let error = error.or(usual).map(str::to_owned);
    let mut attributes = vec![
        KeyValue::new(attribute::MAP, map.to_owned()),
        KeyValue::new(attribute::OP, op.name()),
        KeyValue::new(attribute::OUTCOME, outcome.name()),
    ];
    attributes.extend(error.clone().map(|error| KeyValue::new(attribute::ERROR_TYPE, error)));
    SpanDescription {
        name: format!("{map} {}", op.name()),
        kind: SpanKind::Internal,
        duration,
        attributes,
        error,
    }
}

#[cfg(test)]
#[cfg(feature = "otlp")]
mod tests {
    use std::time::Instant;

    use opentelemetry::trace::{Status, TracerProvider as _};
    use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData};

    use super::*;
    use crate::record::{self, span_hook};
    use crate::scope::{Limits, PlannedIds, Scope, SpanTarget};
    use crate::ship::SpanQueue;
    use mapwarden_contract::{Nanos, Op, Ratio};

    fn operation(map: &str, outcome: Outcome, error: Option<&str>) -> Option<SpanIds> {
        let (op, duration) = (Op::Get, Nanos::from_millis(3));
        span_hook(&SpanFacts { map, op, outcome, duration, error })
    }

    fn named<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
        spans.iter().find(|span| span.name == name).unwrap()
    }

    /// The only unit test that installs, because there is one installation in a process.
    #[test]
    fn slow_map_operations_get_spans_under_their_request() {
        assert_eq!(operation("not-installed", Outcome::Hit, None), None);
        assert_eq!(record::current_scope(), None);
        let queue = SpanQueue::default();
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::AlwaysOn)
            .with_id_generator(PlannedIds)
            .with_span_processor(queue.clone())
            .build();
        let tracing = Tracing {
            target: SpanTarget::Own(provider.tracer("test")),
            ratio: Ratio::ZERO,
            limits: Limits::new(Instant::now()),
        };
        install(Installation { key: PseudonymKey::new(None), tracing }).unwrap();
        let scope = Scope::request("around-map").start();
        let entered = scope.enter();
        let reported = operation("sessions", Outcome::Hit, None);
        assert_eq!(record::current_scope().as_deref(), Some("around-map"));
        drop(entered);
        assert_eq!(record::current_scope(), None);
        scope.ok();
        operation("routing", Outcome::Rejected, None);
        operation("loaded", Outcome::Failed, Some("timeout"));
        uninstall();
        assert_eq!(operation("too-late", Outcome::Hit, None), None);

        // While this was installed, operations of other tests may have been slow or failed.
        let ours = ["around-map", "sessions", "routing", "loaded", "not-installed", "too-late"];
        let is_ours = |span: &SpanData| ours.iter().any(|name| span.name.starts_with(name));
        let spans: Vec<SpanData> = queue.take().into_iter().filter(is_ours).collect();
        assert_eq!(spans.len(), 4);
        let (slow, request) = (named(&spans, "sessions get"), named(&spans, "around-map"));
        let ids = (slow.span_context.trace_id().to_bytes(), slow.span_context.span_id().to_bytes());
        assert_eq!(reported, Some(ids));
        assert_eq!(slow.parent_span_id, request.span_context.span_id());
        assert_eq!(slow.span_context.trace_id(), request.span_context.trace_id());
        assert_eq!(slow.end_time.duration_since(slow.start_time).unwrap().as_millis(), 3);
        assert_eq!(slow.status, Status::Unset);
        let rejected = named(&spans, "routing get");
        assert_eq!(rejected.status, Status::error("rejected"));
        assert!(rejected.attributes.contains(&KeyValue::new(attribute::ERROR_TYPE, "rejected")));
        assert!(rejected.attributes.contains(&KeyValue::new(attribute::MAP, "routing")));
        let failed = named(&spans, "loaded get");
        assert!(failed.attributes.contains(&KeyValue::new(attribute::ERROR_TYPE, "timeout")));
        assert!(failed.attributes.contains(&KeyValue::new(attribute::OUTCOME, "failed")));
    }
}
