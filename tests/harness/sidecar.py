"""The sidecar as a process: `mapwarden run` or `mapwarden demo` on free ports, with its HTTP interface."""

from pathlib import Path

import requests

from harness.process import Process, free_port, wait_until_ok


class Sidecar(Process):
    """A sidecar that is ready when the constructor returns."""

    def __init__(self, binary: Path, folder: Path, *arguments, command: str = "run", name: str | None = None,
                 ports: tuple[int, int] | None = None, environment: dict | None = None):
        self.ports = ports or (free_port(), free_port())
        otlp, admin = self.ports
        self.otlp = f"http://127.0.0.1:{otlp}"
        self.admin = f"http://127.0.0.1:{admin}"
        addresses = ["--otlp-http", f"127.0.0.1:{otlp}", "--admin", f"127.0.0.1:{admin}"]
        super().__init__(name or command, [binary, command, *addresses, *arguments], folder, environment)
        wait_until_ok(self, "/readyz", self.admin + "/readyz")

    def get(self, path: str) -> requests.Response:
        return requests.get(self.admin + path, timeout=10)

    def json(self, path: str):
        answer = self.get(path)
        answer.raise_for_status()
        return answer.json()

    def slo(self, identifier: str) -> dict | None:
        return next((slo for slo in self.json("/api/v1/slos") if slo["id"] == identifier), None)

    def sample(self, name: str, **labels: str) -> float | None:
        """Returns the value of the first series of /metrics that has this name and these labels, among others."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        for line in self.get("/metrics").text.splitlines():
            series, _, value = line.rpartition(" ")
            if series.partition("{")[0] == name and all(label in series for label in wanted):
                return float(value)
        return None
