//! The reasons why a flush is not confirmed.

use std::time::Duration;

/// The reason why a batch was not confirmed as a whole. No count is lost: the next batch carries them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    /// The receiver could not be reached, was busy, or did not answer in time.
    #[error("the receiver did not confirm: {why}")]
    Unconfirmed {
        /// What went wrong.
        why: String,
    },
    /// The receiver refused a part of this batch for good.
    #[error("the receiver refused part of the batch: {why}")]
    Refused {
        /// The reason that it gave.
        why: String,
    },
    /// The shipper did not answer within the limit of the caller.
    #[error("the shipper did not answer within {0:?}")]
    TimedOut(Duration),
    /// Making the batch panicked.
    #[error("making the batch panicked: {why}")]
    Panicked {
        /// The panic's message.
        why: String,
    },
    /// Telemetry has ended: its [`Telemetry`](crate::Telemetry) was dropped.
    #[error("telemetry has ended, its handle was dropped")]
    Ended,
    /// This process was forked after telemetry was installed, and the thread that ships is its parent's.
    #[error(
        "this process was forked after telemetry was installed and has no shipper: install after the fork"
    )]
    Forked,
}
