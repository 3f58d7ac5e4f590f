//! Comes in: everything that was loaded. Goes out: problems between objectives, and warnings of tiers that can never
//! fire. Never changes an objective.

use std::collections::BTreeMap;

use mapwarden_contract::{Nanos, Ratio};
use mapwarden_objective::{BurnTier, Indicator, MIN_BAD, Method, Origin, Period, Slo, workbook};

use crate::loaded::Loaded;
use crate::yaml::Problem;

/// Adds the problems and warnings between the loaded objectives.
pub(super) fn verify(loaded: &mut Loaded) {
    let mut problems = duplicates(&loaded.slos);
    problems.extend(members(&loaded.slos));
    loaded.warnings.extend(loaded.slos.iter().flat_map(never_fires));
    loaded.problems.append(&mut problems);
}

/// Reports objectives with the id of another one.
fn duplicates(slos: &[Slo]) -> Vec<Problem> {
    let mut seen: BTreeMap<String, &Slo> = BTreeMap::new();
    let mut problems = Vec::new();
    for slo in slos {
        let id = slo.id();
        if let Some(first) = seen.get(&id) {
            let see = first.origin.as_ref().map(|origin| format!(", see {origin}")).unwrap_or_default();
            let accepted = "accepted is a name of its own within the service";
            problems
                .push(problem_of(slo, format!("the objective `{id}` is declared twice{see}: {accepted}")));
        } else {
            seen.insert(id, slo);
        }
    }
    problems
}

/// Reports composites with a member that no file declares.
fn members(slos: &[Slo]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for slo in slos {
        let Indicator::Composite { members } = &slo.indicator else { continue };
        for member in members.iter().filter(|member| !slos.iter().any(|slo| slo.id() == member.slo)) {
            let message =
                format!("its member `{}` is not an objective: accepted is the id of one", member.slo);
            problems.push(problem_of(slo, format!("the composite `{}`: {message}", slo.id())));
        }
    }
    problems
}

/// Reports tiers that no outage can reach, with the reason and what is accepted.
fn never_fires(slo: &Slo) -> Vec<Problem> {
    let is_raised = |tier: &BurnTier| !slo.alerting.alert(tier.severity).is_disabled;
    let never = |tier: BurnTier| {
        let reason =
            beyond_an_outage(&tier, slo.target).or_else(|| too_few_time_slices(&tier, &slo.method))?;
        let kind = tier.severity.name();
        let (factor, long) = (short(tier.factor), hours(tier.long));
        let alert = format!("the {kind} above {factor} times the budget over {long} can never be raised");
        Some(problem_of(slo, format!("{alert}: {reason}")))
    };
    tiers(slo).into_iter().filter(is_raised).filter_map(never).collect()
}

/// When everything fails, the burn rate is 1 / (1 - target), and no more.
fn beyond_an_outage(tier: &BurnTier, target: Ratio) -> Option<String> {
    let budget = target.complement().get();
    (!tier.can_fire(budget)).then(|| {
        let (most, least) = (short(1.0 / budget), short(1.0 - 1.0 / tier.factor));
        format!(
            "with the target {} an outage of everything burns {most} times the budget: accepted is a factor below {most}, \
             or a target above {least}",
            target.get()
        )
    })
}

/// No alert is raised for fewer than [`MIN_BAD`] bad events, which here are time slices.
fn too_few_time_slices(tier: &BurnTier, method: &Method) -> Option<String> {
    let slice = match method {
        Method::Occurrences => return None,
        Method::Timeslices { slice, .. } | Method::RatioTimeslices { slice } => *slice,
    };
    let least = Nanos::from_secs(1).max(slice).get().saturating_mul(MIN_BAD.get());
    (tier.long.get() < least).then(|| {
        format!(
            "it asks for {MIN_BAD} bad time slices, which take {}: accepted are a window of that length and time slices of \
             at most {}",
            hours(Nanos::new(least)),
            hours(Nanos::new(tier.long.get() / MIN_BAD.get()))
        )
    })
}

fn tiers(slo: &Slo) -> Vec<BurnTier> {
    if !slo.alerting.tiers.is_empty() {
        return slo.alerting.tiers.clone();
    }
    // Calendar periods differ by days; nominal lengths are close enough to find what can never fire.
    let period = match &slo.period {
        Period::Rolling(period) => *period,
        Period::Calendar(calendar) => Nanos::from_secs(86_400 * calendar.round_days()),
    };
    // A tier with a window longer than the period is not evaluated.
    workbook(period).into_iter().filter(|tier| tier.long <= period).collect()
}

