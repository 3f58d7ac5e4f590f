//! A view like that of the demo: one service with a bad deploy, and a second sender with little telemetry.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use jiff::{SignedDuration, Timestamp};
use mapwarden_contract::{BudgetFraction, BurnRate, Count, Nanos, Ratio};
use mapwarden_engine::budget::{Tier, Window};
use mapwarden_engine::correction::{
    Action, AuditEntry, Booking, Correction, CorrectionKind, Exclusion, ExclusionAlerts, ObjectivePattern,
    Recurrence,
};
use mapwarden_engine::ledger::{AuditLine, Standing};
use mapwarden_engine::notice::{
    DependencyHealth, HealthStatus, Known, MapFailure, Notice, Percentiles, ScopeShare,
};
use mapwarden_engine::observation::{Change, ChangeKind, ChangeSource};
use mapwarden_sidecar::output::admin::{self, Admin};
use mapwarden_sidecar::output::exposition::Exposition;
use mapwarden_sidecar::output::render::Templates;
use mapwarden_sidecar::view::{
    Agreement, ComparedNumber, ObjectiveAgreement, QueriedState, SourceFacts, SourceTrouble,
};
use mapwarden_sidecar::view::{
    BudgetView, BurnView, CorrectedBudget, ExcludedView, ForecastView, IntervalView, LedgerView, RawBudget,
    ScenarioView,
};
use mapwarden_sidecar::view::{
    Durability, KeyView, MapView, NoticeEvents, OperationView, PartCount, RequestView, SloView, SloWindow,
    SourceView, TierView, View, WorkView,
};
use tokio::sync::watch;

/// The sample notice with everything measured.
pub(crate) fn measured() -> Notice {
    serde_json::from_str(mapwarden_engine::notice::samples::MEASURED).unwrap()
}

/// The sample notice with only its SLI measured.
pub(crate) fn missing() -> Notice {
    serde_json::from_str(mapwarden_engine::notice::samples::MISSING).unwrap()
}

/// The admin router over a view, and the sender that keeps the view published.
pub(crate) fn admin(view: View) -> (Router, watch::Sender<Arc<View>>) {
    let (tx, rx) = watch::channel(Arc::new(view));
    let exposition = Exposition::install().unwrap();
    let admin = Admin { view: rx, exposition, templates: Templates::load(None).unwrap() };
    (admin::router(admin, Router::new()), tx)
}

/// Compares a text with a golden file, or writes the file where `UPDATE_GOLDEN=1`.
pub(crate) fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "{name} differs from its golden file; UPDATE_GOLDEN=1 writes it:\n{text}");
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn windows(allowed: f64, error_ratios: [Option<f64>; 8]) -> Vec<SloWindow> {
    let windows = Window::ALL.into_iter().zip(error_ratios).map(|(window, ratio)| SloWindow {
        window: window.name(),
        good: Count::new(if ratio.is_some() { 92_100 } else { 0 }),
        bad: Count::new(if ratio.is_some() { 7_900 } else { 0 }),
        error_ratio: ratio.map(|ratio| Ratio::new(ratio).unwrap()),
        burn_rate: ratio.map(|ratio| BurnRate::new(ratio / allowed).unwrap()),
        coverage: ratio.map(|_| Ratio::new(0.9998).unwrap()),
        covered: Nanos::from_secs(if ratio.is_some() { 86_000 } else { 0 }),
        length: window.length(),
    });
    windows.collect()
}

