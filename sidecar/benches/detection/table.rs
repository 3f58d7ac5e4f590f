//! The figures as Markdown tables.

use crate::figures::{Delay, Effort, FAULTS, Fault, Figures, KINDS, RATES, STEADY};
use crate::policy::POLICIES;
use crate::simulate::BLIND;

/// Returns all tables.
pub(crate) fn markdown(effort: &Effort, figures: &Figures) -> String {
    let names = POLICIES.map(|policy| policy.name).join(" / ");
    let mut text = format!(
        "False pages in 30 days, of the first {} days of {} services for each figure: {names}.\n",
        effort.days, effort.services
    );
    for ((_, kind), by_steady) in KINDS.iter().zip(&figures.pages) {
        text += &format!("\n{}", head(&format!("errors {kind}, of what is allowed")));
        for (steady, by_rate) in STEADY.iter().zip(by_steady) {
            text += &row(&format!("{:.0} %", 100.0 * steady), by_rate, |pages| number(*pages));
        }
    }
    text += &format!(
        "\nTime from the beginning of a fault to the page, of {} faults for each figure, the median: {names}.\n\n{}",
        effort.faults,
        head("fault")
    );
    for (Fault { name, .. }, by_rate) in FAULTS.iter().zip(&figures.delays) {
        text += &row(name, by_rate, |delay: &Delay| time(delay.median));
    }
    text += &format!("\nThe same, by when nineteen of twenty were paged.\n\n{}", head("fault"));
    for (Fault { name, .. }, by_rate) in FAULTS.iter().zip(&figures.delays) {
        text += &row(name, by_rate, |delay: &Delay| time(delay.late));
    }
    text
}

fn head(title: &str) -> String {
    let rates = RATES.map(|(_, name)| name).join(" | ");
    format!("| {title} | {rates} |\n|---|{}\n", "--:|".repeat(RATES.len()))
}

fn row<T>(title: &str, by_rate: &[Vec<T>], cell: impl Fn(&T) -> String) -> String {
    let cells: Vec<String> =
        by_rate.iter().map(|policies| policies.iter().map(&cell).collect::<Vec<_>>().join(" / ")).collect();
    format!("| {title} | {} |\n", cells.join(" | "))
}

fn number(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        ..9.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Formats seconds: `45 s`, `12 min`.
pub(crate) fn time(seconds: f64) -> String {
    match seconds {
        _ if seconds > BLIND as f64 => format!("> {} h", BLIND / 3_600),
        ..119.5 => format!("{seconds:.0} s"),
        ..7_200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3_600.0),
    }
}
