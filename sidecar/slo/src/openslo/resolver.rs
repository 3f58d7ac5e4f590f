//! Comes in: references by name. Goes out: the objects that they name, read where they are written. Never reads what an
//! object declares.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use mapwarden_objective::Period;

use super::catalogue::{Catalogue, ObjectKind, OpenSloObject};
use crate::yaml::{Node, Reader};

/// Finds the objects that references name, and remembers which objects are used.
pub(super) struct Resolver<'d> {
    pub(super) catalogue: &'d Catalogue<'d>,
    /// The objects that objectives use, by kind and name.
    pub(super) used: RefCell<BTreeSet<(ObjectKind, String)>>,
    /// Whether no objective uses the object that is read now.
    pub(super) is_unused: Cell<bool>,
    /// The labels that group the objective that is read now.
    pub(super) groups: RefCell<Vec<String>>,
    /// The period of objectives without one.
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

    /// Finds the object that a reference names. A missing object is a problem.
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

    /// Reports what cannot be read: a problem, or a warning in an object that no objective uses.
    pub(super) fn refuse(&self, reader: &mut Reader<'_>, node: &Node, message: String) {
        if self.is_unused.get() {
            reader.warn(node.referenced, message);
        } else {
            reader.problem(node.referenced, message);
        }
    }
}

/// Reads an object in the file in which it is written, which may not be the file of its reference.
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
