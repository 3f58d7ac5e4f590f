//! What a notice reports about the map behind a fault, second by second, from the batches of the SDK's recorder.

use std::sync::Arc;

use mapwarden_contract::names::{attribute, wire};
use mapwarden_contract::{Count, Nanos};
use mapwarden_engine::aggregate::slots::Until;
use mapwarden_engine::aggregate::{Aggregate, timestamp};
use mapwarden_engine::notice::{MapEvidence, Notice, Transition};
use mapwarden_engine::observation::{
    Batch, Buckets, Failure, FailureAbout, Histogram, Observation, Point, PointValue, Resource, Temporality,
    Trace, TracedEvent,
};

use crate::notices::{START, Sidecar, at, attributes, restart};

const MAP: (&str, &str) = (attribute::MAP, "routes");

/// A process that sends the telemetry of the map `routes` as the SDK does.
pub(crate) struct Process(Arc<Resource>);

impl Process {
    pub(crate) fn new(id: u64) -> Self {
        let resource = Resource {
            id,
            service: Arc::from("gateway"),
            version: Some(Arc::from("v1")),
            ..Resource::default()
        };
        Self(Arc::new(resource))
    }

    pub(crate) fn batch(&self, second: u64, observations: Vec<Observation>) -> Batch {
        Batch { resource: self.0.clone(), received: at(second), observations }
    }
}

fn point(
    metric: &str,
    pairs: &[(&str, &str)],
    (start, second): (u64, u64),
    value: PointValue,
) -> Observation {
    let attributes = attributes(&[pairs, &[MAP]].concat());
    Observation::Point(Point {
        metric: Arc::from(metric),
        attributes,
        start: at(start),
        time: at(second),
        value,
    })
}

pub(crate) fn sum(metric: &str, pairs: &[(&str, &str)], times: (u64, u64), count: u64) -> Observation {
    let value = f64::from(u32::try_from(count).unwrap());
    point(metric, pairs, times, PointValue::Sum { temporality: Temporality::Cumulative, value })
}

pub(crate) fn gauge(metric: &str, pairs: &[(&str, &str)], second: u64, value: f64) -> Observation {
    point(metric, pairs, (0, second), PointValue::Gauge(value))
}

pub(crate) fn declared(sli: &str, threshold: Option<&str>, second: u64) -> Observation {
    let mut pairs = vec![(attribute::SLO, "routes"), (attribute::SLI, sli)];
    pairs.extend(threshold.map(|threshold| (attribute::THRESHOLD, threshold)));
    gauge(wire::OBJECTIVE.name, &pairs, second, 0.99)
}

pub(crate) fn events(second: u64, good: u64, bad: u64) -> [Observation; 2] {
    [("good", good), ("bad", bad)].map(|(verdict, count)| {
        let pairs = [(attribute::SLO, "routes"), (attribute::VERDICT, verdict)];
        sum(wire::SLI_EVENTS.name, &pairs, (0, second), count)
    })
}

pub(crate) fn evidence(notice: &Notice) -> &MapEvidence {
    notice.map.value().unwrap()
}

/// A map that is written each second until 600 and again from 735 on, and should be at most 30 s old.
fn stale(sidecar: &mut Sidecar, process: &Process, seconds: std::ops::Range<u64>) {
    for second in seconds {
        let written = if (600..735).contains(&second) { 600 } else { second };
        let bad = second.clamp(630, 735) - 630;
        let mut observations = vec![
            declared("freshness", Some("30000000000"), second),
            gauge(wire::MAP_ENTRIES.name, &[], second, 300.0),
            gauge(wire::MAP_LAST_WRITE.name, &[], second, Count::new(at(written).get()).as_f64()),
        ];
        observations.extend(events(second, second - bad, bad));
        sidecar.aggregate.take(&process.batch(second, observations));
        sidecar.step(second);
    }
}

