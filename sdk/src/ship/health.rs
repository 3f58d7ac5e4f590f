//! The state of shipping, for the service to read. Never waits for a receiver.

use mapwarden_contract::{Count, UnixNanos};

/// The state of this process's telemetry; see [`Telemetry::health`](crate::Telemetry::health). A wrong endpoint shows here:
/// nothing is ever confirmed, and `last_error` says what answered instead. A refused objective of a map shows in `dropped`.
///
/// ```
/// # fn report(telemetry: &mapwarden::Telemetry) {
/// let health = telemetry.health();
/// if !health.is_well() {
///     eprintln!("telemetry: {} failures in a row, the last: {:?}", health.consecutive_failures, health.last_error);
/// }
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Whether the thread that ships runs in this process: not after the handle was dropped, and not in a child
    /// that was forked after the installation, where the other fields are empty.
    pub is_shipping: bool,
    /// The time at which a receiver last confirmed every count; `None` before the first time.
    pub last_confirmed: Option<UnixNanos>,
    /// The last error. Kept after later successes.
    pub last_error: Option<String>,
    /// Failed attempts in a row, of the signal with the most; 0 while everything is confirmed.
    pub consecutive_failures: u32,
    /// Batches of counts made since the process started.
    pub batches: Count,
    /// What was dropped since the process started, by reason: every reason of the self-metric `mapwarden.ship.dropped`, in a
    /// fixed order. `objective_conflict` counts objectives of maps that contradict another one of their name,
    /// `objective_limit` those above the limit of a name.
    pub dropped: Vec<(&'static str, Count)>,
}

impl Health {
    /// Returns whether the thread runs and nothing failed since a receiver last confirmed every count. False before the
    /// first batch.
    pub fn is_well(&self) -> bool {
        self.is_shipping && self.last_confirmed.is_some() && self.consecutive_failures == 0
    }
}
