//! What comes in: the [`View`] at each scrape, and what the stages count through the `metrics` macros. What goes
//! out: the Prometheus text format 0.0.4. Never shows a value that is not measured any more.
//!
//! OpenMetrics is not offered: `metrics-exporter-prometheus` names a counter's family with its `_total` and
//! writes no `# EOF`, which an OpenMetrics parser refuses. A scraper that prefers OpenMetrics also accepts 0.0.4.

mod process;
mod publish;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mapwarden::contract::names::exposition as names;
use mapwarden::contract::names::{Kind, Metric};
use metrics::{Key, Label, Unit};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;

use super::View;

/// Upper bounds of every `*_duration_seconds` histogram. More bounds cost a series each per label set; fewer
/// make quantiles coarser. From 100 us (an OTLP batch on loopback) to 10 s (a sender's time-out).
const DURATION_BOUNDS: [f64; 16] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// How long the exporter remembers a gauge that nobody sets. Raised, labels of old notices and commits stay in
/// memory longer; lowered under a second, gauges that a stage sets would vanish before it sets them again. A
/// gauge outside the [`View`] has to be set at least this often.
const GAUGE_MEMORY: Duration = Duration::from_secs(60);

/// The recorder of this process: `metrics` knows only one, and tests start several sidecars.
static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// The recorder of the `metrics` macros could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("the metrics recorder could not be installed")]
pub struct InstallError(#[from] BuildError);

/// What `/metrics` serves. Clones share what was published.
#[derive(Clone, Debug)]
pub struct Exposition {
    handle: PrometheusHandle,
    /// The gauges that had a value in the last view.
    published: Arc<Mutex<HashSet<Key>>>,
}

impl Exposition {
    /// Installs the recorder of the `metrics` macros, once per process: further calls share it.
    ///
    /// # Errors
    /// Another recorder was installed by somebody else.
    pub fn install() -> Result<Self, InstallError> {
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = match installed.as_ref() {
            Some(handle) => handle.clone(),
            None => {
                let handle = PrometheusBuilder::new()
                    .set_buckets_for_metric(
                        Matcher::Suffix("_duration_seconds".to_owned()),
                        &DURATION_BOUNDS,
                    )?
                    .idle_timeout(MetricKindMask::GAUGE, Some(GAUGE_MEMORY))
                    .install_recorder()?;
                names::ALL.iter().for_each(describe);
                publish::start_at_zero();
                installed.insert(handle).clone()
            }
        };
        Ok(Self { handle, published: Arc::default() })
    }

    /// Sets every metric that the view tells, and takes back those that it told before and tells no more. Costs some
    /// allocations per series, so that it is for scrapes, and not for every view.
    pub fn publish(&self, view: &View) {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        let gauges = publish::gauges(view);
        for gone in published.difference(&gauges) {
            publish::gauge_of(gone).set(f64::NAN);
        }
        *published = gauges;
        drop(published);
        publish::counters(view);
    }

    /// Makes room in the recorder's histograms, which keep every value until then. To be called every few seconds,
    /// whether or not anybody scrapes.
    pub fn tidy(&self) {
        self.handle.run_upkeep();
    }

    /// Everything measured, families in alphabetical order. Takes milliseconds for thousands of series: call it
    /// where blocking is allowed.
    pub fn render(&self) -> String {
        let mut text = measured(&self.handle.render());
        process::write(&mut text);
        text
    }
}

/// Writes one sample with its family's header, for what has a fractional counter or a page of its own.
pub(super) fn write_sample(text: &mut String, metric: &Metric, value: f64) {
    use std::fmt::Write as _;
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let Metric { name, help, .. } = metric;
    // Writing to a String never fails.
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
}

/// The labels of a metric, in the order of its declaration.
fn labels(metric: &Metric, values: &[&str]) -> Vec<Label> {
    debug_assert_eq!(metric.labels.len(), values.len(), "labels of {}", metric.name);
    metric.labels.iter().zip(values).map(|(name, value)| Label::new(*name, (*value).to_owned())).collect()
}

/// Tells the recorder the help text and the unit of a metric.
fn describe(metric: &Metric) {
    let unit = match metric.unit {
        "s" => Unit::Seconds,
        "By" => Unit::Bytes,
        _ => Unit::Count,
    };
    match metric.kind {
        Kind::Counter => metrics::describe_counter!(metric.name, unit, metric.help),
        Kind::Gauge => metrics::describe_gauge!(metric.name, unit, metric.help),
        Kind::Histogram => metrics::describe_histogram!(metric.name, unit, metric.help),
    }
}

/// Leaves out samples that are not a number, which stand for "no longer measured", and families without any
/// sample. The exporter ends each family with an empty line; label values cannot hold a line break.
fn measured(rendered: &str) -> String {
    let mut families: Vec<String> = rendered
        .split("\n\n")
        .filter_map(|family| {
            let lines: Vec<&str> =
                family.lines().filter(|line| !line.is_empty() && !line.ends_with(" NaN")).collect();
            lines.iter().any(|line| !line.starts_with('#')).then(|| lines.join("\n") + "\n")
        })
        .collect();
    families.sort_unstable_by(|one, other| family_name(one).cmp(family_name(other)));
    families.concat()
}

/// The name in a family's first line: `# HELP name ...` or `# TYPE name ...`.
fn family_name(family: &str) -> &str {
    family.split_whitespace().nth(2).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_measured_any_more_is_left_out() {
        let rendered = "# HELP b B.\n# TYPE b gauge\nb{x=\"1\"} NaN\nb{x=\"2\"} 0\n\n\
                        # HELP c C.\n# TYPE c gauge\nc NaN\n\n# TYPE a counter\na 1\n\n";
        assert_eq!(measured(rendered), "# TYPE a counter\na 1\n# HELP b B.\n# TYPE b gauge\nb{x=\"2\"} 0\n");
    }

    #[test]
    fn every_name_is_declared_once() {
        let declared: HashSet<&str> = names::ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(declared.len(), names::ALL.len());
    }
}
