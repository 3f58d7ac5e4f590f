//! Good and bad events in slots: half-open intervals of a fixed width, kept at several widths so that a window of any length
//! is a short sum. Comes in: events and measured time. Goes out: sums. Never rolls up or estimates: every level counts every
//! event.

use std::cmp::Reverse;

use mapwarden_contract::{Count, Nanos, UnixNanos};

use super::ring::Ring;
use super::slot::{Counts, Level, Slot};
use super::window::Window;

/// What is kept of places.
const OF_PLACES: [Level; 4] = [Level::Second, Level::TenSeconds, Level::Minute, Level::TwoHours];

/// Where an interval ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Before the slot that holds this moment.
    Before(UnixNanos),
    /// With the slot that holds this moment.
    Through(UnixNanos),
}

impl Until {
    /// The last slot that belongs to the interval, for slots of this width; none where there is none.
    pub fn last_slot(self, width: Nanos) -> Option<u64> {
        match self {
            Self::Before(moment) => (moment.get() / width.get()).checked_sub(1),
            Self::Through(moment) => Some(moment.get() / width.get()),
        }
    }
}

/// Slots at some levels.
#[derive(Clone, Debug)]
pub struct Slots {
    rings: Vec<Ring>,
}

impl Slots {
    /// Slots for a budget of at most 31 days.
    pub fn for_budget() -> Self {
        let levels = [Level::Second, Level::TenSeconds, Level::Minute, Level::Quarter, Level::TwoHours];
        Self { rings: levels.map(Ring::new).into() }
    }

    /// Keeps slots for as long as the longest window, too: the level for more than 31 days begins with what is known.
    pub fn reach(&mut self, longest: Nanos) {
        let Some(known) = self.rings.last().filter(|ring| ring.level.reach() < longest) else { return };
        let mut ring = Ring::new(Level::EightHours);
        for slot in known.from(0) {
            ring.add(Level::EightHours.slot(known.level.start(slot.number)), &slot.counts);
        }
        if known.level < Level::EightHours {
            self.rings.push(ring);
        }
    }

    /// Slots that reach six hours back, for evidence.
    pub fn for_evidence() -> Self {
        Self { rings: [Level::Second, Level::TenSeconds, Level::Minute].map(Ring::new).into() }
    }

    /// Slots that reach six hours back and, two hours wide, as far as those of a budget: who spent it.
    pub fn for_places() -> Self {
        Self { rings: OF_PLACES.map(Ring::new).into() }
    }

    /// These slots, as those of a place.
    pub(super) fn of_place(&self) -> Self {
        Self { rings: OF_PLACES.iter().filter_map(|level| self.ring(*level).cloned()).collect() }
    }

    /// Slots that reach 70 minutes back, for keys, of which there may be many.
    pub fn for_keys() -> Self {
        Self { rings: [Level::Second, Level::TenSeconds].map(Ring::new).into() }
    }

    /// Counts events that ended at `time`.
    pub fn add(&mut self, time: UnixNanos, good: Count, bad: Count) {
        let counts = Counts { good, bad, covered: Nanos::ZERO };
        for ring in &mut self.rings {
            ring.add(ring.level.slot(time), &counts);
        }
    }

    /// How far back a level reaches; none where it is not kept.
    pub fn reach_of(&self, level: Level) -> Option<Nanos> {
        self.ring(level).map(|ring| ring.level.reach())
    }

    /// The level that a window is read from: the finest that reaches as far, else the last.
    pub fn level_of(&self, window: Window) -> Level {
        let reaches = |ring: &&Ring| window.length() <= ring.level.reach();
        self.rings.iter().find(reaches).or(self.rings.last()).map_or(Level::Second, |ring| ring.level)
    }

    /// Notes that telemetry accounts for the time from `from` to `to`.
    pub fn cover(&mut self, from: UnixNanos, to: UnixNanos) {
        for ring in &mut self.rings {
            let first = ring.level.slot(from.max(to.before(ring.level.reach())));
            for slot in first..=ring.level.slot(to) {
                let start = ring.level.start(slot).max(from);
                let end = (ring.level.start(slot) + ring.level.width()).min(to);
                if end > start {
                    ring.add(slot, &Counts { covered: end.since(start), ..Counts::default() });
                }
            }
        }
    }

