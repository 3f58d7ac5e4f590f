//! Comes in: documents. Goes out: their objects by kind and name. Never reads the `spec` of an object.

use std::collections::BTreeMap;

use super::metadata::{self, Metadata};
use crate::document::{Document, Format};
use crate::loaded::Loaded;
use crate::yaml::{Node, Reader};

/// The kinds of OpenSLO v1. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ObjectKind {
    Slo,
    Service,
    AlertPolicy,
    AlertCondition,
    AlertNotificationTarget,
    Sli,
    DataSource,
}

impl ObjectKind {
    /// Every kind. Kinds that refer to others come before them, so that objects that only an unused object uses are
    /// found.
    pub(super) const ALL: [Self; 7] = [
        Self::Slo,
        Self::Service,
        Self::AlertPolicy,
        Self::AlertCondition,
        Self::AlertNotificationTarget,
        Self::Sli,
        Self::DataSource,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Slo => "SLO",
            Self::Service => "Service",
            Self::AlertPolicy => "AlertPolicy",
            Self::AlertCondition => "AlertCondition",
            Self::AlertNotificationTarget => "AlertNotificationTarget",
            Self::Sli => "SLI",
            Self::DataSource => "DataSource",
        }
    }
}

/// One object of a run.
#[derive(Clone, Debug)]
pub(super) struct OpenSloObject<'d> {
    pub(super) document: &'d Document,
    pub(super) metadata: Metadata,
    pub(super) spec: &'d Node,
}

/// The objects of one run.
#[derive(Debug, Default)]
pub(super) struct Catalogue<'d> {
    entries: BTreeMap<ObjectKind, Vec<OpenSloObject<'d>>>,
}

impl<'d> Catalogue<'d> {
    /// Collects every object with a valid head.
    pub(super) fn of(documents: &'d [Document], loaded: &mut Loaded) -> Self {
        let mut catalogue = Self::default();
        for document in documents {
            let mut reader = document.reader();
            catalogue.add(&mut reader, document);
            loaded.problems.append(&mut reader.problems);
            loaded.warnings.append(&mut reader.warnings);
        }
        catalogue
    }

    fn add(&mut self, reader: &mut Reader<'_>, document: &'d Document) {
        let root = &document.root;
        let Some(kind) = kind(reader, document) else { return };
        let Some(fields) = reader.object("the document", root, &["apiVersion", "kind", "metadata", "spec"])
        else {
            return;
        };
        let metadata = reader.required("the document", &fields, "metadata");
        let metadata = metadata.and_then(|node| metadata::read(reader, node));
        let spec = reader.required("the document", &fields, "spec");
        let (Some(metadata), Some(spec)) = (metadata, spec) else { return };
        if let Some(before) = self.get(kind, &metadata.name) {
            let see = before.document.reader().origin(before.document.root.referenced);
            let message = format!("the {} `{}` is declared twice, see {see}", kind.name(), metadata.name);
            reader.problem(root.referenced, format!("{message}: accepted is a name of its own"));
            return;
        }
        self.entries.entry(kind).or_default().push(OpenSloObject { document, metadata, spec });
    }

    /// Returns the object of a kind and name.
    pub(super) fn get(&self, kind: ObjectKind, name: &str) -> Option<&OpenSloObject<'d>> {
        self.all(kind).iter().find(|object| object.metadata.name == name)
    }

    /// Returns all objects of a kind, in the order of the files.
    pub(super) fn all(&self, kind: ObjectKind) -> &[OpenSloObject<'d>] {
        self.entries.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// Returns the names of all objects of a kind.
    pub(super) fn names(&self, kind: ObjectKind) -> Vec<&str> {
        self.all(kind).iter().map(|object| object.metadata.name.as_str()).collect()
    }
}

fn kind(reader: &mut Reader<'_>, document: &Document) -> Option<ObjectKind> {
    let declared = match &document.format {
        Format::OpenSlo { kind, .. } | Format::SlothKubernetes { kind } => kind.as_str(),
        Format::Sloth | Format::Other(_) => "",
    };
    let found = ObjectKind::ALL.into_iter().find(|kind| kind.name() == declared);
    if found.is_none() {
        let accepted = ObjectKind::ALL.map(ObjectKind::name).join(", ");
        let message = format!("`kind` is `{declared}`: accepted are {accepted}");
        reader.problem(document.root.referenced, message);
    }
    found
}
