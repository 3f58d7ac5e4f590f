//! The slots of one width, ascending, without the empty ones. Comes in: counts by slot. Goes out: sums. Never loses or
//! rounds a count: nearly every slot has few events and is wholly measured or not at all, so that it takes 8 bytes instead of
//! 32; every other one is kept in full beside.

use std::collections::VecDeque;

use mapwarden_contract::{Count, Nanos, UnixNanos};

use super::slot::{Counts, Level, Slot};

/// The slots of one level.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    pub(super) level: Level,
    /// The newest slot that there ever was; everything is less than a level's reach older. Slots are counted in 32 bits,
    /// which at one second is until 2106.
    newest: u32,
    packed: VecDeque<PackedSlot>,
    /// Slots that cannot be packed, ascending.
    full: VecDeque<Slot>,
    running: Vec<RunningSum>,
}

/// The sum of the last slots, which is updated from slot to slot instead of added up again.
#[derive(Clone, Copy, Debug)]
struct RunningSum {
    slots: u64,
    last: u64,
    sum: Counts,
}

impl RunningSum {
    const fn first(&self) -> u64 {
        (self.last + 1).saturating_sub(self.slots)
    }
}

/// One slot in few bytes.
#[derive(Clone, Copy, Debug)]
struct PackedSlot {
    good: u32,
    /// From the lowest bit on: 16 of the slot (the others follow from the newest slot), 14 of the bad events, 2 of how much is
    /// measured.
    rest: u32,
}

/// Where the bits of the bad events begin.
const BAD: u32 = 16;

/// Where the bits of how much is measured begin.
const MEASURED: u32 = 30;

/// How many bad events are packed at most.
const MOST_BAD: u32 = (1 << (MEASURED - BAD)) - 1;

/// No time of a packed slot is measured.
const NOTHING: u32 = 0;

/// All of it is.
const ALL: u32 = 1;

/// The slot is kept in full.
const BESIDE: u32 = 2;

impl PackedSlot {
    /// None where the counts do not fit.
    fn of(slot: u32, counts: &Counts, width: Nanos) -> Option<Self> {
        let measured = match counts.covered {
            Nanos::ZERO => NOTHING,
            covered if covered == width => ALL,
            _ => return None,
        };
        let bad = u32::try_from(counts.bad.get()).ok().filter(|bad| *bad <= MOST_BAD)?;
        let good = u32::try_from(counts.good.get()).ok()?;
        Some(Self { good, rest: measured << MEASURED | bad << BAD | u32::from(low(slot)) })
    }

    fn beside(slot: u32) -> Self {
        Self { good: 0, rest: BESIDE << MEASURED | u32::from(low(slot)) }
    }

    const fn slot(self) -> u16 {
        low(self.rest)
    }

    const fn bad(self) -> u32 {
        self.rest >> BAD & MOST_BAD
    }

    const fn measured(self) -> u32 {
        self.rest >> MEASURED
    }
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "the high bits are not wanted")]
const fn low(slot: u32) -> u16 {
    slot as u16
}

/// Sums of few enough packed slots that 32 bits hold them: then a loop over them adds several at once.
#[derive(Clone, Copy, Default)]
struct Sums {
    /// The low and the high half of the good events.
    good: (u32, u32),
    bad: u32,
    measured: u32,
}

impl Sums {
    const fn add(self, packed: PackedSlot) -> Self {
        Self {
            good: (self.good.0 + (packed.good & 0xffff), self.good.1 + (packed.good >> 16)),
            bad: self.bad + packed.bad(),
            measured: self.measured + (packed.measured() & ALL),
        }
    }

    fn counts(self, width: Nanos) -> Counts {
        Counts {
            good: Count::new(u64::from(self.good.0) + (u64::from(self.good.1) << 16)),
            bad: Count::new(u64::from(self.bad)),
            covered: Nanos::new(u64::from(self.measured).saturating_mul(width.get())),
        }
    }
}

impl Ring {
    pub(super) const fn new(level: Level) -> Self {
        Self { level, newest: 0, packed: VecDeque::new(), full: VecDeque::new(), running: Vec::new() }
    }

    /// Adds counts to a slot; a slot before the ring's reach is gone and takes nothing.
    pub(super) fn add(&mut self, slot: u64, counts: &Counts) {
        let Ok(slot) = u32::try_from(slot) else { return };
        if slot > self.newest {
            self.advance(slot);
        }
        if u64::from(self.newest - slot) >= self.level.slots() {
            return;
        }
        for running in &mut self.running {
            if (running.first()..=running.last).contains(&slot.into()) {
                running.sum.add(counts);
            }
        }
        let at = self.first_at(slot);
        match self.packed.get(at).filter(|packed| packed.slot() == low(slot)).copied() {
            Some(packed) => {
                let mut sum = self.counts(packed);
                sum.add(counts);
                self.put(at, slot, &sum);
            }
            None => {
                self.make_room();
                self.packed.insert(at, PackedSlot::beside(slot));
                self.put(at, slot, counts);
            }
        }
    }