    /// Sums the slots that start in `(now - window, now]`, rounded to slots: at most the window, at least the
    /// window less one slot. They are those of the finest level that reaches as far; where none does, the window is cut.
    pub fn window(&self, window: Window, now: UnixNanos) -> Counts {
        self.ring(self.level_of(window)).map_or_else(Counts::default, |ring| {
            let last = ring.level.slot(now);
            ring.sum((last + 1).saturating_sub(ring.level.slots_of(window)), last)
        })
    }

    /// Keeps the sum of a window as of now: windows that are read every second need not be added up each time.
    pub(super) fn keep_window(&mut self, window: Window, now: UnixNanos) {
        let level = self.level_of(window);
        if let Some(ring) = self.rings.iter_mut().find(|ring| ring.level == level) {
            ring.keep_sum(level.slots_of(window), level.slot(now));
        }
    }

    /// Sums the slots from the one that holds `from` on, at the finest level that reaches back to `from`.
    pub fn between(&self, from: UnixNanos, until: Until, now: UnixNanos) -> Counts {
        let reaches = |ring: &&Ring| now.since(from) < ring.level.reach();
        self.rings.iter().find(reaches).or(self.rings.last()).map_or_else(Counts::default, |ring| match until
            .last_slot(ring.level.width())
        {
            Some(last) => ring.sum(ring.level.slot(from), last),
            None => Counts::default(),
        })
    }

    /// Sums the slots from the one that holds `from` to the one that holds `now`.
    pub fn since(&self, from: UnixNanos, now: UnixNanos) -> Counts {
        self.between(from, Until::Through(now), now)
    }

    /// The slots of one level that start at `from` or later, ascending, with their start.
    pub fn at_level(&self, level: Level, from: UnixNanos) -> impl Iterator<Item = (UnixNanos, Counts)> {
        let first = level.slot(from);
        self.ring(level)
            .into_iter()
            .flat_map(move |ring| ring.from(first))
            .map(move |slot| (level.start(slot.number), slot.counts))
    }

    /// The slot of one level that holds `time`; none where nothing is known of it.
    pub fn at(&self, level: Level, time: UnixNanos) -> Option<Slot> {
        self.ring(level)?.at(level.slot(time))
    }

    /// Forgets the slots that start after `now`.
    pub fn forget_after(&mut self, now: UnixNanos) {
        for ring in &mut self.rings {
            ring.forget_after(ring.level.slot(now));
        }
    }

    /// The start of the newest slot; none where there is none.
    pub fn newest(&self) -> Option<UnixNanos> {
        self.rings.iter().filter_map(Ring::newest).max()
    }

    /// Puts back a slot that the store kept.
    pub fn restore(&mut self, level: Level, slot: Slot) {
        if let Some(ring) = self.rings.iter_mut().find(|ring| ring.level == level) {
            ring.add(slot.number, &slot.counts);
        }
    }

    fn ring(&self, level: Level) -> Option<&Ring> {
        self.rings.iter().find(|ring| ring.level == level)
    }
}

