//! The one background thread. What comes in: the interval, flushes, the end. What goes out: a batch for each. Never lets a
//! signal that fails hold up another, and survives a panic while a batch is made.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use opentelemetry_proto::tonic::resource::v1::Resource;
use ureq::Agent;

use super::control::{Control, Wake};
use super::delivery::{Delivery, DeliveryFailure, deliver};
use super::encode::{self, Totals};
use super::flush_error::FlushError;
use super::lane::{Lanes, Signal};
use super::post::{Answer, post};
use super::span_queue::SpanQueue;
use super::split::Split;
use crate::record::{Dropped, Snapshot, UsersSnapshot, registry};
use crate::scope::scopes;
use mapwarden_contract::{Count, UnixNanos};

/// The longest that one request may take. Raised, a slow receiver delays the next batch for longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest that a request may take once a signal of the same batch ran out of time. Raised, a receiver that keeps
/// silent holds up a flush for longer; lowered, a receiver that was slow once gets less of the other signals.
const IMPATIENCE: Duration = Duration::from_millis(250);

/// The longest that the requests of one signal may take in one batch, where it needs several. Raised, a slow receiver
/// delays the other signals and the next batch for longer; lowered, it gets less of what a large service counts.
const SIGNAL_PATIENCE: Duration = Duration::from_secs(4);

/// The thread's state.
#[derive(Debug)]
pub(crate) struct Shipper {
    pub(crate) client: Agent,
    /// Without a slash at its end.
    pub(crate) endpoint: String,
    pub(crate) resource: Resource,
    pub(crate) spans: SpanQueue,
    pub(crate) start: UnixNanos,
    pub(crate) interval: Duration,
    pub(crate) control: Arc<Control>,
    pub(crate) lanes: Lanes,
    /// How long a request of this batch may take.
    pub(crate) patience: Duration,
    /// When the receiver last confirmed every count; the installation before the first time.
    pub(crate) confirmed: UnixNanos,
    /// A generator of its own: a service may seed `fastrand`'s global one, the same in every process.
    pub(crate) random: Rng,
}

/// The reason for a batch.
#[derive(Clone, Copy, Debug)]
enum Occasion {
    /// The interval is over: signals that pause are skipped.
    Interval,
    /// A caller waits for it, or it is the last: every signal is sent.
    Requested,
}

impl Shipper {
    /// Ships until the control stops it.
    pub(crate) fn run(mut self) {
        // Runs during a panic too, so that no caller waits for a thread that is gone.
        let _end = EndGuard(Arc::clone(&self.control));
        let mut next = Instant::now() + self.interval;
        loop {
            match self.control.wait(next) {
                Wake::Flush(ticket) => {
                    let outcome = self.batch(Occasion::Requested);
                    self.control.answer(&ticket, outcome);
                }
                Wake::Stop(ticket) => {
                    // What is not confirmed now is lost with the process.
                    let outcome = self.batch(Occasion::Requested);
                    return self.control.answer(&ticket, outcome);
                }
                Wake::Interval => {
                    // A failure shows in the pauses, in `health` and in the counts of the next batch.
                    let _ = self.batch(Occasion::Interval);
                    next = (next + self.interval).max(Instant::now());
                }
            }
        }
    }

    /// Sends everything that is due.
    fn batch(&mut self, occasion: Occasion) -> Result<(), FlushError> {
        self.guarded(|shipper| shipper.send(occasion))
    }

    /// Makes a batch, and notes the result. A panic costs this batch and no more.
    fn guarded(&mut self, make: impl FnOnce(&mut Self) -> Result<(), FlushError>) -> Result<(), FlushError> {
        let outcome = catch_unwind(AssertUnwindSafe(|| make(self)));
        let outcome = outcome.unwrap_or_else(|panic| Err(self.panicked(&*panic)));
        let consecutive_failures = self.lanes.failures();
        self.control.note(|health| {
            health.consecutive_failures = consecutive_failures;
            if let Err(error) = &outcome {
                health.last_error = Some(error.to_string());
            }
        });
        outcome
    }

    /// Tries every signal that is due.
    fn send(&mut self, occasion: Occasion) -> Result<(), FlushError> {
        self.patience = PATIENCE;
        let now = Instant::now();
        let due = self.lanes.all().map(|lane| match occasion {
            Occasion::Interval => lane.is_over(now),
            Occasion::Requested => true,
        });
        if !due.contains(&true) {
            return Ok(());
        }
        let [metrics, traces, logs] = due;
        // Read first, so that a confirmation covers no more than what the snapshot holds.
        let before = UnixNanos::now();
        let collected = scopes().users.generation().next();
        let mut snapshot = registry().snapshot();
        let users = std::mem::take(&mut snapshot.users);
        let now = UnixNanos::now();

        let metrics = metrics.then(|| self.send_metrics(&snapshot, now));
        let traces = traces.then(|| self.send_spans());
        let logs = logs.then(|| self.send_users(users, now));
        if let Some(Delivery { refused, failure: None | Some(DeliveryFailure::Refused { .. }), .. }) = &logs {
            let gone = scopes().users.confirm(collected, before);
            // Open slots are refused again with the next batch and count once, when they end.
            Dropped::SketchRefused.add(u64::try_from(gone).unwrap_or(u64::MAX).min(*refused));
        }
        first([metrics, traces, logs])
    }

