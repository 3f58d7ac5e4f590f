//! The task that owns the state: inputs in, views, notice events and commits out. Nothing else writes state.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mapwarden::contract::UnixNanos;
use mapwarden::contract::names::exposition;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::accept::Input;
use crate::aggregate::{Aggregate, timestamp};
use crate::budget::{BudgetState, evaluate};
use crate::config::Config;
use crate::notice::{self, Event, Notice, NoticeEvent, Notices};
use crate::output::{Durability, View, view};
use crate::store::{Commit, Store, StoreError};

/// How long after an input the state is evaluated at the latest. Raised, a notice comes later; lowered, more
/// time is spent evaluating under load.
const SOON: Duration = Duration::from_millis(200);

/// How often the state is evaluated without any input, and committed.
const REGULARLY: Duration = Duration::from_secs(1);

/// The results of a commit, as labelled.
const WRITTEN: &str = "written";
const FAILED: &str = "failed";

/// The state and where its results go.
pub(crate) struct Owner {
    aggregate: Aggregate,
    budgets: BTreeMap<String, BudgetState>,
    notices: Notices,
    store: Option<Durable>,
    started: Timestamp,
    view: watch::Sender<Arc<View>>,
    events: mpsc::Sender<NoticeEvent>,
    /// Whether inputs came since the last evaluation.
    is_stale: bool,
}

/// The store, and what it has not taken yet.
struct Durable {
    store: Arc<Store>,
    failed: Option<Commit>,
    notices: BTreeMap<String, notice::Kept>,
    are_changes_new: bool,
    last_commit: Option<Timestamp>,
    error: Option<String>,
}

impl Owner {
    /// Opens the store, if there is to be one, and puts the state back.
    pub(crate) fn open(
        config: &Config,
        events: mpsc::Sender<NoticeEvent>,
    ) -> Result<(Self, watch::Receiver<Arc<View>>), StoreError> {
        let now = UnixNanos::now();
        for result in [WRITTEN, FAILED] {
            metrics::counter!(exposition::STORE_COMMITS.name, "result" => result).absolute(0);
        }
        let store = config.data_dir.as_deref().map(Store::open).transpose()?;
        let restored = store.as_ref().map(Store::load).transpose()?.unwrap_or_default();
        let is_fresh = restored.last_commit == UnixNanos::EPOCH;
        let watching_since = if is_fresh { now } else { restored.last_commit };
        let mut aggregate = Aggregate::new(config.slos.clone(), config.max_series, watching_since);
        aggregate.restore(restored.objectives, restored.slices, restored.marks);
        restored.changes.into_iter().rev().for_each(|change| aggregate.announce(change));
        let mut notices = Notices::default();
        notices.restore(restored.notices);
        let store = store.map(|store| Durable {
            store: Arc::new(store),
            failed: None,
            notices: BTreeMap::new(),
            are_changes_new: false,
            last_commit: (!is_fresh).then(|| timestamp(restored.last_commit)),
            error: None,
        });
        let started = timestamp(now);
        let facts = view::Facts { started, durability: durability(store.as_ref()) };
        let first = view::view(&aggregate.at(now), &BTreeMap::new(), &notices, facts);
        let (view, reader) = watch::channel(Arc::new(first));
        let budgets = BTreeMap::new();
        Ok((Self { aggregate, budgets, notices, store, started, view, events, is_stale: true }, reader))
    }

