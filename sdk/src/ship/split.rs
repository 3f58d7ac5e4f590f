//! What comes in: one signal's request. What goes out: two that carry the same items in the same order. Never
//! copies an item.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, Gauge, Histogram, Metric, ResourceMetrics, ScopeMetrics, Sum, Summary,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use prost::Message;

/// A request that can be split into several.
pub(crate) trait Split: Message + Sized {
    /// Returns the number of data points, spans or log records.
    fn items(&self) -> usize;

    /// Keeps the first `kept` items, and returns the others under the same resources and scopes.
    fn split_off(&mut self, kept: usize) -> Self;
}

impl Split for ExportMetricsServiceRequest {
    fn items(&self) -> usize {
        let scopes = self.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
        scopes.flat_map(|scope| &scope.metrics).map(points).sum()
    }

    fn split_off(&mut self, mut kept: usize) -> Self {
        let resources = self.resource_metrics.iter_mut().map(|resource| {
            let ResourceMetrics { resource, scope_metrics, schema_url } = resource;
            let scope_metrics =
                scope_metrics.iter_mut().map(|ScopeMetrics { scope, metrics, schema_url }| {
                    let (scope, schema_url) = (scope.clone(), schema_url.clone());
                    ScopeMetrics { scope, metrics: other_metrics(metrics, &mut kept), schema_url }
                });
            let scope_metrics = scope_metrics.collect();
            ResourceMetrics { resource: resource.clone(), scope_metrics, schema_url: schema_url.clone() }
        });
        Self { resource_metrics: resources.collect() }
    }
}

impl Split for ExportTraceServiceRequest {
    fn items(&self) -> usize {
        let scopes = self.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        scopes.map(|scope| scope.spans.len()).sum()
    }

    fn split_off(&mut self, mut kept: usize) -> Self {
        let resources = self.resource_spans.iter_mut().map(|resource| {
            let ResourceSpans { resource, scope_spans, schema_url } = resource;
            let scope_spans = scope_spans.iter_mut().map(|ScopeSpans { scope, spans, schema_url }| {
                let (scope, schema_url) = (scope.clone(), schema_url.clone());
                ScopeSpans { scope, spans: others(spans, &mut kept), schema_url }
            });
            let scope_spans = scope_spans.collect();
            ResourceSpans { resource: resource.clone(), scope_spans, schema_url: schema_url.clone() }
        });
        Self { resource_spans: resources.collect() }
    }
}

impl Split for ExportLogsServiceRequest {
    fn items(&self) -> usize {
        let scopes = self.resource_logs.iter().flat_map(|resource| &resource.scope_logs);
        scopes.map(|scope| scope.log_records.len()).sum()
    }

    fn split_off(&mut self, mut kept: usize) -> Self {
        let resources = self.resource_logs.iter_mut().map(|resource| {
            let ResourceLogs { resource, scope_logs, schema_url } = resource;
            let scope_logs = scope_logs.iter_mut().map(|ScopeLogs { scope, log_records, schema_url }| {
                let (scope, schema_url) = (scope.clone(), schema_url.clone());
                ScopeLogs { scope, log_records: others(log_records, &mut kept), schema_url }
            });
            let scope_logs = scope_logs.collect();
            ResourceLogs { resource: resource.clone(), scope_logs, schema_url: schema_url.clone() }
        });
        Self { resource_logs: resources.collect() }
    }
}

/// Takes what is not to be kept, and says how many of those to keep are still to come.
fn others<T>(items: &mut Vec<T>, kept: &mut usize) -> Vec<T> {
    let here = items.len().min(*kept);
    *kept -= here;
    items.split_off(here)
}

/// Like [`others`], by points: the metric in which the cut falls is on both sides.
fn other_metrics(metrics: &mut Vec<Metric>, kept: &mut usize) -> Vec<Metric> {
    let fits = |metric: &&Metric| {
        let left = kept.checked_sub(points(metric));
        *kept = left.unwrap_or(*kept);
        left.is_some()
    };
    let whole = metrics.iter().take_while(fits).count();
    let mut others = metrics.split_off(whole);
    if let Some(first) = others.first_mut() {
        let Metric { name, description, unit, metadata, data } = &mut *first;
        let rest = Metric {
            name: name.clone(),
            description: description.clone(),
            unit: unit.clone(),
            metadata: metadata.clone(),
            data: data.as_mut().map(|data| other_points(data, kept)),
        };
        let begun = std::mem::replace(first, rest);
        if points(&begun) > 0 {
            metrics.push(begun);
        }
    }
    others
}

fn points(metric: &Metric) -> usize {
    metric.data.as_ref().map_or(0, |data| match data {
        Data::Gauge(Gauge { data_points }) | Data::Sum(Sum { data_points, .. }) => data_points.len(),
        Data::Histogram(Histogram { data_points, .. }) => data_points.len(),
        Data::ExponentialHistogram(ExponentialHistogram { data_points, .. }) => data_points.len(),
        Data::Summary(Summary { data_points }) => data_points.len(),
    })
}

