//! Operations between their begin and their end. Comes in: how each one ended. Goes out: counts and times, to the cell
//! and the meter. Never loses one: an operation that is dropped without an end has panicked, and counts as failed.

use super::Meter;
use super::operation_end::OperationEnd;
use crate::record::cell::{Due, ThreadCell};
use crate::record::failures::PANIC;
use crate::record::outcomes::usual_outcome;
use crate::record::{KeyHash, clock, current_scope};
use mapwarden_contract::{Nanos, Op, Outcome};

/// An operation on the cold path between its begin and its end: it is timed, of a shared cell, or on the whole map. It
/// counts as failed if it is dropped without an end, because a panic passed through.
#[derive(Debug)]
#[must_use]
pub(crate) struct RunningOperation<'m> {
    pub(super) meter: &'m Meter,
    pub(super) cell: &'m ThreadCell,
    pub(super) op: Op,
    /// Its weight, if it is timed.
    pub(super) due: Option<Due>,
    /// When it began, see [`clock`]; 0 before its clock starts.
    pub(super) at: u64,
    /// The key that it is a sample of, if keys are hashed.
    pub(super) key: Option<KeyHash>,
}

/// An operation on the hot path: only what a panic needs.
#[derive(Debug)]
#[must_use]
pub(crate) struct UntimedOperation<'m> {
    pub(super) meter: &'m Meter,
    pub(super) cell: &'m ThreadCell,
    pub(super) op: Op,
}

/// Whether the end of an operation read the clock, so that the map may do other slow work too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Counted only.
    Untimed,
    /// Counted and timed.
    Timed,
}

impl Meter {
    /// Begins an operation on one key: a load and a store.
    ///
    /// # Errors
    /// The operation takes the cold path: it is due to be timed, or the cell is shared.
    #[inline(always)]
    pub(crate) fn begin_untimed<'m>(
        &'m self,
        cell: &'m ThreadCell,
        op: Op,
    ) -> Result<UntimedOperation<'m>, Due> {
        match cell.due(op) {
            None => Ok(UntimedOperation { meter: self, cell, op }),
            Some(due) => Err(due),
        }
    }

    /// Begins an operation for which [`Meter::begin_untimed`] returned this error. Its clock does not start yet.
    pub(crate) fn begin_due<'m>(&'m self, cell: &'m ThreadCell, op: Op, due: Due) -> RunningOperation<'m> {
        let due = cell.is_timed(op, due).then_some(due);
        RunningOperation { meter: self, cell, op, due, at: 0, key: None }
    }

    /// Begins an operation on one key that is off the hot path, timed or not, and starts its clock.
    pub(crate) fn begin<'m>(&'m self, cell: &'m ThreadCell, op: Op) -> RunningOperation<'m> {
        let due = cell.due(op).filter(|due| cell.is_timed(op, *due));
        let mut running = RunningOperation { meter: self, cell, op, due, at: 0, key: None };
        running.start();
        running
    }

    /// Begins an operation that is always timed, and starts its clock.
    pub(crate) fn begin_always<'m>(&'m self, cell: &'m ThreadCell, op: Op) -> RunningOperation<'m> {
        RunningOperation { meter: self, cell, op, due: Some(Due::ALWAYS), at: clock::now(), key: None }
    }

    /// Returns the time now, for an operation that may end on another thread.
    #[cfg(feature = "single-flight")]
    pub(crate) fn clock() -> u64 {
        clock::now()
    }

    /// Begins an operation that is always timed and began at `at`.
    #[cfg(feature = "single-flight")]
    pub(crate) fn begin_since(&self, op: Op, at: u64) -> RunningOperation<'_> {
        RunningOperation { meter: self, cell: self.cell(), op, due: Some(Due::ALWAYS), at, key: None }
    }
}

impl UntimedOperation<'_> {
    /// Counts the operation: a load and a store. Only the usual outcome is counted inline: the address of its slot does
    /// not depend on what the operation loads, so that the processor counts while the map still looks up. A slot chosen
    /// by the result would have to wait for the map's loads.
    #[inline(always)]
    pub(crate) fn end(self, outcome: Outcome) {
        let Self { cell, op, .. } = self;
        // First, so that the count cannot unwind into this operation's drop.
        std::mem::forget(self);
        let usual = usual_outcome(op);
        if outcome == usual {
            cell.count(op, usual);
        } else {
            cell.count_unusual(op, outcome);
        }
    }

    /// Drops the operation without a count: another one is counted in its place.
    pub(crate) fn abandon(self) {
        std::mem::forget(self);
    }
}

impl Drop for UntimedOperation<'_> {
    // Inlined, so that the fields stay in registers until a panic needs them.
    #[inline(always)]
    fn drop(&mut self) {
        self.meter.panicked(self.cell, self.op);
    }
}

impl RunningOperation<'_> {
    /// Returns whether it is timed.
    pub(crate) const fn is_timed(&self) -> bool {
        self.due.is_some()
    }

    /// Makes it a sample of this key when it ends.
    pub(crate) fn sample(&mut self, key: Option<KeyHash>) {
        self.key = key;
    }

    /// Starts the clock, if it is timed.
    pub(crate) fn start(&mut self) {
        self.at = if self.due.is_some() { clock::now() } else { 0 };
    }

    /// Counts the operation, with its time and key if it was timed.
    pub(crate) fn end(self, outcome: Outcome) -> Ended {
        let key = self.key;
        self.end_as(OperationEnd { outcome, error: None }, key)
    }

    /// Counts the operation as failed with an error of this type. It is a sample of no key.
    pub(crate) fn fail(self, error: &'static str) -> Ended {
        self.end_as(OperationEnd { outcome: Outcome::Failed, error: Some(error) }, None)
    }

    /// Drops the operation without a count: another one is counted in its place.
    pub(crate) fn abandon(self) {
        std::mem::forget(self);
    }

    fn end_as(self, end: OperationEnd, key: Option<KeyHash>) -> Ended {
        let Self { meter, cell, op, due, at, key: _ } = self;
        std::mem::forget(self);
        let Some(due) = due else {
            cell.count_any(op, end.outcome);
            if let Some(error) = end.error {
                meter.failures.add(op, error);
            }
            if end.is_bad() {
                meter.offer_bad(op, end, Nanos::ZERO);
            }
            return Ended::Untimed;
        };
        let now = meter.end(cell, op, end, (at, due));
        if let Some(key) = key {
            meter.samples.add(key, current_scope(), (due.weight, now));
        }
        Ended::Timed
    }
}

impl Drop for RunningOperation<'_> {
    fn drop(&mut self) {
        match self.due {
            Some(due) if self.at != 0 => {
                let end = OperationEnd { outcome: Outcome::Failed, error: Some(PANIC) };
                self.meter.end(self.cell, self.op, end, (self.at, due));
            }
            Some(_) | None => self.meter.panicked(self.cell, self.op),
        }
    }
}
