//! The handle that a service keeps: it lives as long as anything is to be sent.

use std::sync::mpsc::{Sender, channel, sync_channel};
use std::sync::{Arc, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use uuid::Uuid;

use super::backoff::Backoff;
use super::builder::{InstallError, Settings, TelemetryBuilder};
use super::encode;
use super::post::client;
use super::shipper::{Command, Deadline, FlushError, Shipper};
use super::span_queue::SpanQueue;
use crate::contract::UnixNanos;
use crate::contract::names::wire;
use crate::scope::{
    AlreadyInstalled, Installation, PlannedIds, ScopeCounters, Target, Tracing, install, scopes, uninstall,
};

/// How long dropping the handle may take. Raised, a slow receiver gets more of the last batch and the service
/// ends later.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long [`Telemetry::flush`] waits: for a batch under way and for its own, three requests each.
const FLUSH_PATIENCE: Duration = Duration::from_secs(12);

/// Telemetry of this process, while it lives. Keep it in `main`.
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
    commands: Sender<Command>,
    deadline: Deadline,
    thread: Option<JoinHandle<()>>,
}

impl Telemetry {
    /// Describes the service.
    pub fn builder() -> TelemetryBuilder {
        TelemetryBuilder::new()
    }

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
        let spans = SpanQueue::default();
        let target = target.unwrap_or_else(|| Target::Own(own_tracer(spans.clone())));
        install(Installation { key: pseudonym_key, tracing: Tracing { target, ratio, limits } })
            .map_err(|AlreadyInstalled| InstallError::AlreadyInstalled)?;
        scopes().users.clear();
        for (scope, objectives) in objectives {
            scopes().requests.find_or_make(&scope, ScopeCounters::new).promise(objectives);
        }

        let deadline = Deadline::default();
        let shipper = Shipper {
            client: client(),
            endpoint,
            resource: encode::resource(attributes.of_process(process.instance)),
            spans,
            start: process.start,
            interval,
            deadline: Arc::clone(&deadline),
            backoff: Backoff::default(),
        };
        let (commands, told) = channel();
        let thread = std::thread::Builder::new().name("mapwarden-ship".to_owned());
        match thread.spawn(move || shipper.run(&told)) {
            Ok(thread) => Ok(Self { commands, deadline, thread: Some(thread) }),
            Err(error) => {
                uninstall();
                Err(InstallError::Thread(error))
            }
        }
    }

    /// Sends a batch now, whatever pause is on, and waits until it was answered; blocks the thread for at most
    /// 12 s.
    ///
    /// # Errors
    /// The receiver did not confirm all of it. Nothing is lost that the next batch could not carry.
    pub fn flush(&self) -> Result<(), FlushError> {
        let (reply, answer) = sync_channel(1);
        let timed_out = || FlushError::TimedOut(FLUSH_PATIENCE);
        self.commands.send(Command::Flush(reply)).map_err(|_| timed_out())?;
        answer.recv_timeout(FLUSH_PATIENCE).map_err(|_| timed_out())?
    }
}

impl Drop for Telemetry {
    /// Sends what is left, for at most two seconds, and ends the thread.
    fn drop(&mut self) {
        uninstall();
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now().checked_add(FAREWELL);
        // An error means that the thread has ended.
        let _ = self.commands.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic there is not the service's.
            let _ = thread.join();
        }
        scopes().users.clear();
    }
}

/// What tells this process from others, and its counts from those of the process before.
#[derive(Debug)]
struct Process {
    instance: Uuid,
    start: UnixNanos,
}

fn process() -> &'static Process {
    static PROCESS: OnceLock<Process> = OnceLock::new();
    PROCESS.get_or_init(|| Process { instance: Uuid::new_v4(), start: scopes().since })
}

/// A tracer whose spans go to the queue. It samples nothing: what should not be told is never made.
fn own_tracer(spans: SpanQueue) -> opentelemetry_sdk::trace::SdkTracer {
    SdkTracerProvider::builder()
        .with_resource(Resource::builder_empty().build())
        .with_sampler(Sampler::AlwaysOn)
        .with_id_generator(PlannedIds)
        .with_span_processor(spans)
        .build()
        .tracer(wire::SCOPE_NAME)
}
