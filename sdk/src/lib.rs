//! papaya's lock-free hash map and set, instrumented: operations and requests become SLI events, traces and
//! evidence.
//!
//! A concurrent map in a service is hot state: sessions, routes, carts, prices. When it misbehaves, today's alert says
//! that requests fail. This crate makes the map itself report: how every operation ended, how long it took, which keys are
//! hot, whether objectives are kept, and which users are affected when they are not. Beside the service, the sidecar
//! `mapwarden` keeps error budgets of it and writes fault notices. Bridges publish the same to other telemetry instead.
//!
//! # Usage
//!
//! [`HashMap`] and [`HashSet`] have papaya's API, name for name. To instrument a map, change the `use` line.
//!
//! ```
//! use mapwarden::HashMap; // was: use papaya::HashMap;
//!
//! let carts: HashMap<u64, Vec<&str>> = HashMap::new();
//! let carts = carts.pin();
//! carts.insert(17, vec!["tea"]);
//! carts.update(17, |cart| [cart.as_slice(), &["milk"]].concat());
//! assert_eq!(carts.get(&17), Some(&vec!["tea", "milk"]));
//! ```
//!
//! A builder gives a map its name and its objectives. A map without a name is named after the place of its creation.
//!
//! ```
//! use std::time::Duration;
//!
//! use mapwarden::{HashMap, Objective};
//!
//! let sessions: HashMap<String, u64> = HashMap::builder()
//!     .name("sessions")
//!     .max_entries(100_000)
//!     .objective(Objective::availability(0.999)?)
//!     .objective(Objective::latency(Duration::from_micros(50), 0.99)?)
//!     .build();
//! # Ok::<(), mapwarden::ObjectiveError>(())
//! ```
//!
//! One [`Telemetry`] in `main` sends everything to the sidecar for as long as it lives. It refuses to start without the
//! four attributes that a page needs, and names those that are missing.
//!
//! ```
//! # #[cfg(feature = "otlp")] {
//! use mapwarden::Telemetry;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let telemetry = Telemetry::builder()
//!     .service("order-service")
//!     .version(env!("CARGO_PKG_VERSION"))
//!     .environment("production")
//!     .team("checkout")
//! #   .endpoint("http://127.0.0.1:9")
//!     .install()?;
//! # drop(telemetry);
//! # Ok(())
//! # }
//! # main().unwrap();
//! # }
//! ```
//!
//! Methods beside papaya's cover what services need: [`checked_insert`](HashMapRef::checked_insert) reports a full map,
//! [`try_get_or_insert_with`](HashMapRef::try_get_or_insert_with) takes a loader that may fail, and
//! [`try_update`](HashMapRef::try_update) a validator.
//!
//! # Scopes
//!
//! A [`Scope`] is a request or a job. It gives request SLIs, carries the user and the region, and is the parent of the
//! spans of everything that happens within it. A scope must be entered: map operations and dependency calls belong to the
//! scope that is current on their thread, and to none otherwise.
//!
//! ```
//! use mapwarden::{HashMap, Scope};
//!
//! # let sessions: HashMap<String, u64> = HashMap::new();
//! let scope = Scope::request("checkout").user("ada").region("eu-west-1").start();
//! let entered = scope.enter();
//! let session = sessions.pin().get("ada").copied();
//! drop(entered);
//! match session {
//!     Some(_) => scope.ok(),
//!     None => scope.fail("no_session"),
//! }
//! ```
//!
//! [`Scope::run`] enters a scope for a future, and `ScopeLayer` opens one for every request of an axum or other tower
//! service, under the trace of the caller's headers. [`Scope::dependency`] measures calls to what the service needs.
//!
//! # Consistency
//!
//! Instrumentation changes no result, so papaya's guarantees hold. Operations on a single key are atomic and
//! linearizable. Iteration is not a snapshot: it shows every entry that is in the map from its start to its end, and may
//! or may not show entries that change meanwhile. Closures of [`update`](HashMapRef::update) and
//! [`compute`](HashMapRef::compute) may run several times, because another thread may be faster, and must be pure; the
//! additional runs are counted as retries. See [papaya on consistency](papaya#consistency).
//!
//! Counts follow the operations: an operation is counted by its own thread when it ends. A snapshot reads each counter
//! once, so that counters of operations that run meanwhile may or may not include them; none is lost, and none is counted
//! twice.
//!
//! # Lifetimes
//!
//! References from the map live as long as their guard, not as long as the map is locked, because nothing locks it.
//! [`pin`](HashMap::pin) holds a guard; [`guard`](HashMap::guard) gives one for papaya's explicit methods. An entry that
//! was removed or replaced is freed when no guard of the map's collector from before that moment is left: hold guards
//! briefly, or memory grows. The snapshot shows for how long guards kept memory. Values that must outlive the guard are
//! cloned, e.g. out of an `Arc`. See [papaya on lifetimes](papaya#advanced-lifetimes).
//!
//! # What is measured, and how exactly
//!
//! | what | how exactly |
//! |---|---|
//! | operations by outcome | every one, from all threads |
//! | failed operations by the type of their error | every one |
//! | objectives of availability and hit ratio | every event |
//! | requests, dependency calls, their times and objectives | every one |
//! | time of operations on single keys, objectives of latency | every one up to about 4,000 a second and thread; above, one in N at random with weight N |
//! | time of whole-map operations and of loads | every one |
//! | hot keys, scopes that use a map | estimated from the timed operations: shares with a standard error of about `sqrt(N / n)` after `n` operations; finds keys above 1/64 of all |
//! | entries | exact while every operation is timed; else as of some thousand operations ago |
//! | freshness, last write | to the interval between batches |
//! | retries of closures | every one |
//! | time for which guards keep memory from being freed | probed once a batch, guards of all kinds |
//! | users and tenants | exact below 4,096 in 5 s and region, then 1.6 % standard error |
//!
//! N follows the rate of each thread, up to 1,024. Which operations are timed is random, so that no rhythm of the workload
//! can hide: the estimate of a count `n` is unbiased, with a relative standard error of `sqrt((N - 1) / n)`. Samples
//! cannot show the slowest operation of all, nor tails rarer than `N / n`. Where they matter, use
//! [`time_every_operation`](HashMapBuilder::time_every_operation).
//!
//! Histograms have buckets of 9 % width and travel as OTLP exponential histograms without loss. A latency objective is
//! judged at its exact threshold, not at the bound of a bucket. If a slow or failed operation has a span, the histogram
//! carries its trace as an exemplar.
//!
//! Not measured, because papaya does not expose it: the capacity, and whether a resize is under way. A growing map shows
//! in its entries and in slow insertions.
//!
//! # Cost
//!
//! An untimed operation through a pin adds two loads, two stores and two branches to papaya's. It adds no atomic
//! read-modify-write, no lock, no allocation and no system call. This is 3 to 8 % of a `get` in a small map, and less of
//! every other operation. One pin for several operations saves more than counting costs: pinning is nearly half of a
//! `get`. The repository's `docs/benchmarks.md` has the measurements and the commands to repeat them.
//!
//! Memory: 2 KB for each map name, 1.4 KB more for each thread that uses it at the same time, 2.5 KB for each kind of
//! operation that was timed, 8 KB for samples. Maps with the same name share their counters. A process has counters for
//! 256 names; 255 threads that are alive at once have counters of their own, and the others share eight. Counts stay when
//! a map or a thread ends.
//!
//! # Async
//!
//! A pin stays on its thread: hold it between `.await`s, not across. [`pin_owned`](HashMap::pin_owned) may be held across
//! them, at the cost that papaya documents. Nothing here needs a runtime. [`Scope::run`] makes a request current wherever
//! its future is polled. With the feature `single-flight`, `SingleFlight` loads a cold key once, however many tasks ask
//! for it at the same time.
//!
//! # Objectives
//!
//! | objective | good events | of all |
//! |---|---|---|
//! | [`availability`](Objective::availability) | operations or requests that did not fail; the bad outcomes can be chosen | operations or requests |
//! | [`latency`](Objective::latency) | those that took at most the threshold | timed operations on single keys; requests |
//! | [`hit_ratio`](Objective::hit_ratio) | lookups that found their key | lookups |
//! | [`freshness`](Objective::freshness) | seconds at the end of which the last write is recent enough | seconds |
//!
//! Objectives travel with the counts: the sidecar needs no file to keep a budget of each. An impossible one, with target
//! 1 or threshold 0, is an error where it is made. [`try_build`](HashMapBuilder::try_build) refuses objectives that
//! contradict those of another map of the same name; [`build`](HashMapBuilder::build) drops them and counts them, and
//! [`Telemetry::health`] shows the counts under `objective_conflict` and `objective_limit`.
//!
//! # Privacy
//!
//! Ids of users and tenants are hashed with a secret as they arrive, and not kept: a sketch of hashes leaves the process.
//! Keys of maps leave it as hashes too, or under a name that the service chooses
//! ([`display_key`](HashMapBuilder::display_key)). Set `MAPWARDEN_PSEUDONYM_KEY` to the same secret in all pods, so that a
//! user has one pseudonym; without it the secret is random at every start.
//!
//! # When telemetry fails
//!
//! The service goes on. Counts are cumulative, so that a lost batch costs resolution and no count. Spans wait in a bounded
//! queue. Everything that is dropped is counted by reason, and the counts are sent. [`Telemetry::health`] shows when a
//! receiver last confirmed, and the last error. Dropping the handle sends what is left, for two seconds at most;
//! [`Telemetry::handle`] gives a handle that does so at a signal. Install after a fork, not before.
//!
//! # Features
//!
//! | feature | default | gives |
//! |---|---|---|
//! | `otlp` | yes | [`Telemetry`]: OTLP over HTTP to the sidecar |
//! | `tower` | yes | `ScopeLayer` |
//! | `single-flight` | | `SingleFlight` |
//! | `serde` | | maps and sets in papaya's form; units as numbers |
//! | `metrics`, `opentelemetry-metrics`, `tracing` | | `bridge`: the same counts and events for the telemetry that the service has |
//!
//! # Limits
//!
//! - papaya's `shared_collector` does not compile: it may free an entry under a live guard (papaya #102).
//! - `try_insert` and `get_or_insert` under an explicit guard require `K: 'g` in generic code, and sharing a set requires
//!   keys that are `Send`. Everything else has papaya's bounds.
//! - The last destructors of a thread may use a map as long as papaya's own thread-local lives, as with papaya.
//! - On a bounded map `try_insert` is no lock, see [A bounded map](HashMap#a-bounded-map).
//!
//! The rooms of the source are in the order of the data: `record` counts, `map`, `set` and `scope` are what a service
//! uses, [`snapshot`] shows what was counted, `bridge` publishes it, and `ship` sends it. The crate `mapwarden-contract`
//! holds the names and bytes that the sidecar reads.

