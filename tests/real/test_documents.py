"""Every block of code and every `curl` of the documents is run, or is listed here with the reason why it is not.

`mapwarden` commands and `curl` run in a shell as they stand, in a folder with the SLO files that they name; only addresses and
the placeholders of the reader (`POD`, `{id}`) are replaced. Configuration is given to `mapwarden check`, promtool or amtool.
README's Rust is compiled by sdk/tests/it/readme.rs.
"""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import requests
import yaml

from harness.blocks import Block, blocks, inline_commands
from harness.process import REPOSITORY
from harness.sidecar import Sidecar
from real.shop import OBJECTIVES, Shop

DOCUMENTS = ["README.md", *sorted(
    str(path.relative_to(REPOSITORY))
    for pattern in ("docs/*.md", "alerts/*.md", "alerts/runbooks/*.md", "k8s/*.md") for path in REPOSITORY.glob(pattern))]

# Blocks that nothing here runs, each by a pattern that it contains, and why.
NOT_RUN = {
    r"map op / request scope -> record": "a picture of the pipeline",
    "cargo run --release -- demo": "test_demo.py runs the demo; `tests/run` runs this test",
    r"severity: page\nonset: ": "a notice of one run, shortened; test_demo.py checks the keys of a notice",
    r"mapwarden::Telemetry::builder\(\)": "Rust: sdk/tests/it/readme.rs compiles it",
    "cargo bench ": "a bench; `tests/run sdk` runs `instructions`",
    r"tests/(bench|cost|race|rules_cost)": "a bench of minutes",
    r"tests/fuzz|cargo \+nightly fuzz": "fuzzing needs a nightly toolchain",
    "key    entries   mix threads pin": "the output of a bench",
    "receiver       p50     p99    p999": "the output of a bench",
    r"corrected good = raw good - excluded good": "a formula",
    "slos/shop.yaml:14:47: error": "the output of `mapwarden check`; the golden files of mapwarden-slo hold such findings",
    r'"problems": \[\{"severity": "error"': "the output of `mapwarden check --format json`; a golden file holds it",
    "OTEL_SERVICE_NAME=orders": "the environment of a service",
    "kubectl logs POD": "needs a cluster",
    "kubectl -n NAMESPACE get pods": "needs a cluster",
    "kubectl create secret": "needs a cluster",
    "docker build -f k8s/Dockerfile": "needs Docker and a cluster",
    "mapwarden.io/sidecar: \"true\"": "Kubernetes: tests/manifests renders the overlay with this label and component",
    "thresholdMetric:          # with": "parts of an OpenSLO object; the golden files of mapwarden-slo hold whole ones",
}

# What `curl` must answer with, by the path's beginning; the first that fits.
CONTENT_TYPES = [
    (r"/api/v1/notices.*format=markdown", "text/markdown"),
    (r"/api/v1/notices.*format=yaml", "application/yaml"),
    (r"/metrics", "text/plain"),
    (r"/(readyz|livez)", "text/plain"),
    (r"/alerts/runbooks/", "text/markdown"),
    (r"/api/v1/", "application/json"),
]

# A folder of SLO files for the commands that read one.
SLOS = """
version: prometheus/v1
service: shop
slos:
  - name: availability
    objective: 99.9
    sli:
      events:
        total_query: sum(rate(requests_total[{{.window}}]))
        error_query: sum(rate(requests_total{code=~"5.."}[{{.window}}]))
    alerting: {name: ShopAvailability, page_alert: {}, ticket_alert: {}}
"""

ALL = [block for document in DOCUMENTS for block in [*blocks(document), *inline_commands(document)]]


def reason_not_to_run(block: Block) -> str | None:
    return next((reason for pattern, reason in NOT_RUN.items() if re.search(pattern, block.text)), None)


def has(block: Block, start: str) -> bool:
    """Whether a line of the block begins with a text."""
    return any(line.startswith(start) for line in block.text.splitlines())


