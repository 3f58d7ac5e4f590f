//! What comes in: a version of the service. What goes out: requests of many users at a steady rate, each recorded with
//! its response in the [`RequestLog`]. Never has more than [`RUNNING`] requests open, and never moves to another
//! version before the last response of the previous one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mapwarden_contract::{Count, UnixNanos};
use reqwest::RequestBuilder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::task::TaskTracker;

use super::backend::USERS;
use super::request_log::{AnsweredRequest, Endpoint, RequestLog};
use super::service::catalogue::CatalogueLookups;
use super::service::orders::BrowseResponse;
use super::trace::{TraceError, WorkloadTrace};
use super::users::User;

/// How often requests are sent, and how many then: 300 a second.
const TICK: Duration = Duration::from_millis(10);
const REQUESTS_PER_TICK: u32 = 3;

/// How many requests may be open at once; at that number the rate drops.
const RUNNING: usize = 256;

/// How long a response may take. Longer than every wait of the service, so that both ends count the same.
const RESPONSE_TIME: Duration = Duration::from_secs(20);

/// One request in so many is a checkout.
const CHECKOUT_ONCE_IN: u32 = 3;

/// One request in so many comes from a new user.
const NEW_USER_ONCE_IN: u32 = 200;

/// How many items the generated load visits.
const ITEMS: u64 = 500;

/// How many batches of a trace are read ahead.
const BATCHES_AHEAD: usize = 16;

/// The process of the service that the load is sent to.
struct LoadTarget {
    version: Arc<str>,
    url: String,
    requests: TaskTracker,
}

/// The running load.
pub(crate) struct Load {
    target: watch::Sender<Option<Arc<LoadTarget>>>,
    log: Arc<Mutex<RequestLog>>,
    generator: JoinHandle<()>,
    replay: Option<TraceReplay>,
}

/// The replay of a trace.
struct TraceReplay {
    references: Count,
    feeder: JoinHandle<Result<(), TraceError>>,
}

impl Load {
    /// Prepares the load; it begins with the first [`Load::move_to`].
    ///
    /// # Errors
    /// An HTTP client that cannot be set up.
    pub(crate) fn new(trace: Option<WorkloadTrace>) -> anyhow::Result<Self> {
        let (target, aim) = watch::channel(None);
        let log = Arc::<Mutex<RequestLog>>::default();
        let (batches, replay) = match trace {
            Some(trace) => {
                let references = trace.references();
                let (feed, batches) = mpsc::channel(BATCHES_AHEAD);
                let feeder = tokio::task::spawn_blocking(move || read_ahead(&trace, &feed));
                (Some(batches), Some(TraceReplay { references, feeder }))
            }
            None => (None, None),
        };
        let shopper = Shopper { client: super::http::client(RESPONSE_TIME)?, log: log.clone() };
        let generator = LoadGenerator { aim, shopper, batches, last_user: USERS };
        Ok(Self { target, log, generator: tokio::spawn(generator.run()), replay })
    }

    /// Sends all further requests to this version; returns once every request to the previous one has its response.
    pub(crate) async fn move_to(&self, version: &str, url: &str) {
        let next = LoadTarget { version: version.into(), url: url.to_owned(), requests: TaskTracker::new() };
        self.aim_at(Some(Arc::new(next))).await;
    }

    /// Sends no more requests; returns once every request has its response.
    pub(crate) async fn pause(&self) {
        self.aim_at(None).await;
    }

    async fn aim_at(&self, next: Option<Arc<LoadTarget>>) {
        // The generator spawns under the channel's read lock: after this, no task joins the old target's tracker.
        let before = self.target.send_replace(next);
        if let Some(before) = before {
            before.requests.close();
            before.requests.wait().await;
        }
    }

    /// Returns the log so far.
    pub(crate) fn log(&self) -> MutexGuard<'_, RequestLog> {
        lock(&self.log)
    }

    /// Returns how many references of a trace were replayed, and how many it has.
    pub(crate) fn replayed(&self) -> Option<(Count, Count)> {
        self.replay.as_ref().map(|replay| (self.log().replayed(), replay.references))
    }

    /// Ends the load once every request has its response.
    ///
    /// # Errors
    /// A trace that could not be read to its end.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.pause().await;
        self.generator.abort();
        // The only possible error is the abort; the generator's end also ends the feeder.
        drop(self.generator.await);
        match self.replay {
            Some(replay) => Ok(replay.feeder.await??),
            None => Ok(()),
        }
    }
}

