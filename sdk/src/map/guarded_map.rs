//! papaya's map with a guard. Comes in: a pin, which papaya checked when it was made, or a map and a guard from the
//! caller, which papaya checks at each operation. Goes out: papaya's operations, the same for both. Never counts.

use std::hash::{BuildHasher, Hash};

use papaya::{Compute, Equivalent, Guard, HashMap, HashMapRef, Iter, Keys, OccupiedError, Operation, Values};

/// papaya's operations on entries that live as long as `'g`. Keys have to live that long only where papaya requires it.
pub(super) trait GuardedMap<'g, K, V>: Copy {
    type Guard: Guard + 'g;

    /// Returns the key as it is stored, for as long as the caller holds this.
    fn stored_key(&self, key: &K) -> Option<&K>;
    /// Removes the entry if the closure returns `true`. Returns whether it did.
    fn take_out<F>(&self, key: &K, should_remove: F) -> bool
    where
        F: FnMut(&K, &V) -> bool;

    fn get_key_value<Q>(self, key: &Q) -> Option<(&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized;
    fn insert(self, key: K, value: V) -> Option<&'g V>;
    fn try_insert(self, key: K, value: V) -> Result<&'g V, OccupiedError<'g, V>>;
    fn try_insert_with<F: FnOnce() -> V>(self, key: K, f: F) -> Result<&'g V, &'g V>
    where
        K: 'g;
    fn update<F: Fn(&V) -> V>(self, key: K, update: F) -> Option<&'g V>
    where
        K: 'g;
    fn compute<F, T>(self, key: K, compute: F) -> Compute<'g, K, V, T>
    where
        F: FnMut(Option<(&'g K, &'g V)>) -> Operation<V, T>;
    fn remove_entry<Q>(self, key: &Q) -> Option<(&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized;
    fn remove_if<Q, F>(self, key: &Q, should_remove: F) -> Result<Option<(&'g K, &'g V)>, (&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
        F: FnMut(&K, &V) -> bool;
    fn clear(self);
    fn retain<F: FnMut(&K, &V) -> bool>(self, f: F);
    fn reserve(self, additional: usize);
    fn iter(self) -> Iter<'g, K, V, Self::Guard>;
    fn keys(self) -> Keys<'g, K, V, Self::Guard>;
    fn values(self) -> Values<'g, K, V, Self::Guard>;
}

/// A map and a guard from the caller.
pub(super) struct MapWithGuard<'m, 'g, K, V, S, G> {
    pub(super) map: &'m HashMap<K, V, S>,
    pub(super) guard: &'g G,
}

// By hand, because a derive would require `K: Copy` and so on.
impl<K, V, S, G> Clone for MapWithGuard<'_, '_, K, V, S, G> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K, V, S, G> Copy for MapWithGuard<'_, '_, K, V, S, G> {}

impl<'g, K, V, S, G> GuardedMap<'g, K, V> for MapWithGuard<'_, 'g, K, V, S, G>
where
    K: Hash + Eq,
    S: BuildHasher,
    G: Guard,
{
    type Guard = G;

    fn stored_key(&self, key: &K) -> Option<&K> {
        self.map.get_key_value(key, self.guard).map(|(key, _)| key)
    }

    fn take_out<F>(&self, key: &K, should_remove: F) -> bool
    where
        F: FnMut(&K, &V) -> bool,
    {
        matches!(self.map.remove_if(key, should_remove, self.guard), Ok(Some(_)))
    }

    #[inline(always)]
    fn get_key_value<Q>(self, key: &Q) -> Option<(&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.map.get_key_value(key, self.guard)
    }

    #[inline(always)]
    fn insert(self, key: K, value: V) -> Option<&'g V> {
        self.map.insert(key, value, self.guard)
    }

    #[inline(always)]
    fn try_insert(self, key: K, value: V) -> Result<&'g V, OccupiedError<'g, V>> {
        self.map.try_insert(key, value, self.guard)
    }

    #[inline(always)]
    fn try_insert_with<F: FnOnce() -> V>(self, key: K, f: F) -> Result<&'g V, &'g V>
    where
        K: 'g,
    {
        self.map.try_insert_with(key, f, self.guard)
    }

    #[inline(always)]
    fn update<F: Fn(&V) -> V>(self, key: K, update: F) -> Option<&'g V>
    where
        K: 'g,
    {
        self.map.update(key, update, self.guard)
    }

    #[inline(always)]
    fn compute<F, T>(self, key: K, compute: F) -> Compute<'g, K, V, T>
    where
        F: FnMut(Option<(&'g K, &'g V)>) -> Operation<V, T>,
    {
        self.map.compute(key, compute, self.guard)
    }

    #[inline(always)]
    fn remove_entry<Q>(self, key: &Q) -> Option<(&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.map.remove_entry(key, self.guard)
    }

    #[inline(always)]
    fn remove_if<Q, F>(self, key: &Q, should_remove: F) -> Result<Option<(&'g K, &'g V)>, (&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
        F: FnMut(&K, &V) -> bool,
    {
        self.map.remove_if(key, should_remove, self.guard)
    }

    #[inline(always)]
    fn clear(self) {
        self.map.clear(self.guard);
    }

    #[inline(always)]
    fn retain<F: FnMut(&K, &V) -> bool>(self, f: F) {
        self.map.retain(f, self.guard);
    }

    #[inline(always)]
    fn reserve(self, additional: usize) {
        self.map.reserve(additional, self.guard);
    }

    #[inline(always)]
    fn iter(self) -> Iter<'g, K, V, G> {
        self.map.iter(self.guard)
    }

    #[inline(always)]
    fn keys(self) -> Keys<'g, K, V, G> {
        self.map.keys(self.guard)
    }

    #[inline(always)]
    fn values(self) -> Values<'g, K, V, G> {
        self.map.values(self.guard)
    }
}

