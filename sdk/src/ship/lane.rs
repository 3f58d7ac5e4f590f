//! The state of each signal: its path, its pause and its failures in a row. What comes in: deliveries. What goes out:
//! whether a signal is due. Never does IO.

use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::delivery::{Delivery, DeliveryFailure};

/// What travels, a closed set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    /// Counts, times and objectives.
    Metrics,
    /// Spans.
    Traces,
    /// Sketches of users.
    Logs,
}

impl Signal {
    /// Returns the path of the receiver (OTLP specification, OTLP/HTTP request).
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Metrics => "/v1/metrics",
            Self::Traces => "/v1/traces",
            Self::Logs => "/v1/logs",
        }
    }
}

/// One lane for each signal, so that one that fails holds up no other.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    metrics: Lane,
    traces: Lane,
    logs: Lane,
}

/// The state of one signal.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    backoff: Backoff,
    /// Attempts in a row of which not everything was confirmed.
    failures: u32,
}

impl Lanes {
    /// The lane of a signal.
    pub(crate) fn of(&mut self, signal: Signal) -> &mut Lane {
        match signal {
            Signal::Metrics => &mut self.metrics,
            Signal::Traces => &mut self.traces,
            Signal::Logs => &mut self.logs,
        }
    }

    /// Every lane.
    pub(crate) fn all(&mut self) -> [&mut Lane; 3] {
        let Self { metrics, traces, logs } = self;
        [metrics, traces, logs]
    }

    /// The failures in a row of the signal that has failed for longest.
    pub(crate) fn failures(&self) -> u32 {
        let Self { metrics, traces, logs } = self;
        metrics.failures.max(traces.failures).max(logs.failures)
    }
}

impl Lane {
    /// Returns whether its pause is over.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.backoff.is_over(now)
    }

    /// Resets the lane, because nothing waits.
    pub(crate) fn idle(&mut self) {
        *self = Self::default();
    }

    /// Continues or pauses after an attempt: the pauses for a receiver that took nothing grow, whether it may take it later
    /// or never.
    pub(crate) fn attempted(&mut self, delivery: &Delivery, now: Instant, interval: Duration, jitter: f64) {
        match &delivery.failure {
            None => self.idle(),
            Some(DeliveryFailure::Later { after, .. }) => self.failed(now, interval, *after, jitter),
            Some(DeliveryFailure::Refused { .. }) if delivery.is_received => {
                self.backoff.succeeded();
                self.failures = self.failures.saturating_add(1);
            }
            Some(DeliveryFailure::Refused { .. }) => self.failed(now, interval, None, jitter),
        }
    }

    /// Pauses, for as long as the receiver asked if it did.
    pub(crate) fn failed(&mut self, now: Instant, interval: Duration, asked: Option<Duration>, jitter: f64) {
        self.backoff.failed(now, interval, asked, jitter);
        self.failures = self.failures.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_that_take_nothing_get_pauses() {
        let later = |after| Some(DeliveryFailure::Later { why: String::new(), after });
        let refused = || Some(DeliveryFailure::Refused { why: String::new() });
        let minute = Some(Duration::from_secs(60));
        let cases = [
            ("taken", true, None, 0, 0),
            ("a part refused", true, refused(), 1, 0),
            ("refused", false, refused(), 1, 1),
            ("not there", false, later(None), 1, 1),
            ("busy, a part taken", true, later(None), 1, 1),
            ("busy and said for how long", false, later(minute), 1, 60),
        ];
        for (name, is_received, failure, failures, pause) in cases {
            let (mut lanes, now) = (Lanes::default(), Instant::now());
            let delivery = Delivery { is_received, failure, ..Delivery::default() };
            let second = Duration::from_secs(1);
            lanes.of(Signal::Traces).attempted(&delivery, now, second, 0.0);
            assert_eq!(lanes.failures(), failures, "{name}");
            let paused = (0..100).find(|pause| lanes.of(Signal::Traces).is_over(now + second * *pause));
            assert_eq!(paused, Some(pause), "{name}");
            assert!(lanes.of(Signal::Metrics).is_over(now), "{name}: no other signal waits");
            lanes.of(Signal::Traces).idle();
            assert_eq!(lanes.failures(), 0, "{name}");
        }
    }
}