fn slo(name: &str, sli: &'static str, about: &str, target: f64, error_ratios: [Option<f64>; 8]) -> SloView {
    let allowed = 1.0 - target;
    let windows = windows(allowed, error_ratios);
    let burn = |window: Window| {
        windows.iter().find(|view| view.window == window.name()).and_then(|view| view.burn_rate)
    };
    let tiers: Vec<TierView> = Tier::ALL
        .into_iter()
        .map(|tier| TierView {
            tier: tier.name(),
            severity: tier.severity(),
            factor: tier.factor(),
            long: tier.long().name(),
            short: tier.short().name(),
            can_fire: tier.factor() * allowed < 1.0,
            is_firing: [tier.long(), tier.short()]
                .into_iter()
                .all(|window| burn(window).is_some_and(|burn| burn.get() > tier.factor())),
            is_inhibited: false,
        })
        .collect();
    let period_error = error_ratios[7];
    SloView {
        id: format!("order-service/{name}"),
        service: "order-service".into(),
        name: name.into(),
        team: Known::Value("checkout".into()),
        sli,
        about: about.to_owned(),
        source: "sdk",
        threshold: match sli {
            "latency" => Some(Nanos::from_millis(250)),
            "freshness" => Some(Nanos::from_secs(30)),
            _ => None,
        },
        target: Ratio::new(target).unwrap(),
        period: Nanos::from_secs(2_592_000),
        period_until: None,
        since: at("2026-11-20T16:00:00Z"),
        good: Count::new(if period_error.is_some() { 8_412_733 } else { 0 }),
        total: Count::new(if period_error.is_some() { 8_421_002 } else { 0 }),
        remaining: period_error.map_or_else(
            || Known::missing("no event in the period"),
            |ratio| Known::Value(BudgetFraction::new(1.0 - ratio / allowed).unwrap()),
        ),
        exhausted_in: match period_error {
            Some(ratio) if ratio > 0.0 => Known::Value(Nanos::from_secs(7_800)),
            _ => Known::missing("the budget is not shrinking"),
        },
        tiers: inhibited(tiers),
        windows,
        notice: None,
        ledger: ledger(period_error, allowed),
    }
}

/// A ledger in which half an hour of maintenance is excluded and some bad events are booked.
fn ledger(period_error: Option<f64>, allowed: f64) -> LedgerView {
    let count = |events| Count::new(if period_error.is_some() { events } else { 0 });
    let left = |share: f64| match period_error {
        Some(ratio) => Known::Value(BudgetFraction::new(1.0 - share * ratio / allowed).unwrap()),
        None => Known::missing("nothing was measured"),
    };
    let rate = |burn| BurnRate::new(burn).unwrap();
    let scenario = |as_in: &'static str, span: Option<(u64, u64)>| ScenarioView {
        as_in: as_in.into(),
        parts: 12,
        burn_rate: period_error.map(|_| BurnView { low: rate(1.5), measured: rate(2.0), high: rate(4.0) }),
        outlook: match (period_error, span) {
            (None, _) => "unmeasured",
            (Some(_), Some(_)) => "within",
            (Some(_), None) => "lasts",
        },
        earliest: span.filter(|_| period_error.is_some()).map(|span| Nanos::from_secs(span.0)),
        latest: span.filter(|_| period_error.is_some()).map(|span| Nanos::from_secs(span.1)),
        left: None,
        counts: Vec::new(),
        student: 2.201,
    };
    let words = "spent in 3h to 5h if it goes on as in the last hour; lasts the period if as in the last day";
    LedgerView {
        budget: BudgetView {
            from: at("2026-10-22T12:00:00Z"),
            to: at("2026-11-21T10:18:05Z"),
            coverage: match period_error {
                Some(_) => Known::Value(Ratio::new(0.9998).unwrap()),
                None => Known::missing("the objective was not known for long enough"),
            },
            raw: RawBudget { good: count(92_100), bad: count(7_900), remaining: left(1.0) },
            corrected: CorrectedBudget {
                good: count(91_000),
                bad: count(7_000),
                remaining: left(0.88),
                excluded: ExcludedView {
                    good: count(1_100),
                    bad: count(910),
                    times: vec![IntervalView {
                        from: at("2026-11-20T22:00:00Z"),
                        to: at("2026-11-20T22:30:00Z"),
                    }],
                },
                deducted: count(30),
                refunded: count(20),
                corrections: vec!["01KAJ3V9QG5T8W6YB2N4C7D0AA".to_owned()],
            },
            covered: Nanos::from_secs(86_000),
        },
        forecast: ForecastView {
            words: if period_error.is_some() { words } else { "nothing was measured in the last day" }
                .to_owned(),
            confidence: 0.95,
            scenarios: vec![scenario("1h", Some((10_800, 18_000))), scenario("1d", None)],
        },
        maintenance: None,
        attribution: Vec::new(),
    }
}

/// Only the first firing tier is not inhibited.
fn inhibited(mut tiers: Vec<TierView>) -> Vec<TierView> {
    tiers.iter_mut().filter(|tier| tier.is_firing).skip(1).for_each(|tier| tier.is_inhibited = true);
    tiers
}

fn tail(p95: u64, p99: u64) -> Known<Percentiles> {
    Known::Value(Percentiles { p95: Nanos::new(p95), p99: Nanos::new(p99) })
}

