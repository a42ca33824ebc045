"""Tests of `actionhero_tcp.workers.handover` with real sockets or processes."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from actionhero_tcp.net.transport import TCPTransport, UNIXTransport, write_at_once
from actionhero_tcp.workers.handover import (
    Dispatcher,
    HandedEndpoint,
    endpoints,
    pair,
)
from tests.support.taker import LISTENS, FakeTaker

ADDRESS = ("127.0.0.1", 4321)


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
