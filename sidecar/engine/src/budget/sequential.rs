//! The sequential test: whether the error ratio is certainly above its limit, within seconds. Comes in: the events of each
//! second. Goes out: [`Evidence`], which stays valid however often it is read. Never decides whether a fault needs a page.
//!
//! The hypothesis is that failures come in runs, of a mean length of at most `L`, which [`FailureRuns`] learns, and make up a
//! share of at most `a`. A bet multiplies its stake by `m L / (m L - m + 1)` for each bad event and divides it by
//! `1 + (m - 1) b` for each good one, for any `m` above 1 and `b = a / ((1 - a) L)`, the probability with which a run begins
//! after a good event. Counted once after a good event and `(m - (m - 1) / L) / (1 + (m - 1) b)` times, which is at least
//! once, within a run, the stake is expected never to grow: no bet against the hypothesis wins in the long run. Where
//! failures are independent, `L` is `1 / (1 - a)`. Each of [`ODDS`] is one such bet.
//! A bet that has lost begins again with its stake of 1 (CUSUM), and the evidence is the mean of the bets. By Ville's
//! inequality for e-detectors (J. Shin, A. Ramdas, A. Rinaldo, "E-detectors: a nonparametric framework for sequential
//! change detection", 2022), while the hypothesis holds, the mean number of looks until the evidence reaches a level is
//! at least that level, less the share of bets that begin within a run: those begin with more than 1. There is one look a
//! second: further ones in the same second see the same events.

use mapwarden_contract::{Count, Ratio, UnixNanos};

use super::failure_runs::FailureRuns;
use super::hypothesis::{NullHypothesis, second_of};
use crate::aggregate::slot::Level;
use crate::aggregate::slots::Slots;
use mapwarden_objective::MIN_BAD;
use mapwarden_objective::score;

/// The number of measured seconds in which at most one false alarm is expected: a year. Raised ten times, alarms come a
/// ninth later (2.3 of 19 nats); lowered to a day, a third sooner, and each objective that burns just below the limit has a
/// false alarm once a day.
const FALSE_ALARM: f64 = 31_557_600.0;

/// The factor by which each bet multiplies the odds of a bad event that the hypothesis allows. More bets find each increase
/// nearer to its best time and cost ln(number) nats of everyone's; the smallest factor is the smallest increase that is
/// found.
const ODDS: [f64; 5] = [2.0, 4.0, 8.0, 32.0, 256.0];

/// The least number of seconds in which evidence for an alarm is gathered. Bad events come in bursts, and a burst is one piece of
/// evidence, not a thousand: no second (and no interval of a sender, where that is longer) gives more than its part of
/// what an alarm needs. Lowered to 1, one bad second is an alarm; raised, an outage is notified that much later.
const SECONDS: f64 = 4.0;

/// For how many seconds late events still count in the second to which they belong. Raised, each look costs more.
const LATE: u64 = 10;

/// The number of seconds in which the baseline forgets half. Raised, a ratio that was always bad is known better; lowered, a
/// ratio that becomes usual counts as usual sooner.
const HALF_LIFE: f64 = 600.0;

/// The largest ratio that the hypothesis takes for usual: above it, a total outage could not be distinguished.
const MOST: f64 = 0.9;

/// The memory of the test for one objective. Its size does not depend on the traffic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SequentialTest {
    /// The first second that late events may still change.
    next: u64,
    bets: [Bet; ODDS.len()],
    baseline: Baseline,
    runs: FailureRuns,
}

/// One bet, since its last stake.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Bet {
    /// The logarithm of its value, in nats.
    log: f64,
    /// The second of its last stake.
    since: u64,
    bad: u64,
    total: u64,
}

/// The usual events before the evidence began to grow.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Baseline {
    bad: f64,
    total: f64,
    /// The second up to which the weights are computed.
    at: u64,
    /// Events since the evidence began to grow: they are usual once it has been lost again, or is too old.
    held: (f64, f64),
}

/// The evidence for an error ratio above the limit, at one moment.
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
    /// The error ratio up to which there is no fault.
    pub limit: Ratio,
    /// The failure run length: how many failures in a row, on average, are usual.
    pub run: f64,
}

