//! The bridge to the `metrics` facade, as a scrape of metrics-exporter-prometheus reads it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ::metrics::with_local_recorder;
use mapwarden::bridge::metrics::{BridgeError, MetricsBridge, publish};
use mapwarden::snapshot::Snapshot;
use mapwarden::{HashMap, Objective, Scope};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::receiver::{Receiver, orders, turn};

/// Returns the values by series, as printed, of the lines that contain `named`.
fn series(text: &str, named: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && line.contains(named));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        })
        .collect()
}

fn scraped(builder: PrometheusBuilder) -> String {
    let recorder = builder.build_recorder();
    with_local_recorder(&recorder, || publish(&Snapshot::take()));
    recorder.handle().render()
}

#[test]
fn a_scrape_has_every_count_of_a_map() {
    let _turn = turn();
    let map: HashMap<u32, u32> = HashMap::builder()
        .name("scraped-map")
        .max_entries(3)
        .objective(Objective::hit_ratio(0.9).unwrap())
        .build();
    let pinned = map.pin();
    for key in 0..5 {
        let _ = pinned.try_insert(key, key);
    }
    for key in 0..10 {
        pinned.get(&key);
    }
    assert_eq!(pinned.len(), 3);
    for builder in [PrometheusBuilder::new(), PrometheusBuilder::new().with_recommended_naming(true)] {
        let text = scraped(builder);
        let published = series(&text, "scraped-map");
        let expected = [
            (r#"mapwarden_map_operations_total{map="scraped-map",op="get",outcome="hit"}"#, 3.0),
            (r#"mapwarden_map_operations_total{map="scraped-map",op="get",outcome="miss"}"#, 7.0),
            (r#"mapwarden_map_operations_total{map="scraped-map",op="try_insert",outcome="inserted"}"#, 3.0),
            (r#"mapwarden_map_operations_total{map="scraped-map",op="try_insert",outcome="rejected"}"#, 2.0),
            (r#"mapwarden_map_operations_total{map="scraped-map",op="remove",outcome="removed"}"#, 0.0),
            (r#"mapwarden_map_entries{map="scraped-map"}"#, 3.0),
            (r#"mapwarden_map_retries_total{map="scraped-map"}"#, 0.0),
            (r#"mapwarden_sli_events_total{slo="scraped-map-hit_ratio",verdict="good"}"#, 3.0),
            (r#"mapwarden_sli_events_total{slo="scraped-map-hit_ratio",verdict="bad"}"#, 7.0),
            (r#"mapwarden_slo_objective_ratio{slo="scraped-map-hit_ratio",sli="hit_ratio"}"#, 0.9),
        ];
        for (name, value) in expected {
            assert_eq!(published.get(name), Some(&value), "{name} in {published:#?}");
        }
        assert!(
            text.contains("# HELP mapwarden_map_operations_total Operations on a map, every one counted.\n")
        );
        assert!(text.contains("# TYPE mapwarden_map_operations_total counter\n"));
    }
}

#[test]
fn request_times_are_a_prometheus_histogram() {
    let _turn = turn();
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address)
        .scope_objective("scraped", Objective::availability(0.999).unwrap())
        .install()
        .unwrap();
    for _ in 0..4 {
        Scope::request("scraped").region("eu").start().ok();
    }
    Scope::request("scraped").region("eu").start().fail("x");
    Scope::request("scraped").region("eu").start().cancel();
    let slow = Scope::request("scraped").region("eu").start();
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(20) {
        std::hint::spin_loop();
    }
    slow.ok();
    Scope::dependency("scraped-call").ok();
    let text = scraped(PrometheusBuilder::new().with_recommended_naming(true));
    let published = series(&text, "\"scraped\"");
    let value = |name: &str| published.get(name).copied();
    let of_region = r#"scope="scraped",region="eu""#;
    for (outcome, count) in [("ok", 5.0), ("failed", 1.0), ("cancelled", 1.0)] {
        let name = format!("mapwarden_requests_total{{{of_region},outcome=\"{outcome}\"}}");
        assert_eq!(value(&name), Some(count), "{name}");
    }
    let part = |part: &str| value(&format!("mapwarden_request_duration_seconds_{part}{{{of_region}}}"));
    assert_eq!(part("count"), Some(6.0));
    assert!(part("sum").unwrap() >= 0.02, "{published:#?}");
    let bucket = |le: &str| {
        value(&format!("mapwarden_request_duration_seconds_bucket{{{of_region},le=\"{le}\"}}")).unwrap()
    };
    assert!(bucket("0.016777216") <= 5.0, "20 ms are longer than 2^24 ns");
    assert_eq!((bucket("34.359738368"), bucket("+Inf")), (6.0, 6.0));
    let buckets = published.keys().filter(|name| name.contains("_bucket"));
    assert_eq!(buckets.count(), 20);
    let events = |verdict| {
        let of = format!(r#"slo="scraped-availability",verdict="{verdict}",region="eu""#);
        series(&text, &of).into_values().collect::<Vec<_>>()
    };
    assert_eq!((events("good"), events("bad")), (vec![5.0], vec![1.0]));
    let calls = series(&text, "mapwarden_dependency_calls_total{dependency=\"scraped-call\"");
    assert_eq!(calls.into_values().sum::<f64>(), 1.0);
    drop(telemetry);
}

fn operations(prometheus: &PrometheusHandle) -> f64 {
    let name = r#"mapwarden_map_operations_total{map="published",op="insert",outcome="inserted"}"#;
    series(&prometheus.render(), name).into_values().sum()
}

#[test]
fn the_thread_publishes_until_its_handle_is_dropped() {
    let _turn = turn();
    // The recorder of the process: no other test installs one.
    let prometheus = PrometheusBuilder::new().install_recorder().unwrap();
    let map: HashMap<u32, u32> = HashMap::builder().name("published").build();
    let bridge = MetricsBridge::every(Duration::from_millis(10)).unwrap();
    map.pin().insert(1, 1);
    let patience = Instant::now() + Duration::from_secs(60);
    while operations(&prometheus) < 1.0 {
        assert!(Instant::now() < patience, "the count was not published");
        std::thread::yield_now();
    }
    drop(bridge);
    let bridge = MetricsBridge::every(Duration::from_secs(3600)).unwrap();
    map.pin().insert(2, 2);
    drop(bridge);
    assert_eq!(operations(&prometheus), 2.0, "the last publication");
    map.pin().insert(3, 3);
    assert_eq!(operations(&prometheus), 2.0, "no publication after the drop");
    let refused = MetricsBridge::every(Duration::ZERO).unwrap_err();
    assert!(matches!(refused, BridgeError::Interval(Duration::ZERO)), "{refused}");
}
