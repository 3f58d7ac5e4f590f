//! What comes in: the collections of an OpenTelemetry meter provider. What goes out: every count as observable
//! instruments of its meter. Never pushes anything by itself, and takes one snapshot for a collection, however many
//! instruments it asks.
//!
//! For services that export metrics through an OpenTelemetry SDK of their own:
//!
//! ```
//! use opentelemetry::metrics::MeterProvider as _;
//! use opentelemetry_sdk::metrics::SdkMeterProvider;
//!
//! // With the readers and exporters of your service.
//! let provider = SdkMeterProvider::builder().build();
//! mapwarden::bridge::opentelemetry::observe(&provider.meter("mapwarden"));
//! ```
//!
//! # Names
//! They are those that the shipper sends, `mapwarden_contract::names::wire`: a sidecar reads them from the service's
//! exporter as from the shipper, with budgets and notices, but without users. Use one of both: a receiver that gets both
//! counts everything twice.
//!
//! # Times
//! A meter takes no histogram that was counted elsewhere. It receives percentiles instead, of the time since the last
//! collection; see `mapwarden_contract::names::published`. Percentiles of several processes cannot be merged: for those of
//! a fleet, let the shipper send its histograms, to a sidecar or to any collector that takes OTLP over HTTP.
//!
//! # Several readers
//! Each collection of each reader is a collection of its own: percentiles cover the time since the last of any reader.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::opentelemetry::KeyValue;
use ::opentelemetry::metrics::{AsyncInstrument, Meter};

use crate::record::points::{EmittedValue, each};
use crate::record::registry;
use mapwarden_contract::names::published::{self, Published};
use mapwarden_contract::names::{Metric, MetricKind, attribute};
use mapwarden_contract::{BUCKETS, Count, bucket_bounds};

/// How long a snapshot serves the instruments of one collection. Raised, a reader that skips instruments may get older
/// values; lowered below what a collection takes, it takes several snapshots.
const COLLECTION: Duration = Duration::from_millis(500);

/// The percentiles, as the attribute says them.
const PERCENTILES: [(&str, f64); 3] = [("50", 0.5), ("95", 0.95), ("99", 0.99)];

/// Registers every metric with this meter. Call it once: after a second call, with a meter of the same provider, everything
/// is counted twice.
/// The instruments live as long as the meter's provider.
pub fn observe(meter: &Meter) {
    let collector = Arc::new(SharedCollection::default());
    for metric in published::ALL.iter().filter_map(|published| published.meter) {
        let collector = Arc::clone(&collector);
        match (metric.kind, metric.unit) {
            (MetricKind::Counter, _) => {
                let counter = meter.u64_observable_counter(metric.name).with_unit(metric.unit);
                let counter = counter.with_description(metric.help);
                counter.with_callback(move |observer| collector.whole(&metric, observer)).build();
            }
            (MetricKind::Gauge | MetricKind::Histogram, "1") => {
                let gauge = meter.f64_observable_gauge(metric.name).with_unit(metric.unit);
                let gauge = gauge.with_description(metric.help);
                gauge.with_callback(move |observer| collector.shares(&metric, observer)).build();
            }
            (MetricKind::Gauge | MetricKind::Histogram, _) => {
                let gauge = meter.u64_observable_gauge(metric.name).with_unit(metric.unit);
                let gauge = gauge.with_description(metric.help);
                gauge.with_callback(move |observer| collector.whole(&metric, observer)).build();
            }
        }
    }
}

/// What the instruments share.
#[derive(Debug, Default)]
struct SharedCollection {
    state: Mutex<Collection>,
}

#[derive(Debug, Default)]
struct Collection {
    /// When the snapshot was taken.
    taken: Option<Instant>,
    /// What it says, by metric.
    points: BTreeMap<&'static str, MeterPoints>,
    /// The metrics that were given since: an instrument that asks for one again starts a collection.
    given: BTreeSet<&'static str>,
    /// The histograms of that snapshot.
    times: BTreeMap<SeriesKey, Box<[u64; BUCKETS]>>,
}

