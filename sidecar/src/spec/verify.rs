//! Comes in: everything that was loaded. Goes out: what is wrong between objectives, and what can never happen. Never
//! changes an objective.

use std::collections::BTreeMap;

use super::{BurnTier, Indicator, Loaded, Period, Slo};
use crate::yaml::{Origin, Problem};

/// The tiers of the SRE workbook (chapter 5), as (whether it pages, the share of the budget, the long window in
/// seconds): what holds where an objective has none of its own.
const WORKBOOK: [(bool, f64, f64); 4] =
    [(true, 0.02, 3_600.0), (true, 0.05, 21_600.0), (false, 0.1, 86_400.0), (false, 0.1, 259_200.0)];

/// Adds the problems and warnings of what was loaded.
pub(super) fn verify(loaded: &mut Loaded) {
    let mut problems = duplicates(&loaded.slos);
    problems.extend(members(&loaded.slos));
    loaded.warnings.extend(loaded.slos.iter().flat_map(never_fires));
    loaded.problems.append(&mut problems);
}

/// Objectives of which another one has the id.
fn duplicates(slos: &[Slo]) -> Vec<Problem> {
    let mut seen: BTreeMap<String, &Slo> = BTreeMap::new();
    let mut problems = Vec::new();
    for slo in slos {
        let id = slo.id();
        if let Some(first) = seen.get(&id) {
            let see = first.origin.as_ref().map(|origin| format!(", see {origin}")).unwrap_or_default();
            let accepted = "accepted is a name of its own within the service";
            problems.push(told(slo, format!("the objective `{id}` is here twice{see}: {accepted}")));
        } else {
            seen.insert(id, slo);
        }
    }
    problems
}

/// Composites of which a part is not there. Objectives that a service declares are not known yet, so that only parts of
/// a service of which there are others can be missed.
fn members(slos: &[Slo]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for slo in slos {
        let Indicator::Composite { members } = &slo.indicator else { continue };
        for member in members.iter().filter(|member| !slos.iter().any(|slo| slo.id() == member.slo)) {
            let message = format!("its part `{}` is no objective: accepted is the id of one", member.slo);
            problems.push(told(slo, format!("the composite `{}`: {message}", slo.id())));
        }
    }
    problems
}

/// Tiers that no outage can reach: when everything fails, the burn is 1 / (1 - target).
fn never_fires(slo: &Slo) -> Vec<Problem> {
    let budget = slo.target.complement().get();
    let is_raised = |is_page: bool| {
        let alert = if is_page { &slo.alerting.page } else { &slo.alerting.ticket };
        !alert.is_disabled
    };
    let tiers = tiers(slo).into_iter().filter(|tier| is_raised(tier.0) && tier.1 * budget >= 1.0);
    tiers
        .map(|(is_page, factor, hours)| {
            let kind = if is_page { "page" } else { "ticket" };
            let most = 1.0 / budget;
            told(
                slo,
                format!(
                    "the {kind} above {factor:.4} times the budget over {hours} h can never be raised: with the \
                     target {} an outage of everything burns {most:.4} times the budget",
                    slo.target.get()
                ),
            )
        })
        .collect()
}

/// Each tier as (whether it pages, the factor, the long window in hours).
fn tiers(slo: &Slo) -> Vec<(bool, f64, f64)> {
    if !slo.alerting.tiers.is_empty() {
        let one = |tier: &BurnTier| (tier.is_page, tier.factor, tier.long.as_secs_f64() / 3_600.0);
        return slo.alerting.tiers.iter().map(one).collect();
    }
    // Calendar periods differ by days; a month's is close enough to say what can never be.
    let period = match &slo.period {
        Period::Rolling(period) => period.as_secs_f64(),
        Period::Calendar(_) => 30.0 * 86_400.0,
    };
    WORKBOOK.map(|(is_page, share, long)| (is_page, share * period / long, long / 3_600.0)).to_vec()
}

fn told(slo: &Slo, message: String) -> Problem {
    let origin = slo.origin.clone().unwrap_or(Origin::Setting("an objective"));
    Problem { origin, message }
}
