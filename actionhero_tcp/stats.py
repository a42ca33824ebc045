"""Counters of one server process, for the ``status`` action and the operator."""

from __future__ import annotations

import os
import time
import uuid
from bisect import bisect_left
from collections import Counter
from typing import Final

BOUNDS: Final = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025),
    *(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
"""The upper ends of the buckets of a `Histogram`, in seconds."""

_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")


class Histogram:
    """How often something happened, and how long it took.

    Attributes:
        buckets: How many took as long as each of `BOUNDS` at most, and longer than the one
            before it; the last counts those that took longer than all.
        seconds: How long all of them took together.
    """

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.buckets)

    def observe(self, seconds: float) -> None:
        """Counts one.

        Args:
            seconds: How long it took.
        """
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class ActionTimes(Histogram):
    """How often one action has run, and how long it took.

    Attributes:
        errors: How many runs ended with an error.
    """

    __slots__ = ("errors",)

    def __init__(self) -> None:
        super().__init__()
        self.errors = 0


class Stats:
    """The counters of this process since its start.

    Attributes:
        id: 32 random hex digits that name this process.
        requests: Lines served.
        elsewhere: Lines that the other processes of the cluster have served, as known.
        connections: Clients connected now.
        connected_ever: Clients connected since the start.
        closed: How many connections ended, by reason.
        limited: How often each limit took effect, by its key in the config.
        handshakes: How many TLS handshakes succeeded, by version.
        blocked: How often the reactor was blocked for longer than ``log.blockedSeconds``.
        blocked_seconds: For how long it was blocked in these times.
        loop_lag: How late a timer of the reactor came; the block detector's beat measures it.
        redis_connects: How often Redis became reachable.
        redis_latency: How long Redis took to answer heartbeats.
        received_bytes: Bytes that clients have sent.
    """

    __slots__ = (
        "_started",
        "blocked",
        "blocked_seconds",
        "closed",
        "connected_ever",
        "connections",
        "elsewhere",
        "handshakes",
        "id",
        "limited",
        "loop_lag",
        "received_bytes",
        "redis_connects",
        "redis_latency",
        "requests",
    )

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex
        self.requests = 0
        self.elsewhere = 0
        self.connections = 0
        self.connected_ever = 0
        self.closed: Counter[str] = Counter()
        self.limited: Counter[str] = Counter()
        self.handshakes: Counter[str] = Counter()
        self.blocked = 0
        self.blocked_seconds = 0.0
        self.loop_lag = Histogram()
        self.redis_connects = 0
        self.redis_latency = Histogram()
        self.received_bytes = 0
        self._started = time.monotonic()

    def opened(self) -> None:
        """Counts a client that connected."""
        self.connections += 1
        self.connected_ever += 1

    def ended(self, reason: str) -> None:
        """Counts a client that went, by the reason why."""
        self.connections -= 1
        self.closed[reason] += 1

    @property
    def global_requests(self) -> int:
        """Lines served by the whole cluster, as known."""
        return self.requests + max(0, self.elsewhere)

    @property
    def uptime(self) -> float:
        """Seconds since the process started to serve."""
        return time.monotonic() - self._started

    @staticmethod
    def memory() -> int:
        """The resident memory of this process, in bytes (the second field of /proc/self/statm)."""
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * _PAGE_SIZE
