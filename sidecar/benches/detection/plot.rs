//! The figures as a picture: false pages over the rate, and the time to a page over the rate, with one line for each
//! policy. On a background of its own, so that it is legible on light and on dark pages.

use std::fmt::Write as _;

use crate::figures::{FAULTS, Figures, KINDS, RATES, STEADY};
use crate::policy::POLICIES;
use crate::report::picture::{Point, begin, line, text};
use crate::simulate::BLIND;
use crate::table::time;

const WIDTH: f64 = 1_080.0;
const HEIGHT: f64 = 1_000.0;
/// The size of one chart's field.
const FIELD: (f64, f64) = (265.0, 190.0);
/// Where the fields of the columns begin.
const COLUMNS: [f64; 3] = [75.0, 425.0, 775.0];
/// Where the fields of the rows of false pages begin.
const FALSE: [f64; 2] = [120.0, 410.0];
/// Where the fields of the row of times begin.
const TIMES: f64 = 735.0;
/// How far above its fields the heading of a row stands.
const HEADING: f64 = 46.0;
/// The faults that are shown.
const SHOWN: [usize; 3] = [0, 2, 5];

/// Where the names of the policies stand.
const NAMES: [f64; 3] = [75.0, 225.0, 375.0];

/// The lines of the policies, in their order.
const CLASSES: [&str; 3] = ["other", "ours", "third"];

/// Returns the height of a value in a chart: from 0 at the bottom to 1 at the top.
struct Axis {
    marks: Vec<(f64, String)>,
    height: fn(f64) -> f64,
}

/// One chart.
struct Chart<'a> {
    title: String,
    at: Point,
    axis: &'a Axis,
    /// By rate and policy.
    values: Vec<Vec<f64>>,
}

/// Returns the whole picture as SVG.
pub(crate) fn svg(figures: &Figures) -> String {
    let mut out = begin((WIDTH, HEIGHT), "False pages and time to a page by rate of requests");
    for (left, (policy, class)) in NAMES.iter().zip(POLICIES.iter().zip(CLASSES)) {
        line(&mut out, class, (*left, 26.0), (*left + 26.0, 26.0));
        text(&mut out, (*left + 34.0, 30.0), "strong", policy.name);
    }
    let pages = Axis {
        marks: [0.0, 0.1, 1.0, 10.0, 100.0, 1_000.0].map(|pages| (pages, format!("{pages}"))).into(),
        height: |pages| if pages > 0.0 { 0.1 + 0.9 * (pages.log10() + 1.3) / 4.3 } else { 0.0 },
    };
    let delay = Axis {
        marks: [1.0, 10.0, 60.0, 600.0, 3_600.0, BLIND as f64].map(|seconds| (seconds, time(seconds))).into(),
        height: |seconds| seconds.min(BLIND as f64).max(1.0).ln() / (BLIND as f64).ln(),
    };
    let allowed = STEADY.iter().position(|steady| *steady == 1.0).unwrap_or(0);
    text(&mut out, (COLUMNS[0] - 60.0, FALSE[0] - HEADING), "strong", "False pages in 30 days");
    let places = FALSE.iter().flat_map(|row| COLUMNS.iter().map(move |column| (*column, *row)));
    for (at, ((_, kind), by_steady)) in places.zip(KINDS.iter().zip(&figures.pages)) {
        let title = format!("errors {kind}");
        draw(&mut out, &Chart { title, at, axis: &pages, values: by_steady[allowed].clone() });
    }
    text(&mut out, (COLUMNS[0] - 60.0, TIMES - HEADING), "strong", "Time to a page, median");
    for (column, fault) in COLUMNS.iter().zip(SHOWN) {
        let title = FAULTS[fault].name.to_owned();
        let medians =
            |policies: &Vec<_>| policies.iter().map(|delay: &crate::figures::Delay| delay.median).collect();
        let values = figures.delays[fault].iter().map(medians).collect();
        draw(&mut out, &Chart { title, at: (*column, TIMES), axis: &delay, values });
    }
    text(
        &mut out,
        (COLUMNS[0], HEIGHT - 14.0),
        "quiet",
        "simulated; further down is better in all of them; for the false pages, exactly what is allowed fails",
    );
    out.push_str("</svg>\n");
    out
}

fn draw(out: &mut String, chart: &Chart<'_>) {
    let (left, top) = chart.at;
    let x = |rate: usize| left + FIELD.0 * rate as f64 / (RATES.len() - 1) as f64;
    let y = |value: f64| top + FIELD.1 * (1.0 - (chart.axis.height)(value).clamp(0.0, 1.0));
    text(out, (left - 60.0, top - 18.0), "strong", &chart.title);
    for (value, name) in &chart.axis.marks {
        line(out, "grid", (left, y(*value)), (left + FIELD.0, y(*value)));
        text(out, (left - 60.0, y(*value) + 4.0), "quiet", name);
    }
    for (rate, (_, name)) in RATES.iter().enumerate() {
        let width = 3.0 * name.len() as f64;
        text(out, (x(rate) - width, top + FIELD.1 + 20.0 + 14.0 * (rate % 2) as f64), "quiet", name);
    }
    for (policy, class) in CLASSES.iter().enumerate().take(POLICIES.len()) {
        let points: Vec<Point> =
            chart.values.iter().enumerate().map(|(rate, values)| (x(rate), y(values[policy]))).collect();
        for pair in points.windows(2) {
            line(out, class, pair[0], pair[1]);
        }
        for (x, y) in points {
            let _ = writeln!(out, "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>");
        }
    }
}
