//! Comes in: Sloth's `alerting`. Goes out: the names, labels and annotations of alerts. Never reads a tier.

use mapwarden_objective::{Alert, Alerting};

use super::fields::SlothFields;
use crate::field;
use crate::spelling::Spelling;
use crate::yaml::{Node, Reader};

/// Reads `alerting`. The tiers come from an `AlertWindows` document.
pub(super) fn alerting(reader: &mut Reader<'_>, node: &Node, spelling: Spelling) -> Alerting {
    let accepted = ["name", "labels", "annotations", "page_alert", "ticket_alert"];
    let Some(part) = SlothFields::open(reader, "alerting", node, &accepted, spelling) else {
        return Alerting::default();
    };
    let mut one =
        |name: &str| part.get(name).map(|node| alert(reader, name, node, spelling)).unwrap_or_default();
    let (page, ticket) = (one("page_alert"), one("ticket_alert"));
    Alerting {
        name: field::optional_text(reader, &part.fields, "name"),
        labels: field::labels(reader, "labels", part.get("labels")),
        annotations: field::labels(reader, "annotations", part.get("annotations")),
        page,
        ticket,
        tiers: Vec::new(),
    }
}

fn alert(reader: &mut Reader<'_>, name: &str, node: &Node, spelling: Spelling) -> Alert {
    let accepted = ["disable", "labels", "annotations", "for"];
    let Some(part) = SlothFields::open(reader, name, node, &accepted, spelling) else {
        return Alert::default();
    };
    let is_disabled = part.get("disable").and_then(|node| reader.truth("disable", node));
    Alert {
        is_disabled: is_disabled.unwrap_or_default(),
        labels: field::labels(reader, "labels", part.get("labels")),
        annotations: field::labels(reader, "annotations", part.get("annotations")),
        after: part.get("for").and_then(|node| field::span(reader, "for", node)).unwrap_or_default(),
    }
}
