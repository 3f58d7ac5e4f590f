//! The set itself, and its operations under explicit guards. Comes in: a map without values. Goes out: a set. Never
//! counts by itself: every operation is one of the map.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};

use super::SetIter;
use crate::map::{Equivalent, Guard, HashMap, LocalGuard, OwnedGuard, Rejected};

/// A concurrent hash set that counts its operations.
///
/// The set is [papaya](papaya::HashSet)'s. In the telemetry it is a [`HashMap`] without values, with the same names,
/// costs and objectives.
///
/// ```
/// use mapwarden::{HashSet, Objective};
///
/// let seen: HashSet<String> = HashSet::builder()
///     .name("seen")
///     .max_entries(100_000)
///     .objective(Objective::availability(0.999)?)
///     .build();
///
/// let seen = seen.pin();
/// assert!(seen.insert("ada".to_owned()));
/// assert!(!seen.insert("ada".to_owned()));
/// assert!(!seen.contains("bob"));
/// # Ok::<(), mapwarden::ObjectiveError>(())
/// ```
///
/// # Operations
/// `contains` is counted as `contains_key` and `get` as `get_key_value`; the others have their own names. An `insert`
/// of a key that is there replaces the stored key by the equal one, as in papaya, and counts as `replaced`.
///
/// # A bounded set
/// With [`max_entries`](crate::HashSetBuilder::max_entries) a full set rejects new keys, as [a bounded
/// map](HashMap#a-bounded-map) does: [`checked_insert`](crate::HashSetRef::checked_insert) returns the key as an error;
/// `insert` returns `true`, and the set does not hold the key.
///
/// # Sharing
/// Sharing a set between threads requires `K: Send + Sync`, as papaya does for its map. papaya requires only `K: Sync`
/// for its set; but through a shared set one thread may drop a key that another one inserted.
///
/// ```compile_fail,E0277
/// fn shared<T: Sync>() {}
/// shared::<mapwarden::HashSet<std::sync::MutexGuard<'static, u8>>>();
/// ```
pub struct HashSet<K, S = RandomState> {
    pub(super) map: HashMap<K, (), S>,
}

impl<K, S> HashSet<K, S> {
    pub(super) const fn of(map: HashMap<K, (), S>) -> Self {
        Self { map }
    }

    pub(super) const fn map(&self) -> &HashMap<K, (), S> {
        &self.map
    }

    /// Returns the name in the telemetry.
    pub fn name(&self) -> &str {
        self.map.name()
    }

    /// Returns a guard for the methods that take one.
    #[inline]
    pub fn guard(&self) -> LocalGuard<'_> {
        self.map.guard()
    }

    /// Returns a guard for the methods that take one, which may move between threads and be held across `.await`.
    #[inline]
    pub fn owned_guard(&self) -> OwnedGuard<'_> {
        self.map.owned_guard()
    }
}

/// Operations under a guard of this set.
///
/// # Panics
/// If the guard is of another set or map. Such a call counts as `failed`.
impl<K, S> HashSet<K, S>
where
    K: Hash + Eq,
    S: BuildHasher,
{
    /// Returns the number of keys: one load for each core. While other threads write, the number may be true of no
    /// single moment.
    #[inline]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Returns whether the set is empty; counted as `len`.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Returns whether the set has the key.
    #[inline]
    pub fn contains<Q>(&self, key: &Q, guard: &impl Guard) -> bool
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.map.contains_key(key, guard)
    }

    /// Returns the key as it is stored.
    #[inline]
    pub fn get<'g, Q>(&self, key: &Q, guard: &'g impl Guard) -> Option<&'g K>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.map.get_key_value(key, guard).map(|(key, ())| key)
    }

    /// Adds the key and returns whether it was new.
    ///
    /// A full set, see [A bounded set](HashSet#a-bounded-set), drops a new key and returns `true`;
    /// [`checked_insert`](HashSet::checked_insert) reports that.
    #[inline]
    pub fn insert(&self, key: K, guard: &impl Guard) -> bool {
        self.map.insert(key, (), guard).is_none()
    }

    /// Inserts as `insert` does, and reports a new key that a full set rejects. Not in papaya; counted as `insert`.
    ///
    /// # Errors
    /// The set is full and the key is new: the error holds the key. In the rare case that another thread removes the
    /// key between look-up and replacement, the result may be `Ok(true)`, counted as `rejected`, as with [a
    /// map](HashMap::checked_insert).
    #[inline]
    pub fn checked_insert(&self, key: K, guard: &impl Guard) -> Result<bool, Rejected<K, ()>> {
        self.map.checked_insert(key, (), guard).map(|old| old.is_none())
    }

    /// Removes the key and returns whether it was there.
    #[inline]
    pub fn remove<Q>(&self, key: &Q, guard: &impl Guard) -> bool
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.map.remove(key, guard).is_some()
    }

    /// Reserves room for this many more keys. Always timed.
    #[inline]
    pub fn reserve(&self, additional: usize, guard: &impl Guard) {
        self.map.reserve(additional, guard);
    }

    /// Removes all keys. Always timed.
    #[inline]
    pub fn clear(&self, guard: &impl Guard) {
        self.map.clear(guard);
    }

    /// Removes the keys for which the closure returns `false`. One event; always timed.
    #[inline]
    pub fn retain<F>(&self, mut f: F, guard: &impl Guard)
    where
        F: FnMut(&K) -> bool,
    {
        self.map.retain(|key, ()| f(key), guard);
    }

    /// Returns all keys, in no order. One event. Its time is that of the call, not that of the iteration.
    #[inline]
    pub fn iter<'g, G>(&self, guard: &'g G) -> SetIter<'g, K, G>
    where
        G: Guard,
    {
        SetIter::new(self.map.keys(guard))
    }
}
