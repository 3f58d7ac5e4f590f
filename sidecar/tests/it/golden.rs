//! Golden files with expected texts. `UPDATE_GOLDEN=1` rewrites them; read the diff.

use std::path::PathBuf;

/// Compares a text with the golden file of this name.
pub(crate) fn assert_golden(name: &str, got: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, got).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(got == expected, "{name} differs; UPDATE_GOLDEN=1 accepts this:\n{got}");
}
