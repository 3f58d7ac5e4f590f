//! Rules of objectives of every kind are valid, pass their tests under a real promtool, and are always the same bytes.

use mapwarden_contract::{Nanos, Ratio, Verdict};
use mapwarden_objective::{
    Calendar, CalendarUnit, Comparison, Expression, Indicator, Member, Method, Period, Queried, Queries,
    Selector, Slo,
};
use mapwarden_rules::{ObjectiveRules, RuleTarget};

use crate::promtool::{folder, promtool};

fn queried(queries: Queries) -> Indicator {
    Indicator::Queried(Queried { source: None, queries })
}

fn events(total: &str, part: &str, is: Verdict) -> Indicator {
    queried(Queries::Events { total: Expression::new(total), part: Expression::new(part), is })
}

fn slo(name: &str, target: f64, indicator: Indicator) -> Slo {
    Slo::new("shop", name, Ratio::new(target).unwrap(), indicator)
}

const REQUESTS: &str = r#"sum(rate(http_requests_total{job="shop"}[{{.window}}]))"#;
const FAILED: &str = r#"sum(rate(http_requests_total{job="shop",code=~"(5..|429)"}[{{.window}}]))"#;

fn held() -> Indicator {
    let series = Selector { metric: "http.server.request.duration".to_owned(), matching: Vec::new() };
    Indicator::Latency { series, threshold: Nanos::from_millis(250) }
}

/// One objective of every kind.
fn objectives() -> Vec<Slo> {
    let mut failures = slo("requests", 0.999, events(REQUESTS, FAILED, Verdict::Bad));
    failures.labels.insert("team".to_owned(), "payments \"core\"".to_owned());
    failures.alerting.labels.insert("team".to_owned(), "night".to_owned());
    failures
        .alerting
        .page
        .annotations
        .insert("summary".to_owned(), "{{ $labels.sloth_slo }} burns".to_owned());
    let fast = r#"sum(increase(http_duration_seconds_bucket{le="0.3"}[{{ .window }}])) or vector(0)"#;
    let all = "sum(increase(http_duration_seconds_count[{{ .window }}]))";
    let mut latency = slo("latency", 0.99, events(all, fast, Verdict::Good));
    latency.period = Period::Rolling(Nanos::from_secs(28 * 86_400));
    let mut grouped = slo(
        "by-region",
        0.95,
        events(
            "sum by (region) (rate(http_requests_total[{{.window}}]))",
            r#"sum by (region) (rate(http_requests_total{code="500"}[{{.window}}]))"#,
            Verdict::Bad,
        ),
    );
    grouped.group_by = vec!["region".to_owned()];
    let is = Verdict::Bad;
    let share =
        slo("share", 0.99, queried(Queries::Ratio { share: Expression::new("1 - avg(probe_success)"), is }));
    let value = Expression::new("histogram_quantile(0.99, sum by (le) (rate(http_bucket[{{.window}}])))");
    let queries = Queries::Threshold { value, good: Comparison::Lte, threshold: 0.5 };
    let threshold = slo("threshold", 0.99, queried(queries));
    let mut slices = slo("slices", 0.99, events(REQUESTS, FAILED, Verdict::Bad));
    let slice = Nanos::from_secs(120);
    slices.method = Method::Timeslices { slice, target: Ratio::new(0.95).unwrap() };
    let mut shares = slo("shares", 0.99, events(REQUESTS, FAILED, Verdict::Bad));
    shares.method = Method::RatioTimeslices { slice: Nanos::from_secs(60) };
    let mut calendar = slo("calendar", 0.9, events(REQUESTS, FAILED, Verdict::Bad));
    let start = "2026-01-01T00:00:00".parse().unwrap();
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    calendar.period = Period::Calendar(Calendar { start, count: 1, unit: CalendarUnit::Month, zone });
    let mut all = vec![
        slo("held", 0.999, held()),
        failures,
        latency,
        grouped,
        share,
        threshold,
        slices,
        shares,
        calendar,
        slo(
            "unlike",
            0.99,
            events("sum(rate(a[{{.window}}]))", "sum(rate(a[{{.window}}])) / 2", Verdict::Bad),
        ),
    ];
    all.extend(composed(&all));
    all
}

/// Composites of other objectives: weighted and all-of, over events and over time slices.
fn composed(others: &[Slo]) -> Vec<Slo> {
    let whole = |name: &str, of: &[(&str, Option<f64>)]| {
        let member = |(slo, weight): &(&str, _)| Member { slo: format!("shop/{slo}"), weight: *weight };
        slo(name, 0.98, Indicator::Composite { members: of.iter().map(member).collect() })
    };
    let part = |name: &str| others.iter().find(|slo| slo.name == name).unwrap();
    let like = |name: &str, of: &str| Slo { name: name.to_owned(), ..part(of).clone() };
    let mut all = whole("all", &[("requests", None), ("held", None), ("by-region", None)]);
    all.labels.insert("team".to_owned(), "checkout".to_owned());
    let mut all_slices = whole("all-slices", &[("slices", None), ("slices-too", None)]);
    all_slices.method = part("slices").method;
    let mut weighted_shares = whole("weighted-shares", &[("shares", Some(0.25)), ("shares-too", Some(0.75))]);
    weighted_shares.method = part("shares").method;
    let mut weighted_slices = whole("weighted-slices", &[("slices", Some(3.0)), ("slices-too", Some(1.0))]);
    let slice = Nanos::from_secs(120);
    weighted_slices.method = Method::Timeslices { slice, target: Ratio::new(0.5).unwrap() };
    vec![
        like("slices-too", "slices"),
        like("shares-too", "shares"),
        like("held-too", "held"),
        whole("weighted", &[("requests", Some(3.0)), ("held", Some(0.5)), ("by-region", Some(1.5))]),
        whole("weighted-held", &[("held", Some(1.0)), ("held-too", Some(2.0))]),
        all,
        all_slices,
        weighted_shares,
        weighted_slices,
    ]
}

