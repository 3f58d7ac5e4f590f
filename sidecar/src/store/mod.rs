//! The durable state: one redb file under `--data-dir`. Comes in: changes, once a second. Goes out: the whole state, once, at
//! the start. Never decides anything.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | `format`, `last_commit` | u64: the format, nanoseconds since 1970 |
//! | `objectives` | SLO id | postcard of [`objective::KeptObjective`] |
//! | `slices_by_time` | level (0 finest), slot, SLO id | good, bad, covered nanoseconds |
//! | `marks` | series id | start, time, value, part |
//! | `notices` | notice id | postcard of (JSON of the notice, tier, floor, affected users, active users), then of (affected tenants, active tenants), which older rows end before |
//! | `changes` | position, newest 0 | JSON of the change |
//! | `corrections` | number, from 0 on | JSON of the audit log's [`AuditEntry`]; only ever added to |
//! | `cuts` | SLO id, boundary in nanoseconds since 1970 | good, bad, covered nanoseconds that were counted before it |
//!
//! Format 2 has the last two tables: a version that does not know corrections would show budgets without them, so that it must
//! not open the file. Format 3 keeps slots in the order of time; older ones kept them in the order of objectives, in a table
//! `slices`. A store of formats 1 and 2 becomes one of format 3 when it is opened.
//!
//! Slots and the marks of the series that they were counted from are written in one transaction: a process that is killed at
//! any moment has counted each event either in both or in neither, and the next cumulative point brings the missing events.

mod audit;
mod error;
mod notices;
mod slots;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use mapwarden_contract::{Nanos, UnixNanos};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};

pub use self::error::StoreError;
use self::error::{FORMAT, database, open_error};
use self::notices::{read_notice, trim, write_notice};
use mapwarden_engine::aggregate::UnsavedCounts;
use mapwarden_engine::aggregate::objective;
use mapwarden_engine::aggregate::series::Mark;
use mapwarden_engine::aggregate::slot::{Level, Slot};
use mapwarden_engine::correction::AuditEntry;
use mapwarden_engine::ledger;
use mapwarden_engine::notice;
use mapwarden_engine::observation::Change;

/// Older formats, which are read and converted to [`FORMAT`].
const BEFORE: [u64; 2] = [1, 2];

/// How much of the file is kept in memory, in bytes. Raised, less is read again if many objectives are written; lowered,
/// a sidecar takes less memory.
const CACHE: usize = 2 << 20;

/// How long the mark of a silent series is kept after the last commit. Lowered, a sender that returns after a longer pause
/// starts anew, and its events in between are lost.
const MARK_LIFE: Nanos = Nanos::from_secs(86_400);

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const OBJECTIVES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("objectives");
const MARKS: TableDefinition<'_, u128, (u64, u64, u64, u64)> = TableDefinition::new("marks");
const NOTICES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("notices");
const CHANGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("changes");

/// An open store.
pub struct Store {
    /// None after a commit that failed, until the next one opens the file again: after a failed write, redb refuses everything,
    /// even when there is room again.
    file: Mutex<Option<StoreFile>>,
    path: PathBuf,
}

/// The open file.
struct StoreFile {
    database: Database,
}

/// The whole state, as it was last committed, except slots.
#[derive(Default)]
pub struct Restored {
    /// When it was last written; zero if never.
    pub last_commit: UnixNanos,
    /// Objectives.
    pub objectives: Vec<objective::KeptObjective>,
    /// Marks of series.
    pub marks: Vec<(u128, Mark)>,
    /// Notices.
    pub notices: Vec<notice::StoredNotice>,
    /// Changes, newest first.
    pub changes: Vec<Change>,
    /// The audit log, by number.
    pub corrections: Vec<(u64, AuditEntry)>,
    /// Boundaries of exclusions.
    pub cuts: Vec<ledger::Boundary>,
}

/// What a commit removes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Objectives by id, with their slots.
    pub objectives: BTreeSet<String>,
    /// Marks by series id.
    pub series: BTreeSet<u128>,
}

