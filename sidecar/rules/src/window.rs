//! Comes in: lengths of time. Goes out: windows with the names that Sloth's series have and the ranges that hold them.
//! Never reads a clock.

use std::fmt;

use mapwarden_contract::Nanos;

/// How long a slice is, in seconds: what every window is made of. Raised, windows become coarser and pages later;
/// lowered under the scrape interval, most slices are empty.
pub(super) const SLICE: u64 = 60;

/// For how long a slice settles before it is counted, in seconds: a scrape that began before the end of a slice may
/// be stored after it. Raised, every window lags more; lowered under a scrape's time-out, a slow scrape's events are
/// lost.
pub(super) const SETTLING: u64 = 30;

/// A window of whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Window(u64);

impl Window {
    /// The window of the current burn rate.
    pub(super) const M5: Self = Self(300);

    /// The window of the coverage that tells what alerts were based on.
    pub(super) const HOUR: Self = Self(3_600);

    /// The windows for which Sloth records ratios, whatever the tiers are.
    pub(super) const RECORDED: [Self; 7] =
        [Self(300), Self(1_800), Self(3_600), Self(7_200), Self(21_600), Self(86_400), Self(259_200)];

    /// A window of so much time, rounded down to seconds.
    pub(super) const fn new(length: Nanos) -> Self {
        Self(length.get() / 1_000_000_000)
    }

    /// A window of so many days.
    pub(super) const fn days(days: u64) -> Self {
        Self(days * 86_400)
    }

    /// The length in seconds.
    pub(super) const fn seconds(self) -> u64 {
        self.0
    }

    /// The length in days.
    pub(super) fn in_days(self) -> f64 {
        mapwarden_contract::Count::new(self.0).as_f64() / 86_400.0
    }

    /// The range over slices that holds as many as the window is long. Half a slice shorter than the window: a range
    /// is closed at both ends before Prometheus 3, and would hold one more.
    pub(super) fn range(self) -> String {
        Self(self.0.saturating_sub(SLICE / 2)).to_string()
    }
}

impl fmt::Display for Window {
    /// As Prometheus prints durations, and Sloth names series: `5m`, `1h`, `30d`, and `4w` for 28 days.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        // Years and weeks only where nothing is left over.
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
    fn windows_have_the_names_of_sloth_s_series() {
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
            assert_eq!(Window(seconds).to_string(), name);
        }
    }

    #[test]
    fn a_range_holds_the_slices_of_its_window_and_not_one_more() {
        for window in Window::RECORDED {
            let range = window.0 - SLICE / 2;
            // Closed at both ends or only at one: the newest slice is at 0.
            assert_eq!(range / SLICE + 1, window.0 / SLICE);
            assert_ne!(range % SLICE, 0, "no slice lies on the edge");
        }
        assert_eq!(
            (Window::M5.range(), Window::days(30).range()),
            ("4m30s".to_owned(), "29d23h59m30s".to_owned())
        );
    }
}
