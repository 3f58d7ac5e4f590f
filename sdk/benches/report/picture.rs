//! The parts of the benches' pictures: SVG with a background and colours of its own, for light and dark pages.

use std::fmt::Write as _;

/// A position, from the left and from the top.
pub(crate) type Point = (f64, f64);

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1f2328}.strong{font-weight:600}\
    .quiet{fill:#59636e;font-size:12px}.ground{fill:#fff;stroke:#d1d9e0}.grid{stroke:#d1d9e0}\
    .other{fill:#9aa4af}.ours{fill:#0969da}.third{fill:#bc4c00}.range{stroke:#1f2328;stroke-width:1.5}\
    line.other{stroke:#9aa4af}line.ours{stroke:#0969da}line.third{stroke:#bc4c00}\
    line.other,line.ours,line.third{stroke-width:2}\
    @media(prefers-color-scheme:dark){text{fill:#f0f6fc}.quiet{fill:#9198a1}\
    .ground{fill:#0d1117;stroke:#3d444d}.grid{stroke:#3d444d}.other{fill:#656c76}.ours{fill:#4493f8}\
    .third{fill:#f0883e}.range{stroke:#f0f6fc}line.other{stroke:#656c76}line.ours{stroke:#4493f8}\
    line.third{stroke:#f0883e}}";

/// Returns the head of a picture of this size. The caller writes the end, `</svg>`.
pub(crate) fn begin((width, height): (f64, f64), label: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"{label}\">\n<style>{STYLE}</style>\n\
         <rect class=\"ground\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n",
        width - 1.0,
        height - 1.0
    )
}

/// Writes a line of text.
pub(crate) fn text(out: &mut String, (x, y): Point, class: &str, text: &str) {
    let _ = writeln!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>");
}

/// Draws a straight line.
pub(crate) fn line(out: &mut String, class: &str, from: Point, to: Point) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let _ = writeln!(
        out,
        "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
    );
}
