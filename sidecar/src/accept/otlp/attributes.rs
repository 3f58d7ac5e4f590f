//! Comes in: OTLP attributes of any type. Goes out: text, sorted by name, with every word stored once per request.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

use mapwarden_engine::observation::Attributes;

/// The words of one request: names and values repeat from point to point, so each is allocated once.
#[derive(Default)]
pub(super) struct Words(HashSet<Arc<str>>);

impl Words {
    /// Returns the shared form of a word.
    pub(super) fn word(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let word = Arc::<str>::from(text);
        self.0.insert(Arc::clone(&word));
        word
    }

    /// Returns attributes as text, sorted by name. OTLP requires unique names; of a repeated name the first value
    /// counts.
    pub(super) fn attributes(&mut self, attributes: &[KeyValue]) -> Attributes {
        let mut pairs: Vec<(Arc<str>, Arc<str>)> = attributes
            .iter()
            .map(|pair| (self.word(&pair.key), self.word(&text(pair.value.as_ref()))))
            .collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|later, first| later.0 == first.0);
        pairs.into()
    }
}

/// Returns the value of an attribute as text; none where it is absent or empty.
pub(super) fn find<'a>(attributes: &'a [KeyValue], name: &str) -> Option<Cow<'a, str>> {
    let pair = attributes.iter().find(|pair| pair.key == name)?;
    Some(text(pair.value.as_ref())).filter(|value| !value.is_empty())
}

/// Returns a value as text: `200`, `true`, `eu-west-1`; bytes in hex, lists and maps as JSON, no value as the empty
/// text.
pub(super) fn text(value: Option<&AnyValue>) -> Cow<'_, str> {
    match value.and_then(|value| value.value.as_ref()) {
        None => Cow::Borrowed(""),
        Some(Value::StringValue(text)) => Cow::Borrowed(text),
        Some(Value::BoolValue(truth)) => Cow::Borrowed(if *truth { "true" } else { "false" }),
        Some(Value::IntValue(number)) => Cow::Owned(number.to_string()),
        Some(Value::DoubleValue(number)) => Cow::Owned(double(*number)),
        Some(Value::BytesValue(bytes)) => Cow::Owned(hex(bytes)),
        Some(value @ (Value::ArrayValue(_) | Value::KvlistValue(_))) => Cow::Owned(json(value).to_string()),
        // An index into a profile's string table, which the three signals do not carry.
        Some(Value::StringValueStrindex(index)) => Cow::Owned(index.to_string()),
    }
}

/// Returns a float as the JSON of OTLP spells it.
fn double(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else {
        number.to_string()
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Returns a value as JSON. The depth is bounded by the decoders (prost 100, serde_json 128).
fn json(value: &Value) -> serde_json::Value {
    let inner = |any: &AnyValue| any.value.as_ref().map_or(serde_json::Value::Null, json);
    match value {
        Value::StringValue(text) => text.as_str().into(),
        Value::BoolValue(truth) => (*truth).into(),
        Value::IntValue(number) => (*number).into(),
        Value::DoubleValue(number) if number.is_finite() => (*number).into(),
        Value::DoubleValue(number) => double(*number).into(),
        Value::BytesValue(bytes) => hex(bytes).into(),
        Value::ArrayValue(list) => list.values.iter().map(inner).collect(),
        Value::KvlistValue(map) => map
            .values
            .iter()
            .map(|pair| (pair.key.clone(), pair.value.as_ref().map_or(serde_json::Value::Null, inner)))
            .collect(),
        Value::StringValueStrindex(index) => (*index).into(),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};

    use super::*;

    fn any(value: Value) -> AnyValue {
        AnyValue { value: Some(value) }
    }

    fn pair(key: &str, value: Value) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(any(value)), ..KeyValue::default() }
    }

    #[test]
    fn every_type_of_value_has_one_text() {
        let list = ArrayValue { values: vec![any(Value::IntValue(1)), any(Value::DoubleValue(f64::NAN))] };
        let map = KeyValueList { values: vec![pair("k", Value::BoolValue(false))] };
        let cases = [
            (Value::StringValue("eu-west-1".to_owned()), "eu-west-1"),
            (Value::BoolValue(true), "true"),
            (Value::IntValue(-200), "-200"),
            (Value::DoubleValue(200.0), "200"),
            (Value::DoubleValue(0.25), "0.25"),
            (Value::DoubleValue(f64::NEG_INFINITY), "-Infinity"),
            (Value::BytesValue(vec![0, 255]), "00ff"),
            (Value::ArrayValue(list), "[1,\"NaN\"]"),
            (Value::KvlistValue(map), "{\"k\":false}"),
        ];
        for (value, expected) in cases {
            assert_eq!(text(Some(&any(value))), expected);
        }
        assert_eq!(text(None), "");
        assert_eq!(text(Some(&AnyValue { value: None })), "");
    }

    #[test]
    fn attributes_are_sorted_unique_and_shared() {
        let mut words = Words::default();
        let input = [
            pair("b", Value::IntValue(1)),
            pair("a", Value::StringValue("x".to_owned())),
            pair("b", Value::IntValue(2)),
        ];
        let attributes = words.attributes(&input);
        let got: Vec<(&str, &str)> = attributes.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(got, [("a", "x"), ("b", "1")]);
        let again = words.attributes(&input);
        assert!(Arc::ptr_eq(&attributes[0].0, &again[0].0));
    }
}
