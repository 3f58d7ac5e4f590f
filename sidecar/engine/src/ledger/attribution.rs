//! What spent a budget. Comes in: an objective's events by place, and its map's operations. Goes out: bad events by
//! version, region, map and operation. Never returns a part that is not counted: bad events of no known part are the
//! rest, with the reason, so that parts and rest sum to the whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use mapwarden_contract::{Count, Nanos, Outcome, Ratio, UnixNanos};
use serde::{Deserialize, Serialize};

use crate::aggregate::objective::{About, ObjectiveState, Place, SliKind};
use crate::aggregate::slot::{Counts, Level};
use crate::aggregate::slots::Until;
use crate::aggregate::{OTHER, WindowView};

use super::time_range::TimeRange;
use mapwarden_objective::Method;

/// What spent a budget since a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// The moment: the start of a slot.
    pub since: UnixNanos,
    /// Bad events since then: the whole that each dimension divides.
    pub bad: Count,
    /// The share of the period's budget that these events spent; none where nothing was measured.
    pub spent: Option<f64>,
    /// The whole, divided in several ways.
    pub by: Vec<Division>,
}

/// The whole, divided in one way.
#[derive(Clone, Debug, PartialEq)]
pub struct Division {
    /// The way it is divided.
    pub dimension: Dimension,
    /// The parts, the largest first; none of them is zero.
    pub parts: Vec<AttributedPart>,
    /// Bad events of no known part; none where every part is known.
    pub rest: Option<Unattributed>,
}

/// A way to divide bad events. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// By the service's version.
    Version,
    /// By region.
    Region,
    /// By map.
    Map,
    /// By operation and outcome of the map.
    Operation,
}

impl Dimension {
    /// The name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Region => "region",
            Self::Map => "map",
            Self::Operation => "operation",
        }
    }
}

/// Bad events of one version, region, map or operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributedPart {
    /// A version, a region, a map, or an operation and an outcome as `insert rejected`.
    pub name: String,
    /// How many bad events.
    pub bad: Count,
}

/// Bad events of no known part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unattributed {
    /// How many bad events.
    pub bad: Count,
    /// Why the part is not known.
    pub why: String,
}

/// Returns what spent an objective's budget over a period; `raw` are the events of the period.
pub(super) fn of_period(
    view: &WindowView<'_>,
    objective: &ObjectiveState,
    period: TimeRange,
    raw: Counts,
) -> Attribution {
    // Places are kept by the minute, and further back by two hours: what lies before the first whole slot is the rest.
    let width = if is_fine(period.from, view) { Level::Minute } else { Level::TwoHours }.width().get();
    let from = UnixNanos::new(period.from.get().div_ceil(width) * width);
    let interval = AttributedInterval { since: period.from, from, until: Until::Through(view.now) };
    attribution(view, objective, interval, (raw.bad, raw))
}

/// Returns what spent an objective's budget in a fault, from its onset to its end; `raw` are the events of the period.
pub(crate) fn of_fault(
    view: &WindowView<'_>,
    objective: &ObjectiveState,
    (onset, until): (UnixNanos, Until),
    raw: Counts,
) -> Attribution {
    // Beyond the fine slots, places are kept two hours wide: the whole is then summed over the same slots.
    let width = Level::TwoHours.width().get();
    let since = if is_fine(onset, view) { onset } else { UnixNanos::new(onset.get() / width * width) };
    let bad = objective.slots().between(since, until, view.now).bad;
    attribution(view, objective, AttributedInterval { since, from: since, until }, (bad, raw))
}

fn is_fine(since: UnixNanos, view: &WindowView<'_>) -> bool {
    view.now.since(since) < Level::Minute.reach()
}

/// The time of the bad events that are divided.
#[derive(Clone, Copy)]
struct AttributedInterval {
    /// Its start.
    since: UnixNanos,
    /// The time from which places are known.
    from: UnixNanos,
    /// Its end.
    until: Until,
}

