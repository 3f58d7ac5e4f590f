//! Reads the snapshot of a map.

use std::collections::BTreeMap;

use mapwarden::snapshot::{MapSnapshot, Snapshot};
use mapwarden::{Op, Outcome};

/// Returns the snapshot of the map of this name.
pub(crate) fn snapshot(name: &str) -> MapSnapshot {
    Snapshot::take().maps.into_iter().find(|map| &*map.name == name).expect("the map was made")
}

/// Returns the counts of the map that are not 0.
pub(crate) fn counts(name: &str) -> BTreeMap<(Op, Outcome), u64> {
    let operations = snapshot(name).operations;
    operations
        .into_iter()
        .map(|(op, outcome, count)| ((op, outcome), count.get()))
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// Returns expected counts as a map.
pub(crate) fn table<const N: usize>(counts: [(Op, Outcome, u64); N]) -> BTreeMap<(Op, Outcome), u64> {
    counts.into_iter().map(|(op, outcome, count)| ((op, outcome), count)).collect()
}
