//! Comes in: durations. Goes out: windows, with the names of Sloth's series and the ranges that hold them.
//! Never reads a clock.

use std::fmt;

use mapwarden_contract::Nanos;

/// The length of a slot in seconds; every window is a number of slots. Raised, windows become coarser and pages later;
/// lowered below the scrape interval, most slots are empty.
pub(super) const SLOT: u64 = 60;

/// The time for which a slot settles before it is counted, in seconds: a scrape that began before the end of a slot may
/// be stored after it. Raised, every window lags more; lowered below the scrape timeout, the events of a slow scrape
/// are lost.
pub(super) const SETTLING: u64 = 30;

/// A window of whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RuleWindow(u64);

impl RuleWindow {
    /// The window of the current burn rate.
    pub(super) const M5: Self = Self(300);

    /// The window of the coverage on which alerts were based.
    pub(super) const HOUR: Self = Self(3_600);

    /// The windows for which Sloth records ratios, independent of the tiers.
    pub(super) const RECORDED: [Self; 7] =
        [Self(300), Self(1_800), Self(3_600), Self(7_200), Self(21_600), Self(86_400), Self(259_200)];

    /// Returns a window, rounded down to seconds.
    pub(super) const fn new(length: Nanos) -> Self {
        Self(length.get() / 1_000_000_000)
    }

    /// Returns a window of days.
    pub(super) const fn days(days: u64) -> Self {
        Self(days * 86_400)
    }

    /// Returns the length in seconds.
    pub(super) const fn seconds(self) -> u64 {
        self.0
    }

    /// Returns the length in days.
    pub(super) fn in_days(self) -> f64 {
        mapwarden_contract::Count::new(self.0).as_f64() / 86_400.0
    }

    /// Returns the range that holds the slots of the window. It is half a slot shorter than the window: before
    /// Prometheus 3 a range is closed at both ends, and would hold one more.
    pub(super) fn range(self) -> String {
        Self(self.0.saturating_sub(SLOT / 2)).to_string()
    }
}

impl fmt::Display for RuleWindow {
    /// Writes the window as Prometheus prints durations, and Sloth names series: `5m`, `1h`, `30d`, and `4w` for 28
    /// days.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        // Years and weeks only without a remainder.
        for (unit, length, is_whole) in
            [("y", 31_536_000, true), ("w", 604_800, true), ("d", 86_400, false), ("h", 3_600, false)]
        {
            if rest >= length && (!is_whole || rest.is_multiple_of(length)) {
                write!(out, "{}{unit}", rest / length)?;
                rest %= length;
            }
        }
        for (unit, length) in [("m", 60), ("s", 1)] {
            if rest >= length {
                write!(out, "{}{unit}", rest / length)?;
                rest %= length;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_have_the_names_of_sloths_series() {
        let cases = [
            (300, "5m"),
            (1_800, "30m"),
            (7_200, "2h"),
            (86_400, "1d"),
            (2_592_000, "30d"),
            (2_419_200, "4w"),
            (604_800, "1w"),
            (7_776_000, "90d"),
            (31_536_000, "1y"),
            (5_400, "1h30m"),
            (270, "4m30s"),
        ];
        for (seconds, name) in cases {
            assert_eq!(RuleWindow(seconds).to_string(), name);
        }
    }

    #[test]
    fn a_range_holds_exactly_the_slots_of_its_window() {
        for window in RuleWindow::RECORDED {
            let range = window.0 - SLOT / 2;
            // Closed at both ends or only at one: the newest slot is at 0.
            assert_eq!(range / SLOT + 1, window.0 / SLOT);
            assert_ne!(range % SLOT, 0, "no slot is on the boundary");
        }
        assert_eq!(
            (RuleWindow::M5.range(), RuleWindow::days(30).range()),
            ("4m30s".to_owned(), "29d23h59m30s".to_owned())
        );
    }
}