/// Divides bad events in every way.
fn attribution(
    view: &WindowView<'_>,
    objective: &ObjectiveState,
    interval: AttributedInterval,
    (bad, raw): (Count, Counts),
) -> Attribution {
    let allowed = objective.definition.target.complement().get();
    let spent = Ratio::of(bad, raw.total()).map(|share| share.get() / allowed);
    let by = match objective.terms().method {
        Method::Occurrences => vec![
            by_place(view, objective, interval, (Dimension::Version, bad)),
            by_place(view, objective, interval, (Dimension::Region, bad)),
            by_map(objective, bad),
            by_operation(view, objective, interval, bad),
        ],
        Method::Timeslices { .. } | Method::RatioTimeslices { .. } => {
            let all = [Dimension::Version, Dimension::Region, Dimension::Map, Dimension::Operation];
            let why = "the budget counts time slices, which belong to no single place";
            all.map(|dimension| division(dimension, bad, BTreeMap::new(), why)).into()
        }
    };
    Attribution { since: interval.since, bad, spent, by }
}

/// Divides the whole into parts and a rest. Parts that sum to more than the whole are dropped: they count something else.
fn division(dimension: Dimension, whole: Count, parts: BTreeMap<String, Count>, why: &str) -> Division {
    let attributed: Count = parts.values().copied().sum();
    let is_consistent = attributed <= whole;
    let mut parts: Vec<AttributedPart> = parts
        .into_iter()
        .filter(|(_, bad)| is_consistent && *bad > Count::ZERO)
        .map(|(name, bad)| AttributedPart { name, bad })
        .collect();
    parts.sort_by(|a, b| b.bad.cmp(&a.bad).then_with(|| a.name.cmp(&b.name)));
    let left = if is_consistent { whole - attributed } else { whole };
    let why = if is_consistent { why } else { "the known parts do not count the same events as bad" };
    let rest = (left > Count::ZERO).then(|| Unattributed { bad: left, why: why.to_owned() });
    Division { dimension, parts, rest }
}

fn by_place(
    view: &WindowView<'_>,
    objective: &ObjectiveState,
    AttributedInterval { from, until, .. }: AttributedInterval,
    (dimension, whole): (Dimension, Count),
) -> Division {
    let name = |place: &Place| match dimension {
        Dimension::Region => place.region.clone(),
        Dimension::Version | Dimension::Map | Dimension::Operation => place.version.clone(),
    };
    let mut parts: BTreeMap<String, Count> = BTreeMap::new();
    for (place, slots) in objective.places() {
        let name: Arc<str> = name(place);
        if !name.is_empty() && &*name != OTHER {
            *parts.entry(name.to_string()).or_default() += slots.between(from, until, view.now).bad;
        }
    }
    let why = "the sender sends no such attribute, the events are older than this process, or there are too many places";
    division(dimension, whole, parts, why)
}

fn by_map(objective: &ObjectiveState, whole: Count) -> Division {
    let (parts, why) = match &objective.definition.about {
        About::Map(map) => (BTreeMap::from([(map.to_string(), whole)]), ""),
        About::Scope(_) => {
            (BTreeMap::new(), "a request uses several maps, and telemetry does not say which one failed")
        }
        About::Metric(_) | About::Derived(_) => (BTreeMap::new(), "the objective is not about a map"),
    };
    division(Dimension::Map, whole, parts, why)
}

fn by_operation(
    view: &WindowView<'_>,
    objective: &ObjectiveState,
    interval: AttributedInterval,
    whole: Count,
) -> Division {
    let definition = &objective.definition;
    let none = |why: &str| division(Dimension::Operation, whole, BTreeMap::new(), why);
    let About::Map(name) = &definition.about else { return none("the objective is not about a map") };
    let bad: &[Outcome] = match definition.sli {
        SliKind::Availability => &[Outcome::Rejected, Outcome::Failed],
        SliKind::HitRatio => &[Outcome::Miss],
        SliKind::Latency { .. } => return none("slow operations are not counted by operation"),
        SliKind::Freshness { .. } => return none("the events of a freshness are seconds"),
    };
    let found = view.maps().find(|((service, map), _)| *service == definition.service && map == name);
    let Some((_, map)) = found else { return none("the map sent nothing since this process started") };
    // Operations are kept for six hours; the slot that is leaving is left out.
    let oldest = view.now.before(Level::Minute.reach().saturating_sub(Nanos::from_secs(60)));
    let from = interval.from.max(oldest);
    let mut parts = BTreeMap::new();
    for (pair, _) in map.operations().filter(|(pair, _)| bad.iter().any(|outcome| outcome.name() == &*pair.1))
    {
        let happened = map.between(pair, from, interval.until, view.now);
        parts.insert(format!("{} {}", pair.0, pair.1), happened);
    }
    division(Dimension::Operation, whole, parts, "more than six hours ago, or before this process started")
}
