//! Comes in: PromQL without a template. Goes out: the same over the window `{{.window}}`. Counters are increased per
//! series before they are summed, so that a reset of one series is not a fall of the sum. Never changes what is
//! measured, only over which time.

use std::time::Duration;

use mapwarden_objective::Expression;
use promql_parser::parser::{Call, Expr, MatrixSelector, VectorSelector};

use super::parse::parse;

/// The template of the window.
const WINDOW: &str = Expression::WINDOW;

/// Stands for the window while a tree is rewritten: a duration that does not occur in real queries.
const SENTINEL: Duration = Duration::from_millis(7_654_321_987);

/// The kind of series in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeriesKind {
    /// Counters, which only grow.
    Counter,
    /// Numbers that go up and down: each sample is a number of events.
    Gauge,
    /// Shares: each sample is one share.
    Share,
}

/// A query that was rewritten over the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OverWindow {
    /// The query.
    pub(crate) text: String,
    /// A warning, where the change may not be what the author means.
    pub(crate) warning: Option<&'static str>,
}

/// Rewrites a query that parses and has no template. Keeps the labels by which an objective is grouped.
///
/// # Errors
/// The query cannot be rewritten; the message says what is accepted.
pub(crate) fn over_window(text: &str, kind: SeriesKind, groups: &[String]) -> Result<OverWindow, String> {
    let tree = parse(text).map_err(|wrong| wrong.to_string())?;
    let fold = Fold { kind, groups };
    if is_single(&tree) && !groups.is_empty() {
        return Err(format!(
            "it adds up over `{}`, by which the objective is grouped: accepted is `sum by`",
            groups.join("`, `")
        ));
    }
    let mut ranges = RangeUse::default();
    look(&tree, false, &mut ranges);
    if !ranges.has_series {
        return Err("it has no series: accepted is a query of series".to_owned());
    }
    let over = if ranges.has_other_range {
        let warning = "it has a fixed range, so that its value is sampled over the window, not measured: write \
                       the range as [{{.window}}]";
        OverWindow { text: sampled(text, &fold), warning: Some(warning) }
    } else if ranges.has_rate {
        let warning = "it has a fixed range, which the whole window replaces: write it as \
                       [{{.window}}]";
        OverWindow { text: printed(&ranged(tree)?, &fold)?, warning: Some(warning) }
    } else {
        match kind {
            SeriesKind::Counter => OverWindow { text: printed(&ranged(tree)?, &fold)?, warning: None },
            SeriesKind::Gauge | SeriesKind::Share => OverWindow { text: sampled(text, &fold), warning: None },
        }
    };
    let trial = over.text.replace(WINDOW, "5m");
    parse(&trial).map(|_| over).map_err(|wrong| format!("over a window it is not PromQL: {wrong}"))
}

/// Which ranges a query has.
#[derive(Clone, Copy, Debug, Default)]
struct RangeUse {
    has_series: bool,
    /// `rate` or `increase` of a fixed range.
    has_rate: bool,
    /// Any other fixed range.
    has_other_range: bool,
}

