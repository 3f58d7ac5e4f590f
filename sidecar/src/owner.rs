//! The task that owns the state. Comes in: inputs. Goes out: views, notice events and commits. No other task writes the
//! state.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mapwarden_contract::UnixNanos;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::input::Input;
use crate::metric_names;
use crate::store::{Commit, Removed, Store, StoreError};
use crate::view;
use crate::view::SourceBoard;
use crate::view::{Durability, View};
use mapwarden_engine::aggregate::slot::{Level, Slot};
use mapwarden_engine::aggregate::{Aggregate, timestamp};
use mapwarden_engine::budget::{BudgetState, evaluate};
use mapwarden_engine::correction::{ProposalError, WrittenEntry};
use mapwarden_engine::ledger::Ledger;
use mapwarden_engine::notice::{self, Notice, NoticeEvent, Notices, Transition};
use mapwarden_engine::observation::Change;

/// The longest time from an input to the next evaluation. Raised, a notice comes later; lowered, more
/// time is spent evaluating under load.
const SOON: Duration = Duration::from_millis(200);

/// The pause after an evaluation, as a multiple of its duration, unless a second has passed: with many objectives, evaluation
/// takes a twentieth of a core and runs once a second. Raised, notices of a large sidecar come
/// up to a second later; lowered, it takes more of the core.
const PAUSE: u32 = 20;

/// How often the state is evaluated without any input, and committed. Raised, a crash loses more; lowered, the store is written
/// more often.
const REGULARLY: Duration = Duration::from_secs(1);

/// How often series and objectives that have fallen silent are removed.
const FORGETTING: Duration = Duration::from_secs(10);

/// How many changed notices, and how many forgotten series, wait for a store that cannot be written. Beyond that, the
/// oldest notices are lost at a restart; the marks of forgotten series are removed at the next start anyway.
const WAITING_NOTICES: usize = 500;
const WAITING_SERIES: usize = 100_000;

/// The results of a commit, as values of the label.
const WRITTEN: &str = "written";
const FAILED: &str = "failed";

/// The state, and the receivers of its results.
pub(crate) struct Owner {
    aggregate: Aggregate,
    /// The last evaluation, before corrections.
    budgets: Arc<BTreeMap<String, BudgetState>>,
    ledger: Ledger,
    notices: Notices,
    store: Option<Durable>,
    started: Timestamp,
    sources: Vec<SourceBoard>,
    view: watch::Sender<Arc<View>>,
    events: mpsc::Sender<NoticeEvent>,
    /// Whether inputs arrived since the last evaluation.
    is_stale: bool,
    /// Senders that wait for their correction to be saved.
    waiting: Vec<(oneshot::Sender<Result<WrittenEntry, ProposalError>>, WrittenEntry)>,
}

/// The store, and what is not committed yet.
struct Durable {
    store: Arc<Store>,
    removed: Removed,
    notices: BTreeMap<String, notice::StoredNotice>,
    are_changes_new: bool,
    last_commit: Option<Timestamp>,
    error: Option<String>,
}

