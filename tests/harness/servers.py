"""The servers around a sidecar: Prometheus, VictoriaMetrics with vmalert, Alertmanager."""

import json
import subprocess
import time
from pathlib import Path

import requests

from harness.process import REPOSITORY, Process, free_port, wait_until_ok


def write_json(path: Path, content: dict) -> None:
    """Writes a configuration file. JSON is YAML."""
    path.write_text(json.dumps(content))


def prometheus_command(folder: Path, address: str, *options: str) -> list:
    """Returns the command of a Prometheus with its configuration and its storage in `folder`."""
    return ["prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address={address}", *options]


def write_blocks(folder: Path, lines, days: int | None = None) -> None:
    """Writes lines of OpenMetrics as blocks of the Prometheus in `folder`; `days` is the longest block."""
    text = folder / "samples.txt"
    with text.open("w") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.write("# EOF\n")
    longest = [f"--max-block-duration={24 * days}h"] if days else []
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", *longest, text, folder / "tsdb"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    text.unlink()


def type_line(metric: str) -> str:
    """Returns the line of OpenMetrics that declares the type of a metric."""
    return f"# TYPE {metric.removesuffix('_total')} {'counter' if metric.endswith('_total') else 'gauge'}"


class Server(Process):
    """A Prometheus-compatible server that scrapes one sidecar and the other targets each second, and evaluates the
    repository's alert rules and the given ones."""

    # The path that answers once the server is ready.
    READY: str

    # How many seconds after a scrape the server's queries return all of it.
    STALENESS: int

    def __init__(self, name: str, folder: Path, port: int | None):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.begin = time.time()
        super().__init__(name, self.command(folder), folder)
        wait_until_ok(self, name, self.url + self.READY)

    def command(self, folder: Path) -> list:
        raise NotImplementedError

    def ask(self, path: str, **parameters):
        """Returns the `data` of an answer; fails when the server reports an error."""
        answer = requests.post if path.startswith("query") else requests.get
        body = {"data" if path.startswith("query") else "params": parameters}
        got = answer(f"{self.url}/api/v1/{path}", timeout=30, **body).json()
        assert got["status"] == "success", f"{parameters}: {got['error']}"
        return got["data"]

    def values(self, expression: str) -> list[dict]:
        """Returns every series that the expression had since the start, with the values that are numbers."""
        found = self.ask("query_range", query=expression, start=self.begin, end=time.time(), step="1")
        for series in found["result"]:
            series["values"] = [value for value in series["values"] if value[1] != "NaN"]
        return [series for series in found["result"] if series["values"]]


def scrapes(target: str, others: tuple[str, ...]) -> dict:
    """Returns the scrape configuration, in the form that both servers read."""
    jobs = {"mapwarden": [target], **({"shop": list(others)} if others else {})}
    configs = [{"job_name": job, "static_configs": [{"targets": targets}]} for job, targets in jobs.items()]
    return {"global": {"scrape_interval": "1s"}, "scrape_configs": configs}


def rule_files(others: tuple[Path, ...]) -> list[str]:
    return [str(REPOSITORY / "alerts" / "*.yaml"), *map(str, others)]


class Prometheus(Server):
    """A Prometheus, which evaluates its rules itself."""

    READY = "/-/ready"
    STALENESS = 2

    def __init__(self, folder: Path, target: str, others: tuple[str, ...] = (), rules: tuple[Path, ...] = (),
                 port: int | None = None):
        configuration = {**scrapes(target, others), "rule_files": rule_files(rules)}
        configuration["global"]["evaluation_interval"] = "1s"
        write_json(folder / "prometheus.yaml", configuration)
        super().__init__("prometheus", folder, port)

    def command(self, folder: Path) -> list:
        return prometheus_command(folder, f"127.0.0.1:{self.port}")


class VictoriaMetrics(Server):
    """A VictoriaMetrics, with a vmalert that queries it and writes the results back."""

    READY = "/health"
    # The index caches what a selector found for ten seconds: until then, a new series is not found.
    STALENESS = 15

    def __init__(self, folder: Path, target: str, others: tuple[str, ...] = (), rules: tuple[Path, ...] = (),
                 port: int | None = None):
        write_json(folder / "victoria-metrics.yaml", scrapes(target, others))
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
    """An Alertmanager that notifies `receiver`, a URL, if there is one. `configuration` adds to its configuration file, or
    replaces parts of it."""

    def __init__(self, folder: Path, receiver: str | None = None, **configuration):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.configuration = folder / "alertmanager.yaml"
        webhook = {"webhook_configs": [{"url": receiver}]} if receiver else {}
        route = {"receiver": "test", "group_wait": "1s", "group_interval": "1s", **configuration.pop("route", {})}
        whole = {"route": route, "receivers": [{"name": "test", **webhook}], **configuration}
        write_json(self.configuration, whole)
        super().__init__("alertmanager", [
            "prometheus-alertmanager", f"--config.file={self.configuration}",
            f"--storage.path={folder}/alertmanager", f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ], folder)
        wait_until_ok(self, "Alertmanager", self.url + "/-/ready")

    def alerts(self) -> list[dict]:
        return requests.get(self.url + "/api/v2/alerts", timeout=10).json()

    def post(self, alerts: list[dict]) -> None:
        """Sends alerts, each given as its labels, as Prometheus does."""
        body = [{"labels": labels, "annotations": {}} for labels in alerts]
        requests.post(self.url + "/api/v2/alerts", json=body, timeout=10).raise_for_status()