impl Evidence {
    /// Whether the error ratio is certainly above the limit.
    pub fn is_conclusive(&self) -> bool {
        self.log >= FALSE_ALARM.ln() && self.bad >= MIN_BAD
    }

    /// Returns the e-value: how many times the amount that a bet wins on average under the hypothesis.
    pub fn e_value(&self) -> f64 {
        self.log.exp()
    }
}

impl SequentialTest {
    /// Returns a test that has seen nothing.
    pub(super) const fn new() -> Self {
        let bet = Bet { log: 0.0, since: 0, bad: 0, total: 0 };
        let baseline = Baseline { bad: 0.0, total: 0.0, at: 0, held: (0.0, 0.0) };
        Self { next: 0, bets: [bet; ODDS.len()], baseline, runs: FailureRuns::new() }
    }

    /// Takes the seconds up to `now` into account and returns the evidence. The last ten are taken again at the next look,
    /// because late events belong to them; what comes later than that is left to the tiers. Seconds without events change
    /// nothing. Costs at most eleven steps once it is up to date.
    pub(super) fn look(&mut self, slots: &Slots, hypothesis: &NullHypothesis, now: UnixNanos) -> Evidence {
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

    /// Learns from coarser slots the failure runs of the time before the known seconds.
    fn remember(&mut self, slots: &Slots, hypothesis: &NullHypothesis) {
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
                self.runs.take(second_of(start), events, hypothesis.limit.get(), hypothesis);
            }
        }
    }

    /// Lets every bet play one second.
    fn take(&mut self, second: u64, (bad, total): (Count, Count), hypothesis: &NullHypothesis) {
        if total == Count::ZERO {
            return;
        }
        let memory = hypothesis.memory_seconds();
        if self.bets.iter().any(|bet| bet.log > 0.0 && second.saturating_sub(bet.since) >= memory) {
            self.bets = Self::new().bets;
            self.baseline.settle(second);
        }
        // The bets are placed by what is known before their second.
        let limit = self.limit(hypothesis);
        let run = self.runs.run(limit);
        self.runs.take(second, (bad, total), limit, hypothesis);
        self.baseline.held = (self.baseline.held.0 + bad.as_f64(), self.baseline.held.1 + total.as_f64());
        if bad > Count::ZERO || self.bets.iter().any(|bet| bet.log > 0.0) {
            let most = FALSE_ALARM.ln() / SECONDS * hypothesis.interval.as_secs_f64().max(1.0);
            self.play(second, (bad, total), |odds| terms(odds, run, limit), most);
        }
        // While the evidence grows, nothing becomes usual: a fault does not become usual because it continues.
        if self.bets.iter().all(|bet| bet.log <= 0.0) {
            self.baseline.settle(second);
        }
    }

    /// Lets every bet win and lose by its terms, but win at most `most`.
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
            // More than twice the needed evidence has no use, and would have to be lost before the bet begins again.
            bet.log = (bet.log + won.min(most)).min(2.0 * FALSE_ALARM.ln());
            bet.bad = bet.bad.saturating_add(bad.get());
            bet.total = bet.total.saturating_add(total.get());
        }
    }

    /// The error ratio up to which there is no fault: the hypothesis's limit or the usual ratio, whichever is larger.
    fn limit(&self, hypothesis: &NullHypothesis) -> f64 {
        self.baseline
            .upper()
            .map_or(hypothesis.limit.get(), |usual| usual.max(hypothesis.limit.get()))
            .min(MOST)
    }

    fn evidence(&self, hypothesis: &NullHypothesis, current: u64) -> Evidence {
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
            run: self.runs.run(limit),
        }
    }
}

impl Baseline {
    /// Counts the events that were held back as usual.
    fn settle(&mut self, second: u64) {
        let gone = Count::new(second.saturating_sub(self.at)).as_f64();
        let kept = (-gone / HALF_LIFE).exp2();
        self.bad = self.bad * kept + self.held.0;
        self.total = self.total * kept + self.held.1;
        self.held = (0.0, 0.0);
        self.at = second;
    }

    /// The upper 95 % bound of the usual error ratio; none where there are too few bad events to know it.
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

const fn start_of(second: u64) -> UnixNanos {
    UnixNanos::new(second.saturating_mul(Level::Second.width().get()))
}

#[cfg(test)]
#[path = "sequential_tests.rs"]
mod tests;
