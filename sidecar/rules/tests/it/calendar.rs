//! Budgets of calendar periods in rules, under a real promtool with its clock moved to the end of a period: the rules
//! record the same beginning as the calendar, and sum the slots since then and none before.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use mapwarden_contract::{Ratio, Verdict};
use mapwarden_objective::{Calendar, CalendarUnit, Expression, Indicator, Period, Queried, Queries, Slo};
use mapwarden_rules::{ObjectiveRules, RuleTarget};

use crate::promtool::{folder, promtool};

const IDENTITY: &str = r#"{sloth_id="shop-calls",sloth_service="shop",sloth_slo="calls"}"#;

fn slo(calendar: &Calendar) -> Slo {
    let queries = Queries::Ratio { share: Expression::new("failing"), is: Verdict::Bad };
    let indicator = Indicator::Queried(Queried { source: None, queries });
    let mut slo = Slo::new("shop", "calls", Ratio::new(0.9).unwrap(), indicator);
    slo.period = Period::Calendar(calendar.clone());
    slo
}

/// Returns the beginning of the period of a time, counted up from the start of the calendar.
fn beginning(calendar: &Calendar, now: Timestamp) -> Timestamp {
    let at = |number: i64| {
        let units = number * i64::from(calendar.count);
        let span = match calendar.unit {
            CalendarUnit::Day => Span::new().days(units),
            CalendarUnit::Week => Span::new().weeks(units),
            CalendarUnit::Month => Span::new().months(units),
            CalendarUnit::Quarter => Span::new().months(3 * units),
            CalendarUnit::Year => Span::new().years(units),
        };
        (calendar.start + span).to_zoned(calendar.zone.clone()).unwrap().timestamp()
    };
    (0..).map(at).take_while(|start| *start <= now).last().unwrap()
}

/// Runs the rules from a time on for some minutes, each with one event of which half fails, and reads values in the
/// minutes `asked`. The first evaluation is at 0.
fn try_out(name: &str, calendar: &Calendar, from: Timestamp, minutes: i64, asked: &[i64]) {
    let folder = folder("calendar");
    let written = ObjectiveRules::new(&slo(calendar), &[]).unwrap();
    let moved = format!("(time() + {})", from.as_second());
    let rules = written.rules(RuleTarget::Prometheus).replace("time()", &moved);
    assert!(rules.contains(&moved));
    std::fs::write(folder.join(format!("{name}.yaml")), rules).unwrap();
    let questions: String = asked.iter().map(|minute| questions(calendar, from, *minute)).collect();
    let groups = ["sli", "sli-long", "meta", "alerts"].map(|kind| format!("mapwarden-slo-{kind}-shop-calls"));
    let test = format!(
        "rule_files: [../{name}.yaml]\nevaluation_interval: 1m\ngroup_eval_order: [{}]\ntests:\n  - interval: 1m\n    \
         input_series:\n      - {{series: failing, values: '0.5x{minutes}'}}\n    promql_expr_test:\n{questions}",
        groups.join(", "),
    );
    let file = folder.join(format!("tests/{name}.test.yaml"));
    std::fs::write(&file, test).unwrap();
    let (is_good, output) = promtool(&["test", "rules"], &file);
    assert!(is_good, "{name}: {output}");
}

/// Returns tests of the beginning of the period, its events since the first minute, and its coverage.
fn questions(calendar: &Calendar, from: Timestamp, minute: i64) -> String {
    let middle = |minute: i64| from + Span::new().minutes(minute - 1);
    let start = beginning(calendar, middle(minute));
    let of_period = i32::try_from((0..=minute).filter(|minute| middle(*minute) >= start).count()).unwrap();
    let elapsed = i32::try_from(middle(minute).duration_since(start).as_secs() / 60 + 1).unwrap();
    [
        ("mapwarden:period_start:timestamp", start.as_second().to_string()),
        ("mapwarden:sli_total:increase_period", of_period.to_string()),
        ("mapwarden:sli_bad:increase_period", (0.5 * f64::from(of_period)).to_string()),
        ("mapwarden:sli_coverage:ratio_period", (f64::from(of_period) / f64::from(elapsed)).to_string()),
        ("slo:period_burn_rate:ratio", "5".to_owned()),
    ]
    .iter()
    .map(|(name, value)| {
        format!(
            "      - {{expr: 'sum({name}{IDENTITY})', eval_time: {minute}m, exp_samples: [{{labels: '{{}}', value: {value}}}]}}\n"
        )
    })
    .collect()
}

