//! Comes in: the value of one OTLP data point. Goes out: the value as an observation has it, or the reason why it is refused.
//! Never repairs a value.

use mapwarden_contract::{Count, Nanos, UnixNanos};
use opentelemetry_proto::tonic::metrics::v1::exemplar::Value as ExemplarValue;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    self as proto, ExponentialHistogramDataPoint, HistogramDataPoint,
};

use super::tally::{ItemRejection, Reason};
use mapwarden_engine::observation::{Buckets, Histogram, Trace, TracedEvent};

/// Returns the factor from a unit to nanoseconds; none if it is not a unit of latencies.
pub(super) fn to_nanos(unit: &str) -> Option<f64> {
    match unit {
        "s" => Some(1e9),
        "ms" => Some(1e6),
        "us" => Some(1e3),
        "ns" => Some(1.0),
        _ => None,
    }
}

/// Returns the value of a sum or gauge.
pub(super) fn number(value: Option<Number>) -> Result<f64, ItemRejection> {
    match value {
        None => Err((Reason::NoValue, "a point has no value".to_owned())),
        Some(Number::AsInt(value)) => Ok(int_to_f64(value)),
        Some(Number::AsDouble(value)) => finite("value", value),
    }
}

#[expect(
    clippy::as_conversions,
    reason = "there is no From; exact to 2^53, far above what one series counts"
)]
fn int_to_f64(value: i64) -> f64 {
    value as f64
}

fn finite(name: &str, value: f64) -> Result<f64, ItemRejection> {
    if value.is_finite() { Ok(value) } else { Err((Reason::NotFinite, format!("{name} is {value}"))) }
}

fn inconsistent<T>(detail: String) -> Result<T, ItemRejection> {
    Err((Reason::Inconsistent, detail))
}

/// Returns the sum of bucket counts; none if it overflows, which no real histogram reaches.
fn total(counts: &[u64]) -> Option<u64> {
    counts.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count))
}

/// Reads an explicit histogram: counts add up, one more count than bounds, bounds ascend.
pub(super) fn explicit(point: HistogramDataPoint, to_nanos: Option<f64>) -> Result<Histogram, ItemRejection> {
    let HistogramDataPoint { count, sum, bucket_counts, explicit_bounds: bounds, exemplars, .. } = point;
    // A histogram without buckets is one bucket with everything in it (OTLP, `HistogramDataPoint`).
    let counts = if bucket_counts.is_empty() && bounds.is_empty() { vec![count] } else { bucket_counts };
    if counts.len() != bounds.len() + 1 {
        return inconsistent(format!("{} bucket counts with {} bounds", counts.len(), bounds.len()));
    }
    if total(&counts) != Some(count) {
        return inconsistent(format!("bucket counts do not add up to count {count}"));
    }
    for bound in &bounds {
        finite("a bound", *bound)?;
    }
    if !bounds.is_sorted_by(|a, b| a < b) {
        return inconsistent("bounds do not ascend".to_owned());
    }
    let sum = sum.map(|sum| finite("sum", sum)).transpose()?;
    let buckets = Buckets::Explicit { bounds: bounds.into(), counts };
    let exemplars = with_traces(&exemplars, to_nanos);
    Ok(Histogram { count: Count::new(count), sum, to_nanos, buckets, exemplars })
}

/// Reads an exponential histogram: counts add up, no negative values, a scale and indices that OTLP allows.
pub(super) fn exponential(
    point: ExponentialHistogramDataPoint,
    to_nanos: Option<f64>,
) -> Result<Histogram, ItemRejection> {
    let ExponentialHistogramDataPoint {
        count,
        sum,
        scale,
        zero_count: zero,
        positive,
        negative,
        exemplars,
        ..
    } = point;
    if negative.is_some_and(|buckets| buckets.bucket_counts.iter().any(|count| *count > 0)) {
        return Err((Reason::Negative, "histogram of negative values".to_owned()));
    }
    // The range that the specification of the SDK's mapping functions covers; beyond it, bounds do not fit into f64.
    if !(-10..=20).contains(&scale) {
        return inconsistent(format!("scale {scale} is not in [-10, 20]"));
    }
    let positive = positive.unwrap_or_default();
    let (offset, counts) = (positive.offset, positive.bucket_counts);
    if total(&counts).and_then(|sum| sum.checked_add(zero)) != Some(count) {
        return inconsistent(format!("bucket counts do not add up to count {count}"));
    }
    if i32::try_from(counts.len()).ok().and_then(|length| offset.checked_add(length)).is_none() {
        return inconsistent(format!("{} buckets from index {offset} on", counts.len()));
    }
    let sum = sum.map(|sum| finite("sum", sum)).transpose()?;
    let buckets = Buckets::Exponential { scale, offset, counts, zero };
    let exemplars = with_traces(&exemplars, to_nanos);
    Ok(Histogram { count: Count::new(count), sum, to_nanos, buckets, exemplars })
}

/// Returns the exemplars that name a trace. Invalid ones are dropped without a count: no number depends on them.
fn with_traces(exemplars: &[proto::Exemplar], to_nanos: Option<f64>) -> Vec<TracedEvent> {
    let read = |exemplar: &proto::Exemplar| {
        let value = match exemplar.value? {
            ExemplarValue::AsInt(value) => int_to_f64(value),
            ExemplarValue::AsDouble(value) => value,
        };
        Some(TracedEvent {
            at: UnixNanos::new(exemplar.time_unix_nano),
            duration: nanos(value * to_nanos?),
            trace: Trace::of(&exemplar.trace_id, &exemplar.span_id)?,
        })
    };
    exemplars.iter().filter_map(read).collect()
}

