//! Comes in: an objective and the members of composites. Goes out: its groups of rules and the tests of them. Never
//! writes a file.

use mapwarden_objective::Slo;

use crate::document::{self, EvaluationGroup, RuleTarget};
use crate::resolved::ResolvedSlo;
use crate::window::RuleWindow;
use crate::{alert, calendar, record, slots, trial};

/// The rules of one objective, with their promtool tests.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectiveRules {
    /// `service-name`: the value of `sloth_id`.
    pub id: String,
    /// The stem of its files.
    pub stem: String,
    groups: Vec<EvaluationGroup>,
    test: String,
    slow_test: Option<String>,
    /// Where the rules differ from the objective, and why.
    pub notes: Vec<String>,
}

/// An objective for which no rules can be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("objective `{id}`: {reason}")]
pub struct RulesError {
    /// `service/name`.
    pub id: String,
    /// The reason.
    pub reason: String,
}

impl ObjectiveRules {
    /// Writes the rules of an objective. `others` holds the members of a composite: the rules of a composite read
    /// series that the rules of its members record.
    ///
    /// # Errors
    /// A query is not PromQL, rules cannot express the objective, or a member is not among the others.
    pub fn new(slo: &Slo, others: &[Slo]) -> Result<Self, RulesError> {
        let failed = |reason| RulesError { id: slo.id(), reason };
        let objective = ResolvedSlo::new(slo, others).map_err(failed)?;
        let slots = slots::rules(&objective).map_err(failed)?;
        let (quick, slow): (Vec<_>, Vec<_>) =
            objective.windows().into_iter().partition(|window| *window <= record::QUICK);
        let windows = |windows: Vec<RuleWindow>| {
            windows.into_iter().flat_map(|window| record::window(&objective, window)).collect::<Vec<_>>()
        };
        let group = |kind: &str, interval, rules| EvaluationGroup {
            name: format!("mapwarden-slo-{kind}-{}", objective.id),
            interval,
            rules,
        };
        let (marks, period) = match &objective.periods {
            Some(periods) => (calendar::rules(periods, &objective), record::period(&objective, periods)),
            None => (Vec::new(), Vec::new()),
        };
        let quick = slots.into_iter().chain(marks).chain(windows(quick)).collect();
        let slow = windows(slow).into_iter().chain(period).collect();
        let groups = vec![
            group("sli", "1m", quick),
            group("sli-long", "2m", slow),
            group("meta", "1m", record::meta(&objective)),
            group("alerts", "1m", alert::rules(&objective)),
        ];
        let groups: Vec<_> = groups.into_iter().filter(|group| !group.rules.is_empty()).collect();
        let names: Vec<_> = groups.iter().map(|group| group.name.clone()).collect();
        let stem = objective.file_stem();
        let file = trial::TestedFile { path: &format!("../{stem}.yaml"), groups: &names };
        let (test, slow_test) = (trial::write(&objective, file), trial::write_slow(&objective, file));
        Ok(Self { id: objective.id.clone(), stem, groups, test, slow_test, notes: objective.notes })
    }

    /// Returns the name of its `PrometheusRule`. It is lower case and has fewer characters than ids may have, so that
    /// two objectives may get the same name.
    pub fn resource(&self) -> String {
        document::resource_name(&self.id)
    }

    /// Returns the promtool test file. It expects the rule file, in its plain form, as `../<stem>.yaml`.
    pub fn test(&self) -> &str {
        &self.test
    }

    /// Returns the promtool test file of tiers with windows of hours and days, in which evaluations are far apart; none
    /// where there is no such tier. It expects the rule file as [`Self::test`] does.
    pub fn slow_test(&self) -> Option<&str> {
        self.slow_test.as_deref()
    }

    /// Returns the rule file.
    pub fn rules(&self, target: RuleTarget) -> String {
        document::write(target, &self.id, &self.groups)
    }

    /// Returns the rules of several objectives as one plain rule file.
    pub fn together(all: &[Self]) -> String {
        let groups: Vec<_> = all.iter().flat_map(|rules| rules.groups.iter().cloned()).collect();
        document::write(RuleTarget::Prometheus, "", &groups)
    }
}
