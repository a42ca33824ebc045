"""Tests of `actionhero_tcp.server.handshake`: who may stay, and what the others are told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.server.admission import REFUSED_AT_ONCE
from actionhero_tcp.server.handshake import address_text
from tests.unit.server.test_protocol import Peer, ProtocolTestCase


class EntranceTests(ProtocolTestCase):
    """Connections over plain TCP."""

    def arrive(self) -> tuple[Peer, list[dict[str, Any]]]:
        """A client that connects, and what it hears then."""
        peer = Peer(self.service, self.reactor)
        self.reactor.advance(0)
        return peer, peer.lines()

    def test_as_many_as_may_are_welcome_and_the_next_is_told_why_not(self) -> None:
        self.start(max_connections=2)
        for _ in range(2):
            _, (welcome,) = self.arrive()
            self.assertIn("welcome", welcome)
        refused, (error,) = self.arrive()
        self.assertEqual("response", error["context"])
        self.assertIn("as many connections as it can hold", error["error"])
        self.assertTrue(refused.half_closed)
        self.assertEqual(3, len(self.factory.clients))
        self.assertEqual(2, len(self.factory.context.connections))

    def test_one_that_may_not_stay_is_not_served(self) -> None:
        self.start(max_connections=1)
        self.peer()
        refused, _ = self.arrive()
        refused.send(b"detailsView\n")
        self.assertEqual(b"", refused.raw())
        self.assertEqual(0, self.factory.context.stats.requests)

    def test_one_that_may_not_stay_and_does_not_go_is_hung_up_on(self) -> None:
        self.start(max_connections=1, close_timeout=3)
        peer = self.peer()
        refused, _ = self.arrive()
        self.reactor.advance(2.9)
        self.assertFalse(refused.gone)
        self.reactor.advance(0.2)
        self.assertTrue(refused.gone)
        self.assertEqual({"too many connections": 1}, self.closed())
        peer.transport.loseConnection()
        self.reactor.advance(0)
        self.assertNothingIsLeft()

    def test_when_one_goes_there_is_room_again(self) -> None:
        self.start(max_connections=1)
        first = self.peer()
        first.transport.loseConnection()
        self.reactor.advance(0)
        _, (welcome,) = self.arrive()
        self.assertIn("welcome", welcome)

    def test_many_of_one_address(self) -> None:
        self.start(max_connections_per_ip=2)
        peers = [self.peer(), self.peer()]
        _, (error,) = self.arrive()
        self.assertIn("from your address", error["error"])
        peers[0].transport.loseConnection()
        self.reactor.advance(0)
        _, (welcome,) = self.arrive()
        self.assertIn("welcome", welcome)
        self.assertEqual({"maxConnectionsPerIP": 1}, dict(self.factory.context.stats.limited))

    def test_those_of_a_flood_are_dropped_when_enough_are_being_told(self) -> None:
        self.start(max_connections=1)
        self.peer()
        for _ in range(REFUSED_AT_ONCE):
            self.assertFalse(self.factory.context.admission.drops())
            self.arrive()
        self.assertIsNone(self.factory.buildProtocol(None))


class AddressTests(SynchronousTestCase):
    """Where a client is, as people write it."""

    def test_every_kind_of_address(self) -> None:
        for peer, text in (
            (IPv4Address("TCP", "192.0.2.1", 4321), "192.0.2.1:4321"),
            (IPv6Address("TCP", "2001:db8::1", 4321), "[2001:db8::1]:4321"),
            (UNIXAddress(b"/run/a\nb"), "unix:/run/a\\nb"),
            (UNIXAddress(None), "unix"),
            (SimpleNamespace(), "unix"),
        ):
            self.assertEqual(text, address_text(peer))
