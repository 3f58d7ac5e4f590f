"""The scenarios of tests/scenarios, and the counters that Prometheus would have scraped. The README there explains the keys."""

from dataclasses import dataclass
from datetime import datetime

import yaml

from harness.process import REPOSITORY

FOLDER = REPOSITORY / "tests" / "scenarios"

# For how many seconds the scrapes continue after the end, with nothing new: a rule looks back over the last minutes.
AFTER = 600


@dataclass(frozen=True)
class Scenario:
    """One file of the folder."""

    name: str
    file: dict

    @property
    def start(self) -> float:
        start = self.file["start"]
        return (start if isinstance(start, datetime) else datetime.fromisoformat(start)).timestamp()

    def shown(self, second: int) -> float:
        """Returns what the clock shows at a second of the scenario, in seconds since 1970."""
        ahead = [step["ahead"] for step in self.file.get("clock", []) if step["at"] <= second]
        return self.start + second + (ahead[-1] if ahead else 0)

    @property
    def is_calendar(self) -> bool:
        return "period" in self.file

    @property
    def end(self) -> int:
        return self.file["end"]

    @property
    def every(self) -> int:
        return self.file["every"]

    @property
    def budgets(self) -> list[dict]:
        return self.file["answer"]["budgets"]

    def episodes(self, kind: str) -> list[tuple[int, int | None]]:
        """Returns from when until when a tier of this kind, `page` or `ticket`, fires."""
        alerts = [(alert["from"], alert.get("until")) for alert in self.file["answer"]["alerts"]
                  if alert["tier"].endswith(kind)]
        return merged(alerts)

    def scrapes(self) -> list[str]:
        """Returns lines of OpenMetrics, oldest first. Prometheus accepts no sample older than the last one of its series."""
        last: dict[str, float] = {}
        lines = []
        for second in range(0, self.end + AFTER + 1, self.every):
            when = self.shown(second)
            for series, value in self.values(second):
                if when > last.get(series, float("-inf")):
                    last[series] = when
                    lines.append(f"{series} {value} {when:.0f}")
        return lines

    def values(self, second: int):
        """Yields the series and their values at a second."""
        for process in self.file["processes"]:
            begin, until = process.get("from", 0), process.get("until")
            if second < begin + process.get("unseen", 0) or (until is not None and second > until):
                continue
            counts = {key: sum(times(load, begin, second) * load.get(key, 0) for load in process["load"])
                      for key in ("events", "bad")}
            target = f'job="{self.name}",instance="{process["name"]}"'
            yield f"up{{{target}}}", 1
            yield f'requests_total{{{target},code="200"}}', counts["events"] - counts["bad"]
            if second >= process.get("errors_from", 0):
                yield f'requests_total{{{target},code="500"}}', counts["bad"]


def times(load: dict, begin: int, end: int) -> int:
    """Returns how often a load comes in `(begin, end]`."""
    def until(second: int) -> int:
        return max(0, min(second, load["until"]) - load["from"]) // load["every"]

    return max(0, until(end) - until(begin))


def merged(episodes: list) -> list[tuple[int, int | None]]:
    """Returns intervals of time, with those that overlap joined."""
    found: list[tuple[int, int | None]] = []
    for begin, until in sorted(episodes, key=lambda episode: episode[0]):
        if found and (found[-1][1] is None or begin <= found[-1][1]):
            last = found.pop()
            until = None if last[1] is None or until is None else max(last[1], until)
            begin = last[0]
        found.append((begin, until))
    return found


def scenarios() -> list[Scenario]:
    return [Scenario(path.stem, yaml.safe_load(path.read_text())) for path in sorted(FOLDER.glob("*.yaml"))]
