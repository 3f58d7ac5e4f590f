//! Comes in: the time window of an OpenSLO file or of the sidecar's configuration. Goes out: the period of a budget.
//! Never reads a clock.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use mapwarden_objective::{Calendar, Period};

use crate::field;
use crate::spelling::Spelling;
use crate::yaml::{Node, Reader};

/// Reads `{duration: 30d}`, or `{duration: 1M, calendar: {...}}`. `of` is the name of the field.
pub fn read_window(reader: &mut Reader<'_>, of: &str, node: &Node, spelling: Spelling) -> Option<Period> {
    let rolling = spelling.of("is_rolling");
    let fields = reader.object(of, node, &["duration", &rolling, "calendar"])?;
    let duration = reader.required(of, &fields, "duration");
    let read = duration.and_then(|node| field::shorthand(reader, "duration", node));
    let is_rolling = fields.get(&rolling).and_then(|node| reader.truth(&rolling, node));
    match (is_rolling, fields.get("calendar")) {
        (Some(true) | None, None) => Some(Period::Rolling(read?.rolling())),
        (Some(false) | None, Some(calendar)) => {
            let shown = duration.unwrap_or(node);
            let units = read.and_then(|read| Some((read.count, read.calendar()?)));
            if let (Some(_), None) = (read, units) {
                let message = format!(
                    "`duration` is {}, which is not a calendar unit: accepted are days and longer, as 1d, 1w, 1M, 1Q, 1Y",
                    shown.value
                );
                reader.problem(shown.referenced, message);
            }
            let calendar = start(reader, calendar, spelling);
            let ((count, unit), (start, zone)) = (units?, calendar?);
            Some(Period::Calendar(Calendar { start, count, unit, zone }))
        }
        (Some(true), Some(_)) => {
            let accepted = format!("accepted is `{rolling}: false`, or no calendar");
            reader.problem(node.referenced, format!("a rolling window has no `calendar`: {accepted}"));
            None
        }
        (Some(false), None) => {
            let accepted = format!("accepted is one, or `{rolling}: true`");
            reader.problem(
                node.referenced,
                format!("a window that does not roll has a `calendar`: {accepted}"),
            );
            None
        }
    }
}

fn start(reader: &mut Reader<'_>, node: &Node, spelling: Spelling) -> Option<(DateTime, TimeZone)> {
    let (start, zone) = (spelling.of("start_time"), spelling.of("time_zone"));
    let fields = reader.object("calendar", node, &[&start, &zone])?;
    let node = reader.required("calendar", &fields, &start)?;
    let time = reader.checked(&start, node, |text| {
        let accepted = "accepted is a local time without a zone, as 2026-01-01 00:00:00";
        text.parse::<DateTime>().map_err(|_| format!("`{text}` is not a time: {accepted}"))
    });
    let node = reader.required("calendar", &fields, &zone)?;
    let zone = reader.checked(&zone, node, |text| {
        let accepted = "accepted is a name of the IANA time zone database, as Europe/Zurich or UTC";
        TimeZone::get(text).map_err(|_| format!("`{text}` is not a time zone: {accepted}"))
    });
    Some((time?, zone?))
}
