//! Parses and computes the formulas of explanations: `+ - * / ^`, parentheses, `min`, `max`, `sqrt`, and `sum`
//! over lists, element by element.

use serde_json::Value;

/// Computes a formula over its inputs; panics where the text is not a formula.
pub(crate) fn evaluate(formula: &str, inputs: &Value) -> f64 {
    let mut reader = Reader { rest: formula, inputs };
    let value = reader.sum();
    assert!(reader.rest.trim().is_empty(), "{formula}: cannot parse `{}`", reader.rest);
    assert_eq!(value.len(), 1, "{formula} is a list");
    value[0]
}

struct Reader<'a> {
    rest: &'a str,
    inputs: &'a Value,
}

/// Applies an operation to each element; a list of one element is repeated to the length of the other.
fn each(a: &[f64], b: &[f64], apply: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    match (a, b) {
        ([a], b) => b.iter().map(|b| apply(*a, *b)).collect(),
        (a, [b]) => a.iter().map(|a| apply(*a, *b)).collect(),
        (a, b) => {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).map(|(a, b)| apply(*a, *b)).collect()
        }
    }
}

impl Reader<'_> {
    fn takes(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        let after = self.rest.strip_prefix(token);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn word(&mut self) -> String {
        self.rest = self.rest.trim_start();
        let end =
            self.rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    fn sum(&mut self) -> Vec<f64> {
        let mut value = self.product();
        loop {
            if self.takes("+") {
                value = each(&value, &self.product(), |a, b| a + b);
            } else if self.takes("-") {
                value = each(&value, &self.product(), |a, b| a - b);
            } else {
                return value;
            }
        }
    }

    fn product(&mut self) -> Vec<f64> {
        let mut value = self.power();
        loop {
            if self.takes("*") {
                value = each(&value, &self.power(), |a, b| a * b);
            } else if self.takes("/") {
                value = each(&value, &self.power(), |a, b| a / b);
            } else {
                return value;
            }
        }
    }

    fn power(&mut self) -> Vec<f64> {
        let base = self.atom();
        if self.takes("^") { each(&base, &self.atom(), f64::powf) } else { base }
    }

    fn atom(&mut self) -> Vec<f64> {
        if self.takes("(") {
            let value = self.sum();
            assert!(self.takes(")"), "no end at `{}`", self.rest);
            return value;
        }
        let word = self.word();
        if self.takes("(") {
            let mut arguments = vec![self.sum()];
            while self.takes(",") {
                arguments.push(self.sum());
            }
            assert!(self.takes(")"), "no end at `{}`", self.rest);
            return match (word.as_str(), arguments.as_slice()) {
                ("min", [a, b]) => each(a, b, f64::min),
                ("max", [a, b]) => each(a, b, f64::max),
                ("sqrt", [a]) => a.iter().map(|a| a.sqrt()).collect(),
                ("sum", [list]) => vec![list.iter().sum()],
                (other, _) => panic!("what is `{other}` of {arguments:?}?"),
            };
        }
        if let Ok(number) = word.parse() {
            return vec![number];
        }
        match &self.inputs[&word] {
            Value::Number(number) => vec![number.as_f64().unwrap()],
            Value::Array(list) => list.iter().map(|number| number.as_f64().unwrap()).collect(),
            other @ (Value::Null | Value::Bool(_) | Value::String(_) | Value::Object(_)) => {
                panic!("`{word}` is {other} among the inputs {}", self.inputs)
            }
        }
    }
}

#[test]
fn formulas_are_read_as_they_are_written() {
    let inputs = serde_json::json!({"a": 2, "list": [1, 2, 3], "other": [1, 1, 1]});
    let cases = [
        ("1 - a / 4 * 2", 0.0),
        ("(1 + a) ^ a / 3", 3.0),
        ("sum((list - other)^2)", 5.0),
        ("max(0, min(a, sqrt(16)) - sum(list))", 0.0),
        ("a * sum(list) / 12", 1.0),
    ];
    for (formula, expected) in cases {
        assert!((evaluate(formula, &inputs) - expected).abs() < 1e-12, "{formula}");
    }
}
