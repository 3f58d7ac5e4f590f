//! The admin endpoints: their responses, and their refusals.

use std::io::Read as _;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use mapwarden_sidecar::view::View;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::output_fixture::{admin, assert_golden, empty, measured, missing, view};

async fn ask(router: &Router, request: Request<Body>) -> (Response<()>, Vec<u8>) {
    let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    (Response::from_parts(head, ()), body.to_vec())
}

async fn get(router: &Router, path: &str) -> (StatusCode, String, String) {
    let (head, body) = ask(router, Request::get(path).body(Body::empty()).unwrap()).await;
    let kind = head.headers().get(header::CONTENT_TYPE).map_or("", |kind| kind.to_str().unwrap()).to_owned();
    (head.status(), kind, String::from_utf8(body).unwrap())
}

async fn json(router: &Router, path: &str) -> Value {
    let (status, kind, body) = get(router, path).await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "application/json"), "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

#[tokio::test]
async fn lists_are_arrays_and_items_are_found_by_name() {
    let (router, _tx) = admin(view());
    let slos = json(&router, "/api/v1/slos").await;
    assert_eq!(slos.as_array().unwrap().len(), 6);
    assert_eq!(json(&router, "/api/v1/slos/order-service/sessions-availability").await, slos[4]);
    assert_eq!(json(&router, "/api/v1/slos/sessions-availability").await, slos[4]);
    assert_eq!(slos[0]["remaining"]["missing"], "no event in the period");
    let maps = json(&router, "/api/v1/maps").await;
    assert_eq!(json(&router, "/api/v1/maps/routing").await, maps[1]);
    assert_eq!(json(&router, "/api/v1/maps/order-service/routing").await, maps[1]);
    let deploys = json(&router, "/api/v1/deploys").await;
    assert_eq!(deploys[0]["sha"], "a3f9c1d");
    assert_eq!(deploys.as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn notices_are_filtered_and_come_in_every_form() {
    let (router, _tx) = admin(view());
    let all = json(&router, "/api/v1/notices").await;
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(json(&router, "/api/v1/notices?state=open").await, Value::from(vec![all[0].clone()]));
    assert_eq!(json(&router, "/api/v1/notices?state=resolved").await, Value::from(vec![all[1].clone()]));
    let path = format!("/api/v1/notices/{}", measured().id);
    let notice = json(&router, &path).await;
    assert_eq!(serde_json::from_value::<mapwarden_engine::notice::Notice>(notice).unwrap(), measured());
    for (format, kind, part) in [
        ("json", "application/json", "\"affected_users\":1284"),
        ("yaml", "application/yaml", "affected_users: 1284"),
        ("markdown", "text/markdown; charset=utf-8", "Users: 1,284"),
        ("html", "text/html; charset=utf-8", "1,284"),
        ("text", "text/plain; charset=utf-8", "1,284 affected"),
    ] {
        let (status, got_kind, body) = get(&router, &format!("{path}?format={format}")).await;
        assert_eq!((status, got_kind.as_str()), (StatusCode::OK, kind), "{format}");
        assert!(body.contains(part), "{format}: {body}");
    }
}

#[tokio::test]
async fn a_list_of_notices_comes_in_every_form() {
    let (router, _tx) = admin(view());
    for (format, kind, open) in [
        ("yaml", "application/yaml", "- id: 01KAJ3V9QG5T8W6YB2N4C7D0EF"),
        ("markdown", "text/markdown; charset=utf-8", "# OPEN page: order-service/sessions-availability\n"),
        ("html", "text/html; charset=utf-8", "/api/v1/notices/01KAJ3V9QG5T8W6YB2N4C7D0EF?format=html"),
        ("text", "text/plain; charset=utf-8", "OPEN page: order-service/sessions-availability: "),
    ] {
        let path = format!("/api/v1/notices?format={format}");
        let (status, got_kind, both) = get(&router, &path).await;
        assert_eq!((status, got_kind.as_str()), (StatusCode::OK, kind), "{format}: {both}");
        assert!(both.contains(open) && both.contains(&missing().id), "{format}: {both}");
        let (_, _, resolved) = get(&router, &format!("{path}&state=resolved")).await;
        assert!(!resolved.contains(open) && resolved.contains(&missing().id), "{format}: {resolved}");
    }
    let (_, _, yaml) = get(&router, "/api/v1/notices?format=yaml").await;
    let read: Value = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!([&read[0]["id"], &read[1]["id"]], [&measured().id, &missing().id]);
    let (_, _, markdown) = get(&router, "/api/v1/notices?format=markdown&state=open").await;
    let (_, _, one) = get(&router, &format!("/api/v1/notices/{}?format=markdown", measured().id)).await;
    assert_eq!(markdown, one, "a list of one notice is that notice");
    let (_, _, json_form) = get(&router, "/api/v1/notices?format=json").await;
    assert_eq!(json_form, get(&router, "/api/v1/notices").await.2);
}

#[tokio::test]
async fn an_empty_list_of_notices_has_a_message() {
    let (router, _tx) = admin(empty());
    for format in ["markdown", "text", "html"] {
        let (status, _, body) = get(&router, &format!("/api/v1/notices?state=open&format={format}")).await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("No notice is open."), "{format}: {body}");
    }
    let (_, _, yaml) = get(&router, "/api/v1/notices?format=yaml").await;
    assert_eq!(serde_saphyr::from_str::<Value>(&yaml).unwrap(), Value::Array(Vec::new()));
}

/// Every route that answers `GET`, with its query parameters.
const GET_ROUTES: [(&str, &[&str]); 24] = [
    ("/", &[]),
    ("/live.js", &[]),
    ("/livez", &[]),
    ("/readyz", &[]),
    ("/metrics", &[]),
    ("/metrics/health", &[]),
    ("/api/v1/slos", &[]),
    ("/api/v1/slos/sessions-availability", &["explain"]),
    ("/api/v1/slos/order-service/sessions-availability", &["explain"]),
    ("/api/v1/slos/order-service/sessions-availability/attribution", &[]),
    ("/api/v1/corrections", &[]),
    ("/api/v1/corrections/01KAJ3V9QG5T8W6YB2N4C7D0AA", &[]),
    ("/api/v1/notices", &["state", "format"]),
    ("/api/v1/notices/01KAJ3V9QG5T8W6YB2N4C7D0EF", &["format"]),
    ("/api/v1/deploys", &[]),
    ("/api/v1/maps", &[]),
    ("/api/v1/maps/routing", &[]),
    ("/api/v1/maps/order-service/routing", &[]),
    ("/api/v1/sources", &[]),
    ("/dashboards", &[]),
    ("/dashboards/mapwarden-error-budgets.json", &[]),
    ("/alerts", &[]),
    ("/alerts/slo.yaml", &["format"]),
    ("/alerts/runbooks/MapwardenErrorBudgetBurnPage", &[]),
];

#[tokio::test]
async fn every_route_refuses_unknown_query_parameters() {
    let (router, _tx) = admin(View { at: Timestamp::now(), ..view() });
    for (path, parameters) in GET_ROUTES {
        assert_eq!(get(&router, path).await.0, StatusCode::OK, "{path}");
        let mut refused = vec![(format!("{path}?fromat=x%20y"), "`fromat=x y`".to_owned())];
        refused.extend(parameters.iter().flat_map(|name| {
            [
                (format!("{path}?{name}=never"), format!("`{name}`: `never`")),
                (format!("{path}?{name}=1&{name}=1"), format!("`{name}` is given twice")),
            ]
        }));
        for (path, part) in refused {
            let (status, kind, body) = get(&router, &path).await;
            assert_eq!(
                (status, kind.as_str()),
                (StatusCode::BAD_REQUEST, "application/problem+json"),
                "{path}"
            );
            let detail = serde_json::from_str::<Value>(&body).unwrap()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains(&part) && detail.contains("accepted are"), "{path}: {detail}");
            let accepted = if parameters.is_empty() { "none" } else { parameters[0] };
            assert!(!path.contains("fromat") || detail.contains(accepted), "{path}: {detail}");
        }
    }
}

