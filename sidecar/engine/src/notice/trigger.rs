//! What opened a notice, with its evidence. Comes in: what the budget stage says. Goes out: [`Trigger`]s. Never decides.

use mapwarden_contract::Nanos;

use super::{Notice, RiseEvidence, Trigger, TriggerKind};
use crate::aggregate::timestamp;
use crate::budget::{Rise, Tier};

/// A tier that fired.
pub(super) fn fired(tier: Tier) -> Trigger {
    let (factor, long, short) = (tier.factor(), tier.long(), tier.short());
    Trigger {
        kind: TriggerKind::Tier,
        why: format!("the burn rate is above {factor} over {long} and over {short}"),
        tier: Some(tier.name().into_owned()),
        rise: None,
    }
}

/// A rise that the sequential test saw, where no tier of the same severity fires.
pub(super) fn risen(rise: &Rise) -> Trigger {
    let evidence = &rise.evidence;
    let told = RiseEvidence {
        e_value: evidence.e_value(),
        limit: evidence.limit,
        since: timestamp(evidence.since),
        bad: evidence.bad,
        total: evidence.total,
        run: evidence.run,
    };
    let RiseEvidence { e_value, limit, since: _, bad, total, run } = told;
    let limit = limit.get() * 100.0;
    Trigger {
        kind: TriggerKind::Sequential,
        why: format!(
            "{bad} of {total} events were bad, surely more than {limit:.4} % in runs of {run:.1} (e-value {e_value:.1e})"
        ),
        tier: None,
        rise: Some(told),
    }
}

/// Telemetry that ended.
pub(super) fn ended(patience: Nanos) -> Trigger {
    Trigger {
        kind: TriggerKind::NoData,
        why: format!("no telemetry for {:.0} s", patience.as_secs_f64()),
        tier: None,
        rise: None,
    }
}

/// Whether a notice is of telemetry that ended, and not of a fault.
pub(super) fn is_of_silence(notice: &Notice) -> bool {
    notice.trigger.as_ref().is_some_and(|trigger| trigger.kind == TriggerKind::NoData)
}

/// Whether the sequential test told of it, and no tier of the same severity ever agreed.
pub(super) const fn is_alone(trigger: &Trigger) -> bool {
    match trigger.kind {
        TriggerKind::Sequential => trigger.tier.is_none(),
        TriggerKind::Tier | TriggerKind::NoData => false,
    }
}
