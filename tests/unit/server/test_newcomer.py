"""Clients that have sent no line yet."""

from __future__ import annotations

import json
from dataclasses import replace

from twisted.internet.error import ConnectionDone

from actionhero_tcp.config.settings import Settings
from actionhero_tcp.server import newcomer
from tests.unit.server.test_protocol import Peer, ProtocolTestCase
from tests.unit.server.test_proxied import V1, ProxiedTestCase

ENTERED = "I have entered the room"
LEFT = "I have left the room"
BODY = b'{"action":"cacheTest","params":{"key":"k","value":"v"}}\n'
HEADERS = b"Host: example.com\r\nContent-Type: text/plain\r\n\r\n"


def messages(peer: Peer) -> list[str]:
    """What a client has heard in its room since the last call."""
    return [line["message"] for line in peer.lines() if line["context"] == "user"]


class AnnouncementTests(ProtocolTestCase):
    """When the others hear of it."""

    def setUp(self) -> None:
        self.start(announce_delay=1)
        self.other = self.peer()
        self.other.send(b"detailsView\n")
        self.other.raw()
        self.client = self.peer()

    def test_it_is_a_member_at_once(self) -> None:
        self.assertEqual(2, self.other.ask("roomView")["roomStatus"]["membersCount"])
        self.assertEqual([], messages(self.other))

    def test_with_its_first_line(self) -> None:
        self.client.send(b"\r\n\ndetails")
        self.assertEqual([], messages(self.other))
        self.client.send(b"View\n")
        self.assertEqual([ENTERED], messages(self.other))
        self.client.send(b"say hello\n")
        self.reactor.advance(2)
        self.assertEqual(["hello"], messages(self.other))

    def test_before_what_its_first_line_says(self) -> None:
        self.client.send(b"say hello\nquit\n")
        self.assertEqual([ENTERED, "hello", LEFT], messages(self.other))

    def test_after_a_while(self) -> None:
        self.reactor.advance(0.9)
        self.assertEqual([], messages(self.other))
        self.reactor.advance(0.1)
        self.assertEqual([ENTERED], messages(self.other))
        self.client.send(b"detailsView\n")
        self.client.lose(ConnectionDone())
        self.assertEqual([LEFT], messages(self.other))

    def test_never_where_it_leaves_before(self) -> None:
        self.client.lose(ConnectionDone())
        for begun in (b"", b"\n", b"say "):
            peer = self.peer()
            peer.send(begun)
            peer.protocol.readConnectionLost()
            self.reactor.advance(0)
        self.reactor.advance(2)
        self.assertEqual([], messages(self.other))

    def test_never_where_the_server_stops_before(self) -> None:
        self.factory.clients.drain()
        self.reactor.advance(2)
        self.assertEqual([], messages(self.other))

    def test_at_once_where_there_is_no_delay(self) -> None:
        self.start(announce_delay=0)
        other = self.peer()
        self.peer()
        self.assertEqual([ENTERED], messages(other))


class HTTPTests(ProtocolTestCase):
    """A first line that is an HTTP request."""

    def setUp(self) -> None:
        self.start(max_line_length=1000, announce_delay=1)

    def assert_refused(self, peer: Peer, error: str = newcomer.NOT_HTTP) -> None:
        """It gets one line, and nothing has run."""
        (line,) = peer.lines()
        self.assertEqual({"context": "response", "error": error, "messageCount": 1}, line)
        self.assertTrue(peer.half_closed)
        self.assertEqual(0, len(self.factory.context.rooms))
        self.reactor.advance(2)

    def test_runs_nothing(self) -> None:
        for line in (b"POST / HTTP/1.1\r\n", b"get http://a/ http/1.0\n", b"OPTIONS * HTTP/1.1\n"):
            peer = self.peer()
            peer.send(line + HEADERS + BODY)
            peer.send(BODY)
            self.assert_refused(peer)
            peer.lose(ConnectionDone())
        self.assertEqual({"HTTP request": 3}, self.closed())
        self.assertNothingIsLeft()

    def test_the_error_names_the_web_port_where_there_is_one(self) -> None:
        self.assertTrue(newcomer.not_http(8080).endswith("; HTTP is spoken on port 8080"))
        live = self.factory.context.live
        live.swap(Settings(replace(live.config, web=replace(live.config.web, port=8080))))
        peer = self.peer()
        peer.send(b"GET / HTTP/1.1\r\n")
        self.assert_refused(peer, newcomer.not_http(8080))

    def test_in_pieces(self) -> None:
        peer = self.peer()
        for byte in b"\r\nPOST / HTTP/1.1\r\n" + HEADERS + BODY:
            peer.send(bytes([byte]))
        self.assert_refused(peer)

    def test_one_that_is_too_long_to_be_kept(self) -> None:
        long = b"POST /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HEADERS + BODY
        for size in (len(long), 500, 60_000):
            peer = self.peer()
            for start in range(0, len(long), size):
                peer.send(long[start : start + size])
            self.assert_refused(peer)

    def test_another_line_that_is_too_long_is_served_as_ever(self) -> None:
        peer = self.peer()
        peer.send(b"say " + b"a" * 2000 + b"\nparamsView\n")
        self.assertEqual([1, 2], peer.numbers())

    def test_a_later_line_is_never_treated_so(self) -> None:
        peer = self.peer()
        peer.send(b"detailsView\n")
        peer.raw()
        answer = peer.ask("POST / HTTP/1.1")
        self.assertEqual(
            (2, "POST is not a known action."), (answer["messageCount"], answer["error"])
        )

    def test_after_it_was_announced(self) -> None:
        peer = self.peer()
        self.reactor.advance(2)
        peer.send(b"GET / HTTP/1.1\r\n")
        self.assert_refused(peer)

    def test_tls_on_a_port_without(self) -> None:
        peer = self.peer()
        peer.send(b"\x16")
        self.assertEqual([], peer.lines())
        peer.send(b"\x03\x01\x02\x00\x01\n" + BODY)
        self.assert_refused(peer, newcomer.NOT_TLS)
        peer.lose(ConnectionDone())
        self.assertEqual({"TLS on a plain port": 1}, self.closed())

    def test_the_error_is_a_line_of_json(self) -> None:
        peer = self.peer()
        peer.send(b"GET / HTTP/1.1\r\n")
        self.assertEqual(newcomer.NOT_HTTP, json.loads(peer.raw())["error"])


class ProxiedHTTPTests(ProxiedTestCase):
    """The same behind a proxy."""

    def test_runs_nothing(self) -> None:
        self.start()
        for pieces in ((V1 + b"POST / HTTP/1.1\r\n" + BODY,), (V1, b"POST / HTTP/1.1\r\n", BODY)):
            welcome, error = self.peer(*pieces).lines()
            self.assertIn("welcome", welcome)
            self.assertEqual(newcomer.NOT_HTTP, error["error"])