#[test]
fn a_freshness_notice_shows_the_age_of_the_map() {
    let (mut sidecar, process) = (Sidecar::new(), Process::new(1));
    stale(&mut sidecar, &process, 1..700);
    restart(&mut sidecar);
    stale(&mut sidecar, &process, 700..900);
    let (second, opened) = sidecar.events(Transition::Opened)[0];
    assert!((635..650).contains(&second), "opened at {second}");
    let head = opened.summary.split_once(" -> ").unwrap();
    assert_eq!(head.0, "freshness 100.00%", "{}", opened.summary);
    let age = second - 600;
    let expected = format!("(target 99%, last write at most 30 s ago), routes not written for {age} s");
    assert!(head.1.contains(&expected), "{}", opened.summary);
    assert_eq!(opened.impact.basis, "seconds of the map routes");

    let (over, resolved) = sidecar.events(Transition::Resolved)[0];
    assert!((735..850).contains(&over), "resolved at {over}");
    let longest = evidence(resolved).without_write.unwrap().as_secs_f64();
    assert_eq!(longest, 134.0, "writes after the end do not hide the fault");
}

/// Checkout fails and one key of the map takes most of the operations, from 600 on.
fn hot(sidecar: &mut Sidecar, process: &Process, seconds: std::ops::Range<u64>) {
    for second in seconds {
        let since = second.saturating_sub(600);
        let mut observations = vec![
            declared("availability", None, second),
            gauge(wire::MAP_ENTRIES.name, &[], second, 990.0),
            gauge(wire::MAP_MAX_ENTRIES.name, &[], second, 1_000.0),
            sum(wire::MAP_SAMPLED_OPERATIONS.name, &[], (0, second), second * 1_000),
        ];
        observations.extend(events(second, second * 1_000 - since * 300, since * 300));
        // `k1` takes 5 % and then 60 %, `k2` always 4 %, `k3` is one of the hottest for a while.
        let keys = [("k1", 50 * second + 550 * since), ("k2", 40 * second)];
        let hot_key = |key, count, start| {
            sum(wire::MAP_HOT_KEY_OPERATIONS.name, &[(attribute::KEY, key)], (start, second), count)
        };
        observations.extend(keys.map(|(key, count)| hot_key(key, count, 0)));
        observations.extend((650..680).contains(&second).then(|| hot_key("k3", 30 * (second - 649), 649)));
        for (scope, count) in [("checkout", 900 * second), ("", 100 * second)] {
            observations.push(sum(
                wire::MAP_SCOPE_OPERATIONS.name,
                &[(attribute::SCOPE, scope)],
                (0, second),
                count,
            ));
        }
        let failures =
            [("load", "timeout", 3), ("load", "panic", 1), ("update", "panic", 2), ("get", "io", 4)];
        for (op, error, rate) in failures {
            let pairs = [(attribute::OP, op), (attribute::ERROR_TYPE, error)];
            observations.push(sum(wire::MAP_FAILURES.name, &pairs, (0, second), rate * since));
        }
        sidecar.aggregate.take(&process.batch(second, observations));
        sidecar.step(second);
    }
}

