//! Error budgets. Comes in: counts over windows. Goes out: a [`BudgetState`] for each objective. Never knows OTLP, HTTP or a
//! clock.

mod evaluate;
mod failure_runs;
mod hypothesis;
mod period_state;
mod sequential;
mod sequential_state;
mod state;
mod tier;

pub use self::evaluate::evaluate;
pub(crate) use self::evaluate::time_left;
pub use self::period_state::PeriodState;
pub use self::sequential::{Evidence, SequentialTest};
pub use self::sequential_state::SequentialState;
pub use self::state::{BudgetState, TierState, WindowBurn};
pub use self::tier::Tier;
pub use crate::aggregate::Window;
