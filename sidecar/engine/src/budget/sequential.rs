//! The sequential test: whether the error ratio has surely risen, seconds after it has. Comes in: the events of each
//! second. Goes out: [`Evidence`], which may be looked at as often as one likes. Never decides whether a rise is worth
//! waking anybody.
//!
//! The hypothesis is that failures come in runs, of a mean length of at most `L`, which [`Habit`] learns, and make up a
//! share of at most `a`. A bet multiplies its stake by `m L / (m L - m + 1)` for each bad event and divides it by
//! `1 + (m - 1) b` for each good one, for any `m` above 1 and `b = a / ((1 - a) L)`, the probability with which a run begins
//! after a good event. Counted once after a good event and `(m - (m - 1) / L) / (1 + (m - 1) b)` times, which is at least
//! once, within a run, the stake is expected never to grow: no bet against the hypothesis wins in the long run. Where each
//! event fails by itself, `L` is `1 / (1 - a)`. Each of [`ODDS`] is one such bet.
//! A bet that has lost begins anew with its stake of 1 (CUSUM), and the evidence is the mean of the bets. By Ville's
//! inequality for e-detectors (J. Shin, A. Ramdas, A. Rinaldo, "E-detectors: a nonparametric framework for sequential
//! change detection", 2022), while the hypothesis holds, the mean number of looks until the evidence reaches a level is
//! at least that level, less the share of bets that begin within a run: those begin with more than 1. There is one look a
//! second: further ones in the same second see the same events.

use mapwarden_contract::{Count, Nanos, Ratio, UnixNanos};

use super::habit::Habit;
use crate::aggregate::slot::Level;
use crate::aggregate::slots::Slots;
use mapwarden_objective::MIN_BAD;
use mapwarden_objective::score;

/// In how many measured seconds one false alarm is due at most: a year. Raised ten times, alarms come a ninth later
/// (2.3 of 19 nats); lowered to a day, a third sooner, and each objective that burns just below the limit is told of
/// wrongly once a day.
const FALSE_ALARM: f64 = 31_557_600.0;

/// By what each bet multiplies the odds of a bad event that the hypothesis allows. More bets find each rise nearer to
/// its best time and cost ln(number) nats of everyone's; the least one is the smallest rise that is found.
const ODDS: [f64; 5] = [2.0, 4.0, 8.0, 32.0, 256.0];

/// In how many seconds the evidence is gathered at least. Bad events come in bursts, and a burst is one piece of
/// evidence, not a thousand: no second (and no interval of a sender, where that is longer) gives more than its part of
/// what an alarm needs. Lowered to 1, one bad second is an alarm; raised, an outage is told that much later.
const SECONDS: f64 = 4.0;

/// For how many seconds late events are still counted in the second to which they belong. Raised, each look costs more.
const LATE: u64 = 10;

/// In how many seconds the baseline forgets half. Raised, a level that was always bad is known better; lowered, a level
/// that becomes usual is taken as such sooner.
const HALF_LIFE: f64 = 600.0;

/// The largest ratio that the hypothesis takes for usual: beyond, a total outage would not be told apart.
const MOST: f64 = 0.9;

/// What the test knows of an objective: the same size whatever the traffic is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sequential {
    /// The first second that late events may still change.
    next: u64,
    bets: [Bet; ODDS.len()],
    baseline: Baseline,
    habit: Habit,
}

/// One bet, since its last stake.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Bet {
    /// The logarithm of what it is worth, in nats.
    log: f64,
    /// The second of its last stake.
    since: u64,
    bad: u64,
    total: u64,
}

/// What was usual before the evidence began to grow.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Baseline {
    bad: f64,
    total: f64,
    /// The second up to which it is weighed.
    at: u64,
    /// Events since the evidence grows: they are usual once it has been lost again, or is too old.
    held: (f64, f64),
}

/// What the test asks of an objective.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hypothesis {
    /// The error ratio up to which nothing is wrong.
    pub(super) limit: Ratio,
    /// How far apart the senders' points lie.
    pub(super) interval: Nanos,
    /// How long evidence is gathered at most: what takes longer is left to the tiers.
    pub(super) memory: Nanos,
    /// How many bad events within that time are a fault of which the tier tells.
    pub(super) fault: f64,
}

