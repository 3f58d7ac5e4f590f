//! The problems of one run, each with its origin.

use std::fmt;
use std::path::Path;

use mapwarden_objective::Origin;

/// One error or warning, with the value and what is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it was found.
    pub origin: Origin,
    /// The message: names the field and the value, and says what is accepted.
    pub message: String,
}

impl Problem {
    /// Returns a problem with a file as a whole.
    pub fn of_file(path: &Path, message: String) -> Self {
        Self { origin: Origin::File { path: path.to_owned(), line: None, column: None }, message }
    }

    /// Returns the file, line and column, by which reports are sorted.
    pub fn position(&self) -> (&Path, Option<u64>, Option<u64>) {
        match &self.origin {
            Origin::File { path, line, column } => (path, *line, *column),
            Origin::Setting(name) => (Path::new(name), None, None),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.origin, self.message)
    }
}

/// Every problem of a configuration, in the order of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = self.0.len();
        write!(out, "the configuration has {many} problem{}", if many == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|problem| write!(out, "\n  {problem}"))
    }
}
