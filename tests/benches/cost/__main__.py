"""What it costs to evaluate 1,000 objectives of 10,000 series each second: CPU time and memory of the real sidecar.

    tests/bench cost     nine minutes; `--write` fills docs/benchmarks.md

Measures a sidecar that was just started and one that knows 30 days of every objective, each without a store and with one; the
one that knows 30 days from its store was restarted. All are scraped every 15 s, and a quarter of a per mille of the requests
fails. Fails where a figure is over its limit.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import requests

from harness import options
from harness.sidecar import Sidecar

from .load import CODES, Load, send

OBJECTIVES = 1_000
# The limits: percent of a core, and MiB.
CPU, MEMORY = 5.0, 64.0

# Seconds between two scrapes of /metrics.
SCRAPE = 15

# The slots that the sidecar keeps: their width in seconds, and how many of them.
LEVELS = [(7_200, 360), (900, 290), (60, 390), (10, 420), (1, 600)]


def configuration() -> str:
    def slo(number: int) -> dict:
        route = {"http.route": f"/route/{number}"}
        return {"name": f"route-{number}", "service": "cost", "target": 0.999,
                "events": {"total": {"metric": "requests", "where": route},
                           "bad": {"metric": "requests", "where": {**route, "code": "5*"}}}}

    return json.dumps({"slos": [slo(number) for number in range(OBJECTIVES)]})


def history(now: float) -> list[float]:
    """Returns a moment in every slot that the sidecar keeps, oldest first."""
    return sorted({now - 30 - width * slot for width, slots in LEVELS for slot in range(slots)})


def cpu(pid: int) -> float:
    """Returns the seconds of CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """Returns the resident memory of a process in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def written(pid: int) -> float:
    """Returns how much a process has written to the disk, in MB."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes:")) / 1e6


def measure(binary: Path, folder: Path, seconds: int, is_old: bool, has_store: bool) -> dict:
    (folder / "mapwarden.yaml").write_text(configuration())
    store = ["--data-dir", folder / "data"] if has_store else []
    arguments = ["--config", folder / "mapwarden.yaml", *store]
    sidecar = Sidecar(binary, folder, *arguments, name="cost")
    session = requests.Session()
    count = 1
    try:
        past = history(time.time()) if is_old else [time.time() - 30]
        all_series = Load(OBJECTIVES, CODES, past[0] - 60)
        # One series of each objective is enough to fill every slot of it.
        few = Load(OBJECTIVES, ["200"], past[0] - 60)
        send(session, sidecar.otlp, all_series.at(past[0] - 30, count))
        for when in past:
            count += 1
            send(session, sidecar.otlp, few.at(when, count))
            if count % 25 == 0:
                # Batches that wait take memory that no sidecar of this age would need.
                time.sleep(0.3)
                sidecar.wait_for("an empty queue", lambda: sidecar.sample("mapwarden_queue_depth") == 0 or None)
        if is_old and has_store:
            sidecar.end()
            sidecar = Sidecar(binary, folder, *arguments, name="cost")
        answers, rss = [], []
        begin = time.monotonic()
        warm = 10
        used = disk = 0.0
        for second in range(warm + seconds):
            if second == warm:
                used, disk = cpu(sidecar.child.pid), written(sidecar.child.pid)
            count += 1
            answers.append(send(session, sidecar.otlp, all_series.at(time.time(), count)))
            rss.append(memory(sidecar.child.pid))
            if second % SCRAPE == 0:
                sidecar.get("/metrics")
            time.sleep(max(0.0, begin + second + 1 - time.monotonic()))
        used, disk = cpu(sidecar.child.pid) - used, written(sidecar.child.pid) - disk
        slos = sidecar.json("/api/v1/slos")
        assert len(slos) == OBJECTIVES and all(slo["total"] > 0 for slo in slos), "an objective was not evaluated"
        return {"cpu": 100 * used / seconds, "memory": max(rss), "answer": sorted(answers)[len(answers) // 2],
                "disk": disk / seconds}
    finally:
        sidecar.end()


def main() -> None:
    parser = options.parser(__doc__, "docs/benchmarks.md")
    parser.add_argument("--seconds", type=int, default=60)
    chosen = parser.parse_args()
    lines = [f"{OBJECTIVES:,} objectives, {OBJECTIVES * len(CODES):,} series received and evaluated each second for "
             f"{chosen.seconds} s:", "",
             "| sidecar | CPU, of a core | largest resident memory | an export is answered in (median) | written each second |",
             "|---|--:|--:|--:|--:|"]
    over = []
    sidecars = [("just started", False, False), ("knows 30 days of each", True, False),
                ("just started, with a store", False, True), ("knows 30 days of each from its store", True, True)]
    for name, is_old, has_store in sidecars:
        with tempfile.TemporaryDirectory() as folder:
            got = measure(chosen.binary, Path(folder), chosen.seconds, is_old, has_store)
        print(name, got, file=sys.stderr, flush=True)
        lines.append(f"| {name} | {got['cpu']:.1f} % | {got['memory']:.0f} MiB | {1000 * got['answer']:.0f} ms | {got['disk']:.1f} MB |")
        over += [f"{name}: CPU"] if got["cpu"] > CPU else []
        over += [f"{name}: memory"] if got["memory"] > MEMORY else []
    options.publish(chosen, "cost of objectives", "\n".join(lines))
    if over:
        sys.exit(f"over the limits of {CPU:.0f} % of a core and {MEMORY:.0f} MiB: {', '.join(over)}")


if __name__ == "__main__":
    main()
