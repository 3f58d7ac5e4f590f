//! What comes in: a version of the service to send to. What goes out: requests of many users at a steady rate,
//! each with its answer in the [`Ledger`]. Never has more than [`RUNNING`] requests open, and never moves to
//! another version before the last answer of the one before is in.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mapwarden_contract::{Count, UnixNanos};
use reqwest::RequestBuilder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::task::TaskTracker;

use super::backend::USERS;
use super::ledger::{Answer, Endpoint, Ledger, User};
use super::service::catalogue::Lookups;
use super::service::orders::Browsed;
use super::trace::{Trace, TraceError};

/// How often requests are sent, and how many then: 300 a second.
const TICK: Duration = Duration::from_millis(10);
const REQUESTS_PER_TICK: u32 = 3;

/// How many requests may be open at once; when so many wait, the rate drops.
const RUNNING: usize = 256;

/// How long an answer may take. Longer than anything the service waits for, so that both ends count alike.
const PATIENCE: Duration = Duration::from_secs(20);

/// One request in so many is a checkout.
const CHECKOUT_ONCE_IN: u32 = 3;

/// One request in so many comes from a user who was never there before.
const STRANGER_ONCE_IN: u32 = 200;

/// How many items the generated load looks at.
const ITEMS: u64 = 500;

/// Batches of a trace that are read ahead.
const BATCHES_AHEAD: usize = 16;

/// One process of the service, as the load sees it.
struct Target {
    version: Arc<str>,
    url: String,
    requests: TaskTracker,
}

/// The running load.
pub(crate) struct Load {
    target: watch::Sender<Option<Arc<Target>>>,
    ledger: Arc<Mutex<Ledger>>,
    generator: JoinHandle<()>,
    replay: Option<Replay>,
}

/// A trace on its way.
struct Replay {
    references: Count,
    feeder: JoinHandle<Result<(), TraceError>>,
}

impl Load {
    /// Sets the load up; it begins with the first [`Load::move_to`].
    ///
    /// # Errors
    /// An HTTP client that cannot be set up.
    pub(crate) fn new(trace: Option<Trace>) -> anyhow::Result<Self> {
        let (target, aim) = watch::channel(None);
        let ledger = Arc::<Mutex<Ledger>>::default();
        let (batches, replay) = match trace {
            Some(trace) => {
                let references = trace.references();
                let (feed, batches) = mpsc::channel(BATCHES_AHEAD);
                let feeder = tokio::task::spawn_blocking(move || read_ahead(&trace, &feed));
                (Some(batches), Some(Replay { references, feeder }))
            }
            None => (None, None),
        };
        let shopper = Shopper { client: super::http_client(PATIENCE)?, ledger: ledger.clone() };
        let generator = Generator { aim, shopper, batches, strangers: USERS };
        Ok(Self { target, ledger, generator: tokio::spawn(generator.run()), replay })
    }

    /// Sends everything to this version from now on; returns once the version before has answered everything.
    pub(crate) async fn move_to(&self, version: &str, url: &str) {
        let next = Target { version: version.into(), url: url.to_owned(), requests: TaskTracker::new() };
        self.aim_at(Some(Arc::new(next))).await;
    }

    /// Sends nothing more; returns once everything is answered.
    pub(crate) async fn pause(&self) {
        self.aim_at(None).await;
    }

    async fn aim_at(&self, next: Option<Arc<Target>>) {
        // The generator spawns under the channel's read lock: after this, no task joins the old target's tracker.
        let before = self.target.send_replace(next);
        if let Some(before) = before {
            before.requests.close();
            before.requests.wait().await;
        }
    }

    /// What is known so far.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// How many references of a trace were replayed, of how many.
    pub(crate) fn replayed(&self) -> Option<(Count, Count)> {
        self.replay.as_ref().map(|replay| (self.ledger().replayed(), replay.references))
    }

    /// Ends it once everything is answered.
    ///
    /// # Errors
    /// A trace that could not be read to its end.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.pause().await;
        self.generator.abort();
        // Only the abort can be wrong here, and it is wanted; the generator's end also ends the feeder.
        drop(self.generator.await);
        match self.replay {
            Some(replay) => Ok(replay.feeder.await??),
            None => Ok(()),
        }
    }
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a trace as fast as it is taken, until its end or until nobody takes any more.
fn read_ahead(trace: &Trace, feed: &mpsc::Sender<Vec<u64>>) -> Result<(), TraceError> {
    for batch in trace.batches()? {
        if feed.blocking_send(batch?).is_err() {
            break;
        }
    }
    Ok(())
}

/// What a user does.
enum Visit {
    Browse { item: u64 },
    Replay { items: Vec<u64> },
    Checkout,
}

struct Generator {
    aim: watch::Receiver<Option<Arc<Target>>>,
    shopper: Shopper,
    batches: Option<mpsc::Receiver<Vec<u64>>>,
    strangers: u64,
}

