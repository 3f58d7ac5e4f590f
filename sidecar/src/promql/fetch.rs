//! Fetches the steps of one objective from its server. Comes in: how far the objective is, from the state's owner. Goes out:
//! the steps after that, in order, each at most once. Never keeps anything that a restart would lose, except fractions of
//! events.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mapwarden_contract::{Nanos, UnixNanos};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::answer::AnswerSeries;
use super::client::Server;
use super::error::SourceQueryError;
use super::grid::{Grid, Span};
use super::judge::{self, Amounts, Carry, StepResult};
use super::samples::{self, Increased, LOOK_BACK, Scrapes};
use crate::input::Input;
use crate::metric_names as names;
use crate::view::{QueriedState, SourceTrouble};
use mapwarden_engine::aggregate::timestamp;
use mapwarden_engine::steps::{Progress, Step, Steps};
use mapwarden_slo::{Amount, Plan};

/// How many steps are queried at once: the limit of Prometheus for one `query_range`. Raised, it refuses; lowered, catching up
/// takes more queries.
const STEPS: usize = 11_000;

/// For how much time samples are queried at once. Raised, catching up takes fewer and larger answers.
const SAMPLES: Nanos = Nanos::from_secs(3_600);

/// The first and the longest pause after a failure; each is twice the one before, less up to a half by chance, so that a
/// server that comes back is not queried by all objectives at the same moment.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Why a round brought no steps.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Ask(#[from] SourceQueryError),
    /// The answer has more than one series, and whether they may be added up is for the operator to say.
    #[error("the answer to `{query}` has {many} series: accepted is one, e.g. by sum(..)")]
    Several { query: String, many: usize },
    #[error("the sidecar keeps no such objective: it keeps 2,000 at most")]
    Unknown,
    /// The state's owner is gone.
    #[error("the sidecar is stopping")]
    Stopping,
}

/// One step: amounts that are not whole yet, and from when on they cover the time; or why it has none.
type MeasuredStep = Result<(Amounts, UnixNanos), StepResult>;

/// Fetches the steps of one objective.
pub(super) struct StepFetcher {
    pub(super) slo: String,
    pub(super) source: String,
    pub(super) plan: Plan,
    pub(super) grid: Grid,
    pub(super) server: Server,
    /// Limits the concurrent queries of the server.
    pub(super) places: Arc<Semaphore>,
    pub(super) queue: mpsc::Sender<Input>,
    pub(super) state: watch::Sender<Arc<QueriedState>>,
    pub(super) carry: Carry,
    /// Until when the server has answered: steps without data are not queried again.
    pub(super) answered: Option<UnixNanos>,
    /// How many steps are queried at once.
    pub(super) most: usize,
}

impl StepFetcher {
    /// Returns how many steps one query has at first.
    pub(super) fn most(plan: &Plan, every: Nanos) -> usize {
        match plan {
            Plan::Samples { .. } => usize::try_from(SAMPLES.get() / every.get()).unwrap_or(STEPS).max(1),
            Plan::Events { .. } | Plan::Ratio { .. } | Plan::Threshold { .. } => STEPS,
        }
    }

