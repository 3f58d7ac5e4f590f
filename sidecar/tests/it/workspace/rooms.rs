//! The data flows one way: a stage imports earlier stages and never a later one, and no files of one room import each other
//! in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::imports::{Edges, circles, edges};
use super::sources::{CRATES, ModulePath, Source, read, sources};

/// The rooms of each crate in the order that they must keep, earlier ones first. A room may import those before it; rooms of one group
/// stand beside each other and import neither way. Between crates the Cargo.toml files say it.
const ORDER: [(&str, &[&[&str]]); 5] = [
    ("sdk", &[&["record"], &["map", "scope"], &["set"], &["bridge"], &["ship"]]),
    (
        "sidecar/engine",
        &[&["observation", "steps", "correction"], &["aggregate"], &["budget"], &["ledger"], &["notice"]],
    ),
    ("sidecar/slo", &[&["yaml"]]),
    ("sidecar/rules", &[&["window"], &["resolved"], &["trial"]]),
    (
        "sidecar",
        &[
            &["problem", "http", "human", "input"],
            &["config"],
            &["accept"],
            &["view"],
            &["promql", "store", "output"],
            &["owner"],
            &["cli"],
        ],
    ),
];

fn name(sources: &BTreeMap<ModulePath, Source>, module: &ModulePath) -> String {
    sources.get(module).map_or_else(|| module.join("::"), |source| source.file.display().to_string())
}

#[test]
fn no_room_imports_a_later_one() {
    let mut wrong = Vec::new();
    for (of, groups) in ORDER {
        let sources = sources(of);
        let position = |module: &ModulePath| {
            let room = module.first()?;
            groups.iter().position(|group| group.contains(&room.as_str()))
        };
        for group in groups.iter().flat_map(|group| group.iter()) {
            let exists = sources.keys().any(|module| module.first().is_some_and(|room| room == group));
            assert!(exists, "{of} has no room `{group}`");
        }
        for (module, targets) in edges(&sources) {
            for target in &targets {
                let (Some(from), Some(to)) = (position(&module), position(target)) else { continue };
                if to > from || (to == from && module.first() != target.first()) {
                    wrong.push(format!("{} imports {}", name(&sources, &module), name(&sources, target)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "a room imports a later one:\n{}", wrong.join("\n"));
}

/// Without the head of each room (`mod.rs`, `lib.rs`), which declares the types that its files share and calls them.
fn without_heads(edges: Edges, sources: &BTreeMap<ModulePath, Source>) -> Edges {
    let is_head = |module: &ModulePath| {
        sources.get(module).is_some_and(|source| {
            let stem = source.file.file_stem().unwrap().to_string_lossy().into_owned();
            matches!(stem.as_str(), "mod" | "lib" | "main")
        })
    };
    let edges = edges.into_iter().filter(|(module, _)| !is_head(module));
    edges.map(|(module, targets)| (module, targets.into_iter().filter(|to| !is_head(to)).collect())).collect()
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut wrong = Vec::new();
    for of in CRATES {
        let sources = sources(of);
        for circle in circles(&without_heads(edges(&sources), &sources)) {
            let files: Vec<_> = circle.iter().map(|module| name(&sources, module)).collect();
            wrong.push(files.join(" <-> "));
        }
    }
    assert!(wrong.is_empty(), "{} circles:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn an_import_is_found_however_it_is_written() {
    let sources = BTreeMap::from_iter([
        source("budget", "use crate::{aggregate::Window, notice::Notice};"),
        source("ledger", "fn f() -> super::notice::Notice { todo!() }"),
        source("store", "mod inner { use super::super::output; }"),
        source("output", "pub use crate::notice::Notice;"),
        source("page", "use crate::output::Notice;"),
        source("tested", "#[cfg(test)] mod tests { use crate::notice::Notice; }"),
        source("notice", "pub struct Notice;"),
        source("aggregate", "pub struct Window;"),
    ]);
    let module = |name: &str| vec![name.to_owned()];
    let edges = edges(&sources);
    let to = |name: &str| edges[&module(name)].iter().map(|path| path.join("::")).collect::<BTreeSet<_>>();
    assert_eq!(to("budget"), BTreeSet::from(["aggregate".to_owned(), "notice".to_owned()]));
    assert_eq!(to("ledger"), BTreeSet::from(["notice".to_owned()]));
    assert_eq!(to("store"), BTreeSet::from(["output".to_owned()]));
    assert_eq!(to("output"), BTreeSet::new(), "a re-export is no import");
    assert_eq!(to("page"), BTreeSet::from(["notice".to_owned()]), "a re-export is followed");
    assert_eq!(to("tested"), BTreeSet::new());
}

fn source(name: &str, text: &str) -> (ModulePath, Source) {
    (vec![name.to_owned()], read(Path::new(&format!("{name}.rs")), text))
}
