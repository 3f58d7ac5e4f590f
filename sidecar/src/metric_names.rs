//! Every metric that the sidecar serves at `/metrics`: name, kind, unit, help and labels, in base units as Prometheus
//! asks. A test rejects a dashboard, an alert rule or a document that uses a name which is not here. Imports no stage, so
//! that every stage can count under these names.

use mapwarden_contract::names::Metric;
pub use mapwarden_rules::series::{SLI_EVENTS, SLI_GOOD};

/// What an objective is.
pub const SLO_INFO: Metric = Metric::gauge(
    "mapwarden_slo_info",
    "1",
    "Always 1; the labels describe an objective.",
    &["slo", "service", "team", "sli", "source"],
);
/// Target.
pub const SLO_OBJECTIVE: Metric = Metric::gauge(
    "mapwarden_slo_objective_ratio",
    "1",
    "The promised share of good events.",
    &["slo", "service"],
);
/// Error ratio.
pub const SLI_ERROR_RATIO: Metric = Metric::gauge(
    "mapwarden_sli_error_ratio",
    "1",
    "Bad events of all events in a window, ratio of sums; absent where nothing was measured.",
    &["slo", "service", "window"],
);
/// Burn rate.
pub const BURN_RATE: Metric = Metric::gauge(
    "mapwarden_slo_burn_rate_ratio",
    "1",
    "Error ratio over what the objective allows, by window; absent where nothing was measured.",
    &["slo", "service", "window"],
);
/// Coverage.
pub const COVERAGE: Metric = Metric::gauge(
    "mapwarden_slo_coverage_ratio",
    "1",
    "Share of a window (since the objective is known) for which telemetry arrived.",
    &["slo", "service", "window"],
);
/// Budget.
pub const BUDGET_REMAINING: Metric = Metric::gauge(
    "mapwarden_error_budget_remaining_ratio",
    "1",
    "Share of the period's error budget that is left; negative when overspent.",
    &["slo", "service"],
);
/// Time to exhaustion.
pub const BUDGET_EXHAUSTION: Metric = Metric::gauge(
    "mapwarden_error_budget_exhaustion_seconds",
    "s",
    "Time until the budget is spent at the burn rate of the last hour; absent while it is not shrinking.",
    &["slo", "service"],
);
/// Budget after corrections.
pub const BUDGET_CORRECTED: Metric = Metric::gauge(
    "mapwarden_error_budget_corrected_remaining_ratio",
    "1",
    "Share of the period's error budget that is left after exclusions, deductions and refunds; without any, the same as \
     measured.",
    &["slo", "service"],
);
/// Bad events by what corrections did with them.
pub const BUDGET_CORRECTIONS: Metric = Metric::gauge(
    "mapwarden_error_budget_correction_events",
    "{event}",
    "Bad events of the period that corrections excluded, refunded or deducted (added).",
    &["slo", "service", "effect"],
);
/// Range of the time to exhaustion.
pub const BUDGET_FORECAST: Metric = Metric::gauge(
    "mapwarden_error_budget_forecast_seconds",
    "s",
    "Time until the corrected budget is spent, with 95 % confidence, if it goes on as in the window; absent where it lasts \
     the period.",
    &["slo", "service", "window", "bound"],
);
/// Who spent a budget.
pub const BUDGET_SPENT: Metric = Metric::gauge(
    "mapwarden_error_budget_spent_events",
    "{event}",
    "Bad events of the period by dimension: each dimension divides the same events into its four largest parts and the \
     remaining ones.",
    &["slo", "service", "dimension", "part"],
);
/// Planned maintenance.
pub const MAINTENANCE: Metric = Metric::gauge(
    "mapwarden_slo_maintenance_active",
    "1",
    "1 while planned maintenance suppresses the objective's tiers, else 0.",
    &["slo", "service"],
);
/// Tier state.
pub const ALERT_ACTIVE: Metric = Metric::gauge(
    "mapwarden_slo_alert_active",
    "1",
    "1 while a burn-rate tier is over its factor in both windows and no louder or faster one is, else 0.",
    &["slo", "service", "tier", "severity"],
);
/// Map operations.
pub const MAP_OPERATIONS: Metric = Metric::counter(
    "mapwarden_map_operations_total",
    "{operation}",
    "Operations on a map, every one counted.",
    &["service", "map", "op", "outcome"],
);
/// Map latency.
pub const MAP_LATENCY: Metric = Metric::gauge(
    "mapwarden_map_operation_latency_seconds",
    "s",
    "Percentiles 50, 95 and 99 of the time in a map operation over the last 5 minutes, within 4.5 %.",
    &["service", "map", "op", "percentile"],
);
/// Map size.
pub const MAP_ENTRIES: Metric =
    Metric::gauge("mapwarden_map_entries", "{entry}", "Entries in a map.", &["service", "map"]);
