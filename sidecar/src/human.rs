//! What comes in: numbers in base units. What goes out: text for people, with its unit. Never rounds to all or nothing:
//! 99.9996 % is not 100 %, and one user in a million is not 0 %.

use jiff::{Timestamp, Unit};

/// Formats a ratio as `99.94%`; without decimals from 1000 % (an overspent budget) on. Adds digits where fewer would
/// show 0 % or 100 % for a ratio that is neither.
pub(crate) fn percent(ratio: f64, digits: usize) -> String {
    let value = ratio * 100.0;
    let digits = if value.abs() >= 1000.0 { 0 } else { digits };
    let mut text = format!("{value:.digits$}");
    for digits in digits + 1..=6 {
        let claims_nothing = ratio != 0.0 && text.parse() == Ok(0.0);
        let claims_all = ratio != 1.0 && text.parse() == Ok(100.0);
        if !claims_nothing && !claims_all {
            break;
        }
        text = format!("{value:.digits$}");
    }
    format!("{text}%")
}

/// Formats what is left of a budget as `41.3% left`, or how many times it is spent as `spent 9.9x`.
pub(crate) fn budget(remaining: f64) -> String {
    if remaining >= 0.0 {
        format!("{} left", percent(remaining, 1))
    } else {
        format!("spent {:.1}x", 1.0 - remaining)
    }
}

/// Formats an objective's target as `99.9%`, with every digit.
pub(crate) fn target(ratio: f64) -> String {
    let digits = format!("{:.6}", ratio * 100.0);
    format!("{}%", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// Formats a difference of two ratios as `-7.84pp`.
pub(crate) fn points(delta: f64) -> String {
    format!("{:+.2}pp", delta * 100.0)
}

/// Formats a duration as `410ms`, `2.9s` or `2h10m`: two to three digits, the largest units that show them.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 0.0 {
        return format!("-{}", duration(-seconds));
    }
    if seconds == 0.0 {
        return "0s".to_owned();
    }
    for (unit, name, limit) in
        [(1e-9, "ns", 1000.0), (1e-6, "µs", 1000.0), (1e-3, "ms", 1000.0), (1.0, "s", 60.0)]
    {
        let value = seconds / unit;
        let text = if value < 9.95 { format!("{value:.1}") } else { format!("{value:.0}") };
        if text.parse::<f64>().is_ok_and(|rounded| rounded < limit) {
            return format!("{}{name}", text.strip_suffix(".0").unwrap_or(&text));
        }
    }
    for (large, small, names, limit) in [
        (60.0, 1.0, ("m", "s"), 60.0),
        (3_600.0, 60.0, ("h", "m"), 24.0),
        (86_400.0, 3_600.0, ("d", "h"), 1e9),
    ] {
        let rounded = (seconds / small).round() * small;
        let (whole, rest) = ((rounded / large).floor(), ((rounded % large) / small).round());
        if whole < limit {
            let tail = if rest > 0.0 { format!("{rest}{}", names.1) } else { String::new() };
            return format!("{whole}{}{tail}", names.0);
        }
    }
    "centuries".to_owned()
}

/// Formats a latency SLI as `2850ms`, in whole milliseconds from 10 ms on.
pub(crate) fn latency(seconds: f64) -> String {
    let millis = seconds.abs() * 1e3;
    match millis {
        _ if millis >= 9.95 => format!("{:.0}ms", seconds * 1e3),
        _ => duration(seconds),
    }
}

/// Puts a `+` before the text of a number that is not negative.
pub(crate) fn signed(number: f64, text: String) -> String {
    if number < 0.0 { text } else { format!("+{text}") }
}

/// Formats a number as `1,284`; fractions below ten keep one digit.
pub(crate) fn thousands(number: f64) -> String {
    let is_small = number.abs() < 9.95 && number.fract() != 0.0;
    let digits = if is_small { format!("{number:.1}") } else { format!("{number:.0}") };
    if is_small {
        return digits;
    }
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |rest| ("-", rest));
    let mut text = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a point in time as `10:15:21Z`.
