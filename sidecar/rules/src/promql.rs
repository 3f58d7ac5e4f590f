//! Comes in: PromQL with the template of a window. Goes out: PromQL that counts the events of one slot, each counter by
//! the difference of its values at the two ends of the slot. Never changes what is counted.

use std::time::Duration;

use mapwarden_objective::Expression;
use mapwarden_slo::declaration::parse_promql;
use promql_parser::parser::token::{T_ADD, T_DIV, T_LOR, T_MUL, T_SUB, T_SUM};
use promql_parser::parser::{self, Expr, MatrixSelector, Offset};

use super::window::{SETTLING, SLOT};

/// Stands for the window while an expression is read: a duration that does not occur in real queries.
const MARK: (&str, Duration) = ("7m7s7ms", Duration::from_millis(427_007));

/// How long a series must be absent before its return counts as a beginning. Raised, a series is read further back at
/// each slot; lowered, an exporter that drops idle series and exports them again counts them twice.
const FORGOTTEN: &str = "1h";

/// The unit of the value of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ExpressionUnit {
    /// Events per second.
    PerSecond,
    /// Events.
    Count,
}

/// Returns PromQL that counts the events of one slot. A rate is replaced by the increase of its counter; where that
/// would change the meaning, the whole is multiplied by the seconds of the slot.
///
/// # Errors
/// The expression is not PromQL.
pub(super) fn count_of_slot(expression: &Expression) -> Result<String, String> {
    let mut tree = read(expression)?;
    let is_scalable = is_linear(&tree);
    let unit = unit_of(&tree);
    let mut counters = CounterTexts { is_scalable, texts: Vec::new() };
    counters.rewrite(&mut tree)?;
    let mut text = tree.to_string();
    for (index, counter) in counters.texts.iter().enumerate() {
        text = text.replace(&stand_in(index), counter);
    }
    Ok(if unit == ExpressionUnit::PerSecond && !is_scalable { format!("({text}) * {SLOT}") } else { text })
}

/// Inserts a window into an expression and changes nothing else.
///
/// # Errors
/// The expression is not PromQL.
pub(super) fn over(expression: &Expression, window: &str) -> Result<String, String> {
    Ok(parse_promql(&expression.over(window))?.to_string())
}

/// Returns every selector of series in an expression, in its order.
///
/// # Errors
/// The expression is not PromQL.
pub(super) fn selectors(expression: &Expression) -> Result<Vec<parser::VectorSelector>, String> {
    let tree = read(expression)?;
    let mut found = Vec::new();
    walk(&tree, &mut |node| {
        if let Expr::VectorSelector(selector) = node {
            found.push(selector.clone());
        } else if let Expr::MatrixSelector(selector) = node {
            found.push(selector.vs.clone());
        }
    });
    Ok(found)
}

/// Returns PromQL for the events of one counter in a slot that ended [`SETTLING`] ago, series by series, and never an
/// extrapolation. In this order: the difference of the values at both ends, which loses nothing between slots; over a
/// restart, the events before and after it; until its end, of a series that ended; all of a series that began
/// while its target was scraped; from its first value on, of one that began with its target; the result of `increase`
/// for a process that exceeded its earlier count after a restart, or that restarted more than once.
pub(super) fn counted(selector: &str, offset: Duration) -> String {
    let at = |age: u64| display(offset + Duration::from_secs(age));
    let (until, since) = (at(SETTLING), at(SETTLING + SLOT));
    let (end, start) = (format!("{selector} offset {until}"), format!("{selector} offset {since}"));
    let within = format!("{selector}[{}] offset {until}", display(Duration::from_secs(SLOT)));
    format!(
        "(\n  \
           ({end} - {start} >= 0 unless resets({within}) > 0)\n  \
           or\n  \
           ({end} + clamp_min(max_over_time({within}) - {start}, 0) and {end} < {start} unless resets({within}) > 1)\n  \
           or\n  \
           (max_over_time({within}) - {start} >= 0 unless {end})\n  \
           or\n  \
           (0 + {end} unless last_over_time({selector}[{FORGOTTEN}] offset {since}) and on (job, instance) (up offset {since} == 1))\n  \
           or\n  \
           ({end} - min_over_time({within}) unless {start})\n  \
           or\n  \
           increase({within})\n)"
    )
}

fn display(duration: Duration) -> String {
    promql_parser::util::display_duration(&duration)
}

