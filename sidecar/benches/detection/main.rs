//! How often the default policy pages without a fault and how soon with one, beside plain burn-rate tiers, from
//! one request a minute to 100,000 a second.
//!
//! ```text
//! cargo bench -p mapwarden-sidecar --bench detection            # minutes; fills docs/detection.md, docs/detection.svg
//! cargo bench -p mapwarden-sidecar --bench detection -- --quick # seconds, rough; --write fills them too
//! ```
//!
//! Traffic is drawn as counts of slots, not as events, and counted by the sidecar's own slots; at each step the
//! sidecar's own evaluation gives one budget, of which every policy is a function. Seeds are fixed: the same program
//! gives the same figures.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a bench may stop with a message where a library may not"
)]

mod draw;
mod figures;
mod plot;
mod policy;
#[path = "../../../sdk/benches/report/mod.rs"]
mod report;
mod simulate;
mod subject;
mod table;
mod traffic;

use figures::Effort;

fn main() -> std::io::Result<()> {
    // Cargo passes `--bench` for `cargo bench`, and nothing when `cargo test` runs every target.
    let is_asked = |flag: &str| std::env::args().any(|argument| argument == flag);
    let quick = is_asked("--quick") || !is_asked("--bench");
    let effort = if quick {
        Effort { services: 2, days: 2, faults: 8 }
    } else {
        Effort { services: 3, days: 30, faults: 200 }
    };
    let figures = figures::measure(&effort);
    let text = table::markdown(&effort, &figures);
    println!("{text}");
    if !quick || is_asked("--write") {
        report::document::fill("detection.md", "detection", &text)?;
        std::fs::write(report::document::path("detection.svg"), plot::svg(&figures))?;
    }
    Ok(())
}
