//! The figures as a picture: one band a scenario, throughput as bars, P99 as points on a logarithmic axis, thin lines
//! between the quartiles. The picture has a background of its own, so that it is readable on light and dark pages.

use std::fmt::Write as _;

use crate::drive::{Figures, Scenario};
use crate::maps::NAMES;
use crate::report::picture::{begin, line, text};
use crate::table::{operations, time};

const WIDTH: f64 = 960.0;
/// The space above the first band.
const HEAD: f64 = 64.0;
/// The space below the last band.
const FOOT: f64 = 34.0;
/// The distance between two maps.
const STEP: f64 = 20.0;
/// The height of a band's title.
const TITLE: f64 = 34.0;
/// The start of the bars, and the length of the longest.
const BARS: (f64, f64) = (112.0, 270.0);
/// The start of the P99's axis, and its length.
const AXIS: (f64, f64) = (500.0, 370.0);
/// The power of ten, in nanoseconds, at which the axis begins.
const SHORTEST: i32 = 1;

/// Returns the whole picture as SVG.
pub(crate) fn svg(scenarios: &[Scenario], figures: &[Vec<Figures>]) -> String {
    let band = TITLE + STEP * NAMES.len() as f64 + 10.0;
    let height = HEAD + band * scenarios.len() as f64 + FOOT;
    let mut out = begin((WIDTH, height), "Throughput and P99 of concurrent maps under contention");
    text(&mut out, (BARS.0, 32.0), "strong", "Operations a second, all threads");
    text(&mut out, (BARS.0, 50.0), "quiet", "longer is better; each band has its own scale");
    text(&mut out, (AXIS.0, 32.0), "strong", "P99 of one operation");
    text(&mut out, (AXIS.0, 50.0), "quiet", "further left is better; logarithmic");
    let longest = figures.iter().flatten().map(|it| it.p99.high).fold(1e5, f64::max);
    let axis =
        Axis { decades: (SHORTEST..).take_while(|decade| 10_f64.powi(*decade) < 10.0 * longest).collect() };
    for (row, (scenario, figures)) in scenarios.iter().zip(figures).enumerate() {
        draw_band(&mut out, HEAD + band * row as f64, (scenario, figures), &axis);
    }
    let note = "medians of the rounds; thin lines: the middle half of the rounds";
    text(&mut out, (BARS.0, height - 14.0), "quiet", note);
    out.push_str("</svg>\n");
    out
}

fn draw_band(out: &mut String, top: f64, (scenario, figures): (&Scenario, &[Figures]), axis: &Axis) {
    text(out, (16.0, top + 20.0), "strong", scenario.title);
    let bottom = top + TITLE + STEP * NAMES.len() as f64;
    for decade in &axis.decades {
        let nanos = 10_f64.powi(*decade);
        let x = axis.at(nanos);
        line(out, "grid", (x, top + TITLE - 6.0), (x, bottom - 4.0));
        if decade % 2 == 0 {
            let label = time(nanos);
            text(out, (x - 3.5 * label.len() as f64, top + 20.0), "quiet", &label);
        }
    }
    let largest = figures.iter().map(|it| it.throughput.high).fold(0.0, f64::max);
    for (row, (name, figures)) in NAMES.iter().zip(figures).enumerate() {
        let y = top + TITLE + STEP * row as f64;
        let (color, weight) = if row == 0 { ("ours", "strong") } else { ("other", "") };
        text(out, (16.0, y + 11.0), weight, name);
        let length = |value: f64| BARS.1 * value / largest;
        let Figures { throughput, p99 } = figures;
        let _ = writeln!(
            out,
            "<rect class=\"{color}\" x=\"{}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"13\" rx=\"2\"/>",
            BARS.0,
            length(throughput.median).max(1.0)
        );
        let range = (BARS.0 + length(throughput.low), BARS.0 + length(throughput.high));
        line(out, "range", (range.0, y + 6.5), (range.1, y + 6.5));
        text(out, (range.1.max(BARS.0) + 8.0, y + 11.0), weight, &operations(throughput.median));
        line(out, "range", (axis.at(p99.low), y + 6.5), (axis.at(p99.high), y + 6.5));
        let x = axis.at(p99.median);
        let _ = writeln!(out, "<circle class=\"{color}\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"5\"/>", y + 6.5);
        text(out, (axis.at(p99.high).max(x) + 10.0, y + 11.0), weight, &time(p99.median));
    }
}

/// The logarithmic axis of the P99, by its powers of ten, the same for all bands.
struct Axis {
    decades: Vec<i32>,
}

impl Axis {
    fn at(&self, nanos: f64) -> f64 {
        let steps = self.decades.len().saturating_sub(1) as f64;
        AXIS.0 + AXIS.1 * ((nanos.log10() - f64::from(SHORTEST)) / steps).clamp(0.0, 1.0)
    }
}
