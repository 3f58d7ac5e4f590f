//! A value, or the reason why there is none.

use serde::{Deserialize, Serialize};

/// A value, or the reason why there is none. As JSON the value itself, or `{"missing": "reason"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Known<T> {
    /// There is no value.
    Missing {
        /// The reason: lower case, no full stop.
        missing: String,
    },
    /// The measured value.
    Value(T),
}

impl<T> Known<T> {
    /// Returns a missing value with its reason.
    pub fn missing(reason: impl Into<String>) -> Self {
        Self::Missing { missing: reason.into() }
    }

    /// Returns the value, or a missing one with `reason` where there is none.
    pub fn or_missing(value: Option<T>, reason: &str) -> Self {
        value.map_or_else(|| Self::missing(reason), Self::Value)
    }

    /// Returns the value, where it is known.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Missing { .. } => None,
            Self::Value(value) => Some(value),
        }
    }
}