/// A metric and the values of its attributes.
type SeriesKey = (&'static str, Vec<String>);

#[derive(Debug, Default)]
struct MeterPoints {
    whole: Vec<(Vec<KeyValue>, Count)>,
    shares: Vec<(Vec<KeyValue>, f64)>,
}

impl SharedCollection {
    fn whole(&self, metric: &Metric, observer: &dyn AsyncInstrument<u64>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (attributes, count) in state.points(metric).iter().flat_map(|points| &points.whole) {
            observer.observe(count.get(), attributes);
        }
    }

    fn shares(&self, metric: &Metric, observer: &dyn AsyncInstrument<f64>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (attributes, share) in state.points(metric).iter().flat_map(|points| &points.shares) {
            observer.observe(*share, attributes);
        }
    }
}

impl Collection {
    fn points(&mut self, metric: &Metric) -> Option<&MeterPoints> {
        let is_another = self.taken.is_none_or(|taken| taken.elapsed() > COLLECTION);
        if !self.given.insert(metric.name) || is_another {
            self.collect();
            self.given = BTreeSet::from([metric.name]);
        }
        self.points.get(metric.name)
    }

    fn collect(&mut self) {
        self.taken = Some(Instant::now());
        let before = std::mem::take(&mut self.times);
        let (points, now) = (&mut self.points, &mut self.times);
        points.clear();
        each(&registry().snapshot(), &mut |metric, attributes, value| {
            let Some(given) = Published::of(metric).and_then(|published| published.meter) else { return };
            let points = points.entry(given.name).or_default();
            let keys = attributes.iter().map(|(name, value)| KeyValue::new(*name, value.to_string()));
            let keys: Vec<KeyValue> = keys.collect();
            match value {
                EmittedValue::Whole(count) | EmittedValue::Since(_, count) => {
                    points.whole.push((keys, count));
                }
                EmittedValue::Share(share) => points.shares.push((keys, share.get())),
                EmittedValue::Times(times) => {
                    let values = attributes.iter().map(|(_, value)| value.to_string());
                    let series = (metric.name, values.collect());
                    let since = since(&times.counts, before.get(&series).map(Box::as_ref));
                    for (percentile, share) in PERCENTILES {
                        let Some(time) = quantile(&since, share) else { continue };
                        let mut keys = keys.clone();
                        keys.push(KeyValue::new(attribute::PERCENTILE, percentile));
                        points.whole.push((keys, time));
                    }
                    now.insert(series, times.counts.clone());
                }
            }
        });
    }
}

/// What was counted since.
fn since(now: &[u64; BUCKETS], before: Option<&[u64; BUCKETS]>) -> Box<[u64; BUCKETS]> {
    let mut since = Box::new(*now);
    for (count, before) in since.iter_mut().zip(before.into_iter().flatten()) {
        *count = count.saturating_sub(*before);
    }
    since
}

/// Returns the time in nanoseconds that this share of events took at most: the geometric middle of its bucket. `None` if
/// there were no events.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a count, and a time below 2^38 ns, both positive"
)]
fn quantile(counts: &[u64; BUCKETS], share: f64) -> Option<Count> {
    let all = Count::new(counts.iter().fold(0, |sum, count| sum.saturating_add(*count)));
    let rank = ((all.as_f64() * share).ceil() as u64).max(1);
    let mut seen = 0_u64;
    let bucket = counts.iter().position(|count| {
        seen = seen.saturating_add(*count);
        seen >= rank
    })?;
    let (lower, upper) = bucket_bounds(bucket);
    Some(Count::new((lower * upper).sqrt().round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mapwarden_contract::names::wire;
    use mapwarden_contract::{Nanos, bucket_of};

    fn times(events: &[(u64, u64)]) -> Box<[u64; BUCKETS]> {
        let mut counts = Box::new([0; BUCKETS]);
        for (nanos, count) in events {
            counts[bucket_of(Nanos::new(*nanos))] += count;
        }
        counts
    }

    #[test]
    fn percentiles_are_exact_to_half_a_bucket() {
        let cases = [
            ("nothing", times(&[]), 0.5, None),
            ("one event", times(&[(1_000, 1)]), 0.99, Some(1_000.0)),
            ("the middle", times(&[(1_000, 50), (1_000_000, 50)]), 0.5, Some(1_000.0)),
            ("above the middle", times(&[(1_000, 49), (1_000_000, 51)]), 0.5, Some(1_000_000.0)),
            ("the tail", times(&[(1_000, 98), (5_000_000_000, 2)]), 0.99, Some(5_000_000_000.0)),
            ("all alike", times(&[(64, 1_000_000)]), 0.95, Some(64.0)),
        ];
        for (name, counts, share, expected) in cases {
            let got = quantile(&counts, share).map(Count::as_f64);
            assert_eq!(got.is_some(), expected.is_some(), "{name}");
            let ratio = got.zip(expected).map_or(1.0, |(got, expected)| got / expected);
            assert!((0.95..1.05).contains(&ratio), "{name}: {got:?}");
        }
    }

    #[test]
    fn one_snapshot_serves_all_instruments_of_a_collection() {
        let mut state = Collection::default();
        let mut collect = |metric| {
            state.points(metric);
            state.taken
        };
        let first = collect(&wire::MAP_OPERATIONS);
        assert!(first.is_some());
        assert_eq!(collect(&wire::REQUESTS), first);
        assert_eq!(collect(&wire::DROPPED), first);
        assert!(collect(&wire::MAP_OPERATIONS) > first, "an instrument that asks again starts a collection");
    }

    #[test]
    fn percentiles_cover_the_time_since_the_last_collection() {
        let before = times(&[(1_000, 1_000)]);
        let now = times(&[(1_000, 1_000), (1_000_000, 3)]);
        assert_eq!(quantile(&since(&now, Some(&before)), 0.5), quantile(&times(&[(1_000_000, 1)]), 0.5));
        assert_eq!(quantile(&since(&now, Some(&now)), 0.5), None);
        assert_eq!(quantile(&since(&now, None), 0.5), quantile(&before, 0.5));
    }
}
