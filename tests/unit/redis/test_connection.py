"""Tests of `actionhero_tcp.redis.connection`: what may happen to a connection, and its limits."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectError, ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.redis.address import RedisAddress
from actionhero_tcp.redis.link import RedisLink
from tests.support.resolving import ResolvingReactor


class StopTests(SynchronousTestCase):
    """A link that is stopped leaves nothing behind, whatever its connections are doing."""

    def start(self, url: str) -> tuple[RedisLink, ResolvingReactor]:
        reactor = ResolvingReactor(["127.0.0.1", "127.0.0.2"])
        link = RedisLink(RedisAddress.parse(url), reactor)
        link.start()
        return link, reactor

    def test_attempts_are_cancelled(self) -> None:
        for url in "redis://r.example", "redis://127.0.0.1", "rediss://r.example", "unix:/r.sock":
            link, reactor = self.start(url)
            link.stop()
            self.assertEqual([], reactor.getDelayedCalls(), url)
            self.assertEqual(4, len(reactor.connectors))
            for connector in reactor.connectors:
                self.assertTrue(connector.stoppedConnecting, url)
            self.assertTrue(link.is_idle)

    def test_connections_that_have_not_logged_in_are_closed(self) -> None:
        link, reactor = self.start("redis://:secret@127.0.0.1")
        protocols: list[Any] = []
        for _, _, factory, _, _ in reactor.tcpClients:
            protocols.append(factory.buildProtocol(None))
            protocols[-1].makeConnection(StringTransport())
        link.stop()
        self.assertEqual([True] * 4, [each.transport.disconnecting for each in protocols])
        for each in protocols:
            each.connectionLost(Failure(ConnectionDone()))
        self.assertEqual([], reactor.getDelayedCalls())
        self.assertTrue(link.is_idle)

    def test_no_attempt_follows(self) -> None:
        link, reactor = self.start("redis://127.0.0.1")
        for _, _, factory, _, _ in reactor.tcpClients:
            factory.clientConnectionFailed(None, Failure(ConnectError()))
        self.assertEqual(4, len(reactor.getDelayedCalls()))
        link.stop()
        self.assertEqual([], reactor.getDelayedCalls())
