//! Comes in: the expression of an alert and the series that rules record. Goes out: whether the alert measures an SLI:
//! a ratio, a recorded series, or an annotation that names it. Never resolves what a recorded
//! series measures.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::parser::Expr;
use promql_parser::parser::token::T_DIV;

use super::file::{LintedRule, RuleKind};
use crate::promql::walk;

/// Returns the names of series that rules record.
pub(super) fn recorded(rules: &[LintedRule]) -> BTreeSet<String> {
    rules.iter().filter(|rule| rule.kind == RuleKind::Record).map(|rule| rule.name.clone()).collect()
}

/// Whether an alert measures an SLI.
pub(super) fn is_bound(
    tree: &Expr,
    recorded: &BTreeSet<String>,
    annotations: &BTreeMap<String, String>,
) -> bool {
    if annotations.get("sli").is_some_and(|sli| !sli.trim().is_empty()) {
        return true;
    }
    let mut is_bound = false;
    walk(tree, &mut |node| {
        is_bound |= match node {
            // A division of series is a ratio; a recorded series has a rule of its own.
            Expr::Binary(both) => both.op.id() == T_DIV,
            Expr::VectorSelector(selector) => {
                selector.name.as_deref().is_some_and(|name| is_recorded(name, recorded))
            }
            Expr::MatrixSelector(series) => {
                series.vs.name.as_deref().is_some_and(|name| is_recorded(name, recorded))
            }
            Expr::Aggregate(_)
            | Expr::Unary(_)
            | Expr::Paren(_)
            | Expr::Subquery(_)
            | Expr::NumberLiteral(_)
            | Expr::StringLiteral(_)
            | Expr::Call(_)
            | Expr::Extension(_) => false,
        };
    });
    is_bound
}

/// Whether rules record a series: rules of these files, or others by the name, as only recorded series have colons.
fn is_recorded(name: &str, recorded: &BTreeSet<String>) -> bool {
    recorded.contains(name) || name.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_bound_to_an_sli() {
        let annotated = BTreeMap::from([("sli".to_owned(), "requests that failed".to_owned())]);
        let nothing = BTreeMap::new();
        let cases = [
            ("sum(rate(a[5m])) / sum(rate(b[5m])) > 0.1", &nothing, true),
            ("slo:sli_error:ratio_rate5m > 0.1", &nothing, true),
            ("absent_over_time(a:b[5m])", &nothing, true),
            ("errors > 0", &nothing, false),
            ("errors > 0", &annotated, true),
            ("mine > 0", &nothing, true),
        ];
        let recorded = BTreeSet::from(["mine".to_owned()]);
        for (text, annotations, expected) in cases {
            let tree = promql_parser::parser::parse(text).unwrap();
            assert_eq!(is_bound(&tree, &recorded, annotations), expected, "{text}");
        }
    }
}
