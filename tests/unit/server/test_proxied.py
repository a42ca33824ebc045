"""Clients that come through a proxy, without a network."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost

from actionhero_tcp.server.admission import REFUSED_AT_ONCE
from actionhero_tcp.server.proxied import ProxiedEndpoint
from actionhero_tcp.wire.proxy_header import V2_SIGNATURE
from tests.unit.server.test_protocol import Peer, ProtocolTestCase

V1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 4321 5000\r\n"
V1_SIX = b"PROXY TCP6 2001:db8::1 2001:db8::2 4321 5000\r\n"
V2 = V2_SIGNATURE + b"\x21\x11\0\x0c" + bytes([192, 0, 2, 1, 192, 0, 2, 2, 0x10, 0xE1, 0, 1])
V2_UNIX = V2_SIGNATURE + b"\x21\x31\0\xd8" + b"/run/a\n".ljust(216, b"\0")
LOCAL = V2_SIGNATURE + b"\x20\0\0\0"

OURS = IPv4Address("TCP", "192.0.2.2", 5000)

PROXY = "192.168.1.1:54321"
"""Where a `StringTransport` says that its other end is."""


class FakeEndpoint:
    """An endpoint that keeps its factory."""

    def listen(self, factory: Any) -> str:
        self.factory = factory
        return "a port"


class ProxiedTestCase(ProtocolTestCase):
    """A daemon without a network, and proxies that connect to it."""

    trusted = ("192.168.1.0/24",)

    def start(self, **limits: Any) -> None:
        super().start(**limits)
        endpoint = FakeEndpoint()
        listening = ProxiedEndpoint(endpoint).listen(self.factory)
        self.assertEqual("a port", listening)
        self.proxied = endpoint.factory

    def peer(self, *pieces: bytes) -> Peer:
        """A connection of a proxy, which has sent some pieces."""
        peer = Peer(SimpleNamespace(factory=self.proxied), self.reactor)
        for piece in pieces:
            peer.send(piece)
        return peer

    def addresses(self) -> list[str]:
        """Where the clients are that have been welcomed."""
        return [
            connection.remote_address for connection in self.factory.context.connections.values()
        ]

    def assert_dropped(self, peer: Peer, reason: str) -> None:
        """A connection has been closed without a word, for a reason."""
        self.assertTrue(peer.gone)
        self.assertEqual(b"", peer.raw())
        self.assertEqual({reason: 1}, self.closed())
        self.assertNothingIsLeft()


class HeaderTests(ProxiedTestCase):
    """The header comes first."""

    def setUp(self) -> None:
        self.start()

    def test_the_welcome_comes_after_it_and_the_address_from_it(self) -> None:
        for header, address in (
            (V1, "192.0.2.1:4321"),
            (V1_SIX, "[2001:db8::1]:4321"),
            (V2, "192.0.2.1:4321"),
            (V2_UNIX, "unix:/run/a\\n"),
            (V2_SIGNATURE + b"\x21\x31\0\xd8" + bytes(216), "unix"),
            (b"PROXY UNKNOWN\r\n", PROXY),
            (LOCAL, PROXY),
        ):
            peer = self.peer()
            for n in range(len(header)):
                self.assertEqual(b"", peer.raw())
                self.assertEqual([], self.addresses())
                peer.send(header[n : n + 1])
            (welcome,) = peer.lines()
            self.assertIn("welcome", welcome)
            self.assertEqual([address], self.addresses())
            peer.lose(ConnectionDone())

    def test_the_lines_after_it_are_served(self) -> None:
        for header in (V1, V2, LOCAL):
            peer = self.peer(header + b"paramsView\nparams")
            _, answer = peer.lines()
            self.assertEqual((1, {}), (answer["messageCount"], answer["params"]))
            peer.send(b"View\n")
            self.assertEqual([2], peer.numbers())

    def test_only_one_is_read(self) -> None:
        peer = self.peer(V1, V1)
        _, answer = peer.lines()
        self.assertEqual("PROXY is not a known action.", answer["error"])

    def test_one_that_says_quit_with_it(self) -> None:
        peer = self.peer(V1 + b"quit\ndetailsView\n")
        self.assertEqual(["welcome", "status"], [next(iter(line)) for line in peer.lines()])
        self.assertTrue(peer.half_closed)

    def test_a_header_that_is_wrong(self) -> None:
        self.assert_dropped(self.peer(b"PROXY", b"\r\n"), "bad PROXY header")

    def test_a_client_that_speaks_directly(self) -> None:
        self.assert_dropped(self.peer(b"detailsView\n"), "bad PROXY header")

    def test_what_comes_after_one_that_is_wrong_is_dropped(self) -> None:
        peer = self.peer()
        peer.transport.abortConnection = lambda: None  # type: ignore[method-assign]
        peer.send(b"x")
        peer.send(V1)
        self.assertEqual((b"", []), (peer.raw(), self.addresses()))

    def test_the_log_says_what_was_wrong(self) -> None:
        told: list[tuple[str, str, str | None]] = []
        self.factory.context.log = SimpleNamespace(turned_away=lambda *args: told.append(args))  # type: ignore[assignment]
        self.peer(b"PROXY TCP5\r\n")
        (entry,) = told
        text = "the protocol must be TCP4, TCP6 or UNKNOWN, not 'TCP5'"
        self.assertEqual((PROXY, "bad PROXY header", text), entry)

    def test_a_proxy_that_goes_first(self) -> None:
        peer = self.peer(V1[:9])
        peer.lose(ConnectionLost())
        self.assert_dropped(peer, "connection lost")

    def test_a_proxy_that_ends_first(self) -> None:
        peer = self.peer(V1[:9])
        peer.protocol.readConnectionLost()
        self.assert_dropped(peer, "client closed")

    def test_the_server_stops_first(self) -> None:
        peer = self.peer(V1[:9])
        self.successResultOf(self.factory.clients.drain())
        self.assert_dropped(peer, "server stopped")

    def test_other_listeners_want_none(self) -> None:
        direct = Peer(self.service, self.reactor)
        self.reactor.advance(0)
        self.assertIn("welcome", direct.lines()[0])


class TimeoutTests(ProxiedTestCase):
    """``limits.proxyHeaderTimeout``."""

    def test_a_header_that_does_not_end_in_time(self) -> None:
        for pieces in ((), (V1[:-1],), (V2[:-1],)):
            self.start(proxy_header_timeout=3)
            peer = self.peer(*pieces)
            self.reactor.advance(2.9)
            self.assertFalse(peer.gone)
            self.reactor.advance(0.2)
            self.assert_dropped(peer, "PROXY header timeout")
            self.assertEqual({"proxyHeaderTimeout": 1}, dict(self.factory.context.stats.limited))

    def test_bytes_that_drip_in_do_not_prolong_it(self) -> None:
        self.start(proxy_header_timeout=3)
        peer = self.peer()
        for n in range(4):
            peer.send(V1[n : n + 1])
            self.reactor.advance(1)
        self.assert_dropped(peer, "PROXY header timeout")

    def test_it_ends_with_the_header(self) -> None:
        self.start(proxy_header_timeout=3)
        peer = self.peer(V1)
        self.assertEqual([], self.reactor.getDelayedCalls())
        self.reactor.advance(10)
        self.assertFalse(peer.gone)


class AdmissionTests(ProxiedTestCase):
    """Who may stay is counted by the address in the header."""

    def test_as_many_of_one_address_as_may(self) -> None:
        self.start(max_connections_per_ip=1)
        one = self.peer(V1)
        other = self.peer(V1.replace(b"192.0.2.1", b"192.0.2.3"))
        self.assertIn("welcome", one.lines()[0])
        self.assertIn("welcome", other.lines()[0])
        refused = self.peer(V2 + b"detailsView\n")
        (error,) = refused.lines()
        self.assertIn("too many connections from your address", error["error"])
        one.lose(ConnectionDone())
        self.assertIn("welcome", self.peer(V2).lines()[0])

    def test_those_whose_header_is_to_come_count_for_no_address(self) -> None:
        self.start(max_connections_per_ip=1)
        waiting = [self.peer(V1[:9]) for _ in range(3)]
        self.assertIn("welcome", self.peer(LOCAL).lines()[0])
        for peer in waiting:
            peer.lose(ConnectionDone())
        (error,) = self.peer(LOCAL).lines()
        self.assertIn("too many connections from your address", error["error"])

    def test_those_whose_header_is_to_come_count_as_connections(self) -> None:
        self.start(max_connections=1)
        waiting = self.peer()
        (error,) = self.peer(V1).lines()
        self.assertIn("as many connections as it can hold", error["error"])
        waiting.lose(ConnectionDone())
        self.assertIn("welcome", self.peer(V1).lines()[0])

    def test_those_of_a_flood_are_dropped(self) -> None:
        self.start(max_connections=1)
        self.peer()
        for _ in range(REFUSED_AT_ONCE):
            self.peer()
        self.assertIsNone(self.proxied.buildProtocol(None))


class UntrustedTests(ProxiedTestCase):
    """A connection from elsewhere."""

    trusted = ("10.0.0.0/8",)

    def test_is_closed_at_once(self) -> None:
        self.start()
        self.assert_dropped(self.peer(), "untrusted proxy")
