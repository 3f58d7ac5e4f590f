//! Comes in: YAML. Goes out: a tree in which every key and value knows its line. Never judges what it reads.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// A value and where it stands.
pub(crate) type Node = Spanned<Value>;

/// A YAML value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Nothing,
    Truth(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(Spanned<String>, Node)>),
}

impl fmt::Display for Value {
    /// As a message names it: scalars as they were written, more or less.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => out.write_str("nothing"),
            Self::Truth(truth) => write!(out, "`{truth}`"),
            Self::Integer(number) => write!(out, "`{number}`"),
            Self::Float(number) => write!(out, "`{number}`"),
            Self::Text(text) => write!(out, "`{text}`"),
            Self::List(values) => write!(out, "a list of {}", values.len()),
            Self::Object(fields) => write!(out, "an object of {} fields", fields.len()),
        }
    }
}

/// Reads one document; an empty one is [`Value::Nothing`].
pub(crate) fn parse(text: &str) -> Result<Node, serde_saphyr::Error> {
    let is_empty = text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    if is_empty {
        return Ok(Spanned::new(Value::Nothing, Location::UNKNOWN, Location::UNKNOWN));
    }
    serde_saphyr::from_str(text)
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Truth(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Integer(number.into()))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element()? {
            list.push(value);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            fields.push(entry);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_know_their_places() {
        let node = parse("a: 1\nlist:\n  - {x: 2.5, y: on}\n  - ~\n").unwrap();
        let Value::Object(fields) = node.value else { panic!("{node:?}") };
        let places: Vec<(&str, u64, u64, u64)> = fields
            .iter()
            .map(|(key, value)| {
                (
                    key.value.as_str(),
                    key.referenced.line(),
                    value.referenced.line(),
                    value.referenced.column(),
                )
            })
            .collect();
        assert_eq!(places, [("a", 1, 1, 4), ("list", 2, 3, 3)]);
        let Value::List(items) = &fields[1].1.value else { panic!("{fields:?}") };
        let Value::Object(inner) = &items[0].value else { panic!("{items:?}") };
        assert_eq!((&inner[0].1.value, inner[1].0.referenced.line()), (&Value::Float(2.5), 3));
        assert_eq!(items[1].value, Value::Nothing);
    }

    #[test]
    fn an_empty_document_is_nothing() {
        for text in ["", "\n", "# only a comment\n"] {
            assert_eq!(parse(text).unwrap().value, Value::Nothing, "{text:?}");
        }
    }
}
