"""Peers that vanish: their packets are lost, both ways, and nobody says so."""

from __future__ import annotations

import socket
import time

from actionhero_tcp.net import lowest_transport
from tests.faults.counts import DEAD_SECONDS, DEAD_SLACK
from tests.faults.crowd import Crowd, LinePeer
from tests.faults.harness import FaultTestCase
from tests.faults.namespace import Namespace

SHORTENED = f"""
from actionhero_tcp.net import lowest_transport
from actionhero_tcp.net import transport

lowest_transport.KEEPALIVE_IDLE_SECONDS = {DEAD_SECONDS} // 2
lowest_transport.KEEPALIVE_INTERVAL_SECONDS = {DEAD_SECONDS} // 4
lowest_transport.KEEPALIVE_PROBES = 2
lowest_transport.DEAD_AFTER_SECONDS = {DEAD_SECONDS}
"""
"""A `sitecustomize` module, which Python imports before all else: nobody is to wait for the
minutes that these times have by themselves, but where all is tried."""

LEFT = b'{"message":"I have left the room"'


class Member(LinePeer):
    """Is in a room, and hears what is said there.

    Attributes:
        answers: How many answers it got.
        left: When it heard others leave, on the monotonic clock.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket, room: str) -> None:
        super().__init__(crowd, stream)
        self.answers = 0
        self.left: list[float] = []
        self.send(b"roomChange %b\n" % room.encode())

    def line(self, line: bytes) -> None:
        if b'"context":"response"' in line:
            self.answers += 1
        elif LEFT in line and b'"room":"defaultRoom"' not in line:
            self.left.append(time.monotonic())


class DeadPeerTests(FaultTestCase):
    """They are found out, whether or not something is on its way to them."""

    number = 10
    as_root = True

    def begin_in_namespace(self) -> None:
        """Starts the daemon in a network of its own."""
        self.namespace = Namespace()
        self.addCleanup(self.namespace.close)
        shortened = DEAD_SECONDS != lowest_transport.DEAD_AFTER_SECONDS
        folder = self.folder({"sitecustomize.py": SHORTENED} if shortened else {})
        self.launcher = ("env", f"PYTHONPATH={folder}")
        with self.namespace.entered():
            self.begin("--no-log-requests")

    def couple(self, room: str) -> tuple[Member, Member]:
        """Two members of a room, by themselves."""
        with self.namespace.entered():
            both = self.crowd.gather(2, Member, room)
        self.crowd.until(lambda: all(each.answers for each in both), "the room")
        return both[0], both[1]

    def test_dead(self) -> None:
        self.begin_in_namespace()
        quiet, first = self.couple("quiet")
        addressed, second = self.couple("talk")
        for each in (quiet, addressed):
            each.send(b"detailsView\n")
        self.crowd.until(lambda: quiet.answers == addressed.answers == 2, "an answer")
        # By then the kernel has acknowledged it, and nothing is on its way to either.
        self.crowd.run(0.2)
        begin = time.monotonic()
        for each in (quiet, addressed):
            self.namespace.cut_off(each.stream)
        second.send(b"say are you there?\n")
        while not (first.left and second.left):
            self.crowd.write_batch(0.5)
            waited = time.monotonic() - begin
            self.assertLess(waited, DEAD_SECONDS + DEAD_SLACK, "one was not found out")
        seconds = [each.left[0] - begin for each in (first, second)]
        self.assertGreater(min(seconds), DEAD_SECONDS * 0.9 - 0.2)
        self.assertEqual(self.closed(), {"connection lost": 2})
        self.crowd.run(1)
        self.assertEqual((len(first.left), len(second.left)), (1, 1))
        self.assertEqual((first.end, second.end), ("", ""))
        with self.namespace.entered():
            self.assertEqual(self.observer.ask("detailsView")["status"], "OK")
        keepalive, unacknowledged = seconds
        self.note(
            f"The packets of two peers are lost in a network namespace (both are to be found "
            f"out after {DEAD_SECONDS} s)",
            f"the one that nothing was sent to was gone after {keepalive:.1f} s, the other after "
            f"{unacknowledged:.1f} s, both as connection lost; the others in their rooms heard "
            "that they left, and stayed",
        )
        self.finish()


class DeadPeerTLSTests(DeadPeerTests):
    """The same over TLS."""

    pair = "ec"
