//! The objectives of a view. Comes in: what the engine counted and evaluated. Goes out: a [`SloView`] per objective,
//! made when a reader asks for it: to make a thousand of them takes a third of an evaluation, and in most seconds
//! nobody reads.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use mapwarden_contract::{BudgetFraction, BurnRate, Count, Nanos, Ratio, UnixNanos};
use mapwarden_engine::aggregate::objective::{About, Definition, ObjectiveState, SliKind};
use mapwarden_engine::aggregate::slot::Counts;
use mapwarden_engine::aggregate::{WindowView, timestamp};
use mapwarden_engine::budget::{BudgetState, TierState, WindowBurn};
use mapwarden_engine::ledger::LedgerState;
use mapwarden_engine::notice::{Known, Notices};
use mapwarden_objective::Severity;
use serde::{Serialize, Serializer};

use super::ledger::{LedgerView, ledger};

/// What the engine evaluated, by id of the objective.
pub struct Evaluation {
    /// Budgets, with the tiers that are shown.
    pub budgets: Arc<BTreeMap<String, BudgetState>>,
    /// Budgets after corrections.
    pub ledger: BTreeMap<String, LedgerState>,
}

/// Objectives by id; the view of one is made each time it is asked for.
#[derive(Clone)]
pub struct Slos {
    ids: Arc<[String]>,
    make: Arc<dyn Fn(usize) -> Option<SloView> + Send + Sync>,
}

impl Slos {
    /// Keeps what the views of all objectives are made of.
    pub(super) fn new(known: &WindowView<'_>, evaluation: Evaluation, notices: &Notices) -> Self {
        let counted = |(id, objective): (&String, &ObjectiveState)| CountedObjective {
            definition: objective.definition.clone(),
            since: objective.since,
            totals: objective.totals,
            notice: notices.of(id).map(str::to_owned),
        };
        let counted: Vec<CountedObjective> = known.objectives().map(counted).collect();
        let ids: Arc<[String]> = known.objectives().map(|(id, _)| id.clone()).collect();
        let Evaluation { budgets, ledger } = evaluation;
        let known_ids = ids.clone();
        let make = move |at: usize| {
            let (id, counted) = (known_ids.get(at)?, counted.get(at)?);
            Some(slo(id, counted, budgets.get(id)?, ledger.get(id)?))
        };
        Self { ids, make: Arc::new(make) }
    }

    /// Makes the view of each objective.
    pub fn iter(&self) -> impl Iterator<Item = SloView> {
        self.those(|_| true)
    }

    /// Makes the views of the objectives with a wanted id, and of no other.
    pub fn those(&self, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = SloView> {
        let wanted = self.ids.iter().enumerate().filter(move |(_, id)| wanted(id));
        wanted.filter_map(|(at, _)| (self.make)(at))
    }

    /// Returns every id.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(String::as_str)
    }
}

impl From<Vec<SloView>> for Slos {
    fn from(slos: Vec<SloView>) -> Self {
        let ids = slos.iter().map(|slo| slo.id.clone()).collect();
        Self { ids, make: Arc::new(move |at| slos.get(at).cloned()) }
    }
}

