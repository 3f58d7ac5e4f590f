//! Comes in: the events of each minute. Goes out: the values of scraped counters, three per minute, in the notation of
//! promtool. Never reads an objective.

use std::fmt::Write as _;

/// The events of one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Minute {
    /// Good and bad events.
    Events(u32, u32),
    /// Good and bad events in the first third of the minute, after which the process ends.
    Ending(u32, u32),
    /// Good and bad events after the first scrape of a new process.
    Beginning(u32, u32),
    /// The target could not be scraped.
    Silent,
}

impl Minute {
    /// Returns good and bad events; none where nothing was measured.
    pub(super) const fn events(self) -> Option<(u32, u32)> {
        match self {
            Self::Events(good, bad) | Self::Ending(good, bad) | Self::Beginning(good, bad) => {
                Some((good, bad))
            }
            Self::Silent => None,
        }
    }

    /// Returns how many of its three scrapes were answered.
    const fn answers(self) -> usize {
        match self {
            Self::Events(..) | Self::Beginning(..) => 3,
            Self::Ending(..) => 1,
            Self::Silent => 0,
        }
    }
}

/// Minutes, and the restarts of the counters.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) minutes: Vec<Minute>,
    /// The minutes, from 1, after the first third of which counters restart at 0.
    pub(super) resets: Vec<usize>,
    /// The minutes in which counters restart after the first and the second third. The events of the thirds are split
    /// as 4, 5 and 3, so that each restart is visible.
    pub(super) crashes: Vec<usize>,
    /// Whether the series of the good or bad events is absent before its first event.
    pub(super) is_part_born_late: bool,
}

impl History {
    /// Appends the same minute several times.
    pub(super) fn then(mut self, count: usize, minute: Minute) -> Self {
        self.minutes.extend(std::iter::repeat_n(minute, count));
        self
    }

    /// Returns a minute, from 1; none before the first and after the last.
    pub(super) fn minute(&self, number: usize) -> Option<Minute> {
        number.checked_sub(1).and_then(|index| self.minutes.get(index)).copied()
    }

    /// Returns the values of a counter, 20 seconds apart from 0 on. Minute `n` is counted 80, 60 and 40 seconds before
    /// `n` minutes, so that the slot recorded at `n` minutes has all of it, and the slot before has none. Events that
    /// cannot be divided by three happen in the first third, of which no range of a minute has the beginning.
    pub(super) fn counter(&self, counts: impl Fn(u32, u32) -> u32, is_born_late: bool) -> String {
        let mut values = Vec::new();
        let mut count = 0;
        let mut is_born = !is_born_late;
        for (number, minute) in (1..).zip(&self.minutes) {
            let events = minute.events().map_or(0, |(good, bad)| counts(good, bad));
            let is_crash = self.crashes.contains(&number);
            let thirds = match minute {
                Minute::Events(..) if is_crash => [events / 3, events / 12 * 5, events / 4],
                Minute::Events(..) if events % 3 == 0 => [events / 3; 3],
                Minute::Events(..) | Minute::Ending(..) | Minute::Silent => [events, 0, 0],
                Minute::Beginning(..) => [0, events, 0],
            };
            for (index, third) in (0..).zip(thirds) {
                if index == 1 && self.resets.contains(&number) || index > 0 && is_crash {
                    count = 0;
                }
                count += third;
                is_born |= count > 0;
                values.push(Some(count).filter(|_| is_born && index < minute.answers()));
            }
        }
        // The first value would be before 0.
        notation(values.get(1..).unwrap_or_default())
    }

    /// Returns the values of `up`.
    pub(super) fn up(&self) -> String {
        let answers =
            self.minutes.iter().flat_map(|minute| [0, 1, 2].map(|index| u32::from(index < minute.answers())));
        notation(&answers.map(Some).skip(1).collect::<Vec<_>>())
    }

    /// Returns the values of recorded slots, a minute apart from 0 on.
    pub(super) fn slots(&self, counts: impl Fn(u32, u32) -> u32) -> String {
        let of = |minute: &Minute| minute.events().map(|(good, bad)| counts(good, bad));
        notation(&std::iter::once(None).chain(self.minutes.iter().map(of)).collect::<Vec<_>>())
    }
}

/// Returns values in the notation of promtool. Missing values are stale after a value, and are not written before the
/// first value.
fn notation(values: &[Option<u32>]) -> String {
    let mut text = String::new();
    let mut rest = values;
    let mut was_there = false;
    while let Some((first, _)) = rest.split_first() {
        let length = match first {
            None => rest.iter().take_while(|value| value.is_none()).count(),
            Some(_) => run(rest),
        };
        let (these, after) = rest.split_at(length);
        rest = after;
        // Writing to a String never fails.
        let _ = match (first, these.get(1).copied().flatten()) {
            (None, _) if was_there && length == 1 => write!(text, "stale "),
            (None, _) if was_there => write!(text, "stale _x{} ", length - 1),
            (None, _) => write!(text, "_x{length} "),
            (Some(value), None) => write!(text, "{value} "),
            (Some(value), Some(second)) => {
                let step = i64::from(second) - i64::from(*value);
                write!(text, "{value}+{step}x{} ", length - 1)
            }
        };
        was_there = first.is_some();
    }
    text.trim_end().to_owned()
}

/// Returns the number of values with the step of the first two.
fn run(values: &[Option<u32>]) -> usize {
    let step = |pair: &[Option<u32>]| match pair {
        [Some(one), Some(two)] => two.checked_sub(*one),
        _ => None,
    };
    let mut steps = values.windows(2).map(step);
    match steps.next().flatten() {
        None => 1,
        Some(first) => 2 + steps.take_while(|step| *step == Some(first)).count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_written_as_promtool_reads_them() {
        let history = History::default()
            .then(1, Minute::Events(0, 0))
            .then(2, Minute::Events(4, 2))
            .then(2, Minute::Silent)
            .then(1, Minute::Events(0, 0));
        assert_eq!(history.counter(|good, bad| good + bad, false), "0+0x1 2+2x5 stale _x5 12+0x2");
        assert_eq!(history.counter(|_, bad| bad, true), "_x2 2+0x2 4+0x2 stale _x5 4+0x2");
        assert_eq!(history.up(), "1+0x7 0+0x5 1+0x2");
        assert_eq!(history.slots(|good, bad| good + bad), "_x1 0+6x1 6 stale _x1 0");
        assert_eq!(history.slots(|_, bad| bad), "_x1 0+2x1 2 stale _x1 0");
    }

    #[test]
    fn restarts_and_ends_are_in_their_minute() {
        let history = History { resets: vec![2], crashes: vec![3], ..History::default() }
            .then(3, Minute::Events(12, 0))
            .then(1, Minute::Ending(5, 0))
            .then(1, Minute::Silent)
            .then(1, Minute::Beginning(6, 0));
        assert_eq!(history.counter(|good, _| good, false), "8+4x2 4+4x2 5 3+5x1 stale _x4 8+6x1 14");
        assert_eq!(history.up(), "1+0x8 0+0x4 1+0x2");
    }
}