fn look(tree: &Expr, is_in_rate: bool, ranges: &mut RangeUse) {
    match tree {
        Expr::Aggregate(aggregate) => {
            look(&aggregate.expr, false, ranges);
            aggregate.param.iter().for_each(|param| look(param, false, ranges));
        }
        Expr::Unary(unary) => look(&unary.expr, false, ranges),
        Expr::Binary(binary) => {
            look(&binary.lhs, false, ranges);
            look(&binary.rhs, false, ranges);
        }
        Expr::Paren(paren) => look(&paren.expr, is_in_rate, ranges),
        Expr::Subquery(_) => (ranges.has_series, ranges.has_other_range) = (true, true),
        Expr::VectorSelector(_) => ranges.has_series = true,
        Expr::MatrixSelector(_) => {
            ranges.has_series = true;
            if is_in_rate { ranges.has_rate = true } else { ranges.has_other_range = true }
        }
        Expr::Call(call) => {
            let is_rate = ["rate", "increase"].contains(&call.func.name);
            call.args.args.iter().for_each(|argument| look(argument, is_rate, ranges));
        }
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

/// Puts every series over the window: a range is replaced, a counter without a range is increased.
fn ranged(tree: Expr) -> Result<Expr, String> {
    Ok(match tree {
        Expr::VectorSelector(series) => increase(sorted(series))?,
        Expr::MatrixSelector(matrix) => {
            Expr::MatrixSelector(MatrixSelector { vs: sorted(matrix.vs), range: SENTINEL })
        }
        Expr::Aggregate(mut aggregate) => {
            *aggregate.expr = ranged(*aggregate.expr)?;
            Expr::Aggregate(aggregate)
        }
        Expr::Unary(mut unary) => {
            *unary.expr = ranged(*unary.expr)?;
            Expr::Unary(unary)
        }
        Expr::Binary(mut binary) => {
            *binary.lhs = ranged(*binary.lhs)?;
            *binary.rhs = ranged(*binary.rhs)?;
            Expr::Binary(binary)
        }
        Expr::Paren(mut paren) => {
            *paren.expr = ranged(*paren.expr)?;
            Expr::Paren(paren)
        }
        Expr::Call(mut call) => {
            let arguments = std::mem::take(&mut call.args.args).into_iter();
            let arguments = arguments.map(|argument| ranged(*argument).map(Box::new));
            call.args.args = arguments.collect::<Result<_, _>>()?;
            Expr::Call(call)
        }
        other
        @ (Expr::Subquery(_) | Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_)) => other,
    })
}

fn sorted(mut series: VectorSelector) -> VectorSelector {
    series.matchers.matchers.sort_by_key(ToString::to_string);
    series
}

fn increase(series: VectorSelector) -> Result<Expr, String> {
    let Ok(Expr::Call(mut call)) = parse("increase(x[5m])") else {
        return Err("`increase` is not a function".to_owned());
    };
    let matrix = Expr::MatrixSelector(MatrixSelector { vs: series, range: SENTINEL });
    call.args.args = vec![Box::new(matrix)];
    let call: Call = call;
    Ok(Expr::Call(call))
}

/// Prints the tree. The parser prints matchers in the order of their text; the printed text must parse as the same
/// tree.
fn printed(tree: &Expr, fold: &Fold<'_>) -> Result<String, String> {
    let text = tree.to_string();
    if parse(&text).as_ref() != Ok(tree) {
        return Err("it cannot be rewritten over a window: accepted is a query with [{{.window}}]".to_owned());
    }
    let matrix = MatrixSelector { vs: VectorSelector::from("x"), range: SENTINEL }.to_string();
    let sentinel = matrix.strip_prefix('x').unwrap_or(&matrix);
    let text = text.replace(sentinel, &format!("[{WINDOW}]"));
    Ok(fold.of(tree, text))
}

/// Returns a query for a value at each step of the window.
fn sampled(text: &str, fold: &Fold<'_>) -> String {
    let (tree, text) = (parse(text).ok(), text.trim());
    let step = match fold.kind {
        SeriesKind::Counter | SeriesKind::Gauge => "sum_over_time",
        SeriesKind::Share => "avg_over_time",
    };
    match tree {
        Some(tree @ Expr::VectorSelector(_)) => fold.of(&tree, format!("{step}({text}[{WINDOW}])")),
        Some(tree) => format!("{step}(({})[{WINDOW}:])", fold.of(&tree, text.to_owned())),
        None => format!("{step}(({text})[{WINDOW}:])"),
    }
}

/// Folds series into one, or into one for each group: each has one budget.
struct Fold<'g> {
    kind: SeriesKind,
    groups: &'g [String],
}

impl Fold<'_> {
    fn of(&self, tree: &Expr, text: String) -> String {
        if is_single(tree) {
            return text;
        }
        let whole = match self.kind {
            SeriesKind::Counter | SeriesKind::Gauge => "sum",
            SeriesKind::Share => "avg",
        };
        if self.groups.is_empty() {
            format!("{whole}({text})")
        } else {
            format!("{whole} by ({}) ({text})", self.groups.join(", "))
        }
    }
}

