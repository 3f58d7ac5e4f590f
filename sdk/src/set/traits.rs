//! The standard traits, as papaya has them. Insertions are counted like any others; comparing, cloning and printing are
//! not.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};

use super::{HashSet, HashSetRef, SetIter};
use crate::map::Guard;

impl<K, S> Default for HashSet<K, S>
where
    S: Default,
{
    #[track_caller]
    fn default() -> Self {
        Self::with_hasher(S::default())
    }
}

/// The clone has the name of the original, therefore its counters and objectives, and its bound.
impl<K, S> Clone for HashSet<K, S>
where
    K: Clone + Hash + Eq,
    S: BuildHasher + Clone,
{
    fn clone(&self) -> Self {
        Self::of(self.map().clone())
    }
}

impl<K, S> PartialEq for HashSet<K, S>
where
    K: Hash + Eq,
    S: BuildHasher,
{
    fn eq(&self, other: &Self) -> bool {
        self.map() == other.map()
    }
}

impl<K, S> Eq for HashSet<K, S>
where
    K: Hash + Eq,
    S: BuildHasher,
{
}

impl<K, S> fmt::Debug for HashSet<K, S>
where
    K: Hash + Eq + fmt::Debug,
    S: BuildHasher,
{
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.map().uncounted().pin().keys()).finish()
    }
}

impl<K, S> Extend<K> for &HashSet<K, S>
where
    K: Hash + Eq,
    S: BuildHasher,
{
    fn extend<T: IntoIterator<Item = K>>(&mut self, keys: T) {
        self.map().extend(keys.into_iter().map(|key| (key, ())));
    }
}

impl<'a, K, S> Extend<&'a K> for &HashSet<K, S>
where
    K: Copy + Hash + Eq + 'a,
    S: BuildHasher,
{
    fn extend<T: IntoIterator<Item = &'a K>>(&mut self, keys: T) {
        self.extend(keys.into_iter().copied());
    }
}

impl<K, S> FromIterator<K> for HashSet<K, S>
where
    K: Hash + Eq,
    S: BuildHasher + Default,
{
    #[track_caller]
    fn from_iter<T: IntoIterator<Item = K>>(keys: T) -> Self {
        let set = Self::default();
        (&set).extend(keys);
        set
    }
}

impl<K, const N: usize> From<[K; N]> for HashSet<K, RandomState>
where
    K: Hash + Eq,
{
    #[track_caller]
    fn from(keys: [K; N]) -> Self {
        Self::from_iter(keys)
    }
}

impl<K, S, G> fmt::Debug for HashSetRef<'_, K, S, G>
where
    K: Hash + Eq + fmt::Debug,
    S: BuildHasher,
    G: Guard,
{
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.set().fmt(out)
    }
}

impl<'a, K, S, G> IntoIterator for &'a HashSetRef<'_, K, S, G>
where
    K: Hash + Eq,
    S: BuildHasher,
    G: Guard,
{
    type Item = &'a K;
    type IntoIter = SetIter<'a, K, G>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
