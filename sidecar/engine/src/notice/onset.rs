//! When a fault began: the moment that best divides the events into a better time before and a worse time since. Comes in:
//! an objective's slots. Goes out: a moment and its uncertainty. Never looks at events of the previous fault.

use mapwarden_contract::{Nanos, UnixNanos};

use crate::aggregate::slot::{Counts, Level};
use crate::aggregate::slots::Slots;

/// Half the drop of twice the log-likelihood that a 95 % interval of one parameter allows (chi-squared with one
/// degree of freedom: 3.84 / 2).
const DROP: f64 = 1.92;

/// By how much two ratios must explain the events better than one before there is an onset at all.
const GAIN: f64 = 3.0;

/// When a fault began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Onset {
    /// The likeliest moment.
    pub(super) at: UnixNanos,
    /// Half the width of the 95 % interval, a slot and the sender's interval included.
    pub(super) uncertainty: Nanos,
}

/// Returns the onset of a fault that continues, in the events since `floor`: the maximum-likelihood change point of two
/// binomial ratios, the later one worse, in minutes over six hours first and then finer around what was found. Where no moment divides the events, the fault is as old as the events. None without events.
///
/// An event lies up to `interval`, the time between a sender's points, before the slot that it is counted in: the
/// onset is moved back by half of what an interval is longer than a slot, and is that much less certain.
pub(super) fn onset(slots: &Slots, interval: Nanos, floor: UnixNanos, now: UnixNanos) -> Option<Onset> {
    let mut from = floor.max(now.before(Level::Minute.reach()));
    let (mut divided, mut oldest) = (None, None);
    for level in [Level::Minute, Level::TenSeconds, Level::Second] {
        if now.since(from) > level.reach() {
            break;
        }
        let events: Vec<(UnixNanos, Counts)> =
            slots.at_level(level, from).filter(|(_, counts)| counts.total().get() > 0).collect();
        let width = level.width();
        if let Some((first, best, last)) = change_point(&events) {
            let half = Nanos::new(last.since(first).get() / 2);
            divided = Some(onset_in(best, half, width, interval));
            from = from.max(first.before(Nanos::new(width.get().saturating_mul(8))));
        } else if let (None, Some((first, _))) = (divided, events.first()) {
            oldest = Some(onset_in(*first, Nanos::ZERO, width, interval));
            from = from.max(first.before(width));
        }
    }
    divided.or(oldest)
}

/// Returns an onset in a slot, with everything that makes it uncertain.
fn onset_in(slot: UnixNanos, half: Nanos, width: Nanos, interval: Nanos) -> Onset {
    let longer = interval.saturating_sub(width).get() / 2;
    let uncertainty = half.get() + width.get() + longer.max(1_000_000_000);
    Onset { at: slot.before(Nanos::new(longer)), uncertainty: Nanos::new(uncertainty) }
}

/// The ends of the 95 % interval and the best of the slots at which the later, worse ratio begins; none where
/// two ratios explain the events no better than one.
fn change_point(events: &[(UnixNanos, Counts)]) -> Option<(UnixNanos, UnixNanos, UnixNanos)> {
    let sum = |counts: &mut (f64, f64), slot: &Counts| {
        counts.0 += slot.bad.as_f64();
        counts.1 += slot.total().as_f64();
    };
    let mut all = (0.0, 0.0);
    events.iter().for_each(|(_, counts)| sum(&mut all, counts));
    let mut before = (0.0, 0.0);
    let mut likelihoods = Vec::with_capacity(events.len());
    for (start, counts) in events {
        let since = (all.0 - before.0, all.1 - before.1);
        if before.1 > 0.0 && since.0 * before.1 > before.0 * since.1 {
            likelihoods.push((*start, likelihood(before) + likelihood(since)));
        }
        sum(&mut before, counts);
    }
    let (at, value) = likelihoods.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))?;
    if value <= likelihood(all) + GAIN {
        return None;
    }
    let mut close = likelihoods.iter().filter(|entry| entry.1 > value - DROP).map(|entry| entry.0);
    let first = close.next().unwrap_or(at);
    Some((first, at, close.next_back().unwrap_or(at)))
}

