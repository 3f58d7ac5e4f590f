//! Which versions, regions, maps and operations spent the budget of an objective. Comes in: the ledger's attribution.
//! Goes out: the same by name. Parts and rest sum to the whole.

use jiff::Timestamp;
use mapwarden_contract::Count;
use mapwarden_engine::aggregate::timestamp;
use mapwarden_engine::ledger::{AttributedPart, Attribution, Division, Unattributed};
use serde::Serialize;

/// What spent a budget since a point in time.
#[derive(Clone, Debug, Serialize)]
pub struct AttributionView {
    /// `period` or `onset`.
    pub over: &'static str,
    /// The start of a slot.
    pub since: Timestamp,
    /// All bad events since then.
    pub bad: Count,
    /// Share of the period's raw budget that they spent.
    pub spent: Option<f64>,
    /// The bad events by each dimension.
    pub by: Vec<ShareView>,
}

/// The bad events by one dimension: parts and rest sum to all of them.
#[derive(Clone, Debug, Serialize)]
pub struct ShareView {
    /// `version`, `region`, `map` or `operation`.
    pub dimension: &'static str,
    /// The parts, the largest first.
    pub parts: Vec<AttributedPart>,
    /// What has no part of its own, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest: Option<Unattributed>,
}

pub(super) fn attribution(attribution: &Attribution, over: &'static str) -> AttributionView {
    let Attribution { since, bad, spent, by } = attribution;
    let by = by.iter().map(|Division { dimension, parts, rest }| ShareView {
        dimension: dimension.name(),
        parts: parts.clone(),
        rest: rest.clone(),
    });
    AttributionView { over, since: timestamp(*since), bad: *bad, spent: *spent, by: by.collect() }
}
