//! The objectives of the maps of one name. Comes in: declarations at build time, times of timed operations. Goes out:
//! [`ObjectiveSnapshot`]s. Never replaces an objective: its name means the same until the process ends.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use super::outcomes::{is_lookup, sum};
use super::{Dropped, ObjectiveSnapshot};
use mapwarden_contract::{Count, Nanos, Objective, Op, Outcome, SliKind};

/// Objectives of one map name. Raised, a map may have more of them, and every map name takes 16 bytes more for each.
pub(crate) const MAX_OBJECTIVES: usize = 8;

/// Why an objective is not added to a map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum DeclareError {
    /// Its name has this objective already.
    Conflict(Objective),
    /// The map has [`MAX_OBJECTIVES`] others.
    Limit,
}

impl DeclareError {
    /// Returns the reason under which a dropped objective counts.
    pub(crate) const fn reason(self) -> Dropped {
        match self {
            Self::Conflict(_) => Dropped::ObjectiveConflict,
            Self::Limit => Dropped::ObjectiveLimit,
        }
    }
}

/// At most [`MAX_OBJECTIVES`], each under its own name.
#[derive(Debug, Default)]
pub(super) struct Objectives {
    /// Filled from the first on and never emptied: a name is in the first slot that was free when it came, and the
    /// search for it ends at a free one.
    slots: [OnceLock<Box<DeclaredObjective>>; MAX_OBJECTIVES],
}

#[derive(Debug)]
struct DeclaredObjective {
    name: Arc<str>,
    objective: Objective,
    /// Timed operations at or below the threshold of a latency objective; 0 for the other kinds.
    met: AtomicU64,
    /// Timed operations above it.
    missed: AtomicU64,
}

impl DeclaredObjective {
    fn new(name: Arc<str>, objective: Objective) -> Box<Self> {
        Box::new(Self { name, objective, met: AtomicU64::new(0), missed: AtomicU64::new(0) })
    }
}

impl Objectives {
    /// Adds an objective under this name, unless it is there. Lock-free: threads that declare one name at the same time
    /// use the same slot.
    ///
    /// # Errors
    /// Another objective has the name, or there are too many.
    pub(super) fn declare(&self, name: &Arc<str>, objective: Objective) -> Result<(), DeclareError> {
        for slot in &self.slots {
            let declared = slot.get_or_init(|| DeclaredObjective::new(Arc::clone(name), objective));
            if declared.name == *name {
                let known = declared.objective;
                return if known == objective { Ok(()) } else { Err(DeclareError::Conflict(known)) };
            }
        }
        Err(DeclareError::Limit)
    }

    fn declared(&self) -> impl Iterator<Item = &DeclaredObjective> {
        self.slots.iter().map_while(OnceLock::get).map(|declared| &**declared)
    }

    /// Judges a timed operation by the exact threshold of each latency objective: an atomic add each, relaxed as in a
    /// histogram. Returns the lowest threshold.
    pub(super) fn judge(&self, duration: Nanos, weight: u64) -> Option<Nanos> {
        let mut lowest = None;
        for DeclaredObjective { name: _, objective, met, missed } in self.declared() {
            if let SliKind::Latency { threshold } = objective.sli() {
                let count = if duration <= threshold { met } else { missed };
                count.fetch_add(weight, Relaxed);
                lowest = lowest.map_or(Some(threshold), |lowest| Some(threshold.min(lowest)));
            }
        }
        lowest
    }

    /// Returns every declared objective, by kind, with its events so far out of the counts of the same snapshot.
    /// `freshness` returns the seconds that are good and bad by a threshold on the age of the last write.
    pub(super) fn snapshot(
        &self,
        operations: &[(Op, Outcome, Count)],
        mut freshness: impl FnMut(Nanos) -> (Count, Count),
    ) -> Vec<ObjectiveSnapshot> {
        let mut declared: Vec<_> = self.declared().collect();
        declared.sort_by_key(|declared| declared.objective.sli());
        let snapshot = |DeclaredObjective { name, objective, met, missed }: &DeclaredObjective| {
            let (good, bad) = match objective.sli() {
                SliKind::Availability => {
                    let is_bad = |outcome| objective.bad().contains(outcome);
                    let good = sum(operations, |_, outcome| !is_bad(outcome));
                    (good, sum(operations, |_, outcome| is_bad(outcome)))
                }
                SliKind::Latency { .. } => (Count::new(met.load(Relaxed)), Count::new(missed.load(Relaxed))),
                SliKind::HitRatio => (sum(operations, is_hit), sum(operations, is_miss)),
                SliKind::Freshness { threshold } => freshness(threshold),
            };
            let events = vec![(Arc::from(""), good, bad)];
            ObjectiveSnapshot { name: Arc::clone(name), objective: *objective, events }
        };
        declared.into_iter().map(snapshot).collect()
    }
}

