//! Comes in: PromQL. Goes out: its tree, or the message of the parser and the byte at which the text stops being
//! PromQL. Never spends more than a bounded time or stack on a text, however it nests.

use std::fmt;

use promql_parser::parser::{Expr, value::ValueType};

use crate::scan::quoted;

/// The longest query in bytes. Raised, longer queries are read, and a hostile one takes longer to refuse.
const MAX_LENGTH: usize = 16 << 10;

/// The most brackets and operators of a query: each may nest one level deeper. Raised, the tree may need more
/// stack than a thread has.
const MAX_OPERATORS: usize = 400;

/// The longest wrong query in which the error is located. Raised, longer ones are searched, in a time that grows with
/// the square.
const MAX_SEARCHED: usize = 1_000;

/// The longest duration that is given as a number, in seconds. Raised above 1.8e19, the parser panics.
const MAX_SECONDS: f64 = 1e12;

/// Why a text is not a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QueryError {
    /// The message of the parser, where it has a specific one.
    message: String,
    /// The byte of the error, where it can be located.
    pub(super) at: Option<usize>,
}

impl fmt::Display for QueryError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

/// Parses a query that returns a scalar or an instant vector.
pub(super) fn parse(text: &str) -> Result<Expr, QueryError> {
    let plain = |message: String| QueryError { message, at: None };
    if text.len() > MAX_LENGTH {
        return Err(plain(format!("it has {} bytes: accepted are at most {MAX_LENGTH}", text.len())));
    }
    let operators = operators(text);
    if operators > MAX_OPERATORS {
        let accepted = format!("accepted are at most {MAX_OPERATORS}");
        return Err(plain(format!("it has {operators} operators and brackets: {accepted}")));
    }
    let tree = parse_promql(text).map_err(|message| located(text, message))?;
    match tree.value_type() {
        ValueType::Vector | ValueType::Scalar => Ok(tree),
        other @ (ValueType::Matrix | ValueType::String) => {
            Err(plain(format!("its value is a {other}: accepted is an instant vector or a scalar")))
        }
    }
}

/// Parses PromQL. A number of seconds that no duration holds is an error here; promql-parser 0.11 panics on it.
///
/// # Errors
/// The text is not PromQL; the message is that of the parser.
pub fn parse_promql(text: &str) -> Result<Expr, String> {
    match endless_duration(text) {
        Some(number) => Err(format!("`{number}` s is not a duration: accepted are at most {MAX_SECONDS} s")),
        None => promql_parser::parser::parse(text),
    }
}

/// Returns the first number in the position of a duration, in brackets or after `offset`, that is too large for one.
fn endless_duration(text: &str) -> Option<String> {
    let plain: String =
        quoted(text).map(|(letter, is_quoted)| if is_quoted { ' ' } else { letter }).collect();
    let ranges = plain.split('[').skip(1).flat_map(|rest| rest.split(']').next().unwrap_or(rest).split(':'));
    let lower = plain.to_ascii_lowercase();
    let offsets = lower.split("offset").skip(1);
    ranges.chain(offsets).find_map(|rest| {
        let rest = rest.trim_start().trim_start_matches(['-', '+']).trim_start();
        let mut before = ' ';
        let mut is_part = |letter: char| {
            let is_sign = matches!(letter, '-' | '+') && matches!(before, 'e' | 'E');
            before = letter;
            letter.is_ascii_alphanumeric() || letter == '.' || is_sign
        };
        let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        let number = rest.get(..end)?;
        let seconds = number.parse::<f64>().ok()?;
        (!(0.0..=MAX_SECONDS).contains(&seconds)).then(|| number.to_owned())
    })
}

/// Returns an upper bound of the nesting depth of a text.
fn operators(text: &str) -> usize {
    let signs = text.bytes().filter(|byte| b"()[]{}+-*/%^<>=!,".contains(byte)).count();
    let lower = text.to_ascii_lowercase();
    signs
        + [" or", ")or", " and", ")and", "unless", "atan2"]
            .map(|word| lower.matches(word).count())
            .iter()
            .sum::<usize>()
}

/// The message of the grammar for everything that is not an error of types or letters.
const UNSPECIFIC: &str = "invalid promql query";

fn located(text: &str, message: String) -> QueryError {
    let is_grammar = message == UNSPECIFIC;
    if text.len() > MAX_SEARCHED {
        let message = if is_grammar { "its grammar is wrong".to_owned() } else { message };
        return QueryError { message, at: None };
    }
    if !is_grammar {
        // An error of types names a function; a wrong letter is where the message first appears.
        let function = message.split_once("function ").and_then(|(_, rest)| rest.split('\'').nth(1));
        let at = function.and_then(|name| text.find(name)).or_else(|| first_letter(text, &message));
        return QueryError { message, at };
    }
    let ends = text.char_indices().map(|(at, _)| at).collect::<Vec<_>>();
    let at = ends.into_iter().rev().find(|end| text.get(..*end).is_some_and(can_go_on));
    let rest = at.and_then(|at| text.get(at..)).unwrap_or(text);
    let lead = rest.len() - rest.trim_start().len();
    let at = at.map(|at| at + lead);
    let near: String = rest.trim().chars().take(20).collect();
    let has_ended = can_go_on(text);
    if has_ended {
        return QueryError { message: "it ends too early".to_owned(), at: Some(text.trim_end().len()) };
    }
    QueryError { message: format!("unexpected `{near}`"), at }
}

