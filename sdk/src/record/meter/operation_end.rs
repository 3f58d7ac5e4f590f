//! How an operation ended. Comes in: its outcome and, of a failure, the type of its error. Goes out: whether it is
//! offered as a span for that alone.

use mapwarden_contract::Outcome;

/// The outcome of an operation, and the type of its error.
#[derive(Clone, Copy, Debug)]
pub(super) struct OperationEnd {
    pub(super) outcome: Outcome,
    pub(super) error: Option<&'static str>,
}

impl OperationEnd {
    /// Returns whether the operation is offered as a span at any duration. A failure without its error is not: the
    /// caller that knows the error offers it.
    pub(super) const fn is_bad(self) -> bool {
        matches!(self.outcome, Outcome::Rejected) || self.error.is_some()
    }
}
