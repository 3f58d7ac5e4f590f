"""The two that race: the sidecar with a webhook, and Prometheus with Alertmanager and a webhook."""

import json
from pathlib import Path

from harness.process import Process, free_port, wait_until_ok
from harness.servers import Alertmanager, prometheus_command, write_blocks, write_json
from harness.workbook import TIERS

from .services import Service

# Prometheus' defaults are one minute; operators who page on its alerts set this.
INTERVAL = "15s"
# Alertmanager's default.
GROUP_WAIT = "30s"

TARGET = 0.999


def configuration(services: list[Service], webhook: str) -> str:
    """Returns the sidecar's configuration: one objective per service, one sink."""
    slos = [{"name": "availability", "service": service.name, "target": TARGET,
             "events": {"total": {"metric": "requests"}, "bad": {"metric": "requests", "where": {"code": "5*"}}}}
            for service in services]
    return json.dumps({"slos": slos, "sinks": [{"webhook": {"name": "race", "url": webhook}}]})


def rules() -> dict:
    """Returns alerts that compute burn rates themselves: no recording rule delays a scrape on its way to the alert."""
    def burns(window: str, factor: float) -> str:
        bad, all_ = (f"sum by (service) (rate(requests_total{which}[{window}]))" for which in ('{code="500"}', ""))
        return f"{bad} / {all_} > {factor} * {1 - TARGET:.6f}"

    alerts = [{"alert": f"Burn{long}", "expr": f"({burns(long, factor)}) and ({burns(short, factor)})"}
              for long, short, factor in TIERS["page"]]
    return {"groups": [{"name": "burn", "rules": alerts}]}


def start_alertmanager(folder: Path, webhook: str) -> Alertmanager:
    # Alertmanager's default intervals.
    return Alertmanager(folder, webhook, route={"group_by": ["service"], "group_wait": GROUP_WAIT, "group_interval": "5m"})


def start_prometheus(folder: Path, target: str, alertmanager: str, history: list[str]) -> Process:
    """Starts a Prometheus that already knows `history`, lines of OpenMetrics."""
    port = free_port()
    write_blocks(folder, ["# TYPE requests counter", *history])
    write_json(folder / "rules.yaml", rules())
    write_json(folder / "prometheus.yaml", {
        "global": {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL},
        "rule_files": [str(folder / "rules.yaml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        # The labels of a target would make other series of those that were backfilled.
        "scrape_configs": [{"job_name": "race", "static_configs": [{"targets": [target]}],
                            "metric_relabel_configs": [{"action": "labeldrop", "regex": "instance|job"}]}]})
    started = Process("prometheus", prometheus_command(folder, f"127.0.0.1:{port}"), folder)
    wait_until_ok(started, "Prometheus", f"http://127.0.0.1:{port}/-/ready")
    return started
