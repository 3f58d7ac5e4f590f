//! Comes in: YAML, one document or several. Goes out: trees in which every key and value knows its line. Never checks
//! the content, and never takes more memory than its limits, whatever aliases multiply.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// A value with its location.
pub type Node = Spanned<YamlValue>;

/// A YAML value.
#[derive(Clone, Debug, PartialEq)]
pub enum YamlValue {
    /// A null, or an empty field.
    Nothing,
    /// `true` or `false`.
    Truth(bool),
    /// A whole number.
    Integer(i128),
    /// A finite number with a fraction or an exponent.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// An object: its fields in their order.
    Object(Vec<(Spanned<String>, Node)>),
}

impl fmt::Display for YamlValue {
    /// Writes the value as messages name it: scalars nearly as they were written.
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

/// The most values of one text. Raised, a larger generated file is read, at some 200 bytes a value.
const MAX_NODES: usize = 250_000;

/// The most values that aliases may add to the written ones. Raised, a file with many large anchors is read, and a
/// hostile one takes more memory before it is refused.
const MAX_REPEATED: usize = 50_000;

/// The most bytes of text of one file, aliases included. Raised, longer texts may be repeated by aliases, at
/// that much memory.
const MAX_TEXT: usize = 16 << 20;

thread_local! {
    /// The rest of [`MAX_TEXT`] while this thread reads a text: the parser counts written text, not the text that
    /// aliases repeat.
    static TEXT_LEFT: Cell<usize> = const { Cell::new(MAX_TEXT) };
}

/// Reads one document. An empty document is [`YamlValue::Nothing`].
///
/// # Errors
/// The text is not YAML, or exceeds a limit.
pub fn parse(text: &str) -> Result<Node, serde_saphyr::Error> {
    if is_empty(text) {
        return Ok(Spanned::new(YamlValue::Nothing, Location::UNKNOWN, Location::UNKNOWN));
    }
    TEXT_LEFT.set(MAX_TEXT);
    serde_saphyr::from_str_with_options(text, options())
}

/// Reads all documents of a text; empty ones are left out. Lines count from the start of the text.
///
/// # Errors
/// The text is not YAML, or exceeds a limit.
pub(super) fn parse_all(text: &str) -> Result<Vec<Node>, serde_saphyr::Error> {
    if is_empty(text) {
        return Ok(Vec::new());
    }
    TEXT_LEFT.set(MAX_TEXT);
    serde_saphyr::from_multiple_with_options(text, options())
}

fn is_empty(text: &str) -> bool {
    text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: MAX_NODES },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_REPEATED },
    }
}

impl<'de> Deserialize<'de> for YamlValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(YamlValueVisitor)
    }
}

struct YamlValueVisitor;

impl<'de> Visitor<'de> for YamlValueVisitor {
    type Value = YamlValue;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<YamlValue, E> {
        Ok(YamlValue::Nothing)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<YamlValue, E> {
        Ok(YamlValue::Truth(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<YamlValue, E> {
        Ok(YamlValue::Integer(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<YamlValue, E> {
        Ok(YamlValue::Integer(number.into()))
    }

    fn visit_i128<E>(self, number: i128) -> Result<YamlValue, E> {
        Ok(YamlValue::Integer(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<YamlValue, E> {
        Ok(YamlValue::Float(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<YamlValue, E> {
        let left = TEXT_LEFT.get().checked_sub(text.len()).ok_or_else(|| {
            E::custom(format!("more text than {MAX_TEXT} bytes: accepted is less, aliases included"))
        })?;
        TEXT_LEFT.set(left);
        Ok(YamlValue::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<YamlValue, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element()? {
            list.push(value);
        }
        Ok(YamlValue::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<YamlValue, A::Error> {
        let mut fields = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            fields.push(entry);
        }
        Ok(YamlValue::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_have_locations() {
        let node = parse("a: 1\nlist:\n  - {x: 2.5, y: on}\n  - ~\n").unwrap();
        let YamlValue::Object(fields) = node.value else { panic!("{node:?}") };
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
        let YamlValue::List(items) = &fields[1].1.value else { panic!("{fields:?}") };
        let YamlValue::Object(inner) = &items[0].value else { panic!("{items:?}") };
        assert_eq!((&inner[0].1.value, inner[1].0.referenced.line()), (&YamlValue::Float(2.5), 3));
        assert_eq!(items[1].value, YamlValue::Nothing);
    }

    #[test]
    fn an_empty_document_is_nothing() {
        for text in ["", "\n", "# only a comment\n"] {
            assert_eq!(parse(text).unwrap().value, YamlValue::Nothing, "{text:?}");
        }
    }

    #[test]
    fn documents_of_one_text_are_separate() {
        let nodes = parse_all("# first\na: 1\n---\n---\n- b\n---\n# nothing\n").unwrap();
        let lines: Vec<u64> = nodes.iter().map(|node| node.referenced.line()).collect();
        assert_eq!(lines, [2, 5]);
        assert!(parse_all("a: 1\n---\na: [\n").is_err());
    }

    #[test]
    fn aliases_cannot_multiply_a_text_without_end() {
        let mut doubled = String::from("a0: &a0 [x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let before = level - 1;
            let list = vec![format!("*a{before}"); 8].join(", ");
            doubled.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        assert!(parse_all(&doubled).is_err(), "8^12 values");
        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 64].join(", "));
        assert!(parse_all(&long).is_err(), "64 MiB of text");
        assert!(parse_all("a: &a {b: 1}\nc: [*a, *a]\n").is_ok());
    }
}