fn operation(op: &str, outcomes: &[(&str, u64)], spans: Option<[u64; 3]>) -> OperationView {
    let idle = "not timed in the last 5 minutes";
    OperationView {
        op: op.to_owned(),
        outcomes: outcomes.iter().map(|(name, n)| ((*name).to_owned(), Count::new(*n))).collect(),
        p50: spans.map_or_else(|| Known::missing(idle), |[p50, _, _]| Known::Value(Nanos::new(p50))),
        tail: spans.map_or_else(|| Known::missing(idle), |[_, p95, p99]| tail(p95, p99)),
    }
}

fn map(name: &str, entries: u64, rate: f64, operations: Vec<OperationView>) -> MapView {
    MapView {
        service: "order-service".to_owned(),
        name: name.to_owned(),
        entries: Known::Value(entries),
        max_entries: Known::missing("the map has no bound, or the service does not report one"),
        full: Known::missing("the map has no bound, or the service does not report one"),
        last_write: Known::Value(at("2026-11-21T10:17:53Z")),
        guard_held: Known::Value(Nanos::from_millis(2)),
        retries: Count::new(31),
        rate,
        work: Known::missing("keys are not sampled"),
        failures: Vec::new(),
        operations,
    }
}

/// A bounded map that is nearly full, with a hot key and failures.
fn pressed(map: MapView) -> MapView {
    let ratio = |share| Ratio::new(share).unwrap();
    let key = |key: &str, share: f64, operations| KeyView {
        key: key.to_owned(),
        share: ratio(share),
        operations: Count::new(operations),
    };
    let scope = |scope: &str, share: f64, operations| ScopeShare {
        scope: scope.to_owned(),
        share: ratio(share),
        operations: Count::new(operations),
    };
    let failure = |op: &str, error: &str, count| MapFailure {
        op: op.to_owned(),
        error_type: error.to_owned(),
        count: Count::new(count),
    };
    MapView {
        max_entries: Known::Value(90_000),
        full: Known::Value(ratio(0.980_344)),
        guard_held: Known::Value(Nanos::from_secs(41)),
        work: Known::Value(WorkView {
            sampled: Count::new(110_412),
            hot_keys: vec![key("5f1d3a90c2b7e846", 0.61, 67_351), key("<guest>", 0.02, 2_208)],
            scopes: vec![scope("checkout", 0.87, 96_058), scope("", 0.13, 14_354)],
        }),
        failures: vec![failure("load", "timeout", 412), failure("update", "panic", 3)],
        ..map
    }
}

fn requests(scope: &str, region: &str, counts: (u64, u64), rate: f64, spans: [u64; 3]) -> RequestView {
    RequestView {
        service: "order-service".to_owned(),
        scope: scope.to_owned(),
        region: region.to_owned(),
        ok: Count::new(counts.0),
        failed: Count::new(counts.1),
        cancelled: Count::new(17),
        rate,
        p50: Known::Value(Nanos::new(spans[0])),
        tail: tail(spans[1], spans[2]),
    }
}

fn change(version: &str, sha: Option<&str>, time: &str, kind: ChangeKind, source: ChangeSource) -> Change {
    Change {
        service: "order-service".to_owned(),
        kind,
        version: Some(version.to_owned()),
        sha: sha.map(str::to_owned),
        at: at(time),
        source,
        author: sha.map(|_| "dana".to_owned()),
        url: sha.map(|sha| format!("https://ci.example.com/runs/{sha}")),
    }
}

fn dependency(name: &str, health: HealthStatus, ratio: Option<f64>, p99: Option<u64>) -> DependencyHealth {
    let unseen = "nothing was seen in the last minute";
    DependencyHealth {
        name: name.to_owned(),
        health,
        error_ratio: ratio
            .map_or_else(|| Known::missing(unseen), |ratio| Known::Value(Ratio::new(ratio).unwrap())),
        p99: p99.map_or_else(|| Known::missing(unseen), |p99| Known::Value(Nanos::from_millis(p99))),
        checked: ratio.map_or_else(|| Known::missing(unseen), |_| Known::Value(Nanos::from_secs(2))),
        source: "probe + calls".to_owned(),
    }
}

