//! The health of the service's dependencies.

use mapwarden_contract::{Count, Nanos, Ratio};
use serde::{Deserialize, Serialize};

use super::fault::ObservedFault;
use crate::aggregate::WindowView;
use crate::aggregate::traffic::Dependency;
use crate::notice::known::Known;

/// How far back a dependency's health looks.
const RECENT: Nanos = Nanos::from_secs(60);

/// The health of one dependency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DependencyHealth {
    /// Its name.
    pub name: String,
    /// Its health in a word.
    pub health: HealthStatus,
    /// Failed calls and probes of all in the last minute.
    pub error_ratio: Known<Ratio>,
    /// The 99th percentile of their time.
    pub p99: Known<Nanos>,
    /// How long ago the last one ended.
    pub checked: Known<Nanos>,
    /// What is counted: `probe`, `calls` or `spans`, joined by ` + `.
    pub source: String,
}

/// A dependency's health in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// Fewer than 1 % fail.
    Healthy,
    /// 1 % or more fail.
    Degraded,
    /// Half or more fail.
    Down,
    /// There was no call and no probe in the last minute.
    Unknown,
}

impl HealthStatus {
    /// Orders dependencies in a notice: the worst has the highest rank.
    const fn rank(self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::Unknown => 1,
            Self::Degraded => 2,
            Self::Down => 3,
        }
    }
}

/// Returns every dependency that the service calls or that is probed, the worst first.
pub(in crate::notice) fn dependencies(fault: &ObservedFault<'_>) -> Known<Vec<DependencyHealth>> {
    let service = &fault.objective.definition.service;
    let concerns =
        |dependency: &Dependency| dependency.callers.is_empty() || dependency.callers.contains(service);
    let mut all: Vec<_> = fault
        .view
        .dependencies()
        .filter(|(_, dependency)| concerns(dependency))
        .map(|(name, dependency)| health(name, dependency, fault.view))
        .collect();
    all.sort_by_key(|dependency| std::cmp::Reverse(dependency.health.rank()));
    if all.is_empty() {
        return Known::missing("no probe is configured, and no client span or dependency call arrived");
    }
    Known::Value(all)
}

/// Returns one dependency's health over the last minute: degraded from 1 % failures on, down from half on.
pub fn health(name: &str, dependency: &Dependency, view: &WindowView<'_>) -> DependencyHealth {
    let traffic = &dependency.traffic;
    let recent = traffic.last(RECENT, view.now);
    let ratio = recent.error_ratio();
    let health = match ratio.map(Ratio::get) {
        None => HealthStatus::Unknown,
        Some(failed) if failed >= 0.5 => HealthStatus::Down,
        Some(failed) if failed >= 0.01 => HealthStatus::Degraded,
        Some(_) => HealthStatus::Healthy,
    };
    let p99 = Ratio::new(0.99).ok().and_then(|share| traffic.times().last(RECENT, view.now).quantile(share));
    let checked = (traffic.ok + traffic.failed > Count::ZERO).then(|| view.now.since(traffic.last));
    DependencyHealth {
        name: name.to_owned(),
        health,
        error_ratio: Known::or_missing(ratio, "no call in the last minute"),
        p99: Known::or_missing(p99, "no call in the last minute"),
        checked: Known::or_missing(checked, "never called"),
        source: dependency.sources.iter().copied().collect::<Vec<_>>().join(" + "),
    }
}