fn lock(log: &Mutex<RequestLog>) -> MutexGuard<'_, RequestLog> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a trace as fast as its batches are received, until its end or until the receiver is gone.
fn read_ahead(trace: &WorkloadTrace, feed: &mpsc::Sender<Vec<u64>>) -> Result<(), TraceError> {
    for batch in trace.batches()? {
        if feed.blocking_send(batch?).is_err() {
            break;
        }
    }
    Ok(())
}

/// What a user requests.
enum Visit {
    Browse { item: u64 },
    Replay { items: Vec<u64> },
    Checkout,
}

struct LoadGenerator {
    aim: watch::Receiver<Option<Arc<LoadTarget>>>,
    shopper: Shopper,
    batches: Option<mpsc::Receiver<Vec<u64>>>,
    last_user: u64,
}

impl LoadGenerator {
    async fn run(mut self) {
        let running = Arc::new(Semaphore::new(RUNNING));
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.aim.wait_for(Option::is_some).await.is_ok() {
            ticks.tick().await;
            for _ in 0..REQUESTS_PER_TICK {
                let Ok(permit) = running.clone().acquire_owned().await else { return };
                self.send(permit);
            }
        }
    }

    /// Draws a visit and sends it, unless the load was paused meanwhile.
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

    /// Draws a user: some users come often, and now and then a new one comes.
    fn draw_user(&mut self) -> User {
        if fastrand::u32(0..NEW_USER_ONCE_IN) == 0 {
            self.last_user += 1;
            return User(self.last_user);
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

/// Draws a number below `end`, uniform below a uniform number: the chance of n is proportional to `ln(end / n)`, so
/// that a tenth of the numbers takes a third of the draws.
fn skewed(end: u64) -> u64 {
    fastrand::u64(0..=fastrand::u64(0..end))
}

#[derive(Clone)]
struct Shopper {
    client: reqwest::Client,
    log: Arc<Mutex<RequestLog>>,
}

impl Shopper {
    async fn go(&self, target: &LoadTarget, user: User, visit: Visit) {
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
        let response =
            send(request.header("x-user", user.id()).header("x-region", user.region().name())).await;
        let end = UnixNanos::now();
        match response {
            Ok((status, lookups)) => {
                let version = target.version.clone();
                lock(&self.log).record(&AnsweredRequest {
                    version,
                    endpoint,
                    user,
                    status,
                    start,
                    end,
                    lookups,
                });
            }
            Err(error) => lock(&self.log).record_unanswered(super::http::chain(&error)),
        }
    }
}

fn count(items: usize) -> Count {
    Count::new(u64::try_from(items).unwrap_or(u64::MAX))
}

/// Sends a request; returns the status, and the lookups of the catalogue where the response reports them.
async fn send(request: RequestBuilder) -> Result<(u16, CatalogueLookups), reqwest::Error> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let body = response.bytes().await?;
    let browsed: Option<BrowseResponse> = serde_json::from_slice(&body).ok();
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
    async fn every_request_is_logged_under_its_version() {
        let (healthy, broken) = (server(StatusCode::OK).await, server(StatusCode::BAD_GATEWAY).await);
        let load = Load::new(None).unwrap();
        load.move_to("v1", &healthy).await;
        while load.log().checkouts().total() < Count::new(50) {
            tokio::task::yield_now().await;
        }
        load.move_to("v2", &broken).await;
        let healthy_checkouts = load.log().checkouts();
        assert_eq!(load.log().totals().checkouts_by_version["v1"], healthy_checkouts);
        assert_eq!(healthy_checkouts.bad, Count::ZERO);
        while load.log().checkouts().bad < Count::new(50) {
            tokio::task::yield_now().await;
        }
        load.pause().await;
        let totals = load.log().totals();
        assert_eq!(totals.checkouts_by_version["v1"], healthy_checkouts);
        assert_eq!(totals.checkouts_by_version["v2"].bad, totals.checkouts.bad);
        assert_eq!(totals.unanswered, Count::ZERO, "{:?}", totals.last_unanswered);
        load.stop().await.unwrap();
    }
}
