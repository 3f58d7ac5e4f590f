//! Rows of the audit log and of the boundaries of exclusions. Comes in: entries of the ledger that are not saved yet. Goes
//! out: all entries. Never changes or removes an entry that was written.

use std::collections::BTreeSet;

use mapwarden_contract::{Count, Nanos, UnixNanos};
use redb::{ReadTransaction, ReadableTable as _, TableDefinition, WriteTransaction};

use super::error::{StoreError, database};
use mapwarden_engine::aggregate::slot::Counts;
use mapwarden_engine::correction::AuditEntry;
use mapwarden_engine::ledger::{Boundary, REACH, UnsavedCorrections};

const CORRECTIONS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("corrections");
const CUTS: TableDefinition<'_, (&str, u64), (u64, u64, u64)> = TableDefinition::new("cuts");

pub(super) fn prepare(write: &WriteTransaction) -> Result<(), StoreError> {
    write.open_table(CORRECTIONS).map_err(database)?;
    write.open_table(CUTS).map_err(database)?;
    Ok(())
}

pub(super) fn entries(read: &ReadTransaction) -> Result<Vec<(u64, AuditEntry)>, StoreError> {
    let mut entries = Vec::new();
    for row in read.open_table(CORRECTIONS).map_err(database)?.iter().map_err(database)? {
        let (number, json) = row.map_err(database)?;
        let entry = serde_json::from_slice(json.value());
        entries.push((number.value(), entry.map_err(|_| StoreError::Row { table: "corrections" })?));
    }
    Ok(entries)
}

pub(super) fn cuts(read: &ReadTransaction) -> Result<Vec<Boundary>, StoreError> {
    let mut cuts = Vec::new();
    for row in read.open_table(CUTS).map_err(database)?.iter().map_err(database)? {
        let (key, counts) = row.map_err(database)?;
        let ((slo, at), (good, bad, covered)) = (key.value(), counts.value());
        let before = Counts { good: Count::new(good), bad: Count::new(bad), covered: Nanos::new(covered) };
        cuts.push(Boundary { slo: slo.to_owned(), at: UnixNanos::new(at), before });
    }
    Ok(cuts)
}

/// Adds entries; an entry with a known number was written by a commit that succeeded but reported an error.
pub(super) fn write(
    write: &WriteTransaction,
    unsaved: &UnsavedCorrections,
    now: UnixNanos,
) -> Result<(), StoreError> {
    let UnsavedCorrections { entries, boundaries: cuts } = unsaved;
    let mut table = write.open_table(CORRECTIONS).map_err(database)?;
    for (number, entry) in entries {
        let is_taken = table.get(*number).map_err(database)?.is_some();
        if !is_taken {
            let json = serde_json::to_vec(entry).map_err(|_| StoreError::Row { table: "corrections" })?;
            table.insert(*number, json.as_slice()).map_err(database)?;
        }
    }
    let mut table = write.open_table(CUTS).map_err(database)?;
    let oldest = now.before(REACH).get();
    for Boundary { slo, at, before } in cuts {
        let counts = (before.good.get(), before.bad.get(), before.covered.get());
        let is_new = table.insert((slo.as_str(), at.get()), counts).map_err(database)?.is_none();
        if is_new {
            table.retain_in((slo.as_str(), 0)..(slo.as_str(), oldest), |_, _| false).map_err(database)?;
        }
    }
    Ok(())
}

/// Removes the boundaries of objectives that no longer exist.
pub(super) fn remove(write: &WriteTransaction, objectives: &BTreeSet<String>) -> Result<(), StoreError> {
    let mut table = write.open_table(CUTS).map_err(database)?;
    for slo in objectives {
        table
            .retain_in((slo.as_str(), u64::MIN)..=(slo.as_str(), u64::MAX), |_, _| false)
            .map_err(database)?;
    }
    Ok(())
}
