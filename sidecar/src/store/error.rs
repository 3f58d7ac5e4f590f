//! Errors of the store. Comes in: errors of redb and of the system. Goes out: [`StoreError`]s that name the folder, the file
//! or the table, and what is accepted. Never retries.

use std::path::{Path, PathBuf};

/// The format that this version writes and reads.
pub(super) const FORMAT: u64 = 3;

/// Why the store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder does not exist and cannot be made, or cannot be written.
    #[error(
        "data directory `{path}`: not writable: accepted is a folder that this user may create and write"
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: std::io::Error,
    },
    /// The file is in use by another process, or is not a store.
    #[error(
        "store `{path}`: cannot be opened: accepted is a file written by mapwarden that no other process uses"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// The error of the store.
        #[source]
        source: Box<redb::DatabaseError>,
    },
    /// A later version wrote the file.
    #[error("store `{path}`: format {found} is unknown: accepted are 1 to {FORMAT}")]
    Format {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: u64,
    },
    /// A read or a write failed.
    #[error("store: {0}")]
    Database(#[from] Box<redb::Error>),
    /// A row is not one that this version writes.
    #[error("store: row of `{table}` cannot be read")]
    Row {
        /// The table.
        table: &'static str,
    },
}

/// Returns any error of redb as ours.
pub(super) fn database<E: Into<redb::Error>>(error: E) -> StoreError {
    StoreError::Database(Box::new(error.into()))
}

/// Returns why a file could not be opened: a folder that cannot be written is an error of the folder, everything else one of
/// the file.
#[expect(clippy::wildcard_enum_match_arm, reason = "redb may add errors, and all have one message")]
pub(super) fn open_error(folder: &Path, path: &Path, source: redb::DatabaseError) -> StoreError {
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
