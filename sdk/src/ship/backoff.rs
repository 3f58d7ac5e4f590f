//! What comes in: failures of one signal. What goes out: when to try again, later each time. Never in step with other
//! processes.

use std::time::{Duration, Instant};

/// The longest pause that we choose. Raised, a receiver that comes back receives telemetry later.
const LONGEST: Duration = Duration::from_secs(5);

/// The longest pause that a receiver may ask for. Raised, a receiver can silence a service for longer.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// Consecutive failures, and the pause after them.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    until: Option<Instant>,
}

impl Backoff {
    /// Whether the pause is over.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }

    /// Begins again.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Pauses for what the receiver asked, or for twice as long as after the failure before; `jitter` in [0, 1)
    /// shortens our own pause by up to a half.
    pub(crate) fn failed(&mut self, now: Instant, interval: Duration, asked: Option<Duration>, jitter: f64) {
        let doubled = interval.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        let pause = match asked {
            Some(asked) => asked.min(LONGEST_ASKED),
            None => doubled.min(LONGEST.max(interval)).mul_f64(1.0 - jitter / 2.0),
        };
        self.failures = self.failures.saturating_add(1);
        self.until = now.checked_add(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_a_receiver_may_ask_for_another() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::default();
        let mut pause = |asked, jitter| {
            backoff.failed(start, second, asked, jitter);
            backoff.until.unwrap() - start
        };
        let pauses = [0; 5].map(|_| pause(None, 0.0).as_millis());
        assert_eq!(pauses, [1_000, 2_000, 4_000, 5_000, 5_000]);
        assert_eq!(pause(None, 0.5).as_millis(), 3_750);
        assert_eq!(pause(Some(Duration::from_secs(7)), 0.5).as_millis(), 7_000);
        assert_eq!(pause(Some(Duration::from_secs(900)), 0.0).as_millis(), 60_000);
        (0..100).for_each(|_| assert!(pause(None, 0.0) <= LONGEST));
        assert!(!backoff.is_over(start));
        backoff.succeeded();
        assert!(backoff.is_over(start));
    }
}
