"""Tests of `actionhero_tcp.net.transport` with real sockets or processes."""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    SSL4ServerEndpoint,
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    UNIXClientEndpoint,
    UNIXServerEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.interfaces import IHalfCloseableProtocol, IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from actionhero_tcp.net import lowest_transport, transport
from actionhero_tcp.net.transport import TCPTransport, UNIXTransport
from tests import support
from tests.support import wait_for
from tools import certs

BIG = b"".join(b"%07d\n" % n for n in range(400_000))
"""3.2 MB, in which a lost, doubled or moved piece shows."""


@implementer(IHalfCloseableProtocol)
class Server(Protocol):
    """Answers a few words, one of them with much, and a half-close with a last word."""

    closed_by_client = False

    def connectionMade(self) -> None:
        self.data = b""
        self.factory.servers.append(self)  # type: ignore[attr-defined]

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        if self.data.endswith(b"big\n"):
            for start in range(0, len(BIG), 200_000):
                self.transport.write(BIG[start : start + 200_000])  # type: ignore[union-attr]
            self.transport.write(b"end")  # type: ignore[union-attr]
        if self.data.endswith(b"hello\n"):
            self.transport.write(b"hello ")  # type: ignore[union-attr]
            self.transport.write(b"you")  # type: ignore[union-attr]
        if self.data.endswith(b"bye\n"):
            self.transport.write(b"first ")  # type: ignore[union-attr]
            self.transport.write(b"last")  # type: ignore[union-attr]
            self.transport.loseConnection()  # type: ignore[union-attr]

    def readConnectionLost(self) -> None:
        self.closed_by_client = True
        self.transport.write(b"after half-close")  # type: ignore[union-attr]
        self.transport.loseConnection()  # type: ignore[union-attr]

    def writeConnectionLost(self) -> None:
        """Nothing more to say."""


@implementer(IHalfCloseableProtocol)
class Client(Protocol):
    """Gathers what it gets; `until` fires once it has so many bytes, `gone` at the end."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.size = 0
        self.wanted = 0
        self.until: Deferred[None] = Deferred()
        self.gone: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.chunks.append(data)
        self.size += len(data)
        if self.wanted and self.size >= self.wanted:
            self.wanted = 0
            self.until.callback(None)

    def readConnectionLost(self) -> None:
        self.transport.loseConnection()  # type: ignore[union-attr]

    def writeConnectionLost(self) -> None:
        """The other end may still speak."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.gone.callback(b"".join(self.chunks))


