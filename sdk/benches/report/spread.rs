//! The middle of many rounds, and how far they lie apart.

/// The quartiles of the rounds of one figure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    /// A quarter of the rounds lies below it.
    pub(crate) low: f64,
    /// Half of them.
    pub(crate) median: f64,
    /// Three quarters.
    pub(crate) high: f64,
}

impl Spread {
    /// The quartiles by nearest rank; not numbers where there are no values.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let rank = |quarters: usize| {
            let last = values.len().saturating_sub(1);
            values.get((last * quarters + 2) / 4).copied().unwrap_or(f64::NAN)
        };
        Self { low: rank(1), median: rank(2), high: rank(3) }
    }

    /// Half of the range between the quartiles: the `±` of the tables.
    pub(crate) fn half(self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// The middle of the values; not a number where there are none.
pub(crate) fn median(values: Vec<f64>) -> f64 {
    Spread::of(values).median
}
