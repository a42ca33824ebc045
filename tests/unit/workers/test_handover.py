"""Connections that are accepted in one place and served in another, both of them here."""

from __future__ import annotations

import os
import resource
import socket
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.workers.handover import (
    BEHIND_SECONDS,
    RETRY_SECONDS,
    Channel,
    Dispatcher,
    pair,
)
from tests.support.taker import LISTENS, FakeTaker

ADDRESS = ("127.0.0.1", 4321)


class FakePort:
    """A listening port; `accept` is what it does when a client has connected."""

    disconnecting = False
    transport: Any = None

    def __init__(self) -> None:
        self.reading = True

    def startReading(self) -> None:
        self.reading = True

    def stopReading(self) -> None:
        self.reading = False

    def accept(self, client: socket.socket, address: object = ADDRESS) -> None:
        self.transport(client, None, address, self, 0, None)


class DispatcherTests(SynchronousTestCase):
    """Who gets which connection."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.dispatcher = Dispatcher(self.clock)
        self.port = FakePort()
        self.clients: list[socket.socket] = []

    def takers(self, count: int) -> list[FakeTaker]:
        """So many takers, which may have connections."""
        takers = [FakeTaker() for _ in range(count)]
        for taker in takers:
            self.addCleanup(taker.close)
            self.dispatcher.add(taker)
        return takers

    def connect(self, count: int = 1, address: object = ADDRESS) -> None:
        """So many clients connect."""
        for _ in range(count):
            client, accepted = socket.socketpair()
            self.addCleanup(client.close)
            self.addCleanup(accepted.close)
            self.clients.append(client)
            self.port.accept(accepted, address)

    def test_each_gets_one_in_its_turn(self) -> None:
        self.dispatcher.add_port(self.port)
        takers = self.takers(3)
        self.connect(7)
        self.assertEqual([3, 2, 2], [taker.take() for taker in takers])

    def test_a_connection_comes_with_its_address_and_works(self) -> None:
        self.dispatcher.add_port(self.port)
        (taker,) = self.takers(1)
        for address in (ADDRESS, ("::1", 4321, 0, 3), "", "/run/☃", b"\0abstract"):
            self.connect(1, address)
            taker.take()
            accepted, found = taker.taken[-1]
            self.assertEqual(address, found)
            accepted.sendall(b"hello")
            self.assertEqual(b"hello", self.clients[-1].recv(10))
            self.assertFalse(accepted.get_inheritable())

    def test_the_supervisor_keeps_nothing_of_it(self) -> None:
        self.dispatcher.add_port(self.port)
        (taker,) = self.takers(1)
        self.connect()
        taker.take()
        taker.taken[0][0].close()
        self.assertEqual(b"", self.clients[0].recv(10))

    def test_each_port_has_a_channel_of_its_own(self) -> None:
        other = FakePort()
        self.dispatcher.add_port(self.port)
        self.dispatcher.add_port(other)
        one, two = FakeTaker(), FakeTaker()
        for taker in (one, two):
            self.addCleanup(taker.close)
        # One taker with two channels.
        one.ends.append(two.ends[0])
        self.dispatcher.add(one)
        self.connect(2)
        self.port = other
        self.connect(1)
        self.assertEqual((2, 1), (one.take(), two.take()))

    def test_nothing_is_accepted_as_long_as_there_is_nobody(self) -> None:
        self.dispatcher.add_port(self.port)
        self.assertFalse(self.port.reading)
        (taker,) = self.takers(1)
        self.assertTrue(self.port.reading)
        self.dispatcher.remove(taker)
        self.assertFalse(self.port.reading)
        self.dispatcher.remove(taker)

    def test_a_port_that_comes_later_is_read_from_at_once(self) -> None:
        self.takers(1)
        self.dispatcher.add_port(self.port)
        self.assertTrue(self.port.reading)

    def test_one_that_is_added_twice_is_there_once(self) -> None:
        self.dispatcher.add_port(self.port)
        one, two = self.takers(2)
        self.dispatcher.add(one)
        self.connect(4)
        self.assertEqual((2, 2), (one.take(), two.take()))

    def test_one_that_is_gone_gets_nothing_more(self) -> None:
        self.dispatcher.add_port(self.port)
        one, two, three = self.takers(3)
        self.dispatcher.remove(one)
        # Nobody has noticed yet that this one has died.
        two.channel.close()
        self.connect(4)
        self.assertEqual((0, 4), (one.take(), three.take()))

    def test_one_that_does_not_take_what_it_has_comes_last(self) -> None:
        self.dispatcher.add_port(self.port)
        blocked, other = self.takers(2)
        self.connect(2)
        self.clock.advance(BEHIND_SECONDS + 0.1)
        other.take()
        self.connect(5)
        self.assertEqual((1, 6), (blocked.take(), other.take()))
        self.connect(4)
        self.assertEqual((3, 8), (blocked.take(), other.take()))

    def test_where_all_are_behind_they_share_what_comes(self) -> None:
        self.dispatcher.add_port(self.port)
        takers = self.takers(2)
        self.connect(2)
        self.clock.advance(BEHIND_SECONDS + 0.1)
        self.connect(4)
        self.assertEqual([3, 3], [taker.take() for taker in takers])

    def fill(self, taker: FakeTaker) -> int:
        """Connects clients until there is no more room; gives how many that were."""
        taker.ends[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        count = 0
        while self.port.reading:
            self.connect()
            count += 1
        return count

    def test_where_nobody_has_room_it_waits(self) -> None:
        self.dispatcher.add_port(self.port)
        (taker,) = self.takers(1)
        count = self.fill(taker)
        self.assertGreater(count, 2)
        # A port may have accepted more before it came to rest.
        self.connect()
        self.clock.advance(RETRY_SECONDS)
        self.assertFalse(self.port.reading)
        self.assertEqual(count - 1, taker.take())
        self.clock.advance(RETRY_SECONDS)
        self.assertTrue(self.port.reading)
        self.assertEqual(count + 1, taker.take())
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_what_waits_goes_to_whom_comes(self) -> None:
        self.dispatcher.add_port(self.port)
        (taker,) = self.takers(1)
        self.fill(taker)
        self.dispatcher.remove(taker)
        (other,) = self.takers(1)
        self.assertFalse(self.port.reading)
        self.clock.advance(RETRY_SECONDS)
        self.assertTrue(self.port.reading)
        self.assertEqual(1, other.take())

    def test_at_the_end_what_waits_is_handed_over_or_closed(self) -> None:
        self.dispatcher.add_port(self.port)
        (taker,) = self.takers(1)
        count = self.fill(taker)
        self.connect()
        taker.channel.accept()[0].close()
        self.dispatcher.close()
        self.assertEqual(count - 1, taker.take())
        self.assertEqual(b"", self.clients[-1].recv(10))
        self.dispatcher.close()
        self.clock.advance(RETRY_SECONDS)

    def test_a_port_that_stops_is_not_read_from_again(self) -> None:
        self.dispatcher.add_port(self.port)
        self.port.disconnecting = True
        self.takers(1)
        self.assertFalse(self.port.reading)


class ChannelTests(SynchronousTestCase):
    """A worker's end of a channel."""

    def setUp(self) -> None:
        self.ours, theirs = pair()
        self.addCleanup(self.ours.close)
        self.channel = Channel(theirs.detach(), LISTENS)
        self.addCleanup(lambda: self.channel.close())

    def test_it_looks_like_the_listening_socket(self) -> None:
        self.assertEqual(LISTENS, self.channel.getsockname())
        self.assertRaises(BlockingIOError, self.channel.accept)

    def test_it_tells_when_there_is_nobody_at_the_other_end(self) -> None:
        self.assertFalse(self.channel.ended)
        self.ours.close()
        self.assertRaises(BlockingIOError, self.channel.accept)
        self.assertTrue(self.channel.ended)

    def test_without_a_descriptor_left_the_connection_is_lost(self) -> None:
        client, accepted = socket.socketpair()
        self.addCleanup(client.close)
        socket.send_fds(self.ours, [b"''"], [accepted.fileno()])
        accepted.close()
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
        try:
            error = self.assertRaises(OSError, self.channel.accept)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        self.assertIn("no descriptor", str(error))
        self.assertEqual(b"", client.recv(10))
