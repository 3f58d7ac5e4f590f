//! The attribution of a fault's bad events in its notice: parts that sum to the whole, over the interval of the fault.

use std::sync::Arc;

use mapwarden_contract::names::{attribute, wire};
use mapwarden_engine::notice::{Known, Notice, SpentBy, Transition};
use mapwarden_engine::observation::{Batch, PointValue, Resource, Temporality};

use crate::aggregate::point;
use crate::notice_maps::{Process, declared, events, gauge, sum};
use crate::notices::{Sidecar, at};

/// (name, bad) of each part, and the unattributed rest.
fn divided(spent: &SpentBy, dimension: &str) -> Option<(Vec<(String, u64)>, u64)> {
    let share = spent.by.iter().find(|share| share.dimension == dimension)?;
    let parts = share.parts.iter().map(|part| (part.name.clone(), part.bad.get()));
    Some((parts.collect(), share.rest.as_ref().map_or(0, |rest| rest.bad.get())))
}

fn part(name: &str, bad: u64) -> (String, u64) {
    (name.to_owned(), bad)
}

fn every_notice_adds_up(sidecar: &Sidecar) {
    let notices =
        [Transition::Opened, Transition::Updated, Transition::Resolved].map(|event| sidecar.events(event));
    let notices: Vec<(u64, &Notice)> = notices.into_iter().flatten().collect();
    assert!(notices.len() > 2);
    for (second, notice) in notices {
        let Known::Value(spent) = &notice.spent_by else { panic!("{second}: {:?}", notice.spent_by) };
        let sli = &notice.slis[0];
        assert_eq!(spent.bad, sli.total - sli.good.unwrap(), "{second}: the number of the SLI");
        for share in &spent.by {
            let parts: u64 = share.parts.iter().map(|part| part.bad.get()).sum();
            let rest = share.rest.as_ref().map_or(0, |rest| rest.bad.get());
            assert_eq!(parts + rest, spent.bad.get(), "{second}: {}", share.dimension);
        }
    }
}

/// The batch of a process of a version at a second: cumulative counts by region, from `since` on.
fn batch_of(id: u64, version: Option<&str>, second: u64, counts: &[(&str, &str, u64)]) -> Batch {
    let version = version.map(Arc::from);
    let resource = Resource { id, service: Arc::from("shop"), version, ..Resource::default() };
    let objective = [(attribute::SLO, "a"), (attribute::SLI, "availability"), (attribute::SCOPE, "checkout")];
    let mut observations = vec![point(wire::OBJECTIVE.name, &objective, 0, second, PointValue::Gauge(0.99))];
    for (region, verdict, count) in counts {
        let mut pairs = vec![(attribute::SLO, "a"), (attribute::VERDICT, *verdict)];
        pairs.extend((!region.is_empty()).then_some((attribute::REGION, *region)));
        let value = f64::from(u32::try_from(*count).unwrap());
        let value = PointValue::Sum { temporality: Temporality::Cumulative, value };
        observations.push(point(wire::SLI_EVENTS.name, &pairs, 0, second, value));
    }
    Batch { resource: Arc::new(resource), received: at(second), observations }
}

#[test]
fn attribution_covers_the_onset_to_the_end() {
    let mut sidecar = Sidecar::new();
    // Five minutes in which v1 alone fails now and then; from 300 to 360 v2 fails in two regions and a process that
    // sends no version fails, too; then nothing fails.
    for second in 1..=420_u64 {
        let fault = second.clamp(300, 360) - 300;
        let before = second.min(300);
        let v1 = [("eu", "good", 100 * second), ("eu", "bad", before / 60)];
        let v2 = [("eu", "good", 50 * second), ("eu", "bad", 30 * fault), ("us", "bad", 8 * fault)];
        let other = [("", "good", 10 * second), ("", "bad", 2 * fault)];
        sidecar.aggregate.take(&batch_of(1, Some("v1"), second, &v1));
        sidecar.aggregate.take(&batch_of(2, Some("v2"), second, &v2));
        sidecar.aggregate.take(&batch_of(3, None, second, &other));
        sidecar.step(second);
    }
    every_notice_adds_up(&sidecar);
    let resolved = sidecar.events(Transition::Resolved);
    let spent = resolved[0].1.spent_by.value().unwrap();
    assert_eq!(
        (resolved[0].1.onset, spent.since),
        (mapwarden_engine::aggregate::timestamp(at(301)), resolved[0].1.onset)
    );
    // Sixty seconds of 40 bad events; failures of v1 before the onset do not belong to this fault.
    assert_eq!(spent.bad.get(), 2_400);
    assert_eq!(divided(spent, "version"), Some((vec![part("v2", 2_280)], 120)));
    assert_eq!(divided(spent, "region"), Some((vec![part("eu", 1_800), part("us", 480)], 120)));
    assert_eq!(
        (divided(spent, "map"), divided(spent, "operation")),
        (None, None),
        "a request has no single map"
    );
}

#[test]
fn map_failures_are_attributed_by_operation() {
    let (mut sidecar, process) = (Sidecar::new(), Process::new(1));
    for second in 1..=420_u64 {
        let fault = second.clamp(300, 360) - 300;
        let mut observations =
            vec![declared("availability", None, second), gauge(wire::MAP_ENTRIES.name, &[], second, 9.0)];
        observations.extend(events(second, 100 * second - 40 * fault, 40 * fault));
        let operations = [
            ("get", "hit", 60 * second),
            ("get", "miss", 10 * second),
            ("insert", "rejected", 25 * fault),
            ("get_or_insert_with", "failed", 15 * fault),
        ];
        for (op, outcome, count) in operations {
            let pairs = [(attribute::OP, op), (attribute::OUTCOME, outcome)];
            observations.push(sum(wire::MAP_OPERATIONS.name, &pairs, (0, second), count));
        }
        sidecar.aggregate.take(&process.batch(second, observations));
        sidecar.step(second);
    }
    every_notice_adds_up(&sidecar);
    let resolved = sidecar.events(Transition::Resolved);
    let spent = resolved[0].1.spent_by.value().unwrap();
    let expected = vec![part("insert rejected", 1_500), part("get_or_insert_with failed", 900)];
    assert_eq!(divided(spent, "operation"), Some((expected, 0)), "a miss is not a failure");
    assert_eq!(divided(spent, "map"), Some((vec![part("routes", 2_400)], 0)));
    assert_eq!(divided(spent, "version"), Some((vec![part("v1", 2_400)], 0)));
    assert_eq!(divided(spent, "region"), None, "no region was sent");
}
