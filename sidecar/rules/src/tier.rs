//! Comes in: an objective's period, target and own tiers. Goes out: the tiers that can fire, and why the others
//! cannot.

use mapwarden_contract::Nanos;

use super::window::{SLICE, Window};
use mapwarden_objective::Severity;
use mapwarden_objective::{BurnTier, Method, Slo, workbook};

/// One burn-rate tier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tier {
    pub(super) severity: Severity,
    pub(super) long: Window,
    pub(super) short: Window,
    /// The burn rate above which it fires.
    pub(super) factor: f64,
}

/// The tiers of an objective that can fire, and a note for each of the others.
pub(super) fn tiers(slo: &Slo, period: Window, allowed: f64) -> (Vec<Tier>, Vec<String>) {
    let (mut kept, mut notes) = (Vec::new(), Vec::new());
    for tier in declared(slo, period) {
        match objection(slo, &tier, period, allowed) {
            None => kept.push(tier),
            Some(why) => {
                let Tier { severity, long, short, factor } = tier;
                let factor = number(factor);
                notes.push(format!("the {} over {long} and {short} above {factor} {why}", severity.name()));
            }
        }
    }
    (kept, notes)
}

fn declared(slo: &Slo, period: Window) -> Vec<Tier> {
    let told = |tier: &BurnTier| Tier {
        severity: tier.severity,
        long: Window::new(tier.long),
        short: Window::new(tier.short),
        factor: tier.factor,
    };
    if slo.alerting.tiers.is_empty() {
        workbook(Nanos::from_secs(period.seconds())).iter().map(told).collect()
    } else {
        slo.alerting.tiers.iter().map(told).collect()
    }
}

/// Why a tier is left out; none where it can fire.
fn objection(slo: &Slo, tier: &Tier, period: Window, allowed: f64) -> Option<String> {
    let slice = match slo.method {
        Method::Occurrences => Window::new(Nanos::from_secs(SLICE)),
        Method::Timeslices { slice, .. } | Method::RatioTimeslices { slice } => Window::new(slice),
    };
    let most = tier.factor * allowed;
    if most >= 1.0 {
        let share = number(most * 100.0);
        Some(format!("can never fire: it asks for more than {share} % bad events"))
    } else if tier.short < slice {
        Some(format!("has a window that is shorter than a slice of {slice}"))
    } else if tier.long > period {
        Some(format!("looks further back than the period of {period}"))
    } else {
        None
    }
}

/// A number without the noise of binary fractions: 12 significant digits.
pub(super) fn number(value: f64) -> String {
    rounded(value).to_string()
}

/// The number that [`number`] prints.
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
            let (tiers, _) = tiers(&slo(0.999), Window::days(days), 0.001);
            tiers.iter().map(|tier| number(tier.factor)).collect::<Vec<_>>()
        };
        assert_eq!(factors(30), ["14.4", "6", "3", "1"]);
        assert_eq!(factors(28), ["13.44", "5.6", "2.8", "0.933333333333"]);
        assert_eq!(factors(1), ["0.48", "0.2", "0.1"], "three days are longer than the period");
    }

    #[test]
    fn a_tier_that_can_never_fire_is_left_out_and_told() {
        let (kept, notes) = tiers(&slo(0.9), Window::days(30), 0.1);
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
        let (kept, notes) = tiers(&slo, Window::days(30), 0.001);
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