fn read(expression: &Expression) -> Result<Expr, String> {
    parse_promql(&expression.over(MARK.0))
}

/// Whether an increase may stand for a rate everywhere: only sums, differences and constant factors.
fn is_linear(tree: &Expr) -> bool {
    match tree {
        Expr::Aggregate(sum) => sum.op.id() == T_SUM && is_linear(&sum.expr),
        Expr::Paren(inner) => is_linear(&inner.expr),
        Expr::Binary(both) => {
            let constant = |side: &Expr| matches!(side, Expr::NumberLiteral(_));
            match both.op.id() {
                T_ADD | T_SUB => {
                    is_linear(&both.lhs)
                        && is_linear(&both.rhs)
                        && !constant(&both.lhs)
                        && !constant(&both.rhs)
                }
                T_LOR => is_linear(&both.lhs) && is_linear(&both.rhs),
                T_MUL => {
                    [&both.lhs, &both.rhs].into_iter().any(|side| constant(side))
                        && is_linear(&both.lhs)
                        && is_linear(&both.rhs)
                }
                T_DIV => constant(&both.rhs) && is_linear(&both.lhs),
                _ => false,
            }
        }
        Expr::Call(call) => match (call.func.name, call.args.first().as_deref()) {
            ("rate" | "increase", Some(Expr::MatrixSelector(series))) => series.range == MARK.1,
            ("vector", Some(Expr::NumberLiteral(number))) => number.val == 0.0,
            _ => false,
        },
        Expr::NumberLiteral(_) => true,
        Expr::Unary(_)
        | Expr::Subquery(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => false,
    }
}

fn unit_of(tree: &Expr) -> ExpressionUnit {
    let mut unit = ExpressionUnit::Count;
    walk(tree, &mut |node| {
        if let Expr::Call(call) = node
            && ["rate", "irate", "deriv"].contains(&call.func.name)
        {
            unit = ExpressionUnit::PerSecond;
        }
    });
    unit
}

/// Returns the selector that stands for the text of a counter until the expression is printed.
fn stand_in(index: usize) -> String {
    format!("mapwarden_counter_{index}_")
}

/// The texts of the counters of an expression.
struct CounterTexts {
    is_scalable: bool,
    texts: Vec<String>,
}

impl CounterTexts {
    /// Replaces rates and increases over the marked window by stand-ins, and the mark elsewhere by the length of a
    /// slot.
    fn rewrite(&mut self, tree: &mut Expr) -> Result<(), String> {
        if let Some(text) = counter(tree, self.is_scalable) {
            *tree = Expr::VectorSelector(stand_in(self.texts.len()).into());
            self.texts.push(text);
            return Ok(());
        }
        match tree {
            Expr::Aggregate(aggregate) => {
                if let Some(parameter) = &mut aggregate.param {
                    self.rewrite(parameter)?;
                }
                self.rewrite(&mut aggregate.expr)
            }
            Expr::Unary(inner) => self.rewrite(&mut inner.expr),
            Expr::Binary(both) => {
                self.rewrite(&mut both.lhs)?;
                self.rewrite(&mut both.rhs)
            }
            Expr::Paren(inner) => self.rewrite(&mut inner.expr),
            Expr::Subquery(query) => {
                if query.range == MARK.1 {
                    query.range = Duration::from_secs(SLOT);
                }
                self.rewrite(&mut query.expr)
            }
            Expr::MatrixSelector(series) => {
                if series.range == MARK.1 {
                    settle(series);
                }
                Ok(())
            }
            Expr::Call(call) => {
                // The counters of native histograms have no difference that could be compared with 0.
                let is_histogram =
                    call.func.name.starts_with("histogram_") && call.func.name != "histogram_quantile";
                call.args.args.iter_mut().try_for_each(|argument| {
                    if is_histogram { shorten(argument) } else { self.rewrite(argument) }
                })
            }
            Expr::NumberLiteral(_)
            | Expr::StringLiteral(_)
            | Expr::VectorSelector(_)
            | Expr::Extension(_) => Ok(()),
        }
    }
}

/// Gives every marked range below a node the length of a slot, and changes nothing else.
fn shorten(tree: &mut Expr) -> Result<(), String> {
    let text = tree.to_string().replace(&display(MARK.1), &display(Duration::from_secs(SLOT)));
    *tree = parser::parse(&text)?;
    Ok(())
}

fn settle(series: &mut MatrixSelector) {
    series.range = Duration::from_secs(SLOT);
    let settling = Duration::from_secs(SETTLING);
    match &mut series.vs.offset {
        None => series.vs.offset = Some(Offset::Pos(settling)),
        Some(Offset::Pos(offset)) => *offset += settling,
        // A negative offset is kept.
        Some(Offset::Neg(_)) => {}
    }
}

/// Returns the text that replaces a rate or an increase over the marked window; none for anything else, and for series
/// without a name, of which the differences would be ambiguous.
fn counter(tree: &Expr, is_scalable: bool) -> Option<String> {
    let Expr::Call(call) = tree else { return None };
    let Some(Expr::MatrixSelector(series)) = call.args.first().map(|argument| *argument) else { return None };
    if series.range != MARK.1 || series.vs.name.is_none() || series.vs.at.is_some() {
        return None;
    }
    let offset = match &series.vs.offset {
        None => Duration::ZERO,
        Some(Offset::Pos(offset)) => *offset,
        Some(Offset::Neg(_)) => return None,
    };
    let selector = parser::VectorSelector::new(series.vs.name, series.vs.matchers);
    let counted = counted(&selector.to_string(), offset);
    match call.func.name {
        "increase" => Some(counted),
        "rate" if is_scalable => Some(counted),
        "rate" => Some(format!("({counted}\n/ {SLOT})")),
        _ => None,
    }
}

/// Visits every node, parents first.
pub(super) fn walk(tree: &Expr, visit: &mut impl FnMut(&Expr)) {
    visit(tree);
    match tree {
        Expr::Aggregate(aggregate) => {
            if let Some(parameter) = &aggregate.param {
                walk(parameter, visit);
            }
            walk(&aggregate.expr, visit);
        }
        Expr::Unary(inner) => walk(&inner.expr, visit),
        Expr::Binary(both) => {
            walk(&both.lhs, visit);
            walk(&both.rhs, visit);
        }
        Expr::Paren(inner) => walk(&inner.expr, visit),
        Expr::Subquery(query) => walk(&query.expr, visit),
        Expr::Call(call) => call.args.args.iter().for_each(|argument| walk(argument, visit)),
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> String {
        count_of_slot(&Expression::new(text)).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_rate_and_an_increase_become_the_same_count() {
        let rate = flat(r#"sum(rate(x_total{job="a"}[{{.window}}]))"#);
        assert_eq!(rate, flat(r#"sum(increase(x_total{job="a"}[{{ .window }}]))"#));
        assert!(rate.contains(r#"x_total{job="a"} offset 30s - x_total{job="a"} offset 1m30s"#), "{rate}");
        assert!(!rate.contains("7m7s") && !rate.contains("rate("), "{rate}");
    }

    #[test]
    fn nonlinear_expressions_keep_their_unit() {
        let text = flat("sum(rate(x_total[{{.window}}])) > 0.5");
        assert!(text.contains("/ 60") && text.ends_with(") * 60"), "{text}");
        let text = flat("sum(rate(x_total[{{.window}}])) or vector(0)");
        assert!(!text.contains("/ 60") && !text.ends_with("* 60"), "{text}");
    }

    #[test]
    fn other_functions_get_the_range_of_a_slot() {
        assert_eq!(flat("count_over_time(probe[{{.window}}])"), "count_over_time(probe[1m] offset 30s)");
        assert_eq!(flat("sum(probe)"), "sum(probe)");
        assert!(flat("histogram_count(sum(rate(h[{{.window}}])))").contains("rate(h[1m])"));
        assert!(flat(r#"sum(increase({__name__=~"a|b"}[{{.window}}]))"#).contains("[1m] offset 30s"));
    }

    #[test]
    fn an_offset_is_kept() {
        let text = flat("sum(rate(x_total[{{.window}}] offset 1h))");
        assert!(text.contains("x_total offset 1h30s - x_total offset 1h1m30s"), "{text}");
    }

    #[test]
    fn rewritten_queries_are_promql() {
        for text in
            ["sum(rate(x_total[{{.window}}]))", "1 - (sum(rate(a[{{.window}}])) / sum(rate(b[{{.window}}])))"]
        {
            let written = count_of_slot(&Expression::new(text)).unwrap();
            assert!(parser::parse(&written).is_ok(), "{written}");
        }
        assert!(count_of_slot(&Expression::new("sum(rate(")).is_err());
    }
}
