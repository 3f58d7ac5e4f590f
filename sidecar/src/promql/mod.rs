//! Objectives whose events Prometheus-compatible servers count. Comes in: sources, and the objectives that ask them. Goes out:
//! steps for the state's owner, a [`SourceBoard`] for whoever shows how it goes, and the difference between our budgets and
//! those of recording rules. Never counts a step twice, and never takes silence for zero.
//!
//! The only mark of how far an objective is belongs to the state's owner, who commits it together with the events: a source
//! asks for the steps after it, in order, and the server's history makes up for what was missed.

mod agreement;
mod answer;
mod asker;
mod client;
mod grid;
mod judge;
mod samples;

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::agreement::Comparer;
use self::asker::Asker;
use self::client::Server;
use self::grid::Grid;
use self::judge::Carry;
use crate::config::{Source, source_of};
use crate::http::{self, Reach};
use crate::input::Input;
use crate::view::View;
use crate::view::{Agreement, QueriedState, SourceBoard, SourceFacts};
use mapwarden_objective::{Indicator, Slo};
use mapwarden_slo::Plan;

/// How many objectives ask one server at once. Raised, catching up is faster and burdens the server more.
const AT_ONCE: usize = 4;

/// The sidecar has no way to ask over HTTP.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the HTTP client of the sources")]
pub struct SourcesError(#[from] reqwest::Error);

/// Everything that asks, ready to run.
pub struct Sources {
    sources: Vec<Ready>,
}

/// A source and who asks it.
struct Ready {
    source: Arc<Source>,
    queried: Vec<(Slo, Plan, watch::Sender<Arc<QueriedState>>)>,
    agreement: Option<watch::Sender<Arc<Agreement>>>,
}

impl Sources {
    /// Plans what is asked, and gives what shows how it goes. Objectives that the configuration refuses are left out: the
    /// configuration has refused them before.
    pub fn new(sources: &[Source], slos: &[Slo]) -> (Self, Vec<SourceBoard>) {
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
            ready.push(Ready { source: Arc::new(source.clone()), queried, agreement });
        }
        (Self { sources: ready }, boards)
    }

    /// Asks until it is stopped.
    ///
    /// # Errors
    /// An HTTP client that cannot be made, before anything is asked.
    pub async fn run(
        self,
        queue: mpsc::Sender<Input>,
        view: watch::Receiver<Arc<View>>,
        stop: CancellationToken,
    ) -> Result<(), SourcesError> {
        if self.sources.is_empty() {
            return Ok(());
        }
        let client = http::client(Reach::ByProxy)?;
        let mut tasks = JoinSet::new();
        for Ready { source, queried, agreement } in self.sources {
            let server = Server::new(client.clone(), source.clone());
            let places = Arc::new(Semaphore::new(AT_ONCE));
            let grid = Grid { every: source.every, staleness: source.staleness, reach: source.reach };
            if let (Some(settings), Some(told)) = (source.agreement.clone(), agreement) {
                let ids = queried.iter().map(|(slo, ..)| slo.id()).collect();
                let comparer =
                    Comparer { ids, settings, grid, server: server.clone(), view: view.clone(), told };
                let stop = stop.clone();
                tasks.spawn(async move { stop.run_until_cancelled(comparer.run()).await.unwrap_or(()) });
            }
            for (slo, plan, told) in queried {
                let asker = Asker {
                    slo: slo.id(),
                    source: source.name.clone(),
                    most: Asker::most(&plan, source.every),
                    plan,
                    grid,
                    server: server.clone(),
                    places: places.clone(),
                    queue: queue.clone(),
                    told,
                    carry: Carry::default(),
                    answered: None,
                };
                let stop = stop.clone();
                tasks.spawn(async move { stop.run_until_cancelled(asker.run()).await.unwrap_or(()) });
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
