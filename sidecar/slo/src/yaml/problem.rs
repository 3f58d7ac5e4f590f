//! What is wrong with a configuration: every problem of one run, each with where it was said.

use std::fmt;
use std::path::Path;

use mapwarden_objective::Origin;

/// One thing that is wrong, with the value and what is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it was said.
    pub origin: Origin,
    /// What is wrong.
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

/// Everything that is wrong with a configuration, in the order of its text.
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
