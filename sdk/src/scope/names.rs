//! Things by name, found without a lock and limited in number: names may come from requests, and memory must not
//! grow with what strangers send.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::record::Dropped;

/// The name that stands for every name above the limit.
pub(crate) const OTHER: &str = "other";

/// At most so many things by name, made when first asked for and never taken out.
pub(crate) struct Names<T> {
    by_name: papaya::HashMap<Arc<str>, Arc<T>>,
    /// Held while one is made, so that the limit is exact and none is made twice.
    growing: Mutex<()>,
    limit: usize,
    full: Dropped,
}

impl<T> Names<T> {
    /// Nothing yet; a name above the limit becomes [`OTHER`] and counts as dropped.
    pub(crate) fn new(limit: usize, full: Dropped) -> Self {
        Self { by_name: papaya::HashMap::new(), growing: Mutex::new(()), limit, full }
    }

    /// The thing of that name if it was made, or the one that stands for the rest once the limit is reached.
    /// Lock-free.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<T>> {
        let things = self.by_name.pin();
        if let Some(found) = things.get(name) {
            return Some(Arc::clone(found));
        }
        let rest = things.get(OTHER).filter(|_| things.len() >= self.limit)?;
        self.full.add(1);
        Some(Arc::clone(rest))
    }

    /// The thing of that name; a new name takes a lock and allocates.
    pub(crate) fn find_or_make(&self, name: &str, make: impl FnOnce(Arc<str>) -> T) -> Arc<T> {
        if let Some(found) = self.find(name) {
            return found;
        }
        let _growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        let things = self.by_name.pin();
        let name = if things.len() < self.limit || things.contains_key(name) {
            name
        } else {
            self.full.add(1);
            OTHER
        };
        Arc::clone(things.get_or_insert_with(Arc::from(name), || Arc::new(make(Arc::from(name)))))
    }

    /// Everything so far, by ascending name.
    pub(crate) fn all(&self) -> Vec<(Arc<str>, Arc<T>)> {
        let mut all: Vec<_> =
            self.by_name.pin().iter().map(|(name, thing)| (Arc::clone(name), Arc::clone(thing))).collect();
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        all
    }
}

impl<T> fmt::Debug for Names<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Names").field("len", &self.by_name.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_above_the_limit_share_one_thing_and_are_counted() {
        let names: Names<Arc<str>> = Names::new(2, Dropped::NameLimit);
        // Dependencies of other tests do not reach the limit, so this count is ours alone.
        let before = Dropped::NameLimit.count();
        let made: Vec<_> = ["a", "b", "c", "d", "a"]
            .into_iter()
            .map(|name| names.find_or_make(name, |name| name).to_string())
            .collect();
        assert_eq!(made, ["a", "b", "other", "other", "a"]);
        assert_eq!(Dropped::NameLimit.count().saturating_sub(before).get(), 2);
        let all: Vec<_> = names.all().into_iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(all, ["a", "b", "other"]);
    }
}
