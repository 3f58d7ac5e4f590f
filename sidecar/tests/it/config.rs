//! The configuration: flags over variables over the file, and every problem with its line.

use std::path::PathBuf;

use mapwarden_contract::{Nanos, Ratio};
use mapwarden_objective::{Indicator, Matcher, Period, Selector, Slo};
use mapwarden_sidecar::config::{
    Config, Contract, ContractMode, Origin, Overrides, Probe, ProbeTarget, Problems, PseudonymSecret, Sink,
};

use crate::golden::assert_golden;

/// A folder that is removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("mapwarden-config-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, text: &str) -> Overrides {
        let file = self.0.join("mapwarden.yaml");
        std::fs::write(&file, text).unwrap();
        Overrides { file: Some(file), ..Overrides::default() }
    }

    /// Returns the problems without the name of the folder.
    fn problems(&self, result: Result<Config, Problems>) -> Vec<String> {
        let folder = format!("{}/", self.0.display());
        result.unwrap_err().0.iter().map(|problem| problem.to_string().replace(&folder, "")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn selector(metric: &str, matching: &[(&str, &str)]) -> Selector {
    let matcher = |(attribute, pattern): &(&str, &str)| Matcher {
        attribute: (*attribute).to_owned(),
        pattern: (*pattern).to_owned(),
    };
    Selector { metric: metric.to_owned(), matching: matching.iter().map(matcher).collect() }
}

#[test]
fn an_empty_configuration_has_the_defaults() {
    let config = Overrides::default().load().unwrap();
    assert_eq!(config.otlp_http.to_string(), "127.0.0.1:4318");
    assert_eq!(config.admin.to_string(), "127.0.0.1:9464");
    assert_eq!((config.data_dir, config.sinks), (None, vec![Sink::Stdout]));
    assert_eq!(config.contract.mode, ContractMode::Warn);
    assert_eq!(config.contract.required.len(), 4);
    assert_ne!(config.pseudonym_key, Config::default().pseudonym_key);
}

#[test]
fn a_complete_file_is_read() {
    let folder = Folder::new("complete");
    let config = folder.write(include_str!("golden/mapwarden.yaml")).load().unwrap();
    assert_eq!((config.otlp_http.port(), config.admin.to_string()), (14318, "0.0.0.0:19464".to_owned()));
    assert_eq!(config.data_dir, Some(folder.0.join("state")));
    let required = vec!["service.name".to_owned(), "mapwarden.team".to_owned()];
    assert_eq!(config.contract, Contract { required, mode: ContractMode::Enforce });
    let metric = "http.server.request.duration";
    let expected = [
        Slo::new(
            "shop",
            "checkout-availability",
            Ratio::new(0.999).unwrap(),
            Indicator::Events {
                total: selector(metric, &[("http.route", "/checkout")]),
                bad: selector(
                    metric,
                    &[("http.route", "/checkout"), ("http.response.status_code", "5*"), ("tls", "true")],
                ),
            },
        ),
        Slo::new(
            "shop",
            "checkout-latency",
            Ratio::new(0.99).unwrap(),
            Indicator::Latency { series: selector(metric, &[]), threshold: Nanos::from_millis(250) },
        ),
    ];
    let file = folder.0.join("mapwarden.yaml");
    let at = |line| Some(Origin::File { path: file.clone(), line: Some(line), column: Some(5) });
    let placed = expected.into_iter().zip([8, 16]).map(|(slo, line)| Slo { origin: at(line), ..slo });
    assert_eq!(config.slos, placed.collect::<Vec<_>>());
    let (second, url) = (Nanos::from_secs(1), "https://payments.example/health".to_owned());
    let expected = [
        Probe {
            name: "redis".to_owned(),
            target: ProbeTarget::Tcp("127.0.0.1:6379".to_owned()),
            every: Nanos::from_secs(5),
            timeout: Nanos::from_millis(500),
        },
        Probe {
            name: "payments".to_owned(),
            target: ProbeTarget::Http(url),
            every: Nanos::from_secs(10),
            timeout: second,
        },
    ];
    assert_eq!(config.probes, expected);
    let names: Vec<&str> = config.sinks.iter().map(Sink::name).collect();
    assert_eq!(names, ["stdout", "chat", "alertmanager"]);
    assert_eq!((config.max_body, config.max_series), (1 << 20, 500));
}

#[test]
fn flags_override_the_file_and_its_sinks_of_the_same_kind() {
    let folder = Folder::new("flags");
    let settings = Overrides {
        otlp_http: Some("127.0.0.1:0".to_owned()),
        data_dir: Some(folder.0.join("other")),
        webhooks: vec!["http://a.example/".to_owned(), "http://b.example/".to_owned()],
        pseudonym_key: Some("secret".to_owned()),
        ..folder.write(include_str!("golden/mapwarden.yaml"))
    };
    let config = settings.load().unwrap();
    assert_eq!((config.otlp_http.port(), config.admin.port()), (0, 19464));
    assert!(folder.0.join("other").is_dir() && !folder.0.join("state").exists());
    let names: Vec<&str> = config.sinks.iter().map(Sink::name).collect();
    assert_eq!(names, ["stdout", "alertmanager", "webhook", "webhook-2"]);
    assert_eq!(config.pseudonym_key, PseudonymSecret::of_secret("secret"));
}

#[test]
fn slo_files_join_the_objectives_of_the_configuration() {
    let folder = Folder::new("slos");
    let nested = folder.0.join("slos/nested/..data");
    std::fs::create_dir_all(&nested).unwrap();
    let sloth = include_str!("../../slo/tests/it/golden/sloth.yaml");
    std::fs::write(folder.0.join("slos/nested/sloth.yml"), sloth).unwrap();
    // Kubernetes mounts a file like this: the name of the folder of its version begins with a dot.
    std::fs::write(nested.join("sloth.yml"), sloth).unwrap();
    std::fs::write(
        folder.0.join("slos/openslo.yaml"),
        include_str!("../../slo/tests/it/golden/openslo.yaml"),
    )
    .unwrap();
    std::fs::write(folder.0.join("slos/other.yaml"), "apiVersion: v1\nkind: ConfigMap\n").unwrap();
    std::fs::write(folder.0.join("slos/notes.txt"), "not YAML: [").unwrap();
    let own = "slos: [{name: own, service: shop, target: 0.9, latency: {metric: m, threshold: 1s}}]\n";
    let settings = folder.write(&format!("{own}slo_files: [slos, slos/openslo.yaml]\nslo_period: 28d\nsources: [{{name: default, url: \"http://127.0.0.1:9090\"}}]\n"));
    let config = settings.load().unwrap();
    assert_eq!(config.slos.first().map(Slo::id), Some("shop/own".to_owned()));
    assert_eq!((config.slos.len(), config.sources.len()), (12, 2));
    let placed = config.slos.iter().find(|slo| slo.id() == "orders/placed").unwrap();
    assert_eq!(placed.period, Period::Rolling(Nanos::from_secs(28 * 86_400)));
    let warnings: Vec<String> = config.warnings.iter().map(|warning| warning.message.clone()).collect();
    assert!(warnings.iter().any(|warning| warning.contains("no objective has a rolling period of 30 days")));
    assert!(warnings.iter().any(|warning| warning.contains("`v1` is not an SLO format")), "{warnings:?}");
    let flags = Overrides {
        slos: vec![folder.0.join("slos/nested/sloth.yml")],
        slo_period: Some("30d".to_owned()),
        ..settings.clone()
    };
    assert_eq!(flags.load().unwrap().slos.len(), 4, "a flag replaces the file's paths");
    let wrong = Overrides {
        slos: vec![
            folder.0.join("absent"),
            folder.0.join("slos/other.yaml"),
            folder.0.join("slos/nested/..data"),
        ],
        slo_period: None,
        ..settings
    };
    let problems = folder.problems(wrong.load());
    let expected = ["absent: cannot be read", "slos/other.yaml:1:1: `v1` is not an SLO format"];
    assert_eq!(problems.len(), expected.len(), "{problems:?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}");
    }
}

#[test]
fn an_objective_in_two_files_is_reported() {
    let folder = Folder::new("twice");
    for name in ["a.yaml", "b.yaml"] {
        std::fs::write(folder.0.join(name), include_str!("../../slo/tests/it/golden/sloth.yaml")).unwrap();
    }
    let settings =
        Overrides { slos: vec![folder.0.join("a.yaml"), folder.0.join("b.yaml")], ..Overrides::default() };
    let problems = folder.problems(settings.load());
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert_eq!(
        problems[0],
        "b.yaml:13:5: the objective `orders/placed` is declared twice, see a.yaml:13:5: accepted is a name of its own \
         within the service"
    );
}

#[test]
fn every_problem_is_reported_in_one_run_with_its_line() {
    let folder = Folder::new("problems");
    let settings = Overrides {
        admin: Some("nowhere".to_owned()),
        webhooks: vec!["example.org".to_owned()],
        ..folder.write(include_str!("golden/problems.yaml"))
    };
    let got = folder.problems(settings.load());
    assert_golden("problems.txt", &(got.join("\n") + "\n"));
}

#[test]
fn broken_and_absent_files_are_named() {
    let folder = Folder::new("broken");
    let cases = [
        ("syntax", "slos:\n  - name: [a\n", "mapwarden.yaml:2:11: is not YAML: unclosed bracket"),
        ("twice", "admin: 127.0.0.1:1\nadmin: 127.0.0.1:2\n", "mapwarden.yaml:2:1: is not YAML: duplicate"),
        ("no object", "- 1\n", "mapwarden.yaml:1:1: `the file` is a list of 1"),
    ];
    for (name, text, expected) in cases {
        let problems = folder.problems(folder.write(text).load());
        assert_eq!(problems.len(), 1, "{name}: {problems:?}");
        assert!(problems[0].starts_with(expected), "{name}: {problems:?}");
    }
    let absent = Overrides { file: Some(folder.0.join("absent.yaml")), ..Overrides::default() };
    let problems = folder.problems(absent.load());
    assert!(problems[0].starts_with("absent.yaml: cannot be read: No such file"), "{problems:?}");
    assert!(folder.write("# nothing set\n").load().is_ok());
}

#[test]
fn folders_that_cannot_be_used_are_named() {
    let folder = Folder::new("folders");
    // A file in place of the folder fails for root, too.
    let settings = folder.write("data_dir: mapwarden.yaml\ntemplates: absent\n");
    assert!(settings.read().is_ok(), "only loading checks folders");
    let problems = folder.problems(settings.load());
    assert_eq!(problems.len(), 2, "{problems:?}");
    let expected = "--data-dir (MAPWARDEN_DATA_DIR, `data_dir`): cannot write to `mapwarden.yaml`: ";
    assert!(problems[0].starts_with(expected), "{problems:?}");
    assert!(problems[0].ends_with("accepted is a folder that this process may create and write to"));
    assert_eq!(problems[1], "`templates`: `absent` is not a folder that can be read");
}