def is_promql(line: str) -> bool:
    return re.match(r"(topk|sum|rate|increase|count)\b.*\(", line) is not None


def kind(block: Block) -> str:
    """Returns how a block is run. A block of a runbook may have a query above its `curl`."""
    if has(block, "curl "):
        return "curl"
    if has(block, "mapwarden "):
        return "commands"
    if is_promql(block.text):
        return "promql"
    if re.search(r"^(slos|sources|sinks|probes):", block.text, re.MULTILINE):
        return "configuration"
    if "inhibit_rules:" in block.text:
        return "alertmanager"
    if "external_labels:" in block.text:
        return "prometheus"
    return "unknown"


def cases(*kinds: str):
    """The blocks of some kinds that are run, as parameters of a test."""
    return [pytest.param(block, id=block.place) for block in ALL if reason_not_to_run(block) is None and kind(block) in kinds]


@pytest.fixture(scope="module")
def running(binary, tmp_path_factory):
    """A sidecar with an open notice and a map. The source that it queries does not exist."""
    folder = tmp_path_factory.mktemp("documents")
    source = {"sources": [{"name": "fleet", "url": "http://127.0.0.1:1"}]}
    (folder / "mapwarden.yaml").write_text(OBJECTIVES + yaml.safe_dump(source))
    sidecar = Sidecar(binary, folder, "--config", folder / "mapwarden.yaml")
    shop = Shop(sidecar.otlp)
    try:
        send_map(sidecar)
        for number in range(400):
            shop.request(f"user-{number}", status=503 if number % 2 else 200)
        shop.flush()
        sidecar.wait_for("a notice", lambda: sidecar.json("/api/v1/notices") or None)
        sidecar.wait_for("the map", lambda: sidecar.json("/api/v1/maps") or None)
        yield sidecar
    finally:
        shop.end()
        sidecar.end()


