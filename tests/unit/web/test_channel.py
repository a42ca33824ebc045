"""Tests of `actionhero_tcp.web.channel`: how many HTTP connections, and whose request is next."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.testing import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Request

from actionhero_tcp.web.access import Access
from actionhero_tcp.web.channel import MAX_HEADERS
from actionhero_tcp.web.resources import Leaf, WebResource, as_text
from actionhero_tcp.web.site import REQUEST_SECONDS, Root, WebSite
from tests.support.web import send

GET = b"GET /dear HTTP/1.1\r\nhost: localhost\r\n\r\n"
MOST = 3


class Dear(Leaf):
    """Takes some of the loop's time for each answer."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__()
        self._clock = clock
        self._seconds = seconds
        self.answers = 0

    def render_GET(self, request: Request) -> bytes:
        self.answers += 1
        self._clock.rightNow += self._seconds
        return as_text(request, b"~")


class ChannelTestCase(SynchronousTestCase):
    """A site with a resource whose answers cost 6 ms."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.dear = Dear(self.clock, 0.006)
        tree = WebResource()
        tree.add("dear", self.dear)
        root = Root(Access("", ["localhost"], []), "", tree)
        self.site = WebSite(root, self.clock, MOST)

    def client(self, data: bytes = b"") -> Any:
        """A connection that sends this; gives its transport."""
        return send(self.site, data)

    def lives(self, transport: Any) -> bool:
        return bool(transport.connected)


class TurnTests(ChannelTestCase):
    """Requests that cost the loop's time."""

    def test_a_request_is_answered_at_once(self) -> None:
        self.assertIn(b"200 OK", self.client(GET).value())

    def test_those_sent_behind_another_wait_for_a_pass_of_the_loop(self) -> None:
        transport = self.client(GET * 5)
        self.assertEqual(1, transport.value().count(b"200 OK"))
        self.clock.advance(0)
        self.assertEqual(5, transport.value().count(b"200 OK"))

    def test_a_pass_answers_for_as_long_as_there_is_time(self) -> None:
        clients = [self.client(GET) for _ in range(3)]
        self.assertEqual(2, self.dear.answers)
        self.clock.advance(0)
        self.assertEqual(3, self.dear.answers)
        self.assertTrue(all(b"200 OK" in each.value() for each in clients))

    def test_who_has_cost_the_least_is_next(self) -> None:
        busy = self.client(GET * 10)
        for _ in range(4):
            self.clock.advance(0)
        before = busy.value().count(b"200 OK")
        self.assertIn(b"200 OK", self.client(GET).value())
        self.assertEqual(before, busy.value().count(b"200 OK"))

    def test_who_does_not_read_is_not_served(self) -> None:
        transport = self.client(GET * 5)
        transport.protocol.pauseProducing()
        for _ in range(5):
            self.clock.advance(0)
        self.assertEqual(1, self.dear.answers)
        transport.protocol.resumeProducing()
        for _ in range(5):
            self.clock.advance(0)
        self.assertEqual(5, self.dear.answers)

    def test_who_never_reads_is_dropped(self) -> None:
        transport = self.client(GET)
        transport.protocol.pauseProducing()
        transport.protocol.dataReceived(GET)
        self.clock.advance(REQUEST_SECONDS - 1)
        self.assertTrue(self.lives(transport))
        self.clock.advance(2)
        self.assertFalse(self.lives(transport))

    def test_what_waits_for_a_client_that_is_gone_is_forgotten(self) -> None:
        transport = self.client(GET * 5)
        transport.loseConnection()
        for _ in range(5):
            self.clock.advance(0)
        self.assertEqual((1, 0), (self.dear.answers, len(self.site.channels)))


class ConnectionTests(ChannelTestCase):
    """Connections without a request, or with half of one."""

    def test_one_too_many_takes_the_place_of_the_one_served_the_longest_ago(self) -> None:
        first, second, third = (self.client(GET) for _ in range(3))
        self.clock.advance(0)
        first.protocol.dataReceived(GET)
        fourth = self.client(GET[:10])
        living = [self.lives(each) for each in (first, second, third, fourth)]
        self.assertEqual([True, False, True, True], living)
        self.assertEqual(MOST, len(self.site.channels))

    def test_those_without_a_request_shut_out_nobody(self) -> None:
        for _ in range(10 * MOST):
            self.client(b"GET / HT")
            self.assertIn(b"200 OK", self.client(GET).value())
            self.clock.advance(1)
        self.assertEqual(MOST, len(self.site.channels))

    def test_a_request_that_comes_byte_by_byte_has_no_more_time(self) -> None:
        transport = self.client()
        for byte in GET[: REQUEST_SECONDS + 1]:
            self.assertTrue(self.lives(transport))
            transport.protocol.dataReceived(bytes([byte]))
            self.clock.advance(1)
            if not self.lives(transport):
                break
        self.assertFalse(self.lives(transport))
        self.assertEqual(0, len(self.site.channels))

    def test_too_many_headers(self) -> None:
        headers = b"".join(b"x-%d: y\r\n" % number for number in range(MAX_HEADERS + 1))
        transport = self.client(b"GET /dear HTTP/1.1\r\n" + headers + b"\r\n")
        self.assertIn(b" 400 ", transport.value())
        self.assertEqual(0, self.dear.answers)

    def test_nothing_is_logged_of_a_request(self) -> None:
        self.site.startFactory()
        self.addCleanup(self.site.stopFactory)
        logged = self.site.logFile = BytesIO()
        self.client(GET)
        self.assertEqual(b"", logged.getvalue())
