//! Comes in: PromQL as files hold it, with a template for the window or without. Goes out: expressions that parse once
//! a window is inserted, or problems with their origin. Never contacts a server.

mod over;
mod parse;
mod thresholds;

use serde_saphyr::Location;

pub(super) use self::over::{SeriesKind, over_window};
pub use self::parse::parse_promql;
pub(super) use self::thresholds::off_bound;
use self::thresholds::unmeasurable;

use crate::yaml::{Node, Reader};
use mapwarden_objective::{Expression, Origin};

/// The template of the window.
const WINDOW: &str = Expression::WINDOW;

/// Whether a query has the template of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Template {
    /// Required: without it the answer is the same for every window.
    Required,
    /// Optional: a query without it is rewritten.
    Optional,
    /// Not accepted: the query is sent at each evaluation, not over a window.
    Absent,
}

/// A query that parses.
#[derive(Clone, Debug)]
pub(super) struct Query {
    /// The query as it was written, with one spelling of the template.
    pub(super) text: String,
    /// Whether it has the template.
    pub(super) has_window: bool,
    /// Where it was written.
    pub(super) location: Location,
}

impl Query {
    /// Returns the expression that is sent.
    pub(super) fn expression(&self) -> Expression {
        Expression::new(self.text.clone())
    }
}

/// Reads a field with PromQL.
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
             [{WINDOW}] for every range"
        )),
        (Template::Absent, true) => Some(format!(
            "`{name}` has {WINDOW}, but its value is read at each evaluation: accepted is a range of its own, as [5m]"
        )),
        (Template::Required, true) | (Template::Optional, true | false) | (Template::Absent, false) => None,
    };
    if let Some(message) = wrong {
        reader.problem(node.referenced, message);
        return None;
    }
    match parse::parse(&padded) {
        Ok(_) => Some(Query { text: written.trim().to_owned(), has_window, location: node.referenced }),
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

/// Warns of bounds in queries that no bucket has.
pub(super) fn warn_of_thresholds(reader: &mut Reader<'_>, queries: &[&Query]) {
    for query in queries {
        for message in unmeasurable(&query.text) {
            reader.warn(query.location, message);
        }
    }
}

/// Returns the text with one spelling of the template, and the text with a padded window in place of each template, so
/// that errors keep their offset.
///
/// # Errors
/// The first other template.
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

/// Returns the origin of a byte of a text: on the line of a plain or quoted text, or below the `|` of a block. Returns
/// none where the text was folded or escaped, so that its bytes are not those of the file.
fn within(reader: &Reader<'_>, node: &Node, text: &str, at: usize) -> Option<Origin> {
    let location = node.defined;
    let start = usize::try_from(location.span().byte_offset()?).ok()?;
    let source = reader.source().get(start..)?;
    let before = text.get(..at)?;
    let quote = usize::from(source.starts_with(['"', '\'']));
    let (line, column) = if source.get(quote..)?.starts_with(text) && !text.contains('\n') {
        (location.line(), location.column() + u64::try_from(quote + before.chars().count()).ok()?)
    } else {
        let row = before.matches('\n').count();
        let wanted = text.lines().nth(row)?;
        let block = reader.source().get(start..)?.lines();
        // The block begins on the line after its `|`; the parser gives the location of the `|`.
        let skipped = usize::from(source.starts_with('|'));
        let found = block.skip(skipped + row).take(1).next()?;
        let indent = found.len().checked_sub(wanted.len())?;
        if found.get(indent..)? != wanted {
            return None;
        }
        let inside = before.rsplit('\n').next().unwrap_or_default().chars().count();
        let first = if skipped == 0 && row == 0 { location.column() } else { 1 };
        (location.line() + u64::try_from(skipped + row).ok()?, first + u64::try_from(indent + inside).ok()?)
    };
    Some(reader.origin_at(line, column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_get_one_spelling_and_keep_offsets() {
        let (written, padded) =
            windows("rate(a[{{ .window }}] ) + rate(b[{{.window}}:]) + rate(c[{{- .window -}}])").unwrap();
        assert_eq!(written, "rate(a[{{.window}}] ) + rate(b[{{.window}}:]) + rate(c[{{.window}}])");
        assert_eq!(padded, "rate(a[5m           ] ) + rate(b[5m         :]) + rate(c[5m             ])");
        assert!(parse::parse(&padded).is_ok());
        assert_eq!(windows("a[{{ .labels.x }}]"), Err("{{ .labels.x }}"));
        assert_eq!(windows("a[{{ .window"), Err("{{ .window"));
    }

    #[test]
    fn errors_have_the_line_and_column_of_the_file() {
        let source = "a: sum(x) sum(y)\nb: \"sum(x) sum(y)\"\nc: |\n  sum(\n    x) sum(y)\n";
        let document = crate::yaml::parse(source).unwrap();
        let path = std::path::Path::new("f.yaml");
        let mut reader = Reader::of(path, source);
        let fields = reader.object("f", &document, &["a", "b", "c"]).unwrap();
        for name in ["a", "b", "c"] {
            read(&mut reader, name, fields.get(name).unwrap(), Template::Optional);
        }
        let problems: Vec<String> = reader.problems.iter().map(|problem| problem.to_string()).collect();
        assert_eq!(
            problems,
            [
                "f.yaml:1:11: `a` is not PromQL: unexpected `sum(y)`",
                "f.yaml:2:12: `b` is not PromQL: unexpected `sum(y)`",
                "f.yaml:5:8: `c` is not PromQL: unexpected `sum(y)`",
            ]
        );
    }
}