/// The view of the demo while the bad deploy serves.
pub(crate) fn view() -> View {
    let bad = [0.0790, 0.0790, 0.0412, 0.0212, 0.0074, 0.0021, 0.0007, 0.00059].map(Some);
    let slow = [0.0690, 0.0601, 0.0320, 0.0170, 0.0062, 0.0031, 0.0021, 0.0019].map(Some);
    let fine = [0.0, 0.0, 0.000_01, 0.000_02, 0.000_04, 0.000_03, 0.000_05, 0.000_041].map(Some);
    let misses = [0.0400, 0.0390, 0.0420, 0.0410, 0.0400, 0.0411, 0.0403, 0.0398].map(Some);
    let mut sessions = slo("sessions-availability", "availability", "map sessions", 0.999, bad);
    sessions.notice = Some(measured().id);
    let mut unmeasured = slo("browse-latency", "latency", "scope browse", 0.99, [None; 8]);
    unmeasured.team = Known::missing("the service sends no mapwarden.team");
    View {
        at: at("2026-11-21T10:18:05Z"),
        started: at("2026-11-20T15:58:00Z"),
        slos: vec![
            unmeasured,
            slo("checkout-availability", "availability", "scope checkout", 0.999, fine),
            slo("checkout-latency", "latency", "scope checkout", 0.99, slow),
            slo("routing-freshness", "freshness", "map routing", 0.99, fine),
            sessions,
            slo("sessions-hit_ratio", "hit_ratio", "map sessions", 0.9, misses),
        ]
        .into(),
        notices: vec![measured(), missing()],
        changes: changes(),
        corrections: corrections().into(),
        maps: maps(),
        requests: vec![
            requests("browse", "eu-west-1", (4_210_000, 12), 812.0, [1_100_000, 3_200_000, 6_000_000]),
            requests("checkout", "ap-south-1", (310_200, 395), 61.4, [2_100_000, 9_300_000, 41_000_000]),
            requests(
                "checkout",
                "eu-west-1",
                (812_400, 6_557),
                240.2,
                [2_400_000, 2_900_000_000, 4_100_000_000],
            ),
            requests("checkout", "us-east-1", (640_100, 948), 128.0, [2_200_000, 8_800_000, 39_000_000]),
        ],
        dependencies: vec![
            dependency("fraud-check", HealthStatus::Unknown, None, None),
            dependency("payments", HealthStatus::Healthy, Some(0.0004), Some(12)),
            dependency("redis", HealthStatus::Degraded, Some(0.032), Some(410)),
        ],
        sources: vec![source()],
        durability: Durability::Store {
            path: "/var/lib/mapwarden".to_owned(),
            last_commit: Some(at("2026-11-21T10:18:04Z")),
            error: None,
        },
        series: 412,
        points_ignored: BTreeMap::from([("stale".to_owned(), 0), ("too_many_series".to_owned(), 3)]),
        counter_resets: 2,
        notice_parts: BTreeMap::from([
            ("dependencies".to_owned(), PartCount { present: 1, missing: 1 }),
            ("impact".to_owned(), PartCount { present: 1, missing: 1 }),
        ]),
        notice_events: NoticeEvents { opened: 2, updated: 9, resolved: 1 },
    }
}

/// A source with one objective that is measured and agrees with the rules, and one that is not measured.
fn source() -> SourceView {
    let queried = |name: &str, trouble: Option<&str>| QueriedState {
        slo: format!("order-service/{name}"),
        service: "order-service".to_owned(),
        is_exact: trouble.is_none(),
        answered_until: trouble.is_none().then(|| at("2026-11-21T10:17:00Z")),
        measured_until: trouble.is_none().then(|| at("2026-11-21T10:16:00Z")),
        trouble: trouble
            .map(|message| SourceTrouble { since: at("2026-11-21T10:14:05Z"), message: message.to_owned() }),
    };
    let pair = |sidecar, rules| ComparedNumber { sidecar: Some(sidecar), rules };
    let agreed = ObjectiveAgreement {
        service: "order-service".to_owned(),
        budget: pair(0.413, Some(0.409)),
        error_ratios: BTreeMap::from([
            ("5m".to_owned(), pair(0.079, None)),
            ("30d".to_owned(), pair(0.000_6, Some(0.000_6))),
        ]),
    };
    SourceView {
        facts: Arc::new(SourceFacts {
            name: "fleet".to_owned(),
            url: "http://prometheus:9090".to_owned(),
            every: Nanos::from_secs(60),
            staleness: Nanos::from_secs(30),
            reach: Nanos::from_secs(86_400),
        }),
        objectives: vec![
            Arc::new(queried("checkout-availability", None)),
            Arc::new(queried("browse-latency", Some("did not answer within 10 s"))),
        ],
        agreement: Some(Arc::new(Agreement {
            at: Some(at("2026-11-21T10:17:00Z")),
            resolution: 0.01,
            trouble: None,
            objectives: BTreeMap::from([("order-service/checkout-availability".to_owned(), agreed)]),
        })),
    }
}