impl Owner {
    /// Opens the store, if one is configured, and restores the state.
    pub(crate) fn open(
        config: &Config,
        sources: Vec<SourceBoard>,
        events: mpsc::Sender<NoticeEvent>,
    ) -> Result<(Self, watch::Receiver<Arc<View>>), StoreError> {
        let now = UnixNanos::now();
        for result in [WRITTEN, FAILED] {
            metrics::counter!(metric_names::STORE_COMMITS.name, "result" => result).absolute(0);
        }
        let store = config.data_dir.as_deref().map(Store::open).transpose()?;
        let restored = store.as_ref().map(Store::load).transpose()?.unwrap_or_default();
        let is_fresh = restored.last_commit == UnixNanos::EPOCH;
        let watching_since = if is_fresh { now } else { restored.last_commit };
        let mut aggregate = Aggregate::new(config.slos.clone(), config.max_series, watching_since);
        let slices = |each: &mut dyn FnMut(&str, Level, Slot)| {
            store.as_ref().map_or(Ok(()), |store| store.slots(each))
        };
        let gone = aggregate.restore(restored.objectives, restored.marks, slices)?;
        restored.changes.into_iter().rev().for_each(|change| aggregate.announce(change));
        let mut notices = Notices::default();
        notices.restore(restored.notices);
        let ledger = Ledger::restore(restored.corrections, restored.cuts, now);
        let store = store.map(|store| Durable {
            store: Arc::new(store),
            removed: Removed { objectives: gone.into_iter().collect(), ..Removed::default() },
            notices: BTreeMap::new(),
            are_changes_new: false,
            last_commit: (!is_fresh).then(|| timestamp(restored.last_commit)),
            error: None,
        });
        let started = timestamp(now);
        let facts = view::SidecarFacts {
            started,
            durability: durability(store.as_ref()),
            sources: &sources,
            corrections: ledger.log(),
        };
        let judged = view::Evaluation { budgets: Arc::default(), ledger: BTreeMap::new() };
        let first = view::view(&aggregate.at(now), judged, &notices, facts);
        let (view, reader) = watch::channel(Arc::new(first));
        let (budgets, is_stale, waiting) = (Arc::default(), true, Vec::new());
        let owner = Self {
            aggregate,
            budgets,
            ledger,
            notices,
            store,
            started,
            sources,
            view,
            events,
            is_stale,
            waiting,
        };
        Ok((owner, reader))
    }

