//! The binary as operators start it: exit codes, messages, signals.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

/// The binary without settings other than those of the test.
fn mapwarden(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mapwarden"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MAPWARDEN_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn golden(name: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name).display().to_string()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn check_reports_every_problem_and_exits_1() {
    let good = mapwarden(&["check", &golden("mapwarden.yaml")]).output().unwrap();
    assert!(good.status.success(), "{good:?}");
    let out = String::from_utf8_lossy(&good.stdout);
    assert!(
        out.contains("mapwarden.yaml: ok: 2 slos, 2 probes, 3 sinks\n2 objectives in 1 file: 0 errors"),
        "{out}"
    );
    let file = golden("problems.yaml");
    let bad = mapwarden(&["check", &file]).output().unwrap();
    assert_eq!(bad.status.code(), Some(1));
    assert!(text(&bad).ends_with("0 objectives in 1 file: 18 errors, 0 warnings\n"), "{}", text(&bad));
    assert!(text(&bad).contains(&format!("\n{file}:6:13: error: `target` is 1: accepted")), "{}", text(&bad));
}

#[test]
fn check_reads_slo_files_and_folders_as_one() {
    let folder = golden("../../../slo/tests/it/golden");
    let (sloth, openslo) = (format!("{folder}/sloth.yaml"), format!("{folder}/openslo.yaml"));
    let good = mapwarden(&["check", &sloth, &openslo]).output().unwrap();
    assert!(good.status.success(), "{good:?}");
    assert_eq!(String::from_utf8_lossy(&good.stdout), "11 objectives in 2 files: 0 errors, 0 warnings\n");
    let bad = mapwarden(&["check", "--format", "json", &folder, &golden("mapwarden.yaml")]).output().unwrap();
    assert_eq!(bad.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&bad.stdout).unwrap();
    assert_eq!(report["files"], 5);
    let problems = report["problems"].as_array().unwrap();
    let file = format!("{folder}/sloth-problems.yaml");
    let found = problems.iter().find(|problem| problem["file"] == file && problem["line"] == 14).unwrap();
    assert_eq!(
        (&found["severity"], &found["column"], &found["message"]),
        (&"error".into(), &47.into(), &"`total_query` is not PromQL: unexpected `y)`".into())
    );
    assert!(problems.iter().any(|problem| problem["severity"] == "warning"));
}

#[test]
fn a_wrong_setting_is_named_with_its_flag_and_its_variable() {
    let output = mapwarden(&["--otlp-http", "4318"]).env("MAPWARDEN_ADMIN", "x").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    for name in ["--otlp-http (MAPWARDEN_OTLP_HTTP): `4318`", "--admin (MAPWARDEN_ADMIN): `x`"] {
        assert!(text(&output).contains(name), "{}", text(&output));
    }
    let output = mapwarden(&["--log", "a=b=c"]).output().unwrap();
    assert!(text(&output).contains("--log (MAPWARDEN_LOG): `a=b=c` is not a filter"), "{}", text(&output));
}

#[test]
fn a_taken_address_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flags in [
        ["--otlp-http", &address, "--admin", "127.0.0.1:0"],
        ["--otlp-http", "127.0.0.1:0", "--admin", &address],
    ] {
        let output = mapwarden(&flags).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output).contains(&address), "{}", text(&output));
        assert!(text(&output).contains("in use"), "{}", text(&output));
    }
}

/// Kills the process if a test leaves it running.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // The process has already ended in a test that passes.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn sigterm_stops_the_sidecar_in_order() {
    let flags = ["run", "--otlp-http", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let mut sidecar = Running(mapwarden(&flags).spawn().unwrap());
    let mut log = BufReader::new(sidecar.0.stderr.take().unwrap()).lines();
    let up = log.by_ref().map(Result::unwrap).find(|line| line.contains("the sidecar is up"));
    assert!(up.is_some_and(|line| line.contains("otlp_http=127.0.0.1:")));
    let kill = format!("kill -TERM {}", sidecar.0.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    assert!(log.map(Result::unwrap).any(|line| line.contains("stopping")));
    assert!(sidecar.0.wait().unwrap().success());
}
