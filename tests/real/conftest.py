"""What the tests share: the binary, and sidecars that end with their test."""

import os
from pathlib import Path

import pytest

from process import REPOSITORY, Sidecar


@pytest.fixture(scope="session")
def binary() -> Path:
    """The program under test: `MAPWARDEN_BIN`, or the release build."""
    path = Path(os.environ.get("MAPWARDEN_BIN", REPOSITORY / "target" / "release" / "mapwarden"))
    assert path.is_file(), f"{path} is not there: build it with `cargo build --release`"
    return path


@pytest.fixture
def sidecar(binary, tmp_path):
    """Starts `mapwarden run` with these arguments; all are ended with the test."""
    running = []

    def start(*arguments, **options) -> Sidecar:
        running.append(Sidecar(binary, tmp_path, *arguments, **options))
        return running[-1]

    yield start
    for started in running:
        started.end()
