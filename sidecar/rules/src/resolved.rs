//! Comes in: an objective. Goes out: the common parts of its rules: labels, selectors, windows, tiers, members, and the
//! allowed share of bad events. Never writes a rule.

use std::collections::{BTreeMap, BTreeSet};

use mapwarden_objective::{Indicator, Member, Method, Period, Queries, Slo};

use super::periods::Periods;
use super::tier::{self, RuleTier, rounded};
use super::window::RuleWindow;

/// The label with the id of the objective: `service-name`, as Sloth forms it.
pub(super) const ID: &str = "sloth_id";
/// The label with the service.
pub(super) const SERVICE: &str = "sloth_service";
/// The label with the name of the objective.
pub(super) const NAME: &str = "sloth_slo";
/// The label with the window of an error ratio.
pub(super) const WINDOW: &str = "sloth_window";
/// The label with the severity of an alert.
pub(super) const SEVERITY: &str = "sloth_severity";

/// An objective, resolved for rules.
#[derive(Debug)]
pub(super) struct ResolvedSlo<'a> {
    pub(super) slo: &'a Slo,
    /// `service-name`.
    pub(super) id: String,
    /// The labels of every series, without those of groups.
    pub(super) labels: BTreeMap<String, String>,
    /// The labels of groups.
    pub(super) groups: Vec<String>,
    /// The members of a composite; none where the objective counts events.
    pub(super) members: Vec<CompositeMember<'a>>,
    /// The allowed share of bad events.
    pub(super) allowed: f64,
    /// The period; for a calendar period, its nominal length.
    pub(super) period: RuleWindow,
    /// The periods of a calendar; none where the period rolls, and where rules cannot express them.
    pub(super) periods: Option<Periods>,
    pub(super) tiers: Vec<RuleTier>,
    /// Whether events are counted, so that a minimum and a confidence bound have a meaning.
    pub(super) is_counted: bool,
    /// Notes on differences between the rules and the objective.
    pub(super) notes: Vec<String>,
}

/// A member of a composite.
#[derive(Clone, Copy, Debug)]
pub(super) struct CompositeMember<'a> {
    pub(super) slo: &'a Slo,
    /// The weight; none where all members must keep their targets.
    pub(super) weight: Option<f64>,
}

impl CompositeMember<'_> {
    /// Returns the share of bad events that the member allows.
    pub(super) fn allowed(&self) -> f64 {
        allowed(self.slo)
    }
}

