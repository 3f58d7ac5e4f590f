//! `/metrics` has every number of the view, in a format that Prometheus reads.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use mapwarden_contract::Count;
use mapwarden_contract::names::{Metric, MetricKind};
use mapwarden_engine::ledger::{AttributedPart, Unattributed};
use mapwarden_engine::notice::Known;
use mapwarden_sidecar::metric_names as names;
use mapwarden_sidecar::output::exposition::Exposition;
use mapwarden_sidecar::view::SloView;
use mapwarden_sidecar::view::{AttributionView, ShareView};

use crate::output_fixture::{empty, view};

/// Returns a view of a service with this name: tests share the recorder of the process, but no series.
fn view_of(service: &str) -> mapwarden_sidecar::view::View {
    let mut view = view();
    let renamed =
        |slo: SloView| SloView { service: service.into(), id: format!("{service}/{}", slo.name), ..slo };
    view.slos = view.slos.iter().map(renamed).collect::<Vec<_>>().into();
    for change in &mut view.changes {
        change.service = service.to_owned();
    }
    for map in &mut view.maps {
        map.service = service.to_owned();
    }
    for requests in &mut view.requests {
        requests.service = service.to_owned();
    }
    view
}

fn samples(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(key, value)| (key, value.parse().unwrap()))
        .collect()
}

#[test]
fn installing_twice_gives_the_same_recorder() {
    let (first, second) = (Exposition::install().unwrap(), Exposition::install().unwrap());
    metrics::gauge!("mapwarden_queue_capacity").set(1024.0);
    for exposition in [first, second] {
        assert!(exposition.render(&empty()).contains("mapwarden_queue_capacity 1024\n"));
    }
}

