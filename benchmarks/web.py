"""What the web port costs: metrics for each request, and clients over WebSocket."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from . import browsers, load, servers
from .load import CONNECTIONS, SECONDS, Result
from .rows import OUTSTANDING, Row, at_least, at_most, label_of

METRICS_ROUNDS: Final = 15
"""More than elsewhere: what is looked for is smaller than what disturbs a round."""

METRICS_TARGET: Final = 1.03
METRICS_WORKS: Final = ("randomNumber", "detailsView")
ROUNDS: Final = 5
WEBSOCKET_TARGET: Final = 0.5
WEBSOCKET_WORK: Final = "randomNumber"
IDLE: Final = 2_000
IDLE_TARGET: Final = 12.0


def web() -> Iterator[Row]:
    """The rows of the web port."""
    yield from _metrics()
    yield from _requests()
    yield from _memory()


def _metrics() -> Iterator[Row]:
    """Processor time of a request where metrics are counted, to one where they are not."""
    ratios: dict[tuple[str, int], list[float]] = {}
    with servers.ours() as off, servers.ours(f"--web-port={servers.free_port()}") as on:
        for turn in range(METRICS_ROUNDS):
            for work in METRICS_WORKS:
                for outstanding in OUTSTANDING:
                    cpu = {}
                    # Who comes first changes, since a round slows down what comes later.
                    for server in (off, on)[:: 1 if turn % 2 else -1]:
                        result = load.requests(server.port, server.pid, work, outstanding)
                        cpu[server] = result.cpu
                    ratios.setdefault((work, outstanding), []).append(cpu[on] / cpu[off])
    for (work, outstanding), each in ratios.items():
        label = f"CPU for each request, web on, to off: {label_of(work, outstanding)}"
        yield at_most("metrics", label, statistics.median(each), METRICS_TARGET)


def _ask(server: servers.Server, port: int, outstanding: int, over: str) -> Result:
    script = str(Path(browsers.__file__))
    settings = (port, CONNECTIONS, outstanding, SECONDS, WEBSOCKET_WORK, over)
    return load.measured(server.pid, [sys.executable, script, *map(str, settings)])


def _requests() -> Iterator[Row]:
    """Requests over WebSocket to those over TCP, by the same clients and by processor time."""
    pairs: dict[int, list[tuple[Result, Result]]] = {}
    port = servers.free_port()
    with servers.ours("--no-log-requests", f"--web-port={port}") as ours:
        for _ in range(ROUNDS):
            for outstanding in OUTSTANDING:
                one = _ask(ours, port, outstanding, "ws")
                base = _ask(ours, ours.port, outstanding, "tcp")
                pairs.setdefault(outstanding, []).append((one, base))
    for outstanding, both in pairs.items():
        label = label_of(WEBSOCKET_WORK, outstanding)
        ratio = statistics.median(base.cpu / one.cpu for one, base in both)
        group = "WebSocket, requests for each CPU second, to TCP"
        yield at_least(group, label, ratio, WEBSOCKET_TARGET, [one for one, _ in both])


def _memory() -> Iterator[Row]:
    """Memory in the process for each idle client over WebSocket."""
    port = servers.free_port()
    with servers.ours("--no-log-requests", "--announce-limit=0", f"--web-port={port}") as ours:
        before = load.memory(ours.pid)
        with ExitStack() as stack:
            for _ in range(IDLE):
                stack.enter_context(browsers.connect(port, "ws"))
            each = (load.memory(ours.pid) - before) / IDLE / 1024
    yield at_most("memory", f"an idle WebSocket, at {IDLE:,}", each, IDLE_TARGET, "KiB")
