//! Objectives of the configuration itself: their periods, budgeting methods and groups, refused values, and the
//! origins in warnings.

use std::path::PathBuf;
use std::process::Command;

use mapwarden_contract::{Nanos, Ratio};
use mapwarden_objective::{Calendar, CalendarUnit, Method, Period};
use mapwarden_sidecar::config::{Config, Overrides, Problems};

/// A folder with a configuration, removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, text: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("mapwarden-own-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("mapwarden.yaml"), text).unwrap();
        Self(folder)
    }

    fn overrides(&self) -> Overrides {
        Overrides { file: Some(self.0.join("mapwarden.yaml")), ..Overrides::default() }
    }

    /// Returns a text without the name of the folder.
    fn shown(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.0.display()), "")
    }

    fn problems(&self, result: Result<Config, Problems>) -> Vec<String> {
        result.unwrap_err().0.iter().map(|problem| self.shown(&problem.to_string())).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Returns a configuration of one objective with these fields beside the required ones.
fn own(more: &str) -> String {
    format!(
        "slos:\n  - {{name: a, service: shop, target: 0.99, latency: {{metric: m, threshold: 1s}}{more}}}\n"
    )
}

#[test]
fn periods_methods_and_groups_are_read() {
    let hours = |hours: u64| Nanos::from_secs(hours * 3_600);
    let month = Calendar {
        start: "2026-01-01 00:00:00".parse().unwrap(),
        count: 1,
        unit: CalendarUnit::Month,
        zone: jiff::tz::TimeZone::get("Europe/Zurich").unwrap(),
    };
    let (zurich, slice) = ("start_time: 2026-01-01 00:00:00, time_zone: Europe/Zurich", hours(1));
    let default = (Period::Rolling(hours(28 * 24)), Method::Occurrences);
    let cases = [
        ("nothing".to_owned(), String::new(), default.clone()),
        (
            "a week".to_owned(),
            ", time_window: {duration: 1w}".to_owned(),
            (Period::Rolling(hours(168)), Method::Occurrences),
        ),
        (
            "a month of the calendar".to_owned(),
            format!(", time_window: {{duration: 1M, is_rolling: false, calendar: {{{zurich}}}}}"),
            (Period::Calendar(month), Method::Occurrences),
        ),
        (
            "slices".to_owned(),
            ", budgeting_method: Timeslices, time_slice_target: 0.9, time_slice_window: 1h".to_owned(),
            (default.0.clone(), Method::Timeslices { slice, target: Ratio::new(0.9).unwrap() }),
        ),
        (
            "shares of slices".to_owned(),
            ", budgeting_method: RatioTimeslices, time_slice_window: 60".to_owned(),
            (default.0, Method::RatioTimeslices { slice }),
        ),
    ];
    for (name, more, expected) in cases {
        let folder = Folder::new("read", &format!("{}slo_period: 28d\n", own(&more)));
        let config = folder.overrides().load().unwrap();
        let got = config.slos.first().map(|slo| (slo.period.clone(), slo.method));
        assert_eq!(got, Some(expected), "{name}");
        // The flag is the period of objectives that declare none.
        let flag = Overrides { slo_period: Some("4d".to_owned()), ..folder.overrides() }.load().unwrap();
        let has_period = more.contains("time_window: ");
        let period = if has_period { config.slos[0].period.clone() } else { Period::Rolling(hours(96)) };
        assert_eq!((&flag.slos[0].period, flag.slo_period), (&period, Period::Rolling(hours(96))), "{name}");
    }
    let folder = Folder::new("groups", &own(", group_by: [cloud.region, tier]"));
    assert_eq!(folder.overrides().load().unwrap().slos[0].group_by, ["cloud.region", "tier"]);
}

#[test]
fn every_problem_is_reported_with_its_origin() {
    let text = "slos:
  - name: a
    service: shop
    target: 0.99
    queries: {error_ratio: 'avg_over_time(x[{{.window}}])'}
    time_window: {duration: 1M, calendar: {start_time: today, time_zone: Mars}}
    budgeting_method: Slices
    group_by: [cloud.region]
  - name: b
    service: shop
    target: 0.99
    latency: {metric: m, threshold: 1s}
    time_window: {duration: 1d}
    budgeting_method: RatioTimeslices
    time_slice_window: 1d
    time_slice_target: 0.9
    group_by: [tier, tier, 'a=b']
  - {name: c, service: shop, target: 0.99, latency: {metric: m, threshold: 1s}, time_slice_window: 1m}
  - {name: d, service: shop, target: 0.99, latency: {metric: m, threshold: 1s}, budgeting_method: Timeslices}
  - {name: e, service: shop, target: 0.99, latency: {metric: m, threshold: 1s}, time_window: 30d}
";
    let folder = Folder::new("wrong", text);
    let expected = [
        "6:56: `start_time`: `today` is not a time",
        "6:74: `time_zone`: `Mars` is not a time zone",
        "7:23: `budgeting_method`: `Slices` is not a budgeting method",
        "8:16: `group_by` has `cloud.region`, which is not a label name",
        "15:24: `time_slice_window` is not shorter than the time window",
        "16:5: `time_slice_target` has no effect with RatioTimeslices",
        "17:22: `group_by` has `tier`, which is declared twice",
        "17:28: `group_by` has `a=b`, which is not an attribute name",
        "18:81: `time_slice_window` has no effect with Occurrences",
        "19:5: `slos[]` lacks `time_slice_window`",
        "19:5: `slos[]` lacks `time_slice_target`",
        "20:94: `time_window` is `30d`: accepted is an object with duration, is_rolling, calendar",
    ];
    let problems = folder.problems(folder.overrides().load());
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(&format!("mapwarden.yaml:{expected}")), "{problem}");
    }
}

#[test]
fn an_alert_that_can_never_fire_is_reported_with_its_origin() {
    let text = "slos:
  - {name: sure, service: shop, target: 0.999, latency: {metric: m, threshold: 1s}}
  - {name: rough, service: shop, target: 0.9, latency: {metric: m, threshold: 1s}}
  - name: coarse
    service: shop
    target: 0.999
    latency: {metric: m, threshold: 1s}
    budgeting_method: RatioTimeslices
    time_slice_window: 20m
";
    let folder = Folder::new("never", text);
    let file = folder.0.join("mapwarden.yaml");
    let checked = Command::new(env!("CARGO_BIN_EXE_mapwarden")).arg("check").arg(&file).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let page = "the page above 14.4 times the budget over 1 h can never be raised";
    let expected = [
        format!("mapwarden.yaml:3:5: warning: {page}: with the target 0.9 an outage of everything"),
        format!("mapwarden.yaml:4:5: warning: {page}: it asks for 5 bad time slices"),
    ];
    let reported = folder.shown(&String::from_utf8(checked.stderr).unwrap());
    assert_eq!(reported.lines().count(), expected.len(), "{reported}");
    for (line, expected) in reported.lines().zip(expected) {
        assert!(line.starts_with(&expected), "{line}");
    }
    let started = folder.overrides().load().unwrap();
    let warnings: Vec<String> =
        started.warnings.iter().map(|warning| folder.shown(&warning.to_string())).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].starts_with(&format!("mapwarden.yaml:3:5: {page}")), "{warnings:?}");
}
