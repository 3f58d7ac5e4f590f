//! Comes in: the period, the target and the tiers of an objective. Goes out: the tiers that can fire, and the reasons
//! why the others cannot. Never writes a rule.

use mapwarden_contract::Nanos;
use mapwarden_objective::{BurnTier, Method, Severity, Slo, workbook};

use super::window::{RuleWindow, SLOT};

/// A burn-rate tier with windows of whole seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RuleTier {
    pub(super) severity: Severity,
    pub(super) long: RuleWindow,
    pub(super) short: RuleWindow,
    /// The burn rate above which it fires.
    pub(super) factor: f64,
}

/// Returns the tiers of an objective that can fire, and a note for each of the others.
pub(super) fn tiers(slo: &Slo, period: RuleWindow, allowed: f64) -> (Vec<RuleTier>, Vec<String>) {
    let (mut kept, mut notes) = (Vec::new(), Vec::new());
    for declared in declared(slo, period) {
        let BurnTier { severity, long, short, factor } = declared;
        let tier = RuleTier { severity, long: RuleWindow::new(long), short: RuleWindow::new(short), factor };
        match objection(slo, &declared, period, allowed) {
            None => kept.push(tier),
            Some(reason) => {
                let RuleTier { severity, long, short, factor } = tier;
                let factor = number(factor);
                notes
                    .push(format!("the {} over {long} and {short} above {factor} {reason}", severity.name()));
            }
        }
    }
    (kept, notes)
}

/// Returns the tiers that the objective declares, or those of the workbook.
fn declared(slo: &Slo, period: RuleWindow) -> Vec<BurnTier> {
    if slo.alerting.tiers.is_empty() {
        workbook(Nanos::from_secs(period.seconds())).to_vec()
    } else {
        slo.alerting.tiers.clone()
    }
}

/// Returns the reason why a tier is left out; none where it can fire.
fn objection(slo: &Slo, tier: &BurnTier, period: RuleWindow, allowed: f64) -> Option<String> {
    let slice = match slo.method {
        Method::Occurrences => RuleWindow::new(Nanos::from_secs(SLOT)),
        Method::Timeslices { slice, .. } | Method::RatioTimeslices { slice } => RuleWindow::new(slice),
    };
    if !tier.can_fire(allowed) {
        let share = number(tier.factor * allowed * 100.0);
        Some(format!("can never fire: it asks for more than {share} % bad events"))
    } else if RuleWindow::new(tier.short) < slice {
        Some(format!("has a window that is shorter than a time slice of {slice}"))
    } else if RuleWindow::new(tier.long) > period {
        Some(format!("looks further back than the period of {period}"))
    } else {
        None
    }
}

/// Formats a number with 12 significant digits, without the noise of binary fractions.
pub(super) fn number(value: f64) -> String {
    rounded(value).to_string()
}

/// Returns the number that [`number`] prints.
pub(super) fn rounded(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use mapwarden_contract::Ratio;

    use super::*;
    use mapwarden_objective::{Indicator, Selector};

    fn slo(target: f64) -> Slo {
        let series = Selector { metric: "requests".to_owned(), matching: Vec::new() };
        let indicator = Indicator::Events { total: series.clone(), bad: series };
        Slo::new("shop", "availability", Ratio::new(target).unwrap(), indicator)
    }

    #[test]
    fn factors_follow_the_period() {
        let factors = |days| {
            let (tiers, _) = tiers(&slo(0.999), RuleWindow::days(days), 0.001);
            tiers.iter().map(|tier| number(tier.factor)).collect::<Vec<_>>()
        };
        assert_eq!(factors(30), ["14.4", "6", "3", "1"]);
        assert_eq!(factors(28), ["13.44", "5.6", "2.8", "0.933333333333"]);
        assert_eq!(factors(1), ["0.48", "0.2", "0.1"], "three days are longer than the period");
    }

    #[test]
    fn a_tier_that_can_never_fire_is_left_out() {
        let (kept, notes) = tiers(&slo(0.9), RuleWindow::days(30), 0.1);
        assert_eq!(kept.len(), 3);
        assert_eq!(
            notes,
            ["the page over 1h and 5m above 14.4 can never fire: it asks for more than 144 % bad events"]
        );
    }

    #[test]
    fn own_tiers_replace_those_of_the_workbook() {
        let mut slo = slo(0.999);
        let hours = |hours: u64| Nanos::from_secs(hours * 3_600);
        slo.alerting.tiers =
            vec![BurnTier { severity: Severity::Page, long: hours(2), short: hours(1), factor: 10.0 }];
        let (kept, notes) = tiers(&slo, RuleWindow::days(30), 0.001);
        assert_eq!((kept.len(), notes.len()), (1, 0));
        assert_eq!((kept[0].long.to_string(), number(kept[0].factor)), ("2h".to_owned(), "10".to_owned()));
    }

    #[test]
    fn numbers_are_printed_without_noise() {
        for (value, text) in
            [(1.0 - 0.999, "0.001"), (14.4 * (1.0 - 0.999), "0.0144"), (30.0, "30"), (1e-7, "0.0000001")]
        {
            assert_eq!(number(value), text);
        }
    }
}
