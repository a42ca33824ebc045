"""Clients that connect and crash."""

from __future__ import annotations

import random

from tests.faults.counts import RESETS
from tests.faults.crowd import BATCH, Bystander, LinePeer, Peer
from tests.faults.fuzz import HELLO
from tests.faults.harness import FaultTestCase, Stopwatch, mib, reasons
from tests.support.integration import MEGABYTE, connect, request

SEED = 7
MOST_GROWTH = 16 * MEGABYTE
REASONS = {"connection lost", "quit", "TLS handshake cut off"}

HALF_LINES = (
    b"s",
    b"say to be continu",
    b"randomNumber\r",
    b'{"action":"cacheTest","params":{"key":"',
    b"roomChange elsewhere\nsay and so",
    b"paramAdd a=" + b"x" * 40_000,
    b"say " + b"x" * 100_000,
    b"detailsView\n" * 100 + b"detailsVi",
)
"""What is sent before a reset in mid-line."""

WHOLE = (
    b"",
    b"detailsView\n",
    request("sleepTest", sleepDuration=60_000).encode() + b"\n",
    request("file", fileName="file").encode() + b"\n",
    b"quit\n",
)
"""What is sent before a reset between two lines: nothing, or what is not done by then."""


class ResetTests(FaultTestCase):
    """Nothing of them is left behind."""

    number = 7

    def test_resets(self) -> None:
        self.begin("--no-log-requests", files={"public/file": b"x" * (16 * MEGABYTE)})
        chance = random.Random(SEED)
        (bystander,) = self.crowd.gather(1, Bystander)
        idle, used = self.state(), self.used_memory()
        watch = Stopwatch()
        done = in_mid_line = 0
        while done < RESETS:
            size, answers = min(BATCH, RESETS - done), bystander.answers
            # Every second one is reset in mid-line, the others at all other moments.
            at_once = [self.stranger(chance) for _ in range(size // 4)]
            clients = self.crowd.gather(size - len(at_once), LinePeer)
            for number, each in enumerate(clients):
                half = number < size // 2
                in_mid_line += half
                each.send(chance.choice(HALF_LINES if half else WHOLE))
            if chance.random() < 0.5:
                # By then the daemon has read what they sent.
                self.probe()
            for each in (*at_once, *clients):
                each.reset()
            self.crowd.until(lambda before=answers: bystander.answers > before, "another's answer")
            done += size
        self.assert_back(idle)
        seconds, closed, grown = watch.seconds, self.closed(), self.used_memory() - used
        self.assertEqual(sum(closed.values()), RESETS)
        self.assertLessEqual(set(closed), REASONS, closed)
        self.assertLess(grown, MOST_GROWTH)
        self.assertGreater(bystander.answers, RESETS // BATCH)
        self.note(
            f"{RESETS:,} clients connect and reset, half of them in mid-line, the others before "
            "their welcome (TLS: in their handshake), behind it, with an action that runs, with "
            "a file on its way",
            f"gone within {seconds:.0f} s ({reasons(closed)}, {in_mid_line:,} of them in "
            f"mid-line); connections, rooms, timers, running actions and descriptors as before; "
            f"memory in use grew by {mib(grown)}; another client got {bystander.answers:,} "
            "answers meanwhile",
        )
        self.finish()

    def stranger(self, chance: random.Random) -> Peer:
        """A client that does not wait for its welcome, over TLS not even for its handshake."""
        stranger = self.crowd.adopt(Peer, connect(self.running))
        if chance.random() < 0.5:
            stranger.send(HELLO if self.pair else b"say hell")
        return stranger


class ResetTLSTests(ResetTests):
    """The same over TLS."""

    pair = "ec"


class ResetWebSocketTests(ResetTests):
    """The same over WebSocket."""

    web = True