#[tokio::test]
async fn refusals_name_what_is_accepted() {
    let (router, _tx) = admin(view());
    let cases = [
        ("/nowhere", 404, "/api/v1/notices"),
        ("/api/v1/slos/order-service/nothing", 404, "order-service/checkout-latency"),
        ("/api/v1/maps/nothing", 404, "order-service/routing"),
        ("/api/v1/notices/01", 404, "01KAJ3V9QG5T8W6YB2N4C7D0EF"),
        ("/api/v1/notices?state=closed", 400, "resolved"),
        ("/api/v1/notices/01KAJ3V9QG5T8W6YB2N4C7D0EF?format=xml", 400, "markdown"),
        ("/dashboards/nothing.json", 404, "there is no dashboard"),
        ("/alerts/nothing.yaml", 404, "there is no rule file"),
        ("/alerts/runbooks/nothing", 404, "there is no runbook"),
        ("/api/v1/slos/%ff", 400, ""),
    ];
    for (path, code, part) in cases {
        let (status, kind, body) = get(&router, path).await;
        assert_eq!(status, code, "{path}: {body}");
        assert_eq!(kind, "application/problem+json", "{path}: {body}");
        assert!(body.contains(part), "{path}: {body}");
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["status"], code, "{path}");
    }
    let post = Request::builder().method(Method::POST).uri("/api/v1/slos").body(Body::empty()).unwrap();
    let (head, body) = ask(&router, post).await;
    assert_eq!(head.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(head.headers()[header::ALLOW], "GET,HEAD");
    assert!(String::from_utf8(body).unwrap().contains("method POST is not allowed here"));
}

