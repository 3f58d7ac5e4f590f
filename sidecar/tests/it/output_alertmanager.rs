//! A real Alertmanager accepts the alerts of notices, and ends them.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use mapwarden_engine::notice::{Notice, NoticeState, Transition};
use mapwarden_sidecar::config::Sink;
use serde_json::Value;

use crate::output_deliver::Delivery;
use crate::output_fixture::{empty, measured};

/// An Alertmanager process, killed at the end of the test.
struct Alertmanager {
    process: Child,
    folder: PathBuf,
    url: String,
    client: reqwest::Client,
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Alertmanager {
    fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("mapwarden-alertmanager-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = folder.join("alertmanager.yml");
        std::fs::write(&config, "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n").unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus-alertmanager is not installed (Debian package of that name)");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { process, folder, url: format!("http://127.0.0.1:{port}"), client }
    }

    /// Waits until the active alerts satisfy a condition, and returns them.
    async fn alerts(&self, meet: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        for _ in 0..600 {
            ticks.tick().await;
            let sent = self.client.get(format!("{}/api/v2/alerts", self.url)).send().await;
            let Ok(answer) = sent else { continue };
            let alerts: Vec<Value> = answer.json().await.unwrap();
            if meet(&alerts) {
                return alerts;
            }
        }
        panic!("Alertmanager never showed the expected alerts");
    }
}

#[tokio::test]
#[ignore = "needs prometheus-alertmanager: `tests/run sidecar` installs and runs it"]
async fn a_real_alertmanager_accepts_and_ends_an_alert() {
    let alertmanager = Alertmanager::start();
    let sink = Sink::Alertmanager { name: "alertmanager".to_owned(), url: alertmanager.url.clone() };
    let delivery = Delivery::start(vec![sink], empty());
    let onset = Timestamp::now() - SignedDuration::from_secs(30);
    let notice = Notice { onset, ..measured() };
    // Alertmanager may still be starting: the delivery retries until it answers.
    delivery.send_notice(Transition::Opened, notice.clone()).await;
    let alerts = alertmanager.alerts(|alerts| alerts.len() == 1).await;
    let labels = &alerts[0]["labels"];
    assert_eq!(labels["alertname"], "MapwardenFault");
    assert_eq!(labels["slo"], "order-service/sessions-availability");
    assert_eq!(labels["severity"], "page");
    assert_eq!(labels["team"], "checkout");
    let annotations = &alerts[0]["annotations"];
    assert_eq!(annotations["summary"], notice.summary);
    assert_eq!(annotations["users"], "1284");
    assert!(annotations["description"].as_str().unwrap().contains("bad events only on v2.4.1"));
    assert!(annotations["runbook_url"].as_str().unwrap().ends_with("/MapwardenErrorBudgetBurnPage.md"));
    let starts: Timestamp = alerts[0]["startsAt"].as_str().unwrap().parse().unwrap();
    assert_eq!(starts.as_millisecond(), onset.as_millisecond());
    let resolved = Some(Timestamp::now());
    delivery
        .send_notice(Transition::Resolved, Notice { state: NoticeState::Resolved, resolved, ..notice })
        .await;
    alertmanager.alerts(<[Value]>::is_empty).await;
    delivery.stop().await;
}
