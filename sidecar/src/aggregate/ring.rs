//! The slices of one width, ascending, without the empty ones. Comes in: counts by slot. Goes out: sums. Nearly every slot
//! is of few events and wholly measured or not at all, so that it takes 12 bytes instead of 32; every other one is kept
//! in full beside. What comes out is exactly what went in.

use std::collections::VecDeque;

use mapwarden::contract::{Count, Nanos, UnixNanos};

use super::slices::{Counts, Level, Slice};

/// The slices of one level.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    pub(super) level: Level,
    packed: VecDeque<Packed>,
    /// Slices that cannot be packed, ascending.
    full: VecDeque<Slice>,
}

/// One slice in few bytes. Slots are counted in 32 bits, which at one second is until 2106.
#[derive(Clone, Copy, Debug)]
struct Packed {
    slot: u32,
    good: u32,
    bad: u16,
    measured: Measured,
}

/// How much of a packed slice is measured. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measured {
    Nothing,
    All,
    /// The slice is kept in full.
    Beside,
}

impl Packed {
    fn of(slot: u32, counts: &Counts, width: Nanos) -> Self {
        let beside = Self { slot, good: 0, bad: 0, measured: Measured::Beside };
        let measured = match counts.covered {
            Nanos::ZERO => Measured::Nothing,
            covered if covered == width => Measured::All,
            _ => return beside,
        };
        match (u32::try_from(counts.good.get()), u16::try_from(counts.bad.get())) {
            (Ok(good), Ok(bad)) => Self { slot, good, bad, measured },
            (Err(_), _) | (_, Err(_)) => beside,
        }
    }
}

impl Ring {
    pub(super) const fn new(level: Level) -> Self {
        Self { level, packed: VecDeque::new(), full: VecDeque::new() }
    }

    /// Adds counts to a slot; a slot before the ring's reach is gone and takes nothing.
    pub(super) fn add(&mut self, slot: u64, counts: &Counts) {
        let Ok(slot) = u32::try_from(slot) else { return };
        let at = self.packed.partition_point(|packed| packed.slot < slot);
        match self.packed.get(at).filter(|packed| packed.slot == slot).copied() {
            Some(packed) => {
                let mut sum = self.counts(packed);
                sum.add(counts);
                self.put(at, slot, &sum);
            }
            None => {
                self.make_room();
                self.packed.insert(at, Packed { slot, good: 0, bad: 0, measured: Measured::Nothing });
                self.put(at, slot, counts);
            }
        }
        let newest = self.packed.back().map_or(slot, |packed| packed.slot);
        let is_gone = |slot: u32| u64::from(slot) + self.level.slots() <= u64::from(newest);
        while self.packed.front().is_some_and(|packed| is_gone(packed.slot)) {
            self.packed.pop_front();
        }
        while self.full.front().is_some_and(|slice| slice.slot + self.level.slots() <= u64::from(newest)) {
            self.full.pop_front();
        }
    }

    /// Sums the slots from the first to the last, both included.
    pub(super) fn sum(&self, from_slot: u64, to_slot: u64) -> Counts {
        let mut sum = Counts::default();
        let (mut good, mut bad, mut measured) = (0_u64, 0_u64, 0_u64);
        for packed in self.packed.iter().rev().take_while(|packed| u64::from(packed.slot) >= from_slot) {
            if u64::from(packed.slot) <= to_slot {
                good += u64::from(packed.good);
                bad += u64::from(packed.bad);
                measured += u64::from(packed.measured == Measured::All);
            }
        }
        for slice in self.full.iter().rev().take_while(|slice| slice.slot >= from_slot) {
            if slice.slot <= to_slot {
                sum.add(&slice.counts);
            }
        }
        let covered = Nanos::new(measured.saturating_mul(self.level.width().get()));
        sum.add(&Counts { good: Count::new(good), bad: Count::new(bad), covered });
        sum
    }

    /// The slices from a slot on, ascending.
    pub(super) fn from(&self, slot: u64) -> impl Iterator<Item = Slice> {
        let first = self.packed.partition_point(|packed| u64::from(packed.slot) < slot);
        let slice = |packed: &Packed| Slice { slot: u64::from(packed.slot), counts: self.counts(*packed) };
        self.packed.range(first..).map(slice)
    }

