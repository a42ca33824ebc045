"""What our server costs for each request, to a server that one would write by hand.

That is peers/lines.py. The ratio is its processor time to ours, each by the process's own clock,
in rounds that take turns.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from typing import Final

from . import load, servers
from .load import Result
from .rows import Row, at_least, label_of

ROUNDS: Final = 7
OUTSTANDING: Final = (1, 16)
REACTORS: Final = ("uvloop", "epoll")

READING: Final = {
    "device": "12345678-1234-5678-1234-567812345678",
    "at": "2026-01-01T00:00:00Z",
    "place": {"latitude": 1.5, "longitude": 2.5},
    "values": [1.5, 2.5, 3.5],
    "battery": 55,
    "status": "ok",
    "firmware": "1.2.3",
    "tags": {"a": "b"},
    "signal": -70,
    "charging": True,
}


def _json(action: str, **params: object) -> str:
    return json.dumps({"action": action, "params": params}, separators=(",", ":"))


WORKS: Final = {
    "detailsView": ("detailsView", 1.1, 1.0),
    "paramAdd": ("paramAdd a=b", 1.1, 1.0),
    "randomNumber, in words": ("randomNumber", 1.0, 0.9),
    "randomNumber, as JSON": (_json("randomNumber", a=1), 1.0, 0.9),
    "cacheTest, as JSON": (_json("cacheTest", key="k", value="v"), 0.7, 0.5),
    "a typed input of ten fields": (_json("report", reading=READING), 1.0, 0.9),
    "an action that awaits asyncio.sleep(0)": ("sleepNothing", 0.9, 0.8),
}
"""Each work's line, and its least ratio on uvloop with 1 and with 16 requests outstanding."""

ASYNCIO_ONLY: Final = ("an action that awaits asyncio.sleep(0)",)


def handwritten() -> Iterator[Row]:
    """The processor time of the hand-written server to ours, on uvloop and on epoll."""
    for reactor in REACTORS:
        with (
            servers.peer() as peer,
            servers.ours("--no-log-requests", "--announce-limit=0", reactor=reactor) as ours,
        ):
            for work, (line, *targets) in WORKS.items():
                if reactor == "epoll" and work in ASYNCIO_ONLY:
                    continue
                for outstanding, target in zip(OUTSTANDING, targets, strict=True):
                    ratios: list[float] = []
                    results: list[Result] = []
                    for _ in range(ROUNDS):
                        theirs = load.requests(peer.port, peer.pid, line, outstanding)
                        results.append(load.requests(ours.port, ours.pid, line, outstanding))
                        ratios.append(theirs.cpu / results[-1].cpu)
                    # What is asked for is asked of uvloop; on epoll the row is for comparison.
                    least = target if reactor == "uvloop" else 0.0
                    label = label_of(work, outstanding)
                    group = f"hand-written peer to ours on {reactor}"
                    yield at_least(group, label, statistics.median(ratios), least, results)