/// Formats a number with at most four digits after the point.
fn short(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn hours(span: Nanos) -> String {
    format!("{} h", short(span.as_secs_f64() / 3_600.0))
}

fn problem_of(slo: &Slo, message: String) -> Problem {
    let origin = slo.origin.clone().unwrap_or(Origin::Setting("an objective"));
    Problem { origin, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load_text;
    use mapwarden_objective::{Selector, Severity};

    fn slo(target: f64) -> Slo {
        let series = Selector { metric: "requests".to_owned(), matching: Vec::new() };
        let indicator = Indicator::Events { total: series.clone(), bad: series };
        Slo::new("shop", "answered", Ratio::new(target).unwrap(), indicator)
    }

    fn warnings_of(slo: &Slo) -> Vec<String> {
        never_fires(slo).into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn tiers_beyond_a_total_outage_are_reported() {
        assert_eq!(warnings_of(&slo(0.999)), Vec::<String>::new());
        let warnings = warnings_of(&slo(0.9));
        assert_eq!(
            warnings,
            [
                "the page above 14.4 times the budget over 1 h can never be raised: with the target 0.9 an outage of \
              everything burns 10 times the budget: accepted is a factor below 10, or a target above 0.9306"
            ]
        );
        let mut own = slo(0.99);
        let tier = |severity, factor| BurnTier {
            severity,
            long: Nanos::from_secs(3_600),
            short: Nanos::from_secs(300),
            factor,
        };
        own.alerting.tiers =
            vec![tier(Severity::Page, 99.0), tier(Severity::Page, 101.0), tier(Severity::Ticket, 200.0)];
        let warnings = warnings_of(&own);
        assert!(warnings.len() == 2 && warnings[0].starts_with("the page above 101 times"), "{warnings:?}");
        own.alerting.page.is_disabled = true;
        let warnings = warnings_of(&own);
        assert!(warnings.len() == 1 && warnings[0].starts_with("the ticket above 200 times"), "{warnings:?}");
    }

    #[test]
    fn tiers_with_too_few_time_slices_are_reported() {
        let slices = |minutes: u64| {
            let slice = Nanos::from_secs(60 * minutes);
            warnings_of(&Slo { method: Method::RatioTimeslices { slice }, ..slo(0.999) })
        };
        assert_eq!(slices(12), Vec::<String>::new());
        assert_eq!(
            slices(15),
            [
                "the page above 14.4 times the budget over 1 h can never be raised: it asks for 5 bad time slices, which \
              take 1.25 h: accepted are a window of that length and time slices of at most 0.2 h"
            ]
        );
        assert_eq!(slices(90).len(), 2);
    }

    #[test]
    fn unreachable_tiers_of_a_file_have_their_line() {
        let condition = "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: answered}\nspec:\n  service: shop\n  \
            indicator: {metadata: {name: a}, spec: {ratioMetric: {total: {metricSource: {type: otlp, spec: {metric: a}}}, \
            bad: {metricSource: {type: otlp, spec: {metric: b}}}}}}\n  timeWindow: [{duration: 30d, isRolling: true}]\n  \
            budgetingMethod: Occurrences\n  objectives:\n    - {target: 0.95}\n  alertPolicies:\n    - kind: AlertPolicy\n      \
            metadata: {name: p}\n      spec: {conditions: [{kind: AlertCondition, metadata: {name: c}, spec: {severity: page, \
            condition: {kind: burnrate, op: gt, threshold: 30, lookbackWindow: 1h, alertAfter: 5m}}}], notificationTargets: \
            [{kind: AlertNotificationTarget, metadata: {name: t}, spec: {target: slack}}]}\n";
        let windows = "apiVersion: sloth.slok.dev/v1\nkind: AlertWindows\nspec:\n  sloPeriod: 30d\n  page:\n    \
            quick: {errorBudgetPercent: 50, shortWindow: 5m, longWindow: 1h}\n    \
            slow: {errorBudgetPercent: 5, shortWindow: 30m, longWindow: 6h}\n  ticket:\n    \
            quick: {errorBudgetPercent: 10, shortWindow: 2h, longWindow: 1d}\n    \
            slow: {errorBudgetPercent: 10, shortWindow: 6h, longWindow: 3d}\n---\nversion: prometheus/v1\nservice: shop\nslos:\n  \
            - name: answered\n    objective: 99\n    sli: {raw: {error_ratio_query: 'a[{{.window}}]'}}\n";
        let windows = windows.replace("a[{{.window}}]", "sum(rate(a[{{.window}}]))");
        for (text, expected) in [
            (
                condition,
                "f.yaml:10:7: the page above 30 times the budget over 1 h can never be raised: with the target 0.95",
            ),
            (
                &windows,
                "f.yaml:15:5: the page above 360 times the budget over 1 h can never be raised: with the target 0.99",
            ),
        ] {
            let loaded = load_text(std::path::Path::new("f.yaml"), text, &Period::DEFAULT);
            let warnings: Vec<String> = loaded.warnings.iter().map(Problem::to_string).collect();
            let found = warnings.iter().filter(|warning| warning.starts_with(expected)).count();
            assert_eq!(found, 1, "{warnings:?} {:?}", loaded.problems);
        }
    }
}
