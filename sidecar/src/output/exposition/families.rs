//! Families of samples in the Prometheus text format 0.0.4. Comes in: samples in any order, and the text of the
//! recorder. Goes out: text, families in alphabetical order, each with one header. Holds nothing but the text, so that
//! thousands of series cost no more memory than their lines.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use mapwarden_contract::names::{Metric, MetricKind};

/// Families by name.
#[derive(Debug, Default)]
pub(super) struct Families(BTreeMap<String, String>);

impl Families {
    /// Adds a sample with the labels' values in the order of the metric's declaration.
    pub(super) fn set(&mut self, metric: &Metric, values: &[&str], value: impl Display) {
        debug_assert_eq!(metric.labels.len(), values.len(), "labels of {}", metric.name);
        if !self.0.contains_key(metric.name) {
            self.0.insert(metric.name.to_owned(), header(metric));
        }
        let Some(text) = self.0.get_mut(metric.name) else { return };
        text.push_str(metric.name);
        for (at, (name, value)) in metric.labels.iter().zip(values).enumerate() {
            text.push(if at == 0 { '{' } else { ',' });
            text.push_str(name);
            text.push_str("=\"");
            escape(text, value);
            text.push('"');
        }
        if !metric.labels.is_empty() {
            text.push('}');
        }
        // Writing to a String never fails.
        let _ = writeln!(text, " {value}");
    }

    /// Takes the text of the recorder, which ends each family with an empty line: label values cannot hold a line
    /// break. A family without any sample is left out.
    pub(super) fn take(&mut self, rendered: &str) {
        for family in rendered.split("\n\n") {
            let lines: Vec<&str> = family.lines().filter(|line| !line.is_empty()).collect();
            // The first line is `# HELP name ...` or `# TYPE name ...`.
            let name = family.split_whitespace().nth(2).unwrap_or_default();
            if lines.iter().any(|line| !line.starts_with('#')) {
                self.0.insert(name.to_owned(), lines.join("\n") + "\n");
            }
        }
    }

    /// Returns the whole text.
    pub(super) fn into_text(self) -> String {
        let mut whole = String::with_capacity(self.0.values().map(String::len).sum());
        for text in self.0.into_values() {
            whole.push_str(&text);
        }
        whole
    }
}

fn header(metric: &Metric) -> String {
    let kind = match metric.kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
    };
    let Metric { name, help, .. } = metric;
    format!("# HELP {name} {help}\n# TYPE {name} {kind}\n")
}

/// A label's value: backslash, double quote and line feed are escaped.
fn escape(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            _ => text.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric_names as names;

    #[test]
    fn families_are_in_order_and_have_one_header() {
        let mut families = Families::default();
        families.set(&names::STORE_LAST_COMMIT, &[], 1.5);
        families.set(&names::DEPENDENCY_UP, &["a\\b\"c\nd"], 1);
        families.take("# HELP b B.\n# TYPE b gauge\n\n# TYPE a counter\na 1\n\n");
        families.set(&names::DEPENDENCY_UP, &["e"], 0.5);
        let [up, commit] = [&names::DEPENDENCY_UP, &names::STORE_LAST_COMMIT];
        let expected = format!(
            "# TYPE a counter\na 1\n{}{}{{dependency=\"a\\\\b\\\"c\\nd\"}} 1\n{}{{dependency=\"e\"}} 0.5\n{}{} 1.5\n",
            header(up),
            up.name,
            up.name,
            header(commit),
            commit.name
        );
        assert_eq!(families.into_text(), expected);
    }
}
