//! Rows of the slots, in the order of time: the slots of one second of all objectives are neighbours, so that a commit writes
//! few pages, and those that are too old are at the beginning of each level. Comes in: slots that changed. Goes out: all of
//! them, one by one. Never merges two slots.

use std::collections::BTreeSet;

use mapwarden_contract::{Count, Nanos};
use redb::{ReadTransaction, ReadableTable as _, TableDefinition, WriteTransaction};

use super::error::{StoreError, database};
use mapwarden_engine::aggregate::ObjectiveSlot;
use mapwarden_engine::aggregate::slot::{Counts, Level, Slot};

const SLOTS: TableDefinition<'_, (u8, u64, &str), (u64, u64, u64)> = TableDefinition::new("slices_by_time");

/// The table of formats 1 and 2, in the order of objectives.
const BEFORE: TableDefinition<'_, (&str, u8, u64), (u64, u64, u64)> = TableDefinition::new("slices");

/// Creates the table, and moves the rows of the older table there.
pub(super) fn prepare(write: &WriteTransaction) -> Result<(), StoreError> {
    let mut table = write.open_table(SLOTS).map_err(database)?;
    let before = write.open_table(BEFORE).map_err(database)?;
    for row in before.iter().map_err(database)? {
        let (key, counts) = row.map_err(database)?;
        let (id, level, slot) = key.value();
        table.insert((level, slot, id), counts.value()).map_err(database)?;
    }
    drop(before);
    write.delete_table(BEFORE).map_err(database)?;
    Ok(())
}

/// Passes every slot to `each`, the oldest of each level first: all at once would take many times the memory of the engine.
pub(super) fn read(
    read: &ReadTransaction,
    each: &mut dyn FnMut(&str, Level, Slot),
) -> Result<(), StoreError> {
    for row in read.open_table(SLOTS).map_err(database)?.iter().map_err(database)? {
        let (key, value) = row.map_err(database)?;
        let ((level, number, id), (good, bad, covered)) = (key.value(), value.value());
        let counts = Counts { good: Count::new(good), bad: Count::new(bad), covered: Nanos::new(covered) };
        if let Some(level) = Level::ALL.into_iter().find(|known| known.number() == level) {
            each(id, level, Slot { number, counts });
        }
    }
    Ok(())
}

/// Writes slots, in the order of time, and removes those that no window reaches any more.
pub(super) fn write(write: &WriteTransaction, slots: &[ObjectiveSlot]) -> Result<(), StoreError> {
    let mut table = write.open_table(SLOTS).map_err(database)?;
    for (id, level, Slot { number, counts: Counts { good, bad, covered } }) in slots {
        let counts = (good.get(), bad.get(), covered.get());
        table.insert((level.number(), *number, &**id), counts).map_err(database)?;
    }
    for level in Level::ALL {
        let of_level = slots.iter().filter(|(_, known, _)| *known == level);
        let Some(newest) = of_level.map(|(_, _, slot)| slot.number).max() else { continue };
        let oldest = newest.saturating_sub(level.reach().get() / level.width().get());
        let gone = (level.number(), 0, "")..(level.number(), oldest, "");
        table.retain_in(gone, |_, _| false).map_err(database)?;
    }
    Ok(())
}

/// Removes the slots of objectives that no longer exist.
pub(super) fn remove(write: &WriteTransaction, objectives: &BTreeSet<String>) -> Result<(), StoreError> {
    if objectives.is_empty() {
        return Ok(());
    }
    let mut table = write.open_table(SLOTS).map_err(database)?;
    table.retain(|(_, _, id), _| !objectives.contains(id)).map_err(database)
}
