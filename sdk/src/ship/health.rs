//! How shipping goes, as the service can ask. Never waits for a receiver.

use mapwarden_contract::{Count, UnixNanos};

/// How the telemetry of this process gets through; see [`Telemetry::health`](crate::Telemetry::health). A wrong
/// endpoint shows here: nothing is ever confirmed, and `last_error` says what answered instead.
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
    /// that was forked after the installation, where nothing else of this is told.
    pub is_shipping: bool,
    /// When a receiver last confirmed every count; `None` before the first time.
    pub last_confirmed: Option<UnixNanos>,
    /// What went wrong when something last did. Kept after things went well again.
    pub last_error: Option<String>,
    /// Attempts in a row of which something was not confirmed, of the signal that has failed for longest; 0 while
    /// all is well.
    pub consecutive_failures: u32,
    /// Batches of counts made since the process started.
    pub batches: Count,
    /// What was dropped since the process started, by reason: the reasons of the self-metric
    /// `mapwarden.ship.dropped`, in a fixed order, those with nothing too.
    pub dropped: Vec<(&'static str, Count)>,
}

impl Health {
    /// Whether the thread runs and nothing failed since a receiver last confirmed every count. False before the
    /// first batch.
    pub fn is_well(&self) -> bool {
        self.is_shipping && self.last_confirmed.is_some() && self.consecutive_failures == 0
    }
}
