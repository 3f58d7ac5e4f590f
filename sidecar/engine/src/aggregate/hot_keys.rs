//! The hot keys of one map. Comes in: what its processes report of their few hottest keys. Goes out: how often each key was
//! used, by time. Never holds more than 64 keys, however often they change, and never counts an operation twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use mapwarden_contract::{Count, Nanos, UnixNanos};

use super::ignored::Ignored;
use super::last_values::{ReportTimes, trim};
use super::series::{self, Mark, Reading};
use super::slots::{Slots, Until, most_first};

/// How far back keys are remembered.
pub const REACH: Nanos = Nanos::from_secs(3_600);

/// How many keys a map has. Raised, a map with hot keys that change all the time takes more memory: up to 33 kB for a
/// key that is reported each second for an hour.
const KEYS: usize = 64;

/// How long a key must have been silent before it makes room for another one.
const IDLE: Nanos = Nanos::from_secs(30);

/// The hot keys of one map.
#[derive(Clone, Debug, Default)]
pub struct HotKeys {
    keys: BTreeMap<Arc<str>, KeyCounts>,
    /// When each process last reported hot keys of this map, and before that.
    reported: ReportTimes,
    is_reported: bool,
}

#[derive(Clone, Debug)]
struct KeyCounts {
    slots: Slots,
    /// How far each process's points were counted.
    marks: BTreeMap<u64, Mark>,
    last: UnixNanos,
}

/// One point of one key.
#[derive(Clone, Copy, Debug)]
pub struct KeyPoint {
    /// The process.
    pub sender: u64,
    /// The point.
    pub reading: Reading,
    /// Its time, at most the time at which it arrived.
    pub at: UnixNanos,
    /// Since when the sidecar watches.
    pub watching_since: UnixNanos,
}

impl HotKeys {
    /// Counts a point of a key.
    ///
    /// A process reports a key only while it is one of its hottest. A key that is new from this process counts in full if it
    /// became hot after the process's previous report; the count of an older one cannot be placed in time, so it is only
    /// the base.
    ///
    /// # Errors
    /// The point is a duplicate or comes late, or there are too many keys.
    pub fn take(&mut self, key: &Arc<str>, point: KeyPoint) -> Result<(), Ignored> {
        let KeyPoint { sender, reading, at, watching_since } = point;
        self.is_reported = true;
        let before = self.reported.record(sender, reading.time).unwrap_or(watching_since);
        if !self.keys.contains_key(key) {
            self.make_room(at)?;
        }
        let hot = self.keys.entry(key.clone()).or_insert_with(|| KeyCounts {
            slots: Slots::for_keys(),
            marks: BTreeMap::new(),
            last: at,
        });
        let (increase, mark) = series::increase(hot.marks.get(&sender).copied(), reading, before)?;
        hot.marks.insert(sender, mark);
        trim(&mut hot.marks, |mark| mark.time);
        hot.last = hot.last.max(at);
        if increase.events > 0 {
            hot.slots.add(at, Count::new(increase.events), Count::ZERO);
        }
        Ok(())
    }

    fn make_room(&mut self, now: UnixNanos) -> Result<(), Ignored> {
        if self.keys.len() < KEYS {
            return Ok(());
        }
        let quietest = self.keys.iter().min_by_key(|(_, hot)| hot.last);
        let idle = quietest.filter(|(_, hot)| now.since(hot.last) > IDLE).map(|(key, _)| key.clone());
        let idle = idle.ok_or(Ignored::TooManyHotKeys)?;
        self.keys.remove(&idle);
        Ok(())
    }

    /// Whether any process ever reported a hot key.
    pub const fn is_reported(&self) -> bool {
        self.is_reported
    }