/// Map contention.
pub const MAP_RETRIES: Metric = Metric::counter(
    "mapwarden_map_retries_total",
    "{retry}",
    "Times a closure of update or compute ran again because another thread was faster.",
    &["service", "map"],
);
/// Map failures by kind.
pub const MAP_FAILURES: Metric = Metric::counter(
    "mapwarden_map_failures_total",
    "{operation}",
    "Operations on a map that failed, by the type of the error, every one counted; absent before the first.",
    &["service", "map", "op", "error_type"],
);
/// The bound of a map.
pub const MAP_MAX_ENTRIES: Metric = Metric::gauge(
    "mapwarden_map_max_entries",
    "{entry}",
    "Entries beyond which a bounded map takes no new key; absent where there is no bound.",
    &["service", "map"],
);
/// Map freshness.
pub const MAP_LAST_WRITE: Metric = Metric::gauge(
    "mapwarden_map_last_write_timestamp_seconds",
    "s",
    "When a map was last written, in Unix time; of several processes, by the one that is furthest behind.",
    &["service", "map"],
);
/// Guards held.
pub const MAP_GUARD_HELD: Metric = Metric::gauge(
    "mapwarden_map_guard_held_seconds",
    "s",
    "The longest time in the last minute for which guards kept a map from freeing removed entries.",
    &["service", "map"],
);
/// The hottest key.
pub const MAP_HOT_KEY_SHARE: Metric = Metric::gauge(
    "mapwarden_map_hot_key_share_ratio",
    "1",
    "Share of the operations on single keys that the hottest key took in the last minute, estimated; absent below 20.",
    &["service", "map"],
);
/// Requests.
pub const REQUESTS: Metric = Metric::counter(
    "mapwarden_requests_total",
    "{request}",
    "Requests that ended, every one counted; outcome is ok, failed or cancelled.",
    &["service", "scope", "region", "outcome"],
);
/// Request latency.
pub const REQUEST_LATENCY: Metric = Metric::gauge(
    "mapwarden_request_latency_seconds",
    "s",
    "Percentiles 50, 95 and 99 of the time in a request over the last 5 minutes, within 4.5 %.",
    &["service", "scope", "region", "percentile"],
);
/// Open notices.
pub const NOTICES_OPEN: Metric =
    Metric::gauge("mapwarden_notices_open", "{notice}", "Fault notices that are open.", &["severity"]);
/// Notice events.
pub const NOTICES: Metric = Metric::counter(
    "mapwarden_notices_total",
    "{event}",
    "Fault notices opened, updated and resolved.",
    &["event"],
);
/// Affected users.
pub const NOTICE_USERS: Metric = Metric::gauge(
    "mapwarden_notice_affected_users",
    "{user}",
    "Users who met a bad event since the onset of an open notice.",
    &["slo", "service", "notice"],
);
/// Notice quality.
pub const NOTICE_PARTS: Metric = Metric::counter(
    "mapwarden_notice_parts_total",
    "{part}",
    "Mandatory parts of resolved notices, by whether evidence filled them.",
    &["part", "state"],
);
/// Deliveries.
pub const DELIVERIES: Metric = Metric::counter(
    "mapwarden_notice_deliveries_total",
    "{delivery}",
    "Attempts to deliver a notice: delivered, retried, refused, or dropped from a full queue.",
    &["sink", "result"],
);
/// Delivery queue.
pub const DELIVERY_PENDING: Metric = Metric::gauge(
    "mapwarden_notice_deliveries_pending",
    "{delivery}",
    "Notice events that a sink has not taken yet.",
    &["sink"],
);
/// Changes.
pub const CHANGES: Metric = Metric::counter(
    "mapwarden_changes_total",
    "{change}",
    "Deploys, config changes and flags known, by where they were learnt.",
    &["service", "kind", "source"],
);
/// Change times.
pub const CHANGE_TIMESTAMP: Metric = Metric::gauge(
    "mapwarden_change_timestamp_seconds",
    "s",
    "When each of the last changes of a service happened, in Unix time.",
    &["service", "kind", "version", "sha"],
);
/// Dependency state.
pub const DEPENDENCY_UP: Metric = Metric::gauge(
    "mapwarden_dependency_up",
    "1",
    "1 while a dependency is healthy, 0.5 degraded, 0 down.",
    &["dependency"],
);
/// Dependency errors.
pub const DEPENDENCY_ERROR_RATIO: Metric = Metric::gauge(
    "mapwarden_dependency_error_ratio",
    "1",
    "Failed calls and probes of all in the last 5 minutes; absent where there were none.",
    &["dependency"],
);
/// Dependency latency.
pub const DEPENDENCY_LATENCY: Metric = Metric::gauge(
    "mapwarden_dependency_latency_seconds",
    "s",
    "The 99th percentile of calls and probes over the last 5 minutes.",
    &["dependency"],
);
/// Requests taken.
pub const OTLP_REQUESTS: Metric = Metric::counter(
    "mapwarden_otlp_requests_total",
    "{request}",
    "OTLP requests answered, by signal and status code.",
    &["signal", "code"],
);
/// Items taken.
pub const OTLP_ITEMS: Metric = Metric::counter(
    "mapwarden_otlp_accepted_items_total",
    "{item}",
    "Data points, spans and log records accepted.",
    &["signal"],
);
/// Items refused.
pub const OTLP_REJECTED: Metric = Metric::counter(
    "mapwarden_otlp_rejected_items_total",
    "{item}",
    "Data points, spans and log records refused, by reason.",
    &["signal", "reason"],
);
/// Time to answer.
pub const OTLP_DURATION: Metric = Metric::histogram(
    "mapwarden_otlp_request_duration_seconds",
    "s",
    "Time to answer an OTLP request.",
    &["signal"],
);
/// Contract warnings.
pub const CONTRACT_WARNINGS: Metric = Metric::counter(
    "mapwarden_contract_warnings_total",
    "{resource}",
    "Resources that came without a required attribute.",
    &["attribute"],
);
/// Points left out while aggregating.
pub const POINTS_IGNORED: Metric = Metric::counter(
    "mapwarden_points_ignored_total",
    "{point}",
    "Data points accepted and then left out while aggregating, by reason.",
    &["reason"],
);
/// Resets.
pub const COUNTER_RESETS: Metric =
    Metric::counter("mapwarden_series_resets_total", "{reset}", "Cumulative series that began again.", &[]);
