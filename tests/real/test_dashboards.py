"""The dashboards of a fleet over what the written rules record, and every query of every dashboard."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from harness.past import Past, PrometheusPast, labelled, levels
from real.dashboards import all_dashboards, expressions, label_values, of_rules, variables

# 2026-11-21T00:00:00Z, and how many hours of samples follow; queries are evaluated at the end of these.
BEGIN, HOURS, STEP = 1_795_219_200, 4, 60

OBJECTIVE = """
version: prometheus/v1
service: shop
slos:
  - name: availability
    objective: 99
    sli:
      events:
        total_query: sum(rate(requests_total[{{.window}}]))
        error_query: sum(rate(requests_total{code="500"}[{{.window}}]))
    alerting: {name: ShopAvailability}
"""

# What the sidecars of the fleet export beside the rules.
OF_SIDECARS = {
    "mapwarden_change_timestamp_seconds": [({"service": "shop", "kind": "deploy", "version": "v2", "sha": "a3f9c1d"}, BEGIN + 3_600)],
    "mapwarden_error_budget_corrected_remaining_ratio": [({"slo": "shop/availability", "service": "shop"}, 0.5)],
    "mapwarden_error_budget_correction_events": [({"slo": "shop/availability", "service": "shop", "effect": "excluded"}, 7)],
    "mapwarden_error_budget_spent_events": [
        ({"slo": "shop/availability", "service": "shop", "dimension": "version", "part": "v2"}, 90)],
}


def counters(is_scraped) -> dict[str, list[str]]:
    """Returns the samples of two pods where one in ten requests fails in the last half hour; without the seconds that
    `is_scraped` excludes."""
    samples: dict[str, list[str]] = {"up": [], "requests_total": []}
    for pod in ("a", "b"):
        counted = {"200": 0, "500": 0}
        for second in range(0, HOURS * 3_600 + STEP, 15):
            is_bad = second > (HOURS - 0.5) * 3_600
            counted["200"] += 135 if is_bad else 150
            counted["500"] += 15 if is_bad else 0
            if not is_scraped(second):
                continue
            target = {"job": "shop", "instance": pod}
            samples["up"].append(f"{labelled('up', target)} 1 {BEGIN + second}")
            for code, value in counted.items():
                samples["requests_total"].append(f"{labelled('requests_total', target | {'code': code})} {value} {BEGIN + second}")
    return samples


def evaluated(past: Past, rules: list[dict]) -> None:
    """Adds what Prometheus would have recorded, level by level, and the alerts that would have fired."""
    span = (BEGIN, BEGIN + HOURS * 3_600)

    def values(rule: dict, name: str, extra: dict) -> list[str]:
        lines = []
        for metric, points in past.over(rule["expr"], *span, STEP):
            kept = {key: value for key, value in metric.items() if key != "__name__"}
            series = labelled(name, kept | rule.get("labels", {}) | extra)
            lines += [f"{series} {value} {when:.0f}" for when, value in points]
        return lines

    for level in levels(rules):
        samples: dict[str, list[str]] = {}
        for rule in level:
            samples.setdefault(rule["record"], []).extend(values(rule, rule["record"], {}))
        past.add({name: lines for name, lines in samples.items() if lines})
    alerts = [values(rule, "ALERTS", {"alertname": rule["alert"], "alertstate": "firing"})
              for rule in rules if "alert" in rule and not rule["alert"].endswith("NoData")]
    past.add({"ALERTS": [line for lines in alerts for line in lines]} if any(alerts) else {})


def rules_of(binary: Path, folder: Path) -> list[dict]:
    (folder / "slo.yaml").write_text(OBJECTIVE)
    written = subprocess.run([binary, "rules", folder / "slo.yaml"], capture_output=True, text=True, check=True, timeout=60)
    return [rule for group in yaml.safe_load(written.stdout)["groups"] for rule in group["rules"]]


@pytest.fixture(scope="module")
def fleet(binary, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet")
    past = PrometheusPast(folder)
    samples = counters(lambda second: True)
    end = BEGIN + HOURS * 3_600
    for name, series in OF_SIDECARS.items():
        samples[name] = [f"{labelled(name, labels)} {value} {end - 60}" for labels, value in series]
    past.add(samples)
    evaluated(past, rules_of(binary, folder))
    yield past
    past.end()


def test_every_panel_of_the_fleet_has_data(fleet):
    queries = expressions(of_rules())
    assert len(queries) > 30
    end = BEGIN + HOURS * 3_600
    empty = [f"{each.where}: {each.text}" for each in queries if not fleet.ask("query", query=each.text, time=end)]
    assert not empty, "panels that stayed empty:\n" + "\n".join(empty)
    for variable in variables(of_rules()):
        selector, label = label_values(variable.text)
        found = {series["metric"].get(label) for series in fleet.ask("query", query=selector, time=end)}
        assert found and None not in found, variable


def test_the_numbers_of_a_fleet_are_those_of_its_counters(fleet):
    """Half an hour of one in ten bad, of four hours of 20 requests a second."""
    end = BEGIN + HOURS * 3_600
    texts = {each.where: each.text for each in expressions(of_rules())}

    def of(panel: str, target: str = "A") -> float:
        return fleet.at(texts[f"Mapwarden / Fleet, SLO in detail / {panel} / {target}"], end)

    # Recorded minutes end 30 s before the evaluation: at most one of the 30 bad minutes of the hour is not counted.
    assert of("Good events of the last hour") == pytest.approx(0.95, abs=0.003)
    assert of("Target") == pytest.approx(0.99)
    assert of("Good share by window") == pytest.approx(0.9, abs=0.001)
    assert of("Events") == pytest.approx(20 * 300, rel=0.001) and of("Events", "B") == pytest.approx(2 * 300, rel=0.001)
    assert of("Burn rate by window") == pytest.approx(10, abs=0.1)
    # A tenth of an eighth of all events, of a hundredth that may be bad.
    assert of("Budget left") == pytest.approx(1 - 0.1 / 8 / 0.01, abs=0.02)
    assert of("Coverage of the last hour") == pytest.approx(1, abs=0.02)


def test_panels_show_nothing_for_unmeasured_time(binary, tmp_path):
    """Without scrapes in the last half hour, panels over five minutes are empty instead of showing a made-up value."""
    past = PrometheusPast(tmp_path)
    try:
        past.add(counters(lambda second: second <= (HOURS - 0.5) * 3_600))
        evaluated(past, rules_of(binary, tmp_path))
        end = BEGIN + HOURS * 3_600
        texts = {each.where: each.text for each in expressions(of_rules())}
        detail = "Mapwarden / Fleet, SLO in detail"
        for panel in ("Good share by window / A", "Events / A", "Burn rate by window / A", "Alerts that fire / A"):
            assert past.ask("query", query=texts[f"{detail} / {panel}"], time=end) == [], panel
        # Blocks have no staleness markers: the last value of a target stays for the five minutes of Prometheus' lookback.
        assert past.at(texts[f"{detail} / Coverage of the last hour / A"], end) == pytest.approx(35 / 60, abs=0.03)
        assert past.at(texts[f"{detail} / Budget left / A"], end) == pytest.approx(1)
    finally:
        past.end()


def test_every_query_is_valid_for_promtool(tmp_path):
    """Writes each query as a recording rule, which promtool parses."""
    queries = expressions(all_dashboards())
    rules = [{"record": f"query:{number}", "expr": query.text} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yaml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    checked = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr
