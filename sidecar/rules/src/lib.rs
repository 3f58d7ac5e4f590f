//! Writes Prometheus rules for objectives, and checks rule files. Comes in: objectives. Goes out: recording and
//! alerting rules for Prometheus, Thanos, Mimir and VictoriaMetrics, under the names of Sloth's series, and a promtool
//! test for each objective. Never contacts a server, and never reads a clock: the same objectives give the same bytes.
//!
//! ```
//! use std::path::Path;
//!
//! use mapwarden_objective::Period;
//! use mapwarden_rules::{ObjectiveRules, RuleTarget};
//!
//! let text = r#"
//! version: prometheus/v1
//! service: shop
//! slos:
//!   - name: availability
//!     objective: 99.9
//!     sli:
//!       events:
//!         error_query: sum(rate(http_requests_total{code=~"5.."}[{{.window}}]))
//!         total_query: sum(rate(http_requests_total[{{.window}}]))
//! "#;
//! let slos = mapwarden_slo::load_text(Path::new("shop.yaml"), text, &Period::DEFAULT).slos;
//! let rules = ObjectiveRules::new(&slos[0], &slos).unwrap();
//! assert!(rules.rules(RuleTarget::Prometheus).contains("slo:sli_error:ratio_rate5m"));
//! assert!(rules.test().contains("a total outage"));
//! ```

pub mod series;

mod periods;
mod tier;
mod window;

mod resolved;

mod document;
mod promql;
mod slots;

mod calendar;
mod record;

mod alert;

mod trial;

mod objective_rules;

mod lint;

pub use self::alert::RUNBOOKS;
pub use self::document::RuleTarget;
pub use self::lint::lint;
pub use self::objective_rules::{ObjectiveRules, RulesError};
