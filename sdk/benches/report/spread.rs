//! The median of many rounds, and their spread.

/// The quartiles of the rounds of one figure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    /// A quarter of the rounds is below it.
    pub(crate) low: f64,
    /// Half of the rounds are below it.
    pub(crate) median: f64,
    /// Three quarters of the rounds are below it.
    pub(crate) high: f64,
}

impl Spread {
    /// Returns the quartiles by nearest rank, or NaN if there are no values.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let rank = |quarters: usize| {
            let last = values.len().saturating_sub(1);
            values.get((last * quarters + 2) / 4).copied().unwrap_or(f64::NAN)
        };
        Self { low: rank(1), median: rank(2), high: rank(3) }
    }

    /// Returns half of the range between the quartiles: the `±` of the tables.
    pub(crate) fn half(self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// Returns the median of the values, or NaN if there are none.
pub(crate) fn median(values: Vec<f64>) -> f64 {
    Spread::of(values).median
}
