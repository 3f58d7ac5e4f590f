//! Objectives that query a server: counted and refused answers, restarts and failing servers.
//! (`tests/real/test_promql.py` does the same with a Prometheus.)

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use mapwarden_contract::UnixNanos;
use mapwarden_sidecar::Sidecar;
use mapwarden_sidecar::config::Overrides;
use mapwarden_sidecar::view::{SloView, SourceView};
use reqwest::Url;
use tokio::net::TcpListener;

/// The time after which a wait fails; no passing test waits this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// Ten events in each second of a step, one of them bad.
    Steady,
    /// Success, and no series.
    Empty,
    /// Two series.
    Several,
    /// A part above its total.
    TooMuch,
    /// An answer that is not JSON.
    Garbage,
    /// An answer above the size limit.
    Huge,
    /// No answer.
    Silent,
    /// The status 503.
    Busy,
    /// A refusal of the query.
    Refusing,
}

/// The requests that a server received, and how it answers.
struct Asked {
    mood: Mood,
    authorization: Option<String>,
    /// How often each moment was queried, in whole seconds, by query.
    moments: BTreeMap<(String, u64), u32>,
}

type Shared = Arc<Mutex<Asked>>;

/// A server of the Prometheus API on a free port.
struct Server {
    url: String,
    asked: Shared,
}

impl Server {
    async fn start(mood: Mood) -> Self {
        let asked = Arc::new(Mutex::new(Asked { mood, authorization: None, moments: BTreeMap::new() }));
        let routes = Router::new().route("/base/api/v1/{endpoint}", post(answer)).with_state(asked.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/base", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, asked }
    }

    fn set(&self, mood: Mood) {
        self.asked.lock().unwrap().mood = mood;
    }
}

async fn answer(
    State(asked): State<Shared>,
    Path(endpoint): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let form = Url::parse(&format!("http://form/?{body}")).unwrap();
    let form: BTreeMap<String, String> = form.query_pairs().into_owned().collect();
    let mood = {
        let mut asked = asked.lock().unwrap();
        asked.authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        asked.mood
    };
    match mood {
        Mood::Silent => std::future::pending().await,
        Mood::Garbage => return "<html>".into_response(),
        Mood::Huge => return Body::from(vec![b' '; 17 << 20]).into_response(),
        Mood::Busy => return (StatusCode::SERVICE_UNAVAILABLE, "come again").into_response(),
        Mood::Refusing => {
            let body = r#"{"status":"error","errorType":"bad_data","error":"parse error at char 3"}"#;
            return (StatusCode::BAD_REQUEST, body).into_response();
        }
        Mood::Steady | Mood::Empty | Mood::Several | Mood::TooMuch => {}
    }
    assert_eq!(endpoint, "query_range");
    let number = |name: &str| form[name].parse::<f64>().unwrap();
    let (start, end, step) = (number("start"), number("end"), number("step"));
    let query = form["query"].clone();
    let all = 10.0 * step;
    let value = match (query.contains("bad"), mood) {
        (true, Mood::TooMuch) => all + 1.0,
        (true, _) => step,
        (false, _) => all,
    };
    let mut values = Vec::new();
    let mut at = start;
    while at <= end {
        values.push(format!("[{at},\"{value}\"]"));
        *asked.lock().unwrap().moments.entry((query.clone(), seconds(at))).or_default() += 1;
        at += step;
    }
    let series = |name: &str| format!(r#"{{"metric":{{"a":"{name}"}},"values":[{}]}}"#, values.join(","));
    let result = if mood == Mood::Empty {
        String::new()
    } else if mood == Mood::Several {
        format!("{},{}", series("x"), series("y"))
    } else {
        series("x")
    };
    format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{result}]}}}}"#).into_response()
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole seconds"
)]
fn seconds(at: f64) -> u64 {
    at as u64
}

/// A folder that is removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("mapwarden-promql-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Returns overrides of a sidecar that queries a server, with further lines of the source.
    fn overrides(&self, url: &str, source: &str) -> Overrides {
        let text = format!(
            "sources:\n  - name: fleet\n    url: {url}\n    every: 1s\n    staleness: 1s\n    timeout: 1s\n    \
             reach: 20s\n{source}slos:\n  - name: availability\n    service: shop\n    target: 0.9\n    queries:\n      \
             total: 'sum(increase(all[{{{{.window}}}}])) * 1'\n      bad: 'sum(increase(bad[{{{{.window}}}}])) * 1'\n"
        );
        let file = self.0.join("mapwarden.yaml");
        std::fs::write(&file, text).unwrap();
        Overrides {
            file: Some(file),
            otlp_http: Some("127.0.0.1:0".to_owned()),
            admin: Some("127.0.0.1:0".to_owned()),
            data_dir: Some(self.0.join("data")),
            ..Overrides::default()
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn start(overrides: &Overrides) -> Sidecar {
    Sidecar::start(overrides.load().unwrap()).await.unwrap()
}

/// Waits until the objective and its source satisfy a condition, and returns them.
async fn until(
    sidecar: &Sidecar,
    what: &str,
    wanted: impl Fn(&SloView, &SourceView) -> bool,
) -> (SloView, SourceView) {
    let mut views = sidecar.view.clone();
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            let view = views.borrow_and_update().clone();
            if let (Some(slo), Some(source)) = (view.slos.iter().next(), view.sources.first())
                && wanted(&slo, source)
            {
                return (slo, source.clone());
            }
            views.changed().await.unwrap();
        }
    });
    let Ok(found) = waited.await else {
        panic!("waited for {what}; the last was {:#?}", sidecar.view.borrow().sources)
    };
    found
}

