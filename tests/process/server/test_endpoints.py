"""Tests of `actionhero_tcp.server.endpoints` with real sockets."""

from __future__ import annotations

import socket
from pathlib import Path

from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    connectProtocol,
    wrapClientTLS,
)
from twisted.internet.ssl import CertificateOptions

from actionhero_tcp.net.transport import (
    TCPTransport,
    write_at_once,
)
from actionhero_tcp.server.endpoints import described
from tests.support.sockets import Listener, SocketTestCase, hand_over
from tools import certs


class InheritedTCPTests(SocketTestCase):
    """Twisted's own port on a TCP socket that this test holds."""

    async def test_it_writes_at_once_with_the_options_of_any_other_port(self) -> None:
        held = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(held.close)
        hand_over(self, held)
        held.detach()
        endpoint = described("systemd:domain=INET:index=0", self.reactor)
        port = await endpoint.listen(self.factory)
        write_at_once(port)
        client = TCP4ClientEndpoint(self.reactor, "127.0.0.1", port.getHost().port)
        listener = await connectProtocol(client, Listener())
        self.assertEqual(b"hello", await listener.lost)
        (transport,) = self.factory.transports
        self.assertIsInstance(transport, TCPTransport)
        self.assertEqual([True, True], self.factory.options)
        await port.stopListening()


class ALPNTests(SocketTestCase):
    """Clients that offer protocols, at an endpoint with TLS of its own."""

    async def test_they_are_served(self) -> None:
        key, cert = certs.make(Path(self.mktemp()))
        text = f"ssl:0:interface=127.0.0.1:privateKey={key}:certKey={cert}"
        port = await described(text, self.reactor).listen(self.factory)
        client = wrapClientTLS(
            CertificateOptions(acceptableProtocols=[b"h2", b"irc"]),
            TCP4ClientEndpoint(self.reactor, "127.0.0.1", port.getHost().port),
        )
        listener = await connectProtocol(client, Listener())
        self.assertEqual(b"hello", await listener.lost)
        await port.stopListening()
