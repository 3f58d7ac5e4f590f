//! What comes in: a [`Snapshot`]. What goes out: counters and gauges of the `metrics` facade, for services that export
//! metrics through it already. Never registers a histogram.
//!
//! Install the recorder of your exporter, and keep a [`MetricsBridge`]:
//!
//! ```
//! use std::time::Duration;
//! use mapwarden::bridge::metrics::MetricsBridge;
//! use metrics_exporter_prometheus::PrometheusBuilder;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let prometheus = PrometheusBuilder::new().install_recorder()?;
//! let bridge = MetricsBridge::every(Duration::from_secs(5))?;
//! // ... serve, and answer scrapes with `prometheus.render()`.
//! drop(bridge);
//! # Ok(())
//! # }
//! ```
//!
//! # Scrapes
//! A service that renders its own `/metrics` needs no thread: it calls [`publish`] before it renders, and a scrape is as
//! fresh as can be.
//!
//! ```
//! # let prometheus = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
//! let scrape = || {
//!     mapwarden::bridge::metrics::publish(&mapwarden::snapshot::Snapshot::take());
//!     prometheus.render()
//! };
//! # drop(scrape());
//! ```
//!
//! # Names
//! They are in `mapwarden_contract::names::published`: `mapwarden_map_operations_total` and so on, times in seconds. The sidecar serves some of them too, with a label `service` more; a Prometheus that scrapes both
//! must drop one of them before it sums. One that scrapes only the service can feed the dashboards of maps, if the
//! exporter adds a label `service`.
//!
//! # Times
//! The facade takes times one by one, and ours are counted in buckets already: millions of them would have to be
//! sent again. So they are published as the parts of a Prometheus histogram, `_bucket` with the label `le`, `_sum` and `_count`,
//! and `histogram_quantile(0.99, sum by (le) (rate(mapwarden_request_duration_seconds_bucket[5m])))` works, over many
//! pods too, which gauges of quantiles would not allow. They are gauges to the facade, though they only grow: a sum of
//! seconds is no whole number, and exporters append `_total` to counters. Bounds are powers of two in nanoseconds, which
//! are exact; between them a quantile is off by a factor of two at most. (The shipper sends finer ones.)

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, ops};

use ::metrics::{Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit, with_recorder};

use crate::record::points::{EmittedValue, each};
use crate::record::{Distribution, Snapshot, registry};
use mapwarden_contract::names::published::{self, Published};
use mapwarden_contract::names::{Metric, MetricKind, wire};
use mapwarden_contract::{Count, Nanos, bucket_bounds};

/// Where the buckets of map operations end, as powers of two in nanoseconds: 64 ns to 17 ms. Widened, every map has a
/// series more for each kind of operation.
const OF_MAPS: ops::RangeInclusive<usize> = 6..=24;

/// Where the buckets of requests and calls end: 131 us to 34 s. Widened, every scope has a series more for each region.
const OF_REQUESTS: ops::RangeInclusive<usize> = 17..=35;

/// The buckets of the contract between one power of two and the next.
const PER_POWER: usize = 8;

/// The shortest interval. Lowered, the thread could keep a core busy.
const SHORTEST: Duration = Duration::from_millis(10);

const METADATA: Metadata<'static> = Metadata::new("mapwarden", Level::INFO, Some(module_path!()));

/// The reason why the bridge did not start. The service runs on; nothing is published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BridgeError {
    /// The interval is too short.
    #[error("interval {0:?} leaves no time between publications: accepted is {SHORTEST:?} or more")]
    Interval(Duration),
    /// The system could not start a thread.
    #[error("cannot start the thread that publishes metrics")]
    Thread(#[source] io::Error),
}

/// A thread that publishes again and again, while this lives.
#[derive(Debug)]
#[must_use = "dropping the bridge stops it"]
pub struct MetricsBridge {
    /// Never sends: its end is the signal.
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl MetricsBridge {
    /// Publishes every so often, and at once, to the process-wide recorder: the one that is installed by then.
    ///
    /// # Errors
    /// An interval below 10 ms, or a system that gives no thread.
    pub fn every(interval: Duration) -> Result<Self, BridgeError> {
        if interval < SHORTEST {
            return Err(BridgeError::Interval(interval));
        }
        let (stop, stopped) = sync_channel::<()>(0);
        let thread = std::thread::Builder::new().name("mapwarden-metrics".to_owned()).spawn(move || {
            loop {
                publish(&registry().snapshot());
                match stopped.recv_timeout(interval) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return publish(&registry().snapshot()),
                }
            }
        });
        let thread = thread.map_err(BridgeError::Thread)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for MetricsBridge {
    /// Publishes what was counted until now, and ends the thread.
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there, of the recorder, is not the service's.
            let _ = thread.join();
        }
    }
}

