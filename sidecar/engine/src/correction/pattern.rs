//! Which objectives a correction is about. Comes in: an id, or a pattern with `*`. Goes out: whether it matches an id.
//! Never knows which objectives there are.

use serde::{Deserialize, Serialize};

/// An objective's id, or a pattern in which each `*` stands for any text: `shop/checkout`, `shop/*`, `*/availability`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectivePattern(String);

impl ObjectivePattern {
    /// Returns a pattern; every text is one.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether an id matches. Costs at most the product of the lengths.
    pub fn matches(&self, id: &str) -> bool {
        let Some((head, rest)) = self.0.split_once('*') else { return self.0 == id };
        let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
        let Some(mut left) = id.strip_prefix(head).and_then(|left| left.strip_suffix(tail)) else {
            return false;
        };
        for part in middle.split('*').filter(|part| !part.is_empty()) {
            match left.split_once(part) {
                Some((_, after)) => left = after,
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        let cases = [
            ("shop/a", "shop/a", true),
            ("shop/a", "shop/ab", false),
            ("*", "shop/a", true),
            ("shop/*", "shop/a", true),
            ("shop/*", "shops/a", false),
            ("*/a", "shop/a", true),
            ("*/a", "shop/ba", false),
            ("s*p/*a", "shop/checkout-a", true),
            ("*o*o*", "shop/foo", true),
            ("*o*o*o*", "shop/fo", false),
            ("ab*ba", "aba", false),
            ("**", "", true),
        ];
        for (pattern, id, expected) in cases {
            assert_eq!(ObjectivePattern::new(pattern).matches(id), expected, "{pattern} {id}");
        }
    }
}
