"""The scenarios as their files say them, and the counters that Prometheus would have scraped. README.md explains the keys."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml

FOLDER = Path(__file__).resolve().parent

# For how long the scrapes go on after the end, with nothing new: a rule looks back over the last minutes.
AFTER = 600


@dataclass(frozen=True)
class Scenario:
    """One file."""

    name: str
    file: dict

    @property
    def start(self) -> float:
        start = self.file["start"]
        return (start if isinstance(start, datetime) else datetime.fromisoformat(start)).timestamp()

    def shown(self, second: int) -> float:
        """What the clock shows at a second of the scenario, in seconds since 1970."""
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
        """When a tier of this kind, `page` or `ticket`, fires: from when, until when."""
        alerts = [(alert["from"], alert.get("until")) for alert in self.file["answer"]["alerts"]
                  if alert["tier"].endswith(kind)]
        return merged(alerts)

    def scrapes(self) -> list[str]:
        """Lines of OpenMetrics, oldest first. Prometheus takes nothing that is older than what it has."""
        last: dict[str, float] = {}
        lines = []
        for second in range(0, self.end + AFTER + 1, self.every):
            when = self.shown(second)
            for series, value in self.told(second):
                if when > last.get(series, float("-inf")):
                    last[series] = when
                    lines.append(f"{series} {value} {when:.0f}")
        return lines

    def told(self, second: int):
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
    """How often a load comes in `(begin, end]`."""
    def until(second: int) -> int:
        return max(0, min(second, load["until"]) - load["from"]) // load["every"]

    return max(0, until(end) - until(begin))


def merged(episodes: list) -> list[tuple[int, int | None]]:
    """Stretches of time that overlap, as one."""
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
