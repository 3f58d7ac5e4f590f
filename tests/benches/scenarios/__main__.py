"""Every scenario through the rules that `mapwarden rules` writes, in a real Prometheus and a real VictoriaMetrics, and through
Sloth-style rules.

    tests/bench scenarios     two minutes; `--write` puts the table into README.md

Each server receives what it would have scraped (Prometheus by `promtool tsdb create-blocks-from openmetrics`). Then each level of
the recording rules is evaluated once a minute over the whole past, and then the alerts. Fails where the budget or the alerts of
the rules differ from those worked out by hand by more than the resolution below. The table is of Prometheus. `--sidecar FILE` adds
the results of the sidecar's evaluator, which `SCENARIOS_OUT=FILE cargo test -p mapwarden-engine --test it scenarios` writes.
"""

import json
import subprocess
import sys
from pathlib import Path

import yaml

from harness import options
from harness.past import Past, PrometheusPast, VictoriaPast, levels, record, temporary

from . import sloth
from .scenario import Scenario, merged, scenarios

# How often rules are evaluated, in seconds.
STEP = 60

# Rules wait until a minute's samples are complete and are evaluated once a minute: an alert begins and ends up to so many seconds
# late.
LATE = 180

# By what share the rules' counts may differ from the truth: a scrape falls anywhere into a minute, and a pod has counted before its
# first scrape.
SHARE = 0.01


def spec(scenario: Scenario) -> dict:
    """Returns the objective as a Sloth file, or as OpenSLO where it has a calendar period, which Sloth does not know."""
    def query(which: str) -> str:
        return f'sum(rate(requests_total{{job="{scenario.name}"{which}}}[{{{{.window}}}}]))'

    def counter(which: str) -> dict:
        query = f'sum(requests_total{{job="{scenario.name}"{which}}})'
        return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}

    bad, target = ',code=~"5.."', scenario.file["target"]
    if scenario.is_calendar:
        unit, start, zone = (scenario.file["period"][key] for key in ("unit", "start", "zone"))
        calendar = {"startTime": f"{start:%Y-%m-%d %H:%M:%S}", "timeZone": zone}
        return {"apiVersion": "openslo/v1", "kind": "SLO", "metadata": {"name": "availability"}, "spec": {
            "service": scenario.name, "budgetingMethod": "Occurrences", "objectives": [{"target": target}],
            "timeWindow": [{"duration": {"month": "1M"}[unit], "isRolling": False, "calendar": calendar}],
            "indicator": {"metadata": {"name": "answered"}, "spec": {
                "ratioMetric": {"counter": True, "bad": counter(bad), "total": counter("")}}}}}
    events = {"error_query": query(bad), "total_query": query("")}
    alerting = {"name": "Burn", "page_alert": {}, "ticket_alert": {}}
    return {"version": "prometheus/v1", "service": scenario.name, "slos": [
        {"name": "availability", "objective": 100 * target, "sli": {"events": events}, "alerting": alerting}]}


