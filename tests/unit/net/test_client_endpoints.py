"""Tests of `actionhero_tcp.net.client_endpoints`."""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.net.client_endpoints import tcp
from tests.support.resolving import ResolvingReactor


class TcpTests(SynchronousTestCase):
    """Literal addresses are not looked up; cancelled attempts leave no timer."""

    def setUp(self) -> None:
        self.reactor = ResolvingReactor(["127.0.0.1", "127.0.0.2", "::1"])
        self.factory = Factory.forProtocol(Protocol)

    def test_the_kinds_of_hosts(self) -> None:
        for host, kind in (
            ("127.0.0.1", TCP4ClientEndpoint),
            ("::1", TCP6ClientEndpoint),
            ("fe80::1%lo", TCP6ClientEndpoint),
            ("localhost", HostnameEndpoint),
            ("127.1", HostnameEndpoint),
            ("münchen.example", HostnameEndpoint),
        ):
            self.assertIsInstance(tcp(self.reactor, host, 1), kind, host)

    def test_a_literal_address_is_connected_to_at_once(self) -> None:
        tcp(self.reactor, "127.0.0.1", 80, 4.0).connect(self.factory)
        ((host, port, _, timeout, _),) = self.reactor.tcpClients
        self.assertEqual(("127.0.0.1", 80, 4.0), (host, port, timeout))
        self.assertEqual([], self.reactor.looked_up)

    def test_a_cancelled_attempt_leaves_no_timer(self) -> None:
        for host in "127.0.0.1", "::1", "h.example":
            attempt: Any = tcp(self.reactor, host, 80).connect(self.factory)
            attempt.cancel()
            self.failureResultOf(attempt, ConnectingCancelledError)
            self.assertEqual([], self.reactor.getDelayedCalls(), host)
        self.assertEqual(["h.example"], self.reactor.looked_up)
