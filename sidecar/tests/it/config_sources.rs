//! Sources and the objectives that ask them: what is read, what is refused, and that no secret is repeated.

use std::path::PathBuf;

use mapwarden::contract::Nanos;
use mapwarden_sidecar::config::{
    AgreementSettings, Authentication, Config, HeaderText, Problems, Secret, Settings, Source,
};
use mapwarden_sidecar::spec::{Comparison, Expression, Indicator, Judged, Queried, Queries};

use crate::golden::assert_golden;

/// Reads a configuration from a folder of its own, and says problems without the folder's name.
fn read(name: &str, text: &str) -> Result<(PathBuf, Config), Vec<String>> {
    let folder = std::env::temp_dir().join(format!("mapwarden-sources-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("mapwarden.yaml");
    std::fs::write(&file, text).unwrap();
    let read = Settings { file: Some(file), ..Settings::default() }.load();
    std::fs::remove_dir_all(&folder).unwrap();
    let shown = format!("{}/", folder.display());
    read.map(|config| (folder, config)).map_err(|Problems(problems)| {
        problems.iter().map(|problem| problem.to_string().replace(&shown, "")).collect()
    })
}

#[test]
fn sources_are_read() {
    let (folder, config) = read("complete", include_str!("golden/sources.yaml")).unwrap();
    let seconds = Nanos::from_secs;
    let key = Secret::Environment("FLEET_KEY".to_owned());
    let expected = [
        Source {
            name: "fleet".to_owned(),
            url: "https://mimir.example/prometheus".to_owned(),
            authentication: Authentication::Bearer(Secret::File(folder.join("token"))),
            headers: vec![
                ("X-Scope-OrgID".to_owned(), HeaderText::Plain("shop".to_owned())),
                ("X-Key".to_owned(), HeaderText::Secret(key)),
            ],
            timeout: seconds(5),
            every: seconds(30),
            staleness: seconds(45),
            reach: seconds(72 * 3_600),
            may_sample: false,
            agreement: Some(AgreementSettings { every: seconds(120), resolution: 0.02 }),
        },
        Source {
            name: "default".to_owned(),
            url: "http://127.0.0.1:9090".to_owned(),
            authentication: Authentication::Basic {
                user: "sidecar".to_owned(),
                password: Secret::Environment("PASSWORD".to_owned()),
            },
            headers: Vec::new(),
            timeout: seconds(10),
            every: seconds(60),
            staleness: seconds(30),
            reach: seconds(86_400),
            may_sample: true,
            agreement: None,
        },
    ];
    assert_eq!(config.sources, expected);
}

#[test]
fn every_kind_of_query_is_read() {
    let (_, config) = read("queries", include_str!("golden/sources.yaml")).unwrap();
    let indicators: Vec<&Indicator> = config.slos.iter().map(|slo| &slo.indicator).collect();
    let asks = |source: Option<&str>, queries| {
        Indicator::Queried(Queried { source: source.map(str::to_owned), queries })
    };
    let expected = [
        asks(
            Some("fleet"),
            Queries::Events {
                total: Expression::new("sum(rate(http_requests_total[{{.window}}]))"),
                part: Expression::new("sum(rate(http_requests_total{code=~\"5..\"}[{{.window}}]))"),
                is: Judged::Bad,
            },
        ),
        asks(
            None,
            Queries::Events {
                total: Expression::new("sum(requests_total)"),
                part: Expression::new("sum(requests_total{ok=\"true\"})"),
                is: Judged::Good,
            },
        ),
        asks(None, Queries::Ratio { share: Expression::new("avg(errors:ratio)"), is: Judged::Bad }),
        asks(
            None,
            Queries::Threshold {
                value: Expression::new(
                    "histogram_quantile(0.99, sum by (le) (rate(latency_bucket[{{.window}}])))",
                ),
                good: Comparison::Lte,
                threshold: 0.3,
            },
        ),
    ];
    assert_eq!(indicators, expected.iter().collect::<Vec<_>>());
}

#[test]
fn every_problem_of_sources_is_told_and_no_secret() {
    let problems = read("problems", include_str!("golden/sources-problems.yaml")).unwrap_err();
    let text = problems.join("\n") + "\n";
    assert!(!text.contains("hush"), "{text}");
    assert_golden("sources-problems.txt", &text);
}

#[test]
fn an_objective_without_a_source_that_can_count_it_is_refused() {
    let one = "{name: a, url: 'http://a'}";
    let two = "{name: b, url: 'http://b'}";
    let cases = [
        ("none", "", "{error_ratio: x}", "accepted is a source under `sources`"),
        ("two", &format!("{one}, {two}"), "{error_ratio: x}", "none is called `default`: accepted is a, b"),
        ("unknown", one, "{source: c, error_ratio: x}", "there is no source `c`: accepted is a"),
        ("no window", one, "{total: 'sum(x)', bad: 'sum(y)'}", "has no `{{.window}}`"),
    ];
    for (name, sources, queries, expected) in cases {
        let text = format!(
            "sources: [{sources}]\nslos:\n  - {{name: slo, service: shop, target: 0.9, queries: {queries}}}\n"
        );
        let problems = read(name, &text).unwrap_err();
        assert_eq!(problems.len(), 1, "{name}: {problems:?}");
        assert!(
            problems[0].contains("objective `shop/slo`: ") && problems[0].contains(expected),
            "{name}: {problems:?}"
        );
    }
}
