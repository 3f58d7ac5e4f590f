//! Comes in: `timeWindow`. Goes out: the period of a budget.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::Scope;
use crate::spec::{Calendar, Period, field};
use crate::yaml::{Node, Reader};

/// Reads `timeWindow`; without one the period of the run holds.
pub(super) fn period(scope: &Scope<'_>, reader: &mut Reader<'_>, node: Option<&Node>) -> Option<Period> {
    let Some(node) = node else { return Some(scope.period.clone()) };
    let [node] = reader.list("timeWindow", Some(node)) else {
        reader.problem(node.referenced, "`timeWindow` has exactly one member: accepted is one".to_owned());
        return None;
    };
    let fields = reader.object("timeWindow[]", node, &["duration", "isRolling", "calendar"])?;
    let duration = reader.required("timeWindow[]", &fields, "duration");
    let read = duration.and_then(|node| field::shorthand(reader, "duration", node));
    let is_rolling = fields.get("isRolling").and_then(|node| reader.truth("isRolling", node));
    match (is_rolling, fields.get("calendar")) {
        (Some(true) | None, None) => Some(Period::Rolling(read?.rolling())),
        (Some(false) | None, Some(calendar)) => {
            let place = duration.unwrap_or(node);
            let told = read.and_then(|read| Some((read.count, read.calendar()?)));
            if let (Some(_), None) = (read, told) {
                let message = format!(
                    "`duration` is {}, which no calendar counts: accepted are days and longer, as 1d, 1w, 1M, 1Q, 1Y",
                    place.value
                );
                reader.problem(place.referenced, message);
            }
            let calendar = start(reader, calendar);
            let ((count, unit), (start, zone)) = (told?, calendar?);
            Some(Period::Calendar(Calendar { start, count, unit, zone }))
        }
        (Some(true), Some(_)) => {
            let message =
                "a rolling window has no `calendar`: accepted is `isRolling: false`, or no calendar";
            reader.problem(node.referenced, message.to_owned());
            None
        }
        (Some(false), None) => {
            let message =
                "a window that does not roll has a `calendar`: accepted is one, or `isRolling: true`";
            reader.problem(node.referenced, message.to_owned());
            None
        }
    }
}

fn start(reader: &mut Reader<'_>, node: &Node) -> Option<(DateTime, TimeZone)> {
    let fields = reader.object("calendar", node, &["startTime", "timeZone"])?;
    let start = reader.required("calendar", &fields, "startTime")?;
    let start = reader.checked("startTime", start, |text| {
        let accepted = "accepted is a local time without a zone, as 2026-01-01 00:00:00";
        text.parse::<DateTime>().map_err(|_| format!("`{text}` is not a time: {accepted}"))
    });
    let zone = reader.required("calendar", &fields, "timeZone")?;
    let zone = reader.checked("timeZone", zone, |text| {
        let accepted = "accepted is a name of the IANA time zone database, as Europe/Zurich or UTC";
        TimeZone::get(text).map_err(|_| format!("`{text}` is not a time zone: {accepted}"))
    });
    Some((start?, zone?))
}
