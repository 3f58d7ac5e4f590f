//! What the threads of the service and of the shipper exchange: flushes, the end, and the state of shipping. Flushes that
//! wait are a number, and one batch answers all of them: nothing queues up. Never waits without a limit.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::flush_error::FlushError;
use super::health::Health;

/// Shared by every handle and the thread.
#[derive(Debug)]
pub(crate) struct Control {
    /// Where the thread runs. In a forked child it does not, and a lock may be held for ever: nothing here is
    /// touched there.
    process: u32,
    state: Mutex<ControlState>,
    /// Wakes the shipper's thread.
    requested: Condvar,
    /// Wakes the service's threads.
    answered: Condvar,
}

#[derive(Debug)]
struct ControlState {
    /// Flushes asked for so far.
    asked: u64,
    /// How many of them were answered, the oldest first.
    answered: u64,
    /// How the last batch went that answered a flush.
    outcome: Result<(), FlushError>,
    /// When everything must have ended, once it is to end.
    stop_by: Option<Instant>,
    has_ended: bool,
    health: Health,
}

/// The reason for which the thread wakes up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// It is time for the next batch.
    Interval,
    /// A caller waits for a batch.
    Flush(Ticket),
    /// Telemetry ends, and these still wait.
    Stop(Ticket),
}

/// Every flush that was asked for up to now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

/// The side of the service.
impl Control {
    /// For the thread that is about to start in this process.
    pub(crate) fn new() -> Self {
        let health = Health { is_shipping: true, ..Health::default() };
        let (asked, answered, outcome, stop_by, has_ended) = (0, 0, Ok(()), None, false);
        Self {
            process: std::process::id(),
            state: Mutex::new(ControlState { asked, answered, outcome, stop_by, has_ended, health }),
            requested: Condvar::new(),
            answered: Condvar::new(),
        }
    }

    /// Whether this is a child of the process in which the thread runs.
    pub(crate) fn is_forked(&self) -> bool {
        std::process::id() != self.process
    }

    /// Asks for a batch and waits until it was answered.
    pub(crate) fn flush(&self, within: Duration) -> Result<(), FlushError> {
        if self.is_forked() {
            return Err(FlushError::Forked);
        }
        let mut state = self.lock();
        if state.stop_by.is_some() {
            return Err(FlushError::Ended);
        }
        state.asked += 1;
        let mine = state.asked;
        self.requested.notify_one();
        let waited = self
            .answered
            .wait_timeout_while(state, within, |state| state.answered < mine && !state.has_ended)
            .unwrap_or_else(PoisonError::into_inner);
        let state = waited.0;
        if state.answered >= mine {
            state.outcome.clone()
        } else if state.has_ended {
            Err(FlushError::Ended)
        } else {
            Err(FlushError::TimedOut(within))
        }
    }

    /// Makes the thread send what is left within `last` and end, and waits for that. Returns whether it ended within
    /// `patience`.
    pub(crate) fn stop(&self, last: Duration, patience: Duration) -> bool {
        let mut state = self.lock();
        let now = Instant::now();
        state.stop_by = Some(now.checked_add(last).unwrap_or(now));
        state.health.is_shipping = false;
        self.requested.notify_one();
        let waited = self.answered.wait_timeout_while(state, patience, |state| !state.has_ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.has_ended
    }

    /// Returns the state of shipping.
    pub(crate) fn health(&self) -> Health {
        if self.is_forked() { Health::default() } else { self.lock().health.clone() }
    }
}

/// The side of the shipper's thread.
impl Control {
    /// Waits until there is something to do.
    pub(crate) fn wait(&self, until: Instant) -> Wake {
        let mut state = self.lock();
        loop {
            if state.stop_by.is_some() {
                return Wake::Stop(Ticket(state.asked));
            }
            if state.answered < state.asked {
                return Wake::Flush(Ticket(state.asked));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Wake::Interval;
            }
            state = self.requested.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Answers every flush of this ticket.
    pub(crate) fn answer(&self, Ticket(answered): &Ticket, outcome: Result<(), FlushError>) {
        let mut state = self.lock();
        (state.answered, state.outcome) = (*answered, outcome);
        self.answered.notify_all();
    }

    /// When everything must have ended, once it is to end.
    pub(crate) fn stop_by(&self) -> Option<Instant> {
        self.lock().stop_by
    }

    /// Changes the state of shipping.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Health)) {
        change(&mut self.lock().health);
    }

    /// Marks the thread as ended.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        state.health.is_shipping = false;
        self.answered.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, ControlState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_batch_answers_every_flush_that_waits() {
        let control = Control::new();
        let far = Instant::now() + Duration::from_secs(600);
        assert_eq!(control.wait(Instant::now()), Wake::Interval);
        std::thread::scope(|threads| {
            let waiting: Vec<_> =
                (0..3).map(|_| threads.spawn(|| control.flush(Duration::from_secs(600)))).collect();
            while control.lock().asked < 3 {
                std::thread::yield_now();
            }
            let Wake::Flush(ticket) = control.wait(far) else { panic!("a flush") };
            control.answer(&ticket, Err(FlushError::Refused { why: "no".to_owned() }));
            for flush in waiting {
                let refused = flush.join().unwrap().unwrap_err();
                assert_eq!(refused.to_string(), "the receiver refused part of the batch: no");
            }
        });
        assert_eq!(control.wait(Instant::now()), Wake::Interval, "nothing is left to answer");
    }

    #[test]
    fn unanswered_flushes_end() {
        let control = Control::new();
        let limit = Duration::from_millis(1);
        assert!(matches!(control.flush(limit), Err(FlushError::TimedOut(after)) if after == limit));
        assert!(!control.stop(limit, limit));
        assert_eq!(control.wait(Instant::now()), Wake::Stop(Ticket(1)), "the end comes before the flush");
        control.end();
        assert!(control.stop(limit, limit));
        assert!(matches!(control.flush(Duration::from_secs(600)), Err(FlushError::Ended)));
        assert!(!control.health().is_shipping);
    }
}
