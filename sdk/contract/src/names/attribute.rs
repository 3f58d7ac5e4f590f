//! Attribute names on the wire: our own, and those of the OpenTelemetry semantic conventions that the SDK writes or the
//! sidecar reads.

/// The name of a map.
pub const MAP: &str = "mapwarden.map";
/// An [`Op`](crate::Op) by name.
pub const OP: &str = "mapwarden.op";
/// An [`Outcome`](crate::Outcome) by name; on a request `ok`, `failed` or
/// `cancelled`, on a call to a dependency `ok` or `failed`.
pub const OUTCOME: &str = "mapwarden.outcome";
/// The name of a request scope.
pub const SCOPE: &str = "mapwarden.scope";
/// The name of a dependency.
pub const DEPENDENCY: &str = "mapwarden.dependency";
/// The region that a request came from; empty if the service did not set it.
pub const REGION: &str = "mapwarden.region";
/// The name of an objective, unique within its service.
pub const SLO: &str = "mapwarden.slo";
/// What an objective measures: `availability`, `latency`, `hit_ratio` or `freshness`.
pub const SLI: &str = "mapwarden.sli";
/// The threshold in nanoseconds of a latency or freshness objective.
pub const THRESHOLD: &str = "mapwarden.threshold_ns";
/// `good` or `bad` on SLI events; `affected` or `active` on user sketches.
pub const VERDICT: &str = "mapwarden.verdict";
/// Why something was dropped.
pub const REASON: &str = "mapwarden.reason";
/// The width in nanoseconds of the slot of a user sketch, which starts at the time of the log record.
pub const SLOT: &str = "mapwarden.slot_ns";
/// A hot key: the first 16 hexadecimal digits of its keyed hash, or the result of the map's `display_key`.
pub const KEY: &str = "mapwarden.key";
/// `50`, `95` or `99`, on latencies that are published as percentiles.
pub const PERCENTILE: &str = "mapwarden.percentile";
/// A pseudonymous tenant, on spans.
pub const TENANT_PSEUDONYM: &str = "mapwarden.tenant.pseudo.id";
/// The team that is paged.
pub const TEAM: &str = "mapwarden.team";
/// The kind of an error, on failed requests and spans.
pub const ERROR_TYPE: &str = "error.type";
/// The service.
pub const SERVICE_NAME: &str = "service.name";
/// Its version.
pub const SERVICE_VERSION: &str = "service.version";
/// Its process: a UUID, new at every start.
pub const SERVICE_INSTANCE: &str = "service.instance.id";
/// The environment it runs in.
pub const ENVIRONMENT: &str = "deployment.environment.name";
/// The commit it was built from.
pub const REVISION: &str = "vcs.ref.head.revision";
/// A pseudonymous user.
pub const USER_PSEUDONYM: &str = "enduser.pseudo.id";
/// A user in clear, hashed at the edge.
pub const USER: &str = "enduser.id";
/// The region of a cloud resource.
pub const CLOUD_REGION: &str = "cloud.region";
/// The callee of a client span, by name.
pub const PEER_SERVICE: &str = "peer.service";
/// The callee of a client span, by address.
pub const SERVER_ADDRESS: &str = "server.address";
/// The port beside [`SERVER_ADDRESS`].
pub const SERVER_PORT: &str = "server.port";
/// The callee of a client span, by database system.
pub const DB_SYSTEM: &str = "db.system.name";

/// The resource attributes that every sender should set; see the README on the resource contract.
pub const REQUIRED: [&str; 4] = [SERVICE_NAME, SERVICE_VERSION, ENVIRONMENT, TEAM];
