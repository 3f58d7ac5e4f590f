//! The examples part: single events with traces, by what they happened to. Comes in: exemplars of points, failures and
//! spans. Goes out: [`Examples`]. Never keeps an event without a trace.

use std::sync::Arc;

use mapwarden_contract::UnixNanos;

use super::bounded::{Bounded, OTHER};
use super::definition::{About, Definition};
use super::examples::{Example, ExampleReason, Examples};
use super::keys::SPANS;
use super::role::{MapCounts, MapRole, ObjectiveRole, Role, TrafficRole};
use crate::observation::{Completion, Failure, FailureAbout, Request, TracedEvent};

/// All examples by service and what they are about.
pub(super) struct ExampleTable(Bounded<(Arc<str>, About), Examples>);

impl ExampleTable {
    pub(super) fn new() -> Self {
        Self(Bounded::new((Arc::from(OTHER), About::Metric(Arc::from(OTHER)))))
    }

    pub(super) fn get(&self, service: &Arc<str>, about: &About) -> Option<&Examples> {
        self.0.get(&(service.clone(), about.clone()))
    }

    /// Adds the exemplars of a point with this role. The SDK makes a span of an event because it is slow or failed; the
    /// sender of a configured objective's metric, the definition of which `definition` returns, chooses its exemplars by
    /// chance.
    pub(super) fn add_exemplars<'a>(
        &mut self,
        role: &Role,
        exemplars: &[TracedEvent],
        definition: impl FnOnce(&str) -> Option<&'a Definition>,
    ) {
        match role {
            Role::Objective(ObjectiveRole { slo, .. }) => {
                let Some(Definition { service, about, .. }) = definition(slo) else { return };
                let About::Metric(metric) = about else { return };
                self.add_all(service, about.clone(), exemplars, || (metric.clone(), ExampleReason::Sampled));
            }
            Role::Map(MapRole { map: (service, name), counts: MapCounts::Times(op) }) => {
                let what = || (format!("{op} of {name}").into(), ExampleReason::SlowOrFailed);
                self.add_all(service, About::Map(name.clone()), exemplars, what);
            }
            Role::Traffic(TrafficRole::RequestTimes((service, scope, _))) => {
                let what = || (format!("request {scope}").into(), ExampleReason::SlowOrFailed);
                self.add_all(service, About::Scope(scope.clone()), exemplars, what);
            }
            Role::Map(_) | Role::Traffic(_) => {}
        }
    }

    fn add_all(
        &mut self,
        service: &Arc<str>,
        about: About,
        exemplars: &[TracedEvent],
        what: impl Fn() -> (Arc<str>, ExampleReason),
    ) {
        let examples = self.0.at(&(service.clone(), about));
        for exemplar in exemplars {
            let (what, why) = what();
            examples.add(Example { exemplar: *exemplar, what, why });
        }
    }

    /// Adds a failure that a span of the SDK describes.
    pub(super) fn add_failure(&mut self, service: &Arc<str>, failure: &Failure) {
        let Failure { about, error, exemplar } = failure;
        let (about, what) = match about {
            FailureAbout::Map { map, op } => (About::Map(map.clone()), format!("{op} of {map}")),
            FailureAbout::Scope(scope) => (About::Scope(scope.clone()), format!("request {scope}")),
        };
        let why = ExampleReason::Failed(error.clone());
        self.0.at(&(service.clone(), about)).add(Example { exemplar: *exemplar, what: what.into(), why });
    }

    /// Adds a request that a span describes, if it failed.
    pub(super) fn add_request(&mut self, service: &Arc<str>, request: &Request, received: UnixNanos) {
        if let (Completion::Failed, Some(trace)) = (request.completion, request.trace) {
            let exemplar = TracedEvent { at: request.end.min(received), duration: request.duration, trace };
            let why = ExampleReason::Failed(None);
            let example = Example { exemplar, what: request.name.clone(), why };
            self.0.at(&(service.clone(), About::Scope(Arc::from(SPANS)))).add(example);
        }
    }

    pub(super) fn forget_after(&mut self, now: UnixNanos) {
        self.0.values_mut().for_each(|examples| examples.forget_after(now));
    }
}
