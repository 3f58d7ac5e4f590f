//! What comes in: values as serde writes them (base units, RFC 3339, `{"missing": ...}`). What goes out: text for
//! people. Operators' templates may rely on these filters.

use jiff::Timestamp;
use minijinja::{Environment, Error, ErrorKind, Value};

use super::escape::missing_reason;
use crate::human;

/// Adds the filters to the environment.
pub(super) fn install(environment: &mut Environment<'static>) {
    environment.add_filter("percent", |value: &Value, digits: Option<usize>| {
        number(value, |ratio| human::percent(ratio, digits.unwrap_or(2)))
    });
    environment.add_filter("budget", |value: &Value| number(value, human::budget));
    environment.add_filter("target", |value: &Value| number(value, human::target));
    environment.add_filter("pp", |value: &Value| number(value, human::points));
    environment.add_filter("duration", |value: &Value| number(value, human::duration));
    environment.add_filter("latency", |value: &Value| number(value, human::latency));
    environment.add_filter("count", |value: &Value| number(value, human::thousands));
    environment.add_filter("factor", |value: &Value| {
        number(value, |factor| format!("x{}", human::thousands(factor)))
    });
    environment.add_filter("growth", |value: &Value| {
        number(value, |growth| human::signed(growth, format!("{:.0}%/h", growth * 100.0)))
    });
    environment.add_filter("sli", |value: &Value, unit: &str| match unit {
        "ratio" => number(value, |ratio| human::percent(ratio, 2)),
        _ => number(value, human::latency),
    });
    environment.add_filter("sli_delta", |value: &Value, unit: &str| match unit {
        "ratio" => number(value, human::points),
        _ => number(value, |seconds| human::signed(seconds, human::latency(seconds))),
    });
    environment.add_filter("times", |value: &Value| moment(value, human::time_of_day));
    environment.add_filter("moment", |value: &Value| moment(value, human::moment));
    environment.add_filter("seconds_since", seconds_since);
    environment.add_filter("is_missing", |value: &Value| missing_reason(value).is_some());
    environment.add_filter("fixed", |value: &Value, digits: usize| {
        number(value, |number| format!("{number:.digits$}"))
    });
    environment.add_filter("happened", happened);
    environment.add_filter("urlpath", |text: &str| url_path(text));
    environment.add_filter("burn", |value: &Value| number(value, burn));
    environment.add_filter("heat", |value: &Value| number(value, |burn| heat(burn).to_string()));
}

/// Formats a number, or the reason why there is none.
fn number(value: &Value, format: impl Fn(f64) -> String) -> Result<String, Error> {
    if let Some(words) = missing_reason(value) {
        return Ok(words);
    }
    if value.is_none() {
        return Ok("unknown".to_owned());
    }
    f64::try_from(value.clone()).map(format).map_err(|_| refused(value, "a number"))
}

/// Formats a point in time, or the reason why there is none.
fn moment(value: &Value, format: impl Fn(Timestamp) -> String) -> Result<String, Error> {
    match missing_reason(value) {
        Some(words) => Ok(words),
        None => timestamp(value).map(format),
    }
}

/// The seconds from another point in time to this one.
fn seconds_since(later: &Value, earlier: &Value) -> Result<f64, Error> {
    Ok(timestamp(later)?.duration_since(timestamp(earlier)?).as_secs_f64())
}

fn timestamp(value: &Value) -> Result<Timestamp, Error> {
    value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| refused(value, "an RFC 3339 time"))
}

fn refused(value: &Value, wanted: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("`{value}` is not {wanted}"))
}

/// Returns the operations of a map with a count above 0: every operation has an entry from the start.
fn happened(operations: &Value) -> Result<Vec<Value>, Error> {
    let mut with_count = Vec::new();
    for operation in operations.try_iter()? {
        let outcomes = operation.get_attr("outcomes")?;
        let mut counts = outcomes.try_iter()?.map(|outcome| outcomes.get_item(&outcome));
        if counts.any(|count| count.is_ok_and(|count| count.is_true())) {
            with_count.push(operation);
        }
    }
    Ok(with_count)
}

/// Encodes a name as one segment of a URL's path (RFC 3986, 2.3: what is unreserved stays).
fn url_path(name: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(encode).collect()
}

/// `14.4x`; three digits are enough to compare with a tier's factor.
fn burn(rate: f64) -> String {
    match rate {
        _ if rate >= 99.5 => format!("{}x", human::thousands(rate)),
        _ if rate >= 9.95 => format!("{rate:.1}x"),
        _ => format!("{rate:.2}x"),
    }
}

/// The colour step of a burn rate's cell: 0 for no burn, then one more for each factor of the tiers that it exceeds.
fn heat(rate: f64) -> usize {
    if rate <= 0.0 { 0 } else { 1 + [1.0, 3.0, 6.0, 14.4].iter().filter(|factor| rate > **factor).count() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment_of_a_path() {
        assert_eq!(url_path("GET /a?b é"), "GET%20%2Fa%3Fb%20%C3%A9");
    }

    #[test]
    fn heat_steps_at_the_factors_of_the_tiers() {
        let cases = [(0.0, 0), (0.4, 1), (1.0, 1), (1.1, 2), (5.0, 3), (14.4, 4), (15.0, 5)];
        for (rate, expected) in cases {
            assert_eq!(heat(rate), expected, "{rate}");
        }
    }
}