/// Questions to servers.
pub const SOURCE_REQUESTS: Metric = Metric::counter(
    "mapwarden_source_requests_total",
    "{request}",
    "Questions that were asked of a Prometheus-compatible server, by how it answered.",
    &["source", "result"],
);
/// Time to be answered.
pub const SOURCE_DURATION: Metric = Metric::histogram(
    "mapwarden_source_request_duration_seconds",
    "s",
    "Time until a Prometheus-compatible server has answered.",
    &["source"],
);
/// Steps.
pub const SOURCE_STEPS: Metric = Metric::counter(
    "mapwarden_source_steps_total",
    "{step}",
    "Steps of queried objectives, by what became of them; all but measured are unmeasured time.",
    &["source", "result"],
);
/// How far queried objectives are.
pub const SOURCE_ANSWERED: Metric = Metric::gauge(
    "mapwarden_source_answered_timestamp_seconds",
    "s",
    "The end of the last step for which a server was asked and answered, with or without data, in Unix time.",
    &["source", "slo", "service"],
);
/// Queries that fail.
pub const SOURCE_FAILING: Metric = Metric::gauge(
    "mapwarden_source_failing",
    "1",
    "1 while an objective's queries fail, else 0.",
    &["source", "slo", "service"],
);
/// Whether two budgets agree.
pub const AGREEMENT_BUDGET: Metric = Metric::gauge(
    "mapwarden_agreement_budget_difference_ratio",
    "1",
    "The sidecar's remaining budget less that of the recording rules; absent where one of them is not measured.",
    &["source", "slo", "service"],
);
/// Whether two error ratios agree.
pub const AGREEMENT_ERROR_RATIO: Metric = Metric::gauge(
    "mapwarden_agreement_error_ratio_difference_ratio",
    "1",
    "The sidecar's error ratio less that of the recording rules, by window; absent where one is not measured.",
    &["source", "slo", "service", "window"],
);
/// By how much budgets may differ.
pub const AGREEMENT_RESOLUTION: Metric = Metric::gauge(
    "mapwarden_agreement_resolution_ratio",
    "1",
    "By how much of the whole the two budgets may differ, as configured.",
    &["source"],
);
/// Series.
pub const SERIES: Metric = Metric::gauge("mapwarden_series", "{series}", "Series held.", &[]);
/// Queue.
pub const QUEUE_DEPTH: Metric = Metric::gauge(
    "mapwarden_queue_depth",
    "{batch}",
    "Batches between the receiver and the aggregator.",
    &[],
);
/// Queue bound.
pub const QUEUE_CAPACITY: Metric = Metric::gauge(
    "mapwarden_queue_capacity",
    "{batch}",
    "How many batches that queue holds before senders receive 503.",
    &[],
);
/// Evaluation time.
pub const EVALUATION_DURATION: Metric = Metric::histogram(
    "mapwarden_evaluation_duration_seconds",
    "s",
    "Time to evaluate all objectives once.",
    &[],
);
/// Commits.
pub const STORE_COMMITS: Metric = Metric::counter(
    "mapwarden_store_commits_total",
    "{commit}",
    "Commits of the durable state.",
    &["result"],
);
/// Commit time.
pub const STORE_DURATION: Metric = Metric::histogram(
    "mapwarden_store_commit_duration_seconds",
    "s",
    "Time of a commit of the durable state.",
    &[],
);
/// Last commit.
pub const STORE_LAST_COMMIT: Metric = Metric::gauge(
    "mapwarden_store_last_commit_timestamp_seconds",
    "s",
    "When the durable state was last written, in Unix time.",
    &[],
);
/// Admin requests.
pub const HTTP_REQUESTS: Metric = Metric::counter(
    "mapwarden_http_requests_total",
    "{request}",
    "Admin requests answered.",
    &["route", "code"],
);
/// Build.
pub const BUILD_INFO: Metric =
    Metric::gauge("mapwarden_build_info", "1", "Always 1; the label has the version.", &["version"]);
