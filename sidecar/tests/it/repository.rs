//! The files of this repository that are not code: those that operators mount, and documents.

use std::fs;
use std::path::{Path, PathBuf};

/// A file with its text.
pub(crate) struct Text {
    /// Its path from the root of the repository.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Returns every file under a path of the repository with this ending, sorted; the path may be a file. Empty if there
/// is no such path.
pub(crate) fn texts(under: &str, ending: &str) -> Vec<Text> {
    let mut found = Vec::new();
    collect(&root().join(under), ending, &mut found);
    found.sort_by(|a: &Text, b| a.path.cmp(&b.path));
    found
}

fn collect(path: &Path, ending: &str, found: &mut Vec<Text>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), ending, found);
        }
    } else if path.is_file() && path.to_str().unwrap().ends_with(ending) {
        let text = fs::read_to_string(path).unwrap();
        found.push(Text { path: path.strip_prefix(root()).unwrap().display().to_string(), text });
    }
}

/// Returns every string in a JSON value with its key.
pub(crate) fn strings(value: &serde_json::Value) -> Vec<(String, String)> {
    fn walk(key: &str, value: &serde_json::Value, found: &mut Vec<(String, String)>) {
        match value {
            serde_json::Value::String(text) => found.push((key.to_owned(), text.clone())),
            serde_json::Value::Array(items) => items.iter().for_each(|item| walk(key, item, found)),
            serde_json::Value::Object(fields) => {
                fields.iter().for_each(|(key, field)| walk(key, field, found));
            }
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
        }
    }
    let mut found = Vec::new();
    walk("", value, &mut found);
    found
}

/// Parses a dashboard or a rule file, YAML or JSON.
pub(crate) fn parse(file: &Text) -> serde_json::Value {
    serde_saphyr::from_str(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path))
}
