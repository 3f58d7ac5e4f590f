//! Operations between their begin and their end. Comes in: how each ended. Goes out: counts and times, to the cell and
//! the meter. Dropped without an end an operation failed: a panic passed through.

use super::Meter;
use crate::record::cell::{Due, ThreadCell};
use crate::record::failures::PANIC;
use crate::record::outcomes::usual_outcome;
use crate::record::{KeyHash, clock, current_scope};
use mapwarden_contract::{Nanos, Op, Outcome};

/// An operation on the cold way between its begin and its end: to be timed, of a shared cell, or on the whole map.
/// Dropped without an end it failed: a panic passed through.
#[derive(Debug)]
#[must_use]
pub(crate) struct Running<'m> {
    pub(super) meter: &'m Meter,
    pub(super) cell: &'m ThreadCell,
    pub(super) op: Op,
    /// What it stands for, if it is timed.
    pub(super) due: Option<Due>,
    /// When it began, see [`clock`]; 0 before.
    pub(super) at: u64,
    /// The key that it is a sample of, if somebody asks for samples.
    pub(super) key: Option<KeyHash>,
}

/// An operation on the hot way: nothing but what a panic needs.
#[derive(Debug)]
#[must_use]
pub(crate) struct Untimed<'m> {
    pub(super) meter: &'m Meter,
    pub(super) cell: &'m ThreadCell,
    pub(super) op: Op,
}

/// Whether an operation's end read the clock, which is when slower facts may be looked up too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Counted only.
    Untimed,
    /// Counted and timed.
    Timed,
}

/// How an operation ended, and of what it failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    pub(super) error: Option<&'static str>,
}

impl Ending {
    /// Whether it is offered as a span however fast it was. A failure without its error is offered by who knows it.
    pub(super) const fn is_bad(self) -> bool {
        matches!(self.outcome, Outcome::Rejected) || self.error.is_some()
    }
}

impl Untimed<'_> {
    /// Counts the operation: a load and a store. Only the usual outcome is counted in line: its slot's address
    /// depends on nothing that the operation loads, so that the processor counts while the map still looks up. A
    /// slot chosen by the result would put its load behind the map's.
    #[inline(always)]
    pub(crate) fn end(self, outcome: Outcome) {
        let Self { cell, op, .. } = self;
        // First, so that the count is no place from which a panic could come back here.
        std::mem::forget(self);
        let usual = usual_outcome(op);
        if outcome == usual {
            cell.count(op, usual);
        } else {
            cell.count_unusual(op, outcome);
        }
    }

    /// Forgets the operation: another one is counted in its place.
    pub(crate) fn abandon(self) {
        std::mem::forget(self);
    }
}

impl Drop for Untimed<'_> {
    // Inlined, so that the parts stay in registers until a panic needs them.
    #[inline(always)]
    fn drop(&mut self) {
        self.meter.panicked(self.cell, self.op);
    }
}

impl Running<'_> {
    /// Whether it is to be timed.
    pub(crate) const fn is_timed(&self) -> bool {
        self.due.is_some()
    }

    /// Takes it as a sample of this key when it ends.
    pub(crate) fn sample(&mut self, key: Option<KeyHash>) {
        self.key = key;
    }

    /// Starts the clock, if it is to be timed.
    pub(crate) fn start(&mut self) {
        self.at = if self.due.is_some() { clock::now() } else { 0 };
    }

    /// Counts the operation, with its time and key if it was timed.
    pub(crate) fn end(self, outcome: Outcome) -> Ended {
        let key = self.key;
        self.end_as(Ending { outcome, error: None }, key)
    }

    /// Counts the operation as failed of an error of this type, which is a sample of no key.
    pub(crate) fn fail(self, error: &'static str) -> Ended {
        self.end_as(Ending { outcome: Outcome::Failed, error: Some(error) }, None)
    }

    /// Forgets the operation: another one is counted in its place.
    pub(crate) fn abandon(self) {
        std::mem::forget(self);
    }

    fn end_as(self, ending: Ending, key: Option<KeyHash>) -> Ended {
        let Self { meter, cell, op, due, at, key: _ } = self;
        std::mem::forget(self);
        let Some(due) = due else {
            cell.count_any(op, ending.outcome);
            if let Some(error) = ending.error {
                meter.failures.add(op, error);
            }
            if ending.is_bad() {
                meter.offer_bad(op, ending, Nanos::ZERO);
            }
            return Ended::Untimed;
        };
        let now = meter.end(cell, op, ending, (at, due));
        if let Some(key) = key {
            meter.samples.add(key, current_scope(), (due.weight, now));
        }
        Ended::Timed
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        match self.due {
            Some(due) if self.at != 0 => {
                let ending = Ending { outcome: Outcome::Failed, error: Some(PANIC) };
                self.meter.end(self.cell, self.op, ending, (self.at, due));
            }
            Some(_) | None => self.meter.panicked(self.cell, self.op),
        }
    }
}
