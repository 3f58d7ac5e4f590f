//! Comes in: the plugins that a document names. Goes out: problems and warnings. A plugin is code that Sloth runs, so
//! that only the effect of a known one is covered. Never runs a plugin.

use super::fields::SlothFields;
use crate::field;
use crate::spelling::Spelling;
use crate::yaml::{Node, Reader};

/// What happens to the effect of a known plugin.
#[derive(Clone, Copy)]
enum PluginEffect {
    /// Mapwarden has the effect without the plugin.
    Covered,
    /// The effect is missing: this is left out.
    LeftOut(&'static str),
}

/// Sloth's own plugins, without their version.
const KNOWN: [(&str, PluginEffect); 11] = [
    ("sloth.dev/core/alert_rules", PluginEffect::Covered),
    ("sloth.dev/core/debug", PluginEffect::Covered),
    ("sloth.dev/core/metadata_rules", PluginEffect::Covered),
    ("sloth.dev/core/noop", PluginEffect::Covered),
    ("sloth.dev/core/sli_rules", PluginEffect::Covered),
    ("sloth.dev/core/validate", PluginEffect::Covered),
    ("sloth.dev/contrib/alert_for", PluginEffect::Covered),
    // Ratios are of sums here, which is the correction that the plugin makes.
    ("sloth.dev/contrib/denominator_corrected_rules", PluginEffect::Covered),
    (
        "sloth.dev/contrib/info_labels",
        PluginEffect::LeftOut("labels of `sloth_slo_info`: write them as `labels`"),
    ),
    ("sloth.dev/contrib/rule_intervals", PluginEffect::LeftOut("intervals of rule groups")),
    (
        "sloth.dev/contrib/sli_total_amount",
        PluginEffect::LeftOut("recorded totals: read `mapwarden:sli_total` instead"),
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
        let location = fields.get("id").map_or(node.referenced, |node| node.referenced);
        let bare = id.rsplit_once("/v").map_or(id.as_str(), |(bare, _)| bare);
        match KNOWN.iter().find(|(known, _)| *known == bare) {
            Some((_, PluginEffect::Covered)) => {}
            Some((_, PluginEffect::LeftOut(what))) => {
                reader.warn(location, format!("the plugin `{id}` is not run, which leaves out {what}"));
            }
            None => {
                let message = format!(
                    "the plugin `{id}` is code that Sloth runs and Mapwarden does not: accepted is the document without \
                     it, with what it makes written as `sli`, `labels` and `annotations`"
                );
                reader.problem(location, message);
            }
        }
    }
}

/// Refuses an SLI plugin; the message says what to write instead.
pub(super) fn refuse_sli(reader: &mut Reader<'_>, node: &Node, spelling: Spelling) {
    let Some(part) = SlothFields::open(reader, "plugin", node, &["id", "options"], spelling) else { return };
    let id = part.required(reader, "plugin", "id").and_then(|node| reader.text("id", node));
    let (error, total) = (spelling.of("error_query"), spelling.of("total_query"));
    let message = format!(
        "the SLI plugin `{}` is code that Sloth runs and Mapwarden does not: accepted is `events` with the `{error}` and \
         `{total}` that it makes (`sloth generate` shows them)",
        id.unwrap_or_default()
    );
    reader.problem(node.referenced, message);
}