fn other_points(data: &mut Data, kept: &mut usize) -> Data {
    match data {
        Data::Gauge(Gauge { data_points }) => Data::Gauge(Gauge { data_points: others(data_points, kept) }),
        Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic }) => Data::Sum(Sum {
            data_points: others(data_points, kept),
            aggregation_temporality: *aggregation_temporality,
            is_monotonic: *is_monotonic,
        }),
        Data::Histogram(Histogram { data_points, aggregation_temporality }) => Data::Histogram(Histogram {
            data_points: others(data_points, kept),
            aggregation_temporality: *aggregation_temporality,
        }),
        Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality }) => {
            Data::ExponentialHistogram(ExponentialHistogram {
                data_points: others(data_points, kept),
                aggregation_temporality: *aggregation_temporality,
            })
        }
        Data::Summary(Summary { data_points }) => {
            Data::Summary(Summary { data_points: others(data_points, kept) })
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::metrics::v1::{ExponentialHistogramDataPoint, NumberDataPoint};
    use opentelemetry_proto::tonic::resource::v1::Resource;

    use super::*;

    fn metric(name: &str, data: Data) -> Metric {
        Metric { name: name.to_owned(), data: Some(data), ..Metric::default() }
    }

    /// Points differ by their times: 0, 1, 2 in the sum, 3, 4 in the histogram, 5 in the gauge.
    fn request() -> ExportMetricsServiceRequest {
        let number = |at| NumberDataPoint { time_unix_nano: at, ..NumberDataPoint::default() };
        let spread = |at| ExponentialHistogramDataPoint {
            time_unix_nano: at,
            ..ExponentialHistogramDataPoint::default()
        };
        let sum =
            Sum { data_points: (0..3).map(number).collect(), aggregation_temporality: 2, is_monotonic: true };
        let histogram =
            ExponentialHistogram { data_points: (3..5).map(spread).collect(), aggregation_temporality: 2 };
        let metrics = vec![
            metric("sum", Data::Sum(sum)),
            metric("histogram", Data::ExponentialHistogram(histogram)),
            metric("gauge", Data::Gauge(Gauge { data_points: vec![number(5)] })),
        ];
        let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
        let resource = Some(Resource { dropped_attributes_count: 7, ..Resource::default() });
        ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics { resource, scope_metrics, schema_url: String::new() }],
        }
    }

    /// (metric, times of its points) of each metric, and whether the headers are there.
    fn times_by_metric(request: &ExportMetricsServiceRequest) -> Vec<(String, Vec<u64>)> {
        let [resource] = &request.resource_metrics[..] else { panic!("one resource") };
        assert_eq!(resource.resource.as_ref().unwrap().dropped_attributes_count, 7);
        let times = |data: &Data| match data {
            Data::Gauge(gauge) => gauge.data_points.iter().map(|point| point.time_unix_nano).collect(),
            Data::Sum(sum) => {
                assert!(sum.is_monotonic && sum.aggregation_temporality == 2);
                sum.data_points.iter().map(|point| point.time_unix_nano).collect()
            }
            Data::ExponentialHistogram(histogram) => {
                assert_eq!(histogram.aggregation_temporality, 2);
                histogram.data_points.iter().map(|point| point.time_unix_nano).collect()
            }
            Data::Histogram(_) | Data::Summary(_) => panic!("never made"),
        };
        let metrics = resource.scope_metrics[0].metrics.iter();
        metrics.map(|metric| (metric.name.clone(), times(metric.data.as_ref().unwrap()))).collect()
    }

    #[test]
    fn splitting_keeps_every_point_once_in_order() {
        assert_eq!(request().items(), 6);
        for kept in 0..=7 {
            let mut first = request();
            let second = first.split_off(kept);
            assert_eq!(first.items(), kept.min(6));
            let parts = [times_by_metric(&first), times_by_metric(&second)].concat();
            assert!(parts.iter().all(|(_, times)| !times.is_empty()), "no metric without a point");
            let times: Vec<_> = parts.iter().flat_map(|(_, times)| times.clone()).collect();
            assert_eq!(times, [0, 1, 2, 3, 4, 5], "cut at {kept}");
            for (name, times) in parts {
                let of = match times[0] {
                    0..3 => "sum",
                    3..5 => "histogram",
                    _ => "gauge",
                };
                assert_eq!(name, of);
            }
        }
    }

    #[test]
    fn spans_and_logs_split_too() {
        let resource_spans = vec![ResourceSpans {
            scope_spans: vec![ScopeSpans { spans: vec![Default::default(); 3], ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }];
        let mut spans = ExportTraceServiceRequest { resource_spans };
        assert_eq!((spans.split_off(1).items(), spans.items()), (2, 1));
        let scope_logs = vec![ScopeLogs { log_records: vec![Default::default(); 3], ..ScopeLogs::default() }];
        let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
        let mut logs = ExportLogsServiceRequest { resource_logs };
        assert_eq!((logs.split_off(2).items(), logs.items()), (1, 2));
    }
}
