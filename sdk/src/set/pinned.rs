//! A pinned set: the guard and, on its own thread, the counters are held for you.

use std::hash::{BuildHasher, Hash};

use super::{HashSet, SetIter};
use crate::map::{Equivalent, Guard, HashMapRef, LocalGuard, OwnedGuard, Rejected};

/// A pinned [`HashSet`]: papaya's methods, without a guard to pass.
///
/// Through [`HashSet::pin`] the current thread's counters are found once for all operations. A pin of
/// [`HashSet::pin_owned`] moves between threads and finds them anew for each operation.
pub struct HashSetRef<'set, K, S, G> {
    set: &'set HashSet<K, S>,
    map: HashMapRef<'set, K, (), S, G>,
}

impl<K, S> HashSet<K, S> {
    /// Pins the set for the current thread: references that it gives are valid as long as the pin lives. Prefer one
    /// pin to many for a group of operations.
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
    /// The set itself.
    #[inline]
    pub fn set(&self) -> &'set HashSet<K, S> {
        self.set
    }

    /// The number of keys, see [`HashSet::len`].
    #[inline]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there is no key; counted as `len`.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Whether the key is there.
    #[inline]
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.map.contains_key(key)
    }

    /// The key as it is stored.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<&K>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.map.get_key_value(key).map(|(key, ())| key)
    }

    /// Adds the key and tells whether it was new.
    ///
    /// A full set, see [A bounded set](HashSet#a-bounded-set), drops a new key and says `true`;
    /// [`checked_insert`](HashSetRef::checked_insert) tells.
    #[inline]
    pub fn insert(&self, key: K) -> bool {
        self.map.insert(key, ()).is_none()
    }

    /// As `insert`, but tells when a full set refused a new key. Not in papaya; counted as `insert`.
    ///
    /// # Errors
    /// The key, where the set is full and the key is new; see [`HashSet::checked_insert`].
    #[inline]
    pub fn checked_insert(&self, key: K) -> Result<bool, Rejected<K, ()>> {
        self.map.checked_insert(key, ()).map(|old| old.is_none())
    }

    /// Removes the key and tells whether it was there.
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

    /// Removes the keys that the closure does not want to keep. One event; always timed.
    #[inline]
    pub fn retain<F>(&self, mut f: F)
    where
        F: FnMut(&K) -> bool,
    {
        self.map.retain(|key, ()| f(key));
    }

    /// Makes room for so many more keys. Always timed.
    #[inline]
    pub fn reserve(&self, additional: usize) {
        self.map.reserve(additional);
    }

    /// All keys, in no order. One event, whose time is that of the call, not that of the walk.
    #[inline]
    pub fn iter(&self) -> SetIter<'_, K, G> {
        SetIter::new(self.map.keys())
    }
}