/// Whether a query returns one value at most.
fn is_single(tree: &Expr) -> bool {
    match tree {
        Expr::Aggregate(aggregate) => {
            let has_no_labels = aggregate
                .modifier
                .as_ref()
                .is_none_or(|modifier| modifier.is_include() && modifier.labels().labels.is_empty());
            has_no_labels
                && ["sum", "avg", "min", "max", "count", "stddev", "stdvar", "group", "quantile"]
                    .contains(&aggregate.op.to_string().as_str())
        }
        Expr::Paren(paren) => is_single(&paren.expr),
        Expr::Unary(unary) => is_single(&unary.expr),
        Expr::Binary(binary) => is_single(&binary.lhs) && is_single(&binary.rhs),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => true,
        Expr::Call(call) => {
            ["vector", "scalar", "time"].contains(&call.func.name)
                || (!call.args.args.is_empty() && call.args.args.iter().all(|argument| is_single(argument)))
        }
        Expr::Subquery(subquery) => is_single(&subquery.expr),
        Expr::VectorSelector(_) | Expr::MatrixSelector(_) | Expr::Extension(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_increased_before_they_are_summed() {
        let cases = [
            ("sum(x{a=\"b\"})", "sum(increase(x{a=\"b\"}[{{.window}}]))"),
            ("x", "sum(increase(x[{{.window}}]))"),
            ("sum(x{b=\"1\",a!~\"2|3\"})", "sum(increase(x{a!~\"2|3\",b=\"1\"}[{{.window}}]))"),
            ("sum(x) - sum(y)", "sum(increase(x[{{.window}}])) - sum(increase(y[{{.window}}]))"),
            ("sum by (job) (x)", "sum(sum by (job) (increase(x[{{.window}}])))"),
            ("sum(x offset 5m)", "sum(increase(x[{{.window}}] offset 5m))"),
            ("sum(x) or vector(0)", "sum(increase(x[{{.window}}])) or vector(0)"),
            ("sum(x{code=~\"2..|\\\\d\\\"\"})", "sum(increase(x{code=~\"2..|\\\\d\\\"\"}[{{.window}}]))"),
            ("2 * (x + on(a) y)", "sum(2 * (increase(x[{{.window}}]) + on (a) increase(y[{{.window}}])))"),
        ];
        for (text, expected) in cases {
            let over = over_window(text, SeriesKind::Counter, &[]).unwrap();
            assert_eq!((over.text.as_str(), over.warning), (expected, None), "{text}");
        }
    }

    #[test]
    fn fixed_ranges_are_warned_of() {
        let over = over_window("sum(rate(x[5m]))", SeriesKind::Counter, &[]).unwrap();
        assert_eq!(over.text, "sum(rate(x[{{.window}}]))");
        assert!(over.warning.unwrap().contains("the whole window replaces"));
        let over = over_window("sum(min_over_time(x[5m]))", SeriesKind::Counter, &[]).unwrap();
        assert_eq!(over.text, "sum_over_time((sum(min_over_time(x[5m])))[{{.window}}:])");
        assert!(over.warning.unwrap().contains("sampled"));
    }

    #[test]
    fn gauges_are_summed_and_shares_averaged_over_time() {
        let cases = [
            ("x", SeriesKind::Gauge, "sum(sum_over_time(x[{{.window}}]))"),
            ("sum(x)", SeriesKind::Gauge, "sum_over_time((sum(x))[{{.window}}:])"),
            ("x > 5", SeriesKind::Gauge, "sum_over_time((sum(x > 5))[{{.window}}:])"),
            ("x", SeriesKind::Share, "avg(avg_over_time(x[{{.window}}]))"),
            ("1 - avg(x)", SeriesKind::Share, "avg_over_time((1 - avg(x))[{{.window}}:])"),
        ];
        for (text, kind, expected) in cases {
            assert_eq!(over_window(text, kind, &[]).unwrap().text, expected, "{text}");
        }
        assert!(over_window("vector(1)", SeriesKind::Gauge, &[]).unwrap_err().contains("no series"));
    }

    #[test]
    fn groups_keep_their_labels() {
        let groups = ["region".to_owned(), "tier".to_owned()];
        let over = over_window("x", SeriesKind::Counter, &groups).unwrap();
        assert_eq!(over.text, "sum by (region, tier) (increase(x[{{.window}}]))");
        let over = over_window("sum by (region, tier) (x)", SeriesKind::Gauge, &groups).unwrap();
        assert_eq!(
            over.text,
            "sum_over_time((sum by (region, tier) (sum by (region, tier) (x)))[{{.window}}:])"
        );
        assert!(
            over_window("sum(x)", SeriesKind::Counter, &groups).unwrap_err().contains("`region`, `tier`")
        );
    }
}
