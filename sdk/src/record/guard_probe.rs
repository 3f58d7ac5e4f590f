//! The state of the probe for held guards. Comes in: requests of the snapshot, and probes that are sent and return.
//! Goes out: how long a probe was away.

use super::sync::{AtomicU64, Relaxed};

/// No probe is requested.
const IDLE: u64 = 0;

/// The next timed operation sends one.
const WANTED: u64 = 1;

/// The age at which a probe's sender first pushes it, 100 ms, and then at twice the age each time, so that a guard that
/// is held for days makes a few dozen pushes wait. Raised, a probe that was left behind is reported as a held guard for
/// longer.
const PUSH_AFTER: u64 = 100_000_000;

/// What a timed operation has to do for the probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProbeRequest {
    /// Send a probe.
    Send,
    /// Push the probe that this thread sent. It may still be with the thread: the collector takes nothing over from a
    /// thread that has retired fewer objects than there are guards.
    Push,
}

/// One probe at a time, for all maps of a name.
#[derive(Debug, Default)]
pub(super) struct GuardProbe {
    /// [`IDLE`], [`WANTED`], or the time when it was sent.
    state: AtomicU64,
    /// The thread that sent it, by number.
    sender: AtomicU64,
    /// The age at which its sender pushes it.
    push_at: AtomicU64,
    /// The longest time away since the last request.
    longest: AtomicU64,
}

impl GuardProbe {
    /// Takes the request, if there is one for the thread of this number. Relaxed, as all accesses here: the state alone
    /// is exchanged, a thread sees its own stores, and a push too many or too few does no harm.
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

    /// Ends the probe's way.
    pub(super) fn returned(&self, now: u64) {
        let sent = self.state.swap(IDLE, Relaxed);
        self.longest.fetch_max(now.saturating_sub(sent), Relaxed);
    }

    /// Returns the longest time that a probe was away since the last request, or is away by now, and requests the next
    /// probe.
    pub(super) fn request(&self, now: u64) -> u64 {
        let longest = self.longest.swap(0, Relaxed);
        match self.state.load(Relaxed) {
            IDLE => {
                // Exchanged, not stored: if two threads request at once, a probe may be away for the other one by now.
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
    fn a_probe_is_sent_once_per_request_and_reported_while_away() {
        let probe = GuardProbe::default();
        assert_eq!(probe.take(1, 10), None, "no request");
        assert_eq!(probe.request(20), 0);
        assert_eq!(probe.take(1, 30), Some(ProbeRequest::Send));
        assert_eq!(probe.take(1, 31), None, "one at a time");
        assert_eq!(probe.request(50), 20);
        probe.returned(90);
        assert_eq!(probe.take(1, 91), None);
        assert_eq!(probe.request(100), 60);
        assert_eq!(probe.take(2, 110), Some(ProbeRequest::Send));
    }

    #[test]
    fn the_sender_pushes_a_probe_at_twice_the_age_each_time() {
        let probe = GuardProbe::default();
        probe.request(5);
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

    /// Requests a probe, and sends it if this thread has to. `away` counts probes; it is not under test.
    fn request_and_send(probe: &GuardProbe, away: &AtomicUsize, now: u64) {
        assert!(probe.request(now) <= 3, "no probe was sent before 10");
        if probe.take(now, now) == Some(ProbeRequest::Send) {
            assert_eq!(away.fetch_add(1, Relaxed), 0, "one at a time");
            thread::yield_now();
            away.fetch_sub(1, Relaxed);
            probe.returned(now + 1);
        }
    }

    #[test]
    fn loom_one_probe_is_away_at_a_time_and_none_is_stuck() {
        loom::model(|| {
            let (probe, away) = (Arc::new(GuardProbe::default()), Arc::new(AtomicUsize::new(0)));
            let other = thread::spawn({
                let (probe, away) = (Arc::clone(&probe), Arc::clone(&away));
                move || request_and_send(&probe, &away, 10)
            });
            request_and_send(&probe, &away, 11);
            other.join().unwrap();
            probe.request(20);
            assert_eq!(probe.take(1, 21), Some(ProbeRequest::Send), "the next request always has an effect");
            probe.returned(25);
            assert_eq!(probe.request(30), 4, "its own time only");
        });
    }
}
