"""Objectives over the samples of a Prometheus or a VictoriaMetrics: counted to the event, over restarts of everything, and
compared with recording rules under Sloth's names."""

import threading
import time

import pytest
import requests

from harness.listener import Listener
from harness.process import wait_for
from harness.servers import Prometheus, Server, VictoriaMetrics
from real.dashboards import expressions, label_values, of_servers, variables

# Seconds of a step, which is the resolution in time of everything here.
EVERY = 2

# By what share of all events a server's own increases may be off in this test: they are extrapolated to the ends of each step,
# and the first value of a counter that begins with its first event is lost.
EXTRAPOLATED = 0.10

CONFIGURATION = """
sources:
  - name: fleet
    url: {url}
    every: {every}s
    staleness: {staleness}s
    reach: 10m
    agreement: {{every: 1s, resolution: 0.05}}
slos:
  - name: availability
    service: shop
    target: 0.9
    queries:
      total: sum(rate(shop_requests_total[{{{{.window}}}}]))
      bad: sum(rate(shop_requests_total{{code=~"5.."}}[{{{{.window}}}}]))
  - name: extrapolated
    service: shop
    target: 0.9
    queries:
      total: sum(rate(shop_requests_total[{{{{.window}}}}])) * 1
      good: sum(rate(shop_requests_total{{code!~"5.."}}[{{{{.window}}}}])) * 1
  - name: up
    service: shop
    target: 0.5
    queries:
      value: sum(up{{job="shop"}})
      good_when: {{gte: 1}}
  - name: no_series
    service: shop
    target: 0.9
    queries:
      error_ratio: sum(nothing_has_this_name)
"""

# Rules under the names of Sloth's, as sums that are divided last; and one with a wrong value.
RULES = """
groups:
  - name: shop
    rules:
      - record: slo:sli_error:ratio_rate30d
        expr: sum(increase(shop_requests_total{code=~"5.."}[30d])) / sum(increase(shop_requests_total[30d]))
        labels: {sloth_id: shop-availability, sloth_service: shop, sloth_slo: availability, sloth_window: 30d}
      - record: slo:period_error_budget_remaining:ratio
        expr: 1 - slo:sli_error:ratio_rate30d{sloth_id="shop-availability"} / 0.1
        labels: {sloth_id: shop-availability, sloth_service: shop, sloth_slo: availability}
      - record: slo:period_error_budget_remaining:ratio
        expr: vector(0.25)
        labels: {sloth_id: shop-extrapolated, sloth_service: shop, sloth_slo: extrapolated}
"""


class Exporter:
    """A pod that counts requests by status code and serves the counts. A code is exported from its first request on, 200
    always."""

    def __init__(self):
        self.lock = threading.Lock()
        self.counts = {"200": 0}
        self.scrapes = 0
        self.listener = Listener(self.page)
        self.address = self.listener.address

    def page(self) -> str:
        with self.lock:
            lines = [f'shop_requests_total{{code="{code}"}} {count}' for code, count in self.counts.items()]
            self.scrapes += 1
        return "\n".join(["# TYPE shop_requests_total counter", *lines, ""])

    def request(self, code: str) -> None:
        with self.lock:
            self.counts[code] = self.counts.get(code, 0) + 1

    def scraped(self, times: int = 2) -> None:
        """Waits until the present counts have been scraped."""
        wanted = self.scrapes + times
        wait_for("a scrape", lambda: self.scrapes >= wanted or None)

    def restart(self) -> None:
        """Sets the counts to zero."""
        with self.lock:
            self.counts = {"200": 0, "500": 0}

    def end(self) -> None:
        self.listener.end()


class Scene:
    """Two pods, the server that scrapes them, and a sidecar that queries it; `good` and `bad` count all requests."""

    def __init__(self, kind: type[Server], start, folder):
        self.kind, self.start, self.folder = kind, start, folder
        self.pods = [Exporter(), Exporter()]
        self.good = self.bad = 0
        self.rules = folder / "rules.yaml"
        self.rules.write_text(RULES)
        # The sidecar keeps its addresses over restarts, so that the server finds it again.
        self.sidecar = self.start_sidecar("first", "http://127.0.0.1:1")
        self.server = self.start_server(None)
        for pod in self.pods:
            pod.scraped()
        self.sidecar.end()
        self.sidecar = self.start_sidecar("second", self.server.url)

    def start_server(self, port):
        target = self.sidecar.admin.removeprefix("http://")
        others = tuple(pod.address for pod in self.pods)
        return self.kind(self.folder, target, others, (self.rules,), port)

    def start_sidecar(self, name, url):
        file = self.folder / "mapwarden.yaml"
        file.write_text(CONFIGURATION.format(url=url, every=EVERY, staleness=self.kind.STALENESS))
        ports = self.sidecar.ports if hasattr(self, "sidecar") else None
        return self.start("--config", file, "--data-dir", self.folder / "data", name=name, ports=ports)

    def load(self, seconds: float, bad_each: int = 0) -> None:
        """Sends requests to both pods; one in `bad_each` is bad, none where that is 0."""
        deadline = time.monotonic() + seconds
        number = 0
        while time.monotonic() < deadline:
            number += 1
            is_bad = bad_each and number % bad_each == 0
            self.pods[number % 2].request("500" if is_bad else "200")
            if is_bad:
                self.bad += 1
            else:
                self.good += 1
            time.sleep(0.01)

    def loaded(self, seconds: float, bad_each: int, act) -> None:
        """Does the same while `act` runs."""
        load = threading.Thread(target=self.load, args=(seconds, bad_each))
        load.start()
        act()
        load.join()

    def counted(self) -> tuple[int, int] | None:
        slo = self.sidecar.slo("shop/availability")
        return (slo["good"], slo["total"] - slo["good"]) if slo else None

    def expect_truth(self, when: str) -> None:
        """Waits until the sidecar has counted exactly the requests, and checks that this stays so."""
        truth = (self.good, self.bad)
        try:
            wait_for(f"the truth {when}", lambda: self.counted() == truth or None, 30)
        except AssertionError as error:
            raise AssertionError(f"{error}: counted {self.counted()} of {truth}; {self.source()}") from None
        time.sleep(EVERY + 1)
        assert self.counted() == truth, f"{when}, a step later"

    def source(self) -> dict:
        return self.sidecar.json("/api/v1/sources")[0]

    def end(self):
        self.server.end()
        for pod in self.pods:
            pod.end()


