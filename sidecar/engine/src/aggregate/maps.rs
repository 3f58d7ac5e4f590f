//! One map. Comes in: what its series add. Goes out: its operations by outcome and time, how long they took, how full it is.
//! Never knows which series they came from.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use mapwarden_contract::{Count, Nanos, UnixNanos};

use super::distribution::{DistributionRing, TimeDistribution};
use super::hot_keys::HotKeys;
use super::last_values::{LastValues, LongestOfMinute, ReportTimes};
use super::slots::{Slots, Until, most_first};

/// An operation and an outcome by name.
pub type OpOutcome = (Arc<str>, Arc<str>);

/// An operation and the type of the error that it failed with, by name.
pub type OpError = (Arc<str>, Arc<str>);

/// How many readings of the number of entries are kept: one each ten seconds for an hour.
const READINGS: usize = 360;

/// One map and what is known of it.
#[derive(Clone, Debug, Default)]
pub struct Map {
    operations: BTreeMap<OpOutcome, Operations>,
    times: BTreeMap<Arc<str>, DistributionRing>,
    entries: VecDeque<(UnixNanos, u64)>,
    retries: Option<Operations>,
    failures: BTreeMap<OpError, Operations>,
    sampled: Option<Operations>,
    scopes: BTreeMap<Arc<str>, Operations>,
    /// When each process reported it.
    pub reported: ReportTimes,
    /// Its hottest keys.
    pub hot_keys: HotKeys,
    /// How many entries it takes at most, where it is bounded.
    pub max_entries: LastValues,
    /// When it was last written, in nanoseconds since 1970.
    pub last_write: LastValues,
    /// For how long guards kept it from freeing.
    pub guard_held: LongestOfMinute,
}

/// How often something happened, since it is known and by time.
#[derive(Clone, Debug)]
struct Operations {
    total: Count,
    slots: Slots,
}

impl Operations {
    fn new() -> Self {
        Self { total: Count::ZERO, slots: Slots::for_evidence() }
    }

    /// Operations that hot keys are compared with: at the same slots, so that a share is of the same time.
    fn like_keys() -> Self {
        Self { total: Count::ZERO, slots: Slots::for_keys() }
    }

    fn count(&mut self, time: UnixNanos, happened: u64) {
        if happened > 0 {
            self.total += Count::new(happened);
            self.slots.add(time, Count::new(happened), Count::ZERO);
        }
    }
}

impl Map {
    /// Counts operations; zero makes the pair known.
    pub fn count(&mut self, pair: &OpOutcome, time: UnixNanos, happened: u64) {
        known_or_new(&mut self.operations, pair, Operations::new).count(time, happened);
    }

    /// Counts closure retries.
    pub fn retry(&mut self, time: UnixNanos, happened: u64) {
        self.retries.get_or_insert_with(Operations::new).count(time, happened);
    }

    /// Counts operations that failed.
    pub fn fail(&mut self, pair: &OpError, time: UnixNanos, happened: u64) {
        known_or_new(&mut self.failures, pair, Operations::new).count(time, happened);
    }

    /// Counts operations on single keys, estimated from the timed ones.
    pub fn sample(&mut self, time: UnixNanos, happened: u64) {
        self.sampled.get_or_insert_with(Operations::like_keys).count(time, happened);
    }

    /// Counts those within a request scope; the scope is empty outside of every one.
    pub fn sample_in(&mut self, scope: &Arc<str>, time: UnixNanos, happened: u64) {
        known_or_new(&mut self.scopes, scope, Operations::like_keys).count(time, happened);
    }

    /// Adds how long operations took.
    pub fn took(&mut self, op: &Arc<str>, time: UnixNanos, times: &TimeDistribution) {
        self.times.entry(op.clone()).or_default().add(time, times);
    }

    /// Notes the number of entries.
    pub fn set_entries(&mut self, time: UnixNanos, entries: u64) {
        let is_new = self.entries.len() < 2
            || self
                .entries
                .iter()
                .rev()
                .nth(1)
                .is_some_and(|last| time.since(last.0) >= Nanos::from_secs(10));
        match self.entries.back_mut() {
            Some(last) if !is_new => *last = (time, entries),
            Some(_) | None => self.entries.push_back((time, entries)),
        }
        while self.entries.len() > READINGS {
            self.entries.pop_front();
        }
    }

