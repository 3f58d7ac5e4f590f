"""Bad input gets a clear message that names the problem and what is accepted; never a 500."""

import socket
import subprocess

import pytest
import requests

from harness.process import free_port


def rejected(binary, folder, *arguments) -> str:
    """Returns the message of a start that must fail."""
    ran = subprocess.run(
        [binary, *map(str, arguments)], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert ran.returncode != 0, f"it ended with success: {ran.stdout}{ran.stderr}"
    message = ran.stdout + ran.stderr
    assert "panicked" not in message, message
    return message


def addresses() -> list[str]:
    return ["--otlp-http", f"127.0.0.1:{free_port()}", "--admin", f"127.0.0.1:{free_port()}"]


def test_a_data_directory_that_cannot_be_written(binary, tmp_path):
    # The tests may run as root, who can write into any folder, but not into a file where the folder should be.
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "data"
    message = rejected(binary, tmp_path, "run", *addresses(), "--data-dir", folder)
    assert str(folder) in message
    assert "data-dir" in message


@pytest.mark.parametrize("command", ["run", "demo"])
@pytest.mark.parametrize("flag", ["--admin", "--otlp-http"])
def test_a_port_in_use(binary, tmp_path, command, flag):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        used = f"127.0.0.1:{holder.getsockname()[1]}"
        other = "--otlp-http" if flag == "--admin" else "--admin"
        message = rejected(binary, tmp_path, command, flag, used, other, f"127.0.0.1:{free_port()}")
    assert used in message


def test_a_bad_configuration_shows_every_problem_with_its_line(binary, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(
        "slos:\n"
        "  - name: checkout\n"
        "    service: shop\n"
        "    target: 1.2\n"
        "    events:\n"
        "      total: {metric: requests}\n"
        "      bad: {metric: requests, where: {status: '5*'}}\n"
        "colour: green\n"
        "sinks:\n"
        "  - webhook: {url: nowhere}\n"
    )
    for arguments in (["run", *addresses(), "--config", path], ["check", path]):
        message = rejected(binary, tmp_path, *arguments)
        for line, word in ((4, "1.2"), (8, "colour"), (10, "nowhere")):
            assert any(f"bad.yaml:{line}" in shown and word in shown for shown in message.splitlines()), \
                f"line {line}, {word}: {message}"


def test_a_missing_configuration(binary, tmp_path):
    assert "nowhere.yaml" in rejected(binary, tmp_path, "run", *addresses(), "--config", tmp_path / "nowhere.yaml")


def test_bad_requests_are_rejected_with_a_reason_and_counted(sidecar):
    running = sidecar()
    deploys = running.admin + "/api/v1/deploys"
    no_sha = requests.post(deploys, json={"service": "shop", "version": "2", "kind": "deploy"}, timeout=10)
    assert 400 <= no_sha.status_code < 500
    assert no_sha.headers["content-type"].startswith("application/problem+json")
    assert "sha" in no_sha.text
    odd_kind = {"service": "shop", "version": "2", "sha": "a3f9c1d", "kind": "party"}
    answer = requests.post(deploys, json=odd_kind, timeout=10)
    assert 400 <= answer.status_code < 500
    assert all(kind in answer.text for kind in ("deploy", "config", "flag")), answer.text
    assert running.json("/api/v1/deploys") == []

    protobuf = {"content-type": "application/x-protobuf"}
    for path in ("/v1/metrics", "/v1/traces", "/v1/logs"):
        url = running.otlp + path
        assert requests.post(url, b"\xff\xff\xff", headers=protobuf, timeout=10).status_code == 400
        assert requests.post(url, "{}", headers={"content-type": "text/plain"}, timeout=10).status_code == 415
        assert requests.get(url, timeout=10).status_code == 405
        signal = path.removeprefix("/v1/")
        running.wait_for("the rejection to be counted", lambda signal=signal: running.sample(
            "mapwarden_otlp_requests_total", signal=signal, code="400") or None)
    assert running.get("/api/v1/slos/nobody/nothing").status_code == 404
    assert running.get("/readyz").ok


def test_a_body_over_the_limit_is_rejected(sidecar, tmp_path):
    configuration = tmp_path / "small.yaml"
    configuration.write_text("max_body: 4096\n")
    running = sidecar("--config", configuration)
    headers = {"content-type": "application/json"}
    big = '{"resourceMetrics": [], "padding": "' + "x" * 10_000 + '"}'
    assert requests.post(running.otlp + "/v1/metrics", big, headers=headers, timeout=10).status_code == 413
    small = requests.post(running.otlp + "/v1/metrics", '{"resourceMetrics": []}', headers=headers, timeout=10)
    assert small.status_code == 200