fn written(slo: &Slo) -> ObjectiveRules {
    ObjectiveRules::new(slo, &objectives()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
#[ignore = "needs promtool: `tests/run sidecar` installs and runs it"]
fn rules_of_every_kind_pass_their_tests() {
    let folder = folder("rules");
    for slo in objectives() {
        let written = written(&slo);
        let rules = folder.join(format!("{}.yaml", written.stem));
        std::fs::write(&rules, written.rules(RuleTarget::Prometheus)).unwrap();
        let mut files = vec![(["check", "rules"], rules)];
        let tests = [("test", Some(written.test())), ("slow.test", written.slow_test())];
        for (ending, text) in tests.into_iter().filter_map(|(ending, text)| Some((ending, text?))) {
            let test = folder.join(format!("tests/{}.{ending}.yaml", written.stem));
            std::fs::write(&test, text).unwrap();
            files.push((["test", "rules"], test));
        }
        for (words, file) in files {
            let (is_good, output) = promtool(&words, &file);
            assert!(is_good, "{}: {output}", file.display());
        }
    }
}

/// Where an alert reads another window, or a window is summed over another range, a test must fail.
#[test]
#[ignore = "needs promtool: `tests/run sidecar` installs and runs it"]
fn an_alert_over_another_window_fails_its_tests() {
    let slo = objectives().into_iter().find(|slo| slo.name == "requests").unwrap();
    let written = written(&slo);
    let folder = folder("rules-mutated");
    let rules = folder.join(format!("{}.yaml", written.stem));
    let test = folder.join(format!("tests/{}.slow.test.yaml", written.stem));
    std::fs::write(&test, written.slow_test().unwrap()).unwrap();
    let text = written.rules(RuleTarget::Prometheus);
    let (records, alerts) = text.split_once("- name: \"mapwarden-slo-alerts").unwrap();
    let (pages, tickets) = alerts.rsplit_once("- alert: \"ShopRequests\"").unwrap();
    let windows =
        [("1d", "6h"), ("1d", "3d"), ("3d", "1d"), ("2h", "1h"), ("2h", "6h"), ("6h", "2h"), ("6h", "1d")];
    let ranges = [("1h59m", "2h59m"), ("5h59m", "4h59m"), ("23h59m", "22h59m"), ("2d23h59m", "2d22h59m")];
    let of_alert = windows.map(|(window, other)| {
        let mutated = tickets.replace(&format!("{window}{{"), &format!("{other}{{"));
        (
            window,
            other,
            format!("{records}- name: \"mapwarden-slo-alerts{pages}- alert: \"ShopRequests\"{mutated}"),
        )
    });
    let of_record = ranges.map(|(range, other)| {
        (range, other, text.replace(&format!("[{range}30s]"), &format!("[{other}30s]")))
    });
    for (there, instead, mutated) in of_alert.into_iter().chain(of_record) {
        assert_ne!(mutated, text, "{there} is not in the rules:\n{text}");
        std::fs::write(&rules, mutated).unwrap();
        let (is_good, output) = promtool(&["test", "rules"], &test);
        assert!(!is_good && output.contains("exp:"), "{there} may be {instead}: {output}");
    }
}

#[test]
fn the_same_objective_gives_the_same_bytes() {
    for slo in objectives() {
        let (one, other) = (written(&slo), written(&slo.clone()));
        for target in [RuleTarget::Prometheus, RuleTarget::PrometheusRule] {
            assert_eq!(one.rules(target), other.rules(target));
        }
        assert_eq!((one.test(), one.slow_test()), (other.test(), other.slow_test()));
    }
}

#[test]
fn inexpressible_objectives_are_reported() {
    let error = |slo: &Slo| ObjectiveRules::new(slo, &[]).unwrap_err().to_string();
    let all = objectives().into_iter().find(|slo| slo.name == "all").unwrap();
    let expected = "objective `shop/all`: its member `shop/requests` is not among the given objectives";
    assert_eq!(error(&all), expected);
    let sliced = Slo { method: Method::RatioTimeslices { slice: Nanos::from_secs(60) }, ..all };
    let error_of_slices = ObjectiveRules::new(&sliced, &objectives()).unwrap_err().to_string();
    let expected = "objective `shop/all`: its members do not count time slices of its length";
    assert_eq!(error_of_slices, expected);
    let error = error(&slo("x", 0.99, events("sum(", FAILED, Verdict::Bad)));
    assert!(error.starts_with("objective `shop/x`: its total is not PromQL: "), "{error}");
    let notes = |name: &str| {
        let slo = objectives().into_iter().find(|slo| slo.name == name).unwrap();
        written(&slo).notes
    };
    assert_eq!(notes("requests"), [""; 0]);
    let calendar = notes("calendar");
    assert_eq!(calendar[0], "its burn windows and their factors are as for 30d");
    assert!(calendar[1].starts_with("the budget of its period ends with 2040"), "{calendar:?}");
    assert!(calendar[2].starts_with("the page over 1h and 5m above 14.4 can never fire"), "{calendar:?}");
}
