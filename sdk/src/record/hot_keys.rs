//! The keys that most operations use. Comes in: hashes of keys of timed operations with their weights. Goes out:
//! the hottest keys with what they gained. Pure: time is an argument.
//!
//! Space-Saving (Metwally, Agrawal, El Abbadi: Efficient computation of frequent and top-k elements in data streams,
//! 2005) with [`TRACKED`] counters: a new key takes the place of the key with the smallest count and inherits it as its
//! possible error. A key with a share above 1 in [`TRACKED`] is found among any number of others, and one that
//! becomes hot rises, whatever was hot earlier. A key is reported with what it gained since it took its place, which
//! is exact for the operations that were offered.

use std::sync::Arc;

use super::HotKey;
use mapwarden_contract::{Count, Nanos, UnixNanos};

/// Keys that are counted. Raised, cooler keys are found too, and a timed operation searches longer; each key costs 72
/// bytes a map name.
const TRACKED: usize = 64;

/// Keys that are reported. Raised, every map sends more series.
const REPORTED: usize = 10;

/// The share of a key's recent operations that is left after a snapshot: seven snapshots halve them. Raised, a key that
/// cooled down is reported for longer.
const RETAINED: f64 = 0.9;

/// Offers from which on the service is asked for a key's name. Raised, fewer names are asked for.
const WORTH_A_NAME: u32 = 8;

/// The hash of a key under the secret of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyHash(pub(crate) u64);

/// The keys of one map.
#[derive(Debug, Default)]
pub(super) struct HotKeyTracker {
    /// Separate from the keys, because every offer searches them.
    hashes: Vec<u64>,
    keys: Vec<TrackedKey>,
    /// All operations that were offered.
    all: Flow,
}

/// Operations, and how many of them are recent.
#[derive(Debug, Default)]
struct Flow {
    count: u64,
    /// The count at the last snapshot.
    seen: u64,
    recent: f64,
}

impl Flow {
    const fn add(&mut self, weight: u64) {
        self.count = self.count.saturating_add(weight);
    }

    fn pass(&mut self) {
        self.recent = self.recent * RETAINED + Count::new(self.count.saturating_sub(self.seen)).as_f64();
        self.seen = self.count;
    }
}

#[derive(Debug)]
struct TrackedKey {
    /// An upper bound on the key's operations in the whole stream.
    flow: Flow,
    /// The count when the key took its place.
    inherited: u64,
    offers: u32,
    /// The start of its series, set by the first snapshot that reports the key: it must not change.
    since: Option<UnixNanos>,
    /// When the key took its place, in nanoseconds of the recorder's clock.
    entered: u64,
    name: Option<Arc<str>>,
}

impl TrackedKey {
    const fn new(inherited: u64, weight: u64, now: u64) -> Self {
        let flow = Flow { count: inherited.saturating_add(weight), seen: inherited, recent: 0.0 };
        Self { flow, inherited, offers: 1, since: None, entered: now, name: None }
    }
}

impl HotKeyTracker {
    /// Counts an operation on a key.
    pub(super) fn offer(&mut self, KeyHash(hash): KeyHash, weight: u64, now: u64) {
        self.all.add(weight);
        if let Some(key) = self.position(hash).and_then(|place| self.keys.get_mut(place)) {
            key.flow.add(weight);
            key.offers = key.offers.saturating_add(1);
            return;
        }
        if self.keys.len() < TRACKED {
            self.hashes.push(hash);
            self.keys.push(TrackedKey::new(0, weight, now));
            return;
        }
        let coldest = self.keys.iter_mut().zip(&mut self.hashes).min_by_key(|(key, _)| key.flow.count);
        if let Some((key, place)) = coldest {
            *place = hash;
            *key = TrackedKey::new(key.flow.count, weight, now);
        }
    }

    /// Returns whether the key is hot and the service may name it.
    pub(super) fn wants_name(&self, KeyHash(hash): KeyHash) -> bool {
        let key = self.position(hash).and_then(|place| self.keys.get(place));
        key.is_some_and(|key| key.name.is_none() && key.offers >= WORTH_A_NAME)
    }

    /// Names a key, if it is still counted.
    pub(super) fn name(&mut self, KeyHash(hash): KeyHash, name: Arc<str>) {
        if let Some(key) = self.position(hash).and_then(|place| self.keys.get_mut(place)) {
            key.name = Some(name);
        }
    }

    fn position(&self, hash: u64) -> Option<usize> {
        self.hashes.iter().position(|known| *known == hash)
    }

