//! How long a budget lasts. Comes in: what is left, and how fast it was spent in the last hour and the last day. Goes
//! out: a range for each. Never returns a single estimate: the width of the range follows from how much the burn varies
//! within a window.

use mapwarden_contract::{BudgetFraction, BurnRate, Count, Nanos, Ratio, UnixNanos};

use crate::aggregate::objective::ObjectiveState;
use crate::aggregate::slot::Counts;
use crate::budget::{PeriodState, Window, time_left};
use mapwarden_objective::wilson;

/// The confidence of a range, two-sided.
pub const CONFIDENCE: f64 = 0.95;

/// Student's t, 97.5th percentile, for 1 to 23 degrees of freedom.
const STUDENT: [f64; 23] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069,
];

/// How long a budget lasts if events continue as before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forecast {
    /// The share of the budget that was left when the forecast was made.
    pub left: Option<BudgetFraction>,
    /// At the burn of the last hour, and of the last day.
    pub scenarios: Vec<Scenario>,
}

/// How long a budget lasts at the burn of one window.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The window.
    pub window: Window,
    /// How many of its parts held events: the spread of the burn is measured between them.
    pub parts: usize,
    /// How fast the budget was spent; none where nothing was measured.
    pub burn: Option<Burn>,
    /// When the rest is spent.
    pub outlook: Outlook,
    /// The events of the parts.
    pub counts: Vec<Counts>,
}

/// A burn rate and its confidence range, by [`CONFIDENCE`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Burn {
    /// The lower end.
    pub low: BurnRate,
    /// The measured rate.
    pub measured: BurnRate,
    /// The upper end.
    pub high: BurnRate,
}

/// When a budget is spent. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It is already spent.
    Spent,
    /// Nothing was measured, so the end is unknown.
    Unmeasured,
    /// It lasts for a whole period or longer.
    Lasts,
    /// It is spent between two times.
    Within {
        /// At the earliest.
        earliest: Nanos,
        /// At the latest; none where it may also last for a whole period.
        latest: Option<Nanos>,
    },
}

/// Returns how long `left` of an objective's budget lasts.
pub(super) fn forecast(
    objective: &ObjectiveState,
    left: Option<BudgetFraction>,
    period: &PeriodState,
    now: UnixNanos,
) -> Forecast {
    // A calendar period ends, and the next one has a budget of its own; in a rolling one the budget must last in full.
    let until = period.next.map_or(period.length, |next| next.since(now));
    let windows = [(Window::H1, 12), (Window::D1, 24)];
    let scenarios = windows.map(|(window, parts)| {
        let counts = split(objective, window, parts, now);
        let burn = burn(&counts, objective.definition.target);
        Scenario {
            window,
            parts: counts.iter().filter(|part| part.total() > Count::ZERO).count(),
            burn,
            outlook: outlook(left, burn, (period.length, until)),
            counts,
        }
    });
    Forecast { left, scenarios: scenarios.into() }
}

/// Returns the counts of the `parts` parts of a window, from the slots that the window is read from.
fn split(objective: &ObjectiveState, window: Window, parts: usize, now: UnixNanos) -> Vec<Counts> {
    let level = objective.slots().level_of(window);
    let width = level.width().get();
    let slots = window.length().get() / width;
    let first = (now.get() / width + 1).saturating_sub(slots);
    let per_part = (slots / u64::try_from(parts).unwrap_or(1)).max(1);
    let mut counts = vec![Counts::default(); parts];
    for (start, slot) in objective.slots().at_level(level, UnixNanos::new(first * width)) {
        let part = (start.get() / width - first) / per_part;
        if let Some(part) = usize::try_from(part).ok().and_then(|part| counts.get_mut(part)) {
            part.good += slot.good;
            part.bad += slot.bad;
        }
    }
    counts
}

/// Returns the burn rate of all parts, and the wider of two ranges: Wilson's, which holds for few events, and that of
/// a ratio of sums over parts that differ (W. G. Cochran, "Sampling Techniques", 1977, 2.11 and 6.3), which holds where
/// bad events come together.
fn burn(parts: &[Counts], target: Ratio) -> Option<Burn> {
    let (good, bad) =
        parts.iter().fold((Count::ZERO, Count::ZERO), |sum, part| (sum.0 + part.good, sum.1 + part.bad));
    let ratio = Ratio::of(bad, good + bad)?.get();
    let (lower, upper) = wilson(bad, good + bad)?;
    let held: Vec<_> = parts.iter().filter(|part| part.total() > Count::ZERO).collect();
    let residues: f64 =
        held.iter().map(|part| (part.bad.as_f64() - ratio * part.total().as_f64()).powi(2)).sum();
    let (m, all) = (count(held.len()), (good + bad).as_f64());
    let half = student(held.len()) * (m / (m - 1.0).max(1.0) * residues).sqrt() / all;
    let allowed = target.complement().get();
    let rate = |ratio: f64| BurnRate::new(ratio.clamp(0.0, 1.0) / allowed).ok();
    Some(Burn {
        low: rate(lower.get().min(ratio - half))?,
        measured: rate(ratio)?,
        high: rate(upper.get().max(ratio + half))?,
    })
}

