//! Comes in: the plugins that a document names. Goes out: nothing but what is told of them: a plugin is code that Sloth
//! runs, so that only the effect of a known one can be had.

use super::Part;
use crate::yaml::{Node, Reader};
use crate::{Spelling, field};

/// What becomes of a known plugin.
#[derive(Clone, Copy)]
enum Effect {
    /// What it does is done without it.
    Had,
    /// What it does is left out; this is what is missing.
    Left(&'static str),
}

/// Sloth's own plugins, without their version.
const KNOWN: [(&str, Effect); 11] = [
    ("sloth.dev/core/alert_rules", Effect::Had),
    ("sloth.dev/core/debug", Effect::Had),
    ("sloth.dev/core/metadata_rules", Effect::Had),
    ("sloth.dev/core/noop", Effect::Had),
    ("sloth.dev/core/sli_rules", Effect::Had),
    ("sloth.dev/core/validate", Effect::Had),
    ("sloth.dev/contrib/alert_for", Effect::Had),
    // Ratios are of sums here, which is what it corrects.
    ("sloth.dev/contrib/denominator_corrected_rules", Effect::Had),
    ("sloth.dev/contrib/info_labels", Effect::Left("labels of `sloth_slo_info`: write them as `labels`")),
    ("sloth.dev/contrib/rule_intervals", Effect::Left("intervals of rule groups")),
    (
        "sloth.dev/contrib/sli_total_amount",
        Effect::Left("recorded totals: ask `mapwarden`'s own counts instead"),
    ),
];

/// Reads a chain of SLO plugins.
pub(super) fn chain(reader: &mut Reader<'_>, name: &str, node: &Node) {
    let Some(fields) = reader.object(name, node, &["overridePrevious", "override_previous", "chain"]) else {
        return;
    };
    for node in reader.list("chain", fields.get("chain")) {
        let Some(fields) = reader.object("chain[]", node, &["id", "config", "priority"]) else { continue };
        let Some(id) = field::required_name(reader, "chain[]", &fields, "id") else { continue };
        let place = fields.get("id").map_or(node.referenced, |node| node.referenced);
        let bare = id.rsplit_once("/v").map_or(id.as_str(), |(bare, _)| bare);
        match KNOWN.iter().find(|(known, _)| *known == bare) {
            Some((_, Effect::Had)) => {}
            Some((_, Effect::Left(what))) => {
                reader.warn(place, format!("the plugin `{id}` is not run, which leaves out {what}"));
            }
            None => {
                let message = format!(
                    "the plugin `{id}` is code that Sloth runs and this does not: accepted is the document without \
                     it, with what it makes written as `sli`, `labels` and `annotations`"
                );
                reader.problem(place, message);
            }
        }
    }
}

/// Refuses an SLI plugin, and says what to write instead.
pub(super) fn refuse_sli(reader: &mut Reader<'_>, node: &Node, spelling: Spelling) {
    let Some(part) = Part::open(reader, "plugin", node, &["id", "options"], spelling) else { return };
    let id = part.required(reader, "plugin", "id").and_then(|node| reader.text("id", node));
    let (error, total) = (spelling.of("error_query"), spelling.of("total_query"));
    let message = format!(
        "the SLI plugin `{}` is code that Sloth runs and this does not: accepted is `events` with the `{error}` and \
         `{total}` that it makes (`sloth generate` shows them)",
        id.unwrap_or_default()
    );
    reader.problem(node.referenced, message);
}
