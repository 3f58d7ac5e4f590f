"""The objectives of the bench: services with a few pods each, and several objectives over the counters of each service."""

from dataclasses import dataclass

TARGET = 0.999
PERIOD = "30d"
TOTAL, ERRORS = "total_query", "error_query"

# How many objectives share the counters of one service.
TOGETHER = 10


@dataclass(frozen=True)
class Objective:
    number: int

    @property
    def job(self) -> str:
        return f"service-{self.number // TOGETHER}"

    @property
    def service(self) -> str:
        return self.job

    @property
    def name(self) -> str:
        return f"objective-{self.number}"

    @property
    def id(self) -> str:
        return f"{self.service}-{self.name}"

    def queries(self, window: str) -> dict[str, str]:
        """Returns the queries for all events and for the bad ones."""
        rate = f'sum(rate(http_requests_total{{job="{self.job}"MORE}}[{window}]))'
        return {TOTAL: rate.replace("MORE", ""), ERRORS: rate.replace("MORE", ',code=~"5.."')}


def file(objectives: list[Objective]) -> list[dict]:
    """Returns the objectives as documents of Sloth's format."""
    slos: dict[str, list[dict]] = {}
    for objective in objectives:
        alerts = {"name": objective.name, "page_alert": {}, "ticket_alert": {}}
        events = {"events": objective.queries("{{.window}}")}
        slos.setdefault(objective.service, []).append(
            {"name": objective.name, "objective": 100 * TARGET, "sli": events, "alerting": alerts})
    return [{"version": "prometheus/v1", "service": service, "slos": each} for service, each in slos.items()]
