//! What comes in: the end of a request or a call, with its time. What goes out: exact counts, histograms,
//! verdicts and the last bad event that has a span. Every event is counted with atomic additions; the total is the sum
//! of its outcomes, never a number of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::record::{
    Distribution, Dropped, Exemplar, Names, ObjectiveSnapshot, RegionSnapshot, ScopeSnapshot, TimeHistogram,
};
use mapwarden_contract::{Count, Nanos, Objective, SliKind, Verdict};

/// Regions of one scope that are told apart. Raised, a scope may take more memory (about 2.5 KiB a region) and
/// more series; a service in more regions than this sees the rest as one.
const MAX_REGIONS: usize = 64;

/// How a request or a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Ok,
    Failed,
    /// The client went away. Only requests end so.
    Cancelled,
}

/// Ended events by outcome and by time.
#[derive(Debug)]
pub(crate) struct Times {
    ok: AtomicU64,
    failed: AtomicU64,
    cancelled: AtomicU64,
    durations: Box<TimeHistogram>,
}

impl Times {
    pub(crate) fn new() -> Self {
        Self {
            ok: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            durations: Box::new(TimeHistogram::new()),
        }
    }

    /// Counts one event: three atomic additions, no allocation. How long a cancelled one ran says when its client
    /// lost patience, so that it has no place in the times.
    pub(crate) fn record(&self, time: Nanos, ending: Ending) {
        // Relaxed throughout: each cell is a statistic of its own, a snapshot need not see them at one instant.
        let count = match ending {
            Ending::Ok => &self.ok,
            Ending::Failed => &self.failed,
            Ending::Cancelled => &self.cancelled,
        };
        count.fetch_add(1, Ordering::Relaxed);
        if ending != Ending::Cancelled {
            self.durations.add(time, 1);
        }
    }

    /// Keeps an event of which a span was made; see [`TimeHistogram::keep`].
    pub(crate) fn keep(&self, told: Exemplar) {
        self.durations.keep(told);
    }

    pub(crate) fn ok(&self) -> Count {
        Count::new(self.ok.load(Ordering::Relaxed))
    }

    pub(crate) fn failed(&self) -> Count {
        Count::new(self.failed.load(Ordering::Relaxed))
    }

    pub(crate) fn cancelled(&self) -> Count {
        Count::new(self.cancelled.load(Ordering::Relaxed))
    }

    pub(crate) fn distribution(&self) -> Distribution {
        self.durations.snapshot()
    }
}

/// An objective under its name on the wire, `<scope>-<sli>`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NamedObjective {
    pub(crate) name: Arc<str>,
    pub(crate) objective: Objective,
}

/// How one objective fared in one region.
#[derive(Debug)]
struct Promise {
    promised: NamedObjective,
    good: AtomicU64,
    bad: AtomicU64,
}

impl Promise {
    fn new(promised: NamedObjective) -> Self {
        Self { promised, good: AtomicU64::new(0), bad: AtomicU64::new(0) }
    }

    /// Counts an event if it says something about the promise.
    fn record(&self, time: Nanos, ending: Ending) -> Option<Verdict> {
        let verdict = self.judge(time, ending)?;
        let count = match verdict {
            Verdict::Good => &self.good,
            Verdict::Bad => &self.bad,
        };
        // Relaxed: a statistic that orders nothing else.
        count.fetch_add(1, Ordering::Relaxed);
        Some(verdict)
    }

    fn judge(&self, time: Nanos, ending: Ending) -> Option<Verdict> {
        let of = |good| if good { Verdict::Good } else { Verdict::Bad };
        match (self.promised.objective.sli(), ending) {
            (SliKind::Availability, Ending::Ok) => Some(Verdict::Good),
            (SliKind::Availability, Ending::Failed) => Some(Verdict::Bad),
            (SliKind::Availability, Ending::Cancelled) => None,
            (SliKind::Latency { threshold }, Ending::Ok | Ending::Failed) => Some(of(time <= threshold)),
            // Nobody knows how long the rest would have taken, but too long is too long already: a service that
            // hangs until its clients leave must not look idle.
            (SliKind::Latency { threshold }, Ending::Cancelled) => (time > threshold).then_some(Verdict::Bad),
            // Requests look nothing up and write nothing; the builder refuses such objectives.
            (
                SliKind::HitRatio | SliKind::Freshness { .. },
                Ending::Ok | Ending::Failed | Ending::Cancelled,
            ) => None,
        }
    }
}

