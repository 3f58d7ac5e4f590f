//! When an exclusion recurs. Comes in: a rule of RFC 5545, a time zone, a first time. Goes out: the times between two
//! others, at most a given number. Never takes more than a bounded number of steps, whatever the rule.
//!
//! The rule is expanded over times without a zone, and each is then placed in the zone: a time that a clock skips is
//! taken by the offset before the gap, one that comes twice the first time, as RFC 5545, 3.3.5, asks.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::TimeZone as _;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use recurrence::{Frequency, RRule, Tz, Unvalidated};

/// By how much the range is widened for times without a zone: no zone is further from UTC.
const ZONES: SignedDuration = SignedDuration::from_hours(26);

/// Returns the times of a rule in `[between.0, between.1)`, ascending; the rule begins at `first`.
///
/// # Errors
/// What is wrong with the rule, and what is accepted; also more than `most` times.
pub(super) fn starts(
    rule: &str,
    zone: &TimeZone,
    first: Timestamp,
    between: (Timestamp, Timestamp),
    most: u16,
) -> Result<Vec<Timestamp>, String> {
    let local = first.to_zoned(zone.clone()).datetime();
    let wide = (
        between.0.saturating_sub(ZONES).map_err(|error| error.to_string())?,
        between.1.saturating_add(ZONES).map_err(|error| error.to_string())?,
    );
    let rule = rule.trim().to_ascii_uppercase();
    let rule = rule.strip_prefix("RRULE:").unwrap_or(&rule);
    let is_rule = |c: char| c.is_ascii_alphanumeric() || "=;,+-".contains(c);
    if !rule.contains(is_rule) || rule.contains(|c| !is_rule(c)) {
        return Err(format!("`{rule}` is not a rule of RFC 5545: accepted is e.g. FREQ=WEEKLY;BYDAY=SA"));
    }
    let until_placed = place_until(rule, zone)?;
    // The library's arithmetic is unchecked in places, and any caller may send the rule: a panic is a refusal.
    let expanded = catch_unwind(AssertUnwindSafe(|| expand(&until_placed, local, wide, most)));
    let times = expanded.unwrap_or_else(|_| Err("cannot be expanded".to_owned())).map_err(|problem| {
        format!("`{rule}`: {problem}: accepted is a rule of RFC 5545, e.g. FREQ=WEEKLY;BYDAY=SA")
    })?;
    let placed = times.into_iter().filter_map(|time| {
        let time = DateTime::from(Timestamp::from_second(time).ok()?.to_zoned(TimeZone::UTC));
        Some(time.to_zoned(zone.clone()).ok()?.timestamp())
    });
    let placed = placed.map(|time| keep_fraction(time, first));
    let mut times: Vec<_> = placed.filter(|time| (between.0..between.1).contains(time)).collect();
    times.dedup();
    Ok(times)
}

/// Rules count whole seconds; what is below is that of the first time.
fn keep_fraction(time: Timestamp, first: Timestamp) -> Timestamp {
    let fraction = SignedDuration::from_nanos(i64::from(first.subsec_nanosecond()));
    time.checked_add(fraction).unwrap_or(time)
}

/// Seconds since 1970, as if the zone were UTC.
fn expand(rule: &str, first: DateTime, wide: (Timestamp, Timestamp), most: u16) -> Result<Vec<i64>, String> {
    let rule: RRule<Unvalidated> = rule.parse().map_err(|error| format!("is not one: {error}"))?;
    match rule.get_freq() {
        Frequency::Secondly | Frequency::Minutely => return Err("is finer than hours".to_owned()),
        Frequency::Hourly | Frequency::Daily | Frequency::Weekly | Frequency::Monthly | Frequency::Yearly => {
        }
    }
    let utc = |seconds: i64| {
        Tz::from(chrono_tz::UTC)
            .timestamp_opt(seconds, 0)
            .single()
            .ok_or_else(|| "is about times that no calendar has".to_owned())
    };
    let seconds = first.to_zoned(TimeZone::UTC).map_err(|error| error.to_string())?.timestamp().as_second();
    let set = rule.build(utc(seconds)?).map_err(|error| format!("is not valid: {error}"))?;
    let set = set.after(utc(wide.0.as_second())?).before(utc(wide.1.as_second())?);
    let found = set.all(most.saturating_add(1));
    if found.dates.len() > usize::from(most) {
        return Err(format!("has more than {most} times in the interval that is checked"));
    }
    Ok(found.dates.iter().map(|date| date.timestamp()).collect())
}