impl Serialize for Slos {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl fmt::Debug for Slos {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

/// One objective.
#[derive(Clone, Debug, Serialize)]
pub struct SloView {
    /// `service/name`.
    pub id: String,
    /// The service.
    pub service: Arc<str>,
    /// The objective's name.
    pub name: Arc<str>,
    /// The team.
    pub team: Known<Arc<str>>,
    /// `availability`, `latency`, `hit_ratio` or `freshness`.
    pub sli: &'static str,
    /// What it counts, in words: `map sessions`, `scope checkout`, `metric http.server.request.duration`.
    pub about: String,
    /// `sdk` or `config`.
    pub source: &'static str,
    /// The slowest good event of a latency objective, the oldest good last write of a freshness objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Nanos>,
    /// The share of good events that the service is to keep.
    pub target: Ratio,
    /// The budget's period; of a calendar period its nominal length.
    pub period: Nanos,
    /// When the next period begins, with a new budget; only for a calendar period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_until: Option<Timestamp>,
    /// When it was first measured.
    pub since: Timestamp,
    /// Good events since then.
    pub good: Count,
    /// All events since then.
    pub total: Count,
    /// What is left of the budget.
    pub remaining: Known<BudgetFraction>,
    /// How long until it is spent.
    pub exhausted_in: Known<Nanos>,
    /// The windows, shortest first.
    pub windows: Vec<SloWindow>,
    /// The tiers, loudest first.
    pub tiers: Vec<TierView>,
    /// The notice that is open for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// The budget raw and corrected, the forecast, maintenance.
    #[serde(flatten)]
    pub ledger: LedgerView,
}

/// One window of one objective.
#[derive(Clone, Debug, Serialize)]
pub struct SloWindow {
    /// Its length: `5m`, `30d`.
    pub window: Cow<'static, str>,
    /// Good events.
    pub good: Count,
    /// Bad events.
    pub bad: Count,
    /// Share of bad events; null where nothing was measured.
    pub error_ratio: Option<Ratio>,
    /// Error ratio over what is allowed; null where nothing was measured.
    pub burn_rate: Option<BurnRate>,
    /// Share of the window, but not before the objective was known, for which telemetry arrived.
    pub coverage: Option<Ratio>,
    /// How much of the window telemetry accounts for.
    #[serde(skip)]
    pub covered: Nanos,
    /// How long the window is.
    #[serde(skip)]
    pub length: Nanos,
}

/// One tier of one objective.
#[derive(Clone, Debug, Serialize)]
pub struct TierView {
    /// `quick_page` to `slow_ticket`; configured tiers are named by severity and windows, `page_1h_5m`.
    pub tier: Cow<'static, str>,
    /// Page or ticket.
    pub severity: Severity,
    /// The burn rate above which it fires.
    pub factor: f64,
    /// The long window.
    pub long: Cow<'static, str>,
    /// The short window.
    pub short: Cow<'static, str>,
    /// Whether the target leaves room for it to fire at all.
    pub can_fire: bool,
    /// Whether it fires.
    pub is_firing: bool,
    /// Whether it fires while a louder or faster tier fires; only that tier is exported and delivered.
    pub is_inhibited: bool,
}

/// What an objective is about, and what was counted so far.
struct CountedObjective {
    definition: Definition,
    since: UnixNanos,
    totals: Counts,
    notice: Option<String>,
}

fn slo(id: &str, counted: &CountedObjective, budget: &BudgetState, state: &LedgerState) -> SloView {
    let CountedObjective { definition, since, totals, notice } = counted;
    let (about, source) = match &definition.about {
        About::Map(map) => (format!("map {map}"), "sdk"),
        About::Scope(scope) => (format!("scope {scope}"), "sdk"),
        About::Metric(metric) => (format!("metric {metric}"), "config"),
        About::Derived(what) => (what.to_string(), "config"),
    };
    SloView {
        id: id.to_owned(),
        service: definition.service.clone(),
        name: definition.name.clone(),
        team: known_text(definition.team.as_ref(), "the service does not report it"),
        sli: definition.sli.name(),
        about,
        source,
        threshold: match definition.sli {
            SliKind::Latency { threshold } | SliKind::Freshness { threshold } => Some(threshold),
            SliKind::Availability | SliKind::HitRatio => None,
        },
        target: definition.target,
        period: budget.period.length,
        period_until: budget.period.next.map(timestamp),
        since: timestamp(*since),
        good: totals.good,
        total: totals.total(),
        remaining: budget.remaining.map_or_else(|| Known::missing("nothing was measured"), Known::Value),
        exhausted_in: budget
            .exhausted_in
            .map_or_else(|| Known::missing("it is spent, or nothing is being spent"), Known::Value),
        windows: budget.windows.iter().map(window).collect(),
        tiers: budget.tiers.iter().map(tier).collect(),
        notice: notice.clone(),
        ledger: ledger(state, budget),
    }
}

fn known_text(text: Option<&Arc<str>>, otherwise: &str) -> Known<Arc<str>> {
    text.map_or_else(|| Known::missing(otherwise), |text| Known::Value(text.clone()))
}

fn window(burn: &WindowBurn) -> SloWindow {
    let WindowBurn { window, good, bad, error_ratio, burn_rate, coverage, covered } = *burn;
    let (name, length) = (window.name(), window.length());
    SloWindow { window: name, good, bad, error_ratio, burn_rate, coverage, covered, length }
}

fn tier(state: &TierState) -> TierView {
    let TierState { tier, can_fire, is_firing, is_inhibited } = *state;
    TierView {
        tier: tier.name(),
        severity: tier.severity(),
        factor: tier.factor(),
        long: tier.long().name(),
        short: tier.short().name(),
        can_fire,
        is_firing,
        is_inhibited,
    }
}
