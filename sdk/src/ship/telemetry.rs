//! The handle that a service keeps. Telemetry is installed from its creation to its drop.

use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use uuid::Uuid;

use super::control::Control;
use super::encode;
use super::flush_error::FlushError;
use super::handle::TelemetryHandle;
use super::health::Health;
use super::install_error::InstallError;
use super::lane::Lanes;
use super::post::client;
use super::settings::Settings;
use super::shipper::Shipper;
use super::span_queue::SpanQueue;
use crate::record::random;
use crate::scope::{
    AlreadyInstalled, Installation, PlannedIds, ScopeCounters, SpanTarget, Tracing, abandon, install, scopes,
    uninstall,
};
use mapwarden_contract::UnixNanos;
use mapwarden_contract::names::wire;

/// How long the last batch may take. Raised, a slow receiver gets more of it and the service ends later.
const LAST_BATCH: Duration = Duration::from_millis(1_800);

/// How long dropping the handle may take. Lowered towards the last batch's time, a thread that is about to end is left
/// behind.
const FAREWELL: Duration = Duration::from_secs(2);

/// The telemetry of this process, installed while this lives. Keep it in `main`, and give a [`handle`](Self::handle) to
/// code that ends the process without returning from there.
///
/// **Fork first, then install**: a child that is forked later has no thread that ships. There, a flush fails with
/// [`FlushError::Forked`] and the handle is dropped without waiting; telemetry cannot be installed again, because its
/// counts would begin with those of its parent.
///
/// ```
/// use std::time::Duration;
/// use mapwarden::{Objective, Scope, Telemetry};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let telemetry = Telemetry::builder()
///     .service("orders")
///     .version("v2.4.0")
///     .environment("production")
///     .team("checkout")
/// #   .endpoint("http://127.0.0.1:9")
///     .scope_objective("checkout", Objective::availability(0.999)?)
///     .scope_objective("checkout", Objective::latency(Duration::from_millis(250), 0.99)?)
///     .install()?;
///
/// Scope::request("checkout").user("user-17").region("eu-west-1").start().ok();
/// # drop(telemetry);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "dropping the handle stops telemetry"]
pub struct Telemetry {
    control: Arc<Control>,
    thread: Option<JoinHandle<()>>,
}

impl Telemetry {
    pub(super) fn start(settings: Settings) -> Result<Self, InstallError> {
        let Settings {
            attributes,
            endpoint,
            interval,
            trace_ratio: ratio,
            limits,
            objectives,
            pseudonym_key,
            target,
        } = settings;
        let process = process();
        if process.id != std::process::id() {
            return Err(InstallError::Forked);
        }
        let spans = SpanQueue::default();
        let target = target.unwrap_or_else(|| SpanTarget::Own(own_tracer(spans.clone())));
        install(Installation { key: pseudonym_key, tracing: Tracing { target, ratio, limits } })
            .map_err(|AlreadyInstalled| InstallError::AlreadyInstalled)?;
        scopes().users.clear();
        for (scope, objectives) in objectives {
            scopes().requests.find_or_make(&scope, ScopeCounters::new).set_objectives(objectives);
        }

        let control = Arc::new(Control::new());
        let shipper = Shipper {
            client: client(),
            endpoint,
            resource: encode::resource(attributes.of_process(process.instance)),
            spans,
            start: process.start,
            interval,
            control: Arc::clone(&control),
            lanes: Lanes::default(),
            patience: Duration::ZERO,
            confirmed: UnixNanos::now(),
            random: random(|random| random.fork()),
        };
        let thread = std::thread::Builder::new().name("mapwarden-ship".to_owned());
        match thread.spawn(move || shipper.run()) {
            Ok(thread) => Ok(Self { control, thread: Some(thread) }),
            Err(error) => {
                uninstall();
                Err(InstallError::Thread(error))
            }
        }
    }

    /// Returns a handle for other threads and tasks, e.g. for the one that handles SIGTERM.
    pub fn handle(&self) -> TelemetryHandle {
        TelemetryHandle::new(Arc::clone(&self.control))
    }

    /// Sends a batch now, whatever pause is on, and waits until it was answered; blocks the thread for at most
    /// 12 s.
    ///
    /// # Errors
    /// The reasons of [`FlushError`]. No count is lost: the next batch carries it.
    pub fn flush(&self) -> Result<(), FlushError> {
        self.handle().flush()
    }

    /// Like [`flush`](Self::flush), and blocks the thread for at most this long.
    ///
    /// # Errors
    /// The reasons of [`FlushError`]. No count is lost: the next batch carries it.
    pub fn flush_within(&self, limit: Duration) -> Result<(), FlushError> {
        self.handle().flush_within(limit)
    }

    /// Returns the state of shipping. Waits for no receiver: one lock, held for a copy.
    pub fn health(&self) -> Health {
        self.handle().health()
    }
}

impl Drop for Telemetry {
    /// Sends what is left, for at most two seconds, and ends the thread. A thread that does not end in time is left
    /// to end by itself.
    fn drop(&mut self) {
        let thread = self.thread.take();
        if self.control.is_forked() {
            // There is no such thread here, and even to let go of it is undefined.
            std::mem::forget(thread);
            abandon();
            return;
        }
        uninstall();
        if self.control.stop(LAST_BATCH, FAREWELL) {
            // A panic there is not the service's.
            let _ = thread.map(JoinHandle::join);
        }
        scopes().users.clear();
    }
}

/// What identifies this process, and separates its counts from those of the process before.
#[derive(Debug)]
struct Process {
    id: u32,
    instance: Uuid,
    start: UnixNanos,
}

/// The process in which telemetry was first installed: this one, or one from which it was forked.
fn process() -> &'static Process {
    static PROCESS: OnceLock<Process> = OnceLock::new();
    PROCESS.get_or_init(|| Process {
        id: std::process::id(),
        instance: Uuid::new_v4(),
        start: scopes().since,
    })
}

/// Returns a tracer that puts its spans into the queue. It samples nothing: a span that is not to be sent is never made.
fn own_tracer(spans: SpanQueue) -> opentelemetry_sdk::trace::SdkTracer {
    SdkTracerProvider::builder()
        .with_resource(Resource::builder_empty().build())
        .with_sampler(Sampler::AlwaysOn)
        .with_id_generator(PlannedIds)
        .with_span_processor(spans)
        .build()
        .tracer(wire::SCOPE_NAME)
}
