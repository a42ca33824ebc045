"""Tests of `actionhero_tcp.server.service` with real sockets or processes."""

from __future__ import annotations

from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.trial.unittest import TestCase

from actionhero_tcp.net.transport import TCPTransport
from actionhero_tcp.server.listening import Listener
from tests import support


class PortTests(TestCase):
    """A real port, on which nobody calls."""

    async def test_it_writes_at_once(self) -> None:
        from twisted.internet import reactor

        service, _ = support.make_service(reactor=support.Reactor())
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        service._listeners = [Listener(endpoint, "here")]
        service.privilegedStartService()
        (port,) = service.ports
        self.assertIs(TCPTransport, port.transport)
        await port.stopListening()
