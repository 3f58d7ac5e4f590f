"""Programs under test: started on free ports of this machine, waited for by what they answer, ended by their id."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests

REPOSITORY = Path(__file__).resolve().parents[2]

# How long anything here may take before a test gives up; nothing waits for it when all is well.
PATIENCE = 60.0


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def wait_for(what: str, ask, patience: float = PATIENCE):
    """The first answer of `ask` that is not None. A connection that is refused is no answer yet."""
    deadline = time.monotonic() + patience
    last = None
    while time.monotonic() < deadline:
        try:
            answer = ask()
            if answer is not None:
                return answer
        except requests.RequestException as error:
            last = error
        time.sleep(0.1)
    raise AssertionError(f"waited {patience:.0f} s for {what}" + (f"; last: {last}" if last else ""))


class Process:
    """A program with its output in files of `folder`."""

    def __init__(self, name: str, command: list, folder: Path, environment: dict | None = None):
        self.name = name
        self.output = folder / f"{name}.out"
        self.errors = folder / f"{name}.err"
        environment = {**os.environ, "RUST_BACKTRACE": "1", **(environment or {})}
        with self.output.open("ab") as output, self.errors.open("ab") as errors:
            self.child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment, cwd=folder,
            )

    def text(self) -> str:
        """Everything that it said, standard output first."""
        return self.output.read_text(errors="replace") + self.errors.read_text(errors="replace")

    def wait_for(self, what: str, ask, patience: float = PATIENCE):
        """Waits as `wait_for`, and gives up at once when the program has ended."""

        def alive():
            if self.child.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.child.returncode}:\n{self.text()[-4000:]}")
            return ask()

        try:
            return wait_for(what, alive, patience)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.name} said:\n{self.text()[-4000:]}") from None

    def end(self) -> int:
        """Asks it to stop, and returns its exit code."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
        return self.child.wait(20)

    def kill(self) -> None:
        """SIGKILL: it gets no chance to save anything."""
        self.child.kill()
        self.child.wait(20)


class Sidecar(Process):
    """`mapwarden run` or `mapwarden demo`."""

    def __init__(self, binary: Path, folder: Path, *arguments, command: str = "run", name: str | None = None,
                 ports: tuple[int, int] | None = None, environment: dict | None = None):
        self.ports = ports or (free_port(), free_port())
        otlp, admin = self.ports
        self.otlp = f"http://127.0.0.1:{otlp}"
        self.admin = f"http://127.0.0.1:{admin}"
        addresses = ["--otlp-http", f"127.0.0.1:{otlp}", "--admin", f"127.0.0.1:{admin}"]
        super().__init__(name or command, [binary, command, *addresses, *arguments], folder, environment)
        self.wait_for("/readyz", lambda: self.get("/readyz").ok or None)

    def get(self, path: str) -> requests.Response:
        return requests.get(self.admin + path, timeout=10)

    def json(self, path: str):
        answer = self.get(path)
        answer.raise_for_status()
        return answer.json()

    def slo(self, identifier: str) -> dict | None:
        return next((slo for slo in self.json("/api/v1/slos") if slo["id"] == identifier), None)

    def sample(self, name: str, **labels: str) -> float | None:
        """The value of one series of /metrics; its labels in any order, further ones do not matter."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        for line in self.get("/metrics").text.splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == name and all(label in series for label in wanted):
                return float(value)
        return None


class Server(Process):
    """A Prometheus-compatible server that scrapes one sidecar, and what other targets there are, each second and has the
    repository's alert rules evaluated, and others."""

    # Its path that answers once it is ready.
    READY: str

    # How many seconds after a scrape its queries show all of it.
    STALENESS: int

    def __init__(self, name: str, folder: Path, port: int | None):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.begin = time.time()
        super().__init__(name, self.command(folder), folder)
        self.wait_for(name, lambda: requests.get(self.url + self.READY, timeout=5).ok or None)

    def command(self, folder: Path) -> list:
        raise NotImplementedError

    def ask(self, path: str, **parameters):
        """The `data` of an answer; an error in the query is an error here."""
        answer = requests.post if path.startswith("query") else requests.get
        body = {"data" if path.startswith("query") else "params": parameters}
        got = answer(f"{self.url}/api/v1/{path}", timeout=30, **body).json()
        assert got["status"] == "success", f"{parameters}: {got['error']}"
        return got["data"]

    def values(self, expression: str) -> list[dict]:
        """Every series that the expression had since the start, with the values that are numbers."""
        found = self.ask("query_range", query=expression, start=self.begin, end=time.time(), step="1")
        for series in found["result"]:
            series["values"] = [value for value in series["values"] if value[1] != "NaN"]
        return [series for series in found["result"] if series["values"]]


