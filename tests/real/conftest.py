"""Fixtures of these tests: the binary, and sidecars that end with their test."""

import os
from pathlib import Path

import pytest

from harness.process import RELEASE
from harness.sidecar import Sidecar


@pytest.fixture(scope="session")
def binary() -> Path:
    """The program under test: `MAPWARDEN_BIN`, or the release build."""
    path = Path(os.environ.get("MAPWARDEN_BIN", RELEASE))
    assert path.is_file(), f"{path} does not exist: build it with `cargo build --release`"
    return path


@pytest.fixture
def sidecar(binary, tmp_path):
    """Starts `mapwarden run` with the given arguments; every sidecar ends with the test."""
    running = []

    def start(*arguments, **options) -> Sidecar:
        running.append(Sidecar(binary, tmp_path, *arguments, **options))
        return running[-1]

    yield start
    for started in running:
        started.end()
