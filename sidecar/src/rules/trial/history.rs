//! Comes in: what happened, minute by minute. Goes out: the values that scraped counters had, every half minute, in the
//! notation of promtool. Never knows an objective.

use std::fmt::Write as _;

/// What happened in one minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Minute {
    /// So many good and bad events.
    Events(u32, u32),
    /// The target could not be scraped.
    Silent,
}

/// Minutes, from the first on, and what happened to the counters themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) minutes: Vec<Minute>,
    /// The minute, from 1, with which counters began again at 0.
    pub(super) reset: Option<usize>,
    /// Whether the series of the part (the good or the bad events) is not there before its first event.
    pub(super) is_part_born_late: bool,
}

impl History {
    /// Appends the same minute several times.
    pub(super) fn then(mut self, count: usize, minute: Minute) -> Self {
        self.minutes.extend(std::iter::repeat_n(minute, count));
        self
    }

    /// The minute, from 1; none before the first and after the last.
    pub(super) fn minute(&self, number: usize) -> Option<Minute> {
        number.checked_sub(1).and_then(|index| self.minutes.get(index)).copied()
    }

    /// The values of a counter, half a minute apart from 0 on. Minute `n` is counted at `n - 1` minutes and at `n - 1/2`,
    /// so that all of it is seen by the slice that is recorded at `n` minutes and none by the one before.
    pub(super) fn counter(&self, counts: impl Fn(u32, u32) -> u32, is_born_late: bool) -> String {
        let mut values = Vec::new();
        let (mut count, mut is_born) = (0, !is_born_late);
        for (number, minute) in (1..).zip(&self.minutes) {
            if self.reset == Some(number) {
                count = 0;
            }
            let events = match *minute {
                Minute::Events(good, bad) => counts(good, bad),
                Minute::Silent => 0,
            };
            is_born |= events > 0;
            for added in [events / 2, events - events / 2] {
                count += added;
                values.push(Some(count).filter(|_| is_born && *minute != Minute::Silent));
            }
        }
        notation(&values)
    }

    /// Whether the target answered: `up`.
    pub(super) fn up(&self) -> String {
        let answers = self.minutes.iter().flat_map(|minute| [u32::from(*minute != Minute::Silent); 2]);
        notation(&answers.map(Some).collect::<Vec<_>>())
    }

    /// The values of a recorded slice, a minute apart from 0 on.
    pub(super) fn slices(&self, counts: impl Fn(u32, u32) -> u32) -> String {
        let of = |minute: &Minute| match *minute {
            Minute::Events(good, bad) => Some(counts(good, bad)),
            Minute::Silent => None,
        };
        notation(&std::iter::once(None).chain(self.minutes.iter().map(of)).collect::<Vec<_>>())
    }
}

/// Values as promtool reads them. What is not there any more is stale, what is not there yet is not written.
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

/// How many values go on as the first two do.
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
        assert_eq!(history.counter(|good, bad| good + bad, false), "0+0x1 3+3x3 stale _x3 12+0x1");
        assert_eq!(history.counter(|_, bad| bad, true), "_x2 1+1x3 stale _x3 4+0x1");
        assert_eq!(history.up(), "1+0x5 0+0x3 1+0x1");
        assert_eq!(history.slices(|good, bad| good + bad), "_x1 0 6+0x1 stale _x1 0");
        assert_eq!(history.slices(|_, bad| bad), "_x1 0 2+0x1 stale _x1 0");
    }
}
