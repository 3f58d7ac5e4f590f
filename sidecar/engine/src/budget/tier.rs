//! The burn-rate tiers of an objective. Comes in: its terms. Goes out: [`Tier`]s. Never counts an event.

use std::borrow::Cow;

use mapwarden_contract::{Nanos, Ratio};

use crate::aggregate::Window;
use crate::aggregate::terms::{EnabledAlerts, Terms};
use mapwarden_objective::Severity;

/// A burn-rate tier: it fires when a budget burns faster than a factor, over a long and a short window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tier {
    name: TierName,
    severity: Severity,
    long: Window,
    short: Window,
    factor: f64,
}

/// The name of a tier. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TierName {
    QuickPage,
    SlowPage,
    QuickTicket,
    SlowTicket,
    /// A tier of the objective's own, named by its severity and windows.
    Own,
}

impl Tier {
    /// 2 % of the budget in an hour.
    pub const QUICK_PAGE: Self = Self {
        name: TierName::QuickPage,
        severity: Severity::Page,
        long: Window::H1,
        short: Window::M5,
        factor: 14.4,
    };
    /// 5 % in six hours.
    pub const SLOW_PAGE: Self = Self {
        name: TierName::SlowPage,
        severity: Severity::Page,
        long: Window::H6,
        short: Window::M30,
        factor: 6.0,
    };
    /// 10 % in a day.
    pub const QUICK_TICKET: Self = Self {
        name: TierName::QuickTicket,
        severity: Severity::Ticket,
        long: Window::D1,
        short: Window::H2,
        factor: 3.0,
    };
    /// 10 % in three days.
    pub const SLOW_TICKET: Self = Self {
        name: TierName::SlowTicket,
        severity: Severity::Ticket,
        long: Window::D3,
        short: Window::H6,
        factor: 1.0,
    };

    /// The tiers of the SRE workbook, chapter 5, for 30 days, loudest first.
    pub const ALL: [Self; 4] = [Self::QUICK_PAGE, Self::SLOW_PAGE, Self::QUICK_TICKET, Self::SLOW_TICKET];

    /// Returns the tiers that an objective's terms name, loudest first; where they name none, those of the SRE workbook. Those
    /// spend the same share of the budget in the same windows with any period (`factor = share x period / long
    /// window`), and those with a long window longer than the period are left out.
    pub fn of(terms: &Terms) -> Vec<Self> {
        let length = terms.length();
        let mut tiers: Vec<Self> = if terms.tiers.is_empty() {
            Self::ALL
                .into_iter()
                .filter(|tier| tier.long.length() <= length)
                .map(|tier| tier.scaled(length))
                .collect()
        } else {
            let own = |tier: &mapwarden_objective::BurnTier| Self {
                name: TierName::Own,
                severity: tier.severity,
                long: Window::new(tier.long),
                short: Window::new(tier.short),
                factor: tier.factor,
            };
            terms.tiers.iter().map(own).collect()
        };
        tiers.retain(|tier| match (terms.alerts, tier.severity) {
            (EnabledAlerts::Both, Severity::Page | Severity::Ticket)
            | (EnabledAlerts::Pages, Severity::Page)
            | (EnabledAlerts::Tickets, Severity::Ticket) => true,
            (EnabledAlerts::Pages, Severity::Ticket)
            | (EnabledAlerts::Tickets, Severity::Page)
            | (EnabledAlerts::Neither, Severity::Page | Severity::Ticket) => false,
        });
        tiers.sort_by(|one, other| {
            other.severity.cmp(&one.severity).then(other.factor.total_cmp(&one.factor))
        });
        tiers
    }

    /// Returns the same tier for another period.
    fn scaled(self, period: Nanos) -> Self {
        if period == Window::D30.length() {
            return self;
        }
        let factor = self.factor * period.as_secs_f64() / Window::D30.length().as_secs_f64();
        Self { factor, ..self }
    }

    /// Returns the label's value: for a tier of the objective's own, its severity and windows, `page_1h_5m`.
    pub fn name(self) -> Cow<'static, str> {
        match self.name {
            TierName::QuickPage => Cow::Borrowed("quick_page"),
            TierName::SlowPage => Cow::Borrowed("slow_page"),
            TierName::QuickTicket => Cow::Borrowed("quick_ticket"),
            TierName::SlowTicket => Cow::Borrowed("slow_ticket"),
            TierName::Own => Cow::Owned(format!("{}_{}_{}", self.severity.name(), self.long, self.short)),
        }
    }

    /// Whether it pages or opens a ticket.
    pub const fn severity(self) -> Severity {
        self.severity
    }

    /// The long window, which shows that the burn is significant.
    pub const fn long(self) -> Window {
        self.long
    }

    /// The short window, which shows that it continues.
    pub const fn short(self) -> Window {
        self.short
    }

    /// The burn rate above which it fires.
    pub const fn factor(self) -> f64 {
        self.factor
    }

    /// Whether it can fire at all: a burn rate is at most 1 over what the target allows, and must be above the factor.
    pub fn can_fire(self, allowed: Ratio) -> bool {
        self.factor * allowed.get() < 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mapwarden_objective::{BurnTier, Period};

    #[test]
    fn tiers_spend_the_same_share_with_any_period() {
        let factors = |days: u64| {
            let period = Period::Rolling(Nanos::from_secs(days * 86_400));
            let tiers = Tier::of(&Terms { period, ..Terms::default() });
            tiers.into_iter().map(|tier| (tier.factor() * 1_000.0).round() / 1_000.0).collect::<Vec<_>>()
        };
        assert_eq!(factors(30), [14.4, 6.0, 3.0, 1.0]);
        assert_eq!(factors(28), [13.44, 5.6, 2.8, 0.933]);
        assert_eq!(factors(90), [43.2, 18.0, 9.0, 3.0]);
        assert_eq!(factors(2), [0.96, 0.4, 0.2], "three days are longer than two");
    }

    #[test]
    fn a_tier_at_the_burn_of_a_total_outage_cannot_fire() {
        let tier = |factor| {
            let window = Nanos::from_secs(3_600);
            let tiers = vec![BurnTier { severity: Severity::Page, long: window, short: window, factor }];
            Tier::of(&Terms { tiers, ..Terms::default() }).remove(0)
        };
        let half = Ratio::new(0.5).unwrap();
        assert_eq!([1.9, 2.0, 2.1].map(|factor| tier(factor).can_fire(half)), [true, false, false]);
    }

    #[test]
    fn own_tiers_are_loudest_first_and_only_enabled_ones() {
        let tier = |severity, long, factor| BurnTier {
            severity,
            long: Nanos::from_secs(long),
            short: Nanos::from_secs(long / 12),
            factor,
        };
        let tiers = vec![
            tier(Severity::Ticket, 86_400, 2.0),
            tier(Severity::Page, 3_600, 10.0),
            tier(Severity::Page, 1_800, 20.0),
        ];
        let names = |alerts| {
            let terms = Terms { tiers: tiers.clone(), alerts, ..Terms::default() };
            Tier::of(&terms).into_iter().map(Tier::name).collect::<Vec<_>>()
        };
        assert_eq!(names(EnabledAlerts::Both), ["page_30m_150s", "page_1h_5m", "ticket_1d_2h"]);
        assert_eq!(names(EnabledAlerts::Tickets), ["ticket_1d_2h"]);
        assert!(names(EnabledAlerts::Neither).is_empty());
    }
}
