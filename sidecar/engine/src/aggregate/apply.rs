//! What a series, a span or a sketch adds, put where it belongs.

use std::sync::Arc;

use mapwarden_contract::{Nanos, UnixNanos, Verdict};

use super::examples::{Example, ExampleReason};
use super::hot_keys::KeyPoint;
use super::objective::{About, Events, Place};
use super::roles::{self, Applied, MapGauge, Role, SloRole, Track, whole};
use super::series::Ignored;
use super::traffic::Dependency;
use super::{Aggregate, SPANS};
use crate::observation::{
    Call, CallSource, Completion, Exemplar, Failure, FailureAbout, IdentityKind, Point, PointValue, Request,
    Resource, UserRole, Users,
};
use crate::steps::Step;

impl Aggregate {
    pub(super) fn gauge(&mut self, roles: &[Role], point: &Point, received: UnixNanos) {
        let time = point.time.min(received);
        for role in roles {
            let (Role::MapGauge(key, sender, gauge), PointValue::Gauge(value)) = (role, &point.value) else {
                continue;
            };
            let map = self.maps.at(key);
            match gauge {
                MapGauge::Entries => {
                    map.rounds.tell(*sender, point.time);
                    map.holds(time, whole(*value));
                }
                MapGauge::MaxEntries => map.max_entries.tell(*sender, time, whole(*value)),
                MapGauge::LastWrite => map.last_write.tell(*sender, time, whole(*value).min(received.get())),
                MapGauge::GuardHeld => map.guard_held.tell(time, Nanos::new(whole(*value))),
            }
        }
    }

    pub(super) fn hot_key(
        &mut self,
        resource: &Resource,
        point: &Point,
        received: UnixNanos,
    ) -> Result<(), Ignored> {
        let (map, key) = roles::hot_key(resource, point).ok_or(Ignored::Malformed)?;
        let reading = roles::reading(point, None, received)?.ok_or(Ignored::Malformed)?;
        let is_full = self.held() >= self.max_series;
        let hot_keys = &mut self.maps.at(&map).hot_keys;
        if is_full && !hot_keys.holds(&key) {
            return Err(Ignored::TooManySeries);
        }
        let at = reading.time.min(received);
        hot_keys
            .take(&key, KeyPoint { sender: resource.id, reading, at, watching_since: self.watching_since })
    }

    pub(super) fn apply(&mut self, track: &Track, applied: &Applied<'_>) {
        let (time, events) = (applied.time, applied.increase.events);
        for role in &track.roles {
            match role {
                Role::Slo { slo, place, counts } => {
                    let events = counts.events(applied);
                    self.count(slo, place, *counts, events);
                    if !applied.exemplars.is_empty() {
                        self.sampled_examples(slo, applied.exemplars);
                    }
                }
                Role::MapOperation(key, pair) => {
                    self.maps.at(key).count(pair.clone(), time, events);
                }
                Role::MapRetries(key) => self.maps.at(key).retry(time, events),
                Role::MapFailures(key, pair) => self.maps.at(key).fail(pair.clone(), time, events),
                Role::MapSampled(key) => self.maps.at(key).sample(time, events),
                Role::MapScope(key, scope) => self.maps.at(key).sample_in(scope, time, events),
                Role::MapDuration(key, op) => {
                    if let Some(times) = &applied.times {
                        self.maps.at(key).took(op, time, times);
                    }
                    let what = || format!("{op} of {}", key.1);
                    self.examples(&key.0, About::Map(key.1.clone()), applied.exemplars, what);
                }
                Role::MapGauge(..) => {}
                Role::Requests(key, completion) => {
                    self.requests.at(key).count(time, *completion, events);
                }
                Role::RequestDuration(key) => {
                    if let Some(times) = &applied.times {
                        self.requests.at(key).took(time, times);
                    }
                    let what = || format!("request {}", key.1);
                    self.examples(&key.0, About::Scope(key.1.clone()), applied.exemplars, what);
                }
                Role::Calls(name, service, completion) => {
                    self.dependency(name, service, "calls").traffic.count(time, *completion, events);
                }
                Role::CallDuration(name, service) => {
                    if let Some(times) = &applied.times {
                        self.dependency(name, service, "calls").traffic.took(time, times);
                    }
                }
            }
        }
    }

    /// Keeps events of which our SDK made a span.
    fn examples(
        &mut self,
        service: &Arc<str>,
        about: About,
        exemplars: &[Exemplar],
        what: impl Fn() -> String,
    ) {
        for exemplar in exemplars {
            let example =
                Example { exemplar: *exemplar, what: what().into(), why: ExampleReason::SlowOrFailed };
            self.examples.at(&(service.clone(), about.clone())).add(example);
        }
    }