#![cfg_attr(
    not(feature = "otlp"),
    allow(
        dead_code,
        unused_imports,
        reason = "users, spans and process ids are there to be shipped; the usual build finds dead code"
    )
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "metrics", feature = "opentelemetry-metrics", feature = "tracing"))]
pub mod bridge;
mod map;
mod record;
mod scope;
mod set;
#[cfg(feature = "otlp")]
mod ship;
pub mod snapshot;

#[cfg(feature = "tower")]
#[doc(no_inline)]
pub use http;
#[cfg(feature = "single-flight")]
pub use map::SingleFlight;
pub use map::{
    BuildError, Collector, Compute, Equivalent, Guard, HashMap, HashMapBuilder, HashMapRef, Iter, Keys,
    LocalGuard, OccupiedError, Operation, OwnedGuard, Rejected, ResizeMode, Values,
};
pub use mapwarden_contract::{
    Count, Nanos, Objective, ObjectiveError, Op, OutOfRange, Outcome, OutcomeSet, Ratio, SliKind, UnixNanos,
};
#[doc(no_inline)]
pub use opentelemetry;
pub use scope::{DependencyCall, Entered, Scope, ScopeBuilder, ScopeObjectiveError};
#[cfg(feature = "tower")]
pub use scope::{ResponseFuture, ScopeLayer, ScopeService};
pub use set::{HashSet, HashSetBuilder, HashSetRef, SetIter};
#[cfg(feature = "otlp")]
pub use ship::{FlushError, Health, InstallError, Telemetry, TelemetryBuilder, TelemetryHandle};
#[cfg(feature = "tracing")]
#[doc(no_inline)]
pub use tracing;

/// Runs the examples of the README.
#[cfg(all(doctest, feature = "otlp"))]
#[doc = include_str!("../README.md")]
struct Readme;
