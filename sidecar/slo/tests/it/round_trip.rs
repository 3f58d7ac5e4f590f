//! Any objective that is written as a file of a format is read back equal.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use jiff::tz::TimeZone;
use mapwarden_contract::{Nanos, Ratio, Verdict};
use mapwarden_objective::{
    Alert, Alerting, Calendar, CalendarUnit, Comparison, Expression, Indicator, Matcher, Method, Period,
    Queried, Queries, Selector, Slo,
};
use mapwarden_slo::load_text;
use proptest::prelude::*;

/// Any text that a quoted YAML scalar can hold, without space at its ends, which readers trim.
fn words() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9:#'\"\\\\{}\\[\\],&*?|<>=!%@`éß☃ -]{0,30}".prop_map(|text| format!("a{text}z"))
}

fn label_name() -> impl Strategy<Value = String> {
    "[a-zA-Z_][a-zA-Z0-9_]{0,10}"
}

fn labels() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map(label_name(), words(), 0..4)
}

/// A name, and a share of at most five digits, which decimal numbers write exactly.
fn head() -> impl Strategy<Value = (String, String, Ratio)> {
    ("[a-z][a-z0-9-]{0,20}", "[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", 1_u32..100_000).prop_map(
        |(service, name, share)| {
            let share = format!("{share}e-5").parse().unwrap();
            (format!("s{service}"), format!("n{name}"), Ratio::new(share).unwrap())
        },
    )
}

fn query() -> impl Strategy<Value = Expression> {
    let text = ("[a-z_]{1,10}", "[a-z0-9.| é\\\\-]{0,10}").prop_map(|(metric, value)| {
        format!("sum(rate(m_{metric}{{l={}}}[{{{{.window}}}}]))", quoted(&value))
    });
    text.prop_map(Expression::new)
}

/// Quotes a text as JSON, which is valid YAML and PromQL.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn written(labels: &BTreeMap<String, String>) -> String {
    let parts: Vec<String> =
        labels.iter().map(|(name, value)| format!("{}: {}", quoted(name), quoted(value))).collect();
    format!("{{{}}}", parts.join(", "))
}

fn read_one(text: &str) -> Slo {
    let loaded = load_text(Path::new("written.yaml"), text, &Period::DEFAULT);
    assert_eq!(loaded.problems, [], "{text}");
    let [slo] = loaded.slos.as_slice() else { panic!("{text}\n{:?}", loaded.slos) };
    Slo { origin: None, ..slo.clone() }
}

fn alert() -> impl Strategy<Value = Alert> {
    (any::<bool>(), labels(), labels(), 0_u64..100).prop_map(|(is_disabled, labels, annotations, minutes)| {
        Alert { is_disabled, labels, annotations, after: Nanos::from_secs(minutes * 60) }
    })
}

fn sloth() -> impl Strategy<Value = Slo> {
    let queries = prop_oneof![
        (query(), query()).prop_map(|(total, part)| Queries::Events { total, part, is: Verdict::Bad }),
        query().prop_map(|share| Queries::Ratio { share, is: Verdict::Bad }),
    ];
    let alerting = (prop::option::of(words()), labels(), labels(), alert(), alert()).prop_map(
        |(name, labels, annotations, page, ticket)| Alerting {
            name,
            labels,
            annotations,
            page,
            ticket,
            tiers: Vec::new(),
        },
    );
    (head(), prop::option::of(words()), labels(), queries, alerting).prop_map(
        |((service, name, target), description, labels, queries, alerting)| Slo {
            description,
            labels,
            alerting,
            ..Slo::new(service, name, target, Indicator::Queried(Queried { source: None, queries }))
        },
    )
}

