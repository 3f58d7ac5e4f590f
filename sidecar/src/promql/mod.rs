//! Queries Prometheus-compatible servers for the events of objectives. Comes in: sources, and the objectives that refer to
//! them. Goes out: steps for the state's owner, a [`SourceBoard`] that shows the progress, and the difference between the
//! sidecar's budgets and those of recording rules. Never counts a step twice, and never takes silence for zero.
//!
//! Only the state's owner knows how far an objective is, and commits it together with the events: a source queries the steps
//! after that, in order, and the server's history makes up for an outage.

mod agreement;
mod answer;
mod client;
mod error;
mod fetch;
mod grid;
mod judge;
mod samples;

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::agreement::Comparer;
use self::client::Server;
use self::fetch::StepFetcher;
use self::grid::Grid;
use self::judge::Carry;
use crate::config::{Source, source_of};
use crate::http::{self, Reach};
use crate::input::Input;
use crate::view::View;
use crate::view::{Agreement, QueriedState, SourceBoard, SourceFacts};
use mapwarden_objective::{Indicator, Slo};
use mapwarden_slo::Plan;

/// How many objectives query one server at once. Raised, catching up is faster and loads the server more; lowered, it takes
/// longer.
const AT_ONCE: usize = 4;

/// The HTTP client of the sources cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the HTTP client of the sources")]
pub(crate) struct SourcesError(#[from] reqwest::Error);

/// The sources with their planned queries, ready to run.
pub(crate) struct Sources {
    sources: Vec<PlannedSource>,
}

/// A source and the objectives that refer to it.
struct PlannedSource {
    source: Arc<Source>,
    queried: Vec<(Slo, Plan, watch::Sender<Arc<QueriedState>>)>,
    agreement: Option<watch::Sender<Arc<Agreement>>>,
}

impl Sources {
    /// Plans the queries, and returns the boards that show their progress. Objectives that the configuration refused are left
    /// out.
    pub(crate) fn new(sources: &[Source], slos: &[Slo]) -> (Self, Vec<SourceBoard>) {
        let mut ready = Vec::new();
        let mut boards = Vec::new();
        for source in sources {
            let of_source = slos.iter().filter_map(|slo| Some((slo, plan(slo, source, sources)?)));
            let mut queried = Vec::new();
            let mut objectives = Vec::new();
            for (slo, plan) in of_source {
                let (tx, rx) = watch::channel(Arc::new(state(slo, &plan)));
                queried.push((slo.clone(), plan, tx));
                objectives.push(rx);
            }
            let comparison = source.agreement.as_ref().map(|settings| {
                watch::channel(Arc::new(Agreement {
                    resolution: settings.resolution,
                    ..Agreement::default()
                }))
            });
            let (agreement, agreed) = comparison.unzip();
            boards.push(SourceBoard { facts: Arc::new(facts(source)), objectives, agreement: agreed });
            ready.push(PlannedSource { source: Arc::new(source.clone()), queried, agreement });
        }
        (Self { sources: ready }, boards)
    }

    /// Queries until it is stopped.
    ///
    /// # Errors
    /// An HTTP client that cannot be made, before anything is queried.
    pub(crate) async fn run(
        self,
        queue: mpsc::Sender<Input>,
        view: watch::Receiver<Arc<View>>,
        stop: CancellationToken,
    ) -> Result<(), SourcesError> {
        if self.sources.is_empty() {
            return Ok(());
        }
        let client = http::client(Reach::ViaProxy)?;
        let mut tasks = JoinSet::new();
        for PlannedSource { source, queried, agreement } in self.sources {
            let server = Server::new(client.clone(), source.clone());
            let places = Arc::new(Semaphore::new(AT_ONCE));
            let grid = Grid { every: source.every, staleness: source.staleness, reach: source.reach };
            if let (Some(settings), Some(agreement)) = (source.agreement.clone(), agreement) {
                let ids = queried.iter().map(|(slo, ..)| slo.id()).collect();
                let comparer =
                    Comparer { ids, settings, grid, server: server.clone(), view: view.clone(), agreement };
                let stop = stop.clone();
                tasks.spawn(async move { stop.run_until_cancelled(comparer.run()).await.unwrap_or(()) });
            }
            for (slo, plan, state) in queried {
                let fetcher = StepFetcher {
                    slo: slo.id(),
                    source: source.name.clone(),
                    most: StepFetcher::most(&plan, source.every),
                    plan,
                    grid,
                    server: server.clone(),
                    places: places.clone(),
                    queue: queue.clone(),
                    state,
                    carry: Carry::default(),
                    answered: None,
                };
                let stop = stop.clone();
                tasks.spawn(async move { stop.run_until_cancelled(fetcher.run()).await.unwrap_or(()) });
            }
        }
        tasks.join_all().await;
        Ok(())
    }
}

fn plan(slo: &Slo, source: &Source, sources: &[Source]) -> Option<Plan> {
    let Indicator::Queried(queried) = &slo.indicator else { return None };
    let is_its = source_of(queried, sources).is_ok_and(|found| found.name == source.name);
    is_its.then(|| Plan::new(&queried.queries, source.every, source.may_sample).ok()).flatten()
}

fn state(slo: &Slo, plan: &Plan) -> QueriedState {
    QueriedState {
        slo: slo.id(),
        service: slo.service.clone(),
        is_exact: plan.is_exact(),
        answered_until: None,
        measured_until: None,
        trouble: None,
    }
}

fn facts(source: &Source) -> SourceFacts {
    let Source { name, url, every, staleness, reach, .. } = source;
    SourceFacts { name: name.clone(), url: url.clone(), every: *every, staleness: *staleness, reach: *reach }
}
