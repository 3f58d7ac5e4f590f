//! The seeds and the corpus of the fuzzer: what must hold for any text holds for each of them, without the fuzzer.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use tar::Archive;

use crate::any_text;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// Reads a text, and names it where that panics.
fn assert_read(name: &Path, text: &str) {
    let outcome = std::panic::catch_unwind(|| any_text::read(text));
    assert!(outcome.is_ok(), "{}", name.display());
}

#[test]
fn every_seed_is_read() {
    for (folder, least) in [("seeds/openslo", 20), ("seeds/sloth", 8)] {
        let entries = std::fs::read_dir(fuzz().join(folder)).unwrap();
        let files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() >= least, "{folder} has {} files", files.len());
        for file in files {
            assert_read(&file, &std::fs::read_to_string(&file).unwrap());
        }
    }
}

#[test]
fn every_text_of_the_corpus_is_read() {
    let mut archive = Archive::new(GzDecoder::new(File::open(fuzz().join("corpus.tar.gz")).unwrap()));
    let mut texts = 0;
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_file() {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            assert_read(&entry.path().unwrap(), &text);
            texts += 1;
        }
    }
    assert!(texts > 900, "{texts} texts");
}
