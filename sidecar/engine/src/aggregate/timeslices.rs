//! Budgets that count time instead of events: each time slice is good, bad or not measured. Comes in: events and measured
//! time. Goes out: a verdict on each time slice that is over. Never reads a clock.
//!
//! Time slices are aligned to 1970, half-open, and judged once they have been over for ten seconds. One in which events
//! happened is judged by them. One that was measured for at least half of its time and had no event is good: no event
//! failed. Any other one is not measured, and neither good nor bad.

use std::collections::BTreeMap;

use mapwarden_contract::{Count, Nanos, Ratio, UnixNanos};
use serde::{Deserialize, Serialize};

use super::slot::Counts;
use mapwarden_objective::Method;

/// How long late events are waited for. Raised, a bad time slice shows later; events that come later are not counted.
pub(super) const GRACE: Nanos = Nanos::from_secs(10);

/// The length of a time slice where none is declared: of objectives that are made of others.
pub(super) const USUAL: Nanos = Nanos::from_secs(60);

/// How many parts a time slice has that may be good in part.
const PARTS: u64 = 1_000;

/// How time slices are judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimesliceRule {
    length: Nanos,
    /// The share of good events from which on a time slice is good; none where it counts by that share.
    target: Option<Ratio>,
}

impl TimesliceRule {
    /// Returns the rule of a method; none where every event counts.
    pub(super) fn of(method: Method) -> Option<Self> {
        let (length, target) = match method {
            Method::Occurrences => return None,
            Method::Timeslices { slice, target } => (slice, Some(target)),
            Method::RatioTimeslices { slice } => (slice, None),
        };
        // The finest slots that are kept are seconds.
        Some(Self { length: length.max(Nanos::from_secs(1)), target })
    }

    /// Minutes that count by their share of good events.
    pub(super) const fn by_share() -> Self {
        Self { length: USUAL, target: None }
    }

    /// Minutes that are good or bad as a whole.
    pub(super) const fn whole() -> Self {
        Self { length: USUAL, target: Some(Ratio::ONE) }
    }

    /// How long a time slice is.
    pub(super) const fn length(self) -> Nanos {
        self.length
    }

    /// How many parts one time slice has.
    pub(super) const fn unit(self) -> u64 {
        if self.target.is_some() { 1 } else { PARTS }
    }

    /// Returns the good and bad parts of a time slice with this share of good events.
    pub(super) fn parts(self, good: Ratio) -> (Count, Count) {
        let parts = match self.target {
            Some(target) if good >= target => 1,
            Some(_) => 0,
            None => super::reading::whole((good.get() * Count::new(PARTS).as_f64()).round()),
        };
        (Count::new(parts), Count::new(self.unit().saturating_sub(parts)))
    }
}

/// A time slice that is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct JudgedTimeslice {
    /// When it began.
    pub(super) start: UnixNanos,
    /// Its good and bad parts, and how much of it was measured.
    pub(super) counts: Counts,
}

/// A time slice that is not judged yet, as the store keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptTimeslice {
    slot: u64,
    counts: Counts,
}

/// Time slices that are not judged yet.
#[derive(Clone, Debug)]
pub(super) struct OpenTimeslices {
    rule: TimesliceRule,
    open: BTreeMap<u64, Counts>,
    /// Slots before this one are judged.
    next: u64,
}

impl OpenTimeslices {
    pub(super) const fn new(rule: TimesliceRule) -> Self {
        Self { rule, open: BTreeMap::new(), next: 0 }
    }

    pub(super) const fn rule(&self) -> TimesliceRule {
        self.rule
    }

    /// Adds events to the time slice in which they ended, and returns how many came after it was judged and are not counted.
    pub(super) fn add(&mut self, time: UnixNanos, counts: &Counts) -> u64 {
        let slot = time.get() / self.rule.length.get();
        if slot < self.next {
            return counts.total().get();
        }
        self.open.entry(slot).or_default().add(counts);
        0
    }

    /// Notes measured time.
    pub(super) fn cover(&mut self, from: UnixNanos, to: UnixNanos) {
        let width = self.rule.length.get();
        let first = (from.get() / width).max(self.next);
        // A first point may account for years: all but the last 86,400 time slices are left out.
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

    /// Judges the time slices that are over at `now`, oldest first.
    pub(super) fn judge(&mut self, now: UnixNanos) -> Vec<JudgedTimeslice> {
        let width = self.rule.length.get();
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
        let width = self.rule.length.get();
        let is_measured = counts.covered.get() >= width / 2;
        let good = Ratio::of(counts.good, counts.total()).or(is_measured.then_some(Ratio::ONE))?;
        let (good, bad) = self.rule.parts(good);
        Some(JudgedTimeslice {
            start: UnixNanos::new(slot.saturating_mul(width)),
            counts: Counts { good, bad, covered: Nanos::new(counts.covered.get().min(width)) },
        })
    }

    pub(super) fn forget_after(&mut self, now: UnixNanos) {
        let last = now.get() / self.rule.length.get();
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

    fn seconds_and_counts(verdicts: &[JudgedTimeslice]) -> Vec<(u64, u64, u64)> {
        let row = |verdict: &JudgedTimeslice| {
            let Counts { good, bad, .. } = verdict.counts;
            (verdict.start.get() / 1_000_000_000, good.get(), bad.get())
        };
        verdicts.iter().map(row).collect()
    }

    #[test]
    fn a_slice_is_good_bad_or_not_measured() {
        let (slice, target) = (Nanos::from_secs(60), Ratio::new(0.95).unwrap());
        let mut slices =
            OpenTimeslices::new(TimesliceRule::of(Method::Timeslices { slice, target }).unwrap());
        assert_eq!(slices.add(at(600), &events(95, 5)), 0);
        slices.add(at(719), &events(94, 6));
        slices.cover(at(720), at(780));
        slices.cover(at(780), at(800));
        assert!(slices.judge(at(669)).is_empty(), "late events are waited for");
        slices.add(at(659), &events(5, 0));
        assert_eq!(seconds_and_counts(&slices.judge(at(670))), [(600, 1, 0)]);
        assert_eq!(
            seconds_and_counts(&slices.judge(at(900))),
            [(660, 0, 1), (720, 1, 0)],
            "20 s of 780 are too few"
        );
        assert_eq!(slices.add(at(700), &events(1, 9)), 10);
        assert!(slices.judge(at(2_000)).is_empty(), "what is judged stays judged");
    }

    #[test]
    fn a_slice_counts_by_its_share() {
        let slice = Nanos::from_secs(7);
        let mut slices = OpenTimeslices::new(TimesliceRule::of(Method::RatioTimeslices { slice }).unwrap());
        slices.add(at(700), &events(1, 2));
        slices.add(at(707), &events(1_000_000, 0));
        let kept = slices.keep();
        let mut again = OpenTimeslices::new(slices.rule());
        again.restore(&kept);
        for mut slices in [slices, again] {
            assert_eq!(seconds_and_counts(&slices.judge(at(724))), [(700, 333, 667), (707, 1_000, 0)]);
        }
    }

    #[test]
    fn measured_time_of_years_costs_a_day() {
        let mut slices = OpenTimeslices::new(TimesliceRule::by_share());
        slices.cover(UnixNanos::EPOCH, at(1_800_000_000));
        assert!(slices.open.len() <= 86_401);
    }
}
