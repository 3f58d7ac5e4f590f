//! Comes in: any text. Goes out: nothing, or a panic. The text is read as the sidecar reads an SLO file at its start,
//! and what must hold for every text is asserted. The fuzz target in `sidecar/slo/fuzz` includes this file and searches
//! for texts that break it.

use std::path::Path;

use mapwarden_contract::{Nanos, Ratio};
use mapwarden_objective::{Indicator, Method, Origin, Period, Queried, Queries, Slo};
use mapwarden_slo::{Loaded, Plan, load_text};

/// Reads a text: its documents, the references between them, the problems between objectives, and the plan of every
/// query.
pub(crate) fn read(text: &str) {
    let Loaded { slos, sources: _, files, problems, warnings } =
        load_text(Path::new("any.yaml"), text, &Period::DEFAULT);
    assert_eq!(files, 1);
    for problem in problems.iter().chain(&warnings) {
        assert_located(&problem.origin, &problem.message, text);
    }
    if problems.is_empty() {
        slos.iter().for_each(|slo| assert_sound(slo, &slos));
    }
    for slo in &slos {
        let Indicator::Queried(Queried { queries, .. }) = &slo.indicator else { continue };
        for may_sample in [true, false] {
            if let Err(reason) = Plan::new(queries, Nanos::from_secs(60), may_sample) {
                assert!(!reason.is_empty(), "{slo:?}");
            }
        }
    }
}

/// A problem has a message, and its line is in the text.
fn assert_located(origin: &Origin, message: &str, text: &str) {
    assert!(!message.is_empty());
    let Origin::File { line: Some(line), .. } = origin else { return };
    // YAML ends lines with either character, and what is missing may end after the last line.
    let lines = text.matches(['\n', '\r']).count() + 2;
    assert!(*line <= u64::try_from(lines).unwrap(), "{origin}: {message}");
}

/// Asserts what the later stages rely on.
fn assert_sound(slo: &Slo, all: &[Slo]) {
    assert!(slo.target > Ratio::ZERO && slo.target < Ratio::ONE, "{slo:?}");
    assert!(!slo.service.is_empty() && !slo.name.is_empty(), "{slo:?}");
    assert!(slo.group_by.iter().all(|label| !label.is_empty()), "{slo:?}");
    match slo.method {
        Method::Occurrences => {}
        Method::Timeslices { slice, target } => {
            assert!(slice > Nanos::ZERO && target > Ratio::ZERO, "{slo:?}");
        }
        Method::RatioTimeslices { slice } => assert!(slice > Nanos::ZERO, "{slo:?}"),
    }
    match &slo.period {
        Period::Rolling(period) => assert!(*period > Nanos::ZERO, "{slo:?}"),
        Period::Calendar(calendar) => assert!(calendar.count > 0, "{slo:?}"),
    }
    for tier in &slo.alerting.tiers {
        assert!(tier.factor.is_finite() && tier.factor > 0.0, "{slo:?}");
        assert!(tier.long > Nanos::ZERO && tier.short > Nanos::ZERO, "{slo:?}");
    }
    match &slo.indicator {
        Indicator::Events { total, bad } => {
            assert!(!total.metric.is_empty() && !bad.metric.is_empty(), "{slo:?}");
        }
        Indicator::Latency { series, threshold } => {
            assert!(!series.metric.is_empty() && *threshold > Nanos::ZERO, "{slo:?}");
        }
        Indicator::Queried(Queried { queries, .. }) => assert_asked(queries),
        Indicator::Composite { members } => {
            assert!(!members.is_empty(), "{slo:?}");
            for member in members {
                assert!(all.iter().any(|slo| slo.id() == member.slo), "{slo:?}");
                assert!(member.weight.is_none_or(|weight| weight.is_finite() && weight > 0.0), "{slo:?}");
            }
        }
    }
}

fn assert_asked(queries: &Queries) {
    match queries {
        Queries::Events { total, part, is: _ } => {
            assert!(!total.text().is_empty() && !part.text().is_empty(), "{queries:?}");
        }
        Queries::Ratio { share, is: _ } => assert!(!share.text().is_empty(), "{queries:?}"),
        Queries::Threshold { value, good: _, threshold } => {
            assert!(!value.text().is_empty() && threshold.is_finite(), "{queries:?}");
        }
    }
}
