//! Samples of operations on single keys. Comes in: the key and the request scope of a timed operation, with its weight.
//! Goes out: [`Sampled`]. Never waits: where two threads meet here, one of them adds nothing, which does not change the
//! shares.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::Sampled;
use super::hot_keys::{HotKeyTracker, KeyHash};
use super::names::OTHER;
use mapwarden_contract::{Count, UnixNanos};

/// Scopes of one map that are counted separately. Raised, a map that is used by more kinds of requests sends more
/// series.
const MAX_SCOPES: usize = 64;

/// The samples of the maps of one name.
#[derive(Debug, Default)]
pub(super) struct Samples(Mutex<SampleCounts>);

#[derive(Debug, Default)]
struct SampleCounts {
    operations: u64,
    keys: HotKeyTracker,
    scopes: Vec<(Arc<str>, u64)>,
}

impl Samples {
    /// Adds a timed operation.
    pub(super) fn add(&self, key: KeyHash, scope: Option<Arc<str>>, (weight, now): (u64, u64)) {
        let Some(mut counts) = self.try_lock() else { return };
        counts.operations = counts.operations.saturating_add(weight);
        counts.keys.offer(key, weight, now);
        counts.add_scope(scope.unwrap_or_default(), weight);
    }

    /// Returns whether the key is hot and the service may name it.
    pub(super) fn wants_name(&self, key: KeyHash) -> bool {
        self.try_lock().is_some_and(|counts| counts.keys.wants_name(key))
    }

    /// Names a key.
    pub(super) fn name(&self, key: KeyHash, name: Arc<str>) {
        if let Some(mut counts) = self.try_lock() {
            counts.keys.name(key, name);
        }
    }

    /// Returns everything so far; `unix` is the recorder's time `now`.
    pub(super) fn snapshot(&self, now: u64, unix: UnixNanos) -> Sampled {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Sampled {
            operations: Count::new(counts.operations),
            hot_keys: counts.keys.hottest(now, unix),
            scopes: counts
                .scopes
                .iter()
                .map(|(scope, weight)| (Arc::clone(scope), Count::new(*weight)))
                .collect(),
        }
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, SampleCounts>> {
        match self.0.try_lock() {
            Ok(counts) => Some(counts),
            Err(TryLockError::Poisoned(counts)) => Some(counts.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl SampleCounts {
    fn add_scope(&mut self, scope: Arc<str>, weight: u64) {
        let known =
            |scopes: &[(Arc<str>, u64)], name: &str| scopes.iter().position(|(known, _)| **known == *name);
        let is_full = self.scopes.len() >= MAX_SCOPES;
        let scope = if is_full && known(&self.scopes, &scope).is_none() { OTHER.into() } else { scope };
        match known(&self.scopes, &scope).and_then(|place| self.scopes.get_mut(place)) {
            Some((_, operations)) => *operations = operations.saturating_add(weight),
            None => self.scopes.push((scope, weight)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_sum_to_the_whole_for_any_number_of_scopes() {
        let samples = Samples::default();
        for number in 0..100_u64 {
            let scope = (number % 4 != 0).then(|| format!("scope-{number}").into());
            samples.add(KeyHash(number % 10), scope, (number + 1, 0));
        }
        let Sampled { operations, hot_keys, scopes } = samples.snapshot(0, UnixNanos::EPOCH);
        assert_eq!(operations, Count::new(5050));
        assert_eq!(hot_keys.iter().map(|key| key.operations).sum::<Count>(), operations);
        assert_eq!(scopes.iter().map(|(_, count)| *count).sum::<Count>(), operations);
        assert_eq!(scopes.len(), MAX_SCOPES + 1);
        assert_eq!(
            scopes.iter().find(|(scope, _)| scope.is_empty()).map(|(_, count)| count.get()),
            Some(1225)
        );
    }

    #[test]
    fn a_thread_does_not_wait_for_another_one() {
        let samples = Samples::default();
        let held = samples.0.lock().unwrap();
        samples.add(KeyHash(1), None, (1, 0));
        assert!(!samples.wants_name(KeyHash(1)));
        drop(held);
        assert_eq!(samples.snapshot(0, UnixNanos::EPOCH).operations, Count::ZERO);
    }
}
