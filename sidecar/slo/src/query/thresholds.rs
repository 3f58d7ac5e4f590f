//! Comes in: PromQL of classic histograms, or a metric and a threshold. Goes out: why no series measures the threshold,
//! where that is known without a server. Never contacts a server.

use mapwarden_contract::Nanos;
use mapwarden_objective::Expression;
use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};

use super::parse::parse;

/// Histograms with bounds that OpenTelemetry's semantic conventions advise, in milliseconds; a service may set others.
const ADVISED: [(&str, &[u64]); 4] = [
    ("http.server.request.duration", &HTTP),
    ("http.client.request.duration", &HTTP),
    ("db.client.operation.duration", &[1, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000]),
    ("rpc.server.call.duration", &HTTP),
];

const HTTP: [u64; 14] = [5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000];

/// Returns a warning where a latency threshold is probably not the bound of a bucket, for a metric by its OpenTelemetry
/// name.
pub(crate) fn off_bound(metric: &str, threshold: Nanos) -> Option<String> {
    let (_, bounds) = ADVISED.iter().find(|(name, _)| *name == metric)?;
    if bounds.iter().any(|bound| Nanos::from_millis(*bound) == threshold) {
        return None;
    }
    let seconds = |nanos: Nanos| nanos.as_secs_f64();
    let bounds: Vec<String> =
        bounds.iter().map(|bound| seconds(Nanos::from_millis(*bound)).to_string()).collect();
    Some(format!(
        "the threshold {} s is not one of the bounds that `{metric}` usually has, so that nothing may be measured at it: \
         usual are {} s",
        seconds(threshold),
        bounds.join(", ")
    ))
}

/// Returns a warning for each bound of a query that measures no threshold, or another one.
pub(crate) fn unmeasurable(text: &str) -> Vec<String> {
    let mut found = Histograms(Vec::new());
    if let Ok(tree) = parse(&text.replace(Expression::WINDOW, "5m")) {
        // The visitor never fails.
        let Ok(_) = walk_expr(&mut found, &tree);
    }
    found.0.dedup();
    found.0
}

/// Collects warnings of the bounds of classic histograms.
struct Histograms(Vec<String>);

impl ExprVisitor for Histograms {
    type Error = std::convert::Infallible;

    fn pre_visit(&mut self, tree: &Expr) -> Result<bool, Self::Error> {
        match tree {
            Expr::VectorSelector(series) => self.series(series),
            Expr::MatrixSelector(matrix) => self.series(&matrix.vs),
            Expr::Aggregate(_)
            | Expr::Unary(_)
            | Expr::Binary(_)
            | Expr::Paren(_)
            | Expr::Subquery(_)
            | Expr::NumberLiteral(_)
            | Expr::StringLiteral(_)
            | Expr::Call(_)
            | Expr::Extension(_) => {}
        }
        Ok(true)
    }
}

impl Histograms {
    fn series(&mut self, series: &VectorSelector) {
        let Some(name) = &series.name else { return };
        let is_exact = |matcher: &&Matcher| matcher.name == "le" && matches!(matcher.op, MatchOp::Equal);
        for matcher in series.matchers.matchers.iter().filter(is_exact) {
            self.bound(name, &matcher.value);
        }
    }

    fn bound(&mut self, name: &str, value: &str) {
        let Some(base) = name.strip_suffix("_bucket") else {
            let message =
                format!("`{name}` is not a bucket series (`..._bucket`), but the query has le=\"{value}\"");
            self.0.push(message);
            return;
        };
        let number = if value == "+Inf" { Some(f64::INFINITY) } else { value.parse::<f64>().ok() };
        let Some(number) = number else {
            let accepted = "a bound is a number in the unit of the histogram, as le=\"0.25\"";
            self.0.push(format!("no bucket of `{base}` has le=\"{value}\": {accepted}"));
            return;
        };
        if number.is_finite() && number.fract() == 0.0 {
            let (whole, point) = (format!("{number}"), format!("{number:.1}"));
            let both = format!("le=~\"{whole}|{whole}\\\\.0\"");
            let (version, other) = if value.contains('.') { ("3", whole) } else { ("2", point) };
            self.0.push(format!(
                "le=\"{value}\" is how Prometheus {version} writes the bound, another version writes le=\"{other}\": \
                 {both} is found by both"
            ));
        }
        let advised = ADVISED.iter().find(|(metric, _)| {
            let name = metric.replace('.', "_");
            base == name || base == format!("{name}_seconds")
        });
        if let Some((metric, _)) = advised
            && number.is_finite()
            && let Ok(bound) = std::time::Duration::try_from_secs_f64(number)
        {
            self.0.extend(off_bound(metric, Nanos::from(bound)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_without_a_bucket_are_reported() {
        let cases = [
            ("sum(rate(x_bucket{le=\"0.25\"}[{{.window}}]))", None),
            ("sum(rate(x_bucket{le=\"+Inf\"}[{{.window}}]))", None),
            ("sum(rate(x_bucket{le=\"250ms\"}[{{.window}}]))", Some("no bucket of `x` has le=\"250ms\"")),
            ("sum(rate(x_bucket{le=\"1\"}[{{.window}}]))", Some("another version writes le=\"1.0\"")),
            ("sum(rate(x_bucket{le=\"1.0\"}[{{.window}}]))", Some("another version writes le=\"1\"")),
            ("sum(rate(x_count{le=\"0.5\"}[{{.window}}]))", Some("is not a bucket series")),
            (
                "sum(rate(http_server_request_duration_seconds_bucket{le=\"0.3\"}[{{.window}}]))",
                Some("the threshold 0.3 s is not one of the bounds"),
            ),
            ("sum(rate(http_server_request_duration_seconds_bucket{le=\"0.25\"}[{{.window}}]))", None),
        ];
        for (text, expected) in cases {
            let got = unmeasurable(text);
            match expected {
                None => assert_eq!(got, Vec::<String>::new(), "{text}"),
                Some(part) => assert!(got.len() == 1 && got[0].contains(part), "{text}: {got:?}"),
            }
        }
    }
}
