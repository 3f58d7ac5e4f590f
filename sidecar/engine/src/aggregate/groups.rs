//! Objectives that are told apart by labels: each group is an objective of its own, made when its first series comes.
//! Comes in: roles of a new series. Goes out: the objectives that they count towards. Never makes more than [`GROUPS`].

use std::sync::Arc;

use mapwarden_contract::UnixNanos;

use super::Aggregate;
use super::bounded::OTHER;
use super::objective::Definition;
use super::roles::{self, Role};
use super::terms::Terms;
use mapwarden_objective::Slo;

/// How many groups an objective has at most; events of further ones go to the last one, `other`. Raised, more are told
/// apart at some 70 kB each.
const GROUPS: usize = 50;

impl Aggregate {
    /// Makes the groups that the roles of a series need.
    pub(super) fn open_groups(&mut self, roles: &mut [Role], now: UnixNanos) {
        for role in roles {
            let Role::Slo { slo: id, .. } = role else { continue };
            if self.objectives.contains_key(id) {
                continue;
            }
            let Some(slo) = self.grouped(id) else { continue };
            let prefix = format!("{}{{", slo.id());
            let known = self.objectives.range(prefix.clone()..).take_while(|(id, _)| id.starts_with(&prefix));
            if known.count() >= GROUPS - 1 {
                *id = format!("{prefix}{OTHER}}}");
            }
            let Some((definition, terms)) = self.group(id) else { continue };
            self.declare(definition, now);
            if let Some(objective) = self.objectives.get_mut(id).filter(|known| *known.terms() != terms) {
                objective.agree(terms, now);
            }
        }
    }

    /// What the group with this id promises; none where the configuration has no such groups.
    pub(super) fn group(&self, id: &str) -> Option<(Definition, Terms)> {
        let slo = self.grouped(id)?;
        let name = id.strip_prefix(slo.service.as_str())?.strip_prefix('/')?;
        let definition = Definition { name: Arc::from(name), ..roles::definition_of(slo) };
        Some((definition, Terms::of(slo)))
    }

    fn grouped(&self, id: &str) -> Option<&Slo> {
        let is_of = |slo: &&Slo| {
            let rest = id.strip_prefix(&slo.id());
            !slo.group_by.is_empty() && rest.is_some_and(|rest| rest.starts_with('{') && rest.ends_with('}'))
        };
        self.configured.iter().find(is_of)
    }
}
