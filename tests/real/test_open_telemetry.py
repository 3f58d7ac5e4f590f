"""A service with the OpenTelemetry Python SDK and two objectives in a file gets counts, budgets, a notice with its
users, and pages that are retried while Alertmanager is down."""

import pytest

from harness.process import free_port
from real.shop import OBJECTIVES, Shop

GOOD, BAD, SLOW = 2_000, 400, 30
CUSTOMERS, VICTIMS = 500, 37


@pytest.fixture
def scene(sidecar, tmp_path):
    configuration = tmp_path / "mapwarden.yaml"
    configuration.write_text(OBJECTIVES)
    running = sidecar("--config", configuration, "--alertmanager", f"http://127.0.0.1:{free_port()}")
    shop = Shop(running.otlp)
    yield running, shop
    shop.end()


def counted(sidecar, identifier: str, good: int, total: int):
    """Returns the objective once it has counted all events."""

    def ask():
        slo = sidecar.slo(identifier)
        return slo if slo and slo["total"] == total else None

    slo = sidecar.wait_for(f"{total} events of {identifier}", ask)
    assert slo["good"] == good
    return slo


def test_requests_become_exact_counts_a_budget_and_a_notice(scene):
    sidecar, shop = scene
    for number in range(GOOD):
        shop.request(f"user-{number % CUSTOMERS}", seconds=0.4 if number < SLOW else 0.02)
    shop.flush()
    before = counted(sidecar, "shop/availability", GOOD, GOOD)
    assert before["remaining"] == 1.0
    assert not any(tier["is_firing"] for tier in before["tiers"])
    counted(sidecar, "shop/latency", GOOD - SLOW, GOOD)
    assert sidecar.json("/api/v1/notices") == [] or all(
        notice["slo"] != "shop/availability" for notice in sidecar.json("/api/v1/notices"))

    for number in range(BAD):
        shop.request(f"user-{number % VICTIMS}", status=503)
    shop.flush()
    after = counted(sidecar, "shop/availability", GOOD, GOOD + BAD)
    # Budget: 1 - bad share / allowed share.
    assert after["remaining"] == pytest.approx(1 - (BAD / (GOOD + BAD)) / 0.001, rel=1e-6)
    # Exports are idempotent: the series are cumulative, and the values are the same.
    shop.flush()
    shop.flush()
    counted(sidecar, "shop/availability", GOOD, GOOD + BAD)

    def opened():
        return next((notice for notice in sidecar.json("/api/v1/notices") if notice["slo"] == "shop/availability"
                     and notice["impact"]["affected_users"] == VICTIMS), None)

    notice = sidecar.wait_for(f"a notice with {VICTIMS} users", opened)
    assert notice["state"] == "open"
    assert notice["severity"] == "page"
    assert notice["team"] == "shopkeepers"
    assert notice["impact"]["interval"] == [VICTIMS, VICTIMS]
    sli = notice["slis"][0]
    assert (sli["name"], sli["total"] - sli["good"]) == ("availability", BAD)
    assert sidecar.sample("mapwarden_sli_events_total", slo="shop/availability") == GOOD + BAD
    assert sidecar.sample("mapwarden_sli_good_events_total", slo="shop/availability") == GOOD


def test_deliveries_to_an_alertmanager_that_is_down_are_retried(scene):
    sidecar, shop = scene
    for number in range(1_000):
        shop.request(f"user-{number}", status=503 if number % 2 else 200)
    shop.flush()

    def tried():
        return sidecar.sample("mapwarden_notice_deliveries_total", sink="alertmanager", result="retried") or None

    assert sidecar.wait_for("a failed delivery", tried) >= 1
    assert sidecar.sample("mapwarden_notice_deliveries_pending", sink="alertmanager") >= 1
    assert sidecar.get("/readyz").ok
    counted(sidecar, "shop/availability", 500, 1_000)
