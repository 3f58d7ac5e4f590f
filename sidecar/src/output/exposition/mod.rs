//! What comes in: the [`View`] at each scrape, and what the stages count through the `metrics` macros. What goes out:
//! the Prometheus text format 0.0.4. Never shows a value that is not measured any more: the numbers of the view are
//! written from the view and kept nowhere else.
//!
//! OpenMetrics is not offered: `metrics-exporter-prometheus` names a counter's family with its `_total` and
//! writes no `# EOF`, which an OpenMetrics parser refuses. A scraper that prefers OpenMetrics also accepts 0.0.4.

mod families;
mod process;
mod publish;

use std::sync::{Mutex, PoisonError};

use mapwarden_contract::names::{Metric, MetricKind};
use metrics::Unit;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use self::families::Families;
use crate::metric_names as names;
use crate::view::View;

/// Upper bounds of every `*_duration_seconds` histogram. More bounds cost a series each per label set; fewer
/// make quantiles coarser. From 100 us (an OTLP batch on loopback) to 10 s (a sender's time-out).
const DURATION_BOUNDS: [f64; 16] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The recorder of this process: `metrics` knows only one, and tests start several sidecars.
static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// The recorder of the `metrics` macros could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("the metrics recorder could not be installed")]
pub struct RecorderError(#[from] BuildError);

/// What `/metrics` serves.
#[derive(Clone, Debug)]
pub struct Exposition {
    handle: PrometheusHandle,
}

impl Exposition {
    /// Installs the recorder of the `metrics` macros, once per process: further calls share it.
    ///
    /// # Errors
    /// The process has another recorder.
    pub fn install() -> Result<Self, RecorderError> {
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = match installed.as_ref() {
            Some(handle) => handle.clone(),
            None => {
                let handle = PrometheusBuilder::new()
                    .set_buckets_for_metric(
                        Matcher::Suffix("_duration_seconds".to_owned()),
                        &DURATION_BOUNDS,
                    )?
                    .install_recorder()?;
                names::ALL.iter().for_each(describe);
                installed.insert(handle).clone()
            }
        };
        Ok(Self { handle })
    }

    /// Makes room in the recorder's histograms, which keep every value until then. To be called every few seconds, with
    /// or without scrapes.
    pub fn tidy(&self) {
        self.handle.run_upkeep();
    }

    /// Writes everything that is measured, families in alphabetical order. Takes milliseconds for thousands of series:
    /// call it where blocking is allowed.
    pub fn render(&self, view: &View) -> String {
        let mut families = Families::default();
        let services = publish::publish(view, &mut families);
        publish::no_changes_yet(&services);
        families.take(&self.handle.render());
        process::publish(&mut families);
        families.into_text()
    }
}

/// Writes one sample with the header of its family, for metrics on a page of their own.
pub(super) fn sample(metric: &Metric, value: f64) -> String {
    let mut families = Families::default();
    families.set(metric, &[], value);
    families.into_text()
}

/// Gives the recorder the help text and the unit of a metric.
fn describe(metric: &Metric) {
    let unit = match metric.unit {
        "s" => Unit::Seconds,
        "By" => Unit::Bytes,
        _ => Unit::Count,
    };
    match metric.kind {
        MetricKind::Counter => metrics::describe_counter!(metric.name, unit, metric.help),
        MetricKind::Gauge => metrics::describe_gauge!(metric.name, unit, metric.help),
        MetricKind::Histogram => metrics::describe_histogram!(metric.name, unit, metric.help),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_is_declared_once() {
        let declared: HashSet<&str> = names::ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(declared.len(), names::ALL.len());
    }
}
