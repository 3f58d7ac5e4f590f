//! Comes in: an `AlertWindows` document. Goes out: the burn-rate tiers of every objective of that period. Never reads
//! an objective.

use mapwarden_contract::Nanos;
use mapwarden_objective::{BurnTier, Origin, Severity};

use crate::document::Document;
use crate::field;
use crate::yaml::{Fields, Node, Reader};

/// The tiers of a period.
#[derive(Clone, Debug)]
pub(crate) struct AlertWindows {
    /// The rolling period of the objectives that get the tiers.
    pub(crate) period: Nanos,
    /// The tiers, quick before slow and pages before tickets.
    pub(crate) tiers: Vec<BurnTier>,
    /// Where they were written.
    pub(crate) origin: Origin,
}

/// Reads a catalogue of one period.
pub(crate) fn windows(reader: &mut Reader<'_>, document: &Document) -> Option<AlertWindows> {
    let accepted = ["apiVersion", "kind", "metadata", "spec"];
    let root = reader.object("the document", &document.root, &accepted)?;
    let node = reader.required("the document", &root, "spec")?;
    let spec = reader.object("spec", node, &["sloPeriod", "page", "ticket"])?;
    let period = reader.required("spec", &spec, "sloPeriod");
    let period = period.and_then(|node| field::span(reader, "sloPeriod", node));
    let mut tiers = Vec::new();
    for severity in [Severity::Page, Severity::Ticket] {
        let name = severity.name();
        let Some(fields) = part(reader, "spec", &spec, name, &["quick", "slow"]) else { continue };
        for speed in ["quick", "slow"] {
            tiers.extend(tier(reader, (severity, &fields), speed, period));
        }
    }
    // Each problem was reported; a catalogue without one of the tiers would be another catalogue.
    (tiers.len() == 4).then(|| AlertWindows {
        period: period.unwrap_or_default(),
        tiers,
        origin: reader.origin(node.referenced),
    })
}

fn part<'n>(
    reader: &mut Reader<'_>,
    of: &str,
    fields: &Fields<'n>,
    name: &str,
    accepted: &[&str],
) -> Option<Fields<'n>> {
    let node: &Node = reader.required(of, fields, name)?;
    reader.object(name, node, accepted)
}

/// Reads one tier. Its factor is the burn rate that spends the share of the budget within the long window (SRE
/// workbook, chapter 5).
fn tier(
    reader: &mut Reader<'_>,
    (severity, of): (Severity, &Fields<'_>),
    name: &str,
    period: Option<Nanos>,
) -> Option<BurnTier> {
    let accepted = ["errorBudgetPercent", "shortWindow", "longWindow"];
    let fields = part(reader, "page or ticket", of, name, &accepted)?;
    let node = reader.required(name, &fields, "errorBudgetPercent")?;
    let percent = reader.number("errorBudgetPercent", node)?;
    if !(percent > 0.0 && percent <= 100.0) {
        let message =
            format!("`errorBudgetPercent` is {percent}: accepted is a percentage above 0 and up to 100");
        reader.problem(node.referenced, message);
        return None;
    }
    let mut window = |name: &str, of: &str| {
        let node = reader.required(of, &fields, name)?;
        field::span(reader, name, node)
    };
    let (short, long) = (window("shortWindow", name), window("longWindow", name));
    let (short, long) = (short?, long?);
    if long <= short {
        let message = "`longWindow` is not longer than `shortWindow`, so that the long window adds nothing";
        reader.warn(fields.location(), message.to_owned());
    }
    let period = period?;
    if long > period {
        let message = "`longWindow` is longer than `sloPeriod`: accepted is a part of the period";
        reader.problem(fields.location(), message.to_owned());
        return None;
    }
    let factor = percent / 100.0 * period.as_secs_f64() / long.as_secs_f64();
    Some(BurnTier { severity, long, short, factor })
}