fn trouble(source: &SourceView) -> Option<&str> {
    source.objectives[0].trouble.as_ref().map(|trouble| trouble.message.as_str())
}

#[tokio::test]
async fn every_step_counts_once_over_restarts() {
    let server = Server::start(Mood::Steady).await;
    let folder = Folder::new("once");
    let overrides = folder.overrides(&server.url, "");
    let began = UnixNanos::now().get() / 1_000_000_000;
    let first = start(&overrides).await;
    // The first answer already covers the reach of 20 steps.
    until(&first, "the past", |slo, _| slo.total.get() >= 150).await;
    first.stop().await;
    let second = start(&overrides).await;
    let enough = 10 * (20 + 4);
    let (slo, source) = until(&second, "more", |slo, _| slo.total.get() >= enough).await;
    second.stop().await;
    let last = seconds(source.objectives[0].measured_until.unwrap().as_duration().as_secs_f64().ceil());
    let since = seconds(slo.since.as_duration().as_secs_f64());
    assert!(since + 22 >= began && since <= began, "{since} {began}");
    assert_eq!(slo.total.get(), 10 * (last - since), "{since} {last} {slo:#?}");
    assert_eq!(slo.total.get() - slo.good.get(), last - since);
    let covered = slo.windows[0].coverage.unwrap().get();
    assert!(covered > 0.8, "{covered}");
}

#[tokio::test]
async fn a_failing_server_costs_no_event_and_is_reported() {
    let server = Server::start(Mood::Steady).await;
    let folder = Folder::new("moods");
    let sidecar = start(&folder.overrides(&server.url, "")).await;
    until(&sidecar, "events", |slo, _| slo.total.get() > 0).await;
    let moods = [
        (Mood::Garbage, "sent an answer that is not understood"),
        (Mood::Several, "has 2 series: accepted is one"),
        (Mood::Busy, "answered with status 503: come again"),
        (Mood::Refusing, "refused the query (bad_data): parse error at char 3"),
        (Mood::Huge, "answered with more than 16 MiB"),
        (Mood::Silent, "did not answer within 1 s"),
    ];
    for (mood, message) in moods {
        server.set(mood);
        until(&sidecar, message, |_, source| trouble(source).is_some_and(|found| found.contains(message)))
            .await;
        server.set(Mood::Steady);
        until(&sidecar, "the end of the trouble", |_, source| trouble(source).is_none()).await;
    }
    let (slo, source) = until(&sidecar, "events", |_, _| true).await;
    let last = seconds(source.objectives[0].measured_until.unwrap().as_duration().as_secs_f64().ceil());
    let since = seconds(slo.since.as_duration().as_secs_f64());
    // Steps missed for less than the reach are queried later; the objective's view may be a step ahead of the source's.
    let missing = (10 * (last - since)).abs_diff(slo.total.get());
    assert!(missing <= 10, "{since} {last} {}", slo.total);
    sidecar.stop().await;
}

#[tokio::test]
async fn no_data_is_unmeasured_and_an_excessive_part_is_refused() {
    let server = Server::start(Mood::Empty).await;
    let folder = Folder::new("empty");
    let sidecar = start(&folder.overrides(&server.url, "")).await;
    let answered = |source: &SourceView| source.objectives[0].answered_until;
    let (slo, source) = until(&sidecar, "an answer", |_, source| answered(source).is_some()).await;
    assert_eq!((slo.total.get(), source.objectives[0].measured_until), (0, None));
    server.set(Mood::TooMuch);
    let before = answered(&source);
    let (slo, _) = until(&sidecar, "another answer", |_, source| {
        answered(source).is_some_and(|now| before.is_none_or(|before| now > before))
    })
    .await;
    assert_eq!(slo.total.get(), 0);
    server.set(Mood::Steady);
    until(&sidecar, "a measurement", |slo, _| slo.total.get() > 0).await;
    let moments = server.asked.lock().unwrap().moments.clone();
    let twice = moments.values().filter(|times| **times > 1).count();
    assert_eq!(twice, 0, "moments with an empty answer are queried again: {moments:?}");
    sidecar.stop().await;
}

#[tokio::test]
async fn a_secret_is_read_on_demand_and_never_shown() {
    let server = Server::start(Mood::Steady).await;
    let folder = Folder::new("secret");
    let overrides = folder.overrides(&server.url, "    bearer_token: {file: token}\n");
    let sidecar = start(&overrides).await;
    let (_, source) = until(&sidecar, "a trouble", |_, source| trouble(source).is_some()).await;
    assert!(trouble(&source).unwrap().contains("the secret in"), "{source:?}");
    std::fs::write(folder.0.join("token"), "hush-1\n").unwrap();
    let (_, source) = until(&sidecar, "events", |slo, _| slo.total.get() > 0).await;
    assert_eq!(server.asked.lock().unwrap().authorization.as_deref(), Some("Bearer hush-1"));
    assert!(!format!("{source:?}{}", serde_json::to_string(&source).unwrap()).contains("hush"));
    sidecar.stop().await;
}
