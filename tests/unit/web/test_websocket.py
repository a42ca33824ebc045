"""Tests of `actionhero_tcp.web.websocket`: clients whose lines are messages."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)

from actionhero_tcp.testing import FakeServer
from actionhero_tcp.web.access import Access
from actionhero_tcp.web.resources import WebResource
from actionhero_tcp.web.site import Root, WebSite
from actionhero_tcp.web.websocket import (
    OVERHEAD_BYTES,
    PING_SECONDS,
    WebSocketEndpoint,
)
from tests.support import PROPERTY
from tests.support.web import send, service_of

LONGEST = 1000

DETAILS = b"\x81\x8b\0\0\0\0detailsView"
"""A message in a frame."""


class Other:
    """Another client, whose lines are costly."""

    tag = 0.0

    def serve_waiting(self) -> None:
        """Has nothing that waits."""


class Browser:
    """A WebSocket client without a network."""

    def __init__(self, site: WebSite, clock: Any, **headers: str) -> None:
        self._clock = clock
        self.events: list[Event] = []
        self._wire = WSConnection(ConnectionType.CLIENT)
        extra = [(name.encode(), value.encode()) for name, value in headers.items()]
        request = Request(host="localhost", target="/ws", extra_headers=extra)
        self.transport = send(site, self._wire.send(request))
        self.read()

    def send(self, event: Event) -> None:
        self.transport.protocol.dataReceived(self._wire.send(event))
        self.read()

    def say(self, text: str) -> None:
        """Sends a text message, and reads what comes."""
        self.send(TextMessage(data=text))

    def read(self) -> None:
        self._clock.advance(0)
        data = self.transport.value()
        self.transport.clear()
        if data:
            self._wire.receive_data(data)
            self.events += self._wire.events()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What came as text messages."""
        return [json.loads(e.data) for e in self.events if isinstance(e, TextMessage)]

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