impl Generator {
    async fn run(mut self) {
        let running = Arc::new(Semaphore::new(RUNNING));
        let mut moments = tokio::time::interval(TICK);
        moments.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.aim.wait_for(Option::is_some).await.is_ok() {
            moments.tick().await;
            for _ in 0..REQUESTS_PER_TICK {
                let Ok(permit) = running.clone().acquire_owned().await else { return };
                self.send(permit);
            }
        }
    }

    /// Draws a visit and sends it, unless the load was paused in the meantime.
    fn send(&mut self, permit: OwnedSemaphorePermit) {
        let aim = self.aim.clone();
        let aim = aim.borrow();
        let Some(target) = aim.as_ref() else { return };
        let user = self.draw_user();
        let visit = self.draw_visit();
        let (shopper, to) = (self.shopper.clone(), target.clone());
        target.requests.spawn(async move {
            shopper.go(&to, user, visit).await;
            drop(permit);
        });
    }

    /// Popular users come often, and now and then somebody comes who was never there before.
    fn draw_user(&mut self) -> User {
        if fastrand::u32(0..STRANGER_ONCE_IN) == 0 {
            self.strangers += 1;
            return User(self.strangers);
        }
        User(skewed(USERS))
    }

    fn draw_visit(&mut self) -> Visit {
        if fastrand::u32(0..CHECKOUT_ONCE_IN) == 0 {
            return Visit::Checkout;
        }
        match self.batches.as_mut().map(mpsc::Receiver::try_recv) {
            Some(Ok(items)) => Visit::Replay { items },
            Some(Err(_)) | None => Visit::Browse { item: skewed(ITEMS) },
        }
    }
}

/// A number below `end`, even up to an even number: the chance of n is proportional to `ln(end / n)`, so that a
/// tenth of the numbers takes a third of the draws.
fn skewed(end: u64) -> u64 {
    fastrand::u64(0..=fastrand::u64(0..end))
}

#[derive(Clone)]
struct Shopper {
    client: reqwest::Client,
    ledger: Arc<Mutex<Ledger>>,
}

impl Shopper {
    async fn go(&self, target: &Target, user: User, visit: Visit) {
        let url = &target.url;
        let (endpoint, request) = match visit {
            Visit::Browse { item } => (Endpoint::Browse, self.client.get(format!("{url}/browse/{item}"))),
            Visit::Replay { items } => {
                let replay = Endpoint::Replay { references: count(items.len()) };
                (replay, self.client.post(format!("{url}/replay")).json(&items))
            }
            Visit::Checkout => (Endpoint::Checkout, self.client.post(format!("{url}/checkout"))),
        };
        let start = UnixNanos::now();
        let answer = ask(request.header("x-user", user.id()).header("x-region", user.region().name())).await;
        let end = UnixNanos::now();
        match answer {
            Ok((status, lookups)) => {
                let version = target.version.clone();
                lock(&self.ledger).record(&Answer { version, endpoint, user, status, start, end, lookups });
            }
            Err(error) => lock(&self.ledger).record_unanswered(super::chain(&error)),
        }
    }
}

fn count(items: usize) -> Count {
    Count::new(u64::try_from(items).unwrap_or(u64::MAX))
}

/// The status, and what the answer says about the catalogue where it says something.
async fn ask(request: RequestBuilder) -> Result<(u16, Lookups), reqwest::Error> {
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    let body = answer.bytes().await?;
    let browsed: Option<Browsed> = serde_json::from_slice(&body).ok();
    Ok((status, browsed.map(|browsed| browsed.lookups).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::{get, post};

    #[test]
    fn small_numbers_are_drawn_more_often() {
        let mut counts = [0_u32; 10];
        for _ in 0..10_000 {
            counts[usize::try_from(skewed(10)).unwrap()] += 1;
        }
        assert!(counts[0] > 5 * counts[9] && counts[9] > 0, "{counts:?}");
    }

    async fn server(checkout: StatusCode) -> String {
        let router = Router::new()
            .route("/browse/{item}", get(|| async { "{}" }))
            .route("/checkout", post(move || async move { checkout }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        url
    }

    #[tokio::test]
    async fn every_request_is_in_the_ledger_under_the_version_that_answered_it() {
        let (healthy, broken) = (server(StatusCode::OK).await, server(StatusCode::BAD_GATEWAY).await);
        let load = Load::new(None).unwrap();
        load.move_to("v1", &healthy).await;
        while load.ledger().checkouts().total() < Count::new(50) {
            tokio::task::yield_now().await;
        }
        load.move_to("v2", &broken).await;
        let healthy_checkouts = load.ledger().checkouts();
        assert_eq!(load.ledger().totals().checkouts_by_version["v1"], healthy_checkouts);
        assert_eq!(healthy_checkouts.bad, Count::ZERO);
        while load.ledger().checkouts().bad < Count::new(50) {
            tokio::task::yield_now().await;
        }
        load.pause().await;
        let totals = load.ledger().totals();
        assert_eq!(totals.checkouts_by_version["v1"], healthy_checkouts);
        assert_eq!(totals.checkouts_by_version["v2"].bad, totals.checkouts.bad);
        assert_eq!(totals.unanswered, Count::ZERO, "{:?}", totals.last_unanswered);
        load.stop().await.unwrap();
    }
}
