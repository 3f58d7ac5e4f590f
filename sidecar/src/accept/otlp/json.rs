//! Comes in: OTLP as JSON. Goes out: the messages that protobuf would contain, and counts of the items that could not
//! be decoded. Never loses an item without a count.
//!
//! The JSON decoder of the library drops what it cannot read: a bad field inside a `oneof` makes the whole `oneof` absent, so
//! that a metric with one bad point arrives without data. Here every metric and every point is decoded by itself first; those
//! that fail are removed, counted and reported, and the others are decoded as usual.

use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    NumberDataPoint, Sum, Summary, SummaryDataPoint,
};
use serde::de::DeserializeOwned;
use serde_json::{Error, Map, Value};

use super::tally::{Reason, Tally};

/// Decodes a request that is refused as a whole if any part of it cannot be decoded: traces and logs.
pub(super) fn decode<Request: DeserializeOwned>(body: &[u8]) -> Result<Request, Error> {
    let mut value: Value = serde_json::from_slice(body)?;
    normalise(&mut value);
    serde_json::from_value(value)
}

/// Decodes a request of metrics; items that cannot be decoded are counted in `tally`.
pub(super) fn decode_metrics<Request: DeserializeOwned>(
    body: &[u8],
    tally: &mut Tally,
) -> Result<Request, Error> {
    let mut value: Value = serde_json::from_slice(body)?;
    normalise(&mut value);
    for resource in children(&mut value, "resourceMetrics") {
        for scope in children(resource, "scopeMetrics") {
            if let Some(metrics) = scope.get_mut("metrics").and_then(Value::as_array_mut) {
                metrics.retain_mut(|metric| keep(metric, tally));
            }
        }
    }
    serde_json::from_value(value)
}

/// Returns the members of a list; none if it is absent or not a list, which decoding reports.
fn children<'a>(value: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    value.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}

/// A kind of metric, and how it and its points are decoded.
struct MetricDecoder {
    name: &'static str,
    metric: fn(&Value) -> Result<(), Error>,
    point: fn(&Value) -> Result<(), Error>,
}

const KINDS: [MetricDecoder; 5] = [
    MetricDecoder { name: "gauge", metric: try_as::<Gauge>, point: try_as::<NumberDataPoint> },
    MetricDecoder { name: "sum", metric: try_as::<Sum>, point: try_as::<NumberDataPoint> },
    MetricDecoder { name: "histogram", metric: try_as::<Histogram>, point: try_as::<HistogramDataPoint> },
    MetricDecoder {
        name: "exponentialHistogram",
        metric: try_as::<ExponentialHistogram>,
        point: try_as::<ExponentialHistogramDataPoint>,
    },
    MetricDecoder { name: "summary", metric: try_as::<Summary>, point: try_as::<SummaryDataPoint> },
];

fn try_as<T: DeserializeOwned>(value: &Value) -> Result<(), Error> {
    T::deserialize(value).map(|_| ())
}

/// Removes undecodable points from a metric; false if the metric itself is undecodable.
fn keep(metric: &mut Value, tally: &mut Tally) -> bool {
    let name = metric.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let present: Vec<&MetricDecoder> = KINDS.iter().filter(|kind| metric.get(kind.name).is_some()).collect();
    let [kind] = present.as_slice() else {
        // A metric without data is counted later, as in protobuf.
        let points = present.iter().map(|kind| points(metric, kind)).sum();
        tally.reject(Reason::Undecodable, points, || format!("metric `{name}` has several kinds of data"));
        return present.is_empty();
    };
    let Some(data) = metric.get_mut(kind.name) else { return true };
    let Err(whole) = (kind.metric)(data) else { return true };
    let mut lost = 0;
    let mut example = None;
    if let Some(points) = data.get_mut("dataPoints").and_then(Value::as_array_mut) {
        points.retain(|point| match (kind.point)(point) {
            Ok(()) => true,
            Err(error) => {
                lost += 1;
                example.get_or_insert(error);
                false
            }
        });
    }
    let is_sound = (kind.metric)(data).is_ok();
    if !is_sound {
        lost += points(metric, kind);
    }
    let error = example.unwrap_or(whole);
    tally.reject(Reason::Undecodable, lost, || format!("metric `{name}`: {error}"));
    is_sound
}

/// Returns how many points a metric has of one kind; at least one, so that every lost metric is counted.
fn points(metric: &Value, kind: &MetricDecoder) -> u64 {
    let points = metric.get(kind.name).and_then(|data| data.get("dataPoints")).and_then(Value::as_array);
    points.map_or(1, |points| u64::try_from(points.len()).unwrap_or(u64::MAX).max(1))
}

/// Fields that are not read here; an error in one of them must not lose the item.
const UNREAD: [&str; 4] = ["entityRefs", "exemplars", "max", "min"];

/// Fields that hold floats, which the JSON of proto3 may write as text.
const FLOATS: [&str; 4] = ["asDouble", "sum", "zeroThreshold", "doubleValue"];

/// Rewrites forms that the JSON of proto3 allows and the library refuses: null for an absent field, floats as text, an
/// empty list without `values`. Names in the JSON of OTLP are never data, so that the type of a value follows from its
/// name.
fn normalise(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| !value.is_null() && !UNREAD.contains(&name.as_str()));
            if let Some(text) = fields.get("doubleValue").and_then(not_finite) {
                // An attribute becomes text anyway; as a float, JSON could not hold it.
                fields.remove("doubleValue");
                fields.insert("stringValue".to_owned(), text);
            }
            for (name, value) in fields.iter_mut() {
                match (name.as_str(), &mut *value) {
                    (name, Value::String(_)) if FLOATS.contains(&name) => read_float(value),
                    ("explicitBounds", Value::Array(bounds)) => bounds.iter_mut().for_each(read_float),
                    ("arrayValue" | "kvlistValue", Value::Object(list)) => complete(list),
                    _ => {}
                }
                normalise(value);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(normalise),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn not_finite(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    ["NaN", "Infinity", "-Infinity"].contains(&text).then(|| text.into())
}

/// Turns `"1.5"` into `1.5`; a text that is not a finite number stays and fails to decode.
fn read_float(value: &mut Value) {
    let parsed = value.as_str().and_then(|text| text.parse().ok()).and_then(serde_json::Number::from_f64);
    if let Some(number) = parsed {
        *value = Value::Number(number);
    }
}

fn complete(list: &mut Map<String, Value>) {
    list.entry("values").or_insert_with(|| Value::Array(Vec::new()));
}
