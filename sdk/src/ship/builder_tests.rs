//! Every wrong description is refused by name.

use super::*;

fn complete() -> TelemetryBuilder {
    TelemetryBuilder::new().service("orders").version("v1").environment("production").team("checkout")
}

fn nothing(_: &str) -> Option<String> {
    None
}

#[test]
fn wrong_descriptions_are_refused_by_name() {
    let availability = || Objective::availability(0.999).unwrap();
    let cases = [
        (
            TelemetryBuilder::new(),
            "telemetry needs `service.name`, `service.version`, `deployment.environment.name`, \
             `mapwarden.team`: call .service(), .version(), .environment() and .team(), or set \
             OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES",
        ),
        (
            TelemetryBuilder::new().service("orders").version("").environment("production").team("checkout"),
            "telemetry needs `service.version`: call .service(), .version(), .environment() and .team(), \
             or set OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES",
        ),
        (
            complete().endpoint("https://collector:4318"),
            "endpoint `https://collector:4318` is not http://host[:port][/path]: the sidecar runs beside the \
             service and takes OTLP over plain HTTP",
        ),
        (
            complete().endpoint("127.0.0.1:4318"),
            "endpoint `127.0.0.1:4318` is not http://host[:port][/path]: the sidecar runs beside the service \
             and takes OTLP over plain HTTP",
        ),
        (
            complete()
                .scope_objective("checkout", availability())
                .scope_objective("checkout", availability()),
            "objective `checkout-availability` is given twice: an SLI of a scope has one objective",
        ),
        (
            complete().scope_objective("checkout", Objective::hit_ratio(0.9).unwrap()),
            "objective `checkout-hit_ratio` is about maps: accepted for requests are latency, and availability with its \
             usual bad outcomes",
        ),
        (complete().interval(Duration::ZERO), "interval 0ns is not in [10 ms, 1 h]"),
        (complete().interval(Duration::from_micros(9_999)), "interval 9.999ms is not in [10 ms, 1 h]"),
        (complete().interval(Duration::from_millis(3_600_001)), "interval 3600.001s is not in [10 ms, 1 h]"),
        (
            complete().interval(Duration::MAX),
            "interval 18446744073709551615.999999999s is not in [10 ms, 1 h]",
        ),
        (complete().trace_ratio(1.5), "trace ratio 1.5 is not in [0, 1]"),
    ];
    for (builder, message) in cases {
        assert_eq!(builder.check(nothing).unwrap_err().to_string(), message);
    }
}

#[test]
fn the_shortest_and_the_longest_interval_are_accepted() {
    for interval in [Duration::from_millis(10), Duration::from_secs(3600)] {
        assert_eq!(complete().interval(interval).check(nothing).unwrap().interval, interval);
    }
}

#[test]
fn the_environment_alone_is_enough() {
    let read = |variable: &str| {
        let value = match variable {
            "OTEL_SERVICE_NAME" => "orders",
            "OTEL_RESOURCE_ATTRIBUTES" => {
                "service.version=v1,deployment.environment.name=production,mapwarden.team=checkout"
            }
            "OTEL_EXPORTER_OTLP_ENDPOINT" => "http://localhost:9999/otlp/",
            "MAPWARDEN_PSEUDONYM_KEY" => "correct horse",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let settings = TelemetryBuilder::new().check(read).unwrap();
    assert_eq!(settings.endpoint, "http://localhost:9999/otlp");
    assert_eq!(settings.pseudonym_key, PseudonymKey::new(Some("correct horse")));
}

#[test]
fn without_a_secret_the_key_is_another_each_time() {
    let key = || complete().check(nothing).unwrap().pseudonym_key;
    assert_ne!(key(), key());
}

#[test]
fn the_secret_is_not_printed() {
    let builder = complete().pseudonym_key("correct horse");
    assert!(!format!("{builder:?}").contains("horse"));
    let settings = builder.check(nothing).unwrap();
    assert!(format!("{settings:?}").contains("PseudonymKey(..)"));
}
