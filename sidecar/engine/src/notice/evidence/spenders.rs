//! The bad events of a fault by version, region, map and operation. Comes in: the ledger's attribution. Goes out: parts and
//! a rest that sum to the whole. Never a part that was not counted.

use jiff::Timestamp;
use mapwarden_contract::Count;
use serde::{Deserialize, Serialize};

use super::fault::ObservedFault;
use crate::aggregate::timestamp;
use crate::ledger::{AttributedPart, Attribution, Division, Unattributed, of_fault};
use crate::notice::known::Known;

/// What spent the budget since the onset of a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpentBy {
    /// From when bad events are counted: the onset, or the start of its two-hour slot if that is more than six hours ago.
    pub since: Timestamp,
    /// The last moment that is counted: the fault lasted until then.
    pub until: Timestamp,
    /// The bad events that each division below adds up to.
    pub bad: Count,
    /// The same bad events, divided in each way for which any part is known.
    pub by: Vec<SpentShare>,
}

/// Bad events, divided in one way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpentShare {
    /// `version`, `region`, `map` or `operation`.
    pub dimension: String,
    /// The parts, the largest first; none of them is zero.
    pub parts: Vec<AttributedPart>,
    /// Bad events of no known part; none where every part is known.
    pub rest: Option<Unattributed>,
}

impl SpentBy {
    /// The value in a notice that an older version stored without it.
    pub(in crate::notice) fn not_recorded() -> Known<Self> {
        Known::missing("not recorded in this notice")
    }
}

/// Returns the bad events of a fault by what is known of them.
pub(in crate::notice) fn spent_by(fault: &ObservedFault<'_>) -> Known<SpentBy> {
    let raw = fault.objective.period(fault.view.now).1;
    let interval = (fault.onset.at, fault.end());
    let Attribution { since, bad, spent: _, by } = of_fault(fault.view, fault.objective, interval, raw);
    if bad == Count::ZERO {
        return Known::missing("no bad event since the onset");
    }
    let why = by.iter().find_map(|share| share.rest.as_ref()).map_or("", |rest| rest.why.as_str()).to_owned();
    let by: Vec<SpentShare> = by.into_iter().filter(|share| !share.parts.is_empty()).map(share).collect();
    if by.is_empty() {
        return Known::missing(why);
    }
    Known::Value(SpentBy { since: timestamp(since), until: timestamp(fault.until), bad, by })
}

fn share(Division { dimension, parts, rest }: Division) -> SpentShare {
    SpentShare { dimension: dimension.name().to_owned(), parts, rest }
}