impl Hypothesis {
    /// How long evidence is gathered at most, in seconds.
    pub(super) const fn memory_seconds(&self) -> u64 {
        second_of(UnixNanos::new(self.memory.get()))
    }
}

/// What speaks for a rise of the error ratio, at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// The logarithm of the e-value, in nats.
    pub log: f64,
    /// The start of the second in which it began to grow.
    pub since: UnixNanos,
    /// Bad events since then.
    pub bad: Count,
    /// All events since then.
    pub total: Count,
    /// The error ratio up to which nothing would be wrong.
    pub limit: Ratio,
    /// How many failures in a row, on average, would be nothing new.
    pub run: f64,
}

impl Evidence {
    /// Whether the error ratio has surely risen.
    pub fn is_conclusive(&self) -> bool {
        self.log >= FALSE_ALARM.ln() && self.bad >= MIN_BAD
    }

    /// The e-value: how many times what the hypothesis would let a bet win on average.
    pub fn e_value(&self) -> f64 {
        self.log.exp()
    }
}

impl Sequential {
    /// A test that has seen nothing.
    pub(super) const fn new() -> Self {
        let bet = Bet { log: 0.0, since: 0, bad: 0, total: 0 };
        let baseline = Baseline { bad: 0.0, total: 0.0, at: 0, held: (0.0, 0.0) };
        Self { next: 0, bets: [bet; ODDS.len()], baseline, habit: Habit::new() }
    }

    /// Takes the seconds up to `now` into account and says what speaks for a rise. The last ten are taken anew at the
    /// next look, because late events belong to them; what comes later than that is left to the tiers. Seconds
    /// without events change nothing. Costs at most eleven steps once it is up to date.
    pub(super) fn look(&mut self, slots: &Slots, hypothesis: &Hypothesis, now: UnixNanos) -> Evidence {
        let current = second_of(now);
        let settled = current.saturating_sub(LATE);
        if self.next > current {
            *self = Self::new();
        }
        if self.next == 0 {
            self.remember(slots, hypothesis);
        }
        let mut ahead = *self;
        let mut is_behind = true;
        for (start, counts) in slots.at_level(Level::Second, start_of(self.next)) {
            let second = second_of(start);
            if second > current {
                break;
            }
            if is_behind && second >= settled {
                *self = ahead;
                is_behind = false;
            }
            ahead.take(second, (counts.bad, counts.total()), hypothesis);
        }
        if is_behind {
            *self = ahead;
        }
        self.next = self.next.max(settled);
        ahead.evidence(hypothesis, current)
    }

    /// Learns from coarser slices how failures came before the seconds that are known.
    fn remember(&mut self, slots: &Slots, hypothesis: &Hypothesis) {
        let begin = |level: Level| slots.at_level(level, UnixNanos::EPOCH).next().map(|(start, _)| start);
        let levels = [Level::Quarter, Level::Minute, Level::TenSeconds, Level::Second];
        for (level, finer) in levels.into_iter().zip(levels.into_iter().skip(1)) {
            // The first slot of the finer level may begin within one of the coarser, which is left out then.
            let until = begin(finer).unwrap_or(UnixNanos::EPOCH);
            for (start, counts) in slots.at_level(level, UnixNanos::EPOCH) {
                if start + level.width() > until {
                    break;
                }
                let events = (counts.bad, counts.total());
                self.habit.take(second_of(start), events, hypothesis.limit.get(), hypothesis);
            }
        }
    }

    /// Lets every bet play one second.
    fn take(&mut self, second: u64, (bad, total): (Count, Count), hypothesis: &Hypothesis) {
        if total == Count::ZERO {
            return;
        }
        let memory = hypothesis.memory_seconds();
        if self.bets.iter().any(|bet| bet.log > 0.0 && second.saturating_sub(bet.since) >= memory) {
            self.bets = Self::new().bets;
            self.baseline.settle(second);
        }
        // What the bets suppose is known before the second on which they are placed.
        let limit = self.limit(hypothesis);
        let run = self.habit.run(limit);
        self.habit.take(second, (bad, total), limit, hypothesis);
        self.baseline.held = (self.baseline.held.0 + bad.as_f64(), self.baseline.held.1 + total.as_f64());
        if bad > Count::ZERO || self.bets.iter().any(|bet| bet.log > 0.0) {
            let most = FALSE_ALARM.ln() / SECONDS * hypothesis.interval.as_secs_f64().max(1.0);
            self.play(second, (bad, total), |odds| terms(odds, run, limit), most);
        }
        // While the evidence grows, nothing becomes usual: a fault is not usual because it goes on.
        if self.bets.iter().all(|bet| bet.log <= 0.0) {
            self.baseline.settle(second);
        }
    }

