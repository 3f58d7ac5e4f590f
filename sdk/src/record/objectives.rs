//! What was promised about one map, and which events kept it. Comes in: declarations at build time, times of timed
//! operations. Goes out: [`ObjectiveSnapshot`]s.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use super::ObjectiveSnapshot;
use super::meter::sum;
use super::outcomes::is_lookup;
use mapwarden_contract::{Count, Nanos, Objective, Op, Outcome, SliKind};

/// At most one objective of each kind, since `<map>-<sli>` names it.
#[derive(Debug, Default)]
pub(super) struct Objectives {
    availability: OnceLock<Objective>,
    hit_ratio: OnceLock<Objective>,
    latency: OnceLock<Latency>,
    freshness: OnceLock<Objective>,
}

#[derive(Debug)]
struct Latency {
    objective: Objective,
    threshold: Nanos,
    met: AtomicU64,
    missed: AtomicU64,
}

impl Objectives {
    /// Takes a promise; the first of a kind stays, and refuses another one.
    pub(super) fn declare(&self, objective: Objective) -> Result<(), Objective> {
        let promised = match objective.sli() {
            SliKind::Availability => self.availability.get_or_init(|| objective),
            SliKind::HitRatio => self.hit_ratio.get_or_init(|| objective),
            SliKind::Freshness { .. } => self.freshness.get_or_init(|| objective),
            SliKind::Latency { threshold } => {
                let (met, missed) = (AtomicU64::new(0), AtomicU64::new(0));
                &self.latency.get_or_init(|| Latency { objective, threshold, met, missed }).objective
            }
        };
        if *promised == objective { Ok(()) } else { Err(*promised) }
    }

    /// The slowest single-key operation that is still good.
    pub(super) fn threshold(&self) -> Option<Nanos> {
        self.latency.get().map(|latency| latency.threshold)
    }

    /// Judges a timed operation at the exact threshold. One atomic add, relaxed as in a histogram.
    pub(super) fn judge(&self, duration: Nanos, weight: u64) {
        if let Some(latency) = self.latency.get() {
            let verdict = if duration <= latency.threshold { &latency.met } else { &latency.missed };
            verdict.fetch_add(weight, Relaxed);
        }
    }

    /// Every declared objective with its events so far, out of the counts of the same snapshot; `freshness` judges
    /// seconds by the age of the last write.
    pub(super) fn snapshot(
        &self,
        map: &str,
        operations: &[(Op, Outcome, Count)],
        freshness: impl FnOnce(Nanos) -> (Count, Count),
    ) -> Vec<ObjectiveSnapshot> {
        let of = |objective: &Objective, (good, bad): (Count, Count)| ObjectiveSnapshot {
            name: format!("{map}-{}", objective.sli().name()).into(),
            objective: *objective,
            events: vec![(Arc::from(""), good, bad)],
        };
        let availability = self.availability.get().map(|objective| {
            let is_bad = |outcome| objective.bad().contains(outcome);
            let good = sum(operations, |_, outcome| !is_bad(outcome));
            of(objective, (good, sum(operations, |_, outcome| is_bad(outcome))))
        });
        let latency = self.latency.get().map(|latency| {
            let count = |events: &AtomicU64| Count::new(events.load(Relaxed));
            of(&latency.objective, (count(&latency.met), count(&latency.missed)))
        });
        let hit_ratio = self
            .hit_ratio
            .get()
            .map(|objective| of(objective, (sum(operations, is_hit), sum(operations, is_miss))));
        let fresh = self.freshness.get().and_then(|objective| match objective.sli() {
            SliKind::Freshness { threshold } => Some(of(objective, freshness(threshold))),
            SliKind::Availability | SliKind::HitRatio | SliKind::Latency { .. } => None,
        });
        [availability, latency, hit_ratio, fresh].into_iter().flatten().collect()
    }
}

fn is_hit(op: Op, outcome: Outcome) -> bool {
    is_lookup(op) && outcome == Outcome::Hit
}

/// A `get_or_insert` that had to insert, or was refused to, did not find its key either.
fn is_miss(op: Op, outcome: Outcome) -> bool {
    is_lookup(op) && matches!(outcome, Outcome::Miss | Outcome::Inserted | Outcome::Rejected)
        || is_failed_load(op, outcome)
}

/// A loader runs only where the key was not found.
fn is_failed_load(op: Op, outcome: Outcome) -> bool {
    op == Op::Load && outcome == Outcome::Failed
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn events_are_judged_as_promised() {
        let objectives = Objectives::default();
        let latency = |nanos, target| Objective::latency(Duration::from_nanos(nanos), target).unwrap();
        assert_eq!(objectives.declare(Objective::hit_ratio(0.9).unwrap()), Ok(()));
        assert_eq!(objectives.declare(Objective::availability(0.999).unwrap()), Ok(()));
        assert_eq!(objectives.declare(latency(50, 0.99)), Ok(()));
        assert_eq!(objectives.declare(latency(1, 0.5)), Err(latency(50, 0.99)));
        assert_eq!(objectives.declare(latency(50, 0.99)), Ok(()));
        objectives.judge(Nanos::new(50), 4);
        objectives.judge(Nanos::new(51), 2);
        let operations = [
            (Op::Get, Outcome::Hit, Count::new(10)),
            (Op::Get, Outcome::Miss, Count::new(3)),
            (Op::Get, Outcome::Failed, Count::new(1)),
            (Op::GetOrInsert, Outcome::Hit, Count::new(100)),
            (Op::GetOrInsert, Outcome::Inserted, Count::new(20)),
            (Op::Insert, Outcome::Inserted, Count::new(1000)),
            (Op::Insert, Outcome::Rejected, Count::new(7)),
            (Op::Remove, Outcome::Miss, Count::new(10_000)),
        ];
        let got: Vec<_> = objectives
            .snapshot("sessions", &operations, |_| (Count::new(50), Count::new(7)))
            .into_iter()
            .map(|it| (it.name.to_string(), it.objective.target().get(), it.events[0].1, it.events[0].2))
            .collect();
        let expected = [
            ("sessions-availability", 0.999, 11_133, 8),
            ("sessions-latency", 0.99, 4, 2),
            ("sessions-hit_ratio", 0.9, 110, 23),
        ]
        .map(|(name, target, good, bad)| (name.to_owned(), target, Count::new(good), Count::new(bad)));
        assert_eq!(got, expected);
    }
}
