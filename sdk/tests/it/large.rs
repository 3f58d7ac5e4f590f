//! A service with more series than fit into one request.

use std::collections::BTreeMap;

use mapwarden::{FlushError, HashMap};
use mapwarden_contract::names::{attribute as name, wire};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;

use crate::alone;
use crate::receiver::{Batch, Receiver, orders, sorted_pairs};

/// Nearly as many maps as have counters of their own.
const MAPS: u64 = 250;

/// Names so long that they fill more than one request.
const NAME: &str =
    "service::orders::domain::checkout::carts::storage::in_memory::by_customer_and_by_currency::large-";

#[test]
fn many_series_are_sent_in_several_requests() {
    let test = "large::many_series_are_sent_in_several_requests";
    if alone::argument(test).is_some() {
        return service();
    }
    assert!(alone::start(test, "").wait().success());
}

fn service() {
    let receiver = Receiver::start();
    let telemetry = orders(receiver.address).install().unwrap();
    let maps: Vec<HashMap<u64, u64>> =
        (0..MAPS).map(|map| HashMap::builder().name(format!("{NAME}{map}")).build()).collect();
    for (map, inserts) in maps.iter().zip(0..) {
        for key in 0..inserts % 7 {
            map.pin().insert(key, key);
        }
    }

    telemetry.flush().unwrap();
    let sizes: Vec<_> = receiver.bodies("/v1/metrics").iter().map(|body| body.len()).collect();
    assert!(sizes.len() > 1 && sizes.iter().all(|size| *size <= 2 << 20), "{sizes:?}");
    assert_complete(&receiver, 1);
    assert!(telemetry.health().is_well());

    receiver.takes_at_most(Some(64 << 10));
    telemetry.flush().unwrap();
    assert!(receiver.too_large() > 0);
    assert_complete(&receiver, 2);
    assert!(telemetry.health().is_well());

    receiver.takes_at_most(Some(100));
    let refused = telemetry.flush().unwrap_err();
    assert!(matches!(&refused, FlushError::Refused { why } if why.contains("413")), "{refused}");
    let asked = receiver.too_large();
    assert!(asked < 200, "{asked} requests for telemetry that is all too large");
    let dropped = telemetry.health().dropped;
    let refused = dropped.iter().find(|(reason, _)| *reason == "point_refused").unwrap().1;
    assert!(refused.get() > MAPS, "{dropped:?}");

    receiver.takes_at_most(None);
    telemetry.flush().unwrap();
    assert_complete(&receiver, 3);
    assert!(telemetry.health().is_well());
}

/// Asserts that every map sent its inserts in each batch, exactly once.
fn assert_complete(receiver: &Receiver, batches: usize) {
    let batch = receiver.all_metrics();
    let inserted = inserted(&batch);
    assert_eq!(inserted.len(), usize::try_from(MAPS).unwrap());
    for (map, counts) in inserted {
        let number: i64 = map.strip_prefix(NAME).unwrap().parse().unwrap();
        assert_eq!(counts, vec![number % 7; batches], "{map}");
    }
}

/// Returns the counts of `insert` that each map sent, in the order of arrival.
fn inserted(batch: &Batch) -> BTreeMap<String, Vec<i64>> {
    let mut inserted: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for metric in batch.metrics().filter(|metric| metric.name == wire::MAP_OPERATIONS.name) {
        let Some(Data::Sum(sum)) = &metric.data else { panic!("a sum") };
        for point in &sum.data_points {
            let attributes: BTreeMap<_, _> = sorted_pairs(&point.attributes).into_iter().collect();
            if (&*attributes[name::OP], &*attributes[name::OUTCOME]) == ("insert", "inserted") {
                let Some(Value::AsInt(count)) = point.value else { panic!("a count") };
                inserted.entry(attributes[name::MAP].clone()).or_default().push(count);
            }
        }
    }
    inserted
}
