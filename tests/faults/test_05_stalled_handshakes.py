"""Clients that do not get through a TLS handshake."""

from __future__ import annotations

import socket
import ssl
import time

from tests.faults.counts import HANDSHAKE_SECONDS, HANDSHAKE_SLACK, STALLED_HANDSHAKES
from tests.faults.crowd import BATCH, Bystander, Crowd, Peer
from tests.faults.fuzz import HELLO
from tests.faults.harness import FaultTestCase, Stopwatch, mib, reasons
from tests.support import wait_for
from tests.support.integration import MEGABYTE, connect, open_files

MOST_EACH = 64 * 1024
"""As much may the daemon grow for each handshake that is not done."""

STALLED = (b"", HELLO[:3], HELLO[: len(HELLO) // 2], HELLO)
"""What stalled clients send: nothing, a part of a hello, a whole one; and then no more."""

PLAIN = (b"detailsView\n", b"GET / HTTP/1.0\r\n\r\n", b"\x00" * 64)


class Staller(Peer):
    """Sends some bytes, and waits for its end.

    Attributes:
        since: When it connected, on the monotonic clock.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket, data: bytes) -> None:
        super().__init__(crowd, stream)
        self.since = time.monotonic()
        self.send(data)

    @property
    def seconds(self) -> float:
        """How long it was connected."""
        return self.ended_at - self.since


class StalledHandshakeTests(FaultTestCase):
    """They are let go in time, and others are served meanwhile."""

    number = 5
    pair = "ec"

    def wait_for_descriptors(self, count: int) -> None:
        """Waits until the daemon has accepted so many connections that it has more open."""
        wait_for(lambda: len(open_files(self.running)) > count, "accepted connections")

    def test_stalled(self) -> None:
        self.begin("--no-log-requests", f"--tls-handshake-timeout={HANDSHAKE_SECONDS}")
        (bystander,) = self.crowd.gather(1, Bystander)
        idle, used = self.state(), self.used_memory()
        before = self.reset_peak()
        stallers: list[Staller] = []
        for number in range(STALLED_HANDSHAKES):
            data = STALLED[number % len(STALLED)]
            stallers.append(self.crowd.adopt(Staller, connect(self.running), data))
            if number % BATCH == 0:
                self.wait_for_descriptors(idle.descriptors + number)
        grown, answers = self.memory() - before, bystander.answers
        newcomer = self.talker()
        newcomer.line()
        self.assertIn("randomNumber", newcomer.ask_json("randomNumber"))
        newcomer.close()
        self.crowd.until(lambda: all(each.end for each in stallers), "the end of a handshake")
        self.assertGreater(bystander.answers, answers)
        shortest = min(each.seconds for each in stallers)
        longest = max(each.seconds for each in stallers)
        self.assertGreater(shortest, HANDSHAKE_SECONDS * 0.9)
        self.assertLess(longest, HANDSHAKE_SECONDS + HANDSHAKE_SLACK)
        self.assertLess(grown, 8 * MEGABYTE + STALLED_HANDSHAKES * MOST_EACH)
        self.assert_back(idle)
        closed = self.closed()
        self.assertEqual(closed["TLS handshake timeout"], STALLED_HANDSHAKES)
        self.note(
            f"{STALLED_HANDSHAKES:,} TLS handshakes that stall: nothing is sent, a part of the "
            f"hello, or all of it (`tlsHandshakeTimeout` {HANDSHAKE_SECONDS:g} s)",
            f"gone after {shortest:.2f} to {longest:.2f} s; memory grew by {mib(grown)} "
            f"meanwhile ({grown / 1024 / STALLED_HANDSHAKES:.0f} KiB each), in use after it "
            f"{mib(self.used_memory() - used)} more; a new client was let in, and another got "
            f"{bystander.answers - answers:,} answers; nothing left behind",
        )
        self.finish()

    def test_plain_text(self) -> None:
        self.begin("--no-log-requests")
        idle = self.state()
        watch = Stopwatch()
        stallers: list[Staller] = []
        for number in range(1, STALLED_HANDSHAKES + 1):
            data = PLAIN[number % len(PLAIN)]
            stallers.append(self.crowd.adopt(Staller, connect(self.running), data))
            if number % BATCH == 0 or number == STALLED_HANDSHAKES:
                self.crowd.until(
                    lambda: all(each.end for each in stallers), "the end of plain text"
                )
        self.assert_back(idle)
        seconds = watch.seconds
        self.assertEqual(self.closed(), {"not TLS": STALLED_HANDSHAKES})
        self.note(
            f"{STALLED_HANDSHAKES:,} clients speak plain text to the TLS port",
            f"all closed within {seconds:.1f} s of the first ({reasons(self.closed())}); "
            "nothing left behind",
        )
        self.finish()


class TLSToPlainPortTests(FaultTestCase):
    """The reverse: TLS to a port that speaks plain text."""

    number = 5

    def test_tls(self) -> None:
        self.begin("--no-log-requests", "--announce-limit=0")
        idle = self.state()
        context = ssl.create_default_context()
        watch = Stopwatch()
        clients: list[Peer] = []
        for number in range(1, STALLED_HANDSHAKES + 1):
            stream = context.wrap_socket(
                connect(self.running), server_hostname="localhost", do_handshake_on_connect=False
            )
            clients.append(self.crowd.adopt(Peer, stream))
            if number % BATCH == 0 or number == STALLED_HANDSHAKES:
                self.crowd.until(lambda: all(each.end for each in clients), "clients that give up")
        self.assertFalse(any(each.connected for each in clients))
        self.assert_back(idle)
        closed = self.closed()
        self.assertEqual(sum(closed.values()), STALLED_HANDSHAKES)
        self.note(
            f"{STALLED_HANDSHAKES:,} clients speak TLS to the plain port",
            f"all gave up and were gone within {watch.seconds:.1f} s of the first "
            f"({reasons(closed)}); nothing left behind",
        )
        self.finish()
