//! What comes in: the end of a request or a call, with its time. What goes out: exact counts, histograms, verdicts and
//! the last bad event that has a span. Every event is counted with atomic additions. Never keeps a total: it is the sum of
//! the outcomes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::scope_outcome::ScopeOutcome;
use crate::record::{
    Distribution, Dropped, Exemplar, Names, ObjectiveSnapshot, RegionSnapshot, ScopeSnapshot, TimeHistogram,
};
use mapwarden_contract::{Count, Nanos, Objective, SliKind, Verdict};

/// The number of regions of one scope that have counters of their own; the rest is counted as one. Raised, a scope may
/// take more memory (about 2.5 KiB a region) and more series.
const MAX_REGIONS: usize = 64;

/// The events that ended, by outcome and by time.
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

    /// Counts one event: three atomic additions, no allocation. The time of a cancelled event is the patience of its client,
    /// so that it is in no histogram.
    pub(crate) fn record(&self, time: Nanos, outcome: ScopeOutcome) {
        // Relaxed throughout: each cell is a statistic of its own, a snapshot need not see them at one instant.
        let count = match outcome {
            ScopeOutcome::Ok => &self.ok,
            ScopeOutcome::Failed => &self.failed,
            ScopeOutcome::Cancelled => &self.cancelled,
        };
        count.fetch_add(1, Ordering::Relaxed);
        if outcome != ScopeOutcome::Cancelled {
            self.durations.add(time, 1);
        }
    }

    /// Keeps an event of which a span was made; see [`TimeHistogram::keep`].
    pub(crate) fn keep(&self, exemplar: Exemplar) {
        self.durations.keep(exemplar);
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

/// The events of one objective in one region.
#[derive(Debug)]
struct ObjectiveCounts {
    declared: NamedObjective,
    good: AtomicU64,
    bad: AtomicU64,
}

impl ObjectiveCounts {
    fn new(declared: NamedObjective) -> Self {
        Self { declared, good: AtomicU64::new(0), bad: AtomicU64::new(0) }
    }

    /// Counts an event if the objective measures it.
    fn record(&self, time: Nanos, outcome: ScopeOutcome) -> Option<Verdict> {
        let verdict = self.judge(time, outcome)?;
        let count = match verdict {
            Verdict::Good => &self.good,
            Verdict::Bad => &self.bad,
        };
        // Relaxed: a statistic that orders nothing else.
        count.fetch_add(1, Ordering::Relaxed);
        Some(verdict)
    }

    fn judge(&self, time: Nanos, outcome: ScopeOutcome) -> Option<Verdict> {
        let of = |good| if good { Verdict::Good } else { Verdict::Bad };
        match (self.declared.objective.sli(), outcome) {
            (SliKind::Availability, ScopeOutcome::Ok) => Some(Verdict::Good),
            (SliKind::Availability, ScopeOutcome::Failed) => Some(Verdict::Bad),
            (SliKind::Availability, ScopeOutcome::Cancelled) => None,
            (SliKind::Latency { threshold }, ScopeOutcome::Ok | ScopeOutcome::Failed) => {
                Some(of(time <= threshold))
            }
            // The full time is unknown, but it is above the threshold already: a service that hangs until its clients
            // leave must not look idle.
            (SliKind::Latency { threshold }, ScopeOutcome::Cancelled) => {
                (time > threshold).then_some(Verdict::Bad)
            }
            // Requests neither look up nor write; the builder refuses such objectives.
            (
                SliKind::HitRatio | SliKind::Freshness { .. },
                ScopeOutcome::Ok | ScopeOutcome::Failed | ScopeOutcome::Cancelled,
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
    /// Written only when objectives are set; a request reads it, which is one uncontended lock.
    objectives: RwLock<Vec<ObjectiveCounts>>,
}

impl RegionCounters {
    /// Counts one request and calls `missed` for every objective that it missed.
    pub(crate) fn record(&self, time: Nanos, outcome: ScopeOutcome, mut missed: impl FnMut(&NamedObjective)) {
        self.times.record(time, outcome);
        for objective in self.objectives.read().unwrap_or_else(PoisonError::into_inner).iter() {
            match objective.record(time, outcome) {
                Some(Verdict::Good) | None => {}
                Some(Verdict::Bad) => missed(&objective.declared),
            }
        }
    }

    /// Keeps a request that has a span.
    pub(crate) fn keep(&self, exemplar: Exemplar) {
        self.times.keep(exemplar);
    }

    /// Replaces the objectives; an unchanged one keeps its counts.
    fn set_objectives(&self, declared: &[NamedObjective]) {
        let mut objectives = self.objectives.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *objectives);
        *objectives = declared
            .iter()
            .map(|objective| match before.iter().position(|counts| counts.declared == *objective) {
                Some(kept) => before.swap_remove(kept),
                None => ObjectiveCounts::new(objective.clone()),
            })
            .collect();
    }

    fn events(&self, name: &str) -> Option<(Arc<str>, Count, Count)> {
        let objectives = self.objectives.read().unwrap_or_else(PoisonError::into_inner);
        objectives.iter().find(|counts| *counts.declared.name == *name).map(|counts| {
            let count = |cell: &AtomicU64| Count::new(cell.load(Ordering::Relaxed));
            (Arc::clone(&self.region), count(&counts.good), count(&counts.bad))
        })
    }
}

/// Requests of one scope.
#[derive(Debug)]
pub(crate) struct ScopeCounters {
    name: Arc<str>,
    regions: Names<RegionCounters>,
    /// Held while a region is made or objectives change, so that no region misses an objective.
    objectives: Mutex<Vec<NamedObjective>>,
}

impl ScopeCounters {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self { name, regions: Names::new(MAX_REGIONS, Dropped::RegionLimit), objectives: Mutex::default() }
    }

    /// Returns the counters of a region. Lock-free but for the first request from it.
    pub(crate) fn region(&self, region: &str) -> Arc<RegionCounters> {
        if let Some(found) = self.regions.find(region) {
            return found;
        }
        let objectives = self.objectives.lock().unwrap_or_else(PoisonError::into_inner);
        self.regions.find_or_make(region, |region| RegionCounters {
            scope: Arc::clone(&self.name),
            region,
            times: Times::new(),
            objectives: RwLock::new(objectives.iter().cloned().map(ObjectiveCounts::new).collect()),
        })
    }

    /// Counts these objectives from now on, in every region.
    pub(crate) fn set_objectives(&self, objectives: Vec<NamedObjective>) {
        let mut declared = self.objectives.lock().unwrap_or_else(PoisonError::into_inner);
        *declared = objectives;
        for (_, region) in self.regions.all() {
            region.set_objectives(&declared);
        }
    }

    pub(crate) fn snapshot(&self) -> ScopeSnapshot {
        let declared = self.objectives.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let regions = self.regions.all();
        ScopeSnapshot {
            name: Arc::clone(&self.name),
            objectives: declared
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
