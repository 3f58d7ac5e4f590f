//! The words of ARCHITECTURE.md's glossary, everywhere: prose, messages, names and tests. Comes in: every text file that git
//! tracks. Goes out: lines with a word that the glossary replaces.

use std::fs;
use std::process::Command;

use super::sources::root;

/// Words that the glossary replaces, and what to write instead.
const REPLACED: [(&str, &str); 14] = [
    ("told", "sent, reported, received, shown"),
    ("tell", "report, show, announce"),
    ("tells", "reports, shows, announces"),
    ("telling", "reporting"),
    ("whose", "the noun with `of` or `with`"),
    ("likewise", "also"),
    ("thereof", "of it"),
    ("hence", "so"),
    ("somebody", "the operator, the caller, the sender"),
    ("whoever", "the operator, the caller, the sender"),
    ("in vain", "without effect"),
    ("of before", "earlier"),
    ("of late", "recently"),
    ("promise", "objective"),
];

/// Where other people's words stand, where the changelog names what a user knew before, or where words are the matter itself.
const LEFT_OUT: [&str; 6] =
    ["LICENSE", "CHANGELOG.md", "Cargo.lock", "/fuzz/", "/golden/", "tests/it/workspace/words.rs"];

#[test]
fn no_replaced_word_is_used() {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let files = listed.split('\0').filter(|file| !file.is_empty());
    let mut found = Vec::new();
    let mut read = 0;
    for file in files.filter(|file| !LEFT_OUT.iter().any(|part| file.contains(part))) {
        // A file that is not text, or that is gone from the work tree, has no words.
        let Ok(text) = fs::read_to_string(root().join(file)) else { continue };
        read += 1;
        for (number, line) in (1..).zip(text.lines()) {
            found.extend(words(line).map(|(word, instead)| {
                format!("{file}:{number}: `{word}`, write {instead}: {}", line.trim())
            }));
        }
    }
    assert!(read > 300, "only {read} files were read");
    let shown = found.iter().take(200).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(found.is_empty(), "{} lines:\n{shown}", found.len());
}

/// The replaced words of a line. Parts of identifiers are words, too: `is_told`, `ToldBy`.
fn words(line: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut text = String::from(" ");
    let mut was_lower = false;
    for letter in line.chars() {
        if letter.is_uppercase() && was_lower {
            text.push(' ');
        }
        was_lower = letter.is_lowercase();
        text.extend(if letter.is_alphabetic() { letter.to_lowercase().next() } else { Some(' ') });
    }
    text.push(' ');
    REPLACED.into_iter().filter(move |(word, _)| text.contains(&format!(" {word} ")))
}

#[test]
fn words_are_found_in_prose_and_in_identifiers() {
    let found = |line| words(line).map(|(word, _)| word).collect::<Vec<_>>();
    assert_eq!(found("let is_told = true; // In vain."), ["told", "in vain"]);
    assert_eq!(found("struct ToldBy;"), ["told"]);
    assert!(found("a compromise, retold, untold; foretells").is_empty());
}
