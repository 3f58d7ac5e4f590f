//! What a point adds to its series. Comes in: a reading and the mark of the last one. Goes out: the increase and the next
//! mark, or a reason why there is none; for cumulative and delta points, resets, duplicates and late arrivals alike. Never
//! counts an event twice.

use mapwarden_contract::UnixNanos;
use serde::{Deserialize, Serialize};

use super::ignored::Ignored;
use crate::observation::Temporality;

/// The last point of a series: how far it was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its start, in nanoseconds since 1970.
    pub start: u64,
    /// Its time.
    pub time: u64,
    /// Its value; of a delta series always zero.
    pub value: u64,
    /// The part of the value that is good, where a latency threshold divides it; else zero.
    pub part: u64,
}

/// What one point adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Increase {
    /// How many events.
    pub events: u64,
    /// How many of them are good, where a latency threshold divides them; else zero.
    pub part: u64,
    /// From when the point accounts for them.
    pub from: UnixNanos,
    /// Whether the series began again.
    pub is_reset: bool,
}

/// A point's position and value.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Cumulative or delta.
    pub temporality: Temporality,
    /// When the series began to count, or zero.
    pub start: UnixNanos,
    /// The end of what the value covers.
    pub time: UnixNanos,
    /// The value, in whole events.
    pub value: u64,
    /// The part of it that is good, where a latency threshold divides it; else zero.
    pub part: u64,
}

/// Returns what a reading adds to a series with this last point, and the mark after it.
///
/// A cumulative series that is met for the first time counts in full if it started at `watching_since` or
/// later; the count of an older series cannot be placed in time, so it is only the base.
///
/// # Errors
/// The reading is a duplicate or comes late.
pub fn increase(
    mark: Option<Mark>,
    reading: Reading,
    watching_since: UnixNanos,
) -> Result<(Increase, Mark), Ignored> {
    let Reading { temporality, start, time, value, part } = reading;
    let (kept, kept_part) = match temporality {
        Temporality::Cumulative => (value, part),
        Temporality::Delta => (0, 0),
    };
    let next = Mark { start: start.get(), time: time.get(), value: kept, part: kept_part };
    let whole = |from, is_reset| Increase { events: value, part, from, is_reset };
    let Some(mark) = mark else {
        let is_ours = temporality == Temporality::Delta || start >= watching_since;
        let from = if is_ours && start > UnixNanos::EPOCH { start.min(time) } else { time };
        let base = Increase { events: 0, part: 0, from, is_reset: false };
        return Ok((if is_ours { whole(from, false) } else { base }, next));
    };
    if time.get() <= mark.time {
        return Err(Ignored::Duplicate);
    }
    let last = UnixNanos::new(mark.time);
    let increase = match temporality {
        Temporality::Delta => {
            whole(if start > UnixNanos::EPOCH { start.max(last).min(time) } else { last }, false)
        }
        Temporality::Cumulative if start.get() > mark.start || value < mark.value || part < mark.part => {
            whole(start.max(last).min(time), true)
        }
        Temporality::Cumulative => {
            let (events, part) = (value - mark.value, part - mark.part);
            Increase { events, part: part.min(events), from: last, is_reset: false }
        }
    };
    Ok((increase, next))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// (name, points as (start, time, value), (events, resets))
    type Case<'a> = (&'a str, &'a [(u64, u64, u64)], (u64, u64));

    fn reading(temporality: Temporality, start: u64, time: u64, value: u64) -> Reading {
        Reading { temporality, start: UnixNanos::new(start), time: UnixNanos::new(time), value, part: 0 }
    }

    /// What a list of (start, time, value) adds up to.
    fn total(temporality: Temporality, points: &[(u64, u64, u64)]) -> (u64, u64) {
        let (mut mark, mut events, mut resets) = (None, 0, 0);
        for (start, time, value) in points {
            let reading = reading(temporality, *start, *time, *value);
            if let Ok((increase, next)) = super::increase(mark, reading, UnixNanos::new(10)) {
                events += increase.events;
                resets += u64::from(increase.is_reset);
                mark = Some(next);
            }
        }
        (events, resets)
    }

    #[test]
    fn cumulative_series_add_up_through_every_trap() {
        let cases: [Case<'_>; 7] = [
            ("born non-zero", &[(10, 20, 7), (10, 30, 9)], (9, 0)),
            ("older than the sidecar", &[(5, 20, 1_000), (5, 30, 1_003)], (3, 0)),
            ("without a start", &[(0, 20, 50), (0, 30, 53)], (3, 0)),
            ("reset by start", &[(10, 20, 7), (25, 30, 8)], (15, 1)),
            ("reset by value", &[(10, 20, 7), (10, 30, 2)], (9, 1)),
            ("sent twice", &[(10, 20, 7), (10, 20, 7), (10, 30, 8)], (8, 0)),
            ("overtaken", &[(10, 20, 7), (10, 40, 9), (10, 30, 8)], (9, 0)),
        ];
        for (name, points, expected) in cases {
            assert_eq!(total(Temporality::Cumulative, points), expected, "{name}");
        }
    }

    #[test]
    fn delta_points_add_up_once() {
        let points = [(10, 20, 7), (20, 30, 2), (20, 30, 2), (30, 40, 0)];
        assert_eq!(total(Temporality::Delta, &points), (9, 0));
    }

    proptest! {
        #[test]
        fn cumulative_and_delta_agree(steps in prop::collection::vec(0_u64..100, 1..50)) {
            let (mut cumulative, mut delta, mut sum) = (Vec::new(), Vec::new(), 0);
            for (index, step) in (1_u64..).zip(&steps) {
                sum += step;
                cumulative.push((10, 10 + index, sum));
                delta.push((9 + index, 10 + index, *step));
            }
            prop_assert_eq!(total(Temporality::Cumulative, &cumulative), total(Temporality::Delta, &delta));
        }

        #[test]
        fn a_repeated_point_changes_nothing(
            steps in prop::collection::vec(0_u64..100, 1..30), again in prop::collection::vec(any::<prop::sample::Index>(), 0..30)
        ) {
            let mut sum = 0;
            let once: Vec<_> = (1_u64..).zip(&steps).map(|(index, step)| { sum += step; (10, 10 + index, sum) }).collect();
            let mut twice = once.clone();
            for index in again {
                let at = index.index(twice.len());
                twice.insert(at + 1, twice[at]);
            }
            prop_assert_eq!(total(Temporality::Cumulative, &once), total(Temporality::Cumulative, &twice));
        }
    }
}
