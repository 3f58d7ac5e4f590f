//! papaya's lock-free hash map and set, instrumented: operations and requests become SLI events, traces and
//! evidence.
//!
//! A concurrent map in a service is hot state: sessions, routes, carts, prices. When it misbehaves, what pages
//! somebody today is that requests fail. This crate makes the map itself tell: how every operation ended, how long
//! it took, which keys are hot, whether promises are kept, and whom it hurts where they are not. Beside the service
//! the sidecar `mapwarden` keeps error budgets of it and writes fault notices; bridges tell it to other telemetry
//! instead.
//!
//! # Usage
//!
//! [`HashMap`] and [`HashSet`] are papaya's, name for name: to instrument a map, change the `use` line.
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
//! A builder gives a map its name, which a map without one takes from where it was made, and what it promises:
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
//! One [`Telemetry`] in `main` sends everything to the sidecar for as long as it lives. It refuses to begin without
//! the four attributes that a page needs, and names those that are missing.
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
//! What papaya lacks and services need is beside its methods: [`checked_insert`](HashMapRef::checked_insert) says
//! when a bounded map is full, [`try_get_or_insert_with`](HashMapRef::try_get_or_insert_with) takes a loader that
//! may fail, [`try_update`](HashMapRef::try_update) a validator.
//!
//! # What is measured, and how exactly
//!
//! | what | how exactly |
//! |---|---|
//! | operations by how they ended | every one, at all times, from all threads |
//! | failed operations by the type of their error | every one |
//! | objectives of availability and hit ratio | every event |
//! | requests, dependency calls, their times and objectives | every one |
//! | time of operations on single keys, objectives of latency | every one up to some 4,000 a second and thread; above, one in N at random with weight N |
//! | time of whole-map operations and of loads | every one |
//! | hot keys, which requests use a map | out of the timed operations: shares with a standard error of about `sqrt(N / n)` after `n` operations; found are keys above 1/64 of all |
//! | entries | exact while every operation is timed; else that of some thousand operations ago |
//! | freshness, last write | to the interval between batches |
//! | retries of closures | every one |
//! | how long guards keep memory from being freed | probed once a batch, guards of all kinds |
//! | users and tenants | exact below 4,096 in 5 s and region, then 1.6 % standard error |
//!
//! N follows the rate of each thread, up to 1,024, and which operations are timed is drawn at random, so that no
//! rhythm of the workload hides from it: the estimate of a count `n` is unbiased with a relative standard error of
//! `sqrt((N - 1) / n)`. The slowest operation of all and tails rarer than `N / n` are not to be had from samples;
//! where they matter, [`time_every_operation`](HashMapBuilder::time_every_operation).
//!
//! Histograms have buckets of 9 % width and travel as OTLP exponential histograms without a loss; a latency
//! objective is judged at its exact threshold, not at a bucket's bound. Where an operation was slow or failed and a
//! span of it was made, the histogram carries its trace as an exemplar.
//!
//! Not measured, because papaya does not tell: its capacity, and whether a resize is under way. A growing map shows
//! in its entries and in slow insertions.
//!
//! # Cost
//!
//! An untimed operation through a pin adds two loads, two stores and two branches to papaya's, no atomic
//! read-modify-write, no lock, no allocation and no system call: 3 to 8 % of a `get` in a small map, less of
//! everything else. One pin for several operations saves more than counting costs: pinning is nearly half of a
//! `get`. The repository's `docs/benchmarks.md` has the measurements, and how to repeat them on your machine.
//!
//! Memory: 2 KB a map name, 1.4 KB more for each thread that uses it at the same time, 2.5 KB for each kind of
//! operation that was timed, 8 KB for samples. Maps of one name are one to the telemetry; a process tells 256 names
//! apart, and 255 threads alive at once have counters of their own, the others share eight. Counts stay when a map
//! or a thread ends.
//!
//! # Async
//!
//! A pin stays on its thread: hold it between `.await`s, not across. [`pin_owned`](HashMap::pin_owned) may be held
//! across, and is as costly as papaya says. Nothing here needs a runtime. [`Scope::run`] makes a request current
//! wherever its future is polled. With the feature `single-flight`, `SingleFlight` loads a cold key once, however
//! many tasks ask for it at the same moment.
//!
//! # Objectives
//!
//! | objective | good events | of all |
//! |---|---|---|
//! | [`availability`](Objective::availability) | operations or requests that did not fail; which outcomes are bad can be chosen | operations or requests |
//! | [`latency`](Objective::latency) | those that took at most the threshold | timed operations on single keys; requests |
//! | [`hit_ratio`](Objective::hit_ratio) | lookups that found their key | lookups |
//! | [`freshness`](Objective::freshness) | seconds at whose end the last write is recent enough | seconds |
//!
//! Objectives travel with the counts: the sidecar needs no file to keep a budget of each. A wrong one, of target 1
//! or threshold 0, is an error where it is made; [`try_build`](HashMapBuilder::try_build) refuses what contradicts
//! another map of the name.
//!
//! # Scopes
//!
//! A [`Scope`] is a request or a job: it gives request SLIs, says for whom and from where, and is the parent of the
//! spans of whatever happens within it.
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
//! `ScopeLayer` does this for every request of an axum or other tower service, and takes the trace from the
//! caller's headers. Timed operations within a scope are attributed to it. [`Scope::dependency`] measures calls to
//! what the service needs.
//!
//! # Privacy
//!
//! Ids of users and tenants are hashed with a secret as they come in, and forgotten: what leaves the process is a
//! sketch of hashes. Keys of maps leave it the same way, or by a name that the service chose to give
//! ([`display_key`](HashMapBuilder::display_key)). Set `MAPWARDEN_PSEUDONYM_KEY` alike for all pods, so that one
//! user is one pseudonym; without it the secret is random and new at every start.
//!
//! # When telemetry fails
//!
//! The service goes on. Counts are cumulative, so that a lost batch costs resolution and no count; spans wait in a
//! bounded queue; whatever is dropped is counted by its reason, and told. [`Telemetry::health`] says since when
//! nothing was confirmed and why. Dropping the handle sends what is left, for two seconds at most;
//! [`Telemetry::handle`] does so from a signal handler. Install after a fork, not before.
//!
//! # Features
//!
//! | feature | default | gives |
//! |---|---|---|
//! | `otlp` | yes | [`Telemetry`]: OTLP over HTTP to the sidecar |
//! | `tower` | yes | `ScopeLayer` |
//! | `single-flight` | | `SingleFlight` |
//! | `serde` | | maps and sets as papaya serialises them; units |
//! | `metrics`, `opentelemetry-metrics`, `tracing` | | `bridge`: the same counts and events to what the service has already |
//!
//! # Limits
//!
//! - papaya's `shared_collector` does not compile: it may free an entry under a live guard (papaya #102).
//! - `try_insert` and `get_or_insert` under an explicit guard ask `K: 'g` of generic code, and sharing a set asks
//!   for keys that are `Send`. Everything else has papaya's bounds.
//! - A thread's very last destructors may use a map as long as papaya's own thread-local lives, as under papaya.
//! - On a bounded map `try_insert` is no lock, see [A bounded map](HashMap#a-bounded-map).
//!
//! The folders of the source read in the order of the data: `mapwarden-contract` holds the names and the bytes,
//! `record` counts, `map`, `set` and `scope` are what a service touches, `ship` sends what was counted, `bridge`
//! tells it to what the service uses besides.

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
