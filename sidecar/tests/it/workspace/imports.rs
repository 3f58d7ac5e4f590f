//! Which file of a crate imports which. Comes in: sources. Goes out: edges between files, with re-exports followed to the
//! file that declares the item.

use std::collections::{BTreeMap, BTreeSet};

use super::sources::{ModulePath, Source};

/// By importing module, the modules that declare what it names.
pub(super) type Edges = BTreeMap<ModulePath, BTreeSet<ModulePath>>;

/// The edges of one crate. An edge to itself is none, and what a module only re-exports is none.
pub(super) fn edges(sources: &BTreeMap<ModulePath, Source>) -> Edges {
    let edge = |(module, source): (&ModulePath, &Source)| {
        let imports = source.imports.iter().filter(|import| !import.is_reexport);
        let targets = imports
            .filter_map(|import| absolute(sources, module, &import.path))
            .map(|path| declaring(sources, &path, 0))
            .filter(|target| target != module)
            .collect();
        (module.clone(), targets)
    };
    sources.iter().map(edge).collect()
}

/// The path from the crate's root; none for a path into another crate, or to an item without a module.
fn absolute(
    sources: &BTreeMap<ModulePath, Source>,
    module: &ModulePath,
    path: &[String],
) -> Option<ModulePath> {
    let (first, rest) = path.split_first()?;
    let mut base = module.clone();
    match first.as_str() {
        "crate" => return Some(rest.to_vec()),
        "self" => {}
        "super" => {
            let supers = path.iter().take_while(|segment| *segment == "super").count();
            base.truncate(base.len().checked_sub(supers)?);
            base.extend_from_slice(&path[supers..]);
            return Some(base);
        }
        child => {
            base.push(child.to_owned());
            if !sources.contains_key(&base) {
                return None;
            }
        }
    }
    base.extend_from_slice(rest);
    Some(base)
}

/// The module that declares an item: re-exports on the way are followed.
fn declaring(sources: &BTreeMap<ModulePath, Source>, path: &ModulePath, depth: usize) -> ModulePath {
    let length = (0..=path.len()).rev().find(|length| sources.contains_key(&path[..*length])).unwrap_or(0);
    let (module, rest) = (path[..length].to_vec(), &path[length..]);
    let Some(source) = rest.first().and_then(|_| sources.get(&module)) else { return module };
    let reexport = source
        .imports
        .iter()
        .filter(|import| import.is_reexport)
        .find(|import| import.path.last() == rest.first() && depth < 8);
    match reexport.and_then(|import| absolute(sources, &module, &import.path)) {
        Some(mut target) => {
            target.extend_from_slice(&rest[1..]);
            declaring(sources, &target, depth + 1)
        }
        None => module,
    }
}

/// The groups of modules that import each other in a circle.
pub(super) fn circles(edges: &Edges) -> Vec<BTreeSet<ModulePath>> {
    let reachable = |from: &ModulePath| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&ModulePath> = edges.get(from).into_iter().flatten().collect();
        while let Some(module) = open.pop() {
            if seen.insert(module.clone()) {
                open.extend(edges.get(module).into_iter().flatten());
            }
        }
        seen
    };
    let reach: BTreeMap<_, _> = edges.keys().map(|module| (module.clone(), reachable(module))).collect();
    let circle = |module: &ModulePath| -> BTreeSet<ModulePath> {
        let forth = reach[module].iter();
        forth.filter(|other| reach.get(*other).is_some_and(|back| back.contains(module))).cloned().collect()
    };
    let all: BTreeSet<_> = edges.keys().map(circle).filter(|circle| circle.len() > 1).collect();
    all.into_iter().collect()
}
