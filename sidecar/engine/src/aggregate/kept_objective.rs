//! An objective as the store keeps it. Comes in: a row, of this or an older version. Goes out: its fields. Never holds slots,
//! which have rows of their own.

use serde::{Deserialize, Deserializer, Serialize};

use super::calendar::KeptPeriod;
use super::definition::Definition;
use super::places::Place;
use super::slot::Counts;
use super::timeslices::KeptTimeslice;

/// What the store keeps of an objective beside its slots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptObjective {
    /// What it is about, and its target.
    pub definition: Definition,
    /// When it was first measured.
    pub since: u64,
    /// All events since then.
    pub totals: Counts,
    /// Until when telemetry accounts for the time.
    pub covered_until: u64,
    /// Sums by periods of the calendar; older rows end before this field.
    #[serde(deserialize_with = "or_none")]
    pub calendar: Vec<KeptPeriod>,
    /// Time slices that are not judged yet; older rows end before this field.
    #[serde(deserialize_with = "or_none")]
    pub timeslices: Vec<KeptTimeslice>,
    /// Events that were forgotten because the clock was set back, at most one sum; older rows end before this field.
    #[serde(deserialize_with = "or_none")]
    pub forgotten: Vec<Counts>,
    /// The only place of all its events, if there is one; older rows end before this field.
    #[serde(deserialize_with = "or_none")]
    pub only_place: Vec<Place>,
}

/// Reads a field at the end of newer rows only; older rows have none.
fn or_none<'de, D: Deserializer<'de>, T: Deserialize<'de>>(row: D) -> Result<Vec<T>, D::Error> {
    Ok(Vec::deserialize(row).unwrap_or_default())
}
