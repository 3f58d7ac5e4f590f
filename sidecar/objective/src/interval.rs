//! Confidence intervals of measured ratios.

use mapwarden_contract::{Count, Ratio};

/// The 97.5th percentile of the normal distribution: a two-sided interval holds 95 %. Raised, alerts need more events.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// Returns the 95 % confidence interval of a ratio by Wilson's score (E. B. Wilson, "Probable inference", JASA 22,
/// 1927), which holds near 0 and 1 and for few events, where the usual normal interval does not. Returns none where
/// there was no event.
pub fn wilson(part: Count, whole: Count) -> Option<(Ratio, Ratio)> {
    if whole == Count::ZERO {
        return None;
    }
    let (lower, upper) = score(part.as_f64(), whole.as_f64());
    Some((Ratio::new(lower).ok()?, Ratio::new(upper).ok()?))
}

/// Returns the 95 % confidence interval of `part / n` as [`wilson`] does, for weighted events. `n` must be above 0.
pub fn score(part: f64, n: f64) -> (f64, f64) {
    let ratio = (part / n).min(1.0);
    let centre = ratio + Z_95 * Z_95 / (2.0 * n);
    let spread = Z_95 * (ratio * (1.0 - ratio) / n + Z_95 * Z_95 / (4.0 * n * n)).sqrt();
    let bound = |value: f64| (value / (1.0 + Z_95 * Z_95 / n)).clamp(0.0, 1.0);
    (bound(centre - spread), bound(centre + spread))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_agrees_with_published_values() {
        // Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17,
        // 1998, table I, method 3.
        let cases = [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ];
        for (part, whole, lower, upper) in cases {
            let (low, high) = wilson(Count::new(part), Count::new(whole)).unwrap();
            assert!((low.get() - lower).abs() < 5.1e-5, "{part}/{whole}: {low:?}");
            assert!((high.get() - upper).abs() < 5.1e-5, "{part}/{whole}: {high:?}");
        }
        assert_eq!(wilson(Count::ZERO, Count::ZERO), None);
    }
}