#[test]
fn a_hot_key_shows_the_counts_of_its_share() {
    let (mut sidecar, process) = (Sidecar::new(), Process::new(1));
    hot(&mut sidecar, &process, 1..720);
    let notice = sidecar.notices.all()[0].clone();
    let map = evidence(&notice);
    let onset = u64::try_from(notice.onset.as_second()).unwrap() - START;
    assert_eq!(onset, 601);
    let seconds = 719 - onset + 1;
    let hot_key = map.hot_key.as_ref().unwrap();
    assert_eq!((hot_key.key.as_str(), hot_key.operations.get()), ("k1", 600 * seconds));
    assert_eq!(map.sampled.map(|sampled| sampled.get()), Some(1_000 * seconds));
    assert_eq!(map.hot_key_share.value().map(|share| share.get()), Some(0.6));
    assert_eq!(hot_key.baseline.value().map(|share| share.get()), Some(0.05));
    assert_eq!(hot_key.hottest_before.value().map(|share| share.get()), Some(0.05));
    let scopes: Vec<_> = map.scopes.iter().map(|scope| (scope.scope.as_str(), scope.share.get())).collect();
    assert_eq!(scopes, [("checkout", 0.9), ("", 0.1)]);
    let failures: Vec<_> = map
        .failures
        .iter()
        .map(|failure| (&*failure.op, &*failure.error_type, failure.count.get()))
        .collect();
    let expected = [("get", "io", 4), ("load", "timeout", 3), ("update", "panic", 2)];
    assert_eq!(failures, expected.map(|(op, error, rate)| (op, error, rate * seconds)));
    assert_eq!(map.full.map(|full| full.get()), Some(0.99));
    let view = sidecar.aggregate.at(at(719));
    let (_, map) = view.maps().next().unwrap();
    // The last minute and the second in which it begins; `k3` left it 40 s ago.
    let (from, until) = (at(659), Until::Through(at(719)));
    let keys = map.hot_keys.between(from, until, at(719));
    let keys: Vec<_> = keys.iter().map(|(key, operations)| (&***key, operations.get())).collect();
    assert_eq!((keys[0], keys[1]), (("k1", 36_600), ("k2", 2_440)));
    assert!(keys[2].0 == "k3" && keys[2].1 > 549 && keys.len() == 3, "{keys:?}");
    let failures: u64 = map.failures().map(|(_, count)| count.get()).sum();
    let sampled = map.sampled_between(from, until, at(719));
    assert_eq!((sampled.map(Count::get), failures), (Some(61_000), 10 * 119));
    assert_eq!((map.entries(), map.max_entries.least(at(719))), (Some(990), Some(1_000)));
    let reason = notice.hypotheses.iter().find(|reason| reason.pattern == "hot-key").unwrap();
    assert!(reason.supports[0].contains("k1 takes 60%") && reason.supports[0].ends_with("5% before"));
}

#[test]
fn missing_keys_have_a_reason() {
    let (mut sidecar, process) = (Sidecar::new(), Process::new(1));
    for second in 1..720_u64 {
        let since = second.saturating_sub(600);
        let mut observations =
            vec![declared("availability", None, second), gauge(wire::MAP_ENTRIES.name, &[], second, 990.0)];
        observations.extend(events(second, second * 1_000 - since * 300, since * 300));
        sidecar.aggregate.take(&process.batch(second, observations));
        sidecar.step(second);
    }
    let notice = &sidecar.notices.all()[0];
    let map = evidence(notice);
    assert_eq!(serde_json::to_value(&map.hot_key_share).unwrap()["missing"], "keys are not sampled");
    assert!(map.hot_key.is_none() && map.sampled.is_none() && map.scopes.is_empty() && map.full.is_none());
    assert!(notice.hypotheses.iter().all(|reason| reason.pattern != "hot-key"));
    let tenants = serde_json::to_value(&notice.impact.affected_tenants).unwrap();
    assert_eq!(tenants["missing"], "the service sends no tenants");
}

/// An event of the map's operation `get`, with a trace.
fn exemplar(id: u8, second: u64, millis: u64) -> TracedEvent {
    let trace = Trace { id: [id; 16], span: [id; 8] };
    TracedEvent { at: at(second), duration: Nanos::from_millis(millis), trace }
}

