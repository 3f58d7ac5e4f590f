//! Comes in: paths of files and folders. Goes out: the texts of the files that may hold objectives, each once, in a
//! fixed order. Never follows a folder into itself.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::document::MAX_FILE;
use crate::yaml::Problem;

/// The depth to which folders are followed. Raised, deeper trees are read; a link to a parent folder ends here at the
/// latest.
const MAX_DEPTH: usize = 16;

/// A file that may hold objectives.
#[derive(Clone, Debug)]
pub(super) struct SloFile {
    /// The path as the caller named it, or as it was found.
    pub(super) path: PathBuf,
    /// Its text.
    pub(super) text: String,
    /// Whether the caller named the file itself, not only its folder.
    pub(super) is_named: bool,
}

/// Reads every file, and every `.yaml` and `.yml` below every folder. Names that begin with a dot are left out:
/// Kubernetes keeps the versions of mounted files under such names.
pub(super) fn read(paths: &[PathBuf]) -> (Vec<SloFile>, Vec<Problem>) {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        if path.is_dir() {
            let before = found.len();
            if let Err(error) = walk(path, 0, &mut found) {
                problems.push(Problem::of_file(path, format!("cannot be read: {error}")));
            } else if found.len() == before {
                let accepted = "accepted is a folder with files that end in .yaml or .yml";
                problems.push(Problem::of_file(path, format!("has no SLO file: {accepted}")));
            }
        } else {
            found.push((path.clone(), true));
        }
    }
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    for (path, is_named) in found {
        if !seen.insert(fs::canonicalize(&path).unwrap_or_else(|_| path.clone())) {
            continue;
        }
        match text(&path) {
            Ok(text) => files.push(SloFile { path, text, is_named }),
            Err(error) => problems.push(Problem::of_file(&path, format!("cannot be read: {error}"))),
        }
    }
    (files, problems)
}

/// Reads one file of at most [`MAX_FILE`] bytes.
pub(super) fn text(path: &Path) -> io::Result<String> {
    let size = fs::metadata(path)?.len();
    if size > MAX_FILE {
        let message = format!("it has {size} bytes: accepted are at most {MAX_FILE}");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    fs::read_to_string(path)
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<(PathBuf, bool)>) -> io::Result<()> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if depth < MAX_DEPTH {
                walk(&path, depth + 1, found)?;
            }
        } else if is_yaml {
            found.push((path, false));
        }
    }
    Ok(())
}
