//! A pinned map: the guard and, on its own thread, the counters are held for you.

use std::hash::{BuildHasher, Hash};

use papaya::{
    Compute, Equivalent, Guard, Iter, Keys, LocalGuard, OccupiedError, Operation, OwnedGuard, Values,
};

use super::observed::Observed;
use super::{HashMap, Rejected};
use crate::record::ThreadCell;

/// A pinned [`HashMap`]: papaya's methods, without a guard to pass.
///
/// Through [`HashMap::pin`] the current thread's counters are found once for all operations. A pin of
/// [`HashMap::pin_owned`] moves between threads and finds them anew for each operation.
pub struct HashMapRef<'map, K, V, S, G> {
    map: &'map HashMap<K, V, S>,
    guarded: papaya::HashMapRef<'map, K, V, S, G>,
    /// Held only where the guard cannot leave its thread, because a cell has one writer.
    cell: Option<&'map ThreadCell>,
}

impl<K, V, S> HashMap<K, V, S> {
    /// Pins the map for the current thread: references that it gives are valid as long as the pin lives.
    ///
    /// Prefer one pin to many for a group of operations; pinning is nearly half the cost of a `get`. Operations
    /// through it find their counters without a look at thread-local memory.
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

    /// The map itself.
    #[inline]
    pub fn map(&self) -> &'map HashMap<K, V, S> {
        self.map
    }

    /// The number of entries, see [`HashMap::len`].
    #[inline]
    pub fn len(&self) -> usize {
        self.map.observed_len(self.cell())
    }

    /// Whether there is no entry; counted as `len`.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the key is there.
    #[inline]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed().contains_key(key)
    }

    /// The value of the key.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed().get(key)
    }

    /// The entry of the key, with the key as it is stored.
    #[inline]
    pub fn get_key_value<Q>(&self, key: &Q) -> Option<(&K, &V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed().get_key_value(key)
    }

    /// Sets the key's value and gives the old one, or `None` where there was none.
    ///
    /// A full map, see [A bounded map](HashMap#a-bounded-map), drops a new key and gives `None`;
    /// [`checked_insert`](HashMapRef::checked_insert) tells.
    #[inline]
    pub fn insert(&self, key: K, value: V) -> Option<&V> {
        self.observed().insert(key, value)
    }

    /// As `insert`, but tells when a full map refused a new key. Not in papaya; counted as `insert`.
    ///
    /// A full map looks for the key before it replaces the value. In the rare case that another thread removes the
    /// key between the two and the map is full again, the new entry is taken out as `insert` does it: the answer is
    /// `Ok(None)`, counted as `rejected`.
    ///
    /// # Errors
    /// The key and the value, where the map is full and the key is new.
    #[inline]
    pub fn checked_insert(&self, key: K, value: V) -> Result<Option<&V>, Rejected<K, V>> {
        self.observed().checked_insert(key, value)
    }

    /// Inserts unless the key is there.
    ///
    /// # Errors
    /// The current value and the one that was not inserted.
    #[inline]
    pub fn try_insert(&self, key: K, value: V) -> Result<&V, OccupiedError<'_, V>> {
        self.observed().try_insert(key, value)
    }

    /// Inserts what the closure gives unless the key is there; counted as `try_insert`. The closure runs at
    /// most once.
    ///
    /// # Errors
    /// The current value.
    #[inline]
    pub fn try_insert_with<F>(&self, key: K, f: F) -> Result<&V, &V>
    where
        F: FnOnce() -> V,
    {
        self.observed().try_insert_with(key, f)
    }

    /// The value of the key, after inserting this one if there was none.
    #[inline]
    pub fn get_or_insert(&self, key: K, value: V) -> &V {
        self.observed().get_or_insert(key, value)
    }

    /// The value of the key, after inserting the closure's if there was none. The closure runs at most once;
    /// counted as `get_or_insert`.
    #[inline]
    pub fn get_or_insert_with<F>(&self, key: K, f: F) -> &V
    where
        F: FnOnce() -> V,
    {
        self.observed().get_or_insert_with(key, f)
    }

    /// The value of the key, after loading it if there was none. The loader runs at most once; counted as `load`, which
    /// is always timed where the loader runs. Not in papaya.
    ///
    /// A full map, see [A bounded map](HashMap#a-bounded-map), gives the value and does not keep it.
    ///
    /// # Errors
    /// What the loader returns: nothing is inserted, and the operation counts as `failed` of the error's type.
    #[inline]
    pub fn try_get_or_insert_with<F, E>(&self, key: K, f: F) -> Result<&V, E>
    where
        F: FnOnce() -> Result<V, E>,
    {
        self.observed().try_get_or_insert_with(key, f)
    }

    /// Replaces the key's value by what the closure makes of it and gives the new one, or `None` where there was none.
    /// The closure runs again whenever another thread was faster; counted as `update`. Not in papaya.
    ///
    /// # Errors
    /// What the closure returns: nothing is changed, and the operation counts as `failed` of the error's type.
    #[inline]
    pub fn try_update<F, E>(&self, key: K, update: F) -> Result<Option<&V>, E>
    where
        F: Fn(&V) -> Result<V, E>,
    {
        self.observed().try_update(key, update)
    }

    /// Replaces the key's value by what the closure makes of it and gives the new one. The closure runs again
    /// whenever another thread was faster; that counts as retries.
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

    /// Updates the key's value, or inserts what `f` gives if there was none; counted as `update_or_insert`.
    #[inline]
    pub fn update_or_insert_with<U, F>(&self, key: K, update: U, f: F) -> &V
    where
        F: FnOnce() -> V,
        U: Fn(&V) -> V,
    {
        self.observed().update_or_insert_with(key, update, f)
    }

    /// Lets the closure decide what becomes of the entry: insert, update, remove, or leave it. The closure
    /// runs again whenever another thread was faster; that counts as retries.
    #[inline]
    pub fn compute<'g, F, T>(&'g self, key: K, compute: F) -> Compute<'g, K, V, T>
    where
        F: FnMut(Option<(&'g K, &'g V)>) -> Operation<V, T>,
    {
        self.observed().compute(key, compute)
    }

    /// Removes the key and gives its value.
    #[inline]
    pub fn remove<Q>(&self, key: &Q) -> Option<&V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed().remove_entry(key).map(|(_, value)| value)
    }

    /// Removes the key and gives its entry; counted as `remove`.
    #[inline]
    pub fn remove_entry<Q>(&self, key: &Q) -> Option<(&K, &V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed().remove_entry(key)
    }

    /// Removes the entry if the closure says so, and gives it; `None` where the key is not there. The closure
    /// runs again whenever another thread changed the value meanwhile.
    ///
    /// # Errors
    /// The entry that the closure did not want removed.
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

    /// Removes the entries that the closure does not want to keep. One event; always timed.
    #[inline]
    pub fn retain<F>(&self, f: F)
    where
        F: FnMut(&K, &V) -> bool,
    {
        self.observed().retain(f);
    }

    /// Makes room for so many more entries. Always timed.
    #[inline]
    pub fn reserve(&self, additional: usize) {
        self.observed().reserve(additional);
    }

    /// All entries, in no order. One event, whose time is that of the call, which finishes a pending resize,
    /// not that of the walk.
    #[inline]
    pub fn iter(&self) -> Iter<'_, K, V, G> {
        self.observed().iter()
    }

    /// All keys, in no order; counted as `iter`.
    #[inline]
    pub fn keys(&self) -> Keys<'_, K, V, G> {
        self.observed().keys()
    }

    /// All values, in no order; counted as `iter`.
    #[inline]
    pub fn values(&self) -> Values<'_, K, V, G> {
        self.observed().values()
    }
}
