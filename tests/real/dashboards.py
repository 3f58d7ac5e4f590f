"""Every query of the dashboards, with their variables set to the values of "All"."""

import json
import re
from dataclasses import dataclass

from harness.process import REPOSITORY

# Grafana's own variables, for a scrape each second.
BUILT_IN = {"__rate_interval": "10s", "__interval": "1s", "__range": "5m"}


@dataclass(frozen=True)
class Query:
    """One expression of one panel, annotation or variable."""

    where: str
    text: str


# Dashboards about the servers that a sidecar queries, and those over the recording rules.
OF_SERVERS = {"mapwarden-sources"}
OF_RULES = {"mapwarden-fleet-overview", "mapwarden-fleet-detail"}


def all_dashboards() -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted((REPOSITORY / "dashboards").glob("*.json"))]


def substituted(query: str, dashboard: dict) -> str:
    chosen = {variable["name"]: variable["allValue"] for variable in dashboard["templating"]["list"]
              if variable["type"] == "query"}
    chosen |= BUILT_IN
    query = re.sub(r"\$\{?(\w+)\}?", lambda found: chosen.get(found[1], found[0]), query)
    assert "$" not in query, f"{dashboard['title']}: a variable is left in {query}"
    return query


def of_sidecars() -> list[dict]:
    """The dashboards that need nothing but a sidecar."""
    return [dashboard for dashboard in all_dashboards() if dashboard["uid"] not in OF_SERVERS | OF_RULES]


def of_servers() -> list[dict]:
    """The dashboards that need a sidecar which queries a Prometheus."""
    return [dashboard for dashboard in all_dashboards() if dashboard["uid"] in OF_SERVERS]


def of_rules() -> list[dict]:
    """The dashboards that need a Prometheus which evaluates the written rules."""
    return [dashboard for dashboard in all_dashboards() if dashboard["uid"] in OF_RULES]


def expressions(dashboards: list[dict]) -> list[Query]:
    """The PromQL of every panel and annotation."""
    found = []
    for dashboard in dashboards:
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                found.append((f"{dashboard['title']} / {panel['title']} / {target['refId']}", target["expr"], dashboard))
        for annotation in dashboard["annotations"]["list"]:
            if "expr" in annotation:
                found.append((f"{dashboard['title']} / {annotation['name']}", annotation["expr"], dashboard))
    return [Query(where, substituted(query, dashboard)) for where, query, dashboard in found]


def variables(dashboards: list[dict]) -> list[Query]:
    """The `label_values(..)` of every variable."""
    return [Query(f"{dashboard['title']} / ${variable['name']}", substituted(variable["query"]["query"], dashboard))
            for dashboard in dashboards for variable in dashboard["templating"]["list"]
            if variable["type"] == "query"]


def label_values(query: str) -> tuple[str, str]:
    """The selector and the label of `label_values(selector, label)`."""
    found = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
    assert found, f"not a query for label values: {query}"
    return found[1], found[2]
