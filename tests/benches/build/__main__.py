"""What a newcomer's first `cargo run --release -- demo` spends its time on: the release build, crate by crate.

    tests/bench build     two to five minutes on a quiet machine; `--write` fills docs/benchmarks.md

Builds into a folder of its own, which is removed at the end. The seconds of a crate are those of its compilation and of its
build script, while other crates are compiled beside it.
"""

import argparse
import json
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from harness import options
from harness.process import REPOSITORY

# How many crates the table shows.
SHOWN = 10


def build(folder: Path, arguments: list[str]) -> tuple[float, dict[str, float]]:
    """Returns the seconds of a whole build, and those of each crate."""
    begin = time.monotonic()
    command = ["cargo", "build", "--release", "--locked", "--timings", *arguments]
    subprocess.run(command, cwd=REPOSITORY, check=True, env={**os.environ, "CARGO_TARGET_DIR": str(folder)})
    seconds = time.monotonic() - begin
    page = (folder / "cargo-timings" / "cargo-timing.html").read_text()
    units = json.loads(re.search(r"const UNIT_DATA = (\[.*?\]);", page, re.DOTALL)[1])
    crates: dict[str, float] = {}
    for unit in units:
        crates[unit["name"]] = crates.get(unit["name"], 0.0) + unit["duration"]
    return seconds, crates


def table(seconds: float, crates: dict[str, float]) -> str:
    largest = sorted(crates.items(), key=lambda crate: crate[1], reverse=True)
    rest = sum(duration for _, duration in largest[SHOWN:])
    lines = [f"{len(crates)} crates in {seconds:.0f} s on {os.cpu_count()} cores; {sum(crates.values()):.0f} s of compilations, one "
             "beside the other:", "", "| crate | seconds |", "|---|--:|"]
    lines += [f"| {name} | {duration:.1f} |" for name, duration in largest[:SHOWN]]
    return "\n".join([*lines, f"| the other {len(largest[SHOWN:])} | {rest:.1f} |"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    parser.add_argument("arguments", nargs="*", help="of `cargo build`, for example `-- -p mapwarden-slo`")
    parser.set_defaults(document="docs/benchmarks.md")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mapwarden-build-") as folder:
        options.publish(chosen, "first build", table(*build(Path(folder), chosen.arguments)))


if __name__ == "__main__":
    main()
