//! Why a sink did not take a message.

use std::time::Duration;

/// Why a sink did not take a message.
#[derive(Debug)]
pub(super) enum DeliveryError {
    /// Not now; the sink may take the same message later.
    Unreachable {
        /// What happened.
        reason: String,
        /// How long the sink asks to wait before the next attempt.
        retry_after: Option<Duration>,
    },
    /// The sink will never take this message.
    Refused(String),
}
