//! The parts of a service level objective: target, indicator, period, budgeting method and alerting. Comes in: values
//! that the reader of a file or of a declaration has checked. Goes out: [`Slo`]s, which the engine evaluates and for
//! which Prometheus rules are written. Never reads a file, telemetry or a clock.
//!
//! ```
//! use mapwarden_contract::Ratio;
//! use mapwarden_objective::{Indicator, Period, Selector, Slo};
//!
//! let all = Selector { metric: "http.server.requests".to_owned(), matching: Vec::new() };
//! let bad = Selector { metric: "http.server.errors".to_owned(), matching: Vec::new() };
//! let target = Ratio::new(0.999).unwrap();
//! let slo = Slo::new("shop", "availability", target, Indicator::Events { total: all, bad });
//! assert_eq!(slo.id(), "shop/availability");
//! assert_eq!(slo.period, Period::DEFAULT);
//! ```

mod alerting;
mod indicator;
mod interval;
mod method;
mod origin;
mod period;
mod severity;
mod slo;

pub use self::alerting::{Alert, Alerting, BurnTier, MIN_BAD, workbook};
pub use self::indicator::{Comparison, Expression, Indicator, Matcher, Member, Queried, Queries, Selector};
pub use self::interval::{Z_95, score, wilson};
pub use self::method::Method;
pub use self::origin::Origin;
pub use self::period::{Calendar, CalendarUnit, Period};
pub use self::severity::Severity;
pub use self::slo::Slo;
