"""Services with requests that begin to fail at a known moment. Their counts are a function of the time, so that a scrape, an
export and a backfill all report the same events."""

import json
import threading
import time
from dataclasses import dataclass

import requests

from harness.listener import Listener

# Requests a second of each service.
RATE = 300

# How often a service exports over OTLP, in seconds: the SDK's default.
EXPORT = 1.0


@dataclass
class Service:
    """One service. `share` of its requests fail from `outage` on; both in seconds since 1970."""

    name: str
    begin: float
    share: float
    outage: float = float("inf")

    def counts(self, now: float) -> dict[str, int]:
        """Returns the requests by status code since the service began."""
        well, failing = min(now, self.outage) - self.begin, max(0.0, now - self.outage)
        # Rounded each by itself, so that neither counter ever falls.
        return {"200": int(RATE * well) + int(RATE * (1 - self.share) * failing), "500": int(RATE * self.share * failing)}

    def first_failure(self) -> float:
        return self.outage + 1 / (RATE * self.share)

    def resource_metrics(self, times: list[float]) -> dict:
        """Returns the OTLP of the service with a point for each of these times."""
        points = [{"attributes": [{"key": "code", "value": {"stringValue": code}}],
                   "startTimeUnixNano": str(int(self.begin * 1e9)), "timeUnixNano": str(int(now * 1e9)),
                   "asInt": str(count)}
                  for now in times for code, count in self.counts(now).items()]
        attributes = {"service.name": self.name, "service.version": "v1",
                      "deployment.environment.name": "race", "mapwarden.team": "race"}
        metric = {"name": "requests", "sum": {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": points}}
        return {"resource": {"attributes": [{"key": key, "value": {"stringValue": value}}
                                            for key, value in attributes.items()]},
                "scopeMetrics": [{"metrics": [metric]}]}

    def exposition(self, now: float) -> list[str]:
        return [f'requests_total{{service="{self.name}",code="{code}"}} {count}'
                for code, count in self.counts(now).items()]


def send(otlp: str, resource_metrics: list[dict]) -> None:
    """Sends OTLP as JSON; fails when the answer is not 200."""
    answer = requests.post(otlp + "/v1/metrics", timeout=10, data=json.dumps({"resourceMetrics": resource_metrics}),
                           headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text


class Exporters:
    """Exports each service once a second; the exports are spread over the second."""

    def __init__(self, services: list[Service], otlp: str):
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(service, otlp, index / len(services)))
                        for index, service in enumerate(services)]
        for thread in self.threads:
            thread.start()

    def run(self, service: Service, otlp: str, phase: float) -> None:
        due = time.time() + phase
        while not self.stop.wait(max(0.0, due - time.time())):
            send(otlp, [service.resource_metrics([time.time()])])
            due += EXPORT

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()


def scrape_target(services: list[Service]) -> Listener:
    """Returns the target that Prometheus scrapes: every service, at the moment of the scrape."""

    def page() -> str:
        now = time.time()
        lines = [line for service in services for line in service.exposition(now)]
        return "\n".join(["# TYPE requests_total counter", *lines, ""])

    return Listener(page)
