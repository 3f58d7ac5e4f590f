//! Any text as an SLO file that says at its head that it is Sloth's. Nothing may panic, hang or take memory without end,
//! and what loads without a problem must be sound.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use mapwarden_sidecar::spec::{Period, load_text};

fuzz_target!(|text: &str| {
    let loaded = load_text(Path::new("fuzz.yaml"), text, &Period::DEFAULT);
    if loaded.problems.is_empty() {
        for slo in &loaded.slos {
            assert!(slo.target.get() > 0.0 && slo.target.get() < 1.0, "{slo:?}");
            assert!(!slo.service.is_empty() && !slo.name.is_empty(), "{slo:?}");
            for tier in &slo.alerting.tiers {
                assert!(tier.factor.is_finite() && tier.factor > 0.0, "{slo:?}");
            }
        }
    }
});
