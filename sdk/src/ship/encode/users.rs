//! Sketches of users as log records: a record's time is the start of its slot, its body the encoded sketch.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::{instrumentation, integer, text};
use crate::record::{UsersAbout, UsersKind, UsersSnapshot};
use crate::scope::SLOT;
use mapwarden_contract::UnixNanos;
use mapwarden_contract::names::{attribute, wire};

/// Sketches as one request; `now` is when they were read.
pub(crate) fn users(
    resource: &Resource,
    sketches: Vec<UsersSnapshot>,
    now: UnixNanos,
) -> ExportLogsServiceRequest {
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(resource.clone()),
            scope_logs: vec![ScopeLogs {
                scope: Some(instrumentation()),
                log_records: sketches.into_iter().map(|sketch| record(sketch, now)).collect(),
                schema_url: String::new(),
            }],
            schema_url: String::new(),
        }],
    }
}

fn event_name(who: UsersKind) -> &'static str {
    match who {
        UsersKind::User => wire::USERS_EVENT,
        UsersKind::Tenant => wire::TENANTS_EVENT,
    }
}

fn record(sketch: UsersSnapshot, now: UnixNanos) -> LogRecord {
    let UsersSnapshot { who, about, region, slot, sketch } = sketch;
    let (verdict, about) = match about {
        UsersAbout::Scope(scope) => (wire::ACTIVE, text(attribute::SCOPE, &*scope)),
        UsersAbout::Objective(slo) => (wire::AFFECTED, text(attribute::SLO, &*slo)),
    };
    LogRecord {
        time_unix_nano: slot.get(),
        observed_time_unix_nano: now.get(),
        event_name: event_name(who).to_owned(),
        body: Some(AnyValue { value: Some(Value::BytesValue(sketch.encode())) }),
        attributes: vec![
            text(attribute::VERDICT, verdict),
            about,
            text(attribute::REGION, &*region),
            integer(attribute::SLOT, SLOT.get()),
        ],
        ..LogRecord::default()
    }
}