    fn send_metrics(&mut self, snapshot: &Snapshot, now: UnixNanos) -> Delivery {
        let totals = Totals { batches: number(), unconfirmed: now.since(self.confirmed) };
        let batches = totals.batches;
        self.control.note(|health| health.batches = batches);
        let request = encode::metrics(&self.resource, snapshot, &totals, self.start, now);
        let delivery = self.ship(Signal::Metrics, request);
        Dropped::PointRefused.add(delivery.refused);
        if delivery.failure.is_none() {
            self.confirmed = UnixNanos::now();
            let confirmed = self.confirmed;
            self.control.note(|health| health.last_confirmed = Some(confirmed));
        }
        delivery
    }

    fn send_spans(&mut self) -> Delivery {
        let mut spans = self.spans.take();
        if spans.is_empty() {
            self.lanes.of(Signal::Traces).idle();
            return Delivery::default();
        }
        let delivery = self.ship(Signal::Traces, encode::spans(&self.resource, spans.clone()));
        Dropped::SpanRefused.add(delivery.refused);
        self.spans.put_back(spans.split_off(delivery.answered.min(spans.len())));
        delivery
    }

    fn send_users(&mut self, users: Vec<UsersSnapshot>, now: UnixNanos) -> Delivery {
        if users.is_empty() {
            self.lanes.of(Signal::Logs).idle();
            return Delivery::default();
        }
        self.ship(Signal::Logs, encode::users(&self.resource, users, now))
    }

    /// Sends the request of one signal, in parts if necessary, and notes the result.
    fn ship<P: Split>(&mut self, signal: Signal, request: P) -> Delivery {
        let url = format!("{}{}", self.endpoint, signal.path());
        let began = Instant::now();
        let end = began + SIGNAL_PATIENCE;
        let mut delivery = deliver(request, |part| self.post(&url, part, end));
        match &mut delivery.failure {
            Some(DeliveryFailure::Later { why, .. }) => {
                *why = format!("{}: {why}", signal.path());
                // More than half of a request's time is for the answer.
                if began.elapsed() >= self.patience / 2 {
                    self.patience = IMPATIENCE;
                }
            }
            Some(DeliveryFailure::Refused { why }) => *why = format!("{}: {why}", signal.path()),
            None => {}
        }
        let jitter = self.random.f64();
        self.lanes.of(signal).attempted(&delivery, Instant::now(), self.interval, jitter);
        delivery
    }

    fn post(&self, url: &str, part: &impl Split, end: Instant) -> Answer {
        // Asked each time: the end may have come since.
        let end = self.control.stop_by().map_or(end, |stop_by| stop_by.min(end));
        let left = end.saturating_duration_since(Instant::now()).min(self.patience);
        if left.is_zero() {
            return Answer::Later { why: "no time was left".to_owned(), after: None };
        }
        post(&self.client, url, part, left)
    }

    /// Counts a panic, and pauses: whatever caused it may do so again.
    fn panicked(&mut self, panic: &(dyn Any + Send)) -> FlushError {
        Dropped::BatchPanicked.add(1);
        let (now, interval) = (Instant::now(), self.interval);
        for lane in self.lanes.all() {
            lane.failed(now, interval, None, self.random.f64());
        }
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let why = text.or_else(|| panic.downcast_ref::<String>().cloned());
        FlushError::Panicked { why: why.unwrap_or_else(|| "without a message".to_owned()) }
    }
}

/// Returns the first failure; one that may still be repaired takes precedence.
fn first(deliveries: [Option<Delivery>; 3]) -> Result<(), FlushError> {
    let mut outcome = Ok(());
    for failure in deliveries.into_iter().flatten().filter_map(|delivery| delivery.failure) {
        match (failure, &outcome) {
            (DeliveryFailure::Later { why, .. }, _) => return Err(FlushError::Unconfirmed { why }),
            (DeliveryFailure::Refused { why }, Ok(())) => outcome = Err(FlushError::Refused { why }),
            (DeliveryFailure::Refused { .. }, Err(_)) => {}
        }
    }
    outcome
}

/// Numbers a batch.
fn number() -> Count {
    static BATCHES: AtomicU64 = AtomicU64::new(0);
    // Relaxed: one thread at a time makes batches.
    Count::new(BATCHES.fetch_add(1, Ordering::Relaxed) + 1)
}

/// Marks the thread as ended when it is dropped.
struct EndGuard(Arc<Control>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::resource::v1::Resource;

    use super::super::post::client;
    use super::*;

    #[test]
    fn a_panicking_batch_is_counted_and_the_next_one_is_made() {
        let control = Arc::new(Control::new());
        let mut shipper = Shipper {
            client: client(),
            endpoint: String::new(),
            resource: Resource::default(),
            spans: SpanQueue::default(),
            start: UnixNanos::EPOCH,
            interval: Duration::from_secs(1),
            control: Arc::clone(&control),
            lanes: Lanes::default(),
            patience: PATIENCE,
            confirmed: UnixNanos::EPOCH,
            random: Rng::with_seed(1),
        };
        let before = Dropped::BatchPanicked.count();
        let panicked = shipper.guarded(|_| panic!("on purpose")).unwrap_err();
        assert_eq!(panicked, FlushError::Panicked { why: "on purpose".to_owned() });
        assert_eq!(Dropped::BatchPanicked.count().saturating_sub(before), Count::new(1));
        let health = control.health();
        assert_eq!(health.consecutive_failures, 1);
        assert_eq!(health.last_error, Some("making the batch panicked: on purpose".to_owned()));
        let now = Instant::now();
        assert!(shipper.lanes.all().into_iter().all(|lane| !lane.is_over(now)), "every signal pauses");
        assert_eq!(shipper.guarded(|_| Ok(())), Ok(()));
    }
}
