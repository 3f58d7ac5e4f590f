//! The demo as a new user runs it: the built binary, its story, and its error messages.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const REFERENCES: u64 = 60_000;

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mapwarden"))
        .arg("demo")
        .args(arguments)
        .env_remove("MAPWARDEN_LOG")
        .output()
        .unwrap()
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("demo-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// More keys than the catalogue holds, so that entries are evicted; some of them often.
fn write_trace(file: &Path) {
    let key = |number: u64| if number.is_multiple_of(3) { number % 997 } else { number };
    fs::write(
        file,
        (0..REFERENCES).map(|number| format!("{} 1 0 {number}\n", key(number))).collect::<String>(),
    )
    .unwrap();
}

#[test]
fn once_plays_the_whole_story_with_exact_counts() {
    let folder = folder("once");
    let (trace, report) = (folder.join("trace.lis"), folder.join("report.json"));
    write_trace(&trace);
    let output = demo(&[
        "--once",
        "--otlp-http=127.0.0.1:0",
        "--admin=127.0.0.1:0",
        &format!("--trace={}", trace.display()),
        &format!("--report={}", report.display()),
    ]);
    let (text, errors) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{text}\n{errors}");
    for part in
        ["status page", "/metrics", "/dashboards", "/alerts", "NOTICE", "a3f9c1d", "eu-west-1", "RESOLVED"]
    {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    assert_eq!(report["notice"]["state"], "resolved", "{report}");
    assert_eq!(report["ledger"]["replayed"], REFERENCES, "{report}");
    assert!(report["ledger"]["lookups"]["evictions"].as_u64().unwrap() > 0, "{report}");
    assert!(report["ledger"]["checkouts_by_region"]["eu-west-1"]["bad"].as_u64().unwrap() > 0, "{report}");
    let checks = report["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 12, "{report}");
    assert!(checks.iter().all(|check| check["holds"] == true), "{report}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_taken_port_is_named_with_its_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for (flag, other) in [("--admin", "--otlp-http"), ("--otlp-http", "--admin")] {
        let output = demo(&["--once", flag, &address.to_string(), other, "127.0.0.1:0"]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(message.contains(&format!("port {} is taken", address.port())), "{message}");
        assert!(message.contains(&format!("choose another address with {flag}")), "{message}");
    }
}

#[test]
fn an_absent_sidecar_is_named_with_its_option() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let output = demo(&["--once", "--sidecar", &url]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains(&format!("no sidecar is ready at {url}")), "{message}");
    assert!(message.contains("set --sidecar") && message.contains("`mapwarden run`"), "{message}");
}

#[test]
fn a_sidecar_without_telemetry_is_named_with_its_option() {
    let mut sidecar = Command::new(env!("CARGO_BIN_EXE_mapwarden"))
        .args(["run", "--otlp-http=127.0.0.1:0", "--admin=127.0.0.1:0", "--log=info"])
        .env("NO_COLOR", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(sidecar.stderr.take().unwrap()).lines();
    let admin = log
        .find_map(|line| line.unwrap().split_once(" admin=").map(|(_, address)| address.to_owned()))
        .expect("the sidecar says where it serves");
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let otlp = free.local_addr().unwrap().to_string();
    drop(free);
    let output = demo(&["--once", "--sidecar", &format!("http://{admin}/"), "--otlp-http", &otlp]);
    sidecar.kill().unwrap();
    sidecar.wait().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains(&format!("the sidecar at http://{admin} is ready")), "{message}");
    assert!(message.contains(&format!("nothing takes OTLP at {otlp}: set --otlp-http")), "{message}");
}

#[test]
fn an_invalid_trace_is_reported_before_the_start() {
    let folder = folder("trace");
    let trace = folder.join("bad.lis");
    fs::write(&trace, "1 1 0 0\n2 1 zero 0\n").unwrap();
    let output =
        demo(&["--otlp-http=127.0.0.1:0", "--admin=127.0.0.1:0", &format!("--trace={}", trace.display())]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("bad.lis`: line 2: `2 1 zero 0` is not a reference: accepted is"), "{message}");
    assert!(output.stdout.is_empty());
    fs::remove_dir_all(folder).unwrap();
}
