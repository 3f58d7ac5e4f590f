//! What comes in: counts over windows. What goes out: [`BudgetState`] for each objective. Never knows OTLP,
//! HTTP or a clock.

mod evaluate;
mod interval;
mod sequential;

pub use self::evaluate::evaluate;
pub(crate) use self::evaluate::time_left;
pub use self::interval::wilson;
pub use self::sequential::{Evidence, Sequential};
pub use crate::aggregate::Window;

use mapwarden::contract::{BudgetFraction, BurnRate, Count, Nanos, Ratio};
use serde::{Deserialize, Serialize};

/// How many bad events there must be before anybody is told. Lowered to 1, one failure at one request a minute pages for
/// a 99.9 % objective; raised, a total outage at that rate is found that many minutes later.
const MIN_BAD: Count = Count::new(5);

/// How loud an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Somebody looks at it during the day.
    Ticket,
    /// Somebody is woken.
    Page,
}

impl Severity {
    /// Both severities.
    pub const ALL: [Self; 2] = [Self::Ticket, Self::Page];

    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::Page => "page",
        }
    }
}

/// The four burn-rate tiers of the SRE workbook, chapter 5. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// 2 % of the budget in an hour.
    QuickPage,
    /// 5 % in six hours.
    SlowPage,
    /// 10 % in a day.
    QuickTicket,
    /// 10 % in three days.
    SlowTicket,
}

impl Tier {
    /// Every tier, loudest first.
    pub const ALL: [Self; 4] = [Self::QuickPage, Self::SlowPage, Self::QuickTicket, Self::SlowTicket];

    /// The label's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::QuickPage => "quick_page",
            Self::SlowPage => "slow_page",
            Self::QuickTicket => "quick_ticket",
            Self::SlowTicket => "slow_ticket",
        }
    }

    /// Who is told.
    pub const fn severity(self) -> Severity {
        match self {
            Self::QuickPage | Self::SlowPage => Severity::Page,
            Self::QuickTicket | Self::SlowTicket => Severity::Ticket,
        }
    }

    /// The long window: that the burn is significant.
    pub const fn long(self) -> Window {
        match self {
            Self::QuickPage => Window::H1,
            Self::SlowPage => Window::H6,
            Self::QuickTicket => Window::D1,
            Self::SlowTicket => Window::D3,
        }
    }

    /// The short window: that it still goes on.
    pub const fn short(self) -> Window {
        match self {
            Self::QuickPage => Window::M5,
            Self::SlowPage => Window::M30,
            Self::QuickTicket => Window::H2,
            Self::SlowTicket => Window::H6,
        }
    }

    /// The burn rate above which it fires: budget share x 30 days / long window.
    pub const fn factor(self) -> f64 {
        match self {
            Self::QuickPage => 14.4,
            Self::SlowPage => 6.0,
            Self::QuickTicket => 3.0,
            Self::SlowTicket => 1.0,
        }
    }
}

/// One window of one objective.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowBurn {
    /// The window.
    pub window: Window,
    /// Events that kept the objective.
    pub good: Count,
    /// Events that missed it.
    pub bad: Count,
    /// Bad of all; none where nothing was measured.
    pub error_ratio: Option<Ratio>,
    /// Error ratio over what is allowed; none where nothing was measured.
    pub burn_rate: Option<BurnRate>,
    /// Share of the window, since the objective is known, for which telemetry arrived.
    pub coverage: Option<Ratio>,
}

/// One tier of one objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierState {
    /// The tier.
    pub tier: Tier,
    /// Whether it can fire at all: `factor x (1 - target)` is at most 1.
    pub can_fire: bool,
    /// Whether both windows are over the factor, with enough evidence.
    pub is_firing: bool,
}

/// The budget of one objective at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetState {
    /// Every window, in the order of [`Window::ALL`].
    pub windows: Vec<WindowBurn>,
    /// What is left of the period's budget; none where nothing was measured.
    pub remaining: Option<BudgetFraction>,
    /// When it is spent at the burn of the last hour; none where it is not shrinking or spent already.
    pub exhausted_in: Option<Nanos>,
    /// Every tier, in the order of [`Tier::ALL`].
    pub tiers: Vec<TierState>,
    /// What the sequential test says; none where the target leaves no room for it.
    pub rise: Option<Rise>,
}

/// What the sequential test says of an objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Rise {
    /// The tier on whose behalf it looks: the loudest whose factor leaves room. A burn above that factor is a rise.
    pub tier: Tier,
    /// What speaks for a rise.
    pub evidence: Evidence,
    /// The share of the period's budget that was spent since the evidence began to grow.
    pub spent: f64,
    /// The share that must have been spent before anybody is told.
    pub share: f64,
    /// The test itself, as it goes on.
    test: Sequential,
}

impl Rise {
    /// Whether the error ratio has surely risen, and at a cost worth telling: `times` what is asked at first.
    pub fn is_firing(&self, times: f64) -> bool {
        self.evidence.is_conclusive() && self.spent >= self.share * times
    }
}
