//! From the stages' outputs to the [`View`] that everything reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use mapwarden_contract::{Nanos, Ratio, UnixNanos};

use super::build_maps::map_view;
use super::{
    Durability, NoticeEvents, PartCount, RequestView, SloView, Slos, SourceView, TierView, View, WindowView,
};
use crate::view::sources::SourceBoard;
use mapwarden_engine::aggregate::distribution::Distribution;
use mapwarden_engine::aggregate::objective::{About, Definition, ObjectiveState, SliKind};
use mapwarden_engine::aggregate::slot::Counts;
use mapwarden_engine::aggregate::traffic::Traffic;
use mapwarden_engine::aggregate::{self, RequestKey, timestamp};
use mapwarden_engine::budget::BudgetState;
use mapwarden_engine::ledger::{AuditLine, LedgerState};
use mapwarden_engine::notice::{Known, Notices, Percentiles, health};

/// How far back rates look.
pub(super) const RATE: Nanos = Nanos::from_secs(60);

/// How far back quantiles look.
pub(super) const QUANTILES: Nanos = Nanos::from_secs(300);

/// How many changes are shown.
const CHANGES: usize = 100;

/// What the view needs to know of the sidecar itself.
pub struct Facts<'a> {
    /// When it started.
    pub started: Timestamp,
    /// Where budgets live.
    pub durability: Durability,
    /// Servers that are asked.
    pub sources: &'a [SourceBoard],
    /// The audit log.
    pub corrections: Arc<[AuditLine]>,
}

/// What was made of the objectives, by id.
pub struct Judged {
    /// Their budgets, with the tiers that are told.
    pub budgets: Arc<BTreeMap<String, BudgetState>>,
    /// Their budgets after corrections.
    pub ledger: BTreeMap<String, LedgerState>,
}

/// Builds the view of a moment.
pub fn view(known: &aggregate::WindowView<'_>, judged: Judged, notices: &Notices, facts: Facts<'_>) -> View {
    let now = |(id, objective): (&String, &ObjectiveState)| ObjectiveNow {
        definition: objective.definition.clone(),
        since: objective.since,
        totals: objective.totals,
        notice: notices.of(id).map(str::to_owned),
    };
    let objectives: Vec<ObjectiveNow> = known.objectives().map(now).collect();
    let ids: Arc<[String]> = known.objectives().map(|(id, _)| id.clone()).collect();
    let slos = Slos::new(ids.clone(), move |at| {
        let (id, objective) = (ids.get(at)?, objectives.get(at)?);
        Some(slo(id, objective, judged.budgets.get(id)?, judged.ledger.get(id)?))
    });
    let counters = notices.counters();
    let parts = counters.parts.iter().map(|(part, (present, missing))| {
        ((*part).to_owned(), PartCount { present: *present, missing: *missing })
    });
    View {
        at: timestamp(known.now),
        started: facts.started,
        slos,
        notices: notices.all(),
        changes: known.changes().take(CHANGES).cloned().collect(),
        corrections: facts.corrections,
        maps: known.maps().map(|(key, map)| map_view(key, map, known)).collect(),
        requests: known.requests().map(|(key, traffic)| request(key, traffic, known)).collect(),
        dependencies: known
            .dependencies()
            .map(|(name, dependency)| health(name, dependency, known))
            .collect(),
        sources: facts.sources.iter().map(source).collect(),
        durability: facts.durability,
        series: u64::try_from(known.series()).unwrap_or(u64::MAX),
        points_ignored: known.ignored().map(|(reason, count)| (reason.name().to_owned(), count)).collect(),
        counter_resets: known.resets(),
        notice_parts: parts.collect(),
        notice_events: NoticeEvents {
            opened: counters.opened,
            updated: counters.updated,
            resolved: counters.resolved,
        },
    }
}

fn source(board: &SourceBoard) -> SourceView {
    SourceView {
        facts: board.facts.clone(),
        objectives: board.objectives.iter().map(|state| state.borrow().clone()).collect(),
        agreement: board.agreement.as_ref().map(|agreement| agreement.borrow().clone()),
    }
}

/// What an objective is, and what was counted so far.
struct ObjectiveNow {
    definition: Definition,
    since: UnixNanos,
    totals: Counts,
    notice: Option<String>,
}

fn slo(id: &str, objective: &ObjectiveNow, budget: &BudgetState, ledger: &LedgerState) -> SloView {
    let ObjectiveNow { definition, since, totals, notice } = objective;
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
        team: known_text(definition.team.as_ref(), "not told by the service"),
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
        ledger: super::build_ledger::ledger(ledger, budget),
    }
}

fn known_text(text: Option<&Arc<str>>, otherwise: &str) -> Known<Arc<str>> {
    text.map_or_else(|| Known::missing(otherwise), |text| Known::Value(text.clone()))
}

fn window(burn: &mapwarden_engine::budget::WindowBurn) -> WindowView {
    let mapwarden_engine::budget::WindowBurn { window, good, bad, error_ratio, burn_rate, coverage, covered } =
        *burn;
    let (name, length) = (window.name(), window.length());
    WindowView { window: name, good, bad, error_ratio, burn_rate, coverage, covered, length }
}

fn tier(state: &mapwarden_engine::budget::TierState) -> TierView {
    let mapwarden_engine::budget::TierState { tier, can_fire, is_firing, is_inhibited } = *state;
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

fn request(
    (service, scope, region): &RequestKey,
    traffic: &Traffic,
    known: &aggregate::WindowView<'_>,
) -> RequestView {
    let (p50, tail) = quantiles(&traffic.times().last(QUANTILES, known.now));
    RequestView {
        service: service.to_string(),
        scope: scope.to_string(),
        region: region.to_string(),
        ok: traffic.ok,
        failed: traffic.failed,
        cancelled: traffic.cancelled,
        rate: traffic.last(RATE, known.now).total().as_f64() / RATE.as_secs_f64(),
        p50,
        tail,
    }
}

pub(super) fn quantiles(times: &Distribution) -> (Known<Nanos>, Known<Percentiles>) {
    let quantile = |share| times.quantile(Ratio::new(share).ok()?);
    let untimed = || "nothing was timed in the last 5 minutes";
    let tail = || Some(Percentiles { p95: quantile(0.95)?, p99: quantile(0.99)? });
    (
        quantile(0.5).map_or_else(|| Known::missing(untimed()), Known::Value),
        tail().map_or_else(|| Known::missing(untimed()), Known::Value),
    )
}