/// The log-likelihood of (bad, all) events at their own ratio.
fn likelihood((bad, all): (f64, f64)) -> f64 {
    let term = |part: f64| if part > 0.0 { part * (part / all).ln() } else { 0.0 };
    term(bad) + term(all - bad)
}

#[cfg(test)]
mod tests {
    use mapwarden_contract::Count;

    use super::*;

    const NOW: u64 = 1_800_000_000;
    const SECOND: Nanos = Nanos::from_secs(1);

    /// Events each second for `length` seconds: `rate` a second, of which `bad` in a thousand since `age`.
    fn slots(length: u64, rate: u64, age: u64, bad: u64) -> Slots {
        let mut slots = Slots::for_budget();
        for second in (0..length).rev() {
            let failed =
                if second < age { rate * bad / 1000 } else { u64::from(second % 40 == 0 && rate > 1) };
            slots.add(
                UnixNanos::new((NOW - second) * 1_000_000_000),
                Count::new(rate - failed),
                Count::new(failed),
            );
        }
        slots
    }

    #[test]
    fn the_onset_is_found_at_every_width() {
        let cases = [
            ("seconds ago", 3_000, 200, 5, 300, 1),
            ("a minute ago", 3_000, 200, 60, 50, 2),
            ("a young service", 40, 100, 10, 200, 1),
            ("half an hour ago", 4_000, 50, 1_800, 100, 10),
            ("three hours ago", 18_000, 20, 10_800, 100, 60),
            ("one request a second", 3_000, 1, 30, 1000, 2),
        ];
        for (name, length, rate, age, bad, tolerance) in cases {
            let onset = onset(
                &slots(length, rate, age, bad),
                SECOND,
                UnixNanos::EPOCH,
                UnixNanos::new(NOW * 1_000_000_000),
            )
            .unwrap();
            let truth = (NOW - age + 1) * 1_000_000_000;
            let error = onset.at.get().abs_diff(truth);
            assert!(error <= tolerance * 1_000_000_000, "{name}: off by {} s", error / 1_000_000_000);
            assert!(error <= onset.uncertainty.get(), "{name}: {onset:?}");
        }
    }

    #[test]
    fn a_sender_of_one_point_a_minute_leaves_a_minute_of_doubt() {
        // Everything of a minute is counted at its end; the fault begins 5 s into a minute, 25 minutes ago.
        let (mut slots, truth) = (Slots::for_budget(), NOW - 1_500 + 5);
        for end in (NOW - 6_000..=NOW).step_by(60) {
            let bad = 60_u64.min(end.saturating_sub(truth));
            slots.add(UnixNanos::new(end * 1_000_000_000), Count::new(6_000 - bad), Count::new(bad));
        }
        let now = UnixNanos::new(NOW * 1_000_000_000);
        let onset = onset(&slots, Nanos::from_secs(60), UnixNanos::EPOCH, now).unwrap();
        let error = onset.at.get().abs_diff(truth * 1_000_000_000);
        assert!(error <= onset.uncertainty.get(), "off by {error} ns: {onset:?}");
        assert!(onset.uncertainty <= Nanos::from_secs(120), "{onset:?}");
    }

    #[test]
    fn a_fault_as_old_as_the_service_began_with_it() {
        let slots = slots(60, 100, 60, 200);
        let onset = onset(&slots, SECOND, UnixNanos::EPOCH, UnixNanos::new(NOW * 1_000_000_000)).unwrap();
        assert_eq!(onset.at.get(), (NOW - 59) * 1_000_000_000);
        assert_eq!(super::onset(&Slots::for_budget(), SECOND, UnixNanos::EPOCH, onset.at), None);
    }
}