class WebSocketTests(SynchronousTestCase):
    """Clients of a server without a network."""

    def setUp(self) -> None:
        self.server = FakeServer(self)
        build = service_of(self.server).factory.buildProtocol
        clock = self.server.clock
        self.queue = service_of(self.server).factory.context.queue
        access = Access("", ["localhost"], ["https://app.example"])
        tree = WebResource()
        tree.add("ws", WebSocketEndpoint(access, build, lambda: LONGEST, self.queue, clock))
        self.site = WebSite(Root(access, "", tree), clock)
        self.connect = partial(Browser, self.site, clock)

    def test_the_welcome_is_a_message(self) -> None:
        browser = self.connect()
        self.assertEqual(1, len(browser.of(AcceptConnection)))
        self.assertEqual("defaultRoom", browser.lines[0]["room"])
        self.assertEqual(1, self.server.api.stats.connections)

    def test_a_line_and_a_json_request(self) -> None:
        browser = self.connect()
        browser.say("paramAdd key=value")
        browser.say('{"action":\n"cacheTest","params":{"key":"k","value":"☃"}}')
        one, other = browser.lines[1:]
        self.assertEqual({"status": "OK", "context": "response", "messageCount": 1}, one)
        self.assertEqual("☃", other["cacheTestResults"]["value"])
        self.assertEqual(2, other["messageCount"])

    def test_many_answers_are_many_messages(self) -> None:
        browser = self.connect()
        for _ in range(5):
            browser.say("detailsView")
        self.assertEqual([1, 2, 3, 4, 5], [line["messageCount"] for line in browser.lines[1:]])

    def test_a_binary_message_is_a_line(self) -> None:
        browser = self.connect()
        browser.send(BytesMessage(data=b"detailsView"))
        browser.send(BytesMessage(data=b"say \xff"))
        self.assertEqual("OK", browser.lines[1]["status"])
        self.assertEqual("the line is not UTF-8", browser.lines[2]["error"])

    def test_rooms_are_shared_with_other_clients(self) -> None:
        browser, other = self.connect(), self.server.connect()
        browser.say("say hello")
        other.send("say hi")
        browser.read()
        self.assertEqual("hello", other.heard[-1]["message"])
        self.assertEqual("hi", browser.lines[-1]["message"])

    def test_quit_closes_with_a_frame(self) -> None:
        browser = self.connect()
        browser.say("quit")
        browser.read()
        self.assertEqual("Bye!", browser.lines[-1]["status"])
        self.assertEqual([1000], [event.code for event in browser.of(CloseConnection)])

    def test_who_closes_is_gone(self) -> None:
        browser = self.connect()
        browser.send(CloseConnection(code=1001))
        self.server.clock.advance(1)
        self.assertEqual(0, self.server.api.stats.connections)

    def test_a_stop_says_goodbye(self) -> None:
        browser = self.connect()
        self.server.stop()
        browser.read()
        self.assertEqual("Server going down NOW", browser.lines[-1]["status"])

    def test_pages_of_other_origins_are_refused(self) -> None:
        browser = self.connect(origin="https://evil.example")
        self.assertEqual([403], [event.status_code for event in browser.of(RejectConnection)])
        self.assertEqual(0, self.server.api.stats.connections)

    def test_pages_of_allowed_origins_and_of_ours(self) -> None:
        for origin in ("https://app.example", "http://localhost"):
            self.assertEqual(1, len(self.connect(origin=origin).of(AcceptConnection)), origin)

    def test_a_request_that_is_no_websocket(self) -> None:
        transport = send(self.site, b"GET /ws HTTP/1.1\r\nhost: localhost\r\n\r\n")
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 400 "), transport.value())

    def test_a_message_of_the_longest_line(self) -> None:
        browser = self.connect()
        browser.say("say " + "x" * (LONGEST - 4))
        self.assertEqual("OK", browser.lines[-1]["status"])

    def test_a_message_without_end_is_cut_off(self) -> None:
        browser = self.connect()
        for _ in range((LONGEST + OVERHEAD_BYTES) // 1000 + 2):
            if browser.of(CloseConnection):
                break
            browser.send(TextMessage(data="x" * 1000, message_finished=False))
        self.assertEqual([1009], [event.code for event in browser.of(CloseConnection)])

    def test_frames_that_break_the_protocol(self) -> None:
        browser = self.connect()
        # An unmasked frame, which only a server may send.
        browser.transport.protocol.dataReceived(b"\x81\x05hello")
        browser.read()
        self.assertEqual([1002], [event.code for event in browser.of(CloseConnection)])

    def test_pings_are_answered_and_sent(self) -> None:
        browser = self.connect()
        browser.send(Ping(payload=b"p"))
        self.assertEqual([b"p"], [event.payload for event in browser.of(Pong)])
        for _ in range(3):
            self.server.clock.advance(PING_SECONDS)
            browser.read()
            browser.send(Pong())
        self.assertEqual(3, len(browser.of(Ping)))
        self.assertEqual(1, self.server.api.stats.connections)

    def test_of_pings_that_come_together_the_last_is_answered(self) -> None:
        browser = self.connect()
        pings = b"".join(b"\x89\x81\0\0\0\0" + bytes([each]) for each in b"abc")
        browser.transport.protocol.dataReceived(pings)
        browser.read()
        self.assertEqual([b"c"], [event.payload for event in browser.of(Pong)])

    def test_half_a_message_is_charged_to_its_client(self) -> None:
        memory = service_of(self.server).factory.context.memory
        browser = self.connect()
        before = memory.held
        browser.send(TextMessage(data="say ", message_finished=False))
        browser.transport.protocol.dataReceived(b"\x00\x85\0\0\0\0hel")
        self.assertGreaterEqual(memory.held, before + len("say hel"))
        browser.transport.protocol.dataReceived(b"lo\x80\x80\0\0\0\0")
        browser.read()
        self.assertEqual("OK", browser.lines[-1]["status"])
        self.assertEqual(before, memory.held)

    def test_frames_wait_while_others_have_used_up_the_pass(self) -> None:
        browser = self.connect()
        self.queue.spent(Other(), 1.0)
        transport = browser.transport
        transport.protocol.dataReceived(DETAILS[:5])
        self.assertEqual("paused", transport.producerState)
        transport.protocol.dataReceived(DETAILS[5:])
        self.assertEqual(1, len(browser.lines))
        self.assertGreater(service_of(self.server).factory.context.memory.held, 0)
        browser.read()
        browser.read()
        self.assertEqual(2, len(browser.lines))
        self.assertEqual("producing", transport.producerState)

    def test_a_client_that_goes_while_its_frames_wait(self) -> None:
        browser = self.connect()
        self.queue.spent(Other(), 1.0)
        browser.transport.protocol.dataReceived(DETAILS)
        browser.transport.loseConnection()
        browser.read()
        self.assertEqual(0, self.server.api.stats.connections)
        self.assertEqual(0, self.server.api.stats.requests)

    def test_who_answers_no_ping_is_gone(self) -> None:
        browser = self.connect()
        for _ in range(3):
            self.server.clock.advance(PING_SECONDS)
        self.assertTrue(browser.transport.disconnecting or not browser.transport.connected)

    def test_one_that_is_not_read_from_is_not_expected_to_answer(self) -> None:
        browser = self.connect()
        messages = browser.transport.protocol._transport
        messages.pauseProducing()
        for _ in range(5):
            self.server.clock.advance(PING_SECONDS)
            browser.read()
        self.assertEqual([], browser.of(Ping))
        self.assertEqual(1, self.server.api.stats.connections)
        messages.resumeProducing()
        for _ in range(3):
            self.server.clock.advance(PING_SECONDS)
        self.assertTrue(browser.transport.disconnecting or not browser.transport.connected)

    @PROPERTY
    @given(st.lists(st.text(max_size=50), max_size=8))
    def test_each_message_is_at_most_one_request(self, texts: list[str]) -> None:
        browser = self.connect()
        for text in texts:
            browser.say("say x" + text)
        self.assertEqual(len(texts), sum(line["context"] == "response" for line in browser.lines))
        self.flushLoggedErrors()
