//! One load for a key, however many tasks look it up.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mapwarden::{HashMap, SingleFlight};
use mapwarden::{Op, Outcome};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use super::snapshots::{counts, snapshot, table};

#[derive(Debug, PartialEq)]
struct Down;

type Prices = SingleFlight<u32, String, Down>;

fn prices(name: &str) -> Arc<Prices> {
    Arc::new(SingleFlight::new(HashMap::builder().name(name.to_owned()).build()))
}

/// Lets a spawned task run until it waits.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_cold_key_is_loaded_once_for_all() {
    let prices = prices("flight-cold");
    let (loads, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let (prices, loads, gate) = (Arc::clone(&prices), Arc::clone(&loads), Arc::clone(&gate));
        tasks.spawn(async move {
            let load = || async {
                loads.fetch_add(1, Ordering::Relaxed);
                let _open = gate.acquire().await;
                Ok("tea".to_owned())
            };
            prices.get_or_load(1, load).await
        });
    }
    settle().await;
    assert_eq!(prices.loads_in_flight(), 1);
    gate.add_permits(1);
    while let Some(result) = tasks.join_next().await {
        assert_eq!(result.unwrap(), Ok("tea".to_owned()));
    }
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    assert_eq!(prices.loads_in_flight(), 0);
    assert_eq!(prices.map().pin().get(&1), Some(&"tea".to_owned()));
    let mut expected = table([(Op::Load, Outcome::Inserted, 1), (Op::Load, Outcome::Hit, 99)]);
    expected.insert((Op::Get, Outcome::Hit), 1);
    assert_eq!(counts("flight-cold"), expected);
}

#[tokio::test]
async fn an_error_reaches_waiting_tasks_and_no_later_one() {
    let prices = prices("flight-error");
    let (fail, failed) = oneshot::channel::<()>();
    let leader = tokio::spawn({
        let prices = Arc::clone(&prices);
        async move { prices.get_or_load(1, || async { failed.await.map_err(|_| Down).and(Err(Down)) }).await }
    });
    settle().await;
    let follower = tokio::spawn({
        let prices = Arc::clone(&prices);
        async move { prices.get_or_load(1, || async { Ok("never".to_owned()) }).await }
    });
    settle().await;
    fail.send(()).unwrap();
    let (first, second) = (leader.await.unwrap().unwrap_err(), follower.await.unwrap().unwrap_err());
    assert!(Arc::ptr_eq(&first, &second), "one load, one error");
    assert_eq!(prices.get_or_load(1, || async { Ok("tea".to_owned()) }).await, Ok("tea".to_owned()));
    let expected = table([(Op::Load, Outcome::Failed, 2), (Op::Load, Outcome::Inserted, 1)]);
    assert_eq!(counts("flight-error"), expected);
    let failures = snapshot("flight-error").failures;
    assert_eq!(failures.len(), 1);
    assert_eq!((failures[0].1, failures[0].2.get()), (std::any::type_name::<Down>(), 2));
}

#[tokio::test]
async fn the_next_task_loads_if_the_first_is_cancelled() {
    let prices = prices("flight-cancelled");
    let leader = tokio::spawn({
        let prices = Arc::clone(&prices);
        async move { prices.get_or_load(1, pending).await }
    });
    settle().await;
    let follower = tokio::spawn({
        let prices = Arc::clone(&prices);
        async move { prices.get_or_load(1, || async { Ok("tea".to_owned()) }).await }
    });
    settle().await;
    leader.abort();
    assert_eq!(follower.await.unwrap(), Ok("tea".to_owned()));
    assert_eq!(counts("flight-cancelled"), table([(Op::Load, Outcome::Inserted, 1)]));

    let single = tokio::spawn({
        let prices = Arc::clone(&prices);
        async move { prices.get_or_load(2, pending).await }
    });
    settle().await;
    assert_eq!(prices.loads_in_flight(), 1);
    single.abort();
    assert!(single.await.unwrap_err().is_cancelled());
    assert_eq!(prices.loads_in_flight(), 0, "no flight is left");
}

#[tokio::test]
async fn a_loader_that_panics_fails_alone() {
    let prices = prices("flight-panic");
    let leader = tokio::spawn({
        let prices = Arc::clone(&prices);
        async move { prices.get_or_load(1, || async { panic!("on purpose") }).await }
    });
    assert!(leader.await.unwrap_err().is_panic());
    assert_eq!(prices.get_or_load(1, || async { Ok("tea".to_owned()) }).await, Ok("tea".to_owned()));
    let expected = table([(Op::Load, Outcome::Failed, 1), (Op::Load, Outcome::Inserted, 1)]);
    assert_eq!(counts("flight-panic"), expected);
    assert_eq!(snapshot("flight-panic").failures, [(Op::Load, "panic", mapwarden::Count::new(1))]);
}

#[tokio::test]
async fn a_full_map_returns_a_value_that_it_does_not_keep() {
    let map = HashMap::builder().name("flight-full").max_entries(1).build();
    let prices: Prices = SingleFlight::new(map);
    for key in [1, 2, 2] {
        assert_eq!(prices.get_or_load(key, || async { Ok("tea".to_owned()) }).await, Ok("tea".to_owned()));
    }
    assert_eq!(prices.map().len(), 1);
    let mut expected = table([(Op::Load, Outcome::Inserted, 1), (Op::Load, Outcome::Rejected, 2)]);
    expected.insert((Op::Len, Outcome::Unchanged), 1);
    assert_eq!(counts("flight-full"), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_caller_is_served_under_cancellations_and_errors() {
    let prices = prices("flight-storm");
    let mut tasks = JoinSet::new();
    for number in 0..2_000_u32 {
        let prices = Arc::clone(&prices);
        let task = tasks.spawn(async move {
            let load = || async move {
                tokio::task::yield_now().await;
                if number.is_multiple_of(3) { Err(Down) } else { Ok(format!("{}", number % 7)) }
            };
            let loaded = prices.get_or_load(number % 7, load).await;
            assert!(loaded.is_err() || loaded == Ok(format!("{}", number % 7)));
            if number.is_multiple_of(5) {
                prices.map().pin().remove(&(number % 7));
            }
        });
        if number.is_multiple_of(11) {
            task.abort();
        }
    }
    while let Some(ended) = tasks.join_next().await {
        assert!(ended.is_ok() || ended.unwrap_err().is_cancelled());
    }
    assert_eq!(prices.loads_in_flight(), 0);
}