fn calendar(start: &str, count: u32, unit: CalendarUnit, zone: &str) -> Calendar {
    Calendar { start: start.parse().unwrap(), count, unit, zone: TimeZone::get(zone).unwrap() }
}

#[test]
#[ignore = "needs promtool: `tests/run sidecar` installs and runs it"]
fn a_period_begins_in_rules_as_in_its_zone() {
    use CalendarUnit::{Day, Month, Quarter, Week, Year};
    // (name, the start that the calendar names, units, of which, the zone, a moment at which one begins)
    let cases = [
        ("month-after-a-leap-day", "2026-01-01T00:00", 1, Month, "UTC", "2028-03-01T00:00:00Z"),
        ("month-in-winter", "2026-01-01T00:00", 1, Month, "Europe/Berlin", "2026-10-31T23:00:00Z"),
        ("month-in-summer", "2026-01-01T00:00", 1, Month, "Europe/Berlin", "2027-03-31T22:00:00Z"),
        ("month-from-the-15th", "2026-01-15T06:00", 1, Month, "Europe/Berlin", "2027-01-15T05:00:00Z"),
        ("two-months", "2026-02-01T00:00", 2, Month, "America/New_York", "2026-12-01T05:00:00Z"),
        ("day-of-25-hours", "2026-01-01T00:00", 1, Day, "Europe/Berlin", "2026-10-24T22:00:00Z"),
        ("day-after-25-hours", "2026-01-01T00:00", 1, Day, "Europe/Berlin", "2026-10-25T23:00:00Z"),
        ("day-of-23-hours", "2026-01-01T00:00", 1, Day, "Europe/Berlin", "2027-03-27T23:00:00Z"),
        ("day-after-23-hours", "2026-01-01T00:00", 1, Day, "Europe/Berlin", "2027-03-28T22:00:00Z"),
        ("midnight-twice", "2026-01-01T00:00", 1, Day, "America/Havana", "2026-11-01T04:00:00Z"),
        ("midnight-never", "2026-01-01T00:00", 1, Day, "America/Santiago", "2026-09-06T04:00:00Z"),
        ("half-an-hour", "2026-01-01T00:00", 1, Day, "Australia/Lord_Howe", "2026-10-04T13:00:00Z"),
        ("two-weeks", "2026-01-05T00:00", 2, Week, "Europe/Berlin", "2026-11-08T23:00:00Z"),
        ("quarter", "2026-01-01T00:00", 1, Quarter, "Asia/Kolkata", "2026-09-30T18:30:00Z"),
        ("fiscal-year", "2026-07-01T00:00", 1, Year, "Australia/Sydney", "2031-06-30T14:00:00Z"),
    ];
    for (name, start, count, unit, zone, begins) in cases {
        let calendar = calendar(start, count, unit, zone);
        let begins: Timestamp = begins.parse().unwrap();
        assert_eq!(beginning(&calendar, begins), begins, "{name}");
        // The slot of the 5th minute is the last of the previous period.
        try_out(name, &calendar, begins - Span::new().minutes(5), 90, &[2, 5, 6, 7, 66, 67, 80]);
    }
}

#[test]
#[ignore = "needs promtool: `tests/run sidecar` installs and runs it"]
fn days_of_25_and_23_hours_are_summed_to_their_end() {
    let day = calendar("2026-01-01T00:00", 1, CalendarUnit::Day, "Europe/Berlin");
    for (name, begins, hours) in
        [("all-of-25-hours", "2026-10-24T22:00:00Z", 25), ("all-of-23-hours", "2027-03-27T23:00:00Z", 23)]
    {
        let from = begins.parse::<Timestamp>().unwrap() - Span::new().minutes(5);
        let last = 5 + 60 * hours;
        try_out(name, &day, from, last + 3, &[6, last / 2, last, last + 1, last + 2]);
    }
}
