//! Runs Prometheus' own `promtool` on files of a test.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes a folder for one test, with `tests` below it.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(folder.join("tests")).unwrap();
    folder
}

/// Runs promtool on a file, and returns whether it succeeded and what it printed.
pub(crate) fn promtool(arguments: &[&str], file: &Path) -> (bool, String) {
    let output = Command::new("promtool").args(arguments).arg(file).output().unwrap();
    (
        output.status.success(),
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
    )
}
