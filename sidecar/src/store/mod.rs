//! The durable state: one redb file under `--data-dir`. Comes in: what changed, once a second. Goes out: all of
//! it, once, at the start. Never decides anything.
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
//! Format 2 has the last two tables: a version that does not know corrections would show budgets without them, so it is
//! not to open it any more. Format 3 keeps slices in the order of time; before, they were in the order of objectives, in a
//! table `slices`. A store of formats 1 and 2 becomes one of format 3 when it is opened.
//!
//! Slots and the marks of the series that they were counted from are written in one transaction: a process
//! killed at any moment has counted each event either in both or in neither, and the next cumulative point
//! brings what was missing.

mod audit;
mod notices;
mod slices;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use mapwarden_contract::{Nanos, UnixNanos};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use self::notices::{read_notice, trim, write_notice};
use mapwarden_engine::aggregate::UnsavedCounts;
use mapwarden_engine::aggregate::objective;
use mapwarden_engine::aggregate::series::Mark;
use mapwarden_engine::aggregate::slot::{Level, Slot};
use mapwarden_engine::correction::AuditEntry;
use mapwarden_engine::ledger;
use mapwarden_engine::notice;
use mapwarden_engine::observation::Change;

/// The format that this version writes and reads.
const FORMAT: u64 = 3;

/// The formats before, which are read and made the present one.
const BEFORE: [u64; 2] = [1, 2];

/// How much of the file is kept in memory, in bytes. Raised, less is read again where many objectives are written; lowered,
/// a sidecar takes less.
const CACHE: usize = 2 << 20;

/// How long a silent series' mark is kept after the last commit.
const MARK_LIFE: Nanos = Nanos::from_secs(86_400);

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const OBJECTIVES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("objectives");
const MARKS: TableDefinition<'_, u128, (u64, u64, u64, u64)> = TableDefinition::new("marks");
const NOTICES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("notices");
const CHANGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("changes");

/// The store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder is not there and cannot be made, or cannot be written.
    #[error(
        "data directory `{path}`: not writable: accepted is a folder that this user may create and write"
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Another process has it, or it is not a store.
    #[error(
        "store `{path}`: cannot be opened: accepted is a file written by mapwarden that no other process uses"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What the store said.
        #[source]
        source: Box<redb::DatabaseError>,
    },
    /// It was written by a later version.
    #[error("store `{path}`: format {found} is unknown: accepted are 1 to {FORMAT}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: u64,
    },
    /// A read or a write failed.
    #[error("store: {0}")]
    Database(#[from] Box<redb::Error>),
    /// A row is not what this version writes.
    #[error("store: row of `{table}` cannot be read")]
    Row {
        /// The table.
        table: &'static str,
    },
}

/// An open store.
pub struct Store {
    /// None after a commit that failed, until the next one opens the file anew: once the file could not be
    /// written, redb refuses everything, also when there is room again.
    file: Mutex<Option<File>>,
    path: PathBuf,
}

/// The open file.
struct File {
    database: Database,
}

/// Everything that the store kept.
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

/// What the store is to let go of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Objectives by id, with their slices.
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
    /// Objectives, slices, marks.
    pub unsaved: UnsavedCounts,
    /// Notices that changed.
    pub notices: Vec<notice::StoredNotice>,
    /// All changes, newest first, if there is a new one.
    pub changes: Option<Vec<Change>>,
    /// New entries of the audit log, and boundaries of exclusions.
    pub ledger: ledger::UnsavedCorrections,
}

/// Any of redb's errors as ours.
fn database<E: Into<redb::Error>>(error: E) -> StoreError {
    StoreError::Database(Box::new(error.into()))
}

/// A folder that cannot be written is the folder's fault, everything else the file's.
#[expect(clippy::wildcard_enum_match_arm, reason = "redb may add errors, and they are all told alike")]
fn open_error(folder: &Path, path: &Path, source: redb::DatabaseError) -> StoreError {
    use redb::{DatabaseError, StorageError};
    use std::io::ErrorKind::{InvalidData, UnexpectedEof};
    match source {
        DatabaseError::Storage(StorageError::Io(source))
            if !matches!(source.kind(), InvalidData | UnexpectedEof) =>
        {
            StoreError::Folder { path: folder.to_owned(), source }
        }
        other => StoreError::Open { path: path.to_owned(), source: Box::new(other) },
    }
}

impl Store {
    /// Opens the store in a folder, making both if need be.
    ///
    /// # Errors
    /// A folder that cannot be made or written, a file that is not a store, is in use, or is of another format.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let unwritable = |source| StoreError::Folder { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(unwritable)?;
        let path = folder.join("mapwarden.redb");
        let opened = Database::builder().set_cache_size(CACHE).create(&path);
        let database = opened.map_err(|source| open_error(folder, &path, source))?;
        let file = File { database };
        file.prepare(&path)?;
        Ok(Self { file: Mutex::new(Some(file)), path })
    }

    /// Reads everything but slices, and removes the marks of series that were silent for too long.
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

    /// Tells the slices of all objectives, the oldest of each level first.
    ///
    /// # Errors
    /// A read that fails.
    pub fn slices(&self, each: &mut dyn FnMut(&str, Level, Slot)) -> Result<(), StoreError> {
        self.with(|file| slices::read(&file.database.begin_read().map_err(database)?, each))
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

    /// Does something with the open file. What fails, by an error or a panic, closes it; the next use opens it
    /// again. A file that is not there any more is not made again: it would hold a part of the state only.
    fn with<T>(&self, act: impl FnOnce(&File) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut held = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match held.take() {
            Some(file) => file,
            None => self.reopen()?,
        };
        let done = act(&file)?;
        *held = Some(file);
        Ok(done)
    }

    fn reopen(&self) -> Result<File, StoreError> {
        let folder = self.path.parent().unwrap_or(&self.path);
        let opened = Database::builder().set_cache_size(CACHE).open(&self.path);
        let database = opened.map_err(|source| open_error(folder, &self.path, source))?;
        let file = File { database };
        file.prepare(&self.path)?;
        Ok(file)
    }
}

impl File {
    /// Makes every table and checks the format.
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
                slices::prepare(&write)?;
            }
            write.open_table(OBJECTIVES).map_err(database)?;
            write.open_table(MARKS).map_err(database)?;
            write.open_table(NOTICES).map_err(database)?;
            write.open_table(CHANGES).map_err(database)?;
            audit::prepare(&write)?;
        }
        write.commit().map_err(database)
    }

    /// Reads everything; series that were silent for too long are told apart.
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
    slices::remove(write, objectives)?;
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
    slices::write(write, slots)?;
    let mut table = write.open_table(MARKS).map_err(database)?;
    for (id, Mark { start, time, value, part }) in marks {
        table.insert(*id, (*start, *time, *value, *part)).map_err(database)?;
    }
    Ok(())
}
