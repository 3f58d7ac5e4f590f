"""The budget ledger under SIGKILL, clocks that step and an hour of suspension: nothing is lost, nothing counts twice."""

import signal
import time
from pathlib import Path

import pytest
import requests

SLO = "shop/availability"
HOUR = 3_600


class Clock:
    """The clock of a sidecar: the machine's, offset by whole seconds that may change at any moment."""

    def __init__(self, folder: Path):
        self.file = folder / "clock"
        self.move(0)
        library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        self.environment = {
            "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
            # Timers are not affected: only the time of day steps.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def move(self, seconds: int) -> None:
        self.seconds = seconds
        self.file.write_text(f"{seconds:+d}\n")

    def nanos(self) -> int:
        return time.time_ns() + self.seconds * 1_000_000_000


class Counter:
    """A service that exports what it counted since its start, by the sidecar's clock."""

    def __init__(self, sidecar, clock: Clock):
        self.clock, self.good, self.bad = clock, 0, 0
        self.start = clock.nanos()
        self.turn_to(sidecar)

    def turn_to(self, sidecar) -> None:
        self.sidecar = sidecar

    def count(self, good: int, bad: int) -> None:
        """Counts more events and exports the sums, repeatedly as services do, until the sidecar has counted them."""
        self.good, self.bad = self.good + good, self.bad + bad
        wanted = self.good + self.bad

        def is_counted():
            self.repeat()
            return self.total() == wanted or None

        self.sidecar.wait_for(f"{wanted} events", is_counted)

    def repeat(self) -> None:
        def attributes(**pairs):
            return [{"key": f"mapwarden.{key}", "value": {"stringValue": value}} for key, value in pairs.items()]

        now = str(self.clock.nanos())
        points = [
            {"asInt": str(value), "startTimeUnixNano": str(self.start), "timeUnixNano": now,
             "attributes": attributes(slo="availability", verdict=verdict)}
            for verdict, value in [("good", self.good), ("bad", self.bad)]
        ]
        target = {"asDouble": 0.99, "timeUnixNano": now,
                  "attributes": attributes(slo="availability", sli="availability", scope="checkout")}
        metrics = [
            {"name": "mapwarden.slo.objective", "gauge": {"dataPoints": [target]}},
            {"name": "mapwarden.sli.events",
             "sum": {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": points}},
        ]
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
        body = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]}
        answer = requests.post(self.sidecar.otlp + "/v1/metrics", json=body, timeout=10)
        assert answer.ok, answer.text

    def total(self) -> int:
        slo = self.sidecar.slo(SLO)
        return slo["total"] if slo else 0


def post(sidecar, path: str, key: str | None = None, **fields):
    headers = {"Idempotency-Key": key} if key else {}
    body = {"author": "ann", "reason": "a test", **fields}
    return requests.post(f"{sidecar.admin}/api/v1/corrections{path}", json=body, headers=headers, timeout=20)


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


@pytest.fixture
def start(sidecar, clock, tmp_path):
    def start(**options):
        return sidecar("--data-dir", tmp_path / "data", environment=clock.environment, **options)

    return start


def corrected(sidecar, field: str):
    return sidecar.slo(SLO)["budget"]["corrected"][field]


def test_an_acknowledged_correction_survives_a_kill_and_counts_once(start, clock):
    first = start()
    shop = Counter(first, clock)
    shop.count(960, 40)
    refund = {"key": "incident-7", "slo": "shop/*", "kind": "refund", "events": 15}
    booked = post(first, "", **refund)
    first.kill()
    assert booked.status_code == 201, booked.text

    second = start(ports=first.ports, name="second")
    again = post(second, "", **refund)
    assert (again.status_code, again.json()["id"]) == (200, booked.json()["id"])
    assert [line["id"] for line in second.json("/api/v1/corrections")] == [booked.json()["id"]]
    # The counters' values are sent again, too, and count nothing.
    shop.turn_to(second)
    shop.count(0, 0)
    second.wait_for("the corrected budget", lambda: corrected(second, "bad") == 25 or None)
    raw = second.slo(SLO)["budget"]["raw"]
    assert (raw["good"], raw["bad"]) == (960, 40)
    withdrawn = post(second, f"/{booked.json()['id']}/withdraw")
    second.kill()
    assert withdrawn.status_code == 201, withdrawn.text

    third = start(ports=first.ports, name="third")
    assert [line["standing"] for line in third.json("/api/v1/corrections")] == ["withdrawal", "withdrawn"]
    assert corrected(third, "bad") == 40
    assert third.slo(SLO)["budget"]["corrected"]["corrections"] == []


def test_a_clock_that_steps_loses_no_event_and_no_correction(start, clock):
    sidecar = start()
    shop = Counter(sidecar, clock)
    shop.count(90, 10)
    assert post(sidecar, "", slo="shop/*", kind="refund", events=1).status_code == 201
    clock.move(HOUR)
    shop.count(90, 10)
    assert post(sidecar, "", slo="shop/*", kind="refund", events=2).status_code == 201
    sidecar.wait_for("both refunds", lambda: corrected(sidecar, "refunded") == 3 or None)
    clock.move(0)
    shop.count(90, 10)
    assert sidecar.slo(SLO)["good"] == 270
    # What was booked an hour ahead is outside of a period that ends now; the log has it, in the order of writing.
    sidecar.wait_for("one refund", lambda: corrected(sidecar, "refunded") == 1 or None)
    assert post(sidecar, "", slo="shop/*", kind="refund", events=4).status_code == 201
    assert [line["events"] for line in sidecar.json("/api/v1/corrections")] == [4, 2, 1]
    # When the clock gets there, it counts.
    clock.move(HOUR + 60)
    shop.count(90, 10)
    sidecar.wait_for("all refunds", lambda: corrected(sidecar, "refunded") == 7 or None)
    sidecar.kill()

    again = start(ports=sidecar.ports, name="again")
    shop.turn_to(again)
    shop.count(10, 0)
    assert (again.slo(SLO)["total"], corrected(again, "refunded")) == (410, 7)


def test_the_next_point_accounts_for_an_hour_of_suspension(start, clock):
    sidecar = start()
    shop = Counter(sidecar, clock)
    shop.count(90, 10)
    booked = post(sidecar, "", slo="shop/*", kind="deduction", events=5)
    assert booked.status_code == 201, booked.text
    sidecar.child.send_signal(signal.SIGSTOP)
    clock.move(HOUR)
    sidecar.child.send_signal(signal.SIGCONT)
    sidecar.wait_for("readiness", lambda: sidecar.get("/readyz").ok or None)
    slo = sidecar.slo(SLO)
    assert (slo["total"], slo["windows"][0]["error_ratio"]) == (100, None), "the last five minutes are not measured"
    shop.count(900, 0)
    slo = sidecar.slo(SLO)
    assert slo["windows"][0]["good"] == 900
    assert (slo["budget"]["raw"]["bad"], slo["budget"]["corrected"]["bad"]) == (10, 15)
    assert slo["budget"]["coverage"] == pytest.approx(1.0, abs=0.01)
