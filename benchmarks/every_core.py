"""What a second core gives: workers on two cores, to one on one of them."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

from . import load, servers
from .rows import ROUNDS, Row, at_least, at_most

CORES: Final = f"{load.SERVER_CORE},{load.LOAD_CORE}"
WORK: Final = "burn"
TARGET: Final = 1.7
CONNECTIONS: Final = 400
SHARE_TARGET: Final = 1.1
LISTENERS: Final = 100
BROADCAST_TARGET: Final = 0.5


def every_core() -> Iterator[Row]:
    """Rates of actions of 200 µs; how connections are spread; and a broadcast over workers."""
    with ExitStack() as stack:
        redis = stack.enter_context(servers.redis())
        one = stack.enter_context(servers.workers(1, redis, cores=CORES))
        other_redis = stack.enter_context(servers.redis())
        two = stack.enter_context(servers.workers(2, other_redis, cores=CORES))
        yield _rates(one, two)
        yield _spread(two)
        yield _broadcast(one, two)


def _rates(one: servers.Server, two: servers.Server) -> Row:
    results, ratios = [], []
    for _ in range(ROUNDS):
        base = load.requests(one.port, one.pid, WORK, 1, waits=True)
        results.append(load.requests(two.port, two.pid, WORK, 1, waits=True))
        ratios.append(results[-1].rate / base.rate)
    work = "actions of 200 µs, 2 of them, to 1 · 1 outstanding"
    return at_least("workers on two cores", work, statistics.median(ratios), TARGET, results)


def _spread(two: servers.Server) -> Row:
    """How many connections the worker with the most of them has, to its fair share."""
    before = [_descriptors(pid) for pid in two.children()]
    with load.Held(two.port, CONNECTIONS):
        after = [_descriptors(pid) for pid in two.children()]
    each = [end - begin for begin, end in zip(before, after, strict=True)]
    most = max(each) / (sum(each) / len(each))
    work = f"{CONNECTIONS} connections: the fuller one's, to its share"
    return at_most("workers on two cores", work, most, SHARE_TARGET)


def _broadcast(one: servers.Server, two: servers.Server) -> Row:
    """Deliveries for each second of processor time, all workers together."""
    ratios = []
    for _ in range(ROUNDS):
        cpu = []
        for server in (one, two):
            arguments = (server.port, LISTENERS, 16, load.SECONDS, 1, 1, "", "say " + "x" * 20)
            result = load.run(server.pid, "fanout", *arguments, others=server.children())
            cpu.append(result.cpu + sum(result.others))
        ratios.append(cpu[0] / cpu[1])
    work = f"deliveries for each CPU second, {LISTENERS} listeners on both, to one worker's"
    ratio = statistics.median(ratios)
    met = ratio >= BROADCAST_TARGET
    return Row("workers on two cores", work, ratio, f">= {BROADCAST_TARGET:g}", met)


def _descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