#[tokio::test]
async fn two_services_can_share_a_map_name() {
    let mut view = view();
    let mut other = view.maps[1].clone();
    other.service = "pricing".to_owned();
    view.maps.push(other);
    let (router, _tx) = admin(view);
    let (status, _, body) = get(&router, "/api/v1/maps/routing").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(body.contains("order-service/routing") && body.contains("pricing/routing"), "{body}");
}

#[tokio::test]
async fn readiness_follows_the_views() {
    let (router, tx) = admin(empty());
    assert_eq!(get(&router, "/livez").await.0, StatusCode::OK);
    assert_eq!(get(&router, "/readyz").await.0, StatusCode::OK);
    let mut old = empty();
    old.at = Timestamp::now() - SignedDuration::from_secs(60);
    tx.send(old.into()).unwrap();
    let (status, _, body) = get(&router, "/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("the last evaluation was 60 s ago"), "{body}");
    assert_eq!(get(&router, "/livez").await.0, StatusCode::OK);
    tx.send(empty().into()).unwrap();
    assert_eq!(get(&router, "/readyz").await.0, StatusCode::OK);
    drop(tx);
    assert_eq!(get(&router, "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
    let (status, kind, _) = get(&router, "/livez").await;
    assert_eq!((status, kind.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "application/problem+json"));
}

#[tokio::test]
async fn a_scrape_always_returns_the_text_format() {
    let (router, _tx) = admin(view());
    let health = get(&router, "/metrics/health").await.2;
    assert!(health.contains("\nlast_successful_scrape_timestamp_seconds 0\n"), "{health}");
    for accept in ["application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", ";;,q=x", ""]
    {
        let request = Request::get("/metrics").header(header::ACCEPT, accept).body(Body::empty()).unwrap();
        let (head, body) = ask(&router, request).await;
        assert_eq!(head.status(), StatusCode::OK, "{accept}");
        assert_eq!(head.headers()[header::CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
        assert!(String::from_utf8(body).unwrap().contains("# TYPE process_cpu_seconds_total counter\n"));
    }
    let request =
        Request::get("/metrics").header(header::ACCEPT_ENCODING, "gzip").body(Body::empty()).unwrap();
    let (head, body) = ask(&router, request).await;
    assert_eq!(head.headers()[header::CONTENT_ENCODING], "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(body.as_slice()).read_to_string(&mut text).unwrap();
    assert!(text.contains("process_resident_memory_bytes "), "{text}");
    let health = get(&router, "/metrics/health").await.2;
    let last = health.lines().find_map(|line| line.strip_prefix("last_successful_scrape_timestamp_seconds "));
    assert!(last.unwrap().parse::<f64>().unwrap() > 1.7e9, "{health}");
    assert!(health.contains("\nscrape_errors_total 0\n"), "{health}");
}

#[tokio::test]
async fn requests_are_counted_by_route_and_never_stored() {
    let (router, _tx) = admin(view());
    get(&router, "/api/v1/maps/order-service/sessions").await;
    get(&router, "/no/such/thing").await;
    let (_, _, text) = get(&router, "/metrics").await;
    for labels in [r#"route="/api/v1/maps/{service}/{name}",code="200""#, r#"route="unmatched",code="404""#] {
        assert!(text.contains(&format!("mapwarden_http_requests_total{{{labels}}}")), "{text}");
    }
    for path in ["/", "/api/v1/slos", "/metrics", "/nowhere"] {
        let (head, _) = ask(&router, Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(head.headers()[header::CACHE_CONTROL], "no-store", "{path}");
    }
}

#[tokio::test]
async fn the_status_page_equals_its_golden_file() {
    let (router, _tx) = admin(view());
    let (head, body) = ask(&router, Request::get("/").body(Body::empty()).unwrap()).await;
    assert_eq!(head.status(), StatusCode::OK);
    assert!(head.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("default-src 'none'"));
    assert_golden("status.html", &String::from_utf8(body).unwrap());
    let (status, kind, _) = get(&router, "/live.js").await;
    assert_eq!((status, kind.as_str()), (StatusCode::OK, "text/javascript; charset=utf-8"));
}

#[tokio::test]
async fn the_list_of_notices_equals_its_golden_file() {
    let (router, _tx) = admin(view());
    for (format, extension) in [("html", "html"), ("markdown", "md"), ("yaml", "yaml"), ("text", "txt")] {
        let (status, _, body) = get(&router, &format!("/api/v1/notices?format={format}")).await;
        assert_eq!(status, StatusCode::OK);
        assert_golden(&format!("notices.{extension}"), &body);
    }
}

#[tokio::test]
async fn an_idle_status_page_shows_no_percentage() {
    let (router, _tx) = admin(empty());
    let (status, _, body) = get(&router, "/").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let (_, main) = body.split_once("<main>").unwrap();
    assert!(main.contains("Waiting for telemetry") && !main.contains('%'), "{main}");
}

#[tokio::test]
async fn every_dashboard_rule_file_and_runbook_is_served() {
    let (router, _tx) = admin(empty());
    for list in ["/dashboards", "/alerts"] {
        let entries = json(&router, list).await;
        assert!(!entries.as_array().unwrap().is_empty(), "{list}");
        for entry in entries.as_array().unwrap() {
            let path = entry["path"].as_str().unwrap();
            assert_eq!(get(&router, path).await.0, StatusCode::OK, "{path}");
        }
    }
    for entry in json(&router, "/alerts").await.as_array().unwrap() {
        let path = format!("{}?format=prometheusrule", entry["path"].as_str().unwrap());
        let (status, kind, body) = get(&router, &path).await;
        assert_eq!((status, kind.as_str()), (StatusCode::OK, "application/yaml"), "{path}");
        let rule: Value = serde_saphyr::from_str(&body).unwrap();
        assert_eq!(
            rule["spec"]["groups"].as_array().unwrap().len(),
            entry["groups"].as_array().unwrap().len()
        );
    }
    // The runbooks that the delivery links to.
    for name in ["MapwardenErrorBudgetBurnPage", "MapwardenErrorBudgetBurnTicket.md"] {
        let (status, kind, _) = get(&router, &format!("/alerts/runbooks/{name}")).await;
        assert_eq!((status, kind.as_str()), (StatusCode::OK, "text/markdown; charset=utf-8"), "{name}");
    }
}
