//! How an operation ended. Comes in: its outcome and, of a failure, the type of its error. Goes out: whether it is
//! offered as a span for that alone.

use mapwarden_contract::Outcome;

/// How an operation ended, and of what it failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct OperationEnd {
    pub(super) outcome: Outcome,
    pub(super) error: Option<&'static str>,
}

impl OperationEnd {
    /// Whether it is offered as a span however fast it was. A failure without its error is offered by who knows it.
    pub(super) const fn is_bad(self) -> bool {
        matches!(self.outcome, Outcome::Rejected) || self.error.is_some()
    }
}
