//! Comes in: a history. Goes out: the share of bad events of a time slice, and its badness. Never reads a rule.

use mapwarden_objective::Method;

use super::history::History;
use crate::resolved::ResolvedSlo;
use crate::window::{RuleWindow, SLOT};

/// Returns the share of bad events of the time slice that ends with a minute: 0 without an event where half of it was
/// measured, and none where less was measured.
pub(super) fn share(history: &History, minute: usize, slice: Option<RuleWindow>) -> Option<f64> {
    let length = slice.map_or(Ok(1), |slice| usize::try_from(slice.seconds() / SLOT)).ok()?;
    if minute == 0 || length == 0 || !minute.is_multiple_of(length) {
        return None;
    }
    let measured: Vec<_> =
        (minute + 1 - length..=minute).filter_map(|minute| history.minute(minute)?.events()).collect();
    let (good, bad) = measured.iter().fold((0, 0), |(good, bad), (more, worse)| (good + more, bad + worse));
    match good + bad {
        0 => (2 * measured.len() >= length).then_some(0.0),
        all => Some(f64::from(bad) / f64::from(all)),
    }
}

/// Returns the badness of a time slice.
pub(super) fn verdict(method: Method, share: f64) -> f64 {
    match method {
        Method::Timeslices { target, .. } => f64::from(u8::from(share > target.complement().get())),
        Method::Occurrences | Method::RatioTimeslices { .. } => share,
    }
}

/// Whether a member of a composite never has an event: the last of three or more. A time slice without an event is
/// good.
pub(super) fn is_quiet(objective: &ResolvedSlo<'_>, index: usize) -> bool {
    index >= 2 && index + 1 == objective.members.len() && objective.time_slice().is_none()
}

/// Whether shares are summed, of which the last digit depends on their order.
pub(super) fn is_fractional(objective: &ResolvedSlo<'_>) -> bool {
    let is_weighted = objective.members.iter().any(|member| member.weight.is_some());
    matches!(objective.slo.method, Method::RatioTimeslices { .. })
        || is_weighted && objective.slo.method == Method::Occurrences
}
