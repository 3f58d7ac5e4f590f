//! What comes in: one sink's mailbox. What goes out: attempts, one at a time, in order. Never gives up while the
//! sidecar runs, unless the sink says that it will never take the message.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use super::LAST_TIME;
use super::mailbox::{Attempt, Mailbox};
use super::sink::{Failure, Sink};
use mapwarden_engine::notice::NoticeEvent;

/// The first pause after a failure. Raised, a hiccup delays a page; lowered, a restarting receiver is hammered.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause. Raised, a receiver that came back waits longer for its notices; lowered, one that is down
/// for hours is asked more often.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often a sink that repeats itself does so: Alertmanager forgets alerts that are not sent again. Also how
/// often the gauge of what waits is set anew, which the exposition would otherwise forget.
const REPEAT: Duration = Duration::from_secs(30);

/// The task of one sink.
pub(super) struct Worker {
    mailbox: Arc<Mailbox>,
    sink: Sink,
    /// Failures in a row.
    failures: u32,
    /// When the next attempt may be made.
    not_before: Instant,
    /// How many events are being sent: one or none.
    in_flight: usize,
}

impl Worker {
    /// A worker that has not tried anything yet.
    pub(super) fn new(mailbox: Arc<Mailbox>, sink: Sink) -> Self {
        Self { mailbox, sink, failures: 0, not_before: Instant::now(), in_flight: 0 }
    }

    /// Works until the mailbox is closed, and then makes a last attempt for each event, within [`LAST_TIME`].
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

    /// Tries once; what fails waits for its next turn.
    async fn attempt(&mut self, event: NoticeEvent) {
        self.in_flight = 1;
        self.mailbox.tell_pending(self.in_flight);
        match self.sink.send(&event).await {
            Ok(()) => {
                self.mailbox.count(Attempt::Delivered);
                self.reached();
            }
            Err(Failure::Refused(reason)) => {
                self.mailbox.count(Attempt::Refused);
                let sink = self.mailbox.sink();
                tracing::error!(sink, notice = %event.notice.id, "the sink refuses the notice: {reason}");
                self.reached();
            }
            Err(Failure::Unreachable { reason, asked_pause }) => {
                self.mailbox.count(Attempt::Retried);
                self.mailbox.put_back(event);
                self.missed(&reason, asked_pause);
            }
        }
        self.in_flight = 0;
        self.mailbox.tell_pending(self.in_flight);
    }

    /// Says again what still holds, to sinks that need it.
    async fn repeat(&mut self) {
        self.mailbox.tell_pending(self.in_flight);
        match self.sink.repeat().await {
            Ok(true) => self.reached(),
            Ok(false) => {}
            Err(Failure::Refused(reason)) => {
                tracing::error!(sink = self.mailbox.sink(), "the sink refuses to be reminded: {reason}");
            }
            Err(Failure::Unreachable { reason, asked_pause }) => self.missed(&reason, asked_pause),
        }
    }

    /// The sink answered; said once after it did not.
    fn reached(&mut self) {
        if std::mem::take(&mut self.failures) > 0 {
            tracing::info!(sink = self.mailbox.sink(), "the sink is reached again");
        }
        self.not_before = Instant::now();
    }

    /// The sink did not answer; said once, however often it is tried.
    fn missed(&mut self, reason: &str, asked_pause: Option<Duration>) {
        if self.failures == 0 {
            let sink = self.mailbox.sink();
            tracing::warn!(
                sink,
                "the sink cannot be reached, its notices wait and are tried again: {reason}"
            );
        }
        self.failures = self.failures.saturating_add(1);
        let pause = asked_pause.map_or_else(
            || pause(self.failures, fastrand::f64()),
            |asked| asked.clamp(FIRST_PAUSE, 2 * LONGEST_PAUSE),
        );
        self.not_before = Instant::now() + pause;
    }
}

/// Doubles with each failure; `chance` in [0, 1) spreads it over the upper half, so that many sidecars do not
/// come back in step.
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
