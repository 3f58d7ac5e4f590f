//! What comes in: values that templates print. What goes out: text without meaning in the template's format. Names,
//! reasons and addresses from a service or a deployer are never markup, YAML structure or a terminal command.

use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, Output, State, Value, escape_formatter};

/// Chooses the escaping by the template's file name, and prints missing values with their reason.
pub(super) fn install(environment: &mut Environment<'static>) {
    environment.set_auto_escape_callback(|name| match name.rsplit('.').next() {
        Some("html") => AutoEscape::Html,
        Some("yaml") => AutoEscape::Custom("yaml".into()),
        Some("md") => AutoEscape::Custom("markdown".into()),
        Some("txt") => AutoEscape::Custom("text".into()),
        _ => AutoEscape::None,
    });
    environment.set_formatter(format);
}

/// Returns the text of a missing value; none for any other value.
pub(super) fn missing_reason(value: &Value) -> Option<String> {
    (value.kind() == ValueKind::Map)
        .then(|| value.get_attr("missing").ok())
        .flatten()
        .and_then(|reason| reason.as_str().map(|reason| format!("unknown ({reason})")))
}

fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let words = missing_reason(value).map(Value::from);
    let value = words.as_ref().unwrap_or(value);
    let AutoEscape::Custom(form) = state.auto_escape() else {
        return escape_formatter(out, state, value);
    };
    if value.is_undefined() {
        // Only an `if` without `else` is undefined here: in strict mode an unknown name is an error earlier.
        return Ok(());
    }
    if value.is_safe() || value.kind() == ValueKind::Number {
        return write(out, &value.to_string());
    }
    let text = value.to_string();
    match form.as_ref() {
        "yaml" => write(out, &yaml_scalar(&text)),
        "markdown" => write(out, &markdown(&text)),
        _ => write(out, &printable(&text)),
    }
}

fn write(out: &mut Output<'_>, text: &str) -> Result<(), Error> {
    out.write_str(text).map_err(Error::from)
}

/// Writes a string as a YAML 1.2 scalar that stays a string, also inside flow collections: plain where that is safe,
/// else in JSON's double quotes, which YAML reads as JSON does.
fn yaml_scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

fn is_plain(text: &str) -> bool {
    let mut characters = text.chars();
    let starts_well = match characters.next() {
        Some('+' | '-') => characters.next().is_some_and(|next| next.is_ascii_digit()),
        Some(first) => first.is_alphanumeric() || first == '/',
        None => false,
    };
    let is_safe = |character: char| character.is_alphanumeric() || " +-_./%()@:~<>=".contains(character);
    let ends_well = !text.ends_with([' ', ':']);
    let is_flat = !text.contains(": ") && !text.contains("  ");
    starts_well && ends_well && is_flat && text.chars().all(is_safe) && !is_other_type(text)
}

/// Whether YAML 1.1 or 1.2 would read a plain scalar as something else than a string: a number (also `1_000`,
/// `0x1f`, `1e5`, which commits can look like, and `10:15`), a boolean, null.
fn is_other_type(text: &str) -> bool {
    const WORDS: [&str; 10] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan"];
    let lower = text.to_ascii_lowercase();
    let is_radix = [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().any(|(prefix, radix)| {
        lower
            .strip_prefix(prefix)
            .is_some_and(|digits| digits.chars().all(|digit| digit.is_digit(radix) || digit == '_'))
    });
    let is_digits = lower.chars().all(|character| character.is_ascii_digit() || "_:.+-".contains(character));
    WORDS.contains(&lower.as_str()) || is_radix || is_digits || lower.parse::<f64>().is_ok()
}

/// Escapes what Markdown gives a meaning to, and keeps the text on its line.
fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in printable(text).chars() {
        if "\\`*_[]<>|#~&".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Replaces control characters, which could move a terminal's cursor or break a line, by a blank.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yaml_scalar_reads_back_as_the_same_string() {
        let texts = [
            "a3f9c1d",
            "1234567",
            "12e4567",
            "0x1f",
            "1_000",
            "10:15",
            "10:15:21Z",
            "true",
            "No",
            "",
            " a",
            "a ",
            "99.94%",
            "-7.84pp",
            "+2530ms",
            "- a",
            "unknown (no telemetry)",
            "a: b",
            "a #b",
            "[a]",
            "a, b",
            "it's",
            "say \"x\"",
            "line\nbreak",
            "\u{7}",
            "é 41µs",
            "*a",
            "&a",
            "!a",
            "a:",
            "?",
            "~",
            "nan",
            ".inf",
            "<= 2",
        ];
        for text in texts {
            for document in
                [format!("v: {}\n", yaml_scalar(text)), format!("{{v: {}, w: 1}}\n", yaml_scalar(text))]
            {
                let read: serde_json::Value = serde_saphyr::from_str(&document).unwrap();
                assert_eq!(read["v"], text, "{document}");
            }
        }
        assert_eq!(yaml_scalar("2026-11-21T10:15:32Z"), "2026-11-21T10:15:32Z");
    }

    #[test]
    fn markup_and_control_characters_are_only_text() {
        assert_eq!(markdown("<b>*a*</b> | `x`\nn"), "\\<b\\>\\*a\\*\\</b\\> \\| \\`x\\` n");
        assert_eq!(printable("a\u{1b}[2Jb\r\nc"), "a [2Jb  c");
    }
}
