//! The map through explicit guards.

use std::hash::{BuildHasher, Hash};

use papaya::{Compute, Equivalent, Guard, Iter, Keys, OccupiedError, Operation, Values};

use super::guarded_map::MapWithGuard;
use super::observed::Observed;
use super::{HashMap, Rejected};
use crate::record::ThreadCell;
use mapwarden_contract::{Op, Outcome};

/// Operations under a guard of this map. Each finds the current thread's counters anew, because guards may
/// move; a [`pin`](HashMap::pin) finds them once.
///
/// # Panics
/// With the guard of another map. Such a call counts as `failed`.
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

    /// The number of entries: one load for each core. Beside writers it may be of no single moment.
    #[inline]
    pub fn len(&self) -> usize {
        self.observed_len(self.meter.cell())
    }

    /// Whether there is no entry; counted as `len`.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the key is there.
    #[inline]
    pub fn contains_key<Q>(&self, key: &Q, guard: &impl Guard) -> bool
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed(guard).contains_key(key)
    }

    /// The value of the key.
    #[inline]
    pub fn get<'g, Q>(&self, key: &Q, guard: &'g impl Guard) -> Option<&'g V>
    where
        K: 'g,
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed(guard).get(key)
    }

    /// The entry of the key, with the key as it is stored.
    #[inline]
    pub fn get_key_value<'g, Q>(&self, key: &Q, guard: &'g impl Guard) -> Option<(&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed(guard).get_key_value(key)
    }

    /// Sets the key's value and gives the old one, or `None` where there was none.
    ///
    /// A full map, see [A bounded map](HashMap#a-bounded-map), drops a new key and gives `None`;
    /// [`checked_insert`](HashMap::checked_insert) tells.
    #[inline]
    pub fn insert<'g>(&self, key: K, value: V, guard: &'g impl Guard) -> Option<&'g V> {
        self.observed(guard).insert(key, value)
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
    pub fn checked_insert<'g>(
        &self,
        key: K,
        value: V,
        guard: &'g impl Guard,
    ) -> Result<Option<&'g V>, Rejected<K, V>> {
        self.observed(guard).checked_insert(key, value)
    }

    /// Inserts unless the key is there. Generic code states `K: 'g`, as it does for papaya's other methods that
    /// insert: a full map has to find a refused key again.
    ///
    /// # Errors
    /// The current value and the one that was not inserted.
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

    /// Inserts what the closure gives unless the key is there; counted as `try_insert`. The closure runs at
    /// most once.
    ///
    /// # Errors
    /// The current value.
    #[inline]
    pub fn try_insert_with<'g, F>(&self, key: K, f: F, guard: &'g impl Guard) -> Result<&'g V, &'g V>
    where
        F: FnOnce() -> V,
        K: 'g,
    {
        self.observed(guard).try_insert_with(key, f)
    }

    /// The value of the key, after inserting this one if there was none. Generic code states `K: 'g`, see
    /// [`try_insert`](HashMap::try_insert).
    #[inline]
    pub fn get_or_insert<'g>(&self, key: K, value: V, guard: &'g impl Guard) -> &'g V
    where
        K: 'g,
    {
        self.observed(guard).get_or_insert(key, value)
    }

    /// The value of the key, after inserting the closure's if there was none. The closure runs at most once;
    /// counted as `get_or_insert`.
    #[inline]
    pub fn get_or_insert_with<'g, F>(&self, key: K, f: F, guard: &'g impl Guard) -> &'g V
    where
        F: FnOnce() -> V,
        K: 'g,
    {
        self.observed(guard).get_or_insert_with(key, f)
    }

    /// The value of the key, after loading it if there was none. The loader runs at most once; counted as `load`, which
    /// is always timed where the loader runs. Not in papaya.
    ///
    /// A full map, see [A bounded map](HashMap#a-bounded-map), gives the value and does not keep it.
    ///
    /// # Errors
    /// What the loader returns: nothing is inserted, and the operation counts as `failed` of the error's type.
    #[inline]
    pub fn try_get_or_insert_with<'g, F, E>(&self, key: K, f: F, guard: &'g impl Guard) -> Result<&'g V, E>
    where
        F: FnOnce() -> Result<V, E>,
        K: 'g,
    {
        self.observed(guard).try_get_or_insert_with(key, f)
    }

    /// Replaces the key's value by what the closure makes of it and gives the new one, or `None` where there was none.
    /// The closure runs again whenever another thread was faster; counted as `update`. Not in papaya.
    ///
    /// # Errors
    /// What the closure returns: nothing is changed, and the operation counts as `failed` of the error's type.
    #[inline]
    pub fn try_update<'g, F, E>(&self, key: K, update: F, guard: &'g impl Guard) -> Result<Option<&'g V>, E>
    where
        F: Fn(&V) -> Result<V, E>,
        K: 'g,
    {
        self.observed(guard).try_update(key, update)
    }

    /// Replaces the key's value by what the closure makes of it and gives the new one. The closure runs again
    /// whenever another thread was faster; that counts as retries.
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

    /// Updates the key's value, or inserts what `f` gives if there was none; counted as `update_or_insert`.
    #[inline]
    pub fn update_or_insert_with<'g, U, F>(&self, key: K, update: U, f: F, guard: &'g impl Guard) -> &'g V
    where
        F: FnOnce() -> V,
        U: Fn(&V) -> V,
        K: 'g,
    {
        self.observed(guard).update_or_insert_with(key, update, f)
    }

    /// Lets the closure decide what becomes of the entry: insert, update, remove, or leave it. The closure
    /// runs again whenever another thread was faster; that counts as retries.
    #[inline]
    pub fn compute<'g, F, T>(&self, key: K, compute: F, guard: &'g impl Guard) -> Compute<'g, K, V, T>
    where
        F: FnMut(Option<(&'g K, &'g V)>) -> Operation<V, T>,
    {
        self.observed(guard).compute(key, compute)
    }

    /// Removes the key and gives its value.
    #[inline]
    pub fn remove<'g, Q>(&self, key: &Q, guard: &'g impl Guard) -> Option<&'g V>
    where
        K: 'g,
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed(guard).remove_entry(key).map(|(_, value)| value)
    }

    /// Removes the key and gives its entry; counted as `remove`.
    #[inline]
    pub fn remove_entry<'g, Q>(&self, key: &Q, guard: &'g impl Guard) -> Option<(&'g K, &'g V)>
    where
        K: 'g,
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.observed(guard).remove_entry(key)
    }

    /// Removes the entry if the closure says so, and gives it; `None` where the key is not there. The closure
    /// runs again whenever another thread changed the value meanwhile.
    ///
    /// # Errors
    /// The entry that the closure did not want removed.
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

    /// Removes the entries that the closure does not want to keep. One event; always timed.
    #[inline]
    pub fn retain<F>(&self, f: F, guard: &impl Guard)
    where
        F: FnMut(&K, &V) -> bool,
    {
        self.observed(guard).retain(f);
    }

    /// Makes room for so many more entries. Always timed.
    #[inline]
    pub fn reserve(&self, additional: usize, guard: &impl Guard) {
        self.observed(guard).reserve(additional);
    }

    /// All entries, in no order. One event, whose time is that of the call, which finishes a pending resize,
    /// not that of the walk.
    #[inline]
    pub fn iter<'g, G>(&self, guard: &'g G) -> Iter<'g, K, V, G>
    where
        G: Guard,
    {
        self.observed(guard).iter()
    }

    /// All keys, in no order; counted as `iter`.
    #[inline]
    pub fn keys<'g, G>(&self, guard: &'g G) -> Keys<'g, K, V, G>
    where
        G: Guard,
    {
        self.observed(guard).keys()
    }

    /// All values, in no order; counted as `iter`.
    #[inline]
    pub fn values<'g, G>(&self, guard: &'g G) -> Values<'g, K, V, G>
    where
        G: Guard,
    {
        self.observed(guard).values()
    }
}
