//! Comes in: `sources` of `mapwarden.yaml`. Goes out: the servers that are queried for the events of objectives. Never
//! accepts a secret in the file itself, nor repeats one in a message: the file names where the secret is kept.

use std::path::PathBuf;

use mapwarden_contract::Nanos;
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};

use mapwarden_slo::declaration::{Fields, Node, Reader, YamlValue, web_url};

/// The fields of a source.
const FIELDS: [&str; 11] = [
    "name",
    "url",
    "every",
    "staleness",
    "timeout",
    "reach",
    "samples",
    "headers",
    "bearer_token",
    "basic_auth",
    "agreement",
];

/// The default of [`Source::every`]. Lowered to less than twice the scrape interval, a server's own increases are empty.
const EVERY: Nanos = Nanos::from_secs(60);

/// The default of [`Source::staleness`]. Raised, notices come later; lowered below what a scrape takes, or below the 30 s for
/// which VictoriaMetrics hides what is new, the end of a step is lost.
const STALENESS: Nanos = Nanos::from_secs(30);

/// The default of [`Source::timeout`]: the default scrape timeout of Prometheus. Raised, a slow server holds more
/// queries.
const TIMEOUT: Nanos = Nanos::from_secs(10);

/// The default of [`Source::reach`]. Raised, steps of a longer outage are queried later, and the first start queries
/// the server for more.
const REACH: Nanos = Nanos::from_secs(86_400);

/// The longest reach: the length of the longest window.
const LONGEST_REACH: Nanos = Nanos::from_secs(30 * 86_400);

/// The longest step: an hour leaves a 30-day budget with 720 steps, and only the slow tiers can fire. Raised, even
/// these detect a fault hours late.
const LONGEST_STEP: Nanos = Nanos::from_secs(3_600);

/// The defaults of [`AgreementSettings::every`] and [`AgreementSettings::resolution`].
const COMPARE_EVERY: Nanos = Nanos::from_secs(60);
const RESOLUTION: f64 = 0.01;

/// Headers that carry secrets, and those that are the client's own.
const OURS: [&str; 6] =
    ["authorization", "proxy-authorization", "cookie", "host", "content-type", "content-length"];

/// A Prometheus-compatible server.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The name by which objectives refer to it, and its label in metrics.
    pub name: String,
    /// Its base URL, without `/api/v1`.
    pub url: String,
    /// How the sidecar authenticates.
    pub authentication: Authentication,
    /// Headers of every request, such as `X-Scope-OrgID`.
    pub headers: Vec<(String, HeaderText)>,
    /// The longest time for an answer.
    pub timeout: Nanos,
    /// How long a step is, in whole seconds: `{{.window}}` in queries.
    pub every: Nanos,
    /// How old a step must be to be queried, so that the server has all of it.
    pub staleness: Nanos,
    /// How far back missed steps are queried, also for a new objective.
    pub reach: Nanos,
    /// Whether plain sums of counters are counted from the server's samples.
    pub may_sample: bool,
    /// How budgets are compared with those of recording rules; none where they are not.
    pub agreement: Option<AgreementSettings>,
}

/// How the sidecar authenticates itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// Without authentication.
    None,
    /// With `Authorization: Bearer`.
    Bearer(Secret),
    /// With user and password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
}

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// In a file, read again for each request.
    File(PathBuf),
    /// In an environment variable.
    Environment(String),
}

/// A header's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderText {
    /// This text.
    Plain(String),
    /// A secret.
    Secret(Secret),
}

/// How budgets are compared.
#[derive(Clone, Debug, PartialEq)]
pub struct AgreementSettings {
    /// How often.
    pub every: Nanos,
    /// The share of the whole budget by which they may differ.
    pub resolution: f64,
}

impl Source {
    /// Returns a server with the defaults and without authentication.
    pub(super) const fn new(name: String, url: String) -> Self {
        Self {
            name,
            url,
            authentication: Authentication::None,
            headers: Vec::new(),
            timeout: TIMEOUT,
            every: EVERY,
            staleness: STALENESS,
            reach: REACH,
            may_sample: true,
            agreement: None,
        }
    }
}

/// Reads one source.
pub(super) fn source(reader: &mut Reader<'_>, node: &Node) -> Option<Source> {
    let fields = reader.object("sources[]", node, &FIELDS)?;
    let name = reader.required_text("sources[]", &fields, "name");
    let url =
        reader.required("sources[]", &fields, "url").and_then(|node| reader.checked("url", node, base_url));
    let mut span = |name, default| match fields.get(name) {
        None => Some(default),
        Some(node) => reader.duration(name, node),
    };
    let (timeout, staleness) = (span("timeout", TIMEOUT), span("staleness", STALENESS));
    let every = limited(reader, &fields, "every", (EVERY, LONGEST_STEP));
    let reach = limited(reader, &fields, "reach", (REACH, LONGEST_REACH));
    let authentication = authentication(reader, node, &fields);
    let headers = headers(reader, fields.get("headers"));
    let may_sample = truth(reader, &fields, "samples", true);
    let agreement = match fields.get("agreement") {
        None => Some(None),
        Some(node) => agreement(reader, node).map(Some),
    };
    // All fields are read before the first missing one returns, so that every problem is reported.
    Some(Source {
        name: name?,
        url: url?,
        authentication: authentication?,
        headers,
        timeout: timeout?,
        every: every?,
        staleness: staleness?,
        reach: reach?,
        may_sample: may_sample?,
        agreement: agreement?,
    })
}

