//! Corrections from the request to the answer: booked over HTTP, saved, shown beside the measured counts. Every number
//! of an answer is computed again from its explanation.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mapwarden_sidecar::Sidecar;
use mapwarden_sidecar::config::Overrides;
use mapwarden_sidecar::view::View;
use serde_json::{Value, json};

use crate::formula::evaluate;

/// A sidecar on free ports with a store of its own.
struct Running {
    sidecar: Sidecar,
    client: reqwest::Client,
}

impl Running {
    async fn start(folder: Option<&PathBuf>) -> Self {
        let settings = Overrides {
            otlp_http: Some("127.0.0.1:0".to_owned()),
            admin: Some("127.0.0.1:0".to_owned()),
            data_dir: folder.cloned(),
            ..Overrides::default()
        };
        let sidecar = Sidecar::start(settings.load().unwrap()).await.unwrap();
        // It fails where another test of this process has installed the provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { sidecar, client }
    }

    async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
        let request = self.client.post(format!("http://{}{path}", self.sidecar.admin)).json(body);
        let request = key.into_iter().fold(request, |request, key| request.header("Idempotency-Key", key));
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("http://{}{path}", self.sidecar.admin)).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// Sends good and bad requests of the last minutes as OTLP deltas, and waits until they are counted.
    async fn send(&self, minutes: &[(u64, u64)]) {
        let now = jiff::Timestamp::now().as_nanosecond();
        let attribute = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let minute = 60_000_000_000_i128;
        let count = i128::try_from(minutes.len()).unwrap();
        let point = |at: i128, verdict: &str, value: u64| {
            let end = now - (count - at) * minute;
            json!({"asInt": value.to_string(), "startTimeUnixNano": (end - minute).to_string(),
                "timeUnixNano": end.to_string(),
                "attributes": [attribute("mapwarden.slo", "availability"), attribute("mapwarden.verdict", verdict)]})
        };
        let points: Vec<Value> = (1_i128..)
            .zip(minutes)
            .flat_map(|(at, (good, bad))| [point(at, "good", *good), point(at, "bad", *bad)])
            .collect();
        let objective = json!({"name": "mapwarden.slo.objective", "gauge": {"dataPoints": [{"asDouble": 0.99,
            "timeUnixNano": now.to_string(), "attributes": [attribute("mapwarden.slo", "availability"),
                attribute("mapwarden.sli", "availability"), attribute("mapwarden.scope", "checkout")]}]}});
        let events = json!({"name": "mapwarden.sli.events", "unit": "{event}", "sum": {"aggregationTemporality": 1,
            "isMonotonic": true, "dataPoints": points}});
        let resource = json!({"attributes": [attribute("service.name", "shop"), attribute("service.version", "v7"),
            attribute("cloud.region", "eu-west-1")]});
        let body = json!({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [objective, events]}]}]});
        let url = format!("http://{}/v1/metrics", self.sidecar.otlp_http);
        let answer = self.client.post(url).json(&body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{}", answer.text().await.unwrap());
        let total: u64 = minutes.iter().map(|minute| minute.0 + minute.1).sum();
        let mut view = self.sidecar.view.clone();
        let counted = view.wait_for(|view| view.slos.iter().any(|slo| slo.total.get() == total));
        tokio::time::timeout(Duration::from_secs(20), counted).await.unwrap().unwrap();
    }
}

fn body(kind: &str) -> Value {
    json!({"slo": "shop/*", "kind": kind, "author": "ann", "reason": "a load test"})
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("mapwarden-corrections-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

#[tokio::test]
async fn corrections_are_booked_saved_and_withdrawn() {
    let folder = folder("saved");
    let first = Running::start(Some(&folder)).await;
    first.send(&[(990, 10), (980, 20), (1_000, 0)]).await;
    let mut refund = body("refund");
    refund["events"] = json!(12);
    let (status, written) = first.post("/api/v1/corrections", Some("r-1"), &refund).await;
    assert_eq!((status, &written["objectives"]), (201, &json!(["shop/availability"])), "{written}");
    let (status, again) = first.post("/api/v1/corrections", Some("r-1"), &refund).await;
    assert_eq!((status, &again["id"], &again["is_repeated"]), (200, &written["id"], &json!(true)));
    let mut deduction = body("deduction");
    deduction["events"] = json!(5);
    assert_eq!(first.post("/api/v1/corrections", None, &deduction).await.0, 201);
    first.sidecar.stop().await;

    let second = Running::start(Some(&folder)).await;
    let budget = &second.get("/api/v1/slos/shop/availability").await["budget"];
    assert_eq!((&budget["raw"]["bad"], &budget["corrected"]["bad"]), (&json!(30), &json!(23)), "{budget}");
    assert_eq!((&budget["corrected"]["refunded"], &budget["corrected"]["deducted"]), (&json!(12), &json!(5)));
    let withdraw = format!("/api/v1/corrections/{}/withdraw", written["id"].as_str().unwrap());
    let why = json!({"author": "bob", "reason": "it was the wrong service"});
    assert_eq!(second.post(&withdraw, None, &why).await.0, 201);
    assert_eq!(second.post(&withdraw, None, &why).await.0, 200);
    let other = json!({"author": "bob", "reason": "once more"});
    assert_eq!(second.post(&withdraw, None, &other).await.0, 409);
    assert_eq!(second.post("/api/v1/corrections/none/withdraw", None, &why).await.0, 404);
    assert_eq!(second.post("/api/v1/corrections", Some("r-1"), &refund).await.0, 409);
    let log = second.get("/api/v1/corrections").await;
    let lines: Vec<_> =
        log.as_array().unwrap().iter().map(|line| (&line["action"], &line["standing"])).collect();
    let (booked, active) = (json!("booked"), json!("active"));
    assert_eq!(
        lines,
        [(&json!("withdrawn"), &json!("withdrawal")), (&booked, &active), (&booked, &json!("withdrawn")),]
    );
    assert_eq!(log[0]["withdraws"], written["id"]);
    let id = log[1]["id"].as_str().unwrap();
    assert_eq!(second.get(&format!("/api/v1/corrections/{id}")).await, log[1]);
    let corrected = second.sidecar.view.borrow().slos.iter().next().unwrap().ledger.budget.corrected;
    assert_eq!((corrected.bad.get(), corrected.corrections.len()), (35, 1));
    second.sidecar.stop().await;
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn all_problems_of_a_correction_come_in_one_answer() {
    let running = Running::start(None).await;
    let mut wrong = body("exclusion");
    wrong["from"] = json!("soon");
    wrong["events"] = json!(3);
    let (status, problem) = running.post("/api/v1/corrections", None, &wrong).await;
    let pointers: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].clone()).collect();
    assert_eq!((status, pointers), (400, vec![json!("/events"), json!("/from"), json!("/to")]));
    for path in ["/api/v1/corrections?kind=refund", "/api/v1/corrections/any/withdraw?reason=x"] {
        let (status, problem) = running.post(path, None, &wrong).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == 400 && detail.contains("is not known; accepted are none"), "{path}: {problem}");
    }
    running.sidecar.stop().await;
}

