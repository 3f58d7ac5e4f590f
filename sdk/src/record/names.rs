//! Values by name. Comes in: names, which may be those of requests. Goes out: one value a name, found without a lock.
//! Never holds more than its limit: memory must not grow with what strangers send.
//!
//! A table of slots that are filled once and never emptied: a look-up is a hash and a few loads. It uses no
//! thread-local, so that requests are counted in the last destructors of a thread too.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::Dropped;

/// The name that stands for every name above a limit.
pub(super) const OTHER: &str = "other";

/// A limited number of values by name, made on the first use of their name and never removed.
pub(crate) struct Names<T> {
    /// A name is in the first slot that was free, from the one of its hash on: the search for it ends at a free one.
    slots: Box<[OnceLock<NamedValue<T>>]>,
    hasher: RandomState,
    len: AtomicUsize,
    /// Held while a value is made, so that the limit is exact and none is made twice.
    growing: Mutex<()>,
    limit: usize,
    full: Dropped,
}

type NamedValue<T> = (Arc<str>, Arc<T>);

impl<T> Names<T> {
    /// Makes an empty table. A name above the limit becomes [`OTHER`] and counts as dropped for the reason `full`.
    pub(crate) fn new(limit: usize, full: Dropped) -> Self {
        // One more than the limit, for `other`. Half empty at the limits in use; a full table is searched whole.
        let slots = (0..(limit + 1).next_power_of_two()).map(|_| OnceLock::new());
        Self {
            slots: slots.collect(),
            hasher: RandomState::new(),
            len: AtomicUsize::new(0),
            growing: Mutex::new(()),
            limit,
            full,
        }
    }

    /// Returns the value of this name if it was made, or the one of all other names once the limit is reached.
    /// Lock-free.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<T>> {
        if let Some(found) = self.made(name) {
            return Some(found);
        }
        let rest = self.made(OTHER).filter(|_| self.is_full())?;
        self.full.add(1);
        Some(rest)
    }

    /// Returns the value of this name. A new name takes a lock and allocates.
    pub(crate) fn find_or_make(&self, name: &str, make: impl FnOnce(Arc<str>) -> T) -> Arc<T> {
        if let Some(found) = self.find(name) {
            return found;
        }
        let _growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = self.made(name) {
            return found;
        }
        if !self.is_full() {
            return self.make(name, make);
        }
        self.full.add(1);
        self.made(OTHER).unwrap_or_else(|| self.make(OTHER, make))
    }

    /// Returns everything so far, by ascending name.
    pub(crate) fn all(&self) -> Vec<(Arc<str>, Arc<T>)> {
        let mut all: Vec<_> = self.slots.iter().filter_map(OnceLock::get).cloned().collect();
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        all
    }

    fn made(&self, name: &str) -> Option<Arc<T>> {
        let named = self.probe(name).map_while(OnceLock::get).find(|(known, _)| **known == *name);
        named.map(|(_, value)| Arc::clone(value))
    }

    /// Only while `growing` is held.
    fn make(&self, name: &str, make: impl FnOnce(Arc<str>) -> T) -> Arc<T> {
        let name: Arc<str> = name.into();
        let value = Arc::new(make(Arc::clone(&name)));
        if let Some(free) = self.probe(&name).find(|slot| slot.get().is_none()) {
            // It was free, and no other thread fills slots now.
            let _ = free.set((name, Arc::clone(&value)));
            // Relaxed: written under the lock, and read elsewhere only to guess whether the lock can be spared.
            self.len.fetch_add(1, Ordering::Relaxed);
        }
        value
    }

    /// Returns the slots in the order of a search for this name.
    fn probe<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a OnceLock<NamedValue<T>>> + use<'a, T> {
        let slots = u64::try_from(self.slots.len()).unwrap_or(u64::MAX).max(1);
        let home = usize::try_from(self.hasher.hash_one(name) % slots).unwrap_or(0);
        let (before, from) = self.slots.split_at_checked(home).unwrap_or((&[], &self.slots));
        from.iter().chain(before)
    }

    fn is_full(&self) -> bool {
        self.len.load(Ordering::Relaxed) >= self.limit
    }
}

impl<T> fmt::Debug for Names<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Names").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_above_the_limit_share_one_thing_and_are_counted() {
        let names: Names<Arc<str>> = Names::new(2, Dropped::NameLimit);
        // No other test of this binary reaches a limit of names.
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

    #[test]
    fn threads_that_make_one_name_share_one_thing() {
        let names: Names<AtomicUsize> = Names::new(100, Dropped::SpanLimit);
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    for name in 0..100 {
                        let value = names.find_or_make(&format!("name-{name}"), |_| AtomicUsize::new(0));
                        value.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let all = names.all();
        assert_eq!(all.len(), 100);
        assert!(all.iter().all(|(_, value)| value.load(Ordering::Relaxed) == 4), "{all:?}");
        assert!(all.is_sorted_by(|(a, _), (b, _)| a < b));
    }

    #[test]
    fn a_full_table_finds_every_name() {
        // The reason of the drop does not matter here.
        for limit in [1, 2, 3, 7, 64] {
            let names: Names<String> = Names::new(limit, Dropped::SpanLimit);
            for round in 0..2 {
                for name in 0..limit {
                    let name = format!("name-{name}");
                    assert_eq!(*names.find_or_make(&name, |name| name.to_string()), name, "{limit} {round}");
                }
            }
            assert_eq!(*names.find_or_make("one more", |name| name.to_string()), "other", "{limit}");
            assert_eq!(names.all().len(), limit + 1);
        }
    }
}
