"""A Prometheus or a VictoriaMetrics with a past: samples of any age, and what its rules would have recorded then."""

import json
import re
import tempfile
from pathlib import Path

import requests

from harness.process import Process, free_port, wait_until_ok
from harness.servers import prometheus_command, type_line, write_blocks

# How many points Prometheus answers in one range.
POINTS = 10_000

# How many samples VictoriaMetrics receives in one request. Its times are milliseconds: our seconds with three zeros appended.
LINES = 100_000

# The shortest period of a budget in the scenarios, in days.
PERIOD = 30


class Past:
    """A server that scrapes and evaluates nothing itself."""

    # Parameters of every query.
    ALWAYS: dict[str, str] = {}

    def __init__(self, folder: Path):
        self.folder = folder
        self.running: Process | None = None
        self.url = ""

    def add(self, samples: dict[str, list[str]]) -> None:
        """Adds lines of OpenMetrics by metric, oldest first."""
        raise NotImplementedError

    def start(self, name: str, command: list, ready: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.running = Process(name, [str(part).replace("ADDRESS", f"127.0.0.1:{port}") for part in command], self.folder)
        wait_until_ok(self.running, name, self.url + ready)

    def ask(self, path: str, **parameters) -> list[dict]:
        answer = requests.post(f"{self.url}/api/v1/{path}", data=self.ALWAYS | parameters, timeout=600).json()
        assert answer["status"] == "success", f"{parameters}: {answer['error']}"
        return answer["data"]["result"]

    def at(self, expression: str, when: float) -> float | None:
        """Returns the value of the only series of an expression at a moment, or None where there is no series."""
        found = self.ask("query", query=expression, time=when)
        assert len(found) <= 1, f"{expression}: {len(found)} series"
        return float(found[0]["value"][1]) if found else None

    def over(self, expression: str, begin: float, end: float, step: int) -> list[tuple[dict, list]]:
        """Returns every series of an expression with its (time, value) pairs."""
        found: dict[str, tuple[dict, list]] = {}
        while begin <= end:
            until = min(end, begin + step * POINTS)
            for series in self.ask("query_range", query=expression, start=begin, end=until, step=step):
                key = json.dumps(series["metric"], sort_keys=True)
                found.setdefault(key, (series["metric"], []))[1].extend(series["values"])
            begin = until + step
        return list(found.values())

    def end(self) -> None:
        if self.running:
            self.running.end()


class PrometheusPast(Past):
    """A Prometheus over blocks that promtool makes. It is restarted whenever samples are added."""

    def add(self, samples: dict[str, list[str]]) -> None:
        self.end()
        lines = (line for metric, lines in samples.items() for line in [type_line(metric), *lines])
        write_blocks(self.folder, lines, days=30)
        (self.folder / "prometheus.yaml").write_text("{}")
        command = prometheus_command(self.folder, "ADDRESS", "--storage.tsdb.retention.time=100y")
        self.start("prometheus", command, "/-/ready")


class VictoriaPast(Past):
    """A VictoriaMetrics, which accepts samples of any age while it runs, up to tomorrow. Its queries have a step, as vmalert's
    have: a plain selector looks back for one step."""

    ALWAYS = {"step": "5m", "nocache": "1"}

    def add(self, samples: dict[str, list[str]]) -> None:
        if self.running is None:
            self.start("victoria-metrics", [
                "victoria-metrics", f"-storageDataPath={self.folder}/victoria", "-httpListenAddr=ADDRESS",
                "-retentionPeriod=100y", "-search.latencyOffset=0s", "-search.maxPointsPerTimeseries=1000000",
                "-memory.allowedBytes=1GB"], "/health")
        for lines in samples.values():
            for first in range(0, len(lines), LINES):
                body = "\n".join(f"{line}000" for line in lines[first:first + LINES]) + "\n"
                answer = requests.post(f"{self.url}/api/v1/import/prometheus", data=body, timeout=600)
                answer.raise_for_status()
        requests.get(f"{self.url}/internal/force_flush", timeout=60).raise_for_status()


def levels(rules: list[dict]) -> list[list[dict]]:
    """Returns the recording rules in levels: each level reads only what earlier levels record."""
    left = [rule for rule in rules if "record" in rule]
    found = []
    while left:
        names = {rule["record"] for rule in left}
        ready = [rule for rule in left if not names & set(re.findall(r"[A-Za-z_:][\w:]*", rule["expr"]))]
        assert ready, f"rules that need each other: {names}"
        found.append(ready)
        left = [rule for rule in left if rule not in ready]
    return found


def days(duration: str) -> int:
    """Returns the whole days of a duration of PromQL."""
    lengths = {"w": 7, "d": 1}
    return sum(int(count) * lengths.get(unit, 0) for count, unit in re.findall(r"(\d+)([a-z]+)", duration))


def labelled(name: str, labels: dict) -> str:
    return f"{name}{{{','.join(f'{key}={json.dumps(value)}' for key, value in sorted(labels.items()))}}}"


def record(past: Past, rules: list[dict], span: tuple[float, float], moments: list[float], step: int) -> dict[str, list[str]]:
    """Returns the samples that the rules of one level record over `span`. Rules that look back over a whole period are
    evaluated at `moments` alone."""
    samples: dict[str, list[str]] = {}
    for rule in rules:
        if any(days(duration) >= PERIOD for duration in re.findall(r"\[(\w+)\]", rule["expr"])):
            ranges = [(moment, moment) for moment in moments]
        else:
            ranges = [span]
        for begin, end in ranges:
            for metric, values in past.over(rule["expr"], begin, end, step):
                metric = {key: value for key, value in metric.items() if key != "__name__"} | rule.get("labels", {})
                series = labelled(rule["record"], metric)
                samples.setdefault(rule["record"], []).extend(f"{series} {value} {when:.0f}" for when, value in values)
    return samples


def temporary() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="mapwarden-past-")