    /// Owns the state until it is told to stop, and then takes everything that was accepted before.
    pub(crate) async fn run(mut self, mut inputs: mpsc::Receiver<Input>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(SOON);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut regular = Instant::now();
        self.evaluate().await;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = ticks.tick() => {
                    tell_queue(&inputs);
                    let is_due = regular.elapsed() >= REGULARLY;
                    if self.is_stale || is_due {
                        self.evaluate().await;
                    }
                    if is_due {
                        regular = Instant::now();
                        self.commit().await;
                        self.aggregate.forget_silent(UnixNanos::now());
                    }
                }
                input = inputs.recv() => match input {
                    Some(input) => self.take(input),
                    None => break,
                },
            }
        }
        inputs.close();
        while let Some(input) = inputs.recv().await {
            self.take(input);
        }
        self.evaluate().await;
        self.commit().await;
    }

    fn take(&mut self, input: Input) {
        self.is_stale = true;
        match input {
            Input::Batch(batch) => {
                if self.aggregate.take(&batch).is_some() {
                    self.note_change();
                }
            }
            Input::Change(change, done) => {
                self.aggregate.announce(change);
                self.note_change();
                // The sender may have gone away; the change is part of the state all the same.
                let _ = done.send(());
            }
        }
    }

    fn note_change(&mut self) {
        if let Some(durable) = &mut self.store {
            durable.are_changes_new = true;
        }
    }

    async fn evaluate(&mut self) {
        let began = Instant::now();
        let now = UnixNanos::now();
        let known = self.aggregate.at(now);
        self.budgets = known
            .objectives()
            .map(|(id, objective)| (id.clone(), evaluate(objective, self.budgets.get(id), now)))
            .collect();
        let happened = self.notices.step(&known, &self.budgets);
        let facts = view::Facts { started: self.started, durability: durability(self.store.as_ref()) };
        let view = Arc::new(view::view(&known, &self.budgets, &self.notices, facts));
        if let Some(durable) = &mut self.store {
            for notice in happened.iter().map(|event| &*event.notice) {
                durable.keep(&self.notices, notice);
            }
            for notice in view.notices.iter().filter(|notice| notice.resolved.is_none()) {
                durable.keep(&self.notices, notice);
            }
        }
        self.view.send_replace(view);
        self.is_stale = false;
        metrics::histogram!(exposition::EVALUATION_DURATION.name).record(began.elapsed());
        for event in happened {
            log(&event);
            if self.events.send(event).await.is_err() {
                tracing::error!("the delivery of notices has ended; this notice is only at /api/v1/notices");
            }
        }
    }

    /// Writes what changed. What could not be written is written with the next commit.
    async fn commit(&mut self) {
        let Some(durable) = &mut self.store else { return };
        let began = Instant::now();
        let now = UnixNanos::now();
        let changes = durable.are_changes_new.then(|| self.aggregate.at(now).changes().cloned().collect());
        durable.are_changes_new = false;
        let notices = std::mem::take(&mut durable.notices).into_values().collect();
        let mut commit = Commit { at: now, unsaved: self.aggregate.unsaved(), notices, changes };
        if let Some(failed) = durable.failed.take() {
            commit = commit.after(failed);
        }
        let store = durable.store.clone();
        let done = tokio::task::spawn_blocking(move || (store.commit(&commit), commit)).await;
        let result = match done {
            Ok((Ok(()), _)) => {
                durable.last_commit = Some(timestamp(now));
                durable.error = None;
                metrics::gauge!(exposition::STORE_LAST_COMMIT.name)
                    .set(timestamp(now).as_duration().as_secs_f64());
                WRITTEN
            }
            Ok((Err(error), commit)) => {
                tracing::error!(
                    "{error}; it is tried again in a second and nothing is lost while the sidecar runs"
                );
                durable.error = Some(error.to_string());
                durable.failed = Some(commit);
                FAILED
            }
            Err(error) => {
                durable.error = Some(error.to_string());
                FAILED
            }
        };
        metrics::counter!(exposition::STORE_COMMITS.name, "result" => result).increment(1);
        metrics::histogram!(exposition::STORE_DURATION.name).record(began.elapsed());
    }
}

impl Durable {
    fn keep(&mut self, notices: &Notices, notice: &Notice) {
        self.notices.insert(notice.id.clone(), notices.keep(notice));
    }
}

fn tell_queue(inputs: &mpsc::Receiver<Input>) {
    let gauge = |value: usize| f64::from(u32::try_from(value).unwrap_or(u32::MAX));
    metrics::gauge!(exposition::QUEUE_DEPTH.name).set(gauge(inputs.len()));
    metrics::gauge!(exposition::QUEUE_CAPACITY.name).set(gauge(inputs.max_capacity()));
}

fn durability(store: Option<&Durable>) -> Durability {
    store.map_or(Durability::Memory, |durable| Durability::Store {
        path: PathBuf::from(durable.store.path()).display().to_string(),
        last_commit: durable.last_commit,
        error: durable.error.clone(),
    })
}

fn log(event: &NoticeEvent) {
    let notice = &event.notice;
    match event.event {
        Event::Opened => {
            tracing::warn!(notice = %notice.id, slo = %notice.slo, "notice opened: {}", notice.summary);
        }
        Event::Updated => {
            tracing::info!(notice = %notice.id, slo = %notice.slo, "notice updated: {}", notice.summary);
        }
        Event::Resolved => tracing::info!(notice = %notice.id, slo = %notice.slo, "{}", notice.summary),
    }
}