impl<'a> ResolvedSlo<'a> {
    /// Resolves an objective. `others` holds the members of a composite.
    ///
    /// # Errors
    /// A member is not among the others.
    pub(super) fn new(slo: &'a Slo, others: &'a [Slo]) -> Result<Self, String> {
        let members = members(slo, others)?;
        let mut notes = Vec::new();
        let labels = labels(slo);
        let id = id(slo);
        let is_held =
            if members.is_empty() { is_held(slo) } else { members.iter().all(|member| is_held(member.slo)) };
        let groups = if is_held {
            if !slo.group_by.is_empty() {
                notes.push(
                    "its groups have no rules of their own: sidecars serve one counter for all groups"
                        .to_owned(),
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
        Ok(Self { slo, id, labels, groups, members, allowed, period, periods, tiers, is_counted, notes })
    }

    /// Returns a selector of a series of this objective: `name{sloth_id="..",..}`.
    pub(super) fn series(&self, name: &str) -> String {
        series(self.slo, name)
    }

    /// Returns the id as the name of a file: letters, digits, hyphens, underscores and full stops.
    pub(super) fn file_stem(&self) -> String {
        let allowed = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        self.id.chars().map(allowed).collect::<String>().trim_start_matches('.').to_owned()
    }

    /// Returns an aggregation that keeps only the labels of groups.
    pub(super) fn fold(&self, operation: &str, inner: &str) -> String {
        if self.groups.is_empty() {
            format!("{operation} ({inner})")
        } else {
            format!("{operation} by ({}) ({inner})", self.groups.join(", "))
        }
    }

    /// Returns the labels by which series of this objective are joined.
    pub(super) fn joined_on(&self) -> String {
        let names = [ID, SERVICE, NAME].into_iter().chain(self.groups.iter().map(String::as_str));
        names.collect::<Vec<_>>().join(", ")
    }

    /// Returns the length of a time slice; none where every event counts.
    pub(super) fn time_slice(&self) -> Option<RuleWindow> {
        time_slice(self.slo)
    }

    /// Whether the period rolls, so that its budget is a window like others.
    pub(super) const fn is_rolling(&self) -> bool {
        matches!(self.slo.period, Period::Rolling(_))
    }

    /// Returns the windows with a recorded coverage: an hour, and the period where it is longer.
    pub(super) fn covered(&self) -> Vec<RuleWindow> {
        let period = Some(self.period).filter(|period| self.is_rolling() && *period > RuleWindow::HOUR);
        std::iter::once(RuleWindow::HOUR).chain(period).collect()
    }

    /// Returns every recorded window, shortest first: those of Sloth, those of the tiers, and the period.
    pub(super) fn windows(&self) -> BTreeSet<RuleWindow> {
        let mut windows: BTreeSet<_> =
            RuleWindow::RECORDED.into_iter().filter(|window| *window < self.period).collect();
        windows.extend(self.tiers.iter().flat_map(|tier| [tier.long, tier.short]));
        if let Some(slice) = self.time_slice() {
            windows.retain(|window| *window >= slice);
        }
        if self.is_rolling() {
            windows.insert(self.period);
        }
        windows
    }
}

/// Returns `service-name`.
fn id(slo: &Slo) -> String {
    format!("{}-{}", slo.service, slo.name)
}

/// Returns the three labels that identify an objective.
fn identity(slo: &Slo) -> [(&'static str, String); 3] {
    [(ID, id(slo)), (SERVICE, slo.service.clone()), (NAME, slo.name.clone())]
}

/// Returns the matchers that select the series of an objective: `sloth_id=".."` and so on.
pub(super) fn matchers(slo: &Slo) -> impl Iterator<Item = String> {
    identity(slo).into_iter().map(|(name, value)| format!("{name}={}", text(&value)))
}

/// Returns the labels of the series of an objective, without those of groups.
pub(super) fn labels(slo: &Slo) -> BTreeMap<String, String> {
    let own = slo.labels.iter().map(|(name, value)| (label_name(name), value.clone()));
    own.chain(identity(slo).map(|(name, value)| (name.to_owned(), value))).collect()
}

/// Returns a selector of a series of an objective.
pub(super) fn series(slo: &Slo, name: &str) -> String {
    format!("{name}{{{}}}", matchers(slo).collect::<Vec<_>>().join(","))
}

/// Returns the length of a time slice of an objective.
pub(super) fn time_slice(slo: &Slo) -> Option<RuleWindow> {
    match slo.method {
        Method::Occurrences => None,
        Method::Timeslices { slice, .. } | Method::RatioTimeslices { slice } => Some(RuleWindow::new(slice)),
    }
}

/// Whether sidecars serve the events, with one counter for each of their namespaces.
const fn is_held(slo: &Slo) -> bool {
    matches!(slo.indicator, Indicator::Events { .. } | Indicator::Latency { .. })
}

fn allowed(slo: &Slo) -> f64 {
    rounded(slo.target.complement().get())
}

fn members<'a>(slo: &Slo, others: &'a [Slo]) -> Result<Vec<CompositeMember<'a>>, String> {
    let Indicator::Composite { members } = &slo.indicator else { return Ok(Vec::new()) };
    let member = |member: &Member| {
        let slo = others.iter().find(|other| other.id() == member.slo);
        slo.map(|slo| CompositeMember { slo, weight: member.weight })
            .ok_or_else(|| format!("its member `{}` is not among the given objectives", member.slo))
    };
    members.iter().map(member).collect()
}

/// Returns the periods of a calendar, where rules can express them, and adds notes.
fn periods(period: &Period, nominal: RuleWindow, notes: &mut Vec<String>) -> Option<Periods> {
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
        Err(reason) => {
            notes.push(format!("the sidecar alone computes the budget of its period: {reason}"));
            None
        }
    }
}

/// Returns the length of a period; for a calendar period, the nominal length.
fn length(period: &Period) -> RuleWindow {
    match period {
        Period::Rolling(length) => RuleWindow::new(*length),
        Period::Calendar(calendar) => RuleWindow::days(calendar.round_days()),
    }
}

/// Returns a name that Prometheus accepts for a label. Other characters become underscores.
pub(super) fn label_name(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = name.chars().map(allowed).collect();
    let is_free = name.starts_with(|c: char| c.is_ascii_digit()) || name.starts_with("__") || name.is_empty();
    if is_free { format!("label_{name}") } else { name }
}

/// Returns a PromQL string.
pub(super) fn text(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
