//! Comes in: the expression of an alert. Goes out: the reason why it can never be true, where the expression alone
//! proves it. Never reports an expression that is only unlikely to be true.

use promql_parser::parser::token::{
    T_ADD, T_DIV, T_EQLC, T_GTE, T_GTR, T_LAND, T_LOR, T_LSS, T_LTE, T_MUL, T_SUB,
};
use promql_parser::parser::{BinaryExpr, Expr, LabelModifier};

/// Returns the reason why an expression never has a result; none where it may have one.
pub(super) fn fires(tree: &Expr) -> Option<String> {
    match tree {
        Expr::Paren(inner) => fires(&inner.expr),
        Expr::Aggregate(aggregate) => fires(&aggregate.expr),
        Expr::Binary(both) => binary(both),
        Expr::VectorSelector(selector) => contradiction(selector),
        Expr::Unary(_)
        | Expr::Subquery(_)
        | Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::MatrixSelector(_)
        | Expr::Call(_)
        | Expr::Extension(_) => None,
    }
}

fn binary(both: &BinaryExpr) -> Option<String> {
    let id = both.op.id();
    if id == T_LOR {
        return fires(&both.lhs).and(fires(&both.rhs));
    }
    if id == T_LAND {
        return fires(&both.lhs).or_else(|| fires(&both.rhs)).or_else(|| labels_apart(both));
    }
    if both.op.is_comparison_operator() && !both.return_bool() {
        return fires(&both.lhs).or_else(|| out_of_range(both));
    }
    None
}

/// Compares shares of events, which are in [0, 1], with constants out of that range.
fn out_of_range(both: &BinaryExpr) -> Option<String> {
    let (share, limit, id) = match (range(&both.lhs), constant(&both.rhs), both.op.id()) {
        (Some(share), Some(limit), id) => (share, limit, id),
        _ => {
            let mirrored = match both.op.id() {
                T_GTR => T_LSS,
                T_GTE => T_LTE,
                T_LSS => T_GTR,
                T_LTE => T_GTE,
                other => other,
            };
            (range(&both.rhs)?, constant(&both.lhs)?, mirrored)
        }
    };
    let (low, high) = share;
    let is_never = match id {
        T_GTR => limit >= high,
        T_GTE => limit > high,
        T_LSS => limit <= low,
        T_LTE => limit < low,
        T_EQLC => limit < low || limit > high,
        // `!=` may hold; the other operators are not comparisons.
        _ => false,
    };
    is_never.then(|| format!("a value between {low} and {high} is compared with {limit}"))
}