/// Returns the byte at which the message of the lexer first appears: the letter that it cannot read.
fn first_letter(text: &str, message: &str) -> Option<usize> {
    let gives = |end: usize| {
        text.get(..end).is_some_and(|start| {
            promql_parser::parser::lexer(start).err().is_some_and(|given| given == message)
        })
    };
    if !gives(text.len()) {
        return None;
    }
    if message.starts_with("unclosed") {
        return Some(text.len());
    }
    let starts = text.char_indices().rev().map(|(at, _)| at);
    starts
        .take_while(|at| gives(*at))
        .last()
        .or(text.char_indices().next_back().map(|(at, _)| at))
        .and_then(|end| text.get(..end)?.char_indices().next_back().map(|(at, _)| at).or(Some(0)))
}

/// Whether a start of a query could be the start of one that parses: some operand, then every bracket closed.
fn can_go_on(start: &str) -> bool {
    let Some(closers) = closers(start) else { return false };
    ["", "x", " x", "1", "5m", "(x)", "=\"x\"", "\"x\""].into_iter().any(|operand| {
        match parse_promql(&format!("{start}{operand}{closers}")) {
            Ok(_) => true,
            // An error of types is not one of grammar; an error of letters is.
            Err(message) => message.starts_with("expected type") || message.contains("in call to function"),
        }
    })
}

/// Returns the text that closes the open brackets of a start; none where it ends within quotes.
fn closers(start: &str) -> Option<String> {
    let (mut open, mut quote, mut is_escaped) = (Vec::new(), None, false);
    for letter in start.chars() {
        match (quote, letter) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(by), _) if by == letter => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(letter),
            (None, '(') => open.push(')'),
            (None, '[') => open.push(']'),
            (None, '{') => open.push('}'),
            (None, ')' | ']' | '}') => {
                open.pop();
            }
            (Some(_) | None, _) => {}
        }
    }
    quote.is_none().then(|| open.into_iter().rev().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_byte() {
        let cases = [
            ("sum(rate(x[5m])) sum(y)", "unexpected `sum(y)`", Some(17)),
            ("sum(rate(x[5m]) y)", "unexpected `y)`", Some(16)),
            ("sum(rate(x[5m])", "unclosed left parenthesis", Some(15)),
            ("1 +", "it ends too early", Some(3)),
            ("sum(x) by y", "unexpected `y`", Some(10)),
            ("x @@ 1", "unexpected `@ 1`", Some(3)),
            ("x[5m]", "its value is a matrix: accepted is an instant vector or a scalar", None),
        ];
        for (text, message, at) in cases {
            let error = parse(text).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.at), (message, at), "{text}");
        }
        let error = parse("rate(x)").unwrap_err().to_string();
        assert!(error.contains("rate") && error.contains("matrix"), "{error}");
        let error = parse("histogram_share(0.2, x)").unwrap_err().to_string();
        assert!(error.contains("histogram_share"), "{error}");
    }

    #[test]
    fn wrong_letters_are_located() {
        let error = parse("sum(x) ! y").unwrap_err();
        assert_eq!(error.at, Some(8), "{error}");
    }

    #[test]
    fn numbers_without_end_are_not_durations() {
        let endless = ["x offset 1e999", "x offset -1e+999", "rate(x[1e999])", "max_over_time(x[5m:1e30])"];
        for text in endless.into_iter().chain(["rate(x[99999999999999999999])", "x offset Inf"]) {
            let error = parse(text).unwrap_err();
            assert!(error.to_string().contains("is not a duration"), "{text}: {error}");
        }
        // In any position the reader must not panic, whether or not the text is a query.
        for text in ["x[99999999999999999999d]", "x[1e99", "offset 1e999", "x OFFSET 1e999 + y[1e999"] {
            assert!(parse(text).is_err(), "{text}");
        }
        for text in ["x{a=\"[1e999]\"} > 1e999", "x offset 300", "rate(x[300])", "x == Inf"] {
            assert!(parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        for text in [
            "(".repeat(9_000),
            "-".repeat(9_000) + "x",
            vec!["1"; 5_000].join("+"),
            "x or ".repeat(2_000) + "x",
        ] {
            assert!(parse(&text).is_err());
        }
        assert!(parse(&(vec!["x"; 100].join(" or "))).is_ok());
    }
}
