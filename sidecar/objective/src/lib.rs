//! What an objective promises: its target, what counts as an event, the period, who is alerted. Comes in: values that a
//! file's reader or a declaration has checked. Goes out: [`Slo`]s, which the engine evaluates and of which rules for
//! Prometheus are written. Never reads a file, telemetry or a clock.

mod alerting;
mod indicator;
mod interval;
mod method;
mod origin;
mod period;
mod severity;
mod slo;

pub use self::alerting::{Alert, Alerting, BurnTier, MIN_BAD, workbook};
pub use self::indicator::{
    Comparison, Expression, Indicator, Judged, Matcher, Member, Queried, Queries, Selector,
};
pub use self::interval::{score, wilson};
pub use self::method::Method;
pub use self::origin::Origin;
pub use self::period::{Calendar, CalendarUnit, Period};
pub use self::severity::Severity;
pub use self::slo::Slo;
