//! The state of a map at its previous snapshot. Comes in: totals of the cells, and times. Goes out, from the
//! difference: which threads became slow, when the map was last written, how many seconds were fresh. Pure.

use super::sampler::one_in;
use mapwarden_contract::{Count, Nanos, UnixNanos};

/// The shortest time over which a thread's rate is judged, 100 ms. Lowered, a short pause of a thread looks like a low
/// rate.
const PACE: u64 = 100_000_000;

const SECOND: u64 = 1_000_000_000;

/// The state between two snapshots; times are nanoseconds of the recorder's clock.
#[derive(Debug)]
pub(super) struct PreviousSnapshot {
    paced_at: u64,
    /// Operations by cell.
    totals: Vec<u64>,
    writes: u64,
    created_at: u64,
    /// The time of the last write that a snapshot saw, or of the map's creation.
    written_at: u64,
    last_write: Option<UnixNanos>,
    /// By the thresholds of the freshness objectives: no more than a map may have.
    seconds: Vec<JudgedSeconds>,
}

/// The seconds of a map's life by one threshold.
#[derive(Debug)]
struct JudgedSeconds {
    threshold: Nanos,
    /// The end of the judged seconds.
    judged_at: u64,
    fresh: u64,
    stale: u64,
}

impl PreviousSnapshot {
    pub(super) const fn new(now: u64) -> Self {
        Self {
            paced_at: now,
            totals: Vec::new(),
            writes: 0,
            created_at: now,
            written_at: now,
            last_write: None,
            seconds: Vec::new(),
        }
    }

    /// Takes the operations that each cell has counted by now, and returns by cell the N that its rate needs; nothing
    /// while too little time has passed.
    pub(super) fn pace(&mut self, totals: Vec<u64>, now: u64) -> Vec<u64> {
        let elapsed = now.saturating_sub(self.paced_at);
        if elapsed < PACE {
            return Vec::new();
        }
        let before = self.totals.iter().copied().chain(std::iter::repeat(0));
        let wanted =
            totals.iter().zip(before).map(|(total, before)| one_in(total.saturating_sub(before), elapsed));
        let wanted = wanted.collect();
        self.paced_at = now;
        self.totals = totals;
        wanted
    }

    /// Takes the number of writes by now, and returns when the last one was seen.
    pub(super) fn written(&mut self, writes: Count, now: u64, unix: UnixNanos) -> Option<UnixNanos> {
        if writes.get() > self.writes {
            self.writes = writes.get();
            self.written_at = now;
            self.last_write = Some(unix);
        }
        self.last_write
    }

    /// Judges the whole seconds that have passed since the last judgement, after [`written`](Self::written). A second
    /// is fresh if at its end the last write was at most `threshold` ago. Returns all (fresh, stale) seconds so far.
    pub(super) fn freshness(&mut self, threshold: Nanos, now: u64) -> (Count, Count) {
        // Writes since the last snapshot may have come at any time since then: all these seconds are fresh.
        let fresh_until =
            if self.written_at == now { now } else { self.written_at.saturating_add(threshold.get()) };
        match self.seconds.iter_mut().find(|seconds| seconds.threshold == threshold) {
            Some(seconds) => seconds.judge(fresh_until, now),
            None => {
                let judged_at = self.created_at;
                let mut seconds = JudgedSeconds { threshold, judged_at, fresh: 0, stale: 0 };
                let so_far = seconds.judge(fresh_until, now);
                self.seconds.push(seconds);
                so_far
            }
        }
    }
}

impl JudgedSeconds {
    fn judge(&mut self, fresh_until: u64, now: u64) -> (Count, Count) {
        let seconds = now.saturating_sub(self.judged_at) / SECOND;
        let fresh = (fresh_until.saturating_sub(self.judged_at) / SECOND).min(seconds);
        self.fresh = self.fresh.saturating_add(fresh);
        self.stale = self.stale.saturating_add(seconds - fresh);
        self.judged_at = self.judged_at.saturating_add(seconds.saturating_mul(SECOND));
        (Count::new(self.fresh), Count::new(self.stale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_judged_by_its_operations_since_then() {
        let mut previous = PreviousSnapshot::new(0);
        assert!(previous.pace(vec![5000], PACE - 1).is_empty());
        assert_eq!(previous.pace(vec![8192 * 16, 10], SECOND), [64, 1]);
        assert_eq!(previous.pace(vec![8192 * 16 + 100, 1_000_000_000, 0], 2 * SECOND), [1, 1024, 1]);
    }

    #[test]
    fn every_second_is_judged_once_by_the_age_of_the_last_write() {
        let threshold = Nanos::from_secs(3);
        let mut previous = PreviousSnapshot::new(0);
        // (time in tenths of a second, writes by then, fresh, stale)
        let steps = [
            (15, 0, 1, 0),
            (19, 0, 1, 0),
            (40, 0, 3, 1),
            (52, 1, 4, 1),
            (82, 1, 7, 1),
            (95, 1, 7, 2),
            (200, 2, 18, 2),
            (1200, 2, 21, 99),
        ];
        for (tenths, writes, fresh, stale) in steps {
            let now = tenths * SECOND / 10;
            previous.written(Count::new(writes), now, UnixNanos::new(now));
            let expected = (Count::new(fresh), Count::new(stale));
            assert_eq!(previous.freshness(threshold, now), expected, "at {tenths}");
        }
        assert_eq!(previous.last_write, Some(UnixNanos::new(20 * SECOND)));
    }

    #[test]
    fn each_threshold_judges_the_same_seconds() {
        let mut previous = PreviousSnapshot::new(0);
        for second in 1..=10 {
            for (threshold, fresh) in [(2, 2), (5, 5)] {
                let expected = (Count::new(fresh.min(second)), Count::new(second.saturating_sub(fresh)));
                assert_eq!(previous.freshness(Nanos::from_secs(threshold), second * SECOND), expected);
            }
        }
    }
}
