"""OTLP of a service with many routes: a cumulative counter for every route and status code.

The body is encoded once. Each second only the times and the counts in it are replaced, so that the sender takes little from the
machine that it measures. Series of successes grow at each step; those of failures only as the route's share of failures asks.
"""

import struct
import time

import requests

CODES = ["200", "201", "204", "301", "304", "400", "404", "409", "500", "503"]

CUMULATIVE = 2


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def message(field: int, body: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(body)) + body


def attribute(field: int, key: str, value: str) -> bytes:
    return message(field, message(1, key.encode()) + message(2, message(1, value.encode())))


def fixed(field: int, number: int) -> bytes:
    return varint(field << 3 | 1) + struct.pack("<Q", number)


class Load:
    """`routes` x `codes` series of one process that began at `begin`, in seconds since 1970."""

    def __init__(self, routes: int, codes: list[str], begin: float):
        # `metrics.proto`: NumberDataPoint is attributes 7, start 2, time 3, as_int 6. The fields of fixed length come last,
        # so that each point ends with its time (8 bytes), a tag (1) and its count (8).
        points = b""
        ends = []
        self.routes, self.codes = routes, codes
        for route in range(routes):
            for code in codes:
                points += message(1, attribute(7, "http.route", f"/route/{route}") + attribute(7, "code", code)
                                  + fixed(2, int(begin * 1e9)) + fixed(3, 0) + fixed(6, 0))
                ends.append(len(points))
        total = message(7, points + varint(2 << 3) + varint(CUMULATIVE) + varint(3 << 3) + b"\x01")
        metric = message(2, message(1, b"requests") + total)
        names = {"service.name": "cost", "service.version": "v1", "deployment.environment.name": "cost",
                 "mapwarden.team": "cost"}
        resource = message(1, b"".join(attribute(1, key, value) for key, value in names.items()))
        self.body = bytearray(message(1, resource + message(2, metric)))
        begin_of_points = self.body.index(points)
        self.ends = [begin_of_points + end for end in ends]

    def __len__(self) -> int:
        return len(self.ends)

    def at(self, now: float, step: int, failing: int = 0) -> bytes:
        """Returns the body at a moment. Each series of successes has counted `step` steps. One of failures has counted every
        512th of them, a quarter of a per mille of the route's requests, or each of them where the route is among the first
        `failing`."""
        when = struct.pack("<Q", int(now * 1e9))
        steps, ends = struct.pack("<Q", step), iter(self.ends)
        for route in range(self.routes):
            # Failures of different routes are apart, so that each second has some.
            failures = struct.pack("<Q", step if route < failing else (step + route) // 512)
            for code, end in zip(self.codes, ends):
                self.body[end - 17:end - 9] = when
                self.body[end - 8:end] = failures if code[0] == "5" else steps
        return bytes(self.body)


def send(session: requests.Session, otlp: str, body: bytes) -> float:
    """Sends a body, and repeats it while the answer is 503. Returns how long the last answer took, in seconds."""
    while True:
        begin = time.monotonic()
        answer = session.post(otlp + "/v1/metrics", data=body, headers={"content-type": "application/x-protobuf"}, timeout=30)
        if answer.status_code == 200:
            return time.monotonic() - begin
        assert answer.status_code == 503, answer.text
        time.sleep(0.2)