    /// Fetches every step once it is old enough, until the state's owner is gone.
    pub(super) async fn run(mut self) {
        for result in StepResult::ALL {
            self.steps(result).absolute(0);
        }
        let mut failures = 0_u32;
        loop {
            let pause = match self.round().await {
                Ok(true) => Duration::ZERO,
                Ok(false) => {
                    failures = 0;
                    self.grid.until_next(UnixNanos::now()).to_duration()
                }
                Err(RoundError::Stopping) => return,
                Err(RoundError::Ask(SourceQueryError::TooLarge)) if self.most > 1 => {
                    self.most = self.most.div_ceil(2);
                    Duration::ZERO
                }
                Err(error) => {
                    self.report_trouble(&error);
                    failures = failures.saturating_add(1);
                    let longest = PAUSE.saturating_mul(2_u32.saturating_pow(failures.min(10) - 1));
                    longest.min(LONGEST_PAUSE).mul_f64(1.0 - fastrand::f64() / 2.0)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Fetches the next steps that are old enough, if there are any, and returns whether there are more.
    async fn round(&mut self) -> Result<bool, RoundError> {
        let now = UnixNanos::now();
        let until = match self.send(now, Vec::new()).await? {
            Progress::Unknown => return Err(RoundError::Unknown),
            Progress::Never => None,
            Progress::Until(until) => Some(until),
        };
        // A clock that went back makes the past the future: the steps from then on are queried again.
        let answered = self.answered.filter(|answered| *answered <= self.grid.horizon(now));
        let (span, missed) = self.grid.due(until.max(answered), now, self.most);
        let Some(span) = span else { return Ok(false) };
        if until.is_some() || answered.is_some() {
            self.steps(StepResult::OutOfReach).increment(missed);
        }
        let measured = self.ask(&span, until).await?;
        let steps = self.whole(&span, until, &measured);
        let last = steps.last().map(|step| step.to);
        self.send(now, steps).await?;
        self.answered = Some(span.end());
        self.state.send_modify(|state| {
            let state = Arc::make_mut(state);
            state.answered_until = Some(timestamp(span.end()));
            state.measured_until = last.map(timestamp).or(state.measured_until);
            if state.trouble.take().is_some() {
                tracing::info!(slo = %self.slo, source = %self.source, "the source answers again");
            }
        });
        Ok(span.end() < self.grid.horizon(now))
    }

    /// Sends steps to the state's owner, and returns how far the objective is then.
    async fn send(&self, received: UnixNanos, steps: Vec<Step>) -> Result<Progress, RoundError> {
        let (done, taken) = oneshot::channel();
        let steps = Steps { slo: self.slo.clone(), received, steps };
        self.queue.send(Input::Steps(steps, done)).await.map_err(|_| RoundError::Stopping)?;
        taken.await.map_err(|_| RoundError::Stopping)
    }

    /// Queries the server for each step.
    async fn ask(&self, span: &Span, until: Option<UnixNanos>) -> Result<Vec<MeasuredStep>, RoundError> {
        // The semaphore is never closed.
        let _place = self.places.acquire().await.map_err(|_| RoundError::Stopping)?;
        match &self.plan {
            Plan::Samples { total, part, is } => {
                let back = until.map_or(span.start, |until| until.min(span.start)).before(LOOK_BACK);
                let total = self.server.at(&ranged(total, back, span), span.end()).await?;
                let part = self.server.at(&ranged(part, back, span), span.end()).await?;
                let scrapes = Scrapes::of(total.iter().chain(&part));
                let totals = samples::increases(&total, &scrapes, span);
                let parts = samples::increases(&part, &scrapes, span);
                let by = |step: Option<Increased>| step.map(|step| step.by);
                let judged = totals.into_iter().zip(parts).map(|(total, part)| {
                    let from = total.map_or(span.start, |step| step.from);
                    judge::events(by(total), by(part), *is).map(|amounts| (amounts, from))
                });
                Ok(judged.collect())
            }
            Plan::Events { total, part, is } => {
                let totals = self.amounts(total, span).await?;
                let parts = self.amounts(part, span).await?;
                let judged =
                    totals.into_iter().zip(parts).map(|(total, part)| judge::events(total, part, *is));
                Ok(started(judged, span))
            }
            Plan::Ratio { share, is } => {
                let shares = self.values(share, span).await?.into_iter();
                Ok(started(shares.map(|share| judge::share(share, *is)), span))
            }
            Plan::Threshold { value, good, threshold } => {
                let values = self.values(value, span).await?.into_iter();
                Ok(started(values.map(|value| judge::value(value, *good, *threshold)), span))
            }
        }
    }

    async fn amounts(&self, amount: &Amount, span: &Span) -> Result<Vec<Option<f64>>, RoundError> {
        let values = self.values(&amount.query, span).await?;
        Ok(values.into_iter().map(|value| value.map(|value| value * amount.factor)).collect())
    }

    /// Queries one value for each step; none where the server has none.
    async fn values(&self, query: &str, span: &Span) -> Result<Vec<Option<f64>>, RoundError> {
        let answer = self.server.at_each_step(query, span).await?;
        match answer.as_slice() {
            [] => Ok(vec![None; span.steps]),
            [series] => Ok(on_grid(series, span)),
            several => Err(RoundError::Several { query: query.to_owned(), many: several.len() }),
        }
    }

    /// The measured steps, in whole events. A step ends a nanosecond before its end: PromQL's ranges hold their end, and the engine's
    /// slots do not.
    fn whole(&mut self, span: &Span, until: Option<UnixNanos>, measured: &[MeasuredStep]) -> Vec<Step> {
        const END: Nanos = Nanos::new(1);
        let mut until = until;
        let mut steps = Vec::new();
        for (place, measured) in measured.iter().enumerate() {
            match measured {
                Ok((amounts, from)) => {
                    let (good, bad) = self.carry.whole(*amounts);
                    // Nothing before the last measured step is covered twice, and of the very first step nothing
                    // before its start.
                    let from = until.map_or(span.start.max(*from), |until| from.before(END).max(until));
                    let to = span.end_of(place).before(END);
                    steps.push(Step { from, to, good, bad });
                    until = Some(to);
                    self.steps(StepResult::Measured).increment(1);
                }
                Err(result) => self.steps(*result).increment(1),
            }
        }
        steps
    }

    fn steps(&self, result: StepResult) -> metrics::Counter {
        let (source, result) = (self.source.clone(), result.name());
        metrics::counter!(names::SOURCE_STEPS.name, "source" => source, "result" => result)
    }

    fn report_trouble(&self, error: &RoundError) {
        let message = error.to_string();
        self.state.send_modify(|state| {
            let state = Arc::make_mut(state);
            let is_news = state.trouble.as_ref().is_none_or(|trouble| trouble.message != message);
            if is_news {
                tracing::warn!(slo = %self.slo, source = %self.source, "not measured for now: {message}");
            }
            let since = state.trouble.take().map_or_else(Timestamp::now, |trouble| trouble.since);
            state.trouble = Some(SourceTrouble { since, message });
        });
    }
}

/// Returns steps that cover exactly their own time.
fn started(judged: impl Iterator<Item = Result<Amounts, StepResult>>, span: &Span) -> Vec<MeasuredStep> {
    let with_start = |(place, judged): (usize, Result<Amounts, StepResult>)| {
        let start = span.end_of(place).before(span.every);
        judged.map(|amounts| (amounts, start))
    };
    judged.enumerate().map(with_start).collect()
}

/// Returns the values of a series by step.
fn on_grid(series: &AnswerSeries, span: &Span) -> Vec<Option<f64>> {
    let mut values = vec![None; span.steps];
    for sample in &series.samples {
        if let Some(value) = span.step_of(sample.at).and_then(|step| values.get_mut(step)) {
            *value = Some(sample.value);
        }
    }
    values
}

/// Returns the query for all samples of a selector from a moment on, up to the end of a span, where it is evaluated.
fn ranged(selector: &str, from: UnixNanos, span: &Span) -> String {
    format!("{selector}[{}ms]", span.end().since(from).get().div_ceil(1_000_000))
}
