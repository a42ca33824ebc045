"""Clients that keep all threads busy, and one that needs a thread for a moment."""

from __future__ import annotations

import json
import socket

from tests.faults.counts import BLOCKING_CLIENTS, BLOCKING_REQUESTS
from tests.faults.crowd import Crowd, LinePeer
from tests.faults.harness import FaultTestCase, Stopwatch

THREADS = 4
ASKED = 20

ACTIONS = """
import time
from itertools import count

from actionhero_tcp import action

started = count(1)
last = [0]


@action(blocking=True)
def slow(api, connection):
    last[0] = next(started)
    time.sleep(0.2)


@action(blocking=True)
def quick(api, connection):
    return {"started": last[0]}


@action
def seen(api, connection):
    return {"started": last[0], "running": api.threads.running}
"""


class Blocker(LinePeer):
    """Has many blocking actions run at once.

    Attributes:
        answers: How many answers it got.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket) -> None:
        super().__init__(crowd, stream)
        self.answers = 0

    def line(self, line: bytes) -> None:
        assert json.loads(line).get("error") is None, line
        self.answers += 1


class UnfairThreadTests(FaultTestCase):
    """Clients take turns, so that one waits for those before it only, not for all."""

    number = 18

    def test_another_waits_for_the_threads_that_run_at_most(self) -> None:
        self.begin(
            "--no-log-requests",
            "--announce-limit=0",
            "--action-timeout=600",
            f"--threads={THREADS}",
            files={"actions/blocking.py": ACTIONS},
        )
        blockers = self.crowd.gather(BLOCKING_CLIENTS, Blocker)
        for each in blockers:
            each.send(b"slow\n" * BLOCKING_REQUESTS)
        total = BLOCKING_CLIENTS * BLOCKING_REQUESTS
        self.crowd.until(
            lambda: self.observer.ask("seen")["running"] >= THREADS - 1, "busy threads"
        )
        before: list[int] = []
        slowest = 0.0
        for _ in range(ASKED):
            started, watch = self.observer.ask("seen")["started"], Stopwatch()
            before.append(self.observer.ask("quick")["started"] - started)
            slowest = max(slowest, watch.seconds)
            self.crowd.write_batch()
        # As many may have been begun as there are threads, before it was its turn.
        self.assertLessEqual(max(before), THREADS)
        self.crowd.until(
            lambda: all(each.answers == BLOCKING_REQUESTS for each in blockers), "all answers"
        )
        self.assertEqual({}, self.closed())
        self.note(
            f"{BLOCKING_CLIENTS} clients each send {BLOCKING_REQUESTS} blocking actions of 0.2 s "
            f"at once ({THREADS} threads); another sends short ones",
            f"at most {max(before)} of the {total:,} others were begun while it waited, for "
            f"{slowest * 1000:.0f} ms at most; all were answered",
        )
        self.finish()


class UnfairThreadTLSTests(UnfairThreadTests):
    """The same over TLS."""

    pair = "ec"


class UnfairThreadWebSocketTests(UnfairThreadTests):
    """The same over WebSocket."""

    web = True
