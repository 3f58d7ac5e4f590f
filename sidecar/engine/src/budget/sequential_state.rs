//! The sequential test of an objective: which error ratio it guards, and which cost a notice needs. Comes in: the objective's
//! tiers and period, and the previous state. Goes out: a [`SequentialState`]. Never opens a notice.

use mapwarden_contract::{Ratio, UnixNanos};

use super::hypothesis::NullHypothesis;
use super::period_state::PeriodState;
use super::sequential::{Evidence, SequentialTest};
use super::tier::Tier;
use crate::aggregate::Window;
use crate::aggregate::objective::ObjectiveState;

/// The share of the period's budget that a fault must have spent before the sequential test alone opens a notice: what a
/// period of 30 days allows in 22 minutes, 1.3 s of a total outage for 99.9 %. It is a fortieth of what the quick tier asks.
/// Lowered, a short fault that heals by itself pages; raised, a fault is notified later. Each notice that the test opens has
/// spent at least this share, so an objective that meets its target has at most 2,000 of them in a period, with any traffic.
const SHARE: f64 = 0.001;

/// The largest error ratio that the sequential test can guard. Raised, it would have to distinguish a total outage from
/// nearly one.
const GUARDED: f64 = 0.5;

/// The sequential test of one objective at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct SequentialState {
    /// The tier that it stands in for: the loudest with a factor that leaves room. The test looks for a burn above that
    /// factor.
    pub tier: Tier,
    /// The evidence for a higher error ratio.
    pub evidence: Evidence,
    /// The share of the period's budget that was spent since the evidence began to grow.
    pub spent: f64,
    /// The share that must have been spent before a notice opens.
    pub share: f64,
    /// The test itself, with its memory.
    test: SequentialTest,
}

impl SequentialState {
    /// Whether the error ratio is certainly above its limit, at a cost that needs a notice: `factor` times the usual one.
    pub fn is_firing(&self, factor: f64) -> bool {
        self.evidence.is_conclusive() && self.spent >= self.share * factor
    }
}

/// Returns the state of the sequential test; none where the target leaves it no tier to guard, and where time slices are
/// counted: there are too few of them for it to be sooner than the tiers.
pub(super) fn sequential_state(
    objective: &ObjectiveState,
    tiers: &[Tier],
    period: &PeriodState,
    previous: Option<&SequentialState>,
    now: UnixNanos,
) -> Option<SequentialState> {
    let allowed = objective.definition.target.complement();
    let limit =
        |tier: Tier| Ratio::new(tier.factor() * allowed.get()).ok().filter(|limit| limit.get() <= GUARDED);
    let (tier, limit) = tiers.iter().find_map(|tier| Some((*tier, limit(*tier)?)))?;
    let budget = budget(objective, period, allowed, now);
    let memory = tier.long().length();
    // The share of the period's budget that the tier asks for.
    let fault = budget.map_or(f64::INFINITY, |budget| {
        budget * tier.factor() * memory.as_secs_f64() / period.length.as_secs_f64()
    });
    let hypothesis = NullHypothesis { limit, interval: objective.interval(), memory, fault };
    let mut test = previous.map_or(SequentialTest::new(), |state| state.test);
    let evidence = test.look(objective.slots(), &hypothesis, now);
    let spent = budget.map_or(0.0, |budget| evidence.bad.as_f64() / budget);
    Some(SequentialState { tier, evidence, spent, share: SHARE, test })
}

/// How many bad events a whole period allows, if events continue at the rate of the measured part of it.
fn budget(objective: &ObjectiveState, period: &PeriodState, allowed: Ratio, now: UnixNanos) -> Option<f64> {
    // A calendar period that has just begun is too short to know the rate of events.
    let (events, over) = match period.next {
        Some(_) => {
            let over = period.length.min(Window::D30.length());
            (objective.window(Window::new(over), now).total(), over)
        }
        None => (period.total(), period.length),
    };
    let known = now.since(objective.since).as_secs_f64().clamp(1.0, over.as_secs_f64());
    let events = events.as_f64() * period.length.as_secs_f64() / known;
    (events > 0.0).then_some(events * allowed.get())
}
