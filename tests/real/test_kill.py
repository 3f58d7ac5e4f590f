"""SIGKILL with a data directory: what was committed is kept, and what is sent again counts once."""

import time

import pytest

from real.shop import OBJECTIVES, Shop

SLO = "shop/availability"

# In seconds. The documented bound is one second of events, because there is one commit each second; the rest is for a busy machine.
LOST_AT_MOST = 1.0 + 1.5


@pytest.fixture
def start(sidecar, tmp_path):
    configuration = tmp_path / "mapwarden.yaml"
    configuration.write_text(OBJECTIVES)
    shops = []

    def start(**options):
        running = sidecar("--config", configuration, "--data-dir", tmp_path / "data", **options)
        if not shops:
            shops.append(Shop(running.otlp))
        return running, shops[0]

    yield start
    for shop in shops:
        shop.end()


def total(sidecar) -> int:
    slo = sidecar.slo(SLO)
    return slo["total"] if slo else 0


def last_commit(sidecar) -> float:
    return sidecar.sample("mapwarden_store_last_commit_timestamp_seconds") or 0.0


def test_what_was_committed_survives_and_nothing_counts_twice(start):
    first, shop = start()
    for number in range(1_000):
        shop.request(f"user-{number}", status=500 if number % 100 == 0 else 200)
    shop.flush()
    first.wait_for("the events", lambda: total(first) == 1_000 or None)
    seen = time.time()
    first.wait_for("a commit after them", lambda: last_commit(first) > seen or None)
    before = first.slo(SLO)
    first.kill()

    second, _ = start(ports=first.ports, name="second")
    again = second.slo(SLO)
    assert (again["good"], again["total"], again["since"]) == (990, 1_000, before["since"])
    assert again["remaining"] == pytest.approx(before["remaining"], rel=1e-9)
    # The same cumulative values, sent again to the new process, count nothing.
    shop.flush()
    for _ in range(50):
        shop.request("user-1")
    shop.flush()
    second.wait_for("50 more events", lambda: total(second) >= 1_050 or None)
    assert second.slo(SLO)["total"] == 1_050
    assert second.slo(SLO)["good"] == 1_040


def test_a_kill_under_load_loses_one_second_until_the_next_export(start):
    first, shop = start()
    sent = 0
    history = []  # (when, what the sidecar had counted)
    deadline = time.monotonic() + 6
    while time.monotonic() < deadline:
        for _ in range(20):
            shop.request(f"user-{sent}")
            sent += 1
        shop.flush()
        history.append((time.time(), total(first)))
    killed = time.time()
    first.kill()
    while_down = 20
    for _ in range(while_down):
        shop.request("user-1")

    second, _ = start(ports=first.ports, name="second")
    kept = total(second)
    known = max((count for when, count in history if when <= killed - LOST_AT_MOST), default=0)
    assert known > 0, "the load was too short for an answer"
    assert known <= kept <= sent, f"{kept} of {sent} events were kept; {known} were counted in time"
    # The sender's counts are cumulative, so the next export restores what the kill and the gap lost.
    shop.flush()
    second.wait_for("every event", lambda: total(second) >= sent + while_down or None)
    assert total(second) == sent + while_down
