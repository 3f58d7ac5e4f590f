//! The changes part: changes of services, announced or seen because a process of another version reports. Comes in:
//! announcements and senders. Goes out: [`Change`]s, newest first. Never shows one deploy twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::observation::{Change, ChangeKind, ChangeSource, Resource};

/// How many changes are remembered over all services.
const CHANGES: usize = 500;

/// How far apart an announcement and the first telemetry of one deploy may be and still be one change.
const SAME_DEPLOY: SignedDuration = SignedDuration::from_mins(15);

/// How many processes of one service are remembered; beyond that, the memory of them starts anew.
const INSTANCES: usize = 4096;

/// All changes known, newest first.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    newest_first: VecDeque<Change>,
    services: BTreeMap<Arc<str>, RunningVersion>,
}

#[derive(Clone, Debug, Default)]
struct RunningVersion {
    version: Option<Arc<str>>,
    instances: BTreeSet<u64>,
}

impl Changes {
    /// Adds a change. An announcement takes the place of what telemetry showed of the same deploy; telemetry
    /// adds nothing to a deploy that was announced. Returns whether the change is new.
    pub fn add(&mut self, change: Change) -> bool {
        if self.newest_first.contains(&change) {
            return false;
        }
        let is_same = |known: &Change| {
            known.service == change.service
                && known.kind == ChangeKind::Deploy
                && change.kind == ChangeKind::Deploy
                && known.version == change.version
                && known.source != change.source
                && known.at.duration_since(change.at).abs() < SAME_DEPLOY
        };
        if let Some(index) = self.newest_first.iter().position(is_same) {
            if change.source == ChangeSource::Telemetry {
                return false;
            }
            self.newest_first.remove(index);
        }
        let at = self.newest_first.partition_point(|known| known.at > change.at);
        self.newest_first.insert(at, change);
        self.newest_first.truncate(CHANGES);
        true
    }

    /// Looks at the sender of a batch, and returns the change that it shows, if it is new.
    pub fn observe(&mut self, resource: &Resource, at: Timestamp) -> Option<Change> {
        self.see(resource, at).filter(|change| self.add(change.clone()))
    }

    /// Looks at a sender: the first process of another version than the service's last one is a deploy.
    fn see(&mut self, resource: &Resource, at: Timestamp) -> Option<Change> {
        let version = resource.version.as_ref()?;
        let running = self.services.entry(resource.service.clone()).or_default();
        if running.instances.len() >= INSTANCES {
            running.instances.clear();
        }
        if !running.instances.insert(resource.id) || running.version.as_ref() == Some(version) {
            return None;
        }
        let is_first = running.version.replace(version.clone()).is_none();
        (!is_first).then(|| Change {
            service: resource.service.to_string(),
            kind: ChangeKind::Deploy,
            version: Some(version.to_string()),
            sha: resource.revision.as_ref().map(ToString::to_string),
            at,
            source: ChangeSource::Telemetry,
            author: None,
            url: None,
        })
    }

    /// All changes, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Change> {
        self.newest_first.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(id: u64, version: &str) -> Resource {
        Resource { id, service: Arc::from("shop"), version: Some(Arc::from(version)), ..Resource::default() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn a_process_of_another_version_is_a_deploy_and_so_is_the_way_back() {
        let mut changes = Changes::default();
        let seen: Vec<_> = [(1, "v1"), (2, "v1"), (3, "v2"), (1, "v1"), (3, "v2"), (4, "v1")]
            .into_iter()
            .filter_map(|(id, version)| changes.see(&resource(id, version), at(0))?.version)
            .collect();
        assert_eq!(seen, ["v2", "v1"]);
    }

    #[test]
    fn a_deploy_announced_and_seen_is_one_change() {
        let mut changes = Changes::default();
        changes.see(&resource(1, "v1"), at(0));
        let seen = changes.see(&resource(2, "v2"), at(10)).unwrap();
        let announced =
            Change { sha: Some("a3f9c1d".into()), source: ChangeSource::Webhook, at: at(8), ..seen.clone() };
        assert!(changes.add(seen.clone()));
        assert!(changes.add(announced.clone()));
        assert!(!changes.add(seen));
        assert_eq!(changes.newest_first().collect::<Vec<_>>(), [&announced]);
    }
}
