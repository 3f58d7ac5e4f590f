//! Where the probe of a map's guards is. Comes in: wishes of the snapshot, and probes that come and go. Goes out: for
//! how long one was on its way.

use super::sync::{AtomicU64, Relaxed};

/// Nobody asks.
const IDLE: u64 = 0;

/// The next timed operation sends one.
const WANTED: u64 = 1;

/// How old a probe is when its sender first pushes it, 100 ms; then at twice the age each time, so that a guard that is
/// held for days makes a few dozen pushes wait. Raised, a probe that was left behind is told as a held guard for longer.
const PUSH_AFTER: u64 = 100_000_000;

/// What is asked of a timed operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProbeRequest {
    /// A probe.
    Send,
    /// The one that this thread sent may still be with it: the collector takes nothing of a thread that has retired less
    /// than there are guards.
    Push,
}

/// One probe at a time for all maps of a name.
#[derive(Debug, Default)]
pub(super) struct GuardProbe {
    /// [`IDLE`], [`WANTED`], or when it was sent.
    state: AtomicU64,
    /// The number of the thread that sent it.
    sender: AtomicU64,
    /// At which age its sender pushes it.
    push_at: AtomicU64,
    /// The longest way since this was last asked.
    longest: AtomicU64,
}

impl GuardProbe {
    /// Takes the wish, if there is one for the thread of this number. Relaxed, as everything here: the state alone is
    /// exchanged, and a thread sees its own stores; a push too many or too few does no harm.
    pub(super) fn take(&self, thread: u64, now: u64) -> Option<ProbeRequest> {
        match self.state.load(Relaxed) {
            IDLE => None,
            WANTED => {
                let sent = now.max(WANTED + 1);
                self.state.compare_exchange(WANTED, sent, Relaxed, Relaxed).ok()?;
                self.sender.store(thread, Relaxed);
                self.push_at.store(PUSH_AFTER, Relaxed);
                Some(ProbeRequest::Send)
            }
            sent => {
                let age = now.saturating_sub(sent);
                if self.sender.load(Relaxed) != thread || age < self.push_at.load(Relaxed) {
                    return None;
                }
                self.push_at.store(age.saturating_mul(2), Relaxed);
                Some(ProbeRequest::Push)
            }
        }
    }

    /// The probe is back.
    pub(super) fn returned(&self, now: u64) {
        let sent = self.state.swap(IDLE, Relaxed);
        self.longest.fetch_max(now.saturating_sub(sent), Relaxed);
    }

    /// The longest time that a probe was on its way since the last question, or is by now; and asks for the next one.
    pub(super) fn ask(&self, now: u64) -> u64 {
        let longest = self.longest.swap(0, Relaxed);
        match self.state.load(Relaxed) {
            IDLE => {
                // Exchanged, not stored: where two ask at once, a probe may be on its way for the other one by now.
                let _ = self.state.compare_exchange(IDLE, WANTED, Relaxed, Relaxed);
                longest
            }
            WANTED => longest,
            sent => longest.max(now.saturating_sub(sent)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_sent_once_for_each_question_and_told_while_it_is_away() {
        let probe = GuardProbe::default();
        assert_eq!(probe.take(1, 10), None, "nobody asked");
        assert_eq!(probe.ask(20), 0);
        assert_eq!(probe.take(1, 30), Some(ProbeRequest::Send));
        assert_eq!(probe.take(1, 31), None, "one at a time");
        assert_eq!(probe.ask(50), 20);
        probe.returned(90);
        assert_eq!(probe.take(1, 91), None);
        assert_eq!(probe.ask(100), 60);
        assert_eq!(probe.take(2, 110), Some(ProbeRequest::Send));
    }

    #[test]
    fn who_sent_a_probe_pushes_it_at_twice_the_age_each_time() {
        let probe = GuardProbe::default();
        probe.ask(5);
        assert_eq!(probe.take(1, 10), Some(ProbeRequest::Send));
        let ages = [PUSH_AFTER - 1, PUSH_AFTER, PUSH_AFTER * 2 - 1, PUSH_AFTER * 2, PUSH_AFTER * 4];
        let pushes = ages.map(|age| (probe.take(2, 10 + age), probe.take(1, 10 + age).is_some()));
        assert_eq!(pushes, [false, true, false, true, true].map(|pushed| (None, pushed)));
    }
}

#[cfg(all(test, mapwarden_loom))]
mod loom_tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use loom::thread;

    use super::*;

    /// One question, and the way of one probe if it was this thread's to send. `away` is not what is tested: it counts.
    fn ask_and_send(probe: &GuardProbe, away: &AtomicUsize, now: u64) {
        assert!(probe.ask(now) <= 3, "no probe was sent before 10");
        if probe.take(now, now) == Some(ProbeRequest::Send) {
            assert_eq!(away.fetch_add(1, Relaxed), 0, "one at a time");
            thread::yield_now();
            away.fetch_sub(1, Relaxed);
            probe.returned(now + 1);
        }
    }

    #[test]
    fn loom_one_probe_is_away_at_a_time_and_none_is_ever_stuck() {
        loom::model(|| {
            let (probe, away) = (Arc::new(GuardProbe::default()), Arc::new(AtomicUsize::new(0)));
            let other = thread::spawn({
                let (probe, away) = (Arc::clone(&probe), Arc::clone(&away));
                move || ask_and_send(&probe, &away, 10)
            });
            ask_and_send(&probe, &away, 11);
            other.join().unwrap();
            probe.ask(20);
            assert_eq!(probe.take(1, 21), Some(ProbeRequest::Send), "the next question is always answered");
            probe.returned(25);
            assert_eq!(probe.ask(30), 4, "with its own way only");
        });
    }
}