/// What one commit writes.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// When.
    pub at: UnixNanos,
    /// What is removed, before anything is written.
    pub removed: Removed,
    /// Objectives, slots, marks.
    pub unsaved: UnsavedCounts,
    /// Notices that changed.
    pub notices: Vec<notice::StoredNotice>,
    /// All changes, newest first, if there is a new one.
    pub changes: Option<Vec<Change>>,
    /// New entries of the audit log, and boundaries of exclusions.
    pub ledger: ledger::UnsavedCorrections,
}

impl Store {
    /// Opens the store in a folder, and creates both if they do not exist.
    ///
    /// # Errors
    /// A folder that cannot be made or written, a file that is not a store, is in use, or is of another format.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let unwritable = |source| StoreError::Folder { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(unwritable)?;
        let path = folder.join("mapwarden.redb");
        let opened = Database::builder().set_cache_size(CACHE).create(&path);
        let database = opened.map_err(|source| open_error(folder, &path, source))?;
        let file = StoreFile { database };
        file.prepare(&path)?;
        Ok(Self { file: Mutex::new(Some(file)), path })
    }

    /// Reads everything except slots, and removes the marks of series that were silent for too long.
    ///
    /// # Errors
    /// A read that fails, or a row that this version did not write.
    pub fn load(&self) -> Result<Restored, StoreError> {
        self.with(|file| {
            let (restored, silent) = file.load()?;
            file.remove(&Removed { series: silent, ..Removed::default() })?;
            Ok(restored)
        })
    }

    /// Passes the slots of all objectives to `each`, the oldest of each level first.
    ///
    /// # Errors
    /// A read that fails.
    pub fn slots(&self, each: &mut dyn FnMut(&str, Level, Slot)) -> Result<(), StoreError> {
        self.with(|file| slots::read(&file.database.begin_read().map_err(database)?, each))
    }

    /// Writes a commit: all of it, or nothing.
    ///
    /// # Errors
    /// A write that fails; the store is as it was before.
    pub fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        self.with(|file| file.commit(commit))
    }

    /// The store's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the file as a failed commit does.
    #[cfg(test)]
    pub(crate) fn close(&self) {
        self.file.lock().unwrap().take();
    }

    /// Calls `act` with the open file. A failure, by an error or a panic, closes the file, and the next use opens it again. A file
    /// that no longer exists is not created again: it would hold only a part of the state.
    fn with<T>(&self, act: impl FnOnce(&StoreFile) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut held = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match held.take() {
            Some(file) => file,
            None => self.reopen()?,
        };
        let done = act(&file)?;
        *held = Some(file);
        Ok(done)
    }

    fn reopen(&self) -> Result<StoreFile, StoreError> {
        let folder = self.path.parent().unwrap_or(&self.path);
        let opened = Database::builder().set_cache_size(CACHE).open(&self.path);
        let database = opened.map_err(|source| open_error(folder, &self.path, source))?;
        let file = StoreFile { database };
        file.prepare(&self.path)?;
        Ok(file)
    }
}

impl StoreFile {
    /// Creates every table and checks the format.
    fn prepare(&self, path: &Path) -> Result<(), StoreError> {
        let write = self.database.begin_write().map_err(database)?;
        {
            let mut meta = write.open_table(META).map_err(database)?;
            let found = meta.get("format").map_err(database)?.map(|row| row.value());
            if let Some(found) = found.filter(|found| *found != FORMAT && !BEFORE.contains(found)) {
                return Err(StoreError::Format { path: path.to_owned(), found });
            }
            if found != Some(FORMAT) {
                meta.insert("format", FORMAT).map_err(database)?;
                slots::prepare(&write)?;
            }
            write.open_table(OBJECTIVES).map_err(database)?;
            write.open_table(MARKS).map_err(database)?;
            write.open_table(NOTICES).map_err(database)?;
            write.open_table(CHANGES).map_err(database)?;
            audit::prepare(&write)?;
        }
        write.commit().map_err(database)
    }

