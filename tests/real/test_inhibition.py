"""The inhibition rules that the documents advise, in a real Alertmanager, over the labels of our alerts: a page silences the
tickets of the same objective, and nothing else."""

import subprocess
from pathlib import Path

import pytest
import yaml

from harness.blocks import blocks
from harness.listener import Listener
from harness.process import REPOSITORY
from harness.servers import Alertmanager


def advised(document: str) -> dict:
    """Returns the block of a document that holds `inhibit_rules`."""
    [found] = [yaml.safe_load(block.text) for block in blocks(document) if "inhibit_rules:" in block.text]
    return found


@pytest.fixture
def alertmanager(tmp_path):
    """Starts an Alertmanager with the configuration that a document advises, and a listener for its notifications."""
    running = []

    def start(document: str) -> tuple[Alertmanager, Listener]:
        listener = Listener()
        running.append(listener)
        running.append(Alertmanager(tmp_path, listener.url, **advised(document)))
        return running[1], listener

    yield start
    for started in reversed(running):
        started.end()


def written(binary: Path, folder: Path) -> dict[tuple[str, str], dict]:
    """Returns the labels of the alerts that are written for two objectives, by (objective, kind of alert)."""
    subprocess.run([binary, "rules", "--out", folder, REPOSITORY / "tests/objectives/requests.yaml"], check=True, timeout=60)
    alerts = {}
    for name in ["availability", "probes"]:
        identity = {"sloth_id": f"orders-{name}", "sloth_service": "orders", "sloth_slo": name}
        for group in yaml.safe_load((folder / f"orders-{name}.yaml").read_text())["groups"]:
            for rule in (rule for rule in group["rules"] if "alert" in rule):
                kind = "no data" if rule["alert"].endswith("NoData") else rule["labels"]["sloth_severity"]
                alerts[name, kind] = {"alertname": rule["alert"], **identity, **rule["labels"]}
    assert len(alerts) == 6
    return alerts


def ours() -> dict[tuple[str, str], dict]:
    """Returns the labels of the repository's own alerts for two objectives."""
    rules = yaml.safe_load((REPOSITORY / "alerts/slo.yaml").read_text())["groups"]
    by_name = {rule["alert"]: rule["labels"] for group in rules for rule in group["rules"] if "alert" in rule}
    names = {"page": "MapwardenErrorBudgetBurnPage", "ticket": "MapwardenErrorBudgetBurnTicket", "no data": "MapwardenTelemetryCoverageLow"}
    return {
        (slo, kind): {"alertname": name, "service": "shop", "slo": slo, "namespace": "shop", **by_name[name]}
        for slo in ["availability", "probes"] for kind, name in names.items()
    }


def assert_inhibited(alertmanager: Alertmanager, listener: Listener, alerts: dict[tuple[str, str], dict]):
    checked = subprocess.run(["amtool", "check-config", alertmanager.configuration], capture_output=True, text=True)
    assert checked.returncode == 0 and "1 inhibit rules" in checked.stdout, checked.stdout + checked.stderr
    sent = [labels for name, labels in alerts.items() if name != ("probes", "page")]
    # Alertmanager applies an inhibition once it has the page: here the page arrives together with the ticket.
    alertmanager.post(sent)

    def states():
        found = {tuple(sorted(alert["labels"].items())): alert for alert in alertmanager.alerts()}
        known = {name: found.get(tuple(sorted(labels.items()))) for name, labels in alerts.items()}
        shown = {name: alert["status"]["state"] for name, alert in known.items() if alert}
        return shown if len(shown) == len(sent) and "unprocessed" not in shown.values() else None

    active = alertmanager.wait_for("the alerts", states)
    assert active == {
        ("availability", "page"): "active",
        ("availability", "ticket"): "suppressed",
        ("availability", "no data"): "active",
        ("probes", "ticket"): "active",
        ("probes", "no data"): "active",
    }
    ticket = alerts["availability", "ticket"]
    [held] = [alert for alert in alertmanager.alerts() if alert["labels"] == ticket]
    [by] = held["status"]["inhibitedBy"]
    [page] = [alert for alert in alertmanager.alerts() if alert["fingerprint"] == by]
    assert page["labels"] == alerts["availability", "page"]

    def notified():
        return [alert["labels"] for _, body in list(listener.kept) for alert in body["alerts"]]

    everything = [labels for labels in sent if labels != ticket]
    alertmanager.wait_for("the notifications", lambda: all(labels in notified() for labels in everything) or None)
    assert ticket not in notified()


def test_a_page_of_written_rules_silences_its_ticket(alertmanager, binary, tmp_path):
    started, listener = alertmanager("docs/rules.md")
    assert_inhibited(started, listener, written(binary, tmp_path / "rules"))


def test_a_page_of_the_shipped_alerts_silences_its_ticket(alertmanager):
    started, listener = alertmanager("alerts/README.md")
    assert_inhibited(started, listener, ours())


def test_the_page_of_one_namespace_leaves_the_tickets_of_others(alertmanager, binary, tmp_path):
    started, _ = alertmanager("docs/rules.md")
    alerts = written(binary, tmp_path / "rules")
    page = {**alerts["availability", "page"], "namespace": "shop-eu"}
    ticket = {**alerts["availability", "ticket"], "namespace": "shop-us"}
    started.post([page, ticket])

    def states():
        found = [alert["status"]["state"] for alert in started.alerts()]
        return found if len(found) == 2 and "unprocessed" not in found else None

    assert started.wait_for("the alerts", states) == ["active"] * 2
