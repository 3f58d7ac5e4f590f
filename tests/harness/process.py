"""Starts programs on free ports of this machine, waits until they answer, and ends each by its process id."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import requests

REPOSITORY = Path(__file__).resolve().parents[2]

# The release build, which the tests and the benches run where no other binary is named.
RELEASE = REPOSITORY / "target" / "release" / "mapwarden"

# How long a test waits for anything before it fails. Raised, a test that fails takes longer; lowered, a slow machine fails.
PATIENCE = 60.0


def free_port() -> int:
    """Returns a port that no program listens on at this moment."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def wait_for(what: str, ask, patience: float = PATIENCE):
    """Returns the first answer of `ask` that is not None. A refused connection is not an answer yet."""
    deadline = time.monotonic() + patience
    last = None
    while time.monotonic() < deadline:
        try:
            answer = ask()
            if answer is not None:
                return answer
        except requests.RequestException as error:
            last = error
        time.sleep(0.1)
    raise AssertionError(f"waited {patience:.0f} s for {what}" + (f"; last: {last}" if last else ""))


def wait_until_ok(process: "Process", what: str, url: str) -> None:
    """Waits until a GET of the URL answers with success; fails at once when the program has ended."""
    process.wait_for(what, lambda: requests.get(url, timeout=5).ok or None)


class Process:
    """A program with its output in files of `folder`."""

    def __init__(self, name: str, command: list, folder: Path, environment: dict | None = None):
        self.name = name
        self.output = folder / f"{name}.out"
        self.errors = folder / f"{name}.err"
        environment = {**os.environ, "RUST_BACKTRACE": "1", **(environment or {})}
        with self.output.open("ab") as output, self.errors.open("ab") as errors:
            self.child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment, cwd=folder,
            )

    def text(self) -> str:
        """Returns everything that the program wrote, standard output first."""
        return self.output.read_text(errors="replace") + self.errors.read_text(errors="replace")

    def wait_for(self, what: str, ask, patience: float = PATIENCE):
        """Waits as `wait_for` does, and fails at once when the program has ended."""

        def alive():
            if self.child.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.child.returncode}:\n{self.text()[-4000:]}")
            return ask()

        try:
            return wait_for(what, alive, patience)
        except AssertionError as error:
            raise AssertionError(f"{error}\noutput of {self.name}:\n{self.text()[-4000:]}") from None

    def end(self) -> int:
        """Sends SIGTERM, then SIGKILL after 20 s, and returns the exit code."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
        return self.child.wait(20)

    def kill(self) -> None:
        """Sends SIGKILL: the program cannot save anything."""
        self.child.kill()
        self.child.wait(20)