/// Returns Student's t for the spread between this many parts; 0 where there is none.
pub fn student(parts: usize) -> f64 {
    parts.checked_sub(2).and_then(|at| STUDENT.get(at)).copied().unwrap_or(0.0)
}

fn count(number: usize) -> f64 {
    Count::new(u64::try_from(number).unwrap_or(u64::MAX)).as_f64()
}

fn outlook(left: Option<BudgetFraction>, burn: Option<Burn>, (period, until): (Nanos, Nanos)) -> Outlook {
    let (Some(left), Some(Burn { low, measured: _, high })) = (left, burn) else {
        return Outlook::Unmeasured;
    };
    if left.get() <= 0.0 {
        return Outlook::Spent;
    }
    let within = |rate: BurnRate| {
        let time = (rate.get() > 0.0).then(|| time_left(left.get(), rate.get(), period));
        time.filter(|time| *time < until)
    };
    within(high).map_or(Outlook::Lasts, |earliest| Outlook::Within { earliest, latest: within(low) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(good: u64, bad: u64) -> Counts {
        Counts { good: Count::new(good), bad: Count::new(bad), covered: Nanos::ZERO }
    }

    fn range(parts: &[Counts]) -> (f64, f64, f64) {
        let burn = burn(parts, Ratio::new(0.9).unwrap()).unwrap();
        (burn.low.get(), burn.measured.get(), burn.high.get())
    }

    #[test]
    fn the_range_follows_the_spread_of_the_parts() {
        // By hand: r = 0.1; residues (10 - 10)^2 = 0 everywhere, so that Wilson's range of 40 in 400 is the wider one.
        let (low, measured, high) = range(&[part(90, 10); 4]);
        assert!((measured - 1.0).abs() < 1e-9);
        assert!((low - 0.742_7).abs() < 1e-3 && (high - 1.333_6).abs() < 1e-3, "{low} {high}");
        // By hand: r = 0.1; residues 4 x 10^2; sqrt(4/3 x 400) / 400 x 3.182 = 0.1837.
        let (low, _, high) = range(&[part(100, 0), part(80, 20), part(100, 0), part(80, 20)]);
        assert!(low.abs() < 1e-9 && (high - 2.837).abs() < 1e-3, "{low} {high}");
    }

    #[test]
    fn parts_without_events_do_not_affect_the_spread() {
        let (with, without) =
            (range(&[part(90, 10), part(0, 0), part(70, 30)]), range(&[part(90, 10), part(70, 30)]));
        assert_eq!(with, without);
        assert_eq!(burn(&[part(0, 0); 3], Ratio::new(0.9).unwrap()), None);
    }

    #[test]
    fn a_budget_is_spent_lasts_or_ends_within_a_range() {
        let left = |share| BudgetFraction::new(share).ok();
        let burn = |low, measured, high| {
            let rate = |rate| BurnRate::new(rate).unwrap();
            Some(Burn { low: rate(low), measured: rate(measured), high: rate(high) })
        };
        let days = |days: u64| Nanos::from_secs(days * 86_400);
        let cases = [
            (left(0.5), burn(5.0, 7.5, 15.0), Outlook::Within { earliest: days(1), latest: Some(days(3)) }),
            (left(0.5), burn(0.1, 7.5, 15.0), Outlook::Within { earliest: days(1), latest: None }),
            (left(0.5), burn(0.0, 0.0, 0.4), Outlook::Lasts),
            (left(0.0), burn(5.0, 7.5, 15.0), Outlook::Spent),
            (None, burn(5.0, 7.5, 15.0), Outlook::Unmeasured),
            (left(0.5), None, Outlook::Unmeasured),
        ];
        for (left, burn, expected) in cases {
            let month = Window::D30.length();
            assert_eq!(outlook(left, burn, (month, month)), expected);
        }
    }
}