fn write_sloth(slo: &Slo) -> String {
    let Indicator::Queried(Queried { queries, .. }) = &slo.indicator else { panic!("{slo:?}") };
    let percent = format!("{}", slo.target.get() * 100_000.0);
    let percent = percent.parse::<f64>().unwrap().round() / 1_000.0;
    let mut text = format!("version: prometheus/v1\nservice: {}\nslos:\n", quoted(&slo.service));
    writeln!(text, "- name: {}\n  objective: {percent}", quoted(&slo.name)).unwrap();
    writeln!(text, "  labels: {}", written(&slo.labels)).unwrap();
    if let Some(description) = &slo.description {
        writeln!(text, "  description: {}", quoted(description)).unwrap();
    }
    match queries {
        Queries::Events { total, part, .. } => {
            let (bad, total) = (quoted(part.text()), quoted(total.text()));
            writeln!(text, "  sli: {{events: {{error_query: {bad}, total_query: {total}}}}}").unwrap();
        }
        Queries::Ratio { share, .. } => {
            writeln!(text, "  sli: {{raw: {{error_ratio_query: {}}}}}", quoted(share.text())).unwrap();
        }
        Queries::Threshold { .. } => panic!("Sloth has no thresholds"),
    }
    let Alerting { name, labels, annotations, page, ticket, .. } = &slo.alerting;
    writeln!(text, "  alerting:\n    labels: {}\n    annotations: {}", written(labels), written(annotations))
        .unwrap();
    if let Some(name) = name {
        writeln!(text, "    name: {}", quoted(name)).unwrap();
    }
    for (field, alert) in [("page_alert", page), ("ticket_alert", ticket)] {
        let Alert { is_disabled, labels, annotations, after } = alert;
        let (labels, annotations) = (written(labels), written(annotations));
        writeln!(text, "    {field}:\n      disable: {is_disabled}\n      labels: {labels}").unwrap();
        writeln!(text, "      annotations: {annotations}").unwrap();
        if *after > Nanos::ZERO {
            writeln!(text, "      for: {}m", after.get() / 60_000_000_000).unwrap();
        }
    }
    text
}

fn period() -> impl Strategy<Value = Period> {
    let units = [
        CalendarUnit::Day,
        CalendarUnit::Week,
        CalendarUnit::Month,
        CalendarUnit::Quarter,
        CalendarUnit::Year,
    ];
    let calendar = (prop::sample::select(units.to_vec()), 1_u32..20, 1_i8..13, 0_i8..24, 0_usize..3)
        .prop_map(|(unit, count, month, hour, zone)| {
            let zone = TimeZone::get(["UTC", "Europe/Zurich", "America/New_York"][zone]).unwrap();
            let start = jiff::civil::date(2026, month, 1).at(hour, 30, 0, 0);
            Period::Calendar(Calendar { start, count, unit, zone })
        });
    prop_oneof![(1_u64..400).prop_map(|days| Period::Rolling(Nanos::from_secs(days * 86_400))), calendar]
}

fn selector() -> impl Strategy<Value = Selector> {
    let parts = ("[a-z.]{1,20}", prop::collection::btree_map("[a-z.]{1,10}", words(), 0..3));
    parts.prop_map(|(metric, matching)| {
        let matching = matching.into_iter().map(|(attribute, pattern)| Matcher { attribute, pattern });
        Selector { metric: format!("m{metric}"), matching: matching.collect() }
    })
}

