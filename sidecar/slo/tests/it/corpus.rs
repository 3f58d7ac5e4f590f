//! Texts that the fuzzer began with and found: what must hold of any text holds of each of them, without the fuzzer.

use std::path::{Path, PathBuf};

use crate::any_text;

/// Every file below a folder, in one order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

#[test]
fn what_the_fuzzer_kept_is_read_without_harm() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for (folder, least) in
        [("seeds/openslo", 20), ("seeds/sloth", 8), ("corpus/openslo", 500), ("corpus/sloth", 500)]
    {
        let files = files(&fuzz.join(folder));
        assert!(files.len() >= least, "{folder} has {} files", files.len());
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            // The text of a panic does not say which file it was of.
            let harm = std::panic::catch_unwind(|| any_text::read(&text));
            assert!(harm.is_ok(), "{}", file.display());
        }
    }
}