fn is_hit(op: Op, outcome: Outcome) -> bool {
    is_lookup(op) && outcome == Outcome::Hit
}

/// A `get_or_insert` that inserted or was rejected did not find its key either.
fn is_miss(op: Op, outcome: Outcome) -> bool {
    is_lookup(op) && matches!(outcome, Outcome::Miss | Outcome::Inserted | Outcome::Rejected)
        || is_failed_load(op, outcome)
}

/// A loader runs only if the key was not found.
fn is_failed_load(op: Op, outcome: Outcome) -> bool {
    op == Op::Load && outcome == Outcome::Failed
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn latency(nanos: u64, target: f64) -> Objective {
        Objective::latency(Duration::from_nanos(nanos), target).unwrap()
    }

    #[test]
    fn events_are_judged_by_their_objective() {
        let objectives = Objectives::default();
        let declare = |name: &str, objective| objectives.declare(&name.into(), objective);
        assert_eq!(declare("hit_ratio", Objective::hit_ratio(0.9).unwrap()), Ok(()));
        assert_eq!(declare("availability", Objective::availability(0.999).unwrap()), Ok(()));
        assert_eq!(declare("latency", latency(50, 0.99)), Ok(()));
        assert_eq!(declare("latency-100ns", latency(100, 0.999)), Ok(()));
        assert_eq!(objectives.judge(Nanos::new(50), 4), Some(Nanos::new(50)));
        objectives.judge(Nanos::new(51), 2);
        objectives.judge(Nanos::new(101), 1);
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
            .snapshot(&operations, |_| (Count::new(50), Count::new(7)))
            .into_iter()
            .map(|it| (it.name.to_string(), it.objective.target().get(), it.events[0].1, it.events[0].2))
            .collect();
        let expected = [
            ("availability", 0.999, 11_133, 8),
            ("latency", 0.99, 4, 3),
            ("latency-100ns", 0.999, 6, 1),
            ("hit_ratio", 0.9, 110, 23),
        ]
        .map(|(name, target, good, bad)| (name.to_owned(), target, Count::new(good), Count::new(bad)));
        assert_eq!(got, expected);
    }

    #[test]
    fn a_name_keeps_its_objective_and_names_are_limited() {
        let objectives = Objectives::default();
        let declare = |name: &str, objective| objectives.declare(&name.into(), objective);
        assert_eq!(declare("latency", latency(50, 0.99)), Ok(()));
        assert_eq!(declare("latency", latency(50, 0.99)), Ok(()));
        assert_eq!(declare("latency", latency(1, 0.5)), Err(DeclareError::Conflict(latency(50, 0.99))));
        for number in 1..MAX_OBJECTIVES {
            assert_eq!(declare(&format!("latency-{number}"), latency(50, 0.99)), Ok(()));
        }
        assert_eq!(declare("one more", latency(50, 0.99)), Err(DeclareError::Limit));
        assert_eq!(declare("latency-1", latency(50, 0.99)), Ok(()));
        assert_eq!(objectives.snapshot(&[], |_| (Count::ZERO, Count::ZERO)).len(), MAX_OBJECTIVES);
    }

    #[test]
    fn threads_that_declare_at_once_agree_on_one_objective() {
        let objectives = Objectives::default();
        let declared = std::thread::scope(|threads| {
            let declare = |nanos| objectives.declare(&"latency".into(), latency(nanos, 0.9)).is_ok();
            let threads: Vec<_> = (1..=8).map(|nanos| threads.spawn(move || declare(nanos))).collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum::<usize>()
        });
        assert_eq!(declared, 1);
        assert_eq!(objectives.declared().count(), 1);
    }
}