    /// Reads everything; series that were silent for too long are returned beside it.
    fn load(&self) -> Result<(Restored, BTreeSet<u128>), StoreError> {
        let mut silent = BTreeSet::new();
        let read = self.database.begin_read().map_err(database)?;
        let mut restored = Restored::default();
        let meta = read.open_table(META).map_err(database)?;
        restored.last_commit =
            UnixNanos::new(meta.get("last_commit").map_err(database)?.map_or(0, |row| row.value()));
        for row in read.open_table(OBJECTIVES).map_err(database)?.iter().map_err(database)? {
            let (_, value) = row.map_err(database)?;
            restored.objectives.push(
                postcard::from_bytes(value.value()).map_err(|_| StoreError::Row { table: "objectives" })?,
            );
        }
        let oldest = restored.last_commit.before(MARK_LIFE).get();
        for row in read.open_table(MARKS).map_err(database)?.iter().map_err(database)? {
            let (key, value) = row.map_err(database)?;
            let (start, time, value, part) = value.value();
            if time >= oldest {
                restored.marks.push((key.value(), Mark { start, time, value, part }));
            } else {
                silent.insert(key.value());
            }
        }
        for row in read.open_table(NOTICES).map_err(database)?.iter().map_err(database)? {
            restored.notices.push(read_notice(row.map_err(database)?.1.value())?);
        }
        for row in read.open_table(CHANGES).map_err(database)?.iter().map_err(database)? {
            let change = serde_json::from_slice(row.map_err(database)?.1.value());
            restored.changes.push(change.map_err(|_| StoreError::Row { table: "changes" })?);
        }
        restored.corrections = audit::entries(&read)?;
        restored.cuts = audit::cuts(&read)?;
        Ok((restored, silent))
    }

    /// Removes rows in a transaction of their own, if there are any to remove.
    fn remove(&self, removed: &Removed) -> Result<(), StoreError> {
        if *removed == Removed::default() {
            return Ok(());
        }
        let write = self.database.begin_write().map_err(database)?;
        write_removed(&write, removed)?;
        write.commit().map_err(database)
    }

    fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        let write = self.database.begin_write().map_err(database)?;
        {
            write
                .open_table(META)
                .map_err(database)?
                .insert("last_commit", commit.at.get())
                .map_err(database)?;
            write_removed(&write, &commit.removed)?;
            write_unsaved(&write, &commit.unsaved)?;
            audit::write(&write, &commit.ledger, commit.at)?;
            let mut notices = write.open_table(NOTICES).map_err(database)?;
            for kept in &commit.notices {
                let bytes = write_notice(kept)?;
                notices.insert(kept.notice.id.as_str(), bytes.as_slice()).map_err(database)?;
            }
            trim(&mut notices)?;
            if let Some(changes) = &commit.changes {
                let mut table = write.open_table(CHANGES).map_err(database)?;
                table.retain(|_, _| false).map_err(database)?;
                for (position, change) in (0_u64..).zip(changes) {
                    let json =
                        serde_json::to_vec(change).map_err(|_| StoreError::Row { table: "changes" })?;
                    table.insert(position, json.as_slice()).map_err(database)?;
                }
            }
        }
        write.commit().map_err(database)
    }
}

fn write_removed(write: &redb::WriteTransaction, removed: &Removed) -> Result<(), StoreError> {
    let Removed { objectives, series } = removed;
    let mut table = write.open_table(OBJECTIVES).map_err(database)?;
    for id in objectives {
        table.remove(id.as_str()).map_err(database)?;
    }
    slots::remove(write, objectives)?;
    audit::remove(write, objectives)?;
    let mut table = write.open_table(MARKS).map_err(database)?;
    for id in series {
        table.remove(*id).map_err(database)?;
    }
    Ok(())
}

fn write_unsaved(write: &redb::WriteTransaction, unsaved: &UnsavedCounts) -> Result<(), StoreError> {
    let UnsavedCounts { since: _, objectives, slots, marks } = unsaved;
    let mut table = write.open_table(OBJECTIVES).map_err(database)?;
    for (id, kept) in objectives {
        let bytes = postcard::to_stdvec(kept).map_err(|_| StoreError::Row { table: "objectives" })?;
        table.insert(id.as_str(), bytes.as_slice()).map_err(database)?;
    }
    slots::write(write, slots)?;
    let mut table = write.open_table(MARKS).map_err(database)?;
    for (id, Mark { start, time, value, part }) in marks {
        table.insert(*id, (*start, *time, *value, *part)).map_err(database)?;
    }
    Ok(())
}