    /// Owns the state until `stop`, and then processes all inputs that were accepted before it.
    pub(crate) async fn run(mut self, mut inputs: mpsc::Receiver<Input>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(SOON);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let (mut regular, mut forgot) = (Instant::now(), Instant::now());
        let mut paused_until = Instant::now();
        self.evaluate().await;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = ticks.tick() => {
                    measure_queue(&inputs);
                    let is_due = regular.elapsed() >= REGULARLY || !self.waiting.is_empty();
                    if is_due || (self.is_stale && Instant::now() >= paused_until) {
                        let began = Instant::now();
                        self.evaluate().await;
                        paused_until = Instant::now() + began.elapsed() * PAUSE;
                    }
                    if is_due {
                        regular = Instant::now();
                        self.commit().await;
                    }
                    if forgot.elapsed() >= FORGETTING {
                        forgot = Instant::now();
                        self.forget();
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
        // Empty steps only query the progress of an objective, and change nothing.
        self.is_stale |= !matches!(&input, Input::Steps(steps, _) if steps.steps.is_empty());
        match input {
            Input::Batch(batch) => {
                if let Some(change) = self.aggregate.take(&batch) {
                    self.note_change(&change);
                }
            }
            Input::Change(change, done) => {
                self.note_change(&change);
                self.aggregate.announce(change);
                // The sender may be gone; the change is part of the state nevertheless.
                let _ = done.send(());
            }
            Input::Steps(steps, done) => {
                let taken = self.aggregate.take_steps(&steps);
                // As above.
                let _ = done.send(taken);
            }
            Input::Correction(proposal, reply) => {
                match self.ledger.propose(*proposal, &self.aggregate.at(UnixNanos::now())) {
                    Ok(written) => self.waiting.push((reply, written)),
                    Err(refused) => {
                        // The sender may be gone; nothing was written.
                        let _ = reply.send(Err(refused));
                    }
                }
            }
        }
    }

    fn note_change(&mut self, change: &Change) {
        metrics::counter!(
            metric_names::CHANGES.name,
            "service" => change.service.clone(), "kind" => change.kind.name(), "source" => change.source.name()
        )
        .increment(1);
        if let Some(durable) = &mut self.store {
            durable.are_changes_new = true;
        }
    }

    async fn evaluate(&mut self) {
        let began = Instant::now();
        let now = UnixNanos::now();
        self.aggregate.advance(now);
        let known = self.aggregate.at(now);
        let evaluated = known.objectives();
        let evaluated = evaluated.map(|(id, slo)| (id.clone(), evaluate(slo, self.budgets.get(id), now)));
        self.budgets = Arc::new(evaluated.collect());
        let states = self.ledger.step(&known, &self.budgets, |id| self.notices.onset(id));
        // Notices and views use the corrected budgets; the next evaluation continues from the measured ones.
        let judged = self.ledger.judge(&self.budgets, now);
        let happened = self.notices.step(&known, &judged);
        let facts = view::SidecarFacts {
            started: self.started,
            durability: durability(self.store.as_ref()),
            sources: &self.sources,
            corrections: self.ledger.log(),
        };
        let evaluation = view::Evaluation { budgets: judged, ledger: states };
        let view = Arc::new(view::view(&known, evaluation, &self.notices, facts));
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
        metrics::histogram!(metric_names::EVALUATION_DURATION.name).record(began.elapsed());
        for event in happened {
            log(&event);
            if self.events.send(event).await.is_err() {
                tracing::error!("the delivery of notices has ended; this notice is only at /api/v1/notices");
            }
        }
    }

    fn forget(&mut self) {
        let now = UnixNanos::now();
        let forgotten = self.aggregate.forget_silent(now);
        self.ledger.forget(now);
        if let Some(durable) = &mut self.store {
            let series = &mut durable.removed.series;
            series.extend(forgotten.into_iter().take(WAITING_SERIES.saturating_sub(series.len())));
        }
    }

    /// Commits all changes. After a failure they are marked as changed again, so that the next commit includes them;
    /// they never take more memory than the state itself.
    async fn commit(&mut self) {
        let Some(durable) = &mut self.store else {
            confirm(&mut self.waiting);
            return;
        };
        let began = Instant::now();
        let now = UnixNanos::now();
        let changes = durable.are_changes_new.then(|| self.aggregate.at(now).changes().cloned().collect());
        durable.are_changes_new = false;
        let notices = std::mem::take(&mut durable.notices).into_values().collect();
        let removed = std::mem::take(&mut durable.removed);
        let (unsaved, ledger) = (self.aggregate.unsaved(), self.ledger.unsaved());
        let commit = Arc::new(Commit { at: now, removed, unsaved, notices, changes, ledger });
        let (store, lent) = (durable.store.clone(), commit.clone());
        let done = tokio::task::spawn_blocking(move || store.commit(&lent)).await;
        let failure = match done {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(format!("store: the commit did not finish: {error}")),
        };
        let result = match failure {
            None => {
                durable.last_commit = Some(timestamp(now));
                durable.error = None;
                confirm(&mut self.waiting);
                WRITTEN
            }
            Some(error) => {
                tracing::error!(
                    "{error}; the commit is retried in a second, and nothing is lost while the sidecar runs"
                );
                durable.error = Some(error);
                self.aggregate.redirty(&commit.unsaved);
                self.ledger.redirty(&commit.ledger);
                durable.take_back(Arc::unwrap_or_clone(commit));
                FAILED
            }
        };
        metrics::counter!(metric_names::STORE_COMMITS.name, "result" => result).increment(1);
        metrics::histogram!(metric_names::STORE_DURATION.name).record(began.elapsed());
    }
}

impl Durable {
    fn keep(&mut self, notices: &Notices, notice: &Notice) {
        self.notices.insert(notice.id.clone(), notices.keep(notice));
    }

    /// Keeps the rows of a failed commit for the next one, except those of the aggregate and the ledger.
    fn take_back(&mut self, commit: Commit) {
        let Commit { at: _, removed, unsaved: _, notices, changes, ledger: _ } = commit;
        let Removed { objectives, series } = removed;
        self.removed.objectives.extend(objectives);
        self.removed.series.extend(series);
        for kept in notices {
            self.notices.entry(kept.notice.id.clone()).or_insert(kept);
        }
        while self.notices.len() > WAITING_NOTICES {
            self.notices.pop_first();
        }
        self.are_changes_new |= changes.is_some();
    }
}

/// Answers the waiting senders: their corrections are written and, if there is a store, saved.
fn confirm(waiting: &mut Vec<(oneshot::Sender<Result<WrittenEntry, ProposalError>>, WrittenEntry)>) {
    for (reply, written) in waiting.drain(..) {
        tracing::info!(id = %written.entry.id, author = %written.entry.author, "correction: {}", written.entry.reason);
        // The sender may be gone; the correction is written nevertheless.
        let _ = reply.send(Ok(written));
    }
}

fn measure_queue(inputs: &mpsc::Receiver<Input>) {
    let gauge = |value: usize| f64::from(u32::try_from(value).unwrap_or(u32::MAX));
    metrics::gauge!(metric_names::QUEUE_DEPTH.name).set(gauge(inputs.len()));
    metrics::gauge!(metric_names::QUEUE_CAPACITY.name).set(gauge(inputs.max_capacity()));
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
        Transition::Opened => {
            tracing::warn!(notice = %notice.id, slo = %notice.slo, "notice opened: {}", notice.summary);
        }
        Transition::Updated => {
            tracing::info!(notice = %notice.id, slo = %notice.slo, "notice updated: {}", notice.summary);
        }
        Transition::Resolved => tracing::info!(notice = %notice.id, slo = %notice.slo, "{}", notice.summary),
    }
}

#[cfg(test)]
mod tests {
    use mapwarden_contract::names::{attribute, wire};