@pytest.fixture(params=[Prometheus, VictoriaMetrics])
def scene(request, sidecar, tmp_path):
    scene = Scene(request.param, sidecar, tmp_path)
    yield scene
    scene.end()


def restart_server(scene):
    time.sleep(1)
    scene.server.end()
    time.sleep(2)
    scene.server = scene.start_server(scene.server.port)


def kill_sidecar(scene):
    time.sleep(1)
    scene.sidecar.kill()
    time.sleep(3)
    scene.sidecar = scene.start_sidecar("third", scene.server.url)


def test_every_event_counts_once_whatever_restarts(scene):
    scene.load(5)
    scene.expect_truth("of good events")
    # The series of errors begin with the first error, at a value that is not zero.
    scene.load(4, bad_each=7)
    scene.expect_truth("with a first error")
    scene.loaded(8, 20, lambda: restart_server(scene))
    scene.expect_truth("over a restart of the server")
    scene.loaded(8, 20, lambda: kill_sidecar(scene))
    scene.expect_truth("over a kill of the sidecar")
    # No server knows what a pod counts between its last scrape and its end; here it counts nothing.
    scene.pods[0].scraped()
    scene.pods[0].restart()
    scene.load(4, bad_each=20)
    scene.expect_truth("over the restart of a pod")

    up = scene.sidecar.slo("shop/up")
    assert up["total"] > 5 and up["total"] == up["good"]
    no_series = scene.sidecar.slo("shop/no_series")
    assert no_series["total"] == 0 and "missing" in no_series["remaining"]
    answered = {state["slo"]: state for state in scene.source()["objectives"]}
    assert answered["shop/no_series"]["measured_until"] is None
    assert answered["shop/availability"]["is_exact"] and not answered["shop/extrapolated"]["is_exact"]
    hour = next(window for window in scene.sidecar.slo("shop/availability")["windows"] if window["window"] == "1h")
    assert hour["coverage"] > 0.8


def test_budgets_are_compared_and_dashboards_have_data(scene):
    scene.load(5)
    scene.load(20, bad_each=20)
    scene.expect_truth("before the comparison")
    # The server's own increases are estimates over short steps; while nothing restarts they are close.
    extrapolated = scene.sidecar.slo("shop/extrapolated")
    assert extrapolated["total"] == pytest.approx(scene.good + scene.bad, rel=EXTRAPOLATED)

    def agreed(slo):
        found = scene.source()["agreement"]["objectives"].get(slo)
        return found if found and found["budget"]["sidecar"] is not None and found["budget"]["rules"] is not None else None

    same = scene.sidecar.wait_for("both budgets", lambda: agreed("shop/availability"))
    assert same["budget"]["sidecar"] == pytest.approx(same["budget"]["rules"], abs=0.05)
    assert same["error_ratios"]["30d"]["rules"] == pytest.approx(same["error_ratios"]["30d"]["sidecar"], abs=0.005)
    assert same["error_ratios"]["5m"]["rules"] is None
    wrong = agreed("shop/extrapolated")
    labels = {"source": "fleet", "slo": "shop/extrapolated", "service": "shop"}
    difference = wrong["budget"]["sidecar"] - 0.25
    assert scene.sidecar.sample("mapwarden_agreement_budget_difference_ratio", **labels) == pytest.approx(difference, abs=0.02)
    assert scene.sidecar.sample("mapwarden_source_steps_total", source="fleet", result="empty") > 0

    announced = {"service": "shop", "version": "v2", "sha": "a3f9c1d", "kind": "deploy"}
    assert requests.post(scene.sidecar.admin + "/api/v1/deploys", json=announced, timeout=10).ok
    queries = expressions(of_servers())
    assert queries
    unanswered = set(queries)

    def ask():
        scene.load(1, bad_each=10)
        unanswered.difference_update([each for each in unanswered if scene.server.values(each.text)])
        return True if not unanswered else None

    try:
        wait_for("every panel to have data", ask, 60)
    except AssertionError:
        empty = "\n".join(sorted(f"{query.where}: {query.text}" for query in unanswered))
        raise AssertionError(f"panels that stayed empty:\n{empty}") from None
    for variable in variables(of_servers()):
        selector, label = label_values(variable.text)
        assert scene.server.ask(f"label/{label}/values", **{"match[]": selector, "start": scene.server.begin}), variable
