"""The Twisted factory: a protocol for each client."""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.server.handshake import Handshake
from actionhero_tcp.server.protocol import ActionHeroProtocol
from tests import support


class FactoryTests(SynchronousTestCase):
    """What it makes."""

    def setUp(self) -> None:
        service, self.reactor = support.make_service()
        self.factory = service.factory

    def test_it_makes_protocols_without_a_word_in_the_log(self) -> None:
        protocol = self.factory.buildProtocol(None)
        assert isinstance(protocol, ActionHeroProtocol)
        self.assertIs(self.factory, protocol.factory)
        self.assertFalse(self.factory.noisy)

    def test_a_client_comes_in_by_the_handshake_that_is_asked_for(self) -> None:
        made: list[Any] = []

        def make(*arguments: Any) -> Handshake:
            made.append(Handshake(*arguments))
            return made[-1]

        protocol = self.factory.build(make)
        assert protocol is not None
        transport = StringTransport()
        protocol.makeConnection(transport)
        self.assertEqual([protocol.handshake], made)
        self.reactor.advance(0)
        self.assertIn(b'"welcome"', transport.value())

    def test_it_makes_none_where_the_server_is_full(self) -> None:
        self.factory.context.admission.drops = lambda: True  # type: ignore[method-assign]
        self.assertIsNone(self.factory.buildProtocol(None))
        self.assertIsNone(self.factory.build(Handshake))
