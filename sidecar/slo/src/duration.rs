//! Comes in: durations as OpenSLO and Prometheus write them. Goes out: nanoseconds, or counts of calendar units. Never
//! guesses a unit.

use mapwarden_contract::Nanos;
use mapwarden_objective::{CalendarUnit, Period};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The accepted form of a [`Shorthand`], for messages.
pub(super) const SHORTHAND: &str = "a whole number and one of m, h, d, w, M, Q, Y: 5m, 12h, 30d, 4w, 1M";

/// The accepted form of [`prometheus`], for messages.
pub(super) const PROMETHEUS: &str = "a time as Prometheus writes it: 5m, 1h30m, 30d, 4w";

/// OpenSLO's `duration-shorthand`: a whole number above zero and one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shorthand {
    /// The number of units.
    pub(super) count: u32,
    unit: ShorthandUnit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ShorthandUnit {
    Minute,
    Hour,
    Calendar(CalendarUnit),
}

impl Shorthand {
    /// Parses `30d`. Returns none for anything else, and for durations over 100 years.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let unit = match text.chars().next_back()? {
            'm' => ShorthandUnit::Minute,
            'h' => ShorthandUnit::Hour,
            'd' => ShorthandUnit::Calendar(CalendarUnit::Day),
            'w' => ShorthandUnit::Calendar(CalendarUnit::Week),
            'M' => ShorthandUnit::Calendar(CalendarUnit::Month),
            'Q' => ShorthandUnit::Calendar(CalendarUnit::Quarter),
            'Y' => ShorthandUnit::Calendar(CalendarUnit::Year),
            _ => return None,
        };
        let digits = text.get(..text.len().checked_sub(1)?)?;
        let count = whole(digits).and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0)?;
        let shorthand = Self { count, unit };
        shorthand.seconds().map(|_| shorthand)
    }

    /// Returns the duration, where a month has 30 days, a quarter 90 and a year 365.
    pub(super) fn rolling(self) -> Nanos {
        Nanos::from_secs(self.seconds().unwrap_or(u64::MAX))
    }

    /// Returns the calendar unit; none for minutes and hours, which are not calendar units.
    pub(super) fn calendar(self) -> Option<CalendarUnit> {
        match self.unit {
            ShorthandUnit::Minute | ShorthandUnit::Hour => None,
            ShorthandUnit::Calendar(unit) => Some(unit),
        }
    }

    fn seconds(self) -> Option<u64> {
        let unit = match self.unit {
            ShorthandUnit::Minute => MINUTE,
            ShorthandUnit::Hour => HOUR,
            ShorthandUnit::Calendar(unit) => unit.round_days() * DAY,
        };
        limited(u64::from(self.count).checked_mul(unit)?)
    }
}

/// Parses a duration as Prometheus writes it, `1h30m`: units from the largest to the smallest, each at most once.
pub(super) fn prometheus(text: &str) -> Option<Nanos> {
    const UNITS: [(&str, u64); 7] = [
        ("y", 365 * DAY * 1_000),
        ("w", 7 * DAY * 1_000),
        ("d", DAY * 1_000),
        ("h", HOUR * 1_000),
        ("m", MINUTE * 1_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    let (mut rest, mut millis, mut units) = (text, 0_u64, UNITS.iter());
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let (count, after) = rest.split_at_checked(digits)?;
        let letters = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(letters)?;
        let (_, factor) = units.find(|(name, _)| *name == unit)?;
        millis = millis.checked_add(whole(count)?.checked_mul(*factor)?)?;
        rest = next;
    }
    limited(millis.div_ceil(1_000))?;
    Some(Nanos::from_millis(millis)).filter(|span| *span > Nanos::ZERO)
}

/// Parses a number that consists of digits only.
fn whole(digits: &str) -> Option<u64> {
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// Returns none above 100 years, which is longer than any period and far from where nanoseconds overflow.
fn limited(seconds: u64) -> Option<u64> {
    Some(seconds).filter(|seconds| *seconds <= 100 * 365 * DAY)
}

/// Parses a rolling period as Prometheus writes durations: `28d`, `4w`.
pub fn parse_period(text: &str) -> Option<Period> {
    prometheus(text.trim()).map(Period::Rolling)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorthand_is_one_number_and_one_unit() {
        let cases = [
            ("5m", Some((300, None))),
            ("12h", Some((43_200, None))),
            ("30d", Some((2_592_000, Some(CalendarUnit::Day)))),
            ("4w", Some((2_419_200, Some(CalendarUnit::Week)))),
            ("1M", Some((2_592_000, Some(CalendarUnit::Month)))),
            ("1Q", Some((7_776_000, Some(CalendarUnit::Quarter)))),
            ("1Y", Some((31_536_000, Some(CalendarUnit::Year)))),
            ("0d", None),
            ("-1d", None),
            ("+1d", None),
            ("1.5h", None),
            ("1h30m", None),
            ("30", None),
            ("d", None),
            ("", None),
            ("1y", None),
            ("9999999999Y", None),
            ("101Y", None),
            ("1é", None),
        ];
        for (text, expected) in cases {
            let got = Shorthand::parse(text)
                .map(|shorthand| (shorthand.rolling().get() / 1_000_000_000, shorthand.calendar()));
            assert_eq!(got, expected, "{text}");
        }
    }

    #[test]
    fn durations_are_parsed_as_prometheus_does() {
        let cases = [
            ("5m", Some(300_000)),
            ("1h30m", Some(5_400_000)),
            ("30d", Some(2_592_000_000)),
            ("1y", Some(31_536_000_000)),
            ("36h", Some(129_600_000)),
            ("1m500ms", Some(60_500)),
            ("500ms", Some(500)),
            ("30m1h", None),
            ("1h1h", None),
            ("0s", None),
            ("5", None),
            ("m", None),
            ("", None),
            ("1M", None),
            ("99999999999999999999y", None),
            ("5m ", None),
        ];
        for (text, expected) in cases {
            assert_eq!(prometheus(text), expected.map(Nanos::from_millis), "{text}");
        }
    }
}