    /// Forgets what happened after `now`.
    pub fn forget_after(&mut self, now: UnixNanos) {
        let all = self.operations.values_mut().chain(&mut self.retries).chain(self.failures.values_mut());
        let all = all.chain(&mut self.sampled).chain(self.scopes.values_mut());
        all.for_each(|operations| operations.slots.forget_after(now));
        self.times.values_mut().for_each(|ring| ring.forget_after(now));
        self.entries.retain(|reading| reading.0 <= now);
        self.reported.forget_after(now);
        self.hot_keys.forget_after(now);
        self.max_entries.forget_after(now);
        self.last_write.forget_after(now);
        self.guard_held.forget_after(now);
    }

    /// Every pair that the sender declared, with its count, ascending.
    pub fn operations(&self) -> impl Iterator<Item = (&OpOutcome, Count)> {
        self.operations.iter().map(|(pair, operations)| (pair, operations.total))
    }

    /// How often a pair happened between two times.
    pub fn between(&self, pair: &OpOutcome, from: UnixNanos, until: Until, now: UnixNanos) -> Count {
        self.operations
            .get(pair)
            .map_or(Count::ZERO, |operations| operations.slots.between(from, until, now).good)
    }

    /// Operations of any kind between two times.
    pub fn all_between(&self, from: UnixNanos, until: Until, now: UnixNanos) -> Count {
        self.operations.values().map(|operations| operations.slots.between(from, until, now).good).sum()
    }

    /// Closure retries since the map is known.
    pub fn retries(&self) -> Count {
        self.retries.as_ref().map_or(Count::ZERO, |retries| retries.total)
    }

    /// Closure retries between two times.
    pub fn retries_between(&self, from: UnixNanos, until: Until, now: UnixNanos) -> Count {
        self.retries.as_ref().map_or(Count::ZERO, |retries| retries.slots.between(from, until, now).good)
    }

    /// Failed operations by operation and type of error, since the map is known.
    pub fn failures(&self) -> impl Iterator<Item = (&OpError, Count)> {
        self.failures.iter().map(|(pair, operations)| (pair, operations.total))
    }

    /// Failed operations between two times, the most frequent first.
    pub fn failures_between(&self, from: UnixNanos, until: Until, now: UnixNanos) -> Vec<(&OpError, Count)> {
        most_first(named(&self.failures), from, until, now)
    }

    /// Operations on single keys between two times, estimated; none where they are not reported.
    pub fn sampled_between(&self, from: UnixNanos, until: Until, now: UnixNanos) -> Option<Count> {
        self.sampled.as_ref().map(|sampled| sampled.slots.between(from, until, now).good)
    }

    /// Those within each request scope, the busiest first.
    pub fn scopes_between(&self, from: UnixNanos, until: Until, now: UnixNanos) -> Vec<(&Arc<str>, Count)> {
        most_first(named(&self.scopes), from, until, now)
    }

    /// How long an operation took, by time.
    pub fn times(&self, op: &str) -> Option<&DistributionRing> {
        self.times.get(op)
    }

    /// How long operations of every kind took, by time.
    pub fn all_times(&self) -> impl Iterator<Item = &DistributionRing> {
        self.times.values()
    }

    /// Entries as last reported.
    pub fn entries(&self) -> Option<u64> {
        self.entries.back().map(|last| last.1)
    }

    /// Entries as last reported before `time`, and when.
    pub fn entries_before(&self, time: UnixNanos) -> Option<(UnixNanos, u64)> {
        self.entries.iter().rev().find(|reading| reading.0 <= time).copied()
    }
}

/// Returns what a key holds, from now on at the latest.
fn known_or_new<'a, K: Clone + Ord>(
    all: &'a mut BTreeMap<K, Operations>,
    key: &K,
    new: fn() -> Operations,
) -> &'a mut Operations {
    all.entry(key.clone()).or_insert_with(new)
}

fn named<K>(all: &BTreeMap<K, Operations>) -> impl Iterator<Item = (&K, &Slots)> {
    all.iter().map(|(name, operations)| (name, &operations.slots))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_remembered_each_ten_seconds() {
        let mut map = Map::default();
        let at = |second: u64| UnixNanos::new(second * 1_000_000_000);
        for second in 1..=100 {
            map.set_entries(at(second), second);
        }
        assert_eq!(map.entries(), Some(100));
        let (time, entries) = map.entries_before(at(55)).unwrap();
        assert_eq!(time, at(entries));
        assert!((45..=55).contains(&entries), "{entries}");
        assert!(map.entries.len() <= 13, "{}", map.entries.len());
    }
}
