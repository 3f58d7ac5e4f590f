//! What comes in: requests to flush, or for the state of shipping, from any thread. What goes out: the answer, within a
//! time that the caller chooses. Never keeps telemetry alive.

use std::sync::Arc;
use std::time::Duration;

use super::control::Control;
use super::flush_error::FlushError;
use super::health::Health;
use crate::record::Dropped;
use mapwarden_contract::Count;

/// The limit of a flush without one: a batch under way and its own, three requests each.
const FLUSH_PATIENCE: Duration = Duration::from_secs(12);

/// Flushes telemetry and reports its state from any thread, e.g. from a task that handles SIGTERM while
/// [`Telemetry`](crate::Telemetry) lives in `main`. Clones are cheap; telemetry ends with `Telemetry`, however many
/// handles there are.
///
/// Not for use within a signal handler proper, where almost nothing may be called: hand the signal to a thread or a
/// task first, as `tokio::signal` does.
///
/// ```no_run
/// # fn started(telemetry: &mapwarden::Telemetry, signal: std::sync::mpsc::Receiver<()>) {
/// let handle = telemetry.handle();
/// std::thread::spawn(move || {
///     if signal.recv().is_ok() {
///         // The process ends either way.
///         let _ = handle.flush_within(std::time::Duration::from_secs(2));
///         std::process::exit(0);
///     }
/// });
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TelemetryHandle {
    control: Arc<Control>,
}

impl TelemetryHandle {
    pub(super) fn new(control: Arc<Control>) -> Self {
        Self { control }
    }

    /// Sends a batch now, whatever pause is on, and waits until it was answered; blocks the thread for at most
    /// 12 s.
    ///
    /// # Errors
    /// The reasons of [`FlushError`]. No count is lost: the next batch carries it.
    pub fn flush(&self) -> Result<(), FlushError> {
        self.flush_within(FLUSH_PATIENCE)
    }

    /// Sends a batch now, whatever pause is on, and waits until it was answered; blocks the thread for at most this
    /// long. A batch that takes longer goes on without the caller. Flushes that wait at the same time are answered
    /// by one batch.
    ///
    /// # Errors
    /// The reasons of [`FlushError`]. No count is lost: the next batch carries it.
    pub fn flush_within(&self, limit: Duration) -> Result<(), FlushError> {
        self.control.flush(limit)
    }

    /// Returns the state of shipping. Waits for no receiver: one lock, held for a copy.
    pub fn health(&self) -> Health {
        Health { dropped: dropped(), ..self.control.health() }
    }
}

/// Everything that was dropped since the process started, by reason.
fn dropped() -> Vec<(&'static str, Count)> {
    Dropped::ALL.into_iter().map(|reason| (reason.name(), reason.count())).collect()
}