/// Memory.
pub const RESIDENT_MEMORY: Metric =
    Metric::gauge("process_resident_memory_bytes", "By", "Resident memory of the sidecar.", &[]);
/// CPU.
pub const CPU_SECONDS: Metric =
    Metric::counter("process_cpu_seconds_total", "s", "CPU time of the sidecar.", &[]);
/// Start.
pub const START_TIME: Metric =
    Metric::gauge("process_start_time_seconds", "s", "When the sidecar started, in Unix time.", &[]);
/// Last scrape, at `/metrics/health`.
pub const LAST_SCRAPE: Metric = Metric::gauge(
    "last_successful_scrape_timestamp_seconds",
    "s",
    "When /metrics was last served in full, in Unix time; 0 before the first.",
    &[],
);
/// Failed scrapes, at `/metrics/health`.
pub const SCRAPE_ERRORS: Metric =
    Metric::counter("scrape_errors_total", "{error}", "Scrapes of /metrics that failed.", &[]);

/// Every metric that the sidecar serves.
pub const ALL: [Metric; 64] = [
    SLO_INFO,
    SLO_OBJECTIVE,
    SLI_GOOD,
    SLI_EVENTS,
    SLI_ERROR_RATIO,
    BURN_RATE,
    COVERAGE,
    BUDGET_REMAINING,
    BUDGET_EXHAUSTION,
    BUDGET_CORRECTED,
    BUDGET_CORRECTIONS,
    BUDGET_FORECAST,
    BUDGET_SPENT,
    MAINTENANCE,
    ALERT_ACTIVE,
    MAP_OPERATIONS,
    MAP_LATENCY,
    MAP_ENTRIES,
    MAP_RETRIES,
    MAP_FAILURES,
    MAP_MAX_ENTRIES,
    MAP_LAST_WRITE,
    MAP_GUARD_HELD,
    MAP_HOT_KEY_SHARE,
    REQUESTS,
    REQUEST_LATENCY,
    NOTICES_OPEN,
    NOTICES,
    NOTICE_USERS,
    NOTICE_PARTS,
    DELIVERIES,
    DELIVERY_PENDING,
    CHANGES,
    CHANGE_TIMESTAMP,
    DEPENDENCY_UP,
    DEPENDENCY_ERROR_RATIO,
    DEPENDENCY_LATENCY,
    OTLP_REQUESTS,
    OTLP_ITEMS,
    OTLP_REJECTED,
    OTLP_DURATION,
    CONTRACT_WARNINGS,
    POINTS_IGNORED,
    COUNTER_RESETS,
    SOURCE_REQUESTS,
    SOURCE_DURATION,
    SOURCE_STEPS,
    SOURCE_ANSWERED,
    SOURCE_FAILING,
    AGREEMENT_BUDGET,
    AGREEMENT_ERROR_RATIO,
    AGREEMENT_RESOLUTION,
    SERIES,
    QUEUE_DEPTH,
    QUEUE_CAPACITY,
    EVALUATION_DURATION,
    STORE_COMMITS,
    STORE_DURATION,
    STORE_LAST_COMMIT,
    HTTP_REQUESTS,
    BUILD_INFO,
    RESIDENT_MEMORY,
    CPU_SECONDS,
    START_TIME,
];
