//! What comes in: a [`View`]. What goes out: its gauges and counters as samples. A value that is missing has none: "not
//! measured" is never a number.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use mapwarden_contract::names::Metric;
use mapwarden_contract::{Count, Nanos};

use super::families::Families;
use crate::metric_names as names;
use crate::view::{Durability, LedgerView, MapView, RequestView, ShareView, SloView, SourceView, View};
use mapwarden_engine::ledger::AttributedPart;
use mapwarden_engine::notice::{HealthStatus, Known, MapFailure, NoticeState, Percentiles};
use mapwarden_engine::observation::{Change, ChangeKind, ChangeSource};
use mapwarden_objective::Severity;

/// How many changes of a service have a time stamp in the exposition. Raised, more series with a commit in their
/// labels; lowered, dashboards mark fewer changes.
const CHANGES_PER_SERVICE: usize = 10;

/// How many parts of a budget's bad events have a gauge in each dimension, beside the rest. Raised, more series for
/// each objective; lowered, more events in the rest. The API has all.
const SPENDERS: usize = 4;

/// The part that stands for all further parts and for events without one; no version or region has this name.
const REST: &str = "(rest)";

/// The mandatory parts of a notice, as the notice stage counts them.
const MANDATORY_PARTS: [&str; 4] = ["sli_delta", "recent_changes", "impact", "dependencies"];

/// Writes every number of the view, and returns the services that have an objective.
pub(super) fn publish(view: &View, families: &mut Families) -> BTreeSet<Arc<str>> {
    let mut services = BTreeSet::new();
    for slo in view.slos.iter() {
        slo_gauges(families, &slo);
        families.set(&names::SLI_GOOD, &[&slo.id, &slo.service], slo.good.get());
        families.set(&names::SLI_EVENTS, &[&slo.id, &slo.service], slo.total.get());
        services.insert(slo.service);
    }
    gauges(view, families);
    counters(view, families);
    services
}

impl Families {
    fn set_span(&mut self, metric: &Metric, values: &[&str], span: &Known<Nanos>) {
        if let Known::Value(span) = span {
            self.set(metric, values, span.as_secs_f64());
        }
    }

    /// Sets one gauge per percentile, which is the metric's last label. (promtool reserves `quantile` for summaries.)
    fn set_percentiles(
        &mut self,
        metric: &Metric,
        values: &[&str],
        p50: &Known<Nanos>,
        tail: &Known<Percentiles>,
    ) {
        let mut percentile = |name, span: Nanos| {
            self.set(metric, &[values, &[name]].concat(), span.as_secs_f64());
        };
        if let Known::Value(p50) = p50 {
            percentile("50", *p50);
        }
        if let Known::Value(Percentiles { p95, p99 }) = tail {
            percentile("95", *p95);
            percentile("99", *p99);
        }
    }
}

fn gauges(view: &View, gauges: &mut Families) {
    gauges.set(&names::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1.0);
    gauges.set(&names::START_TIME, &[], seconds(view.started));
    gauges.set(&names::SERIES, &[], count(view.series));
    if let Durability::Store { last_commit: Some(at), .. } = &view.durability {
        gauges.set(&names::STORE_LAST_COMMIT, &[], seconds(*at));
    }
    view.maps.iter().for_each(|map| map_gauges(gauges, map));
    for RequestView { service, scope, region, p50, tail, .. } in &view.requests {
        gauges.set_percentiles(&names::REQUEST_LATENCY, &[service, scope, region], p50, tail);
    }
    notice_gauges(gauges, view);
    dependency_gauges(gauges, view);
    change_gauges(gauges, &view.changes);
    view.sources.iter().for_each(|source| source_gauges(gauges, source));
}

fn slo_gauges(gauges: &mut Families, slo: &SloView) {
    let ids = [slo.id.as_str(), &*slo.service];
    let team = slo.team.value().map_or("", |team| &**team);
    gauges.set(&names::SLO_INFO, &[ids[0], ids[1], team, slo.sli, slo.source], 1.0);
    gauges.set(&names::SLO_OBJECTIVE, &ids, slo.target.get());
    if let Known::Value(remaining) = slo.remaining {
        gauges.set(&names::BUDGET_REMAINING, &ids, remaining.get());
    }
    gauges.set_span(&names::BUDGET_EXHAUSTION, &ids, &slo.exhausted_in);
    ledger_gauges(gauges, &ids, &slo.ledger);
    for window in &slo.windows {
        let of_window = [ids[0], ids[1], &*window.window];
        if let Some(ratio) = window.error_ratio {
            gauges.set(&names::SLI_ERROR_RATIO, &of_window, ratio.get());
        }
        if let Some(burn) = window.burn_rate {
            gauges.set(&names::BURN_RATE, &of_window, burn.get());
        }
        if let Some(coverage) = window.coverage {
            gauges.set(&names::COVERAGE, &of_window, coverage.get());
        }
    }
    for tier in &slo.tiers {
        let of_tier = [ids[0], ids[1], &*tier.tier, tier.severity.name()];
        let is_active = tier.is_firing && !tier.is_inhibited;
        gauges.set(&names::ALERT_ACTIVE, &of_tier, f64::from(u8::from(is_active)));
    }
}