/// Returns the value of an expression of numbers.
fn constant(tree: &Expr) -> Option<f64> {
    match tree {
        Expr::NumberLiteral(number) => Some(number.val),
        Expr::Paren(inner) => constant(&inner.expr),
        Expr::Unary(inner) => constant(&inner.expr).map(|number| -number),
        Expr::Binary(both) => {
            let (left, right) = (constant(&both.lhs)?, constant(&both.rhs)?);
            match both.op.id() {
                T_ADD => Some(left + right),
                T_SUB => Some(left - right),
                T_MUL => Some(left * right),
                T_DIV => Some(left / right),
                _ => None,
            }
        }
        Expr::Aggregate(_)
        | Expr::Subquery(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Call(_)
        | Expr::Extension(_) => None,
    }
}

/// Returns the range of a value that is known by its name: shares, and `up`.
fn range(tree: &Expr) -> Option<(f64, f64)> {
    match tree {
        Expr::Paren(inner) => range(&inner.expr),
        Expr::Aggregate(aggregate) => {
            let keeps = ["max", "min", "avg"].contains(&aggregate.op.to_string().as_str());
            range(&aggregate.expr).filter(|_| keeps)
        }
        Expr::VectorSelector(selector) => {
            let name = selector.name.as_deref()?;
            (name == "up" || name.starts_with("slo:sli_error:ratio")).then_some((0.0, 1.0))
        }
        Expr::Binary(_)
        | Expr::Unary(_)
        | Expr::Subquery(_)
        | Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::MatrixSelector(_)
        | Expr::Call(_)
        | Expr::Extension(_) => None,
    }
}

/// Finds two matchers that no value satisfies together.
fn contradiction(selector: &promql_parser::parser::VectorSelector) -> Option<String> {
    let equal =
        |matcher: &&promql_parser::label::Matcher| matches!(matcher.op, promql_parser::label::MatchOp::Equal);
    let matchers = &selector.matchers.matchers;
    matchers.iter().filter(equal).find_map(|one| {
        let other = matchers.iter().find(|other| other.name == one.name && !other.is_match(&one.value))?;
        Some(format!("no `{}` is both `{one}` and `{other}`", one.name))
    })
}

/// Finds a label by which an `and` joins, with different values on its two sides: Sloth's windows.
fn labels_apart(both: &BinaryExpr) -> Option<String> {
    let (left, right) = (labels(&both.lhs), labels(&both.rhs));
    let matching = both.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
    let is_joined = |name: &String| match matching {
        None => true,
        Some(LabelModifier::Include(names)) => names.labels.contains(name),
        Some(LabelModifier::Exclude(names)) => !names.labels.contains(name),
    };
    left.iter().filter(|(name, _)| is_joined(name)).find_map(|(name, value)| {
        let (_, other) = right.iter().find(|(other, value_of)| other == name && value_of != value)?;
        Some(format!("it joins `{name}=\"{value}\"` with `{name}=\"{other}\"`"))
    })
}

/// Returns the labels with known values that every result has. Sloth's ratios have the window in their name.
fn labels(tree: &Expr) -> Vec<(String, String)> {
    match tree {
        Expr::Paren(inner) => labels(&inner.expr),
        Expr::Binary(both) if both.op.is_comparison_operator() && constant(&both.rhs).is_some() => {
            labels(&both.lhs)
        }
        Expr::Binary(both) if both.op.id() == T_LAND => labels(&both.lhs),
        Expr::Aggregate(aggregate) => {
            let keeps = |name: &String| match &aggregate.modifier {
                None => false,
                Some(LabelModifier::Include(names)) => names.labels.contains(name),
                Some(LabelModifier::Exclude(names)) => !names.labels.contains(name),
            };
            labels(&aggregate.expr).into_iter().filter(|(name, _)| keeps(name)).collect()
        }
        Expr::VectorSelector(selector) => {
            let equal = selector.matchers.matchers.iter();
            let equal = equal.filter(|matcher| matches!(matcher.op, promql_parser::label::MatchOp::Equal));
            let named = equal.map(|matcher| (matcher.name.clone(), matcher.value.clone()));
            let name = selector.name.as_deref().unwrap_or_default();
            let window = name.strip_prefix("slo:sli_error:ratio_rate");
            named.chain(window.map(|window| ("sloth_window".to_owned(), window.to_owned()))).collect()
        }
        Expr::Binary(_)
        | Expr::Unary(_)
        | Expr::Subquery(_)
        | Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::MatrixSelector(_)
        | Expr::Call(_)
        | Expr::Extension(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_impossible_expressions_are_found() {
        let cases = [
            ("slo:sli_error:ratio_rate1h > (14.4 * 0.1)", true),
            ("slo:sli_error:ratio_rate1h > (14.4 * 0.01)", false),
            ("max by (x) (slo:sli_error:ratio_rate1h) > 1", true),
            ("sum by (x) (slo:sli_error:ratio_rate1h) > 1", false),
            ("1.5 < slo:sli_error:ratio_rate1h", true),
            ("up == 2", true),
            ("up == 0", false),
            ("sum(up) == 2", false),
            (r#"a{x="1",x="2"} > 0"#, true),
            (r#"a{x="1",x!="2"} > 0"#, false),
            (r#"a{x="500",x=~"4.."} > 0"#, true),
            ("slo:sli_error:ratio_rate1h > 0.1 and slo:sli_error:ratio_rate5m > 0.1", true),
            (
                "slo:sli_error:ratio_rate1h > 0.1 and ignoring (sloth_window) slo:sli_error:ratio_rate5m > 0.1",
                false,
            ),
            (
                "max without (sloth_window) (slo:sli_error:ratio_rate1h > 0.1) and max without (sloth_window) (slo:sli_error:ratio_rate5m > 0.1)",
                false,
            ),
            ("up == 2 or up == 0", false),
            ("up == 2 or up == 3", true),
            ("up > bool 2", false),
        ];
        for (text, is_never) in cases {
            let tree = promql_parser::parser::parse(text).unwrap();
            assert_eq!(fires(&tree).is_some(), is_never, "{text}: {:?}", fires(&tree));
        }
    }
}
