"""The demo, observed by a Prometheus with our rules and dashboards, an Alertmanager and a webhook."""

import re
import subprocess

import pytest

from harness.listener import Listener
from harness.process import REPOSITORY, wait_for
from harness.servers import Alertmanager, Prometheus
from harness.sidecar import Sidecar
from real.dashboards import all_dashboards, expressions, label_values, of_sidecars, variables

# How many seconds the demo has to show its fault, and as many to resolve it.
FAULT_WITHIN = 120.0

# The keys of the notice in the design, by part.
KEYS = {
    "id", "slo", "state", "severity", "onset", "onset_uncertainty", "budget", "slis", "recent_changes", "impact",
    "dependencies", "map", "hypotheses", "coverage",
}
BUDGET = {"remaining", "spent_by_this", "exhausted_in"}
RATIO_SLI = {"name", "baseline", "current", "delta", "good", "total", "confidence"}
LATENCY_SLI = {"name", "baseline", "current", "delta"}
CHANGE = {"sha", "version", "at", "before_onset", "source", "suspicion", "why"}
IMPACT = {"affected_users", "interval", "share_of_active", "regions", "latency"}
DEPENDENCY = {"name", "health", "error_ratio", "p99", "checked"}
MAP = {"name", "hot_key_share", "entries", "conflicts"}
HYPOTHESIS = {"pattern", "score", "supports", "would_refute"}


class Scene:
    """All programs of the scene, and the notice as it was when it opened."""

    def __init__(self, binary, folder):
        self.webhook = Listener()
        self.alertmanager = Alertmanager(folder)
        self.demo = Sidecar(
            binary, folder, "--data-dir", folder / "data", "--webhook", self.webhook.url,
            "--alertmanager", self.alertmanager.url, command="demo",
        )
        self.prometheus = Prometheus(folder, self.demo.admin.removeprefix("http://"))
        self.opened = self.demo.wait_for("a notice", self.first_notice, FAULT_WITHIN)

    def first_notice(self):
        notices = self.demo.json("/api/v1/notices")
        return notices[-1] if notices else None

    def end(self):
        for part in (self.prometheus, self.demo, self.alertmanager, self.webhook):
            part.end()


@pytest.fixture(scope="module")
def scene(binary, tmp_path_factory):
    scene = Scene(binary, tmp_path_factory.mktemp("demo"))
    yield scene
    scene.end()


def keys_of(part, expected):
    """A part has these keys, or `missing` with the reason."""
    if set(part) != {"missing"}:
        assert expected <= set(part), f"without {expected - set(part)}: {part}"


def test_the_notice_has_every_key_of_the_design(scene):
    notice = scene.opened
    assert KEYS <= set(notice), KEYS - set(notice)
    keys_of(notice["budget"], BUDGET)
    assert notice["slis"], "no SLI"
    for sli in notice["slis"]:
        keys_of(sli, RATIO_SLI if sli["unit"] == "ratio" else LATENCY_SLI)
    keys_of(notice["impact"], IMPACT)
    keys_of(notice["map"], MAP)
    for part, expected in (("recent_changes", CHANGE), ("dependencies", DEPENDENCY), ("hypotheses", HYPOTHESIS)):
        entries = notice[part] if isinstance(notice[part], list) else [notice[part]]
        for entry in entries:
            keys_of(entry, expected)
    assert len(notice["recent_changes"]) <= 3


def test_alertmanager_has_the_alert_with_its_labels(scene):
    notice = scene.opened

    def ask():
        return next((alert for alert in scene.alertmanager.alerts() if alert["labels"].get("slo") == notice["slo"]), None)

    alert = wait_for(f"an alert of {notice['slo']}", ask)
    assert alert["labels"]["alertname"]
    assert alert["labels"]["service"] == "order-service"
    assert alert["labels"]["severity"] in ("page", "ticket")
    text = " ".join(alert["annotations"].values())
    assert notice["id"] in text or notice["summary"] in text or notice["slo"] in text, alert
    labels = " ".join(alert["labels"].values())
    changes = notice["recent_changes"] if isinstance(notice["recent_changes"], list) else []
    assert not any(change["sha"] in labels for change in changes if isinstance(change["sha"], str)), \
        f"a commit is part of the alert's identity: {alert['labels']}"


def test_the_webhook_has_the_notice(scene):
    wait_for("the webhook's first notice", lambda: scene.webhook.kept or None)
    assert any(scene.opened["id"] in str(body) for body in scene.webhook.kept)


def test_the_rules_are_loaded_and_page(scene):
    def evaluated():
        groups = scene.prometheus.ask("rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return rules if all(rule["health"] != "unknown" for rule in rules) else None

    # The slowest group is evaluated every two minutes.
    rules = wait_for("every rule to be evaluated", evaluated, 180)
    files = [path.read_text() for path in (REPOSITORY / "alerts").glob("*.yaml")]
    alerts = {name for text in files for name in re.findall(r"^\s*- alert: (\w+)$", text, re.MULTILINE)}
    assert len(alerts) > 15
    assert {rule["name"] for rule in rules} == alerts
    assert [rule for rule in rules if rule["health"] != "ok"] == []
    expression = f'ALERTS{{alertname="MapwardenErrorBudgetBurnPage", slo="{scene.opened["slo"]}", alertstate="firing"}}'
    wait_for("the page of the sidecar's own tiers", lambda: scene.prometheus.values(expression) or None)


def test_every_panel_of_the_dashboards_has_data(scene):
    queries = expressions(of_sidecars())
    assert len(queries) > 60
    unanswered = set(queries)

    def ask():
        unanswered.difference_update([each for each in unanswered if scene.prometheus.values(each.text)])
        return True if not unanswered else None

    try:
        wait_for("every panel to have data", ask, FAULT_WITHIN)
    except AssertionError:
        empty = "\n".join(sorted(f"{query.where}: {query.text}" for query in unanswered))
        raise AssertionError(f"panels that stayed empty while the demo ran:\n{empty}") from None


def test_every_variable_of_the_dashboards_has_values(scene):
    queries = variables(of_sidecars())
    assert queries
    for query in queries:
        selector, label = label_values(query.text)
        values = scene.prometheus.ask(f"label/{label}/values", **{"match[]": selector, "start": scene.prometheus.begin})
        assert values, f"{query.where}: {query.text}"


def test_promtool_accepts_the_metrics(scene):
    text = scene.demo.get("/metrics").text
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_sidecar_serves_what_is_in_the_repository(scene):
    for path in sorted((REPOSITORY / "alerts").glob("*.yaml")):
        assert scene.demo.get(f"/alerts/{path.name}").text == path.read_text()
        manifest = REPOSITORY / "k8s" / "base" / "rules" / path.name
        assert scene.demo.get(f"/alerts/{path.name}?format=prometheusrule").text == manifest.read_text()
    for dashboard in all_dashboards():
        assert scene.demo.json(f"/dashboards/{dashboard['uid']}.json") == dashboard


def test_the_notice_resolves_everywhere(scene):
    identifier = scene.opened["id"]

    def resolved():
        notice = scene.demo.json(f"/api/v1/notices/{identifier}")
        return notice if notice["state"] == "resolved" else None

    scene.demo.wait_for("the notice to resolve", resolved, FAULT_WITHIN)
    wait_for("the webhook's last notification", lambda: any(
        identifier in str(body) and "resolved" in str(body) for body in scene.webhook.kept) or None)
    wait_for("the notice quality index", lambda: [
        series for series in scene.prometheus.values('sum(mapwarden_notice_parts_total{state="present"})')
        if float(series["values"][-1][1]) > 0] or None)
