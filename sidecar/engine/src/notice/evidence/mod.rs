//! What is known about a fault, one file for each part of a notice: its type, and the function that fills it. Comes in: a
//! [`ObservedFault`]. Goes out: the parts, each with the reason where it cannot be measured. Never reads anything but the
//! view.

mod changes;
mod cost;
mod dependencies;
mod examples;
mod fault;
mod impact;
mod keys;
mod latency;
mod maps;
mod slis;
mod spenders;

pub(super) use self::changes::recent_changes;
pub use self::changes::{SuspectChange, Suspicion};
pub use self::cost::FaultCost;
pub(super) use self::cost::cost;
pub(super) use self::dependencies::dependencies;
pub use self::dependencies::{DependencyHealth, HealthStatus, health};
pub use self::examples::ExampleTrace;
pub(super) use self::examples::examples;
pub(super) use self::fault::{ImpactSketches, ObservedFault};
pub use self::impact::Impact;
pub(super) use self::impact::{impact, region_traffic};
pub use self::keys::{HotKeyEvidence, ScopeShare};
pub use self::latency::Percentiles;
pub(super) use self::maps::map;
pub use self::maps::{MapEvidence, MapFailure, OutcomeShift};
pub(super) use self::slis::slis;
pub use self::slis::{SliDelta, SliUnit};
pub(super) use self::spenders::spent_by;
pub use self::spenders::{SpentBy, SpentShare};