    /// Moves on to a slot; what it leaves behind its reach is gone.
    fn advance(&mut self, newest: u32) {
        let first = u64::from(newest).saturating_sub(self.level.slots() - 1);
        let gone = self.first_from(first);
        self.packed.drain(..gone);
        self.running.retain(|running| running.first() >= first);
        while self.full.front().is_some_and(|held| held.number < first) {
            self.full.pop_front();
        }
        self.newest = newest;
    }

    /// The index of a slot within the reach, or of the next one; nearly always called for the newest.
    fn first_at(&self, slot: u32) -> usize {
        let newest = low(self.newest);
        if slot == self.newest {
            let is_there = self.packed.back().is_some_and(|packed| packed.slot() == newest);
            return self.packed.len() - usize::from(is_there);
        }
        let age = low(self.newest.wrapping_sub(slot));
        self.packed.partition_point(|packed| newest.wrapping_sub(packed.slot()) > age)
    }

    /// The same for any slot.
    fn first_from(&self, slot: u64) -> usize {
        let oldest = u64::from(self.newest).saturating_sub(self.level.slots() - 1);
        match u32::try_from(slot.max(oldest)) {
            Ok(slot) if slot <= self.newest => self.first_at(slot),
            Ok(_) | Err(_) => self.packed.len(),
        }
    }

    /// The number of a packed slot.
    fn slot(&self, packed: PackedSlot) -> u64 {
        u64::from(self.newest - u32::from(low(self.newest).wrapping_sub(packed.slot())))
    }

    /// Keeps the sum of this many slots up to the last, for [`Ring::sum`].
    pub(super) fn keep_sum(&mut self, slots: u64, last: u64) {
        let known = self.running.iter().position(|running| running.slots == slots);
        let known = known.map(|at| self.running.swap_remove(at));
        let mut next = RunningSum { slots, last, sum: Counts::default() };
        let first = next.first();
        next.sum = match known {
            Some(RunningSum { last: before, sum, .. }) if before == last => sum,
            Some(known) if known.last < last && first <= known.last => {
                let gone = (known.first()..first).last().map(|end| self.add_up(known.first(), end));
                let mut sum = known.sum.less(&gone.unwrap_or_default());
                sum.add(&self.add_up(known.last + 1, last));
                sum
            }
            Some(_) | None => self.add_up(first, last),
        };
        self.running.reserve_exact(1);
        self.running.push(next);
    }

    /// Sums the slots from the first to the last, both included.
    pub(super) fn sum(&self, from_slot: u64, to_slot: u64) -> Counts {
        let is_it = |running: &&RunningSum| running.last == to_slot && running.first() == from_slot;
        let kept = self.running.iter().find(is_it);
        kept.map_or_else(|| self.add_up(from_slot, to_slot), |running| running.sum)
    }

    fn add_up(&self, from_slot: u64, to_slot: u64) -> Counts {
        let (from, to) = (self.first_from(from_slot), self.first_from(to_slot.saturating_add(1)));
        let packed = self.packed.range(from.min(to)..to);
        let mut sum =
            packed.fold(Sums::default(), |sums, packed| sums.add(*packed)).counts(self.level.width());
        let within = self.full.iter().rev().take_while(|held| held.number >= from_slot);
        within.filter(|held| held.number <= to_slot).for_each(|held| sum.add(&held.counts));
        sum
    }

    /// The slots from a number on, ascending.
    pub(super) fn from(&self, slot: u64) -> impl Iterator<Item = Slot> {
        let unpack = |packed: &PackedSlot| Slot { number: self.slot(*packed), counts: self.counts(*packed) };
        self.packed.range(self.first_from(slot)..).map(unpack)
    }

    /// One slot; none where nothing is known of it.
    pub(super) fn at(&self, slot: u64) -> Option<Slot> {
        self.from(slot).next().filter(|held| held.number == slot)
    }

    /// The start of the newest slot.
    pub(super) fn newest(&self) -> Option<UnixNanos> {
        self.packed.back().map(|packed| self.level.start(self.slot(*packed)))
    }

    /// Forgets the slots after a number.
    pub(super) fn forget_after(&mut self, last: u64) {
        self.running.clear();
        self.packed.truncate(self.first_from(last.saturating_add(1)));
        while self.full.back().is_some_and(|held| held.number > last) {
            self.full.pop_back();
        }
        self.newest = u32::try_from(last).unwrap_or(u32::MAX).min(self.newest);
    }

    fn counts(&self, packed: PackedSlot) -> Counts {
        let covered = match packed.measured() {
            BESIDE => {
                let slot = self.slot(packed);
                let at = self.full.partition_point(|held| held.number < slot);
                return self.full.get(at).map_or_else(Counts::default, |held| held.counts);
            }
            ALL => self.level.width(),
            _ => Nanos::ZERO,
        };
        Counts { good: Count::new(packed.good.into()), bad: Count::new(packed.bad().into()), covered }
    }