def send_map(sidecar) -> None:
    """Sends operations of a map named `sessions`, as the SDK does."""
    def attributes(**pairs: str) -> list[dict]:
        return [{"key": key.replace("_", "."), "value": {"stringValue": value}} for key, value in pairs.items()]

    begin = time.time() - 60
    for count, moment in enumerate((begin + 58, begin + 60), 1):
        point = {"asInt": str(count), "startTimeUnixNano": str(int(begin * 1e9)), "timeUnixNano": str(int(moment * 1e9)),
                 "attributes": attributes(mapwarden_map="sessions", mapwarden_op="get", mapwarden_outcome="hit")}
        metric = {"name": "mapwarden.map.operations",
                  "sum": {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": [point]}}
        body = {"resourceMetrics": [{"resource": {"attributes": attributes(service_name="shop")},
                                     "scopeMetrics": [{"metrics": [metric]}]}]}
        assert requests.post(sidecar.otlp + "/v1/metrics", json=body, timeout=10).ok


@pytest.fixture
def folder(binary, tmp_path) -> Path:
    """A folder with `slos/`, `mapwarden.yaml`, and `mapwarden` on the path of its shell."""
    (tmp_path / "slos").mkdir()
    (tmp_path / "slos" / "shop.yaml").write_text(SLOS)
    (tmp_path / "mapwarden.yaml").write_text("sources: [{name: default, url: 'http://127.0.0.1:1'}]\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "mapwarden").symlink_to(binary)
    return tmp_path


def shell(folder: Path, command: str, **environment: str) -> subprocess.CompletedProcess:
    variables = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", **environment}
    return subprocess.run(["bash", "-eo", "pipefail", "-c", command], cwd=folder, env=variables, capture_output=True,
                          text=True, timeout=60)


def commands(block: Block) -> list[str]:
    """Returns the commands of a block, with their continued lines, without comments and queries."""
    text = block.text.replace("\\\n", " ")
    found = [""]
    for line in text.splitlines():
        # A JSON body may span several lines: the quote is still open.
        if found[-1].count("'") % 2:
            found[-1] += "\n" + line
        else:
            found.append(line)
    return [command for command in found if command.strip() and not command.startswith("#") and not is_promql(command)]


def filled(command: str, sidecar) -> str:
    """Replaces the addresses of the documents and the placeholders of the reader."""
    command = re.sub(r"(http://)?(localhost|127\.0\.0\.1):9464", sidecar.admin, command)
    notice = sidecar.json("/api/v1/notices")[0]["id"]
    return command.replace("{id}", notice).replace("/maps/MAP", "/maps/sessions")


@pytest.mark.parametrize("block", cases("curl"))
def test_every_curl_is_answered_with_its_content_type(block, running, folder):
    for command in commands(block):
        if not command.startswith("curl "):
            assert reason_not_to_run(Block(block.document, block.line, "", command)), f"not run: {command}"
            continue
        command = filled(command, running)
        headers = folder / "headers"
        # A `grep` at the end may find nothing: 1.
        answer = shell(folder, command.replace("curl ", f"curl -s -D {headers} ", 1), SIDECAR=running.admin)
        assert answer.returncode in (0, 1), f"{command}\n{answer.stderr}"
        head = headers.read_text().lower()
        assert re.match(r"http/1.1 20[01]", head), f"{command}\n{head}{answer.stdout}"
        path = re.search(r"/(api|metrics|readyz|livez|alerts)\b[^\s\"']*", command)[0]
        expected = next(content for pattern, content in CONTENT_TYPES if re.match(pattern, path))
        assert f"content-type: {expected}" in head, f"{command}\n{head}"
        if "|" not in command and ">" not in command and expected == "application/json":
            json.loads(answer.stdout)


@pytest.mark.parametrize("block", cases("commands"))
def test_every_command_succeeds(block, folder, sidecar):
    for command in commands(block):
        if command.startswith("mapwarden run"):
            arguments = command.split("#")[0].split()[2:]
            sidecar("--config", folder / "mapwarden.yaml", *[
                str(folder / argument) if argument.endswith("/") else argument for argument in arguments])
            continue
        program = command.split()[0]
        assert program == "mapwarden" or shutil.which(program), f"{program} is not installed"
        done = shell(folder, command)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("block", cases("configuration"))
def test_every_configuration_passes_the_check(block, folder):
    (folder / "mapwarden.yaml").write_text(block.text)
    checked = shell(folder, "mapwarden check mapwarden.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("block", cases("promql", "curl"))
def test_every_query_is_valid(block, tmp_path):
    queries = [line for line in block.text.splitlines() if is_promql(line)]
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yaml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]} if rules else {"groups": []}))
    checked = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("block", cases("alertmanager"))
def test_every_alertmanager_configuration_is_valid(block, tmp_path):
    content = {"route": {}, **yaml.safe_load(block.text), "receivers": [{"name": "test"}]}
    content["route"]["receiver"] = "test"
    file = tmp_path / "alertmanager.yaml"
    file.write_text(json.dumps(content))
    checked = subprocess.run(["amtool", "check-config", file], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("block", cases("prometheus"))
def test_every_prometheus_configuration_is_valid(block, tmp_path):
    file = tmp_path / "prometheus.yaml"
    file.write_text(block.text)
    checked = subprocess.run(["promtool", "check", "config", file], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_no_block_is_forgotten():
    forgotten = [f"{block.place}:\n{block.text}" for block in ALL
                 if reason_not_to_run(block) is None and kind(block) == "unknown"]
    assert not forgotten, "blocks that are neither run nor listed in NOT_RUN:\n" + "\n".join(forgotten)


def test_no_reason_is_left_over():
    unused = [pattern for pattern in NOT_RUN if not any(re.search(pattern, block.text) for block in ALL)]
    assert not unused, f"NOT_RUN lists what no document contains: {unused}"
