"""What a Prometheus pays for the rules of 100 objectives: ours, and rules in Sloth's style over the same counters.

    tests/bench rules_cost --objectives 20     8 minutes; `--write` fills docs/rules.md

Each kind of rules gets a Prometheus of its own, with the past that the rules read: three days of raw counters, scraped every 30
seconds, and 30 days of what the rules recorded once a minute. It continues to scrape and evaluates the rules for some minutes.
Series and samples are counted by Prometheus itself; they differ by less than a hundredth from run to run. Times depend on the
machine.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests
import yaml

from harness import options
from harness.listener import Listener
from harness.process import Process, free_port, wait_until_ok
from harness.servers import prometheus_command, type_line, write_blocks, write_json

from . import sloth
from .objectives import Objective, file

# Seconds between two scrapes, and between two samples of a recorded series.
SCRAPE, RECORD = 30, 60

# How far back raw counters and recorded series reach, in seconds: as far as the longest windows of both kinds read.
RAW, RECORDED = 3 * 86_400 + 3_600, 30 * 86_400

CODES = ["200", "500"]


def ours(binary: Path, objectives: list[Objective], folder: Path) -> list[dict]:
    """Returns the groups of our rules."""
    documents = folder / "objectives.yaml"
    documents.write_text(yaml.safe_dump_all(file(objectives)))
    subprocess.run([binary, "rules", "--out", folder / "written", documents], check=True, stdout=subprocess.DEVNULL)
    files = sorted((folder / "written").glob("*.yaml"))
    return [group for path in files for group in yaml.safe_load(path.read_text())["groups"]]


def recorded(objectives: list[Objective], names: dict[str, float], **labels: str):
    """Yields series that rules recorded: name, labels, and the value as a function of the sample's index."""
    for objective in objectives:
        identity = {"sloth_id": objective.id, "sloth_service": objective.service, "sloth_slo": objective.name, **labels}
        for name, value in names.items():
            yield name, identity, lambda index, value=value: value


def raw(jobs: list[str], pods: int):
    """Yields the counters of all pods, in the same form."""
    for job in jobs:
        for pod in range(pods):
            for number, code in enumerate(CODES):
                step = 1_000 if number == 0 else 1
                labels = {"job": job, "instance": f"pod-{pod}", "code": code}
                yield "http_requests_total", labels, lambda index, step=step: index * step


def backfill(folder: Path, pasts, now: int) -> None:
    """Writes blocks of samples until now. Each past is its series, how far it reaches back, and the seconds between samples.
    All go into one call, because blocks that overlap are compacted while rules are timed."""
    def lines():
        for series, span, step in pasts:
            by_name: dict[str, list] = {}
            for name, labels, value in series:
                by_name.setdefault(name, []).append((labels, value))
            for name, each in by_name.items():
                yield type_line(name)
                for labels, value in each:
                    selector = name + "{" + ",".join(f'{label}="{content}"' for label, content in labels.items()) + "}"
                    for index, when in enumerate(range(now - span, now, step)):
                        yield f"{selector} {value(index)} {when}"

    write_blocks(folder, lines(), days=30)


class Evaluating(Process):
    """A Prometheus that scrapes all pods and evaluates rules over the past in its folder."""

    def __init__(self, folder: Path, groups: list[dict], jobs: list[str], pods: int, address: str):
        write_json(folder / "rules.yaml", {"groups": groups})
        targets = [{"targets": [address], "labels": {"instance": f"pod-{pod}"}} for pod in range(pods)]
        configuration = {
            "global": {"scrape_interval": f"{SCRAPE}s", "evaluation_interval": "1m"},
            "rule_files": [str(folder / "rules.yaml")],
            "scrape_configs": [{"job_name": job, "static_configs": targets} for job in jobs],
        }
        own = free_port()
        configuration["scrape_configs"].append({"job_name": "itself", "static_configs": [{"targets": [f"127.0.0.1:{own}"]}]})
        write_json(folder / "prometheus.yaml", configuration)
        self.url = f"http://127.0.0.1:{own}"
        command = prometheus_command(folder, f"127.0.0.1:{own}", "--storage.tsdb.retention.time=100y")
        super().__init__("prometheus", command, folder)
        wait_until_ok(self, "Prometheus", self.url + "/-/ready")

    def ask(self, query: str, **parameters) -> dict:
        body = {"query": query, **parameters}
        answer = requests.post(f"{self.url}/api/v1/query", data=body, timeout=120).json()
        assert answer["status"] == "success", f"{query}: {answer['error']}"
        return answer["data"]

    def own_metrics(self, name: str) -> dict[str, float]:
        """Returns the samples of its own /metrics that begin with `name`, by series."""
        text = requests.get(self.url + "/metrics", timeout=120).text
        lines = (line.rpartition(" ") for line in text.splitlines() if line.startswith(name))
        return {series: float(value) for series, _, value in lines}

    def durations(self) -> dict[str, float]:
        """Returns how long the last evaluation of each group took, in seconds, by group."""
        durations = self.own_metrics("prometheus_rule_group_last_duration_seconds{")
        return {series.partition(";")[2].partition('"')[0]: value for series, value in durations.items()}

    def cpu(self) -> float:
        """Returns the seconds of CPU time that it has used."""
        return self.own_metrics("process_cpu_seconds_total")["process_cpu_seconds_total"]