#[test]
fn a_notice_leads_to_traces_of_the_fault() {
    let (mut sidecar, process) = (Sidecar::new(), Process::new(1));
    for second in 1..720_u64 {
        let since = second.saturating_sub(600);
        let mut observations = vec![declared("availability", None, second)];
        observations.extend(events(second, second * 1_000 - since * 300, since * 300));
        // Each batch repeats the last exemplar; the first is older than the fault.
        let last = match second {
            0..650 => exemplar(1, 300, 900),
            650..660 => exemplar(2, 649, 20),
            660..670 => exemplar(3, 659, 40),
            _ => exemplar(4, 669, 30),
        };
        let histogram = Histogram {
            count: Count::new(second),
            sum: None,
            to_nanos: Some(1.0),
            buckets: Buckets::Exponential { scale: 3, offset: 159, counts: vec![second], zero: 0 },
            exemplars: vec![last],
        };
        let value =
            PointValue::Histogram { temporality: Temporality::Cumulative, histogram: Box::new(histogram) };
        observations.push(point(wire::MAP_DURATION.name, &[(attribute::OP, "get")], (0, second), value));
        if second == 700 {
            let about = FailureAbout::Map { map: Arc::from("routes"), op: Arc::from("load") };
            let exemplar = exemplar(5, 699, 1);
            observations.push(Observation::Failure(Failure {
                about,
                error: Some(Arc::from("timeout")),
                exemplar,
            }));
        }
        sidecar.aggregate.take(&process.batch(second, observations));
        sidecar.step(second);
    }
    let notice = &sidecar.notices.all()[0];
    let examples: Vec<_> = notice
        .examples
        .iter()
        .map(|example| (&example.trace_id[..2], example.what.as_str(), example.why.as_str()))
        .collect();
    let expected = [
        ("05", "load of routes", "failed: timeout"),
        ("03", "get of routes", "slow or failed"),
        ("04", "get of routes", "slow or failed"),
    ];
    assert_eq!(examples, expected);
    assert_eq!(
        (notice.examples[1].at, notice.examples[1].duration),
        (timestamp(at(659)), Nanos::from_millis(40))
    );
}

#[test]
fn first_failures_of_an_old_process_count_in_full() {
    let (mut sidecar, process) = (Sidecar::new(), Process::new(1));
    sidecar.aggregate = Aggregate::new(Vec::new(), 10_000, at(1_000));
    for second in 1_001..1_010_u64 {
        let failed = |op: &str, count| {
            let pairs = [(attribute::OP, op), (attribute::ERROR_TYPE, "timeout")];
            sum(wire::MAP_FAILURES.name, &pairs, (0, second), count)
        };
        let mut observations = vec![gauge(wire::MAP_ENTRIES.name, &[], second, 9.0)];
        // One kind is as old as the process, the other begins with five at once.
        observations.push(failed("get", 7_000 + second));
        observations.extend((second >= 1_005).then(|| failed("load", second - 1_000)));
        sidecar.aggregate.take(&process.batch(second, observations));
    }
    let view = sidecar.aggregate.at(at(1_009));
    let (_, map) = view.maps().next().unwrap();
    let failures: Vec<_> = map.failures().map(|((op, _), count)| (&**op, count.get())).collect();
    assert_eq!(failures, [("get", 8), ("load", 9)]);
}

#[test]
fn a_renamed_key_is_not_a_hypothesis() {
    let (mut sidecar, process) = (Sidecar::new(), Process::new(1));
    for second in 1..720_u64 {
        let since = second.saturating_sub(600);
        let mut observations = vec![
            declared("availability", None, second),
            gauge(wire::MAP_ENTRIES.name, &[], second, 3.0),
            sum(wire::MAP_SAMPLED_OPERATIONS.name, &[], (0, second), second * 1_000),
        ];
        observations.extend(events(second, second * 1_000 - since * 300, since * 300));
        // Half of the operations always look up one key; from the fault on the map does not hold it.
        let (key, start) = if second <= 600 { ("eu-west-1", 0) } else { ("99b6f095e379dffb", 600) };
        let pairs = [(attribute::KEY, key)];
        observations.push(sum(
            wire::MAP_HOT_KEY_OPERATIONS.name,
            &pairs,
            (start, second),
            500 * (second - start),
        ));
        sidecar.aggregate.take(&process.batch(second, observations));
        sidecar.step(second);
    }
    let notice = &sidecar.notices.all()[0];
    let map = evidence(notice);
    let hot_key = map.hot_key.as_ref().unwrap();
    assert_eq!(
        (hot_key.key.as_str(), map.hot_key_share.value().map(|share| share.get())),
        ("99b6f095e379dffb", Some(0.5))
    );
    assert!(hot_key.baseline.value().is_none());
    assert_eq!(hot_key.hottest_before.value().map(|share| share.get()), Some(0.5));
    assert!(notice.hypotheses.iter().all(|reason| reason.pattern != "hot-key"));
}
