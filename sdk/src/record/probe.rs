//! Where the probe of a map's guards is. Comes in: wishes of the snapshot, and probes that come and go. Goes out: for
//! how long one was on its way.

use super::sync::{AtomicU64, Relaxed};

/// Nobody asks.
const IDLE: u64 = 0;

/// The next timed operation sends one.
const WANTED: u64 = 1;

/// One probe at a time for all maps of a name.
#[derive(Debug, Default)]
pub(super) struct GuardProbe {
    /// [`IDLE`], [`WANTED`], or when it was sent.
    state: AtomicU64,
    /// The longest way since this was last asked.
    longest: AtomicU64,
}

impl GuardProbe {
    /// Takes the wish, if there is one. Relaxed, as everything here: the state alone is exchanged.
    pub(super) fn take(&self, now: u64) -> bool {
        self.state.load(Relaxed) == WANTED
            && self.state.compare_exchange(WANTED, now.max(WANTED + 1), Relaxed, Relaxed).is_ok()
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
        assert!(!probe.take(10), "nobody asked");
        assert_eq!(probe.ask(20), 0);
        assert!(probe.take(30));
        assert!(!probe.take(31), "one at a time");
        assert_eq!(probe.ask(50), 20);
        probe.returned(90);
        assert!(!probe.take(91));
        assert_eq!(probe.ask(100), 60);
        assert!(probe.take(110));
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
        if probe.take(now) {
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
            assert!(probe.take(21), "the next question is always answered");
            probe.returned(25);
            assert_eq!(probe.ask(30), 4, "with its own way only");
        });
    }
}
