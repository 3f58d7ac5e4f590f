//! Comes in: an objective. Goes out: what all of its rules share: labels, selectors, windows, tiers, and what a budget is
//! made of. Never writes a rule.

use std::collections::{BTreeMap, BTreeSet};

use super::calendar::Periods;
use super::tier::{self, Tier, rounded};
use super::window::Window;
use mapwarden_objective::{Indicator, Member, Method, Period, Queries, Slo};

/// The label that tells which objective a series is of: `service-name`, as Sloth forms it.
pub(super) const ID: &str = "sloth_id";
/// The service.
pub(super) const SERVICE: &str = "sloth_service";
/// The objective's name within the service.
pub(super) const NAME: &str = "sloth_slo";
/// The window of an error ratio.
pub(super) const WINDOW: &str = "sloth_window";
/// How loud an alert is.
pub(super) const SEVERITY: &str = "sloth_severity";

/// An objective as rules see it.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub(super) slo: &'a Slo,
    /// `service-name`.
    pub(super) id: String,
    /// The labels of every series, without those that tell groups apart.
    pub(super) labels: BTreeMap<String, String>,
    /// The labels that tell groups apart.
    pub(super) groups: Vec<String>,
    /// The objectives that it is composed of; none where it counts events.
    pub(super) parts: Vec<Part<'a>>,
    /// The share of bad events that is allowed.
    pub(super) allowed: f64,
    /// The period; for a calendar period, its nominal length.
    pub(super) period: Window,
    /// The periods of a calendar; none where the period rolls, and where rules cannot tell them.
    pub(super) periods: Option<Periods>,
    pub(super) tiers: Vec<Tier>,
    /// What is counted, so that a minimum and a confidence bound have a meaning.
    pub(super) is_counted: bool,
    /// What a reader should know of rules that are not as the objective says.
    pub(super) notes: Vec<String>,
}

/// An objective as a part of another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) slo: &'a Slo,
    /// Its weight; none where all parts must hold.
    pub(super) weight: Option<f64>,
}

impl Part<'_> {
    /// The share of bad events that the part itself allows.
    pub(super) fn allowed(&self) -> f64 {
        allowed(self.slo)
    }
}

impl<'a> Subject<'a> {
    /// An objective, whose parts are among others.
    ///
    /// # Errors
    /// One of them is not.
    pub(super) fn new(slo: &'a Slo, others: &'a [Slo]) -> Result<Self, String> {
        let parts = parts(slo, others)?;
        let mut notes = Vec::new();
        let labels = labels(slo);
        let id = id(slo);
        let is_held =
            if parts.is_empty() { is_held(slo) } else { parts.iter().all(|part| is_held(part.slo)) };
        let groups = if is_held {
            if !slo.group_by.is_empty() {
                notes.push(
                    "its groups are not told apart: sidecars serve one counter for all of them".to_owned(),
                );
            }
            vec!["namespace".to_owned()]
        } else {
            slo.group_by.iter().map(|name| label_name(name)).collect()
        };
        let allowed = allowed(slo);
        let period = length(&slo.period);
        let periods = periods(&slo.period, period, &mut notes);
        let (tiers, refused) = tier::tiers(slo, period, allowed);
        notes.extend(refused);
        let is_counted = match &slo.indicator {
            Indicator::Queried(queried) => !matches!(queried.queries, Queries::Ratio { .. }),
            Indicator::Events { .. } | Indicator::Latency { .. } | Indicator::Composite { .. } => true,
        };
        Ok(Self { slo, id, labels, groups, parts, allowed, period, periods, tiers, is_counted, notes })
    }

    /// A selector of one of this objective's series: `name{sloth_id="..",..}`.
    pub(super) fn series(&self, name: &str) -> String {
        series(self.slo, name)
    }

    /// The id as the name of a file: letters, digits, hyphens, underscores and full stops.
    pub(super) fn file_stem(&self) -> String {
        let allowed = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        self.id.chars().map(allowed).collect::<String>().trim_start_matches('.').to_owned()
    }

    /// An aggregation that keeps nothing but what tells groups apart.
    pub(super) fn fold(&self, operation: &str, inner: &str) -> String {
        if self.groups.is_empty() {
            format!("{operation} ({inner})")
        } else {
            format!("{operation} by ({}) ({inner})", self.groups.join(", "))
        }
    }

    /// The names of the labels by which this objective's series are joined.
    pub(super) fn joined_on(&self) -> String {
        let names = [ID, SERVICE, NAME].into_iter().chain(self.groups.iter().map(String::as_str));
        names.collect::<Vec<_>>().join(", ")
    }

    /// The length of a slice that counts once, where the objective says it; none where every event counts, or every minute.
    pub(super) fn timeslice(&self) -> Option<Window> {
        timeslice(self.slo)
    }

