//! Both ends of the wire: the receiver accepts everything that the SDK ships.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mapwarden::{HashMap, Objective, Scope, Telemetry};
use mapwarden_contract::names::wire;
use mapwarden_contract::{Nanos, UnixNanos, UserHash};
use mapwarden_engine::observation::{FailureAbout, Observation, PointValue, UserRole};
use tokio::task::spawn_blocking;

use super::{Server, config};

/// Uses a map and request scopes like a service.
fn serve() {
    let sessions: HashMap<u32, u32> =
        HashMap::builder().name("sessions").objective(Objective::availability(0.999).unwrap()).build();
    sessions.pin().insert(1, 1);
    assert!(sessions.pin().get(&2).is_none());
    assert!((0..100).all(|_| sessions.pin().get(&1).is_some()), "one key is hot");
    Scope::request("checkout").user("ann").region("eu-west-1").start().ok();
    Scope::request("checkout").user("bob").region("eu-west-1").start().fail("no_route");
    Scope::dependency("payments").ok();
}

/// Runs the service, and ships its telemetry to the endpoint.
fn ship(endpoint: &str) {
    let telemetry = Telemetry::builder()
        .service("shop")
        .version("v1")
        .environment("test")
        .team("checkout")
        .pseudonym_key("secret")
        .endpoint(endpoint)
        .interval(Duration::from_secs(3600))
        .scope_objective("checkout", Objective::availability(0.99).unwrap())
        .install()
        .unwrap();
    serve();
    telemetry.flush().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sdk_ships_is_accepted_whole() {
    let mut server = Server::start(&config()).await;
    let endpoint = server.endpoint();
    spawn_blocking(move || ship(&endpoint)).await.unwrap();
    let batches = server.batches();
    // Cumulative: the batch that is shipped again at the end changes nothing.
    let (mut metrics, mut affected) = (BTreeSet::new(), None);
    let (mut operations, mut failures) = (BTreeMap::new(), Vec::new());
    for batch in &batches {
        assert_eq!((&*batch.resource.service, batch.resource.team.as_deref()), ("shop", Some("checkout")));
        for observation in &batch.observations {
            match observation {
                Observation::Point(point) => {
                    metrics.insert(&*point.metric);
                    let is_sessions = point.attributes.iter().any(|(_, value)| &**value == "sessions");
                    if let PointValue::Sum { value, .. } = point.value
                        && *point.metric == *wire::MAP_OPERATIONS.name
                        && is_sessions
                    {
                        operations.insert(point.attributes.clone(), value);
                    }
                }
                Observation::Users(users) => {
                    if let UserRole::Affected { slo } = &users.role {
                        assert_eq!((&**slo, &*users.region), ("checkout-availability", "eu-west-1"));
                        let bob = UserHash::keyed(&UserHash::key("secret"), "bob");
                        assert_eq!(users.sketch.encode(), bob.get().to_be_bytes());
                        affected = Some((users.slot, users.width));
                    }
                }
                Observation::Failure(failure) => failures.push(failure.clone()),
                Observation::Request(_) | Observation::Call(_) => {
                    panic!("{observation:?}: the SDK's own spans are left to its metrics")
                }
            }
        }
    }
    let [failed] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!(failed.about, FailureAbout::Scope(Arc::from("checkout")));
    assert_eq!(operations.values().sum::<f64>(), 102.0, "{operations:?}");
    assert!(affected.is_some_and(|(slot, width)| slot <= UnixNanos::now() && width > Nanos::ZERO));
    let counters = [wire::MAP_OPERATIONS, wire::REQUESTS, wire::REQUEST_DURATION, wire::DEPENDENCY_CALLS];
    let of_maps = [wire::MAP_SAMPLED_OPERATIONS, wire::MAP_HOT_KEY_OPERATIONS, wire::MAP_LAST_WRITE];
    let others = [wire::OBJECTIVE, wire::SLI_EVENTS, wire::BATCHES];
    for metric in counters.into_iter().chain(of_maps).chain(others) {
        assert!(metrics.contains(metric.name), "{} is not in {metrics:?}", metric.name);
    }
}
