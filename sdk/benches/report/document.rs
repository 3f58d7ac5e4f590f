//! Fills the tables of the documents. Comes in: a finished table. Goes out: a document that contains it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Returns the path of a file under `docs/`.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

/// Puts the text between the lines `<!-- NAME begin -->` and `<!-- NAME end -->` of a file under `docs/`.
///
/// # Errors
/// The file cannot be read or written, or lacks the lines.
pub(crate) fn fill(file: &str, name: &str, text: &str) -> io::Result<()> {
    let file = path(file);
    let document = fs::read_to_string(&file)?;
    let (begin, end) = (format!("<!-- {name} begin -->\n"), format!("<!-- {name} end -->"));
    let parts =
        document.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let Some((before, after)) = parts else {
        return Err(io::Error::other(format!("{} lacks the line {begin}", file.display())));
    };
    fs::write(file, format!("{before}{begin}\n{}\n\n{end}{after}", text.trim_end_matches('\n')))
}
