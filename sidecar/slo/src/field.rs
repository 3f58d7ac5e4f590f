//! Comes in: fields that both formats have. Goes out: valid names, labels and targets. Never knows the format.

use std::collections::BTreeMap;

use mapwarden_contract::{Nanos, Ratio};

use crate::duration::{self, Shorthand};
use crate::yaml::{Fields, Node, Reader, YamlValue};

/// The longest name in bytes. Raised, ids and file names made of it grow.
const MAX_NAME: usize = 255;

/// Reads a name that may be part of an id, of a label value and of a URL.
pub(super) fn name(reader: &mut Reader<'_>, field: &str, node: &Node) -> Option<String> {
    let name = reader.text(field, node)?;
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.|/\\:".contains(letter);
    if name.len() <= MAX_NAME && name.chars().all(is_allowed) {
        return Some(name);
    }
    let accepted = "accepted are at most 255 letters, digits and - _ . : | / \\";
    reader.problem(node.referenced, format!("`{field}` is `{name}`: {accepted}"));
    None
}

/// Reads a required [`name`].
pub(super) fn required_name(
    reader: &mut Reader<'_>,
    of: &str,
    fields: &Fields<'_>,
    field: &str,
) -> Option<String> {
    let node = reader.required(of, fields, field)?;
    name(reader, field, node)
}

/// Reads an optional text.
pub(super) fn optional_text(reader: &mut Reader<'_>, fields: &Fields<'_>, field: &str) -> Option<String> {
    let node = fields.get(field).filter(|node| node.value != YamlValue::Text(String::new()))?;
    reader.text(field, node)
}

/// Reads names and values as they were written. A value may be a number.
pub(super) fn pairs(reader: &mut Reader<'_>, field: &str, node: Option<&Node>) -> BTreeMap<String, String> {
    let Some(fields) = node.and_then(|node| reader.any_object(field, node)) else { return BTreeMap::new() };
    let mut pairs = BTreeMap::new();
    for (key, _) in fields.keys() {
        let Some(node) = fields.get(key) else { continue };
        let is_empty = node.value == YamlValue::Text(String::new());
        let value = if is_empty { Some(String::new()) } else { reader.scalar(key, node) };
        pairs.extend(value.map(|value| (key.to_owned(), value)));
    }
    pairs
}

/// Reads labels with names that Prometheus accepts.
pub(super) fn labels(reader: &mut Reader<'_>, field: &str, node: Option<&Node>) -> BTreeMap<String, String> {
    let labels = pairs(reader, field, node);
    for name in labels.keys().filter(|name| !is_label(name)) {
        let location = node.and_then(|node| reader.any_object(field, node)?.key(name));
        let accepted = "accepted are letters, digits and _, not a digit first";
        if let Some(location) = location {
            reader
                .problem(location, format!("`{field}` has `{name}`, which is not a label name: {accepted}"));
        }
    }
    labels
}

/// Whether Prometheus accepts a name for a label.
pub fn is_label(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    name.starts_with(is_letter) && name.chars().all(|letter| is_letter(letter) || letter.is_ascii_digit())
}

/// Reads a target in per cent.
pub(super) fn percent(reader: &mut Reader<'_>, field: &str, node: &Node) -> Option<Ratio> {
    let percent = reader.number(field, node)?;
    // Divided as a decimal number: 99.9 / 100 is 0.9990000000000001.
    let share = format!("{percent}e-2").parse().unwrap_or(f64::NAN);
    share_of(reader, (field, node), share, "a percentage between 0 and 100, e.g. 99.9")
}

/// Reads a target as a share.
pub(super) fn share(reader: &mut Reader<'_>, field: &str, node: &Node) -> Option<Ratio> {
    let share = reader.number(field, node)?;
    share_of(reader, (field, node), share, "a share between 0 and 1, e.g. 0.999 for 99.9 %")
}

fn share_of(reader: &mut Reader<'_>, field: (&str, &Node), share: f64, accepted: &str) -> Option<Ratio> {
    let (field, node) = field;
    let ratio = Ratio::new(share).ok().filter(|_| share > 0.0 && share < 1.0);
    if ratio.is_none() {
        let why = if share == 1.0 {
            "leaves no budget: one bad event would miss the target for the whole period"
        } else if share == 0.0 {
            "asks for nothing"
        } else {
            "is not a share"
        };
        reader.problem(
            node.referenced,
            format!("`{field}` is {}, which {why}: accepted is {accepted}", node.value),
        );
    }
    ratio
}

/// Reads a duration as OpenSLO writes it.
pub(super) fn shorthand(reader: &mut Reader<'_>, field: &str, node: &Node) -> Option<Shorthand> {
    reader.parsed(field, node, Shorthand::parse, duration::SHORTHAND)
}

/// Reads a duration as Prometheus writes it.
pub(super) fn span(reader: &mut Reader<'_>, field: &str, node: &Node) -> Option<Nanos> {
    reader.parsed(field, node, duration::prometheus, duration::PROMETHEUS)
}