fn ledger_gauges(gauges: &mut Families, ids: &[&str; 2], ledger: &LedgerView) {
    let corrected = &ledger.budget.corrected;
    if let Known::Value(remaining) = corrected.remaining {
        gauges.set(&names::BUDGET_CORRECTED, ids, remaining.get());
    }
    let effects = [
        ("excluded", corrected.excluded.bad),
        ("refunded", corrected.refunded),
        ("deducted", corrected.deducted),
    ];
    for (effect, events) in effects {
        gauges.set(&names::BUDGET_CORRECTIONS, &[ids[0], ids[1], effect], events.as_f64());
    }
    for scenario in &ledger.forecast.scenarios {
        for (bound, time) in [("earliest", scenario.earliest), ("latest", scenario.latest)] {
            if let Some(time) = time {
                let of_bound = [ids[0], ids[1], &scenario.as_in, bound];
                gauges.set(&names::BUDGET_FORECAST, &of_bound, time.as_secs_f64());
            }
        }
    }
    let of_period = ledger.attribution.iter().filter(|attribution| attribution.over == "period");
    of_period.flat_map(|attribution| &attribution.by).for_each(|share| spent_gauges(gauges, ids, share));
    let is_on = f64::from(u8::from(ledger.maintenance.is_some()));
    gauges.set(&names::MAINTENANCE, ids, is_on);
}

/// Bad events by version, region, map or operation. Without any part there is no gauge: the rest alone is no
/// attribution.
fn spent_gauges(gauges: &mut Families, ids: &[&str; 2], share: &ShareView) {
    let ShareView { dimension, parts, rest } = share;
    if parts.is_empty() {
        return;
    }
    let (shown, beyond) = parts.split_at(parts.len().min(SPENDERS));
    for AttributedPart { name, bad } in shown {
        gauges.set(&names::BUDGET_SPENT, &[ids[0], ids[1], dimension, name], bad.as_f64());
    }
    let beyond: Count = beyond.iter().map(|part| part.bad).sum();
    let rest = beyond + rest.as_ref().map_or(Count::ZERO, |rest| rest.bad);
    if rest > Count::ZERO {
        gauges.set(&names::BUDGET_SPENT, &[ids[0], ids[1], dimension, REST], rest.as_f64());
    }
}

fn map_gauges(gauges: &mut Families, map: &MapView) {
    let ids = [map.service.as_str(), map.name.as_str()];
    if let Known::Value(entries) = map.entries {
        gauges.set(&names::MAP_ENTRIES, &ids, count(entries));
    }
    if let Known::Value(most) = map.max_entries {
        gauges.set(&names::MAP_MAX_ENTRIES, &ids, count(most));
    }
    if let Known::Value(written) = map.last_write {
        gauges.set(&names::MAP_LAST_WRITE, &ids, seconds(written));
    }
    gauges.set_span(&names::MAP_GUARD_HELD, &ids, &map.guard_held);
    if let Some(hottest) = map.work.value().and_then(|work| work.hot_keys.first()) {
        gauges.set(&names::MAP_HOT_KEY_SHARE, &ids, hottest.share.get());
    }
    for operation in &map.operations {
        gauges.set_percentiles(
            &names::MAP_LATENCY,
            &[&map.service, &map.name, &operation.op],
            &operation.p50,
            &operation.tail,
        );
    }
}

fn notice_gauges(gauges: &mut Families, view: &View) {
    let open = || view.notices.iter().filter(|notice| notice.state == NoticeState::Open);
    for severity in Severity::ALL {
        let here = open().filter(|notice| notice.severity == severity).count();
        gauges.set(&names::NOTICES_OPEN, &[severity.name()], count(u64::try_from(here).unwrap_or(u64::MAX)));
    }
    for notice in open() {
        if let Known::Value(users) = notice.impact.affected_users {
            gauges.set(&names::NOTICE_USERS, &[&notice.slo, &notice.service, &notice.id], count(users));
        }
    }
}

