//! Whose the bad events of a fault are: by version, region, map and operation. Comes in: what the ledger tells apart. Goes
//! out: parts and a rest that sum to the whole. Never a part that was not counted.

use jiff::Timestamp;
use mapwarden_contract::Count;
use serde::{Deserialize, Serialize};

use super::Fault;
use crate::aggregate::timestamp;
use crate::ledger::{Attribution, Part, Rest, Share, of_fault};
use crate::notice::Known;

/// Who spent the budget since the onset of a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpentBy {
    /// From when bad events are counted: the onset, or the start of the two hours that hold one of more than six hours ago.
    pub since: Timestamp,
    /// The last moment of which they are counted: the fault went on until then.
    pub until: Timestamp,
    /// The bad events that each division below adds up to.
    pub bad: Count,
    /// The same bad events, divided in each way by which any of them is told apart.
    pub by: Vec<SpentShare>,
}

/// Bad events, divided in one way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpentShare {
    /// `version`, `region`, `map` or `operation`.
    pub dimension: String,
    /// The parts, the largest first; none of them is zero.
    pub parts: Vec<Part>,
    /// What is not told apart; none where everything is.
    pub rest: Option<Rest>,
}

impl SpentBy {
    /// What a notice says that was written before this was told.
    pub(in crate::notice) fn untold() -> Known<Self> {
        Known::missing("not told when the notice was written")
    }
}

/// Whose the bad events are.
pub(in crate::notice) fn spent_by(fault: &Fault<'_>) -> Known<SpentBy> {
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

fn share(Share { dimension, parts, rest }: Share) -> SpentShare {
    SpentShare { dimension: dimension.name().to_owned(), parts, rest }
}
