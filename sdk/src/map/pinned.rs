//! A pinned map. Comes in: calls without a guard. Goes out: papaya's answers. Holds the guard and, if the guard cannot
//! move to another thread, the thread's counters.

use std::hash::{BuildHasher, Hash};

use papaya::{
    Compute, Equivalent, Guard, Iter, Keys, LocalGuard, OccupiedError, Operation, OwnedGuard, Values,
};

use super::observed::Observed;
use super::{HashMap, Rejected};
use crate::record::ThreadCell;

/// A pinned [`HashMap`]: papaya's methods without a guard argument.
///
/// [`HashMap::pin`] looks up the current thread's counters once for all operations. A pin of [`HashMap::pin_owned`] may
/// move between threads and looks them up for each operation.
pub struct HashMapRef<'map, K, V, S, G> {
    map: &'map HashMap<K, V, S>,
    guarded: papaya::HashMapRef<'map, K, V, S, G>,
    /// Held only if the guard cannot leave its thread, because a cell has one writer.
    cell: Option<&'map ThreadCell>,
}

impl<K, V, S> HashMap<K, V, S> {
    /// Pins the map for the current thread. References that the pin returns are valid as long as the pin lives.
    ///
    /// Prefer one pin for a group of operations: pinning is nearly half the cost of a `get`. Operations through a pin
    /// find their counters without a read of thread-local memory.
    #[inline(always)]
    pub fn pin(&self) -> HashMapRef<'_, K, V, S, LocalGuard<'_>> {
        HashMapRef::local(self)
    }

    /// Pins the map with a guard that may move between threads and be held across `.await`. Costs more than
    /// [`pin`](HashMap::pin): papaya takes a lock for it.
    #[inline]
    pub fn pin_owned(&self) -> HashMapRef<'_, K, V, S, OwnedGuard<'_>> {
        HashMapRef::owned(self)
    }
}

impl<'map, K, V, S> HashMapRef<'map, K, V, S, LocalGuard<'map>> {
    #[inline(always)]
    fn local(map: &'map HashMap<K, V, S>) -> Self {
        Self { map, guarded: map.inner.pin(), cell: Some(map.meter.cell()) }
    }
}

impl<'map, K, V, S> HashMapRef<'map, K, V, S, OwnedGuard<'map>> {
    #[inline]
    fn owned(map: &'map HashMap<K, V, S>) -> Self {
        Self { map, guarded: map.inner.pin_owned(), cell: None }
    }
}

