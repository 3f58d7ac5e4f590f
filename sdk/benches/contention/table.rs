//! The figures as text: one Markdown table for throughput, one for the P99.

use crate::drive::{Figures, Scenario};
use crate::maps::NAMES;
use crate::report::spread::Spread;

/// Writes operations a second with three digits: `12.3 M/s`.
pub(crate) fn operations(per_second: f64) -> String {
    scaled(per_second, 1000.0, &["/s", "k/s", "M/s", "G/s"])
}

/// Writes nanoseconds with three digits: `1.25 ms`.
pub(crate) fn time(nanos: f64) -> String {
    scaled(nanos, 1000.0, &["ns", "µs", "ms", "s"])
}

fn scaled(mut value: f64, step: f64, units: &[&str]) -> String {
    let mut units = units.iter();
    let mut unit = units.next();
    while value >= 999.5 {
        let Some(larger) = units.next() else { break };
        value /= step;
        unit = Some(larger);
    }
    let digits = match value {
        ..9.995 if value.fract() != 0.0 => 2,
        ..99.95 if value.fract() != 0.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {}", unit.copied().unwrap_or_default())
}

/// Returns both tables.
pub(crate) fn markdown(scenarios: &[Scenario], figures: &[Vec<Figures>]) -> String {
    let throughput = rows(scenarios, figures, "operations a second", (|it| it.throughput, operations));
    let p99 = rows(scenarios, figures, "P99 of one operation", (|it| it.p99, time));
    format!("{throughput}\n{p99}")
}

/// A figure, and how it is written.
type Column = (fn(&Figures) -> Spread, fn(f64) -> String);

fn rows(scenarios: &[Scenario], figures: &[Vec<Figures>], title: &str, (figure, unit): Column) -> String {
    let mut table = format!("| {title} | {} |\n|---|{}\n", NAMES.join(" | "), "--:|".repeat(NAMES.len()));
    for (scenario, figures) in scenarios.iter().zip(figures) {
        let cells: Vec<String> = figures
            .iter()
            .map(|it| {
                let spread = figure(it);
                format!("{} ±{:.0} %", unit(spread.median), 100.0 * spread.half() / spread.median)
            })
            .collect();
        table.push_str(&format!("| {} | {} |\n", scenario.title, cells.join(" | ")));
    }
    table
}
