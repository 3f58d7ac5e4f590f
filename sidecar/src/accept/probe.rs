//! Probes dependencies. Comes in: targets and intervals. Goes out: a [`Call`] for every probe, sent
//! under the sidecar's own [`Resource`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use mapwarden_contract::UnixNanos;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::{Probe, ProbeTarget};
use crate::http::{self, Reach};
use crate::input::Input;
use mapwarden_engine::observation::{Batch, Call, CallSource, Completion, Observation, Resource};

/// The HTTP client of the probes cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the HTTP client of the probes")]
pub struct ProbeError(#[from] reqwest::Error);

/// Probes every dependency at its interval until it is stopped. The first probes are spread over the interval, so that
/// no large number runs at once. While the queue is full, a probe waits and skips the intervals that it misses.
///
/// # Errors
/// An HTTP client that cannot be made, before anything is probed.
pub async fn run(
    probes: Vec<Probe>,
    queue: mpsc::Sender<Input>,
    stop: CancellationToken,
) -> Result<(), ProbeError> {
    let client = client(&probes)?;
    let resource = Arc::new(own_resource());
    let mut tasks = JoinSet::new();
    let many = u32::try_from(probes.len()).unwrap_or(u32::MAX).max(1);
    for (place, probe) in (0..many).zip(probes) {
        let first = (probe.every.to_duration() / many).saturating_mul(place);
        let probe_loop = ProbeLoop {
            name: Arc::from(probe.name.as_str()),
            probe,
            client: client.clone(),
            resource: Arc::clone(&resource),
        };
        let (queue, stop) = (queue.clone(), stop.clone());
        tasks.spawn(async move {
            stop.run_until_cancelled(probe_loop.run(first, queue)).await;
        });
    }
    tasks.join_all().await;
    Ok(())
}

/// Returns a client only if a probe uses HTTP: making one reads the system's certificates.
fn client(probes: &[Probe]) -> Result<Option<reqwest::Client>, reqwest::Error> {
    if !probes.iter().any(|probe| matches!(probe.target, ProbeTarget::Http(_))) {
        return Ok(None);
    }
    // A probe reaches the dependency itself: without a proxy, and a redirect is an answer.
    http::client(Reach::Direct).map(Some)
}

/// The resource under which the results of probes are sent.
fn own_resource() -> Resource {
    Resource {
        id: 0,
        service: Arc::from("mapwarden-sidecar"),
        version: Some(Arc::from(env!("CARGO_PKG_VERSION"))),
        ..Resource::default()
    }
}

struct ProbeLoop {
    probe: Probe,
    name: Arc<str>,
    client: Option<reqwest::Client>,
    resource: Arc<Resource>,
}

impl ProbeLoop {
    async fn run(self, first: Duration, queue: mpsc::Sender<Input>) {
        let start = tokio::time::Instant::now() + first;
        let mut ticks = interval_at(start, self.probe.every.to_duration());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let batch = self.ask().await;
            if queue.send(Input::Batch(batch)).await.is_err() {
                // The state's owner is gone.
                return;
            }
        }
    }

    async fn ask(&self) -> Batch {
        let began = Instant::now();
        let answer = timeout(self.probe.timeout.to_duration(), self.answer()).await;
        let end = UnixNanos::now();
        let call = Call {
            dependency: Arc::clone(&self.name),
            end,
            duration: began.elapsed().into(),
            completion: answer.unwrap_or(Completion::Failed),
            source: CallSource::Probe,
        };
        Batch {
            resource: Arc::clone(&self.resource),
            received: end,
            observations: vec![Observation::Call(call)],
        }
    }

    async fn answer(&self) -> Completion {
        let is_healthy = match (&self.probe.target, &self.client) {
            (ProbeTarget::Http(url), Some(client)) => {
                client.get(url).send().await.is_ok_and(|response| response.status().as_u16() < 400)
            }
            // Cannot happen: a client exists if one probe uses HTTP.
            (ProbeTarget::Http(_), None) => false,
            (ProbeTarget::Tcp(address), _) => TcpStream::connect(address).await.is_ok(),
        };
        if is_healthy { Completion::Ok } else { Completion::Failed }
    }
}
