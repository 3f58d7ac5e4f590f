//! Comes in: references by name. Goes out: the objects that they name, read where they are written. Never reads what an
//! object declares.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use mapwarden_objective::Period;

use super::catalogue::{Catalogue, ObjectKind, OpenSloObject};
use crate::yaml::{Node, Reader};

/// What is known while one run's documents are read.
pub(super) struct Resolver<'d> {
    pub(super) catalogue: &'d Catalogue<'d>,
    /// What an objective uses, by kind and name.
    pub(super) used: RefCell<BTreeSet<(ObjectKind, String)>>,
    /// Whether what is read now is of no objective.
    pub(super) is_unused: Cell<bool>,
    /// The labels by which the objective is grouped whose SLI is read.
    pub(super) groups: RefCell<Vec<String>>,
    /// The period of an objective that does not say one.
    pub(super) period: &'d Period,
}

impl<'d> Resolver<'d> {
    /// Returns the resolver of one run.
    pub(super) fn new(catalogue: &'d Catalogue<'d>, period: &'d Period) -> Self {
        Self {
            catalogue,
            used: RefCell::default(),
            is_unused: Cell::new(false),
            groups: RefCell::default(),
            period,
        }
    }

    /// An object that a reference names; one that is not there is a problem.
    pub(super) fn find(
        &self,
        reader: &mut Reader<'_>,
        kind: ObjectKind,
        field: &str,
        node: &Node,
    ) -> Option<&OpenSloObject<'_>> {
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
    pub(super) fn refuse(&self, reader: &mut Reader<'_>, node: &Node, message: String) {
        if self.is_unused.get() {
            reader.warn(node.referenced, message);
        } else {
            reader.problem(node.referenced, message);
        }
    }
}

/// Reads an object where it was written, which may be another file than its reference's.
pub(super) fn follow<T>(
    reader: &mut Reader<'_>,
    object: &OpenSloObject<'_>,
    read: impl FnOnce(&mut Reader<'_>, &Node) -> T,
) -> T {
    let mut there = object.document.reader();
    let value = read(&mut there, object.spec);
    reader.problems.append(&mut there.problems);
    reader.warnings.append(&mut there.warnings);
    value
}