fn openslo() -> impl Strategy<Value = Slo> {
    let is = || prop_oneof![Just(Verdict::Good), Just(Verdict::Bad)];
    let op = prop::sample::select(vec![Comparison::Lte, Comparison::Gte, Comparison::Lt, Comparison::Gt]);
    let queried = |queries| Indicator::Queried(Queried { source: None, queries });
    let indicator = prop_oneof![
        (query(), query(), is()).prop_map(move |(total, part, is)| queried(Queries::Events {
            total,
            part,
            is
        })),
        (query(), is()).prop_map(move |(share, is)| queried(Queries::Ratio { share, is })),
        (op, -1_000_i32..1_000).prop_map(move |(good, value)| {
            let value = (Expression::new("max(lag)"), f64::from(value) / 8.0);
            queried(Queries::Threshold { value: value.0, good, threshold: value.1 })
        }),
        (selector(), selector()).prop_map(|(total, bad)| Indicator::Events { total, bad }),
        (selector(), 1_u64..100_000).prop_map(|(series, millis)| Indicator::Latency {
            series,
            threshold: Nanos::from_millis(millis)
        }),
    ];
    let slice = (1_u64..600).prop_map(|minutes| Nanos::from_secs(minutes * 60));
    let method = prop_oneof![
        Just(Method::Occurrences),
        (slice.clone(), 1_u32..=1_000).prop_map(|(slice, share)| Method::Timeslices {
            slice,
            target: Ratio::new(f64::from(share) / 1_000.0).unwrap()
        }),
        slice.prop_map(|slice| Method::RatioTimeslices { slice }),
    ];
    (head(), prop::option::of(words()), labels(), indicator, method, period()).prop_map(
        |((service, name, target), description, labels, indicator, method, period)| Slo {
            description,
            labels,
            method,
            period,
            ..Slo::new(service, name, target, indicator)
        },
    )
}

fn source(kind: &str, spec: &str) -> String {
    format!("{{metricSource: {{type: {kind}, spec: {spec}}}}}")
}

fn asked(expression: &Expression) -> String {
    source("Prometheus", &format!("{{query: {}}}", quoted(expression.text())))
}

fn held(selector: &Selector, unit: &str) -> String {
    let matching: BTreeMap<String, String> = selector
        .matching
        .iter()
        .map(|matcher| (matcher.attribute.clone(), matcher.pattern.clone()))
        .collect();
    source(
        "mapwarden",
        &format!("{{metric: {}, where: {}{unit}}}", quoted(&selector.metric), written(&matching)),
    )
}

/// Returns the `spec` of the SLI, and the fields of its objective that belong to it.
fn write_indicator(indicator: &Indicator) -> (String, String) {
    match indicator {
        Indicator::Events { total, bad } => (
            format!("{{ratioMetric: {{bad: {}, total: {}}}}}", held(bad, ""), held(total, "")),
            String::new(),
        ),
        Indicator::Latency { series, threshold } => (
            format!("{{thresholdMetric: {}}}", held(series, ", unit: ms")),
            format!(", op: lte, value: {}", threshold.get() / 1_000_000),
        ),
        Indicator::Composite { .. } => panic!("a composite is more than one objective"),
        Indicator::Queried(Queried { queries, .. }) => match queries {
            Queries::Events { total, part, is } => {
                let field = if *is == Verdict::Good { "good" } else { "bad" };
                let text = format!("{field}: {}, total: {}", asked(part), asked(total));
                (format!("{{ratioMetric: {{counter: true, {text}}}}}"), String::new())
            }
            Queries::Ratio { share, is } => {
                let kind = if *is == Verdict::Good { "success" } else { "failure" };
                (format!("{{ratioMetric: {{rawType: {kind}, raw: {}}}}}", asked(share)), String::new())
            }
            Queries::Threshold { value, good, threshold } => {
                let op = format!("{good:?}").to_lowercase();
                (format!("{{thresholdMetric: {}}}", asked(value)), format!(", op: {op}, value: {threshold}"))
            }
        },
    }
}

