//! Comes in: the values that a server answers for one step. Goes out: good and bad events, or the reason why the step stays
//! unmeasured. Never queries, and never rounds an event away.

use mapwarden_contract::Verdict;
use mapwarden_objective::Comparison;

/// How many events one evaluation of a share counts as: the number of events behind a share is unknown. Raised, shares keep
/// more digits; lowered, short windows see whole evaluations only.
const EVALUATION: f64 = 1_000.0;

/// By how much a part may exceed its whole and still be it: what floating point makes of equal sums.
const SLACK: f64 = 1e-9;

/// The result of a step. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StepResult {
    /// It is measured.
    Measured,
    /// The server has no data for it: it is unmeasured.
    Empty,
    /// A number of events is not a number, infinite or negative.
    NotACount,
    /// There are more good or bad events than events.
    PartAboveTotal,
    /// A share is not in [0, 1].
    NotAShare,
    /// It is older than the reach: it was never queried.
    OutOfReach,
}

impl StepResult {
    /// Every result.
    pub(super) const ALL: [Self; 6] = [
        Self::Measured,
        Self::Empty,
        Self::NotACount,
        Self::PartAboveTotal,
        Self::NotAShare,
        Self::OutOfReach,
    ];

    /// The label's value.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Empty => "empty",
            Self::NotACount => "not_a_count",
            Self::PartAboveTotal => "part_above_total",
            Self::NotAShare => "not_a_share",
            Self::OutOfReach => "out_of_reach",
        }
    }
}

/// Events, not yet whole.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Amounts {
    pub(super) good: f64,
    pub(super) bad: f64,
}

impl Amounts {
    /// Returns a part and the remainder as good and bad events.
    const fn divided(part: f64, rest: f64, is: Verdict) -> Self {
        match is {
            Verdict::Good => Self { good: part, bad: rest },
            Verdict::Bad => Self { good: rest, bad: part },
        }
    }
}

/// Judges the events of a step. A missing part is no event if there is a total: error series begin with the first error.
/// Without a total, nothing is measured.
pub(super) fn events(total: Option<f64>, part: Option<f64>, is: Verdict) -> Result<Amounts, StepResult> {
    let total = total.ok_or(StepResult::Empty)?;
    let part = part.unwrap_or(0.0);
    if ![total, part].iter().all(|amount| amount.is_finite() && *amount >= 0.0) {
        return Err(StepResult::NotACount);
    }
    if part > total + total.max(1.0) * SLACK {
        return Err(StepResult::PartAboveTotal);
    }
    Ok(Amounts::divided(part.min(total), (total - part).max(0.0), is))
}

/// Judges a share. NaN is zero divided by zero: measured, and no event.
pub(super) fn share(share: Option<f64>, is: Verdict) -> Result<Amounts, StepResult> {
    let share = share.ok_or(StepResult::Empty)?;
    if share.is_nan() {
        return Ok(Amounts::default());
    }
    if !(-SLACK..=1.0 + SLACK).contains(&share) {
        return Err(StepResult::NotAShare);
    }
    let part = share.clamp(0.0, 1.0) * EVALUATION;
    Ok(Amounts::divided(part, EVALUATION - part, is))
}

/// Judges a value, which is one event. NaN, as the quantile of no events is, is measured and no event.
pub(super) fn value(value: Option<f64>, good: Comparison, threshold: f64) -> Result<Amounts, StepResult> {
    let value = value.ok_or(StepResult::Empty)?;
    if value.is_nan() {
        return Ok(Amounts::default());
    }
    let is_good = match good {
        Comparison::Lte => value <= threshold,
        Comparison::Gte => value >= threshold,
        Comparison::Lt => value < threshold,
        Comparison::Gt => value > threshold,
    };
    let good = f64::from(u8::from(is_good));
    Ok(Amounts { good, bad: 1.0 - good })
}

/// Rounds events and keeps the remainder for the next step, so that the sum of many steps is never off by more than half an
/// event.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Carry(Amounts);

impl Carry {
    /// Returns whole good and bad events.
    pub(super) fn whole(&mut self, amounts: Amounts) -> (u64, u64) {
        (carried(&mut self.0.good, amounts.good), carried(&mut self.0.bad, amounts.bad))
    }
}

