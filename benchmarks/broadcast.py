"""Deliveries a second of one speaker to many listeners, to the brokers that people would use."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

from . import load, servers
from .load import Result
from .rows import IDLE, OUTSTANDING, SAID_BYTES, Row, at_least, at_most, label_of

ROUNDS: Final = 3
LISTENERS: Final = (100, 1000)
REACTORS: Final = ("epoll", "uvloop")
TARGETS: Final = {"Redis": 1.0, "NATS": 1.2}
"""The least ratio of our deliveries to those of each broker."""

QUIET: Final = ("--no-log-requests", "--announce-limit=0")


def say(server: servers.Server, listeners: int, outstanding: int) -> Result:
    """One client of ours speaks."""
    line = "say " + "x" * 20
    arguments = (listeners, outstanding, load.SECONDS, 1, 1, "", line)
    return load.run(server.pid, "fanout", server.port, *arguments)


def publish(server: servers.Server, listeners: int, outstanding: int) -> Result:
    """One client of Redis publishes lines of about the same length."""
    line = f"PUBLISH room {'x' * SAID_BYTES}"
    arguments = (listeners, outstanding, load.SECONDS, 0, 7, "SUBSCRIBE room", line)
    return load.run(server.pid, "fanout", server.port, *arguments)


def publish_nats(server: servers.Server, listeners: int, outstanding: int) -> Result:
    """The same of NATS. It answers with a line, as Redis does: its clients are verbose unless
    they say otherwise.
    """
    line = f"PUB room {SAID_BYTES}\r\n{'x' * SAID_BYTES}\r"
    arguments = (listeners, outstanding, load.SECONDS, 1, 2, "SUB room 1", line)
    return load.run(server.pid, "fanout", server.port, *arguments)


def broadcast() -> Iterator[Row]:
    """To Redis and NATS, with 100 and 1,000 listeners, on both event loops; and what it takes."""
    yield from _to_brokers()
    yield from _growth()


def _to_brokers() -> Iterator[Row]:
    ours: dict[tuple[str, int, int], list[Result]] = {}
    theirs: dict[tuple[str, int, int], list[Result]] = {}
    with ExitStack() as stack:
        enter = stack.enter_context
        brokers = {
            "Redis": (publish, enter(servers.redis())),
            "NATS": (publish_nats, enter(servers.nats())),
        }
        mine = {name: enter(servers.ours(*QUIET, reactor=name)) for name in REACTORS}
        for _ in range(ROUNDS):
            for listeners, outstanding in itertools.product(LISTENERS, OUTSTANDING):
                for name, (ask, broker) in brokers.items():
                    one = ask(broker, listeners, outstanding)
                    theirs.setdefault((name, listeners, outstanding), []).append(one)
                for name, server in mine.items():
                    one = say(server, listeners, outstanding)
                    ours.setdefault((name, listeners, outstanding), []).append(one)
    for broker_name, target in TARGETS.items():
        for (reactor, listeners, outstanding), results in ours.items():
            bases = theirs[broker_name, listeners, outstanding]
            pairs = zip(results, bases, strict=True)
            ratio = statistics.median(one.rate / base.rate for one, base in pairs)
            work = label_of(f"{listeners} listeners, {reactor}, to {broker_name}", outstanding)
            yield at_least("deliveries", work, ratio, target, results)


def _growth() -> Iterator[Row]:
    """How the cost of a delivery grows with listeners, and with clients in other rooms."""
    thousand: list[float] = []
    crowd: list[float] = []
    with ExitStack() as stack:
        enter = stack.enter_context
        ours = enter(servers.ours("--no-log-requests"))
        crowded = enter(servers.ours("--no-log-requests"))
        enter(load.Held(crowded.port, IDLE, line="roomChange elsewhere"))
        for _ in range(ROUNDS):
            one = say(ours, 100, 1)
            thousand.append(say(ours, 1000, 1).cpu / one.cpu)
            crowd.append(say(crowded, 100, 1).cpu / one.cpu)
    label = "CPU for each delivery: 1,000 listeners, to 100"
    yield at_most("deliveries", label, statistics.median(thousand), 1.0)
    label = "CPU for each delivery: 10,000 clients in other rooms, to none"
    yield at_most("deliveries", label, statistics.median(crowd), 1.1)
