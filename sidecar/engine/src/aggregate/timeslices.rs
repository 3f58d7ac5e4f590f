//! Budgets that count time instead of events: each slice of time is good, bad or not measured. Comes in: events and
//! measured time. Goes out: a verdict on each slice that is over. Never reads a clock.
//!
//! Slots are aligned to 1970, half-open, and judged once they have been over for ten seconds. A slice in which events
//! happened is judged by them. One that was measured for at least half of its time and had no event is good: nobody was
//! failed. Any other one is not measured, and neither good nor bad.

use std::collections::BTreeMap;

use mapwarden_contract::{Count, Nanos, Ratio, UnixNanos};
use serde::{Deserialize, Serialize};

use super::slot::Counts;
use mapwarden_objective::Method;

/// How long late events are waited for. Raised, a bad slice is told later; what comes later than this is not counted.
pub(super) const GRACE: Nanos = Nanos::from_secs(10);

/// How long a slice is where nothing says it: of objectives that are made of others.
pub(super) const USUAL: Nanos = Nanos::from_secs(60);

/// Of how many parts a slice is that may be good in part.
const PARTS: u64 = 1_000;

/// How slices of time are judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimesliceRule {
    slice: Nanos,
    /// The share of good events from which on a slice is good; none where it counts by that share.
    target: Option<Ratio>,
}

impl TimesliceRule {
    /// As a method says; none where every event counts.
    pub(super) fn of(method: Method) -> Option<Self> {
        let (slice, target) = match method {
            Method::Occurrences => return None,
            Method::Timeslices { slice, target } => (slice, Some(target)),
            Method::RatioTimeslices { slice } => (slice, None),
        };
        // The finest slots that are kept are seconds.
        Some(Self { slice: slice.max(Nanos::from_secs(1)), target })
    }

    /// Slots of a minute that count by their share.
    pub(super) const fn by_share() -> Self {
        Self { slice: USUAL, target: None }
    }

    /// Slots of a minute that are good or bad.
    pub(super) const fn whole() -> Self {
        Self { slice: USUAL, target: Some(Ratio::ONE) }
    }

    /// How long a slice is.
    pub(super) const fn slice(self) -> Nanos {
        self.slice
    }

    /// Of how many parts one slice is.
    pub(super) const fn unit(self) -> u64 {
        if self.target.is_some() { 1 } else { PARTS }
    }

    /// What a share of good events makes of a slice: good and bad parts.
    pub(super) fn parts(self, good: Ratio) -> (Count, Count) {
        let parts = match self.target {
            Some(target) if good >= target => 1,
            Some(_) => 0,
            None => super::reading::whole((good.get() * Count::new(PARTS).as_f64()).round()),
        };
        (Count::new(parts), Count::new(self.unit().saturating_sub(parts)))
    }
}

/// A slice that is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct JudgedTimeslice {
    /// When it began.
    pub(super) start: UnixNanos,
    /// Its good and bad parts, and how much of it was measured.
    pub(super) counts: Counts,
}

/// A slice that is not judged yet, as the store keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptTimeslice {
    slot: u64,
    counts: Counts,
}

/// Slots that are not judged yet.
#[derive(Clone, Debug)]
pub(super) struct OpenTimeslices {
    judging: TimesliceRule,
    open: BTreeMap<u64, Counts>,
    /// Slots before this one are judged.
    next: u64,
}

impl OpenTimeslices {
    pub(super) const fn new(judging: TimesliceRule) -> Self {
        Self { judging, open: BTreeMap::new(), next: 0 }
    }

    pub(super) const fn judging(&self) -> TimesliceRule {
        self.judging
    }

    /// Adds events to the slice in which they ended, and says how many came after it was judged and are not counted.
    pub(super) fn add(&mut self, time: UnixNanos, counts: &Counts) -> u64 {
        let slot = time.get() / self.judging.slice.get();
        if slot < self.next {
            return counts.total().get();
        }
        self.open.entry(slot).or_default().add(counts);
        0
    }

    /// Notes measured time.
    pub(super) fn cover(&mut self, from: UnixNanos, to: UnixNanos) {
        let width = self.judging.slice.get();
        let first = (from.get() / width).max(self.next);
        // A first point may account for years: what is older than a day's slices is left out.
        let first = first.max((to.get() / width).saturating_sub(86_400));
        for slot in first..=to.get() / width {
            let start = from.max(UnixNanos::new(slot * width));
            let end = to.min(UnixNanos::new((slot + 1) * width));
            if end > start {
                let covered = Counts { covered: end.since(start), ..Counts::default() };
                self.open.entry(slot).or_default().add(&covered);
            }
        }
    }