#[expect(clippy::as_conversions, reason = "a cast from float saturates; the value is whole and not negative")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as above")]
fn carried(left: &mut f64, amount: f64) -> u64 {
    let sum = *left + amount;
    let whole = sum.round().max(0.0);
    *left = sum - whole;
    whole as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Got = Result<(f64, f64), StepResult>;

    fn pair(amounts: Result<Amounts, StepResult>) -> Got {
        amounts.map(|amounts| (amounts.good, amounts.bad))
    }

    #[test]
    fn no_data_is_not_zero_and_zero_is_a_measurement() {
        let cases: [(&str, Option<f64>, Option<f64>, Got); 10] = [
            ("some failed", Some(10.0), Some(2.0), Ok((8.0, 2.0))),
            ("quiet", Some(0.0), Some(0.0), Ok((0.0, 0.0))),
            ("no error series yet", Some(10.0), None, Ok((10.0, 0.0))),
            ("no data", None, None, Err(StepResult::Empty)),
            ("errors of nothing", None, Some(2.0), Err(StepResult::Empty)),
            ("more than all", Some(2.0), Some(3.0), Err(StepResult::PartAboveTotal)),
            ("as many, but for the last digit", Some(0.3), Some(0.1 + 0.2), Ok((0.0, 0.3))),
            ("not a number", Some(f64::NAN), Some(0.0), Err(StepResult::NotACount)),
            ("infinite", Some(f64::INFINITY), Some(0.0), Err(StepResult::NotACount)),
            ("negative", Some(5.0), Some(-1.0), Err(StepResult::NotACount)),
        ];
        for (name, total, part, expected) in cases {
            assert_eq!(pair(events(total, part, Verdict::Bad)), expected, "{name}");
        }
        assert_eq!(pair(events(Some(10.0), Some(9.0), Verdict::Good)), Ok((9.0, 1.0)));
    }

    #[test]
    fn shares_and_values_are_evaluations() {
        let shares = [
            (Some(0.25), Ok((750.0, 250.0))),
            (Some(f64::NAN), Ok((0.0, 0.0))),
            (Some(f64::INFINITY), Err(StepResult::NotAShare)),
            (Some(1.5), Err(StepResult::NotAShare)),
            (Some(-0.1), Err(StepResult::NotAShare)),
            (None, Err(StepResult::Empty)),
        ];
        for (input, expected) in shares {
            assert_eq!(pair(share(input, Verdict::Bad)), expected, "{input:?}");
        }
        let values = [
            (Some(0.3), Comparison::Lte, Ok((1.0, 0.0))),
            (Some(0.3), Comparison::Lt, Ok((0.0, 1.0))),
            (Some(f64::INFINITY), Comparison::Lte, Ok((0.0, 1.0))),
            (Some(0.4), Comparison::Gt, Ok((1.0, 0.0))),
            (Some(0.2), Comparison::Gte, Ok((0.0, 1.0))),
            (Some(f64::NAN), Comparison::Lte, Ok((0.0, 0.0))),
            (None, Comparison::Lte, Err(StepResult::Empty)),
        ];
        for (input, comparison, expected) in values {
            assert_eq!(pair(value(input, comparison, 0.3)), expected, "{input:?} {comparison:?}");
        }
    }

    proptest! {
        #[test]
        fn no_event_is_rounded_away(steps in prop::collection::vec((0.0_f64..20.0, 0.0_f64..0.2), 1..200)) {
            let mut carry = Carry::default();
            let (mut good, mut bad) = (0, 0);
            for (of_good, of_bad) in &steps {
                let whole = carry.whole(Amounts { good: *of_good, bad: *of_bad });
                good += whole.0;
                bad += whole.1;
            }
            let sum = |each: fn(&(f64, f64)) -> f64| steps.iter().map(each).sum::<f64>();
            let off = |whole: u64, sum: f64| (f64::from(u32::try_from(whole).unwrap()) - sum).abs();
            prop_assert!(off(good, sum(|step| step.0)) < 0.5 + 1e-6);
            prop_assert!(off(bad, sum(|step| step.1)) < 0.5 + 1e-6);
        }
    }
}
