//! The task of one sink. What comes in: its mailbox. What goes out: attempts, one at a time, in order. Never gives up
//! while the sidecar runs, unless the sink answers that it will never take the message.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use super::error::DeliveryError;
use super::mailbox::{Attempt, Mailbox};
use super::sink::ConnectedSink;
use mapwarden_engine::notice::NoticeEvent;

/// How long sinks have for last attempts once the events ended. Raised, a sink that is down delays the shutdown, for
/// which the wiring grants the delivery 5 s in all; lowered, a slow one misses its last notice.
const LAST_TIME: Duration = Duration::from_secs(4);

/// The first pause after a failure. Raised, a hiccup delays a page; lowered, a restarting receiver is hammered.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause. Raised, a receiver that came back waits longer for its notices; lowered, one that is down for
/// hours is tried more often.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often open notices are sent again to sinks that forget them (Alertmanager), and how often the gauge of waiting
/// events is set, which the exposition would otherwise forget. Raised, an alert nears the time after which it ends by
/// itself; lowered, more requests.
const REPEAT: Duration = Duration::from_secs(30);

/// The task of one sink.
pub(super) struct Worker {
    mailbox: Arc<Mailbox>,
    sink: ConnectedSink,
    /// Failures in a row.
    failures: u32,
    /// When the next attempt may be made.
    not_before: Instant,
    /// How many events are being sent: one or none.
    in_flight: usize,
}

impl Worker {
    /// A worker without an attempt so far.
    pub(super) fn new(mailbox: Arc<Mailbox>, sink: ConnectedSink) -> Self {
        Self { mailbox, sink, failures: 0, not_before: Instant::now(), in_flight: 0 }
    }

    /// Runs until the mailbox is closed, and then makes a last attempt for each event, within [`LAST_TIME`].
    pub(super) async fn run(mut self) {
        let mailbox = self.mailbox.clone();
        let too_late = async {
            mailbox.closed().await;
            tokio::time::sleep(LAST_TIME).await;
        };
        tokio::select! {
            biased;
            () = self.work() => {}
            () = too_late => {}
        }
        let left = mailbox.len() + self.in_flight;
        if left > 0 {
            tracing::error!(sink = mailbox.sink(), left, "stopped before the sink took every notice event");
        }
    }

    async fn work(&mut self) {
        let mut repeats = tokio::time::interval(REPEAT);
        repeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mailbox = self.mailbox.clone();
        loop {
            let not_before = self.not_before;
            let next = async {
                tokio::time::sleep_until(not_before).await;
                mailbox.take().await
            };
            tokio::select! {
                biased;
                () = mailbox.closed() => break,
                event = next => self.attempt(event).await,
                _ = repeats.tick() => self.repeat().await,
            }
        }
        for _ in 0..mailbox.len() {
            let Some(event) = mailbox.try_take() else { return };
            self.attempt(event).await;
        }
    }

    /// Tries once; what fails goes back to the mailbox.
    async fn attempt(&mut self, event: NoticeEvent) {
        self.in_flight = 1;
        self.mailbox.show_pending(self.in_flight);
        match self.sink.send(&event).await {
            Ok(()) => {
                self.mailbox.count(Attempt::Delivered);
                self.reached();
            }
            Err(DeliveryError::Refused(reason)) => {
                self.mailbox.count(Attempt::Refused);
                let sink = self.mailbox.sink();
                tracing::error!(sink, notice = %event.notice.id, "the sink refuses the notice: {reason}");
                self.reached();
            }
            Err(DeliveryError::Unreachable { reason, retry_after }) => {
                self.mailbox.count(Attempt::Retried);
                self.mailbox.put_back(event);
                self.unreached(&reason, retry_after);
            }
        }
        self.in_flight = 0;
        self.mailbox.show_pending(self.in_flight);
    }

    /// Sends open notices again to sinks that need it.
    async fn repeat(&mut self) {
        self.mailbox.show_pending(self.in_flight);
        match self.sink.repeat().await {
            Ok(true) => self.reached(),
            Ok(false) => {}
            Err(DeliveryError::Refused(reason)) => {
                tracing::error!(sink = self.mailbox.sink(), "the sink refuses a repeated notice: {reason}");
            }
            Err(DeliveryError::Unreachable { reason, retry_after }) => self.unreached(&reason, retry_after),
        }
    }

    /// Records that the sink answered; logged once after it did not.
    fn reached(&mut self) {
        if std::mem::take(&mut self.failures) > 0 {
            tracing::info!(sink = self.mailbox.sink(), "the sink can be reached again");
        }
        self.not_before = Instant::now();
    }

    /// Records that the sink did not answer; logged once, however often it is tried.
    fn unreached(&mut self, reason: &str, retry_after: Option<Duration>) {
        if self.failures == 0 {
            let sink = self.mailbox.sink();
            tracing::warn!(
                sink,
                "the sink cannot be reached, its notices wait and are tried again: {reason}"
            );
        }
        self.failures = self.failures.saturating_add(1);
        let pause = retry_after.map_or_else(
            || pause(self.failures, fastrand::f64()),
            |pause| pause.clamp(FIRST_PAUSE, 2 * LONGEST_PAUSE),
        );
        self.not_before = Instant::now() + pause;
    }
}

/// Returns a pause that doubles with each failure; `chance` in [0, 1) spreads it over the upper half, so that many
/// sidecars do not come back in step.
fn pause(failures: u32, chance: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let longest = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
    longest.mul_f64(0.5 + chance / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        let cases = [
            (1, 0.0, 250),
            (1, 1.0, 500),
            (2, 1.0, 1_000),
            (6, 1.0, 16_000),
            (7, 1.0, 30_000),
            (4_000_000_000, 0.0, 15_000),
        ];
        for (failures, chance, millis) in cases {
            assert_eq!(pause(failures, chance), Duration::from_millis(millis), "{failures} {chance}");
        }
    }
}
