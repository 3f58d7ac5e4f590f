"""The two that race: the sidecar with a webhook, and Prometheus with Alertmanager and a webhook."""

import json
import subprocess
import time
from pathlib import Path

import requests

from process import Process, free_port
from services import Service

# Prometheus' own defaults are a minute; this is what operators who page set.
INTERVAL = "15s"
# Alertmanager's default.
GROUP_WAIT = "30s"

TARGET = 0.999
# The page tiers of the SRE workbook, chapter 5: long window, short window, factor.
TIERS = [("1h", "5m", 14.4), ("6h", "30m", 6)]


def configuration(services: list[Service], webhook: str) -> str:
    """The sidecar's: one objective a service, one sink."""
    slos = [{"name": "availability", "service": service.name, "target": TARGET,
             "events": {"total": {"metric": "requests"}, "bad": {"metric": "requests", "where": {"code": "5*"}}}}
            for service in services]
    return json.dumps({"slos": slos, "sinks": [{"webhook": {"name": "race", "url": webhook}}]})


def rules() -> dict:
    """Burn rates in the alerts themselves: no recording rule stands between a scrape and its alert."""
    def burns(window: str, factor: float) -> str:
        bad, all_ = (f"sum by (service) (rate(requests_total{which}[{window}]))" for which in ('{code="500"}', ""))
        return f"{bad} / {all_} > {factor} * {1 - TARGET:.6f}"

    alerts = [{"alert": f"Burn{long}", "expr": f"({burns(long, factor)}) and ({burns(short, factor)})"}
              for long, short, factor in TIERS]
    return {"groups": [{"name": "burn", "rules": alerts}]}


def start_alertmanager(folder: Path, webhook: str) -> Process:
    port = free_port()
    (folder / "alertmanager.yaml").write_text(json.dumps({
        "route": {"receiver": "race", "group_by": ["service"], "group_wait": GROUP_WAIT},
        "receivers": [{"name": "race", "webhook_configs": [{"url": webhook}]}]}))
    started = Process("alertmanager", [
        "prometheus-alertmanager", f"--config.file={folder}/alertmanager.yaml",
        f"--storage.path={folder}/alertmanager", f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address="], folder)
    started.address = f"127.0.0.1:{port}"
    started.wait_for("Alertmanager", lambda: requests.get(f"http://{started.address}/-/ready", timeout=5).ok or None)
    return started


def start_prometheus(folder: Path, target: str, alertmanager: str, history: list[str]) -> Process:
    """A Prometheus that already knows `history`, lines of OpenMetrics."""
    port = free_port()
    (folder / "history.txt").write_text("\n".join(["# TYPE requests counter", *history, "# EOF", ""]))
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "history.txt", folder / "tsdb"],
                   check=True, stdout=subprocess.DEVNULL)
    (folder / "rules.yaml").write_text(json.dumps(rules()))
    (folder / "prometheus.yaml").write_text(json.dumps({
        "global": {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL},
        "rule_files": [str(folder / "rules.yaml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        # The labels of a target would make other series of those that were backfilled.
        "scrape_configs": [{"job_name": "race", "static_configs": [{"targets": [target]}],
                            "metric_relabel_configs": [{"action": "labeldrop", "regex": "instance|job"}]}]}))
    started = Process("prometheus", [
        "prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}"], folder)
    started.wait_for("Prometheus", lambda: requests.get(f"http://127.0.0.1:{port}/-/ready", timeout=5).ok or None)
    return started