#[test]
fn every_number_of_the_view_is_a_sample() {
    let exposition = Exposition::install().unwrap();
    let text = exposition.render(&view_of("numbers"));
    let samples = samples(&text);
    let expected = [
        (r#"mapwarden_sli_events_total{slo="numbers/sessions-availability",service="numbers"}"#, 8_421_002.0),
        (
            r#"mapwarden_sli_good_events_total{slo="numbers/sessions-availability",service="numbers"}"#,
            8_412_733.0,
        ),
        (
            r#"mapwarden_sli_error_ratio{slo="numbers/sessions-availability",service="numbers",window="5m"}"#,
            0.079,
        ),
        (
            r#"mapwarden_slo_alert_active{slo="numbers/sessions-availability",service="numbers",tier="quick_page",severity="page"}"#,
            1.0,
        ),
        (
            r#"mapwarden_slo_alert_active{slo="numbers/checkout-availability",service="numbers",tier="slow_ticket",severity="ticket"}"#,
            0.0,
        ),
        (
            r#"mapwarden_map_operations_total{service="numbers",map="sessions",op="insert",outcome="rejected"}"#,
            8_269.0,
        ),
        (
            r#"mapwarden_map_operation_latency_seconds{service="numbers",map="routing",op="get",percentile="99"}"#,
            6.6e-7,
        ),
        (r#"mapwarden_map_entries{service="numbers",map="sessions"}"#, 88_231.0),
        (r#"mapwarden_map_max_entries{service="numbers",map="sessions"}"#, 90_000.0),
        (r#"mapwarden_map_hot_key_share_ratio{service="numbers",map="sessions"}"#, 0.61),
        (r#"mapwarden_map_guard_held_seconds{service="numbers",map="sessions"}"#, 41.0),
        (r#"mapwarden_map_last_write_timestamp_seconds{service="numbers",map="routing"}"#, 1795256273.0),
        (
            r#"mapwarden_map_failures_total{service="numbers",map="sessions",op="load",error_type="timeout"}"#,
            412.0,
        ),
        (
            r#"mapwarden_requests_total{service="numbers",scope="checkout",region="eu-west-1",outcome="failed"}"#,
            6_557.0,
        ),
        (
            r#"mapwarden_request_latency_seconds{service="numbers",scope="checkout",region="eu-west-1",percentile="95"}"#,
            2.9,
        ),
        (
            r#"mapwarden_requests_total{service="numbers",scope="checkout",region="eu-west-1",outcome="cancelled"}"#,
            17.0,
        ),
        (r#"mapwarden_dependency_up{dependency="redis"}"#, 0.5),
        (r#"mapwarden_notice_parts_total{part="impact",state="missing"}"#, 1.0),
        (r#"mapwarden_notices_total{event="updated"}"#, 9.0),
    ];
    for (key, value) in expected {
        assert_eq!(samples.get(key), Some(&value), "{key} in\n{text}");
    }
}

#[test]
fn attribution_sums_to_the_whole() {
    let share = |dimension, bad: &[u64], rest: Option<u64>| ShareView {
        dimension,
        parts: (1..)
            .zip(bad)
            .map(|(part, bad)| AttributedPart { name: format!("v{part}"), bad: Count::new(*bad) })
            .collect(),
        rest: rest.map(|bad| Unattributed { bad: Count::new(bad), why: "not reported".to_owned() }),
    };
    let by = vec![
        share("version", &[50, 20, 10, 9, 6, 4], Some(1)),
        share("region", &[100], None),
        share("operation", &[], Some(100)),
    ];
    let since = "2026-11-21T00:00:00Z".parse().unwrap();
    let attribution = |over, by| AttributionView { over, since, bad: Count::new(100), spent: Some(0.5), by };
    let mut view = view_of("spenders");
    let of_onset = attribution("onset", vec![share("version", &[7], None)]);
    let mut slos: Vec<_> = view.slos.iter().collect();
    slos[0].ledger.attribution = vec![attribution("period", by), of_onset];
    view.slos = slos.into();
    let text = Exposition::install().unwrap().render(&view);
    let of_it =
        samples(&text).into_iter().filter(|(key, _)| key.starts_with("mapwarden_error_budget_spent_events{"));
    let found: BTreeMap<_, _> = of_it
        .map(|(key, value)| (key.split_once("dimension=").unwrap().1.trim_end_matches('}').to_owned(), value))
        .collect();
    let expected = [
        (r#""region",part="v1""#, 100.0),
        (r#""version",part="(rest)""#, 11.0),
        (r#""version",part="v1""#, 50.0),
        (r#""version",part="v2""#, 20.0),
        (r#""version",part="v3""#, 10.0),
        (r#""version",part="v4""#, 9.0),
    ];
    assert_eq!(found, expected.map(|(key, value)| (key.to_owned(), value)).into());
}

#[test]
fn every_number_of_a_source_is_a_sample() {
    let exposition = Exposition::install().unwrap();
    let text = exposition.render(&view_of("sources"));
    let samples = samples(&text);
    let expected = [
        (
            r#"mapwarden_source_failing{source="fleet",slo="order-service/browse-latency",service="order-service"}"#,
            1.0,
        ),
        (
            r#"mapwarden_source_answered_timestamp_seconds{source="fleet",slo="order-service/checkout-availability",service="order-service"}"#,
            1795256220.0,
        ),
        (
            r#"mapwarden_agreement_error_ratio_difference_ratio{source="fleet",slo="order-service/checkout-availability",service="order-service",window="30d"}"#,
            0.0,
        ),
        (r#"mapwarden_agreement_resolution_ratio{source="fleet"}"#, 0.01),
    ];
    for (key, value) in expected {
        assert_eq!(samples.get(key), Some(&value), "{key} in\n{text}");
    }
    let absent =
        r#"mapwarden_source_answered_timestamp_seconds{source="fleet",slo="order-service/browse-latency""#;
    assert!(!text.contains(absent), "{text}");
}

#[test]
fn a_missing_value_has_no_sample() {
    let exposition = Exposition::install().unwrap();
    let mut view = view_of("gaps");
    let text = exposition.render(&view);
    let idle = r#"slo="gaps/browse-latency""#;
    assert!(text.contains(&format!("mapwarden_slo_objective_ratio{{{idle}")), "{text}");
    for metric in [names::SLI_ERROR_RATIO, names::BURN_RATE, names::COVERAGE, names::BUDGET_REMAINING] {
        assert!(!text.contains(&format!("{}{{{idle}", metric.name)), "{} in\n{text}", metric.name);
    }
    assert!(!text.contains(r#"mapwarden_dependency_up{dependency="fraud-check"}"#));

    for metric in [names::MAP_MAX_ENTRIES, names::MAP_HOT_KEY_SHARE, names::MAP_FAILURES] {
        let unbounded = format!(r#"{}{{service="gaps",map="routing""#, metric.name);
        assert!(!text.contains(&unbounded), "{unbounded} in\n{text}");
    }
    let entries = r#"mapwarden_map_entries{service="gaps",map="sessions"}"#;
    assert!(text.contains(entries));
    view.maps.iter_mut().for_each(|map| map.entries = Known::missing("no telemetry"));
    assert!(!exposition.render(&view).contains(entries), "a removed value is still shown");
}

#[test]
fn no_series_occurs_twice() {
    let exposition = Exposition::install().unwrap();
    let mut view = view_of("twice");
    let mut back = view.changes[0].clone();
    back.at = "2026-11-21T09:59:00Z".parse().unwrap();
    view.changes.insert(0, back.clone());
    let text = exposition.render(&view);
    let series: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let series: Vec<&str> = series.into_iter().map(|line| line.rsplit_once(' ').unwrap().0).collect();
    let unique: std::collections::BTreeSet<&str> = series.iter().copied().collect();
    assert_eq!(unique.len(), series.len(), "{text}");
    let version = back.version.as_deref().unwrap();
    let line = |line: &&str| line.starts_with("mapwarden_change_timestamp_seconds") && line.contains(version);
    let last = text.lines().find(line).unwrap();
    assert!(last.ends_with(&format!(" {}", back.at.as_second())), "{last}");
}

#[test]
fn closed_label_sets_exist_from_the_start() {
    let exposition = Exposition::install().unwrap();
    let text = exposition.render(&view_of("zeros"));
    let samples = samples(&text);
    for key in [
        r#"mapwarden_changes_total{service="zeros",kind="deploy",source="webhook"}"#,
        r#"mapwarden_changes_total{service="zeros",kind="flag",source="telemetry"}"#,
        r#"mapwarden_notice_parts_total{part="recent_changes",state="missing"}"#,
    ] {
        assert_eq!(samples.get(key), Some(&0.0), "{key} in\n{text}");
    }
}

#[test]
fn labels_and_kinds_are_as_declared() {
    let exposition = Exposition::install().unwrap();
    let text = exposition.render(&view_of("declared"));
    let declared = |name: &str| -> Metric {
        let histogram = name.trim_end_matches("_bucket").trim_end_matches("_sum").trim_end_matches("_count");
        let found = names::ALL.into_iter().find(|metric| {
            metric.name == name || (metric.kind == MetricKind::Histogram && metric.name == histogram)
        });
        found.unwrap_or_else(|| panic!("{name} is not declared"))
    };
    let mut seen = 0;
    for (key, _) in samples(&text) {
        let (name, labels) = key.split_once('{').unwrap_or((key, ""));
        let metric = declared(name);
        let labels: Vec<&str> =
            labels.split("\",").filter_map(|label| label.split_once('=')).map(|(name, _)| name).collect();
        let labels: Vec<&str> = labels.into_iter().filter(|label| *label != "le").collect();
        assert_eq!(labels, metric.labels, "{key}");
        seen += 1;
    }
    assert!(seen > 100, "{text}");
}

/// Needs promtool; the full test command installs it.
#[test]
fn promtool_accepts_the_exposition() {
    let exposition = Exposition::install().unwrap();
    metrics::histogram!(names::EVALUATION_DURATION.name).record(0.0004);
    let text = exposition.render(&view_of("promtool"));
    let Ok(mut promtool) = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    else {
        eprintln!("skipped: promtool is not installed (Debian package prometheus)");
        return;
    };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&said));
}
