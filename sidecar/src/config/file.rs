//! Comes in: the text of `mapwarden.yaml`. Goes out: a [`Config`] with its values over the defaults.
//! Never reads another file.

use std::collections::HashSet;

use mapwarden_contract::Nanos;

use super::slos::rolling;
use super::{Config, Contract, ContractMode, Probe, ProbeTarget, Sink, objective, source};
use mapwarden_objective::{Period, Slo};
use mapwarden_slo::declaration::{Node, Reader, address, host_port, web_url};

/// The keys of the file.
const KEYS: [&str; 13] = [
    "otlp_http",
    "admin",
    "data_dir",
    "contract",
    "slos",
    "slo_files",
    "slo_period",
    "sources",
    "probes",
    "sinks",
    "templates",
    "max_body",
    "max_series",
];

/// The defaults of [`Probe::every`] and [`Probe::timeout`].
const PROBE_EVERY: Nanos = Nanos::from_secs(10);
const PROBE_TIMEOUT: Nanos = Nanos::from_secs(1);

/// Reads the whole document into `config`; the `period` of a flag overrides that of the file.
pub(super) fn read(reader: &mut Reader<'_>, document: &Node, period: Option<&Period>, config: &mut Config) {
    let Some(fields) = reader.object("the file", document, &KEYS) else { return };
    let mut set_address = |name, target: &mut std::net::SocketAddr| {
        let found = fields.get(name).and_then(|node| reader.checked(name, node, address));
        *target = found.unwrap_or(*target);
    };
    set_address("otlp_http", &mut config.otlp_http);
    set_address("admin", &mut config.admin);
    config.data_dir = fields.get("data_dir").and_then(|node| reader.path("data_dir", node));
    config.templates = fields.get("templates").and_then(|node| reader.path("templates", node));
    if let Some(node) = fields.get("contract") {
        contract(reader, node, &mut config.contract);
    }
    let paths = reader.list("slo_files", fields.get("slo_files"));
    config.slo_files = paths.iter().filter_map(|node| reader.path("slo_files", node)).collect();
    let of_file = fields.get("slo_period").and_then(|node| reader.checked("slo_period", node, rolling));
    config.slo_period = period.cloned().or(of_file).unwrap_or_else(|| config.slo_period.clone());
    let slos = reader.list("slos", fields.get("slos"));
    let objective =
        |reader: &mut Reader<'_>, node: &Node| objective::objective(reader, node, &config.slo_period);
    config.slos = unique(reader, slos, objective, Slo::id);
    let sources = reader.list("sources", fields.get("sources"));
    config.sources = unique(reader, sources, source::source, |source| source.name.clone());
    let probes = reader.list("probes", fields.get("probes"));
    config.probes = unique(reader, probes, probe, |probe| probe.name.clone());
    if let Some(node) = fields.get("sinks") {
        let sinks = reader.list("sinks", Some(node));
        config.sinks = unique(reader, sinks, sink, |sink| sink.name().to_owned());
    }
    let size = |reader: &mut Reader<'_>, name, range| {
        fields.get(name).and_then(|node| reader.size(name, node, range))
    };
    // Below 1 KiB, no real request fits; above 1 GiB one request could take all memory.
    config.max_body = size(reader, "max_body", 1 << 10..=1 << 30).unwrap_or(config.max_body);
    config.max_series = size(reader, "max_series", 1..=10_000_000).unwrap_or(config.max_series);
}

/// Reads the members of a list; a repeated name is a problem.
fn unique<T>(
    reader: &mut Reader<'_>,
    nodes: &[Node],
    mut read: impl FnMut(&mut Reader<'_>, &Node) -> Option<T>,
    name: impl Fn(&T) -> String,
) -> Vec<T> {
    let mut names = HashSet::new();
    let mut values = Vec::new();
    for node in nodes {
        let Some(value) = read(reader, node) else { continue };
        let name = name(&value);
        if names.contains(&name) {
            reader.problem(
                node.referenced,
                format!("`{name}` is declared twice: accepted is a name of its own"),
            );
        }
        names.insert(name);
        values.push(value);
    }
    values
}

fn contract(reader: &mut Reader<'_>, node: &Node, contract: &mut Contract) {
    let Some(fields) = reader.object("contract", node, &["required", "mode"]) else { return };
    if let Some(node) = fields.get("required") {
        let names = reader.list("required", Some(node));
        contract.required = names.iter().filter_map(|name| reader.text("required", name)).collect();
    }
    let mode = |text: &str| match text {
        "warn" => Ok(ContractMode::Warn),
        "enforce" => Ok(ContractMode::Enforce),
        _ => Err(format!("`{text}` is not a mode: accepted are warn and enforce")),
    };
    let mode = fields.get("mode").and_then(|node| reader.checked("mode", node, mode));
    contract.mode = mode.unwrap_or(contract.mode);
}

fn probe(reader: &mut Reader<'_>, node: &Node) -> Option<Probe> {
    let fields = reader.object("probes[]", node, &["name", "http", "tcp", "every", "timeout"])?;
    let name = reader.required_text("probes[]", &fields, "name");
    let target = match (fields.get("http"), fields.get("tcp")) {
        (Some(node), None) => reader.checked("http", node, web_url).map(ProbeTarget::Http),
        (None, Some(node)) => reader.checked("tcp", node, host_port).map(ProbeTarget::Tcp),
        (None, None) | (Some(_), Some(_)) => {
            let message = "a probe uses either `http` or `tcp`: accepted is exactly one";
            reader.problem(node.referenced, message.to_owned());
            None
        }
    };
    let mut span = |name, default| match fields.get(name) {
        None => Some(default),
        Some(node) => reader.duration(name, node),
    };
    let (every, timeout) = (span("every", PROBE_EVERY), span("timeout", PROBE_TIMEOUT));
    Some(Probe { name: name?, target: target?, every: every?, timeout: timeout? })
}

fn sink(reader: &mut Reader<'_>, node: &Node) -> Option<Sink> {
    let kinds = ["stdout", "webhook", "alertmanager"];
    let fields = reader.object("sinks[]", node, &kinds)?;
    let present = kinds.map(|kind| fields.get(kind));
    match present {
        [Some(node), None, None] => reader.object("stdout", node, &[]).map(|_| Sink::Stdout),
        [None, Some(node), None] => {
            let (name, url) = named_url(reader, "webhook", node)?;
            Some(Sink::Webhook { name, url })
        }
        [None, None, Some(node)] => {
            let (name, url) = named_url(reader, "alertmanager", node)?;
            Some(Sink::Alertmanager { name, url })
        }
        _ => {
            let message = format!("a sink is one of {}: accepted is exactly one", kinds.join(", "));
            reader.problem(node.referenced, message);
            None
        }
    }
}

/// Reads the name and the URL of a sink; a sink without a name is named after its kind.
fn named_url(reader: &mut Reader<'_>, kind: &str, node: &Node) -> Option<(String, String)> {
    let fields = reader.object(kind, node, &["name", "url"])?;
    let name = match fields.get("name") {
        None => Some(kind.to_owned()),
        Some(node) => reader.text("name", node),
    };
    let url = reader.required(kind, &fields, "url").and_then(|node| reader.checked("url", node, web_url));
    Some((name?, url?))
}