    /// The slice of one slot; none where nothing is known of it.
    pub(super) fn at(&self, slot: u64) -> Option<Slice> {
        self.from(slot).next().filter(|slice| slice.slot == slot)
    }

    /// The start of the newest slice.
    pub(super) fn newest(&self) -> Option<UnixNanos> {
        self.packed.back().map(|packed| self.level.start(u64::from(packed.slot)))
    }

    /// Forgets the slices after a slot.
    pub(super) fn forget_after(&mut self, last: u64) {
        while self.packed.back().is_some_and(|packed| u64::from(packed.slot) > last) {
            self.packed.pop_back();
        }
        while self.full.back().is_some_and(|slice| slice.slot > last) {
            self.full.pop_back();
        }
    }

    fn counts(&self, packed: Packed) -> Counts {
        let covered = match packed.measured {
            Measured::Nothing => Nanos::ZERO,
            Measured::All => self.level.width(),
            Measured::Beside => {
                let at = self.full.partition_point(|slice| slice.slot < u64::from(packed.slot));
                return self.full.get(at).map_or_else(Counts::default, |slice| slice.counts);
            }
        };
        Counts { good: Count::new(packed.good.into()), bad: Count::new(packed.bad.into()), covered }
    }

    /// Writes a slot's counts where they fit.
    fn put(&mut self, at: usize, slot: u32, counts: &Counts) {
        let packed = Packed::of(slot, counts, self.level.width());
        if let Some(known) = self.packed.get_mut(at) {
            *known = packed;
        }
        let slot = u64::from(slot);
        let beside = self.full.partition_point(|slice| slice.slot < slot);
        let is_known = self.full.get(beside).is_some_and(|slice| slice.slot == slot);
        match (packed.measured, is_known) {
            (Measured::Beside, true) => {
                if let Some(slice) = self.full.get_mut(beside) {
                    slice.counts = *counts;
                }
            }
            (Measured::Beside, false) => self.full.insert(beside, Slice { slot, counts: *counts }),
            (Measured::Nothing | Measured::All, true) => {
                self.full.remove(beside);
            }
            (Measured::Nothing | Measured::All, false) => {}
        }
    }

    /// Doubles the room as a deque does, but never beyond what the level holds and the one slot that is about to go.
    fn make_room(&mut self) {
        if self.packed.len() == self.packed.capacity() {
            let most = usize::try_from(self.level.slots()).unwrap_or(usize::MAX).saturating_add(1);
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
    fn a_slice_that_is_usual_takes_twelve_bytes_and_a_level_no_more_than_it_holds() {
        assert_eq!(size_of::<Packed>(), 12);
        let mut ring = Ring::new(Level::Second);
        let usual = Counts { good: Count::new(1), bad: Count::new(1), covered: Nanos::from_secs(1) };
        (0..5_000).for_each(|slot| ring.add(slot, &usual));
        assert_eq!((ring.packed.len(), ring.full.len()), (600, 0));
        assert!(ring.packed.capacity() <= 601, "{}", ring.packed.capacity());
    }

    proptest! {
        /// Whatever is added, in whatever order, comes out as from a map of slots.
        #[test]
        fn a_ring_is_a_map_of_slots(
            adds in prop::collection::vec(
                (0_u64..1_500, prop_oneof![0_u64..3, Just(u64::from(u32::MAX))], prop_oneof![0_u64..3, Just(65_535)],
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
            let slices: Vec<(u64, Counts)> = ring.from(cut).map(|slice| (slice.slot, slice.counts)).collect();
            prop_assert_eq!(slices, known.range(cut..).map(|(slot, counts)| (*slot, *counts)).collect::<Vec<_>>());
            prop_assert_eq!(ring.at(cut).map(|slice| slice.counts), known.get(&cut).copied());
            ring.forget_after(cut);
            known.retain(|slot, _| *slot <= cut);
            prop_assert_eq!(ring.from(0).count(), known.len());
        }
    }
}