    /// Lets every bet win and lose by its terms, and none win more than `most`.
    fn play(
        &mut self,
        second: u64,
        (bad, total): (Count, Count),
        terms: impl Fn(f64) -> (f64, f64),
        most: f64,
    ) {
        let (failed, kept) = (bad.as_f64(), (total - bad).as_f64());
        for (bet, odds) in self.bets.iter_mut().zip(ODDS) {
            if bet.log <= 0.0 {
                *bet = Bet { log: 0.0, since: second, bad: 0, total: 0 };
            }
            let (gain, cost) = terms(odds);
            let won = failed * gain - kept * cost;
            // More than twice what is needed says nothing more, and would have to be lost before the bet begins anew.
            bet.log = (bet.log + won.min(most)).min(2.0 * FALSE_ALARM.ln());
            bet.bad = bet.bad.saturating_add(bad.get());
            bet.total = bet.total.saturating_add(total.get());
        }
    }

    /// The error ratio up to which nothing is wrong: what the caller says, or what was usual, whichever is more.
    fn limit(&self, hypothesis: &Hypothesis) -> f64 {
        self.baseline
            .upper()
            .map_or(hypothesis.limit.get(), |usual| usual.max(hypothesis.limit.get()))
            .min(MOST)
    }

    fn evidence(&self, hypothesis: &Hypothesis, current: u64) -> Evidence {
        let memory = hypothesis.memory_seconds();
        let limit = self.limit(hypothesis);
        let is_live = |bet: &&Bet| bet.log > 0.0 && current.saturating_sub(bet.since) < memory;
        let live = || self.bets.iter().filter(is_live);
        let best = live().copied().max_by(|one, other| one.log.total_cmp(&other.log));
        let best = best.unwrap_or(Bet { since: current, ..Bet::default() });
        let bets = f64::from(u32::try_from(ODDS.len()).unwrap_or(u32::MAX));
        let mean = live().map(|bet| (bet.log - best.log).exp()).sum::<f64>() / bets;
        Evidence {
            log: if mean > 0.0 { best.log + mean.ln() } else { 0.0 },
            since: start_of(best.since),
            bad: Count::new(best.bad),
            total: Count::new(best.total),
            limit: Ratio::new(limit).unwrap_or(hypothesis.limit),
            run: self.habit.run(limit),
        }
    }
}

impl Baseline {
    /// Takes what was held back for usual.
    fn settle(&mut self, second: u64) {
        let gone = Count::new(second.saturating_sub(self.at)).as_f64();
        let kept = (-gone / HALF_LIFE).exp2();
        self.bad = self.bad * kept + self.held.0;
        self.total = self.total * kept + self.held.1;
        self.held = (0.0, 0.0);
        self.at = second;
    }

    /// The upper 95 % bound of the usual error ratio; none where too few bad events were seen to call any usual.
    fn upper(&self) -> Option<f64> {
        (self.bad >= MIN_BAD.as_f64()).then(|| score(self.bad, self.total).1)
    }
}

/// What a bet wins by each bad event, and loses by each good one, in nats: see the head of this file.
fn terms(odds: f64, run: f64, limit: f64) -> (f64, f64) {
    let gain = -(-(odds - 1.0) / (odds * run)).ln_1p();
    (gain, ((odds - 1.0) * begun(run, limit)).ln_1p())
}

/// The probability with which an event after a good one begins a run.
fn begun(run: f64, limit: f64) -> f64 {
    limit / ((1.0 - limit) * run)
}

const fn second_of(time: UnixNanos) -> u64 {
    time.get() / Level::Second.width().get()
}

const fn start_of(second: u64) -> UnixNanos {
    UnixNanos::new(second.saturating_mul(Level::Second.width().get()))
}

#[cfg(test)]
#[path = "sequential_tests.rs"]
mod tests;