def per_minute(groups: list[dict], of_group) -> float:
    """Returns the sum of a figure over groups, each weighted by its evaluations in a minute."""
    return sum(of_group(group) / {"1m": 1, "2m": 2}[group["interval"]] for group in groups)


def measure(folder: Path, groups: list[dict], jobs: list[str], chosen: argparse.Namespace) -> dict:
    target = Listener(lambda: "".join(f'http_requests_total{{code="{code}"}} {time.time():.0f}\n' for code in CODES))
    prometheus = Evaluating(folder, groups, jobs, chosen.pods, target.address)
    try:
        prometheus.wait_for("every group's evaluation", lambda: all(prometheus.durations().values()) or None, 600)
        took, cpu = [], prometheus.cpu()
        for _ in range(chosen.minutes):
            time.sleep(60)
            took.append(prometheus.durations())
        cpu = (prometheus.cpu() - cpu) / chosen.minutes
        seconds = {name: statistics.median(each[name] for each in took) for name in took[0]}
        series = prometheus.ask('count({sloth_id!="",__name__!~"ALERTS.*"})')["result"]

        def read(group: dict) -> int:
            asked = (prometheus.ask(rule["expr"], stats="all")["stats"] for rule in group["rules"])
            return sum(each["samples"]["totalQueryableSamples"] for each in asked)

        # All objectives have the same queries: a tenth of them is enough to know what all read.
        few = [group for group in groups if group["name"].endswith("0")]
        share = len(groups) / len(few)
        return {
            "rules": sum(len(group["rules"]) for group in groups),
            "series": int(series[0]["value"][1]),
            "written": per_minute(groups, lambda group: sum("record" in rule for rule in group["rules"])),
            "read": share * per_minute(few, read),
            "cpu": cpu,
            "seconds": per_minute(groups, lambda group: seconds[group["name"]]),
        }
    finally:
        prometheus.end()
        target.end()


def table(got: dict[str, dict], chosen: argparse.Namespace) -> str:
    names = list(got)
    rows = [
        ("rules", "rules", "{:,.0f}"), ("series written", "series", "{:,.0f}"),
        ("samples written a minute", "written", "{:,.0f}"), ("samples read a minute", "read", "{:,.0f}"),
        ("time of evaluation a minute", "seconds", "{:.2f} s"), ("CPU time of Prometheus a minute", "cpu", "{:.2f} s"),
    ]
    counters = chosen.pods * len(CODES)
    lines = [f"{chosen.objectives} objectives, each over {counters} counters that are scraped every {SCRAPE} s, with 30 days "
             "of past:", "",
             f"| | {' | '.join(names)} |", f"|---|{'--:|' * len(names)}"]
    lines += [f"| {what} | {' | '.join(form.format(got[name][key]) for name in names)} |" for what, key, form in rows]
    return "\n".join(lines)


def main() -> None:
    parser = options.parser(__doc__, "docs/rules.md")
    parser.add_argument("--objectives", type=int, default=100)
    parser.add_argument("--pods", type=int, default=10, help="of each service; each has two counters")
    parser.add_argument("--minutes", type=int, default=5, help="for which evaluations are timed")
    chosen = parser.parse_args()
    objectives = [Objective(number) for number in range(chosen.objectives)]
    jobs = sorted({objective.job for objective in objectives})
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        kinds = {
            "ours": (ours(chosen.binary, objectives, folder),
                     {"mapwarden:sli_total:increase1m": 6_000, "mapwarden:sli_bad:increase1m": 6}, {}),
            "in Sloth's style": ([group for objective in objectives for group in sloth.groups(objective)],
                                 {"slo:sli_error:ratio_rate5m": 0.001}, {"sloth_window": "5m"}),
        }
        got = {}
        for number, (kind, (groups, names, labels)) in enumerate(kinds.items()):
            own = folder / str(number)
            own.mkdir()
            counters = raw(jobs, chosen.pods), RAW, SCRAPE
            now = int(time.time())
            backfill(own, [counters, (recorded(objectives, names, **labels), RECORDED, RECORD)], now)
            got[kind] = measure(own, groups, jobs, chosen)
            print(kind, got[kind], file=sys.stderr, flush=True)
            shutil.rmtree(own)
    options.publish(chosen, "cost of rules", table(got, chosen))


if __name__ == "__main__":
    main()
