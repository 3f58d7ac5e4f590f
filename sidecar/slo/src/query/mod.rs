//! Comes in: PromQL as files hold it, with a template for the window or without. Goes out: expressions that are known
//! to parse once a window stands in them, or what is wrong and where. Never asks a server.

mod over;
mod parse;
mod thresholds;

use serde_saphyr::Location;

pub(super) use self::over::{SeriesKind, over_window};
pub(super) use self::thresholds::off_bound;
use self::thresholds::unmeasurable;

use crate::yaml::{Node, Reader};
use mapwarden_objective::{Expression, Origin};

/// The template of the window.
const WINDOW: &str = Expression::WINDOW;

/// Whether a query says where its window stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Template {
    /// It must: without it the answer is the same for every window.
    Required,
    /// It may; where it does not, the query is rewritten.
    Optional,
    /// It must not: the query is asked at each evaluation, not over a window.
    Absent,
}

/// A query that parses.
#[derive(Clone, Debug)]
pub(super) struct Query {
    /// As it was written, the template in one spelling.
    pub(super) text: String,
    /// Whether the template is in it.
    pub(super) has_window: bool,
    /// Where it was written.
    pub(super) place: Location,
}

impl Query {
    /// As it is asked.
    pub(super) fn expression(&self) -> Expression {
        Expression::new(self.text.clone())
    }
}

/// Reads a field of PromQL.
pub(super) fn read(reader: &mut Reader<'_>, name: &str, node: &Node, template: Template) -> Option<Query> {
    let text = reader.text(name, node)?;
    let (written, padded) = match windows(&text) {
        Ok(found) => found,
        Err(other) => {
            let message = format!("`{name}` has the template `{other}`: accepted is {WINDOW}");
            reader.problem(node.referenced, message);
            return None;
        }
    };
    let has_window = written.contains(WINDOW);
    let wrong = match (template, has_window) {
        (Template::Required, false) => Some(format!(
            "`{name}` has no {WINDOW}, so that it answers the same for every window: accepted is a range of \
             [{WINDOW}] wherever it says one"
        )),
        (Template::Absent, true) => Some(format!(
            "`{name}` has {WINDOW}, but its value is asked at each evaluation: accepted is a range of its own, as [5m]"
        )),
        (Template::Required, true) | (Template::Optional, true | false) | (Template::Absent, false) => None,
    };
    if let Some(message) = wrong {
        reader.problem(node.referenced, message);
        return None;
    }
    match parse::parse(&padded) {
        Ok(_) => Some(Query { text: written.trim().to_owned(), has_window, place: node.referenced }),
        Err(error) => {
            let message = format!("`{name}` is not PromQL: {error}");
            let origin = error.at.and_then(|at| within(reader, node, &text, at));
            match origin {
                Some(origin) => reader.problem_at(origin, message),
                None => reader.problem(node.referenced, message),
            }
            None
        }
    }
}

/// Warns of bounds that no bucket has, where queries name some.
pub(super) fn warn_of_thresholds(reader: &mut Reader<'_>, queries: &[&Query]) {
    for query in queries {
        for message in unmeasurable(&query.text) {
            reader.warn(query.place, message);
        }
    }
}

/// The text with every template in one spelling, and with a window of the same length in its place, so that what is
/// wrong keeps its offset; the first other template where there is one.
fn windows(text: &str) -> Result<(String, String), &str> {
    let (mut written, mut padded, mut rest) = (String::new(), String::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((inner, next)) = after.split_once("}}") else {
            return Err(rest.get(before.len()..).unwrap_or(rest));
        };
        let whole = rest.get(before.len()..before.len() + inner.len() + 4).unwrap_or(rest);
        if inner.trim_matches(['-', ' ', '\t', '\n']) != ".window" {
            return Err(whole);
        }
        written.push_str(before);
        written.push_str(WINDOW);
        padded.push_str(before);
        padded.push_str(&format!("{:<width$}", "5m", width = whole.len()));
        rest = next;
    }
    written.push_str(rest);
    padded.push_str(rest);
    Ok((written, padded))
}

/// Where a byte of a text stands in the file: on the line of a plain or quoted text, or below the `|` of a block. None
/// where the text was folded or escaped, so that its bytes are not the file's.
fn within(reader: &Reader<'_>, node: &Node, text: &str, at: usize) -> Option<Origin> {
    let place = node.defined;
    let start = usize::try_from(place.span().byte_offset()?).ok()?;
    let source = reader.source().get(start..)?;
    let before = text.get(..at)?;
    let quote = usize::from(source.starts_with(['"', '\'']));
    let (line, column) = if source.get(quote..)?.starts_with(text) && !text.contains('\n') {
        (place.line(), place.column() + u64::try_from(quote + before.chars().count()).ok()?)
    } else {
        let row = before.matches('\n').count();
        let told = text.lines().nth(row)?;
        let block = reader.source().get(start..)?.lines();
        // The block begins on the line after its `|`, wherever the parser says that it is.
        let skipped = usize::from(source.starts_with('|'));
        let found = block.skip(skipped + row).take(1).next()?;
        let indent = found.len().checked_sub(told.len())?;
        if found.get(indent..)? != told {
            return None;
        }
        let inside = before.rsplit('\n').next().unwrap_or_default().chars().count();
        let first = if skipped == 0 && row == 0 { place.column() } else { 1 };
        (place.line() + u64::try_from(skipped + row).ok()?, first + u64::try_from(indent + inside).ok()?)
    };
    Some(reader.origin_at(line, column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_of_the_window_are_one_spelling_and_keep_offsets() {
        let (written, padded) =
            windows("rate(a[{{ .window }}] ) + rate(b[{{.window}}:]) + rate(c[{{- .window -}}])").unwrap();
        assert_eq!(written, "rate(a[{{.window}}] ) + rate(b[{{.window}}:]) + rate(c[{{.window}}])");
        assert_eq!(padded, "rate(a[5m           ] ) + rate(b[5m         :]) + rate(c[5m             ])");
        assert!(parse::parse(&padded).is_ok());
        assert_eq!(windows("a[{{ .labels.x }}]"), Err("{{ .labels.x }}"));
        assert_eq!(windows("a[{{ .window"), Err("{{ .window"));
    }

    #[test]
    fn what_is_wrong_stands_where_the_file_says_it() {
        let source = "a: sum(x) sum(y)\nb: \"sum(x) sum(y)\"\nc: |\n  sum(\n    x) sum(y)\n";
        let document = crate::yaml::parse(source).unwrap();
        let path = std::path::Path::new("f.yaml");
        let mut reader = Reader::of(path, source);
        let fields = reader.object("f", &document, &["a", "b", "c"]).unwrap();
        for name in ["a", "b", "c"] {
            read(&mut reader, name, fields.get(name).unwrap(), Template::Optional);
        }
        let told: Vec<String> = reader.problems.iter().map(|problem| problem.to_string()).collect();
        assert_eq!(
            told,
            [
                "f.yaml:1:11: `a` is not PromQL: unexpected `sum(y)`",
                "f.yaml:2:12: `b` is not PromQL: unexpected `sum(y)`",
                "f.yaml:5:8: `c` is not PromQL: unexpected `sum(y)`",
            ]
        );
    }
}