/// The names of what happened at all between two times, and how often, the most frequent first. What happened counts as
/// good, as it does for all that is evidence and no objective.
pub(super) fn most_first<'a, K>(
    named: impl Iterator<Item = (K, &'a Slots)>,
    from: UnixNanos,
    until: Until,
    now: UnixNanos,
) -> Vec<(K, Count)> {
    let counted = named.map(|(name, slots)| (name, slots.between(from, until, now).good));
    let mut happened: Vec<_> = counted.filter(|(_, count)| *count > Count::ZERO).collect();
    happened.sort_by_key(|entry| Reverse(entry.1));
    happened
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn at(seconds: u64) -> UnixNanos {
        UnixNanos::new(seconds * 1_000_000_000)
    }

    #[test]
    fn a_window_holds_its_slots_and_no_more() {
        let mut slots = Slots::for_budget();
        for age in [0, 299, 300, 3_599, 3_610, 100_000] {
            slots.add(at(NOW - age), Count::new(1), Count::ZERO);
        }
        let good = |window| slots.window(window, at(NOW)).good.get();
        let got = Window::ALL.map(|window| (window.name(), good(window)));
        let got = got.each_ref().map(|(name, good)| (&**name, *good));
        assert_eq!(
            got,
            [("5m", 2), ("30m", 3), ("1h", 3), ("2h", 5), ("6h", 5), ("1d", 5), ("3d", 6), ("30d", 6)]
        );
    }

    #[test]
    fn a_window_of_any_length_is_read_at_the_finest_level_that_reaches() {
        let mut slots = Slots::for_budget();
        slots.add(at(NOW - 40 * 86_400), Count::new(1), Count::ZERO);
        slots.add(at(NOW - 20 * 86_400), Count::new(1), Count::ZERO);
        slots.reach(Nanos::from_secs(90 * 86_400));
        slots.reach(Nanos::from_secs(90 * 86_400));
        (0..700).for_each(|age| slots.add(at(NOW - age), Count::new(1), Count::ZERO));
        let sum = |slots: &Slots, secs| slots.window(Window::new(Nanos::from_secs(secs)), at(NOW)).good.get();
        let good = |seconds| sum(&slots, seconds);
        assert_eq!((good(1), good(420), good(600), good(610)), (1, 420, 600, 601));
        assert_eq!((good(28 * 86_400), good(90 * 86_400)), (701, 702), "what was known is kept");
        slots.add(at(NOW - 80 * 86_400), Count::new(1), Count::ZERO);
        assert_eq!(sum(&slots, 90 * 86_400), 703);
    }

    #[test]
    fn coverage_is_time_that_was_accounted_for() {
        let mut slots = Slots::for_budget();
        slots.cover(at(NOW - 100), at(NOW - 40));
        slots.cover(at(NOW - 20), at(NOW));
        assert_eq!(slots.window(Window::M5, at(NOW)).covered, Nanos::from_secs(80));
        assert_eq!(slots.window(Window::D30, at(NOW)).covered, Nanos::from_secs(80));
    }

    #[test]
    fn covering_a_year_costs_no_more_than_the_reach() {
        let mut slots = Slots::for_budget();
        slots.cover(UnixNanos::EPOCH, at(NOW));
        assert_eq!(slots.window(Window::M5, at(NOW)).covered, Nanos::from_secs(299));
    }

    proptest! {
        #[test]
        fn every_level_counts_every_event_within_its_reach(
            events in prop::collection::vec((0_u64..500, 0_u64..5, 0_u64..5), 1..100)
        ) {
            let mut slots = Slots::for_budget();
            for (age, good, bad) in &events {
                slots.add(at(NOW - age), Count::new(*good), Count::new(*bad));
            }
            let good: u64 = events.iter().map(|event| event.1).sum();
            let bad: u64 = events.iter().map(|event| event.2).sum();
            for window in [Window::M30, Window::H6, Window::D3, Window::D30] {
                let counts = slots.window(window, at(NOW));
                prop_assert_eq!((counts.good.get(), counts.bad.get()), (good, bad));
            }
            prop_assert_eq!(slots.since(at(NOW - 500), at(NOW)).total().get(), good + bad);
        }

        #[test]
        fn before_and_since_make_the_whole(split in 1_u64..500, ages in prop::collection::vec(0_u64..500, 1..50)) {
            let mut slots = Slots::for_budget();
            for age in &ages {
                slots.add(at(NOW - age), Count::new(1), Count::ZERO);
            }
            let before = slots.between(at(NOW - 500), Until::Before(at(NOW - split)), at(NOW));
            let since = slots.since(at(NOW - split), at(NOW));
            prop_assert_eq!(before.good.get() + since.good.get(), u64::try_from(ages.len()).unwrap());
        }
    }
}
