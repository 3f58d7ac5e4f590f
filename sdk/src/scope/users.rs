//! What comes in: the pseudonyms of a user and of a tenant at the end of a request. What goes out: sketches by slot of 5 s, again
//! and again until a receiver confirmed them whole. Never holds a raw id.
//!
//! Users, and tenants in sketches of their own, land in a stripe chosen by thread, under a mutex that is almost never contended: a lock
//! and an insertion of O(log n) for each. The shipper empties the stripes by swapping them, so that a
//! request never waits for a copy.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::record::Dropped;
use crate::record::{UsersAbout, UsersKind, UsersSnapshot};
use mapwarden_contract::{Nanos, SKETCH_CAPACITY, UnixNanos, UserHash, UserSketch};

/// How long a slot is; slots are aligned to the wall clock so that those of different processes can be merged.
/// Raised, fewer bytes travel and the number of users of a short fault gets blurred.
pub(crate) const SLOT: Nanos = Nanos::from_secs(5);

/// Slots that wait for a receiver: two minutes. Raised, a longer outage of the receiver loses no users.
const MAX_SLOTS: usize = 24;

/// Hashes that wait for a receiver, 2 MiB on the wire, and as many again that came since it last answered. Raised, a service
/// with many users in many regions keeps more of them through an outage, and its batches grow.
const MAX_HASHES: usize = 262_144;

/// Raised, fewer threads share a mutex.
const STRIPES: usize = 16;

type Sketches = HashMap<SketchGroup, UserSketch>;

/// The users or tenants who share a sketch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SketchGroup {
    pub(crate) who: UsersKind,
    pub(crate) about: UsersAbout,
    pub(crate) region: Arc<str>,
}

/// The users that were seen and not yet confirmed.
#[derive(Debug, Default)]
pub(crate) struct UserSketches {
    stripes: [Mutex<Stripe>; STRIPES],
    waiting: Mutex<Waiting>,
}

/// What some threads saw since the shipper last looked.
#[derive(Debug, Default)]
struct Stripe {
    slots: BTreeMap<UnixNanos, Sketches>,
    hashes: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    slots: BTreeMap<UnixNanos, SketchSlot>,
    generation: Generation,
}

#[derive(Debug, Default)]
struct SketchSlot {
    /// The last collection that added to it.
    changed: Generation,
    sketches: Sketches,
}

/// Numbers the collections, so that a confirmation covers exactly what was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Generation(u64);

impl Generation {
    /// The number of the collection after this one.
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl UserSketches {
    /// Adds a pseudonym to the sketch of a group in the slot of `now`.
    pub(crate) fn insert(&self, now: UnixNanos, group: SketchGroup, pseudonym: UserHash) {
        let mut stripe = self.stripe();
        let Stripe { slots, hashes: kept } = &mut *stripe;
        if *kept >= MAX_HASHES / STRIPES {
            Dropped::UserLimit.add(1);
            return;
        }
        let sketches = slots.entry(slot_of(now)).or_default();
        let sketch = sketches.entry(group).or_default();
        let before = hashes(sketch);
        sketch.insert(pseudonym);
        *kept += hashes(sketch).saturating_sub(before);
    }

    /// Returns every sketch that no receiver has confirmed.
    pub(crate) fn collect(&self) -> Vec<UsersSnapshot> {
        let mut waiting = lock(&self.waiting);
        waiting.generation = waiting.generation.next();
        for stripe in &self.stripes {
            let taken = std::mem::take(&mut *lock(stripe));
            for (start, sketches) in taken.slots {
                waiting.merge(start, sketches);
            }
        }
        waiting.shrink();
        let snapshots = waiting.slots.iter().flat_map(|(start, slot)| {
            slot.sketches.iter().map(|(SketchGroup { who, about, region }, sketch)| UsersSnapshot {
                who: *who,
                about: about.clone(),
                region: Arc::clone(region),
                slot: *start,
                sketch: sketch.clone(),
            })
        });
        snapshots.collect()
    }

    /// Returns the number of the last collection.
    pub(crate) fn generation(&self) -> Generation {
        lock(&self.waiting).generation
    }

    /// Drops what a receiver confirmed: the slots that had ended at `sent` and did not change after that collection. Returns
    /// the number of their sketches. An open slot is sent again, because users may still come.
    pub(crate) fn confirm(&self, collected: Generation, sent: UnixNanos) -> usize {
        let mut waiting = lock(&self.waiting);
        let mut confirmed = 0;
        waiting.slots.retain(|start, slot| {
            let is_confirmed = slot.changed <= collected && *start + SLOT <= sent;
            if is_confirmed {
                confirmed += slot.sketches.len();
            }
            !is_confirmed
        });
        confirmed
    }

    /// Drops all sketches, when telemetry ends.
    pub(crate) fn clear(&self) {
        lock(&self.waiting).slots.clear();
        for stripe in &self.stripes {
            *lock(stripe) = Stripe::default();
        }
    }

    fn stripe(&self) -> MutexGuard<'_, Stripe> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            // Relaxed: only spreads threads over stripes.
            static MINE: usize = THREADS.fetch_add(1, Ordering::Relaxed) % STRIPES;
        }
        // A thread that is ending has no thread-local any more and shares the first stripe.
        let mine = MINE.try_with(|mine| *mine).unwrap_or(0);
        let [first, ..] = &self.stripes;
        lock(self.stripes.get(mine).unwrap_or(first))
    }
}

