//! Comes in: all OpenSLO documents of one run. Goes out: objectives with references resolved across documents, and the
//! servers that the documents declare. Never reads a query language other than PromQL.

mod alerts;
mod catalogue;
mod indicator;
mod metadata;
mod objective;
mod resolver;
mod slo;
mod source;

use mapwarden_objective::Period;

use self::catalogue::{Catalogue, ObjectKind, OpenSloObject};
use self::resolver::Resolver;
use crate::document::Document;
use crate::loaded::Loaded;
use crate::yaml::Reader;

/// Reads all documents of one run.
pub(super) fn read(documents: &[Document], period: &Period, loaded: &mut Loaded) {
    let catalogue = Catalogue::of(documents, loaded);
    let resolver = Resolver::new(&catalogue, period);
    let mut take = |object: &OpenSloObject<'_>, read: &mut dyn FnMut(&mut Reader<'_>, &mut Loaded)| {
        let mut reader = object.document.reader();
        read(&mut reader, loaded);
        loaded.problems.append(&mut reader.problems);
        loaded.warnings.append(&mut reader.warnings);
    };
    for object in catalogue.all(ObjectKind::Slo) {
        take(object, &mut |reader, loaded| loaded.slos.extend(slo::slos(&resolver, reader, object)));
    }
    for object in catalogue.all(ObjectKind::DataSource) {
        take(object, &mut |reader, loaded| loaded.sources.extend(source::data_source(reader, object)));
    }
    resolver.is_unused.set(true);
    resolver.groups.take();
    for kind in ObjectKind::ALL {
        for object in catalogue.all(kind) {
            if !resolver.used.borrow().contains(&(kind, object.metadata.name.clone())) {
                take(object, &mut |reader, _| unused(&resolver, reader, kind, object));
            }
        }
    }
}

/// Reads an object that no objective uses, so that its problems are reported too.
fn unused(resolver: &Resolver<'_>, reader: &mut Reader<'_>, kind: ObjectKind, object: &OpenSloObject<'_>) {
    match kind {
        ObjectKind::Slo | ObjectKind::DataSource => return,
        ObjectKind::Service => {
            reader.object("spec", object.spec, &["description"]);
            return;
        }
        ObjectKind::Sli => {
            indicator::measure(resolver, reader, object.spec);
        }
        ObjectKind::AlertPolicy => {
            alerts::check_policy(resolver, reader, object.spec);
        }
        ObjectKind::AlertCondition => {
            alerts::condition(resolver, reader, object.spec);
        }
        ObjectKind::AlertNotificationTarget => alerts::target(reader, object.spec),
    }
    // An unused policy may use a condition, which is then reported as a part of the policy.
    if !resolver.used.borrow().contains(&(kind, object.metadata.name.clone())) {
        let message = format!("no objective uses the {} `{}`", kind.name(), object.metadata.name);
        reader.warn(object.document.root.referenced, message);
    }
}