    /// Whether a key is held.
    pub fn holds(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// How many keys are held.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is held.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Operations on one key between two times; zero where it was no hot key then.
    pub fn of(&self, key: &str, from: UnixNanos, until: Until, now: UnixNanos) -> Count {
        self.keys.get(key).map_or(Count::ZERO, |hot| hot.slots.between(from, until, now).good)
    }

    /// Operations on each key between two times, the hottest first.
    pub fn between(&self, from: UnixNanos, until: Until, now: UnixNanos) -> Vec<(&Arc<str>, Count)> {
        most_first(self.keys.iter().map(|(key, hot)| (key, &hot.slots)), from, until, now)
    }

    /// Forgets keys that were not reported for longer than [`REACH`].
    pub fn forget_silent(&mut self, now: UnixNanos) {
        self.keys.retain(|_, hot| now.since(hot.last) <= REACH);
    }

    /// Forgets what happened after `now`.
    pub fn forget_after(&mut self, now: UnixNanos) {
        for hot in self.keys.values_mut() {
            hot.slots.forget_after(now);
            hot.last = hot.last.min(now);
            hot.marks.values_mut().for_each(|mark| mark.time = mark.time.min(now.get()));
        }
        self.reported.forget_after(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::observation::Temporality;

    fn at(second: u64) -> UnixNanos {
        UnixNanos::new((1_800_000_000 + second) * 1_000_000_000)
    }

    /// A cumulative point of process 1: since when, until when, how many.
    type At = (u64, u64, u64);

    fn point((since, second, value): At) -> KeyPoint {
        let temporality = Temporality::Cumulative;
        let reading = Reading { temporality, start: at(since), time: at(second), value, part: 0 };
        KeyPoint { sender: 1, reading, at: at(second), watching_since: at(0) }
    }

    fn operations(keys: &HotKeys, key: &str, second: u64) -> u64 {
        keys.of(key, at(0), Until::Through(at(second)), at(second)).get()
    }

    #[test]
    fn a_key_is_counted_once_however_it_comes_and_goes() {
        // Another key keeps the process reporting while the key is silent.
        let cases: [(&str, &[At], u64); 6] = [
            ("reported each second", &[(9, 10, 5), (9, 11, 8)], 8),
            ("sent twice", &[(9, 10, 5), (9, 10, 5)], 5),
            ("left and came back, counted anew", &[(9, 10, 5), (19, 20, 3)], 8),
            ("left and came back, counted on", &[(9, 10, 5), (9, 20, 11)], 11),
            ("became hot before its first report: only the base", &[(4, 10, 500), (4, 11, 501)], 1),
            ("overtaken", &[(9, 10, 5), (9, 12, 9), (9, 11, 7)], 9),
        ];
        for (name, points, expected) in cases {
            let mut keys = HotKeys::default();
            for second in 1..=30 {
                keys.take(&Arc::from("another"), point((0, second, second))).unwrap();
                for reported in points.iter().filter(|point| point.1 == second) {
                    let _ = keys.take(&Arc::from("key"), point(*reported));
                }
                for reported in points.iter().filter(|point| second == 13 && point.1 == 11 && point.2 == 7) {
                    let _ = keys.take(&Arc::from("key"), point(*reported));
                }
            }
            assert_eq!(operations(&keys, "key", 30), expected, "{name}");
        }
    }

    #[test]
    fn keys_that_change_all_the_time_stay_within_the_bound() {
        let mut keys = HotKeys::default();
        let mut refused = 0;
        for second in 1..=200 {
            for index in 0..10 {
                let key = format!("key {second} {index}");
                refused += u64::from(keys.take(&Arc::from(key), point((second - 1, second, 7))).is_err());
            }
            assert!(keys.len() <= KEYS);
        }
        assert!(refused > 1_000, "what does not fit is refused, and counted: {refused}");
        assert!(
            keys.holds("key 200 9") || keys.between(at(170), Until::Through(at(200)), at(200)).len() > 20
        );
        keys.forget_silent(at(200 + 3_601));
        assert!(keys.is_empty() && keys.is_reported());
    }

    #[test]
    fn a_key_that_was_forgotten_is_not_counted_twice() {
        let mut keys = HotKeys::default();
        keys.take(&Arc::from("key"), point((9, 10, 1_000))).unwrap();
        for second in 11..=60 {
            for index in 0..KEYS {
                let _ = keys.take(&Arc::from(format!("{index}")), point((10, second, second)));
            }
        }
        assert!(!keys.holds("key"), "it made room");
        keys.forget_silent(at(10_000));
        keys.take(&Arc::from("another"), point((0, 10_000, 0))).unwrap();
        keys.take(&Arc::from("key"), point((9, 10_001, 1_010))).unwrap();
        keys.take(&Arc::from("key"), point((9, 10_002, 1_017))).unwrap();
        let since = keys.of("key", at(9_990), Until::Through(at(10_002)), at(10_002));
        assert_eq!(since, Count::new(7));
    }

    proptest! {
        #[test]
        fn no_key_is_counted_more_often_than_reported(
            steps in prop::collection::vec((0_usize..6, 0_u64..50, any::<bool>()), 1..120)
        ) {
            let mut keys = HotKeys::default();
            // (since, value) of each key as the process counts it.
            let mut counted = [(0, 0_u64); 6];
            let mut all = [0; 6];
            for (second, (key, used, is_new)) in (1_u64..).zip(&steps) {
                if *is_new {
                    counted[*key] = (second - 1, 0);
                }
                counted[*key].1 += used;
                all[*key] += used;
                let (since, value) = counted[*key];
                let _ = keys.take(&Arc::from(format!("{key}")), point((since, second, value)));
            }
            for (key, used) in all.iter().enumerate() {
                let got = operations(&keys, &key.to_string(), 121);
                prop_assert!(got <= *used, "key {}: {} of {}", key, got, used);
            }
        }
    }
}