fn dependency_gauges(gauges: &mut Families, view: &View) {
    for dependency in &view.dependencies {
        let name = [dependency.name.as_str()];
        let up = match dependency.health {
            HealthStatus::Healthy => Some(1.0),
            HealthStatus::Degraded => Some(0.5),
            HealthStatus::Down => Some(0.0),
            HealthStatus::Unknown => None,
        };
        if let Some(up) = up {
            gauges.set(&names::DEPENDENCY_UP, &name, up);
        }
        if let Known::Value(ratio) = dependency.error_ratio {
            gauges.set(&names::DEPENDENCY_ERROR_RATIO, &name, ratio.get());
        }
        gauges.set_span(&names::DEPENDENCY_LATENCY, &name, &dependency.p99);
    }
}

fn change_gauges(gauges: &mut Families, changes: &[Change]) {
    for service in changes.iter().map(|change| change.service.as_str()).collect::<BTreeSet<_>>() {
        let last = changes.iter().filter(|change| change.service == service).take(CHANGES_PER_SERVICE);
        let mut seen = BTreeSet::new();
        for Change { kind, version, sha, at, .. } in last {
            let version = version.as_deref().unwrap_or_default();
            let sha = sha.as_deref().unwrap_or_default();
            // A version that came back is one series, at its last time.
            if seen.insert((*kind, version, sha)) {
                gauges.set(&names::CHANGE_TIMESTAMP, &[service, kind.name(), version, sha], seconds(*at));
            }
        }
    }
}

fn source_gauges(gauges: &mut Families, source: &SourceView) {
    let name = source.facts.name.as_str();
    for state in &source.objectives {
        let ids = [name, state.slo.as_str(), state.service.as_str()];
        if let Some(until) = state.answered_until {
            gauges.set(&names::SOURCE_ANSWERED, &ids, seconds(until));
        }
        gauges.set(&names::SOURCE_FAILING, &ids, f64::from(u8::from(state.trouble.is_some())));
    }
    let Some(agreement) = &source.agreement else { return };
    gauges.set(&names::AGREEMENT_RESOLUTION, &[name], agreement.resolution);
    for (slo, agreed) in &agreement.objectives {
        let ids = [name, slo.as_str(), agreed.service.as_str()];
        if let Some(difference) = agreed.budget.difference() {
            gauges.set(&names::AGREEMENT_BUDGET, &ids, difference);
        }
        for (window, pair) in &agreed.error_ratios {
            if let Some(difference) = pair.difference() {
                let of_window = [ids[0], ids[1], ids[2], window.as_str()];
                gauges.set(&names::AGREEMENT_ERROR_RATIO, &of_window, difference);
            }
        }
    }
}

fn counters(view: &View, counters: &mut Families) {
    for map in &view.maps {
        counters.set(&names::MAP_RETRIES, &[&map.service, &map.name], map.retries.get());
        for MapFailure { op, error_type, count } in &map.failures {
            counters.set(&names::MAP_FAILURES, &[&map.service, &map.name, op, error_type], count.get());
        }
        for operation in &map.operations {
            for (outcome, happened) in &operation.outcomes {
                counters.set(
                    &names::MAP_OPERATIONS,
                    &[&map.service, &map.name, &operation.op, outcome],
                    happened.get(),
                );
            }
        }
    }
    for RequestView { service, scope, region, ok, failed, cancelled, .. } in &view.requests {
        counters.set(&names::REQUESTS, &[service, scope, region, "ok"], ok.get());
        counters.set(&names::REQUESTS, &[service, scope, region, "failed"], failed.get());
        counters.set(&names::REQUESTS, &[service, scope, region, "cancelled"], cancelled.get());
    }
    let events = view.notice_events;
    counters.set(&names::NOTICES, &["opened"], events.opened);
    counters.set(&names::NOTICES, &["updated"], events.updated);
    counters.set(&names::NOTICES, &["resolved"], events.resolved);
    for part in MANDATORY_PARTS {
        let parts = view.notice_parts.get(part).copied().unwrap_or_default();
        counters.set(&names::NOTICE_PARTS, &[part, "present"], parts.present);
        counters.set(&names::NOTICE_PARTS, &[part, "missing"], parts.missing);
    }
    for (reason, points) in &view.points_ignored {
        counters.set(&names::POINTS_IGNORED, &[reason], *points);
    }
    counters.set(&names::COUNTER_RESETS, &[], view.counter_resets);
}

/// Creates the counters of changes, which the state's owner increments through the recorder, at 0 for every service, so
/// that `increase()` sees the first change.
pub(super) fn no_changes_yet(services: &BTreeSet<Arc<str>>) {
    for service in services {
        for kind in ChangeKind::ALL {
            for source in ChangeSource::ALL {
                metrics::counter!(names::CHANGES.name, "service" => service.to_string(), "kind" => kind.name(), "source" => source.name())
                    .absolute(0);
            }
        }
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

fn count(number: u64) -> f64 {
    Count::new(number).as_f64()
}
