"""Connections that are accepted in one place and served in another, both of them here."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import tempfile
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from actionhero_tcp.net.transport import TCPTransport, UNIXTransport, write_at_once
from actionhero_tcp.workers.handover import (
    BEHIND_SECONDS,
    RETRY_SECONDS,
    Channel,
    Dispatcher,
    HandedEndpoint,
    endpoints,
    pair,
)

ADDRESS = ("127.0.0.1", 4321)
LISTENS = ("127.0.0.1", 5000)


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


class FakeTaker:
    """Takes what it is handed over on one channel, when it is told to."""

    def __init__(self) -> None:
        ours, theirs = pair()
        self.ends = [ours]
        self.channel = Channel(theirs.detach(), LISTENS)
        self.taken: list[tuple[socket.socket, Any]] = []

    def take(self) -> int:
        """Takes what there is; gives how much it has ever taken."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.taken.append(self.channel.accept())
        return len(self.taken)

    def close(self) -> None:
        """Closes all that it has."""
        for each in (*self.ends, self.channel, *(client for client, _ in self.taken)):
            each.close()


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
        told: list[str] = []
        self.channel.ended = lambda: told.append("ended")
        self.ours.close()
        self.assertRaises(BlockingIOError, self.channel.accept)
        self.assertEqual(["ended"], told)

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


class Speaker(Protocol):
    """Says who the client is."""

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(str(transport.getPeer()).encode())
        transport.loseConnection()


class EndToEndTests(TestCase):
    """A port that accepts, and one that serves."""

    timeout = 60

    async def listen(self, endpoint: Any, factory: Factory) -> Any:
        port = await endpoint.listen(factory)
        self.addCleanup(self.stop, port)
        return port

    async def stop(self, port: Any) -> None:
        if port.connected:
            await port.stopListening()

    async def until(self, condition: Callable[[], object]) -> None:
        """Waits for something."""
        while not condition():
            await deferLater(reactor, 0.01)  # type: ignore[arg-type]

    async def serve(self, accepting: Any) -> Any:
        """A port that serves what another one accepts."""
        ours, theirs = pair()
        self.addCleanup(ours.close)
        taker = FakeTaker()
        self.addCleanup(taker.close)
        taker.ends = [ours]
        name = accepting.socket.getsockname()
        (endpoint,) = endpoints([(accepting.addressFamily, name)], theirs.detach(), reactor)
        factory = Factory.forProtocol(Speaker)
        factory.noisy = False
        serving = await self.listen(endpoint, factory)
        write_at_once(serving)
        accepting.factory.add_port(accepting)
        accepting.factory.add(taker)
        self.taker = taker
        return serving

    async def said(self, family: int, address: Any) -> str:
        """What a client is told."""
        said: Deferred[str] = Deferred()

        def read() -> bytes:
            with socket.socket(family) as stream:
                stream.connect(address)
                self.own_address = stream.getsockname()
                return b"".join(iter(lambda: stream.recv(100), b""))

        deferToThread(read).addCallback(bytes.decode).chainDeferred(said)
        return await said

    def dispatcher(self) -> Dispatcher:
        return Dispatcher(reactor)  # type: ignore[arg-type]

    async def test_tcp(self) -> None:
        accepting: Any = reactor.listenTCP(  # type: ignore[attr-defined]
            0, self.dispatcher(), interface="127.0.0.1"
        )
        self.addCleanup(self.stop, accepting)
        serving = await self.serve(accepting)
        self.assertEqual(accepting.getHost(), serving.getHost())
        self.assertIs(TCPTransport, serving.transport)
        port = accepting.getHost().port
        said = await self.said(socket.AF_INET, ("127.0.0.1", port))
        self.assertEqual(str(IPv4Address("TCP", *self.own_address)), said)

    async def test_ipv6(self) -> None:
        accepting: Any = reactor.listenTCP(  # type: ignore[attr-defined]
            0, self.dispatcher(), interface="::1"
        )
        self.addCleanup(self.stop, accepting)
        serving = await self.serve(accepting)
        self.assertEqual(accepting.getHost(), serving.getHost())
        port = accepting.getHost().port
        said = await self.said(socket.AF_INET6, ("::1", port))
        self.assertEqual(str(IPv6Address("TCP", *self.own_address)), said)

    async def test_unix(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = f"{folder.name}/socket"
        accepting: Any = reactor.listenUNIX(path, self.dispatcher())  # type: ignore[attr-defined]
        self.addCleanup(self.stop, accepting)
        serving = await self.serve(accepting)
        self.assertIs(UNIXTransport, serving.transport)
        self.assertEqual(UNIXAddress(path.encode()), serving.getHost())
        self.assertEqual(str(UNIXAddress(None)), await self.said(socket.AF_UNIX, path))
        await serving.stopListening()
        self.assertTrue(os.path.exists(path), "the file is the supervisor's")

    async def test_one_that_stops_serves_what_it_was_handed_over(self) -> None:
        accepting: Any = reactor.listenTCP(  # type: ignore[attr-defined]
            0, self.dispatcher(), interface="127.0.0.1"
        )
        self.addCleanup(self.stop, accepting)
        serving = await self.serve(accepting)
        clients = []
        for _ in range(5):
            client, accepted = socket.socketpair()
            self.addCleanup(client.close)
            socket.send_fds(self.taker.ends[0], [repr(ADDRESS).encode()], [accepted.fileno()])
            accepted.close()
            clients.append(client)
        await serving.stopListening()
        for client in clients:
            client.setblocking(False)
        await self.until(lambda: all(_has_data(client) for client in clients))
        for client in clients:
            self.assertEqual(str(IPv4Address("TCP", *ADDRESS)).encode(), client.recv(100))

    async def test_where_the_supervisor_is_gone_it_is_quiet(self) -> None:
        ours, theirs = pair()
        endpoint = HandedEndpoint(reactor, theirs.detach(), socket.AF_INET, LISTENS)
        factory = Factory.forProtocol(Speaker)
        factory.noisy = False
        port = await self.listen(endpoint, factory)
        ours.close()
        await self.until(lambda: port not in reactor.getReaders())  # type: ignore[attr-defined]
        await port.stopListening()


def _has_data(stream: socket.socket) -> bool:
    with contextlib.suppress(BlockingIOError):
        return bool(stream.recv(1, socket.MSG_PEEK))
    return False