def scrapes(target: str, others: tuple[str, ...]) -> dict:
    """The configuration of the scrapes, in the form that both servers read."""
    jobs = {"mapwarden": [target], **({"shop": list(others)} if others else {})}
    configs = [{"job_name": job, "static_configs": [{"targets": targets}]} for job, targets in jobs.items()]
    return {"global": {"scrape_interval": "1s"}, "scrape_configs": configs}


def rule_files(others: tuple[Path, ...]) -> list[str]:
    return [str(REPOSITORY / "alerts" / "*.yaml"), *map(str, others)]


class Prometheus(Server):
    """It evaluates its rules itself."""

    READY = "/-/ready"
    STALENESS = 2

    def __init__(self, folder: Path, target: str, others: tuple[str, ...] = (), rules: tuple[Path, ...] = (),
                 port: int | None = None):
        configuration = {**scrapes(target, others), "rule_files": rule_files(rules)}
        configuration["global"]["evaluation_interval"] = "1s"
        (folder / "prometheus.yaml").write_text(json.dumps(configuration))  # JSON is YAML
        super().__init__("prometheus", folder, port)

    def command(self, folder: Path) -> list:
        return ["prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/tsdb",
                f"--web.listen-address=127.0.0.1:{self.port}"]


class VictoriaMetrics(Server):
    """With a vmalert, which asks it and writes into it."""

    READY = "/health"
    # Its index forgets what it found for a selector every ten seconds: until then, a new series is not found.
    STALENESS = 15

    def __init__(self, folder: Path, target: str, others: tuple[str, ...] = (), rules: tuple[Path, ...] = (),
                 port: int | None = None):
        (folder / "victoria-metrics.yaml").write_text(json.dumps(scrapes(target, others)))  # JSON is YAML
        super().__init__("victoria-metrics", folder, port)
        self.vmalert = Process("vmalert", [
            "vmalert", *[f"-rule={files}" for files in rule_files(rules)], "-evaluationInterval=1s",
            f"-datasource.url={self.url}", f"-remoteWrite.url={self.url}", "-remoteWrite.flushInterval=100ms",
            f"-remoteRead.url={self.url}", "-notifier.url=http://127.0.0.1:1", f"-httpListenAddr=127.0.0.1:{free_port()}",
        ], folder)

    def command(self, folder: Path) -> list:
        return ["victoria-metrics", f"-promscrape.config={folder}/victoria-metrics.yaml", f"-storageDataPath={folder}/victoria",
                f"-httpListenAddr=127.0.0.1:{self.port}", "-search.latencyOffset=0s"]

    def end(self) -> int:
        self.vmalert.end()
        return super().end()


class Alertmanager(Process):
    """An Alertmanager that keeps what it is sent and tells `receiver`, a URL, if there is one, at once; with what else its
    configuration has."""

    def __init__(self, folder: Path, receiver: str | None = None, **configuration):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.configuration = folder / "alertmanager.yaml"
        told = {"webhook_configs": [{"url": receiver}]} if receiver else {}
        route = {"receiver": "test", "group_wait": "1s", "group_interval": "1s", **configuration.pop("route", {})}
        whole = {"route": route, "receivers": [{"name": "test", **told}], **configuration}
        self.configuration.write_text(json.dumps(whole))  # JSON is YAML
        super().__init__("alertmanager", [
            "prometheus-alertmanager", f"--config.file={self.configuration}",
            f"--storage.path={folder}/alertmanager", f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ], folder)
        self.wait_for("Alertmanager", lambda: requests.get(self.url + "/-/ready", timeout=5).ok or None)

    def alerts(self) -> list[dict]:
        return requests.get(self.url + "/api/v2/alerts", timeout=10).json()

    def post(self, alerts: list[dict]) -> None:
        """Sends alerts, each as its labels, as Prometheus does."""
        body = [{"labels": labels, "annotations": {}} for labels in alerts]
        requests.post(self.url + "/api/v2/alerts", json=body, timeout=10).raise_for_status()


class Listener:
    """An HTTP server on a free port of this machine. A GET is answered with the text that `page` makes; a POST is kept as
    (when it came, the JSON that it brought)."""

    def __init__(self, page=lambda: ""):
        self.kept: list[tuple[float, dict]] = []
        kept = self.kept

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = page().encode()
                self.send_response(200)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                now = time.time()
                kept.append((now, json.loads(self.rfile.read(int(self.headers["content-length"])))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.address}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self) -> None:
        self.server.shutdown()
        self.server.server_close()