/// Publishes a snapshot to the current recorder of the facade: the one of
/// [`with_local_recorder`](::metrics::with_local_recorder), or the process-wide one. Does nothing where there is none.
/// About an allocation for each label of each series.
pub fn publish(snapshot: &Snapshot) {
    with_recorder(|recorder| {
        describe(recorder);
        each(snapshot, &mut |metric, attributes, value| {
            // Only hot keys have no name in the facade; a test of the contract checks that.
            let Some(published) = Published::of(metric).and_then(|published| published.facade) else {
                return;
            };
            let labels = published.labels.iter().zip(attributes);
            let labels: Vec<Label> =
                labels.map(|(label, (_, value))| Label::new(*label, value.to_string())).collect();
            match value {
                EmittedValue::Whole(count) | EmittedValue::Since(_, count) => {
                    whole(recorder, &published, labels, count);
                }
                EmittedValue::Share(share) => gauge(recorder, published.name, labels, share.get()),
                EmittedValue::Times(times) => distribution(recorder, metric, (&published, &labels), times),
            }
        });
    });
}

/// Recorders keep the last description; a recorder that was installed later needs it again.
fn describe(recorder: &dyn Recorder) {
    for metric in published::ALL.iter().filter_map(|published| published.facade) {
        let unit = match metric.unit {
            "s" => Some(Unit::Seconds),
            // Ratios are named so already, and an exporter would take `Percent` for a hundred times as much.
            "1" => None,
            _ => Some(Unit::Count),
        };
        let (name, help) = (KeyName::from_const_str(metric.name), SharedString::const_str(metric.help));
        match metric.kind {
            MetricKind::Counter => recorder.describe_counter(name, unit, help),
            MetricKind::Gauge => recorder.describe_gauge(name, unit, help),
            MetricKind::Histogram => {
                for (part, unit) in [("bucket", unit), ("sum", unit), ("count", Some(Unit::Count))] {
                    let name = KeyName::from(format!("{}_{part}", metric.name));
                    recorder.describe_gauge(name, unit, help.clone());
                }
            }
        }
    }
}

fn whole(recorder: &dyn Recorder, metric: &Metric, labels: Vec<Label>, count: Count) {
    match metric.kind {
        MetricKind::Counter => {
            let key = Key::from_parts(metric.name, labels);
            recorder.register_counter(&key, &METADATA).absolute(count.get());
        }
        MetricKind::Gauge | MetricKind::Histogram => {
            let is_time = metric.unit == "s";
            let value = if is_time { Nanos::new(count.get()).as_secs_f64() } else { count.as_f64() };
            gauge(recorder, metric.name, labels, value);
        }
    }
}

fn distribution(
    recorder: &dyn Recorder,
    metric: &Metric,
    (published, labels): (&Metric, &[Label]),
    times: &Distribution,
) {
    let Distribution { counts, sum, exemplar: _ } = times;
    let up_to = |last: usize| counts.iter().take(last).fold(0_u64, |sum, count| sum.saturating_add(*count));
    let set_part = |part: &str, labels: Vec<Label>, value: f64| {
        gauge(recorder, format!("{}_{part}", published.name), labels, value);
    };
    let powers = if *metric == wire::MAP_DURATION { OF_MAPS } else { OF_REQUESTS };
    for power in powers {
        let last = power * PER_POWER;
        let (_, nanos) = bucket_bounds(last);
        let le = Label::new("le", (nanos / 1e9).to_string());
        set_part("bucket", [labels, &[le]].concat(), Count::new(up_to(last + 1)).as_f64());
    }
    let all = Count::new(up_to(counts.len())).as_f64();
    set_part("bucket", [labels, &[Label::new("le", "+Inf")]].concat(), all);
    set_part("count", labels.to_vec(), all);
    set_part("sum", labels.to_vec(), sum.as_secs_f64());
}

fn gauge(recorder: &dyn Recorder, name: impl Into<KeyName>, labels: Vec<Label>, value: f64) {
    recorder.register_gauge(&Key::from_parts(name, labels), &METADATA).set(value);
}
