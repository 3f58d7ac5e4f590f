//! Compares the sidecar's budgets with those of the recording rules that a server evaluates. Comes in: the view, and the
//! rules' series under Sloth's names. Goes out: both numbers of each objective. Never decides which is right.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use mapwarden_contract::UnixNanos;
use tokio::sync::watch;

use super::answer::AnswerSeries;
use super::client::Server;
use super::error::SourceQueryError;
use super::grid::Grid;
use crate::config::AgreementSettings;
use crate::view::{Agreement, ComparedNumber, ObjectiveAgreement, SourceTrouble};
use crate::view::{SloView, View};
use mapwarden_engine::aggregate::timestamp;

/// The rules' series, by Sloth's names.
const BUDGET: &str = "slo:period_error_budget_remaining:ratio";
const ERROR_RATIO: &str = "slo:sli_error:ratio_rate";

/// Compares the objectives of one source.
pub(super) struct Comparer {
    /// The ids of the objectives.
    pub(super) ids: Vec<String>,
    pub(super) settings: AgreementSettings,
    pub(super) grid: Grid,
    pub(super) server: Server,
    pub(super) view: watch::Receiver<Arc<View>>,
    pub(super) agreement: watch::Sender<Arc<Agreement>>,
}

impl Comparer {
    /// Compares at every interval.
    pub(super) async fn run(self) {
        let mut ticks = tokio::time::interval(self.settings.every.to_duration().max(Duration::from_secs(1)));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // The moment up to which the sidecar's own steps have been fetched.
            let moment = self.grid.horizon(UnixNanos::now());
            let theirs = self.theirs(moment).await;
            self.publish(moment, theirs);
        }
    }

    async fn theirs(&self, moment: UnixNanos) -> Result<Vec<AnswerSeries>, SourceQueryError> {
        let query = format!("{{__name__=~\"{BUDGET}|{ERROR_RATIO}.+\", sloth_id!=\"\"}}");
        self.server.at(&query, moment).await
    }

    fn publish(&self, moment: UnixNanos, theirs: Result<Vec<AnswerSeries>, SourceQueryError>) {
        let view = self.view.borrow().clone();
        self.agreement.send_modify(|known| {
            let known = Arc::make_mut(known);
            match theirs {
                Ok(series) => {
                    let ours = view.slos.those(|id| self.ids.iter().any(|known| known == id));
                    known.objectives =
                        ours.map(|slo| (slo.id.clone(), agreed(&slo, &series))).collect::<BTreeMap<_, _>>();
                    known.at = Some(timestamp(moment));
                    known.trouble = None;
                }
                Err(error) => {
                    // Otherwise the last comparison would look as if it still held.
                    known.objectives = BTreeMap::new();
                    let since = known.trouble.take().map_or_else(Timestamp::now, |trouble| trouble.since);
                    known.trouble = Some(SourceTrouble { since, message: error.to_string() });
                }
            }
        });
    }
}

/// Returns both numbers of everything that both measure.
fn agreed(slo: &SloView, series: &[AnswerSeries]) -> ObjectiveAgreement {
    let sloth_id = format!("{}-{}", slo.service, slo.name);
    let of_slo = |name: &str| {
        let is_label = |one: &AnswerSeries, label: &str, value: &str| {
            one.labels.get(label).is_some_and(|found| found == value)
        };
        let mut found = series
            .iter()
            .filter(|one| is_label(one, "__name__", name) && is_label(one, "sloth_id", &sloth_id));
        // Two series of one name come from two rules, and nothing says which one counts.
        let only = found.next().filter(|_| found.next().is_none());
        only.and_then(|one| one.samples.last()).map(|sample| sample.value).filter(|value| value.is_finite())
    };
    let budget = ComparedNumber {
        sidecar: slo.remaining.value().map(|remaining| remaining.get()),
        rules: of_slo(BUDGET),
    };
    let ratios = slo.windows.iter().map(|window| {
        let sidecar = window.error_ratio.map(|ratio| ratio.get());
        (
            window.window.to_string(),
            ComparedNumber { sidecar, rules: of_slo(&format!("{ERROR_RATIO}{}", window.window)) },
        )
    });
    ObjectiveAgreement { service: slo.service.to_string(), budget, error_ratios: ratios.collect() }
}
