//! Fault notices. Comes in: windows, budgets, changes. Goes out: [`Notice`]s, opened, updated and resolved. Never shows a
//! number without its evidence: a part that could not be measured has the reason instead.

mod burning;
mod content;
mod counters;
mod evaluated;
mod evidence;
mod hypothesis;
mod known;
mod no_data;
mod notices;
mod onset;
mod open_notice;
mod patterns;
pub mod samples;
mod stored;
mod summary;
mod trigger;
mod unconfirmed;

pub use self::content::{Notice, NoticeEvent, NoticeState, Transition};
pub use self::counters::NoticeCounters;
pub use self::evidence::{
    DependencyHealth, ExampleTrace, FaultCost, HealthStatus, HotKeyEvidence, Impact, MapEvidence, MapFailure,
    OutcomeShift, Percentiles, ScopeShare, SliDelta, SliUnit, SpentBy, SpentShare, SuspectChange, Suspicion,
    health,
};
pub use self::hypothesis::Hypothesis;
pub use self::known::Known;
pub use self::notices::Notices;
pub use self::stored::{StoredNotice, StoredSketches};
pub use self::trigger::{SequentialEvidence, Trigger, TriggerKind};