impl Waiting {
    fn merge(&mut self, start: UnixNanos, sketches: Sketches) {
        let slot = self.slots.entry(start).or_default();
        slot.changed = self.generation;
        for (key, sketch) in sketches {
            slot.sketches.entry(key).or_default().merge(&sketch);
        }
    }

    /// Drops the oldest slots until the rest is within bounds.
    fn shrink(&mut self) {
        let held = |slot: &SketchSlot| slot.sketches.values().map(hashes).sum::<usize>();
        let mut total: usize = self.slots.values().map(held).sum();
        while self.slots.len() > MAX_SLOTS || (total > MAX_HASHES && self.slots.len() > 1) {
            let Some((_, oldest)) = self.slots.pop_first() else { return };
            total = total.saturating_sub(held(&oldest));
            Dropped::SketchWaiting.add(u64::try_from(oldest.sketches.len()).unwrap_or(u64::MAX));
        }
    }
}

fn slot_of(now: UnixNanos) -> UnixNanos {
    now.before(Nanos::new(now.get() % SLOT.get()))
}

/// How many hashes a sketch holds.
#[expect(clippy::as_conversions, reason = "an exact sketch's estimate is a whole number below 4,096")]
fn hashes(sketch: &UserSketch) -> usize {
    if sketch.is_exact() { sketch.estimate() as usize } else { SKETCH_CAPACITY }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: UnixNanos = UnixNanos::new(1_700_000_003_000_000_000);

    fn group(who: UsersKind, scope: &str) -> SketchGroup {
        SketchGroup { who, about: UsersAbout::Scope(Arc::from(scope)), region: Arc::from("eu") }
    }

    fn see(users: &UserSketches, now: UnixNanos, id: &str) {
        users.insert(now, group(UsersKind::User, "checkout"), UserHash::keyed(b"0123456789abcdef", id));
    }

    fn slots(users: &UserSketches) -> Vec<(u64, f64)> {
        users.collect().iter().map(|seen| (seen.slot.get() / 1_000_000_000, seen.sketch.estimate())).collect()
    }

    #[test]
    fn slots_are_sent_until_confirmed_after_their_end() {
        let users = UserSketches::default();
        see(&users, AT, "ann");
        assert_eq!(slots(&users), [(1_700_000_000, 1.0)], "aligned to 5 s");
        assert_eq!(users.confirm(users.generation(), AT + Nanos::from_secs(1)), 0);
        see(&users, AT + Nanos::from_secs(1), "ben");
        assert_eq!(slots(&users), [(1_700_000_000, 2.0)], "the open slot is sent again, and grows");
        assert_eq!(users.confirm(users.generation(), AT + Nanos::from_secs(2)), 1);
        assert_eq!(slots(&users), [], "it ended at the second that was confirmed");
    }

    #[test]
    fn tenants_have_their_own_sketches() {
        let users = UserSketches::default();
        for id in ["ann", "ben", "eve"] {
            see(&users, AT, id);
        }
        users.insert(AT, group(UsersKind::Tenant, "checkout"), UserHash::new(7));
        let mut seen: Vec<_> =
            users.collect().iter().map(|seen| (seen.who, seen.sketch.estimate())).collect();
        seen.sort_by_key(|(who, _)| *who);
        assert_eq!(seen, [(UsersKind::User, 3.0), (UsersKind::Tenant, 1.0)]);
        assert_eq!(users.confirm(users.generation(), AT + SLOT), 2);
    }

    #[test]
    fn a_late_user_reopens_the_slot() {
        let users = UserSketches::default();
        see(&users, AT, "ann");
        users.collect();
        let collected = users.generation();
        see(&users, AT, "ben");
        users.collect();
        assert_eq!(users.confirm(collected, AT + SLOT), 0);
        assert_eq!(slots(&users), [(1_700_000_000, 2.0)], "the confirmation did not cover the second");
    }

    #[test]
    fn outages_keep_the_newest_slots() {
        let users = UserSketches::default();
        let before = Dropped::SketchWaiting.count();
        for slot in 0..30 {
            see(&users, AT + Nanos::from_secs(5 * slot), "ann");
        }
        let kept = slots(&users);
        assert_eq!(kept.len(), 24);
        assert_eq!(kept[0].0, 1_700_000_030);
        assert_eq!(Dropped::SketchWaiting.count().saturating_sub(before).get(), 6);
    }

    #[test]
    fn users_above_the_limit_of_a_stripe_are_counted() {
        let users = UserSketches::default();
        let before = Dropped::UserLimit.count();
        let key = b"0123456789abcdef";
        for id in 0..20_000_u32 {
            // Five scopes, because one sketch stops growing at its capacity.
            let scope = format!("scope-{}", id % 5);
            users.insert(AT, group(UsersKind::User, &scope), UserHash::keyed(key, &id.to_string()));
        }
        let kept: f64 = users.collect().iter().map(|seen| seen.sketch.estimate()).sum();
        assert_eq!(kept, 16_384.0);
        assert_eq!(Dropped::UserLimit.count().saturating_sub(before).get(), 20_000 - 16_384);
    }

    #[test]
    fn users_of_all_threads_are_one_sketch() {
        let users = UserSketches::default();
        std::thread::scope(|threads| {
            for thread in 0..8 {
                let users = &users;
                threads
                    .spawn(move || (0..100).for_each(|id| see(users, AT, &format!("{}", id + thread * 50))));
            }
        });
        assert_eq!(slots(&users), [(1_700_000_000, 450.0)]);
    }
}