/// Every number of an answer by its JSON pointer.
fn numbers(value: &Value, pointer: &str, found: &mut Vec<(String, f64)>) {
    match value {
        Value::Number(number) => found.push((pointer.to_owned(), number.as_f64().unwrap())),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| numbers(item, &format!("{pointer}/{at}"), found));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| numbers(field, &format!("{pointer}/{name}"), found));
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn every_number_can_be_computed_again_from_its_explanation() {
    let running = Running::start(None).await;
    let minutes: Vec<_> =
        (0..50).map(|minute| (900 + minute, if minute % 7 < 3 { minute } else { 0 })).collect();
    running.send(&minutes).await;
    for (kind, events) in [("refund", 40), ("deduction", 11), ("deduction", 3)] {
        let mut booking = body(kind);
        booking["events"] = json!(events);
        assert_eq!(running.post("/api/v1/corrections", None, &booking).await.0, 201);
    }
    let mut exclusion = body("exclusion");
    let now = jiff::Timestamp::now();
    exclusion["from"] = json!((now - jiff::SignedDuration::from_mins(30)).to_string());
    exclusion["to"] = json!((now - jiff::SignedDuration::from_mins(20)).to_string());
    assert_eq!(running.post("/api/v1/corrections", None, &exclusion).await.0, 201);
    let mut view = running.sidecar.view.clone();
    let number =
        |view: &Arc<View>| view.slos.iter().next().map(|slo| slo.ledger.budget.corrected.corrections.len());
    view.wait_for(|view| number(view) == Some(4)).await.unwrap();
    let answer = running.get("/api/v1/slos/shop/availability?explain=1").await;
    let mut plain = answer.clone();
    let explained = plain.as_object_mut().unwrap().remove("explain").unwrap();
    let mut found = Vec::new();
    numbers(&plain, "", &mut found);
    assert!(found.len() > 60, "{found:?}");
    let mut computed = 0;
    for (pointer, number) in &found {
        let explanation =
            explained.get(pointer).unwrap_or_else(|| panic!("{pointer} is not explained: {explained}"));
        if explanation["kind"] == "computed" {
            let again = evaluate(explanation["formula"].as_str().unwrap(), &explanation["inputs"]);
            let error = (again - number).abs() / number.abs().max(1e-6);
            assert!(error < 1e-9, "{pointer}: {again} instead of {number}: {explanation}");
            assert!(explanation["window"]["resolution"].is_number(), "{pointer}: {explanation}");
            computed += 1;
        }
    }
    assert!(computed > 35, "only {computed} numbers are computed");
    for pointer in explained.as_object().unwrap().keys() {
        assert!(found.iter().any(|(known, _)| known == pointer), "{pointer} is explained, but not there");
    }
    let budget = &answer["budget"];
    assert!(budget["corrected"]["excluded"]["good"].as_u64().unwrap() > 9 * 900, "{budget}");
    assert_eq!(budget["raw"]["remaining"], answer["remaining"]);

    let attribution = running.get("/api/v1/slos/shop/availability/attribution").await;
    assert_eq!((&attribution[0]["over"], &attribution[0]["bad"]), (&json!("period"), &budget["raw"]["bad"]));
    let by = attribution[0]["by"].as_array().unwrap();
    assert_eq!(
        (&by[0]["dimension"], &by[0]["parts"][0]["name"]),
        (&json!("version"), &json!("v7")),
        "{by:?}"
    );
    assert_eq!(by[1]["parts"][0]["name"], "eu-west-1");
    for share in by {
        let parts: u64 =
            share["parts"].as_array().unwrap().iter().map(|part| part["bad"].as_u64().unwrap()).sum();
        let rest = share["rest"]["bad"].as_u64().unwrap_or(0);
        assert_eq!(parts + rest, attribution[0]["bad"].as_u64().unwrap(), "{share}");
    }
    running.sidecar.stop().await;
}
