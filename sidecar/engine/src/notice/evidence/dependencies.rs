//! How the service's dependencies are.

use mapwarden_contract::{Count, Nanos, Ratio};

use super::Fault;
use crate::aggregate::WindowView;
use crate::aggregate::traffic::Dependency;
use crate::notice::{DependencyHealth, Health, Known};

/// How far back a dependency's health looks.
const RECENT: Nanos = Nanos::from_secs(60);

/// Every dependency that the service calls or that is probed, the worst first.
pub(in crate::notice) fn dependencies(fault: &Fault<'_>) -> Known<Vec<DependencyHealth>> {
    let service = &fault.objective.definition.service;
    let concerns =
        |dependency: &Dependency| dependency.callers.is_empty() || dependency.callers.contains(service);
    let mut all: Vec<_> = fault
        .view
        .dependencies()
        .filter(|(_, dependency)| concerns(dependency))
        .map(|(name, dependency)| health(name, dependency, fault.view))
        .collect();
    all.sort_by_key(|dependency| std::cmp::Reverse(rank(dependency.health)));
    if all.is_empty() {
        return Known::missing("no probe is configured and no client span or dependency call was seen");
    }
    Known::Value(all)
}

const fn rank(health: Health) -> u8 {
    match health {
        Health::Healthy => 0,
        Health::Unknown => 1,
        Health::Degraded => 2,
        Health::Down => 3,
    }
}

/// One dependency's health over the last minute: degraded from 1 % failures on, down from half on.
pub fn health(name: &str, dependency: &Dependency, view: &WindowView<'_>) -> DependencyHealth {
    let traffic = &dependency.traffic;
    let recent = traffic.last(RECENT, view.now);
    let ratio = recent.error_ratio();
    let health = match ratio.map(Ratio::get) {
        None => Health::Unknown,
        Some(failed) if failed >= 0.5 => Health::Down,
        Some(failed) if failed >= 0.01 => Health::Degraded,
        Some(_) => Health::Healthy,
    };
    let p99 = Ratio::new(0.99).ok().and_then(|share| traffic.times().last(RECENT, view.now).quantile(share));
    let checked = (traffic.ok + traffic.failed > Count::ZERO).then(|| view.now.since(traffic.last));
    DependencyHealth {
        name: name.to_owned(),
        health,
        error_ratio: ratio.map_or_else(|| Known::missing("no call in the last minute"), Known::Value),
        p99: p99.map_or_else(|| Known::missing("no call in the last minute"), Known::Value),
        checked: checked.map_or_else(|| Known::missing("never called"), Known::Value),
        source: dependency.sources.iter().copied().collect::<Vec<_>>().join(" + "),
    }
}
