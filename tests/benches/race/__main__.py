"""From the first failed request to the page on the wire: the sidecar, and a Prometheus (15 s from scrape to scrape and from
evaluation to evaluation) with an Alertmanager (30 s `group_wait`), on the same outages of the same services.

    tests/bench race     five minutes; `--write` fills docs/detection.md

Every service has been well for six hours, and both know it. Needs Debian's prometheus and prometheus-alertmanager. Fails where
the sidecar does not page ten times sooner.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from harness import options
from harness.listener import Listener
from harness.process import wait_for
from harness.sidecar import Sidecar

from .rivals import configuration, start_alertmanager, start_prometheus
from .services import Exporters, Service, scrape_target, send

HISTORY = 6 * 3600
# Seconds between two points of the history.
STEP = 15
# Seconds between two outages: they begin at every phase of the scrapes and evaluations.
APART = 3.7
# How long the race waits for a page, in seconds.
PATIENCE = 900
# How many times sooner the sidecar must page.
SOONER = 10

FAULTS = {"all fail": 1.0, "25 % fail": 0.25}


def race(binary: Path, folder: Path, outages: int) -> dict[str, dict[str, list[float]]]:
    """Returns the seconds from the first failure to the page, by fault and rival."""
    now = time.time()
    services = [Service(f"{share:.2f}-{number}", now - HISTORY, share)
                for number in range(outages) for share in FAULTS.values()]
    ours, theirs, target = Listener(), Listener(), scrape_target(services)
    past = [now - HISTORY + STEP * step for step in range(HISTORY // STEP)]
    lines = [f"{line} {when:.3f}" for service in services for when in past for line in service.exposition(when)]
    (folder / "mapwarden.yaml").write_text(configuration(services, ours.url))
    started = []
    try:
        started.append(start_alertmanager(folder, theirs.url))
        started.append(start_prometheus(folder, target.address, started[0].url.removeprefix("http://"), lines))
        sidecar = Sidecar(binary, folder, "--config", folder / "mapwarden.yaml")
        started.append(sidecar)
        for service in services:
            for begin in range(0, len(past), 500):
                send(sidecar.otlp, [service.resource_metrics(past[begin:begin + 500])])
        exporters = Exporters(services, sidecar.otlp)
        try:
            # Two scrapes, so that Prometheus has every series before it fails.
            begin = time.time() + 35
            for number, service in enumerate(services):
                service.outage = begin + APART * number / len(FAULTS)
            return delays_of_pages(services, ours, theirs)
        finally:
            exporters.end()
    finally:
        for process in started:
            process.end()
        for server in (ours, theirs, target):
            server.end()


def delays_of_pages(services: list[Service], ours: Listener, theirs: Listener) -> dict:
    def first(kept: list, is_it) -> float | None:
        return next((when for when, body in list(kept) if is_it(body)), None)

    def both_pages(service: Service) -> tuple | None:
        notice = first(ours.kept, lambda body: body["notice"]["slo"] == f"{service.name}/availability"
                       and body["notice"]["severity"] == "page")
        alert = first(theirs.kept, lambda body: any(
            alert["labels"]["service"] == service.name for alert in body["alerts"]))
        return (notice, alert) if notice and alert else None

    found = {fault: {"Mapwarden": [], "Prometheus": []} for fault in FAULTS}
    for service in services:
        notice, alert = wait_for(f"both pages of {service.name}", lambda: both_pages(service), PATIENCE)
        delays = next(found[fault] for fault, share in FAULTS.items() if share == service.share)
        delays["Mapwarden"].append(notice - service.first_failure())
        delays["Prometheus"].append(alert - service.first_failure())
    return found


def table(found: dict, outages: int) -> str:
    lines = [f"Seconds from the first failed request to the page at the webhook, of {outages} outages each: "
             "median (lowest to highest).", "",
             "| fault | Mapwarden | Prometheus and Alertmanager | sooner |", "|---|--:|--:|--:|"]
    for fault, delays in found.items():
        cells = [f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})" for values in delays.values()]
        lines.append(f"| {fault} | {' | '.join(cells)} | {times(delays):.0f} times |")
    return "\n".join(lines)


def times(delays: dict) -> float:
    """Returns how many times sooner Mapwarden pages, by the medians."""
    return statistics.median(delays["Prometheus"]) / statistics.median(delays["Mapwarden"])


def main() -> None:
    parser = options.parser(__doc__, "docs/detection.md")
    parser.add_argument("--outages", type=int, default=10, help="of each kind")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = race(chosen.binary, Path(folder), chosen.outages)
    options.publish(chosen, "race", table(found, chosen.outages))
    slow = [fault for fault, delays in found.items() if times(delays) < SOONER]
    if slow:
        sys.exit(f"not {SOONER} times sooner where {', '.join(slow)}")


if __name__ == "__main__":
    main()
