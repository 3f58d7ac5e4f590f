//! The bridge to `tracing`, as recorded by a layer of a real subscriber.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mapwarden::bridge::tracing::{InUse, install};
use mapwarden::snapshot::Snapshot;
use mapwarden::{HashMap, InstallError, Objective, Scope};
use mapwarden_contract::names::{attribute as name, wire};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::with_default;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::receiver::{Receiver, orders, turn};

/// Fields by name, as they are displayed.
#[derive(Clone, Debug, Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let before = self.0.insert(field.name(), format!("{value:?}"));
        assert!(before.is_none(), "{field} is recorded twice");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let before = self.0.insert(field.name(), value.to_owned());
        assert!(before.is_none(), "{field} is recorded twice");
    }
}

impl Fields {
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

/// A span that closed, or an event.
#[derive(Clone, Debug)]
struct Recorded {
    kind: &'static str,
    level: Level,
    /// The `otel.name` of the span around it.
    within: Option<String>,
    fields: Fields,
}

/// A layer that keeps spans and events with our target, and the service's own events.
#[derive(Clone, Debug, Default)]
struct Capture(Arc<Mutex<Vec<Recorded>>>);

impl Capture {
    /// Returns the spans and events that were recorded while `work` ran.
    fn during(&self, work: impl FnOnce()) -> Vec<Recorded> {
        with_default(tracing_subscriber::registry().with(self.clone()), work);
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Capture {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        values.record(span.extensions_mut().get_mut::<Fields>().unwrap());
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let within = context.event_span(event).map(|span| otel_name(&span));
        let level = *event.metadata().level();
        self.0.lock().unwrap().push(Recorded { kind: "event", level, within, fields });
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        let fields = span.extensions().get::<Fields>().unwrap().clone();
        let (kind, level) = (span.metadata().name(), *span.metadata().level());
        let within = span.parent().map(|parent| otel_name(&parent));
        self.0.lock().unwrap().push(Recorded { kind, level, within, fields });
    }
}

fn otel_name<S: for<'a> LookupSpan<'a>>(span: &tracing_subscriber::registry::SpanRef<'_, S>) -> String {
    span.extensions().get::<Fields>().unwrap().get("otel.name").to_owned()
}

/// Returns (kind, name, enclosing span) of everything recorded, in order: a span by its `otel.name`, an event by its
/// message.
fn outline(recorded: &[Recorded]) -> Vec<(&str, &str, &str)> {
    recorded
        .iter()
        .map(|recorded| {
            let named = if recorded.kind == "event" { "message" } else { "otel.name" };
            (recorded.kind, recorded.fields.get(named), recorded.within.as_deref().unwrap_or(""))
        })
        .collect()
}

#[test]
fn requests_and_calls_are_spans_and_failures_events() {
    let _turn = turn();
    let capture = Capture::default();
    let bridge = install().unwrap();
    let recorded = capture.during(|| {
        let scope = Scope::request("traced").user("ann").tenant("acme").region("eu").start();
        {
            let _entered = scope.enter();
            tracing::info!("the service's own");
            Scope::dependency("traced-fine").ok();
            Scope::dependency("traced-call").fail("timeout");
            Scope::request("traced-inner").start().ok();
        }
        scope.fail("routing_miss");
        tracing::info!("after it");
    });
    drop(bridge);
    let expected = [
        ("event", "the service's own", "traced"),
        ("dependency", "traced-fine", "traced"),
        ("event", "traced-call failed", "traced-call"),
        ("dependency", "traced-call", "traced"),
        ("request", "traced-inner", "traced"),
        ("event", "traced failed", "traced"),
        ("request", "traced", ""),
        ("event", "after it", ""),
    ];
    assert_eq!(outline(&recorded), expected);
    let request = &recorded[6];
    assert_eq!(request.level, Level::INFO);
    let fields = [
        (name::SCOPE, "traced"),
        (name::REGION, "eu"),
        (name::OUTCOME, wire::FAILED),
        (name::ERROR_TYPE, "routing_miss"),
        ("otel.kind", "server"),
        ("otel.status_code", "ERROR"),
    ];
    for (name, value) in fields {
        assert_eq!(request.fields.get(name), value, "{name}");
    }
    let pseudonyms = [name::USER_PSEUDONYM, name::TENANT_PSEUDONYM].map(|name| request.fields.get(name));
    assert!(pseudonyms.iter().all(|pseudonym| pseudonym.len() == 16), "{pseudonyms:?}");
    let call = &recorded[3].fields;
    let fields = [
        (name::DEPENDENCY, "traced-call"),
        (name::PEER_SERVICE, "traced-call"),
        (name::OUTCOME, wire::FAILED),
        (name::ERROR_TYPE, "timeout"),
        ("otel.kind", "client"),
    ];
    for (name, value) in fields {
        assert_eq!(call.get(name), value, "{name}");
    }
    assert_eq!(
        (recorded[1].fields.get(name::OUTCOME), recorded[1].fields.get("otel.status_code")),
        (wire::OK, "")
    );
    let failed = &recorded[2];
    assert_eq!((failed.level, failed.fields.get(name::ERROR_TYPE)), (Level::WARN, "timeout"));
}

#[test]
fn a_rejected_map_operation_is_an_event_within_its_request() {
    let _turn = turn();
    let capture = Capture::default();
    let map: HashMap<u32, u32> = HashMap::builder().name("traced-map").max_entries(1).build();
    let bridge = install().unwrap();
    let recorded = capture.during(|| {
        let scope = Scope::request("traced-filling").start();
        {
            let _entered = scope.enter();
            let map = map.pin();
            (0..3).for_each(|key| drop(map.try_insert(key, 0)));
        }
        scope.ok();
    });
    drop(bridge);
    let rejected = recorded.iter().filter(|recorded| recorded.fields.get(name::OUTCOME) == "rejected");
    let rejected: Vec<_> = rejected.collect();
    assert_eq!(rejected.len(), 2, "{recorded:?}");
    for event in rejected {
        assert_eq!((event.kind, event.within.as_deref()), ("event", Some("traced-filling")));
        assert_eq!(event.fields.get("message"), "traced-map try_insert failed");
        let recorded = [name::MAP, name::OP, name::ERROR_TYPE].map(|name| event.fields.get(name));
        assert_eq!(recorded, ["traced-map", "try_insert", "rejected"]);
    }
}

#[test]
fn the_span_of_a_scope_follows_its_future() {
    let _turn = turn();
    let capture = Capture::default();
    let bridge = install().unwrap();
    let recorded = capture.during(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let work = |task: u32| async move {
                let scope = Scope::request(&format!("traced-task-{task}")).start();
                let steps = async move {
                    for step in 0..3 {
                        tokio::task::yield_now().await;
                        tracing::info!("{task}-{step}");
                    }
                };
                scope.run(steps).await;
                tracing::info!("{task}-outside");
                scope.ok();
            };
            let tasks: Vec<_> = (0..4).map(|task| tokio::spawn(work(task))).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
    drop(bridge);
    let events = outline(&recorded);
    for task in 0..4 {
        let around = format!("traced-task-{task}");
        for step in 0..3 {
            assert!(events.contains(&("event", &format!("{task}-{step}"), &around)), "{events:?}");
        }
        assert!(events.contains(&("event", &format!("{task}-outside"), "")), "{events:?}");
        assert!(events.contains(&("request", &around, "")), "{events:?}");
    }
}

#[test]
fn telemetry_ships_counts_and_leaves_spans_to_the_subscriber() {
    let _turn = turn();
    let receiver = Receiver::start();
    let capture = Capture::default();
    let telemetry = orders(receiver.address)
        .trace_ratio(1.0)
        .scope_objective("traced-slow", Objective::latency(Duration::from_nanos(1), 0.99).unwrap())
        .tracing()
        .install()
        .unwrap();
    assert_eq!(install().unwrap_err(), InUse);
    let recorded = capture.during(|| {
        let scope = Scope::request("traced-slow").start();
        assert!(!scope.tracing_span().is_disabled());
        scope.ok();
        Scope::request("traced-left").start().cancel();
    });
    telemetry.flush().unwrap();
    let expected = [
        ("event", "traced-slow was slow", "traced-slow"),
        ("request", "traced-slow", ""),
        ("request", "traced-left", ""),
    ];
    assert_eq!(outline(&recorded), expected);
    assert_eq!(recorded[2].fields.get(name::OUTCOME), wire::CANCELLED);
    assert!(receiver.spans().is_empty(), "sent once");
    let of = [(name::SCOPE, "traced-slow"), (name::REGION, ""), (name::OUTCOME, "ok")];
    assert_eq!(receiver.metrics().value(wire::REQUESTS.name, &of), Some(1.0));
    drop(telemetry);
    let bridge = install().unwrap();
    let refused = orders(receiver.address).install().unwrap_err();
    assert!(matches!(refused, InstallError::AlreadyInstalled), "{refused}");
    drop(bridge);
    drop(orders(receiver.address).install().unwrap());
}

/// Uses the SDK when its thread ends, and ends the request that it holds.
#[derive(Default)]
struct AtTheEnd(Option<Scope>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        drop(self.0.take());
        let scope = Scope::request("traced-end").start();
        let entered = scope.enter();
        Scope::dependency("traced-end-call").fail("x");
        drop(entered);
        scope.fail("x");
    }
}

thread_local! {
    static AT_THE_END: RefCell<AtTheEnd> = RefCell::default();
}

#[test]
fn the_last_destructors_of_a_thread_need_no_subscriber() {
    let _turn = turn();
    // The subscriber of the process, because that of the thread is gone by then; it writes through a thread-local
    // buffer.
    let written =
        tracing_subscriber::fmt().with_writer(std::io::sink).with_span_events(FmtSpan::FULL).finish();
    tracing::subscriber::set_global_default(written).unwrap();
    let bridge = install().unwrap();
    let thread = |work: fn()| std::thread::spawn(work).join().unwrap();
    // Thread-locals are dropped in the reverse order of their first use.
    thread(|| AT_THE_END.with_borrow_mut(|end| end.0 = Some(Scope::request("traced-end").start())));
    thread(|| {
        let scope = Scope::request("traced-end").start();
        AT_THE_END.with_borrow_mut(|end| end.0 = Some(scope));
    });
    thread(|| AT_THE_END.with_borrow(|_| ()));
    drop(bridge);
    let scopes = Snapshot::take().scopes;
    let scope = scopes.iter().find(|scope| &*scope.name == "traced-end").unwrap();
    assert_eq!(scope.regions[0].failed.get(), 5);
}

#[test]
fn nothing_is_recorded_without_a_bridge() {
    let _turn = turn();
    let recorded = Capture::default().during(|| {
        let scope = Scope::request("untold").start();
        assert!(scope.tracing_span().is_disabled());
        scope.fail("x");
    });
    assert!(recorded.is_empty(), "{recorded:?}");
}
