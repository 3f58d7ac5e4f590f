//! Comes in: a `metricSource`, or a `DataSource`. Goes out: a query and the server that answers it, or series that the
//! sidecar holds. Never reads credentials.

use mapwarden_contract::Nanos;
use mapwarden_objective::{Matcher, Selector};

use super::catalogue::{ObjectKind, OpenSloObject};
use super::resolver::{Resolver, follow};
use crate::field;
use crate::query::{self, Query, Template};
use crate::source::DataSource;
use crate::yaml::{Fields, Node, Reader, YamlValue, web_url};

/// Types that answer PromQL, in lower case.
const PROMETHEUS: [&str; 5] = ["prometheus", "thanos", "mimir", "cortex", "victoriametrics"];

/// Types that name series of the sidecar.
const HELD: [&str; 2] = ["mapwarden", "otlp"];

/// The source of a number.
#[derive(Clone, Debug)]
pub(super) enum MetricSource {
    /// A query to a server.
    Queried {
        /// The name of the server; none for the default one.
        source: Option<String>,
        /// The query.
        query: Query,
    },
    /// Series that the sidecar holds.
    Held {
        /// The series.
        selector: Selector,
        /// The duration that a `value` of 1 stands for.
        unit: Nanos,
    },
}

/// Reads `good`, `bad`, `total`, `raw` or `thresholdMetric`.
pub(super) fn source(
    resolver: &Resolver<'_>,
    reader: &mut Reader<'_>,
    name: &str,
    node: &Node,
    template: Template,
) -> Option<MetricSource> {
    let fields = reader.object(name, node, &["metricSource"])?;
    let node = reader.required(name, &fields, "metricSource")?;
    let fields = reader.object("metricSource", node, &["metricSourceRef", "type", "spec"])?;
    let (kind, source) = kind(resolver, reader, node, &fields)?;
    let is = |kinds: &[&str]| kinds.contains(&kind.to_ascii_lowercase().as_str());
    if !is(&PROMETHEUS) && !is(&HELD) {
        let accepted = [PROMETHEUS.as_slice(), HELD.as_slice()].concat().join(", ");
        let location = fields.get("type").unwrap_or(node);
        let message = format!("the source type `{kind}` is not read: accepted are {accepted}");
        resolver.refuse(reader, location, message);
        return None;
    }
    let spec = reader.required("metricSource", &fields, "spec")?;
    if is(&HELD) { held(reader, spec) } else { queried(reader, spec, source, template) }
}

/// Reads the type of a source and its name, which stand in place or in the object that is referred to.
fn kind(
    resolver: &Resolver<'_>,
    reader: &mut Reader<'_>,
    node: &Node,
    fields: &Fields<'_>,
) -> Option<(String, Option<String>)> {
    let declared = fields.get("type").and_then(|node| reader.text("type", node));
    let Some(reference) = fields.get("metricSourceRef") else {
        if declared.is_none() && fields.get("type").is_none() {
            let message = "`metricSource` lacks `type`: accepted is one, or a `metricSourceRef`";
            reader.problem(node.referenced, message.to_owned());
        }
        return declared.map(|kind| (kind, None));
    };
    let name = reader.text("metricSourceRef", reference)?;
    let Some(object) = resolver.catalogue.get(ObjectKind::DataSource, &name) else {
        let Some(kind) = declared else {
            resolver.find(reader, ObjectKind::DataSource, "metricSourceRef", reference);
            return None;
        };
        if PROMETHEUS.contains(&kind.to_ascii_lowercase().as_str()) {
            let message = format!(
                "no DataSource `{name}` is among the files: the configuration must have a source of that name"
            );
            reader.warn(reference.referenced, message);
        }
        return Some((kind, Some(name)));
    };
    let there = follow(reader, object, declared_type)?;
    match declared {
        Some(kind) if !kind.eq_ignore_ascii_case(&there) => {
            let message = format!(
                "`type` is `{kind}`, but the DataSource `{name}` is a `{there}`: accepted is the same"
            );
            reader.problem(node.referenced, message);
            None
        }
        Some(_) | None => Some((there, Some(name))),
    }
}

