//! The parts that slots are made of: counts, the widths at which they are kept, one slot. Never sums over time.

use mapwarden_contract::{Count, Nanos, Ratio, UnixNanos};
use serde::{Deserialize, Serialize};

use super::window::Window;

/// Events and measured time of an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Events that kept the objective.
    pub good: Count,
    /// Events that missed it.
    pub bad: Count,
    /// How much of the time telemetry accounts for.
    #[serde(with = "nanos_as_integer")]
    pub covered: Nanos,
}

impl Counts {
    /// All events.
    pub fn total(&self) -> Count {
        self.good + self.bad
    }

    /// Bad of all; none where there was no event.
    pub fn error_ratio(&self) -> Option<Ratio> {
        Ratio::of(self.bad, self.total())
    }

    /// Adds what happened elsewhere.
    pub(crate) fn add(&mut self, other: &Self) {
        self.good += other.good;
        self.bad += other.bad;
        self.covered = Nanos::new(self.covered.get().saturating_add(other.covered.get()));
    }

    /// What is left without a part of it; zero where what arrived late makes it negative.
    pub(crate) fn less(&self, part: &Self) -> Self {
        let covered = self.covered.saturating_sub(part.covered);
        Self { good: self.good - part.good, bad: self.bad - part.bad, covered }
    }
}

mod nanos_as_integer {
    //! Measured time as whole nanoseconds: a sum of seconds in floating point would drift.

    use mapwarden_contract::Nanos;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Nanos, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(time.get())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Nanos, D::Error> {
        u64::deserialize(deserializer).map(Nanos::new)
    }
}

/// A width at which slots are kept. A closed set, finest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// 1 s for 10 minutes: the onset of a fault.
    Second,
    /// 10 s for 70 minutes.
    TenSeconds,
    /// 1 minute for 6.5 hours.
    Minute,
    /// 15 minutes for 3 days and 2 hours.
    Quarter,
    /// 2 hours for 31 days.
    TwoHours,
    /// 8 hours for 93 days, where a period is longer than 31 days.
    EightHours,
}

impl Level {
    /// Every level, finest first.
    pub const ALL: [Self; 6] =
        [Self::Second, Self::TenSeconds, Self::Minute, Self::Quarter, Self::TwoHours, Self::EightHours];

    /// The level's number in the store.
    pub const fn number(self) -> u8 {
        match self {
            Self::Second => 0,
            Self::TenSeconds => 1,
            Self::Minute => 2,
            Self::Quarter => 3,
            Self::TwoHours => 4,
            Self::EightHours => 5,
        }
    }

    /// The width of a slot. It is the resolution of every window read from the level: a window's far edge is the start of a
    /// slot.
    pub const fn width(self) -> Nanos {
        Nanos::from_secs(match self {
            Self::Second => 1,
            Self::TenSeconds => 10,
            Self::Minute => 60,
            Self::Quarter => 900,
            Self::TwoHours => 7_200,
            Self::EightHours => 28_800,
        })
    }

    /// How many slots are kept.
    pub(super) const fn slots(self) -> u64 {
        match self {
            Self::Second => 600,
            Self::TenSeconds => 420,
            Self::Minute => 390,
            Self::Quarter => 296,
            Self::TwoHours => 372,
            Self::EightHours => 279,
        }
    }

    /// How far back the level reaches.
    pub const fn reach(self) -> Nanos {
        Nanos::new(self.width().get().saturating_mul(self.slots()))
    }

    pub(super) const fn slot(self, time: UnixNanos) -> u64 {
        time.get() / self.width().get()
    }

    /// How many slots a window has.
    pub(super) const fn slots_of(self, window: Window) -> u64 {
        window.length().get() / self.width().get()
    }

    pub(super) fn start(self, slot: u64) -> UnixNanos {
        UnixNanos::new(slot.saturating_mul(self.width().get()))
    }
}

/// One slot and what happened in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its number since 1970, at the width of its level.
    pub number: u64,
    /// What happened.
    pub counts: Counts,
}