class RealSocketTests(TestCase):
    """Over TCP, TLS and UNIX sockets of this machine."""

    timeout = 60

    async def connected(self, kind: str) -> Client:
        """A client of a new server, over one kind of transport."""
        from twisted.internet import reactor

        factory = Factory.forProtocol(Server)
        factory.noisy = False
        self.servers: list[Server] = []
        factory.servers = self.servers  # type: ignore[attr-defined]
        endpoint: Any
        target: Callable[[Any], Any]
        if kind == "unix":
            folder = tempfile.TemporaryDirectory()
            self.addCleanup(folder.cleanup)
            path = f"{folder.name}/socket"
            endpoint = UNIXServerEndpoint(reactor, path)
            target = lambda _: UNIXClientEndpoint(reactor, path)  # noqa: E731
        elif kind == "tls":
            files = certs.make(Path(self.mktemp()))
            endpoint = SSL4ServerEndpoint(
                reactor, 0, support.make_certificates(files), interface="127.0.0.1"
            )
            target = lambda port: wrapClientTLS(  # noqa: E731
                _Trusting(), TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
            )
        else:
            endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
            target = lambda port: TCP4ClientEndpoint(  # noqa: E731
                reactor, "127.0.0.1", port.getHost().port
            )
        port = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)
        transport.write_at_once(port)
        client: Client = await connectProtocol(target(port), Client())
        self.addCleanup(lambda: client.transport.abortConnection())  # type: ignore[union-attr]
        return client

    async def assertBigArrives(self, kind: str, expected: type) -> None:
        client = await self.connected(kind)
        client.wanted = len(BIG) + 3
        client.transport.write(b"big\n")  # type: ignore[union-attr]
        await client.until
        self.assertEqual(BIG + b"end", b"".join(client.chunks))
        (server,) = self.servers
        bottom = lowest_transport.lowest(server.transport)
        self.assertIsInstance(bottom, expected)
        self.assertTrue(lowest_transport.is_drained(server.transport))
        client.transport.loseConnection()  # type: ignore[union-attr]
        await client.gone

    async def test_much_data_over_tcp(self) -> None:
        await self.assertBigArrives("tcp", TCPTransport)

    async def test_much_data_over_tls(self) -> None:
        await self.assertBigArrives("tls", TCPTransport)

    async def test_much_data_over_a_unix_socket(self) -> None:
        await self.assertBigArrives("unix", UNIXTransport)

    async def assertLastWritesArrive(self, kind: str) -> None:
        client = await self.connected(kind)
        client.transport.write(b"bye\n")  # type: ignore[union-attr]
        self.assertEqual(b"first last", await client.gone)

    async def test_what_is_written_before_closing_arrives_over_tcp(self) -> None:
        await self.assertLastWritesArrive("tcp")

    async def test_what_is_written_before_closing_arrives_over_tls(self) -> None:
        await self.assertLastWritesArrive("tls")

    async def test_what_is_written_before_closing_arrives_over_a_unix_socket(self) -> None:
        await self.assertLastWritesArrive("unix")

    async def assertHalfCloseIsAnswered(self, kind: str) -> None:
        client = await self.connected(kind)
        client.transport.write(b"big\n")  # type: ignore[union-attr]
        client.transport.loseWriteConnection()  # type: ignore[union-attr]
        self.assertEqual(BIG + b"endafter half-close", await client.gone)
        self.assertTrue(self.servers[0].closed_by_client)

    async def test_a_half_close_is_answered_over_tcp(self) -> None:
        await self.assertHalfCloseIsAnswered("tcp")

    async def test_a_half_close_is_answered_over_a_unix_socket(self) -> None:
        await self.assertHalfCloseIsAnswered("unix")

    async def test_a_tls_client_that_says_goodbye_at_once_gets_its_answer(self) -> None:
        client = await self.connected("tls")
        client.transport.write(b"hello\n")  # type: ignore[union-attr]
        client.transport.loseConnection()  # type: ignore[union-attr]
        self.assertEqual(b"hello you", await client.gone)


@implementer(IOpenSSLClientConnectionCreator)
class _Trusting:
    """TLS options of a client that trusts anybody."""

    @staticmethod
    def clientConnectionForTLS(_: Any) -> SSL.Connection:
        return SSL.Connection(CertificateOptions().getContext(), None)


class ProgressTests(SynchronousTestCase):
    """How much of what was sent has arrived."""

    def test_what_the_kernel_holds_is_no_progress(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as theirs:
            # What it takes until it reads.
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            theirs.connect(listening.getsockname())
            ours, _ = listening.accept()
            with ours:
                bottom = SimpleNamespace(socket=ours, taken_bytes=ours.send(b"x" * 50_000))
                bottom.taken_bytes += ours.send(b"x" * 50_000)
                self.assertEqual(100_000, bottom.taken_bytes)
                self.assertLess(lowest_transport.progress(bottom), 50_000)
                left = 100_000
                while left:
                    left -= len(theirs.recv(left))
                wait_for(lambda: lowest_transport.progress(bottom) == 100_000, "acknowledgement")
            self.assertEqual(100_000, lowest_transport.progress(bottom))

    def test_what_a_full_peer_does_not_take_is_unsent(self) -> None:
        with (
            socket.create_server(("127.0.0.1", 0)) as listening,
            socket.create_connection(listening.getsockname()) as ours,
            listening.accept()[0],
        ):
            ours.setblocking(False)
            held = SimpleNamespace(socket=ours)
            self.assertFalse(lowest_transport.has_unsent(held))
            with contextlib.suppress(BlockingIOError):
                while True:
                    ours.send(b"x" * 65536)
            self.assertTrue(lowest_transport.has_unsent(held))
            self.assertFalse(lowest_transport.has_unsent(StringTransport()))
