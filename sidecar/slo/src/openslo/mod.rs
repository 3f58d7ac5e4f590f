//! Comes in: OpenSLO's documents, all of one run. Goes out: objectives whose references are resolved across them, and the
//! servers that they declare. Never reads a vendor's query language but PromQL.

mod alerts;
mod catalogue;
mod indicator;
mod metadata;
mod objective;
mod slo;
mod source;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use self::catalogue::{Catalogue, Entry, Kind};
use super::Loaded;
use super::document::Document;
use crate::yaml::{Node, Reader};
use mapwarden_objective::Period;

/// What is known while one run's documents are read.
struct Scope<'d> {
    catalogue: &'d Catalogue<'d>,
    /// What an objective uses, by kind and name.
    used: RefCell<BTreeSet<(Kind, String)>>,
    /// Whether what is read now is of no objective.
    is_unused: Cell<bool>,
    /// The labels by which the objective is grouped whose SLI is read.
    groups: RefCell<Vec<String>>,
    /// The period of an objective that does not say one.
    period: &'d Period,
}

impl Scope<'_> {
    /// An object that a reference names; one that is not there is a problem.
    fn find(&self, reader: &mut Reader<'_>, kind: Kind, field: &str, node: &Node) -> Option<&Entry<'_>> {
        let name = reader.text(field, node)?;
        let found = self.catalogue.get(kind, &name);
        if found.is_none() {
            let names = self.catalogue.names(kind);
            let accepted =
                if names.is_empty() { "one that is among the files".to_owned() } else { names.join(", ") };
            let message = format!(
                "`{field}` is `{name}`, but no {} has that name: accepted is {accepted}",
                kind.name()
            );
            reader.problem(node.referenced, message);
        }
        self.used.borrow_mut().insert((kind, name));
        found
    }

    /// Says what cannot be read. Of an object that no objective uses it is only a warning.
    fn refuse(&self, reader: &mut Reader<'_>, node: &Node, message: String) {
        if self.is_unused.get() {
            reader.warn(node.referenced, message);
        } else {
            reader.problem(node.referenced, message);
        }
    }
}

/// Reads an object where it was written, which may be another file than its reference's.
fn follow<T>(
    reader: &mut Reader<'_>,
    entry: &Entry<'_>,
    read: impl FnOnce(&mut Reader<'_>, &Node) -> T,
) -> T {
    let mut there = entry.document.reader();
    let value = read(&mut there, entry.spec);
    reader.problems.append(&mut there.problems);
    reader.warnings.append(&mut there.warnings);
    value
}

/// Reads all documents of one run.
pub(super) fn read(documents: &[Document], period: &Period, loaded: &mut Loaded) {
    let catalogue = Catalogue::of(documents, loaded);
    let scope = Scope {
        catalogue: &catalogue,
        used: RefCell::default(),
        is_unused: Cell::new(false),
        groups: RefCell::default(),
        period,
    };
    let mut take = |entry: &Entry<'_>, read: &mut dyn FnMut(&mut Reader<'_>, &mut Loaded)| {
        let mut reader = entry.document.reader();
        read(&mut reader, loaded);
        loaded.problems.append(&mut reader.problems);
        loaded.warnings.append(&mut reader.warnings);
    };
    for entry in catalogue.all(Kind::Slo) {
        take(entry, &mut |reader, loaded| loaded.slos.extend(slo::slos(&scope, reader, entry)));
    }
    for entry in catalogue.all(Kind::DataSource) {
        take(entry, &mut |reader, loaded| loaded.sources.extend(source::data_source(reader, entry)));
    }
    scope.is_unused.set(true);
    scope.groups.take();
    for kind in Kind::ALL {
        for entry in catalogue.all(kind) {
            if !scope.used.borrow().contains(&(kind, entry.metadata.name.clone())) {
                take(entry, &mut |reader, _| unused(&scope, reader, kind, entry));
            }
        }
    }
}

/// Reads what no objective uses, so that its problems are told too.
fn unused(scope: &Scope<'_>, reader: &mut Reader<'_>, kind: Kind, entry: &Entry<'_>) {
    match kind {
        Kind::Slo | Kind::DataSource => return,
        Kind::Service => {
            reader.object("spec", entry.spec, &["description"]);
            return;
        }
        Kind::Sli => {
            indicator::measure(scope, reader, entry.spec);
        }
        Kind::AlertPolicy => {
            alerts::check_policy(scope, reader, entry.spec);
        }
        Kind::AlertCondition => {
            alerts::condition(scope, reader, entry.spec);
        }
        Kind::AlertNotificationTarget => alerts::target(reader, entry.spec),
    }
    // A policy that nobody uses may use a condition, which is then told of as a part of it.
    if !scope.used.borrow().contains(&(kind, entry.metadata.name.clone())) {
        let message = format!("no objective uses the {} `{}`", kind.name(), entry.metadata.name);
        reader.warn(entry.document.root.referenced, message);
    }
}