/// Checks a URL: it has no secret, query or fragment, so that a path can be appended.
fn base_url(text: &str) -> Result<String, String> {
    let parsed = Url::parse(text).ok();
    let is_bare = |url: &Url| url.username().is_empty() && url.password().is_none();
    if parsed.as_ref().is_some_and(|url| !is_bare(url)) {
        return Err("has a user or a password in it: accepted are `basic_auth` and `bearer_token`".to_owned());
    }
    if parsed.is_some_and(|url| url.query().is_some() || url.fragment().is_some()) {
        return Err(format!("`{text}` has a `?` or a `#`: accepted is the part before /api/v1"));
    }
    web_url(text)
}

/// Reads a time in whole seconds, up to a limit.
fn limited(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    name: &str,
    (default, longest): (Nanos, Nanos),
) -> Option<Nanos> {
    let Some(node) = fields.get(name) else { return Some(default) };
    let span = reader.duration(name, node)?;
    let is_whole = span.get() % 1_000_000_000 == 0;
    if !is_whole || span > longest {
        let most = longest.get() / 1_000_000_000;
        reader.problem(
            node.referenced,
            format!("`{name}` is {}: accepted are whole seconds from 1s to {most}s", node.value),
        );
        return None;
    }
    Some(span)
}

fn truth(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &str, default: bool) -> Option<bool> {
    let Some(node) = fields.get(name) else { return Some(default) };
    let YamlValue::Truth(truth) = node.value else {
        reader.problem(node.referenced, format!("`{name}` is {}: accepted are true and false", node.value));
        return None;
    };
    Some(truth)
}

fn authentication(reader: &mut Reader<'_>, node: &Node, fields: &Fields<'_>) -> Option<Authentication> {
    match (fields.get("bearer_token"), fields.get("basic_auth")) {
        (None, None) => Some(Authentication::None),
        (Some(node), None) => secret(reader, "bearer_token", node).map(Authentication::Bearer),
        (None, Some(node)) => {
            let fields = reader.object("basic_auth", node, &["user", "password"])?;
            let user = reader.required_text("basic_auth", &fields, "user");
            let password = reader.required("basic_auth", &fields, "password");
            let password = password.and_then(|node| secret(reader, "password", node));
            Some(Authentication::Basic { user: user?, password: password? })
        }
        (Some(_), Some(_)) => {
            let message = "a source has `bearer_token` and `basic_auth`: accepted is one of them";
            reader.problem(node.referenced, message.to_owned());
            None
        }
    }
}

/// Reads where a secret is kept. A wrong value may be the secret itself, so that the message does not repeat it.
fn secret(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<Secret> {
    let wrong = |reader: &mut Reader<'_>| {
        let message = format!(
            "`{name}` does not say where the secret is: accepted are {{file: PATH}} and {{env: NAME}}"
        );
        reader.problem(node.referenced, message);
        None
    };
    let YamlValue::Object(_) = node.value else { return wrong(reader) };
    let fields = reader.object(name, node, &["file", "env"])?;
    match (fields.get("file"), fields.get("env")) {
        (Some(node), None) => reader.path("file", node).map(Secret::File),
        (None, Some(node)) => reader.text("env", node).map(Secret::Environment),
        (None, None) | (Some(_), Some(_)) => wrong(reader),
    }
}

fn headers(reader: &mut Reader<'_>, node: Option<&Node>) -> Vec<(String, HeaderText)> {
    let Some(node) = node else { return Vec::new() };
    let YamlValue::Object(fields) = &node.value else {
        reader.problem(node.referenced, "`headers` is not an object of names and values".to_owned());
        return Vec::new();
    };
    let mut headers = Vec::new();
    for (key, node) in fields {
        let name = key.value.to_ascii_lowercase();
        if OURS.contains(&name.as_str()) || HeaderName::from_bytes(name.as_bytes()).is_err() {
            let message = format!(
                "`{}` is not a header that can be set: accepted are others, and `bearer_token` and `basic_auth`",
                key.value
            );
            reader.problem(key.referenced, message);
            continue;
        }
        let text = match &node.value {
            YamlValue::Object(_) => secret(reader, &key.value, node).map(HeaderText::Secret),
            YamlValue::Nothing
            | YamlValue::Truth(_)
            | YamlValue::Integer(_)
            | YamlValue::Float(_)
            | YamlValue::Text(_)
            | YamlValue::List(_) => reader.checked(&key.value, node, |text| {
                let accepted = "accepted are visible characters of ASCII";
                HeaderValue::from_str(text)
                    .map(|_| HeaderText::Plain(text.to_owned()))
                    .map_err(|_| format!("is not a header value: {accepted}"))
            }),
        };
        headers.extend(text.map(|text| (key.value.clone(), text)));
    }
    headers
}

fn agreement(reader: &mut Reader<'_>, node: &Node) -> Option<AgreementSettings> {
    let fields = reader.object("agreement", node, &["every", "resolution"])?;
    let every = match fields.get("every") {
        None => Some(COMPARE_EVERY),
        Some(node) => reader.duration("every", node),
    };
    let resolution = match fields.get("resolution") {
        None => Some(RESOLUTION),
        Some(node) => {
            let share = reader.number("resolution", node)?;
            let is_share = share > 0.0 && share < 1.0;
            if !is_share {
                let message = format!("`resolution` is {share}: accepted is a share of the budget in (0, 1)");
                reader.problem(node.referenced, message);
            }
            is_share.then_some(share)
        }
    };
    Some(AgreementSettings { every: every?, resolution: resolution? })
}