    /// Keeps events that the sender of an objective's metric chose by chance.
    fn sampled_examples(&mut self, slo: &str, exemplars: &[Exemplar]) {
        let Some(definition) = self.objectives.get(slo).map(|objective| &objective.definition) else {
            return;
        };
        let About::Metric(metric) = &definition.about else { return };
        let key = (definition.service.clone(), definition.about.clone());
        for exemplar in exemplars {
            let example = Example { exemplar: *exemplar, what: metric.clone(), why: ExampleReason::Sampled };
            self.examples.at(&key).add(example);
        }
    }

    /// Keeps a failure that a span of our SDK told.
    pub(super) fn failure(&mut self, service: &Arc<str>, failure: &Failure) {
        let Failure { about, error, exemplar } = failure;
        let (about, what) = match about {
            FailureAbout::Map { map, op } => (About::Map(map.clone()), format!("{op} of {map}")),
            FailureAbout::Scope(scope) => (About::Scope(scope.clone()), format!("request {scope}")),
        };
        let example =
            Example { exemplar: *exemplar, what: what.into(), why: ExampleReason::Failed(error.clone()) };
        self.examples.at(&(service.clone(), about)).add(example);
    }

    /// Counts a step of a queried objective. What a server tells has no place.
    pub(super) fn step(&mut self, slo: &String, step: &Step) {
        let Step { from, to, good, bad } = *step;
        let nowhere = Place { version: Arc::from(""), region: Arc::from("") };
        self.count(slo, &nowhere, SloRole::All(Verdict::Good), Events { from, to, good, bad });
    }

    fn count(&mut self, slo: &String, place: &Place, counts: SloRole, events: Events) {
        let Some(objective) = self.objectives.get_mut(slo) else { return };
        let uncounted = match counts {
            SloRole::BadOfTotal => objective.count_bad_of_total(events, place),
            SloRole::All(_) | SloRole::UpTo(_) => objective.count(events, place),
        };
        self.ignore(Ignored::BadAboveTotal, uncounted.bad_above_total);
        self.ignore(Ignored::AfterSlice, uncounted.late);
    }

    fn dependency(&mut self, name: &Arc<str>, caller: &Arc<str>, source: &'static str) -> &mut Dependency {
        let dependency = self.dependencies.at(name);
        if source != "probe" && !dependency.callers.contains(caller) {
            dependency.callers.insert(caller.clone());
        }
        dependency.sources.insert(source);
        dependency
    }

    pub(super) fn users(&mut self, service: &Arc<str>, users: &Users) {
        match &users.role {
            UserRole::Affected { slo } => {
                if let Some(objective) = self.objectives.get_mut(&format!("{service}/{slo}")) {
                    match users.who {
                        IdentityKind::User => &mut objective.affected,
                        IdentityKind::Tenant => &mut objective.affected_tenants,
                    }
                    .merge(users.slot, &users.sketch);
                } else {
                    self.ignore(Ignored::UnknownObjective, 1);
                }
            }
            UserRole::Active { scope } => {
                let audience = self.audiences.at(&(service.clone(), scope.clone()));
                match users.who {
                    IdentityKind::User => &mut audience.active,
                    IdentityKind::Tenant => &mut audience.tenants,
                }
                .merge(users.slot, &users.sketch);
            }
        }
    }

    pub(super) fn request(&mut self, resource: &Resource, request: &Request, received: UnixNanos) {
        let end = request.end.min(received);
        let region =
            request.region.as_ref().or(resource.region.as_ref()).cloned().unwrap_or_else(|| Arc::from(""));
        if let (Completion::Failed, Some(trace)) = (request.completion, request.trace) {
            let exemplar = Exemplar { at: end, duration: request.duration, trace };
            let example = Example { exemplar, what: request.name.clone(), why: ExampleReason::Failed(None) };
            self.examples.at(&(resource.service.clone(), About::Scope(Arc::from(SPANS)))).add(example);
        }
        let key = (resource.service.clone(), Arc::from(SPANS), region);
        self.requests.at(&key).one(end, request.completion, request.duration);
        if let Some(user) = request.user {
            let audience = self.audiences.at(&(resource.service.clone(), Arc::from(SPANS)));
            audience.active.insert(end, user);
            if request.completion == Completion::Failed {
                audience.failed.insert(end, user);
            }
        }
    }

    pub(super) fn call(&mut self, service: &Arc<str>, call: &Call, received: UnixNanos) {
        let source = match call.source {
            CallSource::Span => "spans",
            CallSource::Probe => "probe",
        };
        let end = call.end.min(received);
        self.dependency(&call.dependency, service, source).traffic.one(end, call.completion, call.duration);
    }
}
