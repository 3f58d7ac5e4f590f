//! The windows that everything is measured over.

use mapwarden::contract::Nanos;

/// A window that events are summed over. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Window {
    /// 5 minutes.
    M5,
    /// 30 minutes.
    M30,
    /// 1 hour.
    H1,
    /// 2 hours.
    H2,
    /// 6 hours.
    H6,
    /// 1 day.
    D1,
    /// 3 days.
    D3,
    /// 30 days: the budget's period.
    D30,
}

impl Window {
    /// Every window, shortest first.
    pub const ALL: [Self; 8] =
        [Self::M5, Self::M30, Self::H1, Self::H2, Self::H6, Self::D1, Self::D3, Self::D30];

    /// The name as Sloth writes it: `5m`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::M5 => "5m",
            Self::M30 => "30m",
            Self::H1 => "1h",
            Self::H2 => "2h",
            Self::H6 => "6h",
            Self::D1 => "1d",
            Self::D3 => "3d",
            Self::D30 => "30d",
        }
    }

    /// The length.
    pub const fn length(self) -> Nanos {
        Nanos::from_secs(match self {
            Self::M5 => 300,
            Self::M30 => 1_800,
            Self::H1 => 3_600,
            Self::H2 => 7_200,
            Self::H6 => 21_600,
            Self::D1 => 86_400,
            Self::D3 => 259_200,
            Self::D30 => 2_592_000,
        })
    }
}
