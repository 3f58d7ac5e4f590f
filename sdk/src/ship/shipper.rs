//! The one background thread: a batch each interval, a batch on demand, a last batch at the end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use ureq::Agent;

use super::backoff::Backoff;
use super::encode::{self, Totals};
use super::post::{Answer, post};
use super::span_queue::SpanQueue;
use crate::contract::{Count, UnixNanos};
use crate::record::{Dropped, UsersSnapshot, registry};
use crate::scope::scopes;

/// The longest that one request may take. Raised, a slow receiver delays the next batch for longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A batch was not confirmed whole. Counts are not lost: the next batch carries them.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    /// The receiver could not be reached, was busy, or did not answer in time.
    #[error("the receiver did not confirm: {why}")]
    Unconfirmed {
        /// What happened.
        why: String,
    },
    /// The receiver will never take something of this batch.
    #[error("the receiver refused part of the batch: {why}")]
    Refused {
        /// What it said.
        why: String,
    },
    /// The shipper took too long, or has ended.
    #[error("the shipper did not answer within {0:?}")]
    TimedOut(Duration),
}

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Send now and say how it went.
    Flush(SyncSender<Result<(), FlushError>>),
    /// Send what is left and end.
    Stop,
}

/// When everything must have ended, once it is to end.
pub(crate) type Deadline = Arc<Mutex<Option<Instant>>>;

/// The thread's state.
#[derive(Debug)]
pub(crate) struct Shipper {
    pub(crate) client: Agent,
    pub(crate) endpoint: String,
    pub(crate) resource: Resource,
    pub(crate) spans: SpanQueue,
    pub(crate) start: UnixNanos,
    pub(crate) interval: Duration,
    pub(crate) deadline: Deadline,
    pub(crate) backoff: Backoff,
}

impl Shipper {
    /// Ships until it is told to stop or nobody is left to tell it.
    pub(crate) fn run(mut self, commands: &Receiver<Command>) {
        let mut next = Instant::now() + self.interval;
        loop {
            match commands.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Command::Flush(reply)) => {
                    // An error means that the caller waits no longer.
                    let _ = reply.send(self.batch());
                }
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    // What is not confirmed now is lost with the process.
                    let _ = self.batch();
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {
                    if self.backoff.is_over(Instant::now()) {
                        // Its failure is told by the pause and by what the next batch counts.
                        let _ = self.batch();
                    }
                    next = (next + self.interval).max(Instant::now());
                }
            }
        }
    }

    /// Sends everything that there is to tell, now.
    fn batch(&mut self) -> Result<(), FlushError> {
        match self.send() {
            Ok(accepted) => {
                self.backoff.succeeded();
                accepted.map_err(|Refusal { why, .. }| FlushError::Refused { why })
            }
            Err(Later { why, after }) => {
                self.backoff.failed(Instant::now(), self.interval, after, fastrand::f64());
                Err(FlushError::Unconfirmed { why })
            }
        }
    }

    /// The first request that does not get through ends the attempt: what is left waits.
    fn send(&self) -> Result<Accepted, Later> {
        // Read first, so that a confirmation covers no more than what the snapshot holds.
        let before = UnixNanos::now();
        let collected = scopes().users.generation().next();
        let snapshot = registry().snapshot();
        let now = UnixNanos::now();

        let metrics = encode::metrics(&self.resource, &snapshot, &totals(), self.start, now);
        let metrics = self.post("/v1/metrics", &metrics)?;
        let spans = self.send_spans()?;
        let users = self.send_users(snapshot.users, now)?;
        let gone = scopes().users.confirm(collected, before);
        if let Err(refusal) = &users {
            // Open slots are refused again with the next batch and count once, when they end.
            Dropped::SketchRefused.add(refusal.items(gone));
        }
        Ok(metrics.and(spans).and(users))
    }

    fn send_spans(&self) -> Result<Accepted, Later> {
        let spans = self.spans.take();
        if spans.is_empty() {
            return Ok(Ok(()));
        }
        let answer = self.post("/v1/traces", &encode::spans(&self.resource, spans.clone()));
        match &answer {
            Ok(Ok(())) => {}
            Ok(Err(refusal)) => Dropped::SpanRefused.add(refusal.items(spans.len())),
            Err(_) => self.spans.put_back(spans),
        }
        answer
    }

    fn send_users(&self, users: Vec<UsersSnapshot>, now: UnixNanos) -> Result<Accepted, Later> {
        if users.is_empty() {
            return Ok(Ok(()));
        }
        self.post("/v1/logs", &encode::users(&self.resource, users, now))
    }

    fn post(&self, path: &str, request: &impl Message) -> Result<Accepted, Later> {
        let deadline = *self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        let left =
            deadline.map_or(PATIENCE, |end| end.saturating_duration_since(Instant::now()).min(PATIENCE));
        if left.is_zero() {
            return Err(Later { why: "no time was left".to_owned(), after: None });
        }
        match post(&self.client, &format!("{}{path}", self.endpoint), request, left) {
            Answer::Confirmed => Ok(Ok(())),
            Answer::Partial { rejected, message } => {
                Ok(Err(Refusal { rejected: Some(rejected), why: format!("{path}: {message}") }))
            }
            Answer::Refused { status } => {
                Ok(Err(Refusal { rejected: None, why: format!("{path}: status {status}") }))
            }
            Answer::Later { why, after } => Err(Later { why: format!("{path}: {why}"), after }),
        }
    }
}

/// What a receiver that answered made of a request.
type Accepted = Result<(), Refusal>;

/// The receiver will never take some items, or all where it gave no number.
#[derive(Debug)]
struct Refusal {
    rejected: Option<u64>,
    why: String,
}

impl Refusal {
    /// How many of these items.
    fn items(&self, all: usize) -> u64 {
        let all = u64::try_from(all).unwrap_or(u64::MAX);
        self.rejected.map_or(all, |rejected| rejected.min(all))
    }
}

/// The receiver was not there or not ready.
#[derive(Debug)]
struct Later {
    why: String,
    after: Option<Duration>,
}

/// Numbers a batch, and reads what was dropped until now.
fn totals() -> Totals {
    static BATCHES: AtomicU64 = AtomicU64::new(0);
    Totals {
        // Relaxed: one thread at a time makes batches.
        batches: Count::new(BATCHES.fetch_add(1, Ordering::Relaxed) + 1),
        dropped: Dropped::ALL.into_iter().map(|reason| (reason.name(), reason.count())).collect(),
    }
}
