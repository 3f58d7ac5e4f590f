//! Where a setting or an objective was declared.

use std::fmt;
use std::path::PathBuf;

/// The origin of a declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a file; line and column count from 1.
    File {
        /// The path of the file as the caller named it.
        path: PathBuf,
        /// The line; none for the file as a whole.
        line: Option<u64>,
        /// The column in characters.
        column: Option<u64>,
    },
    /// A flag or its environment variable: `--admin (MAPWARDEN_ADMIN)`.
    Setting(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(name) => out.write_str(name),
            Self::File { path, line, column } => {
                write!(out, "{}", path.display())?;
                for part in [line, column].into_iter().flatten() {
                    write!(out, ":{part}")?;
                }
                Ok(())
            }
        }
    }
}