def written(binary: Path, scenario: Scenario, folder: Path) -> list[dict]:
    """Returns the rules that the program writes for a scenario."""
    file = folder / f"{scenario.name}.yaml"
    file.write_text(yaml.safe_dump(spec(scenario)))
    done = subprocess.run([binary, "rules", file], check=True, capture_output=True, text=True)
    groups = [group for document in yaml.safe_load_all(done.stdout) if document for group in document["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def play(past: Past, rules: dict[str, list[dict]], all_: list[Scenario]) -> None:
    """Adds what was scraped, and records every level of every scenario's rules."""
    scrapes: dict[str, list[str]] = {"up": [], "requests_total": []}
    for scenario in all_:
        for line in scenario.scrapes():
            scrapes[line.partition("{")[0]].append(line)
    past.add(scrapes)
    by_level = {scenario.name: levels(rules[scenario.name]) for scenario in all_}
    for level in range(max(len(found) for found in by_level.values())):
        samples: dict[str, list[str]] = {}
        for scenario in all_:
            if level < len(by_level[scenario.name]):
                moments = [moment(scenario, budget["at"]) for budget in scenario.budgets]
                span = (scenario.start, moment(scenario, scenario.end))
                for name, lines in record(past, by_level[scenario.name][level], span, moments, STEP).items():
                    samples.setdefault(name, []).extend(lines)
        past.add(samples)


def moment(scenario: Scenario, second: int) -> float:
    """Returns when rules have counted all of a second, in whole steps. A calendar period may end a minute later, and its budget
    with it; in those scenarios, scrapes fall on the ends of minutes."""
    late = STEP if scenario.is_calendar else LATE
    return (scenario.shown(second) + late) // STEP * STEP


def ours(past: Past, scenario: Scenario, rules: list[dict]) -> dict:
    """Returns the budgets and the alerts of our rules."""
    def value(name: str, at: int) -> float | None:
        return past.at(f'{name}{{sloth_service="{scenario.name}"}}', moment(scenario, at))

    period = "increase_period" if scenario.is_calendar else "increase30d"
    budgets = [{"total": value(f"mapwarden:sli_total:{period}", budget["at"]), "bad": value(f"mapwarden:sli_bad:{period}", budget["at"]),
                "left": value("slo:period_error_budget_remaining:ratio", budget["at"])} for budget in scenario.budgets]
    alerts = {kind: episodes(past, scenario, [rule["expr"] for rule in rules if "alert" in rule
                                              and rule["labels"].get("sloth_severity") == kind
                                              and not rule["alert"].endswith("NoData")]) for kind in ("page", "ticket")}
    return {"budgets": budgets, **alerts}


def theirs(past: Past, scenario: Scenario) -> dict:
    """Returns the same of Sloth-style rules."""
    budgets = [{"left": past.at(sloth.left(scenario), moment(scenario, budget["at"]))} for budget in scenario.budgets]
    return {"budgets": budgets, **{kind: episodes(past, scenario, sloth.alerts(scenario, kind)) for kind in ("page", "ticket")}}


def episodes(past: Past, scenario: Scenario, expressions: list[str]) -> list[tuple[int, int | None]]:
    """Returns when any of the alerts fires, in seconds of the scenario."""
    found = []
    end = moment(scenario, scenario.end)
    for expression in expressions:
        for _, values in past.over(expression, scenario.start, end, STEP):
            seconds = [int(when - scenario.start) for when, _ in values]
            found += [(second, second + STEP) for second in seconds]
    last = int(end - scenario.start)
    return [(begin, None if until > last else until) for begin, until in merged(found)]


def differences(scenario: Scenario, got: dict) -> list[str]:
    wrong = []
    for expected, budget in zip(scenario.budgets, got["budgets"], strict=True):
        near = all(budget[key] is not None and abs(budget[key] - expected[key]) <= max(SHARE * expected[key], 0.5)
                   for key in ("total", "bad"))
        if not near or abs(budget["left"] - expected["left"]) > SHARE * max(1, abs(1 - expected["left"])):
            wrong.append(f"expected {expected}, got {budget}")
    for kind in ("page", "ticket"):
        expected = scenario.episodes(kind)
        near = len(expected) == len(got[kind]) and all(
            0 <= begin - first <= LATE and ((until is None) == (last is None))
            and (until is None or 0 <= last - until <= LATE)
            for (first, until), (begin, last) in zip(expected, got[kind]))
        if not near:
            wrong.append(f"{kind}: expected {expected}, got {got[kind]}")
    return wrong


def percent(left: float | None) -> str:
    if left is None:
        return "nothing"
    return "NaN" if left != left else f"{100 * left:,.1f} %"


def number_of(pages: list) -> str:
    return {0: "none", 1: "1 page"}.get(len(pages), f"{len(pages)} pages")


def table(rows: list[tuple[Scenario, dict | None, dict, dict]]) -> str:
    lines = ["| scenario | truth | sidecar | `mapwarden rules` | Sloth-style rules |", "|---|--:|--:|--:|--:|"]

    def cell(budgets: list[dict], pages: list) -> str:
        return f"{percent(budgets[0]['left'])}, {number_of(pages)}"

    for scenario, sidecar, rules, rival in rows:
        pages = merged([(alert["from"], alert.get("until")) for alert in sidecar["alerts"]
                        if alert["tier"].endswith("page")]) if sidecar else []
        cells = [cell(scenario.budgets, scenario.episodes("page")), cell(sidecar["budgets"], pages) if sidecar else "",
                 cell(rules["budgets"], rules["page"]), cell(rival["budgets"], rival["page"])]
        lines.append(f"| {scenario.file['title']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = options.parser(__doc__, "README.md")
    parser.add_argument("--sidecar", type=Path, help="the results of the sidecar's evaluator, as JSON; --write needs it")
    chosen = parser.parse_args()
    if chosen.write and not chosen.sidecar:
        parser.error("--write needs --sidecar")
    sidecar = json.loads(chosen.sidecar.read_text()) if chosen.sidecar else {}
    all_ = scenarios()
    rows, wrong = [], []
    with temporary() as folder:
        folder = Path(folder)
        rules = {scenario.name: written(chosen.binary, scenario, folder) for scenario in all_}
        for past in PrometheusPast(folder), VictoriaPast(folder):
            try:
                play(past, rules, all_)
                for scenario in all_:
                    got = ours(past, scenario, rules[scenario.name])
                    if isinstance(past, PrometheusPast):
                        rows.append((scenario, sidecar.get(scenario.name), got, theirs(past, scenario)))
                    wrong += [f"{type(past).__name__}, {scenario.name}: {text}" for text in differences(scenario, got)]
            finally:
                past.end()
    options.publish(chosen, "scenarios", table(rows))
    if wrong:
        sys.exit("differs from what was worked out by hand:\n" + "\n".join(wrong))


if __name__ == "__main__":
    main()