pub(crate) fn time_of_day(at: Timestamp) -> String {
    at.strftime("%H:%M:%SZ").to_string()
}

/// Formats a point in time as `2026-11-21T10:15:32Z`.
pub(crate) fn moment(at: Timestamp) -> String {
    at.round(Unit::Second).unwrap_or(at).to_string()
}

/// Cuts a text to at most `limit` bytes at a line's end, and appends how many lines are left out and where they are.
/// The templates put the most important lines first, so that the least important ones are cut.
pub(crate) fn shorten(text: &str, limit: usize, full_text_at: &str) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let lines: Vec<&str> = text.lines().collect();
    for kept in (1..lines.len()).rev() {
        let left_out = lines.len() - kept;
        let head = lines.iter().take(kept).copied().collect::<Vec<_>>().join("\n");
        let short = format!("{head}\n({left_out} more lines: {full_text_at})\n");
        if short.len() <= limit {
            return short;
        }
    }
    let mut short: String = lines.first().copied().unwrap_or_default().to_owned();
    while short.len() + '…'.len_utf8() > limit && short.pop().is_some() {}
    short + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_never_claims_all_or_nothing() {
        let cases = [
            (0.9994, 2, "99.94%"),
            (0.413, 1, "41.3%"),
            (0.83, 0, "83%"),
            (0.1, 0, "10%"),
            (0.01, 0, "1%"),
            (1.0, 2, "100.00%"),
            (0.0, 1, "0.0%"),
            (0.999_996, 2, "99.9996%"),
            (0.000_003, 1, "0.0003%"),
            (0.999, 0, "99.9%"),
            (-0.25, 1, "-25.0%"),
            (-1.0, 1, "-100.0%"),
            (-223.239, 1, "-22324%"),
        ];
        for (ratio, digits, expected) in cases {
            assert_eq!(percent(ratio, digits), expected, "{ratio} to {digits} digits");
        }
    }

    #[test]
    fn durations_use_the_largest_units() {
        let cases = [
            (0.0, "0s"),
            (0.000_000_85, "850ns"),
            (0.000_041, "41µs"),
            (0.000_999_7, "1ms"),
            (0.0025, "2.5ms"),
            (0.41, "410ms"),
            (2.9, "2.9s"),
            (11.0, "11s"),
            (59.7, "1m"),
            (148.0, "2m28s"),
            (3_599.9, "1h"),
            (7_800.0, "2h10m"),
            (273_600.0, "3d4h"),
            (2_592_000.0, "30d"),
            (-4.0, "-4s"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(duration(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn latencies_and_counts() {
        for (ratio, expected) in
            [(0.999, "99.9%"), (0.99, "99%"), (0.9, "90%"), (0.975, "97.5%"), (0.99999, "99.999%")]
        {
            assert_eq!(target(ratio), expected);
        }
        assert_eq!(latency(2.85), "2850ms");
        assert_eq!(signed(2.53, latency(2.53)), "+2530ms");
        assert_eq!(latency(0.000_04), "40µs");
        assert_eq!(points(-0.0784), "-7.84pp");
        let cases =
            [(0.0, "0"), (7.25, "7.2"), (999.0, "999"), (1284.0, "1,284"), (-1_000_000.0, "-1,000,000")];
        for (number, expected) in cases {
            assert_eq!(thousands(number), expected, "{number}");
        }
    }

    #[test]
    fn a_long_text_loses_its_last_lines() {
        let text = "first line\nsecond line\nthird line\nfourth line\n";
        assert_eq!(shorten(text, 200, "/n"), text);
        assert_eq!(shorten(text, 45, "/n"), "first line\nsecond line\n(2 more lines: /n)\n");
        assert_eq!(shorten(text, 9, "/n"), "first …");
    }
}