fn queried(
    reader: &mut Reader<'_>,
    node: &Node,
    source: Option<String>,
    template: Template,
) -> Option<MetricSource> {
    let fields = reader.any_object("spec", node)?;
    for (key, location) in fields.keys().filter(|(key, _)| !["query", "promql"].contains(key)) {
        reader.warn(location, format!("`{key}` is not used: accepted is `query`, in PromQL"));
    }
    let (name, node) = match (fields.get("query"), fields.get("promql")) {
        (Some(node), None) => ("query", node),
        (None, Some(node)) => ("promql", node),
        (None, None) | (Some(_), Some(_)) => {
            let message = "`spec` has its PromQL in `query`: accepted is exactly one";
            reader.problem(node.referenced, message.to_owned());
            return None;
        }
    };
    let query = query::read(reader, name, node, template)?;
    Some(MetricSource::Queried { source, query })
}

fn held(reader: &mut Reader<'_>, node: &Node) -> Option<MetricSource> {
    let fields = reader.object("spec", node, &["metric", "where", "unit"])?;
    let metric = reader.required_text("spec", &fields, "metric");
    let matching = field::pairs(reader, "where", fields.get("where"));
    let matching = matching.into_iter().map(|(attribute, pattern)| Matcher { attribute, pattern }).collect();
    let unit = |text: &str| match text {
        "s" => Ok(Nanos::from_secs(1)),
        "ms" => Ok(Nanos::from_millis(1)),
        "us" => Ok(Nanos::new(1_000)),
        _ => Err(format!("`{text}` is not a unit: accepted are s, ms and us")),
    };
    let unit = match fields.get("unit") {
        None => Some(Nanos::from_secs(1)),
        Some(node) => reader.checked("unit", node, unit),
    };
    Some(MetricSource::Held { selector: Selector { metric: metric?, matching }, unit: unit? })
}

fn declared_type(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let fields = reader.object("spec", node, &["description", "type", "connectionDetails"])?;
    reader.required_text("spec", &fields, "type")
}

/// Reads a `DataSource`. Returns none for a type that does not answer PromQL.
pub(super) fn data_source(reader: &mut Reader<'_>, object: &OpenSloObject<'_>) -> Option<DataSource> {
    let kind = declared_type(reader, object.spec)?;
    let name = object.metadata.name.clone();
    if !PROMETHEUS.contains(&kind.to_ascii_lowercase().as_str()) {
        if !HELD.contains(&kind.to_ascii_lowercase().as_str()) {
            let accepted = PROMETHEUS.join(", ");
            let message =
                format!("the DataSource `{name}` is a `{kind}`, which is not read: accepted are {accepted}");
            reader.warn(object.document.root.referenced, message);
        }
        return None;
    }
    let fields = reader.any_object("spec", object.spec)?;
    let url = fields.get("connectionDetails").and_then(|node| connection(reader, node));
    let origin = reader.origin(object.document.root.referenced);
    Some(DataSource { name, url, origin })
}

/// Reads the URL in an object or in a list of objects.
fn connection(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let parts =
        if let YamlValue::List(parts) = &node.value { parts.as_slice() } else { std::slice::from_ref(node) };
    let mut url = None;
    for part in parts {
        let Some(fields) = reader.any_object("connectionDetails", part) else { continue };
        for (key, location) in fields.keys() {
            if key.eq_ignore_ascii_case("url") {
                url = fields.get(key).and_then(|node| reader.checked(key, node, web_url)).or(url);
            } else {
                let message = "is not read: other settings of a server belong into the configuration";
                reader.warn(location, format!("`{key}` {message}"));
            }
        }
    }
    url
}
