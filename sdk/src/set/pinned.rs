//! A pinned set. Comes in: calls without a guard. Goes out: papaya's answers. Holds a pinned map without values.

use std::hash::{BuildHasher, Hash};

use super::{HashSet, SetIter};
use crate::map::{Equivalent, Guard, HashMapRef, LocalGuard, OwnedGuard, Rejected};

/// A pinned [`HashSet`]: papaya's methods without a guard argument.
///
/// [`HashSet::pin`] looks up the current thread's counters once for all operations. A pin of [`HashSet::pin_owned`] may
/// move between threads and looks them up for each operation.
pub struct HashSetRef<'set, K, S, G> {
    set: &'set HashSet<K, S>,
    map: HashMapRef<'set, K, (), S, G>,
}

impl<K, S> HashSet<K, S> {
    /// Pins the set for the current thread. References that the pin returns are valid as long as the pin lives. Prefer
    /// one pin for a group of operations.
    #[inline(always)]
    pub fn pin(&self) -> HashSetRef<'_, K, S, LocalGuard<'_>> {
        HashSetRef::new(self, self.map.pin())
    }

    /// Pins the set with a guard that may move between threads and be held across `.await`. Costs more than
    /// [`pin`](HashSet::pin): papaya takes a lock for it.
    #[inline]
    pub fn pin_owned(&self) -> HashSetRef<'_, K, S, OwnedGuard<'_>> {
        HashSetRef::new(self, self.map.pin_owned())
    }
}

impl<'set, K, S, G> HashSetRef<'set, K, S, G> {
    #[inline(always)]
    const fn new(set: &'set HashSet<K, S>, map: HashMapRef<'set, K, (), S, G>) -> Self {
        Self { set, map }
    }
}

impl<'set, K, S, G> HashSetRef<'set, K, S, G>
where
    K: Hash + Eq,
    S: BuildHasher,
    G: Guard,
{
    /// Returns the set.
    #[inline]
    pub fn set(&self) -> &'set HashSet<K, S> {
        self.set
    }

    /// Returns the number of keys, see [`HashSet::len`].
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
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.map.contains_key(key)
    }

    /// Returns the key as it is stored.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<&K>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.map.get_key_value(key).map(|(key, ())| key)
    }

    /// Adds the key and returns whether it was new.
    ///
    /// A full set, see [A bounded set](HashSet#a-bounded-set), drops a new key and returns `true`;
    /// [`checked_insert`](HashSetRef::checked_insert) reports that.
    #[inline]
    pub fn insert(&self, key: K) -> bool {
        self.map.insert(key, ()).is_none()
    }

    /// Inserts as `insert` does, and reports a new key that a full set rejects. Not in papaya; counted as `insert`.
    ///
    /// # Errors
    /// The set is full and the key is new: the error holds the key, see [`HashSet::checked_insert`].
    #[inline]
    pub fn checked_insert(&self, key: K) -> Result<bool, Rejected<K, ()>> {
        self.map.checked_insert(key, ()).map(|old| old.is_none())
    }

    /// Removes the key and returns whether it was there.
    #[inline]
    pub fn remove<Q>(&self, key: &Q) -> bool
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.map.remove(key).is_some()
    }

    /// Removes all keys. Always timed.
    #[inline]
    pub fn clear(&self) {
        self.map.clear();
    }

    /// Removes the keys for which the closure returns `false`. One event; always timed.
    #[inline]
    pub fn retain<F>(&self, mut f: F)
    where
        F: FnMut(&K) -> bool,
    {
        self.map.retain(|key, ()| f(key));
    }

    /// Reserves room for this many more keys. Always timed.
    #[inline]
    pub fn reserve(&self, additional: usize) {
        self.map.reserve(additional);
    }

    /// Returns all keys, in no order. One event. Its time is that of the call, not that of the iteration.
    #[inline]
    pub fn iter(&self) -> SetIter<'_, K, G> {
        SetIter::new(self.map.keys())
    }
}
