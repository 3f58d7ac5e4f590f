//! Comes in: any text. Goes out: nothing, or a panic: it is read as the sidecar reads an SLO file at its start, and what
//! must hold of every text is asserted. `sidecar/fuzz` looks for texts of which it does not hold.

use std::path::Path;

use mapwarden_contract::{Nanos, Ratio};
use mapwarden_objective::{Indicator, Method, Period, Queried, Queries, Slo};
use mapwarden_sidecar::config::{Authentication, Config, Origin, Problem, Source};
use mapwarden_slo::{Loaded, load_text};

/// Reads a text: its documents, the references between them, what is wrong between objectives, and how their queries are
/// asked for.
pub(crate) fn read(text: &str) {
    let Loaded { slos, sources, files, problems, warnings } =
        load_text(Path::new("any.yaml"), text, &Period::DEFAULT);
    assert_eq!(files, 1);
    problems.iter().chain(&warnings).for_each(|problem| is_placed(problem, text));
    if problems.is_empty() {
        slos.iter().for_each(|slo| is_sound(slo, &slos));
    }
    for may_sample in [true, false] {
        // Whatever name queries ask by, a server has it, so that all of them are planned.
        let asked = slos.iter().filter_map(|slo| match &slo.indicator {
            Indicator::Queried(Queried { source, .. }) => Some(source.as_deref().unwrap_or("default")),
            Indicator::Events { .. } | Indicator::Latency { .. } | Indicator::Composite { .. } => None,
        });
        let servers = asked.map(|name| server(name, may_sample)).collect();
        let (slos, data_sources) = (slos.clone(), sources.clone());
        let mut config = Config { slos, data_sources, sources: servers, ..Config::default() };
        config.find_sources().iter().for_each(|problem| is_placed(problem, text));
    }
}

/// What is wrong is said, and stands in the text.
fn is_placed(problem: &Problem, text: &str) {
    assert!(!problem.message.is_empty());
    let Origin::File { line: Some(line), .. } = problem.origin else { return };
    // YAML ends lines with either of both, and what lacks something may end after the last one.
    let lines = text.matches(['\n', '\r']).count() + 2;
    assert!(line <= u64::try_from(lines).unwrap(), "{problem}");
}

/// What the later stages rely on.
fn is_sound(slo: &Slo, all: &[Slo]) {
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
        Indicator::Queried(Queried { queries, .. }) => is_asked(queries),
        Indicator::Composite { members } => {
            assert!(!members.is_empty(), "{slo:?}");
            for member in members {
                assert!(all.iter().any(|slo| slo.id() == member.slo), "{slo:?}");
                assert!(member.weight.is_none_or(|weight| weight.is_finite() && weight > 0.0), "{slo:?}");
            }
        }
    }
}

fn is_asked(queries: &Queries) {
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

fn server(name: &str, may_sample: bool) -> Source {
    Source {
        name: name.to_owned(),
        url: "http://prometheus:9090".to_owned(),
        authentication: Authentication::None,
        headers: Vec::new(),
        timeout: Nanos::from_secs(10),
        every: Nanos::from_secs(60),
        staleness: Nanos::from_secs(30),
        reach: Nanos::from_secs(86_400),
        may_sample,
        agreement: None,
    }
}