#[expect(clippy::as_conversions, reason = "a cast from float saturates; negative and NaN are zero")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as above")]
fn nanos(value: f64) -> Nanos {
    Nanos::new(value as u64)
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets as Range;

    use super::*;

    type Case<'a> = (&'a str, u64, &'a [u64], &'a [f64], Option<f64>, Option<Reason>);

    fn range(offset: i32, counts: &[u64]) -> Option<Range> {
        Some(Range { offset, bucket_counts: counts.to_vec() })
    }

    #[test]
    fn explicit_histograms_must_be_possible() {
        let cases: [Case<'_>; 9] = [
            ("as it should be", 3, &[1, 2], &[0.5], Some(1.0), None),
            ("no buckets", 3, &[], &[], None, None),
            ("too few counts", 3, &[3], &[0.5], None, Some(Reason::Inconsistent)),
            ("no counts", 0, &[], &[0.5], None, Some(Reason::Inconsistent)),
            ("wrong total", 4, &[1, 2], &[0.5], None, Some(Reason::Inconsistent)),
            ("overflowing total", 0, &[u64::MAX, 1], &[0.5], None, Some(Reason::Inconsistent)),
            ("falling bounds", 3, &[1, 1, 1], &[2.0, 1.0], None, Some(Reason::Inconsistent)),
            ("NaN bound", 3, &[1, 2], &[f64::NAN], None, Some(Reason::NotFinite)),
            ("infinite sum", 3, &[1, 2], &[0.5], Some(f64::INFINITY), Some(Reason::NotFinite)),
        ];
        for (name, count, counts, bounds, sum, expected) in cases {
            let point = HistogramDataPoint {
                count,
                sum,
                bucket_counts: counts.to_vec(),
                explicit_bounds: bounds.to_vec(),
                ..HistogramDataPoint::default()
            };
            assert_eq!(explicit(point, None).err().map(|(reason, _)| reason), expected, "{name}");
        }
    }

    #[test]
    fn exponential_histograms_must_be_possible() {
        let cases = [
            ("as it should be", 3, 3, 1, range(-1, &[1, 1]), None, None),
            ("only zeros", 3, 2, 2, None, range(0, &[0, 0]), None),
            ("wrong total", 3, 3, 0, range(0, &[1, 1]), None, Some(Reason::Inconsistent)),
            ("negative values", 3, 1, 0, None, range(0, &[1]), Some(Reason::Negative)),
            ("scale out of range", 21, 1, 0, range(0, &[1]), None, Some(Reason::Inconsistent)),
            ("index out of range", 3, 1, 0, range(i32::MAX, &[1]), None, Some(Reason::Inconsistent)),
        ];
        for (name, scale, count, zero_count, positive, negative, expected) in cases {
            let point = ExponentialHistogramDataPoint {
                scale,
                count,
                zero_count,
                positive,
                negative,
                ..ExponentialHistogramDataPoint::default()
            };
            assert_eq!(exponential(point, None).err().map(|(reason, _)| reason), expected, "{name}");
        }
    }

    #[test]
    fn exemplars_without_a_trace_cost_nothing() {
        let exemplar = |value, trace_id: &[u8], span_id: &[u8]| proto::Exemplar {
            time_unix_nano: 7,
            value,
            trace_id: trace_id.to_vec(),
            span_id: span_id.to_vec(),
            ..proto::Exemplar::default()
        };
        let double = Some(ExemplarValue::AsDouble(2.5));
        let point = HistogramDataPoint {
            count: 1,
            exemplars: vec![
                exemplar(double, &[1; 16], &[2; 8]),
                exemplar(double, &[], &[]),
                exemplar(double, &[0; 16], &[0; 8]),
                exemplar(None, &[1; 16], &[2; 8]),
                exemplar(Some(ExemplarValue::AsDouble(f64::NAN)), &[3; 16], &[4; 8]),
            ],
            ..HistogramDataPoint::default()
        };
        let got = explicit(point.clone(), Some(1e9)).unwrap().exemplars;
        let durations: Vec<_> = got.iter().map(|exemplar| exemplar.duration).collect();
        assert_eq!(durations, [Nanos::from_millis(2_500), Nanos::ZERO]);
        assert_eq!((got[0].trace, got[0].at), (Trace { id: [1; 16], span: [2; 8] }, UnixNanos::new(7)));
        assert!(explicit(point, None).unwrap().exemplars.is_empty(), "not a time");
    }

    #[test]
    fn numbers_must_be_present_and_finite() {
        assert_eq!(number(Some(Number::AsInt(-7))), Ok(-7.0));
        assert_eq!(number(Some(Number::AsDouble(0.5))), Ok(0.5));
        assert_eq!(number(None).map_err(|(reason, _)| reason), Err(Reason::NoValue));
        let nan = number(Some(Number::AsDouble(f64::NAN)));
        assert_eq!(nan, Err((Reason::NotFinite, "value is NaN".to_owned())));
    }
}