/// Requests of one scope from one region.
#[derive(Debug)]
pub(crate) struct RegionCounters {
    pub(crate) scope: Arc<str>,
    pub(crate) region: Arc<str>,
    times: Times,
    /// Written only when telemetry is installed; a request reads it, which is one uncontended lock.
    promises: RwLock<Vec<Promise>>,
}

impl RegionCounters {
    /// Counts one request and tells `missed` every objective that it missed.
    pub(crate) fn record(&self, time: Nanos, ending: Ending, mut missed: impl FnMut(&NamedObjective)) {
        self.times.record(time, ending);
        for promise in self.promises.read().unwrap_or_else(PoisonError::into_inner).iter() {
            match promise.record(time, ending) {
                Some(Verdict::Good) | None => {}
                Some(Verdict::Bad) => missed(&promise.promised),
            }
        }
    }

    /// Keeps a request of which a span was made.
    pub(crate) fn keep(&self, told: Exemplar) {
        self.times.keep(told);
    }

    /// Takes over the promises; an unchanged one keeps its counts.
    fn promise(&self, promised: &[NamedObjective]) {
        let mut promises = self.promises.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *promises);
        *promises = promised
            .iter()
            .map(|objective| match before.iter().position(|promise| promise.promised == *objective) {
                Some(kept) => before.swap_remove(kept),
                None => Promise::new(objective.clone()),
            })
            .collect();
    }

    fn events(&self, name: &str) -> Option<(Arc<str>, Count, Count)> {
        let promises = self.promises.read().unwrap_or_else(PoisonError::into_inner);
        promises.iter().find(|promise| *promise.promised.name == *name).map(|promise| {
            let count = |cell: &AtomicU64| Count::new(cell.load(Ordering::Relaxed));
            (Arc::clone(&self.region), count(&promise.good), count(&promise.bad))
        })
    }
}

/// Requests of one scope.
#[derive(Debug)]
pub(crate) struct ScopeCounters {
    name: Arc<str>,
    regions: Names<RegionCounters>,
    /// Held while a region is made or promises change, so that no region misses a promise.
    promised: Mutex<Vec<NamedObjective>>,
}

impl ScopeCounters {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self { name, regions: Names::new(MAX_REGIONS, Dropped::RegionLimit), promised: Mutex::default() }
    }

    /// The counters of a region; lock-free but for the first request from it.
    pub(crate) fn region(&self, region: &str) -> Arc<RegionCounters> {
        if let Some(found) = self.regions.find(region) {
            return found;
        }
        let promised = self.promised.lock().unwrap_or_else(PoisonError::into_inner);
        self.regions.find_or_make(region, |region| RegionCounters {
            scope: Arc::clone(&self.name),
            region,
            times: Times::new(),
            promises: RwLock::new(promised.iter().cloned().map(Promise::new).collect()),
        })
    }

    /// Counts these objectives from now on, in every region known so far and later.
    pub(crate) fn promise(&self, objectives: Vec<NamedObjective>) {
        let mut promised = self.promised.lock().unwrap_or_else(PoisonError::into_inner);
        *promised = objectives;
        for (_, region) in self.regions.all() {
            region.promise(&promised);
        }
    }

    pub(crate) fn snapshot(&self) -> ScopeSnapshot {
        let promised = self.promised.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let regions = self.regions.all();
        ScopeSnapshot {
            name: Arc::clone(&self.name),
            objectives: promised
                .into_iter()
                .map(|NamedObjective { name, objective }| ObjectiveSnapshot {
                    events: regions.iter().filter_map(|(_, region)| region.events(&name)).collect(),
                    name,
                    objective,
                })
                .collect(),
            regions: regions
                .into_iter()
                .map(|(name, region)| RegionSnapshot {
                    region: name,
                    ok: region.times.ok(),
                    failed: region.times.failed(),
                    cancelled: region.times.cancelled(),
                    duration: region.times.distribution(),
                })
                .collect(),
        }
    }
}

#[cfg(test)]
#[path = "counters_tests.rs"]
mod tests;
