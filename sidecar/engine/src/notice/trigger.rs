//! What opened a notice. Comes in: tiers and the sequential test's state from the budget stage. Goes out: [`Trigger`]s.
//! Never decides whether a notice opens.

use jiff::Timestamp;
use mapwarden_contract::{Count, Nanos, Ratio};
use serde::{Deserialize, Serialize};

use crate::aggregate::timestamp;
use crate::budget::{SequentialState, Tier};

/// What opened a notice, or raised its severity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// Which test.
    pub kind: TriggerKind,
    /// What the test measured, in words.
    pub why: String,
    /// The first burn-rate tier of the notice's severity that fired; none where none has.
    pub tier: Option<String>,
    /// What the sequential test measured; only where it opened the notice.
    #[serde(default, rename = "rise", skip_serializing_if = "Option::is_none")]
    pub sequential: Option<SequentialEvidence>,
}

/// Which test opened a notice. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerKind {
    /// A burn-rate tier.
    Tier,
    /// The sequential test, which needs no window to fill.
    Sequential,
    /// Telemetry ended: neither good nor bad is known.
    NoData,
}

/// What the sequential test measured when it opened a notice.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SequentialEvidence {
    /// The e-value: with no fault, it gets this large at most once in so many seconds.
    pub e_value: f64,
    /// The error ratio up to which there is no fault.
    pub limit: Ratio,
    /// When the evidence began to grow.
    pub since: Timestamp,
    /// Bad events since then.
    pub bad: Count,
    /// All events since then.
    pub total: Count,
    /// The failure run length: how many failures in a row, on average, are usual. 1 in notices of older versions, which
    /// took failures to be independent.
    #[serde(default = "one")]
    pub run: f64,
}

const fn one() -> f64 {
    1.0
}

impl Trigger {
    /// Returns the trigger of a tier that fired.
    pub(super) fn tier(tier: Tier) -> Self {
        let (factor, long, short) = (tier.factor(), tier.long(), tier.short());
        Self {
            kind: TriggerKind::Tier,
            why: format!("the burn rate is above {factor} over {long} and over {short}"),
            tier: Some(tier.name().into_owned()),
            sequential: None,
        }
    }

    /// Returns the trigger of the sequential test, where no tier of the same severity fires.
    pub(super) fn sequential(state: &SequentialState) -> Self {
        let evidence = &state.evidence;
        let measured = SequentialEvidence {
            e_value: evidence.e_value(),
            limit: evidence.limit,
            since: timestamp(evidence.since),
            bad: evidence.bad,
            total: evidence.total,
            run: evidence.run,
        };
        let SequentialEvidence { e_value, limit, since: _, bad, total, run } = measured;
        let limit = limit.get() * 100.0;
        Self {
            kind: TriggerKind::Sequential,
            why: format!(
                "{bad} of {total} events were bad, more than the limit of {limit:.4} % with failure runs of {run:.1} on \
                 average (e-value {e_value:.1e})"
            ),
            tier: None,
            sequential: Some(measured),
        }
    }

    /// Returns the trigger of telemetry that stayed away for longer than `patience`.
    pub(super) fn no_data(patience: Nanos) -> Self {
        Self {
            kind: TriggerKind::NoData,
            why: format!("no telemetry for {:.0} s", patience.as_secs_f64()),
            tier: None,
            sequential: None,
        }
    }

    /// Whether the sequential test opened the notice and no tier of its severity ever joined.
    pub(super) const fn is_unconfirmed(&self) -> bool {
        match self.kind {
            TriggerKind::Sequential => self.tier.is_none(),
            TriggerKind::Tier | TriggerKind::NoData => false,
        }
    }
}
