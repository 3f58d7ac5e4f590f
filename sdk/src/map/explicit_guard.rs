//! The map's operations under explicit guards. Comes in: a call with a guard. Goes out: papaya's answer. Never counts
//! by itself: every operation goes through `observed`.

use std::hash::{BuildHasher, Hash};

use papaya::{Compute, Equivalent, Guard, Iter, Keys, OccupiedError, Operation, Values};

use super::guarded_map::MapWithGuard;
use super::observed::Observed;
use super::{HashMap, Rejected};
use crate::record::ThreadCell;
use mapwarden_contract::{Op, Outcome};

/// Operations under a guard of this map. Each one looks up the current thread's counters, because guards may move
/// between threads; a [`pin`](HashMap::pin) looks them up once.
///
/// # Panics
/// If the guard is of another map. Such a call counts as `failed`.
impl<K, V, S> HashMap<K, V, S>
where
    K: Hash + Eq,
    S: BuildHasher,
{
    #[inline(always)]
    fn observed<'m, 'g, G: Guard>(
        &'m self,
        guard: &'g G,
    ) -> Observed<'m, K, V, S, MapWithGuard<'m, 'g, K, V, S, G>> {
        Observed { map: self, cell: self.meter.cell(), guarded: MapWithGuard { map: &self.inner, guard } }
    }

    pub(super) fn report_entries(&self) {
        self.entries.report(self.inner.len());
    }

    pub(super) fn observed_len(&self, cell: &ThreadCell) -> usize {
        let running = self.meter.begin(cell, Op::Len);
        let entries = self.inner.len();
        running.end(Outcome::Unchanged);
        self.entries.report(entries);
        entries
    }

    /// Returns the number of entries: one load for each core. While other threads write, the number may be true of no
    /// single moment.
    #[inline]
    pub fn len(&self) -> usize {
        self.observed_len(self.meter.cell())
    }

    /// Returns whether the map is empty; counted as `len`.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether the map has the key.
    #[inline]
    pub fn contains_key<Q>(&self, key: &Q, guard: &impl Guard) -> bool
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed(guard).contains_key(key)
    }

    /// Returns the value of the key.
    #[inline]
    pub fn get<'g, Q>(&self, key: &Q, guard: &'g impl Guard) -> Option<&'g V>
    where
        K: 'g,
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed(guard).get(key)
    }

    /// Returns the entry of the key, with the key as it is stored.
    #[inline]
    pub fn get_key_value<'g, Q>(&self, key: &Q, guard: &'g impl Guard) -> Option<(&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed(guard).get_key_value(key)
    }

    /// Sets the key's value and returns the old one, or `None` if there was none.
    ///
    /// A full map, see [A bounded map](HashMap#a-bounded-map), drops a new key and returns `None`;
    /// [`checked_insert`](HashMap::checked_insert) reports that.
    #[inline]
    pub fn insert<'g>(&self, key: K, value: V, guard: &'g impl Guard) -> Option<&'g V> {
        self.observed(guard).insert(key, value)
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
    pub fn checked_insert<'g>(
        &self,
        key: K,
        value: V,
        guard: &'g impl Guard,
    ) -> Result<Option<&'g V>, Rejected<K, V>> {
        self.observed(guard).checked_insert(key, value)
    }

    /// Inserts unless the key is there. Generic code states `K: 'g`, as it does for papaya's other methods that
    /// insert: a full map has to find a rejected key again.
    ///
    /// # Errors
    /// The key is there: the error holds its current value and the one that was not inserted.
    #[inline]
    pub fn try_insert<'g>(
        &self,
        key: K,
        value: V,
        guard: &'g impl Guard,
    ) -> Result<&'g V, OccupiedError<'g, V>>
    where
        K: 'g,
    {
        self.observed(guard).try_insert(key, value)
    }

    /// Inserts what the closure returns unless the key is there; counted as `try_insert`. The closure runs at most
    /// once.
    ///
    /// # Errors
    /// The key is there: the error is its current value.
    #[inline]
    pub fn try_insert_with<'g, F>(&self, key: K, f: F, guard: &'g impl Guard) -> Result<&'g V, &'g V>
    where
        F: FnOnce() -> V,
        K: 'g,
    {
        self.observed(guard).try_insert_with(key, f)
    }

    /// Returns the value of the key, after inserting this one if there was none. Generic code states `K: 'g`, see
    /// [`try_insert`](HashMap::try_insert).
    #[inline]
    pub fn get_or_insert<'g>(&self, key: K, value: V, guard: &'g impl Guard) -> &'g V
    where
        K: 'g,
    {
        self.observed(guard).get_or_insert(key, value)
    }

    /// Returns the value of the key, after inserting the closure's if there was none. The closure runs at most once;
    /// counted as `get_or_insert`.
    #[inline]
    pub fn get_or_insert_with<'g, F>(&self, key: K, f: F, guard: &'g impl Guard) -> &'g V
    where
        F: FnOnce() -> V,
        K: 'g,
    {
        self.observed(guard).get_or_insert_with(key, f)
    }

    /// Returns the value of the key, after loading it if there was none. The loader runs at most once; counted as
    /// `load`, which is always timed if the loader runs. Not in papaya.
    ///
    /// A full map, see [A bounded map](HashMap#a-bounded-map), returns the value and does not keep it.
    ///
    /// # Errors
    /// The error of the loader: nothing is inserted, and the operation counts as `failed` with the error's type.
    #[inline]
    pub fn try_get_or_insert_with<'g, F, E>(&self, key: K, f: F, guard: &'g impl Guard) -> Result<&'g V, E>
    where
        F: FnOnce() -> Result<V, E>,
        K: 'g,
    {
        self.observed(guard).try_get_or_insert_with(key, f)
    }

    /// Replaces the key's value by what the closure returns, and returns the new one, or `None` if there was none. The
    /// closure runs again whenever another thread was faster; counted as `update`. Not in papaya.
    ///
    /// # Errors
    /// The error of the closure: nothing changes, and the operation counts as `failed` with the error's type.
    #[inline]
    pub fn try_update<'g, F, E>(&self, key: K, update: F, guard: &'g impl Guard) -> Result<Option<&'g V>, E>
    where
        F: Fn(&V) -> Result<V, E>,
        K: 'g,
    {
        self.observed(guard).try_update(key, update)
    }

    /// Replaces the key's value by what the closure returns, and returns the new one. The closure runs again whenever
    /// another thread was faster; the repeated runs count as retries.
    #[inline]
    pub fn update<'g, F>(&self, key: K, update: F, guard: &'g impl Guard) -> Option<&'g V>
    where
        F: Fn(&V) -> V,
        K: 'g,
    {
        self.observed(guard).update(key, update)
    }

    /// Updates the key's value, or inserts this one if there was none.
    #[inline]
    pub fn update_or_insert<'g, F>(&self, key: K, update: F, value: V, guard: &'g impl Guard) -> &'g V
    where
        F: Fn(&V) -> V,
        K: 'g,
    {
        self.observed(guard).update_or_insert_with(key, update, || value)
    }

    /// Updates the key's value, or inserts what `f` returns if there was none; counted as `update_or_insert`.
    #[inline]
    pub fn update_or_insert_with<'g, U, F>(&self, key: K, update: U, f: F, guard: &'g impl Guard) -> &'g V
    where
        F: FnOnce() -> V,
        U: Fn(&V) -> V,
        K: 'g,
    {
        self.observed(guard).update_or_insert_with(key, update, f)
    }

    /// Inserts, updates, removes or keeps the entry, as the closure decides. The closure runs again whenever another
    /// thread was faster; the repeated runs count as retries.
    #[inline]
    pub fn compute<'g, F, T>(&self, key: K, compute: F, guard: &'g impl Guard) -> Compute<'g, K, V, T>
    where
        F: FnMut(Option<(&'g K, &'g V)>) -> Operation<V, T>,
    {
        self.observed(guard).compute(key, compute)
    }

    /// Removes the key and returns its value.
    #[inline]
    pub fn remove<'g, Q>(&self, key: &Q, guard: &'g impl Guard) -> Option<&'g V>
    where
        K: 'g,
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed(guard).remove_entry(key).map(|(_, value)| value)
    }

    /// Removes the key and returns its entry; counted as `remove`.
    #[inline]
    pub fn remove_entry<'g, Q>(&self, key: &Q, guard: &'g impl Guard) -> Option<(&'g K, &'g V)>
    where
        K: 'g,
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed(guard).remove_entry(key)
    }

    /// Removes the entry if the closure returns `true`, and returns it, or `None` if the key is not there. The closure
    /// runs again whenever another thread has changed the value.
    ///
    /// # Errors
    /// The closure returned `false`: the error is the entry.
    #[inline]
    pub fn remove_if<'g, Q, F>(
        &self,
        key: &Q,
        should_remove: F,
        guard: &'g impl Guard,
    ) -> Result<Option<(&'g K, &'g V)>, (&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
        F: FnMut(&K, &V) -> bool,
    {
        self.observed(guard).remove_if(key, should_remove)
    }

    /// Removes all entries. Always timed.
    #[inline]
    pub fn clear(&self, guard: &impl Guard) {
        self.observed(guard).clear();
    }

    /// Removes the entries for which the closure returns `false`. One event; always timed.
    #[inline]
    pub fn retain<F>(&self, f: F, guard: &impl Guard)
    where
        F: FnMut(&K, &V) -> bool,
    {
        self.observed(guard).retain(f);
    }

    /// Reserves room for this many more entries. Always timed.
    #[inline]
    pub fn reserve(&self, additional: usize, guard: &impl Guard) {
        self.observed(guard).reserve(additional);
    }

    /// Returns all entries, in no order. One event. Its time is that of the call, which finishes a pending resize, not
    /// that of the iteration.
    #[inline]
    pub fn iter<'g, G>(&self, guard: &'g G) -> Iter<'g, K, V, G>
    where
        G: Guard,
    {
        self.observed(guard).iter()
    }

    /// Returns all keys, in no order; counted as `iter`.
    #[inline]
    pub fn keys<'g, G>(&self, guard: &'g G) -> Keys<'g, K, V, G>
    where
        G: Guard,
    {
        self.observed(guard).keys()
    }

    /// Returns all values, in no order; counted as `iter`.
    #[inline]
    pub fn values<'g, G>(&self, guard: &'g G) -> Values<'g, K, V, G>
    where
        G: Guard,
    {
        self.observed(guard).values()
    }
}
