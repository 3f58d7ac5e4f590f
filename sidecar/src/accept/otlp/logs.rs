//! Comes in: OTLP log records of one resource. Goes out: the sketches of users and tenants of our SDK; other records
//! are accepted and ignored.

use std::sync::Arc;

use mapwarden_contract::names::attribute::{REGION, SCOPE, SLO, SLOT, VERDICT};
use mapwarden_contract::names::wire::{ACTIVE, AFFECTED, SCOPE_NAME, TENANTS_EVENT, USERS_EVENT};
use mapwarden_contract::{Nanos, UnixNanos, UserSketch};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ScopeLogs};

use super::attributes::{Words, find};
use super::tally::{ItemRejection, Reason, Tally};
use mapwarden_engine::observation::{IdentityKind, Observation, UserRole, Users};

/// Returns how many log records there are.
pub(super) fn count(scopes: &[ScopeLogs]) -> u64 {
    let items = |scope: &ScopeLogs| u64::try_from(scope.log_records.len()).unwrap_or(u64::MAX);
    scopes.iter().fold(0, |sum, scope| sum.saturating_add(items(scope)))
}

/// Reads all log records of one resource.
pub(super) fn observe(scopes: &[ScopeLogs], words: &mut Words, tally: &mut Tally) -> Vec<Observation> {
    let mut observations = Vec::new();
    for scope in scopes {
        let is_ours = scope.scope.as_ref().is_some_and(|scope| scope.name == SCOPE_NAME);
        for record in &scope.log_records {
            let Some(who) = who(record).filter(|_| is_ours) else {
                tally.accept(1);
                continue;
            };
            match users(who, record, words) {
                Ok(users) => {
                    observations.push(Observation::Users(users));
                    tally.accept(1);
                }
                Err((reason, detail)) => {
                    tally.reject(reason, 1, || format!("event `{}`: {detail}", record.event_name));
                }
            }
        }
    }
    observations
}

/// Returns the kind of users or tenants that a sketch counts; none for a record of another kind.
fn who(record: &LogRecord) -> Option<IdentityKind> {
    match record.event_name.as_str() {
        USERS_EVENT => Some(IdentityKind::User),
        TENANTS_EVENT => Some(IdentityKind::Tenant),
        _ => None,
    }
}

fn users(who: IdentityKind, record: &LogRecord, words: &mut Words) -> Result<Users, ItemRejection> {
    let fault = |detail: String| (Reason::UserSketch, detail);
    let attribute = |name: &str| find(&record.attributes, name);
    let needed = |name: &str| attribute(name).ok_or_else(|| fault(format!("attribute `{name}` is missing")));
    if record.time_unix_nano == 0 {
        return Err((Reason::NoTime, "time_unix_nano is 0".to_owned()));
    }
    let verdict = needed(VERDICT)?;
    let role = match &*verdict {
        AFFECTED => UserRole::Affected { slo: words.word(&needed(SLO)?) },
        ACTIVE => UserRole::Active { scope: words.word(&needed(SCOPE)?) },
        other => {
            let detail = format!("`{VERDICT}` is `{other}`: accepted are `{AFFECTED}` and `{ACTIVE}`");
            return Err(fault(detail));
        }
    };
    let width = needed(SLOT)?;
    let width = width.parse().ok().filter(|width| *width > 0).ok_or_else(|| {
        fault(format!("`{SLOT}` is `{width}`: accepted is a positive number of nanoseconds"))
    })?;
    let sketch = match record.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(Value::BytesValue(bytes)) => {
            UserSketch::decode(bytes).map_err(|error| fault(error.to_string()))?
        }
        _ => return Err(fault("the body is not bytes".to_owned())),
    };
    let region = attribute(REGION).map_or_else(|| Arc::from(""), |region| words.word(&region));
    let slot = UnixNanos::new(record.time_unix_nano);
    Ok(Users { who, role, region, slot, width: Nanos::new(width), sketch })
}
