//! Comes in: PromQL. Goes out: the functions that it calls, and whether it is the plain sum of the increase of one
//! counter. Never parses more of the language than that.

use mapwarden_objective::Expression;

/// The template of the window in an expression.
const WINDOW: &str = Expression::WINDOW;

/// Endings of the names of counters, by the conventions of OpenMetrics and of Prometheus' histograms and summaries.
const COUNTER_ENDINGS: [&str; 3] = ["_total", "_count", "_bucket"];

/// Whether the expression has a window to set.
pub(super) fn has_window(text: &str) -> bool {
    normal(text).contains(WINDOW)
}

/// Returns the functions, aggregations and keywords that are followed by a parenthesis, outside of quotes.
pub(super) fn calls(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut is_ended = false;
    for (character, is_quoted) in quoted(text) {
        if !is_quoted && character == '(' && !word.is_empty() {
            found.push(std::mem::take(&mut word));
        } else if !is_quoted && character.is_ascii_whitespace() {
            // A parenthesis may still follow.
            is_ended = true;
        } else {
            if is_ended || is_quoted || !is_name(character) {
                word.clear();
            }
            word.extend((!is_quoted && is_name(character)).then_some(character));
            is_ended = false;
        }
    }
    found
}

/// Returns the selector of a counter where the expression is the sum over its series of increases, rates over the
/// window, or values; none where the expression is anything else.
pub(super) fn plain_counter(text: &str) -> Option<String> {
    let text = normal(text);
    let inside = within(&text, &["sum"])?;
    let selector = match within(inside, &["rate", "increase"]) {
        Some(ranged) => ranged.trim().strip_suffix(&format!("[{WINDOW}]"))?.trim(),
        None => Some(inside.trim()).filter(|selector| {
            let name = selector.split('{').next().unwrap_or_default().trim();
            COUNTER_ENDINGS.iter().any(|ending| name.ends_with(ending))
        })?,
    };
    is_selector(selector).then(|| selector.to_owned())
}

/// Returns the arguments where the text is one call of one of these functions and nothing else.
fn within<'a>(text: &'a str, functions: &[&str]) -> Option<&'a str> {
    let text = text.trim();
    let function = functions.iter().find(|function| {
        text.strip_prefix(**function).is_some_and(|rest| rest.trim_start().starts_with('('))
    })?;
    let arguments = text.strip_prefix(function)?.trim_start().strip_prefix('(')?.strip_suffix(')')?;
    let mut depth = 0_i32;
    for (character, is_quoted) in quoted(arguments) {
        depth += match character {
            '(' if !is_quoted => 1,
            ')' if !is_quoted => -1,
            _ => 0,
        };
        // The parenthesis that was stripped closes another one: `sum(a) / sum(b)`.
        if depth < 0 {
            return None;
        }
    }
    Some(arguments)
}

/// Whether a text is a metric's name with or without matchers, and nothing else.
fn is_selector(text: &str) -> bool {
    let (name, matchers) = match text.find('{') {
        None => (text, ""),
        Some(at) => text.split_at(at),
    };
    let name = name.trim();
    let starts_well = name.starts_with(|first: char| is_name(first) && !first.is_ascii_digit());
    let ends = quoted(matchers).filter(|(character, is_quoted)| *character == '}' && !is_quoted).count();
    let is_closed = matchers.is_empty() || (ends == 1 && matchers.ends_with('}'));
    starts_well && name.chars().all(is_name) && is_closed
}

const fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == ':'
}

fn normal(text: &str) -> String {
    text.trim().replace("{{ .window }}", WINDOW)
}

/// Returns each character with whether it is part of a string or a comment.
pub(super) fn quoted(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut quote: Option<char> = None;
    let mut is_escaped = false;
    text.chars().map(move |character| {
        let was_quoted = quote.is_some();
        match quote {
            Some('#') if character == '\n' => quote = None,
            Some(_) if is_escaped => is_escaped = false,
            Some('"' | '\'') if character == '\\' => is_escaped = true,
            Some(open) if character == open && open != '#' => quote = None,
            None if matches!(character, '"' | '\'' | '`' | '#') => quote = Some(character),
            Some(_) | None => {}
        }
        (character, was_quoted || quote.is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_sums_of_counters_are_recognised() {
        let cases = [
            ("sum(rate(http_requests_total[{{.window}}]))", Some("http_requests_total")),
            ("sum(increase(a:b{x=\"1\", y=~\"5..\"}[{{ .window }}]))", Some("a:b{x=\"1\", y=~\"5..\"}")),
            (" sum (\n rate ( m{path=\"/a)b}\"}\n[{{.window}}] ) )\n", Some("m{path=\"/a)b}\"}")),
            ("sum(http_requests_total{code=\"500\"})", Some("http_requests_total{code=\"500\"}")),
            ("sum(latency_bucket{le=\"0.3\"})", Some("latency_bucket{le=\"0.3\"}")),
            ("sum(up)", None),
            ("sum(rate(m[5m]))", None),
            ("sum(rate(m[{{.window}}] offset 5m))", None),
            ("sum(rate(m[{{.window}}])) / sum(rate(n[{{.window}}]))", None),
            ("sum(rate(m[{{.window}}]) + rate(n[{{.window}}]))", None),
            ("sum by (job) (rate(m[{{.window}}]))", None),
            ("sum(rate(m[{{.window}}])) # all of it", None),
            ("rate(m[{{.window}}])", None),
            ("sum(rate({job=\"a\"}[{{.window}}]))", None),
            ("summary(rate(m[{{.window}}]))", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(plain_counter(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn calls_are_found_outside_of_strings_and_comments() {
        let text = "sum by (a) (rate(m{x=\"increase(\"}[5m])) or vector(0) # delta(\n + max (n)";
        assert_eq!(calls(text), ["by", "rate", "vector", "max"].map(String::from).to_vec());
    }
}
