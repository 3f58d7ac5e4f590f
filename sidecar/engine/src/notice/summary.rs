//! The line of a notice that a pager shows. Comes in: a notice with its evidence. Goes out: text.

use mapwarden_contract::Nanos;

use super::content::Notice;
use super::known::Known;
use super::patterns;
use crate::aggregate::objective::{ObjectiveState, SliKind};

/// Returns one line for a pager: what, how bad, how many users, and the most suspicious change.
pub(super) fn summary(notice: &Notice, objective: &ObjectiveState) -> String {
    let percent = |value: f64| format!("{:.2}%", value * 100.0);
    let sli = notice.slis.first();
    let change = sli.and_then(|sli| match (sli.baseline.value(), sli.current.value()) {
        (Some(before), Some(now)) => Some(format!("{} {} -> {}", sli.name, percent(*before), percent(*now))),
        (None, Some(now)) => Some(format!("{} {}", sli.name, percent(*now))),
        (_, None) => None,
    });
    let mut line = change.unwrap_or_else(|| objective.definition.sli.name().to_owned());
    let target = percent(objective.definition.target.get()).replace(".00%", "%");
    match objective.definition.sli {
        SliKind::Freshness { threshold } => {
            line.push_str(&format!(" (target {target}, last write at most {} ago)", seconds(threshold)));
        }
        SliKind::Availability | SliKind::Latency { .. } | SliKind::HitRatio => {
            line.push_str(&format!(" (target {target})"));
        }
    }
    line.push_str(&staleness(notice, objective).unwrap_or_default());
    if let Some(users) = notice.impact.affected_users.value() {
        let regions = notice.impact.regions.value().and_then(|regions| {
            regions
                .iter()
                .max_by(|a, b| a.1.get().total_cmp(&b.1.get()))
                .map(|(name, share)| format!(", {:.0}% {name}", share.get() * 100.0))
        });
        let tenants = notice.impact.affected_tenants.value();
        let tenants = tenants.map(|tenants| format!(" of {tenants} tenants"));
        line.push_str(&format!(
            ", {users} users{}{}",
            tenants.unwrap_or_default(),
            regions.unwrap_or_default()
        ));
    }
    if let Some(change) = patterns::suspect(notice) {
        line.push_str(&format!(", suspect {}", patterns::name_of(change)));
    }
    line
}

/// The map that was not written, and for how long; none where the objective is not a freshness.
fn staleness(notice: &Notice, objective: &ObjectiveState) -> Option<String> {
    let (SliKind::Freshness { .. }, Known::Value(map)) = (objective.definition.sli, &notice.map) else {
        return None;
    };
    Some(format!(", {} not written for {}", map.name, seconds(map.without_write?)))
}

fn seconds(span: Nanos) -> String {
    format!("{:.0} s", span.as_secs_f64())
}
