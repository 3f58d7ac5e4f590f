//! Users in slots of five seconds for ten minutes. Comes in: users and sketches with their time. Goes out: the sketch of an
//! interval. Never knows a name: users are keyed hashes.

use std::collections::BTreeMap;

use mapwarden_contract::{Nanos, UnixNanos, UserHash, UserSketch};

/// The width of a slot: the resolution of "since".
pub const SLOT: Nanos = Nanos::from_secs(5);

/// How many slots are kept. Raised, a fault that is found later still has its first users, at up to 50 kB a slot.
const SLOTS: usize = 120;

/// How far back the slots reach.
pub const REACH: Nanos = Nanos::from_secs(600);

/// Users by slot. Idempotent: adding a user again changes nothing.
#[derive(Clone, Debug, Default)]
pub struct UserRing {
    slots: BTreeMap<u64, UserSketch>,
}

impl UserRing {
    /// Adds one user.
    pub fn insert(&mut self, time: UnixNanos, user: UserHash) {
        self.slot(time).insert(user);
        self.trim();
    }

    /// Adds all users of a sketch.
    pub fn merge(&mut self, time: UnixNanos, sketch: &UserSketch) {
        self.slot(time).merge(sketch);
        self.trim();
    }

    fn slot(&mut self, time: UnixNanos) -> &mut UserSketch {
        self.slots.entry(time.get() / SLOT.get()).or_default()
    }

    fn trim(&mut self) {
        while self.slots.len() > SLOTS {
            self.slots.pop_first();
        }
    }

    /// Forgets the slots that start after `now`.
    pub fn forget_after(&mut self, now: UnixNanos) {
        self.slots.split_off(&(now.get() / SLOT.get() + 1));
    }

    /// The start of the slot that holds `time`.
    pub fn slot_start(time: UnixNanos) -> UnixNanos {
        UnixNanos::new(time.get() / SLOT.get() * SLOT.get())
    }

    /// The end of the slot that holds `time`.
    pub fn slot_end(time: UnixNanos) -> UnixNanos {
        Self::slot_start(time) + SLOT
    }

    /// Adds to `sketch` everyone in the slots from the one that holds `from` to the one that holds `to`.
    pub fn collect(&self, from: UnixNanos, to: UnixNanos, sketch: &mut UserSketch) {
        let (first, last) = (from.get() / SLOT.get(), to.get() / SLOT.get());
        if first <= last {
            self.slots.range(first..=last).for_each(|(_, users)| sketch.merge(users));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_counted_from_their_slot_on_and_once() {
        let mut ring = UserRing::default();
        for (second, user) in [(1, 1), (6, 2), (7, 3), (12, 2)] {
            let time = UnixNanos::new(second * 1_000_000_000);
            ring.insert(time, UserHash::new(user));
            ring.insert(time, UserHash::new(user));
        }
        let mut sketch = UserSketch::new();
        ring.collect(UnixNanos::new(7_000_000_000), UnixNanos::new(9_000_000_000), &mut sketch);
        assert_eq!(sketch.interval(), (2.0, 2.0));
        ring.collect(UnixNanos::EPOCH, UnixNanos::new(99_000_000_000), &mut sketch);
        assert_eq!(sketch.interval(), (3.0, 3.0));
    }
}
