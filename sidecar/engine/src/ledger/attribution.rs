//! Who spent a budget. Comes in: an objective's events by place, and its map's operations. Goes out: bad events by
//! version, region, map and operation. Never a share that is not counted: what cannot be told apart is the rest, with the
//! reason, so that parts and rest are the whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use mapwarden_contract::{Count, Nanos, Ratio, UnixNanos};
use serde::{Deserialize, Serialize};

use crate::aggregate::objective::{About, ObjectiveState, Place, SliKind};
use crate::aggregate::slot::{Counts, Level};
use crate::aggregate::slots::Until;
use crate::aggregate::{OTHER, WindowView};

use super::exclusion::Stretch;
use mapwarden_objective::Method;

/// Who spent a budget since some moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// Since when: the start of a slice.
    pub since: UnixNanos,
    /// Bad events since then: the whole that each dimension divides.
    pub bad: Count,
    /// The share of the period's budget that they took; none where nothing was measured.
    pub spent: Option<f64>,
    /// The whole, divided in several ways.
    pub by: Vec<Share>,
}

/// The whole, divided in one way.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// In which.
    pub dimension: Dimension,
    /// The parts, the largest first; none of them is zero.
    pub parts: Vec<Part>,
    /// What is not told apart; none where everything is.
    pub rest: Option<Rest>,
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

/// One part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Whose: a version, a region, a map, or an operation and an outcome as `insert rejected`.
    pub name: String,
    /// How many bad events.
    pub bad: Count,
}

/// What is not told apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// How many bad events.
    pub bad: Count,
    /// Why.
    pub why: String,
}

/// Who spent an objective's budget over a period; `raw` is what was counted in it.
pub(super) fn of_period(
    view: &WindowView<'_>,
    objective: &ObjectiveState,
    period: Stretch,
    raw: Counts,
) -> Attribution {
    // Places are known by the minute, and of long ago by two hours: what lies before the first whole slot is the rest.
    let width = if is_fine(period.from, view) { Level::Minute } else { Level::TwoHours }.width().get();
    let from = UnixNanos::new(period.from.get().div_ceil(width) * width);
    let asked = Asked { since: period.from, from, until: Until::Through(view.now) };
    divided(view, objective, asked, (raw.bad, raw))
}

/// Who spent an objective's budget in a fault, from its onset to its end; `raw` is what was counted in the period.
pub(crate) fn of_fault(
    view: &WindowView<'_>,
    objective: &ObjectiveState,
    (onset, until): (UnixNanos, Until),
    raw: Counts,
) -> Attribution {
    // Beyond the fine slices places are kept two hours wide: the whole is then summed over the same slots.
    let width = Level::TwoHours.width().get();
    let since = if is_fine(onset, view) { onset } else { UnixNanos::new(onset.get() / width * width) };
    let bad = objective.slots().between(since, until, view.now).bad;
    divided(view, objective, Asked { since, from: since, until }, (bad, raw))
}

fn is_fine(since: UnixNanos, view: &WindowView<'_>) -> bool {
    view.now.since(since) < Level::Minute.reach()
}

/// Which bad events are divided.
#[derive(Clone, Copy)]
struct Asked {
    /// Those since then.
    since: UnixNanos,
    /// From when on it is known whose they are.
    from: UnixNanos,
    /// Until when.
    until: Until,
}

/// Bad events, divided by what is known of them.
fn divided(
    view: &WindowView<'_>,
    objective: &ObjectiveState,
    asked: Asked,
    (bad, raw): (Count, Counts),
) -> Attribution {
    let allowed = objective.definition.target.complement().get();
    let spent = Ratio::of(bad, raw.total()).map(|share| share.get() / allowed);
    let by = match objective.terms().method {
        Method::Occurrences => vec![
            by_place(view, objective, asked, (Dimension::Version, bad)),
            by_place(view, objective, asked, (Dimension::Region, bad)),
            by_map(objective, bad),
            by_operation(view, objective, asked, bad),
        ],
        Method::Timeslices { .. } | Method::RatioTimeslices { .. } => {
            let all = [Dimension::Version, Dimension::Region, Dimension::Map, Dimension::Operation];
            let why = "the budget counts slices of time, which belong to no single place";
            all.map(|dimension| share(dimension, bad, BTreeMap::new(), why)).into()
        }
    };
    Attribution { since: asked.since, bad, spent, by }
}

/// Parts and what they leave of the whole. Parts that are more than the whole are none: they count something else.
fn share(dimension: Dimension, whole: Count, parts: BTreeMap<String, Count>, why: &str) -> Share {
    let told: Count = parts.values().copied().sum();
    let is_consistent = told <= whole;
    let mut parts: Vec<Part> = parts
        .into_iter()
        .filter(|(_, bad)| is_consistent && *bad > Count::ZERO)
        .map(|(name, bad)| Part { name, bad })
        .collect();
    parts.sort_by(|a, b| b.bad.cmp(&a.bad).then_with(|| a.name.cmp(&b.name)));
    let left = if is_consistent { whole - told } else { whole };
    let why = if is_consistent { why } else { "the parts that are known count something else as bad" };
    let rest = (left > Count::ZERO).then(|| Rest { bad: left, why: why.to_owned() });
    Share { dimension, parts, rest }
}

fn by_place(
    view: &WindowView<'_>,
    objective: &ObjectiveState,
    Asked { from, until, .. }: Asked,
    (dimension, whole): (Dimension, Count),
) -> Share {
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
    let why = "not told by the sender, of before this process started, or of one of too many places";
    share(dimension, whole, parts, why)
}

fn by_map(objective: &ObjectiveState, whole: Count) -> Share {
    let (parts, why) = match &objective.definition.about {
        About::Map(map) => (BTreeMap::from([(map.to_string(), whole)]), ""),
        About::Scope(_) => {
            (BTreeMap::new(), "a request uses several maps, and telemetry does not tell which one failed it")
        }
        About::Metric(_) | About::Derived(_) => (BTreeMap::new(), "the objective is not about a map"),
    };
    share(Dimension::Map, whole, parts, why)
}

fn by_operation(view: &WindowView<'_>, objective: &ObjectiveState, asked: Asked, whole: Count) -> Share {
    let definition = &objective.definition;
    let none = |why: &str| share(Dimension::Operation, whole, BTreeMap::new(), why);
    let About::Map(name) = &definition.about else { return none("the objective is not about a map") };
    let bad: &[&str] = match definition.sli {
        SliKind::Availability => &["rejected", "failed"],
        SliKind::HitRatio => &["miss"],
        SliKind::Latency { .. } => return none("slow operations are not counted by operation"),
        SliKind::Freshness { .. } => return none("the events of a freshness are seconds"),
    };
    let found = view.maps().find(|((service, map), _)| *service == definition.service && map == name);
    let Some((_, map)) = found else { return none("the map has told nothing since this process started") };
    // Operations are kept for six hours; the slot that is leaving is left out.
    let oldest = view.now.before(Level::Minute.reach().saturating_sub(Nanos::from_secs(60)));
    let from = asked.from.max(oldest);
    let mut parts = BTreeMap::new();
    for (pair, _) in map.operations().filter(|(pair, _)| bad.contains(&&*pair.1)) {
        let happened = map.between(pair, from, asked.until, view.now);
        parts.insert(format!("{} {}", pair.0, pair.1), happened);
    }
    share(Dimension::Operation, whole, parts, "of more than six hours ago, or of before this process started")
}