fn write_openslo(slo: &Slo) -> String {
    let (sli, said) = write_indicator(&slo.indicator);
    let minutes = |slice: Nanos| slice.get() / 60_000_000_000;
    let (method, slices) = match slo.method {
        Method::Occurrences => ("Occurrences", String::new()),
        Method::Timeslices { slice, target } => {
            let text = format!(", timeSliceWindow: {}m, timeSliceTarget: {}", minutes(slice), target.get());
            ("Timeslices", text)
        }
        Method::RatioTimeslices { slice } => {
            ("RatioTimeslices", format!(", timeSliceWindow: {}", minutes(slice)))
        }
    };
    let window = match &slo.period {
        Period::Rolling(period) => {
            format!("{{duration: {}d, isRolling: true}}", period.get() / 86_400_000_000_000)
        }
        Period::Calendar(Calendar { start, count, unit, zone }) => {
            let unit = match unit {
                CalendarUnit::Day => 'd',
                CalendarUnit::Week => 'w',
                CalendarUnit::Month => 'M',
                CalendarUnit::Quarter => 'Q',
                CalendarUnit::Year => 'Y',
            };
            let start = start.strftime("%Y-%m-%d %H:%M:%S");
            let zone = zone.iana_name().unwrap();
            format!("{{duration: {count}{unit}, calendar: {{startTime: {start}, timeZone: {zone}}}}}")
        }
    };
    let mut text = "apiVersion: openslo/v1\nkind: SLO\n".to_owned();
    writeln!(text, "metadata: {{name: {}, labels: {}}}", quoted(&slo.name), written(&slo.labels)).unwrap();
    writeln!(text, "spec:\n  service: {}\n  budgetingMethod: {method}", quoted(&slo.service)).unwrap();
    if let Some(description) = &slo.description {
        writeln!(text, "  description: {}", quoted(description)).unwrap();
    }
    writeln!(text, "  timeWindow: [{window}]\n  indicator: {{metadata: {{name: i}}, spec: {sli}}}").unwrap();
    writeln!(text, "  objectives: [{{target: {}{slices}{said}}}]", slo.target.get()).unwrap();
    text
}

/// A change of a part of a text: it is removed, doubled or replaced.
#[derive(Clone, Debug)]
struct Cut {
    at: prop::sample::Index,
    length: usize,
    is_twice: bool,
    instead: String,
}

impl Cut {
    fn of(&self, text: &str) -> String {
        let letters: Vec<char> = text.chars().collect();
        if letters.is_empty() {
            return self.instead.clone();
        }
        let at = self.at.index(letters.len());
        let end = (at + self.length).min(letters.len());
        let kept = if self.is_twice { &letters[at..end] } else { &[] };
        let parts = [letters[..at].iter(), kept.iter(), kept.iter(), letters[end..].iter()];
        let [before, first, second, after] = parts.map(|part| part.collect::<String>());
        format!("{before}{first}{}{second}{after}", self.instead)
    }
}

fn cut() -> impl Strategy<Value = Cut> {
    let words = [
        "",
        "{{.window}}",
        "*a",
        "&a ",
        "<<: ",
        ": ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        "|\n",
        "\n---\n",
        "\u{feff}",
        "-1",
        "1e999",
        ".inf",
        ".nan",
        "~",
        "!!str ",
        "99999999999999999999",
        "1Y",
        " or ",
        " by ",
        "\"",
        "\t",
        "é",
    ];
    let instead = prop::sample::select(words.map(str::to_owned).to_vec());
    (any::<prop::sample::Index>(), 0_usize..40, any::<bool>(), instead)
        .prop_map(|(at, length, is_twice, instead)| Cut { at, length, is_twice, instead })
}

proptest! {
    #[test]
    fn sloth_files_are_read_back_equal(slo in sloth()) {
        prop_assert_eq!(read_one(&write_sloth(&slo)), slo);
    }

    #[test]
    fn openslo_files_are_read_back_equal(slo in openslo()) {
        prop_assert_eq!(read_one(&write_openslo(&slo)), slo);
    }

    /// No damaged file panics or hangs; `sidecar/slo/fuzz` searches for more.
    #[test]
    fn damaged_files_are_read_without_panic(file in 0_usize..2, cuts in prop::collection::vec(cut(), 1..8)) {
        let files = [include_str!("golden/sloth.yaml"), include_str!("golden/openslo.yaml")];
        let text = cuts.iter().fold(files[file].to_owned(), |text, cut| cut.of(&text));
        load_text(Path::new("any.yaml"), &text, &Period::DEFAULT);
    }
}
