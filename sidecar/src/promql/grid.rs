//! The grid of steps: every step ends at a multiple of its length since 1970, so that all sidecars query the same steps. Comes
//! in: how far an objective is, and the time. Goes out: the steps that are due. Never reads a clock.

use mapwarden_contract::{Nanos, UnixNanos};

/// When steps may be queried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    /// How long a step is.
    pub(super) every: Nanos,
    /// How old a step must be, so that the server has all of it.
    pub(super) staleness: Nanos,
    /// How far back missed steps are made up for.
    pub(super) reach: Nanos,
}

/// Consecutive steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// The start of the first.
    pub(super) start: UnixNanos,
    /// How long each is.
    pub(super) every: Nanos,
    /// How many, at least one.
    pub(super) steps: usize,
}

impl Span {
    /// Returns the end of the last step.
    pub(super) fn end(&self) -> UnixNanos {
        self.end_of(self.steps.saturating_sub(1))
    }

    /// Returns the end of a step, counted from 0.
    pub(super) fn end_of(&self, step: usize) -> UnixNanos {
        let steps = u64::try_from(step).unwrap_or(u64::MAX).saturating_add(1);
        self.start + Nanos::new(self.every.get().saturating_mul(steps))
    }

    /// Returns the step that holds a moment: later than its start, at its end at the latest; none outside of the span.
    pub(super) fn step_of(&self, moment: UnixNanos) -> Option<usize> {
        let into = moment.get().checked_sub(self.start.get())?.checked_sub(1)?;
        usize::try_from(into / self.every.get()).ok().filter(|step| *step < self.steps)
    }
}

impl Grid {
    /// Returns the end of the newest step that is old enough.
    pub(super) fn horizon(&self, now: UnixNanos) -> UnixNanos {
        self.floor(now.before(self.staleness))
    }

    /// Returns the steps after `from` that are old enough, at most `most`, and how many before them are out of reach.
    pub(super) fn due(&self, from: Option<UnixNanos>, now: UnixNanos, most: usize) -> (Option<Span>, u64) {
        let oldest = self.floor(now.before(self.reach));
        let next = from.map_or(oldest, |from| self.ceil(from));
        let start = next.max(oldest);
        let every = self.every.get();
        let missed = start.since(next).get() / every;
        let ready = self.horizon(now).since(start).get() / every;
        let steps = usize::try_from(ready).unwrap_or(usize::MAX).min(most);
        (Some(Span { start, every: self.every, steps }).filter(|span| span.steps > 0), missed)
    }

    /// Returns how long it takes until the next step is old enough.
    pub(super) fn until_next(&self, now: UnixNanos) -> Nanos {
        (self.horizon(now) + self.every + self.staleness).since(now)
    }

    fn floor(&self, moment: UnixNanos) -> UnixNanos {
        UnixNanos::new(moment.get() - moment.get() % self.every.get())
    }

    fn ceil(&self, moment: UnixNanos) -> UnixNanos {
        let floor = self.floor(moment);
        if floor == moment { floor } else { floor + self.every }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_800_000_000;

    fn at(seconds: u64) -> UnixNanos {
        UnixNanos::new((START + seconds) * 1_000_000_000)
    }

    fn grid() -> Grid {
        Grid { every: Nanos::from_secs(60), staleness: Nanos::from_secs(30), reach: Nanos::from_secs(600) }
    }

    /// The start in seconds and the number of steps.
    fn due(from: Option<u64>, now: u64) -> (Option<(u64, usize)>, u64) {
        let (span, missed) = grid().due(from.map(at), at(now), 5);
        (span.map(|span| (span.start.get() / 1_000_000_000 - START, span.steps)), missed)
    }

    #[test]
    fn a_step_is_due_once_it_is_old_enough_and_only_once() {
        let cases = [
            ("not old enough", Some(60), 149, (None, 0)),
            ("old enough", Some(60), 150, (Some((60, 1)), 0)),
            ("taken but for its last nanosecond", Some(119), 200, (None, 0)),
            ("three were missed", Some(60), 275, (Some((60, 3)), 0)),
            ("more than are queried at once", Some(60), 600, (Some((60, 5)), 0)),
            ("two are out of reach", Some(60), 800, (Some((180, 5)), 2)),
            ("a clock that went back", Some(900), 100, (None, 0)),
            ("never measured", None, 1_000, (Some((360, 5)), 0)),
        ];
        for (name, from, now, expected) in cases {
            assert_eq!(due(from, now), expected, "{name}");
        }
        assert_eq!(grid().until_next(at(149)), Nanos::from_secs(1));
        assert_eq!(grid().until_next(at(150)), Nanos::from_secs(60));
    }

    #[test]
    fn a_moment_belongs_to_the_step_that_it_ends() {
        let span = Span { start: at(0), every: Nanos::from_secs(60), steps: 2 };
        let step = |nanos: u64| span.step_of(UnixNanos::new(at(0).get() + nanos));
        assert_eq!((step(0), step(1), step(60_000_000_000)), (None, Some(0), Some(0)));
        assert_eq!((step(60_000_000_001), step(120_000_000_001)), (Some(1), None));
        assert_eq!(span.end(), at(120));
    }
}