impl<'g, K, V, S, G> GuardedMap<'g, K, V> for &'g HashMapRef<'_, K, V, S, G>
where
    K: Hash + Eq,
    S: BuildHasher,
    G: Guard + 'g,
{
    type Guard = G;

    fn stored_key(&self, key: &K) -> Option<&K> {
        HashMapRef::get_key_value(self, key).map(|(key, _)| key)
    }

    fn take_out<F>(&self, key: &K, should_remove: F) -> bool
    where
        F: FnMut(&K, &V) -> bool,
    {
        matches!(HashMapRef::remove_if(self, key, should_remove), Ok(Some(_)))
    }

    #[inline(always)]
    fn get_key_value<Q>(self, key: &Q) -> Option<(&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        HashMapRef::get_key_value(self, key)
    }

    #[inline(always)]
    fn insert(self, key: K, value: V) -> Option<&'g V> {
        HashMapRef::insert(self, key, value)
    }

    #[inline(always)]
    fn try_insert(self, key: K, value: V) -> Result<&'g V, OccupiedError<'g, V>> {
        HashMapRef::try_insert(self, key, value)
    }

    #[inline(always)]
    fn try_insert_with<F: FnOnce() -> V>(self, key: K, f: F) -> Result<&'g V, &'g V> {
        HashMapRef::try_insert_with(self, key, f)
    }

    #[inline(always)]
    fn update<F: Fn(&V) -> V>(self, key: K, update: F) -> Option<&'g V> {
        HashMapRef::update(self, key, update)
    }

    #[inline(always)]
    fn compute<F, T>(self, key: K, compute: F) -> Compute<'g, K, V, T>
    where
        F: FnMut(Option<(&'g K, &'g V)>) -> Operation<V, T>,
    {
        HashMapRef::compute(self, key, compute)
    }

    #[inline(always)]
    fn remove_entry<Q>(self, key: &Q) -> Option<(&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        HashMapRef::remove_entry(self, key)
    }

    #[inline(always)]
    fn remove_if<Q, F>(self, key: &Q, should_remove: F) -> Result<Option<(&'g K, &'g V)>, (&'g K, &'g V)>
    where
        Q: Equivalent<K> + Hash + ?Sized,
        F: FnMut(&K, &V) -> bool,
    {
        HashMapRef::remove_if(self, key, should_remove)
    }

    #[inline(always)]
    fn clear(self) {
        HashMapRef::clear(self);
    }

    #[inline(always)]
    fn retain<F: FnMut(&K, &V) -> bool>(self, f: F) {
        HashMapRef::retain(self, f);
    }

    #[inline(always)]
    fn reserve(self, additional: usize) {
        HashMapRef::reserve(self, additional);
    }

    #[inline(always)]
    fn iter(self) -> Iter<'g, K, V, G> {
        HashMapRef::iter(self)
    }

    #[inline(always)]
    fn keys(self) -> Keys<'g, K, V, G> {
        HashMapRef::keys(self)
    }

    #[inline(always)]
    fn values(self) -> Values<'g, K, V, G> {
        HashMapRef::values(self)
    }
}