    use super::*;
    use crate::config::Overrides;
    use mapwarden_engine::observation::{
        Batch, ChangeKind, ChangeSource, Observation, Point, PointValue, Resource, Temporality,
    };

    /// A hundred good events a second since `start`.
    fn batch(start: UnixNanos, second: u32) -> Input {
        let resource = Resource { id: 1, service: Arc::from("shop"), ..Resource::default() };
        let time = UnixNanos::new(start.get() + u64::from(second) * 1_000_000_000);
        let point = |metric: &str, pairs: &[(&str, &str)], value| {
            let attributes =
                pairs.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value))).collect();
            Observation::Point(Point { metric: Arc::from(metric), attributes, start, time, value })
        };
        let objective =
            [(attribute::SCOPE, "checkout"), (attribute::SLI, "availability"), (attribute::SLO, "a")];
        let good = [(attribute::SLO, "a"), (attribute::VERDICT, "good")];
        let sum = PointValue::Sum { temporality: Temporality::Cumulative, value: f64::from(second * 100) };
        let observations = vec![
            point(wire::OBJECTIVE.name, &objective, PointValue::Gauge(0.99)),
            point(wire::SLI_EVENTS.name, &good, sum),
        ];
        Input::Batch(Batch { resource: Arc::new(resource), received: time, observations })
    }

    #[tokio::test]
    async fn a_store_has_everything_after_failed_commits() {
        let folder = std::env::temp_dir().join(format!("mapwarden-owner-{}", std::process::id()));
        let settings = Overrides { data_dir: Some(folder.clone()), ..Overrides::default() };
        let (events, _transitions) = mpsc::channel(8);
        let (mut owner, _view) = Owner::open(&settings.load().unwrap(), Vec::new(), events).unwrap();
        let start = UnixNanos::now();
        let change = Change {
            service: "shop".to_owned(),
            kind: ChangeKind::Deploy,
            version: None,
            sha: None,
            at: timestamp(start),
            source: ChangeSource::Webhook,
            author: None,
            url: None,
        };
        owner.take(batch(start, 1));
        owner.commit().await;
        let (file, away) = (folder.join("mapwarden.redb"), folder.join("away"));
        owner.store.as_ref().unwrap().store.close();
        std::fs::rename(&file, &away).unwrap();
        for second in 2..=51 {
            owner.take(batch(start, second));
            owner.note_change(&change);
            owner.commit().await;
            let durable = owner.store.as_ref().unwrap();
            assert!(durable.error.as_ref().unwrap().contains("data directory"), "{:?}", durable.error);
            assert!(durable.are_changes_new);
        }
        std::fs::rename(&away, &file).unwrap();
        owner.commit().await;
        let durable = owner.store.as_ref().unwrap();
        assert_eq!(durable.error, None);
        assert!(!durable.are_changes_new);
        let restored = durable.store.load().unwrap();
        assert_eq!(restored.objectives[0].totals.good.get(), 5_100);
        let mut finest = 0;
        let mut add = |_: &str, level, slice: Slot| {
            finest += if level == Level::Second { slice.counts.good.get() } else { 0 };
        };
        durable.store.slots(&mut add).unwrap();
        assert_eq!(finest, 5_100);
        assert_eq!(restored.marks[0].1.value, 5_100);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
