//! Comes in: the body of an answer of Prometheus' HTTP API. Goes out: series of samples, or why it has none. Never accepts an
//! answer that may be incomplete.

use std::collections::BTreeMap;
use std::time::Duration;

use mapwarden_contract::UnixNanos;
use serde::Deserialize;

use super::error::SourceQueryError;

/// One series of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AnswerSeries {
    /// Its labels.
    pub(super) labels: BTreeMap<String, String>,
    /// Its samples, the oldest first.
    pub(super) samples: Vec<Sample>,
}

/// A value at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    /// When, to the millisecond, as Prometheus keeps time.
    pub(super) at: UnixNanos,
    /// The value; infinite or NaN if the server says so.
    pub(super) value: f64,
}

#[derive(Deserialize)]
struct Envelope {
    status: String,
    data: Option<Data>,
    #[serde(rename = "errorType", default)]
    kind: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Matrix(Vec<Row>),
    Vector(Vec<Row>),
    Scalar((f64, String)),
    String(serde::de::IgnoredAny),
}

/// A series of a matrix, or of a vector.
#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
    #[serde(default)]
    value: Option<(f64, String)>,
    #[serde(default)]
    histogram: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    histograms: Option<serde::de::IgnoredAny>,
}

/// Reads a body.
///
/// # Errors
/// It is not an answer of the API, reports that the query is wrong, warns that it may be incomplete, or has no numbers.
pub(super) fn read(body: &[u8]) -> Result<Vec<AnswerSeries>, SourceQueryError> {
    let envelope: Envelope =
        serde_json::from_slice(body).map_err(|error| SourceQueryError::Malformed(error.to_string()))?;
    if envelope.status != "success" {
        let Envelope { kind, error, .. } = envelope;
        return Err(SourceQueryError::Refused { kind, detail: short(&error) });
    }
    if let Some(warning) = envelope.warnings.first() {
        return Err(SourceQueryError::Partial(short(warning)));
    }
    match envelope.data {
        Some(Data::Matrix(rows) | Data::Vector(rows)) => rows.into_iter().map(series).collect(),
        Some(Data::Scalar(pair)) => {
            Ok(vec![AnswerSeries { labels: BTreeMap::new(), samples: vec![sample(&pair)?] }])
        }
        Some(Data::String(_)) => {
            Err(SourceQueryError::Malformed("a text, where numbers are expected".to_owned()))
        }
        None => Err(SourceQueryError::Malformed("a success without data".to_owned())),
    }
}

fn series(row: Row) -> Result<AnswerSeries, SourceQueryError> {
    if row.histogram.is_some() || row.histograms.is_some() {
        let message = "native histograms, where numbers are expected: accepted is e.g. histogram_count(..)";
        return Err(SourceQueryError::Malformed(message.to_owned()));
    }
    let samples = row.values.iter().chain(&row.value).map(sample).collect::<Result<_, _>>()?;
    Ok(AnswerSeries { labels: row.metric, samples })
}

fn sample((seconds, text): &(f64, String)) -> Result<Sample, SourceQueryError> {
    let at = Duration::try_from_secs_f64(*seconds)
        .ok()
        .and_then(|since| u64::try_from(since.as_nanos()).ok())
        .ok_or_else(|| SourceQueryError::Malformed(format!("the time {seconds}")))?;
    // Seconds as a float are off by up to a microsecond; Prometheus' own resolution is a millisecond.
    let at = UnixNanos::new(at.saturating_add(500_000) / 1_000_000 * 1_000_000);
    let value =
        text.parse().map_err(|_| SourceQueryError::Malformed(format!("the value {}", short(text))))?;
    Ok(Sample { at, value })
}

/// Returns the beginning of a server's message, for a log line.
pub(super) fn short(text: &str) -> String {
    /// Longer, and a server's page of HTML would fill the log.
    const MOST: usize = 300;
    let mut short: String = text.chars().take(MOST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(body: &str) -> Vec<(u64, f64)> {
        let series = read(body.as_bytes()).unwrap();
        series
            .iter()
            .flat_map(|series| &series.samples)
            .map(|sample| (sample.at.get() / 1_000_000, sample.value))
            .collect()
    }

    #[test]
    fn matrices_vectors_and_scalars_are_series() {
        let matrix = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1732182345.123,"1.5"],[1732182405.123,"+Inf"]]}]}}"#;
        assert_eq!(values(matrix), [(1_732_182_345_123, 1.5), (1_732_182_405_123, f64::INFINITY)]);
        let vector = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1732182345,"0"]}]}}"#;
        assert_eq!(values(vector), [(1_732_182_345_000, 0.0)]);
        let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[1732182345,"2"]}}"#;
        assert_eq!(values(scalar), [(1_732_182_345_000, 2.0)]);
        let not_a_number = r#"{"status":"success","data":{"resultType":"scalar","result":[1,"NaN"]}}"#;
        assert!(values(not_a_number)[0].1.is_nan());
    }

    #[test]
    fn incomplete_and_malformed_answers_are_errors() {
        let cases = [
            (r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#, "refused"),
            (
                r#"{"status":"success","warnings":["store x is away"],"data":{"resultType":"vector","result":[]}}"#,
                "partial",
            ),
            (r#"{"status":"success"}"#, "malformed"),
            ("<html>", "malformed"),
            ("", "malformed"),
            (
                r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}}"#,
                "malformed",
            ),
            (r#"{"status":"success","data":{"resultType":"scalar","result":[-1,"2"]}}"#, "malformed"),
            (r#"{"status":"success","data":{"resultType":"scalar","result":[1,"two"]}}"#, "malformed"),
            (r#"{"status":"success","data":{"resultType":"string","result":[1,"two"]}}"#, "malformed"),
        ];
        for (body, expected) in cases {
            assert_eq!(read(body.as_bytes()).unwrap_err().name(), expected, "{body}");
        }
    }
}