    /// Returns the keys that are hottest now, hottest first, without those that any tail of cool keys would contain.
    /// `unix` is the recorder's time `now`.
    pub(super) fn hottest(&mut self, now: u64, unix: UnixNanos) -> Vec<HotKey> {
        self.all.pass();
        self.keys.iter_mut().for_each(|key| key.flow.pass());
        let least = self.all.recent / f64::from(u32::try_from(TRACKED).unwrap_or(u32::MAX));
        let is_hot = |key: &TrackedKey| key.offers > 1 && key.flow.recent > 0.0 && key.flow.recent >= least;
        let mut hot: Vec<_> = self.keys.iter_mut().zip(&self.hashes).filter(|(key, _)| is_hot(key)).collect();
        hot.sort_by(|(a, _), (b, _)| b.flow.recent.total_cmp(&a.flow.recent));
        hot.into_iter().take(REPORTED).map(|(key, hash)| key.report(*hash, now, unix)).collect()
    }
}

impl TrackedKey {
    fn report(&mut self, hash: u64, now: u64, unix: UnixNanos) -> HotKey {
        let entered = unix.before(Nanos::new(now.saturating_sub(self.entered)));
        HotKey {
            key: self.name.clone().unwrap_or_else(|| format!("{hash:016x}").into()),
            since: *self.since.get_or_insert(entered),
            operations: Count::new(self.flow.count.saturating_sub(self.inherited)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(keys: &mut HotKeyTracker) -> Vec<(String, u64)> {
        let hottest = keys.hottest(0, UnixNanos::EPOCH);
        hottest.into_iter().map(|hot| (hot.key.to_string(), hot.operations.get())).collect()
    }

    #[test]
    fn a_hot_key_is_found_among_any_number_of_cool_ones() {
        let mut keys = HotKeyTracker::default();
        let mut random = fastrand::Rng::with_seed(3);
        let mut hot = 0;
        for number in 0..100_000 {
            let is_hot = random.u8(..100) < 5;
            hot += u64::from(is_hot);
            keys.offer(KeyHash(if is_hot { 7 } else { 1000 + number }), 1, 0);
        }
        let hot_keys = reported(&mut keys);
        assert_eq!(hot_keys[0].0, format!("{:016x}", 7));
        // The key may have been replaced before it had a lead, never after.
        assert!((hot - 100..=hot).contains(&hot_keys[0].1), "{hot_keys:?} of {hot}");
        assert_eq!(hot_keys.len(), 1, "the tail is not hot");
    }

    #[test]
    fn among_equals_none_is_hot() {
        let mut keys = HotKeyTracker::default();
        let mut random = fastrand::Rng::with_seed(4);
        for _ in 0..60 {
            (0..200).for_each(|_| keys.offer(KeyHash(random.u64(..400)), 1, 0));
            assert_eq!(reported(&mut keys), []);
        }
    }

    #[test]
    fn a_key_that_becomes_hot_passes_one_that_was() {
        let mut keys = HotKeyTracker::default();
        (0..1_000_000).for_each(|_| keys.offer(KeyHash(1), 1, 0));
        assert_eq!(reported(&mut keys)[0].1, 1_000_000);
        (0..1000).for_each(|_| keys.offer(KeyHash(2), 1, 0));
        (0..120).for_each(|_| drop(keys.hottest(0, UnixNanos::EPOCH)));
        (0..1000).for_each(|_| keys.offer(KeyHash(2), 1, 0));
        assert_eq!(reported(&mut keys)[0], (format!("{:016x}", 2), 2000));
    }

    #[test]
    fn weights_count_and_names_and_starts_stay() {
        let mut keys = HotKeyTracker::default();
        (0..8).for_each(|_| keys.offer(KeyHash(1), 64, 5_000));
        assert!(keys.wants_name(KeyHash(1)) && !keys.wants_name(KeyHash(2)));
        keys.name(KeyHash(1), "ada".into());
        assert!(!keys.wants_name(KeyHash(1)));
        let unix = UnixNanos::new(1_000_000);
        let first = keys.hottest(6_000, unix);
        let expected =
            HotKey { key: "ada".into(), since: UnixNanos::new(999_000), operations: Count::new(512) };
        assert_eq!(first, [expected]);
        assert_eq!(keys.hottest(9_000, UnixNanos::new(7_000_000))[0].since, UnixNanos::new(999_000));
    }

    proptest::proptest! {
        #[test]
        fn no_key_is_reported_with_more_than_was_offered(
            offers in proptest::collection::vec((0..200_u64, 1..64_u64), 0..2000),
        ) {
            let mut keys = HotKeyTracker::default();
            let mut truth = std::collections::BTreeMap::new();
            for (key, weight) in offers {
                keys.offer(KeyHash(key), weight, 0);
                *truth.entry(format!("{key:016x}")).or_insert(0) += weight;
            }
            for hot in keys.hottest(0, UnixNanos::EPOCH) {
                proptest::prop_assert!(hot.operations.get() <= truth[&*hot.key]);
            }
            let total: u64 = keys.keys.iter().map(|key| key.flow.count).sum();
            proptest::prop_assert_eq!(total, truth.values().sum::<u64>());
        }
    }
}