    /// Whether the period rolls, so that its budget is a window like others.
    pub(super) const fn is_rolling(&self) -> bool {
        matches!(self.slo.period, Period::Rolling(_))
    }

    /// The windows whose coverage is recorded: an hour, and the period where it is longer.
    pub(super) fn covered(&self) -> Vec<Window> {
        let period = Some(self.period).filter(|period| self.is_rolling() && *period > Window::HOUR);
        std::iter::once(Window::HOUR).chain(period).collect()
    }

    /// Every window that is recorded, shortest first: Sloth's, those of the tiers, and the period.
    pub(super) fn windows(&self) -> BTreeSet<Window> {
        let mut windows: BTreeSet<_> =
            Window::RECORDED.into_iter().filter(|window| *window < self.period).collect();
        windows.extend(self.tiers.iter().flat_map(|tier| [tier.long, tier.short]));
        if let Some(slice) = self.timeslice() {
            windows.retain(|window| *window >= slice);
        }
        if self.is_rolling() {
            windows.insert(self.period);
        }
        windows
    }
}

/// `service-name`.
fn id(slo: &Slo) -> String {
    format!("{}-{}", slo.service, slo.name)
}

/// The three labels that identify an objective.
fn identity(slo: &Slo) -> [(&'static str, String); 3] {
    [(ID, id(slo)), (SERVICE, slo.service.clone()), (NAME, slo.name.clone())]
}

/// What selects an objective's series by them: `sloth_id=".."` and so on.
pub(super) fn matchers(slo: &Slo) -> impl Iterator<Item = String> {
    identity(slo).into_iter().map(|(name, value)| format!("{name}={}", text(&value)))
}

/// The labels of an objective's series, without those that tell groups apart.
pub(super) fn labels(slo: &Slo) -> BTreeMap<String, String> {
    let own = slo.labels.iter().map(|(name, value)| (label_name(name), value.clone()));
    own.chain(identity(slo).map(|(name, value)| (name.to_owned(), value))).collect()
}

/// A selector of one of an objective's series.
pub(super) fn series(slo: &Slo, name: &str) -> String {
    format!("{name}{{{}}}", matchers(slo).collect::<Vec<_>>().join(","))
}

/// The length of a slice that counts once, where an objective says it.
pub(super) fn timeslice(slo: &Slo) -> Option<Window> {
    match slo.method {
        Method::Occurrences => None,
        Method::Timeslices { slice, .. } | Method::RatioTimeslices { slice } => Some(Window::new(slice)),
    }
}

/// Whether sidecars serve its events, one counter for each of their namespaces.
const fn is_held(slo: &Slo) -> bool {
    matches!(slo.indicator, Indicator::Events { .. } | Indicator::Latency { .. })
}

fn allowed(slo: &Slo) -> f64 {
    rounded(slo.target.complement().get())
}

fn parts<'a>(slo: &Slo, others: &'a [Slo]) -> Result<Vec<Part<'a>>, String> {
    let Indicator::Composite { members } = &slo.indicator else { return Ok(Vec::new()) };
    let part = |member: &Member| {
        let slo = others.iter().find(|other| other.id() == member.slo);
        slo.map(|slo| Part { slo, weight: member.weight })
            .ok_or_else(|| format!("its part `{}` is not among the objectives that are given", member.slo))
    };
    members.iter().map(part).collect()
}

/// The calendar of a period, where rules can tell it, and what a reader should know of it.
fn periods(period: &Period, nominal: Window, notes: &mut Vec<String>) -> Option<Periods> {
    let Period::Calendar(calendar) = period else { return None };
    notes.push(format!("its burn windows and their factors are as for {nominal}"));
    match Periods::new(calendar) {
        Ok(periods) => {
            if periods.is_dated() {
                notes.push(
                    "the budget of its period ends with 2040: the changes of clocks are written into the rules"
                        .to_owned(),
                );
            }
            Some(periods)
        }
        Err(why) => {
            notes.push(format!("the budget of its period is left to the sidecar: {why}"));
            None
        }
    }
}

/// A period's length; of a calendar's, the nominal one.
fn length(period: &Period) -> Window {
    match period {
        Period::Rolling(length) => Window::new(*length),
        Period::Calendar(calendar) => Window::days(calendar.round_days()),
    }
}

/// A name that Prometheus takes for a label: whatever else becomes an underscore.
pub(super) fn label_name(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = name.chars().map(allowed).collect();
    let is_free = name.starts_with(|c: char| c.is_ascii_digit()) || name.starts_with("__") || name.is_empty();
    if is_free { format!("label_{name}") } else { name }
}

/// A string in PromQL.
pub(super) fn text(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