    /// Judges the slices that are over at `now`, oldest first.
    pub(super) fn judge(&mut self, now: UnixNanos) -> Vec<JudgedTimeslice> {
        let width = self.judging.slice.get();
        let over = now.before(GRACE).get() / width;
        let mut verdicts = Vec::new();
        while let Some(entry) = self.open.first_entry().filter(|entry| *entry.key() < over) {
            let (slot, counts) = entry.remove_entry();
            verdicts.extend(self.verdict(slot, &counts));
        }
        self.next = self.next.max(over);
        verdicts
    }

    fn verdict(&self, slot: u64, counts: &Counts) -> Option<JudgedTimeslice> {
        let width = self.judging.slice.get();
        let is_measured = counts.covered.get() >= width / 2;
        let good = Ratio::of(counts.good, counts.total()).or(is_measured.then_some(Ratio::ONE))?;
        let (good, bad) = self.judging.parts(good);
        Some(JudgedTimeslice {
            start: UnixNanos::new(slot.saturating_mul(width)),
            counts: Counts { good, bad, covered: Nanos::new(counts.covered.get().min(width)) },
        })
    }

    pub(super) fn forget_after(&mut self, now: UnixNanos) {
        let last = now.get() / self.judging.slice.get();
        self.open.retain(|slot, _| *slot <= last);
        self.next = self.next.min(last);
    }

    pub(super) fn keep(&self) -> Vec<KeptTimeslice> {
        self.open.iter().map(|(slot, counts)| KeptTimeslice { slot: *slot, counts: *counts }).collect()
    }

    pub(super) fn restore(&mut self, kept: &[KeptTimeslice]) {
        self.open.extend(kept.iter().map(|slice| (slice.slot, slice.counts)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> UnixNanos {
        UnixNanos::new(second * 1_000_000_000)
    }

    fn events(good: u64, bad: u64) -> Counts {
        Counts { good: Count::new(good), bad: Count::new(bad), covered: Nanos::ZERO }
    }

    fn told(verdicts: &[JudgedTimeslice]) -> Vec<(u64, u64, u64)> {
        let told = |verdict: &JudgedTimeslice| {
            let Counts { good, bad, .. } = verdict.counts;
            (verdict.start.get() / 1_000_000_000, good.get(), bad.get())
        };
        verdicts.iter().map(told).collect()
    }

    #[test]
    fn a_slice_is_good_bad_or_not_measured() {
        let (slice, target) = (Nanos::from_secs(60), Ratio::new(0.95).unwrap());
        let mut gathering =
            OpenTimeslices::new(TimesliceRule::of(Method::Timeslices { slice, target }).unwrap());
        assert_eq!(gathering.add(at(600), &events(95, 5)), 0);
        gathering.add(at(719), &events(94, 6));
        gathering.cover(at(720), at(780));
        gathering.cover(at(780), at(800));
        assert!(gathering.judge(at(669)).is_empty(), "late events are waited for");
        gathering.add(at(659), &events(5, 0));
        assert_eq!(told(&gathering.judge(at(670))), [(600, 1, 0)]);
        assert_eq!(told(&gathering.judge(at(900))), [(660, 0, 1), (720, 1, 0)], "20 s of 780 are too few");
        assert_eq!(gathering.add(at(700), &events(1, 9)), 10);
        assert!(gathering.judge(at(2_000)).is_empty(), "what is judged stays judged");
    }

    #[test]
    fn a_slice_counts_by_its_share() {
        let slice = Nanos::from_secs(7);
        let mut gathering =
            OpenTimeslices::new(TimesliceRule::of(Method::RatioTimeslices { slice }).unwrap());
        gathering.add(at(700), &events(1, 2));
        gathering.add(at(707), &events(1_000_000, 0));
        let kept = gathering.keep();
        let mut again = OpenTimeslices::new(gathering.judging());
        again.restore(&kept);
        for mut gathering in [gathering, again] {
            assert_eq!(told(&gathering.judge(at(724))), [(700, 333, 667), (707, 1_000, 0)]);
        }
    }

    #[test]
    fn measured_time_of_years_costs_a_day() {
        let mut gathering = OpenTimeslices::new(TimesliceRule::by_share());
        gathering.cover(UnixNanos::EPOCH, at(1_800_000_000));
        assert!(gathering.open.len() <= 86_401);
    }
}
