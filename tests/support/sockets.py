"""What the tests of `actionhero_tcp.server.endpoints` share, in a process and without one."""

from __future__ import annotations

import socket
import tempfile
from typing import Any

from twisted.internet import endpoints as twisted_endpoints
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import Factory, Protocol
from twisted.python.systemd import ListenFDs
from twisted.trial.unittest import SynchronousTestCase, TestCase

from actionhero_tcp.net.lowest_transport import set_socket_options
from actionhero_tcp.net.transport import TCPTransport


class Greeter(Protocol):
    """Says hello, and hangs up."""

    def connectionMade(self) -> None:
        transport: Any = self.transport
        factory: Any = self.factory
        factory.transports.append(transport)
        set_socket_options(transport)
        if isinstance(transport, TCPTransport):
            factory.options += transport.getTcpNoDelay(), transport.getTcpKeepAlive()
        transport.write(b"hello")
        transport.loseConnection()


class Greeters(Factory):
    """Keeps the transports of its clients, and the options of those of TCP."""

    protocol = Greeter  # type: ignore[assignment]
    noisy = False

    def __init__(self) -> None:
        self.transports: list[ITransport] = []
        self.options: list[bool] = []


class Listener(Protocol):
    """Waits for what it is sent."""

    def __init__(self) -> None:
        self.heard = b""
        self.lost: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Any = None) -> None:
        self.lost.callback(self.heard)


def hand_over(test: SynchronousTestCase, *sockets: socket.socket) -> None:
    """Has Twisted take these for what systemd has handed over."""
    parsers = [
        parser
        for parser in twisted_endpoints.getPlugins(  # type: ignore[attr-defined]
            twisted_endpoints.IStreamServerEndpointStringParser
        )
        if parser.prefix == "systemd"
    ]
    numbers = [stream.fileno() for stream in sockets]
    for parser in parsers:
        test.patch(type(parser), "_sddaemon", ListenFDs(numbers, ["x"] * len(numbers)))


class SocketTestCase(TestCase):
    """The path of a UNIX socket, and who is to listen on it."""

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor = reactor
        # Trial's own folders have paths too long for a socket.
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = f"{folder.name}/socket"
        self.factory = Greeters()
