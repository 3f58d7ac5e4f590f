//! Counts of what happened to notices.

use std::collections::BTreeMap;

use super::content::{Notice, Transition};

/// What happened to notices since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticeCounters {
    /// Opened.
    pub opened: u64,
    /// Updated.
    pub updated: u64,
    /// Resolved.
    pub resolved: u64,
    /// Mandatory parts of resolved notices: (present, missing) by part.
    pub parts: BTreeMap<&'static str, (u64, u64)>,
}

impl NoticeCounters {
    pub(super) fn count(&mut self, transition: Transition) {
        match transition {
            Transition::Opened => self.opened += 1,
            Transition::Updated => self.updated += 1,
            Transition::Resolved => self.resolved += 1,
        }
    }

    /// Counts which mandatory parts of a resolved notice are measured.
    pub(super) fn count_parts(&mut self, notice: &Notice) {
        let sli = notice.slis.first().is_some_and(|sli| sli.delta.value().is_some());
        let parts = [
            ("sli_delta", sli),
            ("recent_changes", notice.recent_changes.value().is_some()),
            ("impact", notice.impact.affected_users.value().is_some()),
            ("dependencies", notice.dependencies.value().is_some()),
        ];
        for (part, is_present) in parts {
            let (present, missing) = self.parts.entry(part).or_default();
            *(if is_present { present } else { missing }) += 1;
        }
    }
}
