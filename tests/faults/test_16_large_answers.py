"""Clients that ask for large answers, whose size depends on others, and do not read them."""

from __future__ import annotations

import socket

from tests.faults.counts import CROWDED_ROOM, LARGE_ASKERS
from tests.faults.crowd import Bystander, Crowd, LinePeer
from tests.faults.harness import FaultTestCase, mib
from tests.faults.test_02_askers_that_do_not_read import SMALL_BUFFER
from tests.support.integration import MEGABYTE

REQUESTS = 5_000
MOST_EACH = 768 * 1024
"""64 KiB and one answer wait in the outbox, and again in the transport; and a chunk of lines."""

ESCAPES = b"\x01" * 16_000
"""A sticky param of 16 kB that takes 96 kB as JSON."""


class Member(LinePeer):
    """Is in the room."""

    def __init__(self, crowd: Crowd, stream: socket.socket) -> None:
        super().__init__(crowd, stream)
        self.send(b"roomChange full\n")


class Asker(LinePeer):
    """Asks over and over for something large, and does not read."""

    def __init__(self, crowd: Crowd, stream: socket.socket, first: bytes) -> None:
        super().__init__(crowd, stream)
        self.send(b"roomChange full\n" + first)

    def ask(self, line: bytes) -> None:
        """Asks, and reads no more."""
        self.pause()
        self.send(line * REQUESTS)


class LargeAnswerTests(FaultTestCase):
    """They are not read from; what waits for them is bounded, and others are served."""

    number = 16

    def play(self, line: bytes, first: bytes = b"", members: int = 0) -> None:
        self.begin("--no-log-requests", "--announce-limit=0", "--write-timeout=300")
        self.crowd.gather(members, Member)
        (bystander,) = self.crowd.gather(1, Bystander)
        askers = self.crowd.gather(LARGE_ASKERS, Asker, first, buffer=SMALL_BUFFER)
        before = self.reset_peak()
        for each in askers:
            each.ask(line)
        answers = bystander.answers
        while self.served_meanwhile(bystander):
            pass
        grown = self.peak() - before
        self.assertLess(grown, 16 * MEGABYTE + LARGE_ASKERS * MOST_EACH)
        self.crowd.until(lambda: bystander.answers > answers + 10, "another's answers")
        self.assertEqual({}, self.closed())
        what = line.decode().strip()
        room = f" in a room of {members:,}" if members else ""
        self.note(
            f"{LARGE_ASKERS} clients each send `{what}` {REQUESTS:,} times{room}, and do not read",
            f"not read from; memory grew by {mib(grown)}; another client was served",
        )
        self.finish()

    def served_meanwhile(self, bystander: Bystander) -> bool:
        """Whether any line but those of the bystander is served in half a second."""
        requests, answers = self.probe()["requests"], bystander.answers
        self.crowd.run(0.5)
        # One line more is the probe, and one of the bystander may be on its way.
        return bool(self.probe()["requests"] - requests > bystander.answers - answers + 3)

    def test_room_view(self) -> None:
        self.play(b"roomView\n", members=CROWDED_ROOM)

    def test_actions_view(self) -> None:
        self.play(b"actionsView\n")

    def test_details_view(self) -> None:
        self.play(b"detailsView\n", b"paramAdd key=" + ESCAPES + b"\n")


class LargeAnswerTLSTests(LargeAnswerTests):
    """The same over TLS."""

    pair = "ec"


class LargeAnswerWebSocketTests(LargeAnswerTests):
    """The same over WebSocket."""

    web = True
