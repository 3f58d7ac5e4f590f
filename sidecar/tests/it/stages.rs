//! The way of the data is one way: a stage may use earlier stages, never a later one.

use std::fs;
use std::path::{Path, PathBuf};

/// In the order of the data; what files say stands before all of it.
const STAGES: [&str; 9] =
    ["yaml", "spec", "config", "accept", "aggregate", "budget", "ledger", "notice", "output"];

/// What no stage may use: who wires and owns them.
const ABOVE: [&str; 4] = ["cli", "owner", "promql", "store"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

#[test]
fn no_stage_uses_a_later_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut read = 0;
    for (index, stage) in STAGES.iter().enumerate() {
        let forbidden = STAGES.iter().skip(index + 1).chain(&ABOVE);
        let forbidden: Vec<_> = forbidden.map(|later| format!("crate::{later}")).collect();
        for path in sources(&root.join(stage)) {
            let text = fs::read_to_string(&path).unwrap();
            read += 1;
            for (number, line) in (1..).zip(text.lines()) {
                let code = line.split("//").next().unwrap_or_default();
                if forbidden.iter().any(|later| code.contains(later.as_str())) {
                    wrong.push(format!("{}:{number}: {}", path.display(), line.trim()));
                }
            }
        }
    }
    assert!(read > 30, "only {read} files were found below {}", root.display());
    assert!(wrong.is_empty(), "a stage uses a later one:\n{}", wrong.join("\n"));
}
