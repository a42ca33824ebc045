"""Clients that pipeline the dearest lines that there are, and one that asks now and then."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Final

from tests.faults.counts import EXPENSIVE_CLIENTS, EXPENSIVE_SECONDS
from tests.faults.crowd import Crowd, LinePeer
from tests.faults.harness import FaultTestCase, Stopwatch

NESTED = b"[" * 30 + b"]" * 30
LINE = b'{"action":"x","params":{"x":[%b]}}\n' % b",".join([NESTED] * 1_060)
"""64 KB of lists in lists."""


LEAST_ANSWERS: Final = 6
"""So many does each attacker get at least, however slow the machine is."""


class Attacker(LinePeer):
    """Sends such lines for as long as they are taken.

    Attributes:
        answers: How many answers it got.
        stopped: Whether it sends no more.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket) -> None:
        super().__init__(crowd, stream)
        self.answers = 0
        self.stopped = False

    def line(self, line: bytes) -> None:
        assert b'"error":"x is not a known action."' in line, line
        self.answers += 1
        if not self.stopped:
            self.send(LINE)


class Asker(LinePeer):
    """Asks how many requests the server has answered.

    Attributes:
        seen: The numbers that it was given.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket) -> None:
        super().__init__(crowd, stream)
        self.seen: list[int] = []

    def line(self, line: bytes) -> None:
        self.seen.append(json.loads(line)["requests"])

    def ask(self) -> int:
        """Asks, and lets the others go on until the answer is there."""
        count = len(self.seen)
        self.send(b"probe\n")
        self.crowd.until(lambda: len(self.seen) > count, "an answer")
        return self.seen[-1]


class ExpensiveLineTests(FaultTestCase):
    """Nobody is served twice before another that waits, and who sends little is next."""

    number = 19

    def test_another_is_next(self) -> None:
        self.begin("--no-log-requests", "--announce-limit=0")
        (asker,) = self.crowd.gather(1, Asker)
        attackers = self.crowd.gather(EXPENSIVE_CLIENTS, Attacker)
        used = self.processor_seconds()
        for each in attackers:
            each.send(LINE * 4)
        self.crowd.until(lambda: all(each.answers for each in attackers), "the first answers")
        waits: list[float] = []
        between: list[int] = []
        watch = Stopwatch()
        while (
            watch.seconds < EXPENSIVE_SECONDS
            or min(each.answers for each in attackers) < LEAST_ANSWERS
        ):
            self.crowd.run(0.02)
            asked, before = Stopwatch(), asker.ask()
            between.append(asker.ask() - before - 1)
            waits.append(asked.seconds / 2)
        for each in attackers:
            each.stopped = True
        served = [each.answers for each in attackers]
        # Not by the clock: other processes may have had the machine for some of that time.
        cost = (self.processor_seconds() - used) / sum(served)
        # Between two answers to the other there are two passes of the loop, or three; with as
        # many lines as fit into 10 ms, and one more.
        self.assertLess(max(between), 3 * (2 + 0.01 / cost) + 6)
        # Whose window the kernel opens first is a matter of chance.
        self.assertLessEqual(max(served), 4 * min(served) + 8)
        self.assertEqual({}, self.closed())
        waits.sort()
        p50, p99 = (waits[int(len(waits) * share)] * 1000 for share in (0.5, 0.99))
        self.note(
            f"{EXPENSIVE_CLIENTS} clients pipeline lines of 64 KB of nested lists; another asks "
            "now and then",
            f"{sum(served):,} lines were served in {watch.seconds:.0f} s, {min(served)} to "
            f"{max(served)} for each; the other waited {p50:.0f} ms (median) and {p99:.0f} ms "
            f"(p99); at most {max(between)} lines came before its own",
        )
        self.finish()

    def processor_seconds(self) -> float:
        """How long the daemon has had a processor so far."""
        stat = Path(f"/proc/{self.running.process.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class ExpensiveLineTLSTests(ExpensiveLineTests):
    """The same over TLS."""

    pair = "ec"


class ExpensiveLineWebSocketTests(ExpensiveLineTests):
    """The same over WebSocket."""

    web = True
