//! Comes in: the budgeting method that OpenSLO files and the sidecar's configuration declare. Goes out: a [`Method`].
//! Never reads events.

use mapwarden_contract::{Nanos, Ratio};
use mapwarden_objective::{Method, Period};

use crate::field;
use crate::spelling::Spelling;
use crate::yaml::{Fields, Node, Reader, YamlValue};

/// The name of a budgeting method, as OpenSLO spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budgeting {
    /// Every event counts.
    Occurrences,
    /// Every time slice counts as good or bad.
    Timeslices,
    /// Every time slice counts by its share of good events.
    RatioTimeslices,
}

impl Budgeting {
    const ALL: [Self; 3] = [Self::Occurrences, Self::Timeslices, Self::RatioTimeslices];

    /// Parses a name.
    ///
    /// # Errors
    /// The text is not a budgeting method; the message lists what is accepted.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|one| one.name() == text).ok_or_else(|| {
            format!(
                "`{text}` is not a budgeting method: accepted are Occurrences, Timeslices and RatioTimeslices"
            )
        })
    }

    /// Returns the name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Occurrences => "Occurrences",
            Self::Timeslices => "Timeslices",
            Self::RatioTimeslices => "RatioTimeslices",
        }
    }

    /// Returns the fields that have no meaning with this method, as the configuration spells them.
    pub const fn without(self) -> &'static [&'static str] {
        match self {
            Self::Occurrences => &["time_slice_target", "time_slice_window"],
            Self::Timeslices => &[],
            Self::RatioTimeslices => &["time_slice_target"],
        }
    }
}

/// Reads the fields that a method needs in addition to its name. Takes the object as its name and its fields.
pub fn read_method(
    reader: &mut Reader<'_>,
    (of, fields): (&str, &Fields<'_>),
    budgeting: Budgeting,
    spelling: Spelling,
) -> Option<Method> {
    if budgeting == Budgeting::Occurrences {
        return Some(Method::Occurrences);
    }
    let name = spelling.of("time_slice_window");
    let node = reader.required(of, fields, &name);
    let slice = node.and_then(|node| time_slice(reader, &name, node));
    if budgeting == Budgeting::RatioTimeslices {
        return Some(Method::RatioTimeslices { slice: slice? });
    }
    let name = spelling.of("time_slice_target");
    let node = reader.required(of, fields, &name)?;
    let share = reader.number(&name, node)?;
    let target = Ratio::new(share).ok().filter(|target| *target > Ratio::ZERO);
    if target.is_none() {
        let message = format!("`{name}` is {share}: accepted is a share above 0 and up to 1");
        reader.problem(node.referenced, message);
    }
    Some(Method::Timeslices { slice: slice?, target: target? })
}

/// Reads the length of a time slice. A number without a unit is of minutes.
fn time_slice(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<Nanos> {
    let minutes = match &node.value {
        YamlValue::Integer(minutes) => {
            u64::try_from(*minutes).ok().filter(|minutes| (1..=525_600).contains(minutes))
        }
        YamlValue::Nothing
        | YamlValue::Truth(_)
        | YamlValue::Float(_)
        | YamlValue::Text(_)
        | YamlValue::List(_)
        | YamlValue::Object(_) => {
            return field::shorthand(reader, name, node).map(|slice| slice.rolling());
        }
    };
    if minutes.is_none() {
        let message = format!("`{name}` is {}: accepted is a number of minutes, or 1m, 10m, 1h", node.value);
        reader.problem(node.referenced, message);
    }
    minutes.map(|minutes| Nanos::from_secs(minutes * 60))
}

/// Checks that a time slice is shorter than a rolling period. Calendar periods have at least a day, so that they are
/// not checked.
pub fn check_time_slice(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    method: Method,
    period: &Period,
    spelling: Spelling,
) {
    let slice = match method {
        Method::Occurrences => return,
        Method::Timeslices { slice, .. } | Method::RatioTimeslices { slice } => slice,
    };
    let Period::Rolling(period) = period else { return };
    if slice >= *period {
        let name = spelling.of("time_slice_window");
        let location = fields.get(&name).map_or(fields.location(), |node| node.referenced);
        let message = format!("`{name}` is not shorter than the time window: accepted is a part of it");
        reader.problem(location, message);
    }
}
