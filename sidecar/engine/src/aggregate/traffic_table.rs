//! The traffic part: requests, their users, and calls to dependencies. Comes in: what the series of the SDK add, spans,
//! probes, sketches. Goes out: [`Traffic`], [`Audience`]s and [`Dependency`]s. Never knows an objective.

use std::sync::Arc;

use mapwarden_contract::UnixNanos;

use super::bounded::{Bounded, OTHER};
use super::keys::{RequestKey, SPANS, ScopeKey};
use super::reading::PointEffect;
use super::role::TrafficRole;
use super::traffic::{Audience, Dependency, Traffic};
use crate::observation::{Call, CallSource, Completion, IdentityKind, Request, Resource, Users};

/// How the calls of series are known; spans and probes are the other sources.
const CALLS: &str = "calls";

/// Requests, audiences and dependencies.
pub(super) struct TrafficTable {
    requests: Bounded<RequestKey, Traffic>,
    audiences: Bounded<ScopeKey, Audience>,
    dependencies: Bounded<Arc<str>, Dependency>,
}

impl TrafficTable {
    pub(super) fn new() -> Self {
        let other = || Arc::from(OTHER);
        Self {
            requests: Bounded::new((other(), other(), other())),
            audiences: Bounded::new((other(), other())),
            dependencies: Bounded::new(other()),
        }
    }

    pub(super) fn requests(&self) -> impl Iterator<Item = (&RequestKey, &Traffic)> {
        self.requests.iter()
    }

    pub(super) fn audience(&self, key: &ScopeKey) -> Option<&Audience> {
        self.audiences.get(key)
    }

    pub(super) fn dependencies(&self) -> impl Iterator<Item = (&Arc<str>, &Dependency)> {
        self.dependencies.iter()
    }

    /// Counts what a point adds to requests or calls.
    pub(super) fn count(&mut self, role: &TrafficRole, effect: &PointEffect<'_>) {
        let PointEffect::Increase(point) = effect else { return };
        let (time, events) = (point.time, point.increase.events);
        match role {
            TrafficRole::Requests(key, completion) => {
                self.requests.at(key).count(time, *completion, events);
            }
            TrafficRole::RequestTimes(key) => {
                if let Some(times) = &point.times {
                    self.requests.at(key).took(time, times);
                }
            }
            TrafficRole::Calls { dependency, caller, completion } => {
                self.dependency(dependency, caller, CALLS).traffic.count(time, *completion, events);
            }
            TrafficRole::CallTimes { dependency, caller } => {
                if let Some(times) = &point.times {
                    self.dependency(dependency, caller, CALLS).traffic.took(time, times);
                }
            }
        }
    }

    /// Counts a request that a span describes.
    pub(super) fn add_request(&mut self, resource: &Resource, request: &Request, received: UnixNanos) {
        let end = request.end.min(received);
        let region = request.region.as_ref().or(resource.region.as_ref());
        let region = region.cloned().unwrap_or_else(|| Arc::from(""));
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

    /// Counts a call that a span or a probe describes.
    pub(super) fn add_call(&mut self, caller: &Arc<str>, call: &Call, received: UnixNanos) {
        let source = match call.source {
            CallSource::Span => "spans",
            CallSource::Probe => "probe",
        };
        let end = call.end.min(received);
        self.dependency(&call.dependency, caller, source).traffic.one(end, call.completion, call.duration);
    }

    /// Adds users or tenants of a request scope.
    pub(super) fn add_active(&mut self, service: &Arc<str>, scope: &Arc<str>, users: &Users) {
        let audience = self.audiences.at(&(service.clone(), scope.clone()));
        match users.who {
            IdentityKind::User => &mut audience.active,
            IdentityKind::Tenant => &mut audience.tenants,
        }
        .merge(users.slot, &users.sketch);
    }

    fn dependency(&mut self, name: &Arc<str>, caller: &Arc<str>, source: &'static str) -> &mut Dependency {
        let dependency = self.dependencies.at(name);
        if source != "probe" && !dependency.callers.contains(caller) {
            dependency.callers.insert(caller.clone());
        }
        dependency.sources.insert(source);
        dependency
    }

    pub(super) fn forget_after(&mut self, now: UnixNanos) {
        self.requests.values_mut().for_each(|traffic| traffic.forget_after(now));
        self.dependencies.values_mut().for_each(|dependency| dependency.traffic.forget_after(now));
        for audience in self.audiences.values_mut() {
            audience.active.forget_after(now);
            audience.tenants.forget_after(now);
            audience.failed.forget_after(now);
        }
    }
}
