//! A scenario as its file has it, and the counters that its processes report. `tests/scenarios/README.md` explains the
//! keys.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use mapwarden_objective::{Calendar, CalendarUnit, Period};
use serde::{Deserialize, Serialize};

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    #[expect(dead_code, reason = "the table's name for it")]
    title: String,
    pub(super) target: f64,
    start: Timestamp,
    pub(super) every: u64,
    pub(super) end: u64,
    period: Option<Month>,
    #[serde(default)]
    clock: Vec<Step>,
    pub(super) processes: Vec<Process>,
    pub(super) answer: Answer,
}

/// A period of the calendar.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Month {
    unit: Unit,
    start: DateTime,
    zone: String,
}

/// Its unit.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Unit {
    Month,
}

/// A step of the clock.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    at: u64,
    ahead: i64,
}

/// One process of the service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Process {
    pub(super) name: String,
    #[serde(default)]
    pub(super) from: u64,
    until: Option<u64>,
    #[serde(default)]
    unseen: u64,
    #[serde(default)]
    pub(super) errors_from: u64,
    load: Vec<Load>,
}

/// Events at regular times.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Load {
    from: i64,
    until: i64,
    every: i64,
    #[serde(default)]
    events: u64,
    #[serde(default)]
    bad: u64,
}

/// What was worked out by hand.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    pub(super) budgets: Vec<Budget>,
    pub(super) alerts: Vec<Alert>,
}

/// A budget at a moment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Budget {
    pub(super) at: u64,
    pub(super) total: u64,
    pub(super) bad: u64,
    pub(super) left: f64,
}

/// A tier that fires, from its first second until the one in which it does no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Alert {
    pub(super) tier: String,
    pub(super) from: u64,
    pub(super) until: Option<u64>,
}

impl Scenario {
    /// The period of its budget.
    pub(super) fn period(&self) -> Period {
        self.period.as_ref().map_or(Period::DEFAULT, |Month { unit: Unit::Month, start, zone }| {
            let zone = TimeZone::get(zone).unwrap();
            Period::Calendar(Calendar { start: *start, count: 1, unit: CalendarUnit::Month, zone })
        })
    }

    /// What the clock shows at a second of the scenario, in seconds since 1970.
    pub(super) fn shown(&self, second: u64) -> u64 {
        let ahead = self.clock.iter().rev().find(|step| step.at <= second).map_or(0, |step| step.ahead);
        u64::try_from(self.start.as_second()).unwrap() + second.checked_add_signed(ahead).unwrap()
    }
}

impl Process {
    /// What it reports at a second, as (all, bad) since it began; none where it reports nothing.
    pub(super) fn reported(&self, second: u64) -> Option<(u64, u64)> {
        let lives = second >= self.from + self.unseen && self.until.is_none_or(|until| second <= until);
        lives.then(|| {
            let sum = |count: fn(&Load) -> u64| {
                self.load.iter().map(|load| load.times(self.from, second) * count(load)).sum()
            };
            (sum(|load| load.events), sum(|load| load.bad))
        })
    }
}

impl Load {
    /// How often it comes in `(from, to]`.
    fn times(&self, from: u64, to: u64) -> u64 {
        let until = |second: u64| {
            let second = i64::try_from(second).unwrap().min(self.until);
            (second - self.from).max(0) / self.every
        };
        u64::try_from((until(to) - until(from)).max(0)).unwrap()
    }
}
