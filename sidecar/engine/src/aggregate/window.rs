//! The windows that everything is measured over.

use std::borrow::Cow;
use std::fmt;

use mapwarden_contract::Nanos;

/// A window that events are summed over: the last so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window(Nanos);

impl Window {
    /// 5 minutes.
    pub const M5: Self = Self::of_secs(300);
    /// 30 minutes.
    pub const M30: Self = Self::of_secs(1_800);
    /// 1 hour.
    pub const H1: Self = Self::of_secs(3_600);
    /// 2 hours.
    pub const H2: Self = Self::of_secs(7_200);
    /// 6 hours.
    pub const H6: Self = Self::of_secs(21_600);
    /// 1 day.
    pub const D1: Self = Self::of_secs(86_400);
    /// 3 days.
    pub const D3: Self = Self::of_secs(259_200);
    /// 30 days: the budget's period by default.
    pub const D30: Self = Self::of_secs(2_592_000);

    /// The windows of an objective over 30 days with the tiers of the SRE workbook, shortest first.
    pub const ALL: [Self; 8] =
        [Self::M5, Self::M30, Self::H1, Self::H2, Self::H6, Self::D1, Self::D3, Self::D30];

    /// A window of any length.
    pub const fn new(length: Nanos) -> Self {
        Self(length)
    }

    const fn of_secs(seconds: u64) -> Self {
        Self(Nanos::from_secs(seconds))
    }

    /// The name as Sloth writes it: `5m`. In the largest unit that divides it.
    pub fn name(self) -> Cow<'static, str> {
        let mut usual = Self::ALL.into_iter().zip(["5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"]);
        let known = usual.find(|(window, _)| *window == self);
        known.map_or_else(|| Cow::Owned(self.to_string()), |(_, name)| Cow::Borrowed(name))
    }

    /// The length.
    pub const fn length(self) -> Nanos {
        self.0
    }
}

impl fmt::Display for Window {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.get() / 1_000_000;
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")];
        let unit = units.into_iter().find(|(length, _)| millis >= *length && millis.is_multiple_of(*length));
        let (length, name) = unit.unwrap_or((1, "ms"));
        write!(out, "{}{name}", millis / length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_named_in_the_largest_unit_that_divides_it() {
        let names = [300, 1_800, 5_400, 90, 259_200, 2_419_200, 0].map(|secs| Window::of_secs(secs).name());
        assert_eq!(names, ["5m", "30m", "90m", "90s", "3d", "28d", "0ms"]);
        Window::ALL.into_iter().for_each(|window| assert_eq!(window.name(), window.to_string()));
    }
}
