//! Sources and the objectives that query them: accepted and refused values; no message repeats a secret.

use std::path::PathBuf;

use mapwarden_contract::{Nanos, Verdict};
use mapwarden_objective::{Comparison, Expression, Indicator, Queried, Queries};
use mapwarden_sidecar::config::{
    AgreementSettings, Authentication, Config, HeaderText, Overrides, Problems, Secret, Source,
};

use crate::golden::assert_golden;

/// Reads a configuration from a new folder, and returns its problems without the name of the folder.
fn read(name: &str, text: &str) -> Result<(PathBuf, Config), Vec<String>> {
    let folder = std::env::temp_dir().join(format!("mapwarden-sources-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("mapwarden.yaml");
    std::fs::write(&file, text).unwrap();
    let read = Overrides { file: Some(file), ..Overrides::default() }.load();
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
                is: Verdict::Bad,
            },
        ),
        asks(
            None,
            Queries::Events {
                total: Expression::new("sum(requests_total)"),
                part: Expression::new("sum(requests_total{ok=\"true\"})"),
                is: Verdict::Good,
            },
        ),
        asks(None, Queries::Ratio { share: Expression::new("avg(errors:ratio)"), is: Verdict::Bad }),
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
fn problems_of_sources_are_reported_without_secrets() {
    let problems = read("problems", include_str!("golden/sources-problems.yaml")).unwrap_err();
    let text = problems.join("\n") + "\n";
    assert!(!text.contains("hush"), "{text}");
    assert_golden("sources-problems.txt", &text);
}

#[test]
fn an_objective_that_no_source_can_count_is_refused() {
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

#[test]
fn check_reports_the_problems_of_sources_like_a_start() {
    let folder = std::env::temp_dir().join(format!("mapwarden-sources-check-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (config, slos) = (folder.join("mapwarden.yaml"), folder.join("slos.yaml"));
    let fleet =
        "sources: [{name: fleet, url: 'http://fleet:9090'}, {name: other, url: 'http://other:9090'}]\n";
    let own =
        "slos:\n  - {name: own, service: shop, target: 0.999, queries: {source: absent, error_ratio: x}}\n";
    let sloth = "version: prometheus/v1\nservice: shop\nslos:\n  - name: of-file\n    objective: 99.9\n    \
                 sli: {raw: {error_ratio_query: 'avg_over_time(x[{{.window}}])'}}\n";
    let wrong = "sources: [{name: fleet, url: fleet, bearer_token: hush, timeout: 0s}]\n";
    let nameless = "objective `shop/of-file`: no source is named, and none is called `default`: accepted is fleet, other";
    let cases = [
        ("in order", fleet.replace("other", "default"), vec![]),
        (
            "unknown sources",
            format!("{fleet}{own}"),
            vec![
                "mapwarden.yaml:3:5: error: objective `shop/own`: there is no source `absent`: accepted is fleet, other"
                    .to_owned(),
                format!("slos.yaml:4:5: error: {nameless}"),
            ],
        ),
        (
            "rules alone",
            "max_series: 10\n".to_owned(),
            vec![
                "slos.yaml:4:5: warning: objective `shop/of-file`: no source is named, and none is called `default`: accepted \
                 is a source under `sources`"
                    .to_owned(),
            ],
        ),
        (
            "wrong values",
            wrong.to_owned(),
            vec![
                "mapwarden.yaml:1:30: error: `url`: `fleet` is not a URL: accepted are http://host... and https://host..."
                    .to_owned(),
                "mapwarden.yaml:1:51: error: `bearer_token` does not say where the secret is: accepted are {file: PATH} and \
                 {env: NAME}"
                    .to_owned(),
                "mapwarden.yaml:1:66: error: `timeout` is `0s`: accepted is a time above zero with its unit: 250ms, 10s, 1m30s"
                    .to_owned(),
            ],
        ),
    ];
    std::fs::write(&slos, sloth).unwrap();
    for (name, text, expected) in cases {
        std::fs::write(&config, &text).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mapwarden"));
        let checked = command.arg("check").args([&slos, &config]).output().unwrap();
        let text = String::from_utf8(checked.stderr).unwrap().replace(&format!("{}/", folder.display()), "");
        let is_finding = |line: &&str| line.contains(": error: ") || line.contains(": warning: ");
        let found: Vec<&str> = text.lines().filter(is_finding).collect();
        assert_eq!(found, expected, "{name}");
        let is_right = expected.iter().all(|line| line.contains(": warning: "));
        assert_eq!(checked.status.success(), is_right, "{name}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