    /// Writes a slot's counts where they fit.
    fn put(&mut self, at: usize, slot: u32, counts: &Counts) {
        let packed = PackedSlot::of(slot, counts, self.level.width());
        if let Some(known) = self.packed.get_mut(at) {
            *known = packed.unwrap_or_else(|| PackedSlot::beside(slot));
        }
        let slot = u64::from(slot);
        let beside = self.full.partition_point(|held| held.number < slot);
        match (self.full.get_mut(beside).filter(|held| held.number == slot), packed) {
            (Some(known), None) => known.counts = *counts,
            (Some(_), Some(_)) => {
                self.full.remove(beside);
            }
            (None, None) => self.full.insert(beside, Slot { number: slot, counts: *counts }),
            (None, Some(_)) => {}
        }
    }

    /// Doubles the room as a deque does, but never beyond what the level holds.
    fn make_room(&mut self) {
        if self.packed.len() == self.packed.capacity() {
            let most = usize::try_from(self.level.slots()).unwrap_or(usize::MAX);
            let more = self.packed.len().max(4).min(most.saturating_sub(self.packed.len())).max(1);
            self.packed.reserve_exact(more);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_usual_slot_takes_eight_bytes() {
        assert_eq!(size_of::<PackedSlot>(), 8);
        let mut ring = Ring::new(Level::Second);
        let usual = Counts { good: Count::new(1), bad: Count::new(1), covered: Nanos::from_secs(1) };
        (0..5_000).for_each(|slot| ring.add(slot, &usual));
        assert_eq!((ring.packed.len(), ring.full.len()), (600, 0));
        assert!(ring.packed.capacity() <= 600, "{}", ring.packed.capacity());
    }

    proptest! {
        /// Whatever is added, in whatever order, comes out as from a map of slots.
        #[test]
        fn a_ring_is_a_map_of_slots(
            adds in prop::collection::vec(
                (0_u64..1_500, prop_oneof![0_u64..3, Just(u64::from(u32::MAX))], prop_oneof![0_u64..3, Just(16_383)],
                 prop_oneof![Just(0_u64), Just(1_000_000_000), 1_u64..1_000_000_000]), 1..120),
            cut in 0_u64..1_500,
        ) {
            let (mut ring, mut known) = (Ring::new(Level::Second), BTreeMap::<u64, Counts>::new());
            for (slot, good, bad, covered) in adds {
                let counts = Counts { good: Count::new(good), bad: Count::new(bad), covered: Nanos::new(covered) };
                ring.add(slot, &counts);
                known.entry(slot).or_default().add(&counts);
                let newest = *known.last_key_value().unwrap().0;
                known.retain(|slot, _| slot + 600 > newest);
            }
            let mut whole = Counts::default();
            known.range(cut..).for_each(|(_, counts)| whole.add(counts));
            prop_assert_eq!(ring.sum(cut, 1_500), whole);
            let slots: Vec<(u64, Counts)> = ring.from(cut).map(|held| (held.number, held.counts)).collect();
            prop_assert_eq!(slots, known.range(cut..).map(|(slot, counts)| (*slot, *counts)).collect::<Vec<_>>());
            prop_assert_eq!(ring.at(cut).map(|held| held.counts), known.get(&cut).copied());
            ring.forget_after(cut);
            known.retain(|slot, _| *slot <= cut);
            prop_assert_eq!(ring.from(0).count(), known.len());
        }

        /// Sums that are kept up are those of the slots, whatever comes when, early or late.
        #[test]
        fn kept_sums_are_those_of_the_slots(
            steps in prop::collection::vec(
                (prop_oneof![3 => 0_u64..4, 1 => 0_u64..40], 0_u64..700, 0_u64..3, 0_u64..9, 0_u64..12), 1..150),
        ) {
            let (mut ring, mut now) = (Ring::new(Level::Second), 0);
            for (passed, age, good, bad, what) in steps {
                now += passed;
                let counts = Counts { good: Count::new(good), bad: Count::new(bad), covered: Nanos::new(1) };
                // Sometimes from the future.
                ring.add((now + 3).saturating_sub(if bad % 2 == 0 { age % 5 } else { age }), &counts);
                match what {
                    0 => ring.forget_after(now),
                    1 | 3 => now = now.saturating_sub(3),
                    6 => now = now.saturating_sub(50),
                    _ => {}
                }
                for slots in [1, 7, 300, 600] {
                    if what % 3 > 0 {
                        ring.keep_sum(slots, now);
                    }
                    let first = (now + 1).saturating_sub(slots);
                    prop_assert_eq!(ring.sum(first, now), ring.add_up(first, now), "{} slots up to {}", slots, now);
                }
            }
        }
    }
}
