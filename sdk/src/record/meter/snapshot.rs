//! Reads the counts of a map. Comes in: its cells, beside their writers. Goes out: a [`MapSnapshot`], and a request to
//! threads that have become slow to time their next operation.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

use once_cell::race::OnceBox;

use super::{Meter, OFFERS};
use crate::record::cell::ThreadCell;
use crate::record::outcomes::{is_write, pairs, sum};
use crate::record::{Distribution, MapSnapshot, clock};
use mapwarden_contract::{Count, Nanos, Op, Outcome, UnixNanos};

impl Meter {
    /// Returns everything counted so far. Each number is at least that of the previous snapshot. Operations that end
    /// during the call may be included or not.
    pub(in crate::record) fn snapshot(&self) -> MapSnapshot {
        let cells: Vec<&ThreadCell> =
            self.exclusive.iter().chain(&self.shared).filter_map(OnceBox::get).collect();
        let (now, unix) = (clock::now(), UnixNanos::now());
        let operations = operations(&cells);
        // Relaxed: at most this many more offers, in any order that threads see it.
        self.offers.store(OFFERS, Relaxed);

        let mut previous = self.previous.lock().unwrap_or_else(PoisonError::into_inner);
        let times_all = self.times_all.load(Relaxed);
        let wanted = previous.pace(cells.iter().map(|cell| cell.total()).collect(), now);
        for (cell, wanted) in cells.iter().zip(wanted) {
            if wanted < cell.one_in() || times_all {
                cell.time_next();
            }
        }
        let writes = sum(&operations, |_, outcome| is_write(outcome));
        let last_write = previous.written(writes, now, unix);
        let objectives =
            self.objectives.snapshot(&operations, |threshold| previous.freshness(threshold, now));
        drop(previous);

        MapSnapshot {
            name: self.name.clone(),
            objectives,
            durations: self.durations(),
            // Between the changes of two maps of one name the sum may be below the number of entries.
            entries: Count::new(u64::try_from(self.entries.load(Relaxed)).unwrap_or_default()),
            max_entries: self.bound(),
            retries: Count::new(self.retries.load(Relaxed)),
            failures: self.failures.snapshot(),
            last_write,
            guard_held: Nanos::new(self.probe.request(now)),
            sampled: self.samples.snapshot(now, unix),
            operations,
        }
    }

    fn durations(&self) -> Vec<(Op, Distribution)> {
        let histograms = Op::ALL.into_iter().zip(&self.durations);
        histograms.filter_map(|(op, histogram)| histogram.get().map(|it| (op, it.snapshot()))).collect()
    }

    /// Returns the sum of the bounds of all maps of the name, if each has one.
    fn bound(&self) -> Option<Count> {
        let bound = self.bounds.load(Relaxed);
        (self.unbounded.load(Relaxed) == 0 && bound > 0).then(|| Count::new(bound))
    }
}

fn operations(cells: &[&ThreadCell]) -> Vec<(Op, Outcome, Count)> {
    let count = |op, outcome| cells.iter().map(|cell| Count::new(cell.get(op, outcome))).sum();
    pairs().map(|(op, outcome)| (op, outcome, count(op, outcome))).collect()
}