impl<'map, K, V, S, G> HashMapRef<'map, K, V, S, G>
where
    K: Hash + Eq,
    S: BuildHasher,
    G: Guard,
{
    #[inline(always)]
    fn cell(&self) -> &'map ThreadCell {
        match self.cell {
            Some(cell) => cell,
            None => self.map.meter.cell(),
        }
    }

    #[inline(always)]
    pub(super) fn observed(&self) -> Observed<'map, K, V, S, &papaya::HashMapRef<'map, K, V, S, G>> {
        Observed { map: self.map, cell: self.cell(), guarded: &self.guarded }
    }

    /// Returns the map.
    #[inline]
    pub fn map(&self) -> &'map HashMap<K, V, S> {
        self.map
    }

    /// Returns the number of entries, see [`HashMap::len`].
    #[inline]
    pub fn len(&self) -> usize {
        self.map.observed_len(self.cell())
    }

    /// Returns whether the map is empty; counted as `len`.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether the map has the key.
    #[inline]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed().contains_key(key)
    }

    /// Returns the value of the key.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed().get(key)
    }

    /// Returns the entry of the key, with the key as it is stored.
    #[inline]
    pub fn get_key_value<Q>(&self, key: &Q) -> Option<(&K, &V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed().get_key_value(key)
    }

    /// Sets the key's value and returns the old one, or `None` if there was none.
    ///
    /// A full map, see [A bounded map](HashMap#a-bounded-map), drops a new key and returns `None`;
    /// [`checked_insert`](HashMapRef::checked_insert) reports that.
    #[inline]
    pub fn insert(&self, key: K, value: V) -> Option<&V> {
        self.observed().insert(key, value)
    }

    /// Inserts as `insert` does, and reports a new key that a full map rejects. Not in papaya; counted as `insert`.
    ///
    /// A full map looks for the key before it replaces the value. In the rare case that another thread removes the
    /// key between the two and the map is full again, the new entry is taken out as `insert` does it: the result is
    /// `Ok(None)`, counted as `rejected`.
    ///
    /// # Errors
    /// The map is full and the key is new: the error holds the key and the value.
    #[inline]
    pub fn checked_insert(&self, key: K, value: V) -> Result<Option<&V>, Rejected<K, V>> {
        self.observed().checked_insert(key, value)
    }

    /// Inserts unless the key is there.
    ///
    /// # Errors
    /// The key is there: the error holds its current value and the one that was not inserted.
    #[inline]
    pub fn try_insert(&self, key: K, value: V) -> Result<&V, OccupiedError<'_, V>> {
        self.observed().try_insert(key, value)
    }

    /// Inserts what the closure returns unless the key is there; counted as `try_insert`. The closure runs at most
    /// once.
    ///
    /// # Errors
    /// The key is there: the error is its current value.
    #[inline]
    pub fn try_insert_with<F>(&self, key: K, f: F) -> Result<&V, &V>
    where
        F: FnOnce() -> V,
    {
        self.observed().try_insert_with(key, f)
    }

    /// Returns the value of the key, after inserting this one if there was none.
    #[inline]
    pub fn get_or_insert(&self, key: K, value: V) -> &V {
        self.observed().get_or_insert(key, value)
    }

    /// Returns the value of the key, after inserting the closure's if there was none. The closure runs at most once;
    /// counted as `get_or_insert`.
    #[inline]
    pub fn get_or_insert_with<F>(&self, key: K, f: F) -> &V
    where
        F: FnOnce() -> V,
    {
        self.observed().get_or_insert_with(key, f)
    }

    /// Returns the value of the key, after loading it if there was none. The loader runs at most once; counted as
    /// `load`, which is always timed if the loader runs. Not in papaya.
    ///
    /// A full map, see [A bounded map](HashMap#a-bounded-map), returns the value and does not keep it.
    ///
    /// # Errors
    /// The error of the loader: nothing is inserted, and the operation counts as `failed` with the error's type.
    #[inline]
    pub fn try_get_or_insert_with<F, E>(&self, key: K, f: F) -> Result<&V, E>
    where
        F: FnOnce() -> Result<V, E>,
    {
        self.observed().try_get_or_insert_with(key, f)
    }

    /// Replaces the key's value by what the closure returns, and returns the new one, or `None` if there was none. The
    /// closure runs again whenever another thread was faster; counted as `update`. Not in papaya.
    ///
    /// # Errors
    /// The error of the closure: nothing changes, and the operation counts as `failed` with the error's type.
    #[inline]
    pub fn try_update<F, E>(&self, key: K, update: F) -> Result<Option<&V>, E>
    where
        F: Fn(&V) -> Result<V, E>,
    {
        self.observed().try_update(key, update)
    }

    /// Replaces the key's value by what the closure returns, and returns the new one. The closure runs again whenever
    /// another thread was faster; the repeated runs count as retries.
    #[inline]
    pub fn update<F>(&self, key: K, update: F) -> Option<&V>
    where
        F: Fn(&V) -> V,
    {
        self.observed().update(key, update)
    }

    /// Updates the key's value, or inserts this one if there was none.
    #[inline]
    pub fn update_or_insert<F>(&self, key: K, update: F, value: V) -> &V
    where
        F: Fn(&V) -> V,
    {
        self.observed().update_or_insert_with(key, update, || value)
    }

    /// Updates the key's value, or inserts what `f` returns if there was none; counted as `update_or_insert`.
    #[inline]
    pub fn update_or_insert_with<U, F>(&self, key: K, update: U, f: F) -> &V
    where
        F: FnOnce() -> V,
        U: Fn(&V) -> V,
    {
        self.observed().update_or_insert_with(key, update, f)
    }

    /// Inserts, updates, removes or keeps the entry, as the closure decides. The closure runs again whenever another
    /// thread was faster; the repeated runs count as retries.
    #[inline]
    pub fn compute<'g, F, T>(&'g self, key: K, compute: F) -> Compute<'g, K, V, T>
    where
        F: FnMut(Option<(&'g K, &'g V)>) -> Operation<V, T>,
    {
        self.observed().compute(key, compute)
    }

    /// Removes the key and returns its value.
    #[inline]
    pub fn remove<Q>(&self, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed().remove_entry(key).map(|(_, value)| value)
    }

    /// Removes the key and returns its entry; counted as `remove`.
    #[inline]
    pub fn remove_entry<Q>(&self, key: &Q) -> Option<(&K, &V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed().remove_entry(key)
    }

    /// Removes the entry if the closure returns `true`, and returns it, or `None` if the key is not there. The closure
    /// runs again whenever another thread has changed the value.
    ///
    /// # Errors
    /// The closure returned `false`: the error is the entry.
    #[inline]
    pub fn remove_if<Q, F>(&self, key: &Q, should_remove: F) -> Result<Option<(&K, &V)>, (&K, &V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
        F: FnMut(&K, &V) -> bool,
    {
        self.observed().remove_if(key, should_remove)
    }

    /// Removes all entries. Always timed.
    #[inline]
    pub fn clear(&self) {
        self.observed().clear();
    }

    /// Removes the entries for which the closure returns `false`. One event; always timed.
    #[inline]
    pub fn retain<F>(&self, f: F)
    where
        F: FnMut(&K, &V) -> bool,
    {
        self.observed().retain(f);
    }

    /// Reserves room for this many more entries. Always timed.
    #[inline]
    pub fn reserve(&self, additional: usize) {
        self.observed().reserve(additional);
    }

    /// Returns all entries, in no order. One event. Its time is that of the call, which finishes a pending resize, not
    /// that of the iteration.
    #[inline]
    pub fn iter(&self) -> Iter<'_, K, V, G> {
        self.observed().iter()
    }

    /// Returns all keys, in no order; counted as `iter`.
    #[inline]
    pub fn keys(&self) -> Keys<'_, K, V, G> {
        self.observed().keys()
    }

    /// Returns all values, in no order; counted as `iter`.
    #[inline]
    pub fn values(&self) -> Values<'_, K, V, G> {
        self.observed().values()
    }
}
