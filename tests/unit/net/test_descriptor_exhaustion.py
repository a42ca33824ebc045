"""Tests of `actionhero_tcp.net.descriptor_exhaustion`."""

from __future__ import annotations

import errno
import os
from types import SimpleNamespace
from typing import Any

from twisted.internet import tcp
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactor
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.net.descriptor_exhaustion import PAUSE_SECONDS, pause_when_exhausted
from actionhero_tcp.stats import Stats


class Client:
    """A socket that has been accepted."""

    closed = False

    def close(self) -> None:
        self.closed = True


class Backlog:
    """A listening socket that accepts only with the descriptor that Twisted keeps.

    Attributes:
        waiting: Clients that are not accepted yet.
        tries: How often it was asked for one.
    """

    def __init__(self) -> None:
        self.waiting: list[Client] = []
        self.tries = 0

    def fileno(self) -> int:
        return 99

    def accept(self) -> tuple[Client, tuple[str, int]]:
        self.tries += 1
        if not self.waiting:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        if tcp._reservedFD.available():
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return self.waiting.pop(0), ("192.0.2.1", 1)


class ExhaustionTests(SynchronousTestCase):
    """A port whose process has no descriptor left."""

    def setUp(self) -> None:
        tcp._reservedFD.reserve()
        self.clock, self.stats, self.reactor = Clock(), Stats(), MemoryReactor()
        self.port: Any = tcp.Port(0, Factory(), reactor=self.reactor)
        self.port.socket = self.backlog = Backlog()
        self.port.numberAccepts = 100
        self.port.connected = True
        self.port.startReading()
        pause_when_exhausted(self.port, self.clock, self.stats)
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def exhaust(self, clients: int = 3) -> list[Client]:
        """So many clients connect, for whom there is no descriptor."""
        self.backlog.waiting = [Client() for _ in range(clients)]
        waiting = self.backlog.waiting.copy()
        self.port.doRead()
        return waiting

    @property
    def reading(self) -> bool:
        return self.port in self.reactor.readers

    def test_they_are_dropped_and_counted(self) -> None:
        self.assertTrue(all(client.closed for client in self.exhaust()))
        self.assertEqual({"no file descriptor": 3}, self.stats.closed)

    def test_it_is_logged_in_one_line(self) -> None:
        self.exhaust()
        (event,) = self.events
        self.assertEqual("actionhero_tcp.net.descriptor_exhaustion", event["log_namespace"])
        self.assertIn("as many files open as it may", formatEvent(event))

    def test_the_port_waits_before_it_tries_again(self) -> None:
        self.exhaust()
        self.assertFalse(self.reading)
        self.clock.advance(PAUSE_SECONDS - 0.01)
        self.assertFalse(self.reading)
        self.clock.advance(0.01)
        self.assertTrue(self.reading)
        self.exhaust()
        self.assertFalse(self.reading)
        self.assertEqual(2, len(self.events))
        self.assertEqual({"no file descriptor": 6}, self.stats.closed)

    def test_so_it_does_where_even_twisteds_descriptor_is_gone(self) -> None:
        self.backlog.waiting = [Client()]
        self.patch(tcp, "_reservedFD", tcp._NullFileDescriptorReservation())
        self.backlog.accept = self.fail_to_accept  # type: ignore[method-assign]
        self.port.doRead()
        self.assertFalse(self.reading)
        self.assertEqual(1, len(self.events))
        self.assertEqual({}, self.stats.closed)

    def fail_to_accept(self) -> tuple[Client, tuple[str, int]]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def test_a_port_that_has_closed_meanwhile_stays_closed(self) -> None:
        self.exhaust()
        self.port.connected = False
        self.clock.advance(PAUSE_SECONDS)
        self.assertFalse(self.reading)

    def test_a_port_that_closes_meanwhile_is_left_alone(self) -> None:
        self.exhaust()
        self.port.disconnecting = True
        self.clock.advance(PAUSE_SECONDS)
        self.assertFalse(self.reading)

    def test_where_nothing_is_wrong_nothing_is_said(self) -> None:
        self.port.doRead()
        self.assertTrue(self.reading)
        self.assertEqual([], self.events)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_other_ports_are_left_as_they_are(self) -> None:
        port = SimpleNamespace()
        pause_when_exhausted(port, self.clock, self.stats)
        self.assertEqual({}, vars(port))