fn changes() -> Vec<Change> {
    use ChangeKind::{Config, Deploy, Flag};
    use ChangeSource::{Telemetry, Webhook};
    vec![
        change("v2.4.1", Some("a3f9c1d"), "2026-11-21T10:15:21Z", Deploy, Webhook),
        change("v2.4.0", Some("0b44e17"), "2026-11-21T09:02:00Z", Config, Webhook),
        change("v2.4.0", Some("77aa012"), "2026-11-20T22:10:00Z", Flag, Webhook),
        change("v2.4.0", None, "2026-11-20T16:40:11Z", Deploy, Telemetry),
    ]
}

fn corrections() -> Vec<AuditLine> {
    let line = |id: &str, standing, action| AuditLine {
        entry: AuditEntry {
            id: id.to_owned(),
            recorded: at("2026-11-20T21:00:00Z"),
            author: "dana <dana@example.com>".to_owned(),
            reason: "moving <sessions> to the new cluster".to_owned(),
            key: "k".to_owned(),
            digest: "d".to_owned(),
            action,
        },
        standing,
    };
    let weekly = Recurrence { rule: "FREQ=WEEKLY;BYDAY=FR".to_owned(), zone: "Europe/Berlin".to_owned() };
    let (from, to) = (at("2026-11-20T22:00:00Z"), at("2026-11-20T22:30:00Z"));
    let exclusion = Exclusion::new(from, to, Some(weekly), ExclusionAlerts::Suppress).unwrap();
    let booked = |kind| Action::Booked(Correction { slo: ObjectivePattern::new("order-service/*"), kind });
    let booking = Booking { at: at("2026-11-20T20:00:00Z"), events: 20 };
    vec![
        line(
            "01KAJ3V9QG5T8W6YB2N4C7D0AC",
            Standing::Withdrawal,
            Action::Withdrawn { withdraws: "01KAJ3V9QG5T8W6YB2N4C7D0AB".to_owned() },
        ),
        line("01KAJ3V9QG5T8W6YB2N4C7D0AB", Standing::Withdrawn, booked(CorrectionKind::Refund(booking))),
        line("01KAJ3V9QG5T8W6YB2N4C7D0AA", Standing::Active, booked(CorrectionKind::Exclusion(exclusion))),
    ]
}

fn maps() -> Vec<MapView> {
    let get = [("hit", 9_120_334), ("miss", 61_200)];
    let insert = [("inserted", 120_400), ("replaced", 8_120), ("rejected", 8_269)];
    vec![
        map(
            "catalogue",
            12_000,
            4_210.0,
            vec![operation("get", &get, Some([180, 420, 900])), operation("clear", &[("removed", 0)], None)],
        ),
        map(
            "routing",
            340,
            812.5,
            vec![
                operation("get", &[("hit", 812_334), ("miss", 14)], Some([120, 310, 660])),
                operation("compute", &[("updated", 91), ("conflict", 7), ("failed", 0)], None),
            ],
        ),
        pressed(map(
            "sessions",
            88_231,
            1_840.2,
            vec![
                operation("get", &get, Some([210, 610, 41_000])),
                operation("insert", &insert, Some([410, 1_900, 88_000])),
                operation("remove", &[("removed", 119_000), ("miss", 2)], Some([300, 800, 1_400])),
            ],
        )),
    ]
}

/// The view of a sidecar that received nothing.
pub(crate) fn empty() -> View {
    let started = Timestamp::now() - SignedDuration::from_secs(3);
    View {
        at: Timestamp::now(),
        started,
        slos: Vec::new().into(),
        notices: Vec::new(),
        changes: Vec::new(),
        corrections: Vec::new().into(),
        maps: Vec::new(),
        requests: Vec::new(),
        dependencies: Vec::new(),
        sources: Vec::new(),
        durability: Durability::Memory,
        series: 0,
        points_ignored: BTreeMap::new(),
        counter_resets: 0,
        notice_parts: BTreeMap::new(),
        notice_events: NoticeEvents::default(),
    }
}
