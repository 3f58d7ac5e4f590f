//! Comes in: objectives. Goes out: recording and alerting rules for Prometheus, Thanos, Mimir and VictoriaMetrics, under
//! the names of Sloth's series, and a promtool test of each. Never asks a server, and never reads a clock: the same
//! objectives are the same bytes.

mod alert;
mod calendar;
mod document;
mod lint;
mod promql;
mod record;
pub mod series;
mod slices;
mod subject;
mod tier;
mod trial;
mod window;

pub use self::alert::RUNBOOKS;
pub use self::document::Target;
pub use self::lint::lint;

use self::document::Group;
use self::subject::Subject;
use mapwarden_objective::Slo;

/// The rules of one objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// `service-name`: the value of `sloth_id`.
    pub id: String,
    /// What its files are called, without their endings.
    pub stem: String,
    groups: Vec<Group>,
    test: String,
    slow_test: Option<String>,
    /// Where the rules are not all that the objective says, and why.
    pub notes: Vec<String>,
}

/// An objective of which no rules can be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("objective `{id}`: {why}")]
pub struct Unwritten {
    /// `service/name`.
    pub id: String,
    /// Why not.
    pub why: String,
}

impl Written {
    /// The rules of an objective, which may be composed of others: their rules record what its own read.
    ///
    /// # Errors
    /// Its queries are not PromQL, rules cannot tell what it promises, or a part of it is not among the others.
    pub fn new(slo: &Slo, others: &[Slo]) -> Result<Self, Unwritten> {
        let unwritten = |why| Unwritten { id: slo.id(), why };
        let subject = Subject::new(slo, others).map_err(unwritten)?;
        let slices = slices::rules(&subject).map_err(unwritten)?;
        let (quick, slow): (Vec<_>, Vec<_>) =
            subject.windows().into_iter().partition(|window| *window <= record::QUICK);
        let windows = |windows: Vec<window::Window>| {
            windows.into_iter().flat_map(|window| record::window(&subject, window)).collect::<Vec<_>>()
        };
        let group = |kind: &str, interval, rules| Group {
            name: format!("mapwarden-slo-{kind}-{}", subject.id),
            interval,
            rules,
        };
        let (marks, period) = match &subject.periods {
            Some(periods) => (periods.rules(&subject), record::period(&subject, periods)),
            None => (Vec::new(), Vec::new()),
        };
        let quick = slices.into_iter().chain(marks).chain(windows(quick)).collect();
        let slow = windows(slow).into_iter().chain(period).collect();
        let groups = vec![
            group("sli", "1m", quick),
            group("sli-long", "2m", slow),
            group("meta", "1m", record::meta(&subject)),
            group("alerts", "1m", alert::rules(&subject)),
        ];
        let groups: Vec<_> = groups.into_iter().filter(|group| !group.rules.is_empty()).collect();
        let names: Vec<_> = groups.iter().map(|group| group.name.clone()).collect();
        let stem = subject.file_stem();
        let tested = trial::Tested { file: &format!("../{stem}.yaml"), groups: &names };
        let (test, slow_test) = (trial::write(&subject, tested), trial::write_slow(&subject, tested));
        Ok(Self { id: subject.id.clone(), stem, groups, test, slow_test, notes: subject.notes })
    }

    /// The name of its `PrometheusRule`: lower case and without what such names do not have, so that two objectives may have
    /// the same.
    pub fn resource(&self) -> String {
        document::resource_name(&self.id)
    }

    /// The promtool test file: it expects the rule file, in its plain form, as `../<stem>.yaml`.
    pub fn test(&self) -> &str {
        &self.test
    }

    /// The promtool test file of tiers whose windows are hours and days long, of which evaluations are far apart; none where
    /// there is no such tier. It expects the rule file as [`Self::test`] does.
    pub fn slow_test(&self) -> Option<&str> {
        self.slow_test.as_deref()
    }

    /// The rule file.
    pub fn rules(&self, target: Target) -> String {
        document::write(target, &self.id, &self.groups)
    }

    /// The rules of several objectives in one plain rule file.
    pub fn together(all: &[Self]) -> String {
        let groups: Vec<_> = all.iter().flat_map(|written| written.groups.iter().cloned()).collect();
        document::write(Target::Prometheus, "", &groups)
    }
}
