//! What a notice says about the map behind a fault, second by second: of what the SDK's recorder tells of it.

use std::sync::Arc;

use mapwarden::contract::names::{attribute, wire};
use mapwarden_sidecar::accept::{Batch, Observation, Point, Resource, Temporality, Value};
use mapwarden_sidecar::notice::{Event, MapEvidence, Notice};

use crate::notices::{START, Sidecar, at, attributes, restart};

const MAP: (&str, &str) = (attribute::MAP, "routes");

/// A process that tells of the map `routes` like the SDK.
pub(crate) struct Process(Arc<Resource>);

impl Process {
    pub(crate) fn new(id: u64) -> Self {
        let resource = Resource {
            id,
            service: Arc::from("gateway"),
            version: Some(Arc::from("v1")),
            revision: None,
            environment: None,
            team: None,
            instance: None,
            region: None,
        };
        Self(Arc::new(resource))
    }

    pub(crate) fn tell(&self, second: u64, observations: Vec<Observation>) -> Batch {
        Batch { resource: self.0.clone(), received: at(second), observations }
    }
}

fn point(metric: &str, pairs: &[(&str, &str)], (start, second): (u64, u64), value: Value) -> Observation {
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
    point(metric, pairs, times, Value::Sum { temporality: Temporality::Cumulative, value })
}

pub(crate) fn gauge(metric: &str, pairs: &[(&str, &str)], second: u64, value: f64) -> Observation {
    point(metric, pairs, (0, second), Value::Gauge(value))
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

/// A table that is written each second until 600 and again from 735 on, and ought to be at most 30 s old.
fn stale(sidecar: &mut Sidecar, process: &Process, seconds: std::ops::Range<u64>) {
    for second in seconds {
        let written = if (600..735).contains(&second) { 600 } else { second };
        let bad = second.clamp(630, 735) - 630;
        let mut told = vec![
            declared("freshness", Some("30000000000"), second),
            gauge(wire::MAP_ENTRIES.name, &[], second, 300.0),
            gauge(wire::MAP_LAST_WRITE.name, &[], second, (START + written) as f64 * 1e9),
        ];
        told.extend(events(second, second - bad, bad));
        sidecar.aggregate.take(&process.tell(second, told));
        sidecar.step(second);
    }
}

#[test]
fn a_table_that_nobody_writes_any_more_is_told_with_its_age() {
    let (mut sidecar, process) = (Sidecar::new(), Process::new(1));
    stale(&mut sidecar, &process, 1..700);
    restart(&mut sidecar);
    stale(&mut sidecar, &process, 700..900);
    let (second, opened) = sidecar.told(Event::Opened)[0];
    assert!((635..650).contains(&second), "opened at {second}");
    let head = opened.summary.split_once(" -> ").unwrap();
    assert_eq!(head.0, "freshness 100.00%", "{}", opened.summary);
    let age = second - 600;
    let told = format!("(target 99%, last write at most 30 s ago), routes not written for {age} s");
    assert!(head.1.contains(&told), "{}", opened.summary);
    assert_eq!(opened.impact.basis, "seconds of the map routes");

    let (over, resolved) = sidecar.told(Event::Resolved)[0];
    assert!((735..850).contains(&over), "resolved at {over}");
    let longest = evidence(resolved).without_write.unwrap().as_secs_f64();
    assert_eq!(longest, 134.0, "what is written after the end does not hide the fault");
}