/// The rule with its `UNTIL`, which RFC 5545 has in UTC, as the time in the zone that the expansion compares with.
fn place_until(rule: &str, zone: &TimeZone) -> Result<String, String> {
    let parts = rule.split(';').map(|part| match part.strip_prefix("UNTIL=") {
        None => Ok(part.to_owned()),
        Some(text) => {
            let accepted = || format!("`{text}` is no end: accepted is UNTIL=20261231T230000Z");
            let until = if let Some(utc) = text.strip_suffix('Z') {
                let utc = DateTime::strptime("%Y%m%dT%H%M%S", utc).map_err(|_| accepted())?;
                let utc = utc.to_zoned(TimeZone::UTC).map_err(|_| accepted())?;
                utc.with_time_zone(zone.clone()).datetime()
            } else if text.contains('T') {
                DateTime::strptime("%Y%m%dT%H%M%S", text).map_err(|_| accepted())?
            } else {
                let day = jiff::civil::Date::strptime("%Y%m%d", text).map_err(|_| accepted())?;
                day.at(23, 59, 59, 0)
            };
            Ok(format!("UNTIL={}Z", until.strftime("%Y%m%dT%H%M%S")))
        }
    });
    parts.collect::<Result<Vec<_>, String>>().map(|parts| parts.join(";"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn all(rule: &str, zone: &str, first: &str, until: &str) -> Result<Vec<String>, String> {
        let times = starts(rule, &TimeZone::get(zone).unwrap(), at(first), (at(first), at(until)), 100)?;
        Ok(times.iter().map(Timestamp::to_string).collect())
    }

    #[test]
    fn local_time_is_kept_over_both_changes_of_the_clock() {
        let spring =
            all("FREQ=DAILY", "Europe/Berlin", "2027-03-27T01:30:00Z", "2027-03-30T00:00:00Z").unwrap();
        // 02:30 does not exist on the 28th; by the offset before the gap it is 03:30 of summer time.
        assert_eq!(spring, ["2027-03-27T01:30:00Z", "2027-03-28T01:30:00Z", "2027-03-29T00:30:00Z"]);
        let autumn =
            all("FREQ=DAILY", "Europe/Berlin", "2026-10-24T00:30:00Z", "2026-10-27T00:00:00Z").unwrap();
        assert_eq!(autumn, ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    }

    #[test]
    fn a_rule_ends_at_its_until_or_count() {
        let weekly = "FREQ=WEEKLY;BYDAY=SA,SU;UNTIL=20261205T230000Z";
        let days = all(weekly, "Europe/Berlin", "2026-11-28T23:00:00Z", "2027-12-01T00:00:00Z").unwrap();
        assert_eq!(days, ["2026-11-28T23:00:00Z", "2026-12-04T23:00:00Z", "2026-12-05T23:00:00Z"]);
        let counted = all(
            "RRULE:FREQ=MONTHLY;BYDAY=-1FR;COUNT=2",
            "UTC",
            "2026-11-27T22:00:00.25Z",
            "2028-01-01T00:00:00Z",
        );
        assert_eq!(counted.unwrap(), ["2026-11-27T22:00:00.25Z", "2026-12-25T22:00:00.25Z"]);
    }

    #[test]
    #[expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "the law is how long it takes")]
    fn hostile_rules_end_soon_and_are_refused_or_empty() {
        let began = std::time::Instant::now();
        let cases = [
            ("FREQ=SECONDLY", Some("finer than hours")),
            ("FREQ=MINUTELY;INTERVAL=60", Some("finer than hours")),
            ("FREQ=HOURLY", Some("more than 100 times")),
            (
                "FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11;BYMINUTE=0,10,20,30,40,50;BYSECOND=0,30",
                Some("more than 100 times"),
            ),
            ("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", None),
            ("FREQ=YEARLY;INTERVAL=65535;BYMONTH=2;BYMONTHDAY=29", None),
            ("FREQ=DAILY;INTERVAL=0", None),
            ("FREQ=DAILY;COUNT=4294967295;INTERVAL=65535", None),
            ("FREQ=YEARLY;BYYEARDAY=366;BYSETPOS=-366;BYWEEKNO=53", None),
            ("FREQ=FORTNIGHTLY", Some("is not one")),
            ("FREQ=DAILY\nRRULE:FREQ=HOURLY", Some("is not a rule")),
            ("FREQ=DAILY;UNTIL=tomorrow", Some("is no end")),
            ("", Some("is not a rule")),
            ("\u{0}\u{ffff}=;;;==", Some("is not a rule")),
        ];
        for (rule, problem) in cases {
            match (all(rule, "UTC", "2026-11-21T00:00:00Z", "2027-11-21T00:00:00Z"), problem) {
                (Err(error), Some(problem)) => assert!(error.contains(problem), "{rule}: {error}"),
                (Err(_), None) => {}
                (Ok(times), None) => assert!(times.len() <= 1, "{rule}: {times:?}"),
                (Ok(times), Some(problem)) => panic!("{rule}: {problem}: {times:?}"),
            }
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    }
}
